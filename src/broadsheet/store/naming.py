"""What papers are called, or who wrote them, without their texts: quick to read for many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Connection, bindparam, select

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


# Made once: suggestions ask at every key, and making a statement takes longer than running it.
_AMONG = papers.c.number.in_(bindparam("numbers", expanding=True))
_TITLES = select(papers.c.number, papers.c.id, papers.c.title, papers.c.day, papers.c.year).where(
    _AMONG
)
_AUTHORS = select(papers.c.number, papers.c.authors).where(_AMONG)


def titles(connection: Connection, numbers: Sequence[int]) -> list[Titled]:
    """The papers with these numbers, in no order; those that are gone are left out."""
    return [
        Titled(*row)
        for chunk in chunks(numbers)
        for row in connection.execute(_TITLES, {"numbers": chunk})
    ]


def authors(connection: Connection, numbers: Sequence[int]) -> dict[int, list[str]]:
    """The names of each paper's authors, in the papers' order."""
    return {
        number: [name for name, _ in signed]
        for chunk in chunks(numbers)
        for number, signed in connection.execute(_AUTHORS, {"numbers": chunk})
    }
