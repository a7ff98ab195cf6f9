"""Words that are nearly the one typed: a vocabulary in memory, and how far two words are apart.

The vocabulary holds the index's more frequent words, 28 bytes each. Asking it for the words
within one or two edits takes a millisecond or two, where walking the whole term dictionary of
millions of papers takes thirty.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

# Longer words are hardly mistyped ones, and each letter costs a byte a word.
_LONGEST = 20
_SHORTEST = 3
# From these lengths on a word may have one edit, or two.
_ONE_EDIT, _TWO_EDITS = 4, 8
# Letters have a bit each, all digits one together.
_BITS = {letter: 1 << place for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
_DIGIT = 1 << 26

Letters = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.uint32]


def edits(word: str) -> int:
    """How many edits a word of that length may be away from what was meant."""
    if len(word) < _ONE_EDIT:
        return 0
    return 1 if len(word) < _TWO_EDITS else 2


class Vocabulary:
    """Words with the number of papers each is in."""

    def __init__(self, words: Iterable[tuple[str, int]]) -> None:
        held = sorted(
            ((word, count) for word, count in words if _is_plain(word)),
            key=lambda one: (-one[1], one[0]),
        )
        texts = np.array([word.encode() for word, _ in held], dtype=f"S{_LONGEST}")
        self._letters: Letters = texts.view(np.uint8).reshape(len(held), _LONGEST)
        self._counts: Counts = np.array([min(n, 2**32 - 1) for _, n in held], dtype=np.uint32)
        self._signs: Counts = np.array([_sign(word) for word, _ in held], dtype=np.uint32)
        self._lengths: Letters = np.array([len(word) for word, _ in held], dtype=np.uint8)

    def __len__(self) -> int:
        return len(self._counts)

    def near(self, word: str, *, unfinished: bool, most: int) -> list[tuple[str, int]]:
        """The `most` words nearest to this one and not it, of equals the more frequent ones.

        An `unfinished` one is held against the beginnings of the words.
        """
        allowed = edits(word)
        if not allowed or not _is_plain(word) or not len(self):
            return []
        rows = self._could_be(word, allowed, unfinished)
        away = _distances(word, self._letters[rows], self._lengths[rows], allowed, unfinished)
        fit = np.flatnonzero((away <= allowed) & (away > 0))
        # Rows are in order of frequency, which a stable sort keeps among equals.
        best = rows[fit[np.argsort(away[fit], kind="stable")[:most]]]
        return [self._word(row) for row in best]

    def beginning(self, start: str, most: int) -> list[tuple[str, int]]:
        """The `most` frequent words that begin so."""
        if not start.isascii() or len(start) > _LONGEST or not len(self):
            return []
        fits = np.ones(len(self), dtype=bool)
        for place, letter in enumerate(start.encode()):
            fits &= self._letters[:, place] == letter
        return [self._word(row) for row in np.flatnonzero(fits)[:most]]

    def _word(self, row: np.intp) -> tuple[str, int]:
        return self._letters[row].tobytes().rstrip(b"\0").decode(), int(self._counts[row])

    def _could_be(self, word: str, allowed: int, unfinished: bool) -> npt.NDArray[np.intp]:
        """Rows of the words that have nearly the same letters; the others need no comparing."""
        sign = np.uint32(_sign(word))
        lengths = self._lengths
        missing = np.bitwise_count(sign & ~self._signs)
        fits = (missing <= allowed) & (lengths >= len(word) - allowed)
        if not unfinished:
            added = np.bitwise_count(self._signs & ~sign)
            fits &= (added <= allowed) & (lengths <= len(word) + allowed)
        return np.flatnonzero(fits)


def _distances(
    word: str, letters: Letters, lengths: Letters, allowed: int, unfinished: bool
) -> Letters:
    """The edits from `word` to each of the rows: letters put in, left out, changed, or two
    neighbours swapped. What is further than `allowed` is only said to be further.

    The table of dynamic programming, a column of all rows at a time, along its diagonal only.
    """
    far = np.uint8(allowed + 1)
    rows, wide = len(letters), min(len(word) + allowed, _LONGEST)
    typed = word.encode()
    ends = np.full(rows, far, dtype=np.uint8)
    beyond = np.full(rows, far, dtype=np.uint8)
    before: dict[int, Letters] = {}
    last = {j: np.full(rows, j, dtype=np.uint8) for j in range(min(allowed, wide) + 1)}
    for i in range(1, len(typed) + 1):
        line: dict[int, Letters] = {}
        if i <= allowed:
            line[0] = np.full(rows, i, dtype=np.uint8)
        for j in range(max(1, i - allowed), min(wide, i + allowed) + 1):
            differs = (letters[:, j - 1] != typed[i - 1]).astype(np.uint8)
            cell = last.get(j - 1, beyond) + differs
            cell = np.minimum(cell, last.get(j, beyond) + np.uint8(1))
            cell = np.minimum(cell, line.get(j - 1, beyond) + np.uint8(1))
            if i > 1 and j > 1:
                swapped = (letters[:, j - 1] == typed[i - 2]) & (letters[:, j - 2] == typed[i - 1])
                swap = np.where(swapped, before.get(j - 2, beyond) + np.uint8(1), far)
                cell = np.minimum(cell, swap)
            line[j] = np.minimum(cell, far)
        before, last = last, line
    for j, column in last.items():
        reached = lengths >= j if unfinished else lengths == j
        ends = np.where(reached, np.minimum(ends, column), ends)
    return ends


def _is_plain(word: str) -> bool:
    return _SHORTEST <= len(word) <= _LONGEST and word.isascii()


def _sign(word: str) -> int:
    """The set of a word's letters as bits."""
    sign = 0
    for letter in word:
        sign |= _BITS.get(letter, _DIGIT)
    return sign
