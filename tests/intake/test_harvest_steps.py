"""The daily run step by step: what cannot be read, what fails, and what goes away meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from broadsheet.intake.harvest import Harvester
from broadsheet.intake.sources import Batch, Stated, Things
from broadsheet.records import DayState, Record
from broadsheet.store import ledger, papers, quarantine
from broadsheet.store.engine import Store
from broadsheet.store.ledger import Announced, Source
from intake.daily import FIRST, harvester, held, ledger_of, live, moments, subscribe, world
from standin.arxiv import Standin
from standin.faults import HtmlError, Unavailable, Untitled

# The first list goes out at 20:00 in New York, which in early March is one o'clock; it can be
# harvested from half past three on, and is in the query interface from five on.
EVENING = datetime(FIRST.year, FIRST.month, FIRST.day, 1, tzinfo=UTC)
NIGHT = EVENING.replace(hour=4)
MORNING = EVENING.replace(hour=12)


def kept(store: Store, name: str = "cs.LG") -> Source:
    with store.reading() as connection:
        source = ledger.source_of(connection, "arxiv", name)
    assert source is not None
    return source


# --- What cannot be read ------------------------------------------------------------------------


def test_a_record_that_cannot_be_read_is_kept_aside_until_it_is_mended(store: Store) -> None:
    of = world(2)
    broken = of.announced("cs.LG", FIRST)["new"][0]
    with Standin(of) as arxiv, harvester(store, arxiv) as worker:
        arxiv.set_now(NIGHT)
        subscribe(store, NIGHT, ["cs.LG"])
        arxiv.order(Untitled(broken), times=None)
        (done,) = worker.once()
        assert (done.quarantined, done.problem) == (1, None)
        with store.reading() as connection:
            (aside,) = quarantine.listing(connection)
        assert (aside.file, aside.reason) == ("arxiv: cs.LG", "the paper has no title")
        assert broken.encode() in aside.excerpt
        (line,) = ledger_of(store, NIGHT)
        assert (line.state, line.missing) == (DayState.GAP, (broken,))
        assert line.held == (line.stated or 0) - 1
        assert broken not in held(store)

        arxiv.clear()
        arxiv.set_now(NIGHT + timedelta(minutes=31))
        (done,) = worker.once()
        assert (done.new, done.quarantined) == (1, 0)
        (line,) = ledger_of(store, NIGHT)
        assert (line.state, line.missing) == (DayState.COMPLETE, ())
        with store.reading() as connection:
            assert quarantine.listing(connection) == []


def test_a_withdrawn_paper_is_marked_and_no_other(sqlite_store: Store) -> None:
    of = world(2)
    with Standin(of) as arxiv, harvester(sqlite_store, arxiv) as worker:
        start = next(moments(1))
        arxiv.set_now(start)
        subscribe(sqlite_store, start, ["cs.LG"])
        live(arxiv, worker, 2)
    truth = of.papers(of.days()[-1])
    withdrawn = {
        paper.id for paper in truth.values() if paper.withdrawn and paper.current.day >= FIRST
    }
    assert withdrawn
    with sqlite_store.reading() as connection:
        marked = {paper.id for paper in papers.every(connection) if paper.withdrawn}
    assert withdrawn <= marked
    assert marked <= {paper.id for paper in truth.values() if paper.withdrawn}


# --- What fails ---------------------------------------------------------------------------------


def test_a_source_that_fails_is_left_alone_longer_each_time(sqlite_store: Store) -> None:
    with Standin(world(5)) as arxiv, harvester(sqlite_store, arxiv) as worker:
        now = MORNING
        arxiv.set_now(now)
        subscribe(sqlite_store, now, ["cs.LG"])
        arxiv.order(HtmlError(), times=None)
        rests = []
        for failures in range(1, 12):
            (done,) = worker.once()
            source = kept(sqlite_store)
            assert done.problem
            assert source.problem == done.problem
            assert source.failures == failures
            assert source.retry is not None
            rests.append(source.retry - now)
            # Nobody asks before.
            asked = len(arxiv.requests)
            arxiv.set_now(source.retry - timedelta(seconds=1))
            assert worker.once() == []
            assert len(arxiv.requests) == asked
            now = source.retry
            arxiv.set_now(now)
        # Five minutes, doubled each time, each a fifth more or less.
        for rest, minutes in zip(rests[:6], (5, 10, 20, 40, 80, 160), strict=True):
            assert timedelta(minutes=minutes) * 0.8 <= rest <= timedelta(minutes=minutes) * 1.2
        assert max(rests) <= timedelta(hours=6)
        assert min(rests[7:]) > timedelta(hours=4)

        arxiv.clear()
        (done,) = worker.once()
        source = kept(sqlite_store)
        assert done.problem is None
        assert (source.failures, source.retry, source.problem) == (0, None, None)
        # What was said before is forgotten: the next failure is a first one again.
        now += timedelta(hours=21)
        arxiv.set_now(now)
        arxiv.order(HtmlError(), times=None)
        worker.once()
        retry = kept(sqlite_store).retry
        assert retry is not None
        assert retry - now <= timedelta(minutes=6)


def test_who_says_to_come_back_in_an_hour_is_asked_in_an_hour(sqlite_store: Store) -> None:
    with Standin(world(5)) as arxiv, harvester(sqlite_store, arxiv) as worker:
        # Three days of lists are to be asked for, and the papers.
        now = MORNING + timedelta(days=2)
        arxiv.set_now(now)
        subscribe(sqlite_store, now, ["cs.LG"])
        arxiv.order(Unavailable(retry_after=3600), times=None)
        (done,) = worker.once()
        assert done.problem is not None
        assert "503" in done.problem
        # Not for the next thing either.
        assert len(arxiv.requests) == 1
        arxiv.set_now(now + timedelta(minutes=59))
        assert worker.once() == []
        assert len(arxiv.requests) == 1
        arxiv.clear()
        arxiv.set_now(now + timedelta(minutes=61))
        (done,) = worker.once()
        assert done.problem is None
        assert {line.state for line in ledger_of(sqlite_store, now)} == {DayState.COMPLETE}


# --- What goes away meanwhile -------------------------------------------------------------------


class Interrupted:
    """A source of one paper a day, which lets something happen while it is asked."""

    def __init__(self, within: str, happens: Callable[[], None]) -> None:
        self._within = within
        self._happens = happens

    def _asked(self, what: str, source: Source) -> None:
        if (what, source.name) == (self._within, "cs.LG"):
            self._happens()

    def records(self, source: Source, now: datetime) -> Iterator[Batch]:
        key = f"2603.0000{1 + len(source.name) % 9}"
        record = Record("arxiv", key, f"Of {source.name}", identifiers=(key,))
        yield Batch((record,), {"token": "further"})
        self._asked("records", source)
        yield Batch((record,), through=now.date())

    def announced(self, source: Source, day: date, now: datetime) -> Stated:
        self._asked("announced", source)
        return Stated({"new": 1}, (Announced(f"2603.0000{1 + len(source.name) % 9}", "new"),))

    def by_id(self, ids: Sequence[str]) -> Iterator[Things]:
        yield from ()


@pytest.mark.parametrize("within", ["announced", "records"])
@pytest.mark.parametrize("followed", [False, True])
def test_a_source_removed_while_it_is_asked_costs_nothing(
    store: Store, within: str, *, followed: bool
) -> None:
    now = MORNING + timedelta(days=1)

    def removed() -> None:
        with store.writing() as connection:
            assert ledger.remove_source(connection, "arxiv", "cs.LG")
            if followed:  # which may well get the number that has become free
                ledger.add_source(connection, "arxiv", "math.OC", now.date(), now)

    subscribe(store, now, ["math", "cs.LG"])
    worker = Harvester(store, {"arxiv": Interrupted(within, removed)}, "me", clock=lambda: now)
    done = {one.name: one.problem for one in worker.once()}
    assert done["math"] is None
    with store.reading() as connection:
        names = {source.name for source in ledger.all_sources(connection)}
        days = ledger.days(connection, FIRST, now.date())
    assert names == ({"math", "math.OC"} if followed else {"math"})
    # Nothing is said of a source that nobody asked, and all of the one that was.
    assert {(day.source.name, day.day, day.missing) for day in days} == {
        ("math", FIRST, ()),
        ("math", FIRST + timedelta(days=1), ()),
    }
    if followed:
        fresh = kept(store, "math.OC")
        assert (fresh.harvested, fresh.through, fresh.progress) == (None, None, None)
