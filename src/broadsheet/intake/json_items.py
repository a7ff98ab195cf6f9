"""The objects of a JSON array of any length, one at a time.

A file of a hundred megabytes on a single line is read in pieces; an object that is no JSON costs
its neighbours nothing. Only strings and brackets are looked at here: what an object says is read
by the JSON parser, from the object's own bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from broadsheet.intake.opening import HEAD_BYTES, LONGEST_LINE, InputError, Line

_MARK = re.compile(rb'["{}\[\]]')
_STRING_REST = re.compile(rb'(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BETWEEN = b" \t\r\n,"
# Deeper than any record is nested; the JSON parser itself stops at 1 024.
_DEEPEST = 100


def objects(pieces: Iterable[bytes], opening: re.Pattern[bytes]) -> Iterator[Line]:
    """Every item of the array that begins where `opening` matches, with the line it begins on.

    `opening` is matched against the first bytes. An item that is no object comes as it stands;
    of one longer than LONGEST_LINE, the beginning. Raises InputError where the array does not
    begin or does not end.
    """
    splitter = _Splitter()
    head = b""
    for piece in pieces:
        if splitter.began:
            yield from splitter.fed(piece)
        else:
            head += piece
            if match := opening.match(head):
                splitter.begin(head[: match.end()])
                yield from splitter.fed(head[match.end() :])
            elif len(head) >= HEAD_BYTES:
                break
        if splitter.ended:
            return
    if not splitter.began:
        raise InputError("the JSON does not begin as it should", 1, head)
    raise InputError("the JSON is cut off here; what came before was read", splitter.line)


def parsed(item: Line) -> dict[str, Any]:
    """The object an item holds. Raises InputError where it holds none."""
    if item.is_cut:
        raise InputError(f"the record has {item.size:,} bytes; one has far fewer", item.number)
    item.text()  # says in words which byte is not UTF-8
    try:
        values = orjson.loads(item.data)
    except orjson.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", item.number) from error
    if not isinstance(values, dict):
        raise InputError("not a JSON object", item.number)
    return values


class _Splitter:
    """Where in the array the reading is."""

    def __init__(self) -> None:
        self.line = 1
        self.began = False
        self.ended = False
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._parts: list[bytes] = []
        self._kept = 0
        self._size = 0
        self._item_line = 1

    def begin(self, head: bytes) -> None:
        """Notes what stands before the first item."""
        self.began = True
        self.line += head.count(b"\n")

    def fed(self, piece: bytes) -> Iterator[Line]:
        """The items that end in this piece."""
        position = taken = 0
        while position < len(piece) and not self.ended:
            if self._in_string:
                position = self._past_string(piece, position)
                continue
            match = _MARK.search(piece, position)
            if match is None:
                break
            position = match.end()
            mark = match[0]
            if mark == b'"':
                self._in_string = True
            elif mark in b"{[":
                if self._depth == 0:
                    yield from self._take_between(piece[taken : match.start()])
                    taken = match.start()
                self._deeper()
            elif self._depth:
                self._depth -= 1
                if self._depth == 0:
                    self._take(piece[taken:position])
                    taken = position
                    yield from self._item()
            else:
                yield from self._take_between(piece[taken : match.start()])
                self.ended = True
        if not self.ended:
            self._take(piece[taken:])

    def _past_string(self, piece: bytes, position: int) -> int:
        if self._escaped:
            position, self._escaped = position + 1, False
        match = _STRING_REST.match(piece, position)
        if match:
            self._in_string = False
            return match.end()
        rest = piece[position:]
        self._escaped = (len(rest) - len(rest.rstrip(b"\\"))) % 2 == 1
        return len(piece)

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise InputError(f"brackets are nested over {_DEEPEST} deep", self.line)

    def _take_between(self, data: bytes) -> Iterator[Line]:
        """What stands between two objects: nothing but a comma, or items that are no objects."""
        self._take(data)
        if b"".join(self._parts).strip(_BETWEEN):
            yield from self._item()
        self._parts, self._kept, self._size = [], 0, 0
        self._item_line = self.line

    def _take(self, data: bytes) -> None:
        if not self._size:
            self._item_line = self.line
        self.line += data.count(b"\n")
        self._size += len(data)
        if self._kept < LONGEST_LINE:
            self._parts.append(data[: LONGEST_LINE - self._kept])
            self._kept += len(self._parts[-1])

    def _item(self) -> Iterator[Line]:
        data = b"".join(self._parts)
        yield Line(self._item_line, data, self._size)
        self._parts, self._kept, self._size = [], 0, 0
        self._item_line = self.line
