"""The map's layout: near papers lie near, always the same, kept up with, and never half there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from broadsheet.records import Record
from broadsheet.search.follow import MeaningIndex, SearchIndex
from broadsheet.search.layout import placing
from broadsheet.search.layout.kept import SIDE, MapLayout
from broadsheet.search.layout.regions import nested, regions_of, surprise
from broadsheet.store.engine import Store
from search.library import Library, paper

# Topics that share no word, each with words of its own.
TOPICS = {
    "lantern": "lantern wick flame oil lamp glass smoke candle",
    "harbour": "harbour vessel anchor tide quay sailor mooring buoy",
    "orchard": "orchard apple pear blossom graft pollen bee harvest",
    "glacier": "glacier ice moraine crevasse snow avalanche ridge summit",
}
EACH = 60


@dataclass(frozen=True)
class Topical:
    """An embedder that knows words only: papers of shared words have near vectors."""

    name: str = "topical"
    width: int = 64

    def encode_papers(self, papers: list[tuple[str, str]]) -> NDArray[np.float32]:
        return np.stack([self._vector(f"{title} {text}") for title, text in papers])

    def encode_queries(self, texts: list[str]) -> NDArray[np.float32]:
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> NDArray[np.float32]:
        words = [
            np.random.default_rng(sum(map(ord, w)) * 7919 + len(w)).normal(size=self.width)
            for w in text.lower().split()
            if w.isalpha()  # no number tells of a topic
        ]
        total = np.sum(words, axis=0)
        return np.asarray(total / np.linalg.norm(total), np.float32)


def topical(first: int = 0, each: int = EACH) -> list[Record]:
    """Papers of four topics, each with four words of its own topic."""
    made = []
    for topic, known in TOPICS.items():
        for number in range(first, first + each):
            draw = np.random.default_rng(number)
            words = draw.choice(known.split(), 4, replace=False)
            made.append(paper(f"{topic}-{number}", f"The {topic} {' '.join(words)} {number}"))
    return made


def library_at(store: Store, folder: Path) -> Library:
    meaning = MeaningIndex(folder / "meaning", "topical", lambda _name: Topical())  # type: ignore[arg-type,return-value]
    return Library(store, SearchIndex(folder / "words"), meaning)


@pytest.fixture
def library(sqlite_store: Store, tmp_path: Path) -> Library:
    return library_at(sqlite_store, tmp_path)


def layout_of(library: Library, folder: Path) -> MapLayout:
    assert library.meaning is not None
    return MapLayout(folder / "map", library.meaning)


def topic_of(library: Library) -> dict[int, str]:
    with library.store.reading() as connection:
        from broadsheet.store import papers

        return {p.number: p.id.split(":")[1].split("-")[0] for p in papers.every(connection)}


def neighbours(points: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    away = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    np.fill_diagonal(away, np.inf)
    return np.argsort(away, axis=1)[:, :count]


def kept_share(before: NDArray[np.int64], after: NDArray[np.int64]) -> float:
    """The share of neighbours that are neighbours still."""
    return float(
        np.mean([len(set(a) & set(b)) / len(a) for a, b in zip(before, after, strict=True)])
    )


def test_papers_near_in_meaning_lie_near_far_more_than_by_chance() -> None:
    draw = np.random.default_rng(5)
    centres = draw.normal(size=(12, 50)) * 3
    vectors = (centres[draw.integers(12, size=600)] + draw.normal(size=(600, 50))).astype(
        np.float32
    )
    places = placing.lay_out(placing.components_of(vectors).of(vectors))
    before = neighbours(vectors, 10)
    by_chance = kept_share(before, neighbours(draw.normal(size=(600, 2)).astype(np.float32), 10))
    assert by_chance < 0.05
    assert kept_share(before, neighbours(places, 10)) > 0.25


def test_the_same_papers_give_the_same_map(library: Library, tmp_path: Path) -> None:
    library.hold(*topical())
    first, second = layout_of(library, tmp_path / "a"), layout_of(library, tmp_path / "b")
    for layout in (first, second):
        assert layout.build(library.store)
    one, other = first.current(), second.current()
    assert one is not None
    assert other is not None
    assert np.array_equal(one.places, other.places)
    assert one.regions == other.regions


def test_each_paper_lies_among_its_topic_and_regions_are_named_by_it(
    library: Library, tmp_path: Path
) -> None:
    library.hold(*topical())
    layouts = layout_of(library, tmp_path)
    heard: list[tuple[int, int]] = []
    assert layouts.build(library.store, lambda done, size: heard.append((done, size)))
    assert heard[-1][0] == heard[-1][1]
    layout = layouts.current()
    assert layout is not None
    topics = topic_of(library)
    mine = np.array([topics[int(number)] for number in layout.numbers])
    near = neighbours(layout.places.astype(np.float32), 5)
    assert np.mean(mine[near] == mine[:, None]) > 0.9
    # Whatever a region is called, its papers say it.
    tops = [region for region in layout.regions if region.level == 0]
    said = {topic for region in tops for topic in TOPICS if topic in region.name.lower()}
    assert len(tops) >= 2
    assert said
    assert sum(region.papers for region in tops) == len(layout.numbers) == 4 * EACH
    for region in layout.regions:
        assert 0 <= region.x <= SIDE
        assert 0 <= region.y <= SIDE
    order = nested(layout.regions)
    assert sorted(map(id, order)) == sorted(map(id, layout.regions))


def test_newcomers_find_their_topic_without_moving_the_others(
    library: Library, tmp_path: Path
) -> None:
    library.hold(*topical())
    layouts = layout_of(library, tmp_path)
    assert not layouts.keep_up(library.store)
    assert layouts.build(library.store)
    assert not layouts.keep_up(library.store)
    before = layouts.current()
    assert before is not None
    library.hold(*topical(first=EACH, each=15))
    assert layouts.keep_up(library.store)
    after = layouts.current()
    assert after is not None
    rows = after.rows(before.numbers)
    assert np.array_equal(after.places[rows], before.places)
    topics = topic_of(library)
    mine = np.array([topics[int(number)] for number in after.numbers])
    coming = np.setdiff1d(np.arange(len(after.numbers)), rows)
    assert len(coming) == 60
    known = after.places[rows].astype(np.float32)
    near, _ = placing.nearest(known, after.places[coming].astype(np.float32), 5)
    assert np.mean(mine[rows][near] == mine[coming][:, None]) > 0.8
    assert sum(r.papers for r in after.regions if r.level == 0) == len(after.numbers)
    assert not layouts.keep_up(library.store)


def test_papers_that_go_leave_the_map(library: Library, tmp_path: Path) -> None:
    library.hold(
        *topical(), *(paper(f"x-{n}", f"orchard bee {n}", source="other") for n in range(5))
    )
    layouts = layout_of(library, tmp_path)
    assert layouts.build(library.store)
    library.remove("other")
    library.hold()
    assert layouts.keep_up(library.store)
    layout = layouts.current()
    assert layout is not None
    assert len(layout.numbers) == 4 * EACH


def test_a_map_is_due_when_there_is_none_and_when_papers_outgrew_it(
    library: Library, tmp_path: Path
) -> None:
    layouts = layout_of(library, tmp_path)
    assert not layouts.is_due()
    library.hold(*topical(each=10))
    assert not layouts.is_due()
    assert not layouts.build(library.store)  # forty papers are no map
    library.hold(*topical(each=EACH))
    assert layouts.is_due()
    assert layouts.build(library.store)
    assert not layouts.is_due()
    library.hold(*topical(first=EACH, each=EACH))
    assert layouts.is_due()


@pytest.mark.parametrize("harm", ["cut", "emptied", "scribbled", "deleted"])
def test_a_damaged_layout_is_none_and_is_made_again(
    library: Library, tmp_path: Path, harm: str
) -> None:
    library.hold(*topical(each=20))
    layouts = layout_of(library, tmp_path)
    assert layouts.build(library.store)
    path = tmp_path / "map" / "layout.arrays"
    whole = path.read_bytes()
    if harm == "deleted":
        path.unlink()
    else:
        ends = {"cut": whole[:-40], "emptied": b"", "scribbled": whole[:-40] + b"?" * 40}
        path.write_bytes(ends[harm])
    fresh = layout_of(library, tmp_path)
    assert fresh.current() is None
    assert not fresh.keep_up(library.store)
    assert fresh.is_due()
    assert fresh.build(library.store)
    assert fresh.current() is not None


_BUILDER = """
import os, signal, sys
from pathlib import Path
from broadsheet.search.dense import files
from broadsheet.search.layout import kept
from broadsheet.store.engine import open_store, sqlite_url
from search import test_layout as test

store = open_store(sqlite_url(Path(sys.argv[1])))
library = test.library_at(store, Path(sys.argv[2]))
left = int(sys.argv[3])

def step(act):
    def acting(*given, **named):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*given, **named)
    return acting

kept.placing.lay_out = step(kept.placing.lay_out)
kept.regions_of = step(kept.regions_of)
files.ArraysFile.stream = step(files.ArraysFile.stream)
os.fsync = step(os.fsync)
Path.replace = step(Path.replace)
test.layout_of(library, Path(sys.argv[2])).build(store)
"""


@pytest.mark.slow
def test_killed_anywhere_in_the_making_the_last_layout_is_there(
    library: Library, tmp_path: Path
) -> None:
    library.hold(*topical(each=15))
    layouts = layout_of(library, tmp_path)
    assert layouts.build(library.store)
    before = layouts.current()
    assert before is not None
    library.hold(*topical(first=15, each=15))
    seen = set()
    # While it lays out, while it writes, before the rename and behind it.
    for steps in (1, 5, 11, 12):
        done = subprocess.run(
            [
                sys.executable,
                "-c",
                _BUILDER,
                str(tmp_path / "store.sqlite3"),
                str(tmp_path),
                str(steps),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            timeout=120,
            check=False,
        )
        assert done.returncode == -signal.SIGKILL
        found = layout_of(library, tmp_path).current()
        assert found is not None
        seen.add(len(found.numbers))
        assert len(found.numbers) in (60, 120)
        if len(found.numbers) == 60:
            assert np.array_equal(found.places, before.places)
    assert 60 in seen
    # What was left lying about is in nobody's way.
    assert layouts.build(library.store)
    built = layouts.current()
    assert built is not None
    assert len(built.numbers) == 120


def test_of_more_papers_than_are_laid_out_the_others_find_their_place(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from broadsheet.search.layout import kept

    monkeypatch.setattr(kept, "MOST", 120)
    library.hold(*topical())
    layouts = layout_of(library, tmp_path)
    assert layouts.build(library.store)
    layout = layouts.current()
    assert layout is not None
    assert (layout.laid_out, len(layout.numbers)) == (120, 4 * EACH)
    topics = topic_of(library)
    mine = np.array([topics[int(number)] for number in layout.numbers])
    near = neighbours(layout.places.astype(np.float32), 5)
    assert np.mean(mine[near] == mine[:, None]) > 0.85


@settings(max_examples=12, deadline=None)
@given(st.integers(2, 400), st.integers(0, 10_000))
def test_regions_hold_every_paper_once_and_lie_within_each_other(count: int, seed: int) -> None:
    draw = np.random.default_rng(seed)
    places = (draw.normal(size=(count, 2)) * draw.choice([0, 1, 500])).astype(np.float32)
    regions, region = regions_of(places, lambda rows: [f"title number {row % 7}" for row in rows])
    counts = np.bincount(region, minlength=len(regions))
    assert counts.sum() == count
    for number, one in enumerate(regions):
        inner = [place for place, other in enumerate(regions) if other.within == number]
        assert one.papers == (sum(regions[i].papers for i in inner) if inner else counts[number])
        assert one.level == (0 if one.within < 0 else regions[one.within].level + 1)
        assert one.name


def test_the_ratio_is_dunnings() -> None:
    # The table of counts k of n as 110 of 2442 beside 111 of 29114, worked by hand:
    # 2 * sum(observed * ln(observed / expected)) over the four cells.
    cells = np.array([[110, 2442 - 110], [111, 29114 - 111]], float)
    expected = cells.sum(axis=1, keepdims=True) * cells.sum(axis=0) / cells.sum()
    by_hand = 2 * (cells * np.log(cells / expected)).sum()
    found = surprise(np.array([110, 1]), 2442, np.array([111, 900]), 29114)
    assert found[0] == pytest.approx(by_hand)
    assert found[1] == 0  # rarer here than there
