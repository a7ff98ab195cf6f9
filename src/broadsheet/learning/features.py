"""A paper as numbers: its vector, and its words weighed by how much they tell.

Words are the stems the index has (`text.analysis`) and pairs of neighbouring stems, function words
left out. Half of what a paper's words say are phrases: runs of up to three words as they are spelt,
function words among them, that several papers of a sample have. They tell the forms of a word
apart, and whose hand wrote a paper. A word's weight in a paper is (1 + log count) × how much it
tells, a word of the title counted twice, and a paper's weights are brought to unit length
(Euclidean): tf-idf after Salton and Buckley, "Term-weighting approaches in automatic text
retrieval" (1988). How much a word tells is 1 - log of the share of papers that have it: by a sample
of the papers held, and before that by its rank among all words (Zipf), which the embedding's list
of words has. No paper's features depend on the papers beside it.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.embed.lexicon import Lexicon, is_word
from broadsheet.embed.static import LONGEST_TEXT, load_lexicon, to_unit_length
from broadsheet.text.analysis import STOP_WORDS, ascii_words, name_terms, prose_terms, stem

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
# A sparse matrix of scipy (CSR, float32); scipy has no types of its own.
Sparse = Any

_SKIPPED = -1
_NONE = np.zeros(0, np.float32)
# Words beyond so many are left out: no stream of odd papers fills the memory.
_MOST_WORDS = 1_000_000
# Spellings whose number is remembered, as in the embedding.
_REMEMBERED = 250_000
# The share of papers with a word, by its rank r: 1 / (2 + r / _COMMON). It counts as much as so
# many papers of a sample.
_COMMON = 10.0
_LISTED = 2_000
# A pair of stems counts as a word where so many papers of the sample have it.
_LEAST_PAIR = 3
# A run of words as they are spelt is a phrase where so many papers of the sample have it; how long
# it is at most; and the phrases' part of what a paper's words say.
_LEAST_PHRASE = 2
_LONGEST_PHRASE = 3
_PHRASES = 0.5
_TITLE = 2.0
# Larger than any number of a word; two and the place of a paper, or three, fit into 64 bits.
_KEY = 1 << 21


@dataclass(frozen=True, slots=True, eq=False)
class Lexis:
    """A vocabulary as it can be kept: the words it has beyond its list, in their order, of which
    the first `sampled` are the sample's; keys of pairs; the words of phrases as they are spelt,
    the phrases' keys and under which number each is told (`_Phrases`, `Vocabulary.told_as`); how
    much each number tells (`told`), and any word met later (`rarest`). `listed` names the list of
    words it begins with.
    """

    words: tuple[str, ...]
    sampled: int
    keys: Ints
    spelt: tuple[str, ...]
    phrases: Ints
    plainly: Ints
    told: Floats
    rarest: float
    listed: int


class _Known(dict[bytes, int]):
    """Words with their numbers; any other has the number 0."""

    def __missing__(self, word: bytes) -> int:
        return 0


class _Phrases:
    """The runs of words that papers of a sample share, as they are spelt.

    `keys` (phrases,) in order: the words' numbers, from 1, in the base `_KEY`; `words` are the
    words by number.
    """

    def __init__(self, words: Sequence[bytes], keys: Ints) -> None:
        self.words = words
        self.keys = keys
        self._numbers = _Known((word, number) for number, word in enumerate(words) if number)

    @classmethod
    def of(cls, texts: Sequence[str]) -> tuple[_Phrases, Ints]:
        """The phrases of a sample, and in how many of its texts each is, (phrases,)."""
        cut = [_spelling(text) for text in texts]
        spellings = list(dict.fromkeys(chain.from_iterable(cut)))
        owners, ids = _numbered(cut, {word: place for place, word in enumerate(spellings)})
        kept, _ = _shared_by(owners, ids)
        kept = kept[: _KEY - 1]
        words = [b"", *(spellings[id_] for id_ in kept.tolist())]
        renumbered = np.zeros(len(spellings), np.int64)
        renumbered[kept] = np.arange(1, len(kept) + 1)
        found = [_shared_by(*run) for run in _runs(owners, renumbered[ids])]
        # Shorter runs have the smaller keys, so they are in order.
        keys = np.concatenate([keys for keys, _ in found])
        return cls(words, keys), np.concatenate([counts for _, counts in found])

    def places(self, texts: Sequence[str]) -> tuple[Ints, Ints]:
        """The phrases of texts: the text each stands in, and its place among the keys."""
        if not len(self.keys):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        owners, places = [], []
        for of, keys in _runs(*_numbered([_spelling(text) for text in texts], self._numbers)):
            at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            hit = self.keys[at] == keys
            owners.append(of[hit])
            places.append(at[hit])
        return np.concatenate(owners), np.concatenate(places)

    def spelt(self, place: int) -> list[str]:
        """The words of the phrase at this place."""
        key, words = int(self.keys[place]), []
        while key:
            key, number = divmod(key, _KEY)
            words.append(self.words[number].decode())
        return words[::-1]


class Vocabulary:
    """The words' numbers, and how much they tell. It grows; a number once given stays, and names a
    word for good. Safe to share between threads.

    Numbers run: the embedding's list of words, the sample's other words, pairs, phrases, words met
    since.
    """

    def __init__(
        self, sample: Sequence[tuple[str, str]] = (), lexicon: Lexicon | None = None
    ) -> None:
        """`sample` are papers held, as (title, text): some thousands say which words tell papers
        apart here, and which pairs belong together. `lexicon` is the list of words to begin with,
        commonest first; the built-in one else.
        """
        lexicon = lexicon or built_in_lexicon()
        self._begin(lexicon)
        first, second = lexicon.bigrams.T.astype(np.int64)
        self._keys: Ints = np.sort(first * _KEY + second)
        # Pairs and phrases have no numbers until the sample's words have theirs.
        self._pairs = self._runs = self._others = _MOST_WORDS
        self._phrases, of_phrases = _Phrases.of([f"{title} . {text}" for title, text in sample])
        owners, ids = _stems([f"{title} {text}" for title, text in sample], self)
        pair_owners, keys = _neighbours(owners, ids)
        once = _distinct(pair_owners * _KEY**2 + keys) % _KEY**2
        found, counts = np.unique(once, return_counts=True)
        self._keys = np.union1d(self._keys, found[counts >= _LEAST_PAIR])
        self._pairs = len(self._words)
        self._runs = self._pairs + len(self._keys)
        self._others = self._runs + len(self._phrases.keys)
        self._plainly = self._plain()
        self._told, self._rarest = self._telling(
            lexicon, len(sample), owners, ids, found, counts, of_phrases
        )

    @classmethod
    def restored(cls, kept: Lexis, lexicon: Lexicon | None = None) -> Vocabulary:
        """The vocabulary that was kept. Raises ValueError where its list of words is another."""
        lexicon = lexicon or built_in_lexicon()
        if kept.listed != _name_of(lexicon):
            raise ValueError("the vocabulary begins with another list of words")
        self = cls.__new__(cls)
        self._begin(lexicon)
        self._keys, self._told, self._rarest = kept.keys, kept.told, np.float32(kept.rarest)
        self._phrases = _Phrases([word.encode() for word in kept.spelt], kept.phrases)
        self._plainly = kept.plainly
        self._pairs = len(self._words) + kept.sampled
        self._runs = self._pairs + len(kept.keys)
        self._others = self._runs + len(kept.phrases)
        for word in kept.words:
            self._add(word)
        return self

    def kept(self) -> Lexis:
        """All that another process needs to give words the same numbers."""
        with self._lock:
            words = tuple(self._words[self._listed :])
        return Lexis(
            words,
            self._pairs - self._listed,
            self._keys,
            tuple(word.decode() for word in self._phrases.words),
            self._phrases.keys,
            self._plainly,
            self._told,
            float(self._rarest),
            self._name,
        )

    def _begin(self, lexicon: Lexicon) -> None:
        self._name, self._listed = _name_of(lexicon), len(lexicon.terms)
        self._words = list(lexicon.terms)
        self._ids: dict[str | bytes, int] = {}
        self._ids.update(lexicon.rows)
        self._ids.update(dict.fromkeys(STOP_WORDS, _SKIPPED))
        self._spellings = 0
        self._lock = Lock()

    def _add(self, term: str) -> int:
        at = len(self._words)
        id_ = at if at < self._pairs else at - self._pairs + self._others
        self._words.append(term)
        self._ids[term] = id_
        return id_

    def _telling(
        self,
        lexicon: Lexicon,
        papers: int,
        owners: Ints,
        ids: Ints,
        keys: Ints,
        of_keys: Ints,
        of_phrases: Ints,
    ) -> tuple[Floats, np.float32]:
        """How much each number so far tells, and any word met later."""
        rarest = 1 / (2 + len(lexicon.terms) / _COMMON)
        shares = np.full(self._others, rarest)
        shares[: len(lexicon.terms)] = 1 / (2 + np.arange(len(lexicon.terms)) / _COMMON)
        once = _distinct(owners * _KEY + ids) % _KEY
        counts = np.bincount(once, minlength=self._others).astype(np.float64)
        counts[self._pairs + np.flatnonzero(np.isin(self._keys, keys))] = of_keys[
            np.isin(keys, self._keys)
        ]
        counts[self._runs :] = of_phrases
        whole = 1 + papers + _LISTED
        told = 1 + np.log(whole / (1 + counts + _LISTED * shares))
        return told.astype(np.float32), np.float32(1 + np.log(whole / (1 + _LISTED * rarest)))

    def __len__(self) -> int:
        """How many numbers are given so far."""
        return len(self._words) + self._others - self._pairs

    def word(self, id_: int) -> str:
        """The word of a number: a stem or two, or a phrase as its words are spelt.

        Raises IndexError where it was never given.
        """
        if not 0 <= id_ < len(self):
            raise IndexError(f"no word has the number {id_}")
        if id_ < self._pairs:
            return self._words[id_]
        if id_ < self._runs:
            first, second = divmod(int(self._keys[id_ - self._pairs]), _KEY)
            return f"{self.word(first)} {self.word(second)}"
        if id_ < self._others:
            return " ".join(self._phrases.spelt(id_ - self._runs))
        return self._words[id_ - self._others + self._pairs]

    def told_as(self, ids: Ints) -> Ints:
        """The numbers under which words are told: of a phrase that says no more than a stem or a
        pair of stems, theirs; of any other word its own.
        """
        told = ids.copy()
        phrases = self.is_phrase(ids)
        told[phrases] = self._plainly[ids[phrases] - self._runs]
        return told

    def _plain(self) -> Ints:
        """For each phrase the number under which it is told, (phrases,)."""
        stems = np.array([_SKIPPED, *self.ids(self._phrases.words[1:])], np.int64)
        places, keys = [], self._phrases.keys
        for _ in range(_LONGEST_PHRASE):
            keys, numbers = np.divmod(keys, _KEY)
            places.append(stems[numbers])
        # What stands in a phrase last comes last; function words and nothing come first.
        found = np.array(places[::-1]).T
        found = np.take_along_axis(found, np.argsort(found >= 0, axis=1, kind="stable"), axis=1)
        second, first, before = found[:, -1], found[:, -2], found[:, -3]
        own = np.arange(len(found)) + self._runs
        pairs = self.pairs(first * _KEY + second)
        is_one = (second >= 0) & (first < 0)
        is_pair = (first >= 0) & (before < 0) & (pairs >= 0)
        return np.where(is_one, second, np.where(is_pair, pairs, own))

    def is_phrase(self, ids: Ints) -> NDArray[np.bool_]:
        """Which numbers are phrases', of the same shape."""
        return (ids >= self._runs) & (ids < self._others)

    def phrases(self, texts: Sequence[str]) -> tuple[Ints, Ints]:
        """The phrases of texts: the text each stands in, and its number."""
        owners, places = self._phrases.places(texts)
        return owners, places + self._runs

    def ids(self, words: Sequence[str | bytes]) -> list[int]:
        """The number of each word, -1 for function words and what is no word.

        Text is a stem; bytes are a word as an ASCII text spells it, in lower case.
        """
        known = self._ids
        return [known[word] if word in known else self._meet(word) for word in words]

    def _meet(self, word: str | bytes) -> int:
        term = word if isinstance(word, str) else stem(word.decode())
        with self._lock:
            id_ = self._ids.get(term, _SKIPPED)
            if term and term not in self._ids and is_word(term) and len(self._words) < _MOST_WORDS:
                id_ = self._add(term)
            if isinstance(word, bytes) and self._spellings < _REMEMBERED:
                self._spellings += 1
                self._ids[word] = id_
        return id_

    def pairs(self, keys: Ints) -> Ints:
        """The numbers of pairs by their keys (`_neighbours`); -1 where a pair has none."""
        places = np.searchsorted(self._keys, keys)
        places[places == len(self._keys)] = 0
        return np.where(self._keys[places] == keys, places + self._pairs, _SKIPPED)

    def telling(self, ids: Ints) -> Floats:
        """How much each word tells, above 1."""
        told = np.full(len(ids), self._rarest, np.float32)
        known = ids < len(self._told)
        told[known] = self._told[ids[known]]
        return told


def _name_of(lexicon: Lexicon) -> int:
    return zlib.crc32("\n".join(lexicon.terms).encode())


@cache
def built_in_lexicon() -> Lexicon:
    """The words of the embedding that comes with Broadsheet. Raises EmbedderError."""
    return load_lexicon()


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """Papers as numbers, a row each.

    `dense` has shape (n, width), rows of unit length or zero; width is 0 where there is no
    embedding. `words` has shape (n, words), rows of unit length or zero; `vocabulary` names its
    columns. Rows of one vocabulary can be compared, though it may have grown between them.
    """

    dense: Floats
    words: Sparse
    vocabulary: Vocabulary

    def __len__(self) -> int:
        return int(self.dense.shape[0])

    def take(self, rows: Sequence[int] | Ints) -> Features:
        """The papers of these rows, in this order."""
        chosen = np.asarray(rows, np.int64)
        return Features(self.dense[chosen], self.words[chosen], self.vocabulary)


def features(
    texts: Sequence[tuple[str, str]], dense: Floats | None, vocabulary: Vocabulary
) -> Features:
    """The features of papers given as (title, text); `dense` are their vectors, (n, width).

    Raises ValueError where there is not one vector a paper.
    """
    if dense is None:
        dense = np.zeros((len(texts), 0), np.float32)
    if dense.ndim != 2 or len(dense) != len(texts):
        raise ValueError("there must be one vector a paper")
    titles, bodies = [title for title, _ in texts], [text for _, text in texts]
    stems = [_counted(part, vocabulary) for part in (titles, bodies)]
    phrases = [vocabulary.phrases(part) for part in (titles, bodies)]
    shape = (len(texts), len(vocabulary))
    words = _mixed(_weighed(stems, shape, vocabulary), _weighed(phrases, shape, vocabulary))
    return Features(unit(dense), words, vocabulary)


def stack(parts: Sequence[Features]) -> Features:
    """The papers of all parts, one after the other; there must be a part.

    Parts without vectors beside parts with vectors get zeros. Raises ValueError where no part is
    given, or where vectors of two widths or words of two vocabularies meet.
    """
    from scipy.sparse import csr_array, vstack

    widths = {part.dense.shape[1] for part in parts} - {0}
    if not parts or len(widths) > 1 or len({id(part.vocabulary) for part in parts}) > 1:
        raise ValueError("there must be papers, of one vocabulary and with vectors of one width")
    width = max(widths, default=0)
    words = max(part.words.shape[1] for part in parts)
    dense = [
        part.dense if part.dense.shape[1] == width else np.zeros((len(part), width), np.float32)
        for part in parts
    ]
    return Features(
        np.concatenate(dense),
        csr_array(vstack([widened(part.words, words) for part in parts], format="csr")),
        parts[0].vocabulary,
    )


def assembled(
    dense: Floats, ids: Sequence[Ints], weights: Sequence[Floats], vocabulary: Vocabulary
) -> Features:
    """Features put together again from what was kept of each paper: its vector, a row of `dense`
    (n, width), and the words it has with their weights.
    """
    from scipy.sparse import csr_array

    ends = np.cumsum([0, *map(len, ids)])
    parts = (np.concatenate([*weights, _NONE]), np.concatenate([*ids, _NONE.astype(np.int64)]))
    words = csr_array((*parts, ends), shape=(len(dense), len(vocabulary)))
    return Features(dense, words, vocabulary)


def widened(matrix: Sparse, width: int) -> Sparse:
    """The sparse matrix with at least `width` columns; nothing is copied."""
    from scipy.sparse import csr_array

    if matrix.shape[1] >= width:
        return matrix
    shape = (matrix.shape[0], width)
    return csr_array((matrix.data, matrix.indices, matrix.indptr), shape=shape)


def _counted(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[Ints, Ints]:
    """The words and the pairs of texts: the text each stands in, and its number."""
    owners, ids = _stems(texts, vocabulary)
    pair_owners, keys = _neighbours(owners, ids)
    pairs = vocabulary.pairs(keys)
    known = pairs >= 0
    return np.concatenate([owners, pair_owners[known]]), np.concatenate([ids, pairs[known]])


def _stems(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[Ints, Ints]:
    """The words of texts without function words: the text each stands in, and its number."""
    cut = [_words(text) for text in texts]
    lengths = [len(words) for words in cut]
    ids = np.fromiter(vocabulary.ids(list(chain.from_iterable(cut))), np.int64, count=sum(lengths))
    owners = np.repeat(np.arange(len(texts), dtype=np.int64), lengths)
    kept = ids != _SKIPPED
    return owners[kept], ids[kept]


def _neighbours(owners: Ints, ids: Ints) -> tuple[Ints, Ints]:
    """The neighbours among words: the text each pair stands in, and its key.

    As in the embedding, words with nothing but function words between them are neighbours.
    """
    together = owners[:-1] == owners[1:]
    return owners[:-1][together], (ids[:-1] * _KEY + ids[1:])[together]


def _words(text: str) -> Sequence[str | bytes]:
    text = text[:LONGEST_TEXT]
    if text.isascii():
        return ascii_words(text)
    try:
        return prose_terms(text)
    except UnicodeEncodeError:  # half of a character, as broken JSON has them
        return prose_terms(text.encode("utf-8", "replace").decode())


def _spelling(text: str) -> list[bytes]:
    """The words of a text as they are spelt, in lower case and without accents."""
    text = text[:LONGEST_TEXT]
    if text.isascii():
        return ascii_words(text)
    return [word.encode() for word in name_terms(text.encode("utf-8", "replace").decode())]


def _numbered(cut: Sequence[list[bytes]], numbers: dict[bytes, int]) -> tuple[Ints, Ints]:
    """The words of texts: the text each stands in, and its number."""
    lengths = [len(words) for words in cut]
    words = chain.from_iterable(cut)
    ids = np.fromiter(map(numbers.__getitem__, words), np.int64, count=sum(lengths))
    return np.repeat(np.arange(len(cut), dtype=np.int64), lengths), ids


def _runs(owners: Ints, ids: Ints) -> list[tuple[Ints, Ints]]:
    """The runs of one word, of two, up to `_LONGEST_PHRASE`: the text each stands in, and its key.

    A word of number 0 is in none.
    """
    found = []
    keys, known = ids, ids > 0
    for length in range(_LONGEST_PHRASE):
        if length:
            together = owners[: len(keys) - 1] == owners[length:]
            known = known[:-1] & (ids[length:] > 0) & together
            keys = keys[:-1] * _KEY + ids[length:]
        found.append((owners[: len(keys)][known], keys[known]))
    return found


def _shared_by(owners: Ints, keys: Ints) -> tuple[Ints, Ints]:
    """Which keys several texts have, in order, and how many have each."""
    named, places = np.unique(keys, return_inverse=True)
    once = _distinct(owners * (len(named) + 1) + places) % (len(named) + 1)
    counts = np.bincount(once, minlength=len(named))
    return named[counts >= _LEAST_PHRASE], counts[counts >= _LEAST_PHRASE]


def _distinct(values: Ints) -> Ints:
    """The values in order, each once. (`numpy.unique` hashes, which is slow for many.)"""
    ordered = np.sort(values)
    found: Ints = ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)]]
    return found


def _weighed(
    parts: Sequence[tuple[Ints, Ints]], shape: tuple[int, int], vocabulary: Vocabulary
) -> Sparse:
    """What the words of titles, the first part, and of texts weigh in papers; rows of unit length
    or zero.
    """
    from scipy.sparse import csr_array

    owners, ids = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    counts = np.ones(len(ids), np.float32)
    counts[: len(parts[0][1])] = _TITLE
    words = csr_array((counts, (owners, ids)), shape=shape)
    words.sum_duplicates()
    words.data = (1 + np.log(words.data)) * vocabulary.telling(words.indices.astype(np.int64))
    return _long(words)


def _mixed(words: Sparse, phrases: Sparse) -> Sparse:
    """Words and phrases by their parts, rows of unit length or zero."""
    return _long(words * np.float32((1 - _PHRASES) ** 0.5) + phrases * np.float32(_PHRASES**0.5))


def _long(words: Sparse) -> Sparse:
    """The same with rows of unit length; zero stays zero."""
    rows = np.repeat(np.arange(words.shape[0]), np.diff(words.indptr))
    squares = np.bincount(rows, words.data.astype(np.float64) ** 2, minlength=words.shape[0])
    words.data = (words.data / np.sqrt(squares[rows])).astype(np.float32)
    return words


def unit(vectors: Floats) -> Floats:
    """The vectors at unit length; zero stays zero, and what is no number counts as zero."""
    return to_unit_length(np.nan_to_num(vectors.astype(np.float32), posinf=0.0, neginf=0.0))
