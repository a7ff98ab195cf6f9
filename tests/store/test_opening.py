"""Opening the store and its two doors: what goes wrong is said, and nothing half done stays."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from broadsheet.records import Record
from broadsheet.store import changes, papers, putting
from broadsheet.store.engine import Store, StoreError, open_store, sqlite_url

UNREADABLE = "The database address cannot be read; it should look like sqlite:///file.sqlite3"


def record(key: str, abstract: str = "") -> Record:
    return Record("jsonl", key, f"A paper about {key}", abstract)


def put_on_a_full_disk(store: Store) -> None:
    with store.writing() as connection:
        connection.execute(text("pragma max_page_count = 1"))
        putting.put(connection, [record("waste", "many words " * 100_000)])


def put_and_fail(store: Store) -> None:
    with store.writing() as connection:
        putting.put(connection, [record("doubt")])
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("", UNREADABLE),
        ("papers.sqlite3", UNREADABLE),
        ("postgresql://me:secret@host:port/papers", UNREADABLE),
        ("sqlite+unheard:///papers", UNREADABLE),
        ("mysql://me:secret@host/papers", "in SQLite or PostgreSQL, not in mysql."),
        ("postgresql://me:secret@127.0.0.1:1/papers", "does not answer: connection failed"),
        ("postgresql://me@127.0.0.1:1/papers?password=secret", "does not answer"),
        ("postgresql://me:secret@127.0.0.1:1/papers?colour=red", 'option "colour"'),
    ],
)
def test_an_address_that_cannot_be_opened_is_explained_without_its_password(
    address: str, sentence: str
) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(address)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


def test_the_short_name_of_postgresql_is_understood(empty_postgres: str) -> None:
    store = open_store(empty_postgres.replace("postgresql://", "postgres://"))
    assert store.dialect == "postgresql"
    store.close()


def test_a_folder_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is its folder there and writable"):
        open_store(sqlite_url(tmp_path / "missing" / "store.sqlite3"))


def test_a_file_that_is_no_database_is_explained_and_left_alone(tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("Buy milk, read the paper on pruning, water the plants.\n" * 20)
    before = notes.read_bytes()
    with pytest.raises(StoreError, match="is damaged, or is none"):
        open_store(sqlite_url(notes))
    assert notes.read_bytes() == before


@pytest.fixture
def stranger(empty_postgres: str, postgres: str) -> Iterator[str]:
    """The address of a database whose owner lets a user in but not make tables."""
    name = f"stranger_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(empty_postgres, autocommit=True) as admin:
        admin.execute(f"create role {name} login")
        admin.execute("revoke create on schema public from public")
    server = empty_postgres.rpartition("@")[2]
    yield f"postgresql://{name}@{server}"
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"drop role {name}")


def test_a_user_without_rights_is_told_so(stranger: str) -> None:
    try:
        psycopg.connect(stranger).close()
    except psycopg.OperationalError:
        pytest.skip("This PostgreSQL lets no new user in without a password.")
    with pytest.raises(StoreError, match="does not let this user in: permission denied"):
        open_store(stranger)


def test_a_full_disk_is_explained_and_costs_nothing_held(sqlite_store: Store) -> None:
    with sqlite_store.writing() as connection:
        putting.put(connection, [record("thrift")])
    with pytest.raises(StoreError, match="The disk is full"):
        put_on_a_full_disk(sqlite_store)
    with sqlite_store.reading() as connection:
        assert [paper.title for paper in papers.every(connection)] == ["A paper about thrift"]


def test_a_write_that_fails_leaves_no_trace(store: Store) -> None:
    with pytest.raises(ZeroDivisionError):
        put_and_fail(store)
    with store.reading() as connection:
        assert papers.count(connection) == 0
        assert changes.last_change(connection) == 0


def test_a_reader_sees_one_state_while_others_write(store: Store) -> None:
    with store.reading() as connection:
        before = papers.count(connection)
        with store.writing() as other:
            putting.put(other, [record("haste")])
        assert papers.count(connection) == before == 0
    with store.reading() as connection:
        assert papers.count(connection) == 1


def test_what_is_committed_is_flushed_to_disk(sqlite_store: Store) -> None:
    with sqlite_store.reading() as connection:
        assert connection.scalar(text("pragma synchronous")) == 2
        assert connection.scalar(text("pragma journal_mode")) == "wal"
