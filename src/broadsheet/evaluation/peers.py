"""Embedders of others, measured beside ours: alone, and mixed with BM25.

They run through the sentence-transformers library, which Broadsheet does not depend on. What they
make of a text is kept on disk, for a transformer takes minutes where the rest takes seconds.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.evaluation.collection import Paper
from broadsheet.evaluation.systems import Bm25, Watcher

Vectors = NDArray[np.float32]

# Texts are encoded so many at a time, and kept after each time.
_CHUNK = 1024
_BATCH = 32
_KEY_BYTES = 16
# How many papers of each side the mix looks at, and the constant of reciprocal rank fusion as its
# authors set it (Cormack, Clarke, Büttcher, SIGIR 2009).
_MIXED = 200
_RRF_K = 60
_SCORED_AT_ONCE = 64


class PeerError(Exception):
    """A peer cannot be loaded; the message is a sentence."""


class Cache:
    """Vectors on disk by what they were made from: one file of keys, one of float16 rows.

    Rows are only ever added. A process killed in between leaves a row without a key, which the
    next one writes over.
    """

    def __init__(self, folder: Path, name: str, width: int) -> None:
        self._keys = folder / f"{name}.keys"
        self._rows = folder / f"{name}.f16"
        self._lock = folder / f"{name}.lock"
        self._width = width
        folder.mkdir(parents=True, exist_ok=True)

    def get(
        self,
        texts: Sequence[str],
        encode: Callable[[list[str]], Vectors],
        watch: Watcher,
    ) -> Vectors:
        """The vectors of the texts, shape (texts, width); `encode` makes those not held yet.

        All are rounded to float16, whether held before or not.
        """
        keys = [hashlib.sha256(_bytes(text)).digest()[:_KEY_BYTES] for text in texts]
        with self._alone():
            held = self._held()
            lacking = {key: text for key, text in zip(keys, texts, strict=True) if key not in held}
            # Texts of one length at a time: a batch is padded to its longest.
            order = sorted(lacking.items(), key=lambda item: len(item[1]))
            for start in range(0, len(order), _CHUNK):
                watch(start, len(order))
                chunk = order[start : start + _CHUNK]
                self._add([key for key, _ in chunk], encode([text for _, text in chunk]))
            held = self._held() if order else held
            rows = np.memmap(self._rows, np.float16, "r") if held else np.zeros(0, np.float16)
            places = [held[key] for key in keys]
            return rows.reshape(-1, self._width)[places].astype(np.float32)

    def _held(self) -> dict[bytes, int]:
        if not self._keys.exists():
            return {}
        keys = self._keys.read_bytes()
        count = min(len(keys) // _KEY_BYTES, self._rows.stat().st_size // self._row_bytes)
        return {keys[i * _KEY_BYTES : (i + 1) * _KEY_BYTES]: i for i in range(count)}

    def _add(self, keys: list[bytes], rows: Vectors) -> None:
        count = len(self._held())
        with self._rows.open("ab") as out:
            out.truncate(count * self._row_bytes)
            out.write(np.ascontiguousarray(rows, dtype=np.float16).tobytes())
        with self._keys.open("ab") as out:
            out.truncate(count * _KEY_BYTES)
            out.write(b"".join(keys))

    @property
    def _row_bytes(self) -> int:
        return 2 * self._width

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self._lock.open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


class Transformer:
    """A model of sentence-transformers: cosine over all papers, exact.

    A paper is "title. text", cut where the model cuts it; queries and papers get the prompts that
    the model comes with, if any. On a CPU that has bfloat16 the model runs in that. `name` is a
    model's name or folder, or `NAME=FOLDER` to call it something else than its folder.
    """

    def __init__(self, name: str, papers: Sequence[Paper], cache: Path, watch: Watcher) -> None:
        shown, _, folder = name.rpartition("=")
        self.name = shown or (Path(name).name if Path(name).is_dir() else name)
        self._model, half = _load(folder)
        width = int(self._model.get_embedding_dimension())
        self._cache = Cache(cache, _fingerprint(self._model, half), width)
        self._half = half
        self.note = (
            f"{self.name} sees {self._model.max_seq_length} word pieces of a paper"
            f"{' and runs in bfloat16' if half else ''}."
        )
        self._papers = _unit(self._encode("document", [_joined(paper) for paper in papers], watch))

    def rank(self, texts: Sequence[str], depth: int, watch: Watcher) -> list[list[int]]:
        """See `System`; equals by place."""
        return [_best(scores, depth) for scores in self.scores(texts, watch)]

    def scores(self, texts: Sequence[str], watch: Watcher) -> Iterator[Vectors]:
        """For each text its cosine with every paper."""
        queries = _unit(self._encode("query", list(texts), watch))
        for start in range(0, len(queries), _SCORED_AT_ONCE):
            yield from queries[start : start + _SCORED_AT_ONCE] @ self._papers.T

    def _encode(self, kind: str, texts: list[str], watch: Watcher) -> Vectors:
        encode = getattr(self._model, f"encode_{kind}")
        prefix = f"{kind}:"

        def made(batch: list[str]) -> Vectors:
            with _bfloat16() if self._half else nullcontext():
                rows = encode(
                    [text.removeprefix(prefix) for text in batch],
                    batch_size=_BATCH,
                    show_progress_bar=False,
                    convert_to_numpy=True,
                )
            return np.asarray(rows, dtype=np.float32)

        # One text as a query and as a paper are two vectors where the model has prompts.
        return self._cache.get([prefix + text for text in texts], made, watch)


class Mixed:
    """BM25 and a peer together, in the better of two ways that need no tuning.

    `mix`: half of each, over the best 200 papers of both, scores set to 0..1 by the least and the
    most of that list; the cosine is exact for all of them, and BM25 is 0 for what is not among its
    own. `rrf`: reciprocal rank fusion with k = 60. The better one by nDCG@10 on the very queries
    that are measured is taken: a choice in the peer's favour.
    """

    def __init__(self, words: Bm25, peer: Transformer) -> None:
        self.name = f"bm25+{peer.name}"
        self._words = words
        self._peer = peer
        self.note = ""

    def ways(self, texts: Sequence[str], depth: int, watch: Watcher) -> dict[str, list[list[int]]]:
        """The rankings of each way, by its name."""
        found: dict[str, list[list[int]]] = {"mix": [], "rrf": []}
        by_words = self._words.scored(texts, _MIXED, watch)
        for worded, scores in zip(by_words, self._peer.scores(texts, watch), strict=True):
            meant = _best(scores, _MIXED)
            found["mix"].append(_mix(worded, meant, scores)[:depth])
            found["rrf"].append(_rrf([[place for place, _ in worded], meant])[:depth])
        return found


def _mix(worded: list[tuple[int, float]], meant: list[int], scores: Vectors) -> list[int]:
    union = sorted({place for place, _ in worded} | set(meant))
    words = dict(worded)
    by_words = _spread(np.array([words.get(place, 0.0) for place in union]))
    by_meaning = _spread(scores[union].astype(np.float64))
    total = by_words + by_meaning
    return [union[i] for i in np.lexsort((np.array(union), -total))]


def _rrf(lists: list[list[int]]) -> list[int]:
    total: dict[int, float] = {}
    for places in lists:
        for rank, place in enumerate(places, 1):
            total[place] = total.get(place, 0.0) + 1 / (_RRF_K + rank)
    return sorted(total, key=lambda place: (-total[place], place))


def _spread(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The values from 0 (the least) to 1 (the most); zeros where all are equal."""
    if not values.size or values.max() == values.min():
        return np.zeros_like(values)
    spread: NDArray[np.float64] = (values - values.min()) / np.ptp(values)
    return spread


def _best(scores: Vectors, depth: int) -> list[int]:
    """The places of the `depth` highest scores, highest first, equals by place."""
    depth = min(depth, scores.size)
    if not depth:
        return []
    least = np.partition(scores, scores.size - depth)[scores.size - depth]
    places = np.flatnonzero(scores >= least)
    return [int(place) for place in places[np.lexsort((places, -scores[places]))][:depth]]


def _joined(paper: Paper) -> str:
    return ". ".join(part for part in (paper.title, paper.text) if part)


def _unit(vectors: Vectors) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = vectors / np.maximum(lengths, 1e-9)
    return unit


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _load(name: str) -> tuple[Any, bool]:
    """The model on the CPU, and whether it is to run in bfloat16."""
    try:
        library = importlib.import_module("sentence_transformers")
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise PeerError(
            "Comparing with a transformer needs its library: pip install 'broadsheet[peers]'."
        ) from error
    # A bar of its own would write into ours, and into what scripts read.
    importlib.import_module("transformers.utils.logging").disable_progress_bar()
    try:
        model = library.SentenceTransformer(name, device="cpu")
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise PeerError(f"The model {name} cannot be loaded: {reason}") from error
    return model, bool(torch.backends.mkldnn.is_available() and _has_bfloat16())


def _has_bfloat16() -> bool:
    """Whether the processor multiplies in bfloat16; elsewhere it would be slower, not faster."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _bfloat16() -> Any:
    torch = importlib.import_module("torch")
    return torch.autocast("cpu", dtype=torch.bfloat16)


def _fingerprint(model: Any, half: bool) -> str:
    """A name that changes with anything that changes the vectors: weights, cut, precision."""
    seen = hashlib.sha256(f"{model.max_seq_length}:{half}:{model.prompts}".encode())
    for name, values in sorted(model.state_dict().items()):
        seen.update(name.encode())
        seen.update(np.ascontiguousarray(values.float().numpy()).tobytes())
    return seen.hexdigest()[:32]
