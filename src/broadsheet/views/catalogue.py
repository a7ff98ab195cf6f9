"""The catalogue: where every output asks for a list, an edition or a paper."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import Connection

from broadsheet.records import (
    Entry,
    Listing,
    Order,
    Paper,
    Period,
    Query,
    Span,
    Version,
    View,
)
from broadsheet.search.follow import SearchIndex, Status
from broadsheet.search.lexical import Found, LexicalIndex, query_terms
from broadsheet.store import changes, papers, quarantine
from broadsheet.store.engine import Store
from broadsheet.views import periods

# Nobody reads further, and the index would have to rank everything above it.
DEEPEST = 10_000
_MOST_CATEGORIES = 12


@dataclass(frozen=True, slots=True)
class Edition:
    """A period as a front page prints it.

    `previous` and `next` are the nearest periods of the same length that have papers; `shown_by`
    names the pages that showed papers under this day; `days` counts the papers of each day of the
    month around it.
    """

    listing: Listing
    previous: Period | None
    next: Period | None
    shown_by: tuple[tuple[str, str | None], ...]
    days: dict[date, int]
    categories: tuple[tuple[str, int], ...]


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
    """Reads the store and the index; writes nothing."""

    def __init__(self, store: Store, index: SearchIndex) -> None:
        self._store = store
        self._index = index
        # Counting all papers takes a while where there are millions; a count holds until the
        # next change.
        self._counted: tuple[int, Holdings] | None = None

    def listing(self, view: View) -> Listing:
        """The papers of a view. Raises StoreError where the database does not answer."""
        started = time.perf_counter()
        if view.query.clauses:
            listing = self._found(view)
        elif view.query.text and not view.query.clauses:
            listing = Listing(view, (), 0, 0.0, ("The query holds no word to look for.",))
        else:
            listing = self._in_period(view)
        return Listing(
            view=view,
            entries=listing.entries,
            total=listing.total,
            took_ms=(time.perf_counter() - started) * 1000,
            notes=(*view.query.problems, *listing.notes),
            marks=query_terms(view.query),
        )

    def edition(self, view: View) -> Edition:
        """The front page of a view's period. Raises StoreError."""
        listing = self.listing(view)
        period = view.period
        first, last = period.first, period.last
        before = after = None
        shown_by: list[tuple[str, str | None]] = []
        days: dict[date, int] = {}
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
        index = self._index.current()
        categories = index.categories(period, _MOST_CATEGORIES) if index else []
        return Edition(listing, before, after, tuple(shown_by), days, tuple(categories))

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

    def similar(self, paper: Paper, limit: int = 8) -> tuple[Entry, ...]:
        """Papers that share its most telling words, with the words that say so."""
        index = self._index.current()
        if index is None:
            return ()
        found = index.similar(paper, limit)
        with self._store.reading() as connection:
            return _entries(connection, found, 0)

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

    def index_status(self) -> Status:
        """How far the index is. Raises StoreError."""
        return self._index.status(self._store)

    def _in_period(self, view: View) -> Listing:
        with self._store.reading() as connection:
            total = papers.count_in(connection, view.period)
            offset = min(view.offset, DEEPEST)
            held = papers.in_period(connection, view.period, view.limit, offset)
        entries = tuple(
            Entry(paper, 0.0, (), offset + place) for place, paper in enumerate(held, start=1)
        )
        return Listing(view, entries, total, 0.0)

    def _found(self, view: View) -> Listing:
        index = self._index.current()
        if index is None:
            return Listing(view, (), 0, 0.0, ("The index is being built; try again shortly.",))
        offset = min(view.offset, DEEPEST)
        found = self._ask(index, view, offset)
        with self._store.reading() as connection:
            entries = _entries(connection, found, offset)
            behind = changes.last_change(connection)
        state = index.state()
        behind -= state.through if state else 0
        notes = []
        if behind >= _WORTH_A_NOTE:
            notes.append(f"The index is catching up; {behind:,} changes are not searchable yet.")
        if found.relaxed and found.total:
            notes.append("No paper has all of these words; these have some of them.")
        return Listing(view, entries, found.total, 0.0, tuple(notes))

    @staticmethod
    def _ask(index: LexicalIndex, view: View, offset: int) -> Found:
        return index.search(
            view.query,
            view.period,
            newest=view.order is Order.NEW,
            limit=view.limit,
            offset=offset,
        )


def _entries(connection: Connection, found: Found, offset: int) -> tuple[Entry, ...]:
    held = {
        paper.number: paper
        for paper in papers.by_number(connection, [hit.number for hit in found.hits])
    }
    return tuple(
        Entry(held[hit.number], hit.score, hit.reasons, offset + place)
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
) -> View:
    """A view's usual form: by relevance where words are asked for, else newest first."""
    chosen = order or (Order.RELEVANCE if query.scoring else Order.NEW)
    return View(query, period, chosen, limit, min((page - 1) * limit, DEEPEST))
