"""Indexing beside a long import, in a process of its own, so that two cores are at work.

It follows the change log like every other reader of it: the import knows nothing of it, and what
it leaves undone when it ends, however it ends, the next to look will do.
"""

from __future__ import annotations

import select
import signal
import subprocess
import sys
from pathlib import Path

from broadsheet.embed.base import EmbedderError
from broadsheet.ops.running import meaning_index
from broadsheet.ops.settings import Settings
from broadsheet.search.follow import SearchIndex
from broadsheet.store.engine import StoreError, open_store

# Between two looks; each look commits, and fewer commits make fewer small segments to merge.
_LOOK_SECONDS = 2.0
_LAST_PASS_SECONDS = 300.0


class Follower:
    """Follows the change log in a process of its own from `start` to `stop`.

    The process lives as long as the pipe to it is open, so that it ends with us however we end.
    What it needs to know goes through the pipe too: an address may hold a password.
    """

    def __init__(self, settings: Settings) -> None:
        key = settings.embedder_key.get_secret_value() if settings.embedder_key else ""
        told = (settings.database, settings.index.absolute(), settings.meaning.absolute())
        self._told = "".join(f"{part}\n" for part in (*told, settings.embedder, key))
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Begins; once is enough."""
        if self._process is not None:
            return
        self._process = subprocess.Popen(  # noqa: S603 - our own module, nobody else's words
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(self._told)
        self._process.stdin.flush()

    def stop(self) -> None:
        """Ends after the pass in hand."""
        if self._process is None:
            return
        try:
            self._process.communicate(timeout=_LAST_PASS_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def main() -> None:
    """The process: what it needs to know on standard input, then passes until that closes."""
    # Ctrl+C reaches the whole group; the import decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    database, words, folder, embedder, key = (_line() for _ in range(5))
    index = SearchIndex(Path(words))
    meaning = meaning_index(Path(folder), embedder, key or None)
    store = open_store(database, migrate=False)
    while not select.select([sys.stdin], [], [], _LOOK_SECONDS)[0]:
        index.catch_up(store)
        if meaning is not None:
            meaning.catch_up(store)
    store.close()


def _line() -> str:
    return sys.stdin.readline().rstrip("\n")


if __name__ == "__main__":
    try:
        main()
    except (StoreError, OSError, ValueError, EmbedderError) as error:
        # Nobody listens: whoever looks next catches up, and says what is wrong.
        sys.exit(str(error))
