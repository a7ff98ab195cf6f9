"""The daily run step by step: what cannot be read, what fails, and what goes away meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import pytest

from broadsheet.intake import announcing
from broadsheet.intake.feed_source import Feed
from broadsheet.intake.fetching import Fetcher
from broadsheet.intake.harvest import Harvester
from broadsheet.intake.sources import Answers, Batch, Stated, Things
from broadsheet.records import DayState, Quarantined, Record
from broadsheet.store import ledger, manners, papers, quarantine
from broadsheet.store.engine import Store, StoreError
from broadsheet.store.ledger import Announced, Source
from intake.crooked import Handler, crooked
from intake.daily import (
    CATEGORIES,
    FIRST,
    harvester,
    held,
    ledger_of,
    live,
    moments,
    subscribe,
    world,
)
from standin.arxiv import Standin
from standin.faults import HtmlError, StaleList, Truncated, Unavailable, Untitled

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
        assert (aside.file, aside.reason) == (f"arxiv: cs.LG {broken}", "the paper has no title")
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


class Unreadable:
    """A source that has a record nobody can read, which no list of it ever names."""

    KEY = "2603.00009"

    def __init__(self) -> None:
        self.harvest: list[Things] = []
        self.gone: tuple[str, ...] = ()
        self.single: Things = (self.aside(),)
        self.asked: list[str] = []
        self.now = MORNING

    @classmethod
    def aside(cls, key: str = KEY) -> Quarantined:
        return Quarantined("", 7, "the paper has no title", "arxiv", b"<record/>", 9, key=key)

    @classmethod
    def record(cls) -> Record:
        return Record("arxiv", cls.KEY, "Of boats", identifiers=(cls.KEY,))

    def service(self, source: Source) -> str:
        return source.kind

    def records(self, source: Source, now: datetime, answers: Answers) -> Iterator[Batch]:
        yield Batch(self.harvest.pop(0), through=now.date(), gone=self.gone)

    def announced(self, source: Source, day: date, now: datetime, answers: Answers) -> None:
        return None

    def by_id(self, ids: Sequence[str]) -> Iterator[Things]:
        self.asked += ids
        yield self.single


def unreadable(store: Store, asker: Unreadable, runs: int) -> list[list[str]]:
    """What is put aside after each of so many daily runs."""
    seen = []
    subscribe(store, MORNING, ["cs.LG"])
    worker = Harvester(store, {"arxiv": asker}, "me", clock=lambda: asker.now)
    for _ in range(runs):
        (done,) = worker.once()
        asker.now += timedelta(days=1)
        assert done.problem is None
        with store.reading() as connection:
            seen.append([aside.file for aside in quarantine.listing(connection)])
    return seen


def test_what_no_list_announces_stays_aside_until_it_was_read(store: Store) -> None:
    asker = Unreadable()
    asker.harvest = [(asker.aside(),), (), (), ()]
    stays = [f"arxiv: cs.LG {asker.KEY}"]
    assert unreadable(store, asker, 3) == [stays] * 3
    # It is asked for by its name each time, so that a mended reader finds it.
    assert asker.asked == [asker.KEY] * 3
    asker.single = (asker.record(),)
    asker.harvest = [()] * 4
    assert unreadable(store, asker, 4)[-1] == []
    with store.reading() as connection:
        assert [paper.title for paper in papers.every(connection)] == ["Of boats"]


@pytest.mark.parametrize("how", ["read", "gone"])
def test_or_until_the_harvest_has_it_or_says_that_it_is_no_more(store: Store, how: str) -> None:
    asker = Unreadable()
    asker.harvest = [(asker.aside(),)]
    assert unreadable(store, asker, 1) == [[f"arxiv: cs.LG {asker.KEY}"]]
    asker.harvest = [(asker.record(),) if how == "read" else ()]
    asker.gone = (asker.KEY,) if how == "gone" else ()
    assert unreadable(store, asker, 1) == [[]]


def test_what_cannot_even_be_named_stays_for_a_while(sqlite_store: Store) -> None:
    asker = Unreadable()
    asker.harvest = [(asker.aside(key=""),), (), ()]
    asker.single = ()
    assert unreadable(sqlite_store, asker, 3) == [["arxiv: cs.LG"]] * 3
    assert asker.asked == []


def test_an_entry_of_a_feed_stays_aside_while_the_feed_has_it(sqlite_store: Store) -> None:
    entries = ["<item><title>Of boats</title><guid>a</guid></item>", "<item><guid>b</guid></item>"]
    body = [f"<rss version='2.0'><channel>{''.join(entries)}</channel></rss>".encode()]

    def way(handler: Handler) -> None:
        tag = f'"{len(body[0])}"'
        if handler.headers.get("If-None-Match") == tag:
            handler.answer(status=304)
        else:
            handler.answer(body[0], headers={"ETag": tag})

    fetcher = Fetcher(sqlite_store, patience=5.0)
    now = MORNING
    aside = []
    with crooked({"/feed": way}) as server:
        name = f"{server.address}/feed"
        with sqlite_store.writing() as connection:
            ledger.add_source(connection, "feed", name, FIRST, now)
        askers = {"feed": Feed(fetcher, private=True)}
        worker = Harvester(sqlite_store, askers, fetcher.holder, clock=lambda: now)
        for number in range(3):
            if number == 2:
                body[0] = body[0].replace(entries[1].encode(), b"")
            (done,) = worker.once()
            assert done.problem is None
            now += timedelta(hours=2)
            with sqlite_store.reading() as connection:
                aside.append([thing.file for thing in quarantine.listing(connection)])
    fetcher.close()
    # It did not change, and then it was not there any more.
    assert aside == [[f"feed: {name}"], [f"feed: {name}"], []]


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


def test_nor_are_the_other_sets_of_the_same_service(sqlite_store: Store) -> None:
    with Standin(world(5)) as arxiv, harvester(sqlite_store, arxiv) as worker:
        now = MORNING
        arxiv.set_now(now)
        subscribe(sqlite_store, now)
        arxiv.order(Unavailable(retry_after=3600), times=None)
        assert [one.name for one in worker.once()] == ["cs.CL"]
        assert len(arxiv.requests) == 1
        # Nor one that is added meanwhile, nor where a person wants it at once.
        subscribe(sqlite_store, now, ["math.OC"])
        arxiv.set_now(now + timedelta(minutes=59))
        assert worker.once() == []
        with sqlite_store.reading() as connection:
            every = ledger.all_sources(connection)
        said = {one.name: one.problem for one in worker.once(every)}
        until = now + timedelta(hours=1)
        assert set(said.values()) == {
            f"It is left alone until {until:%Y-%m-%d %H:%M} UTC: it asked for that, or was out."
        }
        assert said.keys() == {"cs.CL", "cs.LG", "math.OC"}
        assert len(arxiv.requests) == 1
        arxiv.clear()
        arxiv.set_now(now + timedelta(minutes=61))
        assert [one.problem for one in worker.once()] == [None] * 3


def test_who_cannot_answer_at_all_is_not_asked_for_the_next_set(sqlite_store: Store) -> None:
    with Standin(world(5)) as arxiv, harvester(sqlite_store, arxiv) as worker:
        now = MORNING
        arxiv.set_now(now)
        subscribe(sqlite_store, now)
        arxiv.order(Unavailable(), times=None)
        assert [one.name for one in worker.once()] == ["cs.CL"]
        tried = len(arxiv.requests)
        arxiv.set_now(now + timedelta(minutes=3))
        assert worker.once() == []
        assert len(arxiv.requests) == tried
        # The next one tries whether it answers again.
        arxiv.clear()
        arxiv.set_now(now + timedelta(minutes=7))
        assert {one.name: one.problem for one in worker.once()} == {"cs.CL": None, "cs.LG": None}


def test_where_only_a_part_cannot_answer_the_rest_is_asked_of_every_set(
    sqlite_store: Store,
) -> None:
    with Standin(world(5)) as arxiv, harvester(sqlite_store, arxiv) as worker:
        arxiv.set_now(MORNING)
        subscribe(sqlite_store, MORNING)
        arxiv.order(Unavailable(), path_prefix="/oai", times=None)
        assert [one.name for one in worker.once()] == ["cs.CL", "cs.LG"]
        lists = {line.set: line.stated for line in ledger_of(sqlite_store, MORNING)}
    assert all(lists[name] for name in CATEGORIES)


# --- What did not change ------------------------------------------------------------------------


def statuses(arxiv: Standin, path: str) -> list[int]:
    return [one.status for one in arxiv.requests if one.path.startswith(path)]


def test_a_list_that_did_not_change_is_not_sent_again_and_makes_no_day_complete(
    store: Store,
) -> None:
    with Standin(world(3)) as arxiv, harvester(store, arxiv) as worker:
        now = EVENING + timedelta(minutes=10)
        arxiv.set_now(now)
        subscribe(store, now, ["cs.LG"])
        worker.once()
        (line,) = ledger_of(store, now)
        assert line.state is DayState.GAP
        # The papers are not to be had before the night.
        now += timedelta(minutes=31)
        arxiv.set_now(now)
        worker.once()
        assert statuses(arxiv, "/list/cs.LG/new") == [200, 304]
        assert statuses(arxiv, "/rss/cs.LG") == [200, 304]
        (again,) = ledger_of(store, now)
        assert (again.state, again.stated, again.missing) == (
            DayState.GAP,
            line.stated,
            line.missing,
        )
        now = NIGHT
        arxiv.set_now(now)
        worker.once()
        assert statuses(arxiv, "/list/cs.LG/new") == [200, 304, 304]
        (line,) = ledger_of(store, now)
        assert line.state is DayState.COMPLETE

        # The next evening the list is a new one, and is read.
        now = EVENING + timedelta(days=1, minutes=40)
        arxiv.set_now(now)
        worker.once()
        assert statuses(arxiv, "/list/cs.LG/new")[-1] == 200
        assert ledger_of(store, now)[0].stated


def test_yesterdays_list_that_did_not_change_says_nothing_of_today(sqlite_store: Store) -> None:
    with Standin(world(4)) as arxiv, harvester(sqlite_store, arxiv) as worker:
        now = EVENING + timedelta(days=1, minutes=40)
        arxiv.set_now(now)
        subscribe(sqlite_store, now, ["cs.LG"])
        arxiv.order(StaleList(), times=None)
        for _ in range(3):
            worker.once()
            states = {line.day: line.state for line in ledger_of(sqlite_store, now)}
            assert states[FIRST + timedelta(days=1)] is DayState.LATE
            now += timedelta(minutes=31)
            arxiv.set_now(now)
        assert 304 in statuses(arxiv, "/list/cs.LG/new")
        arxiv.clear()
        worker.once()
        today = next(
            line for line in ledger_of(sqlite_store, now) if line.day == FIRST + timedelta(days=1)
        )
        assert today.stated


def test_a_list_that_broke_off_is_asked_for_whole(sqlite_store: Store) -> None:
    with Standin(world(3)) as arxiv, harvester(sqlite_store, arxiv) as worker:
        now = EVENING + timedelta(minutes=10)
        arxiv.set_now(now)
        subscribe(sqlite_store, now, ["cs.LG"])
        arxiv.order(Truncated(), path_prefix="/list", times=1)
        worker.once()
        now = NIGHT
        arxiv.set_now(now)
        worker.once()
        assert statuses(arxiv, "/list/cs.LG/new") == [200, 200]
        (line,) = ledger_of(sqlite_store, now)
        assert line.state is DayState.COMPLETE


def test_what_was_not_kept_is_asked_for_whole(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Standin(world(3)) as arxiv, harvester(sqlite_store, arxiv) as worker:
        arxiv.set_now(NIGHT)
        subscribe(sqlite_store, NIGHT, ["cs.LG"])
        with monkeypatch.context() as failing:
            failing.setattr(ledger, "state", full)
            with pytest.raises(StoreError):
                worker.once()
        worker.once()
        assert statuses(arxiv, "/list/cs.LG/new") == [200, 200]
        (line,) = ledger_of(sqlite_store, NIGHT)
        assert line.state is DayState.COMPLETE


def full(*_: object, **__: object) -> None:
    raise StoreError("The disk is full.")


def test_once_a_day_a_list_is_read_whatever_its_server_says(sqlite_store: Store) -> None:
    with Standin(world(3)) as arxiv, harvester(sqlite_store, arxiv) as worker:
        now = NIGHT
        arxiv.set_now(now)
        subscribe(sqlite_store, now, ["cs.LG"])
        worker.once()
        now += timedelta(hours=20, minutes=5)
        assert announcing.latest(now) == FIRST
        arxiv.set_now(now)
        worker.once()
        assert statuses(arxiv, "/list/cs.LG/new") == [200, 200]


# --- What goes away meanwhile -------------------------------------------------------------------


class Interrupted:
    """A source of one paper a day, which lets something happen while it is asked."""

    def __init__(self, within: str, happens: Callable[[], None]) -> None:
        self._within = within
        self._happens = happens

    def _asked(self, what: str, source: Source) -> None:
        if (what, source.name) == (self._within, "cs.LG"):
            self._happens()

    def service(self, source: Source) -> str:
        return source.kind

    def records(self, source: Source, now: datetime, answers: Answers) -> Iterator[Batch]:
        key = f"2603.0000{1 + len(source.name) % 9}"
        record = Record("arxiv", key, f"Of {source.name}", identifiers=(key,))
        yield Batch((record,), {"token": "further"})
        self._asked("records", source)
        yield Batch((record,), through=now.date())

    def announced(self, source: Source, day: date, now: datetime, answers: Answers) -> Stated:
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


def test_whose_turn_ran_out_leaves_the_source_to_who_has_it_now(store: Store) -> None:
    def taken() -> None:
        with store.writing() as connection:
            number = kept(store).number
            assert manners.take(connection, f"source {number}", "another", 60).granted

    subscribe(store, MORNING, ["cs.LG"])
    asker = Interrupted("records", taken)
    worker = Harvester(store, {"arxiv": asker}, "me", clock=lambda: MORNING, lease=0.0)
    worker.once()
    # What the other one has written down stands.
    source = kept(store)
    assert source.progress == {"at": {"token": "further"}}
    assert (source.through, source.harvested) == (None, None)
