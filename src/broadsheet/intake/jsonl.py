"""JSON lines: one object a line, `{id?, title, abstract?, authors?, published?, …}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import orjson

from broadsheet.intake.opening import BYTE_ORDER_MARK, EXCERPT_BYTES, Input, InputError, Line
from broadsheet.records import Author, Link, Quarantined, Record
from broadsheet.text.links import find_links
from broadsheet.text.normalise import identifier, is_arxiv, plain, surname, title_key

SOURCE = "jsonl"
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ].*)?\Z")
_YEAR = re.compile(r"(\d{4})(?:-\d\d)?\Z")
_URL = re.compile(r"https?://[^\s<>\"\\^`{|}]+\Z")
_LONGEST = {"title": 2_000, "abstract": 100_000, "id": 350, "url": 2_000, "name": 10_000}
_LONGEST_OTHER = 500
_MOST_AUTHORS = 20_000
_MOST_CATEGORIES = 100
_COUNTS = range(2**31)
# How far into a file a first object may stand for it to be JSON lines at all.
_SNIFFED_LINES = 50
_ARRAY = re.compile(rb"\[\s*\{")


def recognises(head: bytes) -> bool:
    """Whether the first line begins as a JSON object does, or one of the first lines is one.

    An array of objects spread over lines is none, nor is one object spread over lines.
    """
    head = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    lines = head.split(b"\n", _SNIFFED_LINES)
    if _ARRAY.match(head) and not _is_json(lines[0], list):
        return False
    return _begins_object(lines[0]) or any(_is_json(line, dict) for line in lines[:_SNIFFED_LINES])


def read(opened: Input) -> Iterator[Record | Quarantined]:
    """A record for each line that holds one, in turn; a line that cannot be read is put aside.

    Raises InputError where the file itself breaks off.
    """
    return by_line(opened, SOURCE, _record)


def by_line(
    opened: Input, source: str, record: Callable[[Line], Record]
) -> Iterator[Record | Quarantined]:
    """What `record` makes of each line that is not blank; one for which it raises InputError is
    put aside. Raises InputError where the file itself breaks off.
    """
    for line in opened.lines():
        if not line.data or line.data.isspace():
            continue
        try:
            yield record(line)
        except InputError as error:
            yield Quarantined(
                file=opened.name,
                line=line.number,
                reason=error.reason,
                source=source,
                excerpt=line.data[:EXCERPT_BYTES],
                size=line.size,
            )


def _begins_object(line: bytes) -> bool:
    return line.startswith(b"{") and line[1:].lstrip().startswith((b'"', b"}"))


def _is_json(line: bytes, kind: type) -> bool:
    try:
        return isinstance(orjson.loads(line), kind)
    except orjson.JSONDecodeError:
        return False


def _record(line: Line) -> Record:
    if line.is_cut:
        raise InputError(f"the line has {line.size:,} bytes; one paper has far fewer", line.number)
    values = _parse(line)
    title = _text(values, "title")
    if not title:
        raise InputError("the paper has no title")
    names, version = _identifiers(values)
    authors = _authors(values.get("authors"))
    abstract = _text(values, "abstract")
    published, year = _published(values)
    return Record(
        source=SOURCE,
        key=_key(values, names, title, authors),
        title=title,
        abstract=abstract,
        identifiers=names,
        authors=authors,
        author_count=_count(values, "author_count"),
        organization=_text(values, "organization") or None,
        categories=_categories(values.get("categories")),
        year=year,
        published=published,
        version=version,
        links=_links(values, names, abstract),
        comment_count=_count(values, "comment_count"),
        licence=_text(values, "licence") or None,
    )


def _parse(line: Line) -> dict[str, Any]:
    line.text()  # says in words which byte is not UTF-8
    try:
        values = orjson.loads(line.data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg} at column {error.colno}") from error
    if not isinstance(values, dict):
        raise InputError("not a JSON object")
    return values


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return "" if value is None else _checked(value, name)


def _checked(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise InputError(f"{name} is not text")
    longest = _LONGEST.get(name, _LONGEST_OTHER)
    if len(value) > longest:
        raise InputError(f"{name} has {len(value):,} characters; at most {longest:,}")
    return plain(value)


def _identifiers(values: dict[str, Any]) -> tuple[tuple[str, ...], int | None]:
    """The names of the work that the line states, without repeats, and its version."""
    id_ = "" if type(values.get("id")) is int else _text(values, "id")
    doi = _text(values, "doi")
    if doi and not doi.lower().startswith(("doi:", "http")):
        doi = f"doi:{doi}"
    found = [identifier(text) for text in (id_, _text(values, "url"), doi)]
    version = found[0][1] if found[0] else None
    names = (known[0] for known in found if known and len(known[0]) <= _LONGEST["id"])
    return tuple(dict.fromkeys(names)), version


def _key(
    values: dict[str, Any], names: tuple[str, ...], title: str, authors: tuple[Author, ...]
) -> str:
    """What names this record for good: its identifier, or else the paper it describes.

    An id that means something only inside its file ("17") cannot serve: another file may use
    it for another paper.
    """
    if isinstance(values.get("id"), str) and names:
        return names[0]
    first = surname(authors[0].name) if authors else ""
    return f"{title_key(title)}:{first}"[:400]


def _authors(value: Any) -> tuple[Author, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InputError("authors is not a list of names")
    if len(value) > _MOST_AUTHORS:
        raise InputError(f"authors has {len(value):,} names; at most {_MOST_AUTHORS:,}")
    return tuple(author for author in map(_author, value) if author.name)


def _author(value: Any) -> Author:
    if isinstance(value, str):
        return Author(_checked(value, "name"))
    if isinstance(value, dict):
        return Author(_text(value, "name"), _text(value, "affiliation") or None)
    raise InputError("authors is not a list of names")


def _categories(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        value = value.split()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise InputError("categories is not a list of names")
    if len(value) > _MOST_CATEGORIES:
        raise InputError(f"categories has {len(value):,} names; at most {_MOST_CATEGORIES}")
    return tuple(dict.fromkeys(name for one in value if (name := plain(one)[:100])))


def _published(values: dict[str, Any]) -> tuple[date | None, int | None]:
    """The day the work appeared, and its year where only that is known."""
    value = values.get("published")
    year = values.get("year")
    if value in (None, ""):
        return None, _year(year)
    day = _DAY.match(value) if isinstance(value, str) else None
    try:
        if day:
            published = date(int(day[1]), int(day[2]), int(day[3]))
            return published, _year(published.year)
    except ValueError:
        day = None
    only = _YEAR.match(str(value))
    if only:
        return None, _year(int(only[1]))
    raise InputError("published is not a date such as 2025-11-19")


def _year(value: Any) -> int | None:
    if value in (None, ""):
        return None
    if isinstance(value, str) and value.isdecimal() and len(value) == 4:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 1000 <= value <= 9999:
        raise InputError("year is not a year such as 2025")
    return value


def _count(values: dict[str, Any], name: str) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value not in _COUNTS:
        raise InputError(f"{name} is not a count")
    return value


def _links(values: dict[str, Any], names: tuple[str, ...], abstract: str) -> tuple[Link, ...]:
    links = []
    for name in names:
        if is_arxiv(name):
            links.append(Link("abstract", f"https://arxiv.org/abs/{name}"))
            links.append(Link("pdf", f"https://arxiv.org/pdf/{name}"))
        elif name.startswith("doi:"):
            links.append(Link("doi", f"https://doi.org/{name.removeprefix('doi:')}"))
    url = _text(values, "url")
    if url and not _URL.match(url):
        raise InputError("url is not a web address")
    if url and identifier(url) is None:
        links.append(Link("page", url))
    links += links_in(abstract)
    return tuple({link.url: link for link in reversed(links)}.values())[::-1]


def links_in(abstract: str) -> list[Link]:
    """The addresses an abstract names, mended where the text had spoilt them."""
    return [Link(found.kind, found.url, found.repaired) for found in find_links(abstract)]
