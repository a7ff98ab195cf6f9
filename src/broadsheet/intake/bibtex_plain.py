"""BibTeX entries as nearly all are written, read in one pass.

The library reads what is in doubt: marks that are left open, values put together with `#`, text
that may begin another entry. Where there is no doubt, this says the same three times as quickly.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# How deep braces may stand in a value; what is deeper is the library's.
_DEEPEST = 4
_BARE = r'[^\s{}(),="#@\\]'
_WITHIN = r"(?:[^{}\\]++|\\(?![{}]))*+"
for _ in range(_DEEPEST):
    _WITHIN = rf"(?:[^{{}}\\]++|\\(?![{{}}])|\{{{_WITHIN}\}})*+"
_BEGIN = re.compile(rf"\s*+@([A-Za-z]++)[ \t]*+\{{\s*+({_BARE}*+)\s*+,\s*+(?=[^\s}}])")
_FIELD = re.compile(
    rf"({_BARE}++)\s*+=\s*+(?:\{{({_WITHIN})\}}|\"([^\"{{}}\\]*+)\"|({_BARE}++))\s*+(?:,\s*+|(?=\}}))"
)
_NO_ENTRIES = frozenset(("string", "preamble", "comment"))


class PlainEntry(NamedTuple):
    """An entry: of what kind, under which key, its fields in turn.

    `fields` has for each the name as written, the value without what encloses it, and whether it
    was enclosed: a bare word is a number, or what the file calls a text by.
    """

    kind: str
    key: str
    fields: list[tuple[str, str, bool]]


def plain_entry(text: str) -> PlainEntry | None:
    """The one entry that stands in `text`, or None where reading it takes more than this."""
    begun = _BEGIN.match(text)
    if begun is None or text.find("@", begun.end(1)) >= 0:
        return None
    kind, key = begun.groups()
    kind = kind.lower()
    if kind in _NO_ENTRIES:
        return None
    fields = []
    place = begun.end()
    while match := _FIELD.match(text, place):
        name, braced, quoted, bare = match.groups()
        value = braced if braced is not None else quoted
        fields.append((name, bare, False) if value is None else (name, value, True))
        place = match.end()
    return PlainEntry(kind, key, fields) if text.startswith("}", place) else None
