"""Which row of the table belongs to which word: stems, bigrams of neighbouring stems, and
buckets of letter trigrams for words that have no row of their own.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]

_SHORTEST_UNKNOWN = 3
# What a byte says: an even number from -255 to 255, by their standard deviation and by the root
# of the full width.
_LEVELS = (np.arange(256, dtype=np.float32) * 2 - 255) / np.float32(147.8 * 16)


def is_word(term: str) -> bool:
    """Whether a term can have a row: it holds a letter and is not mostly figures."""
    figures = 0 if term.isalpha() else sum(map(str.isdigit, term))
    return figures * 2 <= len(term) and 1 < len(term) <= 40


def own_direction(term: str, width: int) -> NDArray[np.float32]:
    """A direction that is a word's own, of about unit length at 256 numbers; the same everywhere.

    Directions drawn so are almost at right angles to each other.
    """
    drawn = hashlib.shake_256(term.encode("utf-8", "replace")).digest(width)
    direction: NDArray[np.float32] = _LEVELS[np.frombuffer(drawn, np.uint8)]
    return direction


class Lexicon:
    """Rows in this order: `terms`, then `bigrams` (pairs of rows of terms), then the buckets."""

    def __init__(self, terms: Sequence[str], bigrams: Ints, buckets: int) -> None:
        self.terms = list(terms)
        self.bigrams = bigrams.astype(np.int32).reshape(-1, 2)
        self.buckets = buckets
        self.rows = {term: row for row, term in enumerate(self.terms)}
        keys = self.bigrams[:, 0].astype(np.int64) * len(self.terms) + self.bigrams[:, 1]
        if np.any(keys[1:] <= keys[:-1]):
            raise ValueError("The bigrams are not in order.")
        self._keys = keys
        self._begins = np.zeros(len(self.terms) + 1, bool)
        self._follows = np.zeros(len(self.terms) + 1, bool)
        self._begins[self.bigrams[:, 0]] = True
        self._follows[self.bigrams[:, 1]] = True

    def __len__(self) -> int:
        return len(self.terms) + len(self.bigrams) + self.buckets

    def row(self, term: str) -> int:
        """The row of a stem; -1 where it has none."""
        return self.rows.get(term, -1)

    def bigram_rows(self, first: Ints, second: Ints) -> Ints:
        """The rows of the bigrams of stems' rows, side by side; -1 where there is none.

        A row of -1 stands for a stem that is unknown.
        """
        found = np.full(len(first), -1, np.int32)
        likely = np.flatnonzero(self._begins[first] & self._follows[second])
        if len(likely) and len(self._keys):
            keys = first[likely].astype(np.int64) * len(self.terms) + second[likely]
            places = np.searchsorted(self._keys, keys)
            places[places == len(self._keys)] = 0
            hit = self._keys[places] == keys
            found[likely[hit]] = places[hit] + len(self.terms)
        return found

    def pieces(self, term: str) -> list[int]:
        """The buckets of a word's letter trigrams, its ends marked; none for what is no word."""
        if not self.buckets or len(term) < _SHORTEST_UNKNOWN or not is_word(term):
            return []
        marked = f"<{term}>".encode("utf-8", "replace")
        first = len(self.terms) + len(self.bigrams)
        return [
            first + zlib.crc32(marked[at : at + 3]) % self.buckets for at in range(len(marked) - 2)
        ]
