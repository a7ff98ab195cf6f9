"""`broadsheet up` killed while it serves: started again it has lost nothing."""

from __future__ import annotations

import json
import random
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from broadsheet.intake.importing import import_files
from broadsheet.store.engine import open_store, sqlite_url
from cli.program import Program, page

COUNT = 12_000


def prefer_dark(address: str) -> None:
    """What the form of a page sends; its answer says that it is kept."""
    form = urllib.parse.urlencode({"theme": "dark", "back": "/"}).encode()
    with urllib.request.urlopen(f"{address}/preferences", form, timeout=30) as answer:
        assert answer.status == 200


def is_dark(address: str) -> bool:
    with urllib.request.urlopen(address, timeout=30) as answer:
        return b'data-theme="dark"' in answer.read()


def test_what_a_reader_did_is_kept_the_moment_it_is_answered(program: Program) -> None:
    with program.serving() as (process, address):
        assert not is_dark(address)
        prefer_dark(address)
        process.kill()
        process.wait(timeout=60)
    before = program.papers()
    assert len(before) == 327

    with program.serving() as (_, address):
        assert is_dark(address)
        first = next(iter(before))
        assert first in page(f"{address}/search?{urllib.parse.urlencode({'q': first})}")
    assert program.papers() == before


@pytest.mark.slow
def test_a_start_killed_while_it_makes_its_index_makes_it_whole_the_next_time(
    program: Program, tmp_path: Path
) -> None:
    file = tmp_path / "papers.jsonl"
    words = "lantern harbour basin kite string paper boat sheet wax tide".split()
    with file.open("w") as out:
        for number in range(COUNT):
            abstract = " ".join(random.Random(number).choices(words, k=200))
            paper = {"title": f"Of boat number {number}", "abstract": abstract, "year": 2024}
            out.write(json.dumps(paper) + "\n")
    program.data.mkdir()
    store = open_store(sqlite_url(program.data / "broadsheet.sqlite3"))
    import_files(store, [file])
    store.close()

    started = time.monotonic()
    with program.serving() as _:
        to_first_page = time.monotonic() - started
    for leftover in (program.data / "index").rglob("*"):
        if leftover.is_file():
            leftover.unlink()

    chance = random.Random(7)
    for _ in range(6):
        with (
            program.started("up", "--no-browser", "--port", "0") as process,
            pytest.raises(subprocess.TimeoutExpired),
        ):
            process.wait(timeout=chance.uniform(0.3, 1.0) * to_first_page)
    with program.serving() as (_, address):
        for number in (0, 77, COUNT - 1):
            sought = urllib.parse.urlencode({"q": f'title:"boat number {number}"'})
            assert f"Of boat number {number}" in page(f"{address}/search?{sought}")
    status = program.ask("index", "status")
    assert (status["indexed"], status["held"], status["current"]) == (COUNT, COUNT, True)
