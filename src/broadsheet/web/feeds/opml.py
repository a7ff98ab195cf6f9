"""OPML 2.0: a list of feeds, as feed readers take it in and give it out."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from broadsheet.web.feeds.xml import child, document

TYPE = "text/x-opml"


def render(title: str, feeds: Sequence[tuple[str, str, str]]) -> bytes:
    """The feeds, each a title, the feed's address and that of its page, under one heading."""
    root = etree.Element("opml", {"version": "2.0"})
    child(child(root, "head"), "title", title)
    group = child(child(root, "body"), "outline", text=title, title=title)
    for name, feed, page in feeds:
        child(group, "outline", type="rss", text=name, title=name, xmlUrl=feed, htmlUrl=page)
    return document(root)
