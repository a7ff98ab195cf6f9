"""arXiv's query interface: feeds of papers in Atom, and the feed with one entry called "Error"."""

from __future__ import annotations

from dataclasses import dataclass

from broadsheet.intake.arxiv.authors import people
from broadsheet.intake.arxiv.record import SOURCE, Stated, build, day, id_or_nothing
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
from broadsheet.records import Author, Quarantined, Record
from broadsheet.text.normalise import plain

FILE = "arXiv query API"
_MOST_ENTRIES = 10_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A page of what was found: `total` in all, from place `start` on.

    `problem` is what arXiv says where it cannot answer; then there are no records.
    """

    records: tuple[Record | Quarantined, ...] = ()
    total: int = 0
    start: int = 0
    problem: str | None = None

    @property
    def is_cut(self) -> bool:
        """Whether the page is empty though there is more, as arXiv gives it under load."""
        return not self.records and self.start < self.total and self.problem is None


def parse(data: bytes) -> Answer:
    """What an answer holds. Raises InputError for what is no feed of arXiv's."""
    root = document(data)
    if local(root) != "feed":
        raise InputError("the answer is not an Atom feed")
    entries = list(children(root, "entry"))
    if len(entries) > _MOST_ENTRIES:
        raise InputError(f"the answer has more than {_MOST_ENTRIES:,} papers")
    problem = _problem(entries)
    if problem:
        return Answer(problem=problem)
    records: list[Record | Quarantined] = []
    for entry in entries:
        try:
            records.append(_record(entry))
        except InputError as error:
            key = id_or_nothing(text(child(entry, "id")))
            records.append(aside(entry, error, file=FILE, source=SOURCE, key=key))
    return Answer(tuple(records), _count(root, "totalResults"), _count(root, "startIndex"))


def _problem(entries: list[Element]) -> str | None:
    if len(entries) != 1:
        return None
    values = texts(entries[0])
    if values.get("title", "").strip() != "Error" or "/api/errors" not in values.get("id", ""):
        return None
    return plain(values.get("summary", "")[:500]) or "arXiv gave no reason"


def _count(root: Element, name: str) -> int:
    said = text(child(root, name)).strip()
    if not (said.isascii() and said.isdecimal() and len(said) < 10):
        raise InputError(f"the answer does not say its {name}")
    return int(said)


def _record(entry: Element) -> Record:
    values = texts(entry)
    primary = child(entry, "primary_category")
    terms = [primary, *children(entry, "category")]
    return build(
        Stated(
            id=values.get("id", ""),
            title=values.get("title", ""),
            abstract=values.get("summary", ""),
            authors=_authors(entry),
            categories=[(term.get("term") or "").strip() for term in terms if term is not None],
            doi=values.get("doi", ""),
            comments=values.get("comment", ""),
            published=day(values.get("published", "")),
            updated=day(values.get("updated", "")),
        )
    )


def _authors(entry: Element) -> tuple[Author, ...]:
    stated = []
    for each in children(entry, "author"):
        places = (text(place).strip() for place in children(each, "affiliation"))
        stated.append((text(child(each, "name")), "; ".join(filter(None, places))))
    return people(stated)
