"""The map and what is rising from the command line, and made by itself beside the pages."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import psutil
import pytest

from broadsheet.ops import picturing
from broadsheet.search.recent import RecentIndex
from broadsheet.store.engine import Store

from .program import Program, page

NEWEST = date(2025, 11, 19)
DEADLINE = 90.0
WORDS = "lantern harbour basin kite string paper boat sheet wax tide".split()


def until(is_so: Callable[[], bool]) -> None:
    """Looks again and again: what another process does can only be looked for."""
    end = time.monotonic() + DEADLINE
    while not is_so():
        assert time.monotonic() < end, "it never was so"
        time.sleep(0.2)


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    """Twelve weeks of papers on boats, and in the last days some on kites."""
    path = tmp_path / "papers.jsonl"
    boats, kites = "boat hull keel mast sail".split(), "kite string tail wind bridle".split()
    with path.open("w") as out:
        for number in range(240):
            day = NEWEST - timedelta(days=number % 84)
            words = boats if number < 225 else kites
            first, second = words[number % 5], words[number // 5 % 5]
            paper = {
                "title": f"The {first} and the {second}, part {number}",
                "abstract": f"On every {words[0]} {words[1]} there is.",
                "published": (day if number < 225 else NEWEST).isoformat(),
                "categories": ["cs.LG"],
            }
            out.write(json.dumps(paper) + "\n")
    return path


def test_the_map_is_made_and_its_regions_are_named(program: Program, papers: Path) -> None:
    program = program.within()
    answer = program.run("map", "regions", code=1)
    assert "map build" in answer.err
    answer = program.run("map", "build", code=1)
    assert "50 papers" in answer.err
    program.run("import", papers)
    made = program.ask("map", "build")
    assert made.keys() == {"papers", "laid_out", "regions", "seconds"}
    assert made["papers"] == made["laid_out"] == 240
    regions = program.ask("map", "regions")
    assert len(regions) == made["regions"]
    assert sum(one["papers"] for one in regions if one["level"] == 0) == 240
    assert "240 papers" in program.run("map", "build").out
    assert regions[0]["name"] in program.run("map", "regions").out


def test_what_rises_is_printed_with_its_figures(program: Program, papers: Path) -> None:
    program = program.within()
    assert "no paper" in program.run("rising", code=1).err.lower()
    program.run("import", papers)
    found = program.ask("rising", "--days", "7")
    assert found["terms"][0]["now"] == 15
    assert found["terms"][0]["before"] == 0
    assert "kite" in " ".join([found["terms"][0]["name"], *found["terms"][0]["also"]])
    assert (found["newest"], found["since"]) == ("2025-11-19", "2025-11-13")
    assert "kite" in program.run("rising", "--days", "7").out
    assert "too few" in program.run("rising", "--query", "keel mast", "--days", "1").out


def test_a_running_broadsheet_makes_the_map_and_counts_by_itself(
    program: Program, papers: Path
) -> None:
    program.run("import", papers)
    with program.serving("--no-sample") as (process, address):
        until(lambda: "240 papers" in page(f"{address}/map"))
        until(lambda: "Terms" in page(f"{address}/rising"))
        # Found already, it stands in the margin of the front page.
        until(lambda: "What is rising" in page(address))
        assert process.poll() is None


def test_whoever_makes_the_map_ends_with_the_program(program: Program, tmp_path: Path) -> None:
    path = tmp_path / "many.jsonl"
    with path.open("w") as out:
        for number in range(1500):
            title = " ".join(random.Random(number).choices(WORDS, k=6))
            out.write(json.dumps({"title": f"{title} {number}"}) + "\n")
    program.run("import", path)
    with program.serving("--no-sample") as (process, _):
        own = psutil.Process(process.pid)
        until(lambda: bool(own.children()))
        makers = own.children()
        process.kill()
        process.wait(timeout=30)
        _, alive = psutil.wait_procs(makers, timeout=30)
        assert alive == []


def test_a_maker_that_does_not_hear_is_ended_too(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\nexec sleep 600\n")
    deaf.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(deaf))
    monkeypatch.setattr(picturing, "_PATIENCE_SECONDS", 0.1)
    recent = RecentIndex(tmp_path / "recent")
    worker = picturing.PictureWorker(tmp_path, sqlite_store, None, None, recent)
    own = psutil.Process()
    before = set(own.children())
    worker.start()
    until(lambda: bool(set(own.children()) - before))
    makers = set(own.children()) - before
    worker.stop()
    assert [one for one in makers if one.is_running()] == []
