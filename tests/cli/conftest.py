"""The program with an empty data folder, and with a small library."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from .program import Program

ABSTRACT = (
    "We fold paper boats from old newspapers and measure how long they float. A boat of two "
    "sheets floats for eleven minutes, a boat of three for nineteen, and a boat of four sinks. "
)
# What a terminal would obey: colours, a bell, its title, a clear screen, text turned round.
ESCAPES = "\x1b[31m\x07\x1b]0;owned\x07\x9b2J\u202e"
HARMLESS = "[31m]0;owned2J"
PAGE = f"""Get trending papers in your email inbox!

Nov 19

Of Boats and Basins

{ABSTRACT * 3}

• 6 authors
·
Jul 7, 2024 3

Of Kites {ESCAPES}and Strings

{ABSTRACT * 3}

Basin {ESCAPES}Labs
·
Jun 9
"""
RICH: dict[str, Any] = {
    "id": "arxiv:2401.00007v2",
    "doi": "10.1000/boats.7",
    "title": "[bold]Lanterns[/bold] :camera: and {braces}",
    "abstract": f"{ABSTRACT} Code: https://github.com/boats/seven.",
    "authors": ["Ada Example", {"name": "Bo Sample", "affiliation": "Basin Labs"}],
    "organization": "Basin Labs",
    "categories": ["cs.LG", "physics.flu-dyn"],
    "published": "2024-01-05",
    "comment_count": 4,
    "licence": "CC BY 4.0",
}
HOSTILE: dict[str, Any] = {
    "id": f"boats:{ESCAPES}8",
    "title": f"Harbours {ESCAPES}at night",
    "abstract": f"{ESCAPES}{ABSTRACT}",
    "authors": [f"Cy {ESCAPES}Pher"],
    "organization": f"Basin {ESCAPES}Labs",
    "categories": [f"cs.{ESCAPES}LG"],
    "published": "2024-01-06",
    "licence": f"CC {ESCAPES}BY",
    "url": "https://boats.example/\x1b[31m8",
}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The command with a data folder of its own that is not there yet."""
    return Program(tmp_path / "data")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """The command with a small library; tests of it only read."""
    folder = tmp_path_factory.mktemp("library")
    page, lines, bad = folder / "002_0123abcd.txt", folder / "lines", folder / f"bad{ESCAPES}"
    page.write_text(PAGE, encoding="utf-8")
    many = [{"title": f"Part {number}: of floats", "abstract": ABSTRACT} for number in range(300)]
    lines.write_text("".join(json.dumps(paper) + "\n" for paper in (RICH, HOSTILE, *many)))
    bad.write_text(json.dumps({"title": "\x1b\x07"}) + "\n{" + ESCAPES + "\n")
    program = Program(folder / "data")
    program.run("import", page, lines, bad)
    return program.within()
