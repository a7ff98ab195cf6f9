"""The map of a view: where its papers lie, in which regions, and which papers speak for one."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import orjson
from numpy.typing import NDArray

from broadsheet.records import Paper, View
from broadsheet.search.layout.kept import Layout, MapLayout
from broadsheet.search.layout.placing import FEWEST
from broadsheet.search.layout.regions import Region
from broadsheet.store import papers
from broadsheet.store.engine import Store
from broadsheet.views.catalogue import Catalogue

Rows = NDArray[np.int64]

# Points that are drawn: more would be one on the other. Of the papers around a view some are
# left out, evenly.
DRAWN = 250_000
# Papers of a view that are looked for on the map.
_MOST = 100_000
# Papers told of at a time.
TOLD = 50
_MAGIC = b"BSM1"
_HEAD = "<4sIII"


@dataclass(frozen=True, slots=True)
class Place:
    """A region as a view sees it: its number, and how many of the view's papers are in it."""

    number: int
    region: Region
    papers: int


@dataclass(frozen=True)
class Mapped:
    """A view on the map: the layout, and the rows of it that are the view's (sorted).

    `missing` counts papers of the view that are not on the map (yet).
    """

    layout: Layout
    rows: Rows
    is_whole: bool
    missing: int = 0

    @cached_property
    def places(self) -> list[Place]:
        """The regions that hold papers of the view, level by level, the fullest first."""
        counts = self._counts
        found = [
            Place(number, region, counts[number])
            for number, region in enumerate(self.layout.regions)
            if counts[number]
        ]
        return sorted(found, key=lambda one: (one.region.level, -one.papers, one.number))

    def places_at(self, level: int) -> list[Place]:
        """The regions of a level that hold papers of the view, the fullest first."""
        return [place for place in self.places if place.region.level == level]

    def within(self, number: int) -> list[Place]:
        """The regions within one that hold papers of the view, the fullest first."""
        return [place for place in self.places if place.region.within == number]

    def rows_in(self, number: int, most: int | None = None) -> Rows:
        """The view's rows in a region, nearest its middle first: all, or so many."""
        inside = np.array(self._holders(number), np.bool_)
        rows = self.rows[inside[self._region]]
        region = self.layout.regions[number]
        away = self.layout.places[rows].astype(np.float64) - [region.x, region.y]
        far = (away**2).sum(axis=1)
        if most is not None and most < len(rows):
            some = np.argpartition(far, most)[:most]
            rows, far = rows[some], far[some]
        order: Rows = np.lexsort((rows, far))
        return rows[order]

    def points(self) -> bytes:
        """The map for drawing: `BSM1`, three counts of 32 bits (points, points of the view, bytes
        of JSON), the regions as JSON padded to four bytes, then of each point the paper's number
        (32 bits), x and y (16 each), its region (16), and 1 where it is the view's (8).

        Little-endian throughout.
        """
        drawn, shown = self._drawn()
        layout = self.layout
        regions = orjson.dumps(
            [
                [one.level, one.within, one.name, one.papers, round(one.x), round(one.y)]
                for one in layout.regions
            ]
        )
        regions += b" " * (-len(regions) % 4)
        return b"".join(
            (
                struct.pack(_HEAD, _MAGIC, len(drawn), int(shown.sum()), len(regions)),
                regions,
                layout.numbers[drawn].astype("<u4").tobytes(),
                layout.places[drawn].astype("<u2").tobytes(),
                layout.region[drawn].astype("<u2").tobytes(),
                shown.astype(np.uint8).tobytes(),
            )
        )

    def _drawn(self) -> tuple[Rows, NDArray[np.bool_]]:
        """The rows that are drawn, sorted, and which of them are the view's."""
        own = _thinned(self.rows, DRAWN)
        if self.is_whole:
            return own, np.ones(len(own), np.bool_)
        others = np.setdiff1d(np.arange(len(self.layout.numbers)), self.rows, assume_unique=True)
        drawn = np.sort(np.concatenate([own, _thinned(others, DRAWN - len(own))]))
        return drawn, np.isin(drawn, own, assume_unique=True)

    @cached_property
    def _region(self) -> NDArray[np.uint16]:
        """The narrowest region of each of the view's rows."""
        return self.layout.region[self.rows]

    @property
    def _counts(self) -> list[int]:
        regions = self.layout.regions
        counts = np.bincount(self._region, minlength=len(regions)).tolist()
        for number in range(len(regions) - 1, -1, -1):
            if regions[number].within >= 0:
                counts[regions[number].within] += counts[number]
        return [int(count) for count in counts]

    def _holders(self, number: int) -> list[bool]:
        """Of every region, whether it is the one of that number or lies within it."""
        inside: list[bool] = []
        for place, region in enumerate(self.layout.regions):
            # A region stands behind the one it lies within.
            inside.append(place == number or (region.within >= 0 and inside[region.within]))
        return inside


class PaperMap:
    """Maps of views, from the layout in use. Reads only."""

    def __init__(self, store: Store, catalogue: Catalogue, layout: MapLayout | None) -> None:
        self._store = store
        self._catalogue = catalogue
        self._layout = layout

    @property
    def has_meanings(self) -> bool:
        """Whether papers have vectors at all: without them there is nothing to lay out."""
        return self._layout is not None

    @property
    def name(self) -> str:
        """Another for each layout; empty where there is none."""
        layout = self._layout.current() if self._layout else None
        return layout.name if layout else ""

    def of(self, view: View) -> Mapped | None:
        """A view on the map; None where there is no map. Raises StoreError."""
        layout = self._layout.current() if self._layout else None
        if layout is None:
            return None
        numbers = self._catalogue.numbers(view, _MOST)
        if numbers is None:
            return Mapped(layout, np.arange(len(layout.numbers)), is_whole=True)
        wanted = np.unique(np.array(numbers, np.int64))
        rows = layout.rows(wanted)
        return Mapped(layout, rows, is_whole=False, missing=len(wanted) - len(rows))

    def is_enough(self) -> bool:
        """Whether enough papers are held for a map. Raises StoreError."""
        return self._catalogue.holdings().papers >= FEWEST

    def papers(self, numbers: Sequence[int]) -> list[Paper]:
        """Some papers by number, in order; those that are gone are left out. Raises StoreError."""
        with self._store.reading() as connection:
            return papers.by_number(connection, list(numbers)[:TOLD])

    def lit(self, view: View) -> list[int]:
        """The numbers of the papers on the map that a view finds. Raises StoreError."""
        found = self.of(replace(view, offset=0))
        if found is None or found.is_whole:
            return []
        numbers: list[int] = found.layout.numbers[found.rows].tolist()
        return numbers


def representatives(rows: Rows, most: int = TOLD) -> Rows:
    """Some rows of many, evenly drawn in their order."""
    return _thinned(rows, most)


def _thinned(rows: Rows, most: int) -> Rows:
    if len(rows) <= most:
        return rows
    chosen: Rows = rows[np.linspace(0, len(rows) - 1, max(most, 0)).astype(np.int64)]
    return chosen
