"""Subscribers and messages for tests of the outbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, select

from broadsheet.store import outbox, subscribers
from broadsheet.store.outbox import Due, Letter
from broadsheet.store.subscribers import Rhythm, Subscriber
from broadsheet.store.tables import outbox as rows

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=1)
TODAY = "daily:2026-11-21"


def reader(
    connection: Connection, address: str = "ada@example.org", rhythm: Rhythm = Rhythm.DAILY
) -> Subscriber:
    """Somebody who asked for the front page and said so by the link."""
    somebody = subscribers.add(connection, address, NOON)
    wanted = subscribers.subscribe(connection, somebody.number, "/", "Front page", rhythm, NOON)
    confirmed = subscribers.confirm(connection, wanted.number, NOON)
    assert confirmed is not None
    return confirmed


def letter(subscriber: int, edition: str = TODAY, papers: tuple[int, ...] = ()) -> Letter:
    """A message to them."""
    raw = b"Subject: Kites\r\n\r\nUp they go.\r\n"
    return Letter(subscriber, edition, f"<{subscriber}.{edition}@x>", "Kites", raw, papers)


def queued(connection: Connection, address: str = "ada@example.org", edition: str = TODAY) -> int:
    """The number of a message that is due to a new reader."""
    assert outbox.queue(connection, letter(reader(connection, address).number, edition), NOON)
    return int(connection.scalars(select(rows.c.number).order_by(rows.c.number.desc())).first())  # type: ignore[arg-type]


def taken(connection: Connection, holder: str = "me", now: datetime = NOON) -> list[Due]:
    """What `holder` gets to send, for a minute."""
    return outbox.take(connection, holder, now, now + timedelta(minutes=1), 10)


def standing(connection: Connection, number: int) -> tuple[str, str | None]:
    """The state and the reason of a message."""
    row = connection.execute(select(rows.c.state, rows.c.reason).where(rows.c.number == number))
    state, reason = row.one()
    return state, reason
