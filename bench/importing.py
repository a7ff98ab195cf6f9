"""`import`: papers a second from a file to searchable, as whole processes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time

from bench.data import Library
from bench.figures import Figures, peak_mb


def run(library: Library) -> Figures:
    """Imports the papers into an empty folder, then the same file again."""
    shutil.rmtree(library.data, ignore_errors=True)
    first = _import(library)
    again = _import(library)
    return {
        "papers": first["held"],
        "new": first,
        "again": again,
        "papers a second, new": round(first["read"] / first["seconds"]),
        "papers a second, again": round(again["read"] / again["seconds"]),
    }


def _import(library: Library) -> Figures:
    command = [sys.executable, "-m", "broadsheet", "import", str(library.file), "--json"]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--data", str(library.data)], stdout=subprocess.PIPE, text=True
    )
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _peak(process.pid))
        time.sleep(0.1)
    assert process.stdout is not None
    summary: Figures = json.loads(process.stdout.read())
    # The whole process, its start included: what a person waits for.
    summary["seconds"] = round(time.perf_counter() - started, 2)
    summary["peak_mb"] = peak
    return summary


def _peak(pid: int) -> float:
    try:
        return peak_mb(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
