"""Keeping the index at the store's heels.

The index lives in generations, each a folder; the file `current` names the one in use. Following
the change log commits papers and the last change number together, so an index killed at any
moment goes on from its last commit. One that cannot go on (another format, ahead of a store
restored from a backup) is made anew beside it and swapped in at the end; one that cannot even
serve meanwhile (another store's, damaged) is let go of at once.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from broadsheet.search.lexical import FORMAT, Damaged, LexicalIndex, State
from broadsheet.store import changes, papers
from broadsheet.store.engine import Store

_BATCH = 2000
# Papers between commits while catching up: a kill costs at most the time of this many.
_COMMIT = 50_000
# A generation can be swapped out while it is being opened, hardly twice in a row.
_LOOKS = 3
_CURRENT = "current"
_LOCK = "lock"
_GENERATION = re.compile(r"g(\d+)\Z", re.ASCII)

Watcher = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Status:
    """The index beside the store: change numbers, papers and bytes of each."""

    generation: str
    through: int
    last: int
    indexed: int
    held: int
    bytes: int

    @property
    def is_current(self) -> bool:
        """Whether the index holds every change of the store."""
        return self.through >= self.last


@dataclass(frozen=True, slots=True)
class _Opened:
    name: str
    stamp: tuple[int, int]
    index: LexicalIndex


class SearchIndex:
    """The index of a data folder, whichever generation is current.

    Reading never waits for writing. `catch_up` writes; only one process at a time does, the
    others read what it commits.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened: _Opened | None = None

    def current(self) -> LexicalIndex | None:
        """The generation in use with all that is committed; None before there is any, and for
        one that cannot be read.
        """
        name = self._name()
        for _ in range(_LOOKS):
            if name is None:
                break
            try:
                return self._open(name)
            except Damaged:
                damaged, name = name, self._name()
                if name == damaged:
                    break
        self._opened = None
        return None

    def _open(self, name: str) -> LexicalIndex:
        stamp = _stamp(self.folder / name)
        opened = self._opened
        if opened is None or opened.name != name:
            opened = _Opened(name, stamp, LexicalIndex(self.folder / name))
        elif opened.stamp != stamp:
            opened.index.reload()
            opened = _Opened(name, stamp, opened.index)
        self._opened = opened
        return opened.index

    def catch_up(self, store: Store, watch: Watcher = lambda _done, _all: None) -> bool:
        """Brings the index to the store's last change; `watch` hears (done, all) of the changes.

        False where another process is doing so already.
        """
        with self._alone() as alone:
            if alone:
                self._catch_up(store, watch)
            return alone

    def rebuild(self, store: Store, watch: Watcher = lambda _done, _all: None) -> bool:
        """Makes the index anew and swaps it in. False where another process is writing it."""
        with self._alone() as alone:
            if alone:
                self._build_aside(store, watch)
            return alone

    def status(self, store: Store) -> Status:
        """How the index stands beside the store."""
        with store.reading() as connection:
            last, held = changes.last_change(connection), papers.count(connection)
            identity = changes.identity(connection)
        name = self._name() or ""
        try:
            index = self.current()
            state = index.state() if index else None
            indexed = index.held() if index else 0
        except Damaged:
            state, indexed = None, 0
        return Status(
            generation=name,
            through=state.through if state and _serves(state, identity, last) else 0,
            last=last,
            indexed=indexed,
            held=held,
            bytes=_size(self.folder / name) if name else 0,
        )

    def _catch_up(self, store: Store, watch: Watcher) -> None:
        with store.reading() as connection:
            last, identity = changes.last_change(connection), changes.identity(connection)
        self._sweep()
        state = None
        try:
            index = self.current()
            state = index.state() if index else None
            if index and state and _serves(state, identity, last):
                _follow(index, store, state, watch)
                return
        except Damaged:
            state = None
        if state and state.identity == identity:
            self._build_aside(store, watch)
        else:
            # Nothing to serve meanwhile: papers can be found while the new index grows.
            name = self._next_name()
            index = LexicalIndex.create(self.folder / name)
            self._point_to(name)
            self._sweep()
            _follow(index, store, State(0, identity, FORMAT), watch)

    def _build_aside(self, store: Store, watch: Watcher) -> None:
        name = self._next_name()
        with store.reading() as connection:
            identity = changes.identity(connection)
        index = LexicalIndex.create(self.folder / name)
        _follow(index, store, State(0, identity, FORMAT), watch)
        self._point_to(name)
        self._sweep()

    def _name(self) -> str | None:
        try:
            name = (self.folder / _CURRENT).read_text().strip()
        except FileNotFoundError:
            return None
        return name if _GENERATION.match(name) and (self.folder / name).is_dir() else None

    def _next_name(self) -> str:
        numbers = [int(m[1]) for p in self.folder.iterdir() if (m := _GENERATION.match(p.name))]
        return f"g{max(numbers, default=0) + 1}"

    def _point_to(self, name: str) -> None:
        temporary = self.folder / f"{_CURRENT}.new"
        with temporary.open("w") as file:
            file.write(name)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / _CURRENT)

    def _sweep(self) -> None:
        """Removes generations nobody will open again: swapped out, or never finished."""
        current = self._name()
        for folder in self.folder.glob("g*"):
            if folder.is_dir() and folder.name != current:
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / _LOCK).open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


def _serves(state: State, identity: int, last: int) -> bool:
    return state.format == FORMAT and state.identity == identity and state.through <= last


def _follow(index: LexicalIndex, store: Store, state: State, watch: Watcher) -> None:
    """Applies every change after `state` and commits, again and again until none is left."""
    while True:
        with store.reading() as connection:
            last = changes.last_change(connection)
        if state.through >= last and index.state() is not None:
            return
        state = _pass(index, store, state, last, watch)


def _pass(index: LexicalIndex, store: Store, state: State, last: int, watch: Watcher) -> State:
    """Applies the changes after `state` up to number `last`.

    A paper written again meanwhile gets a number above `last` and waits for the next pass, so
    within a pass each paper comes once; into an empty index papers go without a look for an
    older self.
    """
    first, through, since_commit = state.through, state.through, 0
    fresh = index.state() is None
    writer = index.writer()
    try:
        while through < last:
            with store.reading() as connection:
                batch = [
                    change
                    for change in changes.changed_since(connection, through, _BATCH)
                    if change[0] <= last
                ]
                written = [number for _, number, gone in batch if not gone]
                held = papers.by_number(connection, written)
            if not fresh:
                for _, number, _ in batch:
                    index.remove(writer, number)
            for paper in held:
                index.add(writer, paper)
            through = batch[-1][0] if len(batch) == _BATCH else last
            since_commit += len(batch)
            watch(through - first, last - first)
            if since_commit >= _COMMIT:
                index.commit(writer, State(through, state.identity, FORMAT))
                since_commit = 0
        state = State(through, state.identity, FORMAT)
        index.commit(writer, state)
    finally:
        writer.wait_merging_threads()
    return state


def _stamp(folder: Path) -> tuple[int, int]:
    """Differs after each commit: it puts a new file in place, perhaps within one clock tick."""
    try:
        found = (folder / "meta.json").stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
