"""What a source is to the daily run: three questions, and nothing of how they are asked.

A source yields records since a day, says what it believes it announced on one, and gives single
papers by id. A new one is a new module with such a class, named in `harvest.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from broadsheet.intake.fetching import Answer, Known
from broadsheet.records import Quarantined, Record
from broadsheet.store.ledger import Announced, Source

Things = tuple[Record | Quarantined, ...]


class SourceError(Exception):
    """A source answered, and what it said cannot be used; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records, and from where to go on were this the last thing done.

    `progress` is what the source wants back; None with the last batch, whose `through` is the day
    up to which everything was asked for. `is_all`: with these the source was read from end to end,
    so that what is not among them is not there any more; `gone` are names of records that were
    read, or are no more, and are none of its.
    """

    records: Things
    progress: Any = None
    through: date | None = None
    etag: str | None = None
    modified: str | None = None
    is_all: bool = False
    gone: tuple[str, ...] = ()


class Answers:
    """What a source's answers are known by (RFC 9110: ETag, Last-Modified), by address, so that
    those that did not change are not sent again.

    They are kept by the transaction that keeps what the answers said, and for a day: a server that
    forgets to say what is new is read all the same.
    """

    _LAST = timedelta(hours=20)

    def __init__(self, kept: Mapping[str, Any] | None, now: datetime) -> None:
        """`kept` is what `kept` gave."""
        self._now = now
        self._known = {
            url: said
            for url, said in (kept or {}).items()
            if now - self._LAST < datetime.fromisoformat(said["read"]) <= now
        }

    def of(self, url: str) -> Known:
        """What to ask an address with."""
        said = self._known.get(url, {})
        return Known(etag=said.get("etag"), modified=said.get("modified"))

    def note(self, url: str, answer: Answer) -> None:
        """Keeps what an answer is known by, if it says anything of the kind."""
        if not answer.is_news:
            return
        self._known.pop(url, None)
        if answer.etag or answer.modified:
            self._known[url] = {
                "etag": answer.etag,
                "modified": answer.modified,
                "read": self._now.isoformat(),
            }

    def forget(self, url: str) -> None:
        """Asks for all of an address the next time."""
        self._known.pop(url, None)

    def kept(self) -> dict[str, Any] | None:
        """All of it, as JSON has it; None for nothing."""
        return dict(self._known) or None


@dataclass(frozen=True, slots=True)
class Stated:
    """What a source says it announced on a day: how many of each kind, and which.

    `confirmed`: a second interface of the source said the same.
    """

    counts: Mapping[str, int]
    announced: tuple[Announced, ...]
    confirmed: bool = False


class Asked(Protocol):
    """A kind of source, as the daily run asks it. Any question raises FetchError where no answer
    comes, InputError or SourceError where it cannot be used, Stopped where the program ends.
    """

    def service(self, source: Source) -> str:
        """Who is asked: sources of one service are left alone together where it wishes that."""

    def records(self, source: Source, now: datetime, answers: Answers) -> Iterator[Batch]:
        """Everything new since the source was last asked, or since it was added."""

    def announced(
        self, source: Source, day: date, now: datetime, answers: Answers
    ) -> Stated | None:
        """What the source announced on a day; None where it says nothing (new) of it."""

    def by_id(self, ids: Sequence[str]) -> Iterator[Things]:
        """The papers with these ids, as far as the source has them, some at a time."""
