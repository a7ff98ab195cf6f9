"""What a reader did, so that it can be undone.

A deed changes rows that are the reader's own through `Doing`, which keeps of each what stood there
before. `undo` puts that back, the last deed first. The deed and its rows are one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from broadsheet.store import tables
from broadsheet.store.papers import chunks

# The newest of a reader that can be undone.
MOST = 200
_UNDOABLE = {
    table.name: table
    for table in (
        tables.votes,
        tables.reading,
        tables.notes,
        tables.interests,
        tables.interest_papers,
        tables.interest_terms,
        tables.collections,
        tables.collection_papers,
        tables.preferences,
    )
}
_Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deed:
    """Something a reader did, in words, as in `Saved “Of Kites”`."""

    number: int
    at: datetime
    said: str


class Doing:
    """One deed of a reader while it is being done. Two windows of a reader act one after the
    other. Nothing is kept of a deed that changed nothing.
    """

    def __init__(
        self, connection: Connection, reader: int, said: str, now: datetime | None = None
    ) -> None:
        self.connection = connection
        self.reader = reader
        self.said = said
        self.now = now or datetime.now(UTC)
        self._rows: list[tuple[str, _Row | None, _Row | None]] = []
        lock(connection, reader)

    def row(self, table: Table, key: Mapping[str, Any]) -> _Row | None:
        """The row of that key as it stands."""
        row = self.connection.execute(select(table).where(*_is(table, key))).one_or_none()
        return dict(row._mapping) if row else None

    def put(self, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]) -> _Row:
        """Writes a row in place of the one of that key, whose other values stay; returns it."""
        before = self.row(table, key)
        after = {**(before or {}), **key, **values}
        if before is None:
            made = self.connection.execute(insert(table).values(after).returning(table)).one()
            after = dict(made._mapping)
        elif after != before:
            self.connection.execute(update(table).where(*_is(table, key)).values(after))
        self._changed(table, before, after)
        return after

    def fill(self, table: Table, parent: Mapping[str, Any], rows: Iterable[_Row]) -> int:
        """Writes many rows that share the values of `parent`; returns how many were not there."""
        names = [column.name for column in table.primary_key if column.name not in parent]
        held = {
            tuple(row._mapping[name] for name in names): dict(row._mapping)
            for row in self.connection.execute(select(table).where(*_is(table, parent)))
        }
        wanted = {tuple(row[name] for name in names): {**parent, **row} for row in rows}
        new = [row for key, row in wanted.items() if key not in held]
        for start in range(0, len(new), 500):
            self.connection.execute(insert(table), new[start : start + 500])
        for row in new:
            self._changed(table, None, row)
        for key, row in wanted.items():
            if key in held and {**held[key], **row} != held[key]:
                self.put(table, {name: row[name] for name in (*parent, *names)}, row)
        return len(new)

    def drop(self, table: Table, parent: Mapping[str, Any]) -> int:
        """Removes the rows with these values; returns how many there were."""
        found = self.connection.execute(select(table).where(*_is(table, parent))).all()
        self.connection.execute(delete(table).where(*_is(table, parent)))
        for row in found:
            self._changed(table, dict(row._mapping), None)
        return len(found)

    def keep(self) -> int | None:
        """Keeps the deed; returns its number, None where nothing was changed."""
        if not self._rows:
            return None
        rows = [[str(name), _json(before), _json(after)] for name, before, after in self._rows]
        number = self.connection.execute(
            insert(tables.deeds)
            .values(reader=self.reader, at=self.now, said=self.said, rows=rows)
            .returning(tables.deeds.c.number)
        ).scalar_one()
        oldest = self.connection.scalar(
            select(tables.deeds.c.number)
            .where(tables.deeds.c.reader == self.reader)
            .order_by(tables.deeds.c.number.desc())
            .offset(MOST)
            .limit(1)
        )
        if oldest is not None:
            self.connection.execute(
                delete(tables.deeds).where(
                    tables.deeds.c.reader == self.reader, tables.deeds.c.number <= oldest
                )
            )
        return int(number)

    def _changed(self, table: Table, before: _Row | None, after: _Row | None) -> None:
        if before != after:
            self._rows.append((table.name, before, after))


def lock(connection: Connection, reader: int) -> None:
    """Waits until no other transaction is changing what is this reader's."""
    connection.execute(
        select(tables.readers.c.number).where(tables.readers.c.number == reader).with_for_update()
    )


def latest(connection: Connection, reader: int) -> Deed | None:
    """The reader's last deed that was not undone."""
    row = connection.execute(
        select(tables.deeds.c.number, tables.deeds.c.at, tables.deeds.c.said)
        .where(tables.deeds.c.reader == reader)
        .order_by(tables.deeds.c.number.desc())
        .limit(1)
    ).one_or_none()
    return Deed(row.number, row.at, row.said) if row else None


def undo(connection: Connection, reader: int, number: int | None = None) -> Deed | None:
    """Puts back what the reader's last deed changed; returns that deed.

    With `number`, only where that is the last one: a form sent twice undoes one deed. What belonged
    to a paper that is gone stays gone.
    """
    lock(connection, reader)
    deed = latest(connection, reader)
    if deed is None or (number is not None and deed.number != number):
        return None
    changed = connection.scalar(
        select(tables.deeds.c.rows).where(tables.deeds.c.number == deed.number)
    )
    rows = [(_UNDOABLE[name], before, after) for name, before, after in changed or ()]
    held = _papers(connection, rows)
    for table, before, after in reversed(rows):
        said = before or after
        if "paper" in said and said["paper"] not in held:
            continue
        key = {column.name: said[column.name] for column in table.primary_key}
        connection.execute(delete(table).where(*_is(table, key))) if before is None else _restore(
            connection, table, key, before
        )
    connection.execute(delete(tables.deeds).where(tables.deeds.c.number == deed.number))
    return deed


def _restore(connection: Connection, table: Table, key: _Row, before: _Row) -> None:
    row = {name: _value(table, name, value) for name, value in before.items()}
    # Updated where it is there, never replaced: removing it would take along what refers to it.
    if not connection.execute(update(table).where(*_is(table, key)).values(row)).rowcount:
        connection.execute(insert(table).values(row))


def _papers(connection: Connection, rows: list[tuple[Table, _Row | None, _Row | None]]) -> set[int]:
    """Which of the papers that the rows are about are still held."""
    named = {row["paper"] for _, *both in rows for row in both if row and "paper" in row}
    held: set[int] = set()
    for chunk in chunks(named):
        held.update(
            connection.scalars(
                select(tables.papers.c.number).where(tables.papers.c.number.in_(chunk))
            )
        )
    return held


def _is(table: Table, key: Mapping[str, Any]) -> list[Any]:
    return [table.c[name] == value for name, value in key.items()]


def _json(row: _Row | None) -> _Row | None:
    return row and {
        # Names of columns are a string of their own kind, which JSON does not take.
        str(name): value.isoformat() if isinstance(value, datetime) else value
        for name, value in row.items()
    }


def _value(table: Table, name: str, value: Any) -> Any:
    is_moment = isinstance(table.c[name].type, tables.Moment)
    return datetime.fromisoformat(value) if is_moment and value else value
