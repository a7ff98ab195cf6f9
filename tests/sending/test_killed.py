"""Senders killed at any moment (SIGKILL): nothing is lost, and what was in doubt is known."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

from broadsheet.store.engine import Store

from . import killing

READERS = 250
EDITIONS = ("daily:2026-11-20", "daily:2026-11-21")
KILLS = 20
JUMPS = tuple(timedelta(hours=hours) for hours in (1, -1, -48, 0))


def test_two_senders_of_whom_one_is_killed_again_and_again_while_clocks_jump(
    store: Store, store_url: str, tmp_path: Path
) -> None:
    killing.fill(store, READERS, EDITIONS)
    after = killing.live(
        store,
        store_url,
        tmp_path,
        workers=2,
        kills=KILLS,
        chance=random.Random(7),
        into=killing.into_sink(tmp_path, answer_after=0.002),
        jumps=JUMPS,
        presses=1,
    )
    assert (after.kills, after.jumps, after.presses) == (KILLS, len(JUMPS), 1)
    # Everybody has every edition.
    everything = {
        (f"r{number}@example.org", edition.replace(":", "-"))
        for number in range(READERS)
        for edition in EDITIONS
    }
    assert set(after.taken) == everything
    # Twice only what nobody could know of, under one name; and of one kill one message at most, of
    # one jump one of each sender, which another takes for dead.
    assert max(after.taken.values()) <= 2
    assert after.names == len(everything)
    assert after.twice <= after.undecided <= KILLS + 4 * len(JUMPS)
    assert after.states["sent"] + after.states["failed"] == len(everything)
