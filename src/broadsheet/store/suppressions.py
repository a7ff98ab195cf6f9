"""Addresses that get nothing: who left, where mail bounced, who complained, who was barred.

Only the person's own confirmed link lifts `left`; only the operator lifts anything else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, delete, func, insert, select, update

from broadsheet.store.tables import subscribers, suppressions
from broadsheet.text.mailboxes import mailbox
from broadsheet.text.normalise import storable

_LONGEST_DETAIL = 500


class Why(StrEnum):
    """Why an address gets nothing."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    LEFT = "left"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address that gets nothing, why, and since when."""

    mailbox: str
    reason: Why
    detail: str
    at: datetime


def add(connection: Connection, address: str, reason: Why, detail: str, now: datetime) -> bool:
    """Sends nothing to the address from now on; False where it got nothing already.

    Who had left and is barred for another reason stays barred when they come back; in any other
    case the first reason stays.
    """
    box = mailbox(address)
    detail = storable(detail)[:_LONGEST_DETAIL]
    # Two at once: the second waits here, where somebody with the address is known.
    connection.execute(
        select(subscribers.c.number).where(subscribers.c.mailbox == box).with_for_update()
    )
    known = of(connection, box)
    values = {"reason": reason.value, "detail": detail, "at": now}
    if known is None:
        connection.execute(insert(suppressions).values(mailbox=box, **values))
    elif known.reason is Why.LEFT and reason is not Why.LEFT:
        connection.execute(
            update(suppressions).where(suppressions.c.mailbox == box).values(**values)
        )
    return known is None


def lift(connection: Connection, address: str, only: Why | None = None) -> bool:
    """Lets mail go to the address again (where the reason is `only`); False where nothing did."""
    chosen = delete(suppressions).where(suppressions.c.mailbox == mailbox(address))
    if only is not None:
        chosen = chosen.where(suppressions.c.reason == only.value)
    return bool(connection.execute(chosen).rowcount)


def of(connection: Connection, address: str) -> Suppression | None:
    """Why the address gets nothing; None where it may."""
    row = connection.execute(
        select(suppressions).where(suppressions.c.mailbox == mailbox(address))
    ).one_or_none()
    if row is None:
        return None
    return Suppression(row.mailbox, Why(row.reason), row.detail, row.at)


def bar(connection: Connection, address: str, now: datetime) -> None:
    """The operator bars an address, whatever was the reason before."""
    box = mailbox(address)
    connection.execute(delete(suppressions).where(suppressions.c.mailbox == box))
    add(connection, box, Why.OPERATOR, "by the operator", now)


def counts(connection: Connection) -> dict[str, int]:
    """How many addresses are barred for each reason."""
    rows = connection.execute(
        select(suppressions.c.reason, func.count()).group_by(suppressions.c.reason)
    )
    return {reason: count for reason, count in rows}  # noqa: C416 - rows are no pairs to mypy


def every(connection: Connection) -> list[Suppression]:
    """All of them, the newest first."""
    rows = connection.execute(
        select(suppressions).order_by(suppressions.c.at.desc(), suppressions.c.mailbox)
    )
    return [Suppression(row.mailbox, Why(row.reason), row.detail, row.at) for row in rows]
