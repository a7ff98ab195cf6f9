"""Whose turn it is to ask a service: one at a time, with a pause between, over all processes
that share this database; and which services are left alone for a while.

A turn is a lease: who is killed in the middle of one keeps the others waiting until it runs out,
and no longer. Moments are the database's own where it is a server that several machines share. One
that lies farther ahead than any lease or pause reaches was written down before the clock was put
back, and keeps nobody waiting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broadsheet.store.clock import now_on
from broadsheet.store.tables import services

# No lease and no pause is longer, whoever asked for it.
_LONGEST_LEASE, _LONGEST_PAUSE = timedelta(hours=1), timedelta(days=1)
# A row of its own beside that of the turns: nobody waits in line for hours.
_RESTS = "rest of "
_LONGEST = 200


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
    now = now_on(connection)
    free_at = max(
        _ahead(row.next, now, _LONGEST_PAUSE),
        _ahead(row.until, now, _LONGEST_LEASE) if row.holder not in (None, holder) else now,
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
    now = now_on(connection)
    rest = now + timedelta(seconds=pause)
    row = connection.execute(
        select(services).where(services.c.name == service).with_for_update()
    ).one()
    values: dict[str, object] = {}
    if pause:
        values["next"] = max(rest, _ahead(row.next, now, _LONGEST_PAUSE))
    if row.holder == holder:
        values |= {"holder": None, "until": None}
    if values:
        connection.execute(update(services).where(services.c.name == service).values(**values))


def _ahead(moment: datetime | None, now: datetime, most: timedelta) -> datetime:
    """The moment where it is to come and can be right, else now."""
    return moment if moment is not None and now < moment <= now + most else now


def rest(connection: Connection, service: str, until: datetime) -> None:
    """Leaves a service alone until then, whoever of all processes would ask it."""
    name = f"{_RESTS}{service}"[:_LONGEST]
    _known(connection, name)
    before = connection.scalar(select(services.c.next).where(services.c.name == name))
    connection.execute(
        update(services)
        .where(services.c.name == name)
        .values(next=max(until, before) if before else until)
    )


def rests(connection: Connection) -> Callable[[str], datetime | None]:
    """Until when a service is, or was, left alone; by the clock of who said so."""
    rows = connection.execute(
        select(services.c.name, services.c.next).where(services.c.name.startswith(_RESTS))
    )
    found: dict[str, datetime | None] = {row.name: row.next for row in rows}
    return lambda service: found.get(f"{_RESTS}{service}"[:_LONGEST])


def _known(connection: Connection, service: str) -> None:
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(make(services).values(name=service).on_conflict_do_nothing())
