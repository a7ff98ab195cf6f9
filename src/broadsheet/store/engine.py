"""Opening the store: one door to SQLite or PostgreSQL, and how each is made safe.

Errors a person can mend are `StoreError`s, one sentence each.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import PoolProxiedConnection

from broadsheet.store import migrations

# A writer that waits longer than this for another one has met a hang, not a queue.
_BUSY_SECONDS = 60
_AGAIN_SECONDS = 0.02
_SQLITE_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # A commit that was acknowledged survives a power cut, not only a killed process.
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA cache_size = -16384",
    "PRAGMA temp_store = MEMORY",
)


# What is the same as long as nothing is committed.
_STATE = {
    "sqlite": "PRAGMA data_version",
    "postgresql": "select pg_current_snapshot()::text",
}

# What drivers say, and what a person can do about it.
_SENTENCES = {
    ("unable to open database file",): (
        "The database file cannot be opened{at}; is its folder there and writable?"
    ),
    ("disk is full", "No space left"): (
        "The disk is full{at}; free some space and start again, nothing held is lost."
    ),
    ("database is locked", "lock timeout"): (
        f"Another program holds the database{{at}} for over {_BUSY_SECONDS} seconds; end it."
    ),
    ("readonly",): "The database{at} may only be read; make its file and folder writable.",
    ("not a database", "is malformed"): (
        "The database file{at} is damaged, or is none; put a backup in its place."
    ),
    ("permission denied",): "The database{at} does not let this user in: {said}",
    ("invalid connection option",): (
        "The database address{at} has an option that PostgreSQL does not know: {said}"
    ),
}


class StoreError(Exception):
    """The store cannot be opened or written; the message is a sentence for a person."""


class Store:
    """The truth. `reading` and `writing` are the two doors; each gives one transaction.

    A write commits when its block ends and rolls back when it raises. On SQLite writers queue
    at BEGIN IMMEDIATE, on PostgreSQL at the change counter's row, so that change numbers are
    committed in the order of their size.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        # PostgreSQL's default would let each statement see the commits before it.
        self._snapshots = (
            engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            if engine.dialect.name == "postgresql"
            else engine
        )
        # Asked for nothing but the state; and how often it was opened.
        self._watcher: tuple[PoolProxiedConnection, int] | None = None
        self._opened = 0
        self._lock = Lock()

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one consistent state.

        Raises StoreError where the database cannot be reached.
        """
        with _in_words(), self._snapshots.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block.

        Raises StoreError where the database cannot be reached or is full.
        """
        with _in_words(), self.engine.connect() as connection:
            if self.dialect == "sqlite":
                connection.exec_driver_sql("ROLLBACK")
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection
            connection.commit()

    def state(self) -> Hashable:
        """What is committed, as a value to compare: while two are equal, every transaction
        between them read the same, whichever process writes. It may differ without a commit.

        SQLite counts the commits of others for each connection (`PRAGMA data_version`). On
        PostgreSQL it is the snapshot, which names the transactions that are seen; those of other
        databases of the server among them.

        Raises StoreError where the database cannot be reached.
        """
        failed = self.engine.dialect.loaded_dbapi.Error
        with self._lock:
            try:
                return self._watched()
            except failed:
                # As after a restart of the server: another connection may do.
                self._forget_watcher()
            try:
                return self._watched()
            except failed as error:
                self._forget_watcher()
                raise StoreError(f"The database does not answer: {error}") from error

    def close(self) -> None:
        """Gives back every connection."""
        with self._lock:
            self._forget_watcher()
        self.engine.dispose()

    def _watched(self) -> tuple[int, object]:
        """The state as the watcher sees it, which compares with what it saw alone."""
        if self._watcher is None:
            with _in_words():
                watcher = self.engine.raw_connection()
            watcher.detach()
            if self.dialect == "postgresql":
                # Each look is to see what is committed by then.
                watcher.dbapi_connection.autocommit = True  # type: ignore[union-attr]
            self._opened += 1
            self._watcher = watcher, self._opened
        watcher, opened = self._watcher
        cursor = watcher.cursor()
        try:
            cursor.execute(_STATE[self.dialect])
            row = cursor.fetchone()
        finally:
            # Else the statement would hold the snapshot that it read.
            cursor.close()
        return opened, row[0] if row else None

    def _forget_watcher(self) -> None:
        if self._watcher is not None:
            with suppress(self.engine.dialect.loaded_dbapi.Error):
                self._watcher[0].close()
            self._watcher = None


def open_store(url: str, *, migrate: bool = True) -> Store:
    """Opens the database at `url` and brings its tables up to date.

    `url` is SQLAlchemy's form, as in `sqlite:////home/me/broadsheet.sqlite3` or
    `postgresql://user@host/name`. Raises StoreError, in a sentence, for an address that cannot
    be read, a server that does not answer, a folder that cannot be written, or a database
    that a newer Broadsheet wrote.
    """
    address = _address(url)
    engine = create_engine(
        address,
        json_serializer=lambda value: orjson.dumps(value).decode(),
        json_deserializer=orjson.loads,
        pool_pre_ping=address.get_backend_name() != "sqlite",
        **_connect_options(address),
    )
    if address.get_backend_name() == "sqlite":
        _prepare_sqlite(engine)
    store = Store(engine)
    try:
        with _in_words(address.set(query={}).render_as_string(hide_password=True)):
            if migrate:
                migrations.upgrade(engine)
            else:
                migrations.check(engine)
    except migrations.SchemaError as error:
        store.close()
        raise StoreError(str(error)) from error
    except StoreError:
        store.close()
        raise
    return store


def sqlite_url(path: Path) -> str:
    """The address of the SQLite file at `path`."""
    return URL.create("sqlite", database=str(path)).render_as_string()


def _address(url: str) -> URL:
    try:
        address = make_url(url)
        backend = address.get_backend_name()
        if backend in ("postgresql", "postgres"):
            return address.set(drivername="postgresql+psycopg")
        address.get_dialect()
    except (ArgumentError, NoSuchModuleError, ValueError) as error:
        raise StoreError(
            "The database address cannot be read; it should look like sqlite:///file.sqlite3 "
            "or postgresql://user@host/name."
        ) from error
    if backend == "sqlite":
        return address
    raise StoreError(f"Broadsheet keeps its papers in SQLite or PostgreSQL, not in {backend}.")


def _connect_options(address: URL) -> dict[str, Any]:
    if address.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": _BUSY_SECONDS, "check_same_thread": False}}
    return {
        "connect_args": {
            "connect_timeout": 10,
            "options": f"-c lock_timeout={_BUSY_SECONDS}s -c timezone=UTC",
        }
    }


def _prepare_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transaction handling begins too late (at the first write) and would
        # hide SQLITE_BUSY behind a stale snapshot: we say BEGIN ourselves.
        connection.isolation_level = None
        for pragma in _SQLITE_PRAGMAS:
            _patiently(connection, pragma)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")


def _patiently(connection: sqlite3.Connection, pragma: str) -> None:
    """Executes a pragma; changing to WAL does not wait by itself for who else is opening."""
    until = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute(pragma)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(_AGAIN_SECONDS)


@contextmanager
def _in_words(where: str = "") -> Iterator[None]:
    """Turns what the driver says about the outside world into a sentence."""
    try:
        yield
    except DBAPIError as error:
        sentence = _sentence(error, where)
        if sentence is None:
            raise
        raise StoreError(sentence) from error


def _sentence(error: DBAPIError, where: str) -> str | None:
    """The sentence for a person; None for what only a mistake of ours can cause."""
    said = " ".join(str(error.orig).split())
    at = f" ({where})" if where else ""
    for signs, sentence in _SENTENCES.items():
        if any(sign in said for sign in signs):
            return sentence.format(at=at, said=said[:300])
    if isinstance(error.orig, sqlite3.Error) or not isinstance(error, OperationalError):
        return None
    return f"The database{at} does not answer: {said[:300]}"
