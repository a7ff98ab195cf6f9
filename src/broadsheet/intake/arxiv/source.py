"""arXiv as a source: papers by OAI-PMH, the day's counts from its lists and feeds.

The list of a category states how many papers of each kind a day has, and names them; the feed
names them a second time, with their versions. The papers themselves come by OAI-PMH, and what is
missing then by its id.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from broadsheet.intake import announcing
from broadsheet.intake.arxiv import atom, feed, listing, lists, oai
from broadsheet.intake.fetching import Fetcher, FetchError, Known, Service
from broadsheet.intake.opening import InputError
from broadsheet.intake.sources import Answers, Batch, SourceError, Stated, Things
from broadsheet.records import Quarantined, Record
from broadsheet.store.ledger import Announced, Source

_log = logging.getLogger(__name__)
# A record's datestamp is a day of UTC, the list's one of New York.
_OVERLAP = timedelta(days=1)
_AT_ONCE = 100
# A harvest of more pages goes round in circles: all of arXiv has some two thousand.
_MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where arXiv's interfaces are."""

    oai: str = "https://oaipmh.arxiv.org/oai"
    lists: str = "https://arxiv.org"
    feeds: str = "https://rss.arxiv.org"
    queries: str = "https://export.arxiv.org/api/query"

    @classmethod
    def at(cls, base: str) -> Addresses:
        """All of them at one machine, as a mirror may have them."""
        base = base.rstrip("/")
        return cls(f"{base}/oai", base, base, f"{base}/api/query")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that are arXiv's."""
        named = {urlsplit(url).hostname for url in (self.oai, self.lists, self.feeds, self.queries)}
        named |= {"arxiv.org", "www.arxiv.org"} if "arxiv.org" in named else set()
        return tuple(sorted(filter(None, named)))


class Arxiv:
    """A category or archive of arXiv, by its name."""

    def __init__(self, fetcher: Fetcher, addresses: Addresses, pause: float) -> None:
        self._fetcher = fetcher
        self._at = addresses
        self._service = Service("arxiv", pause, addresses.hosts)

    def service(self, source: Source) -> str:
        """arXiv, whatever the category."""
        return self._service.name

    def records(self, source: Source, now: datetime, answers: Answers) -> Iterator[Batch]:
        """What changed since the day of the last harvest; a day more, since days overlap."""
        known: dict[str, Any] = source.progress or {}
        first = known.get("from") or (source.through or source.since) - _OVERLAP
        token, answered = known.get("token"), known.get("answered")
        seen: set[str] = set()
        for _ in range(_MOST_PAGES):
            try:
                page = self._page(source, str(first), token)
            except oai.OaiError as error:
                if error.code != "badResumptionToken" or token is None:
                    raise
                # It has expired, as all do at midnight: from the beginning, which is a few pages.
                token, seen = None, set()
                continue
            answered = answered or (page.answered and page.answered.isoformat())
            through = date.fromisoformat(answered) if answered else now.date()
            records = tuple(thing for thing in page.records if _belongs(thing, source.name))
            gone = page.deleted + tuple(
                thing.key
                for thing in page.records
                if isinstance(thing, Record) and not _belongs(thing, source.name)
            )
            if page.token is None:
                yield Batch(records, through=through, gone=gone)
                return
            if page.token in seen or page.token == token:
                again = {"from": str(first), "token": None, "answered": None}
                yield Batch(records, again, gone=gone)
                raise SourceError(f"arXiv's harvest of {source.name} goes round in circles.")
            seen.add(page.token)
            token = page.token
            further = {"from": str(first), "token": token, "answered": through.isoformat()}
            yield Batch(records, further, gone=gone)
        raise SourceError(f"arXiv's harvest of {source.name} has no end.")

    def announced(
        self, source: Source, day: date, now: datetime, answers: Answers
    ) -> Stated | None:
        """What list and feed say together; None where the list is not that day's, or neither has
        changed.
        """
        newest = day == announcing.latest(now)
        name = quote(source.name)
        told = f"/list/{name}/new" if newest else f"/catchup/{name}/{day.isoformat()}"
        url, feed_url = f"{self._at.lists}{told}", f"{self._at.feeds}/rss/{name}"
        answer = self._fetcher.get(self._service, url, **answers.of(url))
        again = None
        if not answer.is_news:
            again = self._fed(source, feed_url, answers) if newest else None
            if again is None:
                return None
            # Only both together say how many there are.
            answer = self._fetcher.get(self._service, url)
        listed = listing.parse_new(answer.body) if newest else listing.parse_catchup(answer.body)
        if listed.is_whole:  # of one that broke off, the rest is still news
            answers.note(url, answer)
        if listed.day != day:
            return None
        named = {
            one.id: Announced(one.id, _kind(one.kind), one.version) for one in listed.announced
        }
        shown = Counter(one.kind for one in named.values())
        counts = Counter({_kind(kind): count for kind, count in listed.stated.items()})
        counts |= shown
        short = (listed.total or 0) - counts.total()
        if short > 0:  # more in all than of each kind: nobody says of which
            counts["new"] += short
        if newest and again is None:
            again = self._fed(source, feed_url, answers, anew=True)
        if again is None or again.day != day:
            return Stated(counts, tuple(named.values()))
        for one in again.announced:
            kind = named[one.id].kind if one.id in named else _kind(one.kind)
            named[one.id] = Announced(one.id, kind, one.version)
        counts |= Counter(one.kind for one in named.values())
        return Stated(counts, tuple(named.values()), confirmed=counts.total() == len(named))

    def by_id(self, ids: Sequence[str]) -> Iterator[Things]:
        """By the query interface, a hundred at a time; one that it refuses costs the others
        nothing.
        """
        for first in range(0, len(ids), _AT_ONCE):
            some = list(ids[first : first + _AT_ONCE])
            asked = urlencode({"id_list": ",".join(some), "max_results": len(some)})
            answer = atom.parse(self._get(f"{self._at.queries}?{asked}"))
            if answer.problem is not None:
                raise SourceError(f"arXiv answered: {answer.problem}")
            wanted = set(some)
            yield tuple(
                thing
                for thing in answer.records
                if isinstance(thing, Quarantined) or thing.key in wanted
            )

    def named(self, place: lists.Place) -> lists.Named:
        """The papers that a list names."""
        base = f"{self._at.queries}?" if place.kind == "search" else self._at.lists
        return lists.read(self._get(f"{base}{place.ask}"), place)

    def _page(self, source: Source, first: str, token: str | None) -> oai.Page:
        asked = {"verb": "ListRecords"}
        if token is not None:
            asked["resumptionToken"] = token
        else:
            asked |= {
                "metadataPrefix": "arXivRaw",
                "set": oai.set_of(source.name),
                "from": first,
            }
        return oai.parse(self._get(f"{self._at.oai}?{urlencode(asked)}"))

    def _fed(
        self, source: Source, url: str, answers: Answers, *, anew: bool = False
    ) -> feed.FeedDay | None:
        """What the feed says, if that is news or is asked for `anew`; what is wrong with it is no
        reason to doubt the list.
        """
        try:
            known = Known() if anew else answers.of(url)
            answer = self._fetcher.get(self._service, url, **known)
            if not answer.is_news:
                return None
            found = feed.parse(answer.body)
        except (FetchError, InputError) as error:
            _log.info("the feed of %s: %s", source.name, error)
            return None
        answers.note(url, answer)
        return found

    def _get(self, url: str) -> bytes:
        return self._fetcher.get(self._service, url).body


def _kind(said: str) -> str:
    return "replace" if said.startswith("replace") else said


def _belongs(thing: Record | Quarantined, category: str) -> bool:
    """Whether a record is of the category that was asked for."""
    if isinstance(thing, Quarantined):
        return True
    return any(one == category or one.startswith(f"{category}.") for one in thing.categories)
