"""Inserting rows by the thousand.

SQLAlchemy puts each row of many through the making of one statement's parameters; that took more
of an import than the database did. Here it makes the statement and says how values are written,
once a table, and the driver gets the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert

_Writer = Callable[[Any], Any]


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows, each with a value for every column of the table."""
    if not rows:
        return
    statement, columns = _prepared(connection.dialect, table)
    if connection.dialect.positional:
        given: list[Any] = [
            tuple([row[name] if write is None else write(row[name]) for name, write in columns])
            for row in rows
        ]
    else:
        given = [
            {name: row[name] if write is None else write(row[name]) for name, write in columns}
            for row in rows
        ]
    connection.exec_driver_sql(statement, given)


@lru_cache(maxsize=64)
def _prepared(dialect: Dialect, table: Table) -> tuple[str, list[tuple[str, _Writer | None]]]:
    """The statement, and for each column how the database's driver wants its values, in the
    order of the statement.
    """
    statement = insert(table).compile(dialect=dialect)
    writers: list[tuple[str, _Writer | None]] = [
        (column.name, column.type.dialect_impl(dialect).bind_processor(dialect))
        for column in table.columns
    ]
    return str(statement), writers
