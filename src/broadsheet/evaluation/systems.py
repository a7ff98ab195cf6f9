"""What is measured: the product's own search, and the classic it has to beat.

Every system is given the same papers and ranks them for the same texts; a paper is named by its
place in the collection, from 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from tantivy import Document, Index, Occur, Query, SchemaBuilder

from broadsheet.embed.base import Embedder
from broadsheet.evaluation.collection import Paper
from broadsheet.records import Paper as HeldPaper
from broadsheet.records import Period
from broadsheet.search.dense import DenseIndex
from broadsheet.search.follow import facets
from broadsheet.search.hybrid import Hybrid
from broadsheet.search.lexical import FORMAT, LexicalIndex, State
from broadsheet.text.analysis import prose_analyzer, prose_terms, telling
from broadsheet.views.query import parse

Watcher = Callable[[int, int], None]

_WRITER_BYTES = 96 * 1024 * 1024
# Progress is told after so many papers or queries.
_STEP = 500
_ENCODED = 5000
# Papers of equal score at the end of a ranking are parted by their place, for up to so many.
_MOST_EQUALS = 100


class System(Protocol):
    """Something that ranks papers."""

    @property
    def name(self) -> str:
        """What the tables call it."""

    @property
    def note(self) -> str:
        """In a sentence, what a reader of its figures should know; often empty."""

    def rank(self, texts: Sequence[str], depth: int, watch: Watcher) -> list[list[int]]:
        """For each text the places of the best `depth` papers or fewer, best first."""


class Bm25:
    """The classic, alone: one field of title and text, and a paper scores by any of the words.

    tantivy's BM25 with its defaults (k1 1.2, b 0.75); words are cut and stemmed as the product
    does it, and function words of the query do not count.
    """

    name = "bm25"
    note = ""

    def __init__(self, folder: Path, papers: Sequence[Paper], watch: Watcher) -> None:
        builder = SchemaBuilder()
        builder.add_unsigned_field("place", fast=True)
        builder.add_text_field("text", tokenizer_name="prose", index_option="freq")
        self._schema = builder.build()
        folder.mkdir(parents=True)
        self._index = Index(self._schema, path=str(folder))
        self._index.register_tokenizer("prose", prose_analyzer())
        writer = self._index.writer(_WRITER_BYTES, 1)
        for place, paper in enumerate(papers):
            values = {"place": place, "text": f"{paper.title} {paper.text}"}
            writer.add_document(Document.from_dict(values, self._schema))
            if place % _STEP == 0:
                watch(place, len(papers))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()

    def rank(self, texts: Sequence[str], depth: int, watch: Watcher) -> list[list[int]]:
        """See `System`."""
        return [[place for place, _ in found] for found in self.scored(texts, depth, watch)]

    def scored(
        self, texts: Sequence[str], depth: int, watch: Watcher
    ) -> list[list[tuple[int, float]]]:
        """For each text the best `depth` papers as (place, score); equals by place."""
        searcher = self._index.searcher()
        answers = []
        for done, text in enumerate(texts):
            result = searcher.search(self._query(text), depth + _MOST_EQUALS)
            places = searcher.fast_field_values("place", [address for _, address in result.hits])
            pairs = [
                (int(place or 0), float(score))
                for (score, _), place in zip(result.hits, places, strict=True)
            ]
            pairs.sort(key=lambda pair: (-pair[1], pair[0]))
            answers.append(pairs[:depth])
            if done % _STEP == 0:
                watch(done, len(texts))
        return answers

    def _query(self, text: str) -> Query:
        # A word that the query says twice counts twice, as in every classic system.
        words = Counter(telling(prose_terms(text)))
        return Query.boolean_query(
            [
                (Occur.Should, Query.boost_query(self._term(word), float(count)))
                for word, count in words.items()
            ]
        )

    def _term(self, word: str) -> Query:
        return Query.term_query(self._schema, "text", word, index_option="freq")


class Ours:
    """The product's search as a reader meets it; without `meaning`, by words alone."""

    note = ""

    def __init__(self, name: str, words: LexicalIndex, meaning: Meaning | None) -> None:
        self.name = name
        self._search = Hybrid(
            words, meaning.index if meaning else None, meaning.embedder if meaning else None
        )

    def rank(self, texts: Sequence[str], depth: int, watch: Watcher) -> list[list[int]]:
        """See `System`. Raises EmbedderError."""
        answers = []
        for done, text in enumerate(texts):
            query = parse(text)
            # A query that leaves nothing to score lists the newest papers, which ranks nothing.
            hits = self._search.search(query, Period(), limit=depth).hits if query.scoring else ()
            answers.append([hit.number - 1 for hit in hits])
            if done % _STEP == 0:
                watch(done, len(texts))
        return answers


class Meaning:
    """The product's embedding and its index, asked without the words: the text as it stands."""

    name = "dense"

    def __init__(
        self, folder: Path, papers: Sequence[Paper], embedder: Embedder, watch: Watcher
    ) -> None:
        self.embedder = embedder
        self.note = f"The embedding is {embedder.name}."
        self.index = DenseIndex.create(folder, embedder.name, embedder.width)
        for start in range(0, len(papers), _ENCODED):
            watch(start, len(papers))
            some = papers[start : start + _ENCODED]
            self.index.add(
                range(start + 1, start + 1 + len(some)),
                embedder.encode_papers([(paper.title, paper.text) for paper in some]),
                [facets(held(0, paper).content()) for paper in some],
            )
        self.index.commit(State(len(papers), 1, FORMAT))
        while self.index.merge():
            pass

    def rank(self, texts: Sequence[str], depth: int, watch: Watcher) -> list[list[int]]:
        """See `System`. Raises EmbedderError."""
        answers = []
        for done, vector in enumerate(self.embedder.encode_queries(texts)):
            numbers, _ = self.index.search(vector, depth)
            answers.append([number - 1 for number in numbers.tolist()])
            if done % _STEP == 0:
                watch(done, len(texts))
        return answers


def word_index(folder: Path, papers: Sequence[Paper], watch: Watcher) -> LexicalIndex:
    """The product's own index of the papers, numbered from 1."""
    index = LexicalIndex.create(folder)
    writer = index.writer()
    for place, paper in enumerate(papers):
        index.add(writer, held(place + 1, paper).content())
        if place % _STEP == 0:
            watch(place, len(papers))
    index.commit(writer, State(len(papers), 1, FORMAT))
    return index


def held(number: int, paper: Paper) -> HeldPaper:
    """A collection's paper as the store would hold it."""
    return HeldPaper(
        number=number,
        id=paper.id,
        title=paper.title,
        abstract=paper.text,
        change=number,
    )
