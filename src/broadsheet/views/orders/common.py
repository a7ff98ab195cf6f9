"""What the orders share: how old a paper is, and what a reader can set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

import numpy as np
from numpy.typing import NDArray

from broadsheet.learning import prior
from broadsheet.records import Paper, Standing

# Papers whose day is not known are taken to be this old, in days, and no paper counts as older.
OLDEST = 3650.0

PriorScores = Callable[[Sequence[Paper]], NDArray[np.float64]]


def built_in_prior(papers: Sequence[Paper]) -> NDArray[np.float64]:
    """The log-odds of the prior that comes with Broadsheet, shape (len(papers),)."""
    return prior.load().scores(papers)


@dataclass(frozen=True, slots=True)
class Tuning:
    """What a reader can set: `prior`, from 0 (off) to 1, how much the prior counts in trending.

    `scores` gives the prior's log-odds; whoever keeps them by (number, change) puts theirs here.
    """

    prior: float = 0.5
    scores: PriorScores = built_in_prior


def votes_of(standing: Standing) -> float:
    """What the votes of a paper weigh; their number where they were not weighed."""
    weighed = standing.votes if standing.weight is None else standing.weight
    return max(float(weighed), 0.0)


def age(paper: Paper, standing: Standing, now: datetime) -> float:
    """Days since the paper came to be seen, else since its day began (UTC); never below 0."""
    since = standing.first_seen
    if since is None:
        day = paper.day or paper.published
        if day is None:
            return OLDEST
        since = datetime.combine(day, time(), UTC)
    return min(max((now - since) / timedelta(days=1), 0.0), OLDEST)
