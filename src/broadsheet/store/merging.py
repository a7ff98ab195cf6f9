"""One paper from many records: a pure fold, so that the order of arrival cannot matter.

The store keeps what each origin said; the paper's row is `fold` of those records, made anew
whenever one of them comes, changes or goes. While a paper has a single origin its row says all
that the record said, so the record is not stored twice: `unfold` gives it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from operator import attrgetter
from typing import Any, TypeVar

import orjson

from broadsheet.records import Author, Link, Record
from broadsheet.text.normalise import (
    is_arxiv,
    storable,
    surname,
    title_id,
    title_key,
    title_words,
)

# Whose word counts first where records differ. A source not named here stands between a
# listing (which states a paper's own data) and a saved page (which shows a copy of it).
_TRUST = {
    "arxiv": 0,
    "acl": 1,
    "openreview": 1,
    "hub": 4,
    "bibtex": 7,
    "ris": 7,
    "daily-papers": 8,
    "sample": 9,
}
_TRUST_OTHERS = 5
# A preprint and its proceedings version may lie this many years apart.
_YEARS_APART = 2
# Below this many words a title alone ('Introduction', 'Deep learning') names no work.
_TELLING_WORDS = 3

Row = dict[str, Any]
_T = TypeVar("_T")


def fold(records: Sequence[Record]) -> Row:
    """The paper's columns from the records of all its origins (at least one)."""
    paper = records[0] if len(records) == 1 else combine(records)
    return {
        "title": paper.title,
        "abstract": paper.abstract,
        "summary": paper.summary,
        "authors": [[author.name, author.affiliation] for author in paper.authors],
        "author_count": _author_count(paper),
        "organization": paper.organization,
        "categories": list(paper.categories),
        "year": paper.published.year if paper.published else paper.year,
        "published": paper.published,
        "updated": paper.updated,
        "announced": paper.shown,
        "day": paper.shown or paper.published,
        "version": paper.version or 1,
        "links": _links(paper.links),
        "comment_count": paper.comment_count,
        "licence": paper.licence,
        "rank": paper.rank,
        "withdrawn": paper.withdrawn,
    }


def combine(records: Sequence[Record]) -> Record:
    """One record that says what all of them say.

    Each field takes the most trusted record that has it; days of announcement take the
    earliest, counts and versions the largest, lists the union in order of trust.
    """
    records = sorted(records, key=_precedence)
    return replace(
        records[0],
        abstract=_first(r.abstract for r in records) or "",
        summary=_first(r.summary for r in records) or "",
        authors=_first(r.authors for r in records) or (),
        author_count=_first(_author_count(r) for r in records),
        organization=_first(r.organization for r in records),
        categories=tuple(dict.fromkeys(c for r in records for c in r.categories)),
        year=_first(r.year for r in records),
        published=_first(r.published for r in records),
        updated=max((r.updated for r in records if r.updated), default=None),
        shown=min((r.shown for r in records if r.shown), default=None),
        version=max((r.version for r in records if r.version), default=None),
        links=tuple(link for r in records for link in r.links),
        comment_count=max(
            (r.comment_count for r in records if r.comment_count is not None), default=None
        ),
        licence=_first(r.licence for r in records),
        rank=_rank(records),
    )


def unfold(row: Row, origin: Row, identifiers: Iterable[str]) -> Record:
    """The record of a paper's only origin, from the paper's row.

    `fold([unfold(row, …)])` is the row again.
    """
    return Record(
        source=origin["source"],
        key=origin["key"],
        title=row["title"],
        abstract=row["abstract"],
        summary=row["summary"],
        identifiers=tuple(sorted((i for i in identifiers if not _is_titular(i)), key=strength)),
        authors=tuple(Author(name, affiliation) for name, affiliation in row["authors"]),
        author_count=row["author_count"],
        organization=row["organization"],
        categories=tuple(row["categories"]),
        year=row["year"],
        published=row["published"],
        updated=row["updated"],
        shown=origin["shown"],
        version=row["version"],
        links=tuple(Link(kind, url, repaired) for kind, url, repaired in row["links"]),
        comment_count=row["comment_count"],
        licence=row["licence"],
        page=origin["page"],
        rank=origin["rank"],
        file=origin["file"],
        withdrawn=row["withdrawn"],
    )


_FIELDS = tuple(field.name for field in fields(Record))
_VALUES = attrgetter(*_FIELDS)
# What a source counts changes by the hour, and is no part of what it says of a paper.
_COUNTED = ("upvotes", "stars")


def record_json(record: Record) -> Row:
    """A record as the `origins` table keeps it: what is set, with dates as ISO text."""
    values = {
        name: getattr(record, name)
        for name in Record.__dataclass_fields__
        if name not in ("source", "key", "authors", "links", *_COUNTED)
    }
    values["authors"] = [[author.name, author.affiliation] for author in record.authors]
    values["links"] = _links(record.links)
    for name in ("published", "updated", "shown"):
        values[name] = values[name] and values[name].isoformat()
    empty: tuple[Any, ...] = (None, "", [], ())
    return {
        name: value for name, value in values.items() if value not in empty and value is not False
    }


def record_of(source: str, key: str, values: Row) -> Record:
    """The record that `record_json` wrote."""
    values = dict(values)
    for name in ("published", "updated", "shown"):
        if name in values:
            values[name] = date.fromisoformat(values[name])
    for name in ("identifiers", "categories"):
        values[name] = tuple(values.get(name, ()))
    values["authors"] = tuple(Author(*author) for author in values.get("authors", ()))
    values["links"] = tuple(Link(*link) for link in values.get("links", ()))
    return Record(source=source, key=key, **values)


def digested(record: Record) -> tuple[Record, str]:
    """The record as the store can keep it (without NUL characters), and its digest: 24
    hexadecimal digits that differ where two records say different things.

    The names of file and page do not count: the same page under another name is the same.
    """
    said = _said(record)
    if b"\\u0000" in said or not (record.file or "").isascii():
        record = _storable(record)
        said = _said(record)
    return record, hashlib.blake2b(said, digest_size=12).hexdigest()


def _said(record: Record) -> bytes:
    # Records had no such field once, and what they said then is what most say now.
    values = dict(zip(_FIELDS, _VALUES(record), strict=True))
    values["file"] = values["page"] = values["upvotes"] = values["stars"] = None
    said = orjson.dumps(values)
    said = said.replace(b',"upvotes":null,"stars":null}', b"}")
    return said.replace(b',"withdrawn":false}', b"}")


def strength(identifier: str) -> tuple[int, str]:
    """Sorts identifiers: arXiv's first, then other schemes, DOIs, and titles last."""
    if is_arxiv(identifier):
        return 0, identifier
    if _is_titular(identifier):
        return 3, identifier
    return (2 if identifier.startswith("doi:") else 1), identifier


def title_name(record: Record) -> str:
    """The name of a work for which a record states no identifier."""
    return title_id(record.title, surname(record.authors[0].name) if record.authors else "")


@dataclass(frozen=True, slots=True)
class Facts:
    """What tells a work from another with the same title, as far as its records know.

    `titles` and `nameless` are title keys: of all records, and of those without authors;
    `telling` are the titles long enough to name a work by themselves.
    """

    arxiv: frozenset[str]
    surnames: frozenset[str]
    years: frozenset[int]
    titles: frozenset[str]
    nameless: frozenset[str]
    telling: frozenset[str]


def facts_of(records: Iterable[Record], identifiers: Iterable[str]) -> Facts:
    """The facts that a work's records and its identifiers state."""
    records = list(records)
    return Facts(
        arxiv=frozenset(filter(is_arxiv, identifiers)),
        surnames=frozenset(surname(r.authors[0].name) for r in records if r.authors),
        years=frozenset(year for year in map(_year, records) if year),
        titles=frozenset(title_key(r.title) for r in records),
        nameless=frozenset(title_key(r.title) for r in records if not r.authors),
        telling=frozenset(
            title_key(r.title) for r in records if len(title_words(r.title)) >= _TELLING_WORDS
        ),
    )


def same_work(one: Facts, other: Facts) -> bool:
    """Whether two works that share no identifier but a title are one.

    Different arXiv ids, different first authors or years too far apart tell them from each
    other; a short title needs an author to vouch for it where either side knows its authors.
    """
    shared = one.titles & other.titles
    if not shared or _differ(one.arxiv, other.arxiv) or _differ(one.surnames, other.surnames):
        return False
    apart = min((abs(y - z) for y in one.years for z in other.years), default=0)
    if apart > _YEARS_APART:
        return False
    if one.surnames and other.surnames:
        return True
    return bool(shared & (one.telling | (one.nameless & other.nameless)))


def _differ(ours: frozenset[str], theirs: frozenset[str]) -> bool:
    return bool(ours and theirs) and ours.isdisjoint(theirs)


def _year(record: Record) -> int | None:
    return record.published.year if record.published else record.year


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, tuple):
        return tuple(map(_storable, value))
    if isinstance(value, Record | Author | Link):
        return replace(value, **{f.name: _storable(getattr(value, f.name)) for f in fields(value)})
    return value


def _precedence(record: Record) -> tuple[int, int, int, str]:
    trust = _TRUST.get(record.source, _TRUST_OTHERS)
    # No version is the first one: a record read back from the paper's row states it.
    # Of two copies of a page the longer text is the whole one, the other was cut off.
    return (
        trust,
        -(record.version or 1),
        -len(record.abstract),
        f"{record.source}\n{record.key}",
    )


def _first(values: Iterable[_T]) -> _T | None:
    return next((value for value in values if value not in (None, "", ())), None)


def _author_count(record: Record) -> int | None:
    """The count stated, else that of the names given."""
    if record.author_count is not None:
        return record.author_count
    return len(record.authors) or None


def _links(links: Iterable[Link]) -> list[list[Any]]:
    by_url: dict[str, list[Any]] = {}
    for link in links:
        by_url.setdefault(link.url, [link.kind, link.url, link.repaired])
    return list(by_url.values())


def _rank(records: Sequence[Record]) -> int | None:
    ranked = [(r.shown or date.max, r.rank) for r in records if r.rank is not None]
    return min(ranked)[1] if ranked else None


def _is_titular(identifier: str) -> bool:
    return identifier.startswith("title:")
