"""Migrations: what they make, what they leave alone, and what they refuse."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, inspect, select, text

from broadsheet.records import Record
from broadsheet.store import (
    changes,
    feed_secrets,
    ledger,
    migrations,
    papers,
    past_queries,
    putting,
    readers,
    subscribers,
)
from broadsheet.store.engine import Store, StoreError, open_store, sqlite_url
from broadsheet.store.tables import interests, metadata, votes
from broadsheet.store.tables import readers as readers_table

_OPEN = "import sys; from broadsheet.store.engine import open_store; open_store(sys.argv[1])"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database, on each engine."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path / "empty.sqlite3")
    else:
        yield request.getfixturevalue("empty_postgres")


def shape(engine: Engine) -> dict[str, Any]:
    """Everything the database says of its tables, comparable across databases of one engine."""
    seen = inspect(engine)
    return {
        table: {
            "columns": [
                (c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(table)
            ],
            "primary": seen.get_pk_constraint(table),
            "foreign": seen.get_foreign_keys(table),
            "unique": sorted(map(str, seen.get_unique_constraints(table))),
            "checks": sorted(c["name"] or "" for c in seen.get_check_constraints(table)),
            "indexes": sorted(
                (i["name"] or "", i["column_names"]) for i in seen.get_indexes(table)
            ),
        }
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


def test_migrations_make_the_tables_of_the_program(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_migrated_tables_have_the_same_rules_as_tables_made_at_once(empty_url: str) -> None:
    store = open_store(empty_url)
    migrated = shape(store.engine)
    metadata.drop_all(store.engine)
    metadata.create_all(store.engine)
    assert shape(store.engine) == migrated
    store.close()


def test_the_known_version_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_migrating_again_keeps_what_is_held(store: Store, store_url: str) -> None:
    with store.writing() as connection:
        readers.set_preference(connection, readers.personal(connection), "density", "lines")
    migrations.upgrade(store.engine)
    again = open_store(store_url)
    with again.reading() as connection:
        held = readers.preferences_of(connection, readers.personal(connection))
    again.close()
    assert held == {"density": "lines"}


def test_the_first_migration_makes_one_reader(store: Store) -> None:
    with store.reading() as connection:
        names = connection.scalars(select(readers_table.c.name)).all()
    assert names == [readers.PERSONAL]


# A paper, and a choice, as the first version of the program wrote them.
FIRST_EDITION = (
    "insert into papers (number, id, title, abstract, summary, authors, categories, version,"
    " links, change) values (1, 'acl:1', 'Of Kites', '', '', '[]', '[]', 1, '[]', 1)",
    "insert into identifiers (id, paper) values ('acl:1', 1)",
    "insert into origins (source, key, paper, digest, title_key, matched_by)"
    " values ('jsonl', '1', 1, 'd', 't', 'new')",
    "update counters set value = 1 where name in ('change', 'paper')",
    "insert into preferences (reader, name, value) values (1, 'theme', 'dark')",
)


@pytest.mark.parametrize("version", ["0001", "0002", "0003", "0004", "0005"])
def test_a_database_of_an_older_version_keeps_its_papers_and_choices(
    empty_url: str, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made as that version made it, filled, and brought up to date at the next start."""
    with monkeypatch.context() as then:
        then.setattr(migrations, "upgrade", partial(migrations.upgrade, to=version))
        old = open_store(empty_url)
    assert inspect(old.engine).has_table("past_queries") is (version > "0001")
    with old.writing() as connection:
        for statement in FIRST_EDITION:
            connection.execute(text(statement))
        if version > "0001":
            past_queries.remember(connection, readers.personal(connection), "owls")
        identity, last = changes.identity(connection), changes.last_change(connection)
    old.close()

    with pytest.raises(StoreError, match=f"version {version}; 'broadsheet up' brings it up"):
        open_store(empty_url, migrate=False)
    store = open_store(empty_url)
    with store.writing() as connection:
        reader = readers.personal(connection)
        held = list(papers.every(connection))
        assert [(paper.title, paper.withdrawn) for paper in held] == [("Of Kites", False)]
        assert (changes.identity(connection), changes.last_change(connection)) == (identity, last)
        assert readers.preferences_of(connection, reader) == {"theme": "dark"}
        past_queries.remember(connection, reader, "kites")
        remembered = {past.text for past in past_queries.held(connection, reader)}
        assert remembered == ({"owls", "kites"} if version > "0001" else {"kites"})
        # What comes to a paper of then finds it.
        said = Record("jsonl", "1", "Of Kites", "Held by a string.", identifiers=("acl:1",))
        assert putting.put(connection, [said]).updated == 1
        assert ledger.all_sources(connection) == []
        # What came later is there, empty.
        assert connection.scalar(select(func.count()).select_from(votes)) == 0
        assert connection.scalar(select(func.count()).select_from(interests)) == 0
        assert subscribers.every(connection) == []
        secret = feed_secrets.make(connection, reader, "/for-me")
        assert [one.secret for one in feed_secrets.held(connection, reader)] == [secret]
    store.close()


def test_a_database_of_a_newer_version_is_refused_in_a_sentence(empty_url: str) -> None:
    store = open_store(empty_url)
    with store.writing() as connection:
        connection.execute(text("update alembic_version set version_num = '9999'"))
    store.close()
    for migrate in (True, False):
        with pytest.raises(StoreError, match=r"newer Broadsheet \(version 9999.*install the newer"):
            open_store(empty_url, migrate=migrate)


def test_an_empty_database_is_not_opened_where_migrating_is_not_wanted(empty_url: str) -> None:
    with pytest.raises(StoreError, match="'broadsheet up' once"):
        open_store(empty_url, migrate=False)


def test_two_programs_started_at_once_on_an_empty_database_both_open_it(empty_url: str) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", _OPEN, empty_url], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for program in started:
        _, complaint = program.communicate(timeout=60)
        assert (program.returncode, complaint) == (0, b"")
    store = open_store(empty_url, migrate=False)
    with store.reading() as connection:
        assert readers.personal(connection) == 1
    store.close()
