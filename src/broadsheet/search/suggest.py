"""What the index knows of a few letters as they are typed: papers to suggest, and names.

The index answers with the papers whose title (or names) have the words typed, the last of them
perhaps unfinished; who asks reads their titles and names from the store and ranks them with
`fit`. Where words lead to nothing, words one or two edits away are tried in their place.

Each question reads a bounded number of postings: of an unfinished word its most frequent
completions stand for all, and words that most papers have only count when titles are compared.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from string import ascii_lowercase, digits

from tantivy import DocAddress, Occur, Order, Query, Schema, Searcher

from broadsheet.search.follow import SearchIndex
from broadsheet.search.lexical import LexicalIndex, State
from broadsheet.search.spelling import Vocabulary, edits
from broadsheet.text.analysis import STOP_WORDS, name_terms, prose_terms

# What is longer was pasted: the words before are enough to find the paper.
_MOST_WORDS = 16
# Papers a question brings up for ranking.
_CANDIDATES = 40
# Completions that stand for all words an unfinished one could become.
_COMPLETIONS = 16
_CORRECTIONS = 4
# Postings read for the completions of one word: what takes a millisecond or two. A word that is
# there as it was typed is read whole.
_POSTINGS = 100_000
# Words of up to so many letters are completed from the vocabulary: the index would walk
# thousands. Of those up to the first length nothing is known before it has been read, and no
# completion is read that is more than its share.
_VERY_SHORT, _SHORT = 2, 3
# A word is taken for a mistyped one where another is this many times as frequent.
_LIKELIER = 10
# What so many papers write is a word, whatever it resembles.
_SURE = 50
# More than any archive has.
_MOST_CATEGORIES = 1000
# With fewer letters than this, alone, nothing is looked up: half the library begins so.
_SHORTEST = 2

TITLES, NAMES = "title_words", "names"


@dataclass(frozen=True, slots=True)
class Typed:
    """What stands in the search box: finished words, and one that may still be going on."""

    words: tuple[str, ...]
    last: str = ""

    @classmethod
    def of(cls, text: str) -> Typed:
        """Takes a text apart as titles and names are."""
        words = name_terms(text)
        ended = not text or not text[-1].isalnum()
        return cls(tuple(words)) if ended else cls(tuple(words[:-1]), "".join(words[-1:]))

    @property
    def all(self) -> tuple[str, ...]:
        """The words, the last one among them."""
        return (*self.words, self.last) if self.last else self.words


@dataclass(frozen=True, slots=True)
class Candidates:
    """Papers that may be meant, by number, and what was taken for a mistyped word."""

    numbers: tuple[int, ...] = ()
    corrected: Mapping[str, frozenset[str]] = field(default_factory=dict)


def fit(typed: Typed, terms: Sequence[str], corrected: Mapping[str, frozenset[str]]) -> int | None:
    """How well a title's or name's terms fit what was typed, best 0; None where they do not.

    0: it begins with the words; 1: it has them all; 2 and 3: the same of corrected words.
    """
    words, last = typed.words, typed.last
    # Most of what is compared has all the words or lacks one: two quick looks tell.
    if all(word in terms for word in words) and (
        not last or any(term.startswith(last) for term in terms)
    ):
        count = len(words)
        begins = tuple(terms[:count]) == words and (
            not last or (len(terms) > count and terms[count].startswith(last))
        )
        return 0 if begins else 1
    return _fit_corrected(typed, terms, corrected) if corrected else None


def _fit_corrected(
    typed: Typed, terms: Sequence[str], corrected: Mapping[str, frozenset[str]]
) -> int | None:
    def is_at(place: int, term: str) -> bool:
        word = words[place]
        unfinished = bool(typed.last) and place == len(typed.words)
        return (
            term == word
            or (unfinished and term.startswith(word))
            or term in corrected.get(word, ())
        )

    words = typed.all
    places = range(len(words))
    if len(terms) >= len(words) and all(is_at(place, terms[place]) for place in places):
        return 2
    if all(any(is_at(place, term) for term in terms) for place in places):
        return 3
    return None


class Suggester:
    """Asks the index of a data folder; keeps a vocabulary of it for mistyped words."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self._words = _Words()
        self._categories: tuple[tuple[int, ...], list[tuple[str, int]]] = ((), [])

    def look(self) -> Look | None:
        """The index as it is now, for the questions of one suggestion; None before there is any."""
        index = self._index.current()
        if index is None:
            return None
        searcher, read = index.searcher(), self._categories
        state = index.state()
        seen = (id(index), state.through if state else 0)
        if read[0] != seen:
            found = searcher.terms_with_prefix("cat", "", limit=_MOST_CATEGORIES)
            self._categories = read = (seen, found)
        return Look(index, searcher, partial(self._words.of, index), read[1])


class Look:
    """One look at the index: every question is answered from the same commit."""

    def __init__(
        self,
        index: LexicalIndex,
        searcher: Searcher,
        words: Callable[[str], Vocabulary],
        categories: list[tuple[str, int]],
    ) -> None:
        self._index = index
        self._searcher = searcher
        self._words = words
        # In lower case, with how many papers each has; most frequent first.
        self.categories = categories

    def titles(self, typed: Typed, *, correcting: bool = False) -> Candidates:
        """Papers whose title has the words, the newest of them, and short ones that have the
        finished words in a row; `correcting`, those with likelier words in place of mistyped.
        """
        return self._candidates(typed, TITLES, correcting)

    def names(self, typed: Typed, *, correcting: bool = False) -> Candidates:
        """The newest papers among whose authors' names the words are."""
        return self._candidates(typed, NAMES, correcting)

    def _candidates(self, typed: Typed, where: str, correcting: bool) -> Candidates:
        if len("".join(typed.all)) < _SHORTEST:
            return Candidates()
        asking = _Asking(self._searcher, self._index.schema, where, partial(self._words, where))
        corrected: dict[str, frozenset[str]] = {}
        if correcting:
            corrected = asking.corrections(typed)
            if not corrected:
                return Candidates()
        return Candidates(asking.papers(typed, corrected), corrected)


@dataclass(frozen=True, slots=True)
class _Clause:
    """A word typed, the terms that stand for it, and how many postings those have."""

    word: str
    terms: list[str]
    read: int


def _clause(word: str, terms: Iterable[tuple[str, int]]) -> _Clause:
    """The terms that are there, most frequent first, as many as the postings allow: at least
    one, unless hardly anything of the word is known.
    """
    chosen: list[str] = []
    read = 0
    for term, count in sorted(set(terms), key=lambda one: (-one[1], one[0])):
        is_first = not chosen and (len(word) > _VERY_SHORT or term == word)
        if count and (is_first or read + count <= _POSTINGS):
            chosen.append(term)
            read += count
    return _Clause(word, chosen, read)


@dataclass(frozen=True, slots=True)
class _Asking:
    """A field of the index, and how it is asked."""

    searcher: Searcher
    schema: Schema
    where: str
    words: Callable[[], Vocabulary]

    def corrections(self, typed: Typed) -> dict[str, frozenset[str]]:
        """The words that are likely mistyped, each with what may be meant."""
        found = {}
        vocabulary = self.words()
        for place, word in enumerate(typed.all[:_MOST_WORDS]):
            unfinished = bool(typed.last) and place == len(typed.all) - 1
            if not edits(word) or word in STOP_WORDS:
                continue
            held = sum(count for _, count in self._spelt(word, unfinished))
            if held > _SURE:
                continue
            near = vocabulary.near(word, unfinished=unfinished, most=_CORRECTIONS)
            likelier = frozenset(other for other, count in near if count >= held * _LIKELIER)
            if likelier:
                found[word] = likelier
        return found

    def papers(self, typed: Typed, corrected: Mapping[str, frozenset[str]]) -> tuple[int, ...]:
        """The numbers of papers with the words or the corrected ones."""
        clauses = list(self._clauses(typed, corrected))
        if not all(clause.terms for clause in clauses):
            return ()
        telling = self._telling(clauses)
        if not telling:
            return ()
        must = [(Occur.Must, self._any(clause.terms)) for clause in telling]
        newest = self.searcher.search(
            Query.boolean_query(must),
            _CANDIDATES,
            count=False,
            order_by_field="newness",
            order=Order.Desc,
        )
        addresses = [address for _, address in newest.hits]
        if len(addresses) == _CANDIDATES and self.where == TITLES and not corrected:
            is_open = telling[-1].word == typed.last and telling[-1].word not in STOP_WORDS
            addresses += self._in_a_row(typed, must[-1] if is_open else None)
        numbers = self.searcher.fast_field_values("number", addresses)
        return tuple(dict.fromkeys(int(number or 0) for number in numbers))

    def _clauses(self, typed: Typed, corrected: Mapping[str, frozenset[str]]) -> Iterator[_Clause]:
        """For each word the terms that stand for it."""
        words = typed.words[:_MOST_WORDS]
        for word in words:
            terms = [(word, self._frequency(word)), *self._counted(corrected.get(word, ()))]
            yield _clause(word, terms)
        # A single letter behind other words is left to the comparing of titles.
        if typed.last and len(typed.words) < _MOST_WORDS and not (words and len(typed.last) == 1):
            found = self._spelt(typed.last, True)
            yield _clause(typed.last, [*found, *self._counted(corrected.get(typed.last, ()))])

    def _telling(self, clauses: list[_Clause]) -> list[_Clause]:
        """The clauses worth reading: without function words, and without what is in so many
        papers that it tells nothing, where something rarer is there.
        """
        if self.where == NAMES:
            return clauses
        telling = [clause for clause in clauses if clause.word not in STOP_WORDS]
        telling = telling or [
            _Clause(clause.word, kept, clause.read)
            for clause in clauses
            if (kept := [term for term in clause.terms if term not in STOP_WORDS])
        ]
        telling = telling or [clause for clause in clauses if clause.read <= _POSTINGS]
        rarest = min((clause.read for clause in telling), default=0)
        return [clause for clause in telling if clause.read <= max(_POSTINGS, rarest)]

    def _in_a_row(self, typed: Typed, last: tuple[Occur, Query] | None) -> list[DocAddress]:
        """Papers with the finished words side by side in their title, short titles first: those
        that begin so are among them, however old. `last` is what the unfinished word may be.
        """
        words = typed.words if last else typed.all
        stems = prose_terms(" ".join(words[:_MOST_WORDS]))
        if not stems or min(self.searcher.doc_freq("title", stem) for stem in stems) > _POSTINGS:
            return []
        row = (
            Query.phrase_query(self.schema, "title", list(stems))
            if len(stems) > 1
            else Query.term_query(self.schema, "title", stems[0], index_option="freq")
        )
        clauses = [(Occur.Must, row)]
        if last:
            clauses.append((Occur.Must, Query.const_score_query(last[1], 0.0)))
        found = self.searcher.search(Query.boolean_query(clauses), _CANDIDATES, count=False)
        return [address for _, address in found.hits]

    def _spelt(self, word: str, unfinished: bool) -> list[tuple[str, int]]:
        """The terms that a word is, or begins, with their frequencies; itself first."""
        itself = (word, self._frequency(word))
        if not unfinished or len(word) < _SHORTEST:
            return [itself] if itself[1] else []
        begun = self.words().beginning(word, _COMPLETIONS) if len(word) <= _SHORT else []
        if not begun and len(word) > _VERY_SHORT:
            begun = self.searcher.terms_with_prefix(self.where, word, limit=_COMPLETIONS)
        return begun if itself in begun or not itself[1] else [itself, *begun]

    def _counted(self, terms: Iterable[str]) -> list[tuple[str, int]]:
        return [(term, self._frequency(term)) for term in terms]

    def _frequency(self, term: str) -> int:
        return int(self.searcher.doc_freq(self.where, term))

    def _any(self, terms: list[str]) -> Query:
        parts = [
            Query.term_query(self.schema, self.where, term, index_option="basic") for term in terms
        ]
        if len(parts) == 1:
            return parts[0]
        return Query.boolean_query([(Occur.Should, part) for part in parts])


# --- the vocabulary -------------------------------------------------------------------------------

# An index this small is read at once, a larger one beside the questions.
_AT_ONCE = 5_000
# In a larger one a word of fewer papers than this is no likely meaning of a mistyped one.
_RARE = 3
# Words kept of those that begin with the same two letters, most frequent first.
_MOST_ALIKE = 600
# A vocabulary serves until the index has grown by a twentieth.
_GROWTH = 1.05


@dataclass(frozen=True, slots=True)
class _Read:
    index: LexicalIndex
    state: State | None
    papers: int
    words: dict[str, Vocabulary]


class _Words:
    """The vocabularies of the index in use; those of a large one come in a thread of their own."""

    def __init__(self) -> None:
        self._read: _Read | None = None
        self._reading = threading.Lock()

    def of(self, index: LexicalIndex, where: str) -> Vocabulary:
        """The words of a field; those read before, or none, while newer ones are being read."""
        read, papers = self._read, index.searcher().num_docs
        if papers <= _AT_ONCE:
            state = index.state()
            if read is None or read.index is not index or read.state != state:
                self._read = read = _read(index, state)
        elif (
            read is None
            or read.index is not index
            or not read.papers / _GROWTH <= papers <= read.papers * _GROWTH
        ) and self._reading.acquire(blocking=False):
            threading.Thread(target=self._renew, args=(index,), daemon=True).start()
        return read.words[where] if read else Vocabulary(())

    def _renew(self, index: LexicalIndex) -> None:
        try:
            self._read = _read(index, index.state())
        finally:
            self._reading.release()


def _read(index: LexicalIndex, state: State | None) -> _Read:
    searcher = index.searcher()
    least = 1 if searcher.num_docs <= _AT_ONCE else _RARE
    return _Read(
        index,
        state,
        searcher.num_docs,
        {where: Vocabulary(_frequent(searcher, where, least)) for where in (TITLES, NAMES)},
    )


def _frequent(searcher: Searcher, where: str, least: int) -> Iterator[tuple[str, int]]:
    """The words of a field that enough papers have, a few of the dictionary at a time: whoever
    asks meanwhile waits for one of these looks at most.
    """
    letters = ascii_lowercase + digits
    for first, second in product(letters, repeat=2):
        for term, count in searcher.terms_with_prefix(where, first + second, limit=_MOST_ALIKE):
            if count < least:
                break
            yield term, count
