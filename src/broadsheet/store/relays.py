"""Who may use a relay, and how fast: over all processes that share this database.

A *seat* is the right to one connection to the relay: a lease, so that who is killed keeps it until
that runs out, and no longer. Who waits for one says so, and who has more than their share lets the
rest go. A *slot* is a moment at which one message may be handed over; they are given out by the
batch, so that a rate that all keep together costs no transaction of its own.

Both stand in the table of turns (`manners.py`): a row for the relay, which whoever asks here keeps
locked until they commit, and one for each seat. Every function needs a writing transaction.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broadsheet.store.tables import services

# No lease of a seat is longer, and no slot farther ahead: what says so was written down before the
# clock was put back.
_LONGEST = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Seats:
    """How many seats are ours, and how many of them we may go on using: the rest is to be let go
    once its connection is closed.
    """

    held: int = 0
    share: int = 0


def sit(
    connection: Connection, relay: str, holder: str, now: datetime, until: datetime, most: int
) -> Seats:
    """Renews the seats that are ours until then, and takes those that are free, of `most` in all.

    Who gets none is waited for by the others until `until`.
    """
    gate = _locked(connection, relay)
    places = [_seat(relay, place) for place in range(most)]
    taken: dict[str, str] = {  # noqa: C416 - rows are no pairs to mypy
        name: whose
        for name, whose in connection.execute(
            select(services.c.name, services.c.holder)
            .where(services.c.name.in_(places), _is_held(now))
            .order_by(services.c.name)
        )
    }
    others = set(taken.values()) - {holder}
    mine = [name for name, whose in taken.items() if whose == holder]
    waits = gate.holder not in (None, holder) and now < (gate.until or now) <= now + _LONGEST
    share = most
    if waits:
        share = max(1, most // len(others | {holder, gate.holder}))
    elif len(taken) < most:
        free = [name for name in places if name not in taken]
        _known(connection, free)
        mine += free
    if mine:
        connection.execute(
            update(services).where(services.c.name.in_(mine)).values(holder=holder, until=until)
        )
    if not mine and not waits:
        _say(connection, relay, holder, until)
    elif mine and gate.holder == holder:
        _say(connection, relay, None, None)
    return Seats(len(mine), min(len(mine), share))


def rise(connection: Connection, relay: str, holder: str, keep: int = 0) -> None:
    """Lets one seat go where more than `keep` are ours; with none to keep, all of them."""
    _locked(connection, relay)
    mine = connection.scalars(
        select(services.c.name)
        .where(services.c.name.startswith(f"{_gate(relay)} "), services.c.holder == holder)
        .order_by(services.c.name)
    ).all()
    if len(mine) > keep:
        gone = mine if keep == 0 else mine[-1:]
        connection.execute(
            update(services).where(services.c.name.in_(gone)).values(holder=None, until=None)
        )
    if keep == 0:
        connection.execute(
            update(services)
            .where(services.c.name == _gate(relay), services.c.holder == holder)
            .values(holder=None, until=None)
        )


def slots(connection: Connection, relay: str, now: datetime, count: int, rate: float) -> float:
    """In how many seconds the first of `count` slots is, which are ours, 1/`rate` seconds apart."""
    gate = _locked(connection, relay)
    begin = gate.next if gate.next is not None and now < gate.next <= now + _LONGEST else now
    connection.execute(
        update(services)
        .where(services.c.name == _gate(relay))
        .values(next=begin + timedelta(seconds=count / rate))
    )
    seconds: float = (begin - now).total_seconds()
    return seconds


def _is_held(now: datetime) -> ColumnElement[bool]:
    return and_(
        services.c.holder.is_not(None),
        services.c.until > now,
        services.c.until <= now + _LONGEST,
    )


def _locked(connection: Connection, relay: str) -> Row[Any]:
    """The relay's row, ours until the transaction ends."""
    row = select(services).where(services.c.name == _gate(relay)).with_for_update()
    found = connection.execute(row).one_or_none()
    if found is None:
        _known(connection, [_gate(relay)])
        found = connection.execute(row).one()
    return found


def _say(connection: Connection, relay: str, holder: str | None, until: datetime | None) -> None:
    """Says who waits for a seat, or that nobody does."""
    connection.execute(
        update(services).where(services.c.name == _gate(relay)).values(holder=holder, until=until)
    )


def _gate(relay: str) -> str:
    """The name of the relay's row: of one length, whatever the relay is called."""
    return f"relay {hashlib.blake2b(relay.encode(), digest_size=12).hexdigest()}"


def _seat(relay: str, place: int) -> str:
    return f"{_gate(relay)} {place:02}"


def _known(connection: Connection, names: list[str]) -> None:
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(make(services).on_conflict_do_nothing(), [{"name": name} for name in names])
