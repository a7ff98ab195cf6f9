"""The papers that the embedding is trained on, as arrays of word numbers.

Only for training. A corpus is read once, from JSON Lines (`.jsonl`, `.jsonl.xz`), and kept as two
flat arrays: every text's known stems in order, and beside each stem the row of the bigram that it
begins. A text is a range of both; so is any piece of a text.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from broadsheet.embed.lexicon import Lexicon, is_word
from broadsheet.text.analysis import STOP_WORDS, prose_terms

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Watch = Callable[[int, int], None]

# One paper in this many is held out of the training, by its title.
HELD_OUT = 85
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
_MARK = " zqsentenceendqz "
_SPELT = re.compile(r"[a-z][a-z0-9]+")
_NOT_PLAIN = re.compile(r"[^a-z0-9]+")
# Surface forms are counted in one paper of this many: enough to know the most frequent.
_SURFACE_SHARE = 3


@dataclass(frozen=True)
class Words:
    """Every stem of the papers, before any is chosen: `flat` numbers into `terms`.

    `ends` are the ends of the texts in `flat`: three to a paper (title, abstract, keywords).
    `held` says of each paper whether it is held out. `forms` gives stems their commonest word.
    """

    terms: list[str]
    flat: Ints
    ends: Longs
    held: NDArray[np.bool_]
    forms: dict[str, str]


@dataclass(frozen=True)
class Corpus:
    """Texts as ranges of `stems` and `bigrams` (rows of the table; -1: none, or a sentence's end).

    Text 3p is paper p's title, 3p + 1 its abstract, 3p + 2 its keywords.
    """

    stems: Ints
    bigrams: Ints
    starts: Longs
    ends: Longs
    held: NDArray[np.bool_]


def is_held_out(title: str) -> bool:
    """Whether a paper of this title is kept from the training, wherever it stands."""
    plain = _NOT_PLAIN.sub(" ", title.lower()).strip()
    digest = hashlib.sha256(plain.encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT == 0


def read_papers(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The papers of JSON Lines files, in order. Raises OSError, ValueError, lzma.LZMAError."""
    for path in paths:
        opener = lzma.open if path.suffix == ".xz" else open
        with cast("TextIO", opener(path, "rt", encoding="utf-8")) as lines:
            for line in lines:
                if line.strip():
                    yield json.loads(line)


def read_words(paths: Sequence[Path], watch: Watch | None = None) -> Words:
    """All words of the papers in `paths`."""
    return words_of(read_papers(paths), watch)


def words_of(papers: Iterable[dict[str, Any]], watch: Watch | None = None) -> Words:
    """All words of papers that are read one by one."""
    numbers: defaultdict[str, int] = defaultdict()
    numbers.default_factory = numbers.__len__
    number = numbers.__getitem__
    (mark,) = prose_terms(_MARK)
    number(mark)
    pieces: list[Ints] = []
    lengths: list[int] = []
    held: list[bool] = []
    spelt: Counter[str] = Counter()
    for count, paper in enumerate(papers):
        title, abstract = str(paper.get("title") or ""), str(paper.get("abstract") or "")
        keywords = paper.get("keywords") or []
        listed = _MARK.join(keywords) if isinstance(keywords, list) else str(keywords)
        for text in (title, _SENTENCE_END.sub(_MARK, abstract), listed):
            ids = np.fromiter(map(number, prose_terms(text)), np.int32)
            pieces.append(ids)
            lengths.append(len(ids))
        held.append(is_held_out(title))
        if count % _SURFACE_SHARE == 0:
            spelt.update(_SPELT.findall(f"{title} {abstract}".lower()))
        if watch and count % 5000 == 0:
            watch(count, 0)
    forms: dict[str, str] = {}
    for word, _ in spelt.most_common():
        for term in prose_terms(word):
            forms.setdefault(term, word)
    return Words(
        list(numbers),
        np.concatenate(pieces) if pieces else np.zeros(0, np.int32),
        np.cumsum(np.array(lengths, np.int64)),
        np.array(held, bool),
        forms,
    )


def choose(
    words: Words, stems: int, bigrams: int, extra: Sequence[str], buckets: int
) -> tuple[Lexicon, NDArray[np.float64]]:
    """The stems and bigrams that get rows, and every row's share of all words.

    Stems go by how often they stand, bigrams by what they tell beyond their parts: count times
    the logarithm of how much more often they stand than chance would have them. `extra` are
    words that get rows though the papers hardly use them; papers held out are not counted.
    """
    flat = words.flat
    owner = np.repeat(np.arange(len(words.ends)), np.diff(words.ends, prepend=0))
    flat = flat[~np.repeat(words.held, 3)[owner]] if len(words.held) else flat
    counts = np.bincount(flat, minlength=len(words.terms))
    usable = np.array([is_word(term) and term not in STOP_WORDS for term in words.terms], bool)
    usable[0] = False
    order = np.argsort(-np.where(usable, counts, -1), kind="stable")
    chosen = [int(number) for number in order[:stems] if usable[number] and counts[number] > 2]
    known = {words.terms[number] for number in chosen}
    added = sorted({term for word in extra for term in prose_terms(word)} - known - STOP_WORDS)
    added = [term for term in added if is_word(term)]
    row_of = np.full(len(words.terms), -1, np.int64)
    row_of[chosen] = np.arange(len(chosen))
    skipped = np.array([term in STOP_WORDS for term in words.terms], bool)
    rows = row_of[flat[~skipped[flat]]]
    known_counts = counts[chosen].astype(np.float64)
    pairs, often = _frequent_pairs(rows, len(chosen))
    first, second = pairs // len(chosen), pairs % len(chosen)
    surprise = np.log(often * len(rows) / (known_counts[first] * known_counts[second]))
    best = np.argsort(-often * surprise, kind="stable")[:bigrams]
    best = np.sort(best[surprise[best] > 0])
    terms = [words.terms[number] for number in chosen] + added
    lexicon = Lexicon(
        terms, np.stack([first[best], second[best]], axis=1).astype(np.int32), buckets
    )
    shares = np.concatenate([known_counts, np.full(len(added), 2.0), often[best]]) / len(rows)
    return lexicon, shares


def _frequent_pairs(rows: Longs, width: int, least: int = 20) -> tuple[Longs, NDArray[np.int64]]:
    """Neighbours that stand together at least `least` times: (first * width + second, count)."""
    near = (rows[:-1] >= 0) & (rows[1:] >= 0)
    keys = rows[:-1][near] * width + rows[1:][near]
    keys.sort()
    begins = np.flatnonzero(np.diff(keys, prepend=-1))
    often = np.diff(begins, append=len(keys))
    kept = often >= least
    return keys[begins][kept], often[kept]


def number(words: Words, lexicon: Lexicon) -> Corpus:
    """The papers' texts in rows of the table; function words and unknown ones are gone."""
    rows = np.array([lexicon.row(term) for term in words.terms], np.int32)
    skipped = np.array([term in STOP_WORDS for term in words.terms], bool)
    kept = ~skipped[words.flat]
    before = np.concatenate([[0], np.cumsum(kept)])
    ends = before[words.ends]
    starts = np.concatenate([[0], ends[:-1]])
    stems = rows[words.flat[kept]]
    bigrams = np.full(len(stems), -1, np.int32)
    for start in range(0, len(stems), 10_000_000):
        piece = stems[start : start + 10_000_001]
        found = lexicon.bigram_rows(piece[:-1], piece[1:])
        bigrams[start : start + len(found)] = found
    if len(ends):
        bigrams[ends[ends > 0] - 1] = -1
    return Corpus(stems, bigrams, starts, ends, words.held)
