"""The outbox: each message once for each subscriber and edition, whoever sends it and ends when."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, func, select, update

from broadsheet.records import Record
from broadsheet.store import mail_status, outbox, putting, subscribers, suppressions
from broadsheet.store import tables as t
from broadsheet.store.engine import Store, open_store
from broadsheet.store.outbox import Standing
from broadsheet.store.subscribers import Rhythm
from broadsheet.store.suppressions import Why
from store.mailing import LATER, NOON, TODAY, letter, queued, reader, standing, taken

MINUTE = timedelta(minutes=1)


def test_an_edition_is_queued_once_and_its_papers_count_as_sent(store: Store) -> None:
    with store.writing() as connection:
        putting.put(connection, [Record("jsonl", str(n), f"Of kites {n}") for n in range(3)])
        papers = tuple(connection.scalars(select(t.papers.c.number).order_by("number")))
        ada = reader(connection).number
        assert outbox.queue(connection, letter(ada, papers=papers[:2]), NOON)
        assert not outbox.queue(connection, letter(ada, papers=papers[2:]), LATER)
        assert not outbox.keep_silent(connection, ada, TODAY, "nothing qualified", LATER)
        assert outbox.has(connection, ada, TODAY)
        assert outbox.sent_before(connection, ada, papers) == set(papers[:2])
        assert mail_status.summary(connection).counts == {Standing.QUEUED: 1}


@pytest.mark.parametrize(
    ("end", "counts"),
    [
        ("given up after 2 days", False),
        ("refused for good: 550", False),
        ("text refused for good: 554", True),
        ("undecided", True),
        ("paused", False),
        ("paused in doubt", True),
    ],
)
def test_papers_count_as_sent_while_their_message_may_go_or_have_arrived(
    store: Store, end: str, counts: bool
) -> None:
    with store.writing() as connection:
        putting.put(connection, [Record("jsonl", str(n), f"Of kites {n}") for n in range(4)])
        papers = tuple(connection.scalars(select(t.papers.c.number).order_by("number")))
        ada = reader(connection).number
        connection.execute(t.subscriptions.update().values(through=papers[-1]))
        outbox.queue(connection, letter(ada, papers=papers[1:3]), NOON)
        [due] = taken(connection)
        assert outbox.sent_before(connection, ada, papers) == set(papers[1:3])
        if "un" in end or "doubt" in end:
            for _ in range(2 if end == "undecided" else 1):
                assert outbox.start(connection, due.number, "me", NOON).go
                outbox.record_undecided(connection, due.number, "me", NOON, "r", "lost")
                taken(connection)
        if end.startswith("paused"):
            subscribers.pause(connection, ada)
            assert outbox.start(connection, due.number, "me", NOON).reason == "paused"
        elif end != "undecided":
            outbox.record_failed(connection, due.number, "me", "r", "550", end)
        assert outbox.sent_before(connection, ada, papers) == (
            set(papers[1:3]) if counts else set()
        )
        # And they are looked at again, but none that was looked at before them.
        through = connection.scalar(select(t.subscriptions.c.through))
        assert through == (papers[-1] if counts else papers[0])


def test_a_failed_message_is_not_tried_again_once_a_later_one_has_a_paper_of_it(
    store: Store,
) -> None:
    with store.writing() as connection:
        putting.put(connection, [Record("jsonl", str(n), f"Of kites {n}") for n in range(3)])
        papers = tuple(connection.scalars(select(t.papers.c.number).order_by("number")))
        for name, later in (("ada", papers[1:]), ("bob", papers[2:])):
            who = reader(connection, f"{name}@example.org").number
            outbox.queue(connection, letter(who, papers=papers[:2]), NOON)
            for due in taken(connection):
                outbox.record_failed(connection, due.number, "me", "r", "450", "given up")
            outbox.queue(connection, letter(who, "daily:2026-11-22", later), NOON)
            assert outbox.sent_before(connection, who, papers) == set(later)
            for due in taken(connection):
                outbox.record_sent(connection, due.number, "me", NOON, "r", "250")
        assert outbox.overtaken(connection) == 1
        assert outbox.overtaken(connection, "daily:2026-11-22") == 0
        assert outbox.retry(connection, LATER) == 1
        [again] = taken(connection, now=LATER)
        assert again.address == "bob@example.org"
        # Sent after all, they count again.
        assert outbox.sent_before(connection, again.subscriber, papers) == set(papers)


def test_what_is_not_committed_was_never_queued_nor_sent(store: Store) -> None:
    with store.writing() as connection:
        putting.put(connection, [Record("jsonl", "1", "Of kites")])
        papers = tuple(connection.scalars(select(t.papers.c.number)))
        ada = reader(connection).number
    with store.engine.connect() as connection:
        assert outbox.queue(connection, letter(ada, papers=papers), NOON)
        connection.rollback()
    with store.reading() as connection:
        assert not outbox.has(connection, ada, TODAY)
        assert outbox.sent_before(connection, ada, papers) == set()


def test_silence_has_its_reason_and_is_never_sent(store: Store) -> None:
    with store.writing() as connection:
        ada = reader(connection).number
        assert outbox.keep_silent(connection, ada, TODAY, "nothing qualified", NOON)
        assert taken(connection) == []
        assert mail_status.reasons(connection) == [("silent", "nothing qualified", 1)]


def test_a_message_is_one_sender_s_until_the_lease_is_over(store: Store) -> None:
    with store.writing() as connection:
        number = queued(connection)
        [due] = taken(connection, "first")
        assert (due.number, due.address) == (number, "ada@example.org")
        assert due.message == letter(due.subscriber).message
        assert taken(connection, "second") == []
        assert taken(connection, "second", NOON + MINUTE) == [due]
        # The first, who was only slow, may not send it any more.
        assert not outbox.start(connection, number, "first", NOON + MINUTE).go
        assert outbox.start(connection, number, "second", NOON + MINUTE).go


def test_a_lease_that_is_renewed_or_given_back(store: Store) -> None:
    with store.writing() as connection:
        number = queued(connection)
        taken(connection, "first")
        assert outbox.renew(connection, "first", NOON + 5 * MINUTE) == 1
        assert taken(connection, "second", NOON + 4 * MINUTE) == []
        outbox.give_back(connection, "first")
        assert [due.number for due in taken(connection, "second", NOON)] == [number]


def test_two_who_take_at_once_take_different_messages(store: Store, store_url: str) -> None:
    with store.writing() as connection:
        numbers = {queued(connection, f"r{n}@example.org") for n in range(12)}
    got: list[int] = []
    ready = threading.Barrier(3)

    def take(holder: str) -> None:
        own = open_store(store_url, migrate=False)
        ready.wait(30)
        for _ in range(6):
            with own.writing() as connection:
                due = outbox.take(connection, holder, NOON, NOON + MINUTE, 1)
            got.extend(one.number for one in due)
        own.close()

    senders = [threading.Thread(target=take, args=(name,)) for name in "abc"]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    assert sorted(got) == sorted(numbers)


def test_sent_is_the_end_of_it(store: Store) -> None:
    with store.writing() as connection:
        number = queued(connection)
        taken(connection)
        assert outbox.start(connection, number, "me", NOON).go
        assert taken(connection, "other", NOON + 2 * MINUTE) == []
        outbox.record_sent(connection, number, "me", LATER, "relay:25", "250 taken\r\nas\x07 x")
        assert outbox.recover(connection, NOON + 2 * MINUTE) == 0
        assert taken(connection, "other", NOON + 2 * MINUTE) == []
        row = connection.execute(select(t.outbox)).one()
        assert (row.state, row.sent, row.host, row.attempts) == ("sent", LATER, "relay:25", 1)
        assert row.answer == "250 taken as x"


def test_a_clock_that_was_put_back_keeps_no_message_waiting(store: Store) -> None:
    ahead = NOON + timedelta(days=400)
    with store.writing() as connection:
        ada, bob = reader(connection).number, reader(connection, "b@example.org").number
        outbox.queue(connection, letter(ada), ahead)
        outbox.queue(connection, letter(bob), ahead)
        # One was at its dot when its sender ended, the other only held.
        first, second = outbox.take(connection, "killed", ahead, ahead + MINUTE, 2)
        assert outbox.start(connection, first.number, "killed", ahead).go
        assert outbox.recover(connection, NOON) == 1
        again = taken(connection, "other", NOON)
        assert {due.number for due in again} == {first.number, second.number}
        assert mail_status.summary(connection).undecided == 1
        # What is to be tried again in some hours still waits for them.
        for number in (first.number, second.number):
            outbox.record_again(connection, number, "other", NOON + 290 * MINUTE, "r", "450")
        outbox.recover(connection, NOON)
        assert taken(connection, "me", NOON) == []


def test_what_somebody_waits_for_goes_before_a_morning_s_mail(store: Store) -> None:
    with store.writing() as connection:
        ada, bob = reader(connection).number, reader(connection, "b@example.org").number
        outbox.queue(connection, letter(ada), NOON - MINUTE)
        outbox.queue(connection, letter(bob), NOON - MINUTE)
        outbox.queue(connection, letter(ada, "alert:7"), NOON)
        outbox.queue(connection, letter(bob, "confirm:1"), NOON)
        due = taken(connection)
        assert [one.edition for one in due] == ["alert:7", "confirm:1", TODAY, TODAY]


@pytest.mark.parametrize("wanted", [True, False])
def test_the_answer_to_one_is_recorded_with_the_mark_of_the_next(
    store: Store, wanted: bool
) -> None:
    with store.writing() as connection:
        first, second = queued(connection), queued(connection, "b@example.org")
        taken(connection)
        assert outbox.start(connection, first, "me", NOON).go
        bob = subscribers.find(connection, "b@example.org")
        assert bob is not None
        if not wanted:
            subscribers.leave(connection, bob.number, NOON)
        accepted = outbox.Accepted(first, "relay:25", "250 taken\r\nas x")
        soon = NOON + MINUTE / 2
        start = outbox.start(connection, second, "me", soon, accepted)
        assert start.go is wanted
        rows = {row.number: row for row in connection.execute(select(t.outbox))}
        assert (rows[first].state, rows[first].sent, rows[first].answer, rows[first].host) == (
            "sent",
            soon,
            "250 taken as x",
            "relay:25",
        )
        assert (rows[first].holder, rows[first].until, rows[first].attempts) == (None, None, 1)
        said = (rows[second].state, rows[second].attempts, rows[second].sent, rows[second].answer)
        assert said == (("sending", 1, None, None) if wanted else ("suppressed", 0, None, None))
        assert (rows[second].holder == "me") is wanted


def test_a_message_that_is_another_s_by_now_is_not_begun_but_the_one_before_is_sent(
    store: Store,
) -> None:
    with store.writing() as connection:
        first, second = queued(connection), queued(connection, "b@example.org")
        taken(connection)
        assert outbox.start(connection, first, "me", NOON).go
        connection.execute(
            update(t.outbox).where(t.outbox.c.number == second).values(holder="other")
        )
        accepted = outbox.Accepted(first, "relay:25", "250")
        assert not outbox.start(connection, second, "me", NOON, accepted).go
        assert standing(connection, first) == ("sent", None)
        assert standing(connection, second) == ("queued", None)


def test_what_was_before_its_dot_is_sent_by_the_next_one_and_not_counted(store: Store) -> None:
    with store.writing() as connection:
        number = queued(connection)
        taken(connection, "killed")
        assert outbox.recover(connection, NOON + MINUTE) == 0
        [due] = taken(connection, "next", NOON + MINUTE)
        assert (due.number, due.attempts) == (number, 0)
        assert mail_status.summary(connection).undecided == 0


def test_what_was_in_doubt_is_sent_once_more_and_then_no_more(store: Store) -> None:
    with store.writing() as connection:
        number = queued(connection)
        for time, expected in enumerate(("queued", "failed"), start=1):
            now = NOON + 2 * time * MINUTE
            taken(connection, "killed", now)
            assert outbox.start(connection, number, "killed", now).go
            # Its lease holds yet: it may be waiting for the answer.
            assert outbox.recover(connection, now) == 0
            assert outbox.recover(connection, now + MINUTE) == 1
            assert standing(connection, number)[0] == expected
            assert mail_status.summary(connection).undecided == time
        assert standing(connection, number)[1] == "undecided twice: no answer to the whole message"


def test_an_answer_that_comes_after_the_lease_still_counts(store: Store) -> None:
    with store.writing() as connection:
        number = queued(connection)
        taken(connection, "slow")
        assert outbox.start(connection, number, "slow", NOON).go
        outbox.recover(connection, NOON + MINUTE)
        outbox.record_sent(connection, number, "slow", NOON + MINUTE, "relay:25", "250")
        assert taken(connection, "other", NOON + 5 * MINUTE) == []
        assert standing(connection, number)[0] == "sent"


def test_a_refusal_for_now_waits_and_one_for_good_is_the_end(store: Store) -> None:
    with store.writing() as connection:
        first, second = queued(connection, "a@example.org"), queued(connection, "b@example.org")
        taken(connection)
        outbox.record_again(connection, first, "me", NOON + 5 * MINUTE, "relay:25", "450 later")
        outbox.record_failed(connection, second, "me", "relay:25", "550 no", "refused")
        assert taken(connection, "me", NOON + 4 * MINUTE) == []
        [due] = taken(connection, "me", NOON + 5 * MINUTE)
        assert (due.number, due.attempts) == (first, 1)
        assert mail_status.summary(connection).last_answer == "450 later"
        assert standing(connection, second) == ("failed", "refused")


UNWANTED: dict[str, Callable[[Connection, int], object]] = {
    "suppressed: bounce": lambda c, _: suppressions.add(c, "ADA@example.org", Why.BOUNCE, "", NOON),
    "suppressed: operator": lambda c, _: suppressions.bar(c, "ada@example.org", NOON),
    "suppressed: left": lambda c, ada: subscribers.leave(c, ada, NOON),
    "paused": subscribers.pause,
    "nothing daily is wanted any more": lambda c, ada: subscribers.end(
        c, subscribers.subscriptions_of(c, ada)[0].number, NOON
    ),
}


@pytest.mark.parametrize("reason", UNWANTED)
def test_what_is_unwanted_by_now_is_held_back_at_the_last_moment(store: Store, reason: str) -> None:
    with store.writing() as connection:
        number = queued(connection)
        [due] = taken(connection)
        UNWANTED[reason](connection, due.subscriber)
        start = outbox.start(connection, number, "me", NOON)
        assert (start.go, start.reason) == (False, reason)
        assert standing(connection, number) == ("suppressed", reason)


def test_a_pause_until_a_day_ends_on_that_day_in_their_zone(store: Store) -> None:
    with store.writing() as connection:
        number = queued(connection)
        [due] = taken(connection)
        subscribers.pause(connection, due.subscriber, (NOON + timedelta(days=1)).date())
        subscribers.set_hours(connection, due.subscriber, zone="Asia/Tokyo", hour=7, weekday=0)
        assert outbox.withheld(connection, number, NOON) == "paused"
        # In Tokyo the 22nd begins at three in the afternoon of the 21st, UTC.
        assert outbox.withheld(connection, number, NOON + timedelta(hours=3)) == ""


def test_a_confirmation_goes_to_who_has_not_confirmed_or_has_left_but_not_where_it_bounced(
    store: Store,
) -> None:
    with store.writing() as connection:
        ada = subscribers.add(connection, "ada@example.org", NOON)
        for edition in ("confirm:1", TODAY):
            assert outbox.queue(connection, letter(ada.number, edition), NOON)
        question, digest = connection.scalars(select(t.outbox.c.number).order_by("number"))
        assert outbox.withheld(connection, question, NOON) == ""
        assert outbox.withheld(connection, digest, NOON) == "not confirmed"
        subscribers.leave(connection, ada.number, NOON)
        assert outbox.withheld(connection, question, NOON) == ""
        suppressions.add(connection, "ada@example.org", Why.COMPLAINT, "", NOON)
        assert outbox.withheld(connection, question, NOON) == "suppressed: complaint"


def test_the_operator_s_retry_queues_what_failed_as_long_as_its_text_is_kept(store: Store) -> None:
    with store.writing() as connection:
        numbers = [queued(connection, f"r{n}@example.org") for n in range(3)]
        taken(connection)
        for number in numbers[:2]:
            outbox.record_failed(connection, number, "me", "relay", "550", "refused")
        outbox.record_sent(connection, numbers[2], "me", NOON, "relay", "250")
        connection.execute(
            update(t.outbox).where(t.outbox.c.number == numbers[1]).values(message=None)
        )
        assert outbox.retry(connection, LATER) == 1
        assert [due.number for due in taken(connection, "me", LATER)] == [numbers[0]]
        assert outbox.retry(connection, LATER, "daily:2026-01-01") == 0


def test_texts_are_dropped_where_they_are_settled_and_old_and_rows_stay(store: Store) -> None:
    with store.writing() as connection:
        sent, waiting = queued(connection, "a@example.org"), queued(connection, "b@example.org")
        taken(connection)
        outbox.record_sent(connection, sent, "me", NOON, "relay", "250")
        assert outbox.drop_messages(connection, NOON) == 0
        assert outbox.drop_messages(connection, LATER) == 1
        held = {row.number: row.message for row in connection.execute(select(t.outbox))}
        assert held[sent] is None
        assert held[waiting] is not None


def test_editions_are_counted_by_state_and_confirmations_are_one(store: Store) -> None:
    with store.writing() as connection:
        numbers = [queued(connection, f"r{n}@example.org") for n in range(3)]
        for n in range(2):
            ask = subscribers.add(connection, f"q{n}@example.org", NOON).number
            outbox.queue(connection, letter(ask, f"confirm:{ask}"), NOON)
        outbox.keep_silent(connection, ask, TODAY, "nothing", NOON)
        taken(connection)
        outbox.record_sent(connection, numbers[0], "me", LATER, "relay", "250")
        editions = {one.name: one for one in mail_status.editions(connection, NOON)}
        assert editions.keys() == {TODAY, "confirm"}
        assert editions[TODAY].counts == {
            Standing.SENT: 1,
            Standing.QUEUED: 2,
            Standing.SILENT: 1,
        }
        assert editions[TODAY].last_sent == LATER
        assert editions["confirm"].counts == {Standing.QUEUED: 2}
        assert mail_status.editions(connection, LATER) == []
        assert mail_status.due(connection, NOON)[TODAY] == 2


def test_numbers_of_subscribers_and_messages_are_never_given_again(store: Store) -> None:
    with store.writing() as connection:
        number = queued(connection, "a@example.org")
        first = subscribers.find(connection, "a@example.org")
        assert first is not None
        connection.execute(t.subscribers.delete().where(t.subscribers.c.number == first.number))
        assert connection.scalar(select(func.count()).select_from(t.outbox)) == 0
    with store.writing() as connection:
        assert queued(connection, "b@example.org") > number
        second = subscribers.find(connection, "b@example.org")
        assert second is not None
        assert second.number > first.number


def test_a_paper_that_is_removed_takes_its_mark_along(store: Store) -> None:
    with store.writing() as connection:
        putting.put(connection, [Record("sample", "1", "Of kites")])
        papers = tuple(connection.scalars(select(t.papers.c.number)))
        ada = reader(connection, rhythm=Rhythm.WEEKLY).number
        outbox.queue(connection, letter(ada, papers=papers), NOON)
        putting.remove_source(connection, "sample")
        assert outbox.sent_before(connection, ada, papers) == set()
