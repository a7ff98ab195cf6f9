"""Who gets mail: only who said so by the link to their address, and nobody who left."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from broadsheet.store import keys, subscribers, suppressions
from broadsheet.store.engine import Store, open_store
from broadsheet.store.subscribers import Rhythm, State
from broadsheet.store.suppressions import Why
from store.mailing import LATER, NOON, reader


def test_nothing_is_active_before_it_is_confirmed(store: Store) -> None:
    with store.writing() as connection:
        ada = subscribers.add(connection, " Ada@EXAMPLE.org ", NOON, zone="Europe/Rome", hour=6)
        assert (ada.address, ada.mailbox) == ("Ada@example.org", "ada@example.org")
        assert (ada.state, ada.zone, ada.hour) == (State.PENDING, "Europe/Rome", 6)
        wanted = subscribers.subscribe(connection, ada.number, "/", "Front", Rhythm.DAILY, NOON)
        assert subscribers.subscriptions_of(connection, ada.number) == []
        now = subscribers.confirm(connection, wanted.number, LATER)
        assert now is not None
        assert (now.state, now.confirmed) == (State.CONFIRMED, LATER)
        [active] = subscribers.subscriptions_of(connection, ada.number)
        assert (active.view, active.most, active.confirmed) == ("/", 20, LATER)


def test_one_mailbox_is_one_subscriber_however_it_is_written(store: Store) -> None:
    with store.writing() as connection:
        ada = subscribers.add(connection, "ada@example.org", NOON, hour=5)
        assert subscribers.add(connection, "ADA@Example.Org", LATER, hour=9) == ada


def test_what_somebody_else_asks_for_changes_nothing_for_who_gets_mail(store: Store) -> None:
    with store.writing() as connection:
        ada = reader(connection)
        [before] = subscribers.subscriptions_of(connection, ada.number)
        same = subscribers.subscribe(
            connection, ada.number, "/", "Cheap watches", Rhythm.DAILY, LATER, most=99
        )
        assert same == before
        subscribers.subscribe(
            connection, ada.number, "/search?q=watches", "Cheap watches", Rhythm.DAILY, LATER
        )
        assert subscribers.subscriptions_of(connection, ada.number) == [before]
        assert len(subscribers.subscriptions_of(connection, ada.number, active=False)) == 2


def test_leaving_ends_everything_and_only_a_new_confirmation_brings_back(store: Store) -> None:
    with store.writing() as connection:
        ada = reader(connection)
        [old] = subscribers.subscriptions_of(connection, ada.number)
        for _ in range(2):
            subscribers.leave(connection, ada.number, LATER)
        gone = subscribers.get(connection, ada.number)
        assert gone is not None
        assert (gone.state, gone.left) == (State.LEFT, LATER)
        assert subscribers.subscriptions_of(connection, ada.number) == []
        barred = suppressions.of(connection, "ada@example.org")
        assert barred is not None
        assert barred.reason is Why.LEFT
        # The link that was used before is used up; asking alone is not coming back either.
        subscribers.confirm(connection, old.number, LATER)
        again = subscribers.subscribe(connection, ada.number, "/", "Front", Rhythm.DAILY, LATER)
        assert suppressions.of(connection, "ada@example.org") == barred
        back = subscribers.confirm(connection, again.number, LATER)
        assert back is not None
        assert back.state is State.CONFIRMED
        assert suppressions.of(connection, "ada@example.org") is None


@pytest.mark.parametrize("why", [Why.BOUNCE, Why.COMPLAINT, Why.OPERATOR])
def test_confirming_does_not_lift_what_others_decided(store: Store, why: Why) -> None:
    with store.writing() as connection:
        ada = reader(connection)
        subscribers.leave(connection, ada.number, NOON)
        suppressions.add(connection, ada.address, why, "5.1.1", NOON)
        again = subscribers.subscribe(connection, ada.number, "/", "Front", Rhythm.DAILY, LATER)
        subscribers.confirm(connection, again.number, LATER)
        barred = suppressions.of(connection, ada.address)
        assert barred is not None
        assert barred.reason is why
        assert suppressions.lift(connection, "ADA@example.org")
        assert suppressions.of(connection, ada.address) is None


def test_the_first_reason_stays_except_before_the_operator(store: Store) -> None:
    with store.writing() as connection:
        assert suppressions.add(connection, "a@example.org", Why.BOUNCE, "5.1.1", NOON)
        assert not suppressions.add(connection, "a@example.org", Why.LEFT, "", LATER)
        assert not suppressions.add(connection, "a@example.org", Why.COMPLAINT, "", LATER)
        [one] = suppressions.every(connection)
        assert (one.reason, one.detail, one.at) == (Why.BOUNCE, "5.1.1", NOON)
        suppressions.bar(connection, "a@example.org", LATER)
        assert suppressions.counts(connection) == {"operator": 1}


def test_a_view_comes_once_in_each_rhythm(store: Store) -> None:
    with store.writing() as connection:
        ada = reader(connection)
        [daily] = subscribers.subscriptions_of(connection, ada.number)
        weekly = subscribers.subscribe(connection, ada.number, "/", "F", Rhythm.WEEKLY, NOON)
        subscribers.confirm(connection, weekly.number, NOON)

        def change() -> bool:
            return subscribers.change(
                connection, weekly.number, rhythm=Rhythm.DAILY, most=5, least=0.5
            )

        assert not change()
        subscribers.end(connection, daily.number, LATER)
        assert change()
        [now] = subscribers.subscriptions_of(connection, ada.number)
        assert (now.number, now.rhythm, now.most, now.least) == (
            weekly.number,
            Rhythm.DAILY,
            5,
            0.5,
        )


def test_an_address_is_asked_once_a_day_and_a_network_so_often(store: Store) -> None:
    day = timedelta(hours=24)
    with store.writing() as connection:
        key = keys.draw(connection)
        home, office = keys.network_of(key, "192.0.2.7"), keys.network_of(key, "198.51.100.7")
        assert subscribers.may_be_asked(connection, "ada@example.org", home, NOON)
        assert not subscribers.may_be_asked(connection, "ADA@example.org", office, NOON)
        for n in range(subscribers.NETWORK_MOST - 1):
            assert subscribers.may_be_asked(connection, f"r{n}@example.org", home, NOON)
        assert not subscribers.may_be_asked(connection, "z@example.org", home, NOON)
        assert subscribers.may_be_asked(connection, "z@example.org", office, NOON)
        almost = NOON + day - timedelta(seconds=1)
        assert not subscribers.may_be_asked(connection, "ada@example.org", office, almost)
        assert subscribers.may_be_asked(connection, "ada@example.org", home, NOON + day)


def test_two_who_ask_for_one_address_at_once_are_one_mail(store: Store, store_url: str) -> None:
    with store.writing() as connection:
        network = keys.network_of(keys.draw(connection), "192.0.2.7")
    ready, said = threading.Barrier(4), []

    def ask() -> None:
        own = open_store(store_url, migrate=False)
        ready.wait(30)
        with own.writing() as connection:
            subscribers.add(connection, "ada@example.org", NOON)
            said.append(subscribers.may_be_asked(connection, "ada@example.org", network, NOON))
        own.close()

    asking = [threading.Thread(target=ask) for _ in range(4)]
    for one in asking:
        one.start()
    for one in asking:
        one.join(60)
    assert sorted(said) == [False, False, False, True]
