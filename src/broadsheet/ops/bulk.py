"""Long work on many papers, without the collector of cyclic garbage looking through all of it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Objects made between two collections. A batch of papers is many times the usual 700, and none of
# it is part of a cycle: to look through it again and again took a fifth of an import's time.
_MADE = 50_000


@contextmanager
def bulk() -> Iterator[None]:
    """The block looks for cyclic garbage rarely, and never among what is there already."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_MADE, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
