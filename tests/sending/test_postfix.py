"""A real relay: Postfix, in folders and at a port of the test's own, into Maildirs."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from broadsheet.mail import bounces, verp
from broadsheet.mail.relay import Relay
from broadsheet.store import keys, suppressions
from broadsheet.store.engine import Store
from broadsheet.store.suppressions import Why
from conftest import lacking

from .post import Post

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
default_privs = nobody
myhostname = mx.papers.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
biff = no
alias_maps =
local_recipient_maps =
recipient_delimiter = +
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = papers.example, readers.example
virtual_mailbox_base = {folder}/boxes
virtual_mailbox_maps = texthash:{folder}/etc/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
transport_maps = texthash:{folder}/etc/transport
smtpd_tls_security_level = none
"""
_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
gone unix - n n - - pipe flags= user=nobody argv={folder}/etc/gone
"""


@dataclass(frozen=True)
class Postfix:
    """A running Postfix and the folder of its Maildirs."""

    port: int
    boxes: Path

    def box(self, name: str) -> list[bytes]:
        """The messages in somebody's Maildir."""
        folder = self.boxes / name / "new"
        return [file.read_bytes() for file in sorted(folder.glob("*"))] if folder.exists() else []


def until(true: Callable[[], bool]) -> None:
    """Waits for what another program does."""
    give_up = time.monotonic() + 60
    while not true():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.05)


@pytest.fixture
def postfix() -> Iterator[Postfix]:
    """A Postfix of the test's own."""
    command = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if command is None or os.geteuid() != 0:
        lacking("postfix", "There is no Postfix here, or no right to start one (root).")
    assert command is not None
    # Postfix gives up its rights, and the folders of tests are closed to others.
    folder = Path(tempfile.mkdtemp(prefix="broadsheet-postfix-"))
    folder.chmod(0o755)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    owner = pwd.getpwnam("postfix")
    for part in ("etc", "queue", "data", "boxes", "log"):
        (folder / part).mkdir()
    os.chown(folder / "data", owner.pw_uid, owner.pw_gid)
    nobody = pwd.getpwnam("nobody")
    os.chown(folder / "boxes", nobody.pw_uid, nobody.pw_gid)
    said = {"folder": folder, "port": port, "uid": nobody.pw_uid, "gid": nobody.pw_gid}
    etc = folder / "etc"
    (etc / "main.cf").write_text(_MAIN.format(**said))
    (etc / "master.cf").write_text(_MASTER.format(**said))
    names = [f"r{number}@readers.example {name}/" for number, name in enumerate(["ada", "bob"])]
    (etc / "boxes").write_text("\n".join([*names, "bounces@papers.example bounces/", ""]))
    (etc / "transport").write_text("gone.example gone:\n")
    (etc / "gone").write_text("#!/bin/sh\nexit 67\n")  # EX_NOUSER, which is 5.1.1
    (etc / "gone").chmod(0o755)
    subprocess.run([command, "-c", str(etc), "start"], check=True, capture_output=True)
    try:
        until(lambda: _answers(port))
        yield Postfix(port, folder / "boxes")
    finally:
        subprocess.run([command, "-c", str(etc), "stop"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False


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
