"""RIS, which reference managers and publishers write: a tag and a value a line.

A record goes from `TY` to `ER`; where `ER` is missing, to the next `TY`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from broadsheet.intake.jsonl import links_in
from broadsheet.intake.opening import EXCERPT_BYTES, Input, InputError, Line
from broadsheet.intake.works import (
    LONGEST_ABSTRACT,
    LONGEST_NAME,
    address,
    arxiv_stated,
    authors_of,
    day_of,
    distinct,
    doi,
    identifiers_of,
    key_of,
    known_address,
    links_of,
    text_within,
    titled,
    without_arxivs_dois,
    year_of,
)
from broadsheet.records import Author, Link, Quarantined, Record

SOURCE = "ris"
_BEGINS = re.compile(rb"^[ \t]*TY {1,2}- ?[A-Z]", re.MULTILINE)
# How far into a file the first record begins at the latest.
_SNIFFED = 4_000
_TAG = re.compile(rb"[ \t]*([A-Z][A-Z0-9]) {1,2}-(?: |\s*\Z)")
_TAGGED = re.compile(r"[ \t]*([A-Z][A-Z0-9]) {1,2}-(?: (.*)|\s*)\Z", re.DOTALL | re.ASCII)
_LARGEST_RECORD = 2**20
_TITLES = ("TI", "T1", "CT", "BT")
_AUTHORS = ("AU", "A1")
_DATES = ("DA", "PY", "Y1")
_ABSTRACTS = ("AB", "N2")
_DAY = re.compile(r"(\d{4})[/-](\d{1,2})[/-](\d{1,2})(?!\d)", re.ASCII)


@dataclass(slots=True)
class _Reference:
    """The lines of one record; of one that is too large, those that fitted."""

    line: int
    lines: list[bytes] = field(default_factory=list)
    size: int = 0

    @property
    def data(self) -> bytes:
        return b"\n".join(self.lines)

    def take(self, line: Line) -> None:
        self.size += line.size + 1
        if self.size <= _LARGEST_RECORD or not self.lines:
            self.lines.append(line.data[:_LARGEST_RECORD])


def recognises(head: bytes) -> bool:
    """Whether a record begins near the top."""
    return b"\0" not in head and bool(_BEGINS.search(head[:_SNIFFED]))


def read(opened: Input) -> Iterator[Record | Quarantined]:
    """A record for each reference, in turn; one that cannot be read is put aside.

    Raises InputError where the file breaks off.
    """
    for reference in _references(opened):
        try:
            yield _record(_values(reference))
        except InputError as error:
            yield Quarantined(
                file=opened.name,
                line=reference.line,
                reason=error.reason,
                source=SOURCE,
                excerpt=reference.data[:EXCERPT_BYTES],
                size=reference.size,
            )


def _references(opened: Input) -> Iterator[_Reference]:
    reference: _Reference | None = None
    begun = False  # whether anything but the kind of reference was stated
    for line in opened.lines():
        tag = _TAG.match(line.data[:10])
        name = tag[1] if tag else b""
        if name == b"TY" and (reference is None or begun):
            if reference:
                yield reference
            reference, begun = _Reference(line.number), False
        if reference is None:
            continue
        reference.take(line)
        begun = begun or name != b"TY"
        if name == b"ER":
            yield reference
            reference = None
    if reference:
        yield reference


def _values(reference: _Reference) -> dict[str, list[str]]:
    """What each tag says, if anything; a line without a tag goes on with the one before."""
    if reference.size > _LARGEST_RECORD:
        raise InputError(f"the record has {reference.size:,} bytes; one has far fewer")
    try:
        text = reference.data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("the record is not UTF-8") from error
    values: dict[str, list[list[str]]] = {}
    said: list[str] = []
    for line in text.split("\n"):
        if match := _TAGGED.match(line):
            said = [match[2] or ""]
            values.setdefault(match[1], []).append(said)
        else:
            said.append(line)
    joined = (
        (tag, [text for parts in found if (text := " ".join(parts).strip())])
        for tag, found in values.items()
    )
    return {tag: texts for tag, texts in joined if texts}


def _record(values: dict[str, list[str]]) -> Record:
    title = titled(_first(values, _TITLES))
    abstract = text_within(_first(values, _ABSTRACTS), LONGEST_ABSTRACT, "abstract")
    names = _identifiers(values)
    dates = _all(values, _DATES)
    authors = authors_of(Author(_name(name)) for tag in _AUTHORS for name in values.get(tag, ()))
    return Record(
        source=SOURCE,
        key=key_of(names, title, authors),
        title=title,
        abstract=abstract,
        identifiers=names,
        authors=authors,
        year=next(filter(None, map(year_of, dates)), None),
        published=next(filter(None, map(_day, dates)), None),
        links=distinct([*links_of(names), *_links(values), *links_in(abstract)]),
    )


def _all(values: dict[str, list[str]], tags: tuple[str, ...]) -> list[str]:
    """The first value of each tag."""
    return [values[tag][0] for tag in tags if tag in values]


def _first(values: dict[str, list[str]], tags: tuple[str, ...]) -> str:
    return next(iter(_all(values, tags)), "")


def _name(name: str) -> str:
    """A name in the order in which it is said; RIS has `Family, Given, Suffix`."""
    parts = [part.strip() for part in text_within(name, LONGEST_NAME, "a name").split(",")]
    family, given, *suffix = [*parts, ""] if len(parts) == 1 else parts
    return " ".join(part for part in (given, family, *suffix) if part)


def _day(text: str) -> date | None:
    match = _DAY.match(text)
    return day_of(int(match[1]), int(match[2]), int(match[3])) if match else None


def _identifiers(values: dict[str, list[str]]) -> tuple[str, ...]:
    addresses = [text for tag in ("UR", "DO") for text in values.get(tag, ())][:20]
    stated = [*map(known_address, addresses), *map(doi, _all(values, ("DO", "M3", "N1")))]
    stated += [arxiv_stated(text[:500]) for text in _all(values, ("DO", "JO", "JF", "T2", "AN"))]
    return without_arxivs_dois(identifiers_of(stated))


def _links(values: dict[str, list[str]]) -> Iterator[Link]:
    for kind, tag in (("page", "UR"), ("pdf", "L1")):
        for text in values.get(tag, ())[:20]:
            url = address(text)
            if url and not known_address(url):
                yield Link(kind, url)
