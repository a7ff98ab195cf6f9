"""The daily run by processes that are killed, and by several at once: nothing is lost, nothing is
held twice, and arXiv is asked by one at a time all the same.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from functools import cache
from urllib.parse import parse_qs, unquote

import pytest
from sqlalchemy import Connection, select

from broadsheet.intake.harvest import Harvester
from broadsheet.records import DayState
from broadsheet.store import ledger, papers, quarantine, tables
from broadsheet.store.engine import Store, open_store
from broadsheet.store.ledger import Source
from intake.daily import (
    CATEGORIES,
    FIRST,
    announced,
    harvester,
    holds_what_it_says,
    ledger_of,
    live,
    moments,
    subscribe,
    world,
)
from standin.arxiv import Standin
from standin.world import Paper

DAYS = 30
KILLS = {"sqlite": 200, "postgresql": 50}
# Who is killed keeps source and service to itself for so long, hence both are short.
PATIENCE, LEASE = 0.5, 0.5
# An archive and two of its categories: most papers come by two sources at once.
CROWDED = [*CATEGORIES, "cs"]
CROWD_PAUSE = 0.05
# When there is something new: lists, then papers, then feeds and single papers; and once later.
_BUSY = (1, 3, 5, 18)
WEEK = 7
_FEW = 3
_DAY = timedelta(days=1)
# For what takes moments; whoever waits so long has met a hang.
_HANG = 60.0


class Workers:
    """Starts workers, each a process of its own, and kills them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.running: list[int] = []

    def start(self) -> None:
        """One more."""
        self.running.append(self._told("start"))

    def kill(self, place: int = 0) -> None:
        """Ends one without a word; who had ended before, by whatever mistake, is told of."""
        pid = self.running.pop(place)
        os.kill(pid, signal.SIGKILL)
        assert self._told(f"wait {pid}") == -signal.SIGKILL

    def _told(self, command: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@contextmanager
def workers(
    arxiv: Standin, url: str, *, pause: float, patience: float, lease: float
) -> Iterator[Workers]:
    """Workers of one database; those still running at the end have to end well."""
    chosen = {
        "arxiv": arxiv.address,
        "database": url,
        "pause": pause,
        "patience": patience,
        "lease": lease,
    }
    options = [part for name, value in chosen.items() for part in (f"--{name}", str(value))]
    with subprocess.Popen(
        [sys.executable, "-m", "standin.worker", "--forking", *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        yield Workers(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=_HANG) == 0


def is_settled(store: Store, arxiv: Standin) -> bool:
    """Whether, at the time of the stand-in's clock, every source was asked."""
    return not Harvester(store, {}, "nobody", clock=lambda: arxiv.world.now).due()


def wait_settled(store: Store, arxiv: Standin) -> None:
    """Waits until the workers have done all that is due."""
    until = time.monotonic() + _HANG
    while not is_settled(store, arxiv):
        assert time.monotonic() < until, "what is due is not done"
        arxiv.wait_for(len(arxiv.requests) + 1, timeout=0.1)


def everything_is_held(store: Store, arxiv: Standin, sources: list[str], days: list[date]) -> None:
    """Every paper that changed since the first day once and as it is, and every day complete."""
    of = arxiv.world
    truth = {id_: paper for id_, paper in of.papers(days[-1]).items() if paper.datestamp >= days[0]}
    assert announced(of, days) <= truth.keys()
    with store.reading() as connection:
        every = list(papers.every(connection))
        assert quarantine.held(connection) == 0
    # One that is held a second time would have another name there.
    assert sorted(paper.id for paper in every) == sorted(truth)
    for paper in every:
        said = truth[paper.id]
        assert (paper.title, paper.version) == (said.title, said.version), paper.id
        # What no list announces came as well.
        dois = [link.url.partition("doi.org/")[2] for link in paper.links_of("doi")]
        assert dois == [said.doi] * bool(said.doi), paper.id
    states = {(line.set, line.day): line.state for line in ledger_of(store, of.now)}
    expected = {(source, day) for source in sources for day in days}
    assert {at for at in expected if states.get(at) is not DayState.COMPLETE} == set()


@pytest.mark.days
def test_killed_hundreds_of_times_in_thirty_days_nothing_is_lost(
    store: Store, store_url: str
) -> None:
    chance = random.Random(20260302)
    of = world(DAYS)
    days = list(of.days())
    evenings = list(moments(DAYS))
    wanted, killed = KILLS[store.dialect], 0
    with Standin(of, page_size=20) as arxiv:
        arxiv.set_now(evenings[0])
        subscribe(store, evenings[0])
        with workers(arxiv, store_url, pause=0.005, patience=PATIENCE, lease=LEASE) as crew:
            crew.start()
            for number, now in enumerate(evenings):
                arxiv.set_now(now)
                # As many as have to be by then, so that they fall on all days.
                by_now = min(wanted, wanted * (number + 8) // (len(evenings) - 8))
                while killed < by_now and not is_settled(store, arxiv):
                    arxiv.wait_for(len(arxiv.requests) + chance.randint(1, 5), timeout=3)
                    time.sleep(chance.uniform(0, 0.03))  # the moment of the kill, not a wait
                    crew.kill()
                    killed += 1
                    crew.start()
                    holds_what_it_says(store, arxiv)
                # The clock goes on while some of it is under way, as clocks do.
                if chance.random() < 0.5 or now.date() > days[-1]:
                    wait_settled(store, arxiv)
                holds_what_it_says(store, arxiv)
            assert killed == wanted
        assert arxiv.overlapping() == 1
        everything_is_held(store, arxiv, CATEGORIES, days)


class Watched(Store):
    """A store at which somebody looks behind each of its commits: what a process leaves that is
    killed there.
    """

    def __init__(self, store: Store, look: Callable[[], None]) -> None:
        super().__init__(store.engine)
        self._look = look

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, and a look."""
        with super().writing() as connection:
            yield connection
        self._look()


def passed(truth: Iterable[Paper], source: Source) -> set[str]:
    """The papers that a source's harvests have behind them, as it is written down."""
    ours = sorted(
        (paper.datestamp, paper.id)
        for paper in truth
        if source.name in paper.categories and paper.datestamp >= FIRST - _DAY
    )
    found = set()
    if source.through is not None:
        found |= {id_ for stamp, id_ in ours if stamp < source.through}
    at = (source.progress or {}).get("at") or {}
    if at.get("token"):
        asked = {name: said[0] for name, said in parse_qs(unquote(at["token"])).items()}
        begun, page = date.fromisoformat(at["from"]), date.fromisoformat(asked["from"])
        found |= {id_ for stamp, id_ in ours if begun <= stamp < page}
        rest = [id_ for stamp, id_ in ours if stamp >= page]
        found |= set(rest[: int(asked["skip"])])
    return found


def test_behind_every_commit_all_that_was_passed_is_held(store: Store, store_url: str) -> None:
    # Days that overlap, lists and a second look would mend what a step forgets; not just here.
    of = world(_FEW)
    beside = open_store(store_url, migrate=False)
    looks = midway = 0

    @cache
    def truth(day: date | None) -> list[Paper]:
        return list(of.papers(day).values()) if day else []

    def look() -> None:
        nonlocal looks, midway
        with beside.reading() as connection:
            sources = ledger.all_sources(connection)
            held = set(connection.scalars(select(tables.papers.c.id)))
        for source in sources:
            there = passed(truth(of.harvested_day()), source)
            assert there <= held, (source.name, source.progress)
            midway += "token" in str(source.progress)
        looks += 1

    with Standin(of, page_size=5) as arxiv:
        start = next(moments(1))
        arxiv.set_now(start)
        subscribe(store, start)
        with harvester(Watched(store, look), arxiv) as worker:
            live(arxiv, worker, _FEW)
        assert {line.state for line in ledger_of(store, of.now) if line.day in of.days()} == {
            DayState.COMPLETE
        }
    beside.close()
    assert looks > 100
    assert midway > 10


def live_in_a_crowd(store: Store, url: str, chance: random.Random | None) -> None:
    """A week with three workers; with `chance`, of whom one is killed now and then."""
    of = world(WEEK)
    with Standin(of, page_size=20) as arxiv:
        start = next(moments(1))
        arxiv.set_now(start)
        subscribe(store, start, CROWDED)
        with workers(arxiv, url, pause=CROWD_PAUSE, patience=PATIENCE, lease=2.0) as crew:
            for _ in range(3):
                crew.start()
            killed = 0
            for now in (now for now in moments(WEEK) if now.hour in _BUSY):
                arxiv.set_now(now)
                if chance is not None and not is_settled(store, arxiv) and chance.random() < 0.4:
                    arxiv.wait_for(len(arxiv.requests) + chance.randint(1, 5), timeout=5)
                    time.sleep(chance.uniform(0, 2 * CROWD_PAUSE))  # the moment of the kill
                    crew.kill(chance.randrange(3))
                    killed += 1
                    crew.start()
                wait_settled(store, arxiv)
                holds_what_it_says(store, arxiv)
        assert arxiv.overlapping() == 1
        assert arxiv.closest() >= CROWD_PAUSE
        everything_is_held(store, arxiv, CROWDED, list(of.days()))
        # It was a crowd: each of them had its turns.
        assert len({request.agent for request in arxiv.requests}) >= 3
        assert chance is None or killed > 3


def test_three_workers_ask_one_at_a_time_and_nothing_is_held_twice(
    store: Store, store_url: str
) -> None:
    live_in_a_crowd(store, store_url, None)


def test_of_three_workers_one_is_killed_now_and_then(store: Store, store_url: str) -> None:
    live_in_a_crowd(store, store_url, random.Random(3))
