"""ACL Anthology: a collection of volumes of papers, as the Anthology keeps it in XML.

Front matter is no paper. Papers that the Anthology marks as retracted or removed are not taken
in either: it says of them that they should no longer be read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from lxml import etree

from broadsheet.intake.jsonl import links_in
from broadsheet.intake.opening import Input, InputError
from broadsheet.intake.works import (
    LONGEST_ABSTRACT,
    LONGEST_NAME,
    address,
    aside,
    authors_of,
    day_of,
    distinct,
    doi,
    identifiers_of,
    links_of,
    month_of,
    text_within,
    titled,
    year_of,
)
from broadsheet.records import Author, Link, Quarantined, Record

SOURCE = "acl"
_SITE = "https://aclanthology.org"
_COLLECTION = re.compile(rb"<collection\s[^<>]{0,200}\bid\s*=")
_COLLECTION_ID = re.compile(r"\d{4}\.[a-z0-9]{1,60}\Z|[A-Z]\d\d\Z", re.ASCII)
_ITEM_ID = re.compile(r"[a-z0-9]{1,60}\Z", re.ASCII)
_DAY_OF_MONTH = re.compile(r"(?<!\d)([1-9]|[12]\d|3[01])(?!\d)")
# A paper with hundreds of authors has some ten kilobytes.
_LARGEST_PAPER = 2**20
_PAPER_DEPTH = 3
# The elements that the parser tells of; the others are read with the paper they are in.
_MET = ("collection", "volume", "meta", "paper")
_NO_COLLECTION = "the XML is no collection of the ACL Anthology"
_WITHDRAWN = frozenset(("retracted", "removed"))
# The elements within one, by their names.
_Parts = dict[str, list[etree._Element]]
# How far the day on which the Anthology took a volume in may be from the month it states.
_MONTHS_APART = 1


@dataclass(slots=True)
class _Volume:
    """What the papers of a volume share."""

    collection: str = ""
    id: str = ""
    ingested: str = ""
    month: str = ""
    year: int | None = None


def recognises(head: bytes) -> bool:
    """Whether the file begins as a collection of the Anthology does."""
    return bool(_COLLECTION.search(head[:4000])) and head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] == b"<"


def read(opened: Input) -> Iterator[Record | Quarantined]:
    """A record for each paper, in turn; a paper that cannot be read is put aside.

    Raises InputError where the file breaks off or is no XML (any further).
    """
    parser = etree.XMLPullParser(
        ("start", "end"),
        tag=_MET,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
    )
    walk = _Walk(opened.name, parser)
    for piece in opened.pieces():
        yield from walk.fed(piece)
    yield from walk.closed()


class _Walk:
    """The way through a file: what is read is handed out and forgotten."""

    def __init__(self, file: str, parser: etree.XMLPullParser) -> None:
        self._file = file
        self._parser = parser
        self._is_collection = False
        self._pending = 0
        self._line = 1
        self._volume = _Volume()

    def fed(self, data: bytes) -> Iterator[Record | Quarantined]:
        """What the next bytes complete."""
        self._pending += len(data)
        self._line += data.count(b"\n")
        try:
            self._parser.feed(data)
        except etree.XMLSyntaxError as error:
            yield from self._events()  # what stands before the fault is whole
            place = int(error.lineno or self._line)
            raise InputError(f"the XML is broken here ({_fault(error)})", place) from error
        yield from self._events()
        if self._pending > _LARGEST_PAPER:
            raise InputError(
                f"a paper of over {_LARGEST_PAPER // 2**20} MB; none has so much", self._line
            )

    def closed(self) -> Iterator[Record | Quarantined]:
        """What the end of the file completes."""
        try:
            self._parser.close()
        except etree.XMLSyntaxError as error:
            yield from self._events()
            raise InputError(
                "the XML is cut off here; what came before was read", self._line
            ) from error
        yield from self._events()
        if not self._is_collection:
            raise InputError(_NO_COLLECTION)

    def _events(self) -> Iterator[Record | Quarantined]:
        for event, element in self._parser.read_events():
            assert isinstance(element, etree._Element)
            depth = 1 + sum(1 for _ in element.iterancestors())
            if event == "start":
                self._begin(element, depth)
                continue
            if depth == _PAPER_DEPTH:
                yield from self._item(element)
            if depth <= _PAPER_DEPTH:
                _forget(element)
                self._pending = 0

    def _begin(self, element: etree._Element, depth: int) -> None:
        if not self._is_collection:
            _refuse_entities(element)
            if depth > 1 or element.tag != "collection":
                raise InputError(_NO_COLLECTION)
            self._is_collection = True
            self._volume.collection = str(element.get("id", ""))
        elif depth == _PAPER_DEPTH - 1:
            self._volume = _Volume(
                self._volume.collection,
                str(element.get("id", "")),
                str(element.get("ingest-date", "")),
            )

    def _item(self, element: etree._Element) -> Iterator[Record | Quarantined]:
        if element.tag == "meta":
            parts = _parts_of(element)
            self._volume.month = _text_of(parts, "month")
            self._volume.year = year_of(_text_of(parts, "year"))
        elif element.tag == "paper":
            parts = _parts_of(element)
            if not _WITHDRAWN.isdisjoint(parts):
                return
            try:
                yield _record(element, parts, self._volume)
            except InputError as error:
                line = int(getattr(element, "sourceline", 0) or 1)
                data = etree.tostring(element, with_tail=False, encoding="utf-8")
                yield aside(self._file, line, error.reason, SOURCE, data)


def _fault(error: etree.XMLSyntaxError) -> str:
    """What the XML parser says is wrong, without its places and without our text."""
    return str(error.msg or "not XML").split(", line ", 1)[0].split(":", 1)[0][:100]


def _refuse_entities(root: etree._Element) -> None:
    """Raises InputError where the document defines entities: they can make much out of little."""
    dtd = root.getroottree().docinfo.internalDTD
    entities = getattr(dtd, "entities", list)  # the type stubs do not know of it
    if entities():
        raise InputError("the XML defines entities of its own; that is not read")


def _forget(element: etree._Element) -> None:
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]


def _record(paper: etree._Element, parts: _Parts, volume: _Volume) -> Record:
    id_ = _anthology_id(volume.collection, volume.id, str(paper.get("id", "")))
    abstract = text_within(
        _marked_up(parts["abstract"][0]) if "abstract" in parts else "",
        LONGEST_ABSTRACT,
        "abstract",
    )
    names = identifiers_of((f"acl:{id_}", doi(_text_of(parts, "doi"))))
    year = year_of(_text_of(parts, "year")) or volume.year
    ingested = str(paper.get("ingest-date", "")) or volume.ingested
    return Record(
        source=SOURCE,
        key=id_,
        title=titled(_marked_up(parts["title"][0]) if "title" in parts else ""),
        abstract=abstract,
        identifiers=names,
        authors=authors_of(map(_author, parts.get("author", ()))),
        year=year,
        published=_published(_text_of(parts, "month") or volume.month, ingested, year),
        links=distinct([*_links(parts, id_), *links_of(names), *links_in(abstract)]),
    )


def _parts_of(element: etree._Element) -> _Parts:
    # One pass: to look each part up by its name takes most of a paper's time.
    parts: _Parts = {}
    for child in element:
        parts.setdefault(child.tag, []).append(child)
    return parts


def _anthology_id(collection: str, volume: str, paper: str) -> str:
    """The paper's name in the Anthology.

    Since 2020 it is put together as it stands (`2024.acl-long.1`). Before, volume and paper are
    numbers that fill four digits: one and three, or two and two in the collections of workshops
    (W), in C69 and in the later volumes of D19.
    """
    if not (_COLLECTION_ID.match(collection) and _ITEM_ID.match(volume) and _ITEM_ID.match(paper)):
        raise InputError("the paper has no id of the ACL Anthology")
    if collection[0].isdigit():
        return f"{collection}-{volume}.{paper}"
    if not (volume.isdecimal() and paper.isdecimal()):
        raise InputError("the paper has no id of the ACL Anthology")
    wide = collection[0] == "W" or collection == "C69" or (collection == "D19" and int(volume) >= 5)
    digits = 2 if wide else 1
    return f"{collection}-{int(volume):0{digits}}{int(paper):0{4 - digits}}"


def _published(text: str, ingested: str, year: int | None) -> date | None:
    """The first day of the month that `text` names, else that on which the Anthology took it in.

    The latter only where it is about the month stated: older volumes were taken in years later.
    """
    month, day = month_of(text), _DAY_OF_MONTH.search(text)
    if stated := day_of(year, month, int(day[1]) if day else None):
        return stated
    try:
        taken = date.fromisoformat(ingested)
    except ValueError:
        return None
    near = month is None or abs(taken.month - month) <= _MONTHS_APART
    return taken if near and taken.year == year else None


def _author(author: etree._Element) -> Author:
    parts = {child.tag: child.text or "" for child in reversed(author)}  # the first of each
    first, last = parts.get("first", "").strip(), parts.get("last", "").strip()
    name = text_within(f"{first} {last}", LONGEST_NAME, "an author's name")
    return Author(name, text_within(parts.get("affiliation", ""), 1_000, "affiliation") or None)


def _links(parts: _Parts, id_: str) -> Iterator[Link]:
    yield Link("abstract", f"{_SITE}/{id_}/")
    url = _text_of(parts, "url")
    if url:
        yield Link("pdf", address(url) or f"{_SITE}/{id_}.pdf")
    for code in parts.get("pwccode", ())[:1]:
        if found := address(str(code.get("url", ""))):
            yield Link("code", found)
    for video in parts.get("video", ()):
        if found := address(str(video.get("href", ""))):
            yield Link("video", found)


def _text_of(parts: _Parts, name: str) -> str:
    return str(parts[name][0].text or "").strip() if name in parts else ""


def _marked_up(element: etree._Element) -> str:
    """The text of a title or an abstract; formulas between dollars, other marks left out."""
    parts = [str(element.text or "")]
    for child in element:
        if isinstance(child.tag, str):
            inner = _marked_up(child)
            parts.append(f"${inner}$" if child.tag == "tex-math" else inner)
        parts.append(str(child.tail or ""))
    return "".join(parts)
