"""Measuring: what the systems rank, and how the report says it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadsheet.evaluation import peers
from broadsheet.evaluation.collection import Collection, read_collection
from broadsheet.evaluation.measuring import Measuring, Report, report_json
from broadsheet.evaluation.metrics import MEASURES
from broadsheet.evaluation.peers import Cache, Mixed
from broadsheet.evaluation.systems import Bm25, Meaning, Ours, Watcher, word_index
from evaluation.folders import PAPERS, write

DIRECTIONS = ("bee", "honeybee", "nectar", "mutex", "lock", "thread", "tide", "moon")


class Toy:
    """An embedder whose eight numbers say which of eight words a text has."""

    name = "toy"
    width = len(DIRECTIONS)

    def encode_queries(self, texts: Sequence[str]) -> peers.Vectors:
        return np.array([_pointing(text) for text in texts], np.float32).reshape(-1, self.width)

    def encode_papers(self, papers: Sequence[tuple[str, str]]) -> peers.Vectors:
        return self.encode_queries([f"{title} {text}" for title, text in papers])


def _pointing(text: str) -> list[float]:
    found = np.array([float(word in text.lower()) for word in DIRECTIONS])
    length = float(np.linalg.norm(found))
    return list(found / length) if length else list(found)


def silent(_done: int, _all: int) -> None:
    """Watches nothing."""


@contextmanager
def quiet(_label: str) -> Iterator[Watcher]:
    """No progress."""
    yield silent


@pytest.fixture
def small(tmp_path: Path) -> Collection:
    """The six papers and three queries."""
    return read_collection(write(tmp_path / "small"))


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broadsheet.evaluation.measuring.embedder", lambda _setting: Toy())


def measure(on: Collection, systems: Sequence[str], cache: Path) -> Report:
    with Measuring(on, cache, quiet) as measuring:
        return measuring.measure(on, systems)


def test_every_system_finds_what_is_there_to_find(small: Collection, tmp_path: Path) -> None:
    report = measure(small, ("bm25", "words", "dense", "hybrid"), tmp_path)
    assert (report.collection, report.papers, report.queries) == ("small", 6, 3)
    for score in report.scores:
        assert score.by_measure["recall@5"].mean == 1
        assert score.by_measure["ndcg@10"].mean > 0.8


def test_the_report_as_json_has_what_scripts_read(small: Collection, tmp_path: Path) -> None:
    found = report_json(measure(small, ("bm25", "hybrid"), tmp_path))
    assert {
        "collection": "small",
        "part": "all",
        "papers": 6,
        "queries": 3,
    }.items() <= found.items()
    hybrid = found["systems"]["hybrid"]
    assert set(MEASURES) <= set(hybrid)
    low, high = hybrid["ci"]
    assert low <= hybrid["ndcg@10"] <= high
    over = hybrid["over_bm25"]["ndcg@10"]
    assert over["mean"] == pytest.approx(
        hybrid["ndcg@10"] - found["systems"]["bm25"]["ndcg@10"], abs=2e-4
    )
    assert found["systems"]["bm25"]["over_bm25"] == {}


def test_a_query_does_not_find_itself(tmp_path: Path) -> None:
    # The query is a paper of the corpus, as in collections of "papers like this one".
    folder = write(tmp_path, queries={"bees1": PAPERS[0][1]}, judged=[("bees1", "bees2", 1)])
    report = measure(read_collection(folder), ("bm25",), tmp_path)
    assert report.score("bm25").by_measure["mrr"].mean == 1


def test_only_the_judged_papers_are_ranked_where_that_is_asked(tmp_path: Path) -> None:
    judged = [("q", "tides2", 1), ("q", "bees1", 0)]
    on = read_collection(write(tmp_path, queries={"q": "tide of a shallow sea"}, judged=judged))
    with Measuring(on, tmp_path, quiet) as measuring:
        every = measuring.measure(on, ("bm25",)).score("bm25").by_measure["mrr"].mean
        among = measuring.measure(on, ("bm25",), judged_only=True).score("bm25")
    assert every == 0.5  # the other paper on tides stands before it, and was not judged
    assert among.by_measure["mrr"].mean == 1


def test_a_query_that_is_not_a_word_finds_nothing(small: Collection, tmp_path: Path) -> None:
    bm25 = Bm25(tmp_path / "bm25", small.papers, silent)
    words = Ours("words", word_index(tmp_path / "words", small.papers, silent), None)
    for text in ("", "  ", "?!", "-", '"', "year:2020"):
        assert text == "year:2020" or bm25.rank([text], 10, silent) == [[]]
        assert words.rank([text], 10, silent) == [[]]


def test_equals_are_ranked_by_place(tmp_path: Path) -> None:
    papers = [(f"p{i}", "Same title", "Same text.") for i in range(30)]
    on = read_collection(write(tmp_path / "equal", papers=papers, judged=[("q1", "p0", 1)]))
    bm25 = Bm25(tmp_path / "bm25", on.papers, silent)
    assert bm25.rank(["same"], 12, silent) == [list(range(12))]


def test_a_word_said_twice_counts_twice(tmp_path: Path) -> None:
    papers = [("one", "Alpha", "x y z"), ("two", "Beta", "x y z")]
    on = read_collection(write(tmp_path / "twice", papers=papers, judged=[("q1", "one", 1)]))
    bm25 = Bm25(tmp_path / "bm25", on.papers, silent)
    ((first, high), (second, low)) = bm25.scored(["alpha beta beta"], 2, silent)[0]
    assert (first, second) == (1, 0)
    assert high == pytest.approx(2 * low)


@settings(
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    deadline=None,
    max_examples=50,
)
@given(texts=st.lists(st.text(max_size=80), max_size=4))
def test_no_text_makes_a_system_fail(texts: list[str]) -> None:
    for system in SYSTEMS:
        rankings = system.rank(texts, 5, silent)
        assert len(rankings) == len(texts)
        for ranking in rankings:
            assert len(set(ranking)) == len(ranking) <= 5
            assert all(0 <= place < len(PAPERS) for place in ranking)


@pytest.fixture(autouse=True, scope="module")
def _built(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("systems")
    papers = read_collection(write(folder / "small")).papers
    words = word_index(folder / "words", papers, silent)
    meaning = Meaning(folder / "meaning", papers, Toy(), silent)
    SYSTEMS[:] = [
        Bm25(folder / "bm25", papers, silent),
        Ours("words", words, None),
        meaning,
        Ours("hybrid", words, meaning),
    ]


SYSTEMS: list[Bm25 | Ours | Meaning] = []


class Peer:
    """A peer that holds the papers on bees to be the answer to everything."""

    name = "peer"

    def scores(self, texts: Sequence[str], _watch: Watcher) -> Iterator[peers.Vectors]:
        for _ in texts:
            yield np.array([0.9, 0.8, 0.1, 0.1, 0.2, 0.3], np.float32)


def test_a_mix_is_half_words_and_half_meaning(small: Collection, tmp_path: Path) -> None:
    bm25 = Bm25(tmp_path / "bm25", small.papers, silent)
    mixed = Mixed(bm25, Peer())  # type: ignore[arg-type]
    assert mixed.name == "bm25+peer"
    ways = mixed.ways(["shallow sea"], 10, silent)
    # Words find the fifth paper alone (1 of 1) and its cosine is (0.2 - 0.1) / 0.8 of the way:
    # 1.125 before 1, 0.875, 0.25, 0, 0.
    assert ways["mix"] == [[4, 0, 1, 5, 2, 3]]
    # Ranks by words: 4. By meaning: 0, 1, 5, 4, 2, 3. So 1/61 + 1/64 before 1/61, 1/62, …
    assert ways["rrf"] == [[4, 0, 1, 5, 2, 3]]


def test_vectors_are_made_once(tmp_path: Path) -> None:
    made: list[str] = []

    def encode(texts: list[str]) -> peers.Vectors:
        made.extend(texts)
        return np.array([[len(text), 1] for text in texts], np.float32)

    cache = Cache(tmp_path / "vectors", "model", 2)
    first = cache.get(["aaa", "b", "aaa"], encode, silent)
    assert first.tolist() == [[3, 1], [1, 1], [3, 1]]
    assert sorted(made) == ["aaa", "b"]
    again = Cache(tmp_path / "vectors", "model", 2).get(["b", "cc", "aaa"], encode, silent)
    assert again.tolist() == [[1, 1], [2, 1], [3, 1]]
    assert sorted(made) == ["aaa", "b", "cc"]


def test_a_row_that_was_cut_off_is_made_again(tmp_path: Path) -> None:
    def encode(texts: list[str]) -> peers.Vectors:
        return np.array([[len(text), 1] for text in texts], np.float32)

    Cache(tmp_path, "model", 2).get(["a", "bb"], encode, silent)
    rows = tmp_path / "model.f16"
    rows.write_bytes(rows.read_bytes()[:5])  # the second row half written
    found = Cache(tmp_path, "model", 2).get(["bb", "ccc", "a"], encode, silent)
    assert found.tolist() == [[2, 1], [3, 1], [1, 1]]


def test_no_text_needs_no_vector(tmp_path: Path) -> None:
    found = Cache(tmp_path, "model", 2).get([], lambda _: np.zeros((0, 2), np.float32), silent)
    assert found.shape == (0, 2)
