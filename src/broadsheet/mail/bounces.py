"""What comes back: delivery reports (RFC 3464), complaints (ARF, RFC 5965), answers of machines.

A report counts against an address only where it proves that it is about a message of ours: by the
return path it came to (`verp.py`), or by our Message-ID, which nobody else can know. The rest is
kept and counted, and changes nothing. A report is somebody else's text: what is read of it is
bounded, and no part of it is believed beyond that.
"""

from __future__ import annotations

import mailbox as mailboxes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import Message
from pathlib import Path

from sqlalchemy import Connection

from broadsheet.mail import verp
from broadsheet.store import keys, mail_events, outbox, subscribers, suppressions
from broadsheet.store.mail_events import Event
from broadsheet.text.normalise import plain

# The beginning of a report is enough: what follows is the message it is about.
MOST_BYTES = 256 * 1024
_MOST_PARTS = 20
_MOST_RECIPIENTS = 20
_MOST_FIELD = 500
# RFC 3463: these say of the address itself that nothing reaches it, now or later.
_ADDRESS_IS_BAD = re.compile(r"5\.(1\.(0|1|2|3|6|10)|2\.1|4\.4)\Z")
_STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
_OUR_ID = re.compile(r"<[A-Za-z0-9_.-]{24,60}@[A-Za-z0-9.-]{1,180}>")
# Where the address a report was sent to may stand: servers write it as it was on the envelope.
_ARRIVED_AT = ("Delivered-To", "X-Original-To", "Envelope-To", "To")


class ReportError(Exception):
    """A file that has no reports; the message is a sentence naming it."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a report says: its kind (see `mail_events.Event`), and what it is about.

    `arrived_at` are the addresses it was sent to; `status` is the enhanced status code.
    """

    kind: str
    arrived_at: str = ""
    message_id: str | None = None
    recipient: str = ""
    status: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What was done about a report: `address` is whose it was, where it proved to be ours."""

    kind: str
    address: str = ""
    suppressed: bool = False
    known: bool = False


def take_report(connection: Connection, raw: bytes, now: datetime) -> Taken:
    """Takes in one report, from a mailbox or a provider's request; a second time changes nothing.

    What counts as the same is the beginning that is read (`MOST_BYTES`).

    A bounce for good and a complaint end all mail to the address. Needs a writing transaction.
    """
    raw = raw[:MOST_BYTES]
    report = read(raw)
    key = keys.held(connection)
    number = verp.number_of(key, report.arrived_at) if key else None
    about = outbox.about(connection, number, report.message_id)
    event = Event(
        kind=report.kind,
        message_id=about.message_id if about else report.message_id,
        address=about.address if about else None,
        digest=mail_events.digest(raw),
        detail={
            "by": "report",
            "recipient": report.recipient,
            "status": report.status,
            "said": report.said,
        },
    )
    if not mail_events.note(connection, event, now):
        return Taken(report.kind, about.address if about else "", known=True)
    if about is None:
        return Taken(report.kind)
    return Taken(report.kind, about.address, _act(connection, about, report, now))


def read(raw: bytes) -> Report:
    """What the report says, however odd it is: the worst it can be is `unknown`."""
    try:
        message = message_from_bytes(raw[:MOST_BYTES], policy=policy.compat32)
        return _read(message)
    # Parts in parts in parts: the parser goes as deep as it is led. And it raises what it likes at
    # headers no program would write.
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError):
        return Report("unknown", said="cannot be read")


def reports_in(path: Path) -> Iterator[bytes]:
    """The messages of a Maildir, an mbox file or a single message's file. Raises ReportError."""
    try:
        if path.is_dir():
            if not (path / "new").is_dir() and not (path / "cur").is_dir():
                raise ReportError(f"{path} is a folder, but no Maildir (it has no new and cur).")
            for part in ("new", "cur"):
                for file in sorted((path / part).glob("*")):
                    if file.is_file():
                        yield _beginning(file)
            return
        if _beginning(path).startswith(b"From "):
            box = mailboxes.mbox(path, create=False)
            try:
                for key in box.iterkeys():
                    yield box.get_bytes(key)[:MOST_BYTES]
            finally:
                box.close()
            return
        yield _beginning(path)
    except OSError as error:
        raise ReportError(f"{path} cannot be read: {error.strerror}.") from error


def _beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_BYTES)


def _act(connection: Connection, about: outbox.About, report: Report, now: datetime) -> bool:
    if report.kind == "complaint":
        subscribers.leave(connection, about.subscriber, now)
        why = suppressions.Why.COMPLAINT
    elif report.kind == "bounce":
        why = suppressions.Why.BOUNCE
    else:
        return False
    detail = f"{report.status} {report.said}".strip()
    suppressions.add(connection, about.address, why, detail, now)
    return True


def _read(message: Message) -> Report:
    arrived_at = " ".join(
        _text(value) for name in _ARRIVED_AT for value in message.get_all(name, [])[:5]
    )
    parts = list(_parts(message))
    original = next(
        (
            found
            for part in parts
            if part.get_content_type() in ("message/rfc822", "text/rfc822-headers")
            if (found := _message_id(part))
        ),
        None,
    )
    for part in parts:
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            return _delivery(part, arrived_at, original)
        if kind == "message/feedback-report":
            return _complaint(part, arrived_at, original)
    answered = _text(message.get("Auto-Submitted", "no")).lower() != "no"
    said = plain(_text(message.get("Subject", "")))
    return Report("reply" if answered else "unknown", arrived_at, original, said=said)


def _parts(message: Message) -> Iterator[Message]:
    """The parts of the report itself, not those of the message it is about."""
    yield message
    inner = message.get_payload()
    for part in inner[:_MOST_PARTS] if isinstance(inner, list) else []:
        if isinstance(part, Message):
            yield part


def _delivery(part: Message, arrived_at: str, original: str | None) -> Report:
    """RFC 3464: fields about the message, then a block of fields for each recipient."""
    blocks = part.get_payload()
    fields = [
        block
        for block in (blocks if isinstance(blocks, list) else [])[: _MOST_RECIPIENTS + 1]
        if isinstance(block, Message) and block.get("Action")
    ]
    for block in fields:
        action = _text(block["Action"]).lower()
        status = _status(_text(block.get("Status", "")))
        said = plain(_text(block.get("Diagnostic-Code", "")))
        recipient = _text(block.get("Final-Recipient", "")).partition(";")[2].strip()
        if action == "failed":
            bad = _ADDRESS_IS_BAD.match(status) or (status == "5.0.0" and _is_bad(said))
            kind = "bounce" if bad else "refusal"
        elif action == "delayed":
            kind = "delay"
        else:
            continue
        return Report(kind, arrived_at, original, recipient, status, said)
    return Report("unknown", arrived_at, original, said="a delivery report without a failure")


def _complaint(part: Message, arrived_at: str, original: str | None) -> Report:
    """RFC 5965: one block of fields, as a message of its own or as the part's text."""
    inner = part.get_payload()
    if isinstance(inner, list) and inner and isinstance(inner[0], Message):
        fields = inner[0]
        if not fields.keys():
            fields = message_from_bytes(str(fields.get_payload()).encode("utf-8", "replace"))
    else:
        fields = message_from_bytes(str(inner).encode("utf-8", "replace"))
    kind = _text(fields.get("Feedback-Type", "")).strip().lower()
    recipient = _text(fields.get("Original-Rcpt-To", "")).strip(" <>")
    # `not-spam` and what may come are told apart from what people press.
    is_complaint = kind in ("abuse", "fraud", "virus", "other", "opt-out", "")
    return Report(
        "complaint" if is_complaint else "unknown", arrived_at, original, recipient, "", kind
    )


def _message_id(part: Message) -> str | None:
    """The Message-ID of the message that a part holds."""
    inner = part.get_payload()
    if isinstance(inner, list):
        held = inner[0] if inner and isinstance(inner[0], Message) else None
        said = _text(held.get("Message-ID", "")) if held is not None else ""
    else:
        found = message_from_bytes(str(inner).encode("utf-8", "replace"))
        said = _text(found.get("Message-ID", ""))
    match = _OUR_ID.search(said)
    return match[0] if match else None


def _status(text: str) -> str:
    found = _STATUS.search(text)
    return found[0] if found else ""


def _is_bad(said: str) -> bool:
    """Whether the words of a server that knows no finer status say it of the address."""
    found = _ADDRESS_IS_BAD.match(_status(said))
    return found is not None


def _text(value: object) -> str:
    """A header as text, bounded: Python gives headers with raw bytes as objects of their own."""
    return str(value)[:_MOST_FIELD]
