"""A list, evaluated, as a page of a feed: whatever the list is, it is made the same way."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from urllib.parse import urlencode

from broadsheet.records import Entry, Link, Listing, Paper
from broadsheet.views.addresses import Place
from broadsheet.views.catalogue import DEEPEST
from broadsheet.web.feeds import simple
from broadsheet.web.feeds.feed import Feed, Item
from broadsheet.web.render import byline, counted, escape, paper_path, points, web_links

PER_PAGE = 30
MOST_PER_PAGE = 100
# Some papers have thousands of authors; the line of who wrote it says how many there are.
_MOST_AUTHORS = 100


@dataclass(frozen=True, slots=True)
class Held:
    """What the store knows of its papers besides them.

    `identity` is the store's own number, `begun` when it was made; `replaced` says of papers whose
    text was revised when that was last, by paper number.
    """

    identity: int
    begun: datetime
    replaced: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of the list: the page, from 1, of how many entries each."""

    number: int = 1
    size: int = PER_PAGE

    @property
    def offset(self) -> int:
        """How many entries stand before it."""
        return min((self.number - 1) * self.size, DEEPEST)


@dataclass(frozen=True, slots=True)
class Site:
    """Where readers reach this Broadsheet, as in `https://papers.example`; the address of the feed
    itself there, without its page; and a WebSub hub, if any.
    """

    base: str
    feed: str
    hub: str | None = None


def feed_of(place: Place, listing: Listing, page: Page, site: Site, held: Held) -> Feed:
    """The page of the feed, `listing` being that part of the place's view."""
    pages = max(1, -(-min(listing.total, DEEPEST) // page.size))
    items = tuple(item_of(entry, site, held) for entry in listing.entries)
    reader = f"reader {place.view.reader} " if place.is_personal else ""
    return Feed(
        id=_urn(held, f"{reader}list {place.address}"),
        title=f"Broadsheet: {simple.words(place.title)}",
        subtitle=simple.words(" ".join((f"{counted(listing.total, 'paper')}.", *listing.notes))),
        home=site.base + simple.quoted(place.address),
        here=_turned(site, page, page.number),
        first=_turned(site, page, 1),
        last=_turned(site, page, pages),
        previous=_turned(site, page, min(page.number - 1, pages)) if page.number > 1 else None,
        next=_turned(site, page, page.number + 1) if page.number < pages else None,
        updated=max((item.updated for item in items), default=held.begun),
        items=items,
        hub=site.hub,
    )


def item_of(entry: Entry, site: Site, held: Held) -> Item:
    """An entry of a list as an item."""
    paper = entry.paper
    links = tuple(
        Link(simple.words(link.kind), address)
        for link in web_links(paper)
        if (address := simple.web_address(link.url))
    )
    names = [name for author in paper.authors if (name := simple.words(author.name))]
    appeared = paper.day or paper.published
    return Item(
        id=_urn(held, f"paper {paper.number}"),
        name=simple.clean(paper.id),
        url=site.base + paper_path(simple.clean(paper.id)),
        title=simple.line(paper.title) or "Untitled",
        html=_html(entry, links),
        authors=tuple(names[:_MOST_AUTHORS]) or _organization(paper),
        tags=tuple(tag for name in paper.categories if (tag := simple.words(name))),
        published=_midnight(appeared) if appeared else None,
        updated=_updated(paper, held),
        links=links,
        rank=entry.rank,
        score=entry.score,
        reasons=tuple(replace(one, text=simple.words(one.text)) for one in entry.reasons),
    )


def _urn(held: Held, name: str) -> str:
    """A name for good, made of the store's own number and one inside the store (RFC 9562,
    version 5). A `tag:` URI would need a domain that is ours.
    """
    return uuid.uuid5(uuid.UUID(int=held.identity), name).urn


def _updated(paper: Paper, held: Held) -> datetime:
    """When it last changed, as far as is known: a paper of which nothing is known did not come
    before the store was made.
    """
    days = (paper.day, paper.published, paper.updated)
    moments = [_midnight(day) for day in days if day]
    if paper.number in held.replaced:
        moments.append(held.replaced[paper.number])
    return max(moments, default=held.begun)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _organization(paper: Paper) -> tuple[str, ...]:
    name = simple.words(paper.organization or "")
    return (name,) if name else ()


def _html(entry: Entry, links: tuple[Link, ...]) -> str:
    """Who, the text, why it is here, and where it leads to: a paragraph each."""
    paper = entry.paper
    said = [escape(simple.words(byline(paper)))]
    if paper.withdrawn:
        said.append("<strong>Withdrawn.</strong>")
    said.append(simple.html(paper.text) or "No abstract is known.")
    if entry.reasons:
        parts, score = points(entry)
        why = " + ".join(f"{escape(simple.words(text))} {value}" for text, value in parts)
        said.append(f"<small>why: {why} = {score}</small>")
    said.append(
        " · ".join(f'<a href="{escape(link.url)}">{escape(link.kind)}</a>' for link in links)
    )
    return "".join(f"<p>{part}</p>" for part in said if part)


def _turned(site: Site, page: Page, number: int) -> str:
    """The feed's address with the page, leaving out what goes without saying."""
    params = {}
    if page.size != PER_PAGE:
        params["n"] = page.size
    if number > 1:
        params["page"] = number
    if not params:
        return site.feed
    return f"{site.feed}{'&' if '?' in site.feed else '?'}{urlencode(params)}"
