"""The dense index: one generation of it on disk, how papers enter it, and asking it.

It is a set of segments that never change. A commit writes what is new as one more segment, marks
what is replaced or removed as dead in the others, and then puts a manifest in place that names
them all together with what they amount to. Now and then segments of a size are merged into one,
so that there are few of them, and each paper is written anew as often as the index grows by a
factor, no oftener (a log-structured merge tree, O'Neil et al., Acta Informatica 33, 1996).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from broadsheet.search.dense import looking
from broadsheet.search.dense.building import (
    Floats,
    Ints,
    Packed,
    Source,
    build,
    pack,
    rotated,
    rotation_of,
)
from broadsheet.search.dense.facets import Columns, Facets, Filter, columns_of
from broadsheet.search.dense.files import (
    MANIFEST,
    Manifest,
    Named,
    Part,
    read_arrays,
    read_manifest,
    stamp,
    write_manifest,
    writing,
)
from broadsheet.search.dense.segment import Segment, write_dead
from broadsheet.search.lexical import Damaged, State

_WIDEST = 4096
# So many segments of a size become one; sizes are counted from the smallest up, in steps of the
# same factor.
_MERGED = 6
_SMALLEST = 4096
# What commits merge themselves, in rows: about a second of work. The rest waits for `merge`.
_AT_ONCE = 32_768
# A manifest can be replaced while its files are being opened, hardly so often in a row.
_LOOKS = 8
_ROTATION = "rotation.arrays"
_OURS = re.compile(r"s\d+\.(rows|\d+\.dead)\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Seen:
    """One commit, opened."""

    manifest: Manifest
    rotation: Floats
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class _Pending:
    """Papers added and not committed yet."""

    packed: Packed
    numbers: Ints
    columns: Columns


class DenseIndex:
    """One generation of the index, open for reading and (by one process) for writing.

    Reading may go on in any number of threads while one of them writes. What reads the index's
    files raises Damaged where they are not as they were written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._seen = self._open(None)
        self._added: list[_Pending] = []
        # What was last done with each number since the commit: the place among the added, or
        # None where it was removed.
        self._touched: dict[int, tuple[int, int] | None] = {}

    @classmethod
    def create(cls, folder: Path, model: str, width: int) -> DenseIndex:
        """An empty index of a model's vectors, `width` numbers each, in a new folder."""
        if not 1 <= width <= _WIDEST:
            raise ValueError(f"vectors have 1 to {_WIDEST} numbers")
        folder.mkdir(parents=True)
        with writing(folder / _ROTATION) as file:
            file.add("rotation", rotation_of(width))
            size = file.close({})
        write_manifest(folder, Manifest(model, width, Named(_ROTATION, size)))
        return cls(folder)

    @property
    def model(self) -> str:
        """The model whose vectors these are."""
        return self._seen.manifest.model

    @property
    def width(self) -> int:
        """Numbers a vector."""
        return self._seen.manifest.width

    def reload(self) -> None:
        """Sees what was committed since."""
        self._seen = self._open(self._seen)

    def stamp(self) -> tuple[int, int, int]:
        """What the folder's manifest is now; another after each commit, by whichever process."""
        return stamp(self.folder)

    def state(self) -> State | None:
        """What the last commit holds; None for an index without any."""
        return self._seen.manifest.state

    def held(self) -> int:
        """How many papers the last commit holds."""
        return sum(part.live for part in self._seen.manifest.parts)

    def numbers(self) -> Ints:
        """The numbers of all papers that the last commit holds, sorted."""
        with _noticing_damage():
            held = [
                segment.numbers if segment.dead is None else segment.numbers[~segment.dead]
                for segment in self._seen.segments
            ]
            return np.sort(np.concatenate([np.empty(0, np.int64), *held]))

    def segments(self) -> tuple[int, ...]:
        """How many papers each segment holds."""
        return tuple(part.live for part in self._seen.manifest.parts)

    def opened(self) -> tuple[Segment, ...]:
        """The segments themselves, for looking into them."""
        return self._seen.segments

    def files(self) -> set[str]:
        """The names of the files that belong to the last commit."""
        return self._seen.manifest.files

    def add(self, numbers: Sequence[int], vectors: Floats, facets: Sequence[Facets]) -> None:
        """Adds papers at the next commit, each in place of an older self of its number.

        `vectors` is (len(numbers), width), of any length each; those without direction are kept
        and never found. Raises ValueError where the shapes differ or a number is not finite.
        """
        vectors = np.asarray(vectors, np.float32)
        if vectors.shape != (len(numbers), self.width) or len(facets) != len(numbers):
            raise ValueError("as many numbers, vectors of the index's width and facets")
        if not np.isfinite(vectors).all():
            raise ValueError("a vector is not finite")
        if not len(numbers):
            return
        place = len(self._added)
        self._added.append(
            _Pending(
                pack(vectors, self._seen.rotation), np.array(numbers, np.int64), columns_of(facets)
            )
        )
        for row, number in enumerate(numbers):
            self._touched[int(number)] = (place, row)

    def remove(self, numbers: Sequence[int]) -> None:
        """Removes papers at the next commit; those not held are no error."""
        for number in numbers:
            self._touched[int(number)] = None

    def commit(self, state: State) -> None:
        """Commits the papers added and removed together with what they amount to.

        Durable, and in one step: killed at any instant, the index holds the commit before or
        this one. Only one process may write an index.
        """
        with _noticing_damage():
            self.reload()
            seen = self._seen
            manifest = replace(seen.manifest, turn=seen.manifest.turn + 1, state=state)
            numbers = np.fromiter(self._touched, np.int64, len(self._touched))
            parts = [self._without(segment, numbers, manifest) for segment in seen.segments]
            sources = self._sources()
            if sources:
                manifest, part = self._built(manifest, sources)
                parts.append(part)
            self._put(replace(manifest, parts=tuple(part for part in parts if part.live)))
            self._added.clear()
            self._touched.clear()
            while self._merge_some(_AT_ONCE):
                pass

    def merge(self) -> bool:
        """Merges some segments where there are too many of a size, and commits that.

        False where nothing was to be done; call it after commits until it says so. It takes a
        minute for millions of papers. What is added and not committed stays so.
        """
        with _noticing_damage():
            self.reload()
            return self._merge_some(None)

    def search(
        self,
        query: Floats,
        limit: int,
        filter: Filter | None = None,  # noqa: A002
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The `limit` papers that pass a filter and whose vectors are nearest to (width,) `query`.

        Returns numbers and cosines, by cosine and equals by number. Papers without direction are
        never among them, and a query without any finds none. Which lists of papers are looked
        through depends on the query alone: the same index answers the same query the same way.
        """
        return self._ask(query, limit, filter, exactly=False)

    def exact(
        self,
        query: Floats,
        limit: int,
        filter: Filter | None = None,  # noqa: A002
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The same by comparing with every paper."""
        return self._ask(query, limit, filter, exactly=True)

    def scores(self, query: Floats, numbers: Sequence[int] | Ints) -> NDArray[np.float32]:
        """The cosine of each paper with a query, 0 where one has no direction; NaN where a
        paper is not held.
        """
        unit = self._unit(query)
        wanted = np.asarray(numbers, np.int64)
        out = np.full(len(wanted), np.nan, np.float32)
        with _noticing_damage():
            for segment in self._seen.segments:
                rows = segment.find(wanted)
                here = np.flatnonzero(rows >= 0)
                out[here] = looking.scores_of(segment, rows[here], unit)
        return out

    def vectors(self, numbers: Sequence[int] | Ints) -> NDArray[np.float32]:
        """The papers' vectors as kept, (len(numbers), width): of unit length to within rounding,
        or zeros for those without direction or not held.
        """
        wanted = np.asarray(numbers, np.int64)
        out = np.zeros((len(wanted), self.width), np.float32)
        with _noticing_damage():
            for segment in self._seen.segments:
                rows = segment.find(wanted)
                here = np.flatnonzero(rows >= 0)
                out[here] = segment.floats(rows[here]) @ self._seen.rotation.T
        return out

    def verify(self) -> None:
        """Reads every byte and compares it with its checksum. Raises Damaged."""
        with _noticing_damage():
            for segment in self._seen.segments:
                segment.verify()

    def _ask(
        self, query: Floats, limit: int, asked: Filter | None, *, exactly: bool
    ) -> tuple[Ints, Floats]:
        unit = self._unit(query)
        seen = self._seen
        if limit < 1 or not unit.any():
            return np.empty(0, np.int64), np.empty(0, np.float32)
        limit = min(limit, max(1, self.held()))
        with _noticing_damage():
            if exactly:
                return looking.exact(seen.segments, unit, limit, asked)
            return looking.search(seen.segments, unit, limit, asked)

    def _unit(self, query: Floats) -> Floats:
        query = np.asarray(query, np.float32)
        if query.shape != (self.width,) or not np.isfinite(query).all():
            raise ValueError("a query has as many numbers as the index is wide, all finite")
        precise = query.astype(np.float64)
        length = np.sqrt((precise**2).sum())
        # Rotated as the rows are.
        return rotated(precise / length if length else precise, self._seen.rotation)

    def _open(self, before: _Seen | None) -> _Seen:
        for look in range(_LOOKS):
            with _noticing_damage():
                manifest = read_manifest(self.folder)
                if before is not None and before.manifest == manifest:
                    return before
                try:
                    return self._opened(manifest, before)
                except FileNotFoundError as error:
                    if look == _LOOKS - 1 or read_manifest(self.folder) == manifest:
                        raise Damaged("a file of the index is gone") from error
        raise AssertionError

    def _opened(self, manifest: Manifest, before: _Seen | None) -> _Seen:
        known = {segment.part.file: segment for segment in before.segments} if before else {}
        if before is not None:
            rotation = before.rotation
        else:
            named = manifest.rotation
            rotation = read_arrays(self.folder / named.name, named.size).arrays["rotation"]
        segments = tuple(
            Segment(self.folder, part, known.get(part.file)) for part in manifest.parts
        )
        return _Seen(manifest, rotation, segments)

    def _without(self, segment: Segment, numbers: Ints, manifest: Manifest) -> Part:
        """The segment's part of the manifest once these numbers are dead in it."""
        rows = segment.find(numbers)
        rows = rows[rows >= 0]
        if not len(rows):
            return segment.part
        dead = np.zeros(segment.count, np.bool_) if segment.dead is None else segment.dead.copy()
        dead[rows] = True
        count = int(dead.sum())
        if count == segment.count:
            return replace(segment.part, dead=count)
        stem = segment.part.file.name.partition(".")[0]
        file = write_dead(self.folder, f"{stem}.{manifest.turn}.dead", dead)
        return replace(segment.part, dead=count, dead_file=file)

    def _sources(self) -> list[Source]:
        """What was added and neither replaced nor removed since."""
        kept: list[list[int]] = [[] for _ in self._added]
        for where in self._touched.values():
            if where is not None:
                kept[where[0]].append(where[1])
        return [
            _only(pending, np.sort(np.array(rows, np.int64)))
            for pending, rows in zip(self._added, kept, strict=True)
            if rows
        ]

    def _built(self, manifest: Manifest, sources: list[Source]) -> tuple[Manifest, Part]:
        name = f"s{manifest.ever + 1}.rows"
        size, rows = build(self.folder / name, sources)
        return replace(manifest, ever=manifest.ever + 1), Part(Named(name, size), rows)

    def _merge_some(self, most: int | None) -> bool:
        seen = self._seen
        chosen = (
            _to_merge([part.live for part in seen.manifest.parts], most)
            or [
                place
                for place, part in enumerate(seen.manifest.parts)
                if part.dead > part.live and (most is None or part.live <= most)
            ][:1]
        )
        if not chosen:
            return False
        manifest = replace(seen.manifest, turn=seen.manifest.turn + 1)
        sources = [seen.segments[place].source() for place in chosen]
        manifest, part = self._built(manifest, sources)
        others = [part for place, part in enumerate(manifest.parts) if place not in chosen]
        self._put(replace(manifest, parts=(*others, part)))
        return True

    def _put(self, manifest: Manifest) -> None:
        """Makes the manifest the current one and takes away what no longer belongs to it."""
        write_manifest(self.folder, manifest)
        files = manifest.files
        for path in self.folder.iterdir():
            if path.name not in files and (
                _OURS.match(path.name) or path.name == f"{MANIFEST}.new"
            ):
                path.unlink(missing_ok=True)
        self._seen = self._opened(manifest, self._seen)


def _to_merge(sizes: Sequence[int], most: int | None) -> list[int]:
    """The places of segments to merge: all up to the smallest size of which there are enough."""
    tiers = [
        int(np.log(max(size, _SMALLEST) / _SMALLEST) / np.log(_MERGED) + 1e-9) for size in sizes
    ]
    for tier in sorted(set(tiers)):
        if tiers.count(tier) >= _MERGED:
            chosen = [place for place, other in enumerate(tiers) if other <= tier]
            if most is None or sum(sizes[place] for place in chosen) <= most:
                return chosen
            return []
    return []


def _only(pending: _Pending, rows: Ints) -> Source:
    columns = pending.columns
    place = np.full(len(pending.numbers), -1)
    place[rows] = np.arange(len(rows))
    kept = place[columns.row_of] >= 0
    return Source(
        Packed(pending.packed.rows[rows], pending.packed.scales[rows]),
        pending.numbers[rows],
        Columns(
            columns.days[rows],
            columns.years[rows],
            columns.terms,
            columns.term_of[kept],
            place[columns.row_of[kept]],
        ),
    )


@contextmanager
def _noticing_damage() -> Iterator[None]:
    """Raises Damaged for what numpy says when arrays are not as they were written."""
    try:
        yield
    except Damaged:
        raise
    except (IndexError, KeyError, ValueError, TypeError) as error:
        raise Damaged(f"the index is not as it was written: {error}") from error
