"""The daily run against the stand-in, as fast as its days can be told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import event

from broadsheet.intake import completeness
from broadsheet.intake.arxiv.source import Addresses, Arxiv
from broadsheet.intake.fetching import Fetcher
from broadsheet.intake.harvest import Harvester
from broadsheet.records import DayState, LedgerLine
from broadsheet.store import ledger, papers
from broadsheet.store.engine import Store
from standin.arxiv import Standin
from standin.world import World

FIRST = date(2026, 3, 2)
CATEGORIES = ["cs.LG", "cs.CL"]
# The three seconds of arXiv's rule, in a world that turns faster.
PAUSE = 0.005
# Hours of New York's evening, night and day at which the worker looks.
_HOURS = (0, 1, 3, 6, 18)


def world(days: int = 30, seed: int = 1) -> World:
    """Thirty days, over the change of the clocks in March."""
    return World(seed=seed, first_day=FIRST, days=days, categories=CATEGORIES)


@contextmanager
def harvester(store: Store, arxiv: Standin, *, pause: float = PAUSE) -> Iterator[Harvester]:
    """A worker's harvester, its clock the world's."""
    fetcher = Fetcher(store, "someone@example.org", patience=2.0)
    askers = {"arxiv": Arxiv(fetcher, Addresses.at(arxiv.address), pause)}
    try:
        yield Harvester(store, askers, fetcher.holder, clock=lambda: arxiv.world.now, lease=10.0)
    finally:
        fetcher.close()


def unsynced(store: Store) -> Store:
    """The store, SQLite's files not forced to the disk: only where the machine itself stops does
    that make a difference, and thirty days have thousands of commits.
    """
    if store.dialect == "sqlite":

        def hurry(connection: Any, _record: object) -> None:
            connection.execute("PRAGMA synchronous=OFF")

        event.listen(store.engine, "connect", hurry)
        store.engine.dispose()  # connections there are make way for hurried ones
    return store


def subscribe(store: Store, now: datetime, categories: Iterable[str] = CATEGORIES) -> None:
    """Adds the categories as sources, from the first day on."""
    with store.writing() as connection:
        for category in categories:
            ledger.add_source(connection, "arxiv", category, FIRST, now)


def moments(days: int) -> Iterator[datetime]:
    """When the worker looks, from the first evening on."""
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC)
    for day in range(days + 1):
        for hour in _HOURS:
            yield start + timedelta(days=day, hours=hour)


def live(arxiv: Standin, worker: Harvester, days: int) -> None:
    """Lives through the days."""
    for now in moments(days):
        arxiv.set_now(now)
        worker.once()


def ledger_of(store: Store, now: datetime) -> list[LedgerLine]:
    """Every line of the ledger."""
    with store.reading() as connection:
        return completeness.lines(connection, now, FIRST)


def held(store: Store) -> dict[str, int]:
    """How many papers hold each arXiv id."""
    found: dict[str, int] = {}
    with store.reading() as connection:
        for paper in papers.every(connection):
            found[paper.id] = found.get(paper.id, 0) + 1
    return found


def announced(of: World, days: Iterable[date]) -> set[str]:
    """Every id announced in the categories on some days."""
    return {
        id_
        for day in days
        for category in CATEGORIES
        for ids in of.announced(category, day).values()
        for id_ in ids
    }


def holds_what_it_says(store: Store, arxiv: Standin) -> None:
    """No day that is called complete lacks a paper, or counts another number of them."""
    # The ledger first: others may be putting papers in meanwhile.
    lines = ledger_of(store, arxiv.world.now)
    papers = held(store)
    for line in lines:
        if line.state is not DayState.COMPLETE:
            continue
        truth = arxiv.world.announced(line.set, line.day)
        ids = {id_ for some in truth.values() for id_ in some}
        assert line.stated == len(ids), (line.set, line.day)
        assert ids <= papers.keys(), (line.set, line.day)
