"""A weekend on which clocks are changed, lived through by workers that write and send.

The workers see a clock that is set from outside: hour by hour, and, while the clocks of the world
change, an hour wrong to either side, as a machine's whose daylight saving is set wrong. Workers are
killed meanwhile, an operator sends by hand, readers leave, and the relay may be in a mood.

Used by the suite (a few readers) and by `python -m bench.mail --weekend` (all of them).
"""

from __future__ import annotations

import multiprocessing
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from sqlalchemy import Connection, and_, delete, func, or_, select

from broadsheet.mail import editions, relay, sending
from broadsheet.mail.relay import Relay
from broadsheet.mail.sending import Sender
from broadsheet.records import Author, Record
from broadsheet.search.follow import SearchIndex
from broadsheet.store import putting, subscribers
from broadsheet.store.clock import now_on
from broadsheet.store.engine import Store, open_store
from broadsheet.store.tables import outbox, services
from broadsheet.store.tables import subscribers as people
from broadsheet.views.catalogue import Catalogue
from mail import year

from . import killing

HOUR = timedelta(hours=1)
# A machine that takes the change for another one, and is set right again.
JUMPS = (HOUR, timedelta(0), -HOUR, timedelta(0))
# Of so many readers one leaves while the clocks change, and of as many one has no mailbox.
_ONE_IN = 25
_HOURS = (0, 1, 2, 3, 7)
_SENDING = outbox.c.state == "sending"
_THEIRS = people.c.number == outbox.c.subscriber


@dataclass(frozen=True)
class Weekend:
    """From when to when, and the moment (UTC) at which clocks change in Europe."""

    start: datetime
    change: datetime
    end: datetime

    @classmethod
    def around(cls, change: datetime, before: timedelta, after: timedelta) -> Weekend:
        """So long before and behind a change."""
        return cls(change - before, change, change + after)


FORWARD = datetime(2024, 3, 31, 1, tzinfo=UTC)
BACK = datetime(2024, 10, 27, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Reader:
    """Somebody who gets the front page each day."""

    address: str
    zone: str
    hour: int

    def editions(self, since: datetime, until: datetime) -> set[str]:
        """What is due in a time, by the calendar that was written by hand."""
        return {
            f"daily-{day}"
            for day, moment in year.moments(self.zone, self.hour).items()
            if since <= moment <= until
        }


@dataclass
class Clock:
    """What shows by how much the workers' clocks are off the machine's."""

    file: Path
    ahead: timedelta = timedelta(0)

    def set(self, moment: datetime) -> None:
        """From now on it is this moment, and goes on."""
        self.ahead = moment - datetime.now(UTC)
        new = self.file.with_suffix(".new")
        new.write_text(str(self.ahead.total_seconds()))
        new.replace(self.file)

    def now(self) -> datetime:
        """What it shows."""
        return datetime.now(UTC) + self.ahead


def work(url: str, folder: Path, port: int, by_hand: bool) -> None:
    """A worker: writes and sends until the file `over` is there; `by_hand` sends once."""
    store = open_store(url, migrate=False)
    catalogue = Catalogue(store, SearchIndex(folder / "words"))
    to = Relay("127.0.0.1", port, wait=20.0, wait_for_end=20.0)

    def now(connection: Connection) -> datetime:
        return now_on(connection) + timedelta(seconds=float((folder / "clock").read_text()))

    sender = Sender(
        store,
        lambda: relay.connect(to),
        to.name,
        lambda number: f"bounces+{number}@papers.example",
        options=killing.OPTIONS,
        clock=now,
    )
    while not (folder / "over").exists():
        if not by_hand:
            with store.reading() as connection:
                moment = now(connection)
            editions.write_due(store, catalogue, killing.WRITER, moment)
        sending.run(sender.send_due())
        if by_hand:
            break
        time.sleep(0.02)
    sender.close()


@dataclass(frozen=True)
class Afterwards:
    """What came of it. `taken` counts the messages the relay took, by recipient and edition."""

    expected: set[tuple[str, str]]
    # What had begun to go to those who left before they did, and may have come.
    allowed: set[tuple[str, str]]
    taken: Counter[tuple[str, str]]
    names: int
    kills: int
    jumps: int
    presses: int
    undecided: int
    # Of whom it is written down that nobody can tell whether the relay has it.
    in_doubt: set[tuple[str, str]]
    given_up: set[tuple[str, str]]
    refused: int
    moods: dict[str, int]
    seconds: float

    @property
    def lost(self) -> set[tuple[str, str]]:
        """What should have come and did not."""
        return self.expected - self.taken.keys()

    @property
    def unwanted(self) -> set[tuple[str, str]]:
        """What came and should not have."""
        return self.taken.keys() - self.expected - self.allowed

    @property
    def unexplained(self) -> set[tuple[str, str]]:
        """What came more often than once though the relay had answered."""
        return {one for one, count in self.taken.items() if count > 1} - self.in_doubt

    @property
    def twice(self) -> int:
        """Messages that came more often than once, counting what was too many."""
        return sum(self.taken.values()) - len(self.taken)


@dataclass
class _Life:
    store: Store
    url: str
    folder: Path
    port: int
    taken: Path
    weekend: Weekend
    chance: random.Random
    clock: Clock
    leavers: list[Reader]
    stayers: list[Reader]
    latest: datetime
    due: int = 0
    possible: int = 0
    written: int = 0
    crew: list[ForkServerProcess] = field(default_factory=list)
    by_hand: list[ForkServerProcess] = field(default_factory=list)
    killed: int = 0
    left: datetime | None = None

    def begin(self, by_hand: bool = False) -> ForkServerProcess:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__])
        given = (self.url, self.folder, self.port, by_hand)
        one = context.Process(target=work, args=given, daemon=True)
        one.start()
        return one

    def show(self, moment: datetime) -> None:
        self.latest = max(self.latest, moment)
        start = self.weekend.start
        self.due, self.possible = (
            sum(len(one.editions(start, until)) for one in self.stayers)
            for until in (moment, self.latest)
        )
        self.clock.set(moment)

    def kill_one(self) -> None:
        """Somewhere behind the next few messages, and anywhere between two steps of one."""
        before, until = killing.lines_of(self.taken), time.monotonic() + 5.0
        more = self.chance.randint(1, 6)
        looks = 0
        while killing.lines_of(self.taken) < before + more and time.monotonic() < until:
            looks += 1
            # Now and then only: the workers need the store more.
            if looks % 20 == 0 and self.is_settled():
                break
            time.sleep(0.002)
        time.sleep(self.chance.uniform(0, 0.02))
        place = self.chance.randrange(len(self.crew))
        self.crew[place].kill()
        self.crew[place].join(30)
        self.killed += self.crew[place].exitcode == -signal.SIGKILL
        self.crew[place] = self.begin()
        # The turn of who was killed while it wrote runs out by itself in minutes.
        with self.store.writing() as connection:
            connection.execute(delete(services).where(services.c.name == "mail: editions"))

    def is_settled(self) -> bool:
        """Whether all that is due is written, perhaps with what was due by a clock that was ahead,
        and nothing is to be sent now.
        """
        soon = and_(outbox.c.state == "queued", outbox.c.next_try <= self.clock.now())
        count = select(func.count()).select_from(outbox)
        theirs = count.join(people, _THEIRS).where(people.c.address.like("r%"))
        with self.store.reading() as connection:
            self.written = connection.scalar(theirs) or 0
            if not self.due <= self.written <= self.possible:
                return False
            return not connection.scalar(count.where(or_(_SENDING, soon)))

    def settle(self) -> None:
        """Waits until it is, as long as something moves."""
        moved, until = 0, 0.0
        while not self.is_settled():
            if (now := killing.lines_of(self.taken) + self.written) != moved or not until:
                moved, until = now, time.monotonic() + 60
            assert time.monotonic() < until, f"nothing moves: {self.written} of {self.due}"
            assert all(one.exitcode in (None, -signal.SIGKILL) for one in self.crew)
            time.sleep(0.05)

    def leave(self) -> None:
        """Some readers leave, whatever is on its way."""
        addresses = [one.address for one in self.leavers]
        with self.store.writing() as connection:
            now = self.clock.now()
            for number in connection.scalars(
                select(people.c.number).where(people.c.address.in_(addresses))
            ).all():
                subscribers.leave(connection, number, now)
        self.left = self.latest


def live(
    store: Store,
    url: str,
    folder: Path,
    weekend: Weekend,
    *,
    readers: int,
    kills: int,
    presses: int,
    chance: random.Random,
    moody: int | None = None,
) -> Afterwards:
    """Lives through the weekend with two workers, of which one is killed so often."""
    begun = time.monotonic()
    clock = Clock(folder / "clock")
    clock.set(weekend.start)
    everybody = _subscribed(store, readers, weekend.start)
    index = SearchIndex(folder / "words")
    steps = list(_steps(weekend))
    with killing.sink(folder, 0.0, moody) as (port, taken):
        life = _Life(
            store=store,
            url=url,
            folder=folder,
            port=port,
            taken=taken,
            weekend=weekend,
            chance=chance,
            clock=clock,
            leavers=[one for one in everybody if one.address.startswith("leaver")],
            stayers=[one for one in everybody if one.address.startswith("r")],
            latest=weekend.start,
        )
        _announce(store, index, weekend.start)
        life.crew += [life.begin(), life.begin()]
        jumped = pressed = 0
        for number, step in enumerate(steps):
            if number % 3 == 0:
                _announce(store, index, step)
            life.show(step)
            if step == weekend.change:
                for jump in JUMPS:
                    life.show(step + jump)
                    jumped += 1
                    life.kill_one()
                life.leave()
            while life.killed * len(steps) < kills * (number + 1):
                life.kill_one()
            if pressed * len(steps) < presses * (number + 1):
                life.by_hand += [life.begin(by_hand=True), life.begin(by_hand=True)]
                pressed += 1
            life.settle()
        # What is to be tried again waits for minutes; nothing else is due by then.
        for minutes in (2, 9, 14):
            life.show(weekend.end + timedelta(minutes=minutes))
            life.settle()
        (folder / "over").touch()
        for one in (*life.crew, *life.by_hand):
            one.join(120)
            assert one.exitcode == 0
    return _afterwards(life, jumped, pressed, time.monotonic() - begun)


def _steps(weekend: Weekend) -> Iterator[datetime]:
    moment = weekend.start + HOUR
    while moment <= weekend.end:
        yield moment
        # Hour by hour around the change, quicker before and behind.
        moment += HOUR if abs(moment + HOUR - weekend.change) <= 4 * HOUR else 2 * HOUR


def _subscribed(store: Store, readers: int, since: datetime) -> list[Reader]:
    """Readers in every zone, who said yes before."""
    zones = list(year.CLOCKS)
    found = []
    for number in range(readers):
        name = {_ONE_IN - 1: "gone", _ONE_IN - 2: "leaver"}.get(number % _ONE_IN, "r")
        zone, hour = zones[number % len(zones)], _HOURS[number // len(zones) % len(_HOURS)]
        found.append(Reader(f"{name}{number}@example.org", zone, hour))
    for first in range(0, readers, killing.AT_ONCE):
        some = found[first : first + killing.AT_ONCE]
        with store.writing() as connection:
            killing.enrol(connection, [(one.address, one.zone, one.hour) for one in some], since)
    return found


def _announce(store: Store, index: SearchIndex, moment: datetime) -> None:
    """A paper comes in, so that no edition is silent."""
    title = f"What was found by {moment:%d %B, %H} o'clock"
    record = Record(
        source="arxiv",
        key=title,
        title=title,
        authors=(Author("Ada Wick"),),
        shown=date(moment.year, moment.month, moment.day),
    )
    with store.writing() as connection:
        putting.put(connection, [record])
    index.catch_up(store)


def _afterwards(life: _Life, jumps: int, presses: int, seconds: float) -> Afterwards:
    start, end = life.weekend.start, life.weekend.end
    expected = {(one.address, name) for one in life.stayers for name in one.editions(start, end)}
    # What waited for another try when they left does not go any more.
    left = life.left or end
    allowed = {(one.address, name) for one in life.leavers for name in one.editions(start, left)}
    lines = [line.split("\t") for line in life.taken.read_text().splitlines()]
    moods = life.folder / "taken.moods"
    counted = (
        [line.split("\t") for line in moods.read_text().splitlines()] if moods.exists() else []
    )
    with life.store.reading() as connection:
        chosen = select(people.c.address, outbox.c.edition, outbox.c.state, outbox.c.undecided)
        rows = connection.execute(chosen.select_from(outbox).join(people, _THEIRS)).all()
    named = [(row, (row.address, row.edition.replace(":", "-"))) for row in rows if row.undecided]
    kinds = {mood: int(count) for count, mood in counted}
    return Afterwards(
        expected=expected,
        allowed=allowed,
        taken=Counter((line[0], line[1].partition(":")[0]) for line in lines),
        names=len({line[2] for line in lines}),
        kills=life.killed,
        jumps=jumps,
        presses=presses,
        undecided=sum(row.undecided for row in rows),
        in_doubt={name for _, name in named},
        given_up={name for row, name in named if row.state == "failed"},
        refused=kinds.pop("refused for good", 0),
        moods=kinds,
        seconds=seconds,
    )
