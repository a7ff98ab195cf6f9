"""What filters look at beside the vectors: days, years and terms, by row and by value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from broadsheet.search.dense.files import Array, Arrays, ArraysFile

Rows = NDArray[np.uint32]
# A term that more than one row in so many has is kept as a bitmap as well: a smaller thing to
# look rows up in than the list of them.
_COMMON = 32


@dataclass(frozen=True, slots=True)
class Facets:
    """What filters look at: `day` is a proleptic ordinal, 0 where unknown, as is `year`."""

    day: int
    year: int
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """What papers must be; all of it must hold.

    `days` and `years` are (first, last), both within, years also (.., negated): undated papers
    have day 0 and year 0. `terms` are (term, negated). `among` and `without` are numbers, in any
    order: only these, none of these.
    """

    days: tuple[int, int] | None = None
    years: tuple[tuple[int, int, bool], ...] = ()
    terms: tuple[tuple[str, bool], ...] = ()
    among: NDArray[np.int64] | None = None
    without: NDArray[np.int64] | None = None


@dataclass(frozen=True, slots=True)
class Columns:
    """The facets of some rows: days and years by row, and pairs of a row and one of its terms."""

    days: NDArray[np.int32]
    years: NDArray[np.int16]
    terms: tuple[str, ...]
    term_of: NDArray[np.int64]
    row_of: NDArray[np.int64]

    def reordered(self, place: NDArray[np.int64], order: NDArray[np.int64]) -> Columns:
        """The same where row `i` has moved to `place[i]`, and `order` says which came where."""
        return Columns(
            self.days[order], self.years[order], self.terms, self.term_of, place[self.row_of]
        )


def columns_of(facets: Sequence[Facets]) -> Columns:
    """The columns of papers in order."""
    ids: dict[str, int] = {}
    term_of, row_of = [], []
    for row, one in enumerate(facets):
        for term in set(one.terms):
            term_of.append(ids.setdefault(term, len(ids)))
            row_of.append(row)
    return Columns(
        np.array([one.day for one in facets], np.int32),
        np.array([one.year for one in facets], np.int16),
        tuple(ids),
        np.array(term_of, np.int64),
        np.array(row_of, np.int64),
    )


def columns_joined(parts: Sequence[Columns]) -> Columns:
    """The columns of rows one part after the other."""
    ids: dict[str, int] = {}
    term_of, row_of, start = [], [], 0
    for part in parts:
        known = [ids.setdefault(term, len(ids)) for term in part.terms]
        term_of.append(np.array(known, np.int64)[part.term_of])
        row_of.append(part.row_of + start)
        start += len(part.days)
    return Columns(
        np.concatenate([part.days for part in parts]),
        np.concatenate([part.years for part in parts]),
        tuple(ids),
        np.concatenate(term_of),
        np.concatenate(row_of),
    )


def write_columns(file: ArraysFile, columns: Columns) -> dict[str, list[str]]:
    """Writes columns; what it returns belongs to the file's facts."""
    count = len(columns.days)
    _write_by_value(file, "day", columns.days)
    _write_by_value(file, "year", columns.years)
    order = sorted(range(len(columns.terms)), key=columns.terms.__getitem__)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    keys = rank[columns.term_of] * count + columns.row_of
    keys.sort()
    rows = (keys % count).astype(np.uint32)
    starts = np.searchsorted(keys, np.arange(len(order) + 1) * count).astype(np.int64)
    common = np.flatnonzero(np.diff(starts) * _COMMON > count)
    file.add("term_rows", rows)
    file.add("term_starts", starts)
    file.add("common", common)
    file.stream(
        "common_bits",
        (len(common), (count + 7) // 8),
        np.dtype(np.uint8),
        (_bits(rows[starts[term] : starts[term + 1]], count) for term in common),
    )
    return {"terms": [columns.terms[place] for place in order]}


def _write_by_value(file: ArraysFile, name: str, values: Array) -> None:
    order = np.argsort(values, kind="stable").astype(np.uint32)
    distinct, counts = np.unique(values, return_counts=True)
    file.add(name, values)
    file.add(f"{name}_rows", order)
    file.add(f"{name}_values", distinct.astype(np.int64))
    file.add(f"{name}_starts", np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _bits(rows: Rows, count: int) -> NDArray[np.uint8]:
    held = np.zeros(count, np.bool_)
    held[rows] = True
    return np.packbits(held, bitorder="little")


class Span:
    """The rows whose day, or year, lies within a span of values."""

    def __init__(self, file: Arrays, name: str, first: int, last: int) -> None:
        self._column = file.arrays[name]
        values, starts = file.arrays[f"{name}_values"], file.arrays[f"{name}_starts"]
        self._first, self._last = first, last
        begin = starts[np.searchsorted(values, first, "left")]
        end = starts[np.searchsorted(values, last, "right")]
        self._rows: Rows = file.arrays[f"{name}_rows"][begin : max(begin, end)]
        self.count = len(self._rows)

    def rows(self) -> Rows:
        """All of them, in order."""
        return np.sort(self._rows)

    def within(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        """Nothing: days do not lie in the order of rows."""

    def holds(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of some rows are among them."""
        values = self._column[rows]
        held: NDArray[np.bool_] = (values >= self._first) & (values <= self._last)
        return held


class Listed:
    """Rows that a list in order has: those of a term, or of given numbers."""

    def __init__(self, rows: Rows, total: int, bits: NDArray[np.uint8] | None = None) -> None:
        self._rows, self._total, self._bits = rows, total, bits
        self.count = len(rows)

    def rows(self) -> Rows:
        """All of them, in order."""
        return self._rows

    def within(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Rows:
        """Those in some runs of rows, run by run."""
        begins = np.searchsorted(self._rows, starts.astype(np.uint32)).tolist()
        finals = np.searchsorted(self._rows, ends.astype(np.uint32)).tolist()
        parts = [self._rows[a:b] for a, b in zip(begins, finals, strict=True)]
        return np.concatenate(parts) if parts else self._rows[:0]

    def holds(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of some rows are among them."""
        if not self.count:
            return np.zeros(len(rows), np.bool_)
        if self._bits is not None:
            bits: NDArray[np.uint8] = self._bits[rows >> 3] >> (rows & 7).astype(np.uint8)
            return (bits & 1).astype(np.bool_)
        if len(rows) * 16 < self.count or self.count * 64 < self._total:
            places = np.searchsorted(self._rows, rows)
            found: NDArray[np.bool_] = self._rows[np.minimum(places, self.count - 1)] == rows
            return found
        held = np.zeros(self._total, np.bool_)
        held[self._rows] = True
        return held[rows]


@dataclass(frozen=True, slots=True)
class Clause:
    """One thing a filter asks of rows."""

    of: Span | Listed
    negated: bool = False


class FacetReader:
    """The facets of a segment's rows."""

    def __init__(self, file: Arrays, count: int) -> None:
        self._file, self._count = file, count
        self._terms = {term: place for place, term in enumerate(file.facts["terms"])}
        self._common = {int(term): place for place, term in enumerate(file.arrays["common"])}

    def clauses(self, asked: Filter) -> Iterator[Clause]:
        """What a filter asks, without its numbers."""
        if asked.days is not None:
            yield Clause(Span(self._file, "day", *asked.days))
        for first, last, negated in asked.years:
            yield Clause(Span(self._file, "year", first, last), negated)
        for term, negated in asked.terms:
            yield Clause(self._listed(term), negated)

    def columns(self) -> Columns:
        """All of it, for a segment made of this one."""
        lengths = np.diff(self._file.arrays["term_starts"])
        return Columns(
            self._file.arrays["day"],
            self._file.arrays["year"],
            tuple(self._terms),
            np.repeat(np.arange(len(lengths)), lengths),
            self._file.arrays["term_rows"].astype(np.int64),
        )

    def _listed(self, term: str) -> Listed:
        place = self._terms.get(term)
        rows = self._file.arrays["term_rows"]
        if place is None:
            return Listed(rows[:0], self._count)
        starts = self._file.arrays["term_starts"]
        bits = None
        if place in self._common:
            bits = self._file.arrays["common_bits"][self._common[place]]
        return Listed(rows[starts[place] : starts[place + 1]], self._count, bits)
