"""What a reader did with papers: seen, opened, saved, done, dismissed; votes; notes.

A paper is *read* when it was opened or done. `mark` keeps the first moment of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from sqlalchemy import Connection, insert, or_, select, update

from broadsheet.store import deeds, tables
from broadsheet.store.deeds import Doing
from broadsheet.store.papers import chunks
from broadsheet.store.tables import notes, papers, reading, votes
from broadsheet.text.normalise import storable

Step = Literal["seen", "opened", "saved", "done", "dismissed"]
STEPS: tuple[Step, ...] = ("seen", "opened", "saved", "done", "dismissed")
# Longer ones are papers of their own.
LONGEST_NOTE = 20_000


@dataclass(frozen=True, slots=True)
class State:
    """What a reader did with one paper, and when first."""

    seen: datetime | None = None
    opened: datetime | None = None
    saved: datetime | None = None
    done: datetime | None = None
    dismissed: datetime | None = None
    voted: bool = False
    note: str = ""

    @property
    def is_queued(self) -> bool:
        """Whether the reader means to read it and has not."""
        return self.saved is not None and self.done is None


NOTHING = State()


def note_steps(
    connection: Connection,
    reader: int,
    numbers: Iterable[int],
    step: Literal["seen", "opened"],
    now: datetime | None = None,
) -> int:
    """Keeps that the reader saw or opened papers, where that is new; returns how many. What
    happens by itself is no deed, and not undone.
    """
    deeds.lock(connection, reader)
    at, counted = now or datetime.now(UTC), 0
    for chunk in chunks(numbers):
        held = set(connection.scalars(select(papers.c.number).where(papers.c.number.in_(chunk))))
        mine = reading.c.reader == reader
        known = set(
            connection.scalars(select(reading.c.paper).where(mine, reading.c.paper.in_(chunk)))
        )
        counted += connection.execute(
            update(reading)
            .where(mine, reading.c.paper.in_(known), reading.c[step].is_(None))
            .values({step: at})
        ).rowcount
        new = sorted(held - known)
        if new:
            connection.execute(
                insert(reading), [{"reader": reader, "paper": n, step: at} for n in new]
            )
        counted += len(new)
    return counted


def mark(doing: Doing, paper: int, step: Step, *, on: bool = True) -> None:
    """Keeps that the reader took a step with a paper, or takes the step back."""
    key = {"reader": doing.reader, "paper": paper}
    before = doing.row(reading, key)
    if not on:
        if before is not None:
            doing.put(reading, key, {step: None})
    elif before is None or before[step] is None:
        doing.put(reading, key, {step: doing.now})


def vote(doing: Doing, paper: int, *, on: bool = True) -> None:
    """The reader's vote for a paper, given or taken back."""
    key = {"reader": doing.reader, "paper": paper}
    if not on:
        doing.drop(votes, key)
    elif doing.row(votes, key) is None:
        doing.put(votes, key, {"at": doing.now})


def write_note(doing: Doing, paper: int, text: str) -> None:
    """The reader's note on a paper, in place of the one before; an empty one removes it."""
    key = {"reader": doing.reader, "paper": paper}
    text = storable(text.replace("\r\n", "\n")).strip()[:LONGEST_NOTE]
    if not text:
        doing.drop(notes, key)
    else:
        before = doing.row(notes, key)
        if before is None or before["text"] != text:
            doing.put(notes, key, {"text": text, "changed": doing.now})


def states(connection: Connection, reader: int, numbers: Sequence[int]) -> dict[int, State]:
    """What the reader did with each of these papers; those without anything are left out."""
    found: dict[int, dict[str, object]] = {}
    for chunk in chunks(numbers):
        for row in connection.execute(
            select(reading).where(reading.c.reader == reader, reading.c.paper.in_(chunk))
        ):
            found[row.paper] = {step: row._mapping[step] for step in STEPS}
        for number in connection.scalars(
            select(votes.c.paper).where(votes.c.reader == reader, votes.c.paper.in_(chunk))
        ):
            found.setdefault(number, {})["voted"] = True
        for number, text in connection.execute(
            select(notes.c.paper, notes.c.text).where(
                notes.c.reader == reader, notes.c.paper.in_(chunk)
            )
        ):
            found.setdefault(number, {})["note"] = text
    return {number: State(**said) for number, said in found.items()}  # type: ignore[arg-type]


def read_before(
    connection: Connection, reader: int, first: date, seen_before: datetime
) -> set[int]:
    """Papers of the days since `first` that are not to come back: opened, done or dismissed, or
    seen before a moment.
    """
    return set(
        connection.scalars(
            select(reading.c.paper)
            .join(papers, papers.c.number == reading.c.paper)
            .where(
                reading.c.reader == reader,
                papers.c.day >= first,
                or_(
                    reading.c.opened.is_not(None),
                    reading.c.done.is_not(None),
                    reading.c.dismissed.is_not(None),
                    reading.c.seen < seen_before,
                ),
            )
        )
    )


def dismissed(connection: Connection, reader: int) -> list[int]:
    """The papers the reader wants no more of."""
    return list(
        connection.scalars(
            select(reading.c.paper)
            .where(reading.c.reader == reader, reading.c.dismissed.is_not(None))
            .order_by(reading.c.paper)
        )
    )


def queue(connection: Connection, reader: int) -> list[int]:
    """The papers the reader means to read, longest waiting first."""
    return list(
        connection.scalars(
            select(reading.c.paper)
            .where(
                reading.c.reader == reader, reading.c.saved.is_not(None), reading.c.done.is_(None)
            )
            .order_by(reading.c.saved, reading.c.paper)
        )
    )


def kept(connection: Connection, reader: int) -> list[int]:
    """The papers the reader saved or wrote a note on, the newest first."""
    saved = connection.execute(
        select(reading.c.paper, reading.c.saved).where(
            reading.c.reader == reader, reading.c.saved.is_not(None)
        )
    )
    noted = connection.execute(
        select(notes.c.paper, notes.c.changed).where(notes.c.reader == reader)
    )
    newest: dict[int, datetime] = {}
    for number, at in [*saved, *noted]:
        newest[number] = max(at, newest.get(number, at))
    return sorted(newest, key=lambda number: (newest[number], number), reverse=True)


def notes_of(connection: Connection, reader: int) -> dict[int, str]:
    """Every note of the reader, by paper."""
    mine = select(notes.c.paper, notes.c.text).where(notes.c.reader == reader)
    return {paper: text for paper, text in connection.execute(mine)}  # noqa: C416


def everything(connection: Connection, reader: int) -> dict[int, State]:
    """What the reader did with any paper."""
    numbers = set(connection.scalars(select(reading.c.paper).where(reading.c.reader == reader)))
    for table in (tables.votes, tables.notes):
        numbers.update(connection.scalars(select(table.c.paper).where(table.c.reader == reader)))
    return states(connection, reader, sorted(numbers))
