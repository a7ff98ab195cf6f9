"""The regions of a map: where papers lie densely, at three levels, named by their words.

A region is what flows uphill to one summit of the papers' density, smoothed more on higher levels
(the watershed of a density estimate; mean shift on a grid, Comaniciu & Meer, IEEE TPAMI 24, 2002).
Regions of a level lie within those of the level above. A name is made of the terms that titles
within a region have more than those around it, by the log-likelihood ratio of Dunning
(Computational Linguistics 19, 1993).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broadsheet.search.layout.placing import Floats, Ints
from broadsheet.text import phrases

# Cells on a side of the density's grid, of many papers; of fewer a quarter.
_GRID = 512
_MANY = 10_000
# At most so many regions a level, and so many papers in each, from the widest level on.
_REGIONS = (14, 70, 350)
_PAPERS = (15, 12, 10)
# A smoothing is enough where large regions hold this share of the papers.
_GATHERED = 0.75
# Of few papers, as many regions as give each about so many papers.
_EACH = (40, 25, 15)
# Smoothing tried, in cells, from the finest on.
_SMOOTHINGS = tuple(1.5 * 1.17**step for step in range(28))
_TERMS = 2
# A name says what at least this share of the titles says.
_SHARE = 0.03
_SPELT_BY = 40
# Of the best terms, those among which phrases take the place of their words.
_CONSIDERED = 12


@dataclass(frozen=True, slots=True)
class Region:
    """Some papers that lie together: `level` 0 is the widest, `within` the region around it on
    the level above (-1: none), `x`, `y` its middle.
    """

    level: int
    within: int
    name: str
    papers: int
    x: float
    y: float


def regions_of(
    places: Floats, titles: Callable[[Ints], Sequence[str]]
) -> tuple[list[Region], NDArray[np.uint16]]:
    """The regions of papers at (n, 2), and for each paper the number of its narrowest.

    `titles` gives the titles of some rows. Regions come level by level, the largest first.
    """
    labels = _nested(places)
    codes = _TitleCodes([phrases.codes(title) for title in titles(np.arange(len(places)))])
    regions: list[Region] = []
    numbers: list[Ints] = []
    for level, label in enumerate(labels):
        above = numbers[-1] if numbers else np.full(len(places), -1)
        sizes = np.bincount(label)
        order = np.argsort(-sizes, kind="stable")
        number_of = np.empty(len(sizes), np.int64)
        number_of[order] = np.arange(len(order)) + len(regions)
        for one in order:
            rows = np.flatnonzero(label == one)
            within = int(above[rows[0]])
            around = np.flatnonzero(above == within) if within >= 0 else np.arange(len(places))
            said = _words_above(regions, within)
            name = codes.name(rows, around, said, titles)
            x, y = np.median(places[rows], axis=0)
            regions.append(Region(level, within, name, len(rows), float(x), float(y)))
        numbers.append(number_of[label])
    return regions, numbers[-1].astype(np.uint16)


def nested(regions: Sequence[Region]) -> list[Region]:
    """The regions, each followed by those within it."""
    within: dict[int, list[int]] = {}
    for number, region in enumerate(regions):
        within.setdefault(region.within, []).append(number)

    def walk(number: int) -> Iterator[Region]:
        yield regions[number]
        for inner in within.get(number, ()):
            yield from walk(inner)

    return [region for number in within.get(-1, ()) for region in walk(number)]


def _nested(places: Floats) -> list[Ints]:
    """For each level a label for each paper; labels of a level divide those of the one above."""
    count = len(places)
    most = [min(most, max(4, count // each)) for most, each in zip(_REGIONS, _EACH, strict=True)]
    finest, *coarser = _basins(places, most[::-1], _PAPERS[::-1])
    labels = [finest]
    for coarse in coarser:
        # A region belongs whole to the one above that has most of it.
        below = labels[0]
        table = np.zeros((below.max() + 1, coarse.max() + 1), np.int64)
        np.add.at(table, (below, coarse), 1)
        labels.insert(0, np.unique(table.argmax(axis=1)[below], return_inverse=True)[1])
    return labels


def _density(places: Floats) -> tuple[Floats, Ints]:
    """Papers in each cell of a grid (side, side), and each paper's cell, flat."""
    side = _GRID if len(places) > _MANY else _GRID // 4
    low = places.min(axis=0)
    size = float((places.max(axis=0) - low).max()) or 1.0
    cells = np.minimum((places - low) / size * side, side - 1).astype(np.int64)
    flat = cells[:, 1] * side + cells[:, 0]
    return np.bincount(flat, minlength=side**2).reshape(side, side).astype(np.float32), flat


def _basins(places: Floats, most: Sequence[int], least: Sequence[int]) -> list[Ints]:
    """For each of some levels, the finest first, a label for each paper: of at most so many
    regions of at least so many papers, by the finest smoothing that gives so few.
    """
    from scipy.ndimage import gaussian_filter

    density, cells = _density(places)
    labels: list[Ints] = []
    before = 0.0
    for smoothing in _SMOOTHINGS:
        # What is smoothed already takes only the rest: variances add up.
        density = gaussian_filter(density, float(np.sqrt(smoothing**2 - before**2)), truncate=5.0)
        before = smoothing
        tops, label = np.unique(_summits(density)[cells], return_inverse=True)
        sizes = np.bincount(label)
        while len(labels) < len(most):
            large = np.flatnonzero(sizes >= least[len(labels)])
            # Of few papers the finest smoothing makes a summit of each.
            is_gathered = sizes[large].sum() >= _GATHERED * len(cells)
            if len(large) > most[len(labels)] or not is_gathered:
                break
            labels.append(_without_small(tops, label, large, len(density)))
        if len(labels) == len(most):
            return labels
    return [*labels, *(np.zeros(len(cells), np.int64) for _ in most[len(labels) :])]


def _without_small(tops: Ints, label: Ints, large: Ints, side: int) -> Ints:
    """Regions that are too small join the large one whose summit is nearest."""
    if not len(large):
        return np.zeros(len(label), np.int64)
    at = np.stack([tops % side, tops // side], axis=1)
    away = ((at[:, None] - at[large][None]) ** 2).sum(axis=2)
    joined: Ints = away.argmin(axis=1)[label]
    return joined


def _summits(smooth: Floats) -> Ints:
    """For each cell, flat, the cell where going uphill from it ends."""
    count, side = smooth.size, len(smooth)
    padded = np.pad(smooth, 1, constant_values=-1.0)
    best, height = np.arange(count), smooth.ravel().copy()
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            near = padded[1 + down : 1 + down + side, 1 + right : 1 + right + side].ravel()
            higher = near > height
            best[higher] = np.flatnonzero(higher) + down * side + right
            height[higher] = near[higher]
    while True:
        further = best[best]
        if np.array_equal(further, best):
            return best
        best = further


def _words_above(regions: Sequence[Region], within: int) -> frozenset[int]:
    """What the regions around are called: a region inside says something else."""
    said: set[int] = set()
    while within >= 0:
        said.update(phrases.codes(*regions[within].name.split(" · ")).tolist())
        within = regions[within].within
    return frozenset(said)


class _TitleCodes:
    """The terms of every title, for counting them in some."""

    def __init__(self, each: Sequence[phrases.Codes]) -> None:
        self._starts: Ints = np.concatenate([[0], np.cumsum([len(one) for one in each])])
        flat = np.concatenate([*each, np.empty(0, np.uint32)])
        self._known, inverse = np.unique(flat, return_inverse=True)
        self._ids: Ints = inverse.astype(np.int64)

    def name(
        self,
        rows: Ints,
        around: Ints,
        said: frozenset[int],
        titles: Callable[[Ints], Sequence[str]],
    ) -> str:
        """The terms that say most of some rows beside those around them."""
        here = self._counts(rows)
        elsewhere = self._counts(around) - here
        scores = surprise(here, len(rows), elsewhere, max(len(around) - len(rows), 1))
        # One region alone has nothing around it: what it says most is its name.
        scores = scores if len(around) > len(rows) else here.astype(np.float64)
        scores[here < max(2, _SHARE * len(rows))] = 0
        best = [one for one in np.argsort(-scores, kind="stable")[:_CONSIDERED] if scores[one] > 0]
        having = {int(self._known[one]): self._rows_with(int(one), rows) for one in best}
        written: dict[int, str] = {}
        for code, some in having.items():
            written |= phrases.spelt([code], titles(some[:_SPELT_BY]))
        return " · ".join(_chosen(written, said)) or "unnamed"

    def _counts(self, rows: Ints) -> Ints:
        counts: Ints = np.bincount(self._ids[self._places(rows)], minlength=len(self._known))
        return counts

    def _places(self, rows: Ints) -> Ints:
        lengths = self._starts[rows + 1] - self._starts[rows]
        shift = np.repeat(self._starts[rows] - np.cumsum(lengths) + lengths, lengths)
        places: Ints = np.arange(int(lengths.sum())) + shift
        return places

    def _rows_with(self, one: int, rows: Ints) -> Ints:
        places = self._places(rows)
        owner: Ints = np.repeat(rows, self._starts[rows + 1] - self._starts[rows])
        return np.extract(self._ids[places] == one, owner)


def surprise(here: Ints, all_here: int, elsewhere: Ints, all_elsewhere: int) -> Floats:
    """The log-likelihood ratio G² of each count beside the other (Dunning 1993, formula for two
    binomials), 0 where its rate is no higher here.
    """
    a, b = here.astype(np.float64), elsewhere.astype(np.float64)
    together = (a + b) / (all_here + all_elsewhere)
    ratio = 2 * (
        _likelihood(a, all_here, a / all_here)
        + _likelihood(b, all_elsewhere, b / all_elsewhere)
        - _likelihood(a, all_here, together)
        - _likelihood(b, all_elsewhere, together)
    )
    grown: Floats = np.where(a / all_here > b / all_elsewhere, ratio, 0.0)
    return grown


def _likelihood(count: NDArray[np.float64], of: int, rate: NDArray[np.float64]) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        said = np.where(count > 0, count * np.log(rate), 0.0)
        unsaid = np.where(count < of, (of - count) * np.log1p(-rate), 0.0)
    whole: Floats = said + unsaid
    return whole


def _chosen(written: dict[int, str], said: frozenset[int]) -> list[str]:
    """The best terms, of which none says again what another does, or what is said above.

    A word gives its place to the best phrase that it is in: that says more.
    """
    terms = [({code, *phrases.words_of(code, name)}, name) for code, name in written.items()]
    chosen: list[tuple[set[int], str]] = []
    for own, word in terms:
        inner, name = next((one for one in terms if own < one[0]), (own, word))
        if not inner <= said and not any(inner & other for other, _ in chosen):
            chosen.append((inner, name))
    return [name for _, name in chosen[:_TERMS]]
