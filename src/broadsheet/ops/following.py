"""Indexing beside a long import, in processes of its own, so that all cores are at work.

There is one for each index. They follow the change log like every other reader of it: the import
knows nothing of them, and what they leave undone when they end, however they end, the next to
look will do.
"""

from __future__ import annotations

import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from broadsheet.embed.base import EmbedderError
from broadsheet.ops.running import meaning_index
from broadsheet.ops.settings import Settings
from broadsheet.search.follow import FollowedIndex, SearchIndex
from broadsheet.store.engine import StoreError, open_store

# Between two looks; each look commits, and fewer commits make fewer small segments to merge.
_LOOK_SECONDS = 2.0
_LAST_PASS_SECONDS = 300.0


_WORDS, _MEANING = "words", "meaning"


class Follower:
    """Follows the change log into the indexes, from `start` to `stop`.

    The processes live as long as the pipes to them are open, so that they end with us however we
    end. What they need to know goes through the pipes too: an address may hold a password.
    """

    def __init__(self, settings: Settings) -> None:
        key = settings.embedder_key.get_secret_value() if settings.embedder_key else ""
        told: dict[str, tuple[object, ...]] = {
            _WORDS: (settings.database, settings.index.absolute())
        }
        if settings.embedder != "none":
            told[_MEANING] = (
                settings.database,
                settings.meaning.absolute(),
                settings.embedder,
                key,
            )
        self._told = {
            which: "".join(f"{part}\n" for part in (which, *parts)) for which, parts in told.items()
        }
        self._processes: list[subprocess.Popen[str]] = []

    def start(self) -> None:
        """Begins; once is enough."""
        if self._processes:
            return
        for told in self._told.values():
            process = subprocess.Popen(  # noqa: S603 - our own module, nobody else's words
                [sys.executable, "-m", __name__],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self._processes.append(process)
            assert process.stdin is not None
            process.stdin.write(told)
            process.stdin.flush()

    def stop(self) -> None:
        """Ends after the passes in hand."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.close()
        until = time.monotonic() + _LAST_PASS_SECONDS
        for process in self._processes:
            try:
                process.wait(timeout=max(0.0, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._processes = []


def main() -> None:
    """The process: what it needs to know on standard input, then passes until that closes."""
    # Ctrl+C reaches the whole group; the import decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    index: FollowedIndex[Any] | None
    which, database, folder = (_line() for _ in range(3))
    if which == _MEANING:
        embedder, key = _line(), _line()
        index = meaning_index(Path(folder), embedder, key or None)
    else:
        index = SearchIndex(Path(folder))
    assert index is not None
    store = open_store(database, migrate=False)
    while not select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
        index.catch_up(store)
    store.close()


def _line() -> str:
    return sys.stdin.readline().rstrip("\n")


if __name__ == "__main__":
    try:
        main()
    except (StoreError, OSError, ValueError, EmbedderError) as error:
        # Nobody listens: whoever looks next catches up, and says what is wrong.
        sys.exit(str(error))
