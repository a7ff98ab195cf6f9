"""The map of a view: a picture to walk in, and the same as a list of regions."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from broadsheet.records import Paper
from broadsheet.views import places
from broadsheet.views.addresses import NoSuchPlaceError, place_at
from broadsheet.views.addresses import Place as Address
from broadsheet.views.map import TOLD, Mapped, PaperMap, Place, representatives
from broadsheet.web.desk import desk_of
from broadsheet.web.pages.paging import PER_PAGE, Paging, page_number
from broadsheet.web.render import byline, flat, paper_path

# Papers that speak for a region on the page of them all.
_SPEAKERS = 3
_NUMBERS = re.compile(r"\d{1,10}(,\d{1,10})*\Z", re.ASCII)
_REGION = re.compile(r"\d{1,5}\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Section:
    """A region on the page: where it leads, the regions within, and papers of its middle."""

    place: Place
    to: str
    within: list[tuple[Place, str]]
    papers: list[Paper]


def page(request: Request) -> Response:
    """The whole map, a view on it, or one region."""
    desk = desk_of(request)
    address = _address(request)
    mapped = desk.map.of(address.view)
    if mapped is None:
        return desk.page(
            request,
            "map.html",
            "Map",
            section="map",
            mapped=None,
            is_enough=desk.map.is_enough(),
            has_meanings=desk.map.has_meanings,
        )
    number = _region(request, mapped)
    shown: dict[str, Any] = {
        "mapped": mapped,
        "of": "" if mapped.is_whole else address.title,
        "view": "" if mapped.is_whole else address.address,
        "points": _with_view("/map/points.bin", address, mapped),
        "text": address.view.query.text,
    }
    if number is None:
        sections = [_section(desk.map, mapped, address, one) for one in mapped.places_at(0)]
        return desk.page(
            request, "map.html", "Map", section="map", region=None, sections=sections, **shown
        )
    rows = mapped.rows_in(number)
    listed = page_number(request)
    first = (listed - 1) * PER_PAGE
    layout = mapped.layout
    some = representatives(rows)
    return desk.page(
        request,
        "map.html",
        f"{layout.regions[number].name} – map",
        section="map",
        region=layout.regions[number],
        number=number,
        total=len(rows),
        above=_above(mapped, address, number),
        within=[(one, _to(address, mapped, one.number)) for one in mapped.within(number)],
        listed=desk.map.papers(layout.numbers[rows[first : first + PER_PAGE]].tolist()),
        speakers=desk.map.papers(layout.numbers[some].tolist()),
        paging=Paging("/map", _params(address, mapped, number), listed, len(rows)),
        whole=_to(address, mapped, None),
        **shown,
    )


def points(request: Request) -> Response:
    """The map for drawing, as one file that a browser keeps until the layout or the view change."""
    desk = desk_of(request)
    address = _address(request)
    mapped = desk.map.of(address.view)
    if mapped is None:
        raise HTTPException(404, "There is no map yet.")
    body = mapped.points()
    # The digest of what is sent: the same view of the same layout is not sent twice.
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") in (tag, f"W/{tag}"):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/octet-stream", headers=headers)


def papers(request: Request) -> Response:
    """What the script asks: titles of papers (`n=1,2,3`), or which a query finds (`find=…`)."""
    desk = desk_of(request)
    text = request.query_params.get("find")
    if text is not None:
        found = desk.map.lit(place_at("/search", {"q": text}, desk.reader).view)
        return JSONResponse({"numbers": found}, headers={"Cache-Control": "no-store"})
    asked = request.query_params.get("n", "")
    if not _NUMBERS.match(asked):
        raise HTTPException(400, "Papers are asked for by number, as in ?n=12,13.")
    numbers = [int(number) for number in asked.split(",")[:TOLD]]
    told = [_told(paper) for paper in desk.map.papers(numbers)]
    return JSONResponse({"papers": told}, headers={"Cache-Control": "no-store"})


def _told(paper: Paper) -> dict[str, str | int | None]:
    """A paper for the script: text only, which it puts on the page as text."""
    return {
        "number": paper.number,
        "id": paper.id,
        "title": flat(paper.title),
        "by": byline(paper),
        "day": paper.day.isoformat() if paper.day else None,
        "to": paper_path(paper),
    }


def _address(request: Request) -> Address:
    """The view asked for: `of` is any list's address, `q` a search."""
    params = request.query_params
    text = params.get("q", "")
    desk = desk_of(request)
    try:
        if text.strip():
            return place_at("/search", {"q": text}, desk.reader)
        place = place_at(params.get("of", "/"), reader=desk.reader)
    except NoSuchPlaceError as error:
        raise HTTPException(404, str(error)) from error
    with desk.store.reading() as connection:
        named = places.held(connection, place)
    if named is None:
        raise HTTPException(404, f"There is no list “{place.title[:60]}” here.")
    return named


def _region(request: Request, mapped: Mapped) -> int | None:
    asked = request.query_params.get("region")
    if asked is None:
        return None
    if not _REGION.match(asked) or int(asked) >= len(mapped.layout.regions):
        raise HTTPException(404, "The map has no such region; it may have been made anew since.")
    return int(asked)


def _section(paper_map: PaperMap, mapped: Mapped, address: Address, place: Place) -> Section:
    rows = mapped.rows_in(place.number, _SPEAKERS)
    return Section(
        place,
        _to(address, mapped, place.number),
        [(one, _to(address, mapped, one.number)) for one in mapped.within(place.number)],
        paper_map.papers(mapped.layout.numbers[rows].tolist()),
    )


def _above(mapped: Mapped, address: Address, number: int) -> list[tuple[str, str]]:
    """The regions around one, the widest first: name and address."""
    found: list[tuple[str, str]] = []
    within = mapped.layout.regions[number].within
    while within >= 0:
        region = mapped.layout.regions[within]
        found.insert(0, (region.name, _to(address, mapped, within)))
        within = region.within
    return found


def _params(address: Address, mapped: Mapped, number: int | None) -> dict[str, str]:
    params = {} if mapped.is_whole else {"of": address.address}
    return params if number is None else {**params, "region": str(number)}


def _to(address: Address, mapped: Mapped, number: int | None) -> str:
    params = _params(address, mapped, number)
    return f"/map?{urlencode(params)}" if params else "/map"


def _with_view(path: str, address: Address, mapped: Mapped) -> str:
    return path if mapped.is_whole else f"{path}?{urlencode({'of': address.address})}"
