"""Which editions are due: by the calendar of the reader's zone, once each, whatever the clock."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta

import pytest

from broadsheet.mail.schedule import Hours, due, following, moment, zone_named, zones
from broadsheet.store.subscribers import Rhythm

from .year import CLOCKS, moments

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def edition(hours: Hours, now: str, rhythm: Rhythm = Rhythm.DAILY) -> str | None:
    found = due(hours, rhythm, at(now))
    return found.edition if found else None


BERLIN = Hours("Europe/Berlin", 8, 0, LONG_AGO)


@pytest.mark.parametrize("zone", CLOCKS)
def test_through_a_year_every_edition_is_due_once_at_its_moment(zone: str) -> None:
    chance = random.Random(zone)
    hours = [0, 2, 8]
    runs, now = [], datetime(2024, 1, 1, tzinfo=UTC) - timedelta(days=1)
    while now < datetime(2025, 1, 3, tzinfo=UTC):
        runs.append(now)
        now += timedelta(minutes=chance.randint(30, 400))
    for hour in hours:
        for rhythm in (Rhythm.DAILY, Rhythm.WEEKLY):
            weekday = chance.randrange(7)
            seen: dict[str, datetime] = {}
            for run in runs:
                found = due(Hours(zone, hour, weekday, runs[0]), rhythm, run)
                if found and found.day.year == 2024:
                    seen.setdefault(found.edition, run)
            expected = {}
            for day, moment_ in moments(zone, hour).items():
                year, week, on = day.isocalendar()
                name = f"daily:{day}" if rhythm is Rhythm.DAILY else f"weekly:{year}-W{week:02}"
                if rhythm is Rhythm.DAILY or on == weekday + 1:
                    expected[name] = next(run for run in runs if run >= moment_)
            assert seen == expected
            assert len(seen) >= (365 if rhythm is Rhythm.DAILY else 52)


def test_an_hour_that_does_not_exist_is_the_next_that_does() -> None:
    # 31 March 2024: from 01:59 to 03:00; Cairo, 26 April: from 23:59 to 01:00.
    assert moment(date(2024, 3, 31), 2, "Europe/Berlin") == at("2024-03-31T01:00Z")
    assert moment(date(2024, 4, 26), 0, "Africa/Cairo") == at("2024-04-25T22:00Z")
    # Toronto, 31 March 1919: from 23:29 to 00:30, so midnight is within the gap.
    assert moment(date(1919, 3, 31), 0, "America/Toronto") == at("1919-03-31T04:30Z")


def test_an_hour_that_comes_twice_counts_once() -> None:
    two = Hours("Europe/Berlin", 2, 0, LONG_AGO)
    assert edition(two, "2024-10-26T23:59Z") == "daily:2024-10-26"
    for now in ("2024-10-27T00:00Z", "2024-10-27T01:00Z", "2024-10-27T23:00Z"):
        assert edition(two, now) == "daily:2024-10-27"


def test_a_date_that_a_zone_left_out_has_no_edition() -> None:
    apia = Hours("Pacific/Apia", 8, 0, at("2010-01-01T00:00Z"))
    assert moment(date(2011, 12, 30), 8, "Pacific/Apia") is None
    named = {
        edition(apia, f"2011-12-{day}T{hour:02}:00Z") for day in (30, 31) for hour in range(24)
    }
    assert named == {"daily:2011-12-29", "daily:2011-12-31", "daily:2012-01-01"}


def test_who_joins_in_mid_day_gets_tomorrow_s() -> None:
    joined = Hours("Europe/Berlin", 8, 0, at("2024-05-06T10:00+02:00"))
    assert edition(joined, "2024-05-06T23:00+02:00") is None
    assert edition(joined, "2024-05-07T07:59+02:00") is None
    assert edition(joined, "2024-05-07T08:00+02:00") == "daily:2024-05-07"
    early = Hours("Europe/Berlin", 8, 0, at("2024-05-06T07:00+02:00"))
    assert edition(early, "2024-05-06T08:00+02:00") == "daily:2024-05-06"


def test_after_a_week_of_sleep_only_the_latest_is_due() -> None:
    assert edition(BERLIN, "2024-05-06T08:30+02:00") == "daily:2024-05-06"
    assert edition(BERLIN, "2024-05-13T07:30+02:00") == "daily:2024-05-12"
    assert edition(BERLIN, "2024-05-13T07:30+02:00", Rhythm.WEEKLY) == "weekly:2024-W19"


def test_a_clock_that_jumps_back_means_editions_of_before() -> None:
    seen = [edition(BERLIN, now) for now in ("2024-05-06T08:00+02:00", "2024-05-06T07:00+02:00")]
    assert seen == ["daily:2024-05-06", "daily:2024-05-05"]


def test_the_week_is_the_iso_week_of_the_day_it_is_sent_on() -> None:
    sunday = Hours("Europe/Berlin", 8, 6, LONG_AGO)
    assert edition(sunday, "2024-12-29T08:00+01:00", Rhythm.WEEKLY) == "weekly:2024-W52"
    monday = Hours("Europe/Berlin", 8, 0, LONG_AGO)
    assert edition(monday, "2024-12-30T08:00+01:00", Rhythm.WEEKLY) == "weekly:2025-W01"


def test_mail_at_once_keeps_no_hours() -> None:
    assert due(BERLIN, Rhythm.AT_ONCE, at("2024-05-06T08:00Z")) is None
    assert following(BERLIN, Rhythm.AT_ONCE, at("2024-05-06T08:00Z")) is None


@pytest.mark.parametrize("rhythm", [Rhythm.DAILY, Rhythm.WEEKLY])
@pytest.mark.parametrize("zone", CLOCKS)
def test_what_follows_is_what_is_due_then_and_not_before(zone: str, rhythm: Rhythm) -> None:
    chance = random.Random(zone + rhythm)
    for _ in range(50):
        hours = Hours(zone, chance.randrange(24), chance.randrange(7), LONG_AGO)
        now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=chance.randrange(500_000))
        ahead = following(hours, rhythm, now)
        assert ahead is not None
        assert now < ahead.at <= now + timedelta(days=8)
        assert due(hours, rhythm, ahead.at) == ahead
        assert due(hours, rhythm, ahead.at - timedelta(seconds=1)) != ahead


def test_a_zone_that_is_none_is_said_in_a_sentence() -> None:
    for name in ("Mars/Olympus", "", "Europe", "../../etc/passwd", "a\0b", "x" * 5000):
        with pytest.raises(ValueError, match="is no time zone; Europe/Berlin is one"):
            zone_named(name)


def test_every_zone_offered_exists() -> None:
    assert len(zones()) > 300
    assert set(CLOCKS) <= set(zones())
    for name in zones():
        zone_named(name)
