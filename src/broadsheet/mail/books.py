"""What a sender writes into the outbox: each step in one transaction, under the sender's lease."""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from broadsheet.mail.relay import Broken, Refused, Undecided, Unreachable
from broadsheet.store import mail_events, outbox, relays, suppressions
from broadsheet.store.clock import now_on
from broadsheet.store.engine import Store
from broadsheet.store.outbox import Accepted, Due, Standing, Start
from broadsheet.store.relays import Seats

# Minutes until the next try, by the number of tries so far; the last stands for all that follow.
_AGAIN_MINUTES = (1, 5, 15, 30, 60, 120, 240)
# With a rate, so many seconds' worth of messages are taken at once.
_SLOTS_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Options:
    """How a sender goes about it.

    At most `connections` at once to the relay, and `rate` messages a second (0: as fast as it takes
    them), by all that share the database. `lease` is how long what was taken is ours without
    another word, `give_up` how long a message is tried, `keep` how long the text of a settled one
    is kept.
    """

    connections: int = 4
    rate: float = 0.0
    batch: int = 64
    lease: timedelta = timedelta(seconds=60)
    give_up: timedelta = timedelta(days=2)
    keep: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: the relay's answer, or what went wrong instead of one.

    `rest` is for how many seconds the relay is to be left alone, where it is.
    """

    due: Due
    answer: str = ""
    error: Refused | Broken | Unreachable | Undecided | None = None
    rest: float = 0.0


@dataclass(frozen=True, slots=True)
class Taken:
    """Messages that are ours to send, perhaps none; `any_due` says whether some were due at all.

    With a rate, the first may be handed over in `wait` seconds.
    """

    messages: list[Due]
    any_due: bool
    wait: float = 0.0


class Books:
    """One sender's part of the outbox. Every method is one transaction and raises StoreError."""

    def __init__(
        self,
        store: Store,
        host: str,
        options: Options,
        clock: Callable[[Connection], datetime] = now_on,
    ) -> None:
        """`host` is what the rows say took the message."""
        self._store = store
        self._host = host
        self._options = options
        self._clock = clock
        self.holder = secrets.token_hex(12)
        # How many connections we may have, as far as we know.
        self.seats = Seats()
        # The store's time at a moment of our own, which no clock that is set changes.
        self._known_time: tuple[datetime, float] | None = None
        # How many messages this sender brought into each state, and back to the queue.
        self.became: Counter[Standing] = Counter()

    def sit(self) -> Seats:
        """Renews our seats at the relay, and takes what is free of them."""
        with self._store.writing() as connection:
            return self._sit(connection, self._now(connection))

    def rise(self) -> None:
        """Lets the seat of a connection go that was closed for somebody who waits for one."""
        with self._store.writing() as connection:
            relays.rise(connection, self._host, self.holder, keep=max(1, self.seats.share))

    def take(self, edition: str | None) -> Taken:
        """Messages that are due, ours for the length of a lease, as long as we have a seat.

        Those that may not go any more are settled here, so there may be none though some were due.
        """
        rate = self._options.rate
        # No more than go in some seconds: what was given out is not there for who comes next.
        batch = min(self._options.batch, max(1, int(rate * _SLOTS_SECONDS))) if rate else None
        with self._store.writing() as connection:
            now = self._now(connection)
            # The relay's row before any message's, here as in `renew`: who has one is waited for.
            share = self._sit(connection, now).share
            outbox.recover(connection, now)
            if not share:
                return Taken([], any_due=outbox.is_any_due(connection, now, edition))
            taken = outbox.take(
                connection,
                self.holder,
                now,
                now + self._options.lease,
                batch or self._options.batch,
                edition,
            )
            held_back = outbox.withhold(connection, [due.number for due in taken], now)
            wanted = [due for due in taken if due.number not in held_back]
            wait = relays.slots(connection, self._host, now, len(wanted), rate) if rate else 0.0
        self.became[Standing.SUPPRESSED] += len(held_back)
        return Taken(wanted, bool(taken), wait)

    def begin(self, due: Due, before: Outcome | None) -> Start:
        """Records the answer of the message before, and marks this one as about to be sent."""
        with self._store.writing() as connection:
            now = self._soon(connection)
            accepted = None
            if before is not None and before.error is None:
                accepted = Accepted(before.due.number, self._host, before.answer)
            became = (
                (Standing.SENT,) if accepted is not None else self._record(connection, before, now)
            )
            start = outbox.start(connection, due.number, self.holder, now, accepted)
        self.became.update(became)
        self.became[Standing.SUPPRESSED] += bool(start.reason)
        return start

    def settle(self, outcome: Outcome) -> None:
        """Records what became of a message."""
        with self._store.writing() as connection:
            became = self._record(connection, outcome, self._now(connection))
        self.became.update(became)

    def renew(self) -> None:
        """Keeps what was taken, and our seats."""
        with self._store.writing() as connection:
            now = self._now(connection)
            self._sit(connection, now)
            outbox.renew(connection, self.holder, now + self._options.lease)

    def end(self) -> None:
        """Gives back what was taken and not begun, and our seats."""
        with self._store.writing() as connection:
            relays.rise(connection, self._host, self.holder)
            outbox.give_back(connection, self.holder)
        self.seats = Seats()

    def tidy(self) -> None:
        """Drops the text of messages settled long ago."""
        with self._store.writing() as connection:
            outbox.drop_messages(connection, self._now(connection) - self._options.keep)

    def _sit(self, connection: Connection, now: datetime) -> Seats:
        until, most = now + self._options.lease, self._options.connections
        self.seats = relays.sit(connection, self._host, self.holder, now, until, most)
        return self.seats

    def _now(self, connection: Connection) -> datetime:
        """What the store's clock shows."""
        now = self._clock(connection)
        self._known_time = now, time.monotonic()
        return now

    def _soon(self, connection: Connection) -> datetime:
        """The same, without asking: each batch and each renewal did so a moment ago."""
        if self._known_time is None:
            return self._now(connection)
        then, counted = self._known_time
        return then + timedelta(seconds=time.monotonic() - counted)

    def _record(
        self, connection: Connection, outcome: Outcome | None, now: datetime
    ) -> tuple[Standing, ...]:
        if outcome is None:
            return ()
        due, error = outcome.due, outcome.error
        place = (connection, due.number, self.holder)
        if error is None:
            outbox.record_sent(*place, now, self._host, outcome.answer)
            return (Standing.SENT,)
        said = str(error)
        next_try = now + (
            timedelta(seconds=outcome.rest) if outcome.rest else _until_again(due.attempts)
        )
        if isinstance(error, Undecided):
            outbox.record_undecided(*place, next_try, self._host, said)
            return (Standing.SENDING,)
        if isinstance(error, Refused) and error.is_for_good:
            why = outbox.TEXT_REFUSED if error.stage == "message" else "refused for good"
            outbox.record_failed(*place, self._host, said, f"{why}: {error.code}")
            if error.is_bad_address:
                _bad_address(connection, due, said, now)
            return (Standing.FAILED,)
        if now - due.queued > self._options.give_up:
            days = self._options.give_up.days
            outbox.record_failed(*place, self._host, said, f"given up after {days} days")
            return (Standing.FAILED,)
        outbox.record_again(*place, next_try, self._host, said)
        return (Standing.QUEUED,)


def _until_again(attempts: int) -> timedelta:
    """A little more or less, so that what failed together is not tried together."""
    minutes = _AGAIN_MINUTES[min(attempts, len(_AGAIN_MINUTES) - 1)]
    return timedelta(minutes=minutes * random.uniform(0.8, 1.2))  # noqa: S311 - no secret


def _bad_address(connection: Connection, due: Due, said: str, now: datetime) -> None:
    """The relay knows that nothing reaches the address: the same as a bounce."""
    suppressions.add(connection, due.address, suppressions.Why.BOUNCE, said, now)
    mail_events.note(
        connection,
        mail_events.Event(
            kind="bounce",
            message_id=due.message_id,
            address=due.address,
            digest=mail_events.digest(f"{due.number} {due.attempts} {said}".encode()),
            detail={"by": "relay", "said": said},
        ),
        now,
    )
