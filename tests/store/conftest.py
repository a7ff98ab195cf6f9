"""A store on each engine, as everywhere, but quickly: a test here is small and there are many."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text

from broadsheet.store.engine import Store, open_store, sqlite_url
from broadsheet.store.tables import counters, metadata, readers
from conftest import database


def wait_for_a_queue(store: Store) -> None:
    """Returns when somebody waits for a lock that this store's writer holds.

    SQLite cannot tell; there a writer waits before it has looked at anything.
    """
    if store.dialect == "sqlite":
        return
    asked = text(
        "select count(*) from pg_stat_activity"
        " where datname = current_database() and wait_event_type = 'Lock'"
    )
    give_up = time.monotonic() + 30
    with store.engine.connect() as connection:
        while not connection.scalar(asked):
            connection.rollback()
            assert time.monotonic() < give_up, "nobody came to wait"


@pytest.fixture(scope="session")
def _postgres_store(postgres: str, _postgres_template: str) -> Iterator[str]:
    """The address of one PostgreSQL store that all tests of this folder share."""
    with database(postgres, _postgres_template) as name:
        yield postgres.rpartition("/")[0] + "/" + name


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a migrated, empty database: the test runs once on each engine."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("_sqlite_template"), tmp_path / "store.sqlite3")
        yield sqlite_url(tmp_path / "store.sqlite3")
        return
    address: str = request.getfixturevalue("_postgres_store")
    store = open_store(address)
    with store.reading() as connection:
        first = {
            table: [row._asdict() for row in connection.execute(select(table))]
            for table in (counters, readers)
        }
    yield address
    with store.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(table.delete())
        for table, rows in first.items():
            connection.execute(insert(table), rows)
    store.close()
