"""Whether anything was committed: what answers kept in memory go by."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from broadsheet.records import Record
from broadsheet.store import papers, putting, readers
from broadsheet.store.engine import Store, StoreError, open_store, sqlite_url
from broadsheet.store.tables import counters


def put(store: Store, title: str) -> None:
    with store.writing() as connection:
        putting.put(connection, [Record("jsonl", title, title=title)])


def prefer(store: Store, value: str) -> None:
    with store.writing() as connection:
        readers.set_preference(connection, readers.personal(connection), "theme", value)


def test_reading_leaves_the_state_as_it_is(store: Store) -> None:
    put(store, "Lamps")

    def is_left() -> bool:
        before = store.state()
        with store.reading() as connection:
            assert papers.count(connection) == 1
        return store.state() == before

    # Another database of the server may have been written meanwhile, which counts there.
    assert any(is_left() for _ in range(1 if store.dialect == "sqlite" else 500))


def test_each_commit_makes_another_state(store: Store) -> None:
    states = [store.state()]
    for write, said in ((put, "Lamps"), (prefer, "dark"), (prefer, "light"), (put, "Torches")):
        write(store, said)
        states.append(store.state())
    assert len(set(states)) == len(states)


def test_what_another_process_commits_makes_another_state(store: Store, store_url: str) -> None:
    before = store.state()
    other = open_store(store_url)
    try:
        prefer(other, "dark")
    finally:
        other.close()
    assert store.state() != before


def test_a_write_shows_in_the_state_when_it_is_committed_and_not_before(store: Store) -> None:
    """An answer made while somebody writes must not be taken for one made afterwards."""
    with store.writing() as connection:
        putting.put(connection, [Record("jsonl", "Lamps", title="Lamps")])
        during = store.state()
        with store.reading() as other:
            assert papers.count(other) == 0
    assert store.state() != during


def test_what_reads_alike_states_say_is_alike(store: Store) -> None:
    """While others write: whoever finds the same state before and after saw that state's data."""
    stop = threading.Event()

    def write() -> None:
        for number in range(60):
            put(store, f"Paper {number}")
        stop.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen: dict[object, int] = {}
    try:
        while not stop.is_set():
            before = store.state()
            with store.reading() as connection:
                held = connection.scalar(select(func.max(counters.c.value))) or 0
            if store.state() == before:
                assert seen.setdefault(before, held) == held
    finally:
        writer.join()
    assert seen


def test_a_connection_that_is_lost_is_replaced_and_what_it_saw_trusted_no_more(
    store: Store,
) -> None:
    before = store.state()
    assert store._watcher is not None
    driver = store._watcher[0].dbapi_connection
    assert driver is not None
    driver.close()
    after = store.state()
    # What was committed meanwhile nobody saw.
    assert after != before
    put(store, "Lamps")
    assert store.state() != after


def test_a_database_that_went_away_is_said_in_a_sentence(tmp_path: Path) -> None:
    store = open_store(sqlite_url(tmp_path / "store.sqlite3"))
    store.close()
    shutil.rmtree(tmp_path)
    with pytest.raises(StoreError, match="does not answer: unable to open"):
        store.state()
