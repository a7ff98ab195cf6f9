"""The program put together: store, index, catalogue, and the worker beside the web server."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from broadsheet.embed.base import EmbedderError
from broadsheet.embed.choose import embedder
from broadsheet.intake import sample
from broadsheet.ops.harvesting import HarvestWorker
from broadsheet.ops.settings import Settings, SettingsError
from broadsheet.search.follow import FollowedIndex, MeaningIndex, SearchIndex, Watcher
from broadsheet.store.engine import Store, StoreError, open_store
from broadsheet.views.catalogue import Catalogue
from broadsheet.web.app import create_app

_log = logging.getLogger(__name__)
# How often the worker looks whether papers came in.
_LOOK_SECONDS = 1.0
# An index this far behind is brought up to date before the first page; a larger gap is closed
# while pages are served already, and search says how far it is.
_WAIT_FOR = 20_000


class RunError(Exception):
    """The program cannot start; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The opened store and what reads it."""

    store: Store
    index: SearchIndex
    catalogue: Catalogue
    meaning: MeaningIndex | None = None

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
    return Parts(store, index, Catalogue(store, index, meaning), meaning)


def meaning_index(folder: Path, setting: str, key: str | None) -> MeaningIndex | None:
    """The index of meanings with the embedder set; None where none is wanted."""
    if setting == "none":
        return None
    return MeaningIndex(folder, setting, lambda name: embedder(name, key))


def _secret(settings: Settings) -> str | None:
    return settings.embedder_key.get_secret_value() if settings.embedder_key else None


class Worker:
    """Follows the change log into the indexes until stopped: a thread for each, so that no word
    waits for a slow embedder.
    """

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = threading.Event()
        followed: list[FollowedIndex[Any]] = [parts.index]
        if parts.meaning is not None:
            followed.append(parts.meaning)
        self._threads = [
            threading.Thread(target=self._run, args=(index,), name="worker", daemon=True)
            for index in followed
        ]

    def start(self) -> None:
        """Begins."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends after the batch in hand."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=10)

    def _run(self, index: FollowedIndex[Any]) -> None:
        said = ""
        while not self._stop.is_set():
            try:
                index.catch_up(self._parts.store)
                said = ""
            except (StoreError, OSError, ValueError, EmbedderError) as error:
                # The next look tries again: a database that restarts, a disk that was full.
                if str(error) != said:
                    said = str(error)
                    _log.warning("the index could not be brought up to date: %s", error)
            self._stop.wait(_LOOK_SECONDS)


def load_sample(parts: Parts) -> int:
    """Loads the sample library where nothing else is there; returns its number of papers."""
    return sample.load(parts.store) if sample.is_wanted(parts.store) else 0


def prepare_index(parts: Parts, watch: Watcher) -> None:
    """Brings an index that is little behind up to date before the first page."""
    status = parts.index.status(parts.store)
    if 0 < status.last - status.through <= _WAIT_FOR:
        parts.catch_up(watch)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises RunError for a port that is taken or an unusable address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise RunError(_why_not(error, host, port)) from error
    return listening


def serve(parts: Parts, settings: Settings, listening: socket.socket) -> None:
    """Serves pages and follows the change log until told to stop (Ctrl+C, SIGTERM)."""
    hosts = [name.strip() for name in settings.hosts.split(",") if name.strip()]
    app = create_app(parts.store, parts.catalogue, hosts=hosts)
    workers = (Worker(parts), HarvestWorker(settings, parts.store))
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    )
    for worker in workers:
        worker.start()
    try:
        server.run(sockets=[listening])
    finally:
        for worker in workers:
            worker.stop()
        parts.store.close()


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken by another program; "
            f"stop that one or choose another with --port {port + 1}."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} needs rights this user lacks; choose one above 1023 with --port."
    return f"It is not possible to listen at {host}, port {port}: {error.strerror}."
