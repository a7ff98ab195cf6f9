"""Which papers held are those that somebody names: by identifier, else by title."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from sqlalchemy import Connection, select

from broadsheet.records import Record
from broadsheet.store.papers import by_number, chunks
from broadsheet.store.signals import numbers_of
from broadsheet.store.tables import origins
from broadsheet.text.normalise import identifier, surname, title_key

_PAGE = re.compile(r"https?://[^/\s]+/papers/([^\s?#]+)")
# What a paper is called here while only its title is known.
_OURS = re.compile(r"title:[a-z0-9-]+\Z")


def held(connection: Connection, records: Sequence[Record]) -> list[int | None]:
    """The number of each record's paper, None where it is not held. Nothing is written.

    A title names a paper where no identifier does, and where a first author is known on both sides
    and is another, it does not.
    """
    by_name = numbers_of(connection, {name for record in records for name in record.identifiers})
    found = [
        next((by_name[name] for name in record.identifiers if name in by_name), None)
        for record in records
    ]
    wanted = {
        title_key(record.title)
        for record, number in zip(records, found, strict=True)
        if number is None and record.title
    }
    titled: dict[str, set[int]] = {}
    for chunk in chunks(sorted(wanted)):
        for key, number in connection.execute(
            select(origins.c.title_key, origins.c.paper).where(origins.c.title_key.in_(chunk))
        ):
            titled.setdefault(key, set()).add(number)
    namesakes = {number for numbers in titled.values() for number in numbers}
    first = {
        paper.number: surname(paper.authors[0].name)
        for paper in by_number(connection, sorted(namesakes))
        if paper.authors
    }
    for at, record in enumerate(records):
        if found[at] is None and record.title:
            ours = surname(record.authors[0].name) if record.authors else ""
            fitting = [
                number
                for number in sorted(titled.get(title_key(record.title), ()))
                if not ours or first.get(number, ours) == ours
            ]
            found[at] = fitting[0] if fitting else None
    return found


def names_in(line: str) -> tuple[str, ...]:
    """The identifier that a line is, perhaps as an address (of a paper's page here and on the Hub
    too); nothing where it is a title.
    """
    page = _PAGE.match(line)
    name = unquote(page[1]) if page else line
    if _OURS.match(name):
        return (name,)
    known = identifier(name)
    return (known[0],) if known else ()
