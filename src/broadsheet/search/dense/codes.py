"""Product codes: a large segment's rows in 4 bits for every four numbers, all of them compared.

To look through the nearest lists of millions of rows misses many of the nearest rows, since few
words and whole abstracts lie far apart; to compare every row's code, with the processor's table
look-ups, is exhaustive and takes under two milliseconds a million rows. Method: André, Kermarrec
and Le Scouarnec, "Cache locality is not enough: High-Performance Nearest Neighbor Search with
Product Quantization Fast Scan", VLDB 2015, as faiss does it. The codebook and the codes are kept
as plain arrays in the segment's file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import faiss
import numpy as np
from numpy.typing import NDArray

from broadsheet.search.together import spread

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

# Segments of fewer rows are looked through without codes as quickly.
FEWEST = 50_000
# Numbers that share a code of four bits.
_TOGETHER = 4
_BITS = 4
# Rows that are compared in one go: two or three milliseconds of one core.
_STRETCH = 2**20
# Rows that the codebook is learned from: 256 for each of its sixteen words.
_SAMPLE = 4096
_CHUNK = 65_536


class Codes:
    """The codes of a segment, ready to be compared."""

    def __init__(self, width: int, codebook: Floats, codes: Bytes, count: int) -> None:
        """`codebook` is (width / 4, 16, 4), `codes` as `coded` gave it for `count` rows.

        Raises ValueError where the shapes do not belong together.
        """
        block = int(_empty(width).bbs)
        bytes_a_row = width // _TOGETHER // 2
        rows = -(-count // block) * block
        if codebook.size != width * 2**_BITS or codes.size != rows * bytes_a_row:
            raise ValueError("codes and codebook do not fit each other")
        # As many stretches of one length as it takes, each of whole blocks of codes.
        stretches = max(1, round(count / _STRETCH))
        length = -(-rows // stretches // block) * block
        self._stretches = [
            _Stretch(
                first,
                min(count, first + length) - first,
                width,
                codebook,
                codes[first * bytes_a_row : (first + length) * bytes_a_row],
            )
            for first in range(0, count, length)
        ]

    def nearest(self, query: Floats, most: int) -> tuple[NDArray[np.int64], Floats]:
        """The `most` rows of largest estimated product with a (width,) query, and the estimates;
        or some more: as many of each stretch of the rows.
        """
        found = spread([partial(one.nearest, query, most) for one in self._stretches])
        return (
            np.concatenate([rows for rows, _ in found]),
            np.concatenate([products for _, products in found]),
        )


class _Stretch:
    """Codes of rows that follow one another, from row `first`."""

    def __init__(self, first: int, count: int, width: int, codebook: Floats, codes: Bytes) -> None:
        self._first = first
        self._index = index = _empty(width)
        faiss.copy_array_to_vector(np.ascontiguousarray(codebook).ravel(), index.pq.centroids)
        index.codes.resize(int(codes.size))
        held = np.ascontiguousarray(codes)
        faiss.memcpy(index.codes.get(), faiss.swig_ptr(held), int(held.size))
        # The names and types of all this are those of the C++ class.
        index.ntotal, index.is_trained = count, True
        index.ntotal2 = -(-count // index.bbs) * index.bbs  # type: ignore[attr-defined, unused-ignore]

    def nearest(self, query: Floats, most: int) -> tuple[NDArray[np.int64], Floats]:
        """As `Codes.nearest` says it."""
        products, rows = self._index.search(query[None], min(most, int(self._index.ntotal)))
        kept = rows[0] >= 0
        return rows[0][kept] + self._first, products[0][kept]


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
