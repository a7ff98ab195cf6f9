"""Killed at any instant, the dense index holds one commit or the next, whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from broadsheet.search.dense import DenseIndex, Facets, files
from broadsheet.search.lexical import State
from search.test_dense import Model, vectors_of

WIDTH = 64
KILLS = 200
# Forks writers: to start a Python for each would take longer than all that they do. A writer goes
# on from what it finds committed, as fast as it can. Told so, it kills itself at its so many-th
# step on the disk: before it, or (of what is written) in the middle of it.
_WRITERS = """
import os, signal, sys
from pathlib import Path
from broadsheet.search import dense
from broadsheet.search.dense import files, index
from search import test_dense_killed as test
index._MERGED, index._SMALLEST, index._AT_ONCE = 3, 16, 200

def limited(steps):
    left = steps
    def step():
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    def before(act):
        def acting(*given, **named):
            step()
            return act(*given, **named)
        return acting
    os.fsync, Path.replace, Path.unlink = map(before, (os.fsync, Path.replace, Path.unlink))
    stream = files.ArraysFile.stream
    def streaming(self, *given):
        step()
        stream(self, *given)
        self._file.flush()
    files.ArraysFile.stream = streaming

folder = Path(sys.argv[1])
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        limited(int(line))
        test.write_on(dense.DenseIndex(folder), 10**9)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("dead", flush=True)
"""


def done_at(turn: int) -> tuple[list[int], list[int], list[int]]:
    """What the so many-th commit does: numbers removed, added, and removed again."""
    chance = random.Random(turn)
    among = range(300)
    return (
        chance.sample(among, chance.choice([0, 5, 40])),
        chance.sample(among, chance.choice([0, 1, 12, 60])),
        chance.sample(among, 2),
    )


def facets_at(turn: int, numbers: list[int]) -> list[Facets]:
    terms = ("cat:cs", "cat:math", "has:code")
    return [
        Facets(735_000 + number, turn % 30_000, (terms[(number + turn) % 3],)) for number in numbers
    ]


def write_on(index: DenseIndex, turns: int) -> None:
    """Goes on with the commits from where the index stands."""
    state = index.state()
    first = state.through + 1 if state else 1
    for turn in range(first, first + turns):
        before, added, after = done_at(turn)
        index.remove(before)
        index.add(added, vectors_of(turn, len(added), WIDTH), facets_at(turn, added))
        index.remove(after)
        index.commit(State(turn, 9, 1))
        index.merge()


class Replay(Model):
    """What an index should hold as of any commit, later and later ones."""

    def go_to(self, turn: int) -> None:
        reached = self.state.through if self.state else 0
        assert reached <= turn
        for each in range(reached + 1, turn + 1):
            before, added, after = done_at(each)
            for number in before:
                self.held.pop(number, None)
            vectors = vectors_of(each, len(added), WIDTH)
            for number, vector, facets in zip(added, vectors, facets_at(each, added), strict=True):
                self.held[number] = (vector, facets)
            for number in after:
                self.held.pop(number, None)
            self.state = State(each, 9, 1)


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The process that forks writers of the index in the test's folder."""
    DenseIndex.create(tmp_path / "index", "m", WIDTH)
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITERS, str(tmp_path / "index")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "OPENBLAS_NUM_THREADS": "1",  # forking is for processes of one thread
        },
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=120) == 0


def start(writers: subprocess.Popen[str], steps: int) -> int:
    """Starts a writer that dies at its so many-th step on the disk; 0: it does not by itself."""
    assert writers.stdin is not None
    assert writers.stdout is not None
    writers.stdin.write(f"{steps}\n")
    writers.stdin.flush()
    return int(writers.stdout.readline())


def wait_dead(writers: subprocess.Popen[str]) -> None:
    assert writers.stdout is not None
    assert writers.stdout.readline() == "dead\n"


@pytest.mark.slow
def test_killed_at_any_instant_it_holds_one_commit_whole(
    tmp_path: Path, writers: subprocess.Popen[str]
) -> None:
    chance = random.Random(2025)
    replay = Replay()
    folder = tmp_path / "index"
    for kill in range(KILLS):
        if kill % 2:
            start(writers, chance.randint(1, 90))
        else:
            pid = start(writers, 0)
            time.sleep(chance.uniform(0, 0.06))
            os.kill(pid, signal.SIGKILL)
        wait_dead(writers)
        index = DenseIndex(folder)
        state = index.state()
        if state is not None:
            replay.go_to(state.through)
        replay.check(index)
        index.verify()
        # What lies about is what one commit had begun to write, or had not yet cleared away; the
        # next takes it. A folder that gathered leftovers would soon hold hundreds.
        assert len(set(os.listdir(folder)) - index.files()) <= 40
        if kill % 10 == 9:
            write_on(index, 1)
            assert set(os.listdir(folder)) == index.files()
    assert replay.state is not None
    assert replay.state.through > KILLS / 2


@pytest.mark.slow
def test_what_another_process_commits_is_read_whole(
    tmp_path: Path, writers: subprocess.Popen[str]
) -> None:
    pid = start(writers, 0)
    replay, reader = Replay(), DenseIndex(tmp_path / "index")
    query = np.ones(WIDTH, np.float32)
    seen = set()
    until = time.monotonic() + 4
    while time.monotonic() < until:
        stamp, state = reader.stamp(), reader.state()
        if state is not None:
            replay.go_to(state.through)
            seen.add(state.through)
        replay.check(reader)
        found, _ = reader.search(query, 400)
        assert found.tolist() == [number for number, _ in replay.search(query, 400, None)]
        if reader.stamp() != stamp or len(seen) < 2:
            reader.reload()
        fresh = DenseIndex(tmp_path / "index").state()
        assert fresh is None or state is None or fresh.through >= state.through
        reader.reload()
    os.kill(pid, signal.SIGKILL)
    wait_dead(writers)
    assert len(seen) > 5


def test_a_manifest_replaced_while_its_files_are_opened_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from broadsheet.search.dense import index as module

    writer = DenseIndex.create(tmp_path / "index", "m", WIDTH)
    write_on(writer, 3)
    read = files.read_manifest
    times = 0

    def reading(folder: Path) -> object:
        nonlocal times
        manifest = read(folder)
        times += 1
        if times <= 2:  # everything is written anew, and the old files are gone
            for turn in range(300):
                writer.remove([turn])
            writer.add([1000 + times], np.ones((1, WIDTH), np.float32), facets_at(1, [1]))
            monkeypatch.setattr(module, "read_manifest", read)
            writer.commit(State(99 + times, 9, 1))
            monkeypatch.setattr(module, "read_manifest", reading)
        return manifest

    monkeypatch.setattr(module, "read_manifest", reading)
    reader = DenseIndex(tmp_path / "index")
    assert times > 2
    assert reader.state() == State(101, 9, 1)
    assert reader.held() == 2
