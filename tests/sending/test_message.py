"""Messages as bytes: what titles and names may not do, and what a mailing has to say of itself."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.mail import message
from broadsheet.mail.message import Message, Sender
from broadsheet.store import keys
from broadsheet.store.engine import Store

KEY = b"k" * 32
NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
SENDER = Sender("papers@example.org", "Broadsheet", "https://papers.example.org/")
HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Auto-Submitted",
    "List-Id",
    "Feedback-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Content-Type",
]


def built(sender: Sender = SENDER, **said: str) -> bytes:
    """A message with this subject, text, html or edition."""
    usual = {"edition": "daily:2026-11-21", "subject": "Kites", "text": "Up.\n", "html": "<p>Up."}
    told = {**usual, **said}
    mail = Message(
        7, "ada@example.org", told["edition"], told["subject"], told["text"], told["html"]
    )
    return message.build(mail, sender, KEY, NOW).message


def parsed(raw: bytes) -> EmailMessage:
    """As a mail program reads it."""
    found = message_from_bytes(raw, policy=policy.default)
    assert isinstance(found, EmailMessage)
    assert found.defects == []
    return found


def test_a_message_says_what_a_mailing_has_to(sqlite_store: Store) -> None:
    mail = parsed(built())
    assert list(mail.keys()) == HEADERS
    assert mail["From"] == "Broadsheet <papers@example.org>"
    assert mail["Date"].datetime == NOW
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["List-Id"] == "Broadsheet <daily.papers.example.org>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    leave = str(mail["List-Unsubscribe"])
    assert leave.startswith("<https://papers.example.org/mail/leave?t=7.")
    token = leave.rpartition("=")[2].rstrip(">")
    assert keys.opened(KEY, "leave", token, NOW) == 7
    assert len(str(mail["Feedback-ID"]).split(":")) == 4
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_a_message_is_the_same_whenever_it_is_made_but_for_its_date() -> None:
    first = message.build(Message(7, "a@example.org", "daily:1", "K", "t"), SENDER, KEY, NOW)
    other = message.build(Message(8, "a@example.org", "daily:1", "K", "t"), SENDER, KEY, NOW)
    again = message.build(Message(7, "a@example.org", "daily:1", "K", "t"), SENDER, KEY, NOW)
    assert first == again
    assert first.message_id != other.message_id
    assert first.message_id.endswith("@example.org>")


def test_a_confirmation_is_no_list_and_without_a_site_there_is_nothing_to_click() -> None:
    confirmation = parsed(built(edition="confirm:3", html=""))
    assert "List-Unsubscribe" not in confirmation
    assert "List-Id" not in confirmation
    assert confirmation.get_content_type() == "text/plain"
    alone = parsed(built(Sender("papers@example.org")))
    assert "List-Unsubscribe" not in alone
    assert alone["List-Id"] == "Broadsheet <daily.example.org>"


INJECTED = (
    "Kites\r\nBcc: eve@example.net",
    "Kites\nBcc: eve@example.net\n\n<script>",
    "Kites\r\n\r\nA body of their own",
    "Kites\x0b\x0c\x1c\x85\u2028Bcc: eve@example.net",
    "Kites\x00\x1b[31m",
    "=?utf-8?q?Kites=0D=0ABcc:_eve@example.net?=",
    "Kites\udcff",
)


@pytest.mark.parametrize("text", INJECTED)
@pytest.mark.parametrize("where", ["subject", "name"])
def test_no_text_adds_a_header_or_a_line(text: str, where: str) -> None:
    sender = SENDER if where == "subject" else Sender("papers@example.org", text, SENDER.site)
    raw = built(sender, **({"subject": text} if where == "subject" else {}))
    mail = parsed(raw)
    assert list(mail.keys()) == HEADERS
    head = raw.partition(b"\r\n\r\n")[0]
    assert head.isascii()
    assert not set(head.decode()) - set(map(chr, range(32, 127))) - {"\r", "\n"}
    shown = str(mail["Subject"] if where == "subject" else mail["From"].addresses[0].display_name)
    assert shown.startswith(("Kites", "=?utf-8?q?Kites"))
    assert "\r" not in shown
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    "name",
    ["📰 Papers", "עיתון הבוקר", "Ärzteblatt, täglich", 'The "Daily" <x@y>', "a.b@c; d:e", ""],
)
def test_names_arrive_as_they_are(name: str) -> None:
    mail = parsed(built(Sender("papers@example.org", name), subject=name or "K"))
    assert mail["From"].addresses[0].addr_spec == "papers@example.org"
    assert mail["From"].addresses[0].display_name == name
    assert mail["Subject"] == (name or "K")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=400), st.text(max_size=2000))
def test_lines_are_short_and_texts_arrive_whatever_they_hold(subject: str, text: str) -> None:
    raw = built(subject=subject, text=text, html=text)
    lines = raw.split(b"\r\n")
    assert b"\n" not in b"".join(lines)
    assert b"\r" not in b"".join(lines)
    # RFC 5322, 2.1.1; everything we have to say fits into the shorter limit but addresses.
    assert max(map(len, lines)) <= 998
    assert all(len(line) <= 78 for line in lines if not line.startswith((b"List-", b"Message-ID")))
    mail = parsed(raw)
    body = mail.get_body(("plain",))
    assert body is not None
    # Line ends are those of the standard; what no encoding has is a question mark.
    lines = text.encode("utf-8", "replace").splitlines()
    assert body.get_content().encode().splitlines() == (lines or [b""])
