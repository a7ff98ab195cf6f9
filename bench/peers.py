"""Search of others over the same papers, each as its own manual has it; nothing here is tuned
for or against anyone. `settings` says in a sentence what was chosen.

A query of many words finds nothing where every word is demanded. So each peer that demands all
is asked again for any of them when it finds nothing, without function words: what a careful user
of it would write.
"""

from __future__ import annotations

import importlib
import os
import re
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from broadsheet.embed.base import Embedder
from broadsheet.text.analysis import STOP_WORDS

RESULTS = 25
POSTGRES = os.environ.get(
    "BROADSHEET_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
)
_WORD = re.compile(r"[^\W_]+")
_BLOCK = 20_000

# Number, title, abstract, authors.
Row = tuple[int, str, str, str]


class Peer(Protocol):
    """Somebody else's search."""

    name: str
    settings: str

    def build(self, rows: Iterable[Row]) -> None:
        """Takes the papers in."""

    def ask(self, query: str) -> list[int]:
        """The numbers of the best papers, at most RESULTS."""

    def close(self) -> None:
        """Removes what it made outside its folder."""


def _words(query: str) -> list[str]:
    words = _WORD.findall(query.lower())
    return [word for word in words if word not in STOP_WORDS] or words


class Fts5:
    """SQLite's own full-text index, on disk."""

    name = "SQLite FTS5"
    settings = "porter unicode61; all words, else any; bm25(title 2, abstract 1, authors 1.5)"
    _ORDER = "bm25(papers, 2.0, 1.0, 1.5)"

    def __init__(self, folder: Path) -> None:
        path = folder / "fts5.sqlite3"
        self._built = path.exists()
        self._peer = sqlite3.connect(path)

    def build(self, rows: Iterable[Row]) -> None:
        """See `Peer`."""
        if self._built:
            return
        self._peer.execute(
            "create virtual table papers using "
            "fts5(title, abstract, authors, tokenize='porter unicode61')"
        )
        self._peer.executemany(
            "insert into papers(rowid, title, abstract, authors) values (?, ?, ?, ?)", rows
        )
        self._peer.execute("insert into papers(papers) values ('optimize')")
        self._peer.commit()

    def ask(self, query: str) -> list[int]:
        """See `Peer`."""
        words = [f'"{word}"' for word in _words(query)]
        for between in (" ", " OR "):
            found = self._peer.execute(
                f"select rowid from papers where papers match ? order by {self._ORDER} limit ?",
                [between.join(words) or '""', RESULTS],
            ).fetchall()
            if found:
                return [number for (number,) in found]
        return []

    def close(self) -> None:
        """See `Peer`."""
        self._peer.close()


class Postgres:
    """PostgreSQL's full-text search, in a database of its own that goes at the end."""

    name = "PostgreSQL full text"
    settings = (
        "tsvector of title (A), authors (B) and abstract (C), english, GIN; "
        "websearch_to_tsquery, else any of its words; ts_rank_cd"
    )
    _TABLE = """
        create table papers (number bigint primary key, title text, abstract text, authors text,
          words tsvector generated always as (
            setweight(to_tsvector('english', title), 'A')
            || setweight(to_tsvector('english', authors), 'B')
            || setweight(to_tsvector('english', abstract), 'C')) stored)"""
    _ASK = """
        select number from papers, websearch_to_tsquery('english', %s) as asked
        where words @@ asked order by ts_rank_cd(words, asked) desc, number limit %s"""
    _ASK_ANY = """
        select number from papers,
          cast(replace(cast(plainto_tsquery('english', %s) as text), '&', '|') as tsquery) as asked
        where words @@ asked order by ts_rank_cd(words, asked) desc, number limit %s"""

    def __init__(self, _folder: Path) -> None:
        self._name = sql.Identifier(f"broadsheet_bench_{uuid.uuid4().hex[:12]}")
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            connection.execute(sql.SQL("create database {}").format(self._name))
        named = psycopg.conninfo.make_conninfo(POSTGRES, dbname=self._name.as_string().strip('"'))
        self._peer = psycopg.connect(named, autocommit=True)

    def build(self, rows: Iterable[Row]) -> None:
        """See `Peer`."""
        self._peer.execute(self._TABLE.encode())
        into = b"copy papers (number, title, abstract, authors) from stdin"
        with self._peer.cursor() as cursor, cursor.copy(into) as copy:
            for row in rows:
                copy.write_row(tuple(_without_nul(value) for value in row))
        self._peer.execute(b"create index on papers using gin (words)")
        self._peer.execute(b"vacuum analyze papers")

    def ask(self, query: str) -> list[int]:
        """See `Peer`."""
        text = query.replace("\0", " ")
        for statement in (self._ASK, self._ASK_ANY):
            found = self._peer.execute(statement.encode(), [text, RESULTS]).fetchall()
            if found:
                return [number for (number,) in found]
        return []

    def close(self) -> None:
        """See `Peer`."""
        self._peer.close()
        with psycopg.connect(POSTGRES, autocommit=True) as connection:
            connection.execute(sql.SQL("drop database {} with (force)").format(self._name))


class Lance:
    """LanceDB's hybrid search, with the very vectors that ours has."""

    name = "LanceDB hybrid"
    settings = (
        "full-text index over title, abstract and authors with its defaults; IVF_PQ with its "
        "defaults (20 probes) on our vectors, cosine; fused by its default, reciprocal ranks; "
        "the time holds our encoding of the query, as ours does"
    )

    def __init__(self, folder: Path, vectors: NDArray[np.float16], embedder: Embedder) -> None:
        # Else it writes lines of advice at every query, and takes its time for it.
        os.environ.setdefault("LANCE_LOG", "error")
        self._library: Any = importlib.import_module("lancedb")
        self._arrow: Any = importlib.import_module("pyarrow")
        self._peer = self._library.connect(folder / "lancedb")
        self._vectors = vectors
        self._embedder = embedder
        self._table: Any = None

    def build(self, rows: Iterable[Row]) -> None:
        """See `Peer`."""
        if "papers" in _table_names(self._peer):
            self._table = self._peer.open_table("papers")
            return
        schema = self._arrow.schema(
            [
                ("number", self._arrow.int64()),
                ("text", self._arrow.string()),
                ("vector", self._arrow.list_(self._arrow.float32(), self._vectors.shape[1])),
            ]
        )
        self._table = self._peer.create_table("papers", data=self._blocks(rows), schema=schema)
        self._table.create_index(metric="cosine", index_type="IVF_PQ")
        self._table.create_fts_index("text", replace=True)
        self._table.optimize()

    def _blocks(self, rows: Iterable[Row]) -> Iterator[Any]:
        rows = iter(rows)
        while block := list(islice(rows, _BLOCK)):
            numbers = [number for number, *_ in block]
            vectors = np.asarray(self._vectors[np.array(numbers) - 1], np.float32)
            flat = self._arrow.array(vectors.reshape(-1))
            yield self._arrow.RecordBatch.from_arrays(
                [
                    self._arrow.array(numbers),
                    self._arrow.array(["\n".join(texts) for _, *texts in block]),
                    self._arrow.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
                ],
                names=["number", "text", "vector"],
            )

    def ask(self, query: str) -> list[int]:
        """See `Peer`."""
        vector = self._embedder.encode_queries([query])[0]
        # Signs would be read as operators; its own query of words is any of them.
        text = " ".join(_words(query))
        asked = self._table.search(query_type="hybrid").vector(vector).text(text)
        found = asked.select(["number"]).limit(RESULTS).to_arrow()
        return [int(number) for number in found["number"].to_pylist()]

    def close(self) -> None:
        """See `Peer`."""


class Scan:
    """The search of small paper browsers: every paper is scored at every query, in memory.

    As arxiv-sanity-lite documents its own: each word of the query counts where it stands in the
    title, among the authors and in the abstract, the title weighing most. Written anew here.
    """

    name = "full scan (the method of arxiv-sanity-lite)"
    settings = "occurrences, three at most: 20 in the title, 10 in the authors, 1 in the abstract"

    def __init__(self, _folder: Path) -> None:
        self._rows: list[Row] = []

    def build(self, rows: Iterable[Row]) -> None:
        """See `Peer`."""
        self._rows = [
            (number, title.lower(), abstract.lower(), authors.lower())
            for number, title, abstract, authors in rows
        ]

    def ask(self, query: str) -> list[int]:
        """See `Peer`."""
        words = query.lower().split()
        scores = []
        for number, title, abstract, authors in self._rows:
            score = 0
            for word in words:
                if word in title:
                    score += 20 * min(3, title.count(word))
                if word in authors:
                    score += 10 * min(3, authors.count(word))
                if word in abstract:
                    score += min(3, abstract.count(word))
            if score:
                scores.append((-score, number))
        scores.sort()
        return [number for _, number in scores[:RESULTS]]

    def close(self) -> None:
        """See `Peer`."""


def _without_nul(value: int | str) -> int | str:
    return value.replace("\0", " ") if isinstance(value, str) else value


def _table_names(peer: Any) -> list[str]:
    listed = peer.list_tables()
    return list(getattr(listed, "tables", listed))
