"""The front page of a day, a week or a month, and the papers without a day."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import date

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from broadsheet.records import Order, Period, Span, View
from broadsheet.views import periods, query
from broadsheet.views.addresses import address_of
from broadsheet.views.catalogue import Edition, view_of
from broadsheet.web.desk import Desk, desk_of
from broadsheet.web.pages.paging import PER_PAGE, Paging, page_number


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A cell of the month: `heat` 0 to 4 says how full the day is beside the fullest."""

    day: date | None
    papers: int = 0
    heat: int = 0
    is_here: bool = False


# A cell of the first or last week that belongs to another month.
_OUTSIDE = CalendarDay(None)
_ORDERS = {"new": "as announced", "trending": "trending", "votes": "votes", "for-me": "for me"}


def latest(request: Request) -> Response:
    """The newest edition; what to do first where there is none."""
    desk = desk_of(request)
    period = desk.catalogue.latest()
    if period is None:
        if desk.catalogue.holdings().papers:
            return _front(request, periods.UNDATED)
        return desk.page(request, "empty.html", "Broadsheet", section="day")
    return _front(request, period, address_of(View()))


def day(request: Request) -> Response:
    """One day."""
    return _front(request, _period(request, Span.DAY))


def week(request: Request) -> Response:
    """One ISO week."""
    return _front(request, _period(request, Span.WEEK))


def month(request: Request) -> Response:
    """One month."""
    return _front(request, _period(request, Span.MONTH))


def latest_week(request: Request) -> Response:
    """On to the week of the newest edition."""
    return _latest(request, Span.WEEK)


def latest_month(request: Request) -> Response:
    """On to the month of the newest edition."""
    return _latest(request, Span.MONTH)


def undated(request: Request) -> Response:
    """The papers whose day no source knows."""
    return _front(request, periods.UNDATED)


def month_grid(days: dict[date, int], period: Period) -> list[list[CalendarDay]]:
    """The weeks of the month around a period, Monday first."""
    if period.last is None or period.first is None:
        return []
    fullest = max(days.values(), default=0)
    first = period.last.replace(day=1)
    weeks = calendar.monthcalendar(first.year, first.month)
    return [
        [_cell(first.replace(day=day), days, fullest, period) if day else _OUTSIDE for day in week]
        for week in weeks
    ]


def _latest(request: Request, span: Span) -> Response:
    newest = desk_of(request).catalogue.latest()
    if newest is None or newest.first is None:
        return RedirectResponse("/", 302)
    period = periods.week_of(newest.first) if span is Span.WEEK else periods.month_of(newest.first)
    return RedirectResponse(f"/{span}/{periods.name(period)}", 302)


def _cell(day: date, days: dict[date, int], fullest: int, period: Period) -> CalendarDay:
    papers = days.get(day, 0)
    heat = 0 if not papers else 1 + (3 * papers) // fullest
    return CalendarDay(day, papers, heat, _holds(period, day))


def _period(request: Request, span: Span) -> Period:
    try:
        return periods.parse(span, request.path_params["name"])
    except ValueError as error:
        raise HTTPException(404, str(error)) from error


def _front(request: Request, period: Period, place: str = "") -> Response:
    desk = desk_of(request)
    page = page_number(request)
    order, is_chosen = _order(request, desk)
    view = view_of(query.parse(""), period, order, limit=PER_PAGE, page=page)
    edition = desk.catalogue.edition(replace(view, reader=desk.reader))
    params = {"order": order.value} if is_chosen else {}
    return desk.page(
        request,
        "front.html",
        periods.title(period),
        section=period.span,
        papers=[entry.paper for entry in edition.listing.entries],
        orders=_orders(request.url.path),
        prior=_prior(desk, order),
        place=place or address_of(edition.listing.view),
        edition=edition,
        period=period,
        grid=month_grid(edition.days, period),
        spans=_spans(edition),
        paging=Paging(request.url.path, params, page, edition.listing.total),
        holdings=desk.catalogue.holdings(),
        can_send=desk.writer is not None,
        rising=desk.rising.at_hand(),
    )


def _prior(desk: Desk, order: Order) -> float:
    """How much the prior counts in the one order that goes by it."""
    trends = order is Order.TRENDING
    return desk.catalogue.people.tuning(desk.reader).prior if trends else 0.0


def _order(request: Request, desk: Desk) -> tuple[Order, bool]:
    """The order asked for, else the reader's usual one; and whether it was asked for."""
    asked = request.query_params.get("order")
    if asked in _ORDERS:
        return Order(asked), True
    return Order(desk.usual_order(request)), False


def _orders(path: str) -> tuple[tuple[str, str, str], ...]:
    """Each order's name, words and address."""
    return tuple((name, words, f"{path}?order={name}") for name, words in _ORDERS.items())


def _spans(edition: Edition) -> dict[str, Period]:
    """The day, week and month that hold the edition's newest day."""
    period = edition.listing.view.period
    if period.last is None:
        return {}
    newest = max((day for day in edition.days if _holds(period, day)), default=period.last)
    return {
        "day": periods.day_of(newest),
        "week": periods.week_of(newest),
        "month": periods.month_of(newest),
    }


def _holds(period: Period, day: date) -> bool:
    return (
        period.first is not None and period.last is not None and period.first <= day <= period.last
    )
