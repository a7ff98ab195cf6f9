"""Killed at any moment, an index goes on from its last commit and ends as if nothing had been."""

from __future__ import annotations

import random
import subprocess
import sys

from broadsheet.records import Period
from broadsheet.store import papers
from broadsheet.views import query as language
from search.library import Library, paper

# Commits often, and says so after every few papers, for as long as there is something to do.
_INDEX = """
import sys
from pathlib import Path
from broadsheet.search import follow
from broadsheet.store.engine import open_store
follow._BATCH, follow._COMMIT = 20, 60
store = open_store(sys.argv[1], migrate=False)
follow.SearchIndex(Path(sys.argv[2])).catch_up(store, lambda *_: print("on", flush=True))
"""
PAPERS, ROUNDS = 2400, 8


def indexing(library: Library) -> subprocess.Popen[str]:
    """A process that brings the index up to date."""
    address = library.store.engine.url.render_as_string()
    command = [sys.executable, "-c", _INDEX, address, str(library.index.folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen[str], lines: int) -> None:
    """Kills the process somewhere behind its so many-th line; it must not have ended before."""
    assert process.stdout is not None
    for _ in range(lines):
        assert process.stdout.readline() == "on\n"
    process.kill()
    process.communicate()
    assert process.returncode == -9


def write(library: Library, turn: int, numbers: list[int]) -> None:
    """Papers as of a turn: each has a word of its own, and one for this text of it."""
    library.put(
        *(
            paper(f"p{n}", f"Unique {n}uniq", f"Now {n}turn{turn}", source=f"source{n % 12}")
            for n in numbers
        )
    )


def test_an_index_killed_again_and_again_holds_exactly_what_the_store_holds(
    library: Library,
) -> None:
    chance = random.Random(20)
    turns = dict.fromkeys(range(PAPERS), 0)
    write(library, 0, list(turns))
    for turn in range(1, ROUNDS + 1):
        kill_after(indexing(library), chance.randint(1, 20))
        for number in chance.sample(sorted(turns), 150):
            turns[number] = turn
        write(library, turn, [number for number, when in turns.items() if when == turn])
        if turn == ROUNDS // 2:
            library.remove("source3")
            turns = {number: when for number, when in turns.items() if number % 12 != 3}
    assert library.index.catch_up(library.store)
    index = library.index.current()
    assert index is not None
    with library.store.reading() as connection:
        held = {paper.number: paper for paper in papers.every(connection)}
    assert index.held() == len(held) == len(turns)
    found = {}
    for number, turn in turns.items():
        asked = language.parse(f"{number}uniq {number}turn{turn}")
        answer = index.search(asked, Period(), newest=True, limit=3, offset=0)
        found[number] = [held[hit.number].id for hit in answer.hits] if not answer.relaxed else []
    assert found == {number: [f"acl:p{number}"] for number in turns}
