"""The change log: which papers were written since a reader last looked.

Each write to a paper stamps its row with the next change number; a removal leaves a tombstone
with one. Numbers come from one counter row that the writing transaction keeps locked until it
commits, so no number appears after a larger one was seen (a database sequence would not promise
that), and a reader that goes on from the last number it saw misses nothing.
"""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, insert, select, update

from broadsheet.store.tables import counters, papers, tombstones

_CHANGE = "change"
_PAPER = "paper"
_IDENTITY = "identity"


def next_changes(connection: Connection, count: int) -> int:
    """Takes `count` change numbers; returns the first. Locks the log until the commit."""
    return _take(connection, _CHANGE, count)


def next_papers(connection: Connection, count: int) -> int:
    """Takes `count` paper numbers; returns the first."""
    return _take(connection, _PAPER, count)


def last_change(connection: Connection) -> int:
    """The number of the newest committed change; 0 for a store that was never written."""
    return connection.scalar(select(counters.c.value).where(counters.c.name == _CHANGE)) or 0


def changed_since(connection: Connection, after: int, limit: int) -> list[tuple[int, int, bool]]:
    """The next `limit` changes after number `after`, oldest first: (change, paper, is gone)."""
    found = []
    for table, gone in ((papers, False), (tombstones, True)):
        rows = connection.execute(
            select(table.c.change, table.c.number)
            .where(table.c.change > after)
            .order_by(table.c.change)
            .limit(limit)
        )
        found += [(change, number, gone) for change, number in rows]
    return sorted(found)[:limit]


def flag(connection: Connection, name: str) -> int:
    """A small fact kept beside the counters (as 'sample-removed'); 0 where never set."""
    return connection.scalar(select(counters.c.value).where(counters.c.name == name)) or 0


def set_flag(connection: Connection, name: str, value: int) -> None:
    """Keeps a small fact."""
    if not connection.execute(
        update(counters).where(counters.c.name == name).values(value=value)
    ).rowcount:
        connection.execute(insert(counters).values(name=name, value=value))


def identity(connection: Connection) -> int:
    """A number drawn when this store was made: derived data of another store is not ours."""
    return connection.scalar(select(counters.c.value).where(counters.c.name == _IDENTITY)) or 0


def new_identity() -> int:
    """A number for a new store."""
    return secrets.randbits(62)


def _take(connection: Connection, name: str, count: int) -> int:
    last = connection.scalar(
        update(counters)
        .where(counters.c.name == name)
        .values(value=counters.c.value + count)
        .returning(counters.c.value)
    )
    if last is None:
        raise RuntimeError(f"the store has no counter {name}; its first migration did not run")
    return int(last) - count + 1
