"""The change log with what indexes read of each paper: one question a stretch, nothing else.

Following a long import is mostly reading; whole papers (`papers.by_number`) take three times as
long to read, and their dates, versions and origins are of no use to an index.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select

from broadsheet.records import Content
from broadsheet.store.changes import last_change
from broadsheet.store.tables import papers, tombstones

_WRITTEN = (
    select(
        papers.c.change,
        papers.c.number,
        papers.c.title,
        papers.c.abstract,
        papers.c.summary,
        papers.c.authors,
        papers.c.organization,
        papers.c.categories,
        papers.c.links,
        papers.c.year,
        papers.c.day,
    )
    .where(papers.c.change > bindparam("after"))
    .order_by(papers.c.change)
    .limit(bindparam("most"))
)
_GONE = (
    select(tombstones.c.change, tombstones.c.number)
    .where(tombstones.c.change > bindparam("after"))
    .order_by(tombstones.c.change)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of the change log: the numbers of the papers written or gone in it, what those
    held say, the change it reaches `through` to, and the `last` one there is.
    """

    numbers: list[int]
    held: list[Content]
    through: int
    last: int


def changed_since(connection: Connection, after: int, most: int) -> Stretch:
    """The next `most` changes after number `after`, each paper as it is now."""
    last = last_change(connection)
    asked = {"after": after, "most": most}
    written = connection.execute(_WRITTEN, asked).all()
    gone = connection.execute(_GONE, asked).all()
    through = last
    if len(written) + len(gone) >= most:
        through = sorted(row.change for row in (*written, *gone))[most - 1]
        written = [row for row in written if row.change <= through]
        gone = [row for row in gone if row.change <= through]
    held = [_content(row) for row in written]
    return Stretch([one.number for one in held] + [row.number for row in gone], held, through, last)


def _content(row: Any) -> Content:
    """As `Paper.content` says it."""
    _, number, title, abstract, summary, authors, organization, categories, links, year, day = row
    return Content(
        number,
        title,
        abstract or summary,
        _names(authors, organization),
        tuple(categories),
        frozenset([link[0] for link in links] + (["abstract"] if abstract else [])),
        year,
        day,
    )


def _names(authors: Iterable[list[str]], organization: str | None) -> tuple[str, ...]:
    names = [author[0] for author in authors]
    return (*names, organization) if organization else tuple(names)
