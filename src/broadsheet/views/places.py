"""The lists that are there without a query: the front page, and what a reader made their own."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from broadsheet.records import View
from broadsheet.store import interests, shelves
from broadsheet.views.addresses import Place, address_of, place_at

_FOR_ALL = ("/", "/undated")
_PERSONAL = ("/for-me", "/queue", "/kept")


def for_all() -> tuple[Place, ...]:
    """Those that are nobody's own."""
    return tuple(place_at(address) for address in _FOR_ALL)


def of_reader(connection: Connection, reader: int) -> tuple[Place, ...]:
    """A reader's own: for me, what is to be read, what is kept, then interests and collections by
    the names the reader gave them.
    """
    named = []
    for one in shelves.of(connection, reader):
        view = View(shelf=one.shelf, reader=reader)
        named.append(Place(view, address_of(view), one.name))
    return (*(place_at(address, reader=reader) for address in _PERSONAL), *named)


def held(connection: Connection, place: Place, since: datetime | None = None) -> Place | None:
    """The place by the name its reader gave it; None for an interest or a collection that the
    reader does not have, or did not have yet at a moment: one that was removed and one made later
    can have the same address. So it is of a search that names interests: without one of them it
    would be another list.
    """
    shelf, reader = place.view.shelf, place.view.reader
    if reader is None:
        return place
    for name in place.view.query.interests:
        spoken_of = interests.called(connection, reader, name)
        if spoken_of is None or (since is not None and spoken_of.made > since):
            return None
    if shelf is None or not shelf.slug:
        return place
    known = shelves.called(connection, reader, shelf)
    if known is None or (since is not None and known.made > since):
        return None
    return replace(place, title=known.name)
