"""The catalogue: where every output asks for a list, an edition or a paper."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from broadsheet.embed.base import EmbedderError
from broadsheet.intake import completeness
from broadsheet.records import (
    Among,
    Clause,
    Entry,
    Field,
    LedgerLine,
    Listing,
    Order,
    Paper,
    Period,
    Query,
    Reason,
    Shelf,
    ShelfKind,
    Span,
    Version,
    View,
    Words,
)
from broadsheet.search.follow import MeaningIndex, SearchIndex, Serving, Status
from broadsheet.search.hybrid import NEAR, Hybrid
from broadsheet.search.lexical import Found, LexicalIndex, query_terms
from broadsheet.search.suggest import Suggester
from broadsheet.store import changes, collections, interests, papers, quarantine
from broadsheet.store.collections import Collection
from broadsheet.store.engine import Store
from broadsheet.store.interests import Interest
from broadsheet.store.ledger import Source, all_sources
from broadsheet.text.analysis import stem
from broadsheet.text.categories import known
from broadsheet.text.normalise import identifier
from broadsheet.text.sentences import sentences
from broadsheet.views import periods, suggestions
from broadsheet.views.duplicates import SameWork
from broadsheet.views.personal.lists import OwnLists, numbers_on
from broadsheet.views.personal.pool import Pooled
from broadsheet.views.standing_order import MOST, ByPeople

# Nobody reads further, and the index would have to rank everything above it.
DEEPEST = 10_000
_MOST_CATEGORIES = 12
# Entries of a list that stand for it where it cannot be given as numbers alone.
_LISTED = 500
# Papers shown below the one whose name was asked for.
_LIKE_A_NAMED_ONE = 24
# What an interest made of a list begins with: so many papers, of scores no further from the best.
_EXEMPLARY = 10
_COMES_NEAR = 0.5


@dataclass(frozen=True, slots=True)
class Edition:
    """A period as a front page prints it.

    `previous` and `next` are the nearest periods of the same length that have papers; `shown_by`
    names the pages that showed papers under this day; `days` counts the papers of each day of the
    month around it; `categories` are the commonest ones with their names and papers; `ledger` says
    of a day what each source announced and what of it is held.
    """

    listing: Listing
    previous: Period | None
    next: Period | None
    shown_by: tuple[tuple[str, str | None], ...]
    days: dict[date, int]
    categories: tuple[tuple[str, str, int], ...]
    ledger: tuple[LedgerLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is held: papers, those without a day, those of the sample library, and how many
    things an import had to put aside.
    """

    papers: int
    undated: int
    samples: int
    quarantined: int


class Catalogue:
    """Reads the store and the indexes; writes nothing. Without an index of meanings, lists are
    found by words alone.
    """

    def __init__(
        self,
        store: Store,
        index: SearchIndex,
        meaning: MeaningIndex | None = None,
        own: Path | None = None,
    ) -> None:
        """`own` is where lists of a reader's own keep what takes long to make, if anywhere."""
        self._store = store
        self._index = index
        self._suggester = Suggester(index)
        self._meaning = meaning
        self.people = ByPeople(store)
        self.own = OwnLists(store, index, self._serving, self._voices, own)
        # Counting all papers takes a while where there are millions; a count holds until the
        # next change.
        self._counted: tuple[int, Holdings] | None = None

    def listing(self, view: View) -> Listing:
        """The papers of a view. Raises StoreError where the database does not answer."""
        started = time.perf_counter()
        named = _named(view)
        asked, missing = self._looked_up(view)
        if view.query.text and not asked.query.clauses:
            nothing = "The query holds no word to look for."
            listing = Listing(view, (), 0, 0.0, () if missing else (nothing,))
        elif view.shelf is not None or view.order is Order.FOR_ME:
            listing = self._own(asked)
        elif view.order in (Order.TRENDING, Order.VOTES):
            listing = self._by_people(asked)
        elif named is not None:
            listing = self._named(asked, named)
        elif asked.query.clauses:
            listing = self._found(asked)
        else:
            listing = self._in_period(asked)
        return Listing(
            view=view,
            entries=listing.entries,
            total=listing.total,
            took_ms=(time.perf_counter() - started) * 1000,
            notes=(*view.query.problems, *missing, *listing.notes),
            marks=listing.marks if named else query_terms(view.query) | listing.marks,
        )

    def with_nearest(self, listing: Listing) -> Listing:
        """The listing with the sentence of each paper that is nearest in meaning to the query,
        where one is near.
        """
        serving = self._serving()
        asked = " ".join(clause.text for clause in listing.view.query.scoring)
        if serving is None or not asked or listing.view.order is not Order.RELEVANCE:
            return listing
        cut = [
            (place, s) for place, e in enumerate(listing.entries) for s in sentences(e.paper.text)
        ]
        try:
            vectors = serving.embedder.encode_queries([asked, *(sentence for _, sentence in cut)])
        except EmbedderError:
            return listing
        best: dict[int, tuple[float, str]] = {}
        for (place, sentence), near in zip(cut, vectors[1:] @ vectors[0], strict=True):
            if near >= NEAR and near > best.get(place, (0.0, ""))[0]:
                best[place] = (float(near), sentence)
        entries = tuple(
            replace(entry, nearest=best[place][1]) if place in best else entry
            for place, entry in enumerate(listing.entries)
        )
        return replace(listing, entries=entries)

    def edition(self, view: View) -> Edition:
        """The front page of a view's period. Raises StoreError."""
        listing = self.listing(view)
        period = view.period
        first, last = period.first, period.last
        before = after = None
        shown_by: list[tuple[str, str | None]] = []
        days: dict[date, int] = {}
        ledger: list[LedgerLine] = []
        with self._store.reading() as connection:
            if first and last:
                earlier = papers.day_before(connection, first)
                later = papers.day_after(connection, last)
                before = periods.same_span(period, earlier) if earlier else None
                after = periods.same_span(period, later) if later else None
                month = periods.month_of(last)
                if month.first and month.last:
                    days = papers.calendar(connection, month.first, month.last)
                if period.span is Span.DAY:
                    shown_by = papers.shown_on(connection, first)
                    now = datetime.now(UTC)
                    ledger = completeness.lines(connection, now, first, last)
        index = self._index.current()
        counted = index.categories(period, _MOST_CATEGORIES) if index else []
        categories = tuple((*known().get(code, (code, "")), papers) for code, papers in counted)
        return Edition(listing, before, after, tuple(shown_by), days, categories, tuple(ledger))

    def ledger(self, since: date) -> list[LedgerLine]:
        """What each source announced on each day since, newest first. Raises StoreError."""
        with self._store.reading() as connection:
            return completeness.lines(connection, datetime.now(UTC), since)

    def sources(self) -> list[Source]:
        """Where papers come from by themselves. Raises StoreError."""
        with self._store.reading() as connection:
            return all_sources(connection)

    def latest(self) -> Period | None:
        """The newest day that has papers; None where no paper has a day. Raises StoreError."""
        with self._store.reading() as connection:
            day = papers.latest_day(connection)
        return periods.day_of(day) if day else None

    def paper(self, name: str) -> Paper | None:
        """The paper of that id (or former id, or DOI, or address). Raises StoreError."""
        with self._store.reading() as connection:
            return papers.by_id(connection, name)

    def versions(self, paper: Paper) -> list[Version]:
        """What the paper said before. Raises StoreError."""
        with self._store.reading() as connection:
            return papers.versions_of(connection, paper.number)

    def interest(self, reader: int | None, name: str) -> Interest | None:
        """The reader's interest of that name or slug. Raises StoreError."""
        if reader is None:
            return None
        with self._store.reading() as connection:
            return interests.called(connection, reader, name)

    def interests(self, reader: int) -> list[Interest]:
        """The reader's interests, the oldest first. Raises StoreError."""
        with self._store.reading() as connection:
            return interests.of(connection, reader)

    def taught(self, interest: Interest) -> tuple[list[Paper], list[Paper]]:
        """The papers an interest was taught, for and against, the newest lesson first."""
        with self._store.reading() as connection:
            liked = papers.by_number(connection, interest.liked[::-1])
            return liked, papers.by_number(connection, interest.disliked[::-1])

    def collections(self, reader: int) -> list[Collection]:
        """The reader's collections, the oldest first. Raises StoreError."""
        with self._store.reading() as connection:
            return collections.of(connection, reader)

    def collection(self, reader: int, slug: str) -> Collection | None:
        """The reader's collection of that slug. Raises StoreError."""
        with self._store.reading() as connection:
            return collections.called(connection, reader, slug)

    def holding(self, reader: int, number: int) -> set[str]:
        """The slugs of the reader's collections that hold a paper. Raises StoreError."""
        with self._store.reading() as connection:
            return collections.holding(connection, reader, number)

    def shared(self, secret: str) -> Collection | None:
        """The collection shared under a secret. Raises StoreError."""
        if "\0" in secret:
            return None
        with self._store.reading() as connection:
            return collections.shared_as(connection, secret)

    def shared_listing(self, collection: Collection) -> Listing:
        """All papers of a collection, for whoever it is shared with. Raises StoreError."""
        shelf = Shelf(ShelfKind.COLLECTION, collection.slug)
        view = View(shelf=shelf, reader=collection.reader, limit=DEEPEST)
        with self._store.reading() as connection:
            numbers = collections.numbers(connection, collection)
        return self.own.shelf(view, shelf, numbers)

    def by_number(self, number: int) -> Paper | None:
        """The paper of that number. Raises StoreError."""
        with self._store.reading() as connection:
            held = papers.by_number(connection, [number])
        return held[0] if held else None

    def exemplary(self, view: View) -> list[int]:
        """The papers of a list that stand for it best: the first few, by relevance those that come
        near the first.
        """
        listing = self.listing(replace(view, limit=_EXEMPLARY, offset=0))
        best = max((entry.score for entry in listing.entries), default=0.0)
        return [e.paper.number for e in listing.entries if e.score >= best * _COMES_NEAR]

    def similar(self, paper: Paper, limit: int = 8) -> tuple[Entry, ...]:
        """Papers like it in its telling words and in meaning."""
        index, serving = self._index.current(), self._serving()
        if index is None:
            return ()
        if serving is None:
            found = index.similar(paper, limit)
        else:
            found = Hybrid(index, serving.index, serving.embedder).similar(paper, limit)
        with self._store.reading() as connection:
            return _entries(connection, found, 0)

    def suggest(self, text: str, reader: int | None = None) -> tuple[suggestions.Suggestion, ...]:
        """What to offer while `text` is being typed, to a reader or to nobody in particular.

        Raises StoreError.
        """
        return suggestions.suggest(self._suggester, self._store, text, reader)

    def numbers(self, view: View, most: int) -> list[int] | None:
        """The numbers of a view's papers, up to `most`, for what shows papers as points or counts
        them; None where the view holds every paper. Raises StoreError.

        Where words are asked for, those that have all of them; where none has, the best of the
        list.
        """
        every = View(order=view.order, limit=view.limit, offset=view.offset, reader=view.reader)
        if view == every and view.order is not Order.FOR_ME:
            return None
        if not view.query.text and view.shelf is None and view.order is not Order.FOR_ME:
            with self._store.reading() as connection:
                return papers.numbers_in(connection, view.period, most)
        index = self._index.current()
        asked, _ = self._looked_up(view)
        is_plain = asked.query.clauses and not view.query.likes and _named(view) is None
        if index is not None and is_plain and view.shelf is None:
            found = index.search(asked.query, view.period, newest=True, limit=most, offset=0)
            if not found.relaxed:
                return [hit.number for hit in found.hits]
        listing = self.listing(replace(view, limit=min(most, _LISTED), offset=0))
        return [entry.paper.number for entry in listing.entries]

    def holdings(self) -> Holdings:
        """What is held. Raises StoreError."""
        with self._store.reading() as connection:
            change = changes.last_change(connection)
            if self._counted is None or self._counted[0] != change:
                counts = Holdings(
                    papers=papers.count(connection),
                    undated=papers.count_in(connection, periods.UNDATED),
                    samples=papers.count_from(connection, "sample"),
                    quarantined=0,
                )
                self._counted = (change, counts)
            return replace(self._counted[1], quarantined=quarantine.held(connection))

    def stamp(self) -> Hashable:
        """Differs after each commit of the indexes."""
        return self._index.stamp(), self._meaning.stamp() if self._meaning else None

    def index_status(self) -> Status:
        """How far the index is. Raises StoreError."""
        return self._index.status(self._store)

    def _looked_up(self, view: View) -> tuple[View, tuple[str, ...]]:
        """The view with the papers of each interest that its query names in place of the name, and
        in sentences which the reader does not have. Raises StoreError.
        """
        if not view.query.interests:
            return view, ()
        clauses: list[Clause] = []
        missing: list[str] = []
        for clause in view.query.clauses:
            if not isinstance(clause, Words) or clause.field is not Field.IN:
                clauses.append(clause)
                continue
            held = self.interest(view.reader, clause.text)
            if held is None:
                missing.append(f"There is no interest “{clause.text}”; “in:” was left out.")
                continue
            numbers = frozenset(self.own.found(held).numbers.tolist())
            clauses.append(Among(held.name, numbers, clause.negated))
        asked = replace(view, query=replace(view.query, clauses=tuple(clauses)))
        return asked, tuple(dict.fromkeys(missing))

    def _own(self, view: View) -> Listing:
        """A list of the reader's own."""
        shelf = view.shelf
        if shelf is None:
            if view.period == periods.ALL and not view.query.text:
                return self.own.for_me(view)
            numbers, _ = self._numbers(view)
            return self.own.edition(view, numbers)
        if shelf.kind is ShelfKind.INTEREST:
            held = self.interest(view.reader, shelf.slug)
            if held is not None:
                return self.own.interest(view, held)
        else:
            shelved = numbers_on(self._store, view)
            if shelved is not None:
                return self.own.shelf(view, shelf, shelved)
        return Listing(view, (), 0, 0.0, (f"There is no {shelf.kind} “{shelf.slug}” here.",))

    def _by_people(self, view: View) -> Listing:
        """A list in the order of votes, or of what is trending."""
        numbers, total = self._numbers(view)
        listing = self.people.listing(view, numbers, total)
        return replace(listing, marks=query_terms(view.query))

    def _numbers(self, view: View) -> tuple[list[int], int]:
        """The papers of a view without a shelf, newest first and at most `MOST`, and how many it
        has in all.
        """
        if view.query.clauses:
            index = self._index.current()
            if index is None:
                return [], 0
            found = index.search(view.query, view.period, newest=True, limit=MOST, offset=0)
            return [hit.number for hit in found.hits], found.total
        if view.period == periods.ALL:
            numbers = self.people.newest()
            return numbers, len(numbers)
        with self._store.reading() as connection:
            total = papers.count_in(connection, view.period)
            return papers.numbers_in(connection, view.period, MOST), total

    def _voices(
        self, pooled: Pooled, reader: int | None
    ) -> tuple[NDArray[np.float64], Callable[[int], Sequence[Reason]]]:
        return self.people.voices(pooled.papers, pooled.stamp, reader)

    def _in_period(self, view: View) -> Listing:
        with self._store.reading() as connection:
            total = papers.count_in(connection, view.period)
            offset = min(view.offset, DEEPEST)
            held = papers.in_period(connection, view.period, view.limit, offset)
        entries = tuple(
            Entry(paper, 0.0, (), offset + place) for place, paper in enumerate(held, start=1)
        )
        return Listing(view, entries, total, 0.0)

    def _named(self, view: View, name: str) -> Listing:
        """The paper whose name was asked for, and papers like it."""
        with self._store.reading() as connection:
            paper = papers.by_id(connection, name)
        if paper is None:
            note = f"No paper called {name} is held; words were looked for instead."
            listing = self._found(view)
            return replace(listing, notes=(note, *listing.notes))
        like = self.similar(paper, _LIKE_A_NAMED_ONE)
        itself = Entry(paper, 1.0, (Reason("name", f"its name is {name}", 1.0),))
        entries = tuple(
            replace(entry, rank=place) for place, entry in enumerate((itself, *like), start=1)
        )
        note = "The first is the paper of that name; the others are like it."
        shown = entries[view.offset : view.offset + view.limit]
        return Listing(view, shown, len(entries), 0.0, (note,) if like else ())

    def _found(self, view: View) -> Listing:
        index = self._index.current()
        if index is None:
            return Listing(view, (), 0, 0.0, ("The index is being built; try again shortly.",))
        like, unknown = self._likes(view.query)
        if unknown and not like and not view.query.scoring:
            return Listing(
                view, (), 0, 0.0, tuple(f"No paper called {n} is held." for n in unknown)
            )
        offset = min(view.offset, DEEPEST)
        same = SameWork(self._store)
        found = self._ask(index, view, offset, like, same)
        with self._store.reading() as connection:
            entries = _entries(connection, found, offset)
            behind = changes.last_change(connection)
        state = index.state()
        behind -= state.through if state else 0
        notes = [f"No paper called {name} is held." for name in unknown]
        if behind >= _WORTH_A_NOTE:
            notes.append(f"The index is catching up; {behind:,} changes are not searchable yet.")
        notes += [
            f"No paper has “{written}”; “{read}” was looked for instead."
            for written, read in found.corrections
        ]
        if found.opened:
            notes.append("No paper has the phrase as it stands; its words were looked for instead.")
        if found.relaxed and found.total:
            notes.append("No paper has all of these words; these have some of them.")
        marks = frozenset(stem(read) for _, read in found.corrections)
        return Listing(view, entries, found.total, 0.0, tuple(notes), marks)

    def _ask(
        self, index: LexicalIndex, view: View, offset: int, like: list[int], same: SameWork
    ) -> Found:
        serving = self._serving()
        ranked = view.order is Order.RELEVANCE and (view.query.scoring or like)
        if serving is not None and ranked and not _is_unfinished(view.query, index):
            return Hybrid(index, serving.index, serving.embedder).search(
                view.query,
                view.period,
                limit=view.limit,
                offset=offset,
                like=like,
                same=same,
            )
        return index.search(
            view.query,
            view.period,
            newest=view.order is Order.NEW,
            limit=view.limit,
            offset=offset,
        )

    def _likes(self, query: Query) -> tuple[list[int], list[str]]:
        """The papers that those wanted are to be like, by number, and the names nobody has."""
        numbers, unknown = [], []
        for name in query.likes:
            paper = self.paper(name)
            if paper is None:
                unknown.append(name)
            else:
                numbers.append(paper.number)
        return numbers, unknown

    def _serving(self) -> Serving | None:
        return self._meaning.serving() if self._meaning else None


def _named(view: View) -> str | None:
    """What names a paper, where that is all the query says: an id, or an address of a paper."""
    text = view.query.text.strip()
    if not text or " " in text or view.period.span is not Span.ALL:
        return None
    if any(isinstance(c, Words) and c.field is not Field.ANY for c in view.query.clauses):
        return None
    known = identifier(text)
    return known[0] if known else None


def _is_unfinished(query: Query, index: LexicalIndex) -> bool:
    """Whether the last word of what is being typed is no word yet: only the index of words knows
    which words begin so.
    """
    return any(
        clause.prefix and not index.counted(replace(clause, prefix=False))
        for clause in query.scoring
    )


def _entries(connection: Connection, found: Found, offset: int) -> tuple[Entry, ...]:
    again = {number for hit in found.hits for number in hit.also}
    wanted = [hit.number for hit in found.hits]
    held = {paper.number: paper for paper in papers.by_number(connection, [*wanted, *again])}
    return tuple(
        Entry(
            held[hit.number],
            hit.score,
            hit.reasons,
            offset + place,
            tuple(held[number] for number in hit.also if number in held),
        )
        for place, hit in enumerate(found.hits, start=1)
        if hit.number in held
    )


# The worker applies this many changes within a second.
_WORTH_A_NOTE = 1000


def view_of(
    query: Query,
    period: Period = periods.ALL,
    order: Order | None = None,
    limit: int = 30,
    page: int = 1,
    reader: int | None = None,
) -> View:
    """A view's usual form: by relevance where words are asked for, else newest first."""
    chosen = order or (Order.RELEVANCE if query.scoring or query.likes else Order.NEW)
    offset = min((page - 1) * limit, DEEPEST)
    return View(query, period, chosen, limit, offset, reader=reader)
