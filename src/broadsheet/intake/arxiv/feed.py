"""arXiv's daily feeds, RSS and Atom: what was announced today, and why each paper is there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from broadsheet.intake.arxiv.authors import names
from broadsheet.intake.arxiv.record import (
    SOURCE,
    Announced,
    Kind,
    Stated,
    arxiv_id,
    build,
    day,
)
from broadsheet.intake.arxiv.xml import (
    Element,
    aside,
    child,
    children,
    document,
    local,
    text,
    texts,
)
from broadsheet.intake.opening import InputError
from broadsheet.records import Quarantined, Record
from broadsheet.text.normalise import plain

FILE = "arXiv daily feed"
# arXiv's own bound; a feed of so many is cut, and only the lists on the web have the rest.
LONGEST_FEED = 2_000
_MOST_ITEMS = 20_000
_KINDS: Mapping[str, Kind] = {
    "new": "new",
    "cross": "cross",
    "replace": "replace",
    "absonly": "replace",
    "replace-cross": "replace-cross",
}
_DESCRIPTION = re.compile(
    r"\s*(?:arXiv:\S{1,60}\s+)?(?:Announce Type:\s*(?P<kind>[a-z-]{1,30})\s*)?(?:Abstract:\s*)?"
)
# Feeds before 2024 had the id behind the title: "Boats (arXiv:2301.00001v1 [cs.LG])".
_ID_BEHIND = re.compile(r"\s\(arXiv:[^()]{1,80}\)\Z")


@dataclass(frozen=True, slots=True)
class FeedDay:
    """One day of a feed: the day it states, what was announced, and the papers as records.

    Empty on days without announcements. A record has a day under which it was shown only where
    the paper was new: the others were announced before, and the feed does not say when.
    """

    day: date | None
    announced: tuple[Announced, ...] = ()
    records: tuple[Record | Quarantined, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the feed can hold all that was announced; longer ones are cut by arXiv."""
        return len(self.announced) < LONGEST_FEED


def parse(data: bytes) -> FeedDay:
    """What a feed holds. Raises InputError for what is no feed, or where arXiv refuses."""
    root = document(data)
    channel, items, shown = _outline(root)
    title = plain(text(child(channel, "title"))[:500])
    if title.startswith("Feed error"):
        raise InputError(f"arXiv answered: {_refusal(channel) or title}")
    if "arxiv" not in title.lower():
        raise InputError("the answer is no feed of arXiv's")  # an empty one would pass for a day
    if len(items) > _MOST_ITEMS:
        raise InputError(f"the feed has more than {_MOST_ITEMS:,} papers")
    announced: dict[str, Announced] = {}
    records: list[Record | Quarantined] = []
    for item in items:
        try:
            one, record = _item(item, shown)
        except InputError as error:
            records.append(aside(item, error, file=FILE, source=SOURCE))
            continue
        if one.id not in announced:  # a feed of several categories may name a paper twice
            announced[one.id] = one
            records.append(record)
    return FeedDay(shown, tuple(announced.values()), tuple(records))


def _outline(root: Element) -> tuple[Element, list[Element], date | None]:
    """What holds the items, the items, and the day they are of."""
    if local(root) == "feed":
        items = list(children(root, "entry"))
        return root, items, day(text(child(items[0], "published"))) if items else None
    channel = child(root, "channel") if local(root) == "rss" else None
    if channel is None:
        raise InputError("the answer is no feed of arXiv's")
    items = list(children(channel, "item"))
    shown = day(text(child(channel, "pubDate")))
    if shown is None and items:
        shown = day(text(child(items[0], "pubDate")))
    return channel, items, shown


def _refusal(channel: Element) -> str:
    said = child(channel, "description")
    return plain(text(said if said is not None else child(channel, "subtitle"))[:500])


def _item(item: Element, shown: date | None) -> tuple[Announced, Record]:
    values = texts(item)
    description = values.get("description") or values.get("summary", "")
    head = _DESCRIPTION.match(description)
    assert head is not None  # every part of it is optional
    said = values.get("announce_type", "").strip() or head["kind"] or ""
    kind = _KINDS.get(said)
    if kind is None:
        raise InputError(f"the announcement is of the unknown kind “{plain(said[:40])}”")
    id_, version = arxiv_id(_name(item, values))
    stated = Stated(
        id=id_,
        title=_ID_BEHIND.sub("", plain(values.get("title", "")[:5_000])),
        abstract=description[head.end() :],
        authors=names(values.get("creator", "")),
        categories=[
            (each.get("term") or text(each)).strip() for each in children(item, "category")
        ],
        doi=values.get("DOI", ""),
        licence=values.get("rights", ""),
        version=version,
        shown=shown if kind == "new" else None,
    )
    record = build(stated)
    one = Announced(
        id=id_,
        kind=kind,
        title=record.title,
        authors=tuple(author.name for author in record.authors),
        categories=record.categories,
        version=version,
    )
    return one, record


def _name(item: Element, values: Mapping[str, str]) -> str:
    """The id with its version from the item's own name, else the address it links to."""
    for stated in (values.get("guid", ""), values.get("id", "")):
        if "arxiv" in stated.lower():
            return stated
    link = child(item, "link")
    return values.get("link", "") or (link.get("href") or "" if link is not None else "")
