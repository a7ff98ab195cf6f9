"""Invented papers, as JSON lines and as pages."""

from __future__ import annotations

import json
from typing import Any

ABSTRACT = (
    "We fold paper boats from old newspapers and measure how long they float. A boat of two "
    "sheets floats for eleven minutes, a boat of three for nineteen, and a boat of four sinks at "
    "once. We give a reason for the first two and none for the third. Waxed sheets float longer, "
    "at the price of their news. All boats, and the basin, can be had from the authors on request."
)


def line(number: int, **said: Any) -> bytes:
    """A line of JSON lines: a whole paper, of which `said` changes some fields."""
    paper = {
        "id": f"arxiv:2401.{number:05}",
        "title": f"Paper boats, part {number}",
        "abstract": ABSTRACT,
        "authors": ["Ada Example", "Bo Sample"],
        "published": "2024-01-05",
    }
    return json.dumps({**paper, **said}).encode() + b"\n"


def lines(count: int, first: int = 1, **said: Any) -> bytes:
    """So many lines, of papers numbered from `first`."""
    return b"".join(line(number, **said) for number in range(first, first + count))
