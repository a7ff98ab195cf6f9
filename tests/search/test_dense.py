"""The dense index does what a dictionary and a full comparison would, whatever happens to it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from broadsheet.search.dense import DenseIndex, Facets, Filter, building, index, looking
from broadsheet.search.lexical import Damaged, State

Floats = NDArray[np.float32]
WIDTH = 70
TERMS = ("cat:cs", "cat:cs.lg", "cat:math", "has:code", "rare:ß\n")


@dataclass
class Model:
    """What an index should hold, and a full comparison with all of it."""

    held: dict[int, tuple[Floats, Facets]] = field(default_factory=dict)
    state: State | None = None

    def passing(self, asked: Filter | None) -> list[int]:
        return [
            number for number, (_, facets) in self.held.items() if passes(number, facets, asked)
        ]

    def search(
        self, query: Floats, limit: int, asked: Filter | None
    ) -> list[tuple[int, np.float32]]:
        numbers = [number for number in self.passing(asked) if self.held[number][0].any()]
        if not numbers:
            return []
        scores = scores_of(np.stack([self.held[number][0] for number in numbers]), query)
        found = zip(numbers, scores, strict=True)
        return sorted(found, key=lambda one: (-one[1], one[0]))[:limit]

    def check(self, index: DenseIndex) -> None:
        """The index holds exactly this."""
        assert index.state() == self.state
        assert index.held() == len(self.held)
        numbers = sorted(self.held)
        kept = index.vectors(numbers)
        if numbers:
            given = np.stack([self.held[number][0] for number in numbers])
            lengths = np.linalg.norm(given, axis=1, keepdims=True)
            assert np.abs(kept - given / np.where(lengths, lengths, 1)).max() < 0.01
        for asked in (None, *(Filter(terms=((term, False),)) for term in TERMS)):
            found, _ = index.exact(np.ones(index.width, np.float32), len(numbers) + 1, asked)
            expected = self.search(np.ones(index.width, np.float32), len(numbers), asked)
            assert found.tolist() == [number for number, _ in expected]


def passes(number: int, facets: Facets, asked: Filter | None) -> bool:
    if asked is None:
        return True
    return (
        (asked.days is None or asked.days[0] <= facets.day <= asked.days[1])
        and all((a <= facets.year <= b) != negated for a, b, negated in asked.years)
        and all((term in facets.terms) != negated for term, negated in asked.terms)
        and (asked.among is None or number in asked.among)
        and (asked.without is None or number not in asked.without)
    )


def unit(vector: Floats) -> NDArray[np.float64]:
    """To unit length; zeros stay."""
    precise = vector.astype(np.float64)
    length = np.sqrt((precise**2).sum())
    return precise / length if length else precise


@cache
def rotation_of(width: int) -> NDArray[np.float64]:
    return building.rotation_of(width).astype(np.float64)


def scores_of(vectors: Floats, query: Floats) -> Floats:
    """The cosines of what is kept of vectors with a query."""
    rotation = rotation_of(len(query))
    turned = (vectors.astype(np.float64) @ rotation).astype(np.float32)
    asked = (unit(query) @ rotation).astype(np.float32).astype(np.float64)
    largest = np.abs(turned).max(axis=1, keepdims=True)
    rounded = np.rint(turned * (np.float32(127) / largest)).astype(np.float64)
    scales = (1 / np.sqrt((rounded**2).sum(axis=1))).astype(np.float32)
    scores: Floats = ((rounded * asked).sum(axis=1) * scales).astype(np.float32)
    return scores


def vectors_of(seed: int, count: int, width: int = WIDTH) -> Floats:
    """A few directions, so that many are equal, and some vectors without any."""
    chance = np.random.default_rng(seed)
    base = np.random.default_rng(0).standard_normal((12, width)).astype(np.float32)
    base[0] = 0
    noise = chance.standard_normal((count, width)).astype(np.float32)
    noisy = chance.random((count, 1)) < 0.5
    some: Floats = (base[chance.integers(0, 12, count)] + noisy * noise).astype(np.float32)
    return some


@pytest.fixture(autouse=True)
def _quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What survives a loss of power is not looked at here."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


Numbers = st.integers(0, 60) | st.integers(2**40, 2**40 + 3)
FACETS = st.builds(
    Facets,
    st.sampled_from([0, 0, 1, 735_000, 735_001, 735_400]),
    st.sampled_from([0, 1999, 2024, 2025]),
    st.lists(st.sampled_from(TERMS), max_size=4).map(tuple),
)
Filters = st.none() | st.builds(
    Filter,
    st.none() | st.sampled_from([(0, 0), (1, 800_000), (735_000, 735_001), (9, 5)]),
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2000, 2024]), st.sampled_from([0, 2024, 9999]), st.booleans()
        ),
        max_size=2,
    ).map(tuple),
    st.lists(st.tuples(st.sampled_from([*TERMS, "never"]), st.booleans()), max_size=2).map(tuple),
    st.none() | st.lists(Numbers, max_size=30).map(lambda some: np.array(some, np.int64)),
    st.none() | st.lists(Numbers, max_size=30).map(lambda some: np.array(some, np.int64)),
)
Doings = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.tuples(Numbers, FACETS), max_size=25)),
        st.tuples(st.just("remove"), st.lists(Numbers, max_size=10)),
        st.tuples(st.sampled_from(["commit", "commit", "merge", "reopen", "forget"]), st.none()),
    ),
    max_size=25,
)
Asking = st.lists(
    st.tuples(st.integers(0, 99), st.sampled_from([1, 3, 10, 1000]), Filters),
    min_size=1,
    max_size=6,
)


@pytest.fixture(params=["as it is", "many lists"])
def _sizes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is small here: `many lists` makes it go the ways of what is large."""
    monkeypatch.setattr(index, "_MERGED", 3)
    if request.param == "many lists":
        monkeypatch.setattr(building, "_ONE_LIST", 4)
        monkeypatch.setattr(index, "_SMALLEST", 8)
        monkeypatch.setattr(index, "_AT_ONCE", 20)
        monkeypatch.setattr(looking, "_FEW", 0)
        monkeypatch.setattr(looking, "_RESCORED", 0)
        monkeypatch.setattr(looking, "_FINELY", 0)
        monkeypatch.setattr(looking, "_FINELY_EACH", 10**6)
        monkeypatch.setattr(looking, "_RESCORED_EACH", 10**6)
        monkeypatch.setattr(looking, "_LOOKED_AT", 10**6)
        monkeypatch.setattr(looking, "_SCAN", 7)
        monkeypatch.setattr(building, "_CHUNK", 5)


def perform(index: DenseIndex, model: Model, doings: Sequence[tuple[str, object]]) -> DenseIndex:
    """Does the same to both, and compares them at each commit."""
    ahead = Model(dict(model.held), model.state)
    for turn, (what, said) in enumerate(doings):
        if what == "add" and isinstance(said, list):
            vectors = vectors_of(turn, len(said))
            index.add([number for number, _ in said], vectors, [facets for _, facets in said])
            for (number, facets), vector in zip(said, vectors, strict=True):
                ahead.held[number] = (vector, facets)
        elif what == "remove" and isinstance(said, list):
            index.remove(said)
            for number in said:
                ahead.held.pop(number, None)
        elif what == "commit":
            ahead.state = State(turn + 1, 7, 3)
            index.commit(ahead.state)
            model.held, model.state = dict(ahead.held), ahead.state
        elif what == "merge":
            while index.merge():
                model.check(index)
        else:  # a process ends, and another one begins
            index = DenseIndex(index.folder)
            ahead = Model(dict(model.held), model.state)
        model.check(index)
    return index


@pytest.mark.usefixtures("_sizes")
@settings(
    max_examples=80,
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(doings=Doings, asking=Asking)
def test_it_answers_as_a_full_comparison_would(
    doings: list[tuple[str, object]], asking: list[tuple[int, int, Filter | None]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = Model()
        index = perform(DenseIndex.create(Path(folder) / "i", "m", WIDTH), model, doings)
        for seed, limit, asked in asking:
            query = vectors_of(seed, 1)[0]
            expected = model.search(query, limit, asked) if query.any() else []
            for ask in (index.search, index.exact):
                numbers, scores = ask(query, limit, asked)
                assert list(zip(numbers.tolist(), scores, strict=True)) == expected
        index.verify()
        assert {path.name for path in index.folder.iterdir()} == index.files()


def grown(folder: Path, count: int = 6000, width: int = 64, commits: int = 4) -> DenseIndex:
    """An index large enough to have lists, with papers in clusters, dead ones among them."""
    index = DenseIndex.create(folder, "m", width)
    chance = np.random.default_rng(1)
    middles = chance.standard_normal((80, width))
    for first in range(0, count, count // commits):
        numbers = range(first, first + count // commits)
        noise = chance.standard_normal((len(numbers), width))
        vectors = middles[chance.integers(0, 80, len(numbers))] + 0.7 * noise
        facets = [
            Facets(735_000 + n % 100, 2000 + n % 20, ("odd",) * (n % 2) + ("rare",) * (n % 97 == 0))
            for n in numbers
        ]
        index.add(numbers, vectors.astype(np.float32), facets)
        index.commit(State(first, 1, 1))
    index.remove(range(0, count, 7))
    index.commit(State(count, 1, 1))
    return index


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> DenseIndex:
    """Twenty thousand papers in segments with lists."""
    return grown(tmp_path_factory.mktemp("large") / "index", 20_000)


FILTERS = {
    "all": None,
    "half": Filter(terms=(("odd", False),)),
    "not half": Filter(terms=(("odd", True),)),
    "days": Filter(days=(735_010, 735_030)),
    "years, negated": Filter(years=((2001, 2004, True),), terms=(("odd", False),)),
    "few": Filter(terms=(("rare", False),)),
    "few of these": Filter(among=np.arange(3000, 9000), without=np.arange(4000, 20_000)),
    "nothing can": Filter(terms=(("odd", False), ("odd", True))),
}


@pytest.mark.parametrize("name", FILTERS)
def test_looking_at_a_part_finds_nearly_all(
    large: DenseIndex, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking, "_LOOKED_AT", 4000)
    monkeypatch.setattr(looking, "_PASSING", 1500)
    monkeypatch.setattr(looking, "_FEW", 500)
    monkeypatch.setattr(looking, "_LOOKED_AT_EACH", 10)
    monkeypatch.setattr(looking, "_PASSING_EACH", 10)
    chance = np.random.default_rng(2)
    found = wanted = 0
    for number in chance.integers(0, 20_000, 40):
        near = large.vectors([number])[0] + chance.standard_normal(64).astype(np.float32) / 12
        numbers, scores = large.search(near, 10, FILTERS[name])
        best, exact_scores = large.exact(near, 10, FILTERS[name])
        assert len(numbers) == len(best)
        assert (np.diff(scores) <= 0).all()
        assert (scores == large.scores(near, numbers)).all()
        assert (exact_scores == large.scores(near, best)).all()
        again, _ = large.search(near, 10, FILTERS[name])
        assert again.tolist() == numbers.tolist()
        found += len(np.intersect1d(numbers, best))
        wanted += len(best)
    assert wanted == (0 if name == "nothing can" else 400)
    assert found >= 0.95 * wanted


def test_estimates_are_near_the_truth(large: DenseIndex) -> None:
    segment = max(large.opened(), key=lambda one: one.count)
    query = segment.floats(np.array([17]))[0]
    asked = looking._asked(query)
    rows = np.arange(segment.searchable, dtype=np.uint32)
    share = looking._Share(segment, query, None)
    part = looking._Part(share, rows, np.empty(0, np.int64))
    truth = looking.scores_of(segment, rows, query)
    for rounded, spread in ((asked.rough, 0.12), (asked.fine, 0.09)):
        error = part.estimate(rounded) - truth
        assert abs(float(error.mean())) < 0.02
        assert float(error.std()) < spread


def test_an_empty_index_answers_with_nothing(tmp_path: Path) -> None:
    index = DenseIndex.create(tmp_path / "a" / "b", "model:1", 256)
    assert (index.model, index.width, index.state(), index.held()) == ("model:1", 256, None, 0)
    query = np.ones(256, np.float32)
    for ask in (index.search, index.exact):
        numbers, scores = ask(query, 10)
        assert (len(numbers), len(scores)) == (0, 0)
        assert [str(part.dtype) for part in (numbers, scores)] == ["int64", "float32"]
    assert np.isnan(index.scores(query, [1, 2])).all()
    assert not index.vectors([5]).any()
    assert not index.merge()
    index.commit(State(4, 2, 1))
    assert DenseIndex(tmp_path / "a" / "b").state() == State(4, 2, 1)


def test_papers_without_direction_are_held_and_never_found(tmp_path: Path) -> None:
    index = DenseIndex.create(tmp_path / "index", "m", 8)
    vectors = np.zeros((3, 8), np.float32)
    vectors[1, 2] = -3
    index.add([1, 2, 3], vectors, [Facets(0, 0, ("t",))] * 3)
    index.commit(State(1, 1, 1))
    query = np.zeros(8, np.float32)
    query[2] = 2
    numbers, scores = index.search(query, 5)
    assert (numbers.tolist(), scores.tolist()) == ([2], [pytest.approx(-1.0, abs=1e-3)])
    assert index.scores(query, [3, 2, 9]).tolist()[:2] == [0.0, scores[0]]
    assert index.held() == 3
    assert len(index.search(np.zeros(8, np.float32), 5)[0]) == 0
    assert len(index.search(query, 0)[0]) == 0


def test_the_last_that_was_done_with_a_number_counts(tmp_path: Path) -> None:
    index = DenseIndex.create(tmp_path / "index", "m", 4)
    one, two = np.eye(4, dtype=np.float32)[:2]
    facets = Facets(0, 0, ())
    index.add([1, 1], np.stack([one, two]), [facets] * 2)
    index.add([2, 3], np.stack([one, one]), [facets] * 2)
    index.remove([2, 3])
    index.add([3], two[None], [facets])
    index.commit(State(1, 1, 1))
    assert index.search(two, 9)[0].tolist() == [1, 3]
    assert index.search(two, 9)[1].tolist() == pytest.approx([1.0, 1.0], abs=1e-3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda index: index.add([1], np.ones((1, 3), np.float32), [Facets(0, 0, ())]),
        lambda index: index.add([1], np.ones((2, 4), np.float32), [Facets(0, 0, ())]),
        lambda index: index.add([1], np.ones((1, 4), np.float32), []),
        lambda index: index.add([1], np.full((1, 4), np.nan, np.float32), [Facets(0, 0, ())]),
        lambda index: index.add([1], np.full((1, 4), np.inf, np.float32), [Facets(0, 0, ())]),
        lambda index: index.search(np.ones(5, np.float32), 3),
        lambda index: index.search(np.full(4, np.nan, np.float32), 3),
    ],
)
def test_what_does_not_fit_is_refused(
    tmp_path: Path, spoil: Callable[[DenseIndex], object]
) -> None:
    index = DenseIndex.create(tmp_path / "index", "m", 4)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the kind is what counts
        spoil(index)
    assert not isinstance(caught.value, Damaged)
    index.commit(State(1, 1, 1))
    assert index.held() == 0


def test_papers_are_written_anew_about_as_often_as_the_index_grows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index, "_SMALLEST", 16)
    written = 0
    build = building.build

    def counted(*given: object) -> tuple[int, int]:
        nonlocal written
        size, rows = build(*given)  # type: ignore[arg-type]
        written += rows
        return size, rows

    monkeypatch.setattr(index, "build", counted)
    grows = DenseIndex.create(tmp_path / "index", "m", 4)
    chance = np.random.default_rng(0)
    for turn in range(200):
        vectors = chance.standard_normal((16, 4)).astype(np.float32)
        grows.add(range(turn * 16, turn * 16 + 16), vectors, [Facets(0, 0, ())] * 16)
        grows.commit(State(turn, 1, 1))
        while grows.merge():
            pass
        assert len(grows.segments()) < 4 * index._MERGED
    assert grows.held() == 3200
    assert written < 3200 * 5


def test_segments_mostly_of_dead_papers_are_written_anew(tmp_path: Path) -> None:
    grows = DenseIndex.create(tmp_path / "index", "m", 4)
    vectors = np.random.default_rng(0).standard_normal((400, 4)).astype(np.float32)
    grows.add(range(400), vectors, [Facets(0, 0, ())] * 400)
    grows.commit(State(1, 1, 1))
    before = sum(path.stat().st_size for path in grows.folder.iterdir())
    grows.remove(range(390))
    grows.commit(State(2, 1, 1))
    assert grows.segments() == (10,)
    assert sum(path.stat().st_size for path in grows.folder.iterdir()) < before / 2
    grows.remove(range(400))
    grows.commit(State(3, 1, 1))
    assert (grows.segments(), grows.held()) == ((), 0)


def test_another_process_reader_sees_commits_when_it_reloads(tmp_path: Path) -> None:
    writer = DenseIndex.create(tmp_path / "index", "m", 4)
    reader = DenseIndex(tmp_path / "index")
    stamps = {reader.stamp()}
    query = np.ones(4, np.float32)
    for number in range(1, 30):
        writer.add([number], query[None], [Facets(0, 0, ())])
        writer.commit(State(number, 1, 1))
        assert len(reader.search(query, 99)[0]) == number - 1
        assert reader.stamp() not in stamps
        stamps.add(reader.stamp())
        reader.reload()
        assert len(reader.search(query, 99)[0]) == number
        assert reader.state() == State(number, 1, 1)
