"""The daily run put together: the sources with their addresses, and the worker that asks them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from broadsheet.intake.arxiv.source import Addresses, Arxiv
from broadsheet.intake.asking import Asking
from broadsheet.intake.feed_source import Feed
from broadsheet.intake.fetching import Fetcher, Stopped
from broadsheet.intake.harvest import Harvester
from broadsheet.intake.hub_source import Hub
from broadsheet.intake.sources import Asked
from broadsheet.ops.settings import Settings
from broadsheet.store.engine import Store, StoreError

_log = logging.getLogger(__name__)
# arXiv's rule: one request in three seconds, over all machines of a reader.
ARXIV_PAUSE = 3.0
_LOOK_SECONDS = 60.0
# Seconds for an answer that somebody waits for.
_SHORT_PATIENCE = 20.0


@contextmanager
def harvesting(
    settings: Settings, store: Store, stop: threading.Event | None = None
) -> Iterator[Harvester]:
    """A harvester with every kind of source; `stop` ends what it waits for."""
    fetcher = Fetcher(store, settings.contact, stop=stop or threading.Event())
    arxiv = Addresses.at(settings.arxiv) if settings.arxiv else Addresses()
    askers: dict[str, Asked] = {
        "arxiv": Arxiv(fetcher, arxiv, ARXIV_PAUSE),
        "hub": Hub(fetcher, settings.hub),
        "feed": Feed(fetcher, private=settings.private_feeds),
    }
    try:
        yield Harvester(store, askers, fetcher.holder, lease=fetcher.longest(ARXIV_PAUSE))
    finally:
        fetcher.close()


@contextmanager
def asking(
    settings: Settings, store: Store, *, most: int, patient: bool
) -> Iterator[Asking | None]:
    """Who asks arXiv for what a person named, `most` papers at a time; None where nothing is asked
    by itself here. One that is not `patient` gives up early, for somebody waits for the page.
    """
    if not settings.harvest:
        yield None
        return
    fetcher = Fetcher(store, settings.contact)
    if not patient:
        fetcher.patience, fetcher.tries = _SHORT_PATIENCE, 2
    arxiv = Addresses.at(settings.arxiv) if settings.arxiv else Addresses()
    try:
        yield Asking(store, Arxiv(fetcher, arxiv, ARXIV_PAUSE), most)
    finally:
        fetcher.stop.set()
        fetcher.close()


class HarvestWorker:
    """Asks the sources that are due, in a thread, until stopped."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="harvest", daemon=True)

    def start(self) -> None:
        """Begins."""
        if self._settings.harvest:
            self._thread.start()

    def stop(self) -> None:
        """Ends; what was being asked for is asked for the next time."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        said = ""
        with harvesting(self._settings, self._store, self._stop) as harvester:
            while not self._stop.is_set():
                try:
                    for done in harvester.once():
                        if done.problem:
                            _log.warning("%s %s: %s", done.kind, done.name, done.problem)
                    said = ""
                except Stopped:
                    return
                except (StoreError, OSError) as error:
                    if str(error) != said:
                        said = str(error)
                        _log.warning("the sources could not be asked: %s", error)
                # A fault of ours: a line in the log is better than no more papers, and silence.
                except Exception:  # noqa: BLE001
                    _log.exception("the sources could not be asked")
                self._stop.wait(_LOOK_SECONDS)
