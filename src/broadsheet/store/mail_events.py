"""What came back: every bounce and complaint, each once, whoever reads it in and how often."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from broadsheet.store.tables import mail_events
from broadsheet.text.mailboxes import mailbox
from broadsheet.text.normalise import storable


@dataclass(frozen=True, slots=True)
class Event:
    """Something that came back. `kind` is bounce (for good), refusal, delay, complaint, reply or
    unknown; `digest` names the report, so that it counts once. `at` is when it was taken in.
    """

    kind: str
    digest: str
    message_id: str | None = None
    address: str | None = None
    detail: Mapping[str, object] | None = None
    at: datetime | None = None


def digest(report: bytes) -> str:
    """24 hexadecimal digits naming the bytes of a report."""
    return hashlib.blake2b(report, digest_size=12).hexdigest()


def note(connection: Connection, event: Event, now: datetime) -> bool:
    """Keeps the event; False where it is kept already."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    kept = connection.scalar(
        make(mail_events)
        .values(
            at=now,
            kind=event.kind,
            message_id=event.message_id and storable(event.message_id)[:250],
            mailbox=event.address and mailbox(event.address),
            digest=event.digest,
            detail={name: storable(str(value)) for name, value in (event.detail or {}).items()},
        )
        .on_conflict_do_nothing()
        .returning(mail_events.c.number)
    )
    return kept is not None


def newest(connection: Connection, limit: int = 20) -> list[Event]:
    """The newest events first."""
    rows = connection.execute(
        select(mail_events).order_by(mail_events.c.number.desc()).limit(limit)
    )
    return [
        Event(row.kind, row.digest, row.message_id, row.mailbox, row.detail, row.at) for row in rows
    ]


def counts(connection: Connection, since: datetime) -> dict[str, int]:
    """How many events of each kind came since then."""
    rows = connection.execute(
        select(mail_events.c.kind, func.count())
        .where(mail_events.c.at >= since)
        .group_by(mail_events.c.kind)
    )
    return {kind: number for kind, number in rows}  # noqa: C416 - rows are no pairs to mypy
