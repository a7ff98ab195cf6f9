"""What a reader's own pages begin with, kept beside the indexes: the vocabulary, and the words of
the newest papers and of the background.

To make it anew takes seconds of reading and counting, to read it a few milliseconds, so that the
first page after a start need not wait. The file is derived: deleted, it is made again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.learning.features import Lexis
from broadsheet.search.alone import alone
from broadsheet.search.dense.files import Arrays
from broadsheet.search.lexical import Damaged
from broadsheet.search.one_file import OneFile, Stamp

_FILE = "words.arrays"
# Raise when what a number of a word, or its weight in a paper, stands for changes.
_FORMAT = 1
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class KeptWords:
    """The words of some papers: paper `i` has `numbers[i]` (sorted), was read as of `changes[i]`,
    and has the words `ids[starts[i]:starts[i + 1]]` with their `weights`.

    `size` is that of the library the vocabulary was learned from (`pool.py`), `identity` its store,
    `through` the store's last change then.
    """

    lexis: Lexis
    size: int
    identity: int
    through: int
    numbers: Ints
    changes: Ints
    starts: Ints
    ids: NDArray[np.int32]
    weights: NDArray[np.float32]

    def of(self, number: int, change: int) -> tuple[Ints, NDArray[np.float32]] | None:
        """The words and weights of a paper as it is since a change; None where not here."""
        row = int(np.searchsorted(self.numbers, number))
        if row == len(self.numbers) or self.numbers[row] != number or self.changes[row] != change:
            return None
        span = slice(self.starts[row], self.starts[row + 1])
        return self.ids[span].astype(np.int64), self.weights[span]

    def has_the_papers_of(self, other: KeptWords) -> bool:
        """Whether these are the words of the same papers as they are."""
        return np.array_equal(self.numbers, other.numbers) and np.array_equal(
            self.changes, other.changes
        )


class KeptFile:
    """The file of a data folder. One process at a time writes, any read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = OneFile(folder, _FILE, _read, lambda read: read)

    def current(self) -> KeptWords | None:
        """What was kept last; None where there is nothing that can be read."""
        return self._file.current()

    def put(self, kept: KeptWords) -> None:
        """Keeps this instead; nothing where another process is at it. Raises OSError."""
        with alone(self._folder) as is_mine:
            if not is_mine:
                return
            lexis = kept.lexis
            with self._file.written() as file:
                file.add("words", _packed(lexis.words))
                file.add("spelt", _packed(lexis.spelt))
                for name in _OF_LEXIS:
                    file.add(name, getattr(lexis, name))
                for name in _ARRAYS:
                    file.add(name, getattr(kept, name))
                file.close(
                    {
                        "format": _FORMAT,
                        "sampled": lexis.sampled,
                        "rarest": lexis.rarest,
                        "listed": lexis.listed,
                        "size": kept.size,
                        "identity": kept.identity,
                        "through": kept.through,
                    }
                )


_OF_LEXIS = ("keys", "phrases", "plainly", "told")
_ARRAYS = ("numbers", "changes", "starts", "ids", "weights")


def kept_words(
    lexis: Lexis,
    size: int,
    identity: int,
    through: int,
    papers: Sequence[tuple[int, int, Ints, NDArray[np.float32]]],
) -> KeptWords:
    """Papers as (number, change, ids of words, weights), in any order, each once."""
    ordered = sorted(papers, key=lambda one: one[0])
    none = (np.zeros(0, np.int32), np.zeros(0, np.float32))
    return KeptWords(
        lexis,
        size,
        identity,
        through,
        np.array([number for number, *_ in ordered], np.int64),
        np.array([change for _, change, *_ in ordered], np.int64),
        np.cumsum([0, *(len(ids) for _, _, ids, _ in ordered)]).astype(np.int64),
        np.concatenate([none[0], *(ids.astype(np.int32) for _, _, ids, _ in ordered)]),
        np.concatenate([none[1], *(weights for *_, weights in ordered)]),
    )


def _read(read: Arrays, _stamp: Stamp) -> KeptWords:
    facts: dict[str, Any] = read.facts
    if facts["format"] != _FORMAT:
        raise Damaged("the words have another format")
    arrays = read.arrays
    lexis = Lexis(
        _unpacked(arrays["words"]),
        facts["sampled"],
        arrays["keys"],
        _unpacked(arrays["spelt"]),
        arrays["phrases"],
        arrays["plainly"],
        arrays["told"],
        facts["rarest"],
        facts["listed"],
    )
    return KeptWords(
        lexis,
        facts["size"],
        facts["identity"],
        facts["through"],
        *(arrays[name] for name in _ARRAYS),
    )


def _packed(words: tuple[str, ...]) -> NDArray[np.uint8]:
    """Words, each ended by a line's end, which no word has."""
    return np.frombuffer("".join(f"{word}\n" for word in words).encode(), np.uint8)


def _unpacked(packed: NDArray[np.uint8]) -> tuple[str, ...]:
    return tuple(packed.tobytes().decode().split("\n")[:-1])
