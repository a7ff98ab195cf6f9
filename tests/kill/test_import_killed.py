"""An import killed at any moment and run again ends as if it had run once."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from broadsheet.store import papers
from broadsheet.store.engine import open_store, sqlite_url
from cli.program import Program

COUNT = 40_000
KILLS = 20


def real_lines(shared: Path) -> Iterator[bytes]:
    for name in ("recent", "ml"):
        with lzma.open(shared / "data" / "papers" / f"{name}.jsonl.xz") as file:
            yield from file


@pytest.fixture
def papers_file(shared: Path, tmp_path: Path) -> Path:
    """Real papers as JSON lines."""
    file = tmp_path / "papers.jsonl"
    with file.open("wb") as out:
        for _, line in zip(range(COUNT), real_lines(shared), strict=False):
            out.write(line)
    return file


def contents(program: Program) -> tuple[int, str]:
    """How many papers are held, and a digest of all that is said of them."""
    digests = []
    with program.started("papers", "--json") as process:
        assert process.stdout is not None
        for line in process.stdout:
            paper = json.loads(line)
            del paper["change"]  # counts writes, and a restart may have written more often
            said = json.dumps(paper, sort_keys=True).encode()
            digests.append(hashlib.blake2b(said, digest_size=16).digest())
        assert process.wait(timeout=60) == 0
    return len(digests), hashlib.blake2b(b"".join(sorted(digests))).hexdigest()


def held(program: Program) -> int:
    """How many papers the database holds; 0 before there is one."""
    file = program.data / "broadsheet.sqlite3"
    if not file.exists():
        return 0
    store = open_store(sqlite_url(file))
    try:
        with store.reading() as connection:
            return papers.count(connection)
    finally:
        store.close()


def killed(program: Program, file: Path, after: float, *, with_children: bool) -> bool:
    """Starts the import and kills it after so many seconds; False where it was done before."""
    process = subprocess.Popen(
        program.command("import", file),
        env=program.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        try:
            _, err = process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            if with_children:  # as when the power goes
                os.killpg(process.pid, signal.SIGKILL)
            else:  # as when memory runs out
                process.kill()
            process.communicate()
            return True
    assert (process.returncode, err) == (0, b"")
    return False


def moments(seed: int) -> list[float]:
    """When to kill, as shares of an undisturbed run: most early, some as late as its end."""
    chance = random.Random(seed)
    shares = [chance.uniform(0.02, 0.2) for _ in range(KILLS - 5)]
    shares += [chance.uniform(0.2, 0.8) for _ in range(5)]
    chance.shuffle(shares)
    return shares


def verify(program: Program, file: Path, expected: tuple[int, str]) -> None:
    """All is held and can be found."""
    assert contents(program) == expected
    status = program.ask("index", "status")
    assert (status["indexed"], status["held"]) == (expected[0], expected[0])
    assert status["current"]
    chance = random.Random(3)
    with file.open("rb") as lines:
        sought = [json.loads(line) for line in lines if chance.random() < 12 / COUNT]
    assert sought
    for paper in sought:
        words = "".join(char if char.isalnum() else " " for char in paper["title"])
        found = program.within().ask("search", f'"{words}"', "--limit", "50")["entries"]
        assert paper["title"] in [entry["paper"]["title"] for entry in found]


@pytest.mark.slow
def test_an_import_killed_twenty_times_ends_as_if_it_had_run_once(
    program: Program, papers_file: Path, tmp_path: Path
) -> None:
    # Of the words alone: how both indexes stand kills is test_indexes_killed's, where the text of
    # a hundred thousand papers need not be embedded twenty times.
    program = program.having(BROADSHEET_EMBEDDER="none")
    undisturbed = Program(tmp_path / "undisturbed", program.settings)
    started = time.monotonic()
    summary = undisturbed.ask("import", papers_file)
    whole_run = time.monotonic() - started
    assert (summary["read"], summary["quarantined"]) == (COUNT, 0)
    expected = contents(undisturbed)
    assert expected[0] == summary["held"]

    kills, halves, before = 0, 0, 0
    for turn, share in enumerate(moments(seed=20251119) * 3):
        if kills == KILLS:
            break
        if killed(program, papers_file, share * whole_run, with_children=turn % 2 == 1):
            kills += 1
            now = held(program)
            assert now >= before  # what was acknowledged stays
            halves += 0 < now < expected[0]
            before = now
        else:
            verify(program, papers_file, expected)
            shutil.rmtree(program.data)
            before = 0
    assert kills == KILLS
    assert halves > KILLS / 4

    program.ask("import", papers_file)
    verify(program, papers_file, expected)
    again = program.ask("import", papers_file)
    assert (again["new"], again["updated"], again["unchanged"]) == (0, 0, COUNT)
