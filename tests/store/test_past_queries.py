"""What a reader searched for: kept in their name, newest first, not for ever."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, delete, insert
from sqlalchemy.exc import IntegrityError

from broadsheet.store import past_queries, readers
from broadsheet.store import tables as t
from broadsheet.store.engine import Store, open_store
from store.conftest import wait_for_a_queue

NOON = datetime(2025, 11, 19, 12, tzinfo=UTC)


def texts(connection: Connection, reader: int = 1) -> list[str]:
    return [past.text for past in past_queries.held(connection, reader)]


def guest(connection: Connection) -> int:
    added = insert(t.readers).values(name="guest", joined=NOON).returning(t.readers.c.number)
    return int(connection.execute(added).scalar_one())


def test_queries_are_held_newest_first_with_how_often_they_were_asked(store: Store) -> None:
    with store.writing() as connection:
        for minute, text in enumerate(("oil lamps", 'author:"Ada Wick"', "oil lamps", "wicks")):
            past_queries.remember(connection, 1, text, NOON + timedelta(minutes=minute))
    with store.reading() as connection:
        held = past_queries.held(connection, 1)
    assert [(past.text, past.times) for past in held] == [
        ("wicks", 1),
        ("oil lamps", 2),
        ('author:"Ada Wick"', 1),
    ]
    assert held[1].used == NOON + timedelta(minutes=2)


def test_queries_are_each_reader_s_own(store: Store) -> None:
    with store.writing() as connection:
        other = guest(connection)
        past_queries.remember(connection, 1, "oil lamps")
        past_queries.remember(connection, other, "oil lamps")
        past_queries.remember(connection, other, "kites")
        past_queries.forget(connection, 1)
        assert texts(connection, 1) == []
        assert sorted(texts(connection, other)) == ["kites", "oil lamps"]


def test_they_go_with_their_reader(store: Store) -> None:
    with store.writing() as connection:
        other = guest(connection)
        past_queries.remember(connection, other, "kites")
        connection.execute(delete(t.readers).where(t.readers.c.number == other))
        assert texts(connection, other) == []


def test_the_oldest_make_room(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_queries, "MOST", 3)
    with store.writing() as connection:
        other = guest(connection)
        past_queries.remember(connection, other, "theirs", NOON - timedelta(days=9))
        for minute in range(5):
            past_queries.remember(connection, 1, f"q{minute}", NOON + timedelta(minutes=minute))
        past_queries.remember(connection, 1, "q2", NOON + timedelta(hours=1))
        past_queries.remember(connection, 1, "q9", NOON + timedelta(hours=2))
        assert texts(connection) == ["q9", "q2", "q4"]
        assert texts(connection, other) == ["theirs"]


@pytest.mark.parametrize("text", ["", "   ", "\u202e\u200f", "\0", "w" * 201])
def test_what_nobody_would_type_again_is_not_kept(store: Store, text: str) -> None:
    with store.writing() as connection:
        past_queries.remember(connection, 1, text)
        assert texts(connection) == []


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  oil \n lamps ", "oil lamps"),
        ("oil\0 la\u202emps", "oil lamps"),
        ("o\udcffl", "o?l"),
        ("𝒪" * 200, "𝒪" * 200),
    ],
)
def test_a_query_is_kept_on_one_line_as_a_database_can_keep_it(
    store: Store, text: str, kept: str
) -> None:
    with store.writing() as connection:
        past_queries.remember(connection, 1, text)
        past_queries.remember(connection, 1, kept)
        assert [(past.text, past.times) for past in past_queries.held(connection, 1)] == [(kept, 2)]


def test_it_is_wanted_only_by_who_said_so(store: Store) -> None:
    with store.writing() as connection:
        assert not past_queries.is_wanted(connection, 1)
        readers.set_preference(connection, 1, past_queries.HISTORY, past_queries.ON)
        assert past_queries.is_wanted(connection, 1)
        assert not past_queries.is_wanted(connection, guest(connection))
        readers.set_preference(connection, 1, past_queries.HISTORY, past_queries.OFF)
        assert not past_queries.is_wanted(connection, 1)


def test_two_windows_that_search_at_once_are_both_counted(store: Store, store_url: str) -> None:
    other = open_store(store_url)
    failed: list[Exception] = []

    def search() -> None:
        try:
            with other.writing() as connection:
                past_queries.remember(connection, 1, "oil lamps")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)

    second = threading.Thread(target=search)
    with store.writing() as connection:
        past_queries.remember(connection, 1, "oil lamps")
        second.start()
        wait_for_a_queue(store)
    second.join(timeout=60)
    other.close()
    assert failed == []
    with store.reading() as connection:
        assert [past.times for past in past_queries.held(connection, 1)] == [2]


@pytest.mark.parametrize(
    "broken", [{"times": 0}, {"text": None}, {"used": None}, {"reader": 99}, {"text": "kites"}]
)
def test_the_database_keeps_the_rules_by_itself(store: Store, broken: dict[str, object]) -> None:
    row = {"reader": 1, "text": "oil lamps", "used": NOON, "times": 1}
    with store.writing() as connection:
        past_queries.remember(connection, 1, "kites")
    with pytest.raises(IntegrityError), store.writing() as connection:
        connection.execute(insert(t.past_queries).values({**row, **broken}))
