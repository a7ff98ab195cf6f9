"""The age of a paper.

    score = - age in days

Nothing else counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from broadsheet.records import Paper, Reason, Standing
from broadsheet.views.orders.common import Tuning, age

NAME = "new"
SENTENCE = "Newest first."


def parts(
    papers: Sequence[Paper], standings: Sequence[Standing], now: datetime, _tuning: Tuning
) -> list[tuple[Reason, ...]]:
    """The parts of each paper's score."""
    found: list[tuple[Reason, ...]] = []
    for paper, standing in zip(papers, standings, strict=True):
        days = age(paper, standing, now)
        found.append((Reason("age", f"{days:.1f} days old", -days),))
    return found


def notes(_standings: Sequence[Standing], _tuning: Tuning) -> tuple[str, ...]:
    """Nothing needs saying."""
    return ()
