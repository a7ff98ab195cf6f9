"""RSS 2.0 with the names of Dublin Core, the syndication module, and links of Atom.

Sources: the RSS 2.0 specification and the RSS Advisory Board's profile of it (author by
`dc:creator`, `atom:link` for the feed's own address, an enclosure of unknown length is 0 long).
"""

from __future__ import annotations

from email.utils import format_datetime

from lxml import etree

from broadsheet import __version__
from broadsheet.web.feeds.feed import MINUTES, Feed, Item
from broadsheet.web.feeds.xml import ATOM, child, document, rfc3339

TYPE = "application/rss+xml"
_A = f"{{{ATOM}}}"
_DC = "{http://purl.org/dc/elements/1.1/}"
_SY = "{http://purl.org/rss/1.0/modules/syndication/}"
_NAMES = {"atom": _A[1:-1], "dc": _DC[1:-1], "sy": _SY[1:-1]}
# Joins what is on both sides and is seen nowhere (U+2060).
_JOINER = "\N{WORD JOINER}"


def render(feed: Feed) -> bytes:
    """The feed as a document of RSS."""
    root = etree.Element("rss", {"version": "2.0"}, nsmap=_NAMES)
    channel = child(root, "channel")
    child(channel, "title", _text(feed.title))
    child(channel, "link", feed.home)
    child(channel, "description", _text(feed.subtitle or feed.title))
    child(channel, "language", "en")
    child(channel, "lastBuildDate", format_datetime(feed.updated, usegmt=True))
    child(channel, "generator", f"Broadsheet {__version__}")
    child(channel, "ttl", str(MINUTES))
    child(channel, f"{_SY}updatePeriod", "hourly")
    child(channel, f"{_SY}updateFrequency", "1")
    for relation, address in feed.turns:
        kind = {} if relation == "hub" else {"type": TYPE}
        child(channel, f"{_A}link", rel=relation, **kind, href=address)
    for item in feed.items:
        _item(channel, item)
    return document(root)


def _item(channel: etree._Element, item: Item) -> None:
    made = child(channel, "item")
    child(made, "title", _text(item.title))
    child(made, "link", item.url)
    child(made, "guid", item.id, isPermaLink="false")
    if item.published:
        child(made, "pubDate", format_datetime(item.published, usegmt=True))
    child(made, f"{_A}updated", rfc3339(item.updated))
    for name in item.authors:
        child(made, f"{_DC}creator", name)
    for tag in item.tags:
        child(made, "category", tag)
    if item.pdf:
        child(made, "enclosure", url=item.pdf.url, length="0", type="application/pdf")
    for link in item.related:
        child(made, f"{_A}link", rel="related", title=link.kind, href=link.url)
    child(made, "description", item.html)


def _text(title: str) -> str:
    """A title of which it is not said whether it is text or HTML, and which readers take for
    either: behind a joiner, no letter makes `<` the beginning of an element.
    """
    return title.replace("<", f"<{_JOINER}")
