"""Feeds of every list, the page that names a reader's, and their private addresses.

No list is known here by name: a feed is whatever list stands at the address in front of its ending.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

from broadsheet.records import Order
from broadsheet.store import changes, feed_secrets, papers, readers
from broadsheet.views import places
from broadsheet.views.addresses import NoSuchPlaceError, Place, place_at
from broadsheet.web import keeping
from broadsheet.web.desk import desk_of
from broadsheet.web.feeds import opml
from broadsheet.web.feeds.answering import answer
from broadsheet.web.feeds.formats import FORMATS, FeedLink, feed_address, feed_links, place_of
from broadsheet.web.feeds.making import MOST_PER_PAGE, PER_PAGE, Held, Page, Site, feed_of
from broadsheet.web.feeds.simple import quoted
from broadsheet.web.pages.paging import page_number
from broadsheet.web.security import is_at_home

_SIZE = re.compile(r"[1-9][0-9]{0,2}")
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
# Papers come in once a day, but by several ways: a reader asks again within minutes at the most.
# Orders that go by nothing but the papers and what is asked of them.
_BY_PAPERS = (Order.NEW, Order.RELEVANCE)
_PUBLIC = "public, max-age=300"
# A revoked address must not go on answering from a copy.
_PRIVATE = "private, no-cache"


class FeedRoute(Route):
    """Stands where the ending of a format follows the address of a list, whichever list that is;
    other addresses with such an ending (`/ledger.json`) are left to their own routes.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether this route answers the request."""
        match, found = super().matches(scope)
        if match is not Match.NONE:
            asked = found["path_params"]
            if asked["ending"] not in FORMATS or place_of(asked["place"]) is None:
                return Match.NONE, {}
        return match, found


@dataclass(frozen=True, slots=True)
class Shown:
    """A list on the page of feeds: its place, the addresses of its feeds, and of a reader's own
    the private ones, where some were made.
    """

    place: Place
    feeds: tuple[FeedLink, ...]
    private: tuple[FeedLink, ...] = ()


def of_list(request: Request) -> Response:
    """The feed of a list; of a reader's own, to who sits at this machine and to nobody else."""
    place, ending = _asked(request, None)
    if place.is_personal:
        if not is_at_home(request):
            raise HTTPException(404)
        place, ending = _asked(request, desk_of(request).reader)
        place = _held(request, place, None)
    address = feed_address(place.address, ending)
    if address.partition("?")[0] != request.scope["path"]:  # a search for nothing is no search
        return RedirectResponse(quoted(address), 302)
    return _feed(request, place, ending, address, is_private=place.is_personal)


def of_secret(request: Request) -> Response:
    """The feed of a reader's own list, for who has its secret address. One that opens nothing, or
    another list, is no address at all.
    """
    desk, secret = desk_of(request), request.path_params["secret"]
    with desk.store.reading() as connection:
        opened = feed_secrets.opened_by(connection, secret)
    if opened is None:
        raise HTTPException(404)
    place, ending = _asked(request, opened.reader)
    if place.address != opened.address:
        raise HTTPException(404)
    place = _held(request, place, opened.made)
    address = f"/feeds/{opened.secret}{feed_address(place.address, ending)}"
    made = _feed(request, place, ending, address, is_private=True)
    made.headers["X-Robots-Tag"] = "noindex"
    return made


def page(request: Request) -> Response:
    """The feeds of the reader's lists, and the buttons for private addresses."""
    desk, base = desk_of(request), _base(request)
    return desk.page(
        request,
        "feeds.html",
        "Feeds",
        section="feeds",
        public=[Shown(one, _absolute(base, feed_links(one.address))) for one in places.for_all()],
        personal=_personal(request) if is_at_home(request) else None,
    )


def as_opml(request: Request) -> Response:
    """The same for a feed reader to take in. What is a reader's own is in it for who sits at this
    machine: by its private address, where one was made.
    """
    base = _base(request)
    own = _personal(request) if is_at_home(request) else []
    listed = [(one, feed_links(one.address)) for one in places.for_all()]
    said = [(one.title, base + quoted(_atom(feeds)), base + one.address) for one, feeds in listed]
    said += [
        (one.place.title, _atom(one.private or one.feeds), base + quoted(one.place.address))
        for one in own
    ]
    headers = {
        "Cache-Control": _PRIVATE,
        "Content-Disposition": 'attachment; filename="broadsheet.opml"',
    }
    return Response(opml.render("Broadsheet", said), media_type=opml.TYPE, headers=headers)


async def make_private(request: Request) -> Response:
    """Makes a private address of a list; the one before, if any, opens nothing any more."""
    place = await _own(request)

    def make() -> None:
        desk = desk_of(request)
        reader = desk.reader
        with desk.store.writing() as connection:
            feed_secrets.make(connection, reader, place.address)

    if len(place.address) > feed_secrets.LONGEST:
        raise HTTPException(400, "The address of this list is too long for a private one.")
    await run_in_threadpool(make)
    return RedirectResponse("/feeds", 303)


async def revoke_private(request: Request) -> Response:
    """Lets the private address of a list open nothing any more."""
    place = await _own(request)

    def revoke() -> None:
        desk = desk_of(request)
        reader = desk.reader
        with desk.store.writing() as connection:
            feed_secrets.revoke(connection, reader, place.address)

    await run_in_threadpool(revoke)
    return RedirectResponse("/feeds", 303)


def _asked(request: Request, reader: int | None) -> tuple[Place, str]:
    ending = request.path_params["ending"]
    place = place_of(request.path_params["place"], request.query_params, reader)
    if place is None or ending not in FORMATS:
        raise HTTPException(404)
    return place, ending


def _held(request: Request, place: Place, since: datetime | None) -> Place:
    """A reader's own list, which there is and was at that moment."""
    with desk_of(request).store.reading() as connection:
        found = places.held(connection, place, since)
    if found is None:
        raise HTTPException(404)
    return found


async def _own(request: Request) -> Place:
    """The reader's own list that a form names."""
    if not is_at_home(request):
        raise HTTPException(404)
    async with request.form(max_files=0) as form:
        address = str(form.get("view", ""))
    try:
        place = place_at(address)
    except (NoSuchPlaceError, ValueError):
        raise HTTPException(400, f"No list has the address “{address[:100]}”.") from None
    if not place.is_personal:
        raise HTTPException(400, "This list is no one's own: its feeds need no private address.")
    return place


def _feed(
    request: Request, place: Place, ending: str, address: str, *, is_private: bool
) -> Response:
    desk, form, page = desk_of(request), FORMATS[ending], _page(request)
    view = replace(place.view, limit=page.size, offset=page.offset)
    if view.reader is None and view.shelf is None and view.order in _BY_PAPERS:
        keeping.of_papers(request)
    listing = desk.catalogue.listing(view)
    with desk.store.reading() as connection:
        held = Held(
            changes.identity(connection),
            readers.begun(connection),
            papers.replaced(connection, [entry.paper.number for entry in listing.entries]),
        )
    # A hub would be told the secret of a private address.
    hub = desk.hub if desk.hub and not is_private else None
    # Who sits at this machine reads a plain address of their own lists under the name they used.
    at_home = place.is_personal and "secret" not in request.path_params
    base = _host(request) if at_home else _base(request)
    feed = feed_of(place, listing, page, Site(base, base + quoted(address), hub), held)
    made = answer(
        form.render(feed),
        form.type,
        desk.changes,
        feed.here,
        datetime.now(UTC),
    )
    made.headers["Cache-Control"] = _PRIVATE if is_private else _PUBLIC
    if hub:
        made.headers["Link"] = f'<{hub}>; rel="hub", <{feed.here}>; rel="self"'
    return made


def _personal(request: Request) -> list[Shown]:
    """The reader's own lists, those with a private address among them even where they stand on no
    other list of lists.
    """
    desk, base = desk_of(request), _base(request)
    here, reader = _host(request), desk.reader
    with desk.store.reading() as connection:
        secrets = {one.address: one.secret for one in feed_secrets.held(connection, reader)}
        known = list(places.of_reader(connection, reader))
    listed = {place.address for place in known}
    known += [place_at(address, reader=reader) for address in secrets if address not in listed]
    return [
        Shown(
            place,
            _absolute(here, feed_links(place.address)),
            _absolute(f"{base}/feeds/{secrets[place.address]}", feed_links(place.address))
            if place.address in secrets
            else (),
        )
        for place in known
    ]


def _absolute(base: str, links: Iterable[FeedLink]) -> tuple[FeedLink, ...]:
    return tuple(replace(link, address=base + quoted(link.address)) for link in links)


def _atom(links: Iterable[FeedLink]) -> str:
    """The address of the format that says most."""
    return next(link.address for link in links if link.type == FORMATS["atom"].type)


def _page(request: Request) -> Page:
    asked = request.query_params.get("n", "")
    size = min(int(asked), MOST_PER_PAGE) if _SIZE.fullmatch(asked) else PER_PAGE
    return Page(page_number(request), size)


def _base(request: Request) -> str:
    """Where readers reach this Broadsheet: the address that was set, else the one they used."""
    return desk_of(request).site or _host(request)


def _host(request: Request) -> str:
    """The address that the request used."""
    host = request.headers.get("host", "")
    if not _HOST.fullmatch(host):
        raise HTTPException(400, "The request names no host that could stand in an address.")
    return f"{request.url.scheme}://{host}"
