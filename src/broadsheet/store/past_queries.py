"""What a reader searched for before, where they wish it remembered.

Who does not wish it has nothing here: the choice is a preference (`readers.py`), off unless made,
and taking it back forgets what was kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Select, bindparam, delete, insert, select, update

from broadsheet.store.tables import past_queries, preferences
from broadsheet.store.tables import readers as readers_table
from broadsheet.text.normalise import plain, storable

# Longer ones are pasted text, which nobody types again.
LONGEST = 200
# The newest of a reader that are kept: years of searching, and one page of the database to read.
MOST = 500
# The name of the preference, and its values.
HISTORY = "history"
OFF, ON = "off", "on"


# Made once: suggestions ask at every key.
_CHOICE = select(preferences.c.value).where(
    preferences.c.reader == bindparam("reader"), preferences.c.name == HISTORY
)


@dataclass(frozen=True, slots=True)
class PastQuery:
    """A query as the reader wrote it, when they last asked it, and how often."""

    text: str
    used: datetime
    times: int


def is_wanted(connection: Connection, reader: int) -> bool:
    """Whether the reader wishes their searches remembered."""
    return connection.scalar(_CHOICE, {"reader": reader}) == ON


def remember(connection: Connection, reader: int, text: str, now: datetime | None = None) -> None:
    """Keeps a query as the newest, in place of the oldest where `MOST` are held.

    Nothing is kept of what is empty or longer than `LONGEST`.
    """
    text = storable(plain(text))
    if not text or len(text) > LONGEST:
        return
    used = now or datetime.now(UTC)
    # Two windows that search at once: the second waits here until the first is through.
    connection.execute(
        select(readers_table.c.number).where(readers_table.c.number == reader).with_for_update()
    )
    known = (past_queries.c.reader == reader) & (past_queries.c.text == text)
    again = connection.execute(
        update(past_queries).where(known).values(used=used, times=past_queries.c.times + 1)
    )
    if again.rowcount:
        return
    connection.execute(insert(past_queries).values(reader=reader, text=text, used=used, times=1))
    beyond = connection.scalars(_newest(reader).offset(MOST)).all()
    if beyond:
        connection.execute(
            delete(past_queries).where(
                past_queries.c.reader == reader, past_queries.c.text.in_(beyond)
            )
        )


def held(connection: Connection, reader: int) -> list[PastQuery]:
    """The reader's queries, newest first."""
    rows = connection.execute(
        _newest(reader).add_columns(past_queries.c.used, past_queries.c.times)
    )
    return [PastQuery(text, used, times) for text, used, times in rows]


def forget(connection: Connection, reader: int) -> None:
    """Forgets every query of the reader."""
    connection.execute(delete(past_queries).where(past_queries.c.reader == reader))


def _newest(reader: int) -> Select[tuple[str]]:
    return (
        select(past_queries.c.text)
        .where(past_queries.c.reader == reader)
        .order_by(past_queries.c.used.desc(), past_queries.c.text)
    )
