"""`search`: queries in process, as a page asks them, beside SQLite's own full-text index."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.data import Library
from bench.figures import Figures, latencies, resident_mb
from broadsheet.ops import settings
from broadsheet.ops.parts import open_parts
from broadsheet.records import Listing
from broadsheet.views.catalogue import Catalogue, view_of
from broadsheet.views.query import parse

_QUERIES = 400
_RESULTS = 25


def run(library: Library) -> Figures:
    """Latency by class of query; the peer answers the same words from the same rows."""
    parts = open_parts(settings.load(data=library.imported))
    figures: Figures = {"papers": parts.catalogue.holdings().papers, "results a query": _RESULTS}
    classes = library.queries(_QUERIES)
    peer = _fts5(library)
    for name, queries in classes.items():
        figures[name] = _timed(partial(_ask, parts.catalogue), queries)
    for name in ("one word", "two words", "phrase"):
        figures[f"SQLite FTS5, {name}"] = _timed(partial(_ask_fts5, peer), classes[name])
        ours, theirs = figures[name]["p50_ms"], figures[f"SQLite FTS5, {name}"]["p50_ms"]
        figures[f"times faster, {name}"] = round(theirs / ours, 2)
    figures["resident_mb"] = resident_mb()
    peer.close()
    parts.store.close()
    return figures


def _timed(ask: Callable[[str], object], queries: list[str]) -> Figures:
    for query in queries[:20]:
        ask(query)
    return latencies(partial(ask, query) for query in queries)


def _ask(catalogue: Catalogue, query: str) -> Listing:
    return catalogue.listing(view_of(parse(query), limit=_RESULTS))


def _fts5(library: Library) -> sqlite3.Connection:
    """The same titles and abstracts in SQLite FTS5 (Porter stemmer, bm25), on disk."""
    path = library.folder / "fts5.sqlite3"
    made = path.exists()
    peer = sqlite3.connect(path)
    if not made:
        peer.execute(
            "create virtual table papers using fts5(title, abstract, tokenize='porter unicode61')"
        )
        peer.execute("attach ? as ours", [str(_database(library))])
        peer.execute(
            "insert into papers(rowid, title, abstract) "
            "select number, title, abstract from ours.papers"
        )
        peer.commit()
    return peer


def _database(library: Library) -> Path:
    return library.imported / "broadsheet.sqlite3"


def _ask_fts5(peer: sqlite3.Connection, query: str) -> list[tuple[object, ...]]:
    words = [f'"{word}"' for word in query.replace('"', " ").split()]
    text = '"' + query.replace('"', "") + '"' if query.startswith('"') else " ".join(words)
    return peer.execute(
        "select rowid, title, abstract, bm25(papers, 2.0, 1.0) from papers "
        "where papers match ? order by bm25(papers, 2.0, 1.0) limit ?",
        [text, _RESULTS],
    ).fetchall()
