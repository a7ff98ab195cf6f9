"""The votes of a paper and nothing else.

    score = v

- v: what its votes weigh together (see there).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from broadsheet.records import Paper, Reason, Standing
from broadsheet.views.orders.common import Tuning, votes_of

NAME = "votes"
SENTENCE = "Most votes first, each vote as much as it weighs; then newest."


def parts(
    papers: Sequence[Paper], standings: Sequence[Standing], _now: datetime, _tuning: Tuning
) -> list[tuple[Reason, ...]]:
    """The parts of each paper's score."""
    return [
        (Reason("votes", votes_said(standing), votes_of(standing)),)
        for _, standing in zip(papers, standings, strict=True)
    ]


def votes_said(standing: Standing) -> str:
    """The votes in words."""
    said = f"{standing.votes:,} vote{'' if standing.votes == 1 else 's'}"
    return said if standing.weight is None else f"{said}, weighing {votes_of(standing):.1f}"


def notes(standings: Sequence[Standing], _tuning: Tuning) -> tuple[str, ...]:
    """Says so where nobody has voted."""
    if any(votes_of(standing) for standing in standings):
        return ()
    return ("Nobody has voted here yet; the newest papers stand first.",)
