"""The Hub's daily papers: the JSON its interface answers, and the same inside its saved pages.

An answer is an array of items, each with the paper inside and some of its fields again outside.
A page as the browser saves it holds the same items in an attribute of one element.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

import orjson
from lxml import etree, html

from broadsheet.intake.json_items import objects, parsed
from broadsheet.intake.jsonl import links_in
from broadsheet.intake.opening import Input, InputError, Line
from broadsheet.intake.works import (
    LONGEST_ABSTRACT,
    LONGEST_NAME,
    address,
    aside,
    authors_of,
    distinct,
    links_of,
    text_within,
    titled,
)
from broadsheet.records import Author, Link, Quarantined, Record
from broadsheet.text.normalise import identifier, is_arxiv, plain

SOURCE = "hub"
_MARK_OF_ORDER = rb"(?:\xef\xbb\xbf)?\s*"
_ARRAY = re.compile(_MARK_OF_ORDER + rb"\[")
_ITEMS = re.compile(_MARK_OF_ORDER + rb"\[\s*\{")
_PAPER = re.compile(rb'"paper"\s*:\s*\{')
_PAGE = re.compile(_MARK_OF_ORDER + rb"<(?:!doctype\s+html|html|!--|div)", re.IGNORECASE)
_DAILY = b"DailyPapers"
# The largest recorded page has about a megabyte.
_LARGEST_PAGE = 16 * 1024 * 1024
_DAY_IN_NAME = re.compile(r"(\d{4}-\d\d-\d\d)(?!\d)")
_COUNTS = range(2**31)


def recognises(head: bytes) -> bool:
    """Whether the file begins as an answer of the interface does."""
    return bool(_ITEMS.match(head) and _PAPER.search(head))


def read(opened: Input) -> Iterator[Record | Quarantined]:
    """A record for each paper of an answer that was saved, in turn.

    A day in the file's name is taken for the day of the list where an item states none. Raises
    InputError where the file breaks off.
    """
    day = _day(opened.name)
    for item in objects(opened.pieces(), _ARRAY):
        yield from _read(item, opened.name, day)


def parse(data: bytes, day: date | None = None) -> tuple[Record | Quarantined, ...]:
    """A record for each paper of an answer; `day` is the one that was asked for.

    Raises InputError for an answer that is no array.
    """
    return tuple(thing for item in _items(data) for thing in _read(item, "", day))


def recognises_page(head: bytes) -> bool:
    """Whether the file is a page; whether one of the Hub's, only its whole tells."""
    return bool(_PAGE.match(head) and (_DAILY in head or b"/papers/" in head))


def read_page(opened: Input) -> Iterator[Record | Quarantined]:
    """A record for each paper of a page of daily papers that was saved as HTML.

    Raises InputError for a page without them, or far too large.
    """
    yield from parse_page(opened.whole(_LARGEST_PAGE, "the page"), opened.name)


def parse_page(data: bytes, file: str = "") -> tuple[Record | Quarantined, ...]:
    """A record for each paper of a page of daily papers. Raises InputError for any other page."""
    props = _props(data)
    papers = props.get("dailyPapers")
    if not isinstance(papers, list):
        raise InputError("the page holds no list of daily papers")
    day = _day(props.get("dateString"))
    items = (Line(1, orjson.dumps(item), 0) for item in papers)
    return tuple(thing for item in items for thing in _read(item, file, day))


def _items(data: bytes) -> Iterable[Line]:
    return objects((data,), _ARRAY)


def _props(data: bytes) -> dict[str, Any]:
    try:
        page = html.document_fromstring(data, parser=html.HTMLParser(encoding="utf-8"))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        raise InputError("the page cannot be read as HTML") from error
    for element in page.iter("div"):
        if element.get("data-target") == _DAILY.decode():
            try:
                props = orjson.loads(str(element.get("data-props", "")))
            except orjson.JSONDecodeError as error:
                raise InputError(f"the page's list of papers is not JSON: {error.msg}") from error
            return props if isinstance(props, dict) else {}
    raise InputError("the page holds no list of daily papers")


def _read(item: Line, file: str, day: date | None) -> Iterator[Record | Quarantined]:
    try:
        yield _record(parsed(item), day)
    except InputError as error:
        yield aside(file, item.number, error.reason, SOURCE, item.data)


def _record(item: dict[str, Any], day: date | None) -> Record:
    paper = _object(item, "paper")
    id_, version = _id(paper)
    abstract = text_within(
        _text(paper, "summary") or _text(item, "summary"), LONGEST_ABSTRACT, "summary"
    )
    organization = _object(item, "organization") or _object(paper, "organization")
    return Record(
        source=SOURCE,
        key=id_,
        title=titled(_text(paper, "title") or _text(item, "title")),
        abstract=abstract,
        identifiers=(id_,),
        authors=authors_of(_authors(paper)),
        organization=_name(organization),
        published=_day(paper.get("publishedAt")),
        shown=_day(paper.get("submittedOnDailyAt")) or day,
        version=version,
        links=distinct([*links_of((id_,)), *_links(paper, item), *links_in(abstract)]),
        comment_count=_count(item, "numComments"),
        upvotes=_count(paper, "upvotes"),
        stars=_count(paper, "githubStars"),
    )


def _id(paper: dict[str, Any]) -> tuple[str, int | None]:
    known = identifier(_text(paper, "id")[:100])
    if known is None or not is_arxiv(known[0]):
        raise InputError("the paper has no arXiv id")
    return known


def _object(values: dict[str, Any], name: str) -> dict[str, Any]:
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return value if isinstance(value, str) else ""


def _name(organization: dict[str, Any]) -> str | None:
    full = _text(organization, "fullname") or _text(organization, "name")
    return plain(full[: 2 * LONGEST_NAME])[:LONGEST_NAME] or None


def _count(values: dict[str, Any], name: str) -> int | None:
    value = values.get(name)
    return value if type(value) is int and value in _COUNTS else None


def _authors(paper: dict[str, Any]) -> Iterator[Author]:
    authors = paper.get("authors")
    for author in authors if isinstance(authors, list) else ():
        if isinstance(author, dict):
            yield Author(text_within(_text(author, "name"), LONGEST_NAME, "an author's name"))


def _links(paper: dict[str, Any], item: dict[str, Any]) -> Iterator[Link]:
    for kind, name in (("code", "githubRepo"), ("project", "projectPage")):
        if found := address(paper.get(name) or item.get(name)):
            yield Link(kind, found)


def _day(value: object) -> date | None:
    """The day a time or a name begins with.

    The Hub's times are in UTC, and the UTC day on which a paper was put on the list is the
    list's day: what is put on it in the evening of New York belongs to the next day already.
    """
    match = _DAY_IN_NAME.match(value) if isinstance(value, str) else None
    try:
        return date.fromisoformat(match[1]) if match else None
    except ValueError:
        return None
