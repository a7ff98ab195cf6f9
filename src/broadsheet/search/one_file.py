"""A derived file that is replaced whole, and read again only where it is another one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from broadsheet.search.dense.files import Arrays, ArraysFile, read_arrays, sync, writing
from broadsheet.search.lexical import Damaged

_LOOKS = 3
Stamp = tuple[int, int]
_Whole = TypeVar("_Whole")
_Kept = TypeVar("_Kept")


class OneFile(Generic[_Whole, _Kept]):
    """A file of arrays in a folder. One process at a time writes (`alone`), any read.

    `read` makes of the arrays, and of the stamp of the file, what they say; it raises Damaged,
    KeyError, TypeError or ValueError for what it cannot read. `kept` is the part of that which
    stays in memory.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        read: Callable[[Arrays, Stamp], _Whole],
        kept: Callable[[_Whole], _Kept],
    ) -> None:
        self._path = folder / name
        self._read = read
        self._kept = kept
        self._seen: tuple[Stamp, _Kept] | None = None

    def current(self) -> _Kept | None:
        """What the file says, read once while it stays; None where it is not there or damaged."""
        stamp = self._stamp()
        if self._seen is None or self._seen[0] != stamp:
            opened = self.opened()
            if opened is None:
                return None
            self._seen = (stamp, self._kept(opened))
        return self._seen[1]

    def opened(self) -> _Whole | None:
        """All that the file says, read now; None where it is not there or damaged."""
        for _ in range(_LOOKS):
            try:
                stamp = self._stamp()
                return self._read(read_arrays(self._path, self._path.stat().st_size), stamp)
            except (FileNotFoundError, NotADirectoryError):
                return None
            except (Damaged, KeyError, TypeError, ValueError):
                # Perhaps replaced between the two looks at it.
                continue
        return None

    @contextmanager
    def written(self) -> Iterator[ArraysFile]:
        """Takes the arrays of another one, which takes the place of the last when the block ends
        (`close` it there); killed before that, the last one stays.
        """
        aside = self._path.with_name(f"{self._path.name}.new")
        with writing(aside) as file:
            yield file
        sync(aside.parent)
        aside.replace(self._path)
        sync(aside.parent)

    def _stamp(self) -> Stamp:
        try:
            found = self._path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return 0, 0
        return found.st_mtime_ns, found.st_ino
