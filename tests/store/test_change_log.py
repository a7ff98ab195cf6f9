"""The change log: whoever follows it sees every change once, in order, also while others write."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, func, select

from broadsheet.records import Author, Content, Link, Record
from broadsheet.store import changes, contents, papers, putting
from broadsheet.store.engine import Store, open_store
from broadsheet.store.putting import Outcome
from broadsheet.store.tables import papers as papers_table
from broadsheet.store.tables import tombstones
from store.conftest import wait_for_a_queue

Change = tuple[int, int, bool]


def record(key: str, source: str = "jsonl", abstract: str = "") -> Record:
    return Record(source, key, f"A paper about {key}", abstract, identifiers=(f"acl:{key}",))


def put(store: Store, *records: Record) -> None:
    with store.writing() as connection:
        putting.put(connection, records)


def read_all(store: Store, page: int = 1000) -> list[Change]:
    found: list[Change] = []
    while True:
        with store.reading() as connection:
            more = changes.changed_since(connection, found[-1][0] if found else 0, page)
        if not more:
            return found
        found += more


def contents_of(store: Store, page: int) -> tuple[list[int], dict[int, Content]]:
    """The numbers of all papers that changed, and what those held say, read page by page."""
    numbers: list[int] = []
    held: dict[int, Content] = {}
    through = 0
    while True:
        with store.reading() as connection:
            stretch = contents.changed_since(connection, through, page)
        assert len(stretch.numbers) <= page
        numbers += stretch.numbers
        held |= {content.number: content for content in stretch.held}
        through = stretch.through
        if through >= stretch.last:
            return numbers, held


def test_what_indexes_read_of_papers_is_what_the_papers_say(store: Store) -> None:
    whole = Record(
        "hub",
        "2511.00001",
        "On paper boats",
        "They float. See https://github.com/boats/one",
        identifiers=("2511.00001",),
        authors=(Author("Ada Example", "Basin Labs"), Author("王 舟")),
        organization="Basin",
        categories=("cs.LG", "cs.CL"),
        published=date(2025, 11, 3),
        shown=date(2025, 11, 4),
        links=(Link("code", "https://github.com/boats/one"), Link("pdf", "https://arxiv.org/x")),
    )
    summed = Record("sample", "s", "Of kites", summary="Kites fly.", identifiers=("acl:s",))
    put(store, whole, record("one", source="gone"), summed, record("two"), record("three"))
    put(store, record("two", abstract="Now with an abstract."))
    with store.writing() as connection:
        putting.remove_source(connection, "gone")
    for page in (1, 2, 3, 100):
        numbers, held = contents_of(store, page)
        assert sorted(numbers) == [1, 2, 3, 4, 5]
        with store.reading() as connection:
            assert held == {one.number: one.content() for one in papers.every(connection)}
    boats, kites = held[1], held[3]
    assert boats.names == ("Ada Example", "王 舟", "Basin")
    assert boats.has == {"code", "pdf", "abstract"}
    assert boats.categories == ("cs.LG", "cs.CL")
    assert (boats.day, boats.year) == (date(2025, 11, 4), 2025)
    assert (kites.text, kites.has, kites.day) == ("Kites fly.", frozenset(), None)


def test_a_store_never_written_has_no_change(store: Store) -> None:
    with store.reading() as connection:
        assert changes.last_change(connection) == 0
        assert changes.changed_since(connection, 0, 10) == []


def test_every_write_to_a_paper_takes_the_next_number(store: Store) -> None:
    put(store, record("one"), record("two"))
    put(store, record("one", abstract="Now with an abstract."))
    assert read_all(store) == [(2, 2, False), (3, 1, False)]
    with store.reading() as connection:
        assert changes.last_change(connection) == 3


def test_a_removed_paper_is_reported_as_gone(store: Store) -> None:
    put(store, record("one", source="sample"), record("two"))
    with store.writing() as connection:
        putting.remove_source(connection, "sample")
    assert read_all(store) == [(2, 2, False), (3, 1, True)]


def test_two_papers_that_prove_to_be_one_are_reported_as_one_written_and_one_gone(
    store: Store,
) -> None:
    put(store, Record("jsonl", "a", "Early thoughts", identifiers=("2401.00001",)))
    put(store, Record("jsonl", "b", "Late thoughts", identifiers=("doi:10.1000/b",)))
    both = ("2401.00001", "doi:10.1000/b")
    put(store, Record("arxiv", "c", "Early thoughts", identifiers=both))
    assert {(number, gone) for _, number, gone in read_all(store)} == {(1, False), (2, True)}


def test_a_write_that_was_rolled_back_is_no_change(store: Store) -> None:
    with store.engine.connect() as connection:
        putting.put(connection, [record("one")])
        connection.rollback()
    put(store, record("two"))
    assert [change for change, _, _ in read_all(store)] == [1]


@settings(
    derandomize=True,
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(keys=st.lists(st.sampled_from("abcdef"), min_size=1, max_size=12), page=st.integers(1, 4))
def test_pages_of_any_size_hold_each_paper_once_in_the_order_of_its_last_write(
    sqlite_store: Store, keys: list[str], page: int
) -> None:
    for place, key in enumerate(keys):
        put(sqlite_store, record(key, abstract=f"As of {place}."))
    with sqlite_store.writing() as connection:
        putting.remove_source(connection, "nobody")
    pages = read_all(sqlite_store, page)
    assert pages == read_all(sqlite_store)
    numbers = [change for change, _, _ in pages]
    assert numbers == sorted(set(numbers))
    with sqlite_store.reading() as connection:
        assert len(pages) == papers.count(connection)


def after_first_look(store: Store, act: Callable[[], None]) -> None:
    """Lets `act` happen once, as soon as this store's engine has run a query."""
    waiting = [act]

    @event.listens_for(store.engine, "after_cursor_execute")
    def _listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT") and waiting:
            waiting.pop()()


def test_a_commit_between_the_two_looks_of_a_page_is_not_seen_by_half(
    store: Store, store_url: str
) -> None:
    writer = open_store(store_url)
    put(writer, record("gone", source="sample"))

    def write() -> None:
        put(writer, record("new"))
        with writer.writing() as connection:
            putting.remove_source(connection, "sample")

    with store.reading() as connection:
        after_first_look(store, write)
        seen = changes.changed_since(connection, 0, 10)
    writer.close()
    assert seen == [(1, 1, False)]


class Follower:
    """Polls the change log until the last writer is done, as an index does."""

    def __init__(self, store: Store) -> None:
        self.seen: list[Change] = []
        self.done = threading.Event()
        self._store = store
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while True:
            over = self.done.is_set()
            with self._store.reading() as connection:
                after = self.seen[-1][0] if self.seen else 0
                page = changes.changed_since(connection, after, 3)
            self.seen += page
            if over and not page:
                return


def last_state(connection: Connection) -> dict[int, tuple[int, bool]]:
    """Each paper's newest change, as the tables have it."""
    state: dict[int, tuple[int, bool]] = {}
    for table, gone in ((papers_table, False), (tombstones, True)):
        for number, change in connection.execute(select(table.c.number, table.c.change)):
            state[number] = (change, gone)
    return state


def test_who_polls_while_two_write_sees_every_change_once_and_in_order(
    store: Store, store_url: str
) -> None:
    follower = Follower(store)

    def write(name: str) -> None:
        own = open_store(store_url)
        for turn in range(25):
            put(own, *(record(f"{name}{turn}x{n}", source=f"{name}{turn % 5}") for n in range(3)))
            put(own, record(f"{name}0x0", source=f"{name}0", abstract=f"As of {turn}."))
            if turn % 5 == 4:
                with own.writing() as connection:
                    putting.remove_source(connection, f"{name}{turn % 4}")
        own.close()

    writers = [threading.Thread(target=write, args=(name,)) for name in "pq"]
    for thread in (follower.thread, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    follower.done.set()
    follower.thread.join(timeout=60)
    numbers = [change for change, _, _ in follower.seen]
    assert numbers == sorted(set(numbers))
    with store.reading() as connection:
        followed = {number: (change, gone) for change, number, gone in follower.seen}
        assert followed == last_state(connection)


def test_two_who_put_the_same_paper_at_once_make_one(store: Store, store_url: str) -> None:
    other = open_store(store_url)
    outcomes: list[Outcome] = []

    def put_second() -> None:
        with other.writing() as connection:
            outcomes.append(putting.put(connection, [record("one"), record("two")]))

    waiting = threading.Thread(target=put_second)
    with store.writing() as connection:
        putting.put(connection, [record("two"), record("one")])
        waiting.start()
        wait_for_a_queue(store)
    waiting.join(timeout=60)
    other.close()
    with store.reading() as connection:
        held = connection.scalar(select(func.count()).select_from(papers_table))
    assert (outcomes, held) == ([Outcome(unchanged=2)], 2)


def test_another_store_has_another_identity(store: Store, tmp_path: Path) -> None:
    other = open_store(f"sqlite:///{tmp_path}/other.sqlite3")
    with store.reading() as connection, other.reading() as elsewhere:
        ours, theirs = changes.identity(connection), changes.identity(elsewhere)
        assert ours
        assert ours != theirs
    other.close()


def test_small_facts_are_zero_until_they_are_set(store: Store) -> None:
    with store.writing() as connection:
        assert changes.flag(connection, "removed:sample") == 0
        changes.set_flag(connection, "removed:sample", 1)
        assert changes.flag(connection, "removed:sample") == 1
        changes.set_flag(connection, "removed:sample", 0)
        assert changes.flag(connection, "removed:sample") == 0
