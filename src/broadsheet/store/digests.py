"""What writing digests asks of the store: for many subscribers at once, and bounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlalchemy import Connection, func, or_, select, update

from broadsheet.store.outbox import counts_as_sent
from broadsheet.store.papers import chunks
from broadsheet.store.subscribers import Rhythm, Subscription
from broadsheet.store.tables import (
    outbox,
    reading,
    sent_papers,
    subscriptions,
    votes,
)
from broadsheet.store.tables import (
    papers as papers_table,
)


def wanted_by(
    connection: Connection, subscribers: Iterable[int]
) -> dict[Rhythm, dict[int, list[Subscription]]]:
    """The active subscriptions of each rhythm, by subscriber, in the order asked for."""
    found: dict[Rhythm, dict[int, list[Subscription]]] = {rhythm: {} for rhythm in Rhythm}
    for chunk in chunks(subscribers):
        rows = connection.execute(
            select(subscriptions)
            .where(
                subscriptions.c.subscriber.in_(chunk),
                subscriptions.c.confirmed.is_not(None),
                subscriptions.c.ended.is_(None),
            )
            .order_by(subscriptions.c.number)
        )
        for row in rows:
            one = Subscription(**{**row._asdict(), "rhythm": Rhythm(row.rhythm)})
            found[one.rhythm].setdefault(one.subscriber, []).append(one)
    return found


def written(
    connection: Connection, subscribers: Iterable[int], editions: Sequence[str]
) -> set[tuple[int, str]]:
    """Which of these editions are in the outbox for which of these subscribers."""
    return {
        (number, edition)
        for chunk in chunks(subscribers)
        for number, edition in connection.execute(
            select(outbox.c.subscriber, outbox.c.edition).where(
                outbox.c.subscriber.in_(chunk), outbox.c.edition.in_(editions)
            )
        )
    }


def last_alerts(connection: Connection, subscribers: Iterable[int]) -> dict[int, datetime]:
    """When each of them was last written to at once."""
    # From `alert:` to what follows it: a range of the index, on both engines.
    alerts = (outbox.c.edition >= "alert:") & (outbox.c.edition < "alert;")
    return {
        number: at
        for chunk in chunks(subscribers)
        for number, at in connection.execute(
            select(outbox.c.subscriber, func.max(outbox.c.queued))
            .where(outbox.c.subscriber.in_(chunk), alerts)
            .group_by(outbox.c.subscriber)
        )
    }


def sent_to(
    connection: Connection, subscribers: Iterable[int], papers: Iterable[int]
) -> dict[int, set[int]]:
    """Which of the papers each of them was sent, or is to be."""
    numbers = sorted(papers)
    sent: dict[int, set[int]] = {}
    if not numbers:
        return sent
    wanted = set(numbers)
    # New papers have the highest numbers: from the lowest on there is little to read.
    since = sent_papers.c.paper.between(numbers[0], numbers[-1])
    for chunk in chunks(subscribers):
        rows = connection.execute(
            select(sent_papers.c.subscriber, sent_papers.c.paper).where(
                sent_papers.c.subscriber.in_(chunk), since, counts_as_sent()
            )
        )
        for subscriber, paper in rows:
            if paper in wanted:
                sent.setdefault(subscriber, set()).add(paper)
    return sent


def newest_sent(connection: Connection) -> date | None:
    """The day of the newest paper that was sent to anybody; None where none was."""
    row = connection.execute(
        select(papers_table.c.day)
        .join(sent_papers, sent_papers.c.paper == papers_table.c.number)
        .where(papers_table.c.day.is_not(None))
        .order_by(sent_papers.c.paper.desc())
        .limit(1)
    ).one_or_none()
    return row[0] if row is not None else None


def newest_day(connection: Connection, through: int, last: date) -> date | None:
    """The newest day, up to `last`, of a paper that came in no later than the one of that number.

    None where there is no such paper.
    """
    return connection.scalar(
        select(papers_table.c.day)
        .where(papers_table.c.number <= through, papers_table.c.day <= last)
        .order_by(papers_table.c.day.desc())
        .limit(1)
    )


def indexed_through(connection: Connection, change: int, after: int, newest: int) -> int:
    """Up to which number an index that holds the changes up to `change` has all papers that came in
    after the one of number `after`; at most `newest`.
    """
    missing = connection.scalar(
        select(func.min(papers_table.c.number)).where(
            papers_table.c.change > change, papers_table.c.number > after
        )
    )
    return newest if missing is None else min(newest, missing - 1)


def finished_by(connection: Connection, reader: int, papers: Iterable[int]) -> set[int]:
    """Those of the papers that a reader opened, has read, or wants no more of."""
    ended = or_(
        reading.c.opened.is_not(None),
        reading.c.done.is_not(None),
        reading.c.dismissed.is_not(None),
    )
    return {
        number
        for chunk in chunks(papers)
        for number in connection.scalars(
            select(reading.c.paper).where(
                reading.c.reader == reader, reading.c.paper.in_(chunk), ended
            )
        )
    }


def votes_for(connection: Connection, papers: Iterable[int]) -> dict[int, int]:
    """How many votes each of the papers has; those without any are left out."""
    return {
        number: count
        for chunk in chunks(papers)
        for number, count in connection.execute(
            select(votes.c.paper, func.count())
            .where(votes.c.paper.in_(chunk))
            .group_by(votes.c.paper)
        )
    }


def gathered(connection: Connection, wanted: Iterable[int], through: int) -> None:
    """Notes that these subscriptions were gathered up to the paper of that number."""
    for chunk in chunks(wanted):
        connection.execute(
            update(subscriptions)
            .where(
                subscriptions.c.number.in_(chunk),
                or_(subscriptions.c.through.is_(None), subscriptions.c.through < through),
            )
            .values(through=through)
        )
