"""One message as bytes (RFC 5322, MIME): text and HTML, and the headers a mailing needs.

What stands in headers is one line of visible characters, encoded where it is not ASCII (RFC 2047):
no title, name or address can add a header of its own. Bodies are quoted-printable, so no line is
longer than 76 characters whatever a text holds, and every relay takes it.

The message is the same at each attempt: Message-ID, Date and boundary are made here, once. The
sender adds only its signature (`dkim.py`).
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime
from urllib.parse import urlsplit

from sqlalchemy import Connection

from broadsheet.store import keys, outbox
from broadsheet.store.outbox import Letter
from broadsheet.text.normalise import plain, storable

# The purposes of signed links (store/keys.py).
CONFIRM, MANAGE, LEAVE = "confirm", "manage", "leave"
_LONGEST_SUBJECT = 240
_HEADER_WIDTH = 76
_CRLF = "\r\n"
_SPECIALS = set('()<>[]:;@\\,."')


@dataclass(frozen=True, slots=True)
class Sender:
    """Who writes: `name` and `address` stand in From; `site` is the public address of the pages,
    as in https://papers.example.org, without which there are no links to leave by.
    """

    address: str
    name: str = "Broadsheet"
    site: str = ""

    @property
    def domain(self) -> str:
        """What stands behind the @."""
        return self.address.rpartition("@")[2]

    @property
    def list_domain(self) -> str:
        """The domain that names the lists: the site's host, else the address's."""
        return urlsplit(self.site).hostname or self.domain


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent: `papers` are the numbers of the papers in it."""

    subscriber: int
    address: str
    edition: str
    subject: str
    text: str
    html: str = ""
    papers: tuple[int, ...] = ()


def queue(connection: Connection, message: Message, sender: Sender, now: datetime) -> bool:
    """Puts the message into the outbox; False where the subscriber has that edition already.

    Needs a writing transaction: row and papers are written together, or not at all.
    """
    return outbox.queue(connection, build(message, sender, keys.draw(connection), now), now)


def build(message: Message, sender: Sender, key: bytes, now: datetime) -> Letter:
    """The message as a letter for the outbox; `key` makes its Message-ID and its links."""
    unique = keys.mac(key, "message", message.subscriber, message.edition)
    kind = message.edition.partition(":")[0]
    message_id = f"<{unique}.{message.subscriber}@{sender.domain}>"
    subject = storable(plain(message.subject))[:_LONGEST_SUBJECT]
    headers = [
        ("From", named(sender.name, sender.address)),
        ("To", message.address),
        ("Subject", encoded(subject, "Subject")),
        ("Date", format_datetime(now.astimezone(UTC))),
        ("Message-ID", message_id),
        ("MIME-Version", "1.0"),
        # RFC 3834: no machine answers this. "Precedence" is in no standard, and those who heed it
        # heed this or List-Id as well, so it is left out.
        ("Auto-Submitted", "auto-generated"),
    ]
    if kind != CONFIRM:
        headers += _of_a_list(kind, message, sender, key)
    body = _body(message, f"=_{unique}")
    lines = [f"{name}: {value}" for name, value in headers]
    raw = (_CRLF.join(lines) + _CRLF).encode("ascii") + body
    return Letter(
        message.subscriber, message.edition, message_id, subject, raw, tuple(message.papers)
    )


def link(site: str, key: bytes, purpose: str, number: int, expires: datetime | None = None) -> str:
    """A signed address of the site, as in https://…/mail/leave?t=12.0.h2Wq…"""
    return f"{site.rstrip('/')}/mail/{purpose}?t={keys.sign(key, purpose, number, expires)}"


def encoded(text: str, name: str) -> str:
    """The value of a header with free text, folded; encoded (RFC 2047) where it has to be."""
    text = storable(plain(text))
    # What looks encoded already would be decoded by who reads it.
    needs = not text.isascii() or "=?" in text
    header = Header(
        text, "utf-8" if needs else "us-ascii", maxlinelen=_HEADER_WIDTH, header_name=name
    )
    return header.encode(linesep=_CRLF)


def named(name: str, address: str) -> str:
    """An address with a name, as in `"Ada, of the Engine" <ada@example.org>`."""
    name = storable(plain(name))
    if not name:
        return address
    if not name.isascii() or "=?" in name:
        return f"{encoded(name, 'From')} <{address}>"
    if _SPECIALS.intersection(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}" <{address}>'
    return f"{name} <{address}>"


def _of_a_list(kind: str, message: Message, sender: Sender, key: bytes) -> list[tuple[str, str]]:
    """What tells a mailing apart, and how to leave it (RFC 2919, 2369, 8058)."""
    headers = [
        ("List-Id", named(sender.name or "Broadsheet", f"{kind}.{sender.list_domain}")),
        # campaign : who : kind of mail : sender; read by providers that tell of complaints.
        ("Feedback-ID", f"{message.edition.replace(':', '-')}:{kind}:mail:{sender.list_domain}"),
    ]
    if sender.site:
        leave = link(sender.site, key, LEAVE, message.subscriber)
        headers += [
            ("List-Unsubscribe", f"<{leave}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]
    return headers


def _body(message: Message, boundary: str) -> bytes:
    if not message.html:
        return _part("plain", message.text)
    head = f'Content-Type: multipart/alternative; boundary="{boundary}"{_CRLF}{_CRLF}'
    edge = f"--{boundary}"
    return b"".join(
        (
            head.encode("ascii"),
            f"{edge}{_CRLF}".encode("ascii"),
            _part("plain", message.text),
            f"{_CRLF}{edge}{_CRLF}".encode("ascii"),
            _part("html", message.html),
            f"{_CRLF}{edge}--{_CRLF}".encode("ascii"),
        )
    )


def _part(kind: str, text: str) -> bytes:
    """A text with its headers. No line of it can be the boundary, for = is always encoded."""
    lines = text.encode("utf-8", "replace").splitlines()
    # Its own line ends are those it finds in the text first, so all are put right behind it.
    body = binascii.b2a_qp(b"\n".join(lines), istext=True).replace(b"\n", b"\r\n")
    head = (
        f"Content-Type: text/{kind}; charset=utf-8{_CRLF}"
        f"Content-Transfer-Encoding: quoted-printable{_CRLF}{_CRLF}"
    )
    return head.encode("ascii") + body + b"\r\n"
