"""The import: files in, papers in the store, and whatever could not be read in quarantine.

Each batch is one transaction: killed at any moment, the papers of the batches before are held,
and the same import run again ends as if it had run once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from broadsheet.intake.formats import Options, recognise
from broadsheet.intake.opening import Input, InputError, open_input, shown
from broadsheet.records import Quarantined, Record
from broadsheet.store import papers, putting, quarantine, signals
from broadsheet.store.engine import Store

# Large enough for the database to work in bulk, small enough to be at most a second of work; a
# batch of uncommonly long texts ends at this many characters.
BATCH = 2000
_BATCH_SIZE = 16_000_000


@dataclass(frozen=True, slots=True)
class Summary:
    """What an import did. `read` counts every record met: new, updated, unchanged, put aside."""

    read: int = 0
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    seconds: float = 0.0
    held: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an import is: the file, its bytes read of all, and the counts so far."""

    file: str
    done: int
    size: int
    summary: Summary


Watcher = Callable[[Progress], None]
Complaint = Callable[[Quarantined], None]


def import_files(
    store: Store,
    files: Sequence[Path],
    *,
    options: Options | None = None,
    watch: Watcher = lambda _progress: None,
    complain: Complaint = lambda _thing: None,
) -> Summary:
    """Imports files one after the other; a bad one does not keep the others out.

    `watch` hears of every batch, `complain` of everything put aside or refused. Raises
    StoreError where the database fails; nothing acknowledged before is lost then.
    """
    started = time.monotonic()
    run = _Run(store, options or Options(), watch, complain)
    for path in files:
        run.import_file(path)
    with store.reading() as connection:
        held = papers.count(connection)
    return replace(run.summary, seconds=round(time.monotonic() - started, 3), held=held)


class _Run:
    def __init__(self, store: Store, options: Options, watch: Watcher, complain: Complaint) -> None:
        self._store = store
        self._options = options
        self._watch = watch
        self._complain = complain
        self._started = datetime.now(UTC)
        self.summary = Summary()

    def import_file(self, path: Path) -> None:
        name = shown(os.path.abspath(path))  # one name, whichever way leads to the file
        try:
            with open_input(path) as opened:
                for batch in _batches(self._read(opened)):
                    self._put(name, batch)
                    self._watch(Progress(opened.name, opened.done, opened.size, self.summary))
        except InputError as error:
            # Only opening fails outside _read: there are no bytes to keep.
            self.summary = replace(self.summary, refused=self.summary.refused + 1)
            self._complain(Quarantined(name, error.line, error.reason, "", b"", 0))
            return
        with self._store.writing() as connection:
            quarantine.clear(connection, name, before=self._started)

    def _read(self, opened: Input) -> Iterator[Record | Quarantined]:
        """The file's records; a file that is refused or breaks off ends with what was wrong."""
        source = ""
        try:
            found = recognise(opened)
            source = found.name
            yield from found.read(opened, self._options)
        except InputError as error:
            if not source:
                self.summary = replace(self.summary, refused=self.summary.refused + 1)
            yield Quarantined(
                opened.name, error.line, error.reason, source, error.head, opened.size
            )

    def _put(self, name: str, batch: list[Record | Quarantined]) -> None:
        records = [thing for thing in batch if isinstance(thing, Record)]
        aside = [replace(thing, file=name) for thing in batch if isinstance(thing, Quarantined)]
        with self._store.writing() as connection:
            outcome = putting.put(connection, records)
            signals.put(connection, signals.of_records(records, datetime.now(UTC).date()))
            quarantine.add(connection, aside, seen=datetime.now(UTC))
        for thing in aside:
            self._complain(thing)
        before = self.summary
        self.summary = replace(
            before,
            read=before.read + len(batch),
            new=before.new + outcome.new,
            updated=before.updated + outcome.updated,
            unchanged=before.unchanged + outcome.unchanged,
            quarantined=before.quarantined + len(aside),
        )


def _batches(things: Iterator[Record | Quarantined]) -> Iterator[list[Record | Quarantined]]:
    batch: list[Record | Quarantined] = []
    size = 0
    for thing in things:
        batch.append(thing)
        size += _size(thing)
        if len(batch) >= BATCH or size >= _BATCH_SIZE:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _size(thing: Record | Quarantined) -> int:
    """About how many characters it holds."""
    if isinstance(thing, Quarantined):
        return len(thing.excerpt)
    return len(thing.abstract) + sum(len(author.name) for author in thing.authors)
