"""A feed as all formats render it: plain records, whose texts hold no character XML forbids.

Moments are in UTC, addresses absolute and in ASCII, titles and names plain text on one line.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from broadsheet.records import Link, Reason

# How often a reader should look again: papers are announced once a day, each source at its hour.
MINUTES = 60


@dataclass(frozen=True, slots=True)
class Item:
    """A paper in a feed.

    `id` stays when the paper gets a stronger public name (`name`). `html` is what to show, made of
    a few elements that feed readers keep. `published` is None where no source says when the paper
    appeared; `updated` is when it last changed. `reasons` add up to `score`, as in the list.
    """

    id: str
    name: str
    url: str
    title: str
    html: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    published: datetime | None
    updated: datetime
    links: tuple[Link, ...] = ()
    rank: int = 0
    score: float = 0.0
    reasons: tuple[Reason, ...] = ()

    @property
    def pdf(self) -> Link | None:
        """The text as a file, where there is one."""
        return next((link for link in self.links if link.kind == "pdf"), None)

    @property
    def related(self) -> tuple[Link, ...]:
        """The other links: the page of the source, code, data."""
        return tuple(link for link in self.links if link.kind != "pdf")


@dataclass(frozen=True, slots=True)
class Feed:
    """A page of a list. `here`, `first`, `previous`, `next`, `last` are addresses of feeds
    (RFC 5005, section 3), `home` is the list's page for people, `hub` a WebSub hub.
    """

    id: str
    title: str
    subtitle: str
    home: str
    here: str
    first: str
    last: str
    updated: datetime
    items: tuple[Item, ...]
    previous: str | None = None
    next: str | None = None
    hub: str | None = None

    @property
    def turns(self) -> tuple[tuple[str, str], ...]:
        """The addresses of this page and its neighbours, by their relation (RFC 8288)."""
        known = (
            ("self", self.here),
            ("first", self.first),
            ("previous", self.previous),
            ("next", self.next),
            ("last", self.last),
            ("hub", self.hub),
        )
        return tuple((relation, address) for relation, address in known if address)
