"""Feeds read strictly: each function takes what was sent, fails on the first thing that the
format's document does not allow, and gives the entries as plain records.

Atom: RFC 4287, whose grammar (appendix B) is followed element by element; RSS: the RSS 2.0
specification; JSON: jsonfeed.org/version/1.1.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from lxml import etree

ATOM = "{http://www.w3.org/2005/Atom}"
DC = "{http://purl.org/dc/elements/1.1/}"
SY = "{http://purl.org/rss/1.0/modules/syndication/}"
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)")
_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+")
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True)
ONE, MAYBE, ANY = (1, 1), (0, 1), (0, 10_000)


@dataclass(frozen=True)
class Entry:
    """What all formats say of a paper."""

    id: str
    url: str
    title: str
    html: str
    authors: tuple[str, ...]
    tags: tuple[str, ...]
    published: datetime | None
    updated: datetime


@dataclass(frozen=True)
class Sent:
    """A page of a feed: its title, the addresses by relation, its entries."""

    title: str
    links: dict[str, str]
    entries: tuple[Entry, ...]


def moment(text: str) -> datetime:
    assert _RFC3339.fullmatch(text), text
    return datetime.fromisoformat(text)


def address(text: str | None) -> str:
    """An absolute address of the web, of characters that an address may hold (RFC 3986)."""
    assert text, "no address"
    assert re.fullmatch(r"[A-Za-z0-9:/?#\[\]@!$&'()*+,;=%._~-]+", text), text
    assert not re.search(r"%(?![0-9A-Fa-f]{2})", text), text
    parts = urlsplit(text)
    assert parts.scheme in ("http", "https"), text
    assert parts.hostname, text
    return text


def _root(sent: bytes, tag: str) -> etree._Element:
    root = etree.fromstring(sent, _PARSER)
    assert root.tag == tag
    assert (root.getroottree().docinfo.encoding or "").lower() == "utf-8"
    return root


def _children(parent: etree._Element, allowed: dict[str, tuple[int, int]]) -> None:
    """Each child is allowed and stands there as often as it may."""
    tags = [str(one.tag) for one in parent]
    for tag in tags:
        assert tag in allowed, f"<{tag}> in <{parent.tag}>"
    for tag, (least, most) in allowed.items():
        assert least <= tags.count(tag) <= most, f"{tags.count(tag)} of <{tag}> in <{parent.tag}>"
    assert not (parent.text or "").strip()


def _text(parent: etree._Element, tag: str) -> str:
    found = parent.find(tag)
    assert found is not None, tag
    assert len(found) == 0
    return found.text or ""


# --- Atom ---------------------------------------------------------------------------------------

_FEED = {
    "author": ANY,
    "category": ANY,
    "contributor": ANY,
    "generator": MAYBE,
    "icon": MAYBE,
    "id": ONE,
    "link": ANY,
    "logo": MAYBE,
    "rights": MAYBE,
    "subtitle": MAYBE,
    "title": ONE,
    "updated": ONE,
    "entry": ANY,
}
_ENTRY = {
    "author": ANY,
    "category": ANY,
    "content": MAYBE,
    "contributor": ANY,
    "id": ONE,
    "link": ANY,
    "published": MAYBE,
    "rights": MAYBE,
    "source": MAYBE,
    "summary": MAYBE,
    "title": ONE,
    "updated": ONE,
}
_ATTRIBUTES = {
    "link": {"href", "rel", "type", "hreflang", "title", "length"},
    "category": {"term", "scheme", "label"},
    "content": {"type", "src"},
    "title": {"type"},
    "subtitle": {"type"},
    "summary": {"type"},
    "generator": {"uri", "version"},
}


def atom(sent: bytes) -> Sent:
    root = _root(sent, f"{ATOM}feed")
    _children(root, {ATOM + name: often for name, often in _FEED.items()})
    for element in root.iter(f"{ATOM}*"):
        name = str(element.tag).removeprefix(ATOM)
        known = _ATTRIBUTES.get(name, set()) | {"{http://www.w3.org/XML/1998/namespace}lang"}
        assert set(map(str, element.attrib)) <= known, name
        if name in ("title", "subtitle", "summary"):
            assert element.get("type", "text") in ("text", "html")
            assert len(element) == 0
        if name == "category":
            assert element.get("term")
        if name in ("author", "contributor"):
            _children(element, {f"{ATOM}name": ONE, f"{ATOM}uri": MAYBE, f"{ATOM}email": MAYBE})
            assert _text(element, f"{ATOM}name").strip()
    _iri(_text(root, f"{ATOM}id"))
    moment(_text(root, f"{ATOM}updated"))
    entries = tuple(_atom_entry(one, root) for one in root.iterfind(f"{ATOM}entry"))
    assert len({one.id for one in entries}) == len(entries)
    return Sent(_text(root, f"{ATOM}title"), _atom_links(root), entries)


def _iri(text: str) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9+.-]*:\S+", text), text


def _atom_links(parent: etree._Element) -> dict[str, str]:
    links: dict[str, str] = {}
    alternates = set()
    for link in parent.iterfind(f"{ATOM}link"):
        relation, kind = link.get("rel", "alternate"), link.get("type")
        assert re.fullmatch(r"[a-z][a-z0-9.-]*", relation)
        assert kind is None or _TYPE.fullmatch(kind)
        if relation == "alternate":  # at most one of a type and language (section 4.1.1)
            assert (kind, link.get("hreflang")) not in alternates
            alternates.add((kind, link.get("hreflang")))
        links.setdefault(relation, address(link.get("href")))
    return links


def _atom_entry(entry: etree._Element, feed: etree._Element) -> Entry:
    _children(entry, {ATOM + name: often for name, often in _ENTRY.items()})
    _iri(_text(entry, f"{ATOM}id"))
    authors = [_text(one, f"{ATOM}name") for one in entry.iterfind(f"{ATOM}author")]
    assert authors or feed.find(f"{ATOM}author") is not None
    content = entry.find(f"{ATOM}content")
    links = _atom_links(entry)
    assert content is not None or "alternate" in links
    if content is not None:
        assert content.get("type") == "html"
        assert len(content) == 0
    published = entry.find(f"{ATOM}published")
    return Entry(
        _text(entry, f"{ATOM}id"),
        links["alternate"],
        _text(entry, f"{ATOM}title"),
        (content.text or "") if content is not None else "",
        tuple(authors),
        tuple(one.get("term", "") for one in entry.iterfind(f"{ATOM}category")),
        moment(published.text or "") if published is not None else None,
        moment(_text(entry, f"{ATOM}updated")),
    )


# --- RSS ----------------------------------------------------------------------------------------

_CHANNEL = {
    "title": ONE,
    "link": ONE,
    "description": ONE,
    "language": MAYBE,
    "lastBuildDate": MAYBE,
    "pubDate": MAYBE,
    "generator": MAYBE,
    "ttl": MAYBE,
    "item": ANY,
    f"{ATOM}link": ANY,
    f"{SY}updatePeriod": MAYBE,
    f"{SY}updateFrequency": MAYBE,
}
_ITEM = {
    "title": ONE,
    "link": ONE,
    "description": ONE,
    "guid": ONE,
    "pubDate": MAYBE,
    "category": ANY,
    "enclosure": MAYBE,
    f"{ATOM}link": ANY,
    f"{ATOM}updated": ONE,
    f"{DC}creator": ANY,
}


def rss(sent: bytes) -> Sent:
    root = _root(sent, "rss")
    assert root.get("version") == "2.0"
    _children(root, {"channel": ONE})
    channel = root[0]
    _children(channel, _CHANNEL)
    for name in ("title", "description"):
        assert _text(channel, name)
    assert parsedate_to_datetime(_text(channel, "lastBuildDate")).tzinfo
    assert int(_text(channel, "ttl")) > 0
    assert _text(channel, f"{SY}updatePeriod") in ("hourly", "daily", "weekly", "monthly", "yearly")
    entries = tuple(_rss_item(one) for one in channel.iterfind("item"))
    assert len({one.id for one in entries}) == len(entries)
    links = _atom_links(channel) | {"alternate": address(_text(channel, "link"))}
    return Sent(_text(channel, "title"), links, entries)


def _rss_item(item: etree._Element) -> Entry:
    _children(item, _ITEM)
    guid = item.find("guid")
    assert guid is not None
    assert guid.get("isPermaLink") == "false"
    for enclosure in item.iterfind("enclosure"):
        assert address(enclosure.get("url"))
        assert int(enclosure.get("length", "")) >= 0
        assert _TYPE.fullmatch(enclosure.get("type", ""))
    published = item.find("pubDate")
    return Entry(
        guid.text or "",
        address(_text(item, "link")),
        _text(item, "title"),
        _text(item, "description"),
        tuple(one.text or "" for one in item.iterfind(f"{DC}creator")),
        tuple(one.text or "" for one in item.iterfind("category")),
        parsedate_to_datetime(published.text or "") if published is not None else None,
        moment(_text(item, f"{ATOM}updated")),
    )


# --- JSON Feed ----------------------------------------------------------------------------------

_JSON_FEED: dict[str, type] = {
    "version": str,
    "title": str,
    "home_page_url": str,
    "feed_url": str,
    "description": str,
    "next_url": str,
    "language": str,
    "hubs": list,
    "items": list,
    "_broadsheet": dict,
}
_JSON_ITEM: dict[str, type] = {
    "id": str,
    "url": str,
    "external_url": str,
    "title": str,
    "content_html": str,
    "content_text": str,
    "summary": str,
    "date_published": str,
    "date_modified": str,
    "authors": list,
    "tags": list,
    "attachments": list,
    "_broadsheet": dict,
}


def json_feed(sent: bytes) -> Sent:
    said: dict[str, Any] = json.loads(sent)
    _keys(said, _JSON_FEED, {"version", "title", "items"})
    assert said["version"] == "https://jsonfeed.org/version/1.1"
    for hub in said.get("hubs", ()):
        _keys(hub, {"type": str, "url": str}, {"type", "url"})
    links = {"self": said["feed_url"], "alternate": said["home_page_url"]}
    own = said["_broadsheet"]
    links |= {name: own[name] for name in ("first", "previous", "last") if own[name]}
    if "next_url" in said:
        links["next"] = said["next_url"]
    for link in links.values():
        address(link)
    assert "next" not in links or links["next"] != links["self"]
    entries = tuple(_json_item(one) for one in said["items"])
    assert len({one.id for one in entries}) == len(entries)
    return Sent(said["title"], links, entries)


def _keys(said: dict[str, Any], known: dict[str, type], needed: set[str]) -> None:
    assert needed <= set(said) <= set(known), set(said) ^ set(known)
    for name, value in said.items():
        assert isinstance(value, known[name]), name
        assert value or name in ("items", "_broadsheet"), f"{name} is empty"


def _json_item(item: dict[str, Any]) -> Entry:
    _keys(item, _JSON_ITEM, {"id", "content_html"})
    for one in item.get("attachments", ()):
        _keys(one, {"url": str, "mime_type": str}, {"url", "mime_type"})
        address(one["url"])
    for author in item.get("authors", ()):
        _keys(author, {"name": str}, {"name"})
    for link in item["_broadsheet"]["links"]:
        address(link["url"])
    reasons = sum(reason["value"] for reason in item["_broadsheet"]["reasons"])
    assert abs(reasons - item["_broadsheet"]["score"]) < 1e-4
    published = item.get("date_published")
    return Entry(
        item["id"],
        address(item["url"]),
        item["title"],
        item["content_html"],
        tuple(author["name"] for author in item.get("authors", ())),
        tuple(item.get("tags", ())),
        moment(published) if published else None,
        moment(item["date_modified"]),
    )


READERS = {"rss": rss, "atom": atom, "json": json_feed}
