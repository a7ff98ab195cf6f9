"""What each vote weighs, so that accounts that act together count as the few they are.

Only who voted for what, and when, is known.

    weight = experience / ((1 + ALIKE · Σ max(s - FLOOR, 0)²) · (1 + b / BURST))

- experience = (d + 1) / (d + NEWNESS), d the earlier days on which the account voted: the first
  vote weighs 1 / NEWNESS, and weights grow toward 1 with the days;
- s, for each account that voted for the paper before: how alike the two accounts' earlier votes
  for other papers are, from 0 to 1: the cosine of their last HISTORY votes and one vote for
  nothing, which all accounts have. So accounts without a history are alike, and stop being so as
  they get one; FLOOR is as alike as strangers may be;
- b: the votes the paper had in the ten minutes before.

A weight depends on earlier votes only: it is fixed when the vote is cast, and a further vote
takes nothing from the paper it is for. Over the voters of a paper this is an effective number of
independent votes: many alike votes grow as a logarithm, many unlike ones as their number. The
idea of pairwise discounts is that of "Beyond Collusion Resistance: Leveraging Social Information
for Plural Funding and Voting" (Miller, Weyl, Erichsen 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.records import Vote

# How strongly accounts that vote alike are discounted, and how alike costs nothing.
ALIKE = 100.0
FLOOR = 0.06
# One over the weight of an account's first vote.
NEWNESS = 5.0
# So many votes within the ten minutes before halve a vote.
BURST = 3.0
BURST_SPAN = timedelta(minutes=10)
# The latest votes of an account that are compared.
HISTORY = 40
# Earlier voters of a paper that a vote is compared with; of more, every second, fourth and so on.
PANEL = 100

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_DAY = 86_400.0
# Votes compared at once, which bounds memory.
_BLOCK = 20_000


def vote_weights(votes: Sequence[Vote]) -> Floats:
    """The weight of each vote, from 0 to 1, shape (len(votes),).

    The order in which votes are given does not matter; those of one moment are taken in the
    order of voter and paper. A vote given twice weighs the second time nothing.
    """
    if not votes:
        return np.zeros(0)
    at = np.array([vote.at.timestamp() for vote in votes])
    _, voter = np.unique(np.array([vote.voter for vote in votes], np.int64), return_inverse=True)
    _, paper = np.unique(np.array([vote.paper for vote in votes], np.int64), return_inverse=True)
    order = np.lexsort((paper, voter, at))
    at, voter, paper = at[order], voter[order], paper[order]
    pair = voter * (int(paper.max()) + 1) + paper
    _, first = np.unique(pair, return_index=True)
    once = np.sort(first)
    weights = np.zeros(len(votes))
    weights[order[once]] = _weights(at[once], voter[once], paper[once])
    return weights


def _weights(at: Floats, voter: Ints, paper: Ints) -> Floats:
    """The weights of votes in order of time, no vote given twice."""
    days = _earlier_days(at, voter)
    experience = (days + 1) / (days + NEWNESS)
    alike = _alikeness(voter, paper)
    burst = _recent(at, paper)
    return experience / ((1 + ALIKE * alike) * (1 + burst / BURST))


def _earlier_days(at: Floats, voter: Ints) -> Ints:
    """For each vote, on how many earlier days (UTC) its account voted."""
    day = np.floor(at / _DAY).astype(np.int64)
    order = np.lexsort((np.arange(len(at)), voter))
    of, when = voter[order], day[order]
    begins = np.concatenate([[True], of[1:] != of[:-1]])
    new_day = begins | np.concatenate([[True], when[1:] != when[:-1]])
    count = np.cumsum(new_day)
    start = np.maximum.accumulate(np.where(begins, count, 0))
    found = np.empty(len(at), np.int64)
    found[order] = count - start
    return found


def _recent(at: Floats, paper: Ints) -> Ints:
    """For each vote, how many its paper had in BURST_SPAN before it."""
    order = np.lexsort((np.arange(len(at)), paper))
    of, when = paper[order], at[order]
    # Papers one after the other on one axis of time, further apart than the span.
    apart = when - when.min() + of * (float(np.ptp(when)) + 2 * BURST_SPAN.total_seconds())
    earliest = np.searchsorted(apart, apart - BURST_SPAN.total_seconds(), side="left")
    found = np.empty(len(at), np.int64)
    found[order] = np.arange(len(at)) - earliest
    return found


def _alikeness(voter: Ints, paper: Ints) -> Floats:
    """For each vote, the sum over those who voted for its paper before of how alike they are."""
    count, papers = len(voter), int(paper.max()) + 1
    # The votes by account, in order of time: a vote's history is what stands before it.
    by_voter = np.lexsort((np.arange(count), voter))
    place = np.empty(count, np.int64)
    place[by_voter] = np.arange(count)
    begin = np.maximum(np.searchsorted(voter[by_voter], voter), place - HISTORY)
    history = paper[by_voter]
    by_paper = np.lexsort((np.arange(count), paper))
    begins = np.searchsorted(paper[by_paper], np.arange(papers + 1))
    found = np.zeros(count)
    low = 0
    while low < papers:
        high = int(np.searchsorted(begins, begins[low] + _BLOCK, side="right")) - 1
        high = max(high, low + 1)
        block = by_paper[begins[low] : begins[high]]
        found[block] = _sums(
            _vectors(paper[block], history, begin[block], place[block]), paper[block]
        )
        low = high
    return found


def _vectors(paper: Ints, history: Ints, begin: Ints, end: Ints) -> Any:
    """A sparse row of unit length for each vote of a block: `history[begin:end]` and nothing.

    Every voted paper has columns of its own, so that only its own votes are compared; the first
    of them is the vote for nothing.
    """
    from scipy.sparse import csr_matrix

    count, sizes = len(paper), end - begin
    ends = np.cumsum(sizes)
    within = np.arange(int(ends[-1])) - np.repeat(ends - sizes, sizes)
    columns = history[np.repeat(begin, sizes) + within]
    row = np.repeat(np.arange(count), sizes)
    width = int(history.max()) + 2
    keys = np.concatenate([paper * width, paper[row] * width + columns + 1])
    # Columns in use only: there are many fewer than papers times papers.
    _, packed = np.unique(keys, return_inverse=True)
    rows = np.concatenate([np.arange(count), row])
    data = (1 / np.sqrt(sizes + 1.0))[rows]
    return csr_matrix((data, (rows, packed)), shape=(count, int(packed.max()) + 1))


def _sums(vectors: Any, paper: Ints) -> Floats:
    """The sums of squared products of each row with the rows of its paper that stand before it."""
    count = len(paper)
    begins = np.searchsorted(paper, paper)
    rank = np.arange(count) - begins
    step = _step(rank)
    heard = np.flatnonzero(rank % _step(rank + 1) == 0)
    found = (vectors @ vectors[heard].T).tocoo()
    row, other = found.row, heard[found.col]
    earlier = (other < row) & (paper[other] == paper[row]) & (rank[other] % step[row] == 0)
    squares = np.maximum(found.data[earlier] - FLOOR, 0) ** 2 * step[row[earlier]]
    return np.asarray(np.bincount(row[earlier], squares, minlength=count), np.float64)


def _step(before: Ints) -> Ints:
    """Which of the earlier voters stand for all, by how many there are: every one up to PANEL,
    every second up to twice as many, every fourth, and so on. Later votes do not change it.
    """
    doublings = np.ceil(np.log2(np.maximum(before / PANEL, 1)))
    return np.asarray(2**doublings, np.int64)
