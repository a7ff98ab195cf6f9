"""Several processes that send by one relay: together they keep its limits."""

from __future__ import annotations

import multiprocessing
import time
from dataclasses import replace
from pathlib import Path

import pytest

from broadsheet.store.engine import Store

from . import killing

MESSAGES = 60
# Low, so that twice the rate is told from it although processes take a second or two to start.
RATE = 7.0
_fresh = multiprocessing.get_context("forkserver")
_fresh.set_forkserver_preload([killing.__name__])


def send(
    store: Store, url: str, folder: Path, *, workers: int, connections: int, rate: float
) -> tuple[float, int]:
    """Sends all there is with so many processes; the seconds it took, and how many connections the
    relay had at once at most.
    """
    options = replace(killing.OPTIONS, connections=connections, rate=rate)
    with killing.sink(folder, 0.01) as (port, taken):
        begun = time.monotonic()
        crew = [
            _fresh.Process(target=killing.work, args=(url, port, options)) for _ in range(workers)
        ]
        for one in crew:
            one.start()
        for one in crew:
            one.join(120)
            assert one.exitcode == 0
        seconds = time.monotonic() - begun
        lines = taken.read_text().splitlines()
    assert len(lines) == len(set(lines)) == MESSAGES
    return seconds, int((folder / "most").read_text())


@pytest.mark.parametrize("connections", [1, 3])
def test_two_have_no_more_connections_than_one_may_have(
    store: Store, store_url: str, tmp_path: Path, connections: int
) -> None:
    killing.fill(store, MESSAGES, ["daily:2026-11-21"])
    _, most = send(store, store_url, tmp_path, workers=2, connections=connections, rate=0)
    assert most <= connections


def test_two_send_no_more_a_second_than_one_may(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    killing.fill(store, MESSAGES, ["daily:2026-11-21"])
    seconds, _ = send(store, store_url, tmp_path, workers=2, connections=4, rate=RATE)
    # From the first slot to the last: however slow the machine is, it cannot be less.
    assert seconds >= (MESSAGES - 1) / RATE
