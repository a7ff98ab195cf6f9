"""What to suggest while a reader types: searches of theirs, titles, authors and categories.

A title leads to its paper, everything else to a search. Of titles those come first that begin
with what was typed, then those that have all its words, then those that have them once a
mistyped word is read as a likelier one; among equals the newest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache

from sqlalchemy import Connection

from broadsheet.search.spelling import Vocabulary
from broadsheet.search.suggest import Look, Suggester, Typed, fit
from broadsheet.store import naming, past_queries
from broadsheet.store.engine import Store
from broadsheet.store.naming import Titled
from broadsheet.text.analysis import name_terms
from broadsheet.text.categories import known
from broadsheet.text.normalise import plain

MOST = 8
# A longer text was pasted; nobody waits for suggestions on it.
LONGEST = 300
# With fewer titles and names than this that fit to the letter, mistyped words are considered.
_ENOUGH = 3
_CORRECTIONS = 4
# A letter or two are in the name of almost every category.
_NAME_LETTERS = 3
# Authors of one paper that are compared: collaborations have thousands.
_MOST_AUTHORS = 100
_ONE_FIELD = re.compile(r"(title|authors?|cat|category):\"?([^\":]*)\"?\Z", re.IGNORECASE)
# The query language in use: who writes it knows what they want.
_FIELDS = re.compile(r"(?:^|\s)-?(?:title|authors?|cat|category|has|year):\S", re.IGNORECASE)


class Kind(StrEnum):
    """What a suggestion is; they are listed in this order."""

    PAST = "past"
    TITLE = "title"
    AUTHOR = "author"
    CATEGORY = "category"


# Places each kind has for sure, and who may take what others leave free, in this order.
_PLACES = {Kind.PAST: 2, Kind.TITLE: 3, Kind.AUTHOR: 2, Kind.CATEGORY: 1}
_NEXT = (Kind.TITLE, Kind.AUTHOR, Kind.PAST, Kind.CATEGORY)
_FIELD_KINDS = {
    "title": Kind.TITLE,
    "author": Kind.AUTHOR,
    "authors": Kind.AUTHOR,
    "cat": Kind.CATEGORY,
    "category": Kind.CATEGORY,
}
_NONE: Mapping[str, frozenset[str]] = {}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line of the list. `leads` is the paper's id for a title, else the query to ask; `note`
    says a little more, as in the year of a paper or the name of a category.
    """

    kind: Kind
    text: str
    leads: str
    note: str = ""


def suggest(
    suggester: Suggester, store: Store, text: str, reader: int | None = None
) -> tuple[Suggestion, ...]:
    """At most `MOST` suggestions for what was typed so far, by kind.

    `reader` is whose searches may be among them; nobody's for None. Raises StoreError.
    """
    # A space at the end says that the last word is finished.
    text = plain(text) + (" " if text[-1:].isspace() else "")
    if len(text) > LONGEST:
        return ()
    wanted, rest = _read(text)
    typed = Typed.of(rest)
    look = suggester.look()
    found: dict[Kind, list[Suggestion]] = {kind: [] for kind in Kind}
    with store.reading() as connection:
        if reader is not None and past_queries.is_wanted(connection, reader):
            found[Kind.PAST] = _past(connection, reader, text)
        if look is not None and typed.all:
            if Kind.CATEGORY in wanted:
                found[Kind.CATEGORY] = _categories(look, typed, rest)
            asking = _Asking(look, connection, typed, wanted)
            titles, authors = asking.titles(), asking.authors()
            if len(titles) + len(authors) < _ENOUGH:
                titles += asking.titles(correcting=True)
                authors += asking.authors(correcting=True)
                if Kind.CATEGORY in wanted and not found[Kind.CATEGORY]:
                    found[Kind.CATEGORY] = _nearly_categories(look, typed)
            found[Kind.TITLE], found[Kind.AUTHOR] = _once(titles), _once(authors)
    return _share(found)


def _read(text: str) -> tuple[frozenset[Kind], str]:
    """The kinds that can go on from the text, and the part of it to go on from."""
    if one := _ONE_FIELD.match(text):
        return frozenset([_FIELD_KINDS[one[1].lower()]]), one[2]
    if _FIELDS.search(text):
        return frozenset(), text
    return frozenset(_FIELD_KINDS.values()), text


@dataclass(frozen=True, slots=True)
class _Asking:
    """The index asked for papers, and the store for what they are called and who wrote them."""

    look: Look
    connection: Connection
    typed: Typed
    wanted: frozenset[Kind]

    def titles(self, *, correcting: bool = False) -> list[Suggestion]:
        """The titles that fit, best first."""
        if Kind.TITLE not in self.wanted:
            return []
        by_title = self.look.titles(self.typed, correcting=correcting)
        ranked = []
        for paper in naming.titles(self.connection, by_title.numbers):
            fits = fit(self.typed, name_terms(paper.title), by_title.corrected)
            if fits is not None:
                ranked.append((fits, -_age(paper), paper.number, paper))
        ranked.sort(key=lambda one: one[:3])
        return [_title(paper) for *_, paper in ranked[:MOST]]

    def authors(self, *, correcting: bool = False) -> list[Suggestion]:
        """The names that fit; first those on most of the newest papers."""
        if Kind.AUTHOR not in self.wanted:
            return []
        by_name = self.look.names(self.typed, correcting=correcting)
        signed = naming.authors(self.connection, by_name.numbers).values()
        counts = Counter(name for names in signed for name in names[:_MOST_AUTHORS])
        ranked = []
        for name, count in counts.items():
            if by_name.corrected or self._could_fit(name):
                fits = fit(self.typed, name_terms(name), by_name.corrected)
                if fits is not None:
                    ranked.append((fits // 2, -count, plain(name)))
        ranked.sort()
        return [
            Suggestion(Kind.AUTHOR, name, _asking("author", name)) for *_, name in ranked[:MOST]
        ]

    def _could_fit(self, name: str) -> bool:
        """Whether a name has the letters at all: of hundreds of co-authors hardly one has."""
        letters = name.lower()
        return not name.isascii() or all(word in letters for word in self.typed.all)


def _categories(look: Look, typed: Typed, text: str) -> list[Suggestion]:
    """Categories whose code begins with the text or whose name has its words."""
    begun = text.strip().lower()
    codes = [code for code, _ in look.categories if code.startswith(begun)]
    if len(begun) >= _NAME_LETTERS:
        codes += _fitting(typed, _named(look), _NONE)
    return [_category(code) for code in dict.fromkeys(codes[:MOST])]


def _nearly_categories(look: Look, typed: Typed) -> list[Suggestion]:
    """Categories whose name has the words once they are spelt right."""
    corrected = _corrections(_category_words(), typed)
    codes = _fitting(typed, _named(look), corrected) if corrected else []
    return [_category(code) for code in codes[:MOST]]


def _named(look: Look) -> dict[str, tuple[str, ...]]:
    """The categories that have a name, with its terms."""
    return {code: _category_terms(code) for code, _ in look.categories if code in known()}


def _category(code: str) -> Suggestion:
    spelt, name = known().get(code, (code, ""))
    return Suggestion(Kind.CATEGORY, spelt, f"cat:{spelt}", name)


def _past(connection: Connection, reader: int, text: str) -> list[Suggestion]:
    """The reader's own searches that go on from the text, newest first; all for no text."""
    here = text.strip()
    held = [past.text for past in past_queries.held(connection, reader) if past.text != here]
    typed = Typed.of(text)
    terms = {past: name_terms(past) for past in held}
    ranked = _fitting(typed, terms, _NONE)
    if not ranked and typed.all:
        words = Vocabulary((term, 1) for term in {t for them in terms.values() for t in them})
        corrected = _corrections(words, typed)
        ranked = _fitting(typed, terms, corrected) if corrected else []
    return [Suggestion(Kind.PAST, past, past) for past in ranked[:MOST]]


def _fitting(
    typed: Typed, terms: Mapping[str, Sequence[str]], corrected: Mapping[str, frozenset[str]]
) -> list[str]:
    """The texts that fit, best first, otherwise in their order."""
    fits = {text: fit(typed, them, corrected) for text, them in terms.items()}
    return sorted(
        (text for text, how in fits.items() if how is not None), key=lambda text: fits[text] or 0
    )


def _corrections(words: Vocabulary, typed: Typed) -> dict[str, frozenset[str]]:
    """For each word typed those of a vocabulary that are nearly it."""
    found = {}
    for word in typed.all:
        near = words.near(word, unfinished=word == typed.last, most=_CORRECTIONS)
        if near:
            found[word] = frozenset(other for other, _ in near)
    return found


@cache
def _category_words() -> Vocabulary:
    return Vocabulary(Counter(term for code in known() for term in _category_terms(code)).items())


@lru_cache(maxsize=1024)
def _category_terms(code: str) -> tuple[str, ...]:
    return tuple(name_terms(known().get(code, ("", ""))[1]))


def _share(found: Mapping[Kind, list[Suggestion]]) -> tuple[Suggestion, ...]:
    """The places of the list, shared among the kinds."""
    taken = {kind: min(len(found[kind]), places) for kind, places in _PLACES.items()}
    for kind in _NEXT:
        free = MOST - sum(taken.values())
        taken[kind] += min(free, len(found[kind]) - taken[kind])
    return tuple(one for kind in Kind for one in found[kind][: taken[kind]])


def _once(suggestions: Iterable[Suggestion]) -> list[Suggestion]:
    """Without those that read like one before them."""
    first: dict[tuple[str, str], Suggestion] = {}
    for one in suggestions:
        first.setdefault((one.text.casefold(), one.note), one)
    return list(first.values())


def _asking(field: str, value: str) -> str:
    """The query for a value in a field."""
    value = " ".join(value.replace('"', " ").split())
    return f'{field}:"{value}"' if " " in value else f"{field}:{value}"


def _age(paper: Titled) -> int:
    """Larger for newer papers."""
    return paper.day.toordinal() if paper.day else (paper.year or 0) * 365


def _title(paper: Titled) -> Suggestion:
    year = paper.day.year if paper.day else paper.year
    return Suggestion(Kind.TITLE, plain(paper.title), paper.id, str(year or ""))
