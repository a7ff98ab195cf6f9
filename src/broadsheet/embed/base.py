"""What search asks of an embedder, whichever it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class EmbedderError(Exception):
    """An embedder cannot be loaded or does not answer; the message is a sentence."""


class Embedder(Protocol):
    """Turns texts into vectors of `width` numbers and unit length (Euclidean).

    `name` tells embedders apart: vectors of different names cannot be compared. A text in which
    nothing is known becomes the zero vector.
    """

    @property
    def name(self) -> str:
        """What tells this embedder's vectors from any other's; letters, digits, `-._:/` only."""

    @property
    def width(self) -> int:
        """Numbers a vector."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """The vectors of what readers ask, shape (len(texts), width). Raises EmbedderError."""

    def encode_papers(self, papers: Sequence[tuple[str, str]]) -> Vectors:
        """The vectors of papers given as (title, text), shape (len(papers), width).

        Raises EmbedderError.
        """
