"""A small mailing over a store, a relay to hand it to, and what became of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, select, update

from broadsheet.mail import message, relay, sending
from broadsheet.mail.books import Options
from broadsheet.mail.message import Message
from broadsheet.mail.relay import Relay
from broadsheet.mail.sending import Sender, Tally
from broadsheet.store import subscribers
from broadsheet.store.engine import Store
from broadsheet.store.outbox import Due
from broadsheet.store.subscribers import Rhythm
from broadsheet.store.tables import outbox
from broadsheet.store.tables import subscribers as people

SITE = "https://papers.example"
SENDER = message.Sender("papers@papers.example", "Broadsheet", SITE)
TODAY = "daily:2026-11-21"


@dataclass
class Post:
    """The mailing. `relay` is where it goes."""

    store: Store
    relay: Relay
    options: Options = field(default_factory=Options)

    def subscribe(self, *addresses: str) -> None:
        """Readers of the front page, confirmed."""
        now = datetime.now(UTC) - timedelta(minutes=1)
        with self.store.writing() as connection:
            for address in addresses:
                who = subscribers.add(connection, address, now)
                wanted = subscribers.subscribe(
                    connection, who.number, "/", "Front page", Rhythm.DAILY, now
                )
                subscribers.confirm(connection, wanted.number, now)

    def write(self, edition: str = TODAY, text: str = "Kites go up.\n") -> int:
        """Queues the edition for everybody; returns for how many."""
        now = datetime.now(UTC) - timedelta(seconds=1)
        with self.store.writing() as connection:
            every = subscribers.every(connection)
            return sum(
                message.queue(
                    connection,
                    Message(who.number, who.address, edition, "Kites", text, f"<p>{text}</p>"),
                    SENDER,
                    now,
                )
                for who in every
            )

    def sender(self, **given: Any) -> Sender:
        """A sender for the relay."""
        given.setdefault("options", self.options)
        given.setdefault("envelope", lambda number: f"bounces+{number}@papers.example")
        to = self.relay
        return Sender(self.store, lambda: relay.connect(to), to.name, **given)

    def send(self, edition: str | None = None, **given: Any) -> Tally:
        """Sends what is due."""
        sender = self.sender(**given)
        try:
            return sending.run(sender.send_due(edition))
        finally:
            sender.close()

    def row(self, address: str = "ada@example.org", edition: str = TODAY) -> Row[Any]:
        """The outbox's row of somebody's edition."""
        with self.store.reading() as connection:
            return connection.execute(
                select(outbox)
                .join(people, people.c.number == outbox.c.subscriber)
                .where(people.c.address == address, outbox.c.edition == edition)
            ).one()

    def states(self) -> dict[str, int]:
        """How many messages are in which state."""
        counts: dict[str, int] = {}
        with self.store.reading() as connection:
            for state in connection.scalars(select(outbox.c.state)):
                counts[state] = counts.get(state, 0) + 1
        return counts

    def make_due(self, queued: datetime | None = None) -> None:
        """Lets the next try be now; what is `queued` since then."""
        values: dict[str, Any] = {"next_try": datetime.now(UTC) - timedelta(seconds=1)}
        if queued is not None:
            values["queued"] = queued
        with self.store.writing() as connection:
            connection.execute(update(outbox).where(outbox.c.state == "queued").values(**values))

    def with_relay(self, **changes: Any) -> Post:
        """The same mailing, the relay otherwise."""
        return replace(self, relay=replace(self.relay, **changes))


def before_each_dot(sender: Sender, act: Callable[[Due], None]) -> None:
    """Has `act` done when a message is at its last moment, before it is marked."""
    begin = sender.books.begin

    def slowly(due: Due, before: Any) -> Any:
        act(due)
        return begin(due, before)

    sender.books.begin = slowly  # type: ignore[method-assign]
