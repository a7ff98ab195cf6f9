"""Two hundred kills while both indexes are built, merged and swapped: nothing starts from zero."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from broadsheet.records import Period
from broadsheet.search.follow import MeaningIndex, SearchIndex
from broadsheet.store import papers
from broadsheet.store.engine import Store
from broadsheet.views import query as language
from search.concepts import Concepts
from search.library import Library, paper

KILLS = 200
PAPERS = 900
# Of so many rounds in a row each asks for the same embedder; then it is another's turn, and all
# vectors are made anew beside the old ones.
_TURN = 25
_WORDS = ("car", "vehicle", "doctor", "ocean", "bread", "hawk", "town", "wine", "song")

# Forks a process for every line it reads: modules are loaded once. Each brings both indexes up to
# date in small steps, and says when it begins.
_FORKING = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from broadsheet.search import follow
from broadsheet.store.engine import open_store
from search.concepts import Concepts
follow._BATCH, follow._COMMIT = 20, 40
for line in sys.stdin:
    if os.fork() == 0:
        store = open_store(sys.argv[1], migrate=False)
        words = follow.SearchIndex(Path(sys.argv[2]))
        meaning = follow.MeaningIndex(Path(sys.argv[3]), line.strip(), Concepts)
        print(os.getpid(), flush=True)
        words.catch_up(store)
        meaning.catch_up(store)
        os._exit(0)
    os.wait()
    print("gone", flush=True)
"""


def texts(turns: dict[int, int]) -> dict[int, str]:
    """What each paper says as of its turn."""
    return {
        number: f"Paper {number}uniq of a {_WORDS[(number + turn) % 9]} {turn}turn"
        for number, turn in turns.items()
    }


def write(library: Library, turns: dict[int, int]) -> None:
    library.put(
        *(
            paper(f"p{number}", text, source=f"source{number % 9}")
            for number, text in texts(turns).items()
        )
    )


@pytest.mark.slow
def test_two_hundred_kills_end_as_if_nothing_had_been(sqlite_store: Store, tmp_path: Path) -> None:
    chance = random.Random(8)
    library = Library(sqlite_store, SearchIndex(tmp_path / "words"))
    turns = dict.fromkeys(range(PAPERS), 0)
    write(library, turns)
    address = sqlite_store.engine.url.render_as_string()
    folders = (tmp_path / "words", tmp_path / "meaning")
    command = [sys.executable, "-c", _FORKING, address, *map(str, folders)]
    command.append(str(Path(__file__).parent.parent))
    reached = killed = 0
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as forking:
        assert forking.stdin is not None
        assert forking.stdout is not None
        for kill in range(5 * KILLS):
            if killed == KILLS:
                break
            forking.stdin.write(f"e{kill // _TURN % 2}\n")
            forking.stdin.flush()
            child = int(forking.stdout.readline())
            time.sleep(chance.random() * 0.05)  # the moment of the kill, not a wait for anything
            with contextlib.suppress(ProcessLookupError):  # it was done before
                os.kill(child, signal.SIGKILL)
                killed += 1
            assert forking.stdout.readline() == "gone\n"
            through = library.index.status(sqlite_store).through
            assert through >= reached  # never from zero again
            reached = through
            if kill % 5 == 0:
                changed = chance.sample(sorted(turns), 12)
                turns |= {number: turns[number] + 1 for number in changed}
                write(library, {number: turns[number] for number in changed})
            if kill == KILLS // 2:
                library.remove("source3")
                turns = {number: turn for number, turn in turns.items() if number % 9 != 3}
        forking.stdin.close()
    assert killed == KILLS
    meaning = MeaningIndex(tmp_path / "meaning", "e1", Concepts)
    assert library.index.catch_up(sqlite_store)
    assert meaning.catch_up(sqlite_store)
    words, vectors = library.index.current(), meaning.current()
    assert words is not None
    assert vectors is not None
    with sqlite_store.reading() as connection:
        held = list(papers.every(connection))
    assert words.held() == vectors.held() == len(held) == len(turns)
    expected = Concepts().encode_papers([(one.title, one.text) for one in held])
    found = vectors.vectors([one.number for one in held])
    assert np.abs(found - expected).max() < 0.02  # a hundredth is what eight bits can say
    for one in chance.sample(held, 100):
        asked = language.parse(f'"{one.title}"')
        answer = words.search(asked, Period(), newest=True, limit=3, offset=0)
        assert [hit.number for hit in answer.hits] == [one.number]
    assert len(list((tmp_path / "words").glob("g*"))) == 1
    assert len(list((tmp_path / "meaning").glob("g*"))) == 1
