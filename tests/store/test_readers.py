"""Readers and their preferences."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

from sqlalchemy import insert

from broadsheet.store import readers
from broadsheet.store import tables as t
from broadsheet.store.engine import Store, open_store
from store.conftest import wait_for_a_queue


def test_a_preference_is_kept_in_place_of_the_one_before(store: Store) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        readers.set_preference(connection, reader, "theme", "dark")
        readers.set_preference(connection, reader, "density", "lines")
        readers.set_preference(connection, reader, "theme", "light")
    with store.reading() as connection:
        assert readers.preferences_of(connection, reader) == {"theme": "light", "density": "lines"}


def test_preferences_are_each_readers_own(store: Store) -> None:
    guest = insert(t.readers).values(name="guest", joined=datetime.now(UTC))
    with store.writing() as connection:
        ours = readers.personal(connection)
        theirs = connection.scalar(guest.returning(t.readers.c.number))
        readers.set_preference(connection, ours, "theme", "dark")
        assert theirs is not None
        assert readers.preferences_of(connection, theirs) == {}
        assert readers.preferences_of(connection, ours) == {"theme": "dark"}


def test_a_preference_with_characters_no_database_keeps_is_kept_without_them(store: Store) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        readers.set_preference(connection, reader, "theme", "da\0rk\udcff")
        assert readers.preferences_of(connection, reader) == {"theme": "dark?"}


def test_two_forms_sent_at_once_are_both_kept_the_later_one_last(
    store: Store, store_url: str
) -> None:
    other = open_store(store_url)
    failed: list[Exception] = []

    def choose_light() -> None:
        try:
            with other.writing() as connection:
                readers.set_preference(connection, 1, "theme", "light")
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)

    second = threading.Thread(target=choose_light)
    with store.writing() as connection:
        readers.set_preference(connection, 1, "theme", "dark")
        second.start()
        wait_for_a_queue(store)
    second.join(timeout=60)
    other.close()
    with store.reading() as connection:
        assert (failed, readers.preferences_of(connection, 1)) == ([], {"theme": "light"})
