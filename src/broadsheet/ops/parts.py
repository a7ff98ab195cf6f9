"""The program put together: store, indexes, catalogue. What serves pages is in `running.py`: a
command that only reads waits for no web server.
"""

from __future__ import annotations

import errno
import logging
from dataclasses import dataclass
from pathlib import Path

from broadsheet.embed.base import EmbedderError
from broadsheet.embed.choose import embedder
from broadsheet.ops.settings import Settings, SettingsError
from broadsheet.search.follow import MeaningIndex, SearchIndex, Watcher
from broadsheet.search.layout.kept import MapLayout
from broadsheet.search.recent import RecentIndex
from broadsheet.store.engine import Store, open_store
from broadsheet.views.catalogue import Catalogue

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """The opened store and what reads it."""

    store: Store
    index: SearchIndex
    catalogue: Catalogue
    meaning: MeaningIndex | None = None
    layout: MapLayout | None = None
    recent: RecentIndex | None = None

    def catch_up(self, watch: Watcher = lambda _done, _all: None) -> bool:
        """Brings both indexes to the store's last change; False where another process is at it.

        An embedder that does not answer is logged: what it would have added, words find too.
        """
        done = self.index.catch_up(self.store, watch)
        try:
            return (self.meaning is None or self.meaning.catch_up(self.store, watch)) and done
        except EmbedderError as error:
            _log.warning("%s", error)
            return done


def open_parts(settings: Settings) -> Parts:
    """Opens (and where needed makes) the store in the data folder, and the index beside it.

    Raises SettingsError where the folder cannot be made, StoreError where the store cannot be
    opened.
    """
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror
        raise SettingsError(f"The data folder {settings.data} cannot be made: {reason}.") from error
    store = open_store(settings.database)
    index = SearchIndex(settings.index)
    meaning = meaning_index(settings.meaning, settings.embedder, _secret(settings))
    layout = MapLayout(settings.map, meaning) if meaning else None
    return Parts(
        store,
        index,
        Catalogue(store, index, meaning, settings.own),
        meaning,
        layout,
        RecentIndex(settings.recent),
    )


def meaning_index(folder: Path, setting: str, key: str | None) -> MeaningIndex | None:
    """The index of meanings with the embedder set; None where none is wanted."""
    if setting == "none":
        return None
    return MeaningIndex(folder, setting, lambda name: embedder(name, key))


def _secret(settings: Settings) -> str | None:
    return settings.embedder_key.get_secret_value() if settings.embedder_key else None
