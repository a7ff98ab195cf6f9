"""What the readers of arXiv's interfaces share: the record they make, and what arXiv announced.

The same paper gives the same record whichever interface it came from, as far as they tell the
same: its key is the arXiv id without the version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from broadsheet.intake.jsonl import links_in
from broadsheet.intake.opening import InputError
from broadsheet.records import Author, Link, Record
from broadsheet.text.links import may_hold_links
from broadsheet.text.normalise import identifier, is_arxiv, plain

SOURCE = "arxiv"
_LONGEST_TITLE = 2_000
_LONGEST_ABSTRACT = 100_000
_LONGEST_COMMENT = 10_000
_LONGEST_DOI = 350
_LONGEST_LICENCE = 500
_MOST_CATEGORIES = 100

# A DOI may hold commas and semicolons itself; they part two only where another one follows.
_BETWEEN_DOIS = re.compile(r"(?<![\s,;])[\s,;]++(?=doi:|https?://|10\.)|\s+", re.IGNORECASE)
_CATEGORY = re.compile(r"[a-z][a-z-]{1,19}(?:\.[A-Za-z][A-Za-z-]{0,19})?\Z")
_OAI_PREFIX = re.compile(r"oai:arxiv\.org:", re.IGNORECASE)
_WITHDRAWN = re.compile(r"\bwithdrawn\b(?! from (?!(?:the )?arxiv))", re.IGNORECASE)
_WITHDRAWN_ABSTRACT = re.compile(
    r"(?:this|the) (?:\w+ ){0,3}(?:has|have|was|is)(?: been)? withdrawn\b", re.IGNORECASE
)
_MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_DAY = re.compile(
    r"\s*(?:[A-Za-z]{3,9},\s*)?(\d{1,2})\s+([A-Za-z]{3})[a-z]*\.?,?\s+(\d{4}|\d\d)\b", re.ASCII
)
_ISO_DAY = re.compile(r"\s*(\d{4})-(\d\d)-(\d\d)(?=[T\s]|\Z)", re.ASCII)

Kind = Literal["new", "cross", "replace", "replace-cross"]


@dataclass(frozen=True, slots=True)
class Announced:
    """A paper in one of arXiv's daily lists.

    `kind` says why it is there: new, listed in a further category (`cross`), or revised
    (`replace`, and `replace-cross` where the category is not its first). `version` is None where
    the list does not tell.
    """

    id: str
    kind: Kind
    title: str
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Stated:
    """What an interface says of a paper, as text, before it is looked at.

    `published` is the day of the first version, `updated` that of the latest.
    """

    id: str
    title: str
    abstract: str = ""
    authors: tuple[Author, ...] = ()
    categories: Iterable[str] = ()
    doi: str = ""
    licence: str = ""
    comments: str = ""
    version: int | None = None
    published: date | None = None
    updated: date | None = None
    shown: date | None = None
    withdrawn: bool = False


def build(stated: Stated) -> Record:
    """The record of a paper. Raises InputError, saying what is wrong, where there is none."""
    id_, version = arxiv_id(stated.id)
    title = bounded("title", stated.title, _LONGEST_TITLE)
    if not title:
        raise InputError("the paper has no title")
    abstract = bounded("abstract", stated.abstract, _LONGEST_ABSTRACT)
    comments = bounded("comment", stated.comments, _LONGEST_COMMENT)
    names = (id_, *dois(stated.doi))
    return Record(
        source=SOURCE,
        key=id_,
        title=title,
        abstract=abstract,
        identifiers=names,
        authors=stated.authors,
        categories=categories(stated.categories),
        year=stated.published.year if stated.published else None,
        published=stated.published,
        updated=stated.updated,
        shown=stated.shown,
        version=stated.version or version,
        links=_links(names, abstract, comments),
        licence=bounded("licence", stated.licence, _LONGEST_LICENCE) or None,
        withdrawn=stated.withdrawn or says_withdrawn(comments, abstract),
    )


def arxiv_id(text: str) -> tuple[str, int | None]:
    """The arXiv id that a text states, without version, and the version.

    Understands addresses and OAI names too. Raises InputError for anything else.
    """
    bare = _OAI_PREFIX.sub("", plain(text[:200]))
    known = identifier(bare)
    if known is None or not is_arxiv(known[0]):
        raise InputError(
            "the paper has no arXiv id" if not bare else f"“{bare[:60]}” is no arXiv id"
        )
    return known


def id_or_nothing(text: str) -> str:
    """The arXiv id that a text states, without version; "" where it states none."""
    try:
        return arxiv_id(text)[0]
    except InputError:
        return ""


def bounded(name: str, text: str, longest: int) -> str:
    """`text` on one line. Raises InputError where it is too long."""
    if len(text) > longest:
        raise InputError(f"the {name} has {len(text):,} characters; at most {longest:,}")
    if not text:
        return ""
    # arXiv breaks its lines in two ways, and `plain` is slow only where it finds any.
    return plain(text.strip().replace("\n  ", " ").replace("\n", " "))


def categories(stated: Iterable[str]) -> tuple[str, ...]:
    """The categories of arXiv's among those stated, in their order: the first is the primary one.

    Codes of other schemes stand between them in some interfaces (`68T50`, `I.2.7`).
    """
    known = dict.fromkeys(name for name in stated if _CATEGORY.match(name))
    if len(known) > _MOST_CATEGORIES:
        raise InputError(f"the paper has {len(known):,} categories; at most {_MOST_CATEGORIES}")
    return tuple(known)


def dois(text: str) -> tuple[str, ...]:
    """The DOIs that a field holds, normalised: mostly one, more where errata are named too."""
    text = plain(text[:2_000])
    if not text:
        return ()
    found = (
        identifier(one if one.lower().startswith(("doi:", "http")) else f"doi:{one}")
        for one in _BETWEEN_DOIS.split(text)
    )
    names = (known[0] for known in found if known and known[0].startswith("doi:"))
    return tuple(dict.fromkeys(name for name in names if len(name) <= _LONGEST_DOI))


def says_withdrawn(comments: str, abstract: str) -> bool:
    """Whether the authors say that they took the paper back."""
    return bool(
        ("ithdrawn" in comments and _WITHDRAWN.search(comments))
        or ("ithdrawn" in abstract[:200] and _WITHDRAWN_ABSTRACT.match(abstract))
    )


def day(text: str) -> date | None:
    """The day of a date as arXiv writes it, in the time zone it is written in; else None.

    `2026-11-17T18:40:02Z`, `Tue, 17 Nov 2026 18:40:02 GMT`, `Tuesday, 17 November 2026`.
    """
    try:
        iso = _ISO_DAY.match(text)
        if iso:
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        words = _DAY.match(text)
        if words is None:
            return None
        year = int(words[3])
        year += (1900 if year > 90 else 2000) if year < 100 else 0  # arXiv began in 1991
        return date(year, _MONTHS.index(words[2].lower()) + 1, int(words[1]))
    except ValueError:
        return None


def _links(names: tuple[str, ...], abstract: str, comments: str) -> tuple[Link, ...]:
    links = [
        Link("abstract", f"https://arxiv.org/abs/{names[0]}"),
        Link("pdf", f"https://arxiv.org/pdf/{names[0]}"),
    ]
    links += [Link("doi", f"https://doi.org/{name.removeprefix('doi:')}") for name in names[1:]]
    for text in filter(may_hold_links, (abstract, comments)):
        links += links_in(text)
    if len(links) == 2:
        return (links[0], links[1])
    return tuple({link.url: link for link in reversed(links)}.values())[::-1]
