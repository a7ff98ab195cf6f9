"""Searching segments: which rows to look at, what each is worth by its signature, and the best.

All segments are one search: their lists are tried by how near their centroids are, whichever
segment they belong to, and the estimates that signatures give compare across segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broadsheet.search.dense.building import Floats, Ints
from broadsheet.search.dense.facets import Clause, Filter, Listed, Rows
from broadsheet.search.dense.segment import Segment

# How many rows are compared number by number, at least and for each result wanted.
_RESCORED, _RESCORED_EACH = 600, 8
# How many rows' signatures are looked at, at least and for each result wanted; with a filter,
# how many that pass it.
_LOOKED_AT, _LOOKED_AT_EACH = 100_000, 100
_PASSING, _PASSING_EACH = 30_000, 100
# Where a filter lets so few rows pass, all of them are looked at.
_FEW = 60_000
# Bits to which the query's numbers are rounded for the estimates.
_PLANES = 4
# Rows that are estimated at a time: what is computed for them stays near the processor.
_BLOCK = 16_384
_SCAN = 65_536

Answer = tuple[Ints, Floats]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query: of unit length, and rotated, as planes of bits with the worth of a difference.

    A row's product with it is about `whole - worth * difference` times the row's factor, where
    difference is the sum over planes `j` of 2^j times the bits that differ.
    """

    query: Floats
    planes: NDArray[np.uint64]
    whole: float
    worth: float

    def estimate(
        self, signatures: NDArray[np.uint64], factors: Floats, base: Floats | np.float32
    ) -> Floats:
        """What rows, with signatures (words, n), are worth: (n,)."""
        count = len(factors)
        worth = np.empty(count, np.float32)
        for first in range(0, count, _BLOCK):
            part = signatures[:, first : first + _BLOCK]
            differing = np.empty(part.shape[1], np.uint64)
            bits = np.empty(part.shape[1], np.uint8)
            difference = np.zeros(part.shape[1], np.uint16)
            for plane in self.planes:
                np.left_shift(difference, 1, out=difference)
                for word, of_query in zip(part, plane, strict=True):
                    np.bitwise_xor(word, of_query, out=differing)
                    np.bitwise_count(differing, out=bits)
                    np.add(difference, bits, out=difference)
            np.multiply(difference, np.float32(-self.worth), out=worth[first : first + _BLOCK])
        worth += np.float32(self.whole)
        worth *= factors
        worth += base
        return worth


def _asked(query: Floats, rotation: Floats) -> _Asked:
    turned = query @ rotation
    bits = len(turned)
    steps = 2**_PLANES
    largest = float(np.abs(turned).max())
    step = 2 * largest / steps
    levels = np.clip(np.floor(turned / step) + steps / 2, 0, steps - 1).astype(np.uint8)
    planes = np.stack(
        [
            np.packbits(levels >> (_PLANES - 1 - plane) & 1, bitorder="little").view(np.uint64)
            for plane in range(_PLANES)
        ]
    )
    return _Asked(query, planes, step * bits * (steps - 1) / 2, step)


@dataclass(slots=True)
class _Share:
    """What a search does in one segment: what it asks there, and what it has found so far."""

    segment: Segment
    clauses: list[Clause]
    products: Floats
    few: int
    taken: NDArray[np.bool_]
    rows: list[Rows]
    worth: list[Floats]


def search(
    segments: Sequence[Segment],
    rotation: Floats,
    query: Floats,
    limit: int,
    asked: Filter | None,
) -> Answer:
    """The best rows for a query of unit length, (numbers, scores); nearly always all of them."""
    rescored = max(_RESCORED, limit * _RESCORED_EACH)
    shares = [_share(segment, query, asked) for segment in segments if segment.searchable]
    few = 0
    probed = []
    for share in sorted(shares, key=lambda share: share.few):
        few += share.few
        if few <= _FEW and share.clauses:
            share.rows.append(_all_passing(share))
        else:
            probed.append(share)
    turned = _asked(query, rotation)
    if probed or sum(len(rows) for share in shares for rows in share.rows) > rescored:
        for share in shares:
            for rows in share.rows:
                share.worth.append(_estimated(share, turned, rows))
        _probe(probed, turned, limit)
        _keep_best(shares, rescored)
    return _best([(share.segment, rows) for share in shares for rows in share.rows], query, limit)


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
    """Cosines of rows with a query of unit length.

    In double precision and row by row: equal rows have equal scores wherever they lie.
    """
    out = np.empty(len(rows), np.float32)
    precise = query.astype(np.float64)
    for first in range(0, len(rows), _BLOCK):
        part = rows[first : first + _BLOCK]
        products = (segment.rows[part] * precise).sum(axis=1)
        out[first : first + _BLOCK] = products * segment.scales[part]
    return out


def _share(segment: Segment, query: Floats, asked: Filter | None) -> _Share:
    clauses = segment.clauses(asked)
    few = min((clause.of.count for clause in clauses if not clause.negated), default=segment.count)
    products = segment.centroids @ query
    return _Share(segment, clauses, products, few, np.zeros(len(products), np.bool_), [], [])


def _all_passing(share: _Share) -> Rows:
    segment, clauses = share.segment, share.clauses
    if clauses and not clauses[0].negated:
        rows = clauses[0].of.rows()
        rows = rows[: np.searchsorted(rows, segment.searchable)]
        return segment.passing(rows, clauses[1:])
    return segment.passing(np.arange(segment.searchable, dtype=np.uint32), clauses)


def _estimated(share: _Share, asked: _Asked, rows: Rows) -> Floats:
    segment = share.segment
    signatures = np.take(segment.signatures, rows, axis=1)
    base = share.products[segment.list_of[rows]]
    return asked.estimate(signatures, segment.factors[rows], base)


def _probe(shares: list[_Share], asked: _Asked, limit: int) -> None:
    """Looks through the nearest lists of all segments until enough rows were looked at."""
    if not shares:
        return
    nearness = np.concatenate(
        [
            share.products - share.segment.halves
            if len(share.products) > 1
            else np.full(1, np.inf, np.float32)
            for share in shares
        ]
    )
    sizes = np.concatenate([np.diff(share.segment.starts) for share in shares])
    owner = np.repeat(np.arange(len(shares)), [len(share.products) for share in shares])
    lists = np.concatenate([np.arange(len(share.products)) for share in shares])
    order = np.argsort(-nearness, kind="stable")
    through = np.cumsum(sizes[order])
    filtered = any(share.clauses for share in shares)
    wanted = (
        max(_PASSING, limit * _PASSING_EACH)
        if filtered
        else max(_LOOKED_AT, limit * _LOOKED_AT_EACH)
    )
    # Segments that are a single list are read whole, whatever else is looked at.
    done, passed = 0, 0
    singles = sum(int(sizes[place]) for place in np.flatnonzero(np.isinf(nearness)))
    goal = singles + max(_LOOKED_AT, limit * _LOOKED_AT_EACH)
    while done < len(order):
        end = min(int(np.searchsorted(through, goal)) + 1, len(order))
        for place, share in enumerate(shares):
            here = order[done:end]
            chosen = np.sort(lists[here[owner[here] == place]])
            if len(chosen):
                passed += _look(share, asked, chosen)
        done = end
        if not filtered or passed >= wanted * 0.8:
            return
        looked_at = int(through[end - 1])
        goal = int(looked_at * min(64.0, 1.1 * wanted / max(passed, 1))) + 1


def _look(share: _Share, asked: _Asked, chosen: Ints) -> int:
    """Estimates the rows of some lists that pass; returns how many did."""
    segment = share.segment
    starts, ends = segment.starts[chosen], segment.starts[chosen + 1]
    if share.clauses:
        first = share.clauses[0]
        listed = isinstance(first.of, Listed) and not first.negated
        if listed and isinstance(first.of, Listed):
            rows = segment.passing(first.of.within(starts, ends), share.clauses[1:])
        else:
            rows = segment.passing(_rows_of(starts, ends), share.clauses)
        share.rows.append(rows)
        share.worth.append(_estimated(share, asked, rows))
        return len(rows)
    runs = list(zip(starts.tolist(), ends.tolist(), strict=True))
    signatures = np.concatenate([segment.signatures[:, a:b] for a, b in runs], axis=1)
    factors = np.concatenate([segment.factors[a:b] for a, b in runs])
    base = np.repeat(share.products[chosen], ends - starts)
    worth = asked.estimate(signatures, factors, base)
    rows = _rows_of(starts, ends)
    if segment.dead is not None:
        live = ~segment.dead[rows]
        rows, worth = rows[live], worth[live]
    share.rows.append(rows)
    share.worth.append(worth)
    return len(rows)


def _rows_of(starts: Ints, ends: Ints) -> Rows:
    """All rows of some runs."""
    lengths = ends - starts
    before = np.cumsum(lengths) - lengths
    rows = np.arange(int(lengths.sum()), dtype=np.uint32)
    rows += np.repeat((starts - before).astype(np.uint32), lengths)
    return rows


def _keep_best(shares: list[_Share], most: int) -> None:
    worth = [part for share in shares for part in share.worth]
    whole = np.concatenate(worth) if worth else np.empty(0, np.float32)
    if len(whole) <= most:
        return
    cut = np.partition(whole, len(whole) - most)[len(whole) - most]
    for share in shares:
        share.rows = [rows[part >= cut] for rows, part in zip(share.rows, share.worth, strict=True)]


def _best(found: Sequence[tuple[Segment, Rows]], query: Floats, limit: int) -> Answer:
    """The best `limit` of some rows, by score and then by number."""
    rough = [segment.floats(rows) @ query for segment, rows in found]
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
