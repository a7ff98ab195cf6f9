"""arXiv's calendar: which dates its listings bear, and from which moment on they are there."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.intake import announcing

DAYS = st.dates(date(2000, 1, 1), date(2100, 12, 31))
MOMENTS = st.datetimes(
    datetime(2000, 1, 1),  # noqa: DTZ001 - hypothesis wants bounds without a zone
    datetime(2100, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, announcing.EASTERN, timezone(timedelta(hours=9))]),
)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "moment"),
    [
        # A Wednesday in winter (New York is five hours behind) and one in summer (four).
        (date(2026, 1, 14), "2026-01-14 01:00"),
        (date(2026, 7, 15), "2026-07-15 00:00"),
        # A Monday is announced on Sunday.
        (date(2026, 1, 12), "2026-01-12 01:00"),
        # The clocks went forward on Sunday the 8th of March and back on the 1st of November.
        (date(2026, 3, 6), "2026-03-06 01:00"),
        (date(2026, 3, 9), "2026-03-09 00:00"),
        (date(2026, 10, 30), "2026-10-30 00:00"),
        (date(2026, 11, 2), "2026-11-02 01:00"),
        (date(2026, 1, 1), "2026-01-01 01:00"),
    ],
)
def test_a_listing_is_announced_at_eight_in_new_york_on_the_evening_before(
    day: date, moment: str
) -> None:
    found = announcing.announced_at(day)
    assert found == at(moment)
    assert found.utcoffset() == timedelta(0)


def test_listings_bear_the_dates_of_monday_to_friday() -> None:
    week = [date(2026, 3, 2) + timedelta(days=n) for n in range(7)]
    assert [announcing.is_announcement_day(day) for day in week] == [True] * 5 + [False] * 2


@pytest.mark.parametrize(
    ("now", "day"),
    [
        # Around the hour, in winter and in summer; Thursday evening brings Friday.
        ("2026-01-14 00:59:59", date(2026, 1, 13)),
        ("2026-01-14 01:00:00", date(2026, 1, 14)),
        ("2026-07-14 23:59:59", date(2026, 7, 14)),
        ("2026-07-15 00:00:00", date(2026, 7, 15)),
        ("2026-01-16 01:00:00", date(2026, 1, 16)),
        # From then on until Sunday evening nothing is new.
        ("2026-01-17 01:30:00", date(2026, 1, 16)),
        ("2026-01-17 12:00:00", date(2026, 1, 16)),
        ("2026-01-18 12:00:00", date(2026, 1, 16)),
        ("2026-01-19 00:59:59", date(2026, 1, 16)),
        ("2026-01-19 01:00:00", date(2026, 1, 19)),
        # The Sundays on which the clocks change: an hour earlier in March, later in November.
        ("2026-03-08 23:59:59", date(2026, 3, 6)),
        ("2026-03-09 00:00:00", date(2026, 3, 9)),
        ("2026-11-02 00:59:59", date(2026, 10, 30)),
        ("2026-11-02 01:00:00", date(2026, 11, 2)),
    ],
)
def test_the_latest_is_the_one_whose_hour_has_come(now: str, day: date) -> None:
    assert announcing.latest(at(now)) == day


def test_the_latest_is_the_same_in_every_zone_of_the_clock() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert announcing.latest(datetime(2026, 1, 14, 9, 59, tzinfo=tokyo)) == date(2026, 1, 13)
    assert announcing.latest(datetime(2026, 1, 14, 10, 0, tzinfo=tokyo)) == date(2026, 1, 14)


@pytest.mark.parametrize(
    ("day", "rests"),
    [
        # Thanksgiving is the 26th of November in 2026: its evening would have brought the 27th.
        (date(2026, 11, 25), False),
        (date(2026, 11, 26), False),
        (date(2026, 11, 27), True),
        (date(2026, 11, 30), False),
        # In 2026 the 4th of July is a Saturday, kept on Friday: no listing hangs on either.
        (date(2026, 7, 2), False),
        (date(2026, 7, 3), False),
        (date(2026, 7, 6), False),
        # In 2027 it is a Sunday, kept on Monday: both evenings may rest.
        (date(2027, 7, 5), True),
        (date(2027, 7, 6), True),
        (date(2027, 7, 7), False),
        # Christmas and New Year, over the end of the year.
        (date(2026, 12, 25), True),
        (date(2026, 12, 28), False),
        (date(2027, 1, 1), True),
        (date(2027, 1, 4), False),
        # Mondays: King, Presidents, Memorial, Labor, Columbus.
        *((day, True) for day in (date(2026, 1, 20), date(2026, 2, 17), date(2026, 5, 26))),
        *((day, True) for day in (date(2026, 9, 8), date(2026, 10, 13))),
        *((day, False) for day in (date(2026, 1, 13), date(2026, 5, 19), date(2026, 9, 15))),
    ],
)
def test_only_the_evening_of_a_holiday_may_bring_nothing(day: date, rests: bool) -> None:
    assert announcing.may_rest(day) is rests


def test_a_year_has_few_days_on_which_nothing_may_come() -> None:
    year = announcing.days_between(date(2026, 1, 1), date(2026, 12, 31))
    assert 8 <= sum(map(announcing.may_rest, year)) <= 14


def test_the_days_between_two_are_their_weekdays_oldest_first() -> None:
    assert list(announcing.days_between(date(2026, 3, 6), date(2026, 3, 10))) == [
        date(2026, 3, 6),
        date(2026, 3, 9),
        date(2026, 3, 10),
    ]
    assert list(announcing.days_between(date(2026, 3, 7), date(2026, 3, 8))) == []
    assert list(announcing.days_between(date(2026, 3, 10), date(2026, 3, 9))) == []


@given(DAYS, DAYS)
def test_later_dates_are_announced_later(one: date, other: date) -> None:
    moments = announcing.announced_at(one), announcing.announced_at(other)
    assert (one < other) == (moments[0] < moments[1])


@given(DAYS)
def test_a_listing_can_be_read_before_its_day_begins_in_new_york(day: date) -> None:
    evening = announcing.announced_at(day).astimezone(announcing.EASTERN)
    assert (evening.date(), evening.hour) == (day - timedelta(days=1), 20)


@given(MOMENTS)
def test_the_hour_of_the_latest_is_over_and_that_of_the_next_is_not(now: datetime) -> None:
    latest = announcing.latest(now)
    assert announcing.is_announcement_day(latest)
    assert announcing.announced_at(latest) <= now
    after = announcing.following(latest)
    assert announcing.is_announcement_day(after)
    assert now < announcing.announced_at(after)
    assert list(announcing.days_between(latest, after)) == [latest, after]
