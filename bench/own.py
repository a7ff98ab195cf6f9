"""`own`: pages of a reader's own over HTTP, from the program as it runs for a reader."""

from __future__ import annotations

import http.client
import re
import time
from collections.abc import Callable
from functools import partial
from urllib.parse import urlencode

from bench.data import Library
from bench.figures import Figures, latencies, resident_mb
from bench.pages import get, running

_RUNS = 100
_LESSONS = 30
# An interest is made of the best results of each.
_SEARCHES = (
    "image segmentation",
    "large language model reasoning",
    "reinforcement learning from feedback",
    "speech recognition",
    "diffusion models",
)


def run(library: Library) -> Figures:
    """Latency of 'for me', of an interest's list and of a trending front page; of a lesson, and of
    the page behind it, which is made anew.
    """
    figures: Figures = {"papers": library.papers, "interests": len(_SEARCHES)}
    with running(library.imported) as (port, pid, _):
        slugs = [_made(port, query) for query in _SEARCHES]
        began = time.perf_counter()
        get(port, "/for-me")
        figures["for me, the first time, ms"] = round((time.perf_counter() - began) * 1000)
        figures["for me"] = latencies([partial(get, port, "/for-me")] * _RUNS)
        get(port, f"/interests/{slugs[0]}")
        figures["an interest's list"] = latencies(
            [partial(get, port, f"/interests/{slugs[0]}")] * _RUNS
        )
        figures["front page, trending"] = latencies(
            [partial(get, port, "/?order=trending")] * _RUNS
        )
        listed = re.findall(r'data-paper="([^"]+)"', get(port, f"/interests/{slugs[1]}").decode())
        taught, after = [], []
        for name in listed[:_LESSONS]:
            lesson = {"paper": name, "do": "less", "interest": slugs[1], "back": "/for-me"}
            taught.append(partial(_post, port, "/deeds", lesson))
            after.append(partial(get, port, "/for-me"))
        turns = [act for pair in zip(taught, after, strict=True) for act in pair]
        times = [_timed(act) for act in turns]
        figures["a lesson, ms"] = round(sorted(times[::2])[len(taught) // 2], 1)
        figures["for me after a lesson, ms"] = round(sorted(times[1::2])[len(after) // 2], 1)
        figures["resident_mb"] = resident_mb(pid)
    for when, rest in (("at once", 0.0), ("a second", 1.0)):
        with running(library.imported) as (port, _, _):
            time.sleep(rest)
            took = _timed(partial(get, port, "/for-me"))
            figures[f"for me, {when} after a start, ms"] = round(took)
    return figures


def _made(port: int, query: str) -> str:
    """An interest made of a search; its slug."""
    to = _post(port, "/interests/new", {"of": "/search?" + urlencode({"q": query})})
    return to.rpartition("/")[2]


def _post(port: int, path: str, fields: dict[str, str]) -> str:
    """Sends a form; returns where it leads."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", path, urlencode(fields), kind)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status != 303:
        raise RuntimeError(f"{path} answered {answer.status}")
    return answer.headers["Location"] or ""


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return (time.perf_counter() - began) * 1000
