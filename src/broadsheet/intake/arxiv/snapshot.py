"""arXiv's metadata as one file of JSON lines, as Kaggle has it: millions of papers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

import orjson

from broadsheet.intake.arxiv.authors import names, people
from broadsheet.intake.arxiv.record import SOURCE, Stated, build, day
from broadsheet.intake.jsonl import by_line
from broadsheet.intake.opening import (
    BYTE_ORDER_MARK,
    Input,
    InputError,
    Line,
)
from broadsheet.records import Author, Quarantined, Record

_SNIFFED_LINES = 20
# What a first line that is longer than the first bytes begins with.
_BEGINNING = re.compile(rb'\{\s*"id"\s*:\s*["\d].{0,60}?,\s*"submitter"\s*:', re.DOTALL)
_NEEDED = frozenset({"id", "title", "categories"})
_TELLING = frozenset({"authors_parsed", "update_date", "versions"})
_VERSION = re.compile(r"v(\d{1,4})\Z", re.ASCII)
_MOST_VERSIONS = 1_000


def recognises(head: bytes) -> bool:
    """Whether the first lines are papers as arXiv's snapshot has them."""
    head = head.removeprefix(BYTE_ORDER_MARK).lstrip()
    return bool(_BEGINNING.match(head)) or any(
        map(_is_paper, head.split(b"\n", _SNIFFED_LINES)[:_SNIFFED_LINES])
    )


def read(opened: Input) -> Iterator[Record | Quarantined]:
    """A record for each line that holds one, in turn; a line that cannot be read is put aside.

    Raises InputError where the file itself breaks off.
    """
    return by_line(opened, SOURCE, _record)


def _is_paper(line: bytes) -> bool:
    if not line.startswith(b"{"):
        return False
    try:
        keys = orjson.loads(line).keys()
    except orjson.JSONDecodeError:
        return False
    return keys >= _NEEDED and not keys.isdisjoint(_TELLING)


def _record(line: Line) -> Record:
    if line.is_cut:
        raise InputError(f"the line has {line.size:,} bytes; one paper has far fewer", line.number)
    values = _parse(line)
    id_ = values.get("id")
    if not isinstance(id_, str):
        raise InputError(
            "id is a number: a program that took ids for numbers dropped their zeros"
            if isinstance(id_, int | float)
            else "the paper has no arXiv id"
        )
    latest, published, updated = _versions(values.get("versions"))
    return build(
        Stated(
            id=id_,
            title=_text(values, "title"),
            abstract=_text(values, "abstract"),
            authors=_authors(values),
            categories=_categories(values.get("categories")),
            doi=_text(values, "doi"),
            licence=_text(values, "license"),
            comments=_text(values, "comments"),
            version=latest,
            published=published,
            updated=updated or day(_text(values, "update_date")),
        )
    )


def _parse(line: Line) -> dict[str, Any]:
    try:
        values = orjson.loads(line.data)
    except orjson.JSONDecodeError as error:
        line.text()  # says in words which byte is not UTF-8
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
    return value


def _categories(value: Any) -> list[str]:
    """Mostly one string with spaces; some copies of the file have a list with that string."""
    if value is None:
        return []
    stated = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in stated):
        raise InputError("categories is not text")
    return [code for one in stated for code in one.split()]


def _authors(values: dict[str, Any]) -> tuple[Author, ...]:
    rows = values.get("authors_parsed")
    if not rows:
        return names(_text(values, "authors"))
    if not isinstance(rows, list):
        raise InputError("authors_parsed is not a list of names")
    return people(map(_named, rows))


def _named(row: Any) -> tuple[str, str]:
    """A row `[last, first, suffix, affiliation…]`, which may be shorter."""
    try:
        "".join(row)  # the quickest way to ask whether all of it is text
    except TypeError:
        raise InputError("authors_parsed is not a list of names") from None
    if not isinstance(row, list):
        raise InputError("authors_parsed is not a list of names")
    last, first, suffix = (*row[:3], "", "", "")[:3]
    name = f"{first} {last} {suffix}" if suffix else f"{first} {last}" if first else last
    return name, "; ".join(filter(None, map(str.strip, row[3:]))) if len(row) > 3 else ""


def _versions(value: Any) -> tuple[int | None, date | None, date | None]:
    """The latest version, the day of the first and the day of the latest."""
    if value is None:
        return None, None, None
    if not isinstance(value, list) or len(value) > _MOST_VERSIONS:
        raise InputError("versions is not a list of versions")
    days: dict[int, date | None] = {}
    for each in value:
        stated = each.get("version") if isinstance(each, dict) else None
        number = _VERSION.match(stated) if isinstance(stated, str) else None
        if number is None:
            raise InputError("versions is not a list of versions")
        created = each.get("created")
        days[int(number[1])] = day(created) if isinstance(created, str) else None
    latest = max(days, default=None)
    return latest, days.get(1), days[latest] if latest is not None else None
