"""Workers of the daily run as processes of their own, which a test may kill at any moment.

    python -m standin.worker --arxiv http://127.0.0.1:8499 --database sqlite:///b.sqlite3

runs one until its standard input closes; its clock is the stand-in's. With `--forking` it runs one
for each line it reads, forked from a process that has loaded everything, and tells of each: `start`
gives its number, `wait NUMBER` its exit status once it has ended (as `subprocess` has it: -9 where
it was killed). All of them end with the standard input.
"""

from __future__ import annotations

import argparse
import http.client
import os
import sys
import threading
import traceback
from datetime import datetime
from json import loads
from urllib.parse import urlsplit

from broadsheet.intake.arxiv.source import Addresses, Arxiv
from broadsheet.intake.fetching import Fetcher, Stopped
from broadsheet.intake.harvest import Harvester
from broadsheet.store.engine import open_store
from intake.daily import unsynced

# Between two looks at what is due.
_SHORT = 0.05


class _Clock:
    """What the stand-in's clock shows."""

    def __init__(self, address: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)

    def __call__(self) -> datetime:
        self._connection.request("GET", "/_control")
        with self._connection.getresponse() as answer:
            return datetime.fromisoformat(loads(answer.read())["now"])


def work(chosen: argparse.Namespace, stop: threading.Event) -> None:
    """Asks what is due, again and again, until `stop`."""
    # Killed is the process, not the machine.
    store = unsynced(open_store(chosen.database, migrate=False))
    # The stand-in sees who asked.
    contact = f"worker-{os.getpid()}@example.org"
    fetcher = Fetcher(store, contact, patience=chosen.patience, stop=stop)
    askers = {"arxiv": Arxiv(fetcher, Addresses.at(chosen.arxiv), chosen.pause)}
    harvester = Harvester(
        store, askers, fetcher.holder, clock=_Clock(chosen.arxiv), lease=chosen.lease
    )
    while not stop.is_set():
        try:
            harvester.once()
        except Stopped:
            break
        stop.wait(_SHORT)
    fetcher.close()
    store.close()


def work_until_closed(chosen: argparse.Namespace, descriptor: int) -> None:
    """Works until nothing more can be read from a descriptor."""
    stop = threading.Event()

    def listen() -> None:
        while os.read(descriptor, 4096):
            pass
        stop.set()

    threading.Thread(target=listen, daemon=True).start()
    work(chosen, stop)


def serve(chosen: argparse.Namespace) -> None:
    """Forks a worker for each line that asks for one."""
    ours, theirs = os.pipe()
    workers: set[int] = set()
    for line in sys.stdin:
        command, _, number = line.strip().partition(" ")
        if command == "start":
            pid = os.fork()
            if pid == 0:
                os.close(theirs)
                _forked(chosen, ours)
            workers.add(pid)
            _say(pid)
        else:
            _say(_ended(int(number)))
            workers.remove(int(number))
    os.close(theirs)
    for pid in workers:
        _ended(pid)


def _forked(chosen: argparse.Namespace, descriptor: int) -> None:
    """A worker's whole life; what goes wrong in it is told, and is its exit status."""
    status = 1
    try:
        work_until_closed(chosen, descriptor)
        status = 0
    except BaseException:  # noqa: BLE001 - nothing of the parent may run on in here
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def _ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _say(number: int) -> None:
    sys.stdout.write(f"{number}\n")
    sys.stdout.flush()


def main() -> None:
    """Runs a worker, or as many as are asked for."""
    parser = argparse.ArgumentParser(prog="python -m standin.worker", description=main.__doc__)
    parser.add_argument("--arxiv", required=True, help="where the stand-in is")
    parser.add_argument("--database", required=True, help="the address of a migrated database")
    parser.add_argument("--pause", type=float, default=0.005, help="seconds between requests")
    parser.add_argument("--patience", type=float, default=0.5, help="seconds for an answer")
    parser.add_argument("--lease", type=float, default=1.0, help="seconds a source is held for")
    parser.add_argument("--forking", action="store_true", help="fork a worker for each line read")
    chosen = parser.parse_args()
    if chosen.forking:
        serve(chosen)
    else:
        work_until_closed(chosen, sys.stdin.fileno())


if __name__ == "__main__":
    main()
