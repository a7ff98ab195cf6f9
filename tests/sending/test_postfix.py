"""A real relay: Postfix, in folders and at a port of the test's own, into Maildirs."""

from __future__ import annotations

import re
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
import uvicorn

from broadsheet.mail import bounces, verp
from broadsheet.mail.relay import Relay
from broadsheet.search.follow import SearchIndex
from broadsheet.store import keys, suppressions
from broadsheet.store.engine import Store
from broadsheet.store.suppressions import Why
from broadsheet.views.catalogue import Catalogue
from broadsheet.web.app import create_app
from broadsheet.web.desk import Secrets
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


@contextmanager
def open_to_reports(store: Store, folder: Path, secret: str) -> Iterator[str]:
    """The site as a server; gives its address."""
    app = create_app(
        store, Catalogue(store, SearchIndex(folder / "words")), secrets=Secrets(reports=secret)
    )
    with socket.create_server(("127.0.0.1", 0)) as door:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [door]})
        thread.start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


def test_bounces_that_postfix_gives_to_the_documented_command_arrive(
    sqlite_store: Store, tmp_path: Path
) -> None:
    if real.command() is None:
        lacking("postfix", "There is no Postfix here, or no right to start one (root).")
    if shutil.which("curl") is None:
        pytest.skip("There is no curl here, which the documented command calls.")
    document = Path(__file__).parents[2] / "docs" / "mail.md"
    [script] = re.findall(r"```sh\n(#!/bin/sh\n.*?curl.*?)```", document.read_text(), re.DOTALL)
    # What runs the command is another user, who does not see into the tests' folders.
    shown = Path(tempfile.mkdtemp(prefix="broadsheet-report-"))
    shown.chmod(0o755)
    (shown / "report").write_text("Authorization: Bearer a-secret-for-reports\n")
    with open_to_reports(sqlite_store, tmp_path, "a-secret-for-reports") as site:
        said = script.replace("https://papers.example.org", site)
        said = said.replace("/etc/broadsheet/report", str(shown / "report"))
        with real.running({}, to_command=said) as program:
            post = Post(sqlite_store, Relay("127.0.0.1", program.port, wait=20.0))
            post.subscribe("eve@gone.example")
            post.write()
            with post.store.writing() as connection:
                key = keys.draw(connection)
            post.send(envelope=lambda n: verp.return_path(key, "bounces@papers.example", n))
            until(lambda: barred(post) == {"eve@gone.example": Why.BOUNCE})
    shutil.rmtree(shown)


def barred(post: Post) -> dict[str, Why]:
    """Who gets nothing more, and why."""
    with post.store.reading() as connection:
        return {one.mailbox: one.reason for one in suppressions.every(connection)}


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
    assert barred(post) == {"nobody@readers.example": Why.BOUNCE, "eve@gone.example": Why.BOUNCE}
