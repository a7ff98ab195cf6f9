"""Where the table starts before its training: what a teacher makes of every single word.

The recipe is that of static models distilled from sentence encoders: encode each word alone, take
the mean away, keep the main directions (principal components) with their spread made more equal,
and weigh each word by how rare it is ("A Simple but Tough-to-Beat Baseline for Sentence
Embeddings", Arora et al. 2017). Without a teacher the table starts at random.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from broadsheet.embed.lexicon import Lexicon, own_direction

Floats = NDArray[np.float32]

# How much of the spread of the main directions is taken back: all of them equally wide would be 1.
_WHITENED = 0.5
# A word's weight is its information over this many nats, to this power.
_NATS, _POWER = 12.0, 1.5
# A bigram adds to its two words; alone it would say as much as they do.
_BIGRAM_PART = 0.4
# Part of a rare word's start that is a direction of its own, and the shares of all words between
# which it grows from none: a teacher makes rare words too much alike to tell them apart.
_OWN_PART, _OWN_FROM, _OWN_FULL = 0.5, 1e-4, 1e-6
_BATCH = 512


class Teacher(Protocol):
    """What encodes words for the start: sentence-transformers, as a rule."""

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Vectors of unit length, one a text."""

    def words(self) -> list[str]:
        """The whole words of its own vocabulary."""


class SentenceTeacher:
    """A model of sentence-transformers, run on the processor in half precision."""

    def __init__(self, path: str) -> None:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - only here

        self._model: Any = SentenceTransformer(path, device="cpu")

    def vectors(self, texts: Sequence[str]) -> Floats:
        """Vectors of unit length, one a text."""
        import torch  # noqa: PLC0415 - only here

        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
            found = self._model.encode(
                list(texts), batch_size=_BATCH, normalize_embeddings=True, show_progress_bar=False
            )
        return np.asarray(found, np.float32)

    def words(self) -> list[str]:
        """The whole words of its own vocabulary; pieces of words and single letters are none."""
        with contextlib.suppress(AttributeError):
            known = self._model.tokenizer.get_vocab()
            return sorted(word for word in known if word.isalpha() and len(word) > 2)
        return []


def from_teacher(
    teacher: Teacher,
    lexicon: Lexicon,
    forms: dict[str, str],
    shares: NDArray[np.float64],
    width: int,
) -> Floats:
    """The table to start from, shape (len(lexicon), width); buckets are zero."""
    spelt = [forms.get(term, term) for term in lexicon.terms]
    pairs = [f"{spelt[first]} {spelt[second]}" for first, second in lexicon.bigrams]
    raw = teacher.vectors(spelt + pairs)
    words = len(spelt)
    raw = raw - raw[:words].mean(axis=0)
    # Main directions of the words as they are used: rare ones would count most otherwise.
    weights = np.sqrt(shares[:words, None]).astype(np.float32)
    weighted = raw[:words] * np.minimum(weights, weights.max() / 10)
    directions = np.linalg.eigh(weighted.T @ weighted)[1][:, ::-1]
    table = raw @ directions[:, :width]
    table = _unit(table / np.maximum(table[:words].std(axis=0), 1e-6) ** _WHITENED)
    rarity = np.log(_OWN_FROM / shares[:words]) / np.log(_OWN_FROM / _OWN_FULL)
    own = np.stack([own_direction(term, width) for term in lexicon.terms])
    table[:words] += _OWN_PART * np.clip(rarity, 0, 1)[:, None] * own
    return _weighted(_unit(table), lexicon, shares)


def at_random(lexicon: Lexicon, shares: NDArray[np.float64], width: int, seed: int) -> Floats:
    """A table of random directions with the same weights; for a training without a teacher."""
    table = np.random.default_rng(seed).normal(size=(len(shares), width))
    return _weighted(_unit(table), lexicon, shares)


def _weighted(table: NDArray[Any], lexicon: Lexicon, shares: NDArray[np.float64]) -> Floats:
    """The table with its rows brought to the lengths they start with, and rows for the buckets."""
    table = table * ((-np.log(np.maximum(shares, 1e-8)) / _NATS) ** _POWER)[:, None]
    table[len(lexicon.terms) :] *= _BIGRAM_PART
    return np.concatenate([table, np.zeros((lexicon.buckets, table.shape[1]))]).astype(np.float32)


def _unit(table: NDArray[Any]) -> NDArray[Any]:
    unit: NDArray[Any] = table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9)
    return unit
