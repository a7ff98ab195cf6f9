"""JSON Feed 1.1 (jsonfeed.org), with an extension `_broadsheet` for scores and their reasons."""

from __future__ import annotations

from typing import Any

import orjson

from broadsheet.web.feeds.feed import Feed, Item
from broadsheet.web.feeds.xml import rfc3339

TYPE = "application/feed+json"
VERSION = "https://jsonfeed.org/version/1.1"


def render(feed: Feed) -> bytes:
    """The feed as JSON."""
    said: dict[str, Any] = {
        "version": VERSION,
        "title": feed.title,
        "home_page_url": feed.home,
        "feed_url": feed.here,
        "description": feed.subtitle,
        "next_url": feed.next,
        "hubs": [{"type": "WebSub", "url": feed.hub}] if feed.hub else None,
        "language": "en",
    }
    said = {name: value for name, value in said.items() if value}
    said["items"] = [_item(item) for item in feed.items]
    said["_broadsheet"] = {
        "about": "updated: when a paper of this page last changed; first, previous, last: pages",
        "updated": rfc3339(feed.updated),
        "first": feed.first,
        "previous": feed.previous,
        "last": feed.last,
    }
    return orjson.dumps(said)


def _item(item: Item) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": item.id,
        "url": item.url,
        "external_url": next((link.url for link in item.links if link.kind == "abstract"), None),
        "title": item.title,
        "content_html": item.html,
        "date_published": item.published and rfc3339(item.published),
        "date_modified": rfc3339(item.updated),
        "authors": [{"name": name} for name in item.authors],
        "tags": list(item.tags),
        "attachments": item.pdf and [{"url": item.pdf.url, "mime_type": "application/pdf"}],
    }
    said = {name: value for name, value in said.items() if value}
    said["_broadsheet"] = {
        "id": item.name,
        "rank": item.rank,
        "score": round(item.score, 6),
        "reasons": [
            {"kind": reason.kind, "text": reason.text, "value": round(reason.value, 6)}
            for reason in item.reasons
        ],
        "links": [{"kind": link.kind, "url": link.url} for link in item.links],
    }
    return said
