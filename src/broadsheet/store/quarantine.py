"""What could not be imported: kept with file, line, reason and bytes, never dropped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from broadsheet.records import Quarantined
from broadsheet.store.papers import chunks
from broadsheet.store.tables import quarantine
from broadsheet.text.normalise import storable

_EXCERPT_BYTES = 64 * 1024
_SAME = delete(quarantine).where(
    quarantine.c.file == bindparam("at"),
    quarantine.c.line == bindparam("of"),
    quarantine.c.digest == bindparam("said"),
)


def add(connection: Connection, things: Iterable[Quarantined], seen: datetime) -> None:
    """Keeps each thing once: the same bytes at the same line of the same file are one entry."""
    rows: dict[tuple[str, int, str], dict[str, Any]] = {}
    for thing in things:
        file = storable(thing.file)
        digest = hashlib.blake2b(thing.excerpt, digest_size=12).hexdigest()
        rows[file, thing.line, digest] = {
            "file": file,
            "line": thing.line,
            "digest": digest,
            "reason": storable(thing.reason),
            "source": thing.source,
            "excerpt": thing.excerpt[:_EXCERPT_BYTES],
            "size": thing.size,
            "seen": seen,
        }
    if rows:
        # Whoever hands in a file that is none of papers puts aside thousands at once.
        same = [{"at": file, "of": line, "said": digest} for file, line, digest in rows]
        connection.execute(_SAME, same)
        connection.execute(insert(quarantine), list(rows.values()))


def clear(connection: Connection, file: str, before: datetime) -> int:
    """Forgets what runs earlier than `before` put aside of `file`; returns how many that were.

    An import does this when it has read the file to its end: what is still wrong was put aside
    again by then, and what was mended leaves.
    """
    return connection.execute(
        delete(quarantine).where(quarantine.c.file == storable(file), quarantine.c.seen < before)
    ).rowcount


def clear_files(connection: Connection, files: Iterable[str]) -> None:
    """Forgets what was put aside under these names."""
    for chunk in chunks([storable(file) for file in files]):
        connection.execute(delete(quarantine).where(quarantine.c.file.in_(chunk)))


def files(connection: Connection, beginning: str) -> list[str]:
    """The names that begin so, under which something was put aside."""
    name = quarantine.c.file
    rows = connection.scalars(
        select(name).distinct().where(name.startswith(beginning, autoescape=True)).order_by(name)
    )
    return list(rows)


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
