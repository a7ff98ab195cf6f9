"""What a reader's query asks of the ranking: its telling words, corrected where misspelt.

Words that only make the request ("Are there papers that …") are dropped, a name is looked for
among the authors, a word that no paper has is read as the nearest one that papers do have.
"""

from __future__ import annotations

import math
import string
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from broadsheet.records import Field, Period, Query, Words
from broadsheet.search.lexical import Asked, LexicalIndex, Term
from broadsheet.text.analysis import STOP_WORDS, name_terms, prose_terms, stem

# Of a pasted abstract, its most telling words.
_MOST_TERMS = 24
# A request in plain language has at least this many telling words beside those of requesting.
_LEAST_LEFT = 2
_REQUEST = frozenset(
    stem(word)
    for word in """
    about address adopt any article available concerning could describe discuss employ example
    explore find focus give given handle help introduce investigate know literature me mention
    name paper please point present previous prior propose provide publication recent recommend
    reference regarding related relevant report research researcher resource show shown some
    source study such suggest tell there tried try use using utilize want work you your
    """.split()
)
_QUESTIONS = frozenset(
    """
    any are can could do find give has have how i in is list mention name papers please provide
    recommend research show studies suggest tell what where which who works
    """.split()
)
_NAME_WORDS = (2, 4)
_SHORTEST_CORRECTED = 4
# A correction is a word that papers have at least so often: rarer ones may be misspelt themselves.
_KNOWN = 3
_LETTERS = string.ascii_lowercase


@dataclass(frozen=True, slots=True)
class Understood:
    """A query as the ranking takes it: the question to the words, the text for the meaning, and
    the corrections made, as (written, read).
    """

    asked: Asked
    meaning: str
    corrections: tuple[tuple[str, str], ...] = ()


def understand(query: Query, period: Period, words: LexicalIndex) -> Understood:
    """Takes a query apart against the words that the index holds."""
    named = _as_name(query, words)
    if named is not None:
        return Understood(Asked((), named, period), "")
    plain = [clause for clause in query.scoring if not clause.phrase and clause.field is Field.ANY]
    telling = _without_request([clause.text for clause in plain])
    spelt: Counter[str] = Counter()
    shown: dict[str, str] = {}
    corrections: list[tuple[str, str]] = []
    texts = []
    for text in telling:
        corrected = _corrected(text, words)
        if corrected != text:
            corrections.append((text, corrected))
        texts.append(corrected)
        for word in name_terms(corrected):
            spelt[word] += 1
            shown.setdefault(
                word, text if corrected == text and len(name_terms(text)) == 1 else word
            )
    terms = _most_telling(_terms(spelt, shown, words), words)
    others = [c.text for c in query.scoring if c.phrase or c.field is Field.TITLE]
    return Understood(
        Asked(tuple(terms), query, period),
        " ".join([*texts, *others]),
        tuple(dict.fromkeys(corrections)),
    )


def _as_name(query: Query, words: LexicalIndex) -> Query | None:
    """The query as one for an author, where its words, side by side, are a name more often than
    they are prose.
    """
    texts = [clause.text for clause in query.scoring]
    plain = all(not c.phrase and c.field is Field.ANY and not c.prefix for c in query.scoring)
    if not plain or not _NAME_WORDS[0] <= len(texts) <= _NAME_WORDS[1]:
        return None
    for order in (texts, [*texts[1:], texts[0]], [texts[-1], *texts[:-1]]):
        name = Words(" ".join(order), Field.AUTHOR, phrase=True)
        as_name = words.counted(name)
        if as_name and as_name > words.counted(Words(" ".join(texts), Field.TITLE, phrase=True)):
            others = tuple(clause for clause in query.clauses if clause not in query.scoring)
            return replace(query, clauses=(name, *others))
    return None


def _without_request(texts: list[str]) -> list[str]:
    """The words of a request in plain language without those that only make it one."""
    telling = [text for text in texts if not _is_function(text)]
    if len(texts) < 5 or texts[0].lower().strip(string.punctuation) not in _QUESTIONS:
        return telling or texts
    left = [text for text in telling if stem(text.strip(string.punctuation)) not in _REQUEST]
    return left if len(left) >= _LEAST_LEFT else telling or texts


def _is_function(text: str) -> bool:
    terms = name_terms(text)
    return STOP_WORDS.issuperset(terms)


def _terms(
    spelt: Counter[str], shown: dict[str, str], words: LexicalIndex
) -> Iterable[tuple[int, Term]]:
    """Each different term with how many papers have it; a word that is rather a name as one."""
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for word, count in spelt.items():
        for term in prose_terms(word):
            counts[term] += count
            first.setdefault(term, word)
    for term, count in counts.items():
        if term in STOP_WORDS and len(counts) > 1:
            continue
        word = first[term]
        weight = 1 + math.log(count)
        prose = Term(shown[word], term, weight)
        name = Term(shown[word], word, weight, in_names=True)
        in_prose, in_names = words.frequency(prose), words.frequency(name)
        if in_names > in_prose:
            yield in_names, name
        else:
            yield in_prose, prose


def _most_telling(counted: Iterable[tuple[int, Term]], words: LexicalIndex) -> list[Term]:
    known = [(count, term) for count, term in counted if count]
    if len(known) > _MOST_TERMS:
        held = max(words.searcher().num_docs, 1)
        known.sort(key=lambda one: (-one[1].weight * math.log(1 + held / one[0]), one[1].term))
    return [term for _, term in known[:_MOST_TERMS]]


def _corrected(text: str, words: LexicalIndex) -> str:
    """The word, or where no paper has it the nearest one (one letter wrong, missing, too many, or
    two swapped) that most papers have. Method: Damerau, 1964.
    """
    terms = name_terms(text)
    if len(terms) != 1 or len(terms[0]) < _SHORTEST_CORRECTED or not terms[0].isascii():
        return text
    word = terms[0]
    if any(letter.isdigit() for letter in word):
        return text
    if words.frequency(_as_prose(word)) or words.frequency(Term(word, word, in_names=True)):
        return text
    near = _one_edit(word)
    # Most words stand in some title; where none of these does, the stems of all are asked for.
    most, best = _likeliest([other for other in near if words.spelt(other)], words)
    if most < _KNOWN:
        most, best = _likeliest(near, words)
    return best if most >= _KNOWN else text


def _likeliest(near: Iterable[str], words: LexicalIndex) -> tuple[int, str]:
    """How many papers have the word that most have, and that word."""
    counted = [(words.frequency(_as_prose(other)), other) for other in near]
    most = max(counted, default=(0, ""))[0]
    # Several spellings have one stem; the word is the one that titles have.
    spelt = ((words.spelt(other), other) for count, other in counted if count == most)
    return most, max(spelt, default=(0, ""))[1]


def _as_prose(word: str) -> Term:
    return Term(word, stem(word))


def _one_edit(word: str) -> set[str]:
    """Every string one edit away (Damerau–Levenshtein distance 1) with Latin letters."""
    cuts = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    near = {left + right[1:] for left, right in cuts if right}
    near |= {left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1}
    near |= {left + letter + right[1:] for left, right in cuts if right for letter in _LETTERS}
    near |= {left + letter + right for left, right in cuts for letter in _LETTERS}
    near.discard(word)
    return near
