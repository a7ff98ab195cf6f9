"""Rows for words that have none of their own: letter trigrams fitted to the words that do.

After "Mimicking Word Embeddings using Subword RNNs" (Pinter et al. 2017) and "Generalizing Word
Embeddings using Bag of Subwords" (Zhao et al. 2018): the mean of a word's trigrams' rows shall be
the word's own row, by least squares, rare words counting as unknown ones will.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from broadsheet.embed.lexicon import Lexicon

Floats = NDArray[np.float32]

# How strongly the trigrams' rows are held to zero, in words.
_RIDGE = 1.0
# Words commoner than this share look unlike the ones that are unknown.
_COMMON = 1e-5


def fill_buckets(lexicon: Lexicon, table: Floats, shares: NDArray[np.float64]) -> Floats:
    """The table with its last rows, the buckets', fitted to the other words' rows."""
    if not lexicon.buckets:
        return table
    first = len(lexicon.terms) + len(lexicon.bigrams)
    rare = [
        (row, places)
        for row, term in enumerate(lexicon.terms)
        if shares[row] < _COMMON and (places := lexicon.pieces(term))
    ]
    gram = np.eye(lexicon.buckets) * _RIDGE
    wanted = np.zeros((lexicon.buckets, table.shape[1]))
    for row, places in rare:
        one = np.array(places) - first
        np.add.at(gram, (one[:, None], one[None, :]), 1 / len(one) ** 2)
        np.add.at(wanted, one, table[row] / len(one))
    found = table.copy()
    found[first:] = np.linalg.solve(gram, wanted)
    return found
