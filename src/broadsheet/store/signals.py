"""The notice papers found: votes here, and what their sources counted elsewhere, day by day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import Connection, delete, func, insert, select

from broadsheet.records import Record, Vote
from broadsheet.store.papers import chunks
from broadsheet.store.tables import identifiers, signals, votes

Kind = Literal["upvotes", "comments", "stars"]
# Days of counts that are kept of each paper: enough for a rate.
KEPT_DAYS = 30


@dataclass(frozen=True, slots=True)
class Signal:
    """A count of a source on a day. `paper` is any name the paper goes by."""

    paper: str
    kind: Kind
    source: str
    day: date
    value: int


@dataclass(frozen=True, slots=True)
class Notice:
    """The newest counts of a paper elsewhere; stars per day where two days are known."""

    upvotes: int = 0
    comments: int = 0
    stars: int | None = None
    stars_per_day: float | None = None


def of_records(records: Iterable[Record], day: date) -> list[Signal]:
    """What sources counted, as their records of a day say it."""
    found = []
    for record in records:
        if record.upvotes is None and record.stars is None:
            continue
        counted: tuple[tuple[Kind, int | None], ...] = (
            ("upvotes", record.upvotes),
            ("comments", record.comment_count),
            ("stars", record.stars),
        )
        for kind, value in counted:
            if value is not None and record.identifiers:
                found.append(Signal(record.identifiers[0], kind, record.source, day, value))
    return found


def put(connection: Connection, found: Iterable[Signal]) -> int:
    """Keeps counts, each in place of an earlier one of its day; returns how many belong to papers
    held.
    """
    wanted = list(found)
    numbers = numbers_of(connection, (signal.paper for signal in wanted))
    rows = {
        (numbers[s.paper], s.kind, s.source, s.day): s.value for s in wanted if s.paper in numbers
    }
    for number, kind, source, day in rows:
        mine = (signals.c.paper == number) & (signals.c.kind == kind)
        mine &= signals.c.source == source
        old = day - timedelta(days=KEPT_DAYS)
        connection.execute(
            delete(signals).where(mine, (signals.c.day == day) | (signals.c.day < old))
        )
    if rows:
        connection.execute(
            insert(signals),
            [
                {"paper": number, "kind": kind, "source": source, "day": day, "value": value}
                for (number, kind, source, day), value in rows.items()
            ],
        )
    return len(rows)


def numbers_of(connection: Connection, names: Iterable[str]) -> dict[str, int]:
    """The papers that go by these names; names of papers that are not held are left out."""
    numbers: dict[str, int] = {}
    for chunk in chunks(names):
        wanted = select(identifiers.c.id, identifiers.c.paper).where(identifiers.c.id.in_(chunk))
        numbers.update({name: number for name, number in connection.execute(wanted)})  # noqa: C416
    return numbers


def notices(connection: Connection, numbers: Sequence[int]) -> dict[int, Notice]:
    """The notice each of these papers found elsewhere; those without any are left out.

    Of several sources the largest count holds: they count the same readers.
    """
    counted: dict[int, dict[str, dict[str, list[tuple[date, int]]]]] = {}
    for chunk in chunks(numbers):
        for row in connection.execute(
            select(signals).where(signals.c.paper.in_(chunk)).order_by(signals.c.day)
        ):
            kinds = counted.setdefault(row.paper, {}).setdefault(row.kind, {})
            kinds.setdefault(row.source, []).append((row.day, row.value))
    return {number: _notice(kinds) for number, kinds in counted.items()}


def counted_votes(connection: Connection, numbers: Sequence[int]) -> dict[int, int]:
    """How many readers voted for each of these papers; those without a vote are left out."""
    counted: dict[int, int] = {}
    for chunk in chunks(numbers):
        asked = (
            select(votes.c.paper, func.count())
            .where(votes.c.paper.in_(chunk))
            .group_by(votes.c.paper)
        )
        counted.update({number: held for number, held in connection.execute(asked)})  # noqa: C416
    return counted


def all_votes(connection: Connection) -> list[Vote]:
    """Every vote that was cast and not taken back, the oldest first."""
    return [
        Vote(*row)
        for row in connection.execute(
            select(votes.c.reader, votes.c.paper, votes.c.at).order_by(
                votes.c.at, votes.c.reader, votes.c.paper
            )
        )
    ]


def state_of_votes(connection: Connection) -> tuple[int, datetime | None]:
    """What differs where a vote was cast or taken back: how many there are, and the last moment."""
    count, last = connection.execute(select(func.count(), func.max(votes.c.at))).one()
    return count, last


def voted(connection: Connection, most: int) -> list[int]:
    """The papers with the most votes, most first."""
    return list(
        connection.scalars(
            select(votes.c.paper)
            .group_by(votes.c.paper)
            .order_by(func.count().desc(), votes.c.paper)
            .limit(most)
        )
    )


def _notice(kinds: dict[str, dict[str, list[tuple[date, int]]]]) -> Notice:
    newest = {
        kind: max(days[-1][1] for days in sources.values()) for kind, sources in kinds.items()
    }
    rates = []
    for days in kinds.get("stars", {}).values():
        (first, fewer), (last, more) = days[0], days[-1]
        if last > first:
            rates.append((more - fewer) / (last - first).days)
    return Notice(
        newest.get("upvotes", 0),
        newest.get("comments", 0),
        newest.get("stars"),
        max(rates) if rates else None,
    )
