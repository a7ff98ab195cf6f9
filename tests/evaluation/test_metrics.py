"""The measures, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.evaluation.metrics import interval, measured, ndcg, recall, reciprocal_rank

GAINS = {"a": 3, "b": 1, "c": 0, "d": 2}
# 1 / log2(rank + 1) for the ranks 1, 2, 3, 4, to eight digits.
D1, D2, D3, D4 = 1.0, 0.63092975, 0.5, 0.43067656


def test_ndcg_sums_grades_by_rank_over_the_best_order() -> None:
    found = 0 * D1 + 3 * D2 + 0 * D3 + 1 * D4  # c, a, a paper nobody judged, b
    best = 3 * D1 + 2 * D2 + 1 * D3
    assert ndcg(["c", "a", "x", "b"], GAINS) == pytest.approx(found / best)
    assert found / best == pytest.approx(0.48793, abs=1e-5)


def test_ndcg_looks_at_the_first_ten_alone() -> None:
    others = [f"x{i}" for i in range(9)]
    tenth = 1 / 3.45943162  # log2(11)
    assert ndcg([*others, "a"], {"a": 1}) == pytest.approx(tenth)
    assert ndcg([*others, "x9", "a"], {"a": 1}) == 0


def test_ndcg_of_more_relevant_papers_than_ten_can_be_one() -> None:
    gains = {f"p{i}": 1 for i in range(25)}
    assert ndcg(list(gains), gains) == pytest.approx(1)


def test_a_grade_below_zero_gains_nothing() -> None:
    assert ndcg(["spam", "a"], {"spam": -2, "a": 1}) == pytest.approx(D2)


def test_recall_is_the_share_of_the_relevant() -> None:
    ranked = ["a", "x", "c", "d", "y", "b"]
    assert recall(ranked, GAINS, 1) == pytest.approx(1 / 3)
    assert recall(ranked, GAINS, 5) == pytest.approx(2 / 3)
    assert recall(ranked, GAINS, 6) == 1


def test_reciprocal_rank_is_that_of_the_first_relevant() -> None:
    assert reciprocal_rank(["x", "c", "b", "a"], GAINS) == pytest.approx(1 / 3)
    assert reciprocal_rank(["x", "c"], GAINS) == 0
    hundred = [f"x{i}" for i in range(99)]
    assert reciprocal_rank([*hundred, "a"], GAINS) == pytest.approx(0.01)
    assert reciprocal_rank([*hundred, "x99", "a"], GAINS) == 0


def test_nothing_found_is_nothing_everywhere() -> None:
    assert measured([], GAINS) == (0, 0, 0, 0, 0)
    assert measured(["a"], {}) == (0, 0, 0, 0, 0)


def test_the_interval_holds_the_mean_and_is_the_same_again() -> None:
    values = np.array([0.0] * 50 + [1.0] * 50)
    low, high = interval(values, seed=3)
    # 1.96 standard errors of a fair coin thrown a hundred times.
    assert low == pytest.approx(0.5 - 0.098, abs=0.02)
    assert high == pytest.approx(0.5 + 0.098, abs=0.02)
    assert interval(values, seed=3) == (low, high)
    assert interval(values, seed=4) != (low, high)


def test_the_interval_of_equals_has_no_width() -> None:
    assert interval(np.full(7, 0.25), seed=0) == (0.25, 0.25)
    assert interval(np.zeros(0), seed=0) == (0.0, 0.0)


PROPERTY = settings(derandomize=True, max_examples=200, deadline=None)

gains_of = st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 3), min_size=1).filter(
    lambda gains: max(gains.values()) > 0
)


@PROPERTY
@given(gains_of)
def test_a_perfect_ranking_gets_one_everywhere(gains: dict[str, int]) -> None:
    ranked = sorted(gains, key=lambda id_: -gains[id_])
    found = measured(ranked, gains)
    assert found[0] == pytest.approx(1)
    assert found[4] == 1
    if sum(gain > 0 for gain in gains.values()) <= 5:
        assert found[1:4] == (1, 1, 1)


@PROPERTY
@given(gains_of, st.randoms())
def test_no_ranking_beats_the_perfect_one(gains: dict[str, int], chance: object) -> None:
    ranked = [*gains, "nobody judged this"]
    chance.shuffle(ranked)  # type: ignore[attr-defined]
    for value in measured(ranked, gains):
        assert 0 <= value <= 1 + 1e-12


@PROPERTY
@given(gains_of, st.randoms())
def test_papers_of_one_grade_may_change_places(gains: dict[str, int], chance: object) -> None:
    ranked = sorted(gains, key=lambda id_: -gains[id_])
    shuffled = list(gains)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    shuffled.sort(key=lambda id_: -gains[id_])
    assert measured(shuffled, gains) == pytest.approx(measured(ranked, gains))


@PROPERTY
@given(gains_of)
def test_moving_a_relevant_paper_up_never_harms(gains: dict[str, int]) -> None:
    best = max(gains, key=lambda id_: gains[id_])
    others = [id_ for id_ in gains if id_ != best]
    late, early = measured([*others, best], gains), measured([best, *others], gains)
    assert all(up >= down - 1e-12 for up, down in zip(early, late, strict=True))
