"""Lists of papers that a person hands in by their address on arXiv: an author's page, a list of
what was announced, a search.

`place_of` reads the address, `read` what came from there: ids, for the papers themselves come by
the query interface. An author's page is asked for as Atom (`/a/NAME.atom2`), a search of the
query interface, which is made for programs, and lists as the pages they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qs, quote, urlencode

from broadsheet.intake.arxiv.listing import page
from broadsheet.intake.arxiv.record import arxiv_id
from broadsheet.intake.arxiv.xml import Element, child, children, document, local, text
from broadsheet.intake.opening import InputError
from broadsheet.text.normalise import plain

Kind = Literal["author", "list", "search"]
# Nobody has written more; of a search, those that arXiv puts first.
MOST = 2_000
_OF_A_SEARCH = 100
_ADDRESS = re.compile(
    r"(?:https?://)?(?:www\.|export\.)?arxiv\.org(?::\d+)?(?P<path>/[^?#\s]*)?(?:\?(?P<query>[^#]*))?"
    r"(?:#\S*)?\Z",
    re.IGNORECASE,
)
_PAPER = re.compile(r"/(?:abs|pdf|html|format|ps|src|e-print)/")
_AUTHOR = re.compile(
    r"/a/(?P<name>[A-Za-z][\w'-]{0,80}_[A-Za-z]_\d{1,4}|\d{4}-\d{4}-\d{4}-\d{3}[\dX])"
    r"(?:\.(?:atom2?|json|html))?/?\Z"
)
_LIST = re.compile(
    r"/list/(?P<name>[A-Za-z][\w.+-]{1,60})/(?P<which>new|recent|pastweek|\d{4,6}|\d{4}-\d\d)/?\Z"
)
_CATCHUP = re.compile(r"/catchup/(?P<name>[A-Za-z][\w.+-]{1,60})/(?P<which>\d{4}-\d\d-\d\d)/?\Z")
_SEARCH = re.compile(r"/search/?(?:[a-z-]+/?)?\Z")
_OWN = re.compile(r"/(?:user|auth|login)\b")
_FIELDS = {
    "": "all", "all": "all", "title": "ti", "author": "au", "abstract": "abs", "comments": "co",
    "journal_ref": "jr", "report_num": "rn", "paper_id": "id",
}  # fmt: skip
_PHRASE = re.compile(r'"([^"]+)"|([^\s"]+)')
_ASKED = ("search_query", "id_list", "start", "max_results", "sortBy", "sortOrder")
_TITLE = re.compile(r"(?:['’]s? articles on arXiv| - arXiv)\s*\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a list is: its kind, what to ask for there (path and query, of a search the query
    alone), and its name in a few words.
    """

    kind: Kind
    ask: str
    title: str


@dataclass(frozen=True, slots=True)
class Named:
    """The papers that a list names, by id, in its order, and what it calls itself."""

    title: str
    ids: tuple[str, ...]


def place_of(address: str) -> Place | None:
    """The list at an address of arXiv's; None for a paper's, and for what is no address of its.

    Raises InputError for an address there that is no list, with what to hand in instead.
    """
    match = _ADDRESS.match(address.strip())
    if match is None:
        return None
    path, query = match["path"] or "/", match["query"] or ""
    if _PAPER.match(path):
        return None
    if author := _AUTHOR.match(path):
        name = author["name"]
        return Place("author", f"/a/{quote(name)}.atom2", name.replace("_", " "))
    if listed := _LIST.match(path) or _CATCHUP.match(path):
        pages = {key: found[0] for key, found in parse_qs(query).items() if key in ("skip", "show")}
        asked = {key: value for key, value in pages.items() if value.isdecimal()}
        more = f"?{urlencode(asked)}" if asked else ""
        return Place("list", f"{quote(path)}{more}", f"{listed['name']}, {listed['which']}")
    if _SEARCH.match(path) or path == "/api/query":
        return _search(parse_qs(query), is_api=path == "/api/query")
    if _OWN.match(path):
        raise InputError(
            "this page is shown by arXiv to whoever is signed in there, and to nobody else; hand "
            "in an author's public page, as in https://arxiv.org/a/lastname_f_1"
        )
    raise InputError(
        f"“{plain(address)[:100]}” is no list of papers; of arXiv's pages, an author's "
        "(https://arxiv.org/a/lastname_f_1), a list (https://arxiv.org/list/cs.LG/recent) and a "
        "search are read"
    )


def _search(given: dict[str, list[str]], *, is_api: bool) -> Place:
    """A search as the query interface is asked it."""
    if is_api:
        asked = {key: given[key][0] for key in _ASKED if key in given}
        title = asked.get("search_query", "") or "arXiv"
    else:
        title = plain(given.get("query", [""])[0])
        field = _FIELDS.get(given.get("searchtype", [""])[0])
        words = [one or other for one, other in _PHRASE.findall(title)]
        if field is None or not words:
            raise InputError(
                "this search of arXiv's cannot be read; hand in a simple one, "
                "as in https://arxiv.org/search/?query=sparse+autoencoder&searchtype=all"
            )
        if field == "id":
            asked = {"id_list": ",".join(words)}
        else:
            terms = (f'{field}:"{word}"' if " " in word else f"{field}:{word}" for word in words)
            asked = {"search_query": " AND ".join(terms)}
    most = asked.get("max_results", "")
    wanted = min(int(most), MOST) if most.isdecimal() and len(most) < 6 else _OF_A_SEARCH
    return Place("search", urlencode({**asked, "max_results": wanted}), title[:80])


def read(data: bytes, place: Place) -> Named:
    """The papers that an answer names. Raises InputError for what is neither a feed nor a page."""
    if place.kind == "list":
        ids = _in_page(page(data))
        return Named(place.title, ids)
    feed = document(data)
    if local(feed) != "feed":
        raise InputError("the answer is not an Atom feed")
    title = place.title
    if place.kind == "author":
        title = _TITLE.sub("", plain(text(child(feed, "title"))[:200])) or place.title
    names = (text(child(entry, "id")) for entry in children(feed, "entry"))
    return Named(title, _known(names))


def _in_page(root: Element) -> tuple[str, ...]:
    # Links elsewhere on a page may lead to papers that are not of the list.
    links = (link.get("href") or "" for entry in root.iter("dt") for link in entry.iter("a"))
    return _known(
        href.rpartition("/abs/")[2].partition("?")[0] for href in links if "/abs/" in href[:60]
    )


def _known(names: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for name in names:
        try:
            found.setdefault(arxiv_id(name)[0])
        except InputError:
            continue
    return tuple(found)[:MOST]
