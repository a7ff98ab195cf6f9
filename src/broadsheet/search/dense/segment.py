"""A segment: rows that one commit or one merge wrote, and which of them are dead since."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from broadsheet.search.dense.building import Floats, Ints, Packed, Source
from broadsheet.search.dense.codes import Codes
from broadsheet.search.dense.facets import Clause, Columns, FacetReader, Filter, Listed, Rows
from broadsheet.search.dense.files import Arrays, Named, Part, read_arrays, writing


class Segment:
    """A segment opened for reading, as one manifest has it."""

    def __init__(self, folder: Path, part: Part, before: Segment | None = None) -> None:
        """Raises Damaged, or FileNotFoundError where a newer commit took the file away.

        `before` is the same segment of an older manifest: what is open already stays open.
        """
        self.part = part
        name, size = part.file.name, part.file.size
        self._file: Arrays = (
            before._file if before is not None else read_arrays(folder / name, size)
        )
        arrays = self._file.arrays
        self.count = len(arrays["numbers"])
        self.rows: NDArray[np.int8] = arrays["rows"]
        self.scales: Floats = arrays["scales"]
        self.signatures: NDArray[np.uint64] = arrays["signatures"]
        self.factors: Floats = arrays["factors"]
        self.numbers: Ints = arrays["numbers"]
        self.centroids: Floats = arrays["centroids"]
        self.list_of: NDArray[np.uint16] = arrays["list_of"]
        self.starts: Ints = arrays["starts"]
        # Rows behind these have no direction.
        self.searchable = int(self.starts[-1])
        lengths = np.sqrt((self.centroids**2).sum(axis=1))
        self.lengths: Floats = np.maximum(lengths, np.finfo(np.float32).tiny)
        self.facets = FacetReader(self._file, self.count)
        # Segments that are small, or older than codes, have none.
        self.codes: Codes | None = None
        if before is not None:
            self.codes = before.codes
        elif "codes" in arrays:
            self.codes = Codes(
                self.rows.shape[1], arrays["codebook"], arrays["codes"], self.searchable
            )
        self.dead: NDArray[np.bool_] | None = None
        if part.dead_file is not None:
            if before is not None and before.part.dead_file == part.dead_file:
                self.dead = before.dead
            else:
                read = read_arrays(folder / part.dead_file.name, part.dead_file.size)
                bits = np.unpackbits(read.arrays["dead"], count=self.count, bitorder="little")
                self.dead = bits.view(np.bool_)

    def find(self, numbers: Ints) -> Ints:
        """The rows of numbers, in order; -1 for those not held, or dead."""
        held: Ints = self._file.arrays["sorted_numbers"]
        if not self.count:
            return np.full(len(numbers), -1)
        places = np.minimum(np.searchsorted(held, numbers), self.count - 1)
        rows: Ints = self._file.arrays["sorted_rows"][places].astype(np.int64)
        rows[held[places] != numbers] = -1
        if self.dead is not None:
            rows[self.dead[rows] & (rows >= 0)] = -1
        return rows

    def clauses(self, asked: Filter | None) -> list[Clause]:
        """What a filter asks of this segment's rows, the rarest things first."""
        if asked is None:
            return []
        clauses = list(self.facets.clauses(asked))
        for numbers, negated in ((asked.among, False), (asked.without, True)):
            if numbers is not None:
                rows = self.find(np.asarray(numbers, np.int64))
                listed = np.unique(rows[rows >= 0]).astype(np.uint32)
                clauses.append(Clause(Listed(listed, self.count), negated))
        return sorted(clauses, key=lambda clause: (clause.negated, clause.of.count))

    def passing(self, rows: Rows, clauses: list[Clause]) -> Rows:
        """Which of some rows live and pass all the clauses."""
        for clause in clauses:
            rows = rows[clause.of.holds(rows) ^ clause.negated]
        if self.dead is not None:
            rows = rows[~self.dead[rows]]
        return rows

    def floats(self, rows: NDArray[np.integer]) -> Floats:
        """Rows as unit vectors, rotated."""
        floats: Floats = np.take(self.rows, rows, axis=0).astype(np.float32)
        floats *= self.scales[rows][:, None]
        return floats

    def source(self) -> Source:
        """What lives in it, for another segment."""
        columns = self.facets.columns()
        if self.dead is None:
            return Source(Packed(self.rows, self.scales), self.numbers, columns)
        live = np.flatnonzero(~self.dead)
        place = np.cumsum(~self.dead) - 1
        kept = ~self.dead[columns.row_of]
        columns = Columns(
            columns.days[live],
            columns.years[live],
            columns.terms,
            columns.term_of[kept],
            place[columns.row_of[kept]],
        )
        return Source(Packed(self.rows, self.scales[live], live), self.numbers[live], columns)

    def verify(self) -> None:
        """Compares all of the file with its checksums. Raises Damaged."""
        self._file.verify()


def write_dead(folder: Path, name: str, dead: NDArray[np.bool_]) -> Named:
    """Writes which rows are dead."""
    with writing(folder / name) as file:
        file.add("dead", np.packbits(dead, bitorder="little"))
        return Named(name, file.close({}))
