"""When arXiv announces: the days that a ledger has to account for.

Announcements go out Sunday to Thursday at 20:00 US Eastern time, and the listing bears the date
of the day after. On evenings of American holidays there may be none; arXiv says which ones year
by year, so a holiday without an announcement is no gap, and one with an announcement counts.
https://info.arxiv.org/help/availability.html
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
_EVENING = time(20)
_DAY = timedelta(days=1)
_MONDAY, _THURSDAY, _FRIDAY, _SATURDAY, _SUNDAY = 0, 3, 4, 5, 6


def announced_at(day: date) -> datetime:
    """The moment (UTC) at which the listing that bears this date is announced."""
    return datetime.combine(day - _DAY, _EVENING, EASTERN).astimezone(UTC)


def is_announcement_day(day: date) -> bool:
    """Whether a listing may bear this date: Monday to Friday."""
    return day.weekday() <= _FRIDAY


def may_rest(day: date) -> bool:
    """Whether the announcement of this date may be left out: its evening is a holiday's."""
    return (day - _DAY) in _holidays((day - _DAY).year)


def days_between(first: date, last: date) -> Iterator[date]:
    """The announcement days from `first` to `last`, both within, oldest first."""
    day = first
    while day <= last:
        if is_announcement_day(day):
            yield day
        day += _DAY


def latest(now: datetime) -> date:
    """The newest date of which the announcement is due at `now`."""
    day = now.astimezone(EASTERN).date() + _DAY
    while not is_announcement_day(day) or announced_at(day) > now:
        day -= _DAY
    return day


def following(day: date) -> date:
    """The announcement day after this one."""
    day += _DAY
    while not is_announcement_day(day):
        day += _DAY
    return day


@lru_cache(maxsize=64)
def _holidays(year: int) -> frozenset[date]:
    """The holidays of the United States on which arXiv's staff may rest."""
    thanksgiving = _nth(year, 11, _THURSDAY, 4)
    fixed = [
        date(year, month, day)
        for month, day in ((1, 1), (6, 19), (7, 4), (12, 24), (12, 25), (12, 31))
    ]
    moving = [
        _nth(year, 1, _MONDAY, 3),
        _nth(year, 2, _MONDAY, 3),
        _last_monday_of_may(year),
        _nth(year, 9, _MONDAY, 1),
        _nth(year, 10, _MONDAY, 2),
        thanksgiving,
        thanksgiving + _DAY,
    ]
    return frozenset([*fixed, *moving, *map(_observed, fixed)])


def _nth(year: int, month: int, weekday: int, nth: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (nth - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())


def _observed(day: date) -> date:
    """The weekday on which a holiday that falls on a weekend is kept."""
    if day.weekday() == _SATURDAY:
        return day - _DAY
    return day + _DAY if day.weekday() == _SUNDAY else day
