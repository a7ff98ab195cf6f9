"""What a source is to the daily run: three questions, and nothing of how they are asked.

A source yields records since a day, says what it believes it announced on one, and gives single
papers by id. A new one is a new module with such a class, named in `harvest.py`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from broadsheet.records import Quarantined, Record
from broadsheet.store.ledger import Announced, Source

Things = tuple[Record | Quarantined, ...]


class SourceError(Exception):
    """A source answered, and what it said cannot be used; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some records, and from where to go on were this the last thing done.

    `progress` is what the source wants back; None with the last batch, whose `through` is the day
    up to which everything was asked for.
    """

    records: Things
    progress: Any = None
    through: date | None = None
    etag: str | None = None
    modified: str | None = None


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

    def records(self, source: Source, now: datetime) -> Iterator[Batch]:
        """Everything new since the source was last asked, or since it was added."""

    def announced(self, source: Source, day: date, now: datetime) -> Stated | None:
        """What the source announced on a day; None where it does not say (yet)."""

    def by_id(self, ids: Sequence[str]) -> Iterator[Things]:
        """The papers with these ids, as far as the source has them, some at a time."""
