"""Turns at a service: one at a time over all that share the database, with a pause between."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from itertools import pairwise

import pytest

from broadsheet.store import manners
from broadsheet.store.clock import now_on
from broadsheet.store.engine import Store, open_store
from broadsheet.store.manners import Turn
from broadsheet.store.tables import services

LONG = 60.0


def take(store: Store, holder: str, lease: float = LONG, service: str = "arxiv") -> Turn:
    with store.writing() as connection:
        return manners.take(connection, service, holder, lease)


def give_back(store: Store, holder: str, pause: float = 0.0, service: str = "arxiv") -> None:
    with store.writing() as connection:
        manners.give_back(connection, service, holder, pause)


def test_a_turn_is_one_asker_s_until_it_is_given_back(store: Store) -> None:
    assert take(store, "ada") == Turn(granted=True)
    refused = take(store, "bo")
    assert not refused.granted
    assert LONG - 10 < refused.wait <= LONG
    give_back(store, "ada")
    assert take(store, "bo").granted
    assert not take(store, "ada").granted


def test_services_have_turns_of_their_own(store: Store) -> None:
    assert take(store, "ada").granted
    assert take(store, "bo", service="hub").granted


def test_who_has_the_turn_may_take_it_again_for_longer(store: Store) -> None:
    assert take(store, "ada", lease=5).granted
    assert take(store, "ada", lease=LONG).granted
    assert take(store, "bo").wait > 10


def test_the_pause_counts_from_the_end_and_for_everybody(store: Store) -> None:
    take(store, "ada")
    give_back(store, "ada", pause=LONG)
    for holder in ("ada", "bo"):
        refused = take(store, holder)
        assert not refused.granted
        assert LONG - 10 < refused.wait <= LONG


def test_a_pause_that_is_over_is_no_pause(store: Store) -> None:
    take(store, "ada")
    give_back(store, "ada", pause=0.05)
    refused = take(store, "bo")
    time.sleep(refused.wait)
    assert take(store, "bo").granted


def test_a_short_pause_does_not_end_a_long_one(store: Store) -> None:
    # As when a service says "in a minute", and the request's own pause comes after that.
    take(store, "ada")
    give_back(store, "ada", pause=LONG)
    give_back(store, "ada", pause=0.01)
    assert take(store, "bo").wait > LONG - 10


def test_the_turn_of_who_was_killed_is_taken_over_when_it_runs_out(store: Store) -> None:
    assert take(store, "killed", lease=0.05).granted
    refused = take(store, "bo")
    if not refused.granted:  # a slow machine may be past it
        assert refused.wait <= 0.05
        time.sleep(refused.wait)
    assert take(store, "bo").granted


def test_who_lost_the_turn_does_not_give_back_another_s(store: Store) -> None:
    take(store, "slow", lease=0.0)
    assert take(store, "bo").granted
    give_back(store, "slow", pause=0.0)
    assert not take(store, "third").granted
    give_back(store, "slow", pause=LONG)
    give_back(store, "bo", pause=0.0)
    # What the slow one asked at last counts: the service has seen it.
    assert take(store, "third").wait > LONG - 10


def test_a_clock_that_was_put_back_keeps_nobody_waiting(store: Store) -> None:
    for holder in ("killed", None):
        take(store, "killed")
        with store.writing() as connection:
            ahead = now_on(connection) + timedelta(days=400)
            connection.execute(services.update().values(holder=holder, until=ahead, next=ahead))
        assert take(store, "bo").granted
        give_back(store, "bo")
        assert take(store, "ada").granted
        give_back(store, "ada")


@pytest.mark.parametrize("own_connections", [False, True])
def test_of_many_that_ask_at_once_no_two_overlap_and_each_pauses(
    store: Store, store_url: str, own_connections: bool
) -> None:
    pause, askers, turns = 0.02, 4, 3
    spans: list[tuple[float, float]] = []
    failed: list[Exception] = []

    def ask(holder: str) -> None:
        mine = open_store(store_url) if own_connections else store
        try:
            for _ in range(turns):
                while not (turn := take(mine, holder)).granted:
                    time.sleep(min(turn.wait, 0.01))
                begun = time.monotonic()
                time.sleep(0.002)  # the answer takes a while
                spans.append((begun, time.monotonic()))
                give_back(mine, holder, pause)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)
        finally:
            if own_connections:
                mine.close()

    threads = [threading.Thread(target=ask, args=(f"asker {n}",)) for n in range(askers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []
    assert len(spans) == askers * turns
    spans.sort()
    for (_, ended), (begun, _) in pairwise(spans):
        assert begun - ended >= pause
