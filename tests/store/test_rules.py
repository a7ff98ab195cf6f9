"""Rules that hold in the database itself, whatever the code that writes to it does."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import Table, delete, func, insert, select
from sqlalchemy.exc import IntegrityError

from broadsheet.records import Record
from broadsheet.store import papers, putting, readers
from broadsheet.store import tables as t
from broadsheet.store.engine import Store

NOW = datetime(2024, 1, 1, tzinfo=UTC)
PAPER = {
    "number": 7,
    "id": "acl:7",
    "title": "A title",
    "abstract": "",
    "summary": "",
    "authors": [],
    "categories": [],
    "version": 1,
    "links": [],
    "change": 7,
}
ORIGIN = {
    "source": "acl",
    "key": "7",
    "paper": 1,
    "digest": "0" * 24,
    "title_key": "0" * 24,
    "matched_by": "new",
}


@pytest.fixture
def held(store: Store) -> Store:
    """A store with one paper, number 1, change 1."""
    record = Record(
        "jsonl", "1", "A paper", "Early.", identifiers=("acl:1",), shown=date(2024, 1, 1)
    )
    with store.writing() as connection:
        putting.put(connection, [record])
    return store


BREAKING = [
    (t.papers, PAPER | {"number": 1}),
    (t.papers, PAPER | {"id": "acl:1"}),
    (t.papers, PAPER | {"change": 1}),
    (t.papers, PAPER | {"title": ""}),
    (t.papers, PAPER | {"title": None}),
    (t.papers, PAPER | {"author_count": -1}),
    (t.papers, PAPER | {"version": 0}),
    (t.identifiers, {"id": "acl:1", "paper": 1}),
    (t.identifiers, {"id": "acl:9", "paper": 9}),
    (t.origins, ORIGIN | {"paper": 9}),
    (t.origins, ORIGIN | {"source": "jsonl", "key": "1"}),
    (t.origins, ORIGIN | {"matched_by": "guess"}),
    (t.versions, {"paper": 9, "version": 1, "replaced": NOW, "title": "A", "abstract": ""}),
    (t.readers, {"name": readers.PERSONAL, "joined": NOW}),
    (t.preferences, {"reader": 9, "name": "theme", "value": "dark"}),
    (t.counters, {"name": "change", "value": 0}),
]


def takes(store: Store, table: Table, row: dict[str, Any]) -> bool:
    """Whether the database takes a row; it is not kept."""
    with store.engine.connect() as connection:
        try:
            connection.execute(insert(table), [row])
        except IntegrityError:
            return False
        finally:
            connection.rollback()
    return True


def test_the_database_refuses_every_row_that_breaks_a_rule(held: Store) -> None:
    assert [(table.name, row) for table, row in BREAKING if takes(held, table, row)] == []


def test_the_database_takes_the_same_rows_where_they_keep_the_rules(held: Store) -> None:
    assert takes(held, t.papers, PAPER)
    assert takes(held, t.origins, ORIGIN)


def test_what_belongs_to_a_paper_goes_with_it(held: Store) -> None:
    with held.writing() as connection:
        putting.put(connection, [Record("jsonl", "1", "A paper", "Late.", identifiers=("acl:1",))])
        assert papers.versions_of(connection, 1)
        connection.execute(delete(t.papers))
    with held.reading() as connection:
        for table in (t.identifiers, t.origins, t.versions):
            assert connection.scalar(select(func.count()).select_from(table)) == 0


def test_what_belongs_to_a_reader_goes_with_them(store: Store) -> None:
    with store.writing() as connection:
        readers.set_preference(connection, readers.personal(connection), "theme", "dark")
        connection.execute(delete(t.readers))
    with store.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(t.preferences)) == 0
