"""The program as it runs for readers: the web server, and the workers beside it."""

from __future__ import annotations

import errno
import logging
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from broadsheet.embed.base import EmbedderError
from broadsheet.intake import sample
from broadsheet.mail import editions
from broadsheet.mail.message import Sender
from broadsheet.ops import mailing
from broadsheet.ops.harvesting import HarvestWorker, asking
from broadsheet.ops.mailing import MailWorker
from broadsheet.ops.parts import Parts
from broadsheet.ops.picturing import PictureWorker
from broadsheet.ops.settings import Settings
from broadsheet.records import View
from broadsheet.search.follow import FollowedIndex, Watcher
from broadsheet.store.engine import StoreError
from broadsheet.views.rising import RisingTerms
from broadsheet.web.app import create_app
from broadsheet.web.desk import Secrets

_log = logging.getLogger(__name__)
# How often the worker looks whether papers came in.
_LOOK_SECONDS = 1.0
# How often the newest papers are read into memory for pages of a reader's own.
_WARM_SECONDS, _FIRST_SECONDS = 3.0, 0.2
# Papers that a form has arXiv asked for: three answers, for somebody waits.
_ASKED_AT_ONCE = 300
# An index this far behind is brought up to date before the first page; a larger gap is closed
# while pages are served already, and search says how far it is.
_WAIT_FOR = 20_000


class RunError(Exception):
    """The program cannot start; the message is a sentence."""


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


class Warmer:
    """Keeps what pages of a reader's own are made from ready in memory, until stopped."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="warmer", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the look in hand."""
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        # The first page comes first.
        wait = _FIRST_SECONDS
        while not self._stop.wait(wait):
            wait = _WARM_SECONDS
            try:
                self._parts.catalogue.own.warm()
            except (StoreError, OSError, ValueError, EmbedderError) as error:
                # The page that needs it will say so; the next look tries again.
                _log.info("nothing was made ready: %s", error)


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
    writer = _writer(settings, listening)
    with asking(settings, parts.store, most=_ASKED_AT_ONCE, patient=False) as outside:
        app = create_app(
            parts.store,
            parts.catalogue,
            hosts=hosts,
            writer=writer,
            site=settings.site,
            websub=settings.websub,
            layout=parts.layout,
            recent=parts.recent,
            asking=outside,
            secrets=Secrets(_text(settings.operator_secret), _text(settings.mail_report_secret)),
        )
        _run(app, parts, settings, listening, writer)


def _run(
    app: FastAPI,
    parts: Parts,
    settings: Settings,
    listening: socket.socket,
    writer: Sender | None,
) -> None:
    rising: RisingTerms = app.state.desk.rising
    workers = (
        Worker(parts),
        Warmer(parts),
        HarvestWorker(settings, parts.store),
        MailWorker(settings, parts.store, partial(_write_editions, parts, writer, settings)),
        PictureWorker(
            settings.data,
            parts.store,
            parts.meaning,
            parts.layout,
            parts.recent,
            lambda: rising.of(View()),
        ),
    )
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


def _writer(settings: Settings, listening: socket.socket) -> Sender | None:
    """Who writes mails; None where none are sent. Without a public address, links in them lead to
    this machine, where the one reader sits.
    """
    writer = mailing.writer(settings) if mailing.is_sent(settings) else None
    if writer is None or writer.site:
        return writer
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return replace(writer, site=f"http://{host}:{listening.getsockname()[1]}")


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def _write_editions(parts: Parts, writer: Sender | None, settings: Settings) -> None:
    """Writes what is due into the outbox. Raises StoreError."""
    if writer is not None:
        rest = timedelta(minutes=settings.mail_alert_minutes)
        editions.write_due(parts.store, parts.catalogue, writer, datetime.now(UTC), rest)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken by another program; "
            f"stop that one or choose another with --port {port + 1}."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} needs rights this user lacks; choose one above 1023 with --port."
    return f"It is not possible to listen at {host}, port {port}: {error.strerror}."
