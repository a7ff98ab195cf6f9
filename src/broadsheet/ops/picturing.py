"""Keeping the map and the terms of recent papers up to date beside the web server.

Placing newcomers and counting their terms takes moments and is done here, in a thread. Counting
for the first time takes seconds, and a new layout minutes of all cores: a process of its own does
both (picture_maker.py), so that pages do not wait. It lives as long as the pipe to it is open, so
that it ends with us however we end; what it had not finished costs time only.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from broadsheet.search.follow import MeaningIndex
from broadsheet.search.layout.kept import MapLayout
from broadsheet.search.recent import RecentIndex, RecentTerms
from broadsheet.store.engine import Store, StoreError

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 3.0
# So long the other process has to end by itself.
_PATIENCE_SECONDS = 3.0
# After a layout that could not be made.
_REST_SECONDS = 600.0


class PictureWorker:
    """Follows the indexes until stopped. `warm` is called when papers changed, so that no reader
    waits for what is at hand on the front page.
    """

    def __init__(
        self,
        data: Path,
        store: Store,
        meaning: MeaningIndex | None,
        layout: MapLayout | None,
        recent: RecentIndex | None,
        warm: Callable[[], object] = lambda: None,
    ) -> None:
        self._data = data
        self._store = store
        self._meaning = meaning
        self._layout = layout
        self._recent = recent
        self._warm = warm
        self._stop = threading.Event()
        self._maker: subprocess.Popen[bytes] | None = None
        self._rest = 0.0
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; a layout in the making is given up."""
        self._stop.set()
        self._thread.join(timeout=10)
        if self._maker is not None:
            assert self._maker.stdin is not None
            self._maker.stdin.close()
            try:
                self._maker.wait(timeout=_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                # On a busy machine it may not even have begun to look at the pipe. Nobody waits
                # for that: what it makes is renamed into place, and until then is nobody's.
                self._maker.kill()
                self._maker.wait()

    def _run(self) -> None:
        said = ""
        warm: RecentTerms | None = None
        while not self._stop.is_set():
            try:
                self._count()
                counted = self._recent.current() if self._recent is not None else None
                if counted is not warm:
                    self._warm()
                    warm = counted
                self._keep_map()
                said = ""
            except (StoreError, OSError, ValueError) as error:
                # The next look tries again: a database that restarts, a disk that was full.
                if str(error) != said:
                    said = str(error)
                    _log.warning("the map could not be brought up to date: %s", error)
            self._stop.wait(_LOOK_SECONDS)

    def _count(self) -> None:
        """Counts the terms of what came; what was never counted is left to the other process."""
        if self._recent is None:
            return
        if self._recent.current() is not None or self._rest > 0:
            self._recent.keep_up(self._store)
        elif self._maker is None:
            self._start_maker()

    def _keep_map(self) -> None:
        if self._layout is None or self._meaning is None:
            return
        if self._maker is not None:
            if self._maker.poll() is None:
                return
            self._rest = _REST_SECONDS if self._maker.returncode else 0.0
            self._maker = None
        self._layout.keep_up(self._store)
        self._rest -= _LOOK_SECONDS
        # While an import runs, the map of what came so far would be outgrown at once.
        is_settled = self._meaning.status(self._store).is_current
        if self._rest <= 0 and is_settled and self._layout.is_due():
            self._start_maker()

    def _start_maker(self) -> None:
        self._maker = subprocess.Popen(
            [sys.executable, "-m", "broadsheet.ops.picture_maker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert self._maker.stdin is not None
        self._maker.stdin.write(f"{self._data.absolute()}\n".encode())
        self._maker.stdin.flush()
