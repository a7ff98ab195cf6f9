"""A year of mail in ten zones: the very set of messages, and why there was none on the other days.

What is expected comes from the calendar by hand (`year.py`) and from when papers came in.
"""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from broadsheet.mail.digest import NOTHING_CAME
from broadsheet.search.follow import Status
from broadsheet.store.subscribers import Rhythm

from .office import Office, paper
from .year import CLOCKS, FIRST, LAST, moments

DAY = timedelta(days=1)
# No paper is announced on these, nor at weekends.
HOLIDAYS = {
    date(2024, month, day)
    for month, day in (
        (1, 1), (1, 15), (5, 27), (6, 19), (7, 4), (9, 2), (11, 28), (11, 29),
        *((12, day) for day in range(23, 32)),
    )
}  # fmt: skip
_HOUR_OF_ANNOUNCEMENT = 1


def announced() -> dict[datetime, date]:
    """When papers come in (UTC), and of which day they are."""
    days = (FIRST + DAY * n for n in range((LAST - FIRST).days + 1))
    return {
        datetime(day.year, day.month, day.day, _HOUR_OF_ANNOUNCEMENT, tzinfo=UTC): day
        for day in days
        if day.weekday() < 5 and day not in HOLIDAYS
    }


def runs() -> list[datetime]:
    """When the worker looked: a little oftener than once a day, and once not for five days."""
    chance = random.Random(366)
    now, found = datetime(2024, 1, 1, 0, 30, tzinfo=UTC), []
    while now < datetime(2025, 1, 2, tzinfo=UTC):
        if not date(2024, 8, 5) <= now.date() < date(2024, 8, 10):
            found.append(now)
        now += timedelta(minutes=chance.randint(800, 1250))
    return found


def expected(
    zone: str, rhythm: Rhythm, hour: int, weekday: int, looks: list[datetime]
) -> dict[str, int]:
    """Of each edition the number of its papers, 0 where it is silent."""
    due: list[tuple[datetime, str, date]] = []
    for day, moment in moments(zone, hour).items():
        year, week, on = day.isocalendar()
        if rhythm is Rhythm.DAILY:
            due.append((moment, f"daily:{day}", day))
        elif on == weekday + 1:
            due.append((moment, f"weekly:{year}-W{week:02}", day))
    # At each look the latest edition that is due, and what had come in by then.
    found: dict[str, int] = {}
    gathered: datetime | None = None
    for look in looks:
        latest = max((one for one in due if one[0] <= look), default=None)
        if latest is None or latest[1] in found:
            continue
        _, name, day = latest
        if gathered is None:
            back = 1 if rhythm is Rhythm.DAILY else 6
            came = [d for at, d in announced().items() if at <= look and d >= day - back * DAY]
        else:
            came = [d for at, d in announced().items() if gathered < at <= look]
        found[name] = len(came)
        gathered = look
    return found


@pytest.mark.slow
def test_each_reader_gets_exactly_the_editions_of_their_year(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The front page needs no index, and hundreds of commits of one take their time.
    monkeypatch.setattr(office.catalogue, "index_status", lambda: Status("g1", 0, 0, 0, 0, 0))
    chance = random.Random(10)
    readers: dict[int, dict[str, int]] = {}
    looks = runs()
    for zone in CLOCKS:
        for rhythm in (Rhythm.DAILY, Rhythm.WEEKLY):
            hour, weekday = chance.choice((0, 2, 7, 8, 18, 23)), chance.randrange(7)
            number = office.subscribe(
                f"{rhythm}.{zone.replace('/', '.')}@lamp.example",
                rhythm=rhythm,
                zone=zone,
                hour=hour,
                weekday=weekday,
                since=datetime(2023, 12, 31, 0, 30, tzinfo=UTC),
            )
            readers[number] = expected(zone, rhythm, hour, weekday, looks)
    coming = sorted(announced().items())
    for look in looks:
        while coming and coming[0][0] <= look:
            day = coming.pop(0)[1]
            office.put(paper(f"What was found on {day}", day), index=False)
        office.run(look)
    rows = office.rows()
    for number, wanted in readers.items():
        mine = [row for row in rows if row.subscriber == number]
        within = {row.edition: row.papers for row in mine if row.edition in wanted}
        assert within == wanted
        # One that was due before the year began, or after it ended, is none of the 366 days.
        beyond = [row.edition for row in mine if row.edition not in wanted]
        assert all("2023" in name or "2025" in name for name in beyond), beyond
        assert len({row.edition for row in mine}) == len(mine)
        for row in mine:
            assert (row.state, row.reason) == (
                ("queued", None) if row.papers else ("silent", NOTHING_CAME)
            )
        sent = office.sent(number)
        assert len(sent) == sum(row.papers for row in mine)
