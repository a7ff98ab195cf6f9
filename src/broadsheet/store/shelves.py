"""A reader's interests and collections by name, without what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from broadsheet.records import Shelf, ShelfKind
from broadsheet.store.tables import collections, interests

_TABLES = {ShelfKind.INTEREST: interests, ShelfKind.COLLECTION: collections}


@dataclass(frozen=True, slots=True)
class Named:
    """A shelf, the name its reader gave it, and when it was made."""

    shelf: Shelf
    name: str
    made: datetime


def of(connection: Connection, reader: int) -> list[Named]:
    """The reader's interests, then their collections, each the oldest first."""
    return [
        Named(Shelf(kind, slug), name, made)
        for kind, table in _TABLES.items()
        for slug, name, made in connection.execute(
            select(table.c.slug, table.c.name, table.c.made)
            .where(table.c.reader == reader)
            .order_by(table.c.number)
        )
    ]


def called(connection: Connection, reader: int, shelf: Shelf) -> Named | None:
    """The reader's interest or collection; None where there is none of that slug, and for the
    shelves that everybody has.
    """
    table = _TABLES.get(shelf.kind)
    if table is None:
        return None
    row = connection.execute(
        select(table.c.name, table.c.made).where(
            table.c.reader == reader, table.c.slug == shelf.slug
        )
    ).one_or_none()
    return Named(shelf, row.name, row.made) if row else None
