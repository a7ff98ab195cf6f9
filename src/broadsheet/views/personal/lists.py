"""Lists of a reader's own: for me, an interest, a collection, the queue, everything kept."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from broadsheet.learning.classifier import Model
from broadsheet.learning.features import Features, Vocabulary
from broadsheet.records import (
    Entry,
    Field,
    Listing,
    Order,
    Paper,
    Period,
    Query,
    Reason,
    Section,
    Shelf,
    ShelfKind,
    Span,
    View,
    Words,
)
from broadsheet.search.dense import Filter
from broadsheet.search.follow import SearchIndex, Serving
from broadsheet.store import changes, collections, interests, readers, reading
from broadsheet.store.engine import Store
from broadsheet.store.interests import Interest
from broadsheet.views.personal.fitting import Fitted, Fitting
from broadsheet.views.personal.for_me import BEYOND, Mix, Placed, longest, mix, ranked
from broadsheet.views.personal.pool import Pool, Pooled

Numbers = NDArray[np.float64]

# Nobody turns further, and each place is chosen beside all above it.
LONGEST_PAGE = 300
# Papers of the whole library that are looked at for an interest: nearest in meaning, and best by
# each of its words.
_BY_MEANING, _BY_WORDS, _BY_NAME = 800, 400, 200
_TELLING_WORDS = 12
# What was found for an interest, kept while neither it nor the library changes.
_MOST_KEPT = 100
# Readers whose interests are fitted before they ask.
_MOST_WARMED = 20
# Preferences that hold the mix.
OTHERS, EXPLORATION = "others", "exploration"


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """The papers of the library that may belong to an interest, with their scores, best first."""

    fitted: Fitted
    pooled: Pooled
    scores: Numbers

    @property
    def members(self) -> NDArray[np.int64]:
        """The rows of the papers that reach the interest's threshold, best first."""
        return np.flatnonzero(self.scores >= self.fitted.bar)

    @property
    def numbers(self) -> NDArray[np.int64]:
        """The numbers of those papers."""
        return self.pooled.numbers[self.members]


# What others say of papers to a reader: scores (n,), and the reasons of a row.
Others = Callable[[Pooled, int | None], tuple[Numbers, Callable[[int], Sequence[Reason]]]]


class OwnLists:
    """Evaluates the lists that belong to a reader. Shared by all readers of a process."""

    def __init__(
        self,
        store: Store,
        index: SearchIndex,
        serving: Callable[[], Serving | None],
        others: Others | None = None,
        folder: Path | None = None,
    ) -> None:
        """`folder` is where what takes long to make is kept for the next start, if anywhere."""
        self._store = store
        self._index = index
        self._serving = serving
        self._others = others
        self.pool = Pool(store, serving, folder)
        self.fitting = Fitting(store, self.pool)
        self._found: OrderedDict[tuple[int, int, int], Found] = OrderedDict()
        self._lock = Lock()

    def warm(self) -> None:
        """Has the newest papers ready where any reader has an interest, so that the first page of
        the morning is as quick as the second, and keeps their words for the next start.

        Raises StoreError, OSError.
        """
        with self._store.reading() as connection:
            wanted = interests.readers_with_some(connection, _MOST_WARMED)
        if wanted:
            self._of_others(self.pool.recent(), None)
            for reader in wanted:
                self.fitting.of(reader)
            self.pool.keep()

    def for_me(self, view: View, now: datetime | None = None) -> Listing:
        """The newest papers that the reader's interests choose, none that they read, dismissed, or
        saw before today. Raises StoreError.
        """
        reader, now = view.reader, now or datetime.now(UTC)
        fitted = self.fitting.of(reader) if reader is not None else []
        if reader is None or not fitted:
            note = "There is no interest yet to choose by; make one from a search or a paper."
            return Listing(view, (), 0, 0.0, (note,))
        fitted, pooled = self.fitting.with_papers(lambda: self.fitting.of(reader), self.pool.recent)
        scores = self.fitting.scores(fitted, pooled)
        wanted = self.mix_of(reader)
        kept = self._unread(reader, pooled, now)
        others, told = self._of_others(pooled, reader)
        length = min(view.offset + view.limit, LONGEST_PAGE)
        bars = [one.bar for one in fitted]
        placed = mix(
            scores[:, kept],
            bars,
            [one.interest.share for one in fitted],
            others[kept],
            pooled.features.dense[kept],
            wanted,
            length,
        )
        entries = [
            _entry(place, one, kept, fitted, pooled, wanted, told)
            for place, one in enumerate(placed[view.offset :], start=view.offset + 1)
        ]
        total = min(LONGEST_PAGE, longest(scores[:, kept], bars, wanted))
        return Listing(view, tuple(entries), total, 0.0, _notes(fitted, placed, length))

    def edition(self, view: View, numbers: Sequence[int]) -> Listing:
        """The papers with these numbers in the order of the reader's interests: a whole edition,
        with what was read already. Raises StoreError.
        """
        fitted = self.fitting.of(view.reader) if view.reader is not None else []
        if view.reader is None or not fitted:
            note = "There is no interest yet to choose by; make one from a search or a paper."
            pooled = self.pool.of(numbers[view.offset : view.offset + view.limit])
            entries = [
                Entry(paper, 0.0, (), place)
                for place, paper in enumerate(pooled.papers, start=view.offset + 1)
            ]
            return Listing(view, tuple(entries), len(numbers), 0.0, (note,))
        reader = view.reader
        fitted, pooled = self.fitting.with_papers(
            lambda: self.fitting.of(reader), lambda: self.pool.of(numbers)
        )
        wanted = self.mix_of(view.reader)
        others, told = self._of_others(pooled, view.reader)
        bars = [one.bar for one in fitted]
        placed = ranked(self.fitting.scores(fitted, pooled), bars, others, wanted)
        rows = np.arange(len(pooled.papers))
        shown = placed[view.offset : view.offset + view.limit]
        entries = [
            _entry(place, one, rows, fitted, pooled, wanted, told)
            for place, one in enumerate(shown, start=view.offset + 1)
        ]
        return Listing(view, tuple(entries), len(placed), 0.0)

    def mix_of(self, reader: int) -> Mix:
        """How the reader wants 'for me' mixed. Raises StoreError."""
        with self._store.reading() as connection:
            chosen = readers.preferences_of(connection, reader)
        usual = Mix()
        return Mix(
            _share(chosen.get(OTHERS), usual.others),
            _share(chosen.get(EXPLORATION), usual.exploration),
        )

    def interest(self, view: View, interest: Interest) -> Listing:
        """The papers of the library that an interest calls its own: newest first, or best first.

        Raises StoreError.
        """
        found = self.found(interest)
        rows = [
            row
            for row in found.members.tolist()
            if _is_within(found.pooled.papers[row], view.period)
        ]
        if view.order is not Order.RELEVANCE:
            rows.sort(key=lambda row: _newness(found.pooled.papers[row]), reverse=True)
        shown = rows[view.offset : view.offset + view.limit]
        section = _section(interest)
        entries = tuple(
            Entry(
                found.pooled.papers[row],
                float(found.scores[row]),
                found.fitted.reasons(found.pooled, row),
                place,
                section=section,
            )
            for place, row in enumerate(shown, start=view.offset + 1)
        )
        return Listing(view, entries, len(rows), 0.0, lesson_notes(interest))

    def found(self, interest: Interest) -> Found:
        """The papers of the whole library that may belong to an interest. Raises StoreError."""
        with self._store.reading() as connection:
            key = (interest.number, interest.lesson, changes.last_change(connection))
        with self._lock:
            kept = self._found.get(key)
        fitted = self.fitting.fitted(interest)
        if kept is not None:
            return replace(kept, fitted=fitted)
        numbers = self._candidates(fitted)
        (fitted,), pooled = self.fitting.with_papers(
            lambda: [self.fitting.fitted(interest)], lambda: self.pool.of(numbers)
        )
        scores = self.fitting.scores([fitted], pooled)[0]
        order = np.argsort(-scores, kind="stable")
        rows = order.tolist()
        best = Pooled(
            tuple(pooled.papers[row] for row in rows), pooled.features.take(order), pooled.stamp
        )
        found = Found(fitted, best, scores[order])
        with self._lock:
            self._found[key] = found
            while len(self._found) > _MOST_KEPT:
                self._found.popitem(last=False)
        return found

    def timeline(self, interest: Interest) -> dict[date, int]:
        """How many papers of each month the interest calls its own; months as their first day."""
        found = self.found(interest)
        days = [found.pooled.papers[row].day for row in found.members.tolist()]
        return dict(sorted(Counter(day.replace(day=1) for day in days if day).items()))

    def shelf(self, view: View, shelf: Shelf, numbers: Sequence[int]) -> Listing:
        """The papers a reader put on a shelf, in the shelf's order; with a query, those of them
        that it finds in words or meaning, the reader's notes included. Raises StoreError.
        """
        pooled = self.pool.of(numbers)
        notes = self._notes(view.reader) if shelf.kind is not ShelfKind.COLLECTION else {}
        text = " ".join(clause.text for clause in view.query.scoring)
        if not text:
            entries = [Entry(paper, 0.0) for paper in pooled.papers]
        else:
            entries = self._looked_for(text, pooled, notes)
        entries = [entry for entry in entries if _is_within(entry.paper, view.period)]
        shown = entries[view.offset : view.offset + view.limit]
        return Listing(
            view,
            tuple(replace(e, rank=place) for place, e in enumerate(shown, start=view.offset + 1)),
            len(entries),
            0.0,
        )

    def best_interest(self, reader: int, number: int) -> tuple[Interest, float] | None:
        """The reader's interest that a paper belongs to most, and its probability of doing so.

        Raises StoreError.
        """
        fitted, pooled = self.fitting.with_papers(
            lambda: self.fitting.of(reader), lambda: self.pool.of([number])
        )
        if not fitted or not pooled.papers:
            return None
        scores = self.fitting.scores(fitted, pooled)[:, 0]
        best = int(np.argmax(scores - [one.bar for one in fitted]))
        chance = float(fitted[best].model.probability(scores[best : best + 1])[0])
        return fitted[best].interest, chance

    def interests_of(self, reader: int, number: int) -> list[Interest]:
        """The reader's interests that call a paper theirs. Raises StoreError."""
        fitted, pooled = self.fitting.with_papers(
            lambda: self.fitting.of(reader), lambda: self.pool.of([number])
        )
        if not fitted or not pooled.papers:
            return []
        scores = self.fitting.scores(fitted, pooled)[:, 0]
        return [one.interest for one, score in zip(fitted, scores, strict=True) if score >= one.bar]

    def _looked_for(self, text: str, pooled: Pooled, notes: Mapping[int, str]) -> list[Entry]:
        """The papers that a text is about, best first: half the score is words, half meaning."""
        serving = self._serving()
        asked = self.pool.features_of([("", text)])
        written = [(paper.title, notes.get(paper.number, "")) for paper in pooled.papers]
        noted = self.pool.features_of(written)
        words = _overlap(asked, pooled.features)
        in_notes = _overlap(asked, noted)
        meaning = np.zeros(len(pooled.papers))
        if serving is not None and pooled.features.dense.shape[1] == serving.embedder.width:
            vector = serving.embedder.encode_queries([text])[0]
            meaning = pooled.features.dense @ vector
            wrote = [row for row, (_, note) in enumerate(written) if note]
            if wrote:
                near = serving.embedder.encode_papers([written[row] for row in wrote]) @ vector
                meaning[wrote] = np.maximum(meaning[wrote], near)
        entries = []
        for row, paper in enumerate(pooled.papers):
            parts = (
                Reason("words", "its words", float(words[row])),
                Reason("note", "your note", float(in_notes[row]) if paper.number in notes else 0.0),
                Reason("meaning", "its meaning", float(max(0.0, meaning[row]))),
            )
            kept = tuple(part for part in parts if part.value > 0)
            score = sum(part.value for part in kept)
            if any(part.kind != "meaning" for part in kept) or meaning[row] >= _NEAR:
                entries.append(Entry(paper, score, kept))
        return sorted(entries, key=lambda entry: -entry.score)

    def _candidates(self, fitted: Fitted) -> list[int]:
        """Papers that may belong to an interest: of the newest all, of the others those nearest to
        it in meaning, best by its words, and signed by its authors.
        """
        numbers = dict.fromkeys(self.pool.recent().numbers.tolist())
        serving, index = self._serving(), self._index.current()
        model = fitted.model
        if serving is not None and np.any(model.dense_weights):
            direction = model.dense_weights.astype(np.float32)
            near, _ = serving.index.search(direction, _BY_MEANING, Filter())
            numbers |= dict.fromkeys(near.tolist())
        if index is not None:
            words = _telling_words(model, self.pool.vocabulary)
            asked = [(Field.ANY, words, _BY_WORDS)] if words else []
            named = {"author": Field.AUTHOR, "organization": Field.AUTHOR}
            asked += [
                (named.get(term.kind, Field.ANY), term.text, _BY_NAME)
                for term in fitted.interest.terms
                if term.liked and term.kind != "category"
            ]
            for field, text, most in asked:
                clauses = tuple(
                    Words(part, field, phrase=field is Field.AUTHOR)
                    for part in ([text] if field is Field.AUTHOR else text.split())
                )
                hits = index.search(
                    Query(text, clauses), Period(), newest=False, limit=most, offset=0
                )
                numbers |= dict.fromkeys(hit.number for hit in hits.hits)
        numbers |= dict.fromkeys(fitted.interest.liked)
        return list(numbers)

    def _unread(self, reader: int, pooled: Pooled, now: datetime) -> NDArray[np.int64]:
        """The rows of papers that the reader has not read, dismissed, or seen before today."""
        days = [paper.day for paper in pooled.papers if paper.day]
        today = datetime.combine(now.date(), time(), UTC)
        with self._store.reading() as connection:
            gone = reading.read_before(connection, reader, min(days, default=date.min), today)
        fresh = [row for row, p in enumerate(pooled.papers) if p.number not in gone]
        return np.array(fresh, np.int64)

    def _of_others(
        self, pooled: Pooled, reader: int | None
    ) -> tuple[Numbers, Callable[[int], Sequence[Reason]]]:
        if self._others is None:
            return np.zeros(len(pooled.papers)), lambda _row: ()
        return self._others(pooled, reader)

    def _notes(self, reader: int | None) -> dict[int, str]:
        if reader is None:
            return {}
        with self._store.reading() as connection:
            return reading.notes_of(connection, reader)


_NEAR = 0.3


def numbers_on(store: Store, view: View) -> list[int] | None:
    """The papers on the shelf of a view, in its order; None for a shelf that is not there.

    Raises StoreError.
    """
    shelf, reader = view.shelf, view.reader
    if shelf is None or reader is None:
        return None
    with store.reading() as connection:
        if shelf.kind is ShelfKind.QUEUE:
            return reading.queue(connection, reader)
        if shelf.kind is ShelfKind.KEPT:
            return reading.kept(connection, reader)
        held = collections.called(connection, reader, shelf.slug)
        return collections.numbers(connection, held) if held else None


def lesson_notes(interest: Interest) -> tuple[str, ...]:
    """What a reader should know of an interest that has little or odd to go by."""
    liked, disliked = len(interest.liked), len(interest.disliked)
    words = any(term.liked for term in interest.terms)
    if not liked and not disliked and not interest.terms:
        return ("It has nothing to go by yet: say “more like this” of a few papers.",)
    if not liked and not words:
        return (
            "It knows only what is not wanted, and so can choose nothing: "
            "say “more like this” of a few papers.",
        )
    if liked < 5 and not words:
        few = "one paper" if liked == 1 else f"{liked} papers"
        return (f"It goes by {few} so far; from five on it becomes sure of itself.",)
    return ()


def _entry(
    place: int,
    placed: Placed,
    kept: NDArray[np.int64],
    fitted: Sequence[Fitted],
    pooled: Pooled,
    wanted: Mix,
    told: Callable[[int], Sequence[Reason]],
) -> Entry:
    row = int(kept[placed.row])
    reasons: list[Reason] = []
    if placed.section == BEYOND:
        section = Section("Beyond your interests")
    else:
        one = fitted[placed.section]
        section = _section(one.interest)
        reasons += one.reasons(pooled, row)
    if placed.others:
        reasons += [replace(reason, value=wanted.others * reason.value) for reason in told(row)]
    if placed.sameness:
        above = pooled.papers[int(kept[placed.like])].title if placed.like is not None else ""
        reasons.append(Reason("sameness", f"much like “{above}” above", placed.sameness))
    return Entry(pooled.papers[row], placed.score, tuple(reasons), place, section=section)


def _section(interest: Interest) -> Section:
    return Section(interest.name, interest.slug, interest.colour)


def _notes(fitted: Sequence[Fitted], placed: Sequence[Placed], length: int) -> tuple[str, ...]:
    chose = Counter(one.section for one in placed)
    silent = [
        one.interest.name
        for at, one in enumerate(fitted)
        if not chose[at] and one.interest.share > 0 and length >= 10
    ]
    if not silent:
        return ()
    names = ", ".join(f"“{name}”" for name in silent)
    return (f"Nothing unread of the last days belongs to {names}.",)


def _telling_words(model: Model, vocabulary: Vocabulary) -> str:
    """The words that speak loudest for a paper, to search for; phrases are no words there."""
    speaking = (model.word_weights > 0) & ~vocabulary.is_phrase(model.word_ids)
    ids, weights = model.word_ids[speaking], model.word_weights[speaking]
    best = ids[np.argsort(-weights, kind="stable")[:_TELLING_WORDS]]
    return " ".join(map(vocabulary.word, best.tolist()))


def _overlap(asked: Features, papers: Features) -> Numbers:
    """The cosine of a text's words with each paper's, (n,)."""
    width = min(asked.words.shape[1], papers.words.shape[1])
    one, many = asked.words[:, :width], papers.words[:, :width]
    return np.asarray((many @ one.T).toarray(), np.float64)[:, 0]


def _is_within(paper: Paper, period: Period) -> bool:
    if period.span is Span.UNDATED:
        return paper.day is None
    if period.first is None or period.last is None:
        return True
    return paper.day is not None and period.first <= paper.day <= period.last


def _newness(paper: Paper) -> tuple[date, int]:
    return (paper.day or date(paper.year or 1, 1, 1), -paper.number)


def _share(value: str | None, usual: float) -> float:
    """A preference as a number from 0 to 1."""
    try:
        return min(1.0, max(0.0, float(value))) if value is not None else usual
    except ValueError:
        return usual
