"""What is a reader's follows the paper: rows that a reader made go with a paper that turns out to
be another, and a paper that a reader keeps something of is not removed.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, Table, and_, exists, select, update

from broadsheet.store.papers import chunks
from broadsheet.store.tables import (
    collection_papers,
    interest_papers,
    notes,
    reading,
    sent_papers,
    signals,
    votes,
)

# Tables with a paper in their key, and what else is in it.
_FOLLOWING: dict[Table, tuple[str, ...]] = {
    votes: ("reader",),
    reading: ("reader",),
    notes: ("reader",),
    interest_papers: ("interest",),
    collection_papers: ("collection",),
    signals: ("kind", "source", "day"),
    sent_papers: ("subscriber",),
}
_MOMENTS = ("seen", "opened", "saved", "done", "dismissed")


def follow(connection: Connection, gone: int, kept: int) -> None:
    """Gives the rows of paper `gone` to paper `kept`, which it turned out to be. Where a reader has
    something of both, moments of reading are put together and notes joined; of the rest the one on
    the paper that is kept stays.
    """
    _join_reading(connection, gone, kept)
    _join_notes(connection, gone, kept)
    for table, others in _FOLLOWING.items():
        there = table.alias("there")
        twin = and_(there.c.paper == kept, *(there.c[name] == table.c[name] for name in others))
        connection.execute(
            update(table)
            .where(table.c.paper == gone, ~exists(select(there.c.paper).where(twin)))
            .values(paper=kept)
        )


def kept_by_readers(connection: Connection, numbers: Iterable[int]) -> set[int]:
    """Those of the papers that a reader made something of: more than having seen or opened it."""
    found: set[int] = set()
    deliberate = reading.c.saved.is_not(None) | reading.c.done.is_not(None)
    for chunk in chunks(numbers):
        for table in (votes, notes, interest_papers, collection_papers):
            found.update(connection.scalars(select(table.c.paper).where(table.c.paper.in_(chunk))))
        found.update(
            connection.scalars(
                select(reading.c.paper).where(reading.c.paper.in_(chunk), deliberate)
            )
        )
    return found


def _join_reading(connection: Connection, gone: int, kept: int) -> None:
    here, there = reading.alias("here"), reading.alias("there")
    pairs = connection.execute(
        select(here, *(there.c[name].label(f"other_{name}") for name in _MOMENTS))
        .join(there, and_(there.c.reader == here.c.reader, there.c.paper == gone))
        .where(here.c.paper == kept)
    ).all()
    for pair in pairs:
        said = pair._mapping
        first = {
            name: min((at for at in (said[name], said[f"other_{name}"]) if at), default=None)
            for name in _MOMENTS
        }
        connection.execute(
            update(reading)
            .where(reading.c.reader == said["reader"], reading.c.paper == kept)
            .values(first)
        )


def _join_notes(connection: Connection, gone: int, kept: int) -> None:
    there = notes.alias("there")
    pairs = connection.execute(
        select(notes.c.reader, notes.c.text, there.c.text.label("other"))
        .join(there, and_(there.c.reader == notes.c.reader, there.c.paper == gone))
        .where(notes.c.paper == kept)
    ).all()
    for reader, text, other in pairs:
        connection.execute(
            update(notes)
            .where(notes.c.reader == reader, notes.c.paper == kept)
            .values(text=f"{text}\n\n{other}")
        )
