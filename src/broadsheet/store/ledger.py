"""The sources that papers come from by themselves, and the ledger: what each announced on a day,
how many it stated, and what of that is held.

What is held is counted when it is asked for, never kept: a count that is kept can be wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, or_, select, update

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
    """Keeps what a source says it announced on a day, in place of what it said before."""
    ours = (announcements.c.source == source) & (announcements.c.day == day)
    connection.execute(delete(announcements).where(ours))
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
    if rows:
        connection.execute(insert(announcements), list(rows.values()))
    _keep(
        connection,
        source,
        day,
        {
            **{kind: counts.get(kind, 0) for kind in KINDS},
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
    said = select(statements).where(statements.c.day.between(first, last))
    if source is not None:
        said = said.where(statements.c.source == source)
    listed = _listed(connection, first, last, source)
    found = []
    for row in connection.execute(said):
        of_day = listed.get((row.source, row.day), [])
        counts = {kind: getattr(row, kind) for kind in KINDS} if row.stated else None
        found.append(
            Day(
                source=held_by[row.source],
                day=row.day,
                counts=counts,
                listed=len(of_day),
                missing=tuple(sorted(id_ for id_, is_held in of_day if not is_held)),
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


def _listed(
    connection: Connection, first: date, last: date, source: int | None
) -> dict[tuple[int, date], list[tuple[str, bool]]]:
    """By source and day the names listed, each with whether it is held, in its version."""
    is_origin = or_(
        *(
            and_(sources.c.kind == kind, origins.c.source == holder)
            for kind, holder in _HOLDERS.items()
        )
    )
    asked_for = (
        select(
            announcements.c.source,
            announcements.c.day,
            announcements.c.id,
            announcements.c.version,
            papers.c.version.label("held"),
        )
        .join(sources, sources.c.number == announcements.c.source)
        .outerjoin(origins, and_(origins.c.key == announcements.c.id, is_origin))
        .outerjoin(papers, papers.c.number == origins.c.paper)
        .where(announcements.c.day.between(first, last))
    )
    if source is not None:
        asked_for = asked_for.where(announcements.c.source == source)
    listed: dict[tuple[int, date], list[tuple[str, bool]]] = {}
    for number, day, id_, version, held in connection.execute(asked_for):
        is_held = held is not None and (version is None or held >= version)
        listed.setdefault((number, day), []).append((id_, is_held))
    return listed


def _keep(connection: Connection, source: int, day: date, values: dict[str, Any]) -> None:
    ours = (statements.c.source == source) & (statements.c.day == day)
    if not connection.execute(update(statements).where(ours).values(**values)).rowcount:
        connection.execute(insert(statements).values(source=source, day=day, **values))
