"""An embedder one can see through: words of one concept point the same way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from broadsheet.embed.base import Vectors
from broadsheet.text.analysis import prose_terms, stem

WIDTH = 64
_CONCEPTS = (
    "car automobile vehicle motor",
    "doctor physician clinician medic",
    "sea ocean water wave",
    "bread loaf baking dough",
    "bird hawk owl feather",
    "city town street",
    "wine grape vineyard",
    "music song melody",
)
_AXES = {stem(word): axis for axis, words in enumerate(_CONCEPTS) for word in words.split()}


class Concepts:
    """Every text is the sum of its concepts; words of none are not known."""

    def __init__(self, name: str = "concepts") -> None:
        self.name = name
        self.width = WIDTH
        self.asked: list[str] = []

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (len(texts), 64)."""
        self.asked += texts
        return self._encode(texts)

    def encode_papers(self, papers: Sequence[tuple[str, str]]) -> Vectors:
        """Unit vectors, shape (len(papers), 64); the title counts as much as the text."""
        return self._encode([f"{title} {title} {text}" for title, text in papers])

    def _encode(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), WIDTH), dtype=np.float32)
        for row, text in enumerate(texts):
            for term in prose_terms(text):
                if term in _AXES:
                    # Spread over several numbers, so that the sign of each says something.
                    axis = _AXES[term] * 8
                    vectors[row, axis : axis + 8] += 1.0
            length = float(np.linalg.norm(vectors[row]))
            if length:
                vectors[row] /= length
        return vectors
