"""The year 2024 (366 days) by hand: what the clocks of ten zones showed.

Offsets and changes are those published for 2024, written down; nothing here asks a library for
time zones. A moment is found by walking through the year, not by reckoning back from a wall clock.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache

FIRST, LAST = date(2024, 1, 1), date(2024, 12, 31)
_STEP = timedelta(minutes=15)


def _at(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2024, month, day, hour, minute, tzinfo=UTC)


# Minutes ahead of UTC at the start of the year, then (moment, minutes from then on).
CLOCKS: dict[str, tuple[int, tuple[tuple[datetime, int], ...]]] = {
    "UTC": (0, ()),
    "Europe/Berlin": (60, ((_at(3, 31, 1), 120), (_at(10, 27, 1), 60))),
    "America/New_York": (-300, ((_at(3, 10, 7), -240), (_at(11, 3, 6), -300))),
    "America/St_Johns": (-210, ((_at(3, 10, 5, 30), -150), (_at(11, 3, 4, 30), -210))),
    "Africa/Cairo": (120, ((_at(4, 25, 22), 180), (_at(10, 31, 21), 120))),
    "Australia/Lord_Howe": (660, ((_at(4, 6, 15), 630), (_at(10, 5, 15, 30), 660))),
    "Asia/Kathmandu": (345, ()),
    "Asia/Tokyo": (540, ()),
    "Pacific/Kiritimati": (840, ()),
    "Pacific/Pago_Pago": (-660, ()),
}


def wall(zone: str, moment: datetime) -> datetime:
    """What the zone's clocks show (without a zone)."""
    minutes, changes = CLOCKS[zone]
    for since, later in changes:
        if moment >= since:
            minutes = later
    return (moment + timedelta(minutes=minutes)).replace(tzinfo=None)


@cache
def moments(zone: str, hour: int) -> dict[date, datetime]:
    """Of each date of the year, the first moment at which the clocks show that hour or more."""
    found: dict[date, datetime] = {}
    moment = _at(1, 1, 0) - timedelta(days=1)
    while moment < _at(12, 31, 0) + timedelta(days=2):
        shown = wall(zone, moment)
        if shown.hour >= hour and FIRST <= shown.date() <= LAST:
            found.setdefault(shown.date(), moment)
        moment += _STEP
    return found
