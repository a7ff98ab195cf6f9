"""Embedders that others have made: a model of sentence-transformers, or an endpoint that speaks
the embeddings interface of OpenAI. Neither is loaded or asked unless a setting names it.
"""

from __future__ import annotations

import math
import random
import re
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from broadsheet.embed.base import EmbedderError, Vectors
from broadsheet.embed.static import to_unit_length

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9\-._:/]")
# An endpoint is asked this often for one batch before it counts as down.
_TRIES = 6
_LONGEST_WAIT = 60.0
_BATCH = 64
# Models read a few hundred to a few thousand words; longer texts only make requests fail.
_LONGEST_TEXT = 24_000


def joined(title: str, text: str) -> str:
    """A paper as one text."""
    return f"{title}. {text}" if title and text else title or text


class SentenceTransformersEmbedder:
    """A model of the sentence-transformers package, by name or folder."""

    def __init__(self, model: str) -> None:
        """Raises EmbedderError where the package or the model is missing."""
        try:
            from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - heavy, optional
        except ImportError as error:
            raise EmbedderError(
                "Models of sentence-transformers need its package: pip install "
                "sentence-transformers."
            ) from error
        try:
            self._model: Any = SentenceTransformer(model)
            width = self._model.get_sentence_embedding_dimension()
        except Exception as error:
            raise EmbedderError(
                f"The model {model} cannot be loaded: {_first_line(error)}"
            ) from error
        self._name = _NOT_IN_NAMES.sub("-", f"sentence-transformers:{model}")
        self._width = int(width or 0) or self._encode(["width"]).shape[1]

    @property
    def name(self) -> str:
        """The model's name, after the package's."""
        return self._name

    @property
    def width(self) -> int:
        """Numbers a vector."""
        return self._width

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of unit length, shape (len(texts), width). Raises EmbedderError."""
        return self._encode([_clean(text) for text in texts])

    def encode_papers(self, papers: Sequence[tuple[str, str]]) -> Vectors:
        """Vectors of unit length, shape (len(papers), width). Raises EmbedderError."""
        return self._encode([_clean(joined(title, text)) for title, text in papers])

    def _encode(self, texts: list[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self._width), np.float32)
        try:
            found = self._model.encode(texts, convert_to_numpy=True, show_progress_bar=False)
        except Exception as error:
            raise EmbedderError(f"The model failed: {_first_line(error)}") from error
        vectors = np.asarray(found, np.float32)
        vectors[[not text.strip() for text in texts]] = 0
        return to_unit_length(vectors)


class EndpointEmbedder:
    """An endpoint that answers POST /embeddings as OpenAI's does. Use it in a `with`, or close it.

    The key goes into the Authorization header and nowhere else: no message holds it.
    """

    def __init__(
        self,
        model: str,
        base: str,
        key: str | None = None,
        *,
        timeout: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`timeout` in seconds is for each step of a request. Raises EmbedderError."""
        try:
            import httpx  # noqa: PLC0415 - only where a setting asks for an endpoint
        except ImportError as error:
            raise EmbedderError("An embeddings endpoint needs httpx: pip install httpx.") from error
        self._errors = httpx.HTTPError
        self._sleep = sleep
        self._model = model
        self._url = _checked(base) + "/embeddings"
        self._name = _NOT_IN_NAMES.sub("-", f"openai:{model}:{urlsplit(base).netloc}")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        try:
            self._client = httpx.Client(headers=headers, timeout=timeout, follow_redirects=False)
        except (UnicodeError, ValueError) as error:
            raise EmbedderError("The endpoint's key holds characters no header can.") from error
        self._width = 0

    @property
    def name(self) -> str:
        """The model's name and the endpoint's host."""
        return self._name

    @property
    def width(self) -> int:
        """Numbers a vector; asks the endpoint once. Raises EmbedderError."""
        return self._width or self._ask(["width"]).shape[1]

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of unit length, shape (len(texts), width). Raises EmbedderError."""
        cleaned = [_clean(text)[:_LONGEST_TEXT] for text in texts]
        # Endpoints refuse the empty text, which means nothing anyway.
        asked = [place for place, text in enumerate(cleaned) if text.strip()]
        vectors = np.zeros((len(cleaned), self.width), np.float32)
        for start in range(0, len(asked), _BATCH):
            places = asked[start : start + _BATCH]
            vectors[places] = self._ask([cleaned[place] for place in places])
        return vectors

    def encode_papers(self, papers: Sequence[tuple[str, str]]) -> Vectors:
        """Vectors of unit length, shape (len(papers), width). Raises EmbedderError."""
        return self.encode_queries([joined(title, text) for title, text in papers])

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def __enter__(self) -> EndpointEmbedder:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, texts: list[str]) -> Vectors:
        """The vectors of one batch, asked for again while the endpoint is busy or down."""
        reason = ""
        for attempt in range(_TRIES):
            wait = min(_LONGEST_WAIT, 0.5 * 2**attempt) * random.uniform(0.75, 1.25)  # noqa: S311
            try:
                answer = self._client.post(self._url, json={"model": self._model, "input": texts})
            except self._errors as error:
                reason = f"it could not be reached ({type(error).__name__})"
            else:
                status = answer.status_code
                if status == 200:
                    return self._read(answer, len(texts))
                reason = f"it answered with status {status}"
                if status != 429 and status < 500:
                    raise EmbedderError(f"The embeddings endpoint failed: {reason}.")
                wait = _asked_wait(answer.headers.get("retry-after")) or wait
            if attempt < _TRIES - 1:
                self._sleep(wait)
        raise EmbedderError(f"The embeddings endpoint failed {_TRIES} times: {reason}.")

    def _read(self, answer: Any, count: int) -> Vectors:
        """The vectors in an answer, in the order asked for."""
        try:
            rows = sorted(answer.json()["data"], key=lambda row: int(row["index"]))
            vectors = np.array([row["embedding"] for row in rows], np.float32)
            places = [int(row["index"]) for row in rows]
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
            raise EmbedderError("The embeddings endpoint's answer is not readable.") from None
        if places != list(range(count)) or vectors.ndim != 2 or not vectors.shape[1]:
            raise EmbedderError(
                f"The embeddings endpoint sent {len(places)} vectors for {count} texts, "
                "or not in order."
            )
        if not np.isfinite(vectors).all():
            raise EmbedderError("The embeddings endpoint sent numbers that are not finite.")
        if self._width and vectors.shape[1] != self._width:
            raise EmbedderError(
                f"The embeddings endpoint sent {vectors.shape[1]} numbers a vector, "
                f"before it were {self._width}."
            )
        self._width = int(vectors.shape[1])
        return to_unit_length(vectors)


def _checked(base: str) -> str:
    """An endpoint's address without its last slash. Raises EmbedderError."""
    try:
        parts = urlsplit(base)
        known = parts.scheme in ("http", "https") and parts.hostname
    except ValueError:
        known = None
    if not known or parts.username or parts.password or parts.query or parts.fragment:
        raise EmbedderError(
            "An embeddings endpoint is given as https://host/v1, without names, keys or questions."
        )
    return base.rstrip("/")


def _asked_wait(value: str | None) -> float | None:
    """The seconds that Retry-After asks for (RFC 9110: a number or a date), at most a minute."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(value).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST_WAIT) if math.isfinite(seconds) else None


def _clean(text: str) -> str:
    """A text that can be sent: halves of characters become question marks."""
    return text.encode("utf-8", "replace").decode()


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
