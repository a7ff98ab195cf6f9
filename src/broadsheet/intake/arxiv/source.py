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
from broadsheet.intake.arxiv import atom, feed, listing, oai
from broadsheet.intake.fetching import Fetcher, FetchError, Service
from broadsheet.intake.opening import InputError
from broadsheet.intake.sources import Batch, SourceError, Stated, Things
from broadsheet.records import Quarantined, Record
from broadsheet.store.ledger import Announced, Source

KIND = "arxiv"
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

    def records(self, source: Source, now: datetime) -> Iterator[Batch]:
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
            if page.token is None:
                yield Batch(records, through=through)
                return
            if page.token in seen or page.token == token:
                yield Batch(records, {"from": str(first), "token": None, "answered": None})
                raise SourceError(f"arXiv's harvest of {source.name} goes round in circles.")
            seen.add(page.token)
            token = page.token
            yield Batch(
                records, {"from": str(first), "token": token, "answered": through.isoformat()}
            )
        raise SourceError(f"arXiv's harvest of {source.name} has no end.")

    def announced(self, source: Source, day: date, now: datetime) -> Stated | None:
        """What list and feed say together; None where the list is not that day's."""
        newest = day == announcing.latest(now)
        name = quote(source.name)
        if newest:
            read = self._get(f"{self._at.lists}/list/{name}/new")
            listed = listing.parse_new(read)
        else:
            read = self._get(f"{self._at.lists}/catchup/{name}/{day.isoformat()}")
            listed = listing.parse_catchup(read)
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
        again = self._fed(source) if newest else None
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

    def _fed(self, source: Source) -> feed.FeedDay | None:
        """What the feed says; what is wrong with it is no reason to doubt the list."""
        try:
            return feed.parse(self._get(f"{self._at.feeds}/rss/{quote(source.name)}"))
        except (FetchError, InputError) as error:
            _log.info("the feed of %s: %s", source.name, error)
            return None

    def _get(self, url: str) -> bytes:
        return self._fetcher.get(self._service, url).body


def _kind(said: str) -> str:
    return "replace" if said.startswith("replace") else said


def _belongs(thing: Record | Quarantined, category: str) -> bool:
    """Whether a record is of the category that was asked for."""
    if isinstance(thing, Quarantined):
        return True
    return any(one == category or one.startswith(f"{category}.") for one in thing.categories)
