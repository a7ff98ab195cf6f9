"""A file of any kind, read as an import reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from broadsheet.intake.formats import Options, recognise
from broadsheet.intake.opening import InputError, open_input
from broadsheet.records import Quarantined, Record


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a file: its kind, its records, what was put aside, and how it ended."""

    kind: str
    things: list[Record | Quarantined]
    error: InputError | None

    @property
    def records(self) -> list[Record]:
        return [thing for thing in self.things if isinstance(thing, Record)]

    @property
    def aside(self) -> list[Quarantined]:
        return [thing for thing in self.things if isinstance(thing, Quarantined)]

    @property
    def only(self) -> Record:
        """The one record of a file that holds just that."""
        [thing] = self.things
        assert isinstance(thing, Record), thing
        assert self.error is None, self.error
        return thing

    @property
    def reason(self) -> str:
        """Why reading ended; one sentence part."""
        assert self.error is not None
        assert self.error.reason
        assert "\n" not in self.error.reason
        return self.error.reason


def read_file(file: Path) -> Outcome:
    """Reads a file; nothing but InputError may come out of it."""
    things: list[Record | Quarantined] = []
    kind = ""
    with open_input(file) as opened:
        try:
            found = recognise(opened)
            kind = found.name
            for thing in found.read(opened, Options()):
                things.append(thing)  # noqa: PERF402 - those before an error count
        except InputError as error:
            return Outcome(kind, things, error)
    return Outcome(kind, things, None)


def read_bytes(folder: Path, content: bytes, name: str = "any name") -> Outcome:
    """Reads a file of that content."""
    file = folder / name
    file.write_bytes(content)
    return read_file(file)


def mutilated(sample: bytes) -> st.SearchStrategy[bytes]:
    """The sample with a few stretches replaced by other bytes."""
    cut = st.tuples(st.integers(0, len(sample)), st.integers(0, 40), st.binary(max_size=12))
    return st.lists(cut, max_size=4).map(lambda cuts: _cut(sample, cuts))


def _cut(sample: bytes, cuts: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, instead in cuts:
        sample = sample[:at] + instead + sample[at + length :]
    return sample
