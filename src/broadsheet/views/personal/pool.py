"""Papers with their features, in memory: what classifiers score, without reading it again.

Follows the change log: a paper that was written anew is read anew. Everything here can be made
again, and is bounded.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from threading import RLock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select

from broadsheet.learning.features import Features, Vocabulary, assembled, features, unit
from broadsheet.records import Paper
from broadsheet.search.follow import Serving
from broadsheet.store import changes, papers
from broadsheet.store.engine import Store
from broadsheet.store.tables import papers as papers_table
from broadsheet.views.personal.kept import KeptFile, KeptWords, kept_words

# The newest papers that 'for me' chooses from: so many days, and of them so many papers; where the
# days have few, so many whatever their day.
WINDOW = timedelta(days=14)
MOST_RECENT = 4_000
FEWEST_RECENT = 300
# Papers taken from all that are held, for classifiers to know what is usual.
BACKGROUND = 1_000
# Papers whose words say which words tell papers apart here.
_SAMPLE = 3_000
# Papers kept with features: a kilobyte of vector each, and about as much of text and words.
_MOST_KEPT = 25_000
_MOST_CHANGES = 5_000
_SEED = 7


@dataclass(frozen=True, slots=True, eq=False)
class Pooled:
    """Papers, and their features row by row. `stamp` differs where anything of it does."""

    papers: tuple[Paper, ...]
    features: Features
    stamp: int

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The papers' numbers, (n,)."""
        return np.fromiter((paper.number for paper in self.papers), np.int64, len(self.papers))


@dataclass(frozen=True, slots=True, eq=False)
class _Words:
    """A paper's vector, and its words with their weights, as of a change."""

    number: int
    change: int
    dense: NDArray[np.float32]
    ids: NDArray[np.int64]
    weights: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Kept(_Words):
    paper: Paper


class Pool:
    """Shared by all readers and threads of a process."""

    def __init__(
        self, store: Store, serving: Callable[[], Serving | None], folder: Path | None = None
    ) -> None:
        """`folder` is where what takes long to make is kept for the next start, if anywhere."""
        self._store = store
        self._file = KeptFile(folder) if folder else None
        self._words: KeptWords | None = None
        self._serving = serving
        self._vocabulary: Vocabulary | None = None
        self._size = -1
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._followed = 0
        self._model = ""
        self._stamp = 0
        self._recent: tuple[tuple[int, str], Pooled] | None = None
        self._background: tuple[tuple[int, str], Features] | None = None
        self._drawn: list[_Words] = []
        self._lock = RLock()

    @property
    def vocabulary(self) -> Vocabulary:
        """The words' numbers, and how much each tells here. Another one takes its place where the
        library has become four times as large; features of two cannot be compared.

        Raises StoreError, EmbedderError.
        """
        with self._lock:
            self._follow()
            assert self._vocabulary is not None
            return self._vocabulary

    def recent(self) -> Pooled:
        """The newest papers, newest first. Raises StoreError."""
        with self._lock:
            state = self._follow()
            if self._recent is None or self._recent[0] != state:
                with self._store.reading() as connection:
                    latest = papers.latest_day(connection)
                    numbers = papers.newest(connection, MOST_RECENT, _since(latest))
                    if len(numbers) < FEWEST_RECENT:
                        numbers = papers.newest(connection, FEWEST_RECENT, None)
                self._recent = (state, self.of(numbers))
            return self._recent[1]

    def of(self, numbers: Sequence[int]) -> Pooled:
        """The papers with these numbers, in this order, without those that are gone.

        Raises StoreError.
        """
        with self._lock:
            self._follow()
            missing = [number for number in numbers if number not in self._kept]
            if missing:
                self._read(missing)
            held = [self._kept[number] for number in numbers if number in self._kept]
            for one in held:
                self._kept.move_to_end(one.paper.number)
            self._stamp += 1
            pooled = Pooled(tuple(one.paper for one in held), self._features(held), self._stamp)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return pooled

    def lessons(
        self, liked: Sequence[int], disliked: Sequence[int]
    ) -> tuple[Pooled, Pooled, Features]:
        """Papers for and against, and the background beside them, all of one vocabulary.

        Raises StoreError.
        """
        with self._lock:
            return self.of(liked), self.of(disliked), self.background()

    def features_of(self, texts: Sequence[tuple[str, str]]) -> Features:
        """The words of texts that are no papers, given as (title, text); without vectors."""
        return features(texts, None, self.vocabulary)

    def background(self) -> Features:
        """A sample of all papers held, the same until the library has grown by a tenth or so.

        Raises StoreError.
        """
        with self._lock:
            _, model = self._follow()
            with self._store.reading() as connection:
                last = papers.last_number(connection)
            # A power of 1.1: the sample changes seldom.
            size = int(np.log(max(1, last)) / np.log(1.1))
            if self._background is None or self._background[0] != (size, model):
                self._drawn = self._in_outline(self._sample(last, BACKGROUND))
                self._background = ((size, model), self._features(self._drawn))
            return self._background[1]

    def keep(self) -> bool:
        """Keeps the vocabulary and the words of the newest papers and the background for the next
        start; False where that was done already, or there is nowhere to.

        Raises StoreError, OSError.
        """
        if self._file is None:
            return False
        with self._lock:
            self.background()
            recent = (self._kept.get(one.number) for one in self.recent().papers)
            held = {one.number: one for one in (*self._drawn, *filter(None, recent))}
            with self._store.reading() as connection:
                identity = changes.identity(connection)
            assert self._vocabulary is not None
            kept = kept_words(
                self._vocabulary.kept(),
                self._size,
                identity,
                self._followed,
                [(one.number, one.change, one.ids, one.weights) for one in held.values()],
            )
            if self._words is not None and self._words.has_the_papers_of(kept):
                return False
            self._words = kept
        self._file.put(kept)
        return True

    def _in_outline(self, wanted: Sequence[tuple[int, int]]) -> list[_Words]:
        """The words and vectors of papers given as (number, change), those kept for this start
        without reading the papers.
        """
        serving, known = self._serving(), self._words
        found: dict[int, _Words] = {}
        if known is not None:
            numbers = [number for number, _ in wanted]
            dense = np.zeros((len(wanted), 0), np.float32)
            if serving is not None:
                dense = serving.index.vectors(numbers)
            for (number, change), vector in zip(wanted, unit(dense), strict=True):
                words = known.of(number, change)
                # What the index has not reached yet is encoded from its text.
                if words is not None and (serving is None or vector.any()):
                    found[number] = _Words(number, change, vector, *words)
        missing = [n for n, _ in wanted if n not in found and n not in self._kept]
        if missing:
            self._read(missing)
        whole = {**self._kept, **found}
        return [whole[number] for number, _ in wanted if number in whole]

    def _sample(self, last: int, most: int) -> list[tuple[int, int]]:
        """At most so many papers, as (number, change), drawn from all; the same ones each time."""
        drawn = random.Random(_SEED).sample(range(1, last + 1), min(last, 2 * most))  # noqa: S311
        found: list[tuple[int, int]] = []
        table = papers_table.c
        with self._store.reading() as connection:
            for chunk in papers.chunks(drawn):
                rows = connection.execute(
                    select(table.number, table.change).where(table.number.in_(chunk))
                )
                held = {row.number: row.change for row in rows}
                found += [(number, held[number]) for number in chunk if number in held]
        return found[:most]

    def _follow(self) -> tuple[int, str]:
        """Lets go of what was changed; returns what is followed, and the model of the vectors."""
        serving = self._serving()
        model = serving.index.model if serving else ""
        with self._store.reading() as connection:
            last = changes.last_change(connection)
            changed = (
                changes.changed_since(connection, self._followed, _MOST_CHANGES)
                if last != self._followed and self._kept
                else []
            )
        if model != self._model or len(changed) >= _MOST_CHANGES or last < self._followed:
            self._kept.clear()
        for _, number, _ in changed:
            self._kept.pop(number, None)
        self._followed, self._model = last, model
        self._learn_words(last)
        return last, model

    def _learn_words(self, last: int) -> None:
        """Has the vocabulary of a library of about this size: changes are as many as papers."""
        size = last.bit_length() // 2  # grows by one where the library grew fourfold
        if self._vocabulary is not None and size <= self._size:
            return
        if self._vocabulary is None and self._was_kept(size):
            return
        with self._store.reading() as connection:
            largest = papers.last_number(connection)
        drawn = self._sample(largest, _SAMPLE) if largest else []
        with self._store.reading() as connection:
            held = papers.by_number(connection, [number for number, _ in drawn])
        self._vocabulary = Vocabulary([(paper.title, paper.text) for paper in held])
        self._size = size
        self._kept.clear()
        self._recent = self._background = self._words = None

    def _was_kept(self, size: int) -> bool:
        """Takes the vocabulary that was kept, where it is this library's and large enough."""
        kept = self._file.current() if self._file else None
        if kept is None or kept.size < size:
            return False
        with self._store.reading() as connection:
            # A store restored from a backup gives the same changes to other papers.
            is_ahead = kept.through > changes.last_change(connection)
            if is_ahead or kept.identity != changes.identity(connection):
                return False
        try:
            self._vocabulary = Vocabulary.restored(kept.lexis)
        except ValueError:
            return False
        self._size, self._words = kept.size, kept
        return True

    def _read(self, numbers: Sequence[int]) -> None:
        with self._store.reading() as connection:
            held = papers.by_number(connection, numbers)
        serving = self._serving()
        dense = None
        if serving is not None and held:
            dense = serving.index.vectors([paper.number for paper in held])
            # What the index has not reached yet is encoded here.
            late = np.flatnonzero(~dense.any(axis=1))
            if len(late) > 0:
                texts = [(held[row].title, held[row].text) for row in late.tolist()]
                dense[late] = serving.embedder.encode_papers(texts)
        assert self._vocabulary is not None
        if dense is None:
            dense = np.zeros((len(held), 0), np.float32)
        coming = []
        for row, (paper, vector) in enumerate(zip(held, unit(dense), strict=True)):
            known = self._words.of(paper.number, paper.change) if self._words else None
            if known is None:
                coming.append(row)
            else:
                self._kept[paper.number] = _Kept(paper.number, paper.change, vector, *known, paper)
        texts = [(held[row].title, held[row].text) for row in coming]
        made = features(texts, dense[coming], self._vocabulary)
        words = made.words
        for place, row in enumerate(coming):
            paper, span = held[row], slice(words.indptr[place], words.indptr[place + 1])
            ids = words.indices[span].astype(np.int64)
            self._kept[paper.number] = _Kept(
                paper.number, paper.change, made.dense[place], ids, words.data[span], paper
            )

    def _features(self, held: Sequence[_Words]) -> Features:
        assert self._vocabulary is not None
        if not held:
            return features([], None, self._vocabulary)
        return assembled(
            np.stack([one.dense for one in held]),
            [one.ids for one in held],
            [one.weights for one in held],
            self._vocabulary,
        )


def _since(latest: date | None) -> date | None:
    return latest - WINDOW if latest else None
