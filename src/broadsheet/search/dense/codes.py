"""Product codes: a large segment's rows in 4 bits for every four numbers, all of them compared.

To look through the nearest lists of millions of rows misses many of the nearest rows, since few
words and whole abstracts lie far apart; to compare every row's code, with the processor's table
look-ups, is exhaustive and takes under two milliseconds a million rows. Method: André, Kermarrec
and Le Scouarnec, "Cache locality is not enough: High-Performance Nearest Neighbor Search with
Product Quantization Fast Scan", VLDB 2015, as faiss does it. The codebook and the codes are kept
as plain arrays in the segment's file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import faiss
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

# Segments of fewer rows are looked through without codes as quickly.
FEWEST = 50_000
# Numbers that share a code of four bits.
_TOGETHER = 4
_BITS = 4
# Rows that the codebook is learned from: 256 for each of its sixteen words.
_SAMPLE = 4096
_CHUNK = 65_536
# Rows that are worth a thread of their own.
_SHARE = 200_000


class Codes:
    """The codes of a segment, ready to be compared, on several cores where they are many."""

    def __init__(self, width: int, codebook: Floats, codes: Bytes, count: int) -> None:
        """`codebook` is (width / 4, 16, 4), `codes` as `coded` gave it for `count` rows.

        Raises ValueError where the shapes do not belong together.
        """
        row = width // _TOGETHER // 2
        block = _empty(width).bbs
        if codebook.size != width * 2**_BITS or codes.size != -(-count // block) * block * row:
            raise ValueError("codes and codebook do not fit each other")
        shares = max(1, min(os.cpu_count() or 1, count // _SHARE))
        # A share ends where a block does.
        each = -(-count // shares // block) * block
        self._shares = [
            (first, _filled(width, codebook, codes[first * row : (first + each) * row], rows))
            for first in range(0, count, each)
            if (rows := min(each, count - first))
        ]

    def nearest(self, query: Floats, most: int) -> tuple[NDArray[np.int64], Floats]:
        """The `most` rows of largest estimated product with a (width,) query, and the estimates:
        as many of each share of the rows.
        """

        def look(share: tuple[int, faiss.IndexPQFastScan]) -> tuple[NDArray[np.int64], Floats]:
            first, index = share
            products, rows = index.search(query[None], min(most, int(index.ntotal)))
            kept = rows[0] >= 0
            return rows[0][kept] + first, products[0][kept]

        others = [_pool().submit(look, share) for share in self._shares[1:]]
        found = [look(self._shares[0]), *(other.result() for other in others)]
        return np.concatenate([r for r, _ in found]), np.concatenate([p for _, p in found])


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count(), "codes")


def coded(
    count: int, width: int, floats: Callable[[NDArray[np.int64]], Floats]
) -> tuple[Floats, Bytes]:
    """The codebook, and the codes, of rows 0 to `count`, which `floats` gives by place."""
    index = _empty(width)
    drawn = np.random.default_rng(0).choice(count, min(count, _SAMPLE), replace=False)
    index.train(floats(np.sort(drawn)))
    for places in _chunks(count):
        index.add(floats(places))
    codebook = faiss.vector_to_array(index.pq.centroids)
    return codebook.reshape(-1, 2**_BITS, _TOGETHER), _taken(index.codes)


def _empty(width: int) -> faiss.IndexPQFastScan:
    return faiss.IndexPQFastScan(width, width // _TOGETHER, _BITS, faiss.METRIC_INNER_PRODUCT)


def _chunks(count: int) -> Iterator[NDArray[np.int64]]:
    for first in range(0, count, _CHUNK):
        yield np.arange(first, min(first + _CHUNK, count))


def _taken(codes: faiss.AlignedTableUint8) -> Bytes:
    found: Bytes = np.empty(codes.size(), np.uint8)
    if codes.size():
        faiss.memcpy(faiss.swig_ptr(found), codes.get(), codes.size())
    return found


def _filled(width: int, codebook: Floats, codes: Bytes, count: int) -> faiss.IndexPQFastScan:
    index = _empty(width)
    faiss.copy_array_to_vector(np.ascontiguousarray(codebook).ravel(), index.pq.centroids)
    index.codes.resize(int(codes.size))
    held = np.ascontiguousarray(codes)
    faiss.memcpy(index.codes.get(), faiss.swig_ptr(held), int(held.size))
    # The names and types of all this are those of the C++ class.
    index.ntotal, index.is_trained = count, True
    index.ntotal2 = -(-count // index.bbs) * index.bbs  # type: ignore[attr-defined, unused-ignore]
    return index
