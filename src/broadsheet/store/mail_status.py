"""Who got what: what the outbox says of each edition and as a whole, and of whom it has no row.

Nothing here changes anything. Every function needs a transaction.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, and_, case, exists, func, select

from broadsheet.store.outbox import CONFIRM, Standing
from broadsheet.store.subscribers import Rhythm, State
from broadsheet.store.tables import mail_events, outbox, subscribers, subscriptions


@dataclass(frozen=True, slots=True)
class Edition:
    """An edition and how many of its messages stand where."""

    name: str
    counts: dict[Standing, int]
    undecided: int
    first_queued: datetime
    last_sent: datetime | None


@dataclass(frozen=True, slots=True)
class Summary:
    """The outbox as a whole. `waiting` counts those that were tried and are to be tried again."""

    counts: dict[Standing, int]
    undecided: int
    waiting: int
    oldest_queued: datetime | None
    last_sent: datetime | None
    last_answer: str | None
    events: dict[str, int] = field(default_factory=dict)


def editions(connection: Connection, since: datetime, limit: int = 100) -> list[Edition]:
    """Editions queued since then and how they stand, the newest first; confirmations are one."""
    # By their kind: there is one confirmation for each who asked.
    name = case((outbox.c.edition.like(f"{CONFIRM}:%"), CONFIRM), else_=outbox.c.edition).label(
        "name"
    )
    rows = connection.execute(
        select(
            name,
            outbox.c.state,
            func.count().label("times"),
            func.sum(outbox.c.undecided).label("undecided"),
            func.min(outbox.c.queued).label("first"),
            func.max(outbox.c.sent).label("last"),
        )
        .where(outbox.c.queued >= since)
        .group_by(name, outbox.c.state)
    )
    by_name: dict[str, list[Row[Any]]] = {}
    for row in rows:
        by_name.setdefault(row.name, []).append(row)
    found = [
        Edition(
            name=name,
            counts={Standing(row.state): row.times for row in rows},
            undecided=sum(int(row.undecided) for row in rows),
            first_queued=min(row.first for row in rows),
            last_sent=max((row.last for row in rows if row.last), default=None),
        )
        for name, rows in by_name.items()
    ]
    found.sort(key=lambda edition: (edition.first_queued, edition.name), reverse=True)
    return found[:limit]


def reasons(connection: Connection, edition: str | None = None) -> list[tuple[str, str, int]]:
    """Why messages did not go: state, reason and how many, the most frequent first."""
    count = func.count()
    rows = (
        select(outbox.c.state, outbox.c.reason, count)
        .where(outbox.c.reason.is_not(None))
        .group_by(outbox.c.state, outbox.c.reason)
        .order_by(count.desc(), outbox.c.reason)
    )
    if edition is not None:
        rows = rows.where(outbox.c.edition == edition)
    return [(state, reason, number) for state, reason, number in connection.execute(rows)]


def summary(connection: Connection) -> Summary:
    """How the outbox stands."""
    states = _pairs(connection, outbox.c.state)
    queued = outbox.c.state == Standing.QUEUED.value
    tried = and_(queued, outbox.c.attempts > 0)
    return Summary(
        counts={Standing(state): count for state, count in states.items()},
        undecided=int(connection.scalar(select(func.sum(outbox.c.undecided))) or 0),
        waiting=connection.scalar(select(func.count()).select_from(outbox).where(tried)) or 0,
        oldest_queued=connection.scalar(select(func.min(outbox.c.queued)).where(queued)),
        last_sent=connection.scalar(select(func.max(outbox.c.sent))),
        last_answer=connection.scalar(
            select(outbox.c.answer).where(tried).order_by(outbox.c.next_try.desc()).limit(1)
        ),
        events=_pairs(connection, mail_events.c.kind),
    )


def hours(connection: Connection) -> list[tuple[str, int, int]]:
    """The zones, hours and weekdays at which confirmed subscribers get mail."""
    rows = connection.execute(
        select(subscribers.c.zone, subscribers.c.hour, subscribers.c.weekday)
        .where(subscribers.c.state == State.CONFIRMED.value)
        .distinct()
    )
    return sorted((zone, hour, weekday) for zone, hour, weekday in rows)


def without_edition(
    connection: Connection,
    edition: str,
    rhythm: Rhythm,
    when: tuple[str, int, int],
    before: datetime,
) -> int:
    """How many confirmed subscribers with these hours and a subscription of this rhythm, from
    before that moment, have no row of the edition, not even a silent one.
    """
    zone, hour, weekday = when
    row = exists().where(outbox.c.subscriber == subscribers.c.number, outbox.c.edition == edition)
    gets = exists().where(
        subscriptions.c.subscriber == subscribers.c.number,
        subscriptions.c.rhythm == rhythm.value,
        subscriptions.c.confirmed < before,
        subscriptions.c.ended.is_(None),
    )
    found = connection.scalar(
        select(func.count())
        .select_from(subscribers)
        .where(
            subscribers.c.state == State.CONFIRMED.value,
            subscribers.c.zone == zone,
            subscribers.c.hour == hour,
            subscribers.c.weekday == weekday,
            gets,
            ~row,
        )
    )
    return found or 0


def queued_before(connection: Connection, moment: datetime) -> int:
    """How many messages wait since before that moment."""
    old = and_(outbox.c.state == Standing.QUEUED.value, outbox.c.queued < moment)
    return connection.scalar(select(func.count()).select_from(outbox).where(old)) or 0


def due(connection: Connection, now: datetime, edition: str | None = None) -> dict[str, int]:
    """How many messages of each edition would be sent now."""
    ready = and_(outbox.c.state == Standing.QUEUED.value, outbox.c.next_try <= now)
    rows = select(outbox.c.edition, func.count()).where(ready).group_by(outbox.c.edition)
    if edition is not None:
        rows = rows.where(outbox.c.edition == edition)
    found = connection.execute(rows.order_by(outbox.c.edition))
    return {name: count for name, count in found}  # noqa: C416 - rows are no pairs to mypy


def _pairs(connection: Connection, column: Column[str]) -> dict[str, int]:
    """How many rows have each value of a column."""
    rows = connection.execute(select(column, func.count()).group_by(column))
    return {value: count for value, count in rows}  # noqa: C416 - rows are no pairs to mypy
