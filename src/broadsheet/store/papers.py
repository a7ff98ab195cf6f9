"""Papers in the store: finding them, and letting go of what one source said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, func, select, true

from broadsheet.records import Author, Link, Origin, Paper, Period, Span, Version
from broadsheet.store.tables import identifiers, origins, papers, versions
from broadsheet.text.normalise import identifier, storable

_T = TypeVar("_T")
# Both engines take this many values in one statement with room to spare.
_CHUNK = 1000


def chunks(values: Iterable[_T]) -> Iterator[list[_T]]:
    """The different values in lists short enough for one statement, in a stable order."""
    unique = list(dict.fromkeys(values))
    for start in range(0, len(unique), _CHUNK):
        yield unique[start : start + _CHUNK]


def count(connection: Connection) -> int:
    """How many papers are held."""
    return connection.scalar(select(func.count()).select_from(papers)) or 0


def by_number(
    connection: Connection, numbers: Sequence[int], *, with_origins: bool = False
) -> list[Paper]:
    """The papers with these numbers, in this order; numbers of papers that are gone are skipped."""
    found = {}
    for chunk in chunks(numbers):
        for row in connection.execute(select(papers).where(papers.c.number.in_(chunk))):
            found[row.number] = row
    seen = _origins(connection, found) if with_origins else {}
    return [_paper(found[n], seen.get(n, ())) for n in numbers if n in found]


def by_id(connection: Connection, name: str) -> Paper | None:
    """The paper of that name, with its origins: its public id, any id it had before, an arXiv id
    with or without version, a DOI, or an address of either. None where no paper has it.
    """
    name = storable(name)
    known = identifier(name)
    number = connection.scalar(
        select(identifiers.c.paper).where(
            identifiers.c.id.in_([name, known[0]] if known else [name])
        )
    )
    if number is None:
        return None
    held = by_number(connection, [number], with_origins=True)
    return held[0] if held else None


def versions_of(connection: Connection, number: int) -> list[Version]:
    """The texts the paper had before, newest first."""
    rows = connection.execute(
        select(versions).where(versions.c.paper == number).order_by(versions.c.version.desc())
    )
    return [Version(row.version, row.replaced, row.title, row.abstract) for row in rows]


def replaced(connection: Connection, numbers: Sequence[int]) -> dict[int, datetime]:
    """When the text of each paper was last replaced, by number; only those whose text was."""
    found: dict[int, datetime] = {}
    for chunk in chunks(numbers):
        rows = connection.execute(
            select(versions.c.paper, func.max(versions.c.replaced))
            .where(versions.c.paper.in_(chunk))
            .group_by(versions.c.paper)
        )
        found.update((number, moment) for number, moment in rows)
    return found


def titles(connection: Connection) -> dict[int, str]:
    """The title of every paper, by its number."""
    rows = connection.execute(select(papers.c.number, papers.c.title))
    return {row.number: row.title for row in rows}


def stamps_since(connection: Connection, day: date) -> list[tuple[int, date, int]]:
    """The papers of a day and all later ones: number, day and last change, by number."""
    rows = connection.execute(
        select(papers.c.number, papers.c.day, papers.c.change)
        .where(papers.c.day >= day)
        .order_by(papers.c.number)
    )
    return [(row.number, row.day, row.change) for row in rows]


def in_period(connection: Connection, period: Period, limit: int, offset: int) -> list[Paper]:
    """The papers of a period, newest edition first, within one in the order it printed them."""
    return by_number(connection, numbers_in(connection, period, limit, offset))


def numbers_in(
    connection: Connection, period: Period, limit: int | None = None, offset: int = 0
) -> list[int]:
    """The numbers of a period's papers, in the same order."""
    return list(
        connection.scalars(
            select(papers.c.number)
            .where(_within(period))
            .order_by(
                papers.c.day.desc().nulls_last(), papers.c.rank.asc().nulls_last(), papers.c.number
            )
            .limit(limit)
            .offset(offset)
        )
    )


def newest(connection: Connection, most: int, since: date | None) -> list[int]:
    """The numbers of the newest papers with a day, newest first, perhaps since a day only."""
    wanted = papers.c.day.is_not(None) if since is None else papers.c.day >= since
    return list(
        connection.scalars(
            select(papers.c.number)
            .where(wanted)
            .order_by(papers.c.day.desc(), papers.c.rank.asc().nulls_last(), papers.c.number)
            .limit(most)
        )
    )


def last_number(connection: Connection) -> int:
    """The largest number a paper has."""
    return connection.scalar(select(func.max(papers.c.number))) or 0


def count_in(connection: Connection, period: Period) -> int:
    """How many papers a period has."""
    return connection.scalar(select(func.count()).select_from(papers).where(_within(period))) or 0


def latest_day(connection: Connection) -> date | None:
    """The newest edition that has papers."""
    return _day(connection, select(func.max(papers.c.day)))


def day_before(connection: Connection, day: date) -> date | None:
    """The last edition before `day` that has papers."""
    return _day(connection, select(func.max(papers.c.day)).where(papers.c.day < day))


def day_after(connection: Connection, day: date) -> date | None:
    """The first edition after `day` that has papers."""
    return _day(connection, select(func.min(papers.c.day)).where(papers.c.day > day))


def newest_number(connection: Connection) -> int:
    """The number of the paper that came in last; 0 where none is held."""
    return connection.scalar(select(func.max(papers.c.number))) or 0


def came_after(
    connection: Connection, number: int, first: date, last: date
) -> tuple[date, date] | None:
    """Of the days from `first` to `last`, the first and the last with a paper that came in later
    than the one of that number; None where none came.
    """
    days = papers.c.day.between(first, last)
    row = connection.execute(
        select(func.min(papers.c.day), func.max(papers.c.day)).where(papers.c.number > number, days)
    ).one()
    return (row[0], row[1]) if row[0] is not None else None


def calendar(connection: Connection, first: date, last: date) -> dict[date, int]:
    """How many papers each edition from `first` to `last` has; days without any are left out."""
    rows = connection.execute(
        select(papers.c.day, func.count())
        .where(papers.c.day >= first, papers.c.day <= last)
        .group_by(papers.c.day)
    )
    return {day: held for day, held in rows if day is not None}


def every(connection: Connection, *, batch: int = 1000) -> Iterator[Paper]:
    """Every paper with its origins, by number, a batch in memory at a time."""
    after = 0
    while True:
        numbers = list(
            connection.scalars(
                select(papers.c.number)
                .where(papers.c.number > after)
                .order_by(papers.c.number)
                .limit(batch)
            )
        )
        if not numbers:
            return
        yield from by_number(connection, numbers, with_origins=True)
        after = numbers[-1]


def count_from(connection: Connection, source: str) -> int:
    """How many papers a source gave a record of."""
    return (
        connection.scalar(
            select(func.count(origins.c.paper.distinct())).where(origins.c.source == source)
        )
        or 0
    )


def shown_on(connection: Connection, day: date) -> list[tuple[str, str | None]]:
    """The (source, page) pairs that showed papers under this day."""
    rows = connection.execute(
        select(origins.c.source, origins.c.page)
        .where(origins.c.shown == day)
        .distinct()
        .order_by(origins.c.source, origins.c.page)
    )
    return [(source, page) for source, page in rows]


def _day(connection: Connection, question: Select[Any]) -> date | None:
    day: date | None = connection.scalar(question)
    return day


def _within(period: Period) -> ColumnElement[bool]:
    if period.span is Span.UNDATED:
        return papers.c.day.is_(None)
    if period.first is None or period.last is None:
        return true()
    if period.last - period.first < timedelta(days=1):
        return papers.c.day == period.first
    return papers.c.day.between(period.first, period.last)


def _origins(connection: Connection, numbers: Iterable[int]) -> dict[int, list[Origin]]:
    seen: dict[int, list[Origin]] = {}
    for chunk in chunks(numbers):
        for row in connection.execute(_origins_of(chunk)):
            seen.setdefault(row.paper, []).append(
                Origin(
                    source=row.source,
                    key=row.key,
                    page=row.page,
                    rank=row.rank,
                    file=row.file,
                    shown=row.shown,
                    matched_by=row.matched_by,
                )
            )
    return seen


def _origins_of(numbers: list[int]) -> Select[Any]:
    return (
        select(origins)
        .where(origins.c.paper.in_(numbers))
        .order_by(origins.c.source, origins.c.page, origins.c.rank, origins.c.key)
    )


def _paper(row: Any, seen: Iterable[Origin]) -> Paper:
    return Paper(
        number=row.number,
        id=row.id,
        title=row.title,
        abstract=row.abstract,
        summary=row.summary,
        authors=tuple(Author(name, affiliation) for name, affiliation in row.authors),
        author_count=row.author_count,
        organization=row.organization,
        categories=tuple(row.categories),
        year=row.year,
        published=row.published,
        updated=row.updated,
        announced=row.announced,
        day=row.day,
        version=row.version,
        links=tuple(Link(kind, url, repaired) for kind, url, repaired in row.links),
        comment_count=row.comment_count,
        licence=row.licence,
        rank=row.rank,
        change=row.change,
        origins=tuple(seen),
        withdrawn=row.withdrawn,
    )
