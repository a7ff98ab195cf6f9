"""Indexing beside a long import, in processes of its own, so that all cores are at work.

There is one for each index. They follow the change log like every other reader of it: the import
knows nothing of them, and what they leave undone when they end, however they end, the next to
look will do.
"""

from __future__ import annotations

import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from broadsheet.embed.base import EmbedderError
from broadsheet.embed.choose import embedder
from broadsheet.ops.bulk import bulk
from broadsheet.search.follow import FollowedIndex, MeaningIndex, SearchIndex
from broadsheet.store.engine import StoreError, open_store

if TYPE_CHECKING:  # the processes start in a second less without what pages and settings need
    from broadsheet.ops.settings import Settings

# Between two looks where nothing is left to do.
_LOOK_SECONDS = 0.5
# Each commit makes a small segment that is to be merged: one that keeps up with the import
# commits this seldom, one that does not every so many papers (`search/follow.py`).
_COMMIT_SECONDS = 15.0
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
                # Ctrl+C reaches a whole group; what becomes of it, the import decides alone.
                process_group=0,
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
    index: FollowedIndex[Any]
    which, database, folder = (_line() for _ in range(3))
    if which == _MEANING:
        setting, key = _line(), _line()
        index = MeaningIndex(Path(folder), setting, lambda name: embedder(name, key or None))
    else:
        index = SearchIndex(Path(folder))
    store = open_store(database, migrate=False)
    patience = _Patience()
    with bulk():
        while not _is_over(_LOOK_SECONDS):
            index.catch_up(store, wait=patience)
        index.catch_up(store)
    store.close()


class _Patience:
    """Waits for more to be written; not for ever, so that it can be found meanwhile."""

    def __init__(self) -> None:
        self._until = time.monotonic() + _COMMIT_SECONDS

    def __call__(self) -> bool:
        if _is_over(_LOOK_SECONDS):
            return False
        is_early = time.monotonic() < self._until
        if not is_early:
            self._until = time.monotonic() + _COMMIT_SECONDS
        return is_early


def _is_over(seconds: float) -> bool:
    """Whether the import ends within so many seconds."""
    return bool(select.select([sys.stdin], [], [], seconds)[0])


def _line() -> str:
    return sys.stdin.readline().rstrip("\n")


if __name__ == "__main__":
    try:
        main()
    except (StoreError, OSError, ValueError, EmbedderError) as error:
        # Nobody listens: whoever looks next catches up, and says what is wrong.
        sys.exit(str(error))
