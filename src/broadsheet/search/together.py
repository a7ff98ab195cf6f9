"""One query on more than one core: tantivy, faiss and numpy let go of the interpreter meanwhile.

Jobs are handed to a few threads that the process keeps. Whoever hands them out works too, and takes
back what no thread has begun: where every core is at work for somebody else, a query waits for
nobody and costs what it cost on one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from threadpoolctl import threadpool_limits

_A = TypeVar("_A")
_B = TypeVar("_B")


@cache
def settle() -> None:
    """Leaves the cores to queries: from now on linear algebra in this process keeps to one.

    OpenBLAS would share out a product of a vector and a small matrix, and its threads then wait
    for more by spinning, for tens of milliseconds, on the core that the query's other half needs.
    """
    threadpool_limits(1, user_api="blas")


def together(here: Callable[[], _A], there: Callable[[], _B]) -> tuple[_A, _B]:
    """What both give; `there` is begun on another core where one is free. Raises what they raise.

    Neither may depend on what the other does.
    """
    threads = _threads()
    if threads is None:
        return here(), there()
    begun = threads.submit(there)
    first = here()
    return first, _taken(begun, there)


def spread(jobs: Sequence[Callable[[], _A]]) -> list[_A]:
    """What each job gives, in order; on as many cores as are free. Raises what they raise."""
    threads = _threads() if len(jobs) > 1 else None
    if threads is None:
        return [job() for job in jobs]
    begun = [threads.submit(job) for job in jobs[1:]]
    first = jobs[0]()
    # From the far end: threads come from the near one.
    rest = [_taken(one, job) for one, job in zip(begun[::-1], jobs[:0:-1], strict=True)]
    return [first, *rest[::-1]]


def _taken(begun: Future[_A], job: Callable[[], _A]) -> _A:
    return job() if begun.cancel() else begun.result()


@cache
def _threads() -> ThreadPoolExecutor | None:
    """The threads, one fewer than this process may use cores; None where it may use one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    others = (cores or 1) - 1
    return ThreadPoolExecutor(others, "search") if others else None
