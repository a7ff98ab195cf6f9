"""JSON lines: one object a line, `{id?, title, abstract?, authors?, published?, …}`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import orjson

from broadsheet.intake.opening import EXCERPT_BYTES, Input, InputError, Line
from broadsheet.records import Author, Link, Quarantined, Record
from broadsheet.text.links import find_links
from broadsheet.text.normalise import identifier, is_arxiv, plain, surname, title_key

SOURCE = "jsonl"
_DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[T ].*)?\Z")
_YEAR = re.compile(r"(\d{4})(?:-\d\d)?\Z")
_URL = re.compile(r"https?://[^\s<>\"\\^`{|}]{1,2000}\Z")
_LONGEST = {"title": 2_000, "abstract": 100_000, "id": 350, "name": 500, "organization": 500}
_MOST_AUTHORS = 20_000
_MOST_CATEGORIES = 100
# How far into a file a first object may stand for it to be JSON lines at all.
_SNIFFED_LINES = 50


def recognises(head: bytes) -> bool:
    """Whether one of the first lines begins as a JSON object does."""
    lines = head.removeprefix(b"\xef\xbb\xbf").split(b"\n", _SNIFFED_LINES)
    return any(_begins_object(line) for line in lines[:_SNIFFED_LINES])


def read(opened: Input) -> Iterator[Record | Quarantined]:
    """A record for each line that holds one, in turn; a line that cannot be read is put aside.

    Raises InputError where the file itself breaks off.
    """
    for line in opened.lines():
        if not line.data.strip():
            continue
        try:
            yield _record(line)
        except InputError as error:
            yield Quarantined(
                file=opened.path.name,
                line=line.number,
                reason=error.reason,
                source=SOURCE,
                excerpt=line.data[:EXCERPT_BYTES],
                size=line.size,
            )


def _begins_object(line: bytes) -> bool:
    line = line.lstrip()
    return line.startswith(b"{") and line[1:2] in b'"} \t\r'


def _record(line: Line) -> Record:
    if line.is_cut:
        raise InputError(f"the line has {line.size:,} bytes; one paper has far fewer", line.number)
    values = _parse(line)
    title = _text(values, "title")
    if not title:
        raise InputError("the paper has no title")
    names = _identifiers(values)
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
        version=_version(values),
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
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{name} is not text")
    if len(value) > _LONGEST.get(name, 500):
        raise InputError(f"{name} has {len(value):,} characters; at most {_LONGEST[name]:,}")
    return plain(value)


def _identifiers(values: dict[str, Any]) -> tuple[str, ...]:
    """The names of the work that the line states, without repeats."""
    stated = [values.get(name) for name in ("id", "url")]
    doi = values.get("doi")
    if isinstance(doi, str):
        stated.append(doi if doi.lower().startswith(("doi:", "http")) else f"doi:{doi}")
    found = [
        known[0] for text in stated if isinstance(text, str) and (known := identifier(plain(text)))
    ]
    return tuple(dict.fromkeys(name for name in found if len(name) <= _LONGEST["id"]))


def _version(values: dict[str, Any]) -> int | None:
    known = identifier(values["id"]) if isinstance(values.get("id"), str) else None
    return known[1] if known else None


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
    if isinstance(value, dict):
        return Author(_text(value, "name"), _text(value, "affiliation") or None)
    if isinstance(value, str):
        return Author(_text({"name": value}, "name"))
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
    if value is None:
        return None, _year(year)
    day = _DAY.match(value) if isinstance(value, str) else None
    try:
        if day:
            published = date(int(day[1]), int(day[2]), int(day[3]))
            return published, published.year
    except ValueError:
        day = None
    only = _YEAR.match(str(value))
    if only:
        return None, _year(int(only[1]))
    raise InputError("published is not a date such as 2025-11-19")


def _year(value: Any) -> int | None:
    if isinstance(value, str) and value.isdigit() and len(value) == 4:
        value = int(value)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1000 <= value <= 9999:
        raise InputError("year is not a year such as 2025")
    return value


def _count(values: dict[str, Any], name: str) -> int | None:
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**31:
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
    url = values.get("url")
    if url is not None:
        if not isinstance(url, str) or not _URL.match(url):
            raise InputError("url is not a web address")
        if identifier(url) is None:
            links.append(Link("page", url))
    links += links_in(abstract)
    return tuple({link.url: link for link in reversed(links)}.values())[::-1]


def links_in(abstract: str) -> list[Link]:
    """The addresses an abstract names, mended where the text had spoilt them."""
    return [Link(found.kind, found.url, found.repaired) for found in find_links(abstract)]
