"""How text becomes terms: for the index, for queries, and for marking what matched.

Prose is cut at everything that is no letter or digit, lower-cased, freed of accents and reduced
to stems (Porter's English stemmer); names are not stemmed. Function words stay in the index, so
that a phrase can hold them, and leave a query unless nothing else is in it.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

# Longer runs of characters are no words; they would only fatten the index.
_LONGEST_TERM = 60
STOP_WORDS = frozenset(
    """
    a an and are as at be been but by can do does for from had has have how if in into is it its
    of on or our that the their these they this those to was we were what when where which while
    who why will with
    """.split()
)
_RUN = re.compile(r"[^\W_]+")
# Letters and figures in lower case, a space for everything else.
_ASCII_WORDS = bytes(
    ord(chr(code).lower()) if chr(code).isascii() and chr(code).isalnum() else 32
    for code in range(256)
)


def prose_analyzer() -> TextAnalyzer:
    """The analyzer of titles and abstracts."""
    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(_LONGEST_TERM))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .filter(Filter.stemmer("english"))
        .build()
    )


def name_analyzer() -> TextAnalyzer:
    """The analyzer of names, and of words that are compared letter by letter."""
    return (
        TextAnalyzerBuilder(Tokenizer.simple())
        .filter(Filter.remove_long(_LONGEST_TERM))
        .filter(Filter.lowercase())
        .filter(Filter.ascii_fold())
        .build()
    )


_PROSE = prose_analyzer()
_NAMES = name_analyzer()


def prose_terms(text: str) -> list[str]:
    """The terms of prose, in order, function words among them."""
    return list(_PROSE.analyze(text))


def ascii_words(text: str) -> list[bytes]:
    """The words of a text that is all ASCII, in lower case and not stemmed: `stem` makes of each
    the term that `prose_terms` would. Much faster than that.
    """
    return text.encode("ascii").translate(_ASCII_WORDS).split()


def name_terms(text: str) -> list[str]:
    """The terms of a name, in order."""
    return list(_NAMES.analyze(text))


def telling(terms: list[str]) -> list[str]:
    """The terms without function words; all of them where nothing else is there."""
    return [term for term in terms if term not in STOP_WORDS] or terms


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The term a single word becomes; empty where it becomes none or several."""
    terms = _PROSE.analyze(word)
    return str(terms[0]) if len(terms) == 1 else ""


def words_of(text: str) -> list[tuple[str, str]]:
    """The words of prose as spelt, each with its term; words that become no term are left out."""
    return [(word, term) for word in _RUN.findall(text) if (term := stem(word))]


def matches(text: str, marks: frozenset[str]) -> list[tuple[int, int]]:
    """Where in `text` the words stand whose stem is among `marks`: (start, end) offsets."""
    # Looking every word's stem up is slow on a page of abstracts, and few words begin alike.
    runs = _beginning_as(text, marks) if text.isascii() else _RUN.finditer(text)
    return [match.span() for match in runs if stem(match[0]) in marks]


def _beginning_as(text: str, marks: frozenset[str]) -> list[re.Match[str]]:
    """The words that begin as one of the stems does, in order.

    The stemmer changes a word's last letters only: of a stem at most its last two were not in
    the word (`happi` of happy, `die` of dying).
    """
    lowered = text.lower()
    places = set()
    for start in {mark[: max(1, len(mark) - 2)] for mark in marks}:
        place = lowered.find(start)
        while place >= 0:
            if place == 0 or not lowered[place - 1].isalnum():
                places.add(place)
            place = lowered.find(start, place + 1)
    return [run for place in sorted(places) if (run := _RUN.match(text, place))]
