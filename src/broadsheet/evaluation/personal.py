"""How well an interest ranks: on libraries of real readers, some of each shown, the rest hidden.

Of a reader's papers a few are given to each system, drawn anew several times; it then ranks all
other papers of the folder, and what counts is how early the reader's own other papers come. Every
system is given the same papers and the same candidates.

A folder has `items.jsonl` (objects with `id`, `title`, `abstract`) and `users.jsonl` (objects with
`user` and `items`, a list of ids); each may be compressed, as `.xz` or `.gz`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from broadsheet.embed.base import Embedder
from broadsheet.evaluation.collection import (
    Skipped,
    Skips,
    find_file,
    json_object,
    luck,
    read_lines,
    text_of,
)
from broadsheet.evaluation.measuring import Estimate
from broadsheet.evaluation.metrics import interval, ndcg, recall
from broadsheet.evaluation.systems import Watcher
from broadsheet.intake.opening import InputError, Line
from broadsheet.learning.classifier import PRIOR as SHARE
from broadsheet.learning.classifier import fit, likelihood
from broadsheet.learning.features import Features, Vocabulary, features

SHOWN = (5, 10, 50)
MEASURES = ("recall@20", "recall@100", "ndcg@20")
SYSTEMS = ("ours", "svm", "svm-0.1", "centroid", "random")
BASELINE = "svm"
SPLITS = 5
# A reader must have so many papers beyond those shown, else there is nothing to find.
LEAST_HIDDEN = 5
# Papers of the folder that are the background of every interest.
_BACKGROUND = 1_000
# Papers of the folder that its words are counted in.
_SAMPLE = 5_000
# The likelihoods that the reliability is told for.
_BINS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)

Places = NDArray[np.int64]
Numbers = NDArray[np.float64]
Progress = Callable[[str], AbstractContextManager[Watcher]]


class Half(StrEnum):
    """Which of the readers: those for choosing, those kept from it, or all."""

    DEVELOPMENT = "development"
    REST = "rest"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Reader:
    """A reader: the name, and the places of the papers in the library, in its order."""

    name: str
    papers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Library:
    """Papers and their readers. Every paper here has a title or an abstract."""

    name: str
    ids: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]
    readers: tuple[Reader, ...]
    skipped: Skipped = field(default_factory=Skipped)

    def half(self, half: Half) -> Library:
        """The same papers with the readers of one half (`is_development`)."""
        if half is Half.ALL:
            return self
        wanted = half is Half.DEVELOPMENT
        return self._with([r for r in self.readers if is_development(r.name) is wanted])

    def sampled(self, readers: int | None, seed: int) -> Library:
        """The same papers with at most so many readers, drawn by `seed`."""
        drawn = sorted(self.readers, key=lambda reader: luck(seed, reader.name))[:readers]
        return self._with(drawn)

    def pooled(self, papers: int | None, seed: int) -> Library:
        """The same readers over fewer papers: all of theirs, and others drawn up to so many."""
        if papers is None or papers >= len(self.ids):
            return self
        theirs = {place for reader in self.readers for place in reader.papers}
        others = [place for place in range(len(self.ids)) if place not in theirs]
        others.sort(key=lambda place: luck(seed, self.ids[place]))
        kept = sorted(theirs | set(others[: max(0, papers - len(theirs))]))
        new = {place: at for at, place in enumerate(kept)}
        return Library(
            self.name,
            tuple(self.ids[place] for place in kept),
            tuple(self.texts[place] for place in kept),
            tuple(Reader(r.name, tuple(new[place] for place in r.papers)) for r in self.readers),
            self.skipped,
        )

    def _with(self, readers: Sequence[Reader]) -> Library:
        return Library(self.name, self.ids, self.texts, tuple(readers), self.skipped)


def is_development(reader: str) -> bool:
    """Whether choices may look at the reader of this name: one half, by the name alone."""
    return hashlib.sha256(reader.encode("utf-8", "surrogatepass")).digest()[0] % 2 == 0


def read_library(folder: Path) -> Library:
    """The library in `folder`; lines that cannot be read are left out and counted.

    Raises InputError, its message a sentence with the file's name, where a file is missing,
    breaks off, or has nothing that can be read.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; name one with items.jsonl and users.jsonl.")
    skips = Skips()
    papers = find_file(folder, "items.jsonl")
    texts = {id_: text for id_, text in read_lines(papers, _paper, skips) if any(text)}
    if not texts:
        raise InputError(f"{papers.name} has no paper that can be read{skips.first(papers)}.")
    places = {id_: place for place, id_ in enumerate(texts)}
    users = find_file(folder, "users.jsonl")
    readers = dict(read_lines(users, _reader, skips))
    held = [
        Reader(name, tuple(places[id_] for id_ in items if id_ in places))
        for name, items in readers.items()
    ]
    if not any(reader.papers for reader in held):
        raise InputError(
            f"{users.name} names no reader of a paper in {papers.name}{skips.first(users)}."
        )
    return Library(
        folder.resolve().name,
        tuple(texts),
        tuple(texts.values()),
        tuple(reader for reader in held if reader.papers),
        Skipped(skips.count, tuple(skips.told)),
    )


def _paper(line: Line) -> tuple[str, tuple[str, str]]:
    values = json_object(line)
    title = text_of(values, "title", needed=False)
    return _name(values, "id"), (title, text_of(values, "abstract", needed=False))


def _reader(line: Line) -> tuple[str, tuple[str, ...]]:
    values = json_object(line)
    items = values.get("items")
    if not isinstance(items, list):
        raise InputError("items is not a list" if "items" in values else "it has no items")
    return _name(values, "user"), tuple(dict.fromkeys(map(str, items)))


def _name(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise InputError(f"it has no {name}")
    return value


# --- the systems --------------------------------------------------------------------------------


class Ranker(Protocol):
    """Something that learns from a few papers and scores all."""

    def scores(self, shown: Places) -> Numbers:
        """What each paper of the library gets, (papers,), after these were shown as wanted."""


class Ours:
    """The classifier of an interest, over a background drawn from the folder."""

    def __init__(self, papers: Features, seed: int) -> None:
        self._papers = papers
        draw = np.random.default_rng(seed).permutation(len(papers))[:_BACKGROUND]
        self._background = papers.take(draw)
        self._none = papers.take([])

    def scores(self, shown: Places) -> Numbers:
        """See `Ranker`: log-odds."""
        model = fit(self._papers.take(shown), self._none, self._background)
        return model.scores(self._papers)


class Centroid:
    """The cosine with the mean of the vectors shown."""

    def __init__(self, papers: Features) -> None:
        self._dense = papers.dense

    def scores(self, shown: Places) -> Numbers:
        """See `Ranker`."""
        found: Numbers = (self._dense @ self._dense[shown].mean(axis=0)).astype(np.float64)
        return found


class Svm:
    """What arxiv-sanity-lite does (github.com/karpathy/arxiv-sanity-lite): tf-idf of words and
    pairs of words, a linear support vector machine, and every other paper not wanted.

    Its weights come from the papers of the folder, and its settings are that program's.
    """

    def __init__(self, texts: Sequence[tuple[str, str]], strength: float) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(
            strip_accents="unicode",
            stop_words="english",
            token_pattern=_A_WORD,
            ngram_range=(1, 2),
            max_features=20_000,
            sublinear_tf=True,
            min_df=5 if len(texts) >= _ENOUGH_FOR_RARE else 1,
        )
        self._papers = vectorizer.fit_transform([f"{title} {text}" for title, text in texts])
        self._strength = strength

    def scores(self, shown: Places) -> Numbers:
        """See `Ranker`: the distance to the margin."""
        from sklearn.svm import LinearSVC

        wanted = np.zeros(self._papers.shape[0])
        wanted[shown] = 1
        machine = LinearSVC(
            class_weight="balanced", C=self._strength, max_iter=10_000, random_state=0
        )
        found: Numbers = machine.fit(self._papers, wanted).decision_function(self._papers)
        return found


class Random:
    """Any order: the floor."""

    def __init__(self, papers: int, seed: int) -> None:
        self._papers = papers
        self._draw = np.random.default_rng(seed)

    def scores(self, shown: Places) -> Numbers:
        """See `Ranker`."""
        del shown
        return self._draw.random(self._papers)


# Words in fewer than five papers are left out, as in that program, where there are papers enough.
_ENOUGH_FOR_RARE = 500
_A_WORD = r"(?u)\b[a-zA-Z_][a-zA-Z0-9_]+\b"


# --- measuring ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Score:
    """A system with so many papers shown: each of MEASURES, over as many readers; and the
    difference to BASELINE reader by reader, empty where that was not measured.
    """

    system: str
    shown: int
    readers: int
    by_measure: Mapping[str, Estimate]
    over: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Reliable:
    """Papers said to be wanted with a likelihood from `low` to `high`: the mean of what was said,
    and how many of them were; both as if one paper in `1 / SHARE` were wanted.
    """

    low: float
    high: float
    said: float
    were: float


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured, and on what."""

    library: str
    part: str
    papers: int
    readers: int
    splits: int
    scores: tuple[Score, ...]
    reliability: Mapping[int, tuple[Reliable, ...]] = field(default_factory=dict)


def measure(
    library: Library,
    systems: Sequence[str],
    embedder: Embedder,
    progress: Progress,
    *,
    part: str = "all",
    splits: int = SPLITS,
    seed: int = 0,
) -> Report:
    """The figures of `systems` (names of SYSTEMS). Raises EmbedderError where ours cannot run."""
    rankers = _rankers(library, systems, embedder, progress, seed)
    with progress("Ranking") as watch:
        found = _rank(library, rankers, splits, seed, watch)
    scores, reliability = [], {}
    for shown in SHOWN:
        tries = [one for one in found if one.shown == shown]
        if not tries:
            continue
        base = _by_reader(tries, BASELINE) if BASELINE in systems else None
        for name in systems:
            values = _by_reader(tries, name)
            over = {} if base is None or name == BASELINE else _estimates(values - base, seed)
            scores.append(Score(name, shown, len(values), _estimates(values, seed), over))
        if "ours" in systems:
            reliability[shown] = _reliability(tries)
    return Report(
        library.name,
        part,
        len(library.ids),
        len({one.reader for one in found}),
        splits,
        tuple(scores),
        reliability,
    )


@dataclass(frozen=True, slots=True)
class _Try:
    """One split of one reader: each of MEASURES by system, and by bin of `_BINS` the weight of the
    papers said to be in it, what was said of them, and of those wanted (3, bins).
    """

    reader: str
    shown: int
    values: Mapping[str, tuple[float, ...]]
    bins: Numbers


def _rankers(
    library: Library, systems: Sequence[str], embedder: Embedder, progress: Progress, seed: int
) -> dict[str, Ranker]:
    with progress("Preparing") as watch:
        watch(0, 2)
        dense = embedder.encode_papers(library.texts)
        draw = np.random.default_rng(seed).permutation(len(library.texts))[:_SAMPLE]
        vocabulary = Vocabulary([library.texts[place] for place in draw.tolist()])
        papers = features(library.texts, dense, vocabulary)
        watch(1, 2)
        made: dict[str, Callable[[], Ranker]] = {
            "ours": lambda: Ours(papers, seed),
            "svm": lambda: Svm(library.texts, 0.01),
            "svm-0.1": lambda: Svm(library.texts, 0.1),
            "centroid": lambda: Centroid(papers),
            "random": lambda: Random(len(papers), seed),
        }
        return {name: made[name]() for name in systems}


def _rank(
    library: Library, rankers: Mapping[str, Ranker], splits: int, seed: int, watch: Watcher
) -> list[_Try]:
    found = []
    for done, reader in enumerate(library.readers):
        watch(done, len(library.readers))
        for shown in SHOWN:
            if len(reader.papers) < shown + LEAST_HIDDEN:
                break
            for split in range(splits):
                # By the reader's name: the same splits whoever else is measured.
                lots = np.frombuffer(luck(seed, f"{reader.name}:{shown}:{split}"), np.uint32)
                papers = np.random.default_rng(lots).permutation(np.array(reader.papers))
                found.append(_tried(library, rankers, reader.name, papers, shown))
    return found


def _tried(
    library: Library, rankers: Mapping[str, Ranker], reader: str, papers: Places, shown: int
) -> _Try:
    hidden = np.zeros(len(library.ids), bool)
    hidden[papers[shown:]] = True
    gains = {str(place): 1 for place in papers[shown:].tolist()}
    values, bins = {}, np.zeros((3, len(_BINS) - 1))
    for name, ranker in rankers.items():
        scores = ranker.scores(papers[:shown]).copy()
        scores[papers[:shown]] = -np.inf
        best = np.argsort(-scores, kind="stable")[: len(scores) - shown][:100]
        ranked = [str(place) for place in best.tolist()]
        values[name] = (
            recall(ranked, gains, 20),
            recall(ranked, gains, 100),
            ndcg(ranked, gains, 20),
        )
        if name == "ours":
            bins = _binned(scores, hidden)
    return _Try(reader, shown, values, bins)


def _by_reader(tries: Sequence[_Try], system: str) -> Numbers:
    """Each of MEASURES, the mean over a reader's splits: (readers, measures)."""
    readers: dict[str, list[tuple[float, ...]]] = {}
    for one in tries:
        readers.setdefault(one.reader, []).append(one.values[system])
    return np.array([np.mean(values, axis=0) for values in readers.values()])


def _estimates(values: Numbers, seed: int) -> dict[str, Estimate]:
    return {
        name: Estimate(float(column.mean()), *interval(column, seed))
        for name, column in zip(MEASURES, values.T, strict=True)
    }


def _binned(scores: Numbers, hidden: NDArray[np.bool_]) -> Numbers:
    ranked = np.isfinite(scores)
    said, wanted = likelihood(scores[ranked]), hidden[ranked]
    weights = np.where(wanted, SHARE / wanted.sum(), (1 - SHARE) / max(1, (~wanted).sum()))
    bins = np.clip(np.searchsorted(_BINS, said, side="right") - 1, 0, len(_BINS) - 2)
    count = len(_BINS) - 1
    return np.array(
        [
            np.bincount(bins, weights, count),
            np.bincount(bins, weights * said, count),
            np.bincount(bins, weights * wanted, count),
        ]
    )


def _reliability(tries: Sequence[_Try]) -> tuple[Reliable, ...]:
    weight, said, were = np.sum([one.bins for one in tries], axis=0)
    return tuple(
        Reliable(low, high, float(said[at] / weight[at]), float(were[at] / weight[at]))
        for at, (low, high) in enumerate(pairwise(_BINS))
        if weight[at] > 0
    )


def report_json(report: Report) -> dict[str, Any]:
    """The report as `--json` prints it; keys are promised to scripts."""
    systems: dict[str, dict[str, Any]] = {}
    for score in report.scores:
        systems.setdefault(score.system, {})[str(score.shown)] = {
            "users": score.readers,
            **{name: round(one.mean, 4) for name, one in score.by_measure.items()},
            "ci": {name: _ends(one) for name, one in score.by_measure.items()},
            "over_svm": {
                name: {"mean": round(one.mean, 4), "ci": _ends(one)}
                for name, one in score.over.items()
            },
        }
    return {
        "library": report.library,
        "part": report.part,
        "items": report.papers,
        "users": report.readers,
        "splits": report.splits,
        "systems": systems,
        "reliability": {
            str(shown): [
                {
                    "from": one.low,
                    "to": one.high,
                    "said": round(one.said, 4),
                    "were": round(one.were, 4),
                }
                for one in bins
            ]
            for shown, bins in report.reliability.items()
        },
    }


def _ends(one: Estimate) -> list[float]:
    return [round(one.low, 4), round(one.high, 4)]
