"""A reader's interests: a name, papers for and against, words, authors, organisations, categories.

The classifier of an interest is fitted from these rows and kept nowhere (views/interests.py);
`lesson` is drawn anew with whatever it is taught, and tells whether a fitted one is still right.
(It is no count: undoing a lesson and teaching another would come to the same number.)
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select

from broadsheet.store.deeds import Doing
from broadsheet.store.papers import chunks
from broadsheet.store.tables import interest_papers, interest_terms, interests, papers
from broadsheet.text.normalise import is_readable, plain, slug, storable

TermKind = Literal["word", "author", "organization", "category"]
TERM_KINDS: tuple[TermKind, ...] = ("word", "author", "organization", "category")
# Told apart by people who see colours and named for those who do not; the style sheet has a light
# and a dark tone of each.
COLOURS = ("blue", "ochre", "green", "plum", "teal", "rust", "slate", "olive")
MOST_INTERESTS = 50
MOST_PAPERS = 10_000
MOST_TERMS = 200
LONGEST_NAME = 80
# Addresses beside those of interests, so that no interest hides behind one.
_TAKEN = ("which", "new")
# The usual; half of the papers it calls as likely as not are the reader's.
THRESHOLD = 0.5
SHARE = 10.0


class InterestError(ValueError):
    """An interest that cannot be made or changed so; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word, author, organisation or category that speaks for a paper, or against it."""

    kind: TermKind
    text: str
    liked: bool = True


@dataclass(frozen=True, slots=True)
class Interest:
    """An interest as the store holds it; papers by number, the newest teaching last."""

    number: int
    reader: int
    slug: str
    name: str
    colour: str
    share: float
    threshold: float
    made: datetime
    lesson: int
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()
    terms: tuple[Term, ...] = ()


def of(connection: Connection, reader: int) -> list[Interest]:
    """The reader's interests, the oldest first."""
    rows = connection.execute(
        select(interests).where(interests.c.reader == reader).order_by(interests.c.number)
    ).all()
    return _with_lessons(connection, rows)


def readers_with_some(connection: Connection, most: int) -> list[int]:
    """Readers who have interests, at most so many: those who joined first."""
    some = select(interests.c.reader).distinct().order_by(interests.c.reader).limit(most)
    return list(connection.scalars(some))


def outlines(connection: Connection, reader: int) -> list[Interest]:
    """The reader's interests without what they were taught, the oldest first."""
    rows = connection.execute(
        select(interests).where(interests.c.reader == reader).order_by(interests.c.number)
    )
    return [Interest(**row._mapping) for row in rows]


def called(connection: Connection, reader: int, name: str) -> Interest | None:
    """The reader's interest with that slug or name; of a name, case does not count."""
    rows = connection.execute(
        select(interests).where(interests.c.reader == reader).order_by(interests.c.number)
    ).all()
    # There are few, and the engines do not agree which letters are one in another case.
    alike = name.casefold()
    fitting = [row for row in rows if row.slug == name]
    fitting = fitting or [row for row in rows if row.name.casefold() == alike]
    return _with_lessons(connection, fitting[:1])[0] if fitting else None


def numbered(connection: Connection, reader: int, number: int) -> Interest | None:
    """The reader's interest of that number."""
    rows = connection.execute(
        select(interests).where(interests.c.reader == reader, interests.c.number == number)
    ).all()
    return _with_lessons(connection, rows)[0] if rows else None


def make(
    doing: Doing,
    name: str,
    liked: Sequence[int] = (),
    disliked: Sequence[int] = (),
    terms: Iterable[Term] = (),
) -> Interest:
    """A new interest. Raises InterestError for one too many, or with far too much in it."""
    held = of(doing.connection, doing.reader)
    if len(held) >= MOST_INTERESTS:
        raise InterestError(
            f"There are {MOST_INTERESTS} interests already, the most one reader can have; "
            "remove one first."
        )
    name = _name(name)
    taken = {interest.slug for interest in held}
    colours = [interest.colour for interest in held]
    row = doing.put(
        interests,
        {"reader": doing.reader, "slug": slug(name, {*taken, *_TAKEN})},
        {
            "name": name,
            "colour": min(COLOURS, key=colours.count),
            "share": SHARE,
            "threshold": THRESHOLD,
            "made": doing.now,
            "lesson": _new_lesson(),
        },
    )
    _teach(doing, row["number"], liked, liked=True)
    _teach(doing, row["number"], disliked, liked=False)
    set_terms(doing, row["number"], terms)
    made = called(doing.connection, doing.reader, row["slug"])
    assert made is not None
    return made


def teach(doing: Doing, interest: Interest, numbers: Sequence[int], *, liked: bool) -> None:
    """More like these papers, or not these. What was said of them before is replaced."""
    _teach(doing, interest.number, numbers, liked=liked)
    _next_lesson(doing, interest.number)


def forget(doing: Doing, interest: Interest, numbers: Iterable[int]) -> None:
    """Takes papers out of what the interest was taught."""
    for number in numbers:
        doing.drop(interest_papers, {"interest": interest.number, "paper": number})
    _next_lesson(doing, interest.number)


def change(
    doing: Doing,
    interest: Interest,
    *,
    name: str | None = None,
    colour: str | None = None,
    share: float | None = None,
    threshold: float | None = None,
) -> None:
    """Changes what is given. Raises InterestError for a value that will not do."""
    values: dict[str, Any] = {}
    if name is not None:
        values["name"] = _name(name)
    if colour is not None:
        if colour not in COLOURS:
            raise InterestError(
                f"“{colour[:20]}” is no colour here; there are {', '.join(COLOURS)}."
            )
        values["colour"] = colour
    if share is not None:
        if not 0 <= share <= 100:
            raise InterestError("A share is a number from 0 to 100.")
        values["share"] = float(share)
    if threshold is not None:
        if not 0 < threshold < 1:
            raise InterestError("A threshold lies between 0 and 1.")
        values["threshold"] = float(threshold)
    doing.put(interests, {"number": interest.number}, values)


def set_terms(doing: Doing, number: int, terms: Iterable[Term]) -> None:
    """The interest's words, authors, organisations and categories, in place of those before."""
    wanted = {
        (term.kind, text): term.liked
        for term in terms
        if (text := storable(plain(term.text))[:200])
    }
    if len(wanted) > MOST_TERMS:
        raise InterestError(f"An interest has at most {MOST_TERMS} words, names and categories.")
    held = doing.connection.execute(
        select(interest_terms).where(interest_terms.c.interest == number)
    ).all()
    for row in held:
        if (row.kind, row.text) not in wanted:
            doing.drop(interest_terms, {"interest": number, "kind": row.kind, "text": row.text})
    rows = [{"kind": k, "text": text, "liked": liked} for (k, text), liked in wanted.items()]
    doing.fill(interest_terms, {"interest": number}, rows)
    _next_lesson(doing, number)


def reset(doing: Doing, interest: Interest) -> None:
    """Forgets every paper the interest was taught; its words and names stay."""
    doing.drop(interest_papers, {"interest": interest.number})
    _next_lesson(doing, interest.number)


def remove(doing: Doing, interest: Interest) -> None:
    """Removes the interest with all it was taught."""
    doing.drop(interest_papers, {"interest": interest.number})
    doing.drop(interest_terms, {"interest": interest.number})
    doing.drop(interests, {"number": interest.number})


def _teach(doing: Doing, number: int, numbers: Sequence[int], *, liked: bool) -> None:
    held: set[int] = set()
    for chunk in chunks(numbers):
        held.update(
            doing.connection.scalars(select(papers.c.number).where(papers.c.number.in_(chunk)))
        )
    known = doing.connection.scalar(
        select(func.count())
        .select_from(interest_papers)
        .where(interest_papers.c.interest == number)
    )
    if (known or 0) + len(held) > MOST_PAPERS:
        raise InterestError(
            f"An interest learns from at most {MOST_PAPERS:,} papers; "
            "make a second one of what goes beyond."
        )
    # A moment apart, so that the order in which they were taught stays.
    moments = {n: doing.now + timedelta(microseconds=at) for at, n in enumerate(numbers)}
    rows = [{"paper": n, "liked": liked, "at": at} for n, at in moments.items() if n in held]
    doing.fill(interest_papers, {"interest": number}, rows)


def _next_lesson(doing: Doing, number: int) -> None:
    doing.put(interests, {"number": number}, {"lesson": _new_lesson()})


def _new_lesson() -> int:
    return secrets.randbits(31)


def _name(text: str) -> str:
    name = storable(plain(text))[:LONGEST_NAME].strip()
    if not is_readable(name):
        raise InterestError("An interest needs a name.")
    return name


def _with_lessons(connection: Connection, rows: Sequence[Row[Any]]) -> list[Interest]:
    numbers = [row.number for row in rows]
    taught: dict[tuple[int, bool], list[int]] = {}
    terms: dict[int, list[Term]] = {}
    for row in connection.execute(
        select(interest_papers)
        .where(interest_papers.c.interest.in_(numbers))
        .order_by(interest_papers.c.at, interest_papers.c.paper)
    ):
        taught.setdefault((row.interest, row.liked), []).append(row.paper)
    for row in connection.execute(
        select(interest_terms)
        .where(interest_terms.c.interest.in_(numbers))
        .order_by(interest_terms.c.kind, interest_terms.c.text)
    ):
        terms.setdefault(row.interest, []).append(Term(row.kind, row.text, row.liked))
    return [
        Interest(
            **row._mapping,
            liked=tuple(taught.get((row.number, True), ())),
            disliked=tuple(taught.get((row.number, False), ())),
            terms=tuple(terms.get(row.number, ())),
        )
        for row in rows
    ]
