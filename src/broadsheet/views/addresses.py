"""The address of a view: every list has one, and page, feed, mail and terminal all name it by it.

    /                          what is new, newest first
    /day/2025-11-19            an edition; /week/2025-W47, /month/2025-11, /undated
    /search?q=…                a query; ?order=new and the like choose another order
    /for-me                    what the reader's interests choose
    /interests/graph-learning  one interest, filled by meaning
    /collections/to-cite       a collection
    /queue, /kept              what the reader means to read; all they kept

`place_at` reads an address, `address_of` writes it: each undoes the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from broadsheet.records import Order, Period, Shelf, ShelfKind, Span, View
from broadsheet.views import periods, query

_SHELVES = {"interests": ShelfKind.INTEREST, "collections": ShelfKind.COLLECTION}
_ALONE = {"queue": ShelfKind.QUEUE, "kept": ShelfKind.KEPT}
_SPANS = (Span.DAY, Span.WEEK, Span.MONTH)


class NoSuchPlaceError(ValueError):
    """An address that names no list; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Place:
    """A list with its address (path and query, in the usual form) and its title in words.

    The title of a shelf is its slug: who shows it knows its name.
    """

    view: View
    address: str
    title: str

    @property
    def is_personal(self) -> bool:
        """Whether the list is one reader's own, and to be shown to nobody else unasked."""
        view = self.view
        return view.shelf is not None or view.order is Order.FOR_ME or bool(view.query.interests)


def place_at(
    address: str, params: Mapping[str, str] | None = None, reader: int | None = None
) -> Place:
    """The list at an address. Raises NoSuchPlaceError with a sentence."""
    try:
        parts = urlsplit(address)
    except ValueError:  # as of a bracket that is never closed
        raise NoSuchPlaceError(f"“{address[:60]}” is no address of a list.") from None
    given = dict(parse_qsl(parts.query)) | dict(params or {})
    names = [name for name in parts.path.split("/") if name]
    view = replace(_view(names, given, address), reader=reader)
    if (order := given.get("order")) in list(Order):
        view = replace(view, order=Order(order))
    return Place(view, address_of(view), title_of(view))


def address_of(view: View) -> str:
    """The address of a view, without the part of it that is shown."""
    path, params, usual = _path(view)
    if view.order is not usual:
        params["order"] = view.order.value
    return f"{path}?{urlencode(params)}" if params else path


def title_of(view: View) -> str:
    """The list in a few words."""
    if view.shelf:
        return view.shelf.slug or {"queue": "To read", "kept": "Kept"}[view.shelf.kind]
    if view.query.text:
        return view.query.text
    if view.order is Order.FOR_ME:
        return "For me"
    if view.period.span is Span.ALL:
        return "New papers"
    return periods.title(view.period)


def paper_address(name: str) -> str:
    """The address of the page of the paper of that id."""
    return "/papers/" + quote(name, safe="/:()")


def _view(names: list[str], given: dict[str, str], address: str) -> View:
    match names:
        case []:
            view = View()
        case ["search"]:
            asked = query.parse(given.get("q", ""))
            by_relevance = asked.scoring or asked.likes
            view = View(query=asked, order=Order.RELEVANCE if by_relevance else Order.NEW)
        case ["for-me"]:
            view = View(order=Order.FOR_ME)
        case ["undated"]:
            view = View(period=periods.UNDATED)
        case [kind] if kind in _ALONE:
            view = View(shelf=Shelf(_ALONE[kind]))
        case [kind, slug] if kind in _SHELVES:
            view = View(shelf=Shelf(_SHELVES[kind], slug))
        case [span, name] if span in _SPANS:
            try:
                view = View(period=periods.parse(span, name))
            except ValueError as error:
                raise NoSuchPlaceError(str(error)) from error
        case _:
            raise NoSuchPlaceError(f"No list has the address “{address[:100]}”.")
    return view


def _path(view: View) -> tuple[str, dict[str, str], Order]:
    """Path, parameters, and the order that goes without saying there."""
    if view.shelf:
        alone = {kind: name for name, kind in _ALONE.items()}
        if view.shelf.kind in alone:
            return f"/{alone[view.shelf.kind]}", {}, Order.NEW
        shelves = {kind: name for name, kind in _SHELVES.items()}
        return f"/{shelves[view.shelf.kind]}/{view.shelf.slug}", {}, Order.NEW
    if view.query.text:
        by_relevance = view.query.scoring or view.query.likes
        usual = Order.RELEVANCE if by_relevance else Order.NEW
        return "/search", {"q": view.query.text}, usual
    if view.period == Period():
        return ("/for-me", {}, Order.FOR_ME) if view.order is Order.FOR_ME else ("/", {}, Order.NEW)
    if view.period.span is Span.UNDATED:
        return "/undated", {}, Order.NEW
    return f"/{view.period.span}/{periods.name(view.period)}", {}, Order.NEW
