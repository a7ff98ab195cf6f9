"""How the dense index lies on disk: files of named arrays, and the manifest that names them.

A file of arrays is written once and never changed. Its table of contents comes last, with a
checksum of each array. A manifest is replaced whole, by renaming; whatever it names was made
durable before it.
"""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from broadsheet.search.lexical import Damaged, State

MANIFEST = "manifest.json"
# Raise when a file's meaning changes: an index of another format counts as damaged.
_FORMAT = 2
_MAGIC = b"broadsheet dense"
_TRAIL = 8 + 4 + len(_MAGIC)
_ALIGNMENT = 64
# Arrays up to this many bytes are compared with their checksums as a file is opened: among them
# all that says where things are. The checksums of larger ones wait for `verify`.
_CHECKED_AT_ONCE = 8 * 1024 * 1024

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Arrays:
    """A file of arrays, mapped into memory; `facts` are the small things said beside them."""

    path: Path
    arrays: dict[str, Array]
    facts: dict[str, Any]
    sums: dict[str, int]

    def verify(self, *, all_of_it: bool = True) -> None:
        """Compares the arrays with their checksums. Raises Damaged."""
        for name, array in self.arrays.items():
            wanted = all_of_it or array.nbytes <= _CHECKED_AT_ONCE
            if wanted and zlib.crc32(_bytes(array)) != self.sums[name]:
                raise Damaged(f"{self.path.name}: {name} is not as it was written")


class ArraysFile:
    """Writes a file of arrays, one after the other; `close` makes it durable."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb")
        self._table: dict[str, Any] = {}

    def add(self, name: str, array: Array) -> None:
        """Writes an array."""
        self.stream(name, array.shape, array.dtype, [array])

    def stream(
        self, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], parts: Iterable[Array]
    ) -> None:
        """Writes an array that comes in parts, in order."""
        self._file.write(b"\0" * (-self._file.tell() % _ALIGNMENT))
        start, total = self._file.tell(), 0
        for part in parts:
            data = _bytes(part)
            total = zlib.crc32(data, total)
            self._file.write(data)
        self._table[name] = [dtype.str, list(shape), start, total]

    def close(self, facts: dict[str, Any]) -> int:
        """Ends the file; returns its size in bytes."""
        table = orjson.dumps({"arrays": self._table, "facts": facts})
        with self._file as file:
            file.write(table)
            file.write(len(table).to_bytes(8, "little"))
            file.write(zlib.crc32(table).to_bytes(4, "little"))
            file.write(_MAGIC)
            file.flush()
            os.fsync(file.fileno())
            return file.tell()

    def abandon(self) -> None:
        """Takes the file away again."""
        self._file.close()
        self._path.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[ArraysFile]:
    """A file that is taken away again where writing it fails."""
    file = ArraysFile(path)
    try:
        yield file
    except BaseException:
        file.abandon()
        raise


def read_arrays(path: Path, size: int) -> Arrays:
    """Maps a file of arrays that was written with so many bytes.

    Raises Damaged where it is not as it was written, FileNotFoundError where it is not there.
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size != size or size < _TRAIL:
            raise Damaged(f"{path.name} is not as long as it was")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    trail = mapped[-_TRAIL:]
    length = int.from_bytes(trail[:8], "little")
    table = mapped[size - _TRAIL - length : size - _TRAIL] if length <= size - _TRAIL else b""
    if trail[12:] != _MAGIC or zlib.crc32(table) != int.from_bytes(trail[8:12], "little"):
        raise Damaged(f"{path.name} has no table of contents")
    # Whatever the checksum vouches for was written by `ArraysFile`.
    found = orjson.loads(table)
    arrays, sums = {}, {}
    for name, (dtype, shape, start, total) in found["arrays"].items():
        count = int(np.prod(shape, dtype=np.int64))
        flat = np.frombuffer(mapped, dtype, count, start) if count else np.empty(0, dtype)
        arrays[name] = flat.reshape(shape)
        sums[name] = total
    read = Arrays(path, arrays, found["facts"], sums)
    read.verify(all_of_it=False)
    return read


@dataclass(frozen=True, slots=True)
class Named:
    """A file the manifest names, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Part:
    """A segment as the manifest has it: its rows, and the file of those dead, if some are."""

    file: Named
    rows: int
    dead: int = 0
    dead_file: Named | None = None

    @property
    def live(self) -> int:
        """Rows that are not dead."""
        return self.rows - self.dead


@dataclass(frozen=True, slots=True)
class Manifest:
    """What one commit consists of. `turn` counts manifests, `ever` the segments ever made."""

    model: str
    width: int
    rotation: Named
    turn: int = 0
    ever: int = 0
    state: State | None = None
    parts: tuple[Part, ...] = field(default=())

    @property
    def files(self) -> set[str]:
        """The names of all files that belong to it."""
        names = {MANIFEST, self.rotation.name}
        for part in self.parts:
            names.add(part.file.name)
            if part.dead_file is not None:
                names.add(part.dead_file.name)
        return names


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Puts the manifest in place of the one before, durably and in one step."""
    said = orjson.dumps({"format": _FORMAT, **_said(manifest)})
    temporary = folder / f"{MANIFEST}.new"
    with temporary.open("wb") as file:
        file.write(b"%08x\n" % zlib.crc32(said))
        file.write(said)
        file.flush()
        os.fsync(file.fileno())
    # The folder twice: what the manifest names has to be there before the manifest itself is.
    sync(folder)
    temporary.replace(folder / MANIFEST)
    sync(folder)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder. Raises Damaged where there is none, or not a whole one."""
    try:
        read = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Damaged("the folder has no index") from error
    total, _, said = read.partition(b"\n")
    if b"%08x" % zlib.crc32(said) != total:
        raise Damaged("the manifest is not as it was written")
    found = orjson.loads(said)
    if found["format"] != _FORMAT:
        raise Damaged("the index has another format")
    return Manifest(
        found["model"],
        found["width"],
        Named(*found["rotation"]),
        found["turn"],
        found["ever"],
        State(*found["state"]) if found["state"] else None,
        tuple(
            Part(Named(*file), rows, dead, Named(*dead_file) if dead_file else None)
            for file, rows, dead, dead_file in found["parts"]
        ),
    )


def stamp(folder: Path) -> tuple[int, int, int]:
    """Differs after each commit: it puts a new manifest in place, perhaps within one clock tick."""
    try:
        found = (folder / MANIFEST).stat()
    except (FileNotFoundError, NotADirectoryError):
        return 0, 0, 0
    return found.st_mtime_ns, found.st_ino, found.st_size


def _said(manifest: Manifest) -> dict[str, Any]:
    state = manifest.state
    return {
        "model": manifest.model,
        "width": manifest.width,
        "rotation": _pair(manifest.rotation),
        "turn": manifest.turn,
        "ever": manifest.ever,
        "state": [state.through, state.identity, state.format] if state else None,
        "parts": [
            [_pair(part.file), part.rows, part.dead, _pair(part.dead_file)]
            for part in manifest.parts
        ],
    }


def _pair(named: Named | None) -> list[Any] | None:
    return [named.name, named.size] if named else None


def sync(folder: Path) -> None:
    """Makes durable which files a folder has."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _bytes(array: Array) -> memoryview:
    whole: Any = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    return memoryview(whole)
