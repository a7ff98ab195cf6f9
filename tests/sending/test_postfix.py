"""A real relay: Postfix, in folders and at a port of the test's own, into Maildirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email import message_from_bytes, policy

import pytest

from broadsheet.mail import bounces, verp
from broadsheet.mail.relay import Relay
from broadsheet.store import keys, suppressions
from broadsheet.store.engine import Store
from broadsheet.store.suppressions import Why
from conftest import lacking

from . import postfix as real
from .post import Post
from .postfix import Postfix, until


@pytest.fixture
def postfix() -> Iterator[Postfix]:
    """A Postfix of the test's own."""
    if real.command() is None:
        lacking("postfix", "There is no Postfix here, or no right to start one (root).")
    with real.running({"r0@readers.example": "ada", "r1@readers.example": "bob"}) as program:
        yield program


def test_postfix_delivers_each_message_once_and_its_bounces_find_back(
    sqlite_store: Store, postfix: Postfix
) -> None:
    post = Post(sqlite_store, Relay("127.0.0.1", postfix.port, wait=20.0))
    post.subscribe(
        "r0@readers.example", "r1@readers.example", "nobody@readers.example", "eve@gone.example"
    )
    text = "Kites go up.\n.\n..\nÜber 日本語 🪁\n" + "long " * 400 + "\n"
    post.write(text=text)
    with post.store.writing() as connection:
        key = keys.draw(connection)
    tally = post.send(envelope=lambda n: verp.return_path(key, "bounces@papers.example", n))
    # Postfix knows at once that one has no mailbox, and of another only when it delivers.
    assert (tally.sent, tally.failed) == (3, 1)
    until(lambda: bool(postfix.box("ada") and postfix.box("bob") and postfix.box("bounces")))
    for name, address in (("ada", "r0@readers.example"), ("bob", "r1@readers.example")):
        [raw] = postfix.box(name)
        mail = message_from_bytes(raw, policy=policy.default)
        assert mail["Message-ID"] == post.row(address).message_id
        assert mail["Delivered-To"] == address
        body = mail.get_body(("plain",))
        assert body is not None
        assert body.get_content().splitlines() == text.splitlines()

    for raw in bounces.reports_in(postfix.boxes / "bounces"):
        with post.store.writing() as connection:
            taken = bounces.take_report(connection, raw, datetime.now(UTC))
        assert (taken.kind, taken.address) == ("bounce", "eve@gone.example")
    with post.store.reading() as connection:
        barred = {one.mailbox: one.reason for one in suppressions.every(connection)}
    assert barred == {"nobody@readers.example": Why.BOUNCE, "eve@gone.example": Why.BOUNCE}
