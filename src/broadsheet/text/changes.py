"""What changed from one text to the next, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

# Comparing takes the square of the words where hardly any is the same: longer texts are compared
# as a whole.
_MOST_WORDS = 1_500
# So many words that stayed are shown on each side of what changed.
_AROUND = 6
# Two texts with less in common are two texts: what they share is "of" and "the".
_ALIKE = 0.3
_WORD = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of words that stayed, went or came; `cut` is one that stayed and is left out."""

    kind: Literal["same", "gone", "new", "cut"]
    text: str


def changes(before: str, after: str) -> tuple[Part, ...]:
    """The way from one text to the other; nothing where both say the same."""
    old, new = _WORD.findall(before), _WORD.findall(after)
    bare, bare_new = [word.strip() for word in old], [word.strip() for word in new]
    if bare == bare_new:
        return ()
    whole = tuple(_parts(("gone", old), ("new", new)))
    if len(old) > _MOST_WORDS or len(new) > _MOST_WORDS:
        return whole
    found: list[tuple[Literal["same", "gone", "new"], list[str]]] = []
    matcher = SequenceMatcher(None, bare, bare_new, autojunk=False)
    if matcher.ratio() < _ALIKE:
        return whole
    for kind, first, last, first_new, last_new in matcher.get_opcodes():
        if kind == "equal":
            found.append(("same", new[first_new:last_new]))
        else:
            found += [("gone", old[first:last]), ("new", new[first_new:last_new])]
    return tuple(_parts(*found))


def _parts(*found: tuple[Literal["same", "gone", "new"], list[str]]) -> Iterator[Part]:
    for place, (kind, words) in enumerate(found):
        if not words:
            continue
        before = 0 if place == 0 else _AROUND
        after = 0 if place == len(found) - 1 else _AROUND
        if kind != "same" or len(words) <= before + after + 1:
            yield Part(kind, "".join(words))
            continue
        if before:
            yield Part("same", "".join(words[:before]))
        yield Part("cut", "".join(words[before : len(words) - after]))
        if after:
            yield Part("same", "".join(words[len(words) - after :]))
