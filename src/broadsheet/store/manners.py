"""Whose turn it is to ask a service: one at a time, with a pause between, over all processes
that share this database.

A turn is a lease: who is killed in the middle of one keeps the others waiting until it runs out,
and no longer. Moments are the database's own where it is a server that several machines share.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broadsheet.store.tables import services


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether it is ours to ask, and if not, in how many seconds to look again."""

    granted: bool
    wait: float = 0.0


def take(connection: Connection, service: str, holder: str, lease: float) -> Turn:
    """Takes the service's turn for `lease` seconds, where it is free and the pause is over.

    Call it within a writing transaction and commit before asking.
    """
    _known(connection, service)
    row = connection.execute(
        select(services).where(services.c.name == service).with_for_update()
    ).one()
    now = _now(connection)
    free_at = max(
        (row.next or now), (row.until or now) if row.holder not in (None, holder) else now
    )
    if free_at > now:
        return Turn(granted=False, wait=(free_at - now).total_seconds())
    connection.execute(
        update(services)
        .where(services.c.name == service)
        .values(holder=holder, until=now + timedelta(seconds=lease))
    )
    return Turn(granted=True)


def give_back(connection: Connection, service: str, holder: str, pause: float) -> None:
    """Ends our turn; nobody asks for another `pause` seconds.

    One that ran out in the meantime is not ours any more, but the pause counts all the same.
    """
    now = _now(connection)
    rest = now + timedelta(seconds=pause)
    row = connection.execute(
        select(services).where(services.c.name == service).with_for_update()
    ).one()
    values: dict[str, object] = {"next": max(rest, row.next or rest)}
    if row.holder == holder:
        values |= {"holder": None, "until": None}
    connection.execute(update(services).where(services.c.name == service).values(**values))


def _known(connection: Connection, service: str) -> None:
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(make(services).values(name=service).on_conflict_do_nothing())


def _now(connection: Connection) -> datetime:
    if connection.dialect.name == "postgresql":
        now: datetime | None = connection.scalar(select(func.clock_timestamp()))
        assert now is not None
        return now
    return datetime.now(UTC)
