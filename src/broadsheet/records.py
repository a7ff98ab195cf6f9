"""The records that travel between the rooms: plain, frozen, without input or output.

`Record` is what one source says about one paper; `Paper` is what the store holds after
folding the records of all its origins; `View` names a list of papers and `Listing` is that
list, evaluated: entries with scores and the reasons that add up to them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Author:
    """One author, in the paper's order."""

    name: str
    affiliation: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """An address belonging to a paper.

    `kind` is one of abstract, pdf, code, project, data, model, video, paper, page, doi.
    `repaired` is true where the address as it stood in the text did not work and was mended.
    """

    kind: str
    url: str
    repaired: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What one source says about one paper.

    `(source, key)` names the record for good: the same pair met again is the same record,
    perhaps revised. `identifiers` are names of the work itself, strongest first, as in
    `2403.13064`, `acl:2024.acl-long.1`, `doi:10.1000/xyz`. `shown` is the day under which a
    listing showed the paper, `year` is for works whose day is not known. `withdrawn` says that the
    newest version takes the work back. `upvotes` and `stars` (of its repository) are what the
    source counts now: they are kept by day (store/signals.py), and no part of what the record says.
    """

    source: str
    key: str
    title: str
    abstract: str = ""
    summary: str = ""
    identifiers: tuple[str, ...] = ()
    authors: tuple[Author, ...] = ()
    author_count: int | None = None
    organization: str | None = None
    categories: tuple[str, ...] = ()
    year: int | None = None
    published: date | None = None
    updated: date | None = None
    shown: date | None = None
    version: int | None = None
    links: tuple[Link, ...] = ()
    comment_count: int | None = None
    licence: str | None = None
    page: str | None = None
    rank: int | None = None
    file: str | None = None
    withdrawn: bool = False
    upvotes: int | None = None
    stars: int | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a paper was seen, and why the store held it to be this paper.

    `matched_by` is one of new, identifier, title.
    """

    source: str
    key: str
    page: str | None = None
    rank: int | None = None
    file: str | None = None
    shown: date | None = None
    matched_by: str = "new"


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper as the store holds it.

    `number` is the store's own key, never given to another paper; `id` is the public name and
    becomes a stronger one when a source knows it (the old one keeps working). `abstract` is the
    authors' text, `summary` is Broadsheet's own wording, present for papers of the sample library.
    `day` is the edition it belongs to: announced where known, else first published.
    """

    number: int
    id: str
    title: str
    abstract: str
    summary: str = ""
    authors: tuple[Author, ...] = ()
    author_count: int | None = None
    organization: str | None = None
    categories: tuple[str, ...] = ()
    year: int | None = None
    published: date | None = None
    updated: date | None = None
    announced: date | None = None
    day: date | None = None
    version: int = 1
    links: tuple[Link, ...] = ()
    comment_count: int | None = None
    licence: str | None = None
    rank: int | None = None
    change: int = 0
    origins: tuple[Origin, ...] = ()
    withdrawn: bool = False

    @property
    def text(self) -> str:
        """The text a reader sees under the title: the abstract, else our summary."""
        return self.abstract or self.summary

    def links_of(self, kind: str) -> tuple[Link, ...]:
        """The links of one kind, in the order they were found."""
        return tuple(link for link in self.links if link.kind == kind)

    def content(self) -> Content:
        """What of the paper is searched."""
        names = [author.name for author in self.authors]
        return Content(
            number=self.number,
            title=self.title,
            text=self.text,
            names=(*names, self.organization) if self.organization else tuple(names),
            categories=self.categories,
            has=frozenset(
                {link.kind for link in self.links} | ({"abstract"} if self.abstract else set())
            ),
            year=self.year,
            day=self.day,
        )


@dataclass(frozen=True, slots=True)
class Content:
    """What of a paper is searched: its words, its names, and what filters look at.

    `text` is what a reader sees under the title, `names` are those of the authors and of their
    organisation, `has` the kinds of links that the paper has, and `abstract`.
    """

    number: int
    title: str
    text: str
    names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    has: frozenset[str] = frozenset()
    year: int | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """The text a paper had before a source revised it."""

    version: int
    replaced: datetime
    title: str
    abstract: str


class Field(StrEnum):
    """The part of a paper a word of a query is looked for in."""

    ANY = "any"
    TITLE = "title"
    AUTHOR = "author"
    CATEGORY = "cat"
    HAS = "has"
    LIKE = "like"
    IN = "in"


@dataclass(frozen=True, slots=True)
class Words:
    """A word, or words that must stand side by side (`phrase`), wanted or not (`negated`).

    `prefix` lets the last word stand for every word that begins with it (as one types).
    """

    text: str
    field: Field = Field.ANY
    phrase: bool = False
    negated: bool = False
    prefix: bool = False


@dataclass(frozen=True, slots=True)
class Years:
    """A span of years, both ends within; an open end is None."""

    first: int | None
    last: int | None
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Among:
    """Certain papers, by number: what an interest's `name` in a query stands for, looked up."""

    name: str
    numbers: frozenset[int]
    negated: bool = False


Clause = Words | Years | Among


@dataclass(frozen=True, slots=True)
class Query:
    """A query as it was understood.

    `problems` says in sentences what of `text` could not be read; the clauses are the rest.
    """

    text: str
    clauses: tuple[Clause, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def scoring(self) -> tuple[Words, ...]:
        """The clauses whose match makes a paper more relevant."""
        return tuple(
            clause
            for clause in self.clauses
            if isinstance(clause, Words)
            and not clause.negated
            and clause.field in (Field.ANY, Field.TITLE, Field.AUTHOR)
        )

    @property
    def likes(self) -> tuple[str, ...]:
        """The names of the papers that those wanted are to be like."""
        return tuple(
            clause.text
            for clause in self.clauses
            if isinstance(clause, Words) and clause.field is Field.LIKE
        )

    @property
    def interests(self) -> tuple[str, ...]:
        """The names of the reader's interests that it speaks of."""
        return tuple(
            clause.text
            for clause in self.clauses
            if isinstance(clause, Words) and clause.field is Field.IN
        )


class Span(StrEnum):
    """The stretch of time a view looks at."""

    ALL = "all"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    UNDATED = "undated"


@dataclass(frozen=True, slots=True)
class Period:
    """Days `first` to `last`, both within; both None for all time and for undated papers."""

    span: Span = Span.ALL
    first: date | None = None
    last: date | None = None


class Order(StrEnum):
    """How a view sorts its papers; ties always fall to the paper's number."""

    NEW = "new"
    RELEVANCE = "relevance"
    TRENDING = "trending"
    VOTES = "votes"
    FOR_ME = "for-me"


class ShelfKind(StrEnum):
    """What a reader puts papers on, or has papers put on by what they like."""

    INTEREST = "interest"
    COLLECTION = "collection"
    QUEUE = "queue"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Shelf:
    """A reader's own list of papers: an interest or a collection by its slug, the queue of what
    is to be read, or everything kept (saved papers and papers with a note).
    """

    kind: ShelfKind
    slug: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """Any list of papers: which ones, from when, in which order, and which part of it.

    `shelf` narrows it to a list of the reader's own, and `reader` is the number of the reader it is
    made for: without one, an order or shelf that is personal has nothing to go by.
    """

    query: Query = field(default_factory=lambda: Query(""))
    period: Period = field(default_factory=Period)
    order: Order = Order.NEW
    limit: int = 30
    offset: int = 0
    shelf: Shelf | None = None
    reader: int | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """A part of a score: what spoke for the paper, and by how much."""

    kind: str
    text: str
    value: float


@dataclass(frozen=True, slots=True)
class Section:
    """The part of a list that an entry was chosen for: an interest, or (without slug) none."""

    name: str
    slug: str = ""
    colour: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A paper in a list. `reasons` add up to `score` (rule 3).

    `also` are other papers held that are this one again (a preprint and its proceedings);
    `nearest` is the sentence of its text nearest in meaning to what was asked, where one is near.
    """

    paper: Paper
    score: float
    reasons: tuple[Reason, ...] = ()
    rank: int = 0
    also: tuple[Paper, ...] = ()
    nearest: str = ""
    section: Section | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """That an account voted for a paper. `voter` and `paper` are the store's numbers."""

    voter: int
    paper: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """How a paper stands with people, here and elsewhere.

    `weight` is what its votes weigh together (`views/orders/weighing.py`); None where they were
    not weighed, and then they count one each. `upvotes` are those of Hugging Face's daily papers,
    `stars` those of the paper's repository; None where not known. `first_seen` is when the paper
    came to be seen here, which its age counts from; None: its day.
    """

    paper: int
    votes: int = 0
    weight: float | None = None
    comments: int = 0
    upvotes: int | None = None
    stars: int | None = None
    stars_per_day: float | None = None
    first_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """A view, evaluated. `notes` says in sentences what a reader should know of the result.

    `marks` are the word stems that matched, for marking them in the text.
    """

    view: View
    entries: tuple[Entry, ...]
    total: int
    took_ms: float
    notes: tuple[str, ...] = ()
    marks: frozenset[str] = frozenset()

    @property
    def took(self) -> str:
        """How long it took, as a person reads it: `12.3 ms`, `1.1 s`."""
        return f"{self.took_ms:.1f} ms" if self.took_ms < 999.95 else f"{self.took_ms / 1000:.1f} s"


class DayState(StrEnum):
    """How a source's day stands in the ledger. Only what was stated and is held is complete."""

    COMPLETE = "complete"
    GAP = "gap"
    LATE = "source late"
    SILENT = "source silent"
    PENDING = "not yet announced"
    RESTED = "no announcement"
    UNKNOWN = "unknown"

    @property
    def is_alarm(self) -> bool:
        """Whether somebody should know."""
        return self in (DayState.GAP, DayState.SILENT)


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """A source's day: what it stated of each kind (None: nothing), how many it named, how many of
    those are held, which are missing, and when it was last asked.
    """

    source: str
    set: str
    day: date
    state: DayState
    stated: int | None = None
    counts: tuple[tuple[str, int], ...] = ()
    held: int = 0
    missing: tuple[str, ...] = ()
    asked: datetime | None = None


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Something that could not be imported, with the bytes and the reason.

    `key` is its name in its source, as a Record has it, where that much could be read; it is not
    kept.
    """

    file: str
    line: int
    reason: str
    source: str
    excerpt: bytes
    size: int
    seen: datetime | None = None
    key: str = ""


def paper_json(paper: Paper) -> dict[str, Any]:
    """The paper as the command line, the API and dumps show it. Keys are promised to scripts."""
    return {
        "id": paper.id,
        "title": paper.title,
        "abstract": paper.abstract,
        "summary": paper.summary or None,
        "authors": [author.name for author in paper.authors],
        "author_count": paper.author_count,
        "organization": paper.organization,
        "year": paper.year,
        "published": paper.published and paper.published.isoformat(),
        "updated": paper.updated and paper.updated.isoformat(),
        "announced": paper.announced and paper.announced.isoformat(),
        "day": paper.day and paper.day.isoformat(),
        "version": paper.version,
        "withdrawn": paper.withdrawn,
        "categories": list(paper.categories),
        "links": [
            {"kind": link.kind, "url": link.url, "repaired": link.repaired} for link in paper.links
        ],
        "comment_count": paper.comment_count,
        "licence": paper.licence,
        "origins": [
            {
                "source": origin.source,
                "page": origin.page,
                "rank": origin.rank,
                "file": origin.file,
                "shown": origin.shown and origin.shown.isoformat(),
                "matched_by": origin.matched_by,
            }
            for origin in paper.origins
        ],
        "change": paper.change,
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """An entry of a list: its paper, its score, and the reasons that add up to the score."""
    return {
        "rank": entry.rank,
        "paper": paper_json(entry.paper),
        "score": round(entry.score, 6),
        "reasons": [
            {"kind": reason.kind, "text": reason.text, "value": round(reason.value, 6)}
            for reason in entry.reasons
        ],
        "also": [paper.id for paper in entry.also],
        "nearest": entry.nearest or None,
        "section": entry.section.name if entry.section else None,
    }


def ledger_json(line: LedgerLine) -> dict[str, Any]:
    """A line of the ledger. Keys are promised to scripts."""
    return {
        "source": line.source,
        "set": line.set,
        "day": line.day.isoformat(),
        "stated": line.stated,
        "counts": dict(line.counts),
        "held": line.held,
        "missing": list(line.missing),
        "state": line.state.value,
        "checked": line.asked and line.asked.isoformat(timespec="seconds"),
    }
