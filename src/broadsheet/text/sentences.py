"""Where sentences end."""

from __future__ import annotations

import re

# A full stop within a name or a number is followed by no capital, or by no space.
SENTENCE_END = re.compile(r"(?<=[a-z0-9)\]’”\"][.?!])\s+(?=[A-Z(“\"])")


def spans(text: str) -> list[tuple[int, int]]:
    """The sentences of a text as (start, end) offsets, white space between them left out."""
    starts, ends = [0], []
    for match in SENTENCE_END.finditer(text):
        ends.append(match.start())
        starts.append(match.end())
    return list(zip(starts, [*ends, len(text)], strict=True))


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    return [text[start:end] for start, end in spans(text)]
