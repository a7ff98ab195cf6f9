"""Figures: how they are taken, and how they are printed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


def latencies(actions: Iterable[Callable[[], object]]) -> Figures:
    """Milliseconds of each action in turn: median, 99th percentile, number."""
    taken = []
    for act in actions:
        start = time.perf_counter()
        act()
        taken.append((time.perf_counter() - start) * 1000)
    taken.sort()
    return {
        "p50_ms": round(statistics.median(taken), 3),
        "p99_ms": round(taken[min(len(taken) - 1, int(len(taken) * 0.99))], 3),
        "runs": len(taken),
    }


def put_between(path: Path, begin: str, end: str, text: str) -> None:
    """Puts a text between the markers of a page. Raises ValueError where it lacks one of them."""
    before, first, rest = path.read_text().partition(begin)
    _, last, after = rest.partition(end)
    if not first or not last:
        raise ValueError(f"{path.name} has no place for the tables ({begin} … {end})")
    path.write_text(f"{before}{first}\n\n{text}\n\n{last}{after}")


def peak_mb(pid: int | str = "self") -> float:
    """The most memory a process ever had resident, in MB, as the kernel counts it (VmHWM)."""
    return _status(pid, "VmHWM")


def resident_mb(pid: int | str = "self") -> float:
    """The memory a process has resident, in MB (VmRSS)."""
    return _status(pid, "VmRSS")


def _status(pid: int | str, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def print_figures(name: str, figures: Figures) -> None:
    """A block of figures, one a line."""
    print(f"\n{name}")
    for key, value in figures.items():
        shown = (
            "  ".join(f"{inner} {number}" for inner, number in value.items())
            if isinstance(value, dict)
            else value
        )
        print(f"  {key:<28} {shown}")


def documented(report: Figures) -> str:
    """The report as the page docs/performance.md."""
    lines = [
        "# How fast it is",
        "",
        "Written by `./dev bench --docs`; do not edit. Medians over the runs named, in one run of",
        "all benchmarks, the peer measured in the same run on the same rows.",
        "",
        f"Broadsheet {report['version']}, {report['date']}: {report['papers']:,} real papers on",
        f"{report['cores']} cores ({report['machine']}), Python {report['python']}.",
    ]
    for name, figures in report["figures"].items():
        lines += ["", f"## {name}", "", "| what | figure |", "|---|---|"]
        lines += [f"| {key} | {_in_words(value)} |" for key, value in figures.items()]
    return "\n".join([*lines, ""])


def _in_words(value: Any) -> str:
    if not isinstance(value, dict):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return ", ".join(f"{key} {number}" for key, number in value.items())
