"""The page for me: interests mixed by the shares a reader set, each place explained.

A paper's score is a sum: its log-odds for the interest it was chosen for, what others say of it
times the weight the reader gives that, and, taken away, how near it is to a paper above it on the
page.

    score = log-odds + others · what others say - LESS · max(0, nearness - NEAR)

Which interest chooses the next place follows the shares alone, so that each has its share of
any beginning of the page to within one place, and a loud interest cannot crowd out a quiet one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

# The section of what no interest chose.
BEYOND = -1
# A paper nearer than this in meaning (cosine) to one above it loses so many log-odds for each whole
# step of nearness beyond: the diversity of maximal marginal relevance (Carbonell and Goldstein,
# 1998), in the units of the score.
NEAR = 0.55
LESS = 6.0
# A paper this far below an interest's bar (log-odds) is not shown for it, however empty the page.
REACH = 3.0
_ROUNDING = 1e-9
# Only so many of an interest's best papers are looked at for a page.
_DEPTH = 400


@dataclass(frozen=True, slots=True)
class Mix:
    """How a reader wants the page mixed, each from 0 to 1: how much what others say counts, and
    the part of the places given to papers beyond the reader's interests.
    """

    others: float = 0.3
    exploration: float = 0.1


@dataclass(frozen=True, slots=True)
class Placed:
    """A paper's place: its row, the interest that chose it (`BEYOND`: none), and the parts of its
    score. `like` is the row of the paper above that it is nearest to, where that cost it something.
    """

    row: int
    section: int
    own: float
    others: float
    sameness: float
    like: int | None = None

    @property
    def score(self) -> float:
        """The sum that placed it within its section."""
        return self.own + self.others + self.sameness


def mix(
    scores: Numbers,
    bars: Sequence[float],
    shares: Sequence[float],
    others: Numbers,
    vectors: NDArray[np.float32],
    wanted: Mix,
    length: int,
) -> list[Placed]:
    """The best `length` places for a reader.

    `scores` (interests, n) are log-odds, `bars` (interests,) where each begins; `others` (n,) is
    what others say of each paper, `vectors` (n, width) unit rows or none of width 0. A paper is
    chosen once, by the interest that wants it most; an interest that has no more papers within
    `REACH` of its bar leaves its places to the others.
    """
    owner, own, voice = _owned(scores, bars, others, wanted)
    candidates = {
        section: _best(np.flatnonzero(owner == section), own + voice)
        for section in (*range(len(bars)), BEYOND)
    }
    explored = max(0.0, min(1.0, wanted.exploration)) if len(bars) else 1.0
    total = sum(shares) or 1.0
    order = [*range(len(bars)), BEYOND]
    weights = [share / total * (1 - explored) for share in shares] + [explored]
    return _placed(order, weights, candidates, own, voice, vectors, length)


def longest(scores: Numbers, bars: Sequence[float], wanted: Mix) -> int:
    """About how many places `mix` could fill."""
    if not len(bars) or wanted.exploration >= 1:
        return int(scores.shape[1])
    above = scores - np.asarray(bars, np.float64)[:, None]
    reached = int((above.max(axis=0) >= -REACH).sum())
    return min(int(scores.shape[1]), int(reached / (1 - max(0.0, wanted.exploration))))


def ranked(scores: Numbers, bars: Sequence[float], others: Numbers, wanted: Mix) -> list[Placed]:
    """All papers of a list that is complete anyway, as an edition is: those that an interest wants
    by score, then the others by what others say; equals as they came. Shares do not count here.
    """
    owner, own, voice = _owned(scores, bars, others, wanted)
    order = np.lexsort((-(own + voice), owner == BEYOND))
    return [
        Placed(row, int(owner[row]), float(own[row]), float(voice[row]), 0.0)
        for row in order.tolist()
    ]


def _owned(
    scores: Numbers, bars: Sequence[float], others: Numbers, wanted: Mix
) -> tuple[NDArray[np.int64], Numbers, Numbers]:
    """The interest that each paper goes to, its score there, and what others add, (n,) each."""
    n = len(others)
    voice = wanted.others * others
    if not len(bars):
        return np.full(n, BEYOND), np.zeros(n), voice
    above = scores - np.asarray(bars, np.float64)[:, None]
    best = above.argmax(axis=0)
    owner = np.where(above.max(axis=0) >= -REACH, best, BEYOND)
    own = np.where(owner == BEYOND, 0.0, scores[best, np.arange(n)])
    return owner, own, voice


def _placed(
    order: list[int],
    weights: list[float],
    candidates: dict[int, NDArray[np.int64]],
    own: Numbers,
    voice: Numbers,
    vectors: NDArray[np.float32],
    length: int,
) -> list[Placed]:
    left = {section: rows.tolist() for section, rows in candidates.items()}
    nearest = np.full(len(own), -1.0)
    nearest_to = np.full(len(own), -1, np.int64)
    rows = np.unique(np.concatenate([*candidates.values(), np.zeros(0, np.int64)]))
    got = dict.fromkeys(order, 0)
    page: list[Placed] = []
    while len(page) < length:
        open_ = [
            (at, section) for at, section in enumerate(order) if left[section] and weights[at] > 0
        ]
        if not open_ or (open_ == [(len(order) - 1, BEYOND)] and any(weights[:-1])):
            break  # what is beyond the interests accompanies them, and is no page of its own
        # What an empty section leaves goes to the others by their shares.
        whole = sum(weights[at] for at, _ in open_)
        places = len(page) + 1
        # The quota method of Balinski and Young (1975): of those whose part of the page is not yet
        # full, the one whose next place is due first. Nobody is ever a whole place off.
        _, section = min(
            (
                (at, section)
                for at, section in open_
                if got[section] < weights[at] / whole * places - _ROUNDING
            ),
            key=lambda pair: ((got[pair[1]] + 1) / weights[pair[0]], pair[0]),
        )
        among = np.array(left[section])
        penalty = -LESS * np.maximum(0.0, nearest[among] - NEAR)
        row = int(among[np.argmax(own[among] + voice[among] + penalty)])
        lost = -LESS * max(0.0, float(nearest[row]) - NEAR)
        like = int(nearest_to[row]) if lost else None
        page.append(Placed(row, section, float(own[row]), float(voice[row]), lost, like))
        left[section].remove(row)
        got[section] += 1
        if vectors.shape[1]:
            near = vectors[rows] @ vectors[row]
            closer = near > nearest[rows]
            nearest_to[rows[closer]] = row
            nearest[rows] = np.maximum(nearest[rows], near)
    return page


def _best(rows: NDArray[np.int64], scores: Numbers) -> NDArray[np.int64]:
    """The best rows by score, equals by place, at most `_DEPTH`."""
    order = np.argsort(-scores[rows], kind="stable")
    return rows[order[:_DEPTH]]
