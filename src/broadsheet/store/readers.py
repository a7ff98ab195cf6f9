"""Readers and what they chose. Personal mode has one reader; every row still says whose it is."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select

from broadsheet.store.tables import preferences, readers
from broadsheet.text.normalise import storable

# Made by the first migration.
PERSONAL = "reader"


def personal(connection: Connection) -> int:
    """The number of the one reader of personal mode."""
    return int(
        connection.execute(select(readers.c.number).where(readers.c.name == PERSONAL)).scalar_one()
    )


def begun(connection: Connection) -> datetime:
    """When the first reader came, which is when the store was made."""
    moment: datetime = connection.execute(select(func.min(readers.c.joined))).scalar_one()
    return moment


def preferences_of(connection: Connection, reader: int) -> dict[str, str]:
    """What a reader chose, by name."""
    rows = connection.execute(
        select(preferences.c.name, preferences.c.value).where(preferences.c.reader == reader)
    )
    return {name: str(value) for name, value in rows}


def set_preference(connection: Connection, reader: int, name: str, value: str) -> None:
    """Keeps a reader's choice in place of the one before."""
    name, value = storable(name), storable(value)
    # Two forms sent at once: the second waits here until the first has been kept.
    connection.execute(select(readers.c.number).where(readers.c.number == reader).with_for_update())
    connection.execute(
        delete(preferences).where(preferences.c.reader == reader, preferences.c.name == name)
    )
    connection.execute(insert(preferences).values(reader=reader, name=name, value=value))
