"""Sending what is due in the outbox, each message once.

Any number of senders, in threads and processes, work on one outbox: each takes messages by lease,
and seats at the relay (store/relays.py), so that all of them together keep its limits.
Within a sender several connections carry messages up to their final dot side by side, but the dots
go one after the other: mark as `sending`, commit, dot, answer; and the next mark is committed
together with the answer before it. So at most one message of a sender is undecided when it is
killed, at the price of one commit a message.

What became of a message is one of these (`relay.py` tells them apart):

- the relay does not answer, or refuses us: the message waits, and so does the sender, longer each
  time;
- a refusal for now (4xx), a connection lost before the dot: tried again later, given up after days;
- a refusal for good (5xx): failed; where it says that the address is bad, that gets nothing more;
- no answer to the dot: undecided, see store/outbox.py.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ParamSpec, TypeVar

import uvloop
from sqlalchemy import Connection

from broadsheet.mail.books import Books, Options, Outcome
from broadsheet.mail.dkim import Signer
from broadsheet.mail.relay import Broken, Line, Refused, Undecided, Unreachable
from broadsheet.store.clock import now_on
from broadsheet.store.engine import Store, StoreError
from broadsheet.store.outbox import Due, Standing

# Seconds the sender rests after the relay was not to be used, so many times in a row.
_REST_SECONDS = (5.0, 15.0, 60.0, 300.0, 900.0)
# So many connections lost one after the other, with no answer between: the relay is not well.
_BROKEN_IN_A_ROW = 5
# How often to look whether a seat came free: each look is a transaction.
_LOOK_AGAIN_SECONDS = 1.0

_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


@dataclass(frozen=True, slots=True)
class Tally:
    """What a run did; `again` are those that wait for another try, `undecided` those that nobody
    can tell of, and `problem` says in a sentence why it ended before all was tried.
    """

    sent: int
    failed: int
    suppressed: int
    again: int
    undecided: int
    problem: str


@dataclass(slots=True)
class _Run:
    """One going through of what is due."""

    edition: str | None
    # Messages to be sent, each with the moment (of the event loop) from which on it may go.
    ready: deque[tuple[Due, float]] = field(default_factory=deque)
    over: bool = False
    broken: int = 0
    waiting: int = 0
    problem: str = ""
    taking: asyncio.Lock = field(default_factory=asyncio.Lock)
    # Set when a seat may have come free, or the run is over.
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    dot: asyncio.Lock = field(default_factory=asyncio.Lock)


def run(sending: Coroutine[Any, Any, _Result]) -> _Result:
    """Runs what sends to its end, on the quicker of the event loops."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(sending)


class Sender:
    """Sends what is due, one run at a time."""

    def __init__(
        self,
        store: Store,
        connect: Callable[[], Awaitable[Line]],
        host: str,
        envelope: Callable[[int], str],
        *,
        signer: Signer | None = None,
        options: Options | None = None,
        clock: Callable[[Connection], datetime] = now_on,
    ) -> None:
        """`connect` opens a line to `host`; `envelope` gives the address that what comes back of a
        message (by its number) is sent to; `clock` says what time it is.
        """
        self._options = options or Options()
        self.books = Books(store, host, self._options, clock)
        self._connect = connect
        self._envelope = envelope
        self._signer = signer
        self._stopped = False
        self._rests = 0
        # An answer that is recorded with the next mark; kept until the store has it.
        self._answered: Outcome | None = None
        # One thread: one transaction at a time, and no connection waits while it commits.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mail-store")

    def stop(self) -> None:
        """Ends the run after the messages in hand; may be called from another thread."""
        self._stopped = True

    def close(self) -> None:
        """Gives the thread back."""
        self._thread.shutdown()

    @property
    def rest(self) -> float:
        """For how many seconds the relay is to be left alone; 0 where it answered last."""
        return _REST_SECONDS[min(self._rests, len(_REST_SECONDS)) - 1] if self._rests else 0.0

    async def send_due(self, edition: str | None = None) -> Tally:
        """Sends all that is due, of one edition where given. Raises StoreError.

        Where the relay is not to be used it ends early, with the `problem`; what was not sent waits
        for another run.
        """
        run = _Run(edition)
        before = self.books.became.copy()
        await self._record_answer()
        heart = asyncio.create_task(self._keep(run))
        works = [self._work(run, place) for place in range(self._options.connections)]
        try:
            ended = await asyncio.gather(*works, return_exceptions=True)
        finally:
            heart.cancel()
            with suppress(asyncio.CancelledError):
                await heart
        for error in ended:
            if isinstance(error, BaseException):
                raise error
        await self._record_answer()
        await self._do(self.books.end)
        became = self.books.became - before
        if not run.problem and became[Standing.SENT]:
            self._rests = 0
        return Tally(
            sent=became[Standing.SENT],
            failed=became[Standing.FAILED],
            suppressed=became[Standing.SUPPRESSED],
            again=became[Standing.QUEUED],
            undecided=became[Standing.SENDING],
            problem=run.problem,
        )

    async def _work(self, run: _Run, place: int) -> None:
        """One connection after the other, for one message after the other, while there is a seat:
        the connections with the lowest places have those there are.
        """
        line: Line | None = None
        sits = False
        try:
            while not self._is_over(run) and (run.ready or not run.over):
                # The first one asks for messages, and so for seats, where there are neither.
                if place >= self.books.seats.share and (place or run.ready):
                    if sits:
                        await self._rise(line)
                        line, sits = None, False
                    if run.over and place:
                        break
                    await self._until_seated(run, place)
                    continue
                sits = bool(self.books.seats.share)
                taken = await self._next(run)
                if taken is None:
                    break
                line = await self._send(run, *taken, line)
        finally:
            # Whatever ended this one (a store that does not answer), the others finish theirs.
            run.over = run.over or not run.ready
            run.changed.set()
            if line is not None:
                await line.close()

    async def _rise(self, line: Line | None) -> None:
        """Closes a connection whose seat somebody else waits for."""
        if line is not None:
            await line.close()
        await self._do(self.books.rise)

    async def _until_seated(self, run: _Run, place: int) -> None:
        """Waits until there may be a seat for this place, or the run is over."""
        if place:
            run.changed.clear()
            await run.changed.wait()
        elif not (await self._do(self.books.sit)).share:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _next(self, run: _Run) -> tuple[Due, float] | None:
        async with run.taking:
            while not (run.ready or run.over or self._is_over(run)):
                await self._take(run)
            return run.ready.popleft() if run.ready and not self._is_over(run) else None

    async def _take(self, run: _Run) -> None:
        """Takes messages; where others have all the seats, waits a moment."""
        taken = await self._do(self.books.take, run.edition)
        run.over = not taken.any_due
        first = asyncio.get_running_loop().time() + taken.wait
        apart = 1 / self._options.rate if self._options.rate else 0.0
        run.ready.extend((due, first + number * apart) for number, due in enumerate(taken.messages))
        run.changed.set()
        if not self.books.seats.share and taken.any_due:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    def _is_over(self, run: _Run) -> bool:
        return self._stopped or bool(run.problem)

    async def _send(self, run: _Run, due: Due, slot: float, line: Line | None) -> Line | None:
        """Sends one message at its moment; returns the line where it can be used on."""
        try:
            if line is None or not line.is_open:
                line = await self._connect()
            message = await asyncio.to_thread(self._signed, due.message)
            await asyncio.sleep(slot - asyncio.get_running_loop().time())
            await line.offer(self._envelope(due.number), due.address, message)
        except Refused as refusal:
            run.broken = 0
            await self._do(self.books.settle, Outcome(due, error=refusal))
            return line
        except (Unreachable, Broken) as error:
            await self._do(self.books.settle, self._not_taken(run, due, error))
            return None
        run.waiting += 1
        async with run.dot:
            run.waiting -= 1
            return await self._end(run, due, line)

    async def _end(self, run: _Run, due: Due, line: Line) -> Line | None:
        """The mark, the dot and the answer; one at a time."""
        start = await self._do(self.books.begin, due, self._answered)
        self._answered = None
        if not start.go:
            await line.abandon()
            return None
        try:
            self._answered = Outcome(due, answer=await line.finish())
            run.broken = 0
        except (Refused, Undecided) as error:
            self._answered = Outcome(due, error=error)
        except (Unreachable, Broken) as error:
            self._answered = self._not_taken(run, due, error)
        # The next mark takes the answer along; where none follows at once, it is recorded now.
        if not run.waiting:
            await self._record_answer()
        return line if line.is_open else None

    async def _record_answer(self) -> None:
        if self._answered is not None:
            await self._do(self.books.settle, self._answered)
            self._answered = None

    def _not_taken(self, run: _Run, due: Due, error: Unreachable | Broken) -> Outcome:
        run.broken += 1
        if isinstance(error, Unreachable) or run.broken >= _BROKEN_IN_A_ROW:
            if not run.problem:
                self._rests += 1
            run.problem = str(error)
        return Outcome(due, error=error, rest=self.rest if run.problem else 0.0)

    def _signed(self, message: bytes) -> bytes:
        if self._signer is None:
            return message
        return self._signer.sign(message, datetime.now(UTC)) + message

    async def _keep(self, run: _Run) -> None:
        """Renews the leases while the run lasts."""
        while True:
            await asyncio.sleep(self._options.lease.total_seconds() / 4)
            # A store that does not answer now may in time; and a lease that ran out costs nothing.
            with suppress(StoreError):
                await self._do(self.books.renew)
                run.changed.set()

    async def _do(
        self, act: Callable[_Given, _Result], *given: _Given.args, **named: _Given.kwargs
    ) -> _Result:
        """Asks the store, in its thread."""

        def asked() -> _Result:
            return act(*given, **named)

        return await asyncio.get_running_loop().run_in_executor(self._thread, asked)
