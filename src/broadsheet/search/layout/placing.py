"""Where papers lie on the map: near each other where their vectors are.

The layout is t-SNE (van der Maaten & Hinton, JMLR 9, 2008) from the vectors' fifty principal
components, by openTSNE with interpolated repulsion (Linderman et al., Nature Methods 16, 2019),
each paper drawn to its fifteen nearest. It begins from the first two components and draws nothing
by lot, so the same vectors give the same map. Papers that were not laid out are placed among the
nearest of those that were.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Watcher = Callable[[int, int], None]

# More are not laid out: the others are placed among them.
MOST = 100_000
# What is fewer is no map.
FEWEST = 50
_COMPONENTS = 50
_NEIGHBOURS = 15
# Neighbours a paper is placed by.
_PLACED_BY = 9
# Iterations drawn together, then let go (Belkina et al., Nature Communications 10, 2019).
_TOGETHER, _APART = 250, 400
_EXAGGERATION = 12.0
_WATCHED = 10
_FEW = 1500
# Up to so many papers every pair is compared; beyond, cells of their own nearest centres.
_COMPARED = 20_000
_PROBED = 24
_BLOCK = 50_000


@dataclass(frozen=True, slots=True)
class Components:
    """The principal components of some vectors: `mean` (w,), `axes` (w, d)."""

    mean: Floats
    axes: Floats

    def of(self, vectors: Floats) -> Floats:
        """Vectors (n, w) in these components: (n, d)."""
        return np.asarray((vectors - self.mean) @ self.axes, np.float32)


def components_of(vectors: Floats) -> Components:
    """The components of largest variance of (n, w) vectors, up to fifty."""
    mean = np.asarray(vectors.mean(axis=0, dtype=np.float64), np.float32)
    centred = vectors - mean
    _, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    chosen = axes[:, ::-1][:, :_COMPONENTS]
    # An axis may point either way; the way of its largest number is as good as any, and fixed.
    largest = np.abs(chosen).argmax(axis=0)
    chosen = chosen * np.sign(chosen[largest, np.arange(chosen.shape[1])])
    return Components(mean, chosen.astype(np.float32))


def nearest(known: Floats, asked: Floats, count: int) -> tuple[Ints, Floats]:
    """The `count` nearest of (m, d) known to each of (n, d): rows and distances, (n, count) each.

    Of many, nearly always those: only the nearest cells are looked through. Rows are -1 where
    there are not so many.
    """
    import faiss

    width = known.shape[1]
    index: Any
    if len(known) <= _COMPARED:
        index = faiss.IndexFlatL2(width)
    else:
        index = faiss.IndexIVFFlat(faiss.IndexFlatL2(width), width, int(np.sqrt(len(known))))
        index.cp.seed = 1
        index.cp.niter = 8
        index.train(np.ascontiguousarray(known[:: max(1, len(known) // _COMPARED)]))
        index.nprobe = _PROBED
    index.add(np.ascontiguousarray(known))
    squared, rows = index.search(np.ascontiguousarray(asked), count)
    distances: Floats = np.sqrt(np.maximum(squared, 0))
    return np.asarray(rows, np.int64), distances


def lay_out(reduced: Floats, watch: Watcher = lambda _done, _all: None) -> Floats:
    """The places (n, 2) of papers given by their components (n, d)."""
    import openTSNE
    from openTSNE.affinity import Uniform
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    if len(reduced) < FEWEST:
        raise ValueError(f"a map has at least {FEWEST} papers")
    count = min(_NEIGHBOURS, len(reduced) - 2)
    rows, distances = _others(*nearest(reduced, reduced, count + 1))
    affinities = Uniform(knn_index=PrecomputedNeighbors(rows, distances), k_neighbors=count)
    first = reduced[:, :2].astype(np.float64)
    # So near together that the neighbours decide (Kobak & Berens, Nature Communications 10, 2019).
    first *= 1e-4 / max(float(first[:, 0].std()), 1e-12)
    done = 0

    def heard(_iteration: int, _error: float, _places: object) -> None:
        nonlocal done
        done += _WATCHED
        watch(done, _TOGETHER + _APART)

    layout = openTSNE.TSNEEmbedding(
        first,
        affinities,
        # Of few papers every pair costs less than a grid, and threads cost more than they bring.
        negative_gradient_method="bh" if len(reduced) <= _FEW else "fft",
        n_jobs=1 if len(reduced) <= _FEW else os.cpu_count() or 1,
        random_state=1,
        callbacks=heard,
        callbacks_every_iters=_WATCHED,
    )
    layout = layout.optimize(_TOGETHER, exaggeration=_EXAGGERATION, momentum=0.5)
    layout = layout.optimize(_APART, exaggeration=1.0, momentum=0.8)
    return np.asarray(layout, np.float32)


def place(known: Floats, places: Floats, asked: Floats) -> Floats:
    """Places (n, 2) for components (n, d) among papers known by (m, d) that lie at (m, 2).

    The middle of its nearest papers, without those that lie elsewhere than most of them.
    """
    out = np.empty((len(asked), 2), np.float32)
    count = min(_PLACED_BY, len(known))
    for start in range(0, len(asked), _BLOCK):
        part = asked[start : start + _BLOCK]
        rows, distances = nearest(known, part, count)
        here = places[np.maximum(rows, 0)]
        weights = np.where(rows >= 0, 1 / np.maximum(distances, 1e-6) ** 2, 0)
        # A paper may have near ones in two regions; it goes to where most of them are, and no
        # place between is one.
        centre = np.median(here, axis=1, keepdims=True)
        away = np.linalg.norm(here - centre, axis=2)
        weights = np.where(away <= np.median(away, axis=1, keepdims=True), weights, 0)
        total = np.maximum(weights.sum(axis=1), 1e-12)
        out[start : start + _BLOCK] = (here * weights[:, :, None]).sum(axis=1) / total[:, None]
    return out


def _others(rows: Ints, distances: Floats) -> tuple[Ints, Floats]:
    """Neighbours without the paper itself, which need not come first among its equals."""
    count = len(rows)
    itself = rows == np.arange(count)[:, None]
    # Where it is not among them at all, the farthest goes.
    itself[~itself.any(axis=1), -1] = True
    kept = ~itself
    shape = (count, rows.shape[1] - 1)
    others, far = rows[kept].reshape(shape), distances[kept].reshape(shape)
    lacking = others < 0
    others[lacking] = np.broadcast_to(np.arange(count)[:, None] - 1, shape)[lacking] % count
    far[lacking] = np.broadcast_to(far.max(axis=1, keepdims=True, initial=1e-6), shape)[lacking]
    return others, far
