"""What the ledger's figures mean: how each day of each source stands.

Pure but for reading the store: states are made of what was stated and of what is held now, each
time they are asked for.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from statistics import median

from sqlalchemy import Connection

from broadsheet.intake import announcing
from broadsheet.records import DayState, LedgerLine
from broadsheet.store import ledger
from broadsheet.store.ledger import Day, Source

_DAY = timedelta(days=1)
# How long after its hour an announcement is late and not lost. arXiv's own delays are of hours.
_LATE = timedelta(hours=18)
# A day of which a source says that it has nothing is believed where it usually has hardly more.
_HARDLY = 3
_HISTORY = timedelta(days=30)


def days_of(source: Source, first: date, now: datetime) -> list[date]:
    """The days from `first` on of which the source should have announced something by `now`,
    oldest first; none for a feed, which says nothing of days.
    """
    first = max(first, source.since)
    if source.kind == "arxiv":
        return list(announcing.days_between(first, announcing.latest(now)))
    if source.kind == "hub":
        last = now.astimezone(UTC).date()
        return [first + n * _DAY for n in range((last - first).days + 1)]
    return []


def announced_at(source: Source, day: date) -> datetime:
    """The moment from which on the source may have stated the day's counts."""
    if source.kind == "arxiv":
        return announcing.announced_at(day)
    # The Hub's list of a day grows until the day is over.
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + _DAY


def lines(
    connection: Connection, now: datetime, first: date, last: date | None = None
) -> list[LedgerLine]:
    """A line for every source and day from `first` on, up to `last`, newest first."""
    until = now.date() + _DAY if last is None else min(last, now.date() + _DAY)
    # The calendar has a beginning, and a page may ask for it.
    known = ledger.days(connection, max(first, date.min + _HISTORY) - _HISTORY, until)
    found: list[LedgerLine] = []
    for source in ledger.all_sources(connection):
        of_source = {one.day: one for one in known if one.source.number == source.number}
        usual = usual_of(of_source.values())
        found += [
            _line(source, day, of_source.get(day), usual, now)
            for day in days_of(source, first, now)
            if last is None or day <= last
        ]
    return sorted(found, key=lambda one: (-one.day.toordinal(), one.source, one.set))


def usual_of(days: Iterable[Day]) -> float | None:
    """How many papers a source usually announces on a day; None where nothing is known."""
    totals = [day.total for day in days if day.total]
    return median(totals) if totals else None


def state_of(
    source: Source, day: date, known: Day | None, usual: float | None, now: datetime
) -> DayState:
    """How a day stands."""
    if known is not None and known.total is not None:
        return _stated(known, usual)
    due = announced_at(source, day)
    if now < due:
        return DayState.PENDING
    if known is None or known.asked is None or known.asked < due:
        return DayState.UNKNOWN
    # It answered after the hour, and said nothing of the day.
    if source.kind == "arxiv" and announcing.may_rest(day):
        after = announcing.announced_at(announcing.following(day))
        return DayState.RESTED if now >= after else DayState.LATE
    return DayState.LATE if now < due + _LATE else DayState.SILENT


def _stated(known: Day, usual: float | None) -> DayState:
    if known.total == 0:
        # Papers were lost by believing an empty answer: it takes a second one, and no reason to
        # expect more.
        believed = known.confirmed and (
            known.source.kind != "arxiv" or usual is None or usual <= _HARDLY
        )
        return DayState.COMPLETE if believed and not known.listed else DayState.SILENT
    if known.listed != known.total or known.missing:
        return DayState.GAP
    return DayState.COMPLETE


def _line(
    source: Source, day: date, known: Day | None, usual: float | None, now: datetime
) -> LedgerLine:
    state = state_of(source, day, known, usual, now)
    if known is None:
        return LedgerLine(source.kind, source.name, day, state)
    return LedgerLine(
        source=source.kind,
        set=source.name,
        day=day,
        state=state,
        stated=known.total,
        counts=tuple((known.counts or {}).items()),
        held=known.held,
        missing=known.missing,
        asked=known.asked,
    )
