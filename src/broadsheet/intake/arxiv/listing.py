"""arXiv's lists on the web: what is new, the past week, and the catch-up of a day."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

from lxml import etree

from broadsheet.intake.arxiv.authors import names, people
from broadsheet.intake.arxiv.record import Announced, Kind, arxiv_id, categories, day
from broadsheet.intake.arxiv.xml import Element, text
from broadsheet.intake.opening import InputError
from broadsheet.text.normalise import plain

_LARGEST = 32 * 1024 * 1024
_MOST_ENTRIES = 50_000
_LONGEST_TITLE = 2_000
_LONGEST_HEADING = 300

_COUNT = re.compile(
    r"\((?:continued, )?showing (?:first |last )?([\d,]{1,9}) of ([\d,]{1,9}) entries"
)
_TOTAL = re.compile(r"\btotal of ([\d,]{1,9}) entries", re.IGNORECASE)
_SECTION = re.compile(
    r"(?P<kind>New submissions|Cross(?:-lists| submissions)|Replacement(?:s\b| submissions))"
    r"(?: for (?P<day>[^(]{6,40}))?",
    re.IGNORECASE,
)
_NEW_FOR = re.compile(r"Showing new listings for (?P<day>.{6,40})")
_CATCHUP_ON = re.compile(r"Catchup results for .{1,200} on (?P<day>.{6,40})\Z")
_NO_UPDATES = re.compile(r"\bNo (?:further )?updates (?:today|for)\b")
_CODE = re.compile(r"\(([a-z][a-zA-Z.-]{1,40})\)")
_ENTRIES = ("dt", "dd")
_PARTS = ("list-title", "list-authors", "list-subjects")
_DESCRIPTOR = re.compile(r"\s*(?:Title|Authors?|Subjects?|Comments?):\s*")


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of one day, as far as the page shows it.

    `stated` is how many papers of each kind the page says the day has, `total` how many in all
    (None where it does not say).
    """

    day: date
    announced: tuple[Announced, ...] = ()
    stated: Mapping[Kind, int] = field(default_factory=lambda: MappingProxyType({}))
    total: int | None = None

    @property
    def is_whole(self) -> bool:
        """Whether as many papers are here as the page says there are; unknown is not whole."""
        shown = Counter(one.kind for one in self.announced)
        if any(shown[kind] != count for kind, count in self.stated.items()):
            return False
        if self.total is None:
            return bool(self.stated)
        return len(self.announced) == self.total


@dataclass(slots=True)
class _Gathered:
    """What was read so far: of a page, or of one day of a page."""

    day: date | None = None
    kind: Kind | None = None
    announced: list[Announced] = field(default_factory=list)
    stated: dict[Kind, int] = field(default_factory=dict)
    total: int | None = None
    pending: tuple[str, int | None, Kind] | None = None

    def flush(self) -> None:
        """Adds an entry whose description never came."""
        if self.pending:
            id_, version, kind = self.pending
            self.announced.append(Announced(id_, kind, "", version=version))
            self.pending = None

    def listing(self) -> Listing:
        """All of it as one day."""
        self.flush()
        if self.day is None:
            raise InputError("the page does not say which day it lists")
        return Listing(self.day, tuple(self.announced), MappingProxyType(self.stated), self.total)


def parse_new(data: bytes) -> Listing:
    """The list of the latest day, from `/list/<category>/new`.

    Raises InputError for a page that is no such list or does not say of which day it is.
    """
    return _sections(data)


def parse_catchup(data: bytes) -> Listing:
    """The list of the day that was asked for, from `/catchup/<category>/<day>`.

    Raises InputError for a page that is no such list or does not say of which day it is.
    """
    return _sections(data)


def parse_recent(data: bytes) -> tuple[Listing, ...]:
    """A list for each of the past days, latest first, from `/list/<category>/recent`.

    Raises InputError for a page that is no such list.
    """
    days: list[_Gathered] = []
    for element in _walk(page(data)):
        if element.tag == "h3":
            heading = _heading(element)
            stated = day(heading)
            if stated is not None:
                if days:
                    days[-1].flush()
                count = _COUNT.search(heading)
                days.append(_Gathered(day=stated, total=_number(count[2]) if count else None))
        elif days:
            _entry(element, days[-1])
    if not days:
        raise InputError("the page is no list of recent papers of arXiv's")
    for each in days:
        each.flush()
        if each.total is None and not each.announced:
            each.total = 0  # only an empty day goes without its count
    return tuple(each.listing() for each in days)


def _sections(data: bytes) -> Listing:
    found = _Gathered()
    is_list = False
    root = page(data)
    for element in _walk(root):
        if element.tag in ("h1", "h3"):
            is_list = _section(_heading(element), found) or is_list
        else:
            _entry(element, found)
    if not is_list:
        raise InputError("the page is no daily list of arXiv's")
    said = " ".join(str(piece) for piece in root.itertext())
    total = _TOTAL.search(said)
    if total:
        found.total = _number(total[1])
    elif not found.announced and not found.pending and _NO_UPDATES.search(said):
        found.total = 0
    return found.listing()


def _section(heading: str, found: _Gathered) -> bool:
    """Takes a heading in: a day, or the beginning of the new, crossed or replaced papers."""
    whole = _NEW_FOR.match(heading) or _CATCHUP_ON.match(heading)
    if whole:
        found.day = day(whole["day"]) or found.day
        return True
    section = _SECTION.match(heading)
    if section is None:
        return False
    found.flush()
    found.kind = _KINDS[section["kind"][0].lower()]
    if section["day"]:
        found.day = found.day or day(section["day"])
    count = _COUNT.search(heading)
    if count:
        found.stated[found.kind] = _number(count[2])
    return True


_KINDS: Mapping[str, Kind] = {"n": "new", "c": "cross", "r": "replace"}


def _entry(element: Element, found: _Gathered) -> None:
    """Takes in a `dt` (the id, and why it is there) or a `dd` (title, authors, subjects)."""
    if len(found.announced) > _MOST_ENTRIES:
        raise InputError(f"the page lists more than {_MOST_ENTRIES:,} papers")
    if element.tag == "dt":
        found.flush()
        found.pending = _identified(element, found.kind)
    elif element.tag == "dd" and found.pending:
        id_, version, kind = found.pending
        found.pending = None
        title, authors, codes = _described(element)
        found.announced.append(Announced(id_, kind, title, authors, codes, version))


def _identified(entry: Element, section: Kind | None) -> tuple[str, int | None, Kind] | None:
    for link in _own(entry, "a"):
        address = link.get("href") or ""
        if "/abs/" not in address[:60]:
            continue
        try:
            id_, version = arxiv_id(address.rpartition("/abs/")[2].partition("?")[0])
        except InputError:
            continue
        return id_, version, section or _marked(text(entry))
    return None


def _marked(words: str) -> Kind:
    """Why a paper is in a list of all kinds, from the words beside its id."""
    if "(cross-list" in words:
        return "cross"
    return "replace" if "(replaced" in words else "new"


def _described(entry: Element) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    parts: dict[str, Element] = {}
    for part in _own(entry, "div"):
        for kind in (part.get("class") or "").split():
            # The first is the entry's own; one that holds entries is left of a broken page.
            if kind in _PARTS and kind not in parts and next(part.iter(*_ENTRIES), None) is None:
                parts[kind] = part
    title, authors, subjects = (parts.get(kind) for kind in _PARTS)
    return (
        "" if title is None else plain(_words(title))[:_LONGEST_TITLE],
        () if authors is None else _authors(authors),
        () if subjects is None else categories(_CODE.findall(_words(subjects))),
    )


def _own(entry: Element, tag: str) -> Iterator[Element]:
    """The elements in an entry, without those of entries within it: on a page whose elements are
    not closed each holds all that follow.
    """
    walk = etree.iterwalk(entry, events=("start",))
    for _, element in walk:
        if element is not entry and element.tag in _ENTRIES:
            walk.skip_subtree()
        elif element.tag == tag:
            yield element


def _authors(part: Element) -> tuple[str, ...]:
    linked = [(text(link), "") for link in part.iter("a")]
    if linked:
        return tuple(author.name for author in people(linked))
    words = _words(part)
    if "author list is unavailable" in words:
        return ()
    return tuple(author.name for author in names(words))


def _words(part: Element) -> str:
    words = text(part)
    # At the beginning only: to look for it among many blanks takes minutes.
    before = _DESCRIPTOR.match(words)
    return words[before.end() :] if before else words


def _heading(element: Element) -> str:
    return plain(text(element)[:_LONGEST_HEADING])


def _number(digits: str) -> int:
    return int(digits.replace(",", "") or 0)


def _walk(root: Element) -> Iterator[Element]:
    """The headings and entries of a page, in their order."""
    return root.iter("h1", "h3", "dt", "dd")


def page(data: bytes) -> Element:
    """A page of arXiv's. Raises InputError for what is none."""
    if len(data) > _LARGEST:
        raise InputError(f"the page has {len(data):,} bytes; at most {_LARGEST:,}")
    parser = etree.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None:
        raise InputError("the answer is no web page")
    return root
