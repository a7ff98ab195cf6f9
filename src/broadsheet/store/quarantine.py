"""What could not be imported: kept with file, line, reason and bytes, never dropped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from broadsheet.records import Quarantined
from broadsheet.store.tables import quarantine
from broadsheet.text.normalise import storable

_EXCERPT_BYTES = 64 * 1024


def add(connection: Connection, things: Iterable[Quarantined], seen: datetime) -> None:
    """Keeps each thing once: the same bytes at the same line of the same file are one entry."""
    for thing in things:
        file = storable(thing.file)
        digest = hashlib.blake2b(thing.excerpt, digest_size=12).hexdigest()
        same = (
            (quarantine.c.file == file)
            & (quarantine.c.line == thing.line)
            & (quarantine.c.digest == digest)
        )
        connection.execute(delete(quarantine).where(same))
        connection.execute(
            insert(quarantine).values(
                file=file,
                line=thing.line,
                digest=digest,
                reason=storable(thing.reason),
                source=thing.source,
                excerpt=thing.excerpt[:_EXCERPT_BYTES],
                size=thing.size,
                seen=seen,
            )
        )


def clear(connection: Connection, file: str, before: datetime) -> int:
    """Forgets what runs earlier than `before` put aside of `file`; returns how many that were.

    An import does this when it has read the file to its end: what is still wrong was put aside
    again by then, and what was mended leaves.
    """
    return connection.execute(
        delete(quarantine).where(quarantine.c.file == storable(file), quarantine.c.seen < before)
    ).rowcount


def held(connection: Connection) -> int:
    """How many entries there are."""
    return connection.scalar(select(func.count()).select_from(quarantine)) or 0


def listing(connection: Connection) -> list[Quarantined]:
    """Every entry, by file and line."""
    rows = connection.execute(
        select(quarantine).order_by(quarantine.c.file, quarantine.c.line, quarantine.c.number)
    )
    return [
        Quarantined(
            file=row.file,
            line=row.line,
            reason=row.reason,
            source=row.source,
            excerpt=row.excerpt,
            size=row.size,
            seen=row.seen,
        )
        for row in rows
    ]
