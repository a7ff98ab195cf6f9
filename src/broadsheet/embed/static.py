"""The embedding that comes with Broadsheet: a table of word vectors, and no network behind it.

A text's vector is the sum of the rows of its stems and of the bigrams that neighbouring stems
form, brought to unit length; a row's length says how much its word tells. Function words have no
row. A word without one is guessed from its letter trigrams, and has a direction of its own. The
idea is that of "Unsupervised Learning of Sentence Embeddings using Compositional n-Gram Features"
(sent2vec); how the rows are trained stands in `broadsheet.embed.training`.

Rows are nested (Matryoshka): the first 64 or 128 numbers, brought to unit length again, are
vectors of their own.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from broadsheet.embed.base import EmbedderError, Vectors
from broadsheet.embed.lexicon import Lexicon, is_word, own_direction
from broadsheet.text.analysis import STOP_WORDS, ascii_words, prose_terms, stem

WIDTHS = (64, 128, 256)
BUILT_IN = Path(__file__).parent / "model"
# A text is read this far: some thirty abstracts.
LONGEST_TEXT = 50_000
# Words looked up at once, which spreads the overhead of each step.
_BLOCK = 32_000
# Rows from which on scipy adds them up in half the time; it takes a moment to load, and the texts
# of a page, which somebody waits for, have fewer.
_MANY = 15_000
# No row; no row and no place in the text; no row and nothing to guess one from.
_UNKNOWN, _SKIPPED, _NO_WORD = -1, -2, -3
# Spellings whose rows are remembered: those of a million papers, but for what occurs once.
_REMEMBERED = 250_000

# An unknown word's length, and the part of it that its letters make one guess; measured.
_OWN, _GUESS = 1.5, 1.5

Ints = NDArray[np.int32]
# A stem, or a word as an ASCII text spells it.
Word = str | bytes


class _Rows(dict[Word, int]):
    """The row of each stem, and of each spelling once it was asked for.

    To look a spelling up is several times faster than to stem it, and most words are old ones.
    """

    def __missing__(self, word: Word) -> int:
        if isinstance(word, str):
            return _UNKNOWN
        term = stem(word.decode())
        row = self[term] if term else _SKIPPED
        if row == _UNKNOWN and not is_word(term):
            row = _NO_WORD
        if len(self) < _REMEMBERED:
            self[word] = row
        return row


class StaticEmbedder:
    """Sums of a table's rows. Fast: many thousand abstracts a second on one core.

    The vector of a text does not depend on the texts encoded with it. Never fails on a text.
    """

    def __init__(
        self, name: str, lexicon: Lexicon, table: NDArray[np.float32], title_share: float
    ) -> None:
        """`table` has a row for each of the lexicon's, shape (len(lexicon), width).

        `title_share` is the title's part of a paper's vector, from 0 to 1.
        """
        self._name = name
        self._lexicon = lexicon
        self._table = table
        self._title_share = np.float32(title_share)
        self._rows = _Rows({**lexicon.rows, **dict.fromkeys(STOP_WORDS, _SKIPPED)})
        self._unknown = lru_cache(maxsize=20_000)(self.guess)

    @property
    def name(self) -> str:
        """The model's name and its width."""
        return f"{self._name}:{self.width}"

    @property
    def width(self) -> int:
        """Numbers a vector."""
        return int(self._table.shape[1])

    @property
    def table(self) -> NDArray[np.float32]:
        """The rows, shape (len(lexicon), width)."""
        return self._table

    @property
    def lexicon(self) -> Lexicon:
        """Which words have rows."""
        return self._lexicon

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """The vectors of texts, shape (len(texts), width), of unit length or zero."""
        return self._encode(texts)

    def encode_papers(self, papers: Sequence[tuple[str, str]]) -> Vectors:
        """The vectors of (title, text) pairs, shape (len(papers), width), of unit length or zero.

        Title and text are encoded apart and mixed, so that a long text does not drown the title.
        """
        titles = self._encode([title for title, _ in papers])
        texts = self._encode([text for _, text in papers])
        mixed = self._title_share * titles + (1 - self._title_share) * texts
        return to_unit_length(mixed)

    def _encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.width), np.float32)
        for start, block in _blocks(texts):
            vectors[start : start + len(block)] = self._sums(block)
        return to_unit_length(vectors)

    def _sums(self, texts: list[Sequence[Word]]) -> Vectors:
        """The sums of the rows of texts that are cut into words."""
        rows = np.fromiter(map(self._rows.__getitem__, chain.from_iterable(texts)), np.int32)
        owners = np.repeat(np.arange(len(texts), dtype=np.int32), [len(text) for text in texts])
        unknown = np.flatnonzero(rows == _UNKNOWN)
        rows[rows == _NO_WORD] = _UNKNOWN
        kept = rows != _SKIPPED
        stems, of_stems = rows[kept], owners[kept]
        bigrams = self._lexicon.bigram_rows(stems[:-1], stems[1:])
        together = (bigrams >= 0) & (of_stems[:-1] == of_stems[1:])
        known = stems >= 0
        sums = self._added(
            np.concatenate([stems[known], bigrams[together]]),
            np.concatenate([of_stems[known], of_stems[:-1][together]]),
            len(texts),
        )
        if len(unknown):
            words = list(chain.from_iterable(texts))
            for place in unknown.tolist():
                vector = self._unknown(words[place])
                if vector is not None:
                    sums[owners[place]] += vector
        return sums

    def _added(self, rows: Ints, owners: Ints, count: int) -> Vectors:
        """The sum of the rows of each of `count` owners, (count, width); the same to the last bit
        however many there are.
        """
        order = np.argsort(owners, kind="stable")
        begins = np.searchsorted(owners[order], np.arange(count + 1))
        if len(rows) >= _MANY:
            return _product(rows[order], begins, self._table)
        sums = np.zeros((count, self.width), np.float32)
        found = self._table[rows[order]]
        # One sum a text: np.add.reduceat does the same many times slower.
        for owner, (begin, end) in enumerate(pairwise(begins.tolist())):
            np.add.reduce(found[begin:end], axis=0, out=sums[owner])
        return sums

    def guess(self, word: Word) -> Vectors | None:
        """The vector of a word without a row, shape (width,): what its letter trigrams make one
        guess, and a direction of its own, by which it finds itself. None for what is no word.
        """
        term = word if isinstance(word, str) else stem(word.decode())
        if not is_word(term):
            return None
        vector = _OWN * own_direction(term, self.width)
        pieces = self._lexicon.pieces(term)
        if pieces:
            mean = np.add.reduce(self._table[pieces], axis=0) / np.float32(len(pieces))
            vector += _GUESS * mean
        return vector


def _product(rows: Ints, begins: NDArray[np.int64], table: NDArray[np.float32]) -> Vectors:
    """The sums of rows[begin:end] of the table between each two of `begins`: a product with a
    matrix of ones, which adds in the same order and keeps no copy of the rows.
    """
    from scipy.sparse import csr_array

    ones = np.ones(len(rows), np.float32)
    picked = csr_array((ones, rows, begins), shape=(len(begins) - 1, len(table)))
    sums: Vectors = picked @ table
    return sums


def to_unit_length(vectors: Vectors) -> Vectors:
    """The vectors divided by their length (Euclidean); zero stays zero."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    found: Vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 1e-12)
    return found


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, list[Sequence[Word]]]]:
    """The texts' words, in runs of about `_BLOCK` words: (place of the first, words of each)."""
    start, size = 0, 0
    block: list[Sequence[Word]] = []
    for place, text in enumerate(texts):
        words = _words(text)
        block.append(words)
        size += len(words)
        if size >= _BLOCK:
            yield start, block
            start, block, size = place + 1, [], 0
    if block:
        yield start, block


def _words(text: str) -> Sequence[Word]:
    text = text[:LONGEST_TEXT]
    if text.isascii():
        return ascii_words(text)
    try:
        return prose_terms(text)
    except UnicodeEncodeError:  # half of a character, as broken JSON has them
        return prose_terms(text.encode("utf-8", "replace").decode())


# --- the model's folder -------------------------------------------------------------------------


def save(
    folder: Path, name: str, lexicon: Lexicon, table: NDArray[np.float32], title_share: float
) -> None:
    """Writes a model: rows as whole numbers from -127 to 127, each row with a scale of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    scales = np.maximum(np.abs(table).max(axis=1), 1e-8).astype(np.float32) / 127
    whole = np.rint(table / scales[:, None]).astype(np.int8)
    np.save(folder / "table.npy", whole)
    np.save(folder / "scales.npy", scales.astype(np.float32))
    pairs = "\n".join(f"{first} {second}" for first, second in lexicon.bigrams)
    words = "\n".join(lexicon.terms) + "\n\n" + pairs
    (folder / "words.xz").write_bytes(lzma.compress(words.encode(), preset=9))
    about = {"name": name, "buckets": lexicon.buckets, "title_share": title_share}
    (folder / "model.json").write_text(json.dumps(about, indent=1) + "\n")


def load(folder: Path, width: int = WIDTHS[-1]) -> StaticEmbedder:
    """A model from its folder, cut to `width` numbers a vector. Raises EmbedderError."""
    if width not in WIDTHS:
        raise EmbedderError(f"The built-in embedding has widths 64, 128 and 256, not {width}.")
    try:
        about = json.loads((folder / "model.json").read_text())
        lexicon = _lexicon(folder, int(about["buckets"]))
        whole = np.load(folder / "table.npy")[:, :width]
        scales = np.load(folder / "scales.npy")
        table = whole * scales[:, None]
        if len(table) != len(lexicon):
            raise ValueError("words and rows differ in number")
        return StaticEmbedder(str(about["name"]), lexicon, table, float(about["title_share"]))
    except (OSError, ValueError, KeyError, lzma.LZMAError) as error:
        raise EmbedderError(f"The embedding in {folder.name} cannot be read: {error}.") from error


def load_lexicon(folder: Path = BUILT_IN) -> Lexicon:
    """A model's words alone, commonest first, without the table. Raises EmbedderError."""
    try:
        return _lexicon(folder, buckets=0)
    except (OSError, ValueError, lzma.LZMAError) as error:
        raise EmbedderError(f"The words in {folder.name} cannot be read: {error}.") from error


def _lexicon(folder: Path, buckets: int) -> Lexicon:
    words, _, pairs = lzma.decompress((folder / "words.xz").read_bytes()).partition(b"\n\n")
    bigrams = np.array(pairs.split(), np.int32).reshape(-1, 2)
    return Lexicon(words.decode().split("\n"), bigrams, buckets)


@cache
def load_built_in(width: int = WIDTHS[-1]) -> StaticEmbedder:
    """The model that comes with Broadsheet; loaded once. Raises EmbedderError."""
    return load(BUILT_IN, width)
