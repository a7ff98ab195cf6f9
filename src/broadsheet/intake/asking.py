"""Asking arXiv for what a person named: the papers of a list there, and papers by their ids.

Nothing is asked that was not handed in, and all of it takes its turn with the daily run
(`fetching.py`): one request in three seconds, however many ask.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from threading import Lock

from broadsheet.intake.arxiv import lists
from broadsheet.intake.arxiv.lists import Named, Place
from broadsheet.intake.arxiv.source import Arxiv
from broadsheet.intake.fetching import FetchError, Stopped
from broadsheet.intake.opening import InputError
from broadsheet.intake.sources import SourceError, Things
from broadsheet.records import Quarantined, Record
from broadsheet.store import ledger, putting, quarantine, signals
from broadsheet.store.engine import Store
from broadsheet.text.normalise import plain

_log = logging.getLogger(__name__)
_FILE = "arxiv: asked for"
_GONE = (400, 404, 410)


class AskError(Exception):
    """What was named cannot be had; the message is a sentence."""


def list_at(address: str) -> Place | None:
    """The list at an address of arXiv's; None for what is no address of arXiv's, or a paper's.

    Raises AskError for an address there that is no list.
    """
    try:
        return lists.place_of(address)
    except InputError as error:
        raise AskError(_sentence(error)) from error


class Asking:
    """Asks arXiv for one process; `most` papers at a time."""

    def __init__(self, store: Store, arxiv: Arxiv, most: int) -> None:
        self._store = store
        self._arxiv = arxiv
        self._most = most
        # To the database, a process is one that asks: its threads take turns here.
        self._lock = Lock()

    def named(self, place: Place) -> Named:
        """The papers that a list names, held or not. Raises AskError, StoreError."""
        try:
            with self._lock:
                found = self._arxiv.named(place)
        except FetchError as error:
            if error.status in _GONE and place.kind == "author":
                raise AskError(
                    f"arXiv has no author's page called “{place.title}”; open it there and hand "
                    "in its address."
                ) from error
            raise AskError(_sentence(error)) from error
        except (InputError, Stopped) as error:
            raise AskError(f"The list on arXiv cannot be read: {_sentence(error)}") from error
        if not found.ids:
            raise AskError(f"arXiv's list “{found.title}” names no paper.")
        return found

    def bring(self, ids: Sequence[str]) -> int:
        """Keeps the papers with these arXiv ids, at most `most` of them, as far as arXiv has them;
        how many were asked for. Raises AskError where it does not answer (what came until then
        is kept), StoreError.
        """
        wanted = list(dict.fromkeys(ids))[: self._most]
        try:
            with self._lock:
                for things in self._arxiv.by_id(wanted):
                    self._keep(things)
        except (FetchError, InputError, SourceError, Stopped) as error:
            _log.info("papers asked for by id: %s", error)
            raise AskError(_sentence(error)) from error
        return len(wanted)

    def _keep(self, things: Things) -> None:
        records = [thing for thing in things if isinstance(thing, Record)]
        aside = [replace(thing, file=_FILE) for thing in things if isinstance(thing, Quarantined)]
        now = datetime.now(UTC)
        with self._store.writing() as connection:
            shown = ledger.first_announced(connection, "arxiv", [one.key for one in records])
            records = [replace(one, shown=shown.get(one.key, one.shown)) for one in records]
            putting.put(connection, records)
            signals.put(connection, signals.of_records(records, now.date()))
            quarantine.add(connection, aside, seen=now)


def _sentence(error: Exception) -> str:
    said = plain(str(error)) or "it was interrupted"
    if not said.startswith("http"):
        said = said[:1].upper() + said[1:]
    return said if said.endswith((".", "!", "?")) else f"{said}."
