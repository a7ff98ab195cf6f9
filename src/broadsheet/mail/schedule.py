"""Which editions are due for a subscriber at a moment: pure, from the calendar of their zone.

An edition is named by the local date (`daily:2026-11-21`) or ISO week (`weekly:2026-W47`) it is of,
so that whoever asks twice, on whatever clock, means the same one. The rules:

- A daily edition is due at the subscriber's hour of each local date, a weekly one at that hour of
  their weekday. Where the clock is put forward over the hour, it is due at the first moment that
  exists after it; where an hour comes twice, at the first. A date that a zone left out altogether
  (Samoa, 30 December 2011) has none.
- Who joins in the middle of a day gets the next edition, not the one whose hour is over; who
  resumes after a pause likewise.
- After a time without a run only the latest edition is due, however late, until the next one is:
  what the missed ones would have held is in it, and a morning's mail never comes seven times.
- One edition a date: moving the hour or the zone makes none a second time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from broadsheet.store.subscribers import Rhythm

DAY = timedelta(days=1)
# Other names ("US/Pacific", "Etc/GMT+8") are kept only so that old settings work.
_PLACES = frozenset(
    "Africa America Antarctica Arctic Asia Atlantic Australia Europe Indian Pacific".split()
)


@dataclass(frozen=True, slots=True)
class Hours:
    """When a subscriber wants mail: an hour (0 to 23) in an IANA zone, and for weekly mail a
    weekday (0 is Monday). Editions whose moment lies before `since` are not for them.
    """

    zone: str
    hour: int
    weekday: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """An edition and the moment (UTC) from which on it may go out; `day` is its local date."""

    edition: str
    day: date
    at: datetime


def due(hours: Hours, rhythm: Rhythm, now: datetime) -> Due | None:
    """The latest edition that is due at a moment; None where none is yet, or mail comes at once.

    Raises ValueError for a zone that does not exist.
    """
    if rhythm is Rhythm.AT_ONCE:
        return None
    for day in _days_back(hours, rhythm, now):
        at = moment(day, hours.hour, hours.zone)
        if at is not None and at <= now:
            return Due(edition_of(rhythm, day), day, at) if at >= hours.since else None
    return None


def following(hours: Hours, rhythm: Rhythm, now: datetime) -> Due | None:
    """The first edition that is due after a moment, for telling a person; None for mail at once.

    Raises ValueError for a zone that does not exist.
    """
    if rhythm is Rhythm.AT_ONCE:
        return None
    today = now.astimezone(zone_named(hours.zone)).date()
    for day in (today + DAY * count for count in range(-1, 9)):
        at = moment(day, hours.hour, hours.zone)
        wanted = rhythm is Rhythm.DAILY or day.weekday() == hours.weekday
        if wanted and at is not None and at > now and at >= hours.since:
            return Due(edition_of(rhythm, day), day, at)
    return None


def edition_of(rhythm: Rhythm, day: date) -> str:
    """The name of the edition of a local date, as in `daily:2026-11-21`, `weekly:2026-W47`."""
    if rhythm is Rhythm.DAILY:
        return f"daily:{day.isoformat()}"
    year, week, _ = day.isocalendar()
    return f"weekly:{year:04}-W{week:02}"


@lru_cache(maxsize=4096)
def moment(day: date, hour: int, zone: str) -> datetime | None:
    """The first moment (UTC) of that day at which the zone's clocks show the hour or, where they
    are put forward over it, more than it. None for a date that the zone left out.

    Raises ValueError for a zone that does not exist.
    """
    place = zone_named(zone)
    if _first(datetime.combine(day, time(0)), place).astimezone(place).date() != day:
        return None
    return _first(datetime.combine(day, time(hour)), place)


def zone_named(name: str) -> ZoneInfo:
    """The zone of that name. Raises ValueError, with a sentence, where there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder
        raise ValueError(f"“{name[:60]}” is no time zone; Europe/Berlin is one.") from None


@cache
def zones() -> tuple[str, ...]:
    """The zones to choose from: one for each place, and UTC."""
    places = (name for name in available_timezones() if name.split("/", 1)[0] in _PLACES)
    return ("UTC", *sorted(places))


def _days_back(hours: Hours, rhythm: Rhythm, now: datetime) -> Iterator[date]:
    """The local dates of a rhythm's editions, latest first, from one that may still be ahead."""
    today = now.astimezone(zone_named(hours.zone)).date()
    for back in range(-1, 9):
        day = today - DAY * back
        if rhythm is Rhythm.DAILY or day.weekday() == hours.weekday:
            yield day


def _first(wall: datetime, place: ZoneInfo) -> datetime:
    """The first moment at which clocks show `wall`, or more where they are put forward over it.

    PEP 495: of a time that comes twice, fold 0 is the first; of one left out, fold 0 reckons with
    the offset before the change and gives a moment behind it, fold 1 one before it.
    """
    first = wall.replace(tzinfo=place).astimezone(UTC)
    if first.astimezone(place).replace(tzinfo=None) == wall:
        return first
    before = wall.replace(tzinfo=place, fold=1).astimezone(UTC)
    seconds = int((first - before).total_seconds())
    low, high = 0, seconds  # the clocks show less than `wall` at `low`, more at `high`
    while high - low > 1:
        middle = (low + high) // 2
        shown = (before + timedelta(seconds=middle)).astimezone(place).replace(tzinfo=None)
        low, high = (middle, high) if shown < wall else (low, middle)
    return before + timedelta(seconds=high)
