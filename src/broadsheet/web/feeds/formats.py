"""The formats, and the addresses of feeds: behind a list's own path stands a format's ending.

As in `/day/2025-11-19.atom` and `/search.rss?q=lamps`; those of `/` are `/new.rss` and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broadsheet.views.addresses import NoSuchPlaceError, Place, place_at
from broadsheet.web.feeds import atom, json_feed, rss
from broadsheet.web.feeds.feed import Feed


@dataclass(frozen=True, slots=True)
class Format:
    """A format: its name for people, its media type, and what writes it."""

    name: str
    type: str
    render: Callable[[Feed], bytes]


# By the ending of the address.
FORMATS: Mapping[str, Format] = {
    "rss": Format("RSS", rss.TYPE, rss.render),
    "atom": Format("Atom", atom.TYPE, atom.render),
    "json": Format("JSON", json_feed.TYPE, json_feed.render),
}
_FRONT = "new"


@dataclass(frozen=True, slots=True)
class FeedLink:
    """A feed of a list, as pages name it."""

    name: str
    type: str
    address: str


def feed_address(address: str, ending: str) -> str:
    """The address of a list's feed, from the list's own."""
    path, mark, query = address.partition("?")
    return f"{f'/{_FRONT}' if path == '/' else path}.{ending}{mark}{query}"


def feed_links(address: str) -> tuple[FeedLink, ...]:
    """The feeds of a list, one a format."""
    return tuple(
        FeedLink(form.name, form.type, feed_address(address, ending))
        for ending, form in FORMATS.items()
    )


def place_of(
    path: str, params: Mapping[str, str] | None = None, reader: int | None = None
) -> Place | None:
    """The list whose feed stands at a path (its ending taken off already); None for no list."""
    if not path or any(mark in path for mark in "?#\\") or path.startswith("/"):
        return None
    try:
        return place_at("/" if path == _FRONT else f"/{path}", params, reader)
    except NoSuchPlaceError:
        return None
