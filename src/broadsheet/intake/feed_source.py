"""A feed of papers as a source: what it holds now, asked for only where it is news."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from urllib.parse import urlsplit

from broadsheet.intake import feed
from broadsheet.intake.fetching import Fetcher, Service
from broadsheet.intake.sources import Answers, Batch, Stated, Things
from broadsheet.store.ledger import Source

_LARGEST = 16 * 1024 * 1024
_PAUSE = 1.0


class Feed:
    """Any RSS or Atom feed, by its address. A feed states no counts: it is never complete."""

    def __init__(self, fetcher: Fetcher, *, private: bool = False) -> None:
        self._fetcher = fetcher
        self._service = Service("feeds", _PAUSE, guarded=not private)

    def service(self, source: Source) -> str:
        """The feed's host, who knows nothing of the others."""
        try:
            return f"feeds of {urlsplit(source.name).hostname or ''}"[:200]
        except ValueError:
            return "feeds"

    def records(self, source: Source, now: datetime, answers: Answers) -> Iterator[Batch]:
        """The entries, where there is news."""
        answer = self._fetcher.get(
            self._service,
            source.name,
            etag=source.etag,
            modified=source.modified,
            largest=_LARGEST,
        )
        if not answer.is_news:
            yield Batch((), through=now.date(), etag=source.etag, modified=source.modified)
            return
        found = feed.parse(answer.body, source.name, source.name)
        yield Batch(
            found, through=now.date(), etag=answer.etag, modified=answer.modified, is_all=True
        )

    def announced(
        self, source: Source, day: date, now: datetime, answers: Answers
    ) -> Stated | None:
        """Nothing."""
        return None

    def by_id(self, ids: Sequence[str]) -> Iterator[Things]:
        """Nothing."""
        yield from ()
