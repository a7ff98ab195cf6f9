"""What comes back: counted once, believed only where it is about a message of ours."""

from __future__ import annotations

import mailbox
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.mail import bounces, verp
from broadsheet.mail.bounces import ReportError, Taken
from broadsheet.mail.relay import Relay
from broadsheet.store import keys, mail_events, subscribers, suppressions
from broadsheet.store.engine import Store
from broadsheet.store.subscribers import State
from broadsheet.store.suppressions import Why

from .post import Post
from .reports import VACATION, bounce, complaint

ADA = "ada@example.org"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def mailing(store: Store) -> Post:
    """Two subscribers with a message each, on each engine."""
    return written(store)


@pytest.fixture
def quick(sqlite_store: Store) -> Post:
    """The same, for what does not depend on the engine."""
    return written(sqlite_store)


def written(store: Store) -> Post:
    post = Post(store, Relay("127.0.0.1", 1))
    post.subscribe(ADA, "bob@example.org")
    post.write()
    return post


def take(post: Post, raw: bytes) -> Taken:
    with post.store.writing() as connection:
        return bounces.take_report(connection, raw, NOW)


def barred(post: Post) -> dict[str, Why]:
    with post.store.reading() as connection:
        return {one.mailbox: one.reason for one in suppressions.every(connection)}


def kinds(post: Post) -> list[str]:
    with post.store.reading() as connection:
        return sorted(event.kind for event in mail_events.newest(connection, 100))


def return_path(post: Post) -> str:
    with post.store.writing() as connection:
        return verp.return_path(keys.draw(connection), "bounces@example.org", post.row(ADA).number)


def test_a_bounce_to_its_return_path_bars_the_address_and_counts_once(mailing: Post) -> None:
    raw = bounce(to=return_path(mailing))
    assert take(mailing, raw) == Taken("bounce", ADA, suppressed=True)
    assert take(mailing, raw) == Taken("bounce", ADA, known=True)
    assert barred(mailing) == {ADA: Why.BOUNCE}
    assert kinds(mailing) == ["bounce"]


def test_a_bounce_is_told_by_the_message_it_holds_and_by_a_path_in_another_case(
    mailing: Post,
) -> None:
    assert take(mailing, bounce(original=mailing.row(ADA).message_id)).address == ADA
    shouted = bounce(to=return_path(mailing).upper(), said="smtp; 550 again")
    assert take(mailing, shouted).address == ADA


def test_a_bounce_of_somebody_s_own_making_bars_nobody(mailing: Post) -> None:
    path = return_path(mailing)
    number = mailing.row("bob@example.org").number
    forged = [
        bounce(recipient=ADA),
        bounce(original="<AAAAAAAAAAAAAAAAAAAAAA.1@papers.example>"),
        bounce(to=f"bounces+{number}-{path.partition('-')[2]}"),
        bounce(to=path.replace("-", "-A", 1)),
        complaint(original="<AAAAAAAAAAAAAAAAAAAAAA.1@papers.example>"),
    ]
    for raw in forged:
        assert not take(mailing, raw).suppressed
    assert barred(mailing) == {}
    assert len(kinds(mailing)) == len(forged)


@pytest.mark.parametrize(
    ("status", "action", "said", "kind"),
    [
        ("5.1.1", "failed", "smtp; 550 no such user", "bounce"),
        ("5.1.2", "failed", "", "bounce"),
        ("5.1.10", "failed", "smtp; 556 null MX", "bounce"),
        ("5.2.1", "failed", "smtp; 550 mailbox disabled", "bounce"),
        ("5.0.0", "failed", "smtp; 550 5.1.1 unknown", "bounce"),
        ("5.0.0", "failed", "smtp; 554 no", "refusal"),
        ("5.2.2", "failed", "smtp; 552 mailbox full", "refusal"),
        ("5.7.1", "failed", "smtp; 550 looks like spam", "refusal"),
        ("4.4.7", "failed", "smtp; gave up after five days", "refusal"),
        ("4.4.1", "delayed", "smtp; 450 later", "delay"),
        ("2.0.0", "delivered", "", "unknown"),
    ],
)
def test_only_what_is_said_of_the_address_itself_bars_it(
    quick: Post, status: str, action: str, said: str, kind: str
) -> None:
    raw = bounce(to=return_path(quick), status=status, action=action, said=said)
    assert take(quick, raw).kind == kind
    assert barred(quick) == ({ADA: Why.BOUNCE} if kind == "bounce" else {})
    assert kinds(quick) == [kind]


def test_a_complaint_ends_the_subscription_and_bars_the_address(mailing: Post) -> None:
    raw = complaint(original=mailing.row(ADA).message_id)
    assert take(mailing, raw) == Taken("complaint", ADA, suppressed=True)
    with mailing.store.reading() as connection:
        ada = subscribers.find(connection, ADA)
        assert ada is not None
        assert ada.state is State.LEFT
        assert subscribers.subscriptions_of(connection, ada.number) == []
    assert barred(mailing) == {ADA: Why.COMPLAINT}


def test_what_is_no_report_is_kept_and_changes_nothing(mailing: Post) -> None:
    assert take(mailing, VACATION).kind == "reply"
    assert take(mailing, b"").kind == "unknown"
    not_spam = complaint(original=mailing.row(ADA).message_id, kind="not-spam")
    assert take(mailing, not_spam).kind == "unknown"
    assert barred(mailing) == {}
    assert len(kinds(mailing)) == 3


HOSTILE = {
    "parts in parts": b"".join(
        b'Content-Type: multipart/report; boundary="%d"\r\n\r\n--%d\r\n' % (n, n)
        for n in range(3000)
    ),
    "many parts": b'Content-Type: multipart/report; boundary="e"\r\n\r\n'
    + b"--e\r\n\r\nx\r\n" * 30000,
    "many headers": b"To: a\r\n" * 40000 + b"\r\n",
    "one long line": b"Subject: " + b"x" * 3_000_000,
    "raw bytes": b"To: \xff\xfe\r\nSubject: \x00\xf0\r\n"
    b"Content-Type: \xff/\xff; boundary=\xff\r\n\r\n\xff",
    "an odd character set": b"Content-Type: message/delivery-status; charset=none\r\n\r\n"
    b"\xff\r\n\r\nAction: failed\r\n",
    "a report that is text": b"Content-Type: message/feedback-report\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\n!!!",
    "only dashes": b'Content-Type: multipart/mixed; boundary=""\r\n\r\n----\r\n',
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_report_costs_much_or_fails(quick: Post, what: str) -> None:
    start = time.process_time()
    assert not take(quick, HOSTILE[what]).suppressed
    assert time.process_time() - start < 5
    assert barred(quick) == {}


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 1100), st.binary(max_size=40), st.integers(0, 60))
def test_whatever_is_changed_in_a_report_it_can_be_read(at: int, put: bytes, cut: int) -> None:
    raw = bounce()
    report = bounces.read(raw[:at] + put + raw[at + cut :])
    assert report.kind in ("bounce", "refusal", "delay", "complaint", "reply", "unknown")


def test_reports_are_read_from_a_maildir_an_mbox_and_a_file(tmp_path: Path) -> None:
    first, second = bounce(status="5.1.1"), bounce(status="5.2.2")
    folder = mailbox.Maildir(tmp_path / "Maildir")
    folder.add(first)
    box = mailbox.mbox(tmp_path / "box")
    box.add(first)
    box.add(second)
    box.close()
    (tmp_path / "one.eml").write_bytes(second)
    statuses = {
        name: [bounces.read(raw).status for raw in bounces.reports_in(tmp_path / name)]
        for name in ("Maildir", "box", "one.eml")
    }
    assert statuses == {"Maildir": ["5.1.1"], "box": ["5.1.1", "5.2.2"], "one.eml": ["5.2.2"]}
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReportError, match="no Maildir"):
        list(bounces.reports_in(tmp_path / "empty"))


def test_an_event_says_of_which_message_it_is(mailing: Post) -> None:
    raw = bounce(to=return_path(mailing))
    take(mailing, raw)
    with mailing.store.reading() as connection:
        [event] = mail_events.newest(connection)
        assert event.address == ADA
        assert event.message_id == mailing.row(ADA).message_id
        assert event.detail is not None
        assert event.detail["status"] == "5.1.1"
