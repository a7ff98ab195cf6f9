"""What the ledger's figures mean: how each day of each source stands.

Pure but for reading the store: states are made of what was stated and of what is held now, each
time they are asked for.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

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
    sources = ledger.all_sources(connection)
    if not sources:
        return []
    until = last or now.date() + _DAY
    known = {(one.source.number, one.day): one for one in ledger.days(connection, first, until)}
    usual = usual_of(connection, first, until)
    found: list[LedgerLine] = []
    for source in sources:
        found += [
            _line(source, day, known.get((source.number, day)), usual.get(source.number), now)
            for day in days_of(source, first, now)
            if last is None or day <= last
        ]
    return sorted(found, key=lambda one: (-one.day.toordinal(), one.source, one.set))


def usual_of(connection: Connection, first: date, last: date) -> dict[int, float]:
    """By source, how many papers it announces on a usual day of a time and of the weeks before."""
    # The calendar has a beginning, and a page may ask for it.
    since = first - _HISTORY if first - date.min > _HISTORY else date.min
    return ledger.usual(connection, since, last)


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
    if known.total == 0 and not known.listed:
        return _nothing(known, usual)
    if known.listed != known.total or known.missing:
        return DayState.GAP
    return DayState.COMPLETE


def _nothing(known: Day, usual: float | None) -> DayState:
    """How a day stands of which the source says that it has no paper. Papers were lost by
    believing an empty answer: it takes a second one, and no reason to expect more.
    """
    if known.source.kind == "hub":
        return DayState.SILENT if announcing.is_announcement_day(known.day) else DayState.COMPLETE
    if usual is None:
        return DayState.UNKNOWN
    return DayState.COMPLETE if known.confirmed and usual <= _HARDLY else DayState.SILENT


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
