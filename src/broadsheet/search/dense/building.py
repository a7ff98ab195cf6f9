"""Making a segment: rows of 8-bit numbers, put into lists by k-means, each with a signature.

All vectors are rotated first, at random, which changes no product between them: what they say is
then spread evenly over all their numbers, and few bits a number hold it. (The built-in
embedding's vectors have single numbers nine times as large as most; rounded to 8 bits as they
are, two in a hundred of the ten nearest papers change, after rotation two in a thousand.)

A signature is the sign of each number of a row's difference from its list's centroid. With one
factor a row, an estimate of the row's product with any query comes of it: RaBitQ, Gao and Long,
"Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate Nearest
Neighbor Search", SIGMOD 2024. Lists and signatures serve what a filter leaves of a segment, and
small segments; a large one has codes (`codes.py`) for looking through all of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from broadsheet.search.dense.codes import FEWEST, coded
from broadsheet.search.dense.facets import Columns, columns_joined, write_columns
from broadsheet.search.dense.files import writing

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
# Rows that are turned into floating point at a time.
_CHUNK = 32_768
_SMALL_CHUNK = 1024
# Segments of fewer rows are a single list: to read all its signatures is quick.
_ONE_LIST = 4096
_SAMPLE_A_LIST = 48
_ROUNDS = 6
# A row looks for its list among so many times the lists that one coarse cell has on average.
_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True)
class Packed:
    """Rotated vectors as they are kept: (n, bits) 8-bit numbers and what each row is to be
    multiplied with for unit length; 0 for a row without direction. Where `places` is given, row
    `i` is at `rows[places[i]]`.
    """

    rows: NDArray[np.int8]
    scales: Floats
    places: Ints | None = None

    def take(self, wanted: Ints) -> NDArray[np.int8]:
        """Rows as they are kept, (len(wanted), width)."""
        taken: NDArray[np.int8] = self.rows[wanted if self.places is None else self.places[wanted]]
        return taken


@dataclass(frozen=True, slots=True)
class Source:
    """Rows of one segment to take into another: those that live, or all."""

    packed: Packed
    numbers: Ints
    columns: Columns


def pack(vectors: Floats, rotation: Floats) -> Packed:
    """Vectors (n, width) of any length as rotated rows of unit length.

    The scale makes the row of 8-bit numbers itself one of unit length, not the vector it was
    rounded from: a row's product with itself is exactly one.
    """
    rows = np.empty((len(vectors), rotation.shape[1]), np.int8)
    scales = np.zeros(len(vectors), np.float32)
    for first in range(0, len(vectors), _SMALL_CHUNK):
        part = rotated(vectors[first : first + _SMALL_CHUNK], rotation)
        largest = np.abs(part).max(axis=1, initial=0.0)
        largest[largest < np.finfo(np.float32).tiny] = np.inf
        part *= (np.float32(127) / largest)[:, None]
        np.rint(part, out=part)
        rows[first : first + _SMALL_CHUNK] = part
        squares = np.einsum("ij,ij->i", part, part).astype(np.float64)
        scale = scales[first : first + _SMALL_CHUNK]
        np.divide(1, np.sqrt(squares), out=scale, where=squares > 0, casting="same_kind")
    return Packed(rows, scales)


def rotated(vectors: NDArray[np.floating], rotation: Floats) -> Floats:
    """Vectors (.., width) turned into (.., bits).

    In double precision: how a product is rounded depends on what else is computed with it, and
    equal vectors are to stay equal.
    """
    turned: Floats = (vectors.astype(np.float64) @ rotation.astype(np.float64)).astype(np.float32)
    return turned


def rotation_of(width: int) -> Floats:
    """A fixed random rotation into as many dimensions as a signature has bits: (width, bits)."""
    bits = (width + 63) // 64 * 64
    square = np.random.default_rng(0).standard_normal((bits, bits))
    turned, _ = np.linalg.qr(square)
    return np.ascontiguousarray(turned[:width], np.float32)


def lists_for(count: int) -> int:
    """Into how many lists so many rows go."""
    if count < _ONE_LIST:
        return 1
    return int(2 ** np.rint(np.log2(2.2 * np.sqrt(count))))


class _Joined:
    """The rows of several sources, one after the other."""

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources
        self._starts = np.cumsum([0] + [len(source.numbers) for source in sources])
        self.scales = np.concatenate([source.packed.scales for source in sources])
        self.numbers = np.concatenate([source.numbers for source in sources])
        self.width = sources[0].packed.rows.shape[1]

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, wanted: Ints) -> NDArray[np.int8]:
        """Rows by place, (len(wanted), width)."""
        if len(self._sources) == 1:
            return self._sources[0].packed.take(wanted)
        out = np.empty((len(wanted), self.width), np.int8)
        part_of = np.searchsorted(self._starts, wanted, "right") - 1
        for part, source in enumerate(self._sources):
            here = np.flatnonzero(part_of == part)
            out[here] = source.packed.take(wanted[here] - self._starts[part])
        return out

    def floats(self, wanted: Ints) -> Floats:
        """The same as unit vectors."""
        floats = self.rows(wanted).astype(np.float32)
        floats *= self.scales[wanted][:, None]
        return floats


def build(path: Path, sources: list[Source]) -> tuple[int, int]:
    """Writes a segment of all that the sources hold; returns its size in bytes and its rows.

    Rows without direction come last, behind the last list: nothing looks for them there.
    """
    joined = _Joined(sources)
    count, width = len(joined), joined.width
    places = np.flatnonzero(joined.scales)
    centroids, list_of = _lists(joined, places)
    # Within a list by number, so that the same papers make the same segment.
    order = places[np.lexsort((joined.numbers[places], list_of))]
    blank = np.flatnonzero(joined.scales == 0)
    order = np.concatenate([order, blank[np.argsort(joined.numbers[blank], kind="stable")]])
    lengths = np.bincount(list_of, minlength=len(centroids))
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    signatures, factors = _signatures(joined, order, starts, centroids)
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    numbers = joined.numbers[order]
    by_number = np.argsort(numbers, kind="stable")
    with writing(path) as file:
        parts = (joined.rows(order[i : i + _CHUNK]) for i in range(0, count, _CHUNK))
        file.stream("rows", (count, width), np.dtype(np.int8), parts)
        file.add("scales", joined.scales[order])
        file.add("signatures", signatures)
        file.add("factors", factors)
        file.add("numbers", numbers)
        file.add("sorted_numbers", numbers[by_number])
        file.add("sorted_rows", by_number.astype(np.uint32))
        file.add("centroids", centroids)
        file.add("starts", starts)
        file.add("list_of", np.repeat(np.arange(len(centroids)), lengths).astype(np.uint16))
        if len(places) >= FEWEST:
            codebook, codes = coded(len(places), width, lambda some: joined.floats(order[some]))
            file.add("codebook", codebook)
            file.add("codes", codes)
        columns = columns_joined([source.columns for source in sources])
        return file.close(write_columns(file, columns.reordered(place, order))), count


def _lists(joined: _Joined, places: Ints) -> tuple[Floats, Ints]:
    """Centroids (lists, width), and the list of each row at `places`."""
    wanted = lists_for(len(places))
    if wanted == 1:
        total = np.zeros((1, joined.width), np.float32)
        for chunk in _chunks(places):
            total += joined.floats(chunk).sum(axis=0, dtype=np.float32)
        return total / np.float32(max(len(places), 1)), np.zeros(len(places), np.int64)
    chance = np.random.default_rng(0)
    sample = min(len(places), wanted * _SAMPLE_A_LIST)
    drawn = np.sort(chance.choice(len(places), sample, replace=False))
    coarse, centroids = _train(joined.floats(places[drawn]), wanted, chance)
    finder = _Finder(coarse, centroids)
    return centroids, np.concatenate([finder.nearest(joined.floats(c)) for c in _chunks(places)])


def _train(points: Floats, wanted: int, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """About sqrt(wanted) coarse centroids and `wanted` fine ones, by k-means in two storeys."""
    storeys = int(2 ** np.rint(np.log2(wanted) / 2))
    coarse = _kmeans(points[:: max(1, len(points) // (storeys * 256))], storeys, chance)
    cell_of = _nearest(points, coarse)
    shares = np.bincount(cell_of, minlength=storeys)
    # Each cell gets fine centroids by its share, whole ones by largest remainder.
    exact = shares * (wanted / len(points))
    counts = np.floor(exact).astype(np.int64)
    counts[np.argsort(counts - exact, kind="stable")[: wanted - counts.sum()]] += 1
    counts = np.minimum(counts, shares)
    parts = [
        _kmeans(points[cell_of == cell], int(counts[cell]), chance)
        for cell in range(storeys)
        if counts[cell]
    ]
    centroids = np.concatenate(parts)
    finder = _Finder(coarse, centroids)
    for _ in range(2):
        centroids = _means(points, finder.nearest(points), centroids)
        finder = _Finder(coarse, centroids)
    return coarse, centroids


def _kmeans(points: Floats, wanted: int, chance: np.random.Generator) -> Floats:
    centroids = points[np.sort(chance.choice(len(points), wanted, replace=False))]
    for _ in range(_ROUNDS):
        centroids = _means(points, _nearest(points, centroids), centroids)
    return centroids


def _means(points: Floats, of: Ints, before: Floats) -> Floats:
    """The mean of each centroid's points; one without points stays."""
    order = np.argsort(of, kind="stable")
    counts = np.bincount(of, minlength=len(before))
    starts = np.cumsum(counts) - counts
    held = np.flatnonzero(counts)
    after: Floats = before.copy()
    after[held] = np.add.reduceat(points[order], starts[held], axis=0) / counts[held][:, None]
    return after


def _nearest(points: Floats, centroids: Floats) -> Ints:
    half = (centroids**2).sum(axis=1) / 2
    nearest: Ints = (points @ centroids.T - half).argmax(axis=1)
    return nearest


class _Finder:
    """Finds the nearest centroid, looking only at those around a point's coarse cell."""

    def __init__(self, coarse: Floats, centroids: Floats) -> None:
        self._coarse, self._centroids = coarse, centroids
        self._half = (centroids**2).sum(axis=1) / 2
        wanted = min(len(centroids), len(centroids) * _NEIGHBOURS // len(coarse))
        nearness = coarse @ centroids.T - self._half
        self._around = np.argpartition(nearness, len(centroids) - wanted, axis=1)[:, -wanted:]

    def nearest(self, points: Floats) -> Ints:
        """The centroid of each point."""
        found = np.empty(len(points), np.int64)
        for first in range(0, len(points), _CHUNK):
            part = points[first : first + _CHUNK]
            cell_of = _nearest(part, self._coarse)
            order = np.argsort(cell_of, kind="stable")
            ends = np.cumsum(np.bincount(cell_of, minlength=len(self._coarse)))
            begin = 0
            for cell, end in enumerate(ends.tolist()):
                if end > begin:
                    here, around = order[begin:end], self._around[cell]
                    nearness = part[here] @ self._centroids[around].T - self._half[around]
                    found[first + here] = around[nearness.argmax(axis=1)]
                begin = end
        return found


def _signatures(
    joined: _Joined, order: Ints, starts: Ints, centroids: Floats
) -> tuple[NDArray[np.uint64], Floats]:
    """Signatures as (words, rows), and factors, of rows in order; zeros behind the last list."""
    count, bits = len(order), joined.width
    signatures = np.zeros((bits // 64, count), np.uint64)
    factors = np.zeros(count, np.float32)
    list_of = np.repeat(np.arange(len(centroids)), np.diff(starts))
    for first in range(0, len(list_of), _CHUNK):
        last = min(first + _CHUNK, len(list_of))
        rest = joined.floats(order[first:last]) - centroids[list_of[first:last]]
        packed = np.packbits(rest > 0, axis=1, bitorder="little").view(np.uint64)
        signatures[:, first:last] = packed.T
        spread = np.abs(rest).sum(axis=1)
        square = (rest**2).sum(axis=1)
        np.divide(square, spread, out=factors[first:last], where=spread > 0)
    return signatures, factors


def _chunks(places: Ints) -> Iterator[Ints]:
    for first in range(0, len(places), _CHUNK):
        yield places[first : first + _CHUNK]
