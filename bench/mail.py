"""How fast mail goes, and what kills cost: `python -m bench.mail [--messages N] [--killed]`.

Speed: messages of a digest's size, signed (DKIM, RSA of 2048 bits), into a relay that takes them in
a process of its own; on SQLite, and on PostgreSQL where `--postgres` names a server.
`--killed`: three editions for N subscribers, two senders, of which one is killed 300 times, while
clocks jump as a machine's does whose daylight saving is set wrong, and an operator sends by hand;
with `--postfix` into a real server's Maildirs.
`--weekend`: three days around the change of clocks, in ten zones, lived through by two workers that
write and send, killed 300 times, into a relay that misbehaves in every way it can.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg

from bench.figures import Figures, print_figures
from broadsheet.mail import dkim, message, relay, sending
from broadsheet.mail.books import Options
from broadsheet.mail.dkim import Signer
from broadsheet.mail.message import Message
from broadsheet.mail.relay import Relay
from broadsheet.mail.sending import Sender
from broadsheet.store import subscribers
from broadsheet.store.engine import Store, open_store, sqlite_url
from broadsheet.store.subscribers import Rhythm

# The relay that takes everything, and the killing, are the tests'.
sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))
from sending import killing, postfix, weekend
from sending.weekend import Weekend

_EDITIONS = ("daily:2026-11-19", "daily:2026-11-20", "daily:2026-11-21")
_KILLS = 300
# By how much the clock is wrong: an hour for daylight saving, days for a battery that is empty.
_JUMPS = tuple(timedelta(hours=hours) for hours in (1, 0, -1, 0, 48, 0, -48, 0))
_PRESSES = 3
_PARAGRAPH = "Words of an abstract, as many as a reader looks at before the next paper comes. "


def main() -> None:
    """Prints the figures."""
    parser = argparse.ArgumentParser(prog="bench.mail", description=__doc__)
    parser.add_argument("--messages", type=int, default=12_000)
    parser.add_argument("--killed", action="store_true")
    parser.add_argument("--postfix", action="store_true")
    parser.add_argument("--weekend", action="store_true")
    parser.add_argument("--postgres", help="the address of a server to make a database in")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one engine only")
    given = parser.parse_args()
    engines = ["sqlite", *(["postgresql"] if given.postgres else [])]
    engines = [engine for engine in engines if given.only in (None, engine)]
    for engine in engines:
        with tempfile.TemporaryDirectory(prefix="broadsheet-mail-") as name:
            folder = Path(name)
            with _database(engine, given.postgres, folder) as url:
                if given.weekend:
                    what, figures = "weekend", lived(url, folder, given.messages)
                elif given.killed:
                    into = "Postfix" if given.postfix else "a sink"
                    what = f"kills, into {into},"
                    figures = killed(url, folder, given.messages, is_real=given.postfix)
                else:
                    what, figures = "speed", speed(url, folder, given.messages)
        print_figures(f"{what} on {engine}", figures)


def speed(url: str, folder: Path, messages: int) -> Figures:
    """Messages a second, written and sent."""
    store = open_store(url)
    start = time.perf_counter()
    size = _write(store, messages)
    written = messages / (time.perf_counter() - start)
    dkim.make_key(folder / "key.pem")
    signer = Signer("papers.example", "bench", dkim.load_key(folder / "key.pem"))
    with killing.sink(folder) as (port, taken):
        start, computed = time.perf_counter(), time.process_time()
        tally = sending.run(_send(store, Relay("127.0.0.1", port), signer))
        seconds = time.perf_counter() - start
        computed = time.process_time() - computed
        names = [line.split("\t")[2] for line in taken.read_text().splitlines()]
    store.close()
    assert len(names) == len(set(names)) == tally == messages
    return {
        "messages": messages,
        "KB each": round(size / 1024, 1),
        "written into the outbox a second": round(written),
        "sent a second, signed": round(messages / seconds),
        "processor ms each, sender only": round(1000 * computed / messages, 2),
        "load of the machine, 1 minute": round(os.getloadavg()[0], 1),
    }


def killed(url: str, folder: Path, readers: int, *, is_real: bool) -> Figures:
    """What 300 kills do to three editions."""
    store = open_store(url)
    into = into_postfix(readers) if is_real else killing.into_sink(folder)
    killing.fill(store, readers, _EDITIONS)
    after = killing.live(
        store,
        url,
        folder,
        workers=2,
        kills=_KILLS,
        chance=random.Random(11),
        into=into,
        jumps=_JUMPS,
        presses=_PRESSES,
    )
    store.close()
    expected = readers * len(_EDITIONS)
    return {
        "messages": expected,
        "kills": after.kills,
        "jumps of the clock": after.jumps,
        "sent by hand, twice at once": after.presses,
        "lost": expected - len(after.taken),
        "undecided": after.undecided,
        "came twice, under one Message-ID": after.twice,
        "came more than twice": sum(count > 2 for count in after.taken.values()),
        "seconds": round(after.seconds),
    }


@contextmanager
def into_postfix(readers: int) -> Iterator[killing.Receiver]:
    """A real server, with a Maildir for every reader."""
    boxes = {f"r{number}@example.org": f"r{number}" for number in range(readers)}
    with postfix.running(boxes) as server:
        yield killing.Receiver(server.port, server.log, server.delivered)


def lived(url: str, folder: Path, readers: int) -> Figures:
    """What a weekend does to everybody's editions."""
    store = open_store(url)
    after = weekend.live(
        store,
        url,
        folder,
        Weekend.around(weekend.FORWARD, timedelta(hours=36), timedelta(hours=36)),
        readers=readers,
        kills=_KILLS,
        presses=_PRESSES,
        chance=random.Random(12),
        moody=13,
    )
    store.close()
    return {
        "messages": len(after.expected),
        "kills": after.kills,
        "jumps of the clock": after.jumps,
        "sent by hand, twice at once": after.presses,
        "lost": len(after.lost - after.given_up),
        "given up, twice in doubt": len(after.lost & after.given_up),
        "to who left, has no mailbox or is not due": len(after.unwanted),
        "undecided": after.undecided,
        "came twice, under one Message-ID": after.twice,
        "of them not in doubt": len(after.unexplained),
        "came more than twice": sum(count > 2 for count in after.taken.values()),
        "refused for good": after.refused,
        **{f"the relay: {mood}": count for mood, count in after.moods.items()},
        "seconds": round(after.seconds),
    }


def _write(store: Store, messages: int) -> int:
    """Readers with a message each; returns its size in bytes."""
    now = datetime.now(UTC) - timedelta(seconds=1)
    text = "".join(f"{number}. A title\n{_PARAGRAPH * 3}\n\n" for number in range(12))
    html = "".join(f"<h2>{number}. A title</h2><p>{_PARAGRAPH * 6}</p>" for number in range(24))
    size = 0
    for first in range(0, messages, 500):
        with store.writing() as connection:
            for number in range(first, min(first + 500, messages)):
                who = subscribers.add(connection, f"r{number}@example.org", now)
                wanted = subscribers.subscribe(connection, who.number, "/", "F", Rhythm.DAILY, now)
                subscribers.confirm(connection, wanted.number, now)
                mail = Message(who.number, who.address, _EDITIONS[0], "12 papers", text, html)
                message.queue(connection, mail, killing.WRITER, now)
                size = size or len(message.build(mail, killing.WRITER, b"", now).message)
    return size


async def _send(store: Store, to: Relay, signer: Signer) -> int:
    sender = Sender(
        store,
        lambda: relay.connect(to),
        to.name,
        lambda number: f"bounces+{number}@papers.example",
        signer=signer,
        options=Options(),
    )
    tally = await sender.send_due()
    sender.close()
    return tally.sent


@contextmanager
def _database(engine: str, server: str | None, folder: Path) -> Iterator[str]:
    """The address of an empty database."""
    if engine == "sqlite" or server is None:
        yield sqlite_url(folder / "store.sqlite3")
        return
    name = f"broadsheet_bench_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"create database {name}")
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            admin.execute(f"drop database {name} with (force)")


if __name__ == "__main__":
    main()
