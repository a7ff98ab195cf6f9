"""Seats and slots at a relay: no more than there are, over all that share the database."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from broadsheet.store import relays
from broadsheet.store.engine import Store, open_store
from broadsheet.store.relays import Seats

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RELAY = "mail.example.org:587"


def sit(store: Store, holder: str, now: datetime = NOON, most: int = 4) -> Seats:
    with store.writing() as connection:
        return relays.sit(connection, RELAY, holder, now, now + MINUTE, most)


def rise(store: Store, holder: str, keep: int = 0) -> None:
    with store.writing() as connection:
        relays.rise(connection, RELAY, holder, keep)


def slots(store: Store, count: int, now: datetime = NOON, rate: float = 2.0) -> float:
    with store.writing() as connection:
        return relays.slots(connection, RELAY, now, count, rate)


def test_one_alone_has_all_the_seats_and_another_relay_has_its_own(store: Store) -> None:
    assert sit(store, "ada") == Seats(4, 4)
    assert sit(store, "ada", NOON + MINUTE / 2) == Seats(4, 4)
    with store.writing() as connection:
        other = relays.sit(connection, "other:25", "bo", NOON, NOON + MINUTE, 2)
    assert other == Seats(2, 2)


def test_who_waits_for_a_seat_gets_a_share_once_it_is_let_go(store: Store) -> None:
    sit(store, "ada")
    assert sit(store, "bo") == Seats(0, 0)
    assert sit(store, "ada") == Seats(4, 2)
    assert sit(store, "bo") == Seats(0, 0)  # nothing is taken from who has it
    rise(store, "ada", keep=2)
    rise(store, "ada", keep=2)
    rise(store, "ada", keep=2)  # no more than was to be let go
    assert sit(store, "bo") == Seats(2, 2)
    assert sit(store, "ada") == Seats(2, 2)
    rise(store, "bo")
    assert sit(store, "ada") == Seats(4, 4)


def test_a_single_seat_goes_on_being_used_by_who_has_it(store: Store) -> None:
    assert sit(store, "ada", most=1) == Seats(1, 1)
    assert sit(store, "bo", most=1) == Seats(0, 0)
    assert sit(store, "ada", most=1) == Seats(1, 1)
    rise(store, "ada")
    assert sit(store, "bo", most=1) == Seats(1, 1)


def test_who_waited_and_left_is_not_waited_for(store: Store) -> None:
    sit(store, "ada")
    sit(store, "bo")
    rise(store, "bo")
    assert sit(store, "ada") == Seats(4, 4)


@pytest.mark.parametrize("back", [timedelta(), timedelta(days=400)])
def test_the_seats_of_who_was_killed_are_free_when_their_lease_is_over(
    store: Store, back: timedelta
) -> None:
    sit(store, "killed", NOON + back)
    now = NOON if back else NOON + MINUTE  # a clock that was put back means nobody waits for it
    assert sit(store, "bo", now) == Seats(4, 4)


def test_slots_are_given_out_one_after_the_other(store: Store) -> None:
    assert slots(store, 4) == 0.0
    assert slots(store, 2) == 2.0
    assert slots(store, 1, NOON + timedelta(seconds=1)) == 2.0
    assert slots(store, 1, NOON + MINUTE) == 0.0  # what nobody used is not made up for
    assert slots(store, 1, NOON - timedelta(days=400)) == 0.0


def test_of_many_that_sit_down_at_once_no_two_have_the_same_seat(
    store: Store, store_url: str
) -> None:
    got: list[int] = []
    ready = threading.Barrier(4)

    def come(holder: str) -> None:
        own = open_store(store_url, migrate=False)
        ready.wait(30)
        got.append(sit(own, holder).held)
        own.close()

    crew = [threading.Thread(target=come, args=(name,)) for name in "abcd"]
    for one in crew:
        one.start()
    for one in crew:
        one.join(60)
    assert sorted(got) == [0, 0, 0, 4]
