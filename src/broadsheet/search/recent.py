"""The terms of recent papers, counted once: what is needed to see which of them are rising.

A file beside the indexes holds, for each paper of the last weeks, the codes of the words and
two-word phrases of its title and abstract (`text.phrases`), and once more only those that enough
papers have, numbered, so that counting them in any part of the papers is one pass over an array.
It follows the store: papers that come or change are read, those that went or grew old leave. The
file is derived: it is written aside and put in place by one rename, and made again if deleted.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from broadsheet.records import Paper
from broadsheet.search.alone import alone
from broadsheet.search.dense.files import Arrays
from broadsheet.search.lexical import Damaged
from broadsheet.search.one_file import OneFile, Stamp
from broadsheet.store import changes, papers
from broadsheet.store.engine import Store
from broadsheet.text import phrases

Ints = NDArray[np.int64]
Watcher = Callable[[int, int], None]

# How far back papers are looked at, from the newest day that has some.
DAYS = 90
# A term that fewer papers of the window have is not looked at: it cannot be told from chance.
LEAST = 8
_FILE = "terms.arrays"
# Raise when what a code stands for changes (another stemmer, other function words).
_FORMAT = 1
_BATCH = 2000


@dataclass(frozen=True, slots=True)
class RecentTerms:
    """The papers of the window with their terms.

    Paper `i` has number `numbers[i]` (sorted) and day `days[i]` (its ordinal), and the terms
    `terms[starts[i]:starts[i + 1]]`, which are places in `codes`. `newest` is the last day,
    `through` the change of the store up to which papers were read.
    """

    numbers: Ints
    days: Ints
    starts: Ints
    terms: NDArray[np.uint32]
    codes: NDArray[np.uint32]
    newest: date
    through: int

    def counts(self, chosen: NDArray[np.bool_]) -> Ints:
        """How many of the chosen papers (n,) have each term."""
        held = np.repeat(chosen, np.diff(self.starts))
        counts: Ints = np.bincount(self.terms[held], minlength=len(self.codes))
        return counts

    def having(self, wanted: Sequence[int]) -> dict[int, Ints]:
        """The places of the papers that have each of some terms."""
        is_wanted = np.zeros(len(self.codes), np.bool_)
        is_wanted[list(wanted)] = True
        found = np.flatnonzero(is_wanted[self.terms])
        terms = self.terms[found]
        places: Ints = np.searchsorted(self.starts, found, "right") - 1
        return {term: places[terms == term] for term in wanted}


@dataclass(frozen=True, slots=True)
class _Raw:
    """Every term of every paper: changes say which text of a paper was read."""

    numbers: Ints
    days: Ints
    changes: Ints
    starts: Ints
    codes: NDArray[np.uint32]
    through: int
    identity: int


_EMPTY = np.empty(0, np.int64)
_NOTHING = _Raw(
    _EMPTY, _EMPTY, _EMPTY, np.zeros(1, np.int64), np.empty(0, np.uint32), through=-1, identity=0
)


class RecentIndex:
    """The terms of recent papers of a data folder. One process at a time writes, any read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file = OneFile(folder, _FILE, _read, lambda opened: opened[0])

    def current(self) -> RecentTerms | None:
        """The terms as last counted; None before that."""
        return self._file.current()

    def keep_up(self, store: Store, watch: Watcher = lambda _done, _all: None) -> bool:
        """Counts what came, changed or went since; False where nothing did, or another process
        is at it. Raises StoreError.
        """
        with store.reading() as connection:
            last, identity = changes.last_change(connection), changes.identity(connection)
        current = self.current()
        if current is not None and current.through == last:
            return False
        with alone(self.folder) as is_mine:
            if not is_mine:
                return False
            opened = self._file.opened()
            raw = opened[1] if opened else _NOTHING
            if raw.identity != identity or raw.through > last:
                raw = _NOTHING
            read = _read_on(store, raw, last, identity, watch)
            if read is None:
                return False
            self._put(read)
            return True

    def _put(self, raw: _Raw) -> None:
        known, inverse, held = np.unique(raw.codes, return_inverse=True, return_counts=True)
        kept = held >= LEAST
        place = np.cumsum(kept) - 1
        is_kept = kept[inverse]
        owner = np.repeat(np.arange(len(raw.numbers)), np.diff(raw.starts))[is_kept]
        lengths = np.bincount(owner, minlength=len(raw.numbers))
        with self._file.written() as file:
            file.add("numbers", raw.numbers)
            file.add("days", raw.days)
            file.add("changes", raw.changes)
            file.add("raw_starts", raw.starts)
            file.add("raw_codes", raw.codes)
            file.add("starts", np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))
            file.add("terms", place[inverse[is_kept]].astype(np.uint32))
            file.add("codes", known[kept])
            file.close({"format": _FORMAT, "through": raw.through, "identity": raw.identity})


def _read(read: Arrays, _stamp: Stamp) -> tuple[RecentTerms, _Raw]:
    if read.facts["format"] != _FORMAT:
        raise Damaged("the terms have another format")
    a, through = read.arrays, read.facts["through"]
    raw = _Raw(
        a["numbers"],
        a["days"],
        a["changes"],
        a["raw_starts"],
        a["raw_codes"],
        through,
        read.facts["identity"],
    )
    newest = date.fromordinal(int(raw.days.max(initial=1)))
    terms = RecentTerms(raw.numbers, raw.days, a["starts"], a["terms"], a["codes"], newest, through)
    return terms, raw


def category_code(category: str) -> int:
    """The code by which a category stands among the terms."""
    return zlib.crc32(f"cat:{category.lower()}".encode())


def _codes(paper: Paper) -> phrases.Codes:
    own = [category_code(category) for category in paper.categories]
    terms = phrases.codes(paper.title, paper.text)
    return np.union1d(terms, np.array(own, np.uint32)) if own else terms


def _read_on(store: Store, raw: _Raw, last: int, identity: int, watch: Watcher) -> _Raw | None:
    """What the window holds now, of which only what is new is read; None where no paper has a
    day.
    """
    with store.reading() as connection:
        newest = papers.latest_day(connection)
        if newest is None:
            return None
        held = papers.stamps_since(connection, newest - timedelta(days=DAYS - 1))
    known = {
        (int(number), int(change)): place
        for place, (number, change) in enumerate(zip(raw.numbers, raw.changes, strict=True))
    }
    coming = [number for number, _, change in held if (number, change) not in known]
    read: dict[int, phrases.Codes] = {}
    for start in range(0, len(coming), _BATCH):
        with store.reading() as connection:
            for paper in papers.by_number(connection, coming[start : start + _BATCH]):
                read[paper.number] = _codes(paper)
        watch(min(start + _BATCH, len(coming)), len(coming))
    numbers, days, stamps, parts = [], [], [], []
    for number, day, change in held:
        place = known.get((number, change))
        if place is not None:
            parts.append(raw.codes[raw.starts[place] : raw.starts[place + 1]])
        elif number in read:
            parts.append(read[number])
        else:
            continue  # gone meanwhile
        numbers.append(number)
        days.append(day.toordinal())
        stamps.append(change)
    return _Raw(
        np.array(numbers, np.int64),
        np.array(days, np.int64),
        np.array(stamps, np.int64),
        np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64),
        np.concatenate([*parts, np.empty(0, np.uint32)]),
        last,
        identity,
    )
