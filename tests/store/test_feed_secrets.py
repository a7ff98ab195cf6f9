"""Secrets of private addresses: each opens one list of one reader, until it is replaced."""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, delete, insert, select

from broadsheet.store import feed_secrets
from broadsheet.store import tables as t
from broadsheet.store.engine import Store, open_store
from store.conftest import wait_for_a_queue

NOON = datetime(2025, 11, 19, 12, tzinfo=UTC)


def guest(connection: Connection) -> int:
    added = insert(t.readers).values(name="guest", joined=NOON).returning(t.readers.c.number)
    return int(connection.execute(added).scalar_one())


def opened(connection: Connection, secret: str) -> tuple[int, str] | None:
    found = feed_secrets.opened_by(connection, secret)
    return (found.reader, found.address) if found else None


def test_a_secret_opens_the_list_it_was_made_for(store: Store) -> None:
    with store.writing() as connection:
        other = guest(connection)
        mine = feed_secrets.make(connection, 1, "/for-me", NOON)
        queue = feed_secrets.make(connection, 1, "/queue", NOON)
        theirs = feed_secrets.make(connection, other, "/for-me", NOON)
    with store.reading() as connection:
        assert opened(connection, mine) == (1, "/for-me")
        assert opened(connection, queue) == (1, "/queue")
        assert opened(connection, theirs) == (other, "/for-me")
        held = feed_secrets.held(connection, 1)
    assert [(one.address, one.secret, one.made) for one in held] == [
        ("/for-me", mine, NOON),
        ("/queue", queue, NOON),
    ]


@pytest.mark.parametrize("guess", ["", "x", "é\ud800", "\0", "a" * 5000])
def test_a_guess_opens_nothing(store: Store, guess: str) -> None:
    with store.writing() as connection:
        secret = feed_secrets.make(connection, 1, "/for-me")
        for wrong in (guess, secret + guess, secret[:-1], secret.swapcase()):
            assert wrong == secret or opened(connection, wrong) is None


def test_a_new_secret_ends_the_one_before_and_no_other(store: Store) -> None:
    with store.writing() as connection:
        other = guest(connection)
        first = feed_secrets.make(connection, 1, "/for-me")
        kept = [
            feed_secrets.make(connection, 1, "/queue"),
            feed_secrets.make(connection, other, "/for-me"),
        ]
        second = feed_secrets.make(connection, 1, "/for-me")
        assert opened(connection, first) is None
        assert opened(connection, second) == (1, "/for-me")
        assert feed_secrets.revoke(connection, 1, "/for-me")
        assert opened(connection, second) is None
        assert not feed_secrets.revoke(connection, 1, "/for-me")
        assert None not in [opened(connection, one) for one in kept]


def test_no_two_secrets_are_alike_and_each_is_long(store: Store) -> None:
    with store.writing() as connection:
        made = [feed_secrets.make(connection, 1, f"/interests/i{n}") for n in range(50)]
    assert len(set(made)) == 50
    # 22 letters of 64 hold 128 bits (RFC 4648, section 5).
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22,}", one) for one in made)


def test_secrets_go_with_their_reader(store: Store) -> None:
    with store.writing() as connection:
        other = guest(connection)
        secret = feed_secrets.make(connection, other, "/for-me")
        connection.execute(delete(t.readers).where(t.readers.c.number == other))
        assert opened(connection, secret) is None


def test_an_address_of_any_length_that_is_taken_can_be_found(store: Store) -> None:
    longest = "/search?q=" + "x" * (feed_secrets.LONGEST - 10)
    with store.writing() as connection:
        secret = feed_secrets.make(connection, 1, longest)
        assert opened(connection, secret) == (1, longest)
        with pytest.raises(ValueError, match="may have 800 letters"):
            feed_secrets.make(connection, 1, longest + "x")


def test_two_forms_sent_at_once_leave_one_secret(store: Store, store_url: str) -> None:
    again = open_store(store_url)
    made: list[str] = []

    def second() -> None:
        with again.writing() as connection:
            made.append(feed_secrets.make(connection, 1, "/for-me"))

    other = threading.Thread(target=second)
    with store.writing() as connection:
        made.append(feed_secrets.make(connection, 1, "/for-me"))
        other.start()
        wait_for_a_queue(store)
    other.join()
    with again.reading() as connection:
        assert connection.scalars(select(t.feed_secrets.c.secret)).all() == [made[1]]
    again.close()
