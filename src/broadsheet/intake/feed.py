"""Feeds of papers: RSS 1.0 and 2.0, Atom.

The feed's bytes are handed in: nothing here opens an address. Where the XML is broken, what can
be had of it is had. Entries say what they say in HTML of any kind, of which the text is kept.
"""

from __future__ import annotations

import hashlib
import html.entities
import re
from collections.abc import Iterator
from datetime import date
from io import BytesIO
from itertools import zip_longest
from time import struct_time
from typing import Any

import feedparser
from lxml import etree
from lxml import html as lxml_html

from broadsheet.intake.jsonl import links_in
from broadsheet.intake.opening import BYTE_ORDER_MARK, Input, InputError
from broadsheet.intake.works import (
    LONGEST_ABSTRACT,
    LONGEST_KEY,
    LONGEST_NAME,
    address,
    aside,
    authors_of,
    day_of,
    distinct,
    doi,
    identifiers_of,
    known_address,
    links_of,
    text_within,
    titled,
    without_arxivs_dois,
)
from broadsheet.records import Author, Link, Quarantined, Record
from broadsheet.text import categories
from broadsheet.text.normalise import identifier, plain, title_key

SOURCE = "feed"
# The largest feeds, of two thousand papers with their abstracts, have about five megabytes.
_LARGEST = 16 * 1024 * 1024
_LONGEST_MARKUP = 400_000
_ROOT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^<>]{0,200}\?>\s*|<\?[^<>]{0,500}\?>\s*|<!--.{0,2000}?-->\s*"
    rb"|<!DOCTYPE[^<>\[]{0,300}>\s*){0,8}<(?:rss|rdf:RDF|(?:\w{1,20}:)?feed)[\s>]",
    re.DOTALL,
)
_ROOTS = frozenset({"rss", "RDF", "feed"})
_ENTRIES = frozenset({"item", "entry"})
_ENTITY = re.compile(
    rb"&(?:#(?P<number>[xX][0-9A-Fa-f]{1,9}|[0-9]{1,9});?|([A-Za-z][A-Za-z0-9]{1,31};))"
)
_DECLARED = re.compile(rb"(\s*<\?xml[^<>]{0,100}?encoding\s?=\s?[\"'])([\w.-]{1,20})")
_ENCODINGS = frozenset("iso-8859-1 iso-8859-15 latin1 windows-1252 us-ascii".split())
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LAST = 0x10FFFF
# A quarter of a million empty elements took the parser ten seconds. A feed of papers has some
# hundred bytes for each of its elements.
_FEW_ELEMENTS = 5_000
_BYTES_AN_ELEMENT = 24
_XML_ENTITIES = frozenset({b"amp;", b"lt;", b"gt;", b"quot;", b"apos;"})
# How descriptions that hold more than the abstract announce it, and the authors.
_ABSTRACT = re.compile(r"(?:\A|\n)\s*(?:Abstract|Summary)\s*:\s*(?=\S)")
_OTHERS = re.compile(r"Announce Type:|(?:\A|\n)\s*Authors?\s*:")
_LABEL_WITHIN = 20_000
_AUTHORS = re.compile(r"(?:\A|\n)Authors?\s*:\s*([^\n]{1,100000})")
_MOST_CATEGORIES = 100
_BLOCKS = frozenset("p div br li ul ol tr td table h1 h2 h3 h4 h5 h6 blockquote section".split())
_UNSEEN = frozenset({"script", "style", "head", "template"})


def recognises(head: bytes) -> bool:
    """Whether the first element is that of a feed."""
    return bool(_ROOT.match(head))


def read(opened: Input) -> Iterator[Record | Quarantined]:
    """A record for each entry of a feed that was saved.

    Raises InputError for what is no feed, far too large, or holds no entry.
    """
    things = parse(opened.whole(_LARGEST, "the feed"), "", opened.name)
    if not things:
        raise InputError("no paper stands in the feed")
    yield from things


def parse(data: bytes, feed: str, file: str = "") -> tuple[Record | Quarantined, ...]:
    """A record for each entry of a feed; `feed` is its address, by default the one it states.

    Raises InputError for what is no feed, or far too large.
    """
    if len(data) > _LARGEST:
        raise InputError(f"the feed has over {_LARGEST // 2**20} MB; none has so much")
    root, data = _well_formed(data.removeprefix(BYTE_ORDER_MARK).lstrip())
    count = sum(1 for _ in root.iter())
    if count > _FEW_ELEMENTS and len(data) < count * _BYTES_AN_ELEMENT:
        raise InputError(f"the feed has {count:,} elements and hardly anything in them")
    parsed = _parsed(data)
    elements = list(root.iter("{*}item", "{*}entry"))
    feed = feed or _own_address(parsed.feed)
    things: list[Record | Quarantined] = []
    for entry, element in zip_longest(parsed.entries, elements):
        if entry is None:
            break
        try:
            things.append(_record(entry, feed))
        except InputError as error:
            line = int(getattr(element, "sourceline", None) or 1)
            things.append(aside(file, line, error.reason, SOURCE, _bytes_of(element)))
    return tuple(things)


def _parsed(data: bytes) -> Any:
    """The feed as the parser has it, from a stream: bytes would be tried as a file's name."""
    try:
        return feedparser.parse(BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    except Exception as error:  # on odd elements it fails with errors of any kind
        raise InputError("the feed's elements stand where no feed has them") from error


def _well_formed(data: bytes) -> tuple[etree._Element, bytes]:
    """The feed's tree, and its bytes such that a strict parser can read them."""
    try:
        root = etree.fromstring(data, _parser())
    except (etree.XMLSyntaxError, ValueError):
        mended = _ENTITY.sub(_numbered, _in_utf8(data))
        try:
            root = etree.fromstring(mended, _parser(recover=True))
        except (etree.XMLSyntaxError, ValueError) as error:
            raise InputError("the feed is no XML") from error
        # In recovering, lxml may find nothing at all.
        if root is None:  # type: ignore[redundant-expr, unused-ignore]
            raise InputError("the feed is no XML") from None
        data = _bytes_of(root)
    dtd = root.getroottree().docinfo.internalDTD
    if getattr(dtd, "entities", list)():
        raise InputError("the feed defines entities of its own; that is not read")
    # Of a prefix that stands for nothing, recovering leaves the colon in the name.
    if re.split(r"[}:]", str(root.tag))[-1] not in _ROOTS:
        raise InputError("the XML is no feed")
    return root, data


def _in_utf8(data: bytes) -> bytes:
    """The same in UTF-8 without a fault: lxml recovers from other ones only.

    Characters that XML has not are left out.
    """
    stated = _DECLARED.match(data)
    encoding = stated[2].decode("ascii").lower() if stated else "utf-8"
    text = data.decode(encoding if encoding in _ENCODINGS else "utf-8", "replace")
    found = _NOT_XML.sub("", text).encode("utf-8", "replace")
    # Where it stands only: to look for it elsewhere takes hours of a megabyte of blanks.
    stated = _DECLARED.match(found)
    return found if stated is None else stated[1] + b"utf-8" + found[stated.end() :]


def _bytes_of(element: etree._Element | None) -> bytes:
    """An element as XML; what was recovered may hold bytes of no encoding, and cannot be had."""
    if element is None:
        return b""
    try:
        return etree.tostring(element, with_tail=False, encoding="utf-8")
    except (etree.LxmlError, ValueError):
        return b""


def _parser(*, recover: bool = False) -> etree.XMLParser:
    return etree.XMLParser(
        recover=recover,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )


def _numbered(match: re.Match[bytes]) -> bytes:
    """An entity of HTML, which XML does not know by name, by its number.

    Numbers of characters that XML has not are left out: lxml would take even halves of pairs.
    """
    if digits := match["number"]:
        number = int(digits[1:], 16) if digits[:1] in b"xX" else int(digits)
        return match[0] if number <= _LAST and not _NOT_XML.match(chr(number)) else b""
    character = html.entities.html5.get(match[2].decode("ascii"))
    if character is None or match[2] in _XML_ENTITIES:
        return match[0]
    return "".join(f"&#{ord(one)};" for one in character).encode("ascii")


def _own_address(feed: Any) -> str:
    links = [link for link in feed.get("links", ()) if link.get("rel") == "self"]
    for href in [*(link.get("href") for link in links), feed.get("id"), feed.get("link")]:
        if found := address(href):
            return found
    return ""


def _record(entry: Any, feed: str) -> Record:
    id_ = plain(str(entry.get("id") or entry.get("link") or ""))
    if "arxiv.org/api/errors" in id_:
        raise InputError(f"the feed tells of an error: {_plain_text(entry, 'summary')[:200]}")
    title = titled(_text(entry, "title"))
    text = _text(entry, "summary") or _content(entry)
    abstract = text_within(_abstract(text), LONGEST_ABSTRACT, "abstract")
    names, version = _identifiers(entry, id_)
    updated = _day(entry, "updated")
    published = _day(entry, "published") or updated
    return Record(
        source=SOURCE,
        key=_key(feed, known_address(id_) or id_ or title_key(title)),
        title=title,
        abstract=abstract,
        identifiers=names,
        authors=authors_of(_authors(entry, text)),
        categories=_categories(entry),
        year=published.year if published else None,
        published=published,
        updated=updated,
        version=version,
        links=distinct([*links_of(names), *_links(entry), *links_in(abstract)]),
        licence=address(entry.get("rights")) or None,
    )


def _key(feed: str, id_: str) -> str:
    key = f"{feed}#{id_}"
    if len(key) > LONGEST_KEY:
        digest = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=12).hexdigest()
        key = f"{key[: LONGEST_KEY - len(digest) - 1]}#{digest}"
    return key


def _text(entry: Any, name: str) -> str:
    detail = entry.get(f"{name}_detail") or {}
    return _as_text(str(entry.get(name) or ""), str(detail.get("type") or "text/plain"))


def _plain_text(entry: Any, name: str) -> str:
    return plain(_text(entry, name))


def _content(entry: Any) -> str:
    for content in entry.get("content", ()):
        if text := _as_text(str(content.get("value") or ""), str(content.get("type") or "")):
            return text
    return ""


def _as_text(markup: str, kind: str) -> str:
    """The text of a piece of HTML, a line for each block; other text as it stands."""
    if len(markup) > _LONGEST_MARKUP:
        raise InputError(f"a text of {len(markup):,} characters; at most {_LONGEST_MARKUP:,}")
    if not kind.endswith("html") or not ("<" in markup or "&" in markup):
        return markup
    try:
        tree = lxml_html.fragment_fromstring(markup, create_parent="div")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError, AssertionError):
        return re.sub(r"<[^<>]*>", " ", markup)
    parts: list[str] = []
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        assert isinstance(element, etree._Element)
        tag = str(element.tag)  # of a comment, a function's
        if tag in _BLOCKS:
            parts.append("\n")
        if event == "start" and tag.isalnum() and tag not in _UNSEEN:
            parts.append(str(element.text or ""))
        elif event == "end" and element is not tree:
            parts.append(str(element.tail or ""))
    return "".join(parts)


def _abstract(text: str) -> str:
    """What stands behind the word Abstract or Summary where a description has more than that.

    An abstract may have a part so called itself: only what is no abstract is left out before it.
    """
    found = _ABSTRACT.search(text, 0, _LABEL_WITHIN)
    if found and (not text[: found.start()].strip() or _OTHERS.search(text, 0, found.start())):
        return text[found.end() :]
    return text


def _identifiers(entry: Any, id_: str) -> tuple[tuple[str, ...], int | None]:
    addresses = [id_, str(entry.get("link") or "")]
    addresses += [str(link.get("href") or "") for link in entry.get("links", ())]
    dois = (doi(str(entry.get(name) or "")) for name in ("arxiv_doi", "prism_doi", "dc_identifier"))
    names = without_arxivs_dois(identifiers_of([*map(known_address, addresses), *dois]))
    for text in addresses:
        known = identifier(text.removeprefix("oai:arXiv.org:"))
        if known and known[0] in names[:1] and known[1]:
            return names, known[1]
    return names, None


def _authors(entry: Any, text: str) -> Iterator[Author]:
    names = [str(author.get("name") or "") for author in entry.get("authors", ())]
    if not any(names) and (stated := _AUTHORS.search(text, 0, _LABEL_WITHIN)):
        names = [stated[1]]
    for name in names:
        for one in _separated(plain(_as_text(name, "text/html"))):
            yield Author(text_within(one, LONGEST_NAME, "an author's name"))


def _separated(names: str) -> list[str]:
    """The names of a list on one line; a single `Family, Given` stays whole."""
    parts = [part for part in re.split(r";\s*|,\s+(?:and\s+)?|\s+and\s+", names) if part]
    return parts if len(parts) > 2 or all(" " in part for part in parts) else [names]


def _categories(entry: Any) -> tuple[str, ...]:
    """The categories that are arXiv's; tags of other sites have other meanings."""
    terms = (str(tag.get("term") or "") for tag in entry.get("tags", ())[:_MOST_CATEGORIES])
    return tuple(dict.fromkeys(term for term in terms if term.lower() in categories.known()))


def _day(entry: Any, name: str) -> date | None:
    # Asked with `get`, feedparser would warn that it gives one day for the other.
    stamp = entry[f"{name}_parsed"] if f"{name}_parsed" in entry else None  # noqa: SIM401
    if not isinstance(stamp, struct_time):
        return None
    return day_of(stamp.tm_year, stamp.tm_mon, stamp.tm_mday)


def _links(entry: Any) -> Iterator[Link]:
    for link in entry.get("links", ()):
        url = address(link.get("href"))
        if not url or known_address(url):
            continue
        if link.get("type") == "application/pdf":
            yield Link("pdf", url)
        elif link.get("rel") == "alternate":
            yield Link("page", url)
