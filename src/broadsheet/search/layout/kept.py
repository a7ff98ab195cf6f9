"""The layout in use: one file beside the indexes, made anew now and then, and kept up with them.

The file holds each paper's place in two numbers of sixteen bits and its region, the regions by
name, and the components of the papers that were laid out, by which newcomers find their place.
It is written aside and put in place by one rename: killed at any instant, the last layout is
there. It is derived: deleted, it is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.search.alone import alone
from broadsheet.search.dense import DenseIndex
from broadsheet.search.dense.files import Arrays
from broadsheet.search.follow import MeaningIndex
from broadsheet.search.layout import placing
from broadsheet.search.layout.placing import FEWEST, MOST, Components, Floats, Ints, Watcher
from broadsheet.search.layout.regions import Region, regions_of
from broadsheet.search.lexical import Damaged
from broadsheet.search.one_file import OneFile, Stamp
from broadsheet.store import papers
from broadsheet.store.engine import Store

# Places are 0 to this.
SIDE = 65_535
_MARGIN = 0.03
_FILE = "layout.arrays"
# Raise when what the file holds changes.
_FORMAT = 1
# A layout is made anew where this many times as many papers are held as when it was made.
_OUTGROWN = 1.5
# Papers placed by the same neighbours lie apart by up to so much, so that each can be seen.
_APART = 70.0
_BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Where papers lie: `numbers` sorted, `places` (n, 2) from 0 to SIDE, `region` the narrowest
    region of each, `laid_out` how many were laid out, the others being placed among them.

    `name` is another for each layout written.
    """

    numbers: Ints
    places: NDArray[np.uint16]
    region: NDArray[np.uint16]
    regions: tuple[Region, ...]
    laid_out: int
    model: str
    name: str

    def rows(self, numbers: Ints) -> Ints:
        """The rows of papers by their numbers; those not on the map are left out."""
        if not len(self.numbers):
            return np.empty(0, np.int64)
        found: Ints = np.minimum(np.searchsorted(self.numbers, numbers), len(self.numbers) - 1)
        held: Ints = found[self.numbers[found] == numbers]
        return held


@dataclass(frozen=True, slots=True)
class _Opened:
    """A layout with what newcomers are placed by: components of vectors, the papers known by
    them, and where these lie.
    """

    layout: Layout
    components: Components
    known: Floats
    known_places: Floats
    made_of: int


class MapLayout:
    """The layout of a data folder. One process at a time writes it; any number read."""

    def __init__(self, folder: Path, meaning: MeaningIndex) -> None:
        self.folder = folder
        self._meaning = meaning
        self._file = OneFile(folder, _FILE, _read, lambda opened: opened.layout)

    def current(self) -> Layout | None:
        """The layout in use; None before there is one, and for one that cannot be read."""
        return self._file.current()

    def is_due(self) -> bool:
        """Whether a layout is to be made: there is none that fits the vectors, or the papers have
        outgrown it; and there are papers enough.
        """
        index = self._meaning.current()
        if index is None or index.held() < FEWEST:
            return False
        opened = self._file.opened()
        return (
            opened is None
            or opened.layout.model != index.model
            or index.held() > _OUTGROWN * opened.made_of
        )

    def build(self, store: Store, watch: Watcher = lambda _done, _all: None) -> bool:
        """Makes a layout of all papers and puts it in place of the last.

        False where another process is writing one, or there are fewer than FEWEST papers with a
        meaning. Minutes for a hundred thousand. Raises Damaged, StoreError.
        """
        with alone(self.folder) as is_mine:
            index = self._meaning.current()
            if not is_mine or index is None:
                return False
            numbers = _with_direction(index)
            if len(numbers) < FEWEST:
                return False
            self._put(_made(index, numbers, _titles(store, numbers), watch))
            return True

    def keep_up(self, store: Store) -> bool:
        """Places the papers that came since, and lets go of those that are gone.

        False where there was nothing to do, no layout that fits, or another process at it.
        """
        index, layout = self._meaning.current(), self.current()
        if index is None or layout is None or layout.model != index.model:
            return False
        numbers = index.numbers()
        if np.array_equal(numbers, layout.numbers):
            return False
        with alone(self.folder) as is_mine:
            opened = self._file.opened() if is_mine else None
            if opened is None or opened.layout.model != index.model:
                return False
            return self._add(index, numbers, opened)

    def _add(self, index: DenseIndex, numbers: Ints, opened: _Opened) -> bool:
        layout = opened.layout
        kept = np.isin(layout.numbers, numbers, assume_unique=True)
        coming = np.setdiff1d(numbers, layout.numbers, assume_unique=True)
        vectors = index.vectors(coming)
        coming = coming[vectors.any(axis=1)]
        if not len(coming) and kept.all():
            return False
        reduced = opened.components.of(vectors[vectors.any(axis=1)])
        places = _placed(opened.known, opened.known_places, reduced, coming)
        # The region of whichever paper lies nearest.
        near, _ = placing.nearest(layout.places.astype(np.float32), places, 1)
        merged = np.concatenate([layout.numbers[kept], coming])
        order = np.argsort(merged)
        region = np.concatenate([layout.region[kept], layout.region[near[:, 0]]])[order]
        both = np.concatenate([layout.places[kept], places.astype(np.uint16)])[order]
        self._put(
            replace(
                opened,
                layout=replace(
                    layout,
                    numbers=merged[order],
                    places=both,
                    region=region,
                    regions=_counted(layout.regions, region),
                ),
            )
        )
        return True

    def _put(self, made: _Opened) -> None:
        layout = made.layout
        with self._file.written() as file:
            file.add("numbers", layout.numbers)
            file.add("places", layout.places)
            file.add("region", layout.region)
            file.add("mean", made.components.mean)
            file.add("axes", made.components.axes)
            file.add("known", made.known.astype(np.float16))
            file.add("known_places", made.known_places)
            facts = {
                "format": _FORMAT,
                "model": layout.model,
                "laid_out": layout.laid_out,
                "made_of": made.made_of,
                "regions": [
                    [one.level, one.within, one.name, one.papers, one.x, one.y]
                    for one in layout.regions
                ],
            }
            file.close(facts)


def _made(
    index: DenseIndex, numbers: Ints, titles: Callable[[Ints], Sequence[str]], watch: Watcher
) -> _Opened:
    chosen = _sample(numbers)
    vectors = index.vectors(numbers[chosen])
    components = placing.components_of(vectors)
    known = components.of(vectors)
    del vectors
    laid_out = _fitted(placing.lay_out(known, watch))
    places = np.empty((len(numbers), 2), np.float32)
    others = np.setdiff1d(np.arange(len(numbers)), chosen, assume_unique=True)
    for start in range(0, len(others), _BLOCK):
        rows = others[start : start + _BLOCK]
        reduced = components.of(index.vectors(numbers[rows]))
        places[rows] = _placed(known, laid_out, reduced, numbers[rows])
    places[chosen] = laid_out
    found, region = regions_of(places, titles)
    layout = Layout(
        numbers, places.astype(np.uint16), region, tuple(found), len(chosen), index.model, ""
    )
    return _Opened(layout, components, known, laid_out, len(numbers))


def _sample(numbers: Ints) -> Ints:
    """Rows of the papers to lay out, sorted: all, or evenly drawn, always the same."""
    if len(numbers) <= MOST:
        return np.arange(len(numbers))
    drawn = np.random.default_rng(1).choice(len(numbers), MOST, replace=False)
    return np.sort(drawn)


def _fitted(places: Floats) -> Floats:
    """Places within the square of SIDE, as wide as high, with a margin."""
    low, high = places.min(axis=0), places.max(axis=0)
    scale = SIDE * (1 - 2 * _MARGIN) / max(float((high - low).max()), 1e-9)
    shift: Floats = (low + high) / 2
    fitted: Floats = (places - shift) * np.float32(scale) + np.float32(SIDE / 2)
    return np.clip(fitted, 0, SIDE)


def _placed(known: Floats, known_places: Floats, reduced: Floats, numbers: Ints) -> Floats:
    """Where newcomers lie, each a little aside by its number."""
    places = placing.place(known, known_places, reduced)
    # Two numbers from 0 to 1 for each paper, always the same (Weyl's sequence in two dimensions).
    turn = 2 * np.pi * np.mod(numbers * 0.7548776662466927, 1.0)
    away = _APART * np.sqrt(np.mod(numbers * 0.5698402909980532, 1.0))
    aside = np.stack([np.cos(turn) * away, np.sin(turn) * away], axis=1)
    moved: Floats = np.clip(places + aside.astype(np.float32), 0, SIDE)
    return moved


def _with_direction(index: DenseIndex) -> Ints:
    """The papers whose vectors point anywhere."""
    numbers = index.numbers()
    kept = [
        index.vectors(numbers[start : start + _BLOCK]).any(axis=1)
        for start in range(0, len(numbers), _BLOCK)
    ]
    pointing: Ints = numbers[np.concatenate([*kept, np.empty(0, np.bool_)])]
    return pointing


def _titles(store: Store, numbers: Ints) -> Callable[[Ints], Sequence[str]]:
    with store.reading() as connection:
        held = papers.titles(connection)
    listed = [held.get(int(number), "") for number in numbers]
    return lambda rows: [listed[int(row)] for row in rows]


def _counted(regions: tuple[Region, ...], region: NDArray[np.uint16]) -> tuple[Region, ...]:
    """The regions with how many papers each holds now."""
    counts = np.bincount(region, minlength=len(regions)).tolist()
    for place in range(len(regions) - 1, -1, -1):
        if regions[place].within >= 0:
            counts[regions[place].within] += counts[place]
    return tuple(replace(one, papers=count) for one, count in zip(regions, counts, strict=True))


def _read(read: Arrays, stamp: Stamp) -> _Opened:
    facts: dict[str, Any] = read.facts
    if facts["format"] != _FORMAT:
        raise Damaged("the layout has another format")
    arrays = read.arrays
    regions = tuple(Region(*one) for one in facts["regions"])
    layout = Layout(
        arrays["numbers"],
        arrays["places"],
        arrays["region"],
        regions,
        facts["laid_out"],
        facts["model"],
        f"{stamp[0]:x}-{stamp[1]:x}",
    )
    return _Opened(
        layout,
        Components(arrays["mean"], arrays["axes"]),
        arrays["known"].astype(np.float32),
        arrays["known_places"],
        facts["made_of"],
    )
