"""Searching segments: which rows to look at, what each is worth by its signature, and the best.

A large segment is compared whole, by its codes. Of the others, and of what a filter leaves, all
segments are one search: their lists are tried by how near their centroids are, whichever segment
they belong to, and the estimates that signatures give compare across segments.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from broadsheet.search.dense.building import Floats, Ints
from broadsheet.search.dense.facets import Filter, Listed, Rows
from broadsheet.search.dense.segment import Segment

# How many rows are compared number by number, at least and for each result wanted.
_RESCORED, _RESCORED_EACH = 400, 8
# The same of rows that codes name.
_CODED, _CODED_EACH = 3000, 10
# How many rows the finer estimate is made for.
_FINELY, _FINELY_EACH = 4000, 80
# How many rows are looked at, at least and for each result wanted; with a filter, how many that
# pass it.
_LOOKED_AT, _LOOKED_AT_EACH = 200_000, 100
_PASSING, _PASSING_EACH = 60_000, 100
# Where a filter lets so few rows pass, all of them are looked at.
_FEW = 80_000
# Bits to which the query's numbers are rounded for the finer estimate.
_PLANES = 4
# Rows that are estimated at a time: what is computed for them stays near the processor.
_BLOCK = 16384
# Rows that are turned into floating point at a time, for the same reason.
_FEW_ROWS = 256
_SCAN = 65_536

Answer = tuple[Ints, Floats]
_NO_LISTS = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class _Rounded:
    """A query in a few bits a number, as planes (planes, words), the highest bits first.

    A row's product with it is about `whole - worth * difference` times the row's factor, where
    difference is the sum over planes `j` of 2^j times the bits that differ.
    """

    planes: NDArray[np.uint64]
    whole: np.float32
    worth: np.float32

    def estimate(self, signatures: NDArray[np.uint64], factors: Floats, base: Floats) -> Floats:
        """What rows, with signatures (words, n), are worth: (n,)."""
        words, count = signatures.shape
        worth = np.empty(count, np.float32)
        differing = np.empty((words, min(count, _BLOCK)), np.uint64)
        bits = np.empty(differing.shape, np.uint8)
        for first in range(0, count, _BLOCK):
            part, here = signatures[:, first : first + _BLOCK], worth[first : first + _BLOCK]
            size = len(here)
            difference = np.zeros(size, np.uint16)
            for plane in self.planes:
                np.bitwise_xor(part, plane[:, None], out=differing[:, :size])
                np.bitwise_count(differing[:, :size], out=bits[:, :size])
                difference <<= 1
                # Three words differ in at most 192 bits: a byte holds that.
                for word in range(0, words, 3):
                    total = bits[word, :size]
                    for other in bits[word + 1 : word + 3, :size]:
                        total += other
                    difference += total
            np.multiply(difference, -self.worth, out=here)
            here += self.whole
            here *= factors[first : first + _BLOCK]
            here += base[first : first + _BLOCK]
        return worth


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query's signature, and the query rounded more finely."""

    rough: _Rounded
    fine: _Rounded


def _asked(query: Floats) -> _Asked:
    bits, steps = len(query), 2**_PLANES
    step = 2 * np.abs(query).max() / steps
    levels = np.clip(np.floor(query / step) + steps // 2, 0, steps - 1).astype(np.uint8)
    planes = np.stack(
        [
            np.packbits(levels >> (_PLANES - 1 - plane) & 1, bitorder="little").view(np.uint64)
            for plane in range(_PLANES)
        ]
    )
    mean = np.abs(query).mean()
    return _Asked(
        _Rounded(planes[:1], np.float32(mean * bits), np.float32(2 * mean)),
        _Rounded(planes, np.float32(step * bits * (steps - 1) / 2), np.float32(step)),
    )


class _Share:
    """What a search asks in one segment; `few` or fewer rows there pass the clauses."""

    def __init__(self, segment: Segment, query: Floats, asked: Filter | None) -> None:
        self.segment = segment
        self.clauses = segment.clauses(asked)
        self.few = min(
            (clause.of.count for clause in self.clauses if not clause.negated),
            default=segment.count,
        )
        self._query = query

    @cached_property
    def products(self) -> Floats:
        """The query's products with the centroids, which codes do without."""
        found: Floats = self.segment.centroids @ self._query
        return found


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows of a segment that are candidates: given, or else all those in some of its lists."""

    share: _Share
    given: Rows | None
    lists: Ints

    @property
    def runs(self) -> tuple[Ints, Ints]:
        """Where its lists begin and end."""
        starts = self.share.segment.starts
        return starts[self.lists], starts[self.lists + 1]

    def __len__(self) -> int:
        if self.given is not None:
            return len(self.given)
        starts, ends = self.runs
        return int((ends - starts).sum())

    def estimate(self, asked: _Rounded) -> Floats:
        """What each row is worth."""
        segment, products = self.share.segment, self.share.products
        if self.given is not None:
            signatures = np.take(segment.signatures, self.given, axis=1)
            base = products[segment.list_of[self.given]]
            return asked.estimate(signatures, segment.factors[self.given], base)
        starts, ends = self.runs
        worth = np.empty(int((ends - starts).sum()), np.float32)
        copied = np.empty((len(segment.signatures), _BLOCK), np.uint64)
        done = 0
        for begin, end in _together(ends - starts):
            runs = list(zip(starts[begin:end].tolist(), ends[begin:end].tolist(), strict=True))
            if end - begin > 1:
                size = sum(b - a for a, b in runs)
                signatures = copied[:, :size]
                np.concatenate(
                    [segment.signatures[:, a:b] for a, b in runs], axis=1, out=signatures
                )
                factors = np.concatenate([segment.factors[a:b] for a, b in runs])
            else:
                size = runs[0][1] - runs[0][0]
                signatures = segment.signatures[:, runs[0][0] : runs[0][1]]
                factors = segment.factors[runs[0][0] : runs[0][1]]
            base = np.repeat(products[self.lists[begin:end]], ends[begin:end] - starts[begin:end])
            worth[done : done + size] = asked.estimate(signatures, factors, base)
            done += size
        return worth

    def only(self, places: Ints | None) -> _Part:
        """The rows at some places in order, or at all; of lists, those that live."""
        if self.given is not None:
            rows = self.given if places is None else self.given[places]
            return _Part(self.share, rows, self.lists)
        starts, ends = self.runs
        if places is None:
            rows = _rows_of(starts, ends)
        else:
            through = np.cumsum(ends - starts)
            run = np.searchsorted(through, places, "right")
            rows = (places + (ends - through)[run]).astype(np.uint32)
        return _Part(self.share, self.share.segment.passing(rows, []), self.lists)


def search(
    segments: Sequence[Segment],
    query: Floats,
    limit: int,
    asked: Filter | None,
) -> Answer:
    """The best rows for a rotated query of unit length, (numbers, scores).

    Nearly always all of them; `exact` makes sure.
    """
    shares = [_Share(segment, query, asked) for segment in segments if segment.searchable]
    few = 0
    parts, probed, coded = [], [], []
    for share in sorted(shares, key=lambda share: share.few):
        few += share.few
        if few <= _FEW and share.clauses:
            parts.append(_Part(share, _all_passing(share), _NO_LISTS))
        elif share.segment.codes is not None and not share.clauses:
            coded.append(share)
        else:
            probed.append(share)
    parts += _probe(probed, limit)
    rounded = _asked(query)
    parts = _narrowed(parts, rounded.rough, max(_FINELY, limit * _FINELY_EACH))
    parts = _narrowed(parts, rounded.fine, max(_RESCORED, limit * _RESCORED_EACH))
    found = [(part.share.segment, part.given) for part in parts if part.given is not None]
    found += _by_codes([share.segment for share in coded], query, limit)
    return _best(found, query, limit)


def _by_codes(segments: list[Segment], query: Floats, limit: int) -> list[tuple[Segment, Rows]]:
    """The rows of some segments that are worth most by their codes."""
    most = max(_CODED, limit * _CODED_EACH)
    named = [(s, *s.codes.nearest(query, most)) for s in segments if s.codes is not None]
    worth = np.concatenate([products for _, _, products in named]) if named else np.empty(0)
    cut = (
        np.partition(worth, len(worth) - most)[len(worth) - most] if len(worth) > most else -np.inf
    )
    return [
        (segment, segment.passing(rows[products >= cut].astype(np.uint32), []))
        for segment, rows, products in named
    ]


def _narrowed(parts: list[_Part], asked: _Rounded, most: int) -> list[_Part]:
    """The rows that are worth most, `most` of them or a few more."""
    if sum(map(len, parts)) <= most:
        return [part.only(None) for part in parts]
    worth = [part.estimate(asked) for part in parts]
    whole = np.concatenate(worth)
    cut = np.partition(whole, len(whole) - most)[len(whole) - most]
    return [part.only(np.flatnonzero(one >= cut)) for part, one in zip(parts, worth, strict=True)]


def exact(segments: Sequence[Segment], query: Floats, limit: int, asked: Filter | None) -> Answer:
    """The same by comparing with every row."""
    found = []
    for segment in segments:
        clauses = segment.clauses(asked)
        for first in range(0, segment.searchable, _SCAN):
            last = min(first + _SCAN, segment.searchable)
            rows = segment.passing(np.arange(first, last, dtype=np.uint32), clauses)
            scores = segment.floats(rows) @ query
            if len(rows) > limit:
                # Some more than wanted: equals are parted by number, not by where they lie.
                cut = np.partition(scores, len(rows) - limit)[len(rows) - limit]
                rows = rows[scores >= cut - 1e-5]
            found.append((segment, rows))
    return _best(found, query, limit)


def scores_of(segment: Segment, rows: NDArray[np.integer], query: Floats) -> Floats:
    """Cosines of rows with a rotated query of unit length.

    In double precision and row by row: equal rows have equal scores wherever they lie.
    """
    out = np.empty(len(rows), np.float32)
    precise = query.astype(np.float64)
    for first in range(0, len(rows), _BLOCK):
        part = rows[first : first + _BLOCK]
        products = (np.take(segment.rows, part, axis=0) * precise).sum(axis=1)
        out[first : first + _BLOCK] = products * segment.scales[part]
    return out


def _all_passing(share: _Share) -> Rows:
    segment, clauses = share.segment, share.clauses
    if clauses and not clauses[0].negated:
        rows = clauses[0].of.rows()
        rows = rows[: np.searchsorted(rows, segment.searchable)]
        return segment.passing(rows, clauses[1:])
    return segment.passing(np.arange(segment.searchable, dtype=np.uint32), clauses)


def _probe(shares: list[_Share], limit: int) -> list[_Part]:
    """The nearest lists of all segments: as many as hold enough rows, or enough that pass."""
    if not shares:
        return []
    # By the angle to the centroid: measured beside the distance from it, of a title's ten nearest
    # papers more are in the lists that come first. Segments that are a single list are read
    # whole, whatever else is looked at.
    nearness = np.concatenate(
        [
            share.products / share.segment.lengths
            if len(share.products) > 1
            else np.full(1, np.inf, np.float32)
            for share in shares
        ]
    )
    sizes = np.concatenate([np.diff(share.segment.starts) for share in shares])
    counts = [len(share.products) for share in shares]
    owner = np.repeat(np.arange(len(shares)), counts)
    lists = np.concatenate([np.arange(count) for count in counts])
    order = np.argsort(-nearness, kind="stable")
    through = np.cumsum(sizes[order])
    filtered = any(share.clauses for share in shares)
    wanted = max(_PASSING, limit * _PASSING_EACH)
    goal = int(sizes[np.isinf(nearness)].sum()) + max(_LOOKED_AT, limit * _LOOKED_AT_EACH)
    parts: list[_Part] = []
    done = passed = 0
    while done < len(order):
        end = min(int(np.searchsorted(through, goal)) + 1, len(order))
        here = order[done:end]
        for place, share in enumerate(shares):
            chosen = np.sort(lists[here[owner[here] == place]])
            if len(chosen):
                part = _look(share, chosen)
                passed += len(part)
                parts.append(part)
        done = end
        if not filtered or passed >= 0.8 * wanted:
            break
        # As many more as it takes where as large a share of them passes as has so far.
        looked_at = int(through[end - 1])
        goal = int(looked_at * min(64.0, 1.1 * wanted / max(passed, 1))) + 1
    return parts


def _look(share: _Share, chosen: Ints) -> _Part:
    """What some lists hold, as far as it passes."""
    if not share.clauses:
        return _Part(share, None, chosen)
    segment, first = share.segment, share.clauses[0]
    starts, ends = segment.starts[chosen], segment.starts[chosen + 1]
    if isinstance(first.of, Listed) and not first.negated:
        rows = segment.passing(first.of.within(starts, ends), share.clauses[1:])
    else:
        rows = segment.passing(_rows_of(starts, ends), share.clauses)
    return _Part(share, rows, _NO_LISTS)


def _together(lengths: Ints) -> Iterator[tuple[int, int]]:
    """Neighbouring lists that are a block together, or one that is more by itself: from, to."""
    begin = size = 0
    for place, length in enumerate(lengths.tolist()):
        if place > begin and size + length > _BLOCK:
            yield begin, place
            begin, size = place, 0
        size += length
    yield begin, len(lengths)


def _rows_of(starts: Ints, ends: Ints) -> Rows:
    """All rows of some runs."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    rows = np.arange(int(lengths.sum()), dtype=np.uint32)
    rows += np.repeat((starts - before).astype(np.uint32), lengths)
    return rows


def _roughly(segment: Segment, rows: Rows, query: Floats) -> Floats:
    """Cosines of rows with a rotated query, in single precision."""
    out = np.empty(len(rows), np.float32)
    for first in range(0, len(rows), _FEW_ROWS):
        part = rows[first : first + _FEW_ROWS]
        floats = np.take(segment.rows, part, axis=0).astype(np.float32)
        np.matmul(floats, query, out=out[first : first + _FEW_ROWS])
    out *= segment.scales[rows]
    return out


def _best(found: Sequence[tuple[Segment, Rows]], query: Floats, limit: int) -> Answer:
    """The best `limit` of some rows, by score and then by number."""
    rough = [_roughly(segment, rows, query) for segment, rows in found]
    total = sum(map(len, rough))
    cut = -np.inf
    if total > limit:
        # Single precision depends on where a row lies; the margin lets no equal be lost by that.
        cut = np.partition(np.concatenate(rough), total - limit)[total - limit] - 1e-5
    numbers, scores = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for (segment, rows), score in zip(found, rough, strict=True):
        kept = rows[score >= cut]
        numbers.append(segment.numbers[kept])
        scores.append(scores_of(segment, kept, query))
    number, score = np.concatenate(numbers), np.concatenate(scores)
    order = np.lexsort((number, -score))[:limit]
    return number[order], score[order]
