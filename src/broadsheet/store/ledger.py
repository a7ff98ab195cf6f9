"""The sources that papers come from by themselves, and the ledger: what each announced on a day,
how many it stated, and what of that is held.

What is held is counted when it is asked for, never kept: a count that is kept can be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from statistics import median
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update

from broadsheet.store.papers import chunks
from broadsheet.store.tables import announcements, origins, papers, sources, statements
from broadsheet.text.normalise import storable

KINDS = ("new", "cross", "replace")
# How long the name of a source may be.
LONGEST_NAME = 400
# Whose records a kind of source holds: the `source` of their origins.
_HOLDERS = {"arxiv": "arxiv", "hub": "hub"}


@dataclass(frozen=True, slots=True)
class Source:
    """A source as it is kept. `through` is the day up to which everything was asked for,
    `progress` where a harvest broke off; `failures` in a row, and not to be asked before `retry`.
    """

    number: int
    kind: str
    name: str
    added: datetime
    since: date
    through: date | None = None
    progress: Any = None
    etag: str | None = None
    modified: str | None = None
    harvested: datetime | None = None
    answered: datetime | None = None
    failures: int = 0
    retry: datetime | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """A name that a source listed under a day. `kind` is one of KINDS; `version` where it says."""

    id: str
    kind: str
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What the ledger knows of a source's day.

    `counts` is what the source stated of each kind, None where it stated nothing yet; `listed` how
    many names it gave; `missing` those of them that are not held. `asked` is when it last answered
    about the day, `stated` when it last gave these counts; `confirmed` whether a second interface
    of it said the same.
    """

    source: Source
    day: date
    counts: Mapping[str, int] | None
    listed: int
    missing: tuple[str, ...]
    asked: datetime | None
    stated: datetime | None
    confirmed: bool

    @property
    def total(self) -> int | None:
        """How many the source says it announced."""
        return None if self.counts is None else sum(self.counts.values())

    @property
    def held(self) -> int:
        """How many of the names listed are held."""
        return self.listed - len(self.missing)


def add_source(
    connection: Connection, kind: str, name: str, since: date, now: datetime
) -> tuple[Source, bool]:
    """The source of that kind and name, and whether it is new."""
    known = source_of(connection, kind, name)
    if known is not None:
        return known, False
    connection.execute(insert(sources).values(kind=kind, name=name, since=since, added=now))
    made = source_of(connection, kind, name)
    assert made is not None
    return made, True


def remove_source(connection: Connection, kind: str, name: str) -> bool:
    """Asks this source no more; the papers it brought stay. False where there is no such source."""
    if storable(kind) != kind or storable(name) != name:
        return False
    gone = connection.execute(delete(sources).where(sources.c.kind == kind, sources.c.name == name))
    return gone.rowcount > 0


def keep_source(connection: Connection, source: Source) -> bool:
    """Whether the source is still there; nobody removes it before this transaction ends."""
    row = connection.execute(
        select(sources.c.kind, sources.c.name, sources.c.added)
        .where(sources.c.number == source.number)
        .with_for_update()
    ).one_or_none()
    # SQLite gives the number of one that was removed to the next that is added.
    return row is not None and tuple(row) == (source.kind, source.name, source.added)


def source_of(connection: Connection, kind: str, name: str) -> Source | None:
    """The source of that kind and name."""
    row = connection.execute(
        select(sources).where(sources.c.kind == kind, sources.c.name == name)
    ).one_or_none()
    return Source(**row._mapping) if row else None


def all_sources(connection: Connection) -> list[Source]:
    """Every source, by kind and name."""
    rows = connection.execute(select(sources).order_by(sources.c.kind, sources.c.name))
    return [Source(**row._mapping) for row in rows]


def note(connection: Connection, source: int, **values: Any) -> None:
    """Writes down what has become known of a source: any of the fields of Source."""
    connection.execute(update(sources).where(sources.c.number == source).values(**values))


def state(
    connection: Connection,
    source: int,
    day: date,
    counts: Mapping[str, int],
    announced: Iterable[Announced],
    now: datetime,
    *,
    confirmed: bool = False,
) -> None:
    """Keeps what a source says it announced on a day, beside what it said before.

    What it named once it cannot take back, nor count less: an answer that breaks off, or is empty,
    would make a day complete by forgetting it.
    """
    ours = (announcements.c.source == source) & (announcements.c.day == day)
    before = {one.id: one for one in announced_on(connection, source, day)}
    said = connection.execute(
        select(statements).where(statements.c.source == source, statements.c.day == day)
    ).one_or_none()
    before_that = {kind: getattr(said, kind) or 0 for kind in KINDS} if said else {}
    now_said = {kind: counts.get(kind, 0) for kind in KINDS}
    most = max(now_said, before_that, key=lambda one: sum(one.values()))
    rows = {
        storable(one.id): {
            "source": source,
            "day": day,
            "id": storable(one.id),
            "kind": one.kind,
            "version": one.version,
        }
        for one in announced
    }
    for id_, row in rows.items():
        if id_ in before:
            row["version"] = row["version"] or before[id_].version
    if rows:
        for chunk in chunks(rows):
            connection.execute(delete(announcements).where(ours, announcements.c.id.in_(chunk)))
        connection.execute(insert(announcements), list(rows.values()))
    confirmed = confirmed or bool(said and said.confirmed and said.stated)
    _keep(
        connection,
        source,
        day,
        {
            **most,
            "asked": now,
            "stated": now,
            "confirmed": confirmed,
        },
    )


def asked(connection: Connection, source: int, day: date, now: datetime) -> None:
    """Keeps that the source answered about a day and stated nothing (new) of it."""
    _keep(connection, source, day, {"asked": now})


def days(connection: Connection, first: date, last: date, source: int | None = None) -> list[Day]:
    """What is known of each source's days from `first` to `last`, both within; newest first, days
    of which nothing is known left out.
    """
    held_by = {one.number: one for one in all_sources(connection)}
    # By number, so that both engines go by the keys: days of one source lie together.
    numbers = [source] if source is not None else list(held_by)
    said = select(statements).where(
        statements.c.source.in_(numbers), statements.c.day.between(first, last)
    )
    listed, missing = _listed(connection, first, last, numbers)
    found = []
    for row in connection.execute(said):
        place = (row.source, row.day)
        counts = {kind: getattr(row, kind) for kind in KINDS} if row.stated else None
        found.append(
            Day(
                source=held_by[row.source],
                day=row.day,
                counts=counts,
                listed=listed.get(place, 0),
                missing=tuple(sorted(missing.get(place, ()))),
                asked=row.asked,
                stated=row.stated,
                confirmed=row.confirmed,
            )
        )
    return sorted(found, key=lambda d: (-d.day.toordinal(), d.source.kind, d.source.name))


def announced_on(connection: Connection, source: int, day: date) -> list[Announced]:
    """The names that a source listed under a day."""
    rows = connection.execute(
        select(announcements).where(announcements.c.source == source, announcements.c.day == day)
    )
    return [Announced(row.id, row.kind, row.version) for row in rows]


def first_announced(connection: Connection, kind: str, ids: Sequence[str]) -> dict[str, date]:
    """By name, the first day on which a source of that kind listed it as new or as a cross-list."""
    found: dict[str, date] = {}
    for chunk in chunks(ids):
        rows = connection.execute(
            select(announcements.c.id, announcements.c.day)
            .join(sources, sources.c.number == announcements.c.source)
            .where(
                sources.c.kind == kind,
                announcements.c.kind != "replace",
                announcements.c.id.in_(chunk),
            )
            .order_by(announcements.c.day)
        )
        for id_, day in rows:
            found.setdefault(id_, day)
    return found


def usual(connection: Connection, first: date, last: date) -> dict[int, float]:
    """By source, how many papers it usually announces on a day: the median of the days on which it
    announced any; sources that did not are left out.
    """
    totals: dict[int, list[int]] = {}
    rows = connection.execute(
        select(statements).where(
            statements.c.day.between(first, last), statements.c.stated.is_not(None)
        )
    )
    for row in rows:
        total = sum(getattr(row, kind) or 0 for kind in KINDS)
        if total:
            totals.setdefault(row.source, []).append(total)
    return {source: median(found) for source, found in totals.items()}


_Place = tuple[int, date]


def _listed(
    connection: Connection, first: date, last: date, numbers: list[int]
) -> tuple[dict[_Place, int], dict[_Place, list[str]]]:
    """By source and day, how many names were listed, and those that are not held in their
    version.
    """
    within = and_(announcements.c.source.in_(numbers), announcements.c.day.between(first, last))
    counted = (
        select(announcements.c.source, announcements.c.day, func.count())
        .where(within)
        .group_by(announcements.c.source, announcements.c.day)
    )
    is_origin = or_(
        *(
            and_(sources.c.kind == kind, origins.c.source == holder)
            for kind, holder in _HOLDERS.items()
        )
    )
    absent = (
        select(announcements.c.source, announcements.c.day, announcements.c.id)
        .join(sources, sources.c.number == announcements.c.source)
        .outerjoin(origins, and_(origins.c.key == announcements.c.id, is_origin))
        .outerjoin(papers, papers.c.number == origins.c.paper)
        .where(
            within,
            or_(papers.c.number.is_(None), papers.c.version < announcements.c.version),
        )
    )
    missing: dict[_Place, list[str]] = {}
    for number, day, id_ in connection.execute(absent):
        missing.setdefault((number, day), []).append(id_)
    listed = {(number, day): count for number, day, count in connection.execute(counted)}
    return listed, missing


def _keep(connection: Connection, source: int, day: date, values: dict[str, Any]) -> None:
    ours = (statements.c.source == source) & (statements.c.day == day)
    if not connection.execute(update(statements).where(ours).values(**values)).rowcount:
        connection.execute(insert(statements).values(source=source, day=day, **values))
