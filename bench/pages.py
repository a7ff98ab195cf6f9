"""`page`: pages over HTTP on loopback, rendered, from the program as it runs for a reader."""

from __future__ import annotations

import http.client
import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote

from bench.data import Library
from bench.figures import Figures, latencies, resident_mb
from broadsheet.ops import settings
from broadsheet.ops.parts import open_parts

_RUNS = 300
_LOAD_SECONDS = 5.0
_LOAD_CLIENTS = 4


def run(library: Library) -> Figures:
    """Latency of each kind of page, requests a second of the front page, memory, start.

    A page that was asked for before is given again while nothing changed; one made anew is had by a
    parameter that nobody reads, another in each request.
    """
    paths = _paths(library)
    figures: Figures = {"papers": library.papers, "cores": os.cpu_count()}
    with running(library.imported) as (port, pid, started):
        figures["start to first page, s"] = round(started, 2)
        for name, addresses in paths.items():
            ask = [partial(get, port, path) for path in addresses]
            for act in ask[:20]:
                act()
            figures[name] = latencies(ask)
        feed = paths["feed of 100, a search"][0]
        tag = _tag(port, feed)
        figures["feed, nothing new"] = latencies([partial(_unchanged, port, feed, tag)] * _RUNS)
        figures["front page, requests a second"] = _throughput(port)
        figures["resident_mb"] = resident_mb(pid)
    return figures


def _paths(library: Library) -> dict[str, list[str]]:
    parts = open_parts(settings.load(data=library.imported))
    with parts.store.reading() as connection:
        from sqlalchemy import text  # noqa: PLC0415 - only the sampling of ids needs it

        rows = connection.execute(text("select id from papers order by number")).scalars().all()
        days = connection.execute(
            text("select distinct day from papers where day is not null order by day desc limit 60")
        ).scalars()
        months = sorted({str(day)[:7] for day in days})
    parts.store.close()
    step = max(1, len(rows) // _RUNS)
    queries = library.queries(_RUNS)["two words"]
    return {
        "front page": ["/"] * _RUNS,
        "front page, made anew": [f"/?anew={i}" for i in range(_RUNS)],
        "month": [f"/month/{months[i % len(months)]}" for i in range(_RUNS)],
        "month, made anew": [f"/month/{months[i % len(months)]}?anew={i}" for i in range(_RUNS)],
        "search": [f"/search?q={quote(query)}" for query in queries],
        "search as typed": [
            f"/search?q={quote(query[:-2])}&typing=1&fragment=1" for query in queries
        ],
        "feed of 100, a month": [
            f"/month/{months[i % len(months)]}.atom?n=100&anew={i}" for i in range(_RUNS)
        ],
        "feed of 100, a search": [f"/search.rss?q={quote(query)}&n=100" for query in queries],
        "paper": [f"/papers/{quote(name, safe='/:')}" for name in rows[::step][:_RUNS]],
    }


@contextmanager
def running(data: Path) -> Iterator[tuple[int, int, float]]:
    """The program on a data folder: its port, process and the seconds to its first page."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "broadsheet", "up", "--no-browser", "--port", "0"]
    process = subprocess.Popen(
        [*command, "--data", str(data)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        port = next(
            int(line.split("127.0.0.1:")[1].split()[0])
            for line in process.stdout
            if "127.0.0.1:" in line
        )
        get(port, "/")
        yield port, process.pid, time.perf_counter() - started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def get(port: int, path: str) -> bytes:
    """What an address answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Accept-Encoding": "identity"})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path} answered {answer.status}")
    return body


def _tag(port: int, path: str) -> str:
    """The entity tag of what an address answers."""
    return _ask(port, path).headers["ETag"]


def _unchanged(port: int, path: str, tag: str) -> None:
    """Asks only for news, where there is none."""
    answer = _ask(port, path, {"If-None-Match": tag})
    if answer.status != HTTPStatus.NOT_MODIFIED:
        raise RuntimeError(f"{path} answered {answer.status}")


def _ask(
    port: int, path: str, headers: Mapping[str, str] | None = None
) -> http.client.HTTPResponse:
    """An answer, read to its end."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Accept-Encoding": "identity", **(headers or {})})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def _throughput(port: int) -> int:
    """The front page from a few clients at once, for a few seconds: the median second."""
    counts: list[list[float]] = [[] for _ in range(_LOAD_CLIENTS)]
    end = time.perf_counter() + _LOAD_SECONDS

    def client(done: list[float]) -> None:
        while time.perf_counter() < end:
            get(port, "/")
            done.append(time.perf_counter())

    threads = [threading.Thread(target=client, args=(done,)) for done in counts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stamps = sorted(stamp for done in counts for stamp in done)
    seconds = [
        sum(1 for stamp in stamps if end - _LOAD_SECONDS + i <= stamp < end - _LOAD_SECONDS + i + 1)
        for i in range(int(_LOAD_SECONDS))
    ]
    return round(statistics.median(seconds))
