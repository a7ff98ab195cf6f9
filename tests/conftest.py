"""What tests share: a store on each engine, the saved pages, and honest skipping.

What a machine lacks (PostgreSQL, Chromium, dkimpy, Postfix, the shared data) is skipped and said to
be; with its name in `BROADSHEET_TEST_DEMAND` (as `.ci/run` sets it) lacking it is a failure.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event

from broadsheet.ops.parts import Parts
from broadsheet.search.follow import SearchIndex
from broadsheet.store.engine import Store, open_store, sqlite_url
from broadsheet.views.catalogue import Catalogue

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
POSTGRES = os.environ.get(
    "BROADSHEET_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432/postgres"
)
DEMANDED = frozenset(filter(None, os.environ.get("BROADSHEET_TEST_DEMAND", "").split(",")))


def lacking(what: str, sentence: str) -> None:
    """Skips the test, or fails it where the run demands `what`."""
    if what in DEMANDED:
        pytest.fail(f"{sentence} This run demands it.")
    pytest.skip(sentence)


@pytest.fixture(autouse=True)
def _own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the settings or the data of whoever runs it."""
    for name in list(os.environ):
        if name.startswith("BROADSHEET_") and not name.startswith("BROADSHEET_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("BROADSHEET_DATA", str(tmp_path / "data"))


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """SQLAlchemy compiles a statement once a process, not once for each store of a test: that was
    a quarter of what most tests of pages took.

    It keeps what it compiled by the engine's dialect, so the engines of one kind share the first
    that connected.
    """
    first: dict[str, Engine] = {}

    def create(*arguments: Any, **options: Any) -> Engine:
        made = create_engine(*arguments, **options, query_cache_size=5000)
        known = first.get(made.dialect.name)
        if known is None:
            # Only what has connected knows its server.
            event.listen(made, "connect", lambda *_: first.setdefault(made.dialect.name, made))
        else:
            made.dialect, made._compiled_cache = known.dialect, known._compiled_cache
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("broadsheet.store.engine.create_engine", create)
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data."""
    if not (SHARED / "seeds").is_dir():
        lacking("shared", "The shared data is not beside this checkout.")
    return SHARED


@pytest.fixture
def pages(shared: Path) -> list[Path]:
    """The three saved pages, in the order of their numbers."""
    return sorted((shared / "seeds").glob("0*.txt"))


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium to drive."""
    if CHROMIUM is None:
        lacking("chromium", "There is no Chromium on this machine.")
    assert CHROMIUM is not None
    return CHROMIUM


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite3"
    open_store(sqlite_url(path)).close()
    return path


@pytest.fixture(scope="session")
def postgres() -> str:
    """The address of a PostgreSQL that tests may make databases in."""
    try:
        psycopg.connect(POSTGRES, connect_timeout=3).close()
    except psycopg.OperationalError:
        lacking("postgres", "No PostgreSQL answers at BROADSHEET_TEST_POSTGRES.")
    return POSTGRES


def _database(address: str, name: str) -> str:
    return address.rsplit("/", 1)[0] + "/" + name


@contextmanager
def database(server: str, template: str = "template1") -> Iterator[str]:
    """A database of its own on a PostgreSQL server, a copy of `template`; gives its name.

    Its commits do not wait for the disk: they outlive whoever is killed, and only a power cut
    could tell the difference.
    """
    name = f"broadsheet_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {name} template {template}")
        admin.execute(f"alter database {name} set synchronous_commit = off")
        yield name
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def _postgres_template(postgres: str) -> Iterator[str]:
    with database(postgres) as name:
        open_store(_database(postgres, name)).close()
        yield name


@pytest.fixture
def empty_postgres(postgres: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database, dropped after the test."""
    with database(postgres) as name:
        yield _database(postgres, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a migrated, empty database: the test runs once on each engine."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("_sqlite_template")
        shutil.copy(template, tmp_path / "store.sqlite3")
        yield sqlite_url(tmp_path / "store.sqlite3")
        return
    template_name: str = request.getfixturevalue("_postgres_template")
    address: str = request.getfixturevalue("postgres")
    with database(address, template_name) as name:
        yield _database(address, name)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty store, once on each engine."""
    opened = open_store(store_url)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_store(_sqlite_template: Path, tmp_path: Path) -> Iterator[Store]:
    """An empty store on SQLite, for what does not depend on the engine."""
    shutil.copy(_sqlite_template, tmp_path / "store.sqlite3")
    opened = open_store(sqlite_url(tmp_path / "store.sqlite3"))
    yield opened
    opened.close()


@pytest.fixture
def parts(sqlite_store: Store, tmp_path: Path) -> Parts:
    """An empty store with its index and catalogue."""
    index = SearchIndex(tmp_path / "index")
    return Parts(sqlite_store, index, Catalogue(sqlite_store, index))
