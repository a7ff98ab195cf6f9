"""What is rising: terms and topics with their figures, as a page and for machines."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from broadsheet.records import Span
from broadsheet.views.addresses import NoSuchPlaceError, place_at
from broadsheet.views.addresses import Place as Address
from broadsheet.views.rising import FALSE_ALARM, SPANS, USUAL, Riser, rising_json
from broadsheet.web.desk import desk_of

# A sparkline's box, in its own units.
_WIDE, _HIGH = 120, 28


@dataclass(frozen=True, slots=True)
class Line:
    """A riser on the page: where it leads, and its weeks as a line and in words."""

    riser: Riser
    to: str
    line: str
    end: tuple[float, float] | None
    said: str


def page(request: Request) -> Response:
    """What rises in all papers or in a view."""
    desk = desk_of(request)
    address, days = _asked(request)
    rising = desk.rising.of(address.view, days)
    of = address.view.query.text
    return desk.page(
        request,
        "rising.html",
        f"Rising in {of}" if of else "What is rising",
        section="rising",
        rising=rising,
        of=of,
        spans=[(span, _to(address, span)) for span in SPANS],
        days=days,
        terms=[_line(one) for one in rising.terms] if rising else [],
        topics=[_line(one) for one in rising.topics] if rising else [],
        false_alarm=f"{FALSE_ALARM * 100:g} %",
        as_json=_to(address, days, "/rising.json"),
    )


def as_json(request: Request) -> Response:
    """The same for machines."""
    address, days = _asked(request)
    rising = desk_of(request).rising.of(address.view, days)
    # Before anything was counted: null, and the page says why.
    return JSONResponse(rising_json(rising) if rising else None)


def sparkline(weeks: tuple[float | None, ...]) -> tuple[str, tuple[float, float] | None]:
    """The points of a line for SVG, and its last point; weeks without papers are left out."""
    most = max((share for share in weeks if share is not None), default=0.0) or 1.0
    step = (_WIDE - 6) / max(len(weeks) - 1, 1)
    points = [
        (round(3 + place * step, 1), round(_HIGH - 4 - (_HIGH - 8) * share / most, 1))
        for place, share in enumerate(weeks)
        if share is not None
    ]
    return " ".join(f"{x:g},{y:g}" for x, y in points), points[-1] if points else None


def _asked(request: Request) -> tuple[Address, int]:
    params = request.query_params
    text = params.get("q", "")
    try:
        address = (
            place_at("/search", {"q": text}) if text.strip() else place_at(params.get("of", "/"))
        )
    except NoSuchPlaceError as error:
        raise HTTPException(404, str(error)) from error
    if address.is_personal or address.view.period.span is not Span.ALL:
        raise HTTPException(404, "What rises is shown of all papers or of a search.")
    asked = params.get("days", str(USUAL))
    if asked not in map(str, SPANS):
        spans = ", ".join(map(str, SPANS))
        raise HTTPException(404, f"What rises is looked at over {spans} days.")
    return address, int(asked)


def _to(address: Address, days: int, path: str = "/rising") -> str:
    params = {"q": address.view.query.text} if address.view.query.text else {}
    if days != USUAL:
        params["days"] = str(days)
    return f"{path}?{urlencode(params)}" if params else path


def _line(riser: Riser) -> Line:
    line, end = sparkline(riser.weeks)
    to = (
        f"/map?{urlencode({'region': riser.region})}"
        if riser.region is not None
        else f"/search?{urlencode({'q': riser.query, 'order': 'new'})}"
    )
    said = ", ".join("no papers" if week is None else f"{week:.1%}" for week in riser.weeks)
    return Line(riser, to, line, end, f"Share of the papers week by week, the newest last: {said}")
