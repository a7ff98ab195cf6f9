"""Atom: RFC 4287, with paging by RFC 5005."""

from __future__ import annotations

from lxml import etree

from broadsheet import __version__
from broadsheet.web.feeds.feed import Feed, Item
from broadsheet.web.feeds.xml import ATOM, child, document, rfc3339

TYPE = "application/atom+xml"
_A = f"{{{ATOM}}}"
_EMPTY = f'<feed xmlns="{ATOM}" xml:lang="en"/>'


def render(feed: Feed) -> bytes:
    """The feed as a document of Atom."""
    root = etree.fromstring(_EMPTY)
    child(root, f"{_A}id", feed.id)
    child(root, f"{_A}title", feed.title, type="text")
    if feed.subtitle:
        child(root, f"{_A}subtitle", feed.subtitle, type="text")
    child(root, f"{_A}updated", rfc3339(feed.updated))
    # The author of entries that name none (section 4.2.1).
    child(child(root, f"{_A}author"), f"{_A}name", "Broadsheet")
    child(root, f"{_A}generator", "Broadsheet", version=__version__)
    child(root, f"{_A}link", rel="alternate", type="text/html", href=feed.home)
    for relation, address in feed.turns:
        kind = {} if relation == "hub" else {"type": TYPE}
        child(root, f"{_A}link", rel=relation, **kind, href=address)
    for item in feed.items:
        _entry(root, item)
    return document(root)


def _entry(root: etree._Element, item: Item) -> None:
    entry = child(root, f"{_A}entry")
    child(entry, f"{_A}id", item.id)
    child(entry, f"{_A}title", item.title, type="text")
    child(entry, f"{_A}updated", rfc3339(item.updated))
    if item.published:
        child(entry, f"{_A}published", rfc3339(item.published))
    for name in item.authors:
        child(child(entry, f"{_A}author"), f"{_A}name", name)
    for tag in item.tags:
        child(entry, f"{_A}category", term=tag)
    child(entry, f"{_A}link", rel="alternate", type="text/html", href=item.url)
    if item.pdf:
        child(entry, f"{_A}link", rel="enclosure", type="application/pdf", href=item.pdf.url)
    for link in item.related:
        child(entry, f"{_A}link", rel="related", title=link.kind, href=link.url)
    child(entry, f"{_A}content", item.html, type="html")
