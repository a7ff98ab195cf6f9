"""How good a ranking is, by the conventions of trec_eval, which BEIR's figures follow.

- nDCG@10: the sum of grade / log2(rank + 1) over the first ten papers (the gain is the grade
  itself, not 2^grade - 1), divided by the same sum of the best list the judgements allow.
- recall@k: the share of the relevant papers (grade above 0) among the first k.
- mrr: 1 / rank of the first relevant paper, 0 where none is among the first 100.

A paper without a judgement counts as not relevant. Intervals are percentiles of the mean over
queries drawn anew with replacement; two systems are compared query by query, so that what makes
a query hard for both cancels out (Sakai, Evaluating evaluation metrics based on the bootstrap,
SIGIR 2006).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

# How much of a ranking the measures look at.
DEPTH = 100
MEASURES = ("ndcg@10", "recall@5", "recall@20", "recall@100", "mrr")
_DRAWS = 1000
_ENDS = (2.5, 97.5)

Numbers = NDArray[np.float64]


def ndcg(ranked: Sequence[str], gains: Mapping[str, int], depth: int = 10) -> float:
    """The nDCG of the first `depth` papers, 0 to 1; 0 where no paper is relevant."""
    found = _discounted([gains.get(id_, 0) for id_ in ranked[:depth]])
    best = _discounted(sorted(gains.values(), reverse=True)[:depth])
    return found / best if best else 0.0


def recall(ranked: Sequence[str], gains: Mapping[str, int], depth: int) -> float:
    """The share of the relevant papers among the first `depth`; 0 where no paper is relevant."""
    relevant = sum(gain > 0 for gain in gains.values())
    found = sum(gains.get(id_, 0) > 0 for id_ in ranked[:depth])
    return found / relevant if relevant else 0.0


def reciprocal_rank(ranked: Sequence[str], gains: Mapping[str, int], depth: int = DEPTH) -> float:
    """1 / rank of the first relevant paper among the first `depth`, or 0."""
    for rank, id_ in enumerate(ranked[:depth], 1):
        if gains.get(id_, 0) > 0:
            return 1 / rank
    return 0.0


def measured(ranked: Sequence[str], gains: Mapping[str, int]) -> tuple[float, ...]:
    """Every measure of one ranking, in the order of MEASURES."""
    return (
        ndcg(ranked, gains),
        recall(ranked, gains, 5),
        recall(ranked, gains, 20),
        recall(ranked, gains, 100),
        reciprocal_rank(ranked, gains),
    )


def interval(values: Numbers, seed: int) -> tuple[float, float]:
    """The bootstrap 95 % interval of the mean of one value a query, shape (queries,).

    One seed gives the same draws to every list of one length.
    """
    if not values.size:
        return 0.0, 0.0
    draw = np.random.default_rng(seed)
    # A draw at a time: all of them at once is a matrix that a large collection makes too big.
    means = [values[draw.integers(values.size, size=values.size)].mean() for _ in range(_DRAWS)]
    low, high = np.percentile(means, _ENDS)
    return float(low), float(high)


def _discounted(gains: Sequence[int]) -> float:
    # A grade below zero (TREC's mark of spam) gains nothing, as in trec_eval.
    return sum(max(gain, 0) / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))
