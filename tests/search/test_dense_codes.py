"""Large segments are compared whole, by their codes, and find what a full comparison finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from broadsheet.search.dense import DenseIndex, Facets, Filter, building
from broadsheet.search.dense.codes import Codes, coded
from broadsheet.search.lexical import Damaged, State

WIDTH = 128
COUNT = 6000
Floats = NDArray[np.float32]


@pytest.fixture
def vectors() -> Floats:
    """Unit vectors, some alike: around three hundred directions."""
    chance = np.random.default_rng(5)
    middles = chance.standard_normal((300, WIDTH))
    found = middles[chance.integers(300, size=COUNT)] + 0.7 * chance.standard_normal((COUNT, WIDTH))
    unit: Floats = (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)
    return unit


@pytest.fixture
def index(tmp_path: Path, vectors: Floats, monkeypatch: pytest.MonkeyPatch) -> DenseIndex:
    """An index of one segment that has codes."""
    monkeypatch.setattr(building, "FEWEST", 1000)
    made = DenseIndex.create(tmp_path / "dense", "m", WIDTH)
    facets = [Facets(0, 0, ("cat:odd",) if n % 2 else ("cat:even",)) for n in range(COUNT)]
    made.add(range(1, COUNT + 1), vectors, facets)
    made.commit(State(COUNT, 1, 1))
    assert all(segment.codes is not None for segment in made.opened())
    return made


def queries(vectors: Floats) -> Floats:
    chance = np.random.default_rng(7)
    near = vectors[chance.integers(COUNT, size=60)]
    return near + 0.05 * chance.standard_normal(near.shape).astype(np.float32)


def test_nearly_all_of_the_ten_nearest_are_found(index: DenseIndex, vectors: Floats) -> None:
    shares = []
    for query in queries(vectors):
        found, scores = index.search(query, 10)
        exact, best = index.exact(query, 10)
        shares.append(len(np.intersect1d(found, exact)) / 10)
        assert found[0] == exact[0]
        assert scores[0] == best[0]
    assert np.mean(shares) >= 0.98


def test_the_same_query_has_the_same_answer_twice_and_after_opening_anew(
    index: DenseIndex, vectors: Floats
) -> None:
    again = DenseIndex(index.folder)
    for query in queries(vectors)[:10]:
        numbers, scores = index.search(query, 50)
        for other in (index, again):
            others, their = other.search(query, 50)
            np.testing.assert_array_equal(others, numbers)
            np.testing.assert_array_equal(their, scores)


def test_what_is_removed_is_found_no_more_and_what_comes_is(
    index: DenseIndex, vectors: Floats
) -> None:
    query = vectors[17]
    assert index.search(query, 1)[0].tolist() == [18]
    index.remove([18])
    index.add([COUNT + 1], query[None], [Facets(0, 0, ())])
    index.commit(State(COUNT + 1, 1, 1))
    found = index.search(query, 300)[0].tolist()
    assert found[0] == COUNT + 1
    assert 18 not in found


def test_a_filter_holds_beside_codes(index: DenseIndex, vectors: Floats) -> None:
    odd = Filter(terms=(("cat:odd", False),))
    for query in queries(vectors)[:10]:
        found = index.search(query, 20, odd)[0]
        assert len(found) == 20
        assert not (found % 2).any()


def test_codes_that_do_not_fit_are_damage(vectors: Floats) -> None:
    codebook, codes = coded(COUNT, WIDTH, lambda places: vectors[places])
    with pytest.raises(ValueError, match="do not fit"):
        Codes(WIDTH, codebook, codes[:-64], COUNT)
    with pytest.raises(ValueError, match="do not fit"):
        Codes(WIDTH, codebook[:-1], codes, COUNT)


def test_a_segment_whose_codes_are_cut_counts_as_damaged(
    index: DenseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(*_: object) -> None:
        raise ValueError("codes and codebook do not fit each other")

    monkeypatch.setattr("broadsheet.search.dense.segment.Codes", cut)
    with pytest.raises(Damaged):
        DenseIndex(index.folder)
