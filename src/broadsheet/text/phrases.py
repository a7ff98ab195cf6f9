"""Words and two-word phrases of a text as numbers, for counting them in many papers.

A term is a stem, or two stems that stand side by side within a part of a sentence. It is known by
a code of 32 bits, so that no vocabulary is kept: `codes` says which terms a text has, `spellings`
how it writes them. Function words, and words that any abstract has, are in no term. Two of a
million different terms share a code with another about once in four thousand.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from broadsheet.text.analysis import STOP_WORDS, stem

Codes = NDArray[np.uint32]

# What abstracts are written with, whatever they are about.
_COMMON = frozenset(
    """
    about above according achieve achieved achieves across additionally aim all allow allowing
    allows also although among any approach approaches available based because before best better
    between beyond both challenge challenges challenging code compared comprehensive conduct
    consider contrast current demonstrate demonstrated demonstrates demonstrating despite develop
    developed different due during each effective effectively efficient either enable enables
    enabling especially et eg etc every evaluate evaluation existing experiment experiments
    experimental extensive finally find findings first focus framework further furthermore
    given github held hence here highly however https ie impact improve improved improvement
    improvements improves improving including introduce introduces introducing key leading
    leads less leverage leverages leveraging limited main make makes many may method methods
    might more moreover most much multiple must need needs new no not novel obtain obtained often
    one only other others out outperform outperforming outperforms over overall own paper papers
    particular particularly per perform performance performed performs possible potential present
    presented presents previous prior problem problems proposal propose proposed proposes proposing
    provide provided provides providing publicly rather recent recently remain remains require
    required requires research respectively result resulting results same second several should
    show showing shown shows significant significantly since so some specific specifically state
    strong study studies such suggest suggests task tasks than then there therefore thereby through
    thus together toward towards two three under underlying understanding until up upon use used
    useful user uses using various very via was well when whereas whether within without work works
    would yet you your www com
    """.split()
)
_TOKEN = re.compile(r"[^\W_]+|[.,;:!?()\[\]{}\"“”…|–—]")
_WORD = re.compile(r"[^\W_]+")
_MATHS = re.compile(r"\$[^$]{0,400}\$|\\[A-Za-z]+|https?://\S+")
# Knuth's multiplicative hashing: the order of the two words counts.
_PAIR = np.uint32(2_654_435_761)
_NONE = 0


@lru_cache(maxsize=131_072)
def _code(word: str) -> int:
    """The code of a word in lower case; 0 for one that is in no term."""
    if not word[0].isalnum() or word.isdigit() or len(word) < 2:
        return _NONE
    if word in STOP_WORDS or word in _COMMON:
        return _NONE
    found = stem(word)
    return zlib.crc32(found.encode()) or 1 if len(found) > 1 else _NONE


def codes(*texts: str) -> Codes:
    """The codes of the terms that the texts have, each once, sorted."""
    # A full stop between the texts: no phrase reaches over it.
    whole = _MATHS.sub(".", " . ".join(texts)).lower()
    words = np.fromiter(map(_code, _TOKEN.findall(whole)), np.uint32)
    first, second = words[:-1], words[1:]
    pairs = _paired(first, second)[(first > 0) & (second > 0)]
    return np.unique(np.concatenate([words[words > 0], pairs]))


def spellings(text: str) -> Iterator[tuple[int, str]]:
    """The terms of a text as they stand in it, each as often as it does: (code, spelt)."""
    whole = _MATHS.sub(".", text)
    before: tuple[int, int] | None = None
    for token in _TOKEN.finditer(whole):
        code = _code(token[0].lower())
        if code:
            yield code, whole[slice(*token.span())]
            if before is not None:
                pair = (before[0] * int(_PAIR) + code) % 2**32 or 1  # as `_paired` has it
                yield pair, " ".join(whole[before[1] : token.end()].split())
        before = (code, token.start()) if code else None


def spelt(wanted: Iterable[int], texts: Iterable[str]) -> dict[int, str]:
    """How the texts mostly write some terms: in lower case unless mostly with capitals within.

    Terms that no text has are left out.
    """
    counts: dict[int, Counter[str]] = {code: Counter() for code in wanted}
    for text in texts:
        for code, written in spellings(text):
            if code in counts:
                counts[code][_usual(written)] += 1
    # Ties fall to what sorts first, so that the same texts give the same answer.
    return {
        code: min(found.items(), key=lambda one: (-one[1], one[0]))[0]
        for code, found in counts.items()
        if found
    }


def words_of(code_of_phrase: int, written: str) -> tuple[int, ...]:
    """The codes of the words that a phrase is made of; none for a single word."""
    inner = [code for word in _WORD.findall(written) if (code := _code(word.lower()))]
    return tuple(inner) if len(inner) > 1 and code_of_phrase not in inner else ()


def _paired(first: Codes, second: Codes) -> Codes:
    with np.errstate(over="ignore"):
        paired: Codes = first * _PAIR + second
    return np.maximum(paired, np.uint32(1))


def _usual(written: str) -> str:
    """A spelling without the capitals that a title gives; `LLM` and `LoRA` keep theirs."""
    return " ".join(_usual_word(word) for word in written.split(" "))


def _usual_word(word: str) -> str:
    parts = re.split(r"([-/])", word)
    return "".join(part.lower() if part[1:].islower() or len(part) < 2 else part for part in parts)
