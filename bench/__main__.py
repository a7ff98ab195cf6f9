"""Runs the benchmarks named (all where none is), prints tables, writes `bench/results/`."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bench import data, importing, own, pages, searching
from bench.figures import Figures, documented, print_figures
from broadsheet import __version__

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
BENCHMARKS: dict[str, Callable[[data.Library], Figures]] = {
    "import": importing.run,
    "search": searching.run,
    "page": pages.run,
    "own": own.run,
}


def main() -> int:
    """0 where all ran, 1 where the shared data is missing."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md as well")
    parser.add_argument("--papers", type=int, default=100_000, help="how many papers to use")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in BENCHMARKS]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    if not data.is_there():
        print("The benchmarks use the shared papers, which are not beside this checkout.")
        return 1
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as folder:
        library = data.Library(Path(folder), given.papers)
        figures = {name: BENCHMARKS[name](library) for name in given.names or BENCHMARKS}
    for name, found in figures.items():
        print_figures(name, found)
    report = _report(figures, given.papers)
    print(f"Written to {_write(report)}.")
    if given.docs:
        DOCUMENT.write_text(documented(report))
    return 0


def _report(figures: dict[str, Figures], papers: int) -> Figures:
    return {
        "version": __version__,
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "papers": papers,
        "figures": figures,
    }


def _write(report: Figures) -> str:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{'-'.join(report['figures'])}-{report['papers']}.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    return str(path.relative_to(RESULTS.parent.parent))


if __name__ == "__main__":
    sys.exit(main())
