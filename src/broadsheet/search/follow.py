"""Keeping the indexes at the store's heels.

An index lives in generations, each a folder; the file `current` names the one in use. Following
the change log commits papers and the last change number together, so an index killed at any
moment goes on from its last commit. One that cannot go on (another format, ahead of a store
restored from a backup) is made anew beside it and swapped in at the end; one that cannot even
serve meanwhile (another store's, damaged) is let go of at once. What is made beside goes on
after a kill where it broke off.

There are two such indexes, of words and of meanings, each with its own folder, lock and last
change: neither waits for the other, and a slow embedder delays no word.
"""

from __future__ import annotations

import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from broadsheet.embed.base import Embedder, EmbedderError
from broadsheet.records import Content
from broadsheet.search.alone import alone
from broadsheet.search.dense import DenseIndex, Facets
from broadsheet.search.lexical import (
    FORMAT,
    Damaged,
    LexicalIndex,
    State,
    category_terms,
)
from broadsheet.store import changes, contents, papers
from broadsheet.store.engine import Store

_BATCH = 2000
# Papers between commits while catching up: a kill costs at most the time of this many.
_COMMIT = 50_000
# A generation can be swapped out while it is being opened, hardly twice in a row.
_LOOKS = 3
# Raise when what a vector stands for changes (other facets, another mixture of title and text).
_MEANING_FORMAT = 1
_CURRENT = "current"
_BUILDING = "building"
_GENERATION = re.compile(r"g(\d+)\Z", re.ASCII)

Watcher = Callable[[int, int], None]
# Asked where no change is left: true to look again, false to commit.
Patience = Callable[[], bool]


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


class Generation(Protocol):
    """What following asks of one generation of an index."""

    def state(self) -> State | None:
        """What the last commit holds; None for an index without any."""

    def held(self) -> int:
        """How many papers the last commit holds."""

    def reload(self) -> None:
        """Sees what was committed since."""


_G = TypeVar("_G", bound=Generation)


@dataclass(frozen=True, slots=True)
class _Opened(Generic[_G]):
    name: str
    stamp: tuple[int, int]
    index: _G


class FollowedIndex(ABC, Generic[_G]):
    """An index of a data folder, whichever generation is current.

    Reading never waits for writing. `catch_up` writes; only one process at a time does, the
    others read what it commits.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._opened: _Opened[_G] | None = None

    @abstractmethod
    def _create(self, folder: Path) -> _G:
        """An empty generation."""

    @abstractmethod
    def _load(self, folder: Path) -> _G:
        """A generation that is there. Raises Damaged."""

    @abstractmethod
    def _format(self) -> int:
        """The format of generations made now."""

    @abstractmethod
    def _writing(self, index: _G) -> Writing:
        """Writes into a generation."""

    @abstractmethod
    def _stamp(self, folder: Path) -> tuple[int, int]:
        """Differs after each commit."""

    def _is_wanted(self, index: _G) -> bool:
        """Whether new generations would be made as this one was."""
        return True

    def current(self) -> _G | None:
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

    def stamp(self) -> tuple[str, int, int] | None:
        """Differs after each commit and each swap; None before there is a generation."""
        name = self._name()
        return (name, *self._stamp(self.folder / name)) if name else None

    def _open(self, name: str) -> _G:
        stamp = self._stamp(self.folder / name)
        opened = self._opened
        if opened is None or opened.name != name:
            opened = _Opened(name, stamp, self._load(self.folder / name))
        elif opened.stamp != stamp:
            opened.index.reload()
            opened = _Opened(name, stamp, opened.index)
        self._opened = opened
        return opened.index

    def catch_up(
        self,
        store: Store,
        watch: Watcher = lambda _done, _all: None,
        wait: Patience = lambda: False,
    ) -> bool:
        """Brings the index to the store's last change; `watch` hears (done, all) of the changes.

        Where none is left, `wait` is asked whether to look for more before a commit. False where
        another process is doing so already.
        """
        with alone(self.folder) as is_mine:
            if is_mine:
                self._catch_up(store, watch, wait)
            return is_mine

    def rebuild(self, store: Store, watch: Watcher = lambda _done, _all: None) -> bool:
        """Makes the index anew and swaps it in. False where another process is writing it."""
        with alone(self.folder) as is_mine:
            if is_mine:
                self._build_aside(store, watch, anew=True)
            return is_mine

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
            through=state.through if state and self._serves(state, identity, last) else 0,
            last=last,
            indexed=indexed,
            held=held,
            bytes=_size(self.folder / name) if name else 0,
        )

    def _catch_up(self, store: Store, watch: Watcher, wait: Patience) -> None:
        with store.reading() as connection:
            last, identity = changes.last_change(connection), changes.identity(connection)
        state = None
        try:
            index = self.current()
            state = index.state() if index else None
            if index and state and self._serves(state, identity, last) and self._is_wanted(index):
                # What was being made beside it is wanted no more.
                (self.folder / _BUILDING).unlink(missing_ok=True)
                self._sweep()
                self._follow(index, store, state, watch, wait)
                return
        except Damaged:
            state = None
        if state and state.identity == identity:
            self._build_aside(store, watch)
        else:
            # Nothing to serve meanwhile: papers can be found while the new index grows.
            name = self._next_name()
            index = self._create(self.folder / name)
            self._point(_CURRENT, name)
            self._sweep()
            self._follow(index, store, State(0, identity, self._format()), watch, wait)

    def _build_aside(self, store: Store, watch: Watcher, *, anew: bool = False) -> None:
        with store.reading() as connection:
            last, identity = changes.last_change(connection), changes.identity(connection)
        broken_off = None if anew else self._broken_off(identity, last)
        if broken_off is None:
            name = self._next_name()
            index, state = self._create(self.folder / name), State(0, identity, self._format())
            self._point(_BUILDING, name)
        else:
            name, index, state = broken_off
        self._follow(index, store, state, watch)
        self._point(_CURRENT, name)
        (self.folder / _BUILDING).unlink(missing_ok=True)
        self._sweep()

    def _broken_off(self, identity: int, last: int) -> tuple[str, _G, State] | None:
        """The generation that was being made when the process ended, where it can be gone on
        with.
        """
        name = self._name(_BUILDING)
        if name is None or name == self._name():
            return None
        try:
            index = self._load(self.folder / name)
            state = index.state()
        except Damaged:
            return None
        if state and self._serves(state, identity, last) and self._is_wanted(index):
            return name, index, state
        return None

    def _serves(self, state: State, identity: int, last: int) -> bool:
        return (
            state.format == self._format() and state.identity == identity and state.through <= last
        )

    def _follow(
        self,
        index: _G,
        store: Store,
        state: State,
        watch: Watcher,
        wait: Patience = lambda: False,
    ) -> None:
        """Applies every change after `state` and commits, again and again until none is left."""
        while True:
            with store.reading() as connection:
                last = changes.last_change(connection)
            if state.through >= last and index.state() is not None:
                return
            state = self._pass(index, store, state, watch, wait)

    def _pass(self, index: _G, store: Store, state: State, watch: Watcher, wait: Patience) -> State:
        """Applies the changes after `state` until none is left and `wait` is over; commits then,
        and wherever `_COMMIT` changes came together. A paper written again meanwhile comes again.
        """
        first, through, since_commit = state.through, state.through, 0
        with self._writing(index) as writing:
            while True:
                with store.reading() as connection:
                    stretch = contents.changed_since(connection, through, _BATCH)
                through = stretch.through
                if stretch.numbers:
                    writing.apply(stretch.numbers, stretch.held)
                    since_commit += len(stretch.numbers)
                    watch(through - first, stretch.last - first)
                if through >= stretch.last and not wait():
                    break
                if since_commit >= _COMMIT:
                    state = State(through, state.identity, self._format())
                    writing.commit(state)
                    since_commit = 0
            if through > state.through or index.state() is None:
                state = State(through, state.identity, self._format())
                writing.commit(state)
        return state

    def _name(self, pointer: str = _CURRENT) -> str | None:
        try:
            name = (self.folder / pointer).read_text().strip()
        except FileNotFoundError:
            return None
        return name if _GENERATION.match(name) and (self.folder / name).is_dir() else None

    def _next_name(self) -> str:
        numbers = [int(m[1]) for p in self.folder.iterdir() if (m := _GENERATION.match(p.name))]
        return f"g{max(numbers, default=0) + 1}"

    def _point(self, pointer: str, name: str) -> None:
        temporary = self.folder / f"{pointer}.new"
        with temporary.open("w") as file:
            file.write(name)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.folder / pointer)

    def _sweep(self) -> None:
        """Removes generations nobody will open again: swapped out, or never finished."""
        wanted = (self._name(), self._name(_BUILDING))
        for folder in self.folder.glob("g*"):
            if folder.is_dir() and folder.name not in wanted:
                shutil.rmtree(folder, ignore_errors=True)


class Writing(ABC):
    """A pass that writes into a generation; a context, so that whatever it opened is closed."""

    def __enter__(self) -> Writing:
        return self

    @abstractmethod
    def __exit__(self, *_error: object) -> None:
        """Ends the pass; what is not committed is lost."""

    @abstractmethod
    def apply(self, changed: Sequence[int], held: Sequence[Content]) -> None:
        """Forgets the papers with the numbers `changed` and adds those that are `held`."""

    @abstractmethod
    def commit(self, state: State) -> None:
        """Makes everything applied durable together with what it amounts to."""


class SearchIndex(FollowedIndex[LexicalIndex]):
    """The index of words."""

    def _create(self, folder: Path) -> LexicalIndex:
        return LexicalIndex.create(folder)

    def _load(self, folder: Path) -> LexicalIndex:
        return LexicalIndex(folder)

    def _format(self) -> int:
        return FORMAT

    def _writing(self, index: LexicalIndex) -> Writing:
        return _Words(index)

    def _stamp(self, folder: Path) -> tuple[int, int]:
        return _stamp(folder / "meta.json")


@dataclass(frozen=True, slots=True)
class Serving:
    """Vectors in use, and the embedder that made them."""

    index: DenseIndex
    embedder: Embedder


class MeaningIndex(FollowedIndex[DenseIndex]):
    """The index of meanings.

    `setting` names the embedder that vectors are made with; `load` opens embedders by such
    names. After a change of the setting the vectors of the old one serve until the new ones are
    whole.
    """

    def __init__(self, folder: Path, setting: str, load: Callable[[str], Embedder]) -> None:
        super().__init__(folder)
        self.setting = setting
        self._loader = load
        self._embedders: dict[str, Embedder] = {}

    def embedder(self, setting: str) -> Embedder:
        """The embedder of that name. Raises EmbedderError."""
        if setting not in self._embedders:
            self._embedders[setting] = self._loader(setting)
        return self._embedders[setting]

    def serving(self) -> Serving | None:
        """The vectors in use with the embedder that made them; None where there is neither."""
        index = self.current()
        if index is None:
            return None
        setting, _, name = index.model.partition(" ")
        try:
            embedder = self.embedder(setting)
        except EmbedderError:
            return None
        # Another release of a model may bear the setting's name; its vectors mean other things.
        return Serving(index, embedder) if embedder.name == name else None

    def _create(self, folder: Path) -> DenseIndex:
        embedder = self.embedder(self.setting)
        return DenseIndex.create(folder, self._model(embedder), embedder.width)

    def _load(self, folder: Path) -> DenseIndex:
        return DenseIndex(folder)

    def _format(self) -> int:
        return _MEANING_FORMAT

    def _writing(self, index: DenseIndex) -> Writing:
        return _Meanings(index, self.embedder(self.setting))

    def _stamp(self, folder: Path) -> tuple[int, int]:
        return _stamp(folder / "manifest.json")

    def _is_wanted(self, index: DenseIndex) -> bool:
        return index.model == self._model(self.embedder(self.setting))

    def _model(self, embedder: Embedder) -> str:
        return f"{self.setting} {embedder.name}"


class _Words(Writing):
    def __init__(self, index: LexicalIndex) -> None:
        self._index = index
        self._writer = index.writer()
        # No number above it was ever added: numbers count up and are given once. To look for an
        # older self of every new paper would cost as much as a tenth of adding it.
        self._largest = index.largest()

    def __exit__(self, *_error: object) -> None:
        self._writer.wait_merging_threads()

    def apply(self, changed: Sequence[int], held: Sequence[Content]) -> None:
        for number in changed:
            if number <= self._largest:
                self._index.remove(self._writer, number)
        self._largest = max(self._largest, *changed)
        for content in held:
            self._index.add(self._writer, content)

    def commit(self, state: State) -> None:
        self._index.commit(self._writer, state)


class _Meanings(Writing):
    def __init__(self, index: DenseIndex, embedder: Embedder) -> None:
        self._index = index
        self._embedder = embedder

    def __exit__(self, *error: object) -> None:
        while error[0] is None and self._index.merge():
            pass  # what commits left for when there is time

    def apply(self, changed: Sequence[int], held: Sequence[Content]) -> None:
        self._index.remove(changed)
        if held:
            vectors = self._embedder.encode_papers([(one.title, one.text) for one in held])
            self._index.add([one.number for one in held], vectors, [facets(one) for one in held])

    def commit(self, state: State) -> None:
        self._index.commit(state)


def facets(content: Content) -> Facets:
    """What filters look at."""
    terms = [f"cat:{term}" for term in category_terms(content.categories)]
    terms += [f"has:{kind}" for kind in sorted(content.has)]
    return Facets(content.day.toordinal() if content.day else 0, content.year or 0, tuple(terms))


def _stamp(file: Path) -> tuple[int, int]:
    """Differs after each commit: it puts a new file in place, perhaps within one clock tick."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*") if file.is_file())
