"""Days, weeks and months as periods of a view: their names, bounds and neighbours."""

from __future__ import annotations

import calendar
import re
from datetime import date, timedelta

from broadsheet.records import Period, Span

ALL = Period()
UNDATED = Period(Span.UNDATED)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_WEEK = re.compile(r"(\d{4})-W(\d{2})\Z", re.ASCII)
_MONTH = re.compile(r"(\d{4})-(\d{2})\Z", re.ASCII)


def day_of(day: date) -> Period:
    """One day."""
    return Period(Span.DAY, day, day)


def week_of(day: date) -> Period:
    """The ISO week (Monday to Sunday, ISO 8601) that holds `day`."""
    monday = day - timedelta(days=day.weekday())
    # The calendar's last week ends with a Friday.
    return Period(Span.WEEK, monday, monday + min(timedelta(days=6), date.max - monday))


def month_of(day: date) -> Period:
    """The calendar month that holds `day`."""
    last = calendar.monthrange(day.year, day.month)[1]
    return Period(Span.MONTH, day.replace(day=1), day.replace(day=last))


def parse(span: str, name: str) -> Period:
    """The period called `name`, as in day 2025-11-19, week 2025-W47, month 2025-11.

    Raises ValueError, with a sentence, for a name that is none.
    """
    try:
        if span == Span.DAY and _DAY.match(name):
            return day_of(date.fromisoformat(name))
        if span == Span.WEEK and (match := _WEEK.match(name)):
            return week_of(date.fromisocalendar(int(match[1]), int(match[2]), 1))
        if span == Span.MONTH and (match := _MONTH.match(name)):
            return month_of(date(int(match[1]), int(match[2]), 1))
    except ValueError:
        pass
    examples = {"day": "2025-11-19", "week": "2025-W47", "month": "2025-11"}
    raise ValueError(f"“{name[:40]}” is no {span}; write it as {examples.get(span, '')}.")


def name(period: Period) -> str:
    """The name `parse` reads; empty for all time and for undated papers."""
    if period.first is None:
        return ""
    if period.span is Span.WEEK:
        year, week, _ = period.first.isocalendar()
        return f"{year:04}-W{week:02}"
    if period.span is Span.MONTH:
        return period.first.isoformat()[:7]
    return period.first.isoformat()


def title(period: Period) -> str:
    """The period as a headline says it."""
    if period.span is Span.UNDATED:
        return "Undated papers"
    if period.first is None or period.last is None:
        return "All papers"
    if period.span is Span.WEEK:
        return f"Week of {long_date(period.first)}"
    if period.span is Span.MONTH:
        return f"{period.first:%B %Y}"
    return f"{period.first:%A}, {long_date(period.first)}"


def long_date(day: date) -> str:
    """`19 November 2025`."""
    return f"{day.day} {day:%B %Y}"


def same_span(period: Period, day: date) -> Period:
    """The period of the same length that holds `day`."""
    if period.span is Span.WEEK:
        return week_of(day)
    if period.span is Span.MONTH:
        return month_of(day)
    return day_of(day)
