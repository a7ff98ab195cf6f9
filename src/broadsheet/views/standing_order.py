"""Lists in an order that goes by people: trending, votes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from broadsheet.records import Entry, Listing, Paper, Reason, View
from broadsheet.store import papers, readers, signals
from broadsheet.store.engine import Store
from broadsheet.views.orders import ORDERS, Tuning
from broadsheet.views.standings import KeptPriors, Standings

# Papers of a list that are put in order; of a longer one the newest, and those with votes.
MOST = 3_000
# Without a period, what is old rises no more.
REACH = timedelta(days=30)
# The preference that says how much the prior counts, from 0 (off) to 1.
PRIOR = "prior"
USUAL_PRIOR = 0.5


class ByPeople:
    """Puts papers in order by how they stand with people. Shared by all readers of a process."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._standings = Standings()
        self._priors = KeptPriors()
        self._voiced: tuple[tuple[int, float, int, object], tuple[_Voices, _Told]] | None = None

    def listing(
        self, view: View, numbers: Sequence[int], total: int, now: datetime | None = None
    ) -> Listing:
        """The papers with these numbers in the view's order; `total` papers are in the list.

        Raises StoreError.
        """
        with self._store.reading() as connection:
            held = papers.by_number(connection, numbers)
            standings = self._standings.of(connection, numbers)
        order = ORDERS[view.order.value]
        ranked = order.rank(held, standings, now or datetime.now(UTC), self.tuning(view.reader))
        shown = slice(view.offset, view.offset + view.limit)
        entries = tuple(
            Entry(held[at], score, reasons, place)
            for place, (at, score, reasons) in enumerate(
                zip(ranked.places[shown], ranked.scores[shown], ranked.reasons[shown], strict=True),
                start=view.offset + 1,
            )
        )
        notes = ranked.notes
        if len(held) < total:
            notes = (*notes, f"Of {total:,} papers the newest {len(held):,} stand in order.")
        return Listing(view, entries, len(held), 0.0, notes)

    def newest(self) -> list[int]:
        """The papers that may be trending whatever their day: the newest, and those with votes.

        Raises StoreError.
        """
        with self._store.reading() as connection:
            latest = papers.latest_day(connection)
            since = latest - REACH if latest else None
            found = dict.fromkeys(papers.newest(connection, MOST, since))
            return [*found, *(n for n in signals.voted(connection, MOST) if n not in found)]

    def tuning(self, reader: int | None) -> Tuning:
        """What the reader set of the prior. Raises StoreError."""
        chosen = None
        if reader is not None:
            with self._store.reading() as connection:
                chosen = readers.preferences_of(connection, reader).get(PRIOR)
        return Tuning(_part(chosen), self._priors)

    def voices(
        self, held: Sequence[Paper], stamp: int, reader: int | None
    ) -> tuple[_Voices, _Told]:
        """What others say of papers, whatever their age: a score each, (n,), and the reasons that
        add up to it by row. `stamp` differs where the papers do. Raises StoreError.
        """
        tuning = self.tuning(reader)
        with self._store.reading() as connection:
            state = signals.state_of_votes(connection)
            now = datetime.now(UTC)
            key = (stamp, tuning.prior, int(now.timestamp()) // _VOICES_SECONDS, state)
            if self._voiced is not None and self._voiced[0] == key:
                return self._voiced[1]
            standings = self._standings.of(connection, [paper.number for paper in held])
        ranked = ORDERS["trending"].rank(held, standings, now, tuning)
        said: list[tuple[Reason, ...]] = [()] * len(held)
        for at, reasons in zip(ranked.places, ranked.reasons, strict=True):
            said[at] = tuple(reason for reason in reasons if reason.kind != "age")
        scores = np.array([sum(r.value for r in reasons) for reasons in said], np.float64)
        self._voiced = (key, (scores, said.__getitem__))
        return self._voiced[1]


_Voices = NDArray[np.float64]
_Told = Callable[[int], Sequence[Reason]]
# What is said elsewhere is read again so often.
_VOICES_SECONDS = 60


def _part(value: str | None) -> float:
    try:
        return min(1.0, max(0.0, float(value))) if value is not None else USUAL_PRIOR
    except ValueError:
        return USUAL_PRIOR
