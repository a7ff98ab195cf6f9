"""`dense`: search by meaning, of the papers as they are and of as many as there may ever be.

The papers are embedded with the embedding that comes with Broadsheet. For the large library
there are not papers enough: further ones lie between two that are there, with some noise. What
should have been found is what a full comparison of the vectors finds, before any rounding.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from bench.data import Library
from bench.figures import Figures, latencies, resident_mb
from broadsheet.embed.static import load_built_in
from broadsheet.search.dense import DenseIndex, Facets, Filter
from broadsheet.search.lexical import State

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
MANY = 3_000_000
_COMMIT = 50_000
_QUERIES = 300
_FOUND = 10
# In ten thousandths: how many papers a filter lets through.
_SHARES = {"no filter": 10_000, "filter of 10 %": 1000, "of 1 %": 100, "of 0.01 %": 1}
_FILTERS = {
    name: None if share == 10_000 else Filter(terms=((f"share:{share}", False),))
    for name, share in _SHARES.items()
}
_DAYS = Filter(days=(730_000, 730_364))


def run(library: Library) -> Figures:
    """Building, latency and recall, in the papers as they are and in three million."""
    embedder = load_built_in()
    papers = []
    with library.file.open("rb") as lines:
        for line in lines:
            paper = orjson.loads(line)
            papers.append((paper["title"], paper.get("abstract") or ""))
    start = time.perf_counter()
    vectors = embedder.encode_papers(papers)
    encoded = len(papers) / (time.perf_counter() - start)
    queries = embedder.encode_queries(library.titles(_QUERIES))
    return {
        "embedder": embedder.name,
        "numbers a vector": embedder.width,
        "threads of linear algebra": os.environ.get("OPENBLAS_NUM_THREADS", "as many as cores"),
        "papers embedded a second": round(encoded),
        **measured(library.folder / "dense", vectors, queries, len(vectors)),
        **measured(library.folder / "dense of many", vectors, queries, MANY),
    }


def measured(folder: Path, vectors: Floats, queries: Floats, total: int) -> Figures:
    """The figures of an index of `total` papers: vectors (n, width), and more made from them."""
    index = DenseIndex.create(folder, "bench", vectors.shape[1])
    truth = {name: Truth(queries) for name in (*_FILTERS, "a year in ten")}
    taken = 0.0
    numbers = np.arange(0)
    for part in blown_up(vectors, total):
        numbers = np.arange(len(part)) + (numbers[-1] + 1 if len(numbers) else 0)
        facets = facets_of(numbers)
        start = time.perf_counter()
        index.add(numbers.tolist(), part, facets)
        index.commit(State(int(numbers[-1]), 1, 1))
        while index.merge():
            pass
        taken += time.perf_counter() - start
        for name, share in _SHARES.items():
            truth[name].see(numbers, part, _draw(numbers) < share)
        truth["a year in ten"].see(numbers, part, _days(numbers) < 730_365)
    start = time.perf_counter()
    index = DenseIndex(folder)
    opened = (time.perf_counter() - start) * 1000
    size = sum(path.stat().st_size for path in folder.iterdir())
    figures: Figures = {
        "added and committed a second": round(total / taken),
        "segments": len(index.segments()),
        "bytes a paper": round(size / total, 1),
        "opening_ms": round(opened, 2),
    }
    for name, asked in {**_FILTERS, "a year in ten": _DAYS}.items():
        figures[name] = asked_of(index, queries, asked, truth[name])
    figures["resident_mb"] = resident_mb()
    return {f"{total:,} papers, {what}": figure for what, figure in figures.items()}


def asked_of(index: DenseIndex, queries: Floats, asked: Filter | None, truth: Truth) -> Figures:
    """Latency of each query, and the share of the ten best that it finds."""
    found = [index.search(query, _FOUND, asked)[0] for query in queries]
    some = range(0, len(queries), 10)
    exact = [index.exact(queries[place], _FOUND, asked)[0] for place in some]
    return {
        **latencies(partial(index.search, query, _FOUND, asked) for query in queries),
        "recall of exact": _recall(found, truth.best()),
        "of exact in 8 bits": _recall([found[place] for place in some], exact),
    }


def blown_up(vectors: Floats, total: int) -> Iterator[Floats]:
    """`total` unit vectors in parts: those given, then ones between two of them, with noise."""
    for turn, first in enumerate(range(0, total, _COMMIT)):
        count = min(_COMMIT, total - first)
        part = vectors[first : first + count]
        if len(part) < count:
            chance = np.random.default_rng([5, turn])
            one, other = chance.integers(0, len(vectors), (2, count - len(part)))
            share = chance.uniform(0.6, 0.95, (len(one), 1)).astype(np.float32)
            noise = chance.standard_normal((len(one), vectors.shape[1]), dtype=np.float32)
            noise *= np.float32(0.3 / np.sqrt(vectors.shape[1]))
            more = share * vectors[one] + (1 - share) * vectors[other] + noise
            part = np.concatenate([part, more])
        lengths = np.sqrt((part**2).sum(axis=1, keepdims=True))
        yield part / np.maximum(lengths, np.finfo(np.float32).tiny)


def facets_of(numbers: Ints) -> list[Facets]:
    """Days of ten years, and terms that make the filters' shares."""
    drawn, days = _draw(numbers).tolist(), _days(numbers).tolist()
    return [
        Facets(
            day,
            2000 + (day - 730_000) // 365,
            (f"topic:{draw % 200}", *(f"share:{s}" for s in _SHARES.values() if draw < s < 10_000)),
        )
        for draw, day in zip(drawn, days, strict=True)
    ]


def _draw(numbers: Ints) -> Ints:
    """A number below ten thousand for each, without any order."""
    return _mixed(numbers, 0x9E3779B97F4A7C15) % 10_000


def _days(numbers: Ints) -> Ints:
    return 730_000 + _mixed(numbers, 0xD6E8FEB86659FD93) % 3650


def _mixed(numbers: Ints, factor: int) -> Ints:
    mixed = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(factor)
    return (mixed >> np.uint64(33)).astype(np.int64)


@dataclass
class Truth:
    """The best ten of all that were seen, for each query."""

    queries: Floats

    def __post_init__(self) -> None:
        self._scores = np.full((len(self.queries), _FOUND), -np.inf, np.float32)
        self._numbers = np.full((len(self.queries), _FOUND), -1)

    def see(self, numbers: Ints, vectors: Floats, passing: NDArray[np.bool_]) -> None:
        """Takes note of the papers among these that pass."""
        scores = np.concatenate([self._scores, self.queries @ vectors[passing].T], axis=1)
        shape = (len(self.queries), int(passing.sum()))
        among = np.concatenate([self._numbers, np.broadcast_to(numbers[passing], shape)], axis=1)
        best = np.argpartition(-scores, _FOUND - 1, axis=1)[:, :_FOUND]
        self._scores = np.take_along_axis(scores, best, axis=1)
        self._numbers = np.take_along_axis(among, best, axis=1)

    def best(self) -> list[Ints]:
        """Their numbers, in no order; fewer where fewer pass."""
        return [row[row >= 0] for row in self._numbers]


def _recall(found: list[Ints], wanted: list[Ints]) -> float:
    shares = [
        len(np.intersect1d(one, other)) / len(other)
        for one, other in zip(found, wanted, strict=True)
        if len(other)
    ]
    return round(statistics.fmean(shares), 4)
