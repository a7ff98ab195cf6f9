"""What papers are called, or who wrote them, without their texts: quick to read for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, select

from broadsheet.store.papers import chunks
from broadsheet.store.tables import papers


@dataclass(frozen=True, slots=True)
class Titled:
    """A paper by name: its number and public id, its title, and when it appeared."""

    number: int
    id: str
    title: str
    day: date | None
    year: int | None


def titles(connection: Connection, numbers: Sequence[int]) -> list[Titled]:
    """The papers with these numbers, in no order; those that are gone are left out."""
    columns = (papers.c.number, papers.c.id, papers.c.title, papers.c.day, papers.c.year)
    return [
        Titled(*row)
        for chunk in chunks(numbers)
        for row in connection.execute(select(*columns).where(papers.c.number.in_(chunk)))
    ]


def authors(connection: Connection, numbers: Sequence[int]) -> dict[int, list[str]]:
    """The names of each paper's authors, in the papers' order."""
    columns = (papers.c.number, papers.c.authors)
    return {
        number: [name for name, _ in signed]
        for chunk in chunks(numbers)
        for number, signed in connection.execute(select(*columns).where(papers.c.number.in_(chunk)))
    }
