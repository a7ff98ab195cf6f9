"""The Hub's daily papers as a source: one list a day, which grows until the day is over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from urllib.parse import quote, urlencode, urlsplit

from broadsheet.intake import hub
from broadsheet.intake.fetching import Fetcher, Known, Service
from broadsheet.intake.sources import Answers, Batch, SourceError, Stated, Things
from broadsheet.records import Record
from broadsheet.store.ledger import Announced, Source

NAME = "daily"
ADDRESS = "https://huggingface.co"
_PAUSE = 1.0
_PAGE = 100
_MOST_PAGES = 20
_DAY = timedelta(days=1)


class Hub:
    """The daily papers of a Hub."""

    def __init__(self, fetcher: Fetcher, address: str = ADDRESS, pause: float = _PAUSE) -> None:
        self._fetcher = fetcher
        self._address = address.rstrip("/")
        self._service = Service("hub", pause, (urlsplit(address).hostname or "",))

    def service(self, source: Source) -> str:
        """The Hub."""
        return self._service.name

    def records(self, source: Source, now: datetime, answers: Answers) -> Iterator[Batch]:
        """Each day's list since the day before the last harvest, where there is news of it."""
        first = (source.through or source.since) - _DAY
        last = now.astimezone(UTC).date()
        for n in range((last - first).days + 1):
            day = first + n * _DAY
            yield Batch(self._list(day, answers), through=day)

    def announced(
        self, source: Source, day: date, now: datetime, answers: Answers
    ) -> Stated | None:
        """What the list of that day has; nothing is said before the day is over."""
        if now.astimezone(UTC).date() <= day:
            return None
        # Read anew, whatever was read before: the list grew until the day was over.
        things = self._list(day)
        ids = [thing.key for thing in things if isinstance(thing, Record)]
        # What could not be read was announced all the same. At weekends the list is empty.
        return Stated(
            {"new": len(things)}, tuple(Announced(id_, "new") for id_ in ids), confirmed=True
        )

    def by_id(self, ids: Sequence[str]) -> Iterator[Things]:
        """Nothing: a list is the only place where a paper of it is named."""
        yield from ()

    def _list(self, day: date, answers: Answers | None = None) -> Things:
        """What a day's list holds; nothing where `answers` knows that and it did not change."""
        things: list[Record] = []
        others = []
        first = self._address_of(day, 0)
        for page in range(_MOST_PAGES):
            url = self._address_of(day, page)
            known = answers.of(url) if answers and page == 0 else Known()
            answer = self._fetcher.get(self._service, url, **known)
            if not answer.is_news:
                return ()
            found = hub.parse(answer.body, day)
            things += [thing for thing in found if isinstance(thing, Record)]
            others += [thing for thing in found if not isinstance(thing, Record)]
            if answers and page == 0:
                answers.note(url, answer)
            if len(found) < _PAGE:
                if answers and (page or others):
                    # A first page says nothing of the next, nor are all of its papers held.
                    answers.forget(first)
                return (*things, *others)
        raise SourceError(f"The Hub's list of {day} has no end.")

    def _address_of(self, day: date, page: int) -> str:
        asked = urlencode({"date": day.isoformat(), "limit": _PAGE, "p": page})
        return f"{self._address}/api/{quote('daily_papers')}?{asked}"
