"""Senders that are killed at any moment, by clocks that jump, beside an operator who sends by hand:
and what the relay and the outbox say of it afterwards.

Used by the suite (some hundred messages) and by `python -m bench.mail` (all of them).
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sqlalchemy import Connection, func, insert, select

from broadsheet.mail import message, relay, sending
from broadsheet.mail.books import Options
from broadsheet.mail.message import Message
from broadsheet.mail.relay import Relay
from broadsheet.mail.sending import Sender
from broadsheet.store import keys
from broadsheet.store import outbox as outbox_rows
from broadsheet.store.clock import now_on
from broadsheet.store.engine import Store, open_store
from broadsheet.store.subscribers import Rhythm
from broadsheet.store.tables import outbox, subscriptions
from broadsheet.store.tables import subscribers as people

WRITER = message.Sender("papers@papers.example", "Broadsheet", "https://papers.example")
# What a killed sender held waits so long for the next one.
LEASE = timedelta(seconds=1.0)
OPTIONS = Options(lease=LEASE, batch=16)
_PATIENCE = 120.0
AT_ONCE = 500


def work(
    url: str,
    port: int,
    options: Options = OPTIONS,
    clock: Path | None = None,
    ends: bool = False,
) -> None:
    """A worker: sends until nothing is left, however long others hold it; `ends` after sending what
    is due once. `clock` is a file that says by how many seconds its clock is wrong.
    """
    store = open_store(url, migrate=False)
    to = Relay("127.0.0.1", port, wait=20.0, wait_for_end=20.0)

    def now(connection: Connection) -> datetime:
        return now_on(connection) + timedelta(seconds=float(clock.read_text()) if clock else 0.0)

    sender = Sender(
        store,
        lambda: relay.connect(to),
        to.name,
        lambda number: f"bounces+{number}@papers.example",
        options=options,
        clock=now,
    )
    while is_open(store):
        sending.run(sender.send_due())
        if ends:
            break
        time.sleep(0.05)  # others hold the rest
    sender.close()


def is_open(store: Store) -> bool:
    """Whether a message is not settled yet."""
    waiting = outbox.c.state.in_(("queued", "sending"))
    with store.reading() as connection:
        return bool(connection.scalar(select(func.count()).select_from(outbox).where(waiting)))


def enrol(
    connection: Connection, readers: Sequence[tuple[str, str, int]], since: datetime
) -> Sequence[int]:
    """Many daily readers of the front page at once, who said yes then: address, zone and hour of
    each. Gives their numbers.
    """
    usual = {"state": "confirmed", "weekday": 0, "made": since, "confirmed": since}
    numbers = connection.scalars(
        insert(people).returning(people.c.number, sort_by_parameter_order=True),
        [
            {"address": address, "mailbox": address, "zone": zone, "hour": hour, **usual}
            for address, zone, hour in readers
        ],
    ).all()
    daily = {"view": "/", "title": "F", "rhythm": Rhythm.DAILY.value, "most": 20}
    connection.execute(
        insert(subscriptions),
        [{"subscriber": one, "made": since, "confirmed": since, **daily} for one in numbers],
    )
    return numbers


def fill(store: Store, readers: int, editions: Sequence[str]) -> None:
    """Readers, and a message of each edition for each of them."""
    now = datetime.now(UTC) - timedelta(seconds=1)
    for first in range(0, readers, AT_ONCE):
        names = [f"r{n}@example.org" for n in range(first, min(first + AT_ONCE, readers))]
        with store.writing() as connection:
            key = keys.draw(connection)
            numbers = enrol(connection, [(name, "UTC", 7) for name in names], now)
            for edition in editions:
                letters = [
                    message.build(
                        Message(number, name, edition, "Kites", "Up.\n", "<p>Up.</p>"),
                        WRITER,
                        key,
                        now,
                    )
                    for number, name in zip(numbers, names, strict=True)
                ]
                assert len(outbox_rows.queue_all(connection, letters, now)) == len(names)


@contextmanager
def sink(
    folder: Path, answer_after: float = 0.0, moody: int | None = None
) -> Iterator[tuple[int, Path]]:
    """A relay in its own process: its port, and the file it writes down what it took in."""
    taken = folder / "taken"
    moods = [] if moody is None else ["--moody", str(moody)]
    program = subprocess.Popen(
        [
            *(sys.executable, "-m", "sending.sink", str(taken)),
            *("--answer-after", str(answer_after), *moods),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
    )
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        yield int(program.stdout.readline()), taken
    finally:
        program.stdin.close()
        said = program.stdout.read()
        program.wait(30)
        (folder / "most").write_bytes(said)
        program.stdout.close()


@dataclass(frozen=True)
class Receiver:
    """Where mail goes: a port, a file that grows while mail comes in, and what came in by the end:
    recipient, edition and Message-ID of each.
    """

    port: int
    grows: Path
    read: Callable[[], list[tuple[str, str, str]]]


@contextmanager
def into_sink(folder: Path, answer_after: float = 0.0) -> Iterator[Receiver]:
    """The relay of our own."""
    with sink(folder, answer_after) as (port, taken):

        def read() -> list[tuple[str, str, str]]:
            lines = [line.split("\t") for line in taken.read_text().splitlines()]
            return [(line[0], line[1].partition(":")[0], line[2]) for line in lines]

        yield Receiver(port, taken, read)


@dataclass(frozen=True)
class Afterwards:
    """What came of it: `taken` counts the messages the relay took, by recipient and edition."""

    kills: int
    jumps: int
    presses: int
    taken: Counter[tuple[str, str]]
    names: int
    undecided: int
    states: Counter[str]
    seconds: float

    @property
    def twice(self) -> int:
        """Messages that came more often than once, counting what was too many."""
        return sum(self.taken.values()) - len(self.taken)


def live(
    store: Store,
    url: str,
    folder: Path,
    *,
    workers: int,
    kills: int,
    chance: random.Random,
    into: AbstractContextManager[Receiver],
    jumps: Sequence[timedelta] = (),
    presses: int = 0,
) -> Afterwards:
    """Sends all that is in the outbox `into` something with so many workers, of which one is killed
    so often.

    Between the kills the clock of all is wrong by each of `jumps` in turn, and so often an operator
    sends by hand, twice at once.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with into as receiver:
        port, taken = receiver.port, receiver.grows
        start = time.monotonic()

        clock = folder / "clock"

        def wrong_by(jump: timedelta) -> None:
            (folder / "next").write_text(str(jump.total_seconds()))
            (folder / "next").replace(clock)

        def begin(ends: bool = False) -> ForkServerProcess:
            one = context.Process(target=work, args=(url, port, OPTIONS, clock, ends))
            one.start()
            return one

        wrong_by(timedelta())
        crew = [begin() for _ in range(workers)]
        by_hand: list[ForkServerProcess] = []
        jumped = killed = 0
        while killed < kills and is_open(store):
            before = lines_of(taken)
            until = time.monotonic() + _PATIENCE
            # Somewhere behind the next few messages, and anywhere between two steps of one.
            while lines_of(taken) < before + chance.randint(1, 6) and is_open(store):
                assert time.monotonic() < until, "nothing is sent any more"
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.02))
            place = chance.randrange(workers)
            crew[place].kill()
            crew[place].join(30)
            killed += crew[place].exitcode == -signal.SIGKILL
            crew[place] = begin()
            if jumped * kills < killed * len(jumps):
                wrong_by(jumps[jumped])
                jumped += 1
            if len(by_hand) * kills < killed * 2 * presses:
                by_hand += [begin(ends=True), begin(ends=True)]
        wrong_by(timedelta())
        for one in (*crew, *by_hand):
            one.join(_PATIENCE * 12)
            assert one.exitcode == 0
        seconds = time.monotonic() - start
        came = receiver.read()
    with store.reading() as connection:
        undecided = connection.scalar(select(func.sum(outbox.c.undecided)))
        states = Counter(connection.scalars(select(outbox.c.state)))
    return Afterwards(
        kills=killed,
        jumps=jumped,
        presses=len(by_hand) // 2,
        taken=Counter((recipient, edition) for recipient, edition, _ in came),
        names=len({name for _, _, name in came}),
        undecided=int(undecided or 0),
        states=states,
        seconds=seconds,
    )


def lines_of(path: Path) -> int:
    """How many lines a file has by now, which may not be there yet."""
    return path.read_bytes().count(b"\n") if path.exists() else 0
