"""Sending: each message once, whatever the relay does at whichever stage."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest

from broadsheet.mail import sending
from broadsheet.mail.books import Options
from broadsheet.mail.relay import SmtpLine
from broadsheet.store import mail_events, outbox, subscribers, suppressions
from broadsheet.store.outbox import Due
from broadsheet.store.suppressions import Why
from broadsheet.store.tables import outbox as rows

from .crooked import CUT, HANG, Faults
from .post import TODAY, Post, before_each_dot

ADA = "ada@example.org"


def recipients(faults: Faults) -> list[str]:
    """To whom the relay has messages, in order of their names."""
    return sorted(one.recipient for one in faults.taken)


def test_everybody_gets_the_edition_once_over_few_connections(
    any_post: Post, faults: Faults
) -> None:
    addresses = [f"r{n:02}@example.org" for n in range(40)]
    any_post.subscribe(*addresses)
    assert any_post.write() == 40
    tally = any_post.send()
    assert (tally.sent, tally.problem) == (40, "")
    assert recipients(faults) == addresses
    assert faults.connections <= any_post.options.connections
    row = any_post.row(addresses[0])
    assert (row.state, row.answer, row.attempts) == ("sent", "250 2.0.0 taken", 1)
    assert row.host == any_post.relay.name
    assert any_post.write() == 0
    assert any_post.send().sent == 0
    assert len(faults.taken) == 40


def test_the_relay_has_the_very_message_with_the_envelope_of_its_row(
    post: Post, faults: Faults
) -> None:
    post.subscribe(ADA)
    text = ".\n..\n.hidden\nFrom here\n" + "long " * 300 + "\n\ttab \n\n"
    post.write(text=text)
    post.send()
    [taken] = faults.taken
    row = post.row()
    assert taken.sender == f"bounces+{row.number}@papers.example"
    parsed = message_from_bytes(taken.content, policy=policy.default)
    assert parsed["Message-ID"] == row.message_id
    body = parsed.get_body(("plain",))
    assert body is not None
    # A text part ends with a line end of its own.
    assert body.get_content() == text.replace("\n", "\r\n")
    assert b"\n" not in taken.content.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "fault", ["rcpt-450", "data-451", "message-452", "rcpt-421", "message-421"]
)
def test_a_refusal_for_now_is_tried_again_later_and_goes(
    post: Post, faults: Faults, fault: str
) -> None:
    stage, _, code = fault.partition("-")
    faults.order(**{stage: f"{code} 4.2.0 come back"})
    post.subscribe(ADA)
    post.write()
    tally = post.send()
    assert (tally.sent, tally.again) == (0, 1)
    row = post.row()
    assert (row.state, row.attempts) == ("queued", 1)
    assert row.answer == f"{code} 4.2.0 come back"
    assert (
        datetime.now(UTC)
        < row.next_try.replace(tzinfo=UTC)
        < datetime.now(UTC) + timedelta(minutes=2)
    )
    assert post.send().sent == 0  # not yet
    post.make_due()
    assert post.send().sent == 1
    assert recipients(faults) == [ADA]
    assert post.row().message_id == row.message_id


def test_greylisting_lets_all_wait_and_then_all_go(post: Post, faults: Faults) -> None:
    faults.order(rcpt=["450 4.7.1 greylisted"] * 8)
    addresses = [f"r{n}@example.org" for n in range(8)]
    post.subscribe(*addresses)
    post.write()
    assert post.send().again == 8
    post.make_due()
    assert post.send().sent == 8
    assert recipients(faults) == addresses


@pytest.mark.parametrize("stage", ["rcpt", "data", "message"])
def test_a_refusal_for_good_fails_that_message_only(post: Post, faults: Faults, stage: str) -> None:
    post.options = Options(connections=1)
    faults.order(**{stage: "554 5.7.1 no"})
    post.subscribe(ADA, "bob@example.org")
    post.write()
    tally = post.send()
    assert (tally.sent, tally.failed) == (1, 1)
    assert recipients(faults) == ["bob@example.org"]
    row = post.row(ADA)
    assert (row.state, row.reason, row.answer) == (
        "failed",
        "text refused for good: 554" if stage == "message" else "refused for good: 554",
        "554 5.7.1 no",
    )
    with post.store.reading() as connection:
        assert suppressions.every(connection) == []  # the message was bad, not the address


def test_an_address_that_does_not_exist_gets_no_more(post: Post, faults: Faults) -> None:
    faults.order(rcpt="550 5.1.1 <ada@example.org>: user unknown")
    post.subscribe(ADA)
    post.write()
    post.send()
    with post.store.reading() as connection:
        barred = suppressions.of(connection, ADA)
        assert barred is not None
        assert barred.reason is Why.BOUNCE
        [event] = mail_events.newest(connection)
        assert (event.kind, event.address) == ("bounce", ADA)
    post.write("daily:2026-11-22")
    tally = post.send()
    assert (tally.sent, tally.suppressed) == (0, 1)
    assert post.row(edition="daily:2026-11-22").reason == "suppressed: bounce"


def test_a_bad_address_of_ours_is_not_held_against_the_reader(post: Post, faults: Faults) -> None:
    faults.order(rcpt="550 5.1.8 bad sender's system address")
    post.subscribe(ADA)
    post.write()
    assert post.send().failed == 1
    with post.store.reading() as connection:
        assert suppressions.every(connection) == []


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"connect": "421 busy"}, "421 busy"),
        ({"connect": "554 no service here"}, "554 no service here"),
        ({"connect": CUT}, ""),
        ({"ehlo": "421 going down"}, "421 going down"),
        ({"ehlo": "550 no", "helo": "550 not you"}, "550"),
        ({"ehlo": CUT}, ""),
        ({"mail": "550 5.7.1 sender not allowed"}, "550 5.7.1 sender not allowed"),
        ({"mail": "451 4.3.0 disk full"}, "451 4.3.0 disk full"),
    ],
)
def test_a_relay_that_refuses_us_costs_no_message(
    post: Post, faults: Faults, order: dict[str, str], said: str
) -> None:
    post.options = Options(connections=1)
    faults.order(**order)
    addresses = [f"r{n}@example.org" for n in range(5)]
    post.subscribe(*addresses)
    post.write()
    tally = post.send()
    assert (tally.sent, tally.failed, tally.again) == (0, 0, 1)
    assert post.relay.name in tally.problem
    assert said in tally.problem
    assert post.states() == {"queued": 5}
    post.make_due()
    assert post.send().sent == 5
    assert recipients(faults) == addresses


def test_a_relay_that_is_not_there_is_left_alone_for_longer_each_time(post: Post) -> None:
    post.subscribe(ADA)
    post.write()
    away = post.with_relay(port=1)
    sender = away.sender()
    rests = []
    for _ in range(3):
        tally = sending.run(sender.send_due())
        assert (tally.sent, tally.again) == (0, 1)
        assert "127.0.0.1:1 cannot be used" in tally.problem
        rests.append(sender.rest)
        post.make_due()
    sender.close()
    assert 0 < rests[0] < rests[1] < rests[2]
    assert post.send().sent == 1


@contextmanager
def hearing_first() -> Iterator[None]:
    """The final dot waits until we heard that the connection is gone: its loss in the middle of
    the body travels as long as it likes, and a dot sent meanwhile would be a doubt.
    """
    finish = SmtpLine.finish

    async def once_heard(line: SmtpLine) -> str:
        async with asyncio.timeout(30):
            while line.is_open:
                await asyncio.sleep(0.001)
        return await finish(line)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(SmtpLine, "finish", once_heard)
        yield


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "body"])
def test_a_connection_lost_before_the_dot_is_no_doubt(
    post: Post, faults: Faults, stage: str
) -> None:
    faults.order(**{stage: CUT})
    post.subscribe(ADA)
    post.write()
    with hearing_first() if stage == "body" else nullcontext():
        tally = post.send()
    assert (tally.sent, tally.again, tally.undecided) == (0, 1, 0)
    assert (post.row().state, post.row().undecided) == ("queued", 0)
    post.make_due()
    assert post.send().sent == 1
    assert recipients(faults) == [ADA]


@pytest.mark.parametrize("fault", [CUT, HANG])
def test_no_answer_to_the_dot_is_in_doubt_and_sent_once_more_by_the_same_name(
    post: Post, faults: Faults, fault: str
) -> None:
    faults.order(message=fault)
    post.subscribe(ADA)
    post.write()
    tally = post.send()
    assert (tally.sent, tally.undecided) == (0, 1)
    assert (post.row().state, post.row().undecided) == ("queued", 1)
    post.make_due()
    assert post.send().sent == 1
    assert recipients(faults) == [ADA, ADA]
    names = {message_from_bytes(taken.content)["Message-ID"] for taken in faults.taken}
    assert names == {post.row().message_id}


def test_a_relay_that_never_answers_the_dot_gets_each_message_twice_at_most(
    post: Post, faults: Faults
) -> None:
    faults.order(message=[CUT] * 10)
    post.subscribe(ADA)
    post.write()
    for _ in range(4):
        post.send()
        post.make_due()
    assert recipients(faults) == [ADA, ADA]
    assert (post.row().state, post.row().undecided) == ("failed", 2)


@pytest.mark.parametrize("stage", ["connect", "ehlo", "mail", "rcpt", "data"])
def test_a_relay_that_says_nothing_is_waited_for_and_no_longer(
    post: Post, faults: Faults, stage: str
) -> None:
    faults.order(**{stage: HANG})
    post.subscribe(ADA)
    post.write()
    quick = post.with_relay(wait=0.3)
    assert quick.send().again == 1
    post.make_due()
    assert quick.send().sent == 1
    assert recipients(faults) == [ADA]


def test_what_was_tried_for_days_is_given_up(post: Post, faults: Faults) -> None:
    faults.order(rcpt="450 later")
    post.subscribe(ADA)
    post.write()
    post.make_due(queued=datetime.now(UTC) - timedelta(days=3))
    assert post.send().failed == 1
    assert post.row().reason == "given up after 2 days"


def test_one_dot_at_a_time(post: Post, faults: Faults) -> None:
    """While one message is in doubt no other can be: the answer to it is recorded before."""
    faults.order(message="wait")
    post.subscribe(*(f"r{n}@example.org" for n in range(6)))
    post.write()
    sender = threading.Thread(target=post.send)
    sender.start()
    assert faults.arrived.wait(30)
    # All the other connections have got as far as they may by now, or soon.
    assert len(faults.taken) == 1
    assert post.states() == {"sending": 1, "queued": 5}
    faults.go_on.set()
    sender.join(30)
    assert post.states() == {"sent": 6}
    assert len(faults.taken) == 6


def test_an_operator_who_sends_twice_at_once_sends_each_once(
    any_post: Post, faults: Faults
) -> None:
    addresses = [f"r{n:02}@example.org" for n in range(30)]
    any_post.subscribe(*addresses)
    any_post.write()
    tallies = []
    both = [threading.Thread(target=lambda: tallies.append(any_post.send())) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert sum(tally.sent for tally in tallies) == 30
    assert recipients(faults) == addresses


@pytest.mark.parametrize("how", ["left", "bounced"])
def test_who_leaves_at_the_last_moment_gets_nothing(
    any_post: Post, faults: Faults, how: str
) -> None:
    any_post.subscribe(ADA, "bob@example.org")
    any_post.write()

    def leave(due: Due) -> None:
        if due.address != ADA:
            return
        with any_post.store.writing() as connection:
            now = datetime.now(UTC)
            if how == "left":
                subscribers.leave(connection, due.subscriber, now)
            else:
                suppressions.add(connection, ADA, Why.BOUNCE, "5.1.1", now)

    sender = any_post.sender()
    before_each_dot(sender, leave)
    tally = sending.run(sender.send_due())
    sender.close()
    assert (tally.sent, tally.suppressed) == (1, 1)
    assert recipients(faults) == ["bob@example.org"]
    assert any_post.row(ADA).state == "suppressed"


def test_only_the_edition_asked_for_is_sent(post: Post, faults: Faults) -> None:
    post.subscribe(ADA)
    post.write()
    post.write("daily:2026-11-22")
    assert post.send(TODAY).sent == 1
    assert post.row(edition="daily:2026-11-22").state == "queued"


def test_what_a_killed_sender_held_goes_when_its_lease_is_over(
    any_post: Post, faults: Faults
) -> None:
    any_post.subscribe(ADA, "bob@example.org")
    any_post.write()
    past = datetime.now(UTC) - timedelta(hours=1)
    with any_post.store.writing() as connection:
        now = datetime.now(UTC)
        taken = outbox.take(connection, "killed", now, past, 10)
        # One of them was at its dot.
        connection.execute(rows.update().values(until=now + timedelta(minutes=1)))
        assert outbox.start(connection, taken[0].number, "killed", now).go
        connection.execute(rows.update().values(until=past))
    assert any_post.send().sent == 2
    assert len(faults.taken) == 2
    assert [any_post.row(who).undecided for who in sorted([ADA, "bob@example.org"])] == [1, 0]


def test_a_store_that_fails_for_a_moment_costs_nothing(post: Post, faults: Faults) -> None:
    addresses = [f"r{n}@example.org" for n in range(6)]
    post.subscribe(*addresses)
    post.write()
    sender = post.sender(options=Options(connections=2))
    calls = 0

    def fail(_due: Due) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise OSError("the disk is full")

    before_each_dot(sender, fail)
    with pytest.raises(OSError, match="disk is full"):
        sending.run(sender.send_due())
    sending.run(sender.send_due())
    sender.close()
    # What the failed run held is its own sender's, and that one goes on with it.
    assert set(recipients(faults)) <= set(addresses)
    assert len(faults.taken) == len(set(recipients(faults)))
    post.make_due()
    with post.store.writing() as connection:
        outbox.give_back(connection, sender.books.holder)
    post.send()
    assert recipients(faults) == addresses
    assert post.states() == {"sent": 6}


def test_no_more_messages_a_second_than_set(post: Post, faults: Faults) -> None:
    post.subscribe(*(f"r{n}@example.org" for n in range(5)))
    post.write()
    start = datetime.now(UTC)
    post.send(options=Options(connections=4, rate=10))
    # Five messages have four gaps of a tenth of a second.
    assert datetime.now(UTC) - start >= timedelta(seconds=0.4)
    assert len(faults.taken) == 5
