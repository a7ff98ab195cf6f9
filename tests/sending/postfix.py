"""Postfix with folders, a port and Maildirs of its own, for tests and benchmarks."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from pathlib import Path

_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
mail_owner = postfix
default_privs = nobody
myhostname = mx.papers.example
mydestination = {local_domain}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
biff = no
alias_maps = {aliases}
local_recipient_maps =
recipient_delimiter = +
maillog_file = {folder}/log/mail.log
maillog_file_prefixes = {folder}
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = {domains}
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
local unix - n n - - local
postlog unix-dgram n - n - 1 postlogd
gone unix - n n - - pipe flags= user=nobody argv={folder}/etc/gone
"""


@dataclass(frozen=True)
class Postfix:
    """A running Postfix and the folder of its Maildirs."""

    port: int
    boxes: Path
    log: Path

    def box(self, name: str) -> list[bytes]:
        """The messages in somebody's Maildir."""
        folder = self.boxes / name / "new"
        return [file.read_bytes() for file in sorted(folder.glob("*"))] if folder.exists() else []

    def delivered(self) -> list[tuple[str, str, str]]:
        """Recipient, edition and Message-ID of all that lies in Maildirs, once no mail waits."""
        until(lambda: self._waiting() == 0, patience=600)
        found = []
        for file in self.boxes.glob("*/new/*"):
            with file.open("rb") as lines:
                head = BytesHeaderParser().parse(lines, headersonly=True)
            edition = str(head["Feedback-ID"]).partition(":")[0]
            found.append((str(head["Delivered-To"]), edition, str(head["Message-ID"])))
        return found

    def _waiting(self) -> int:
        """How many messages were taken in and are not delivered yet."""
        queue = self.boxes.parent / "queue"
        parts = ("maildrop", "incoming", "active", "deferred")
        return sum(file.is_file() for part in parts for file in (queue / part).rglob("*"))


def until(true: Callable[[], bool], patience: float = 60.0) -> None:
    """Waits for what another program does."""
    give_up = time.monotonic() + patience
    while not true():
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.05)


def command() -> str | None:
    """The program; None where there is none, or no right to start one."""
    found = shutil.which("postfix", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    return found if os.geteuid() == 0 else None


@contextmanager
def running(mailboxes: Mapping[str, str], to_command: str = "") -> Iterator[Postfix]:
    """A Postfix that has these mailboxes, as folders by address, and `bounces@papers.example`: a
    mailbox too, or a command (the text of a script) that gets what comes in.
    """
    program = command()
    assert program is not None
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
    etc = folder / "etc"
    domains = ["readers.example", "example.org", *([] if to_command else ["papers.example"])]
    said = {
        "folder": folder,
        "port": port,
        "uid": nobody.pw_uid,
        "gid": nobody.pw_gid,
        "domains": ", ".join(domains),
        "local_domain": "papers.example" if to_command else "",
        "aliases": f"texthash:{etc}/aliases" if to_command else "",
    }
    # As `/etc/aliases` has it, but for the colon, which this kind of table does without.
    (etc / "aliases").write_text(f'bounces "|{etc}/take"\n')
    (etc / "take").write_text(to_command)
    (etc / "take").chmod(0o755)
    (etc / "main.cf").write_text(_MAIN.format(**said))
    (etc / "master.cf").write_text(_MASTER.format(**said))
    names = [f"{address} {name}/" for address, name in mailboxes.items()]
    (etc / "boxes").write_text("\n".join([*names, "bounces@papers.example bounces/", ""]))
    (etc / "transport").write_text("gone.example gone:\n")
    (etc / "gone").write_text("#!/bin/sh\nexit 67\n")  # EX_NOUSER, which is 5.1.1
    (etc / "gone").chmod(0o755)
    subprocess.run([program, "-c", str(etc), "start"], check=True, capture_output=True)
    try:
        until(lambda: _answers(port))
        yield Postfix(port, folder / "boxes", folder / "log" / "mail.log")
    finally:
        subprocess.run([program, "-c", str(etc), "stop"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            return connection.recv(3) == b"220"
    except OSError:
        return False
