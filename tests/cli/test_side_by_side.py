"""Several commands at the same data at the same time, and one that is interrupted."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from .program import PATIENCE, Program


def many(file: Path, name: str, count: int) -> Path:
    """A file of so many papers."""
    with file.open("w") as out:
        for number in range(count):
            out.write(json.dumps({"title": f"{name} number {number}", "year": 2024}) + "\n")
    return file


def test_two_imports_at_once_both_arrive(program: Program, tmp_path: Path) -> None:
    boats, kites = (many(tmp_path / name, f"Of {name}", 3000) for name in ("boats", "kites"))
    with (
        program.started("import", "--json", boats) as one,
        program.started("import", "--json", kites) as other,
    ):
        for process in (one, other):
            out, err = process.communicate(timeout=PATIENCE)
            assert (process.returncode, err) == (0, "")
            assert json.loads(out)["new"] == 3000
    program = program.within()
    status = program.ask("index", "status")
    assert (status["indexed"], status["held"], status["current"]) == (6000, 6000, True)
    assert program.ask("search", 'title:"kites number 2999"')["total"] == 1


def test_an_interrupted_import_ends_quietly_and_goes_on_the_next_time(
    program: Program, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    content = many(tmp_path / "boats", "Of boats", 5000).read_bytes()
    with program.started("import", pipe) as process:
        with pipe.open("wb") as writer:
            writer.write(content)
            writer.flush()  # all but the last batch is read by now, and the end is not in sight
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 130
        assert err.strip() == ""
    program = program.within()
    held = len(program.papers())
    assert 0 < held < 5000
    summary = program.ask("import", tmp_path / "boats")
    assert (summary["new"], summary["unchanged"]) == (5000 - held, held)


def test_the_year_of_a_page_can_be_told(program: Program, tmp_path: Path) -> None:
    page = tmp_path / "page.txt"
    abstract = "We fold paper boats from old newspapers and measure how long they float. " * 5
    page.write_text(f"Nov 19\nOf Boats\n{abstract}\n• 6 authors\n·\nJun 9\n", encoding="utf-8")
    program = program.within()
    program.run("import", "--page-year", "2027", page)
    [paper] = program.papers().values()
    assert (paper["published"], paper["announced"]) == ("2027-06-09", "2027-11-19")
