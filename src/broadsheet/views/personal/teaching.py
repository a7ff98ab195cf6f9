"""What a reader does to papers and interests, as one deed each: the same for page and terminal.

Each function opens its own transaction, keeps what it changed as a deed that can be undone, and
says in a sentence what was done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol, TypeVar

from sqlalchemy import Connection

from broadsheet.intake import asking as outside
from broadsheet.intake import formats
from broadsheet.intake.arxiv.lists import Named, Place
from broadsheet.intake.asking import AskError
from broadsheet.intake.formats import Options
from broadsheet.intake.opening import InputError, open_input
from broadsheet.records import Field, Query, Record, Words
from broadsheet.store import collections, interests, matching, papers, reading
from broadsheet.store.collections import Collection, CollectionError
from broadsheet.store.deeds import Deed, Doing, undo
from broadsheet.store.engine import Store
from broadsheet.store.interests import Interest, InterestError, Term
from broadsheet.store.tables import preferences
from broadsheet.text.normalise import is_arxiv, plain
from broadsheet.views.personal.lists import EXPLORATION, OTHERS, OwnLists
from broadsheet.views.standing_order import PRIOR

Act = Literal[
    "vote", "unvote", "save", "unsave", "done", "undone", "dismiss", "undismiss", "more", "less"
]
ACTS: tuple[Act, ...] = (
    "vote", "unvote", "save", "unsave", "done", "undone", "dismiss", "undismiss", "more", "less",
)  # fmt: skip
# Preferences that say how lists are mixed.
MIXED = (OTHERS, EXPLORATION, PRIOR)
# From this probability on, 'more like this' goes to the interest that a paper belongs to most
# without asking which is meant.
_SURE = 0.25
# Entries of a file that is not read to its end.
_MOST_ENTRIES = 20_000
# Addresses of lists on arXiv in one text.
_MOST_LISTS = 3
_LONGEST_TITLE = 60


_Own = TypeVar("_Own", Interest, Collection)


class DeedError(ValueError):
    """Something that cannot be done; the message is a sentence."""


class WhichInterestError(DeedError):
    """It has to be asked which interest is meant."""


@dataclass(frozen=True, slots=True)
class Done:
    """What was done, in a sentence, and the slug of what was made."""

    said: str
    slug: str = ""


# Why papers that arXiv may have were not asked for: it is not to be asked, it did not answer, they
# were too many.
Missed = Literal["", "off", "silent", "many"]
_WHY_MISSED: Mapping[str, str] = {
    "off": ", and this Broadsheet asks no other machine (BROADSHEET_HARVEST): import their papers.",
    "silent": ", and arXiv did not answer for the others; hand the list in again later.",
    "many": ", and so many are not asked for at once; hand the list in again for the rest.",
}


@dataclass(frozen=True, slots=True)
class Matched:
    """What of a file or list is held: numbers of papers, and how many entries are not; `missed`
    says why arXiv was not asked for (all of) those, and `title` what the list calls itself.
    """

    numbers: tuple[int, ...]
    unknown: int
    missed: Missed = ""
    title: str = ""

    @property
    def sentence(self) -> str:
        """How many are held, where some are not."""
        return held_of(len(self.numbers), len(self.numbers) + self.unknown, self.missed)


def held_of(held: int, every: int, missed: str = "") -> str:
    """How many entries of a list are held, and why not the others, in sentences; nothing where all
    are.
    """
    if held >= every:
        return ""
    why = _WHY_MISSED.get(missed, "")
    if every == 1:
        return f"The entry handed in is not held here{why or '; import its paper first.'}"
    if not held:
        what = why or "; import their papers first."
        return f"None of the {every:,} entries handed in is held here{what}"
    return (
        f"{held:,} of {every:,} entries {'is' if held == 1 else 'are'} held here"
        f"{why or '; nothing was learned from the others.'}"
    )


class Outside(Protocol):
    """Who asks arXiv for what a reader names (`intake.asking`). Both raise AskError, StoreError."""

    def named(self, place: Place) -> Named:
        """The papers that a list there names."""

    def bring(self, ids: Sequence[str]) -> int:
        """Has papers there come in; how many were asked for."""


class Teaching:
    """Acts for readers on a store."""

    def __init__(self, store: Store, own: OwnLists, asking: Outside | None = None) -> None:
        """`asking` asks arXiv for papers that are named and not held; None: nobody does."""
        self._store = store
        self._own = own
        self._asking = asking

    def act(self, reader: int, number: int, act: Act, interest: str = "") -> Done:
        """Does one thing with one paper. `interest` names the one that `more` and `less` teach.

        Raises DeedError, WhichInterestError where `more` needs to be told which, StoreError.
        """
        taught = self._taught(reader, number, act, interest)
        with self._doing(reader) as doing:
            title = _title(doing.connection, number)
            doing.said = _SAID[act].format(title=title)
            if act in ("vote", "unvote"):
                reading.vote(doing, number, on=act == "vote")
            elif act in _STEPS:
                step, on = _STEPS[act]
                reading.mark(doing, number, step, on=on)
            if act == "less":
                reading.mark(doing, number, "dismissed")
            for one in taught:
                interests.teach(doing, one, [number], liked=act == "more")
            if taught:
                doing.said += " in " + ", ".join(f"“{one.name}”" for one in taught)
        return Done(f"{doing.said}.")

    def undo(self, reader: int, number: int | None = None) -> Deed | None:
        """Undoes the reader's last deed; only the one of that number, where given."""
        with self._store.writing() as connection:
            return undo(connection, reader, number)

    def make(
        self,
        reader: int,
        name: str,
        liked: Sequence[int] = (),
        disliked: Sequence[int] = (),
        terms: Iterable[Term] = (),
    ) -> Done:
        """A new interest. Raises DeedError."""
        with self._doing(reader) as doing:
            made = interests.make(doing, name, liked, disliked, terms)
            doing.said = f"Made the interest “{made.name}”"
        return Done(f"{doing.said}.", made.slug)

    def change(
        self, reader: int, slug: str, said: str, how: Callable[[Doing, Interest], None]
    ) -> Done:
        """Changes an interest. Raises DeedError where there is none of that name."""
        return self._changed(reader, f"interest “{slug[:60]}”", interests.called, slug, said, how)

    def set_mix(self, reader: int, parts: Mapping[str, float], shares: Mapping[str, float]) -> Done:
        """How lists are mixed: `parts` from 0 to 1 by name (`MIXED`), shares by the slugs of
        interests; what is not given stays. Raises DeedError.
        """
        with self._doing(reader) as doing:
            doing.said = "Changed how the page is mixed"
            for name in MIXED:
                if name in parts:
                    key = {"reader": reader, "name": name}
                    doing.put(preferences, key, {"value": f"{parts[name]:g}"})
            for held in interests.outlines(doing.connection, reader):
                if held.slug in shares:
                    interests.change(doing, held, share=shares[held.slug])
        return Done(f"{doing.said}.")

    def reset(self, reader: int) -> Done:
        """'For me' as at first: equal shares, the usual mix, nothing dismissed. What interests
        were taught stays. Raises StoreError.
        """
        with self._doing(reader) as doing:
            doing.said = "Reset the page"
            for name in MIXED:
                doing.drop(preferences, {"reader": reader, "name": name})
            for held in interests.outlines(doing.connection, reader):
                interests.change(doing, held, share=interests.SHARE)
            for number in reading.dismissed(doing.connection, reader):
                reading.mark(doing, number, "dismissed", on=False)
        return Done(f"{doing.said}.")

    def write_note(self, reader: int, number: int, text: str) -> Done:
        """The reader's note on a paper."""
        with self._doing(reader) as doing:
            doing.said = f"Wrote a note on “{_title(doing.connection, number)}”"
            reading.write_note(doing, number, text)
        return Done(f"{doing.said}.")

    def make_collection(self, reader: int, name: str, numbers: Sequence[int] = ()) -> Done:
        """A new collection, perhaps with papers in it. Raises DeedError."""
        with self._doing(reader) as doing:
            made = collections.make(doing, name)
            collections.add(doing, made, numbers)
            doing.said = f"Made the collection “{made.name}”"
        return Done(f"{doing.said}.", made.slug)

    def change_collection(
        self, reader: int, slug: str, said: str, how: Callable[[Doing, Collection], object]
    ) -> Done:
        """Changes a collection. Raises DeedError where there is none of that name."""
        return self._changed(
            reader, f"collection “{slug[:60]}”", collections.called, slug, said, how
        )

    def matched(self, file: Path) -> Matched:
        """The papers held that a file names: any file that an import reads.

        Raises DeedError, saying what is wrong with it.
        """
        records: list[Record] = []
        unread = 0
        try:
            with open_input(file) as opened:
                for thing in formats.recognise(opened).read(opened, Options()):
                    if isinstance(thing, Record):
                        records.append(thing)
                    else:
                        unread += 1
                    if len(records) >= _MOST_ENTRIES:
                        break
        except InputError as error:
            raise DeedError(f"The file cannot be read: {error}.") from error
        return self._match(records, unread)

    def matched_lines(self, text: str) -> Matched:
        """The papers that a text names, a line each: an id, an address, a title, or the address of
        a list on arXiv. Those with an arXiv id that are not held are asked for.

        Raises DeedError for a list that cannot be had.
        """
        lines = [line.strip() for line in text.splitlines()[:_MOST_ENTRIES] if line.strip()]
        records, title = [], ""
        places = 0
        for line in lines:
            names = matching.names_in(line)
            place = None if names else _place(line, is_alone=len(lines) == 1)
            if place is None:
                records.append(Record("list", line, line, identifiers=names))
                continue
            places += 1
            if places > _MOST_LISTS:
                raise DeedError(f"At most {_MOST_LISTS} lists of arXiv's are read at once.")
            listed = self._listed(place)
            title = title or listed.title
            records += [Record("list", id_, "", identifiers=(id_,)) for id_ in listed.ids]
        return replace(self._asked_for(records), title=title)

    def _listed(self, place: Place) -> Named:
        if self._asking is None:
            raise DeedError(
                "This Broadsheet asks no other machine (BROADSHEET_HARVEST), so that no list of "
                "arXiv's can be read; hand in the papers' ids, a line each."
            )
        try:
            return self._asking.named(place)
        except AskError as error:
            raise DeedError(str(error)) from error

    def _asked_for(self, records: Sequence[Record]) -> Matched:
        """The papers that records name; of those not held, arXiv is asked for its own."""
        matched = self._match(records, 0)
        if not matched.unknown:
            return matched
        with self._store.reading() as connection:
            found = matching.held(connection, records)
        wanted = [
            name
            for record, number in zip(records, found, strict=True)
            for name in record.identifiers
            if number is None and is_arxiv(name)
        ]
        if not wanted:
            return matched
        if self._asking is None:
            return replace(matched, missed="off")
        missed: Missed = ""
        try:
            if self._asking.bring(wanted) < len(set(wanted)):
                missed = "many"
        except AskError:
            missed = "silent"
        return replace(self._match(records, 0), missed=missed)

    def _changed(
        self,
        reader: int,
        what: str,
        called: Callable[[Connection, int, str], _Own | None],
        slug: str,
        said: str,
        how: Callable[[Doing, _Own], object],
    ) -> Done:
        """Changes something of the reader's that has a slug and a name."""
        with self._doing(reader) as doing:
            held = called(doing.connection, reader, slug)
            if held is None:
                raise DeedError(f"There is no {what}.")
            doing.said = said.format(name=held.name)
            how(doing, held)
        return Done(f"{doing.said}.", held.slug)

    def _match(self, records: Sequence[Record], unread: int) -> Matched:
        with self._store.reading() as connection:
            found = matching.held(connection, records)
        numbers = tuple(dict.fromkeys(number for number in found if number is not None))
        return Matched(numbers, unread + sum(number is None for number in found))

    def _taught(self, reader: int, number: int, act: Act, slug: str) -> list[Interest]:
        """The interests that an act teaches."""
        if act not in ("more", "less"):
            return []
        if slug:
            with self._store.reading() as connection:
                held = interests.called(connection, reader, slug)
            if held is None:
                raise DeedError(f"There is no interest “{slug[:60]}”.")
            return [held]
        if act == "more":
            best = self._own.best_interest(reader, number)
            if best is None or best[1] < _SURE:
                raise WhichInterestError("Say which interest wants more like this.")
            return [best[0]]
        return self._own.interests_of(reader, number)

    @contextmanager
    def _doing(self, reader: int) -> Iterator[Doing]:
        try:
            with self._store.writing() as connection:
                doing = Doing(connection, reader, "")
                yield doing
                doing.keep()
        except (InterestError, CollectionError) as error:
            raise DeedError(str(error)) from error


def terms_of(query: Query, *, shown: bool) -> list[Term]:
    """What a query says that an interest can go by: its words, authors and categories.

    Where papers show what is meant (`shown`), its plain words are left out: the papers have them,
    and beside them a word of the reader's own would outweigh everything else.
    """
    kinds = {
        Field.ANY: "word",
        Field.TITLE: "word",
        Field.AUTHOR: "author",
        Field.CATEGORY: "category",
    }
    return [
        Term(kinds[clause.field], clause.text, liked=not clause.negated)  # type: ignore[arg-type]
        for clause in query.clauses
        if isinstance(clause, Words)
        and clause.field in kinds
        and not (
            shown and kinds[clause.field] == "word" and not clause.phrase and not clause.negated
        )
    ]


def _place(line: str, *, is_alone: bool) -> Place | None:
    """The list on arXiv that a line is the address of. Raises DeedError for another address, where
    nothing else is handed in.
    """
    try:
        place = outside.list_at(line)
    except AskError as error:
        if is_alone:
            raise DeedError(str(error)) from error
        return None
    if place is None and is_alone and line.lower().startswith(("http://", "https://")):
        raise DeedError(
            f"No papers are read from {plain(line)[:100]}; hand in an arXiv author's page, list or "
            "search, or papers by id, DOI or title, a line each."
        )
    return place


_STEPS: dict[str, tuple[reading.Step, bool]] = {
    "save": ("saved", True),
    "unsave": ("saved", False),
    "done": ("done", True),
    "undone": ("done", False),
    "dismiss": ("dismissed", True),
    "undismiss": ("dismissed", False),
}
_SAID: dict[str, str] = {
    "vote": "Voted for “{title}”",
    "unvote": "Took back the vote for “{title}”",
    "save": "Saved “{title}”",
    "unsave": "“{title}” is saved no more",
    "done": "Read “{title}”",
    "undone": "“{title}” is to be read again",
    "dismiss": "Not for you: “{title}”",
    "undismiss": "“{title}” may come back",
    "more": "More like “{title}”",
    "less": "Less like “{title}”",
}


def _title(connection: Connection, number: int) -> str:
    held = papers.by_number(connection, [number])
    if not held:
        raise DeedError("The paper is held no more.")
    title = held[0].title
    return title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1].rstrip() + "…"
