"""Days, weeks and months: their names, bounds and headlines."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.records import Period, Span
from broadsheet.views import periods

PROPERTY = settings(derandomize=True, max_examples=200, deadline=None)
ANY_DAY = st.dates() | st.sampled_from(
    [date.min, date.max, date(2024, 2, 29), date(2020, 12, 31), date(2021, 1, 3), date(999, 5, 5)]
)
SPANS = st.sampled_from([Span.DAY, Span.WEEK, Span.MONTH])


def around(span: Span, day: date) -> Period:
    return periods.same_span(Period(span, day, day), day)


@PROPERTY
@given(span=SPANS, day=ANY_DAY)
def test_the_name_of_a_period_is_read_as_that_period(span: Span, day: date) -> None:
    period = around(span, day)
    assert periods.parse(span, periods.name(period)) == period


@PROPERTY
@given(span=SPANS, day=ANY_DAY)
def test_a_period_holds_its_days_and_no_others(span: Span, day: date) -> None:
    period = around(span, day)
    assert period.first is not None
    assert period.last is not None
    assert period.first <= day <= period.last
    for step, outside in ((-1, period.first), (1, period.last)):
        if outside not in (date.min, date.max):
            assert around(span, outside + timedelta(days=step)) != period
        assert around(span, outside) == period


@PROPERTY
@given(span=SPANS, name=st.text("0123456789-W", max_size=11) | st.text(max_size=12))
def test_a_name_is_read_or_refused_in_a_sentence(span: Span, name: str) -> None:
    try:
        read = periods.name(periods.parse(span, name))
    except ValueError as refused:
        read = str(refused).partition("” is no ")[0].removeprefix("“")
    assert read == name


@pytest.mark.parametrize(
    ("span", "name", "first", "last", "title"),
    [
        ("day", "2025-11-19", "2025-11-19", "2025-11-19", "Wednesday, 19 November 2025"),
        ("day", "2024-02-29", "2024-02-29", "2024-02-29", "Thursday, 29 February 2024"),
        ("week", "2025-W47", "2025-11-17", "2025-11-23", "Week of 17 November 2025"),
        ("week", "2020-W53", "2020-12-28", "2021-01-03", "Week of 28 December 2020"),
        ("week", "2026-W01", "2025-12-29", "2026-01-04", "Week of 29 December 2025"),
        ("month", "2024-02", "2024-02-01", "2024-02-29", "February 2024"),
        ("month", "2023-02", "2023-02-01", "2023-02-28", "February 2023"),
        ("month", "9999-12", "9999-12-01", "9999-12-31", "December 9999"),
    ],
)
def test_a_named_period_has_its_bounds_and_its_headline(
    span: str, name: str, first: str, last: str, title: str
) -> None:
    period = periods.parse(span, name)
    assert (period.first, period.last) == (date.fromisoformat(first), date.fromisoformat(last))
    assert periods.title(period) == title


@pytest.mark.parametrize(
    ("span", "name", "example"),
    [
        ("day", "2023-02-29", "2025-11-19"),
        ("day", "2025-W47-3", "2025-11-19"),
        ("day", "20251119", "2025-11-19"),
        ("day", "yesterday", "2025-11-19"),
        ("week", "2021-W53", "2025-W47"),
        ("week", "2025-W00", "2025-W47"),
        ("week", "0000-W01", "2025-W47"),
        ("month", "2025-13", "2025-11"),
        ("month", "2025-11-19", "2025-11"),
        ("month", "٢٠٢٥-١١", "2025-11"),
        ("all", "2025", ""),
    ],
)
def test_a_name_that_is_none_is_refused_with_an_example(span: str, name: str, example: str) -> None:
    with pytest.raises(ValueError, match="is no") as refused:
        periods.parse(span, name)
    assert str(refused.value) == f"“{name}” is no {span}; write it as {example}."


def test_a_very_long_name_is_not_repeated_whole() -> None:
    with pytest.raises(ValueError, match="is no day") as refused:
        periods.parse("day", "1" * 10_000)
    assert len(str(refused.value)) < 100


def test_all_time_and_no_time_have_headlines_and_no_name() -> None:
    assert (periods.title(periods.ALL), periods.name(periods.ALL)) == ("All papers", "")
    assert (periods.title(periods.UNDATED), periods.name(periods.UNDATED)) == ("Undated papers", "")


def test_the_last_week_of_the_calendar_ends_with_it() -> None:
    assert periods.week_of(date.max).last == date.max
