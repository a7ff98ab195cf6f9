"""A weekend on which clocks are changed: nothing is lost, and nothing comes twice unknown."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from broadsheet.store.engine import Store

from . import weekend
from .weekend import BACK, FORWARD, HOUR, JUMPS, Weekend

READERS = 100
KILLS = 8


@pytest.mark.slow
@pytest.mark.parametrize("change", [FORWARD, BACK], ids=["forward", "back"])
def test_each_reader_gets_the_editions_of_their_own_clock_once(
    store: Store, store_url: str, tmp_path: Path, change: datetime
) -> None:
    after = weekend.live(
        store,
        store_url,
        tmp_path,
        Weekend.around(change, 5 * HOUR, timedelta(hours=24)),
        readers=READERS,
        kills=KILLS,
        presses=2,
        chance=random.Random(change.month),
        moody=3,
    )
    assert after.kills >= KILLS
    assert (after.jumps, after.presses) == (len(JUMPS), 2)
    assert after.unwanted == set()
    # Nobody lacks an edition but who was in doubt twice, and that is written down.
    assert after.lost <= after.given_up
    # Twice comes only what was in doubt.
    assert after.unexplained == set()
    assert max(after.taken.values()) <= 2
    assert after.names == len(after.taken)
    cut = sum(count for mood, count in after.moods.items() if "dot" in mood)
    # Of one kill one message at most, of one jump one of each sender, which another takes for dead.
    assert after.twice <= after.undecided <= after.kills + 4 * after.jumps + cut
    # Who has no mailbox is asked for once.
    assert after.refused <= READERS // 25 + after.kills
    assert after.moods["greylisted"]
