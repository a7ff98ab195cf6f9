"""A small mailing: papers that come in, people who get them, and what is in the outbox."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from sqlalchemy import select, update

from broadsheet.mail import editions
from broadsheet.mail.editions import Written
from broadsheet.mail.message import Sender
from broadsheet.records import Author, Record
from broadsheet.search.follow import SearchIndex
from broadsheet.store import putting, subscribers
from broadsheet.store.engine import Store
from broadsheet.store.subscribers import Rhythm
from broadsheet.store.tables import outbox, sent_papers, subscriptions
from broadsheet.store.tables import subscribers as people
from broadsheet.views.catalogue import Catalogue

SITE = "https://papers.example"
SENDER = Sender("daily@papers.example", "Broadsheet", SITE)
LONG_AGO = datetime(2023, 6, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """A moment, in UTC where it names no zone."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def paper(title: str, day: str | date | None = None, **said: Any) -> Record:
    """A paper announced on a day."""
    shown = date.fromisoformat(day) if isinstance(day, str) else day
    usual = {"abstract": f"{title} is looked at.", "authors": (Author("Ada Wick"),)}
    return Record(source="arxiv", key=title, title=title, shown=shown, **{**usual, **said})


@dataclass(frozen=True)
class Row:
    """What the outbox has for somebody."""

    subscriber: int
    edition: str
    state: str
    reason: str | None
    papers: int
    message: bytes | None

    @property
    def mail(self) -> EmailMessage | None:
        """The message as a mail program reads it."""
        return parsed(zlib.decompress(self.message)) if self.message else None


@dataclass
class Office:
    """The mailing over a store and an index."""

    store: Store
    index: SearchIndex
    catalogue: Catalogue = field(init=False)

    def __post_init__(self) -> None:
        self.catalogue = Catalogue(self.store, self.index)

    def put(self, *records: Record, index: bool = True) -> None:
        """Papers come in."""
        with self.store.writing() as connection:
            putting.put(connection, list(records))
        if index:
            self.index.catch_up(self.store)

    def subscribe(
        self,
        address: str = "ada@lamp.example",
        views: Sequence[str] = ("/",),
        rhythm: Rhythm = Rhythm.DAILY,
        *,
        zone: str = "UTC",
        hour: int = 8,
        weekday: int = 0,
        since: datetime = LONG_AGO,
        most: int = 20,
        least: float | None = None,
        reader: int | None = None,
    ) -> int:
        """Somebody who confirmed that they want these lists; their number."""
        with self.store.writing() as connection:
            who = subscribers.add(
                connection, address, since, zone=zone, hour=hour, weekday=weekday, reader=reader
            )
            for view in views:
                one = subscribers.subscribe(
                    connection, who.number, view, view, rhythm, since, most=most, least=least
                )
                subscribers.confirm(connection, one.number, since)
        return who.number

    def run(self, now: str | datetime) -> Written:
        """The worker looks once."""
        moment = at(now) if isinstance(now, str) else now
        return editions.write_due(self.store, self.catalogue, SENDER, moment)

    def rows(self, subscriber: int | None = None) -> list[Row]:
        """The outbox, in the order it was written."""
        asked = select(outbox).order_by(outbox.c.number)
        if subscriber is not None:
            asked = asked.where(outbox.c.subscriber == subscriber)
        with self.store.reading() as connection:
            return [
                Row(
                    row.subscriber,
                    row.edition,
                    row.state,
                    row.reason,
                    row.papers,
                    row.message,
                )
                for row in connection.execute(asked)
            ]

    def sent(self, subscriber: int) -> list[int]:
        """The numbers of the papers they were sent."""
        with self.store.reading() as connection:
            mine = sent_papers.c.subscriber == subscriber
            return list(
                connection.scalars(
                    select(sent_papers.c.paper).where(mine).order_by(sent_papers.c.paper)
                )
            )

    def change(self, subscriber: int, **values: object) -> None:
        """Something about a subscriber is otherwise now."""
        with self.store.writing() as connection:
            connection.execute(update(people).where(people.c.number == subscriber).values(**values))

    def through(self) -> list[int | None]:
        """How far each subscription was gathered."""
        with self.store.reading() as connection:
            return list(
                connection.scalars(select(subscriptions.c.through).order_by(subscriptions.c.number))
            )


def parsed(message: bytes) -> EmailMessage:
    """A message as a mail program reads it."""
    mail = message_from_bytes(message, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert not mail.defects
    return mail


def text_of(mail: EmailMessage | None, kind: str = "plain") -> str:
    """One of its two parts."""
    assert mail is not None
    part = mail.get_body((kind,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content.replace("\r\n", "\n")
