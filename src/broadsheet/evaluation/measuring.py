"""Measuring systems on a collection: every system, the same papers, the same queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np

from broadsheet.embed.choose import embedder
from broadsheet.evaluation.collection import Collection
from broadsheet.evaluation.metrics import DEPTH, MEASURES, Numbers, interval, measured
from broadsheet.evaluation.peers import Mixed, Transformer
from broadsheet.evaluation.systems import Bm25, Meaning, Ours, System, Watcher, word_index
from broadsheet.search.lexical import LexicalIndex

BASELINE = "bm25"
SYSTEMS = ("bm25", "words", "dense", "hybrid")
# Where only the judged papers of a query are ranked, they are looked for among so many.
_DEEP = 1000

Progress = Callable[[str], AbstractContextManager[Watcher]]
Rankings = list[list[int]]
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over queries with its bootstrap 95 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Score:
    """One system: each measure of MEASURES, and how far it is from BM25 query by query.

    `over` is empty for BM25 itself and where it was not measured.
    """

    system: str
    by_measure: Mapping[str, Estimate]
    over: Mapping[str, Estimate]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, and on what."""

    collection: str
    part: str
    papers: int
    queries: int
    scores: tuple[Score, ...]

    def score(self, system: str) -> Score:
        """The figures of one system. Raises KeyError where it was not measured."""
        for score in self.scores:
            if score.system == system:
                return score
        raise KeyError(system)


class Measuring:
    """Systems over the papers of one collection, built when they are first asked for.

    `setting` names the embedder that the product's search uses, `cache` is the folder where vectors
    of peers are kept. Indexes are made in a temporary
    folder that goes when the `with` block ends.
    """

    def __init__(
        self, collection: Collection, cache: Path, progress: Progress, setting: str = "built-in"
    ) -> None:
        self._setting = setting
        self._collection = collection
        self._cache = cache
        self._progress = progress
        self._temporary = TemporaryDirectory(prefix="broadsheet-eval-")
        self._made: dict[str, Any] = {}

    def __enter__(self) -> Measuring:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.clear()
        self._temporary.cleanup()

    def measure(
        self,
        asked: Collection,
        systems: Sequence[str],
        peers: Sequence[str] = (),
        *,
        part: str = "all",
        judged_only: bool = False,
        seed: int = 0,
    ) -> Report:
        """The figures of `systems` (names of SYSTEMS) and of `peers` (models of others).

        `asked` is the collection with the queries to measure, over the same papers. With
        `judged_only` a query's ranking is cut down to the papers that were judged for it. Raises
        PeerError where a peer cannot be loaded, EmbedderError where our embedder cannot.
        """
        texts = [query.text for query in asked.queries]
        depth = _DEEP if judged_only else DEPTH + 1  # one more: a query's own paper is dropped
        values: dict[str, Numbers] = {}
        notes: dict[str, str] = {}

        def values_of(rankings: Rankings) -> Numbers:
            return self._values(asked, rankings, judged_only)

        for name in systems:
            system = self._system(name)
            with self._progress(f"Asking {name}") as watch:
                values[name] = values_of(system.rank(texts, depth, watch))
            notes[name] = system.note
        for name in peers:
            peer = self._peer(name)
            with self._progress(f"Asking {peer.name}") as watch:
                values[peer.name] = values_of(peer.rank(texts, depth, watch))
                notes[peer.name] = peer.note
                mixed = Mixed(self._bm25(), peer)
                ways = {
                    way: values_of(rankings)
                    for way, rankings in mixed.ways(texts, depth, watch).items()
                }
            best = max(ways, key=lambda way: float(ways[way][:, 0].mean()))
            values[mixed.name] = ways[best]
            notes[mixed.name] = f"{mixed.name} is fused by {best}, the better of {', '.join(ways)}."
        return Report(
            collection=asked.name,
            part=part,
            papers=len(asked.papers),
            queries=len(asked.queries),
            scores=tuple(_score(name, values, notes[name], seed) for name in values),
        )

    def _system(self, name: str) -> System:
        if name == "bm25":
            return self._bm25()
        if name == "dense":
            return self._meaning()
        return Ours(name, self._words(), self._meaning() if name == "hybrid" else None)

    def _bm25(self) -> Bm25:
        papers = self._collection.papers
        return self._once("bm25", lambda watch: Bm25(self._folder("bm25"), papers, watch))

    def _words(self) -> LexicalIndex:
        papers = self._collection.papers
        return self._once("words", lambda watch: word_index(self._folder("words"), papers, watch))

    def _meaning(self) -> Meaning:
        papers, setting = self._collection.papers, self._setting
        return self._once(
            "meaning",
            lambda watch: Meaning(self._folder("meaning"), papers, embedder(setting), watch),
        )

    def _peer(self, name: str) -> Transformer:
        papers = self._collection.papers
        return self._once(
            f"peer {name}", lambda watch: Transformer(name, papers, self._cache, watch)
        )

    def _once(self, name: str, make: Callable[[Watcher], _Made]) -> _Made:
        if name not in self._made:
            with self._progress(f"Preparing {name}") as watch:
                self._made[name] = make(watch)
        made: _Made = self._made[name]
        return made

    def _folder(self, name: str) -> Path:
        return Path(self._temporary.name) / name

    def _values(self, asked: Collection, rankings: Rankings, judged_only: bool) -> Numbers:
        """Each measure of each query, shape (queries, measures)."""
        ids = [paper.id for paper in asked.papers]
        rows = []
        for query, ranking in zip(asked.queries, rankings, strict=True):
            gains = asked.judged[query.id]
            ranked = [ids[place] for place in ranked_without(ids, ranking, query.id)]
            if judged_only:
                ranked = [id_ for id_ in ranked if id_ in gains]
            rows.append(measured(ranked, gains))
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(MEASURES))


def ranked_without(ids: Sequence[str], ranking: Sequence[int], query: str) -> list[int]:
    """The ranking without the paper that is the query itself, as BEIR has it."""
    return [place for place in ranking if ids[place] != query]


def _score(name: str, values: Mapping[str, Numbers], note: str, seed: int) -> Score:
    own, base = values[name], values.get(BASELINE)
    over = {} if base is None or name == BASELINE else _estimates(own - base, seed)
    return Score(name, _estimates(own, seed), over, note)


def _estimates(values: Numbers, seed: int) -> dict[str, Estimate]:
    return {
        measure: Estimate(float(column.mean()), *interval(column, seed))
        for measure, column in zip(MEASURES, values.T, strict=True)
    }


def report_json(report: Report) -> dict[str, Any]:
    """The report as `--json` prints it. `ci` is the interval of nDCG@10, `intervals` has all."""
    return {
        "collection": report.collection,
        "part": report.part,
        "papers": report.papers,
        "queries": report.queries,
        "systems": {
            score.system: {
                **{measure: _round(one.mean) for measure, one in score.by_measure.items()},
                "ci": _ends(score.by_measure["ndcg@10"]),
                "intervals": {name: _ends(one) for name, one in score.by_measure.items()},
                "over_bm25": {
                    name: {"mean": _round(one.mean), "ci": _ends(one)}
                    for name, one in score.over.items()
                },
                "note": score.note,
            }
            for score in report.scores
        },
    }


def _ends(one: Estimate) -> list[float]:
    return [_round(one.low), _round(one.high)]


def _round(value: float) -> float:
    return round(value, 4)
