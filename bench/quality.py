"""How well search finds: `python -m bench.quality [NAMES] [--with MODEL]... [--docs]`.

Measures every collection of the shared data as `broadsheet eval search` does, keeps the figures
as JSON in `bench/results/quality.json`, and with --docs writes their tables into
`docs/search-quality.md`, between its markers. The queries that tuning may look at (dev) and the
others (rest) are told apart; rest is what counts.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from platformdirs import user_cache_path

from bench.data import SHARED
from bench.figures import put_between
from broadsheet import __version__
from broadsheet.evaluation.collection import Part, read_collection
from broadsheet.evaluation.measuring import SYSTEMS, Measuring, report_json
from broadsheet.evaluation.systems import Watcher

RESULTS = Path(__file__).parent / "results" / "quality.json"
DOCUMENT = Path(__file__).parent.parent / "docs" / "search-quality.md"
BEGIN, END = "<!-- quality:begin -->", "<!-- quality:end -->"
COLLECTIONS = (
    "autoscholar",
    "acl_reading_lists",
    "csfcube",
    "scirepeval_search",
    "scifact",
    "nfcorpus",
    "cranfield",
    "cisi",
    "med",
)
# So large that a transformer is compared over a part of them.
_LARGE = ("autoscholar", "acl_reading_lists")
# Made to rank the papers judged for a query, and no others.
_JUDGED = ("csfcube",)
_TABLES = (
    ("rest", "ndcg@10"),
    ("rest", "recall@20"),
    ("rest", "recall@100"),
    ("rest", "mrr"),
    ("dev", "ndcg@10"),
)

Found = dict[str, Any]


def main() -> int:
    """0 where all ran, 1 where the shared data is missing."""
    parser = argparse.ArgumentParser(prog="bench.quality", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(COLLECTIONS))
    parser.add_argument(
        "--with", dest="peers", action="append", default=[], help="a model, its folder, NAME=FOLDER"
    )
    parser.add_argument("--systems", default=",".join(SYSTEMS))
    parser.add_argument("--papers", type=int, default=20_000, help="with a peer, of the large ones")
    parser.add_argument("--cache", type=Path, default=user_cache_path("broadsheet") / "evaluation")
    parser.add_argument("--embedder", default="built-in")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures are kept")
    parser.add_argument("--docs", action="store_true", help="write docs/search-quality.md as well")
    given = parser.parse_args()
    if unknown := set(given.names) - set(COLLECTIONS):
        parser.error(f"there is no collection {unknown.pop()}; there are {', '.join(COLLECTIONS)}")
    if not (SHARED.parent / "beir.py").is_file():
        print("The collections are in the shared data, which is not beside this checkout.")
        return 1
    systems = given.systems.split(",")
    known = json.loads(given.results.read_text()) if given.results.exists() else {}
    found: Found = known.get("collections", {})
    for name in given.names or COLLECTIONS:
        for title, papers in _sizes(name, given.peers, given.papers):
            print(f"Measuring {title}", file=sys.stderr, flush=True)
            peers = given.peers if papers or name not in _LARGE else []
            found[title] = _measured(name, systems, peers, papers, given.cache, given.embedder)
            # Kept after each: hours of work do not hang on the last of them.
            _write(found, given.results)
    if given.docs:
        document(json.loads(given.results.read_text()), DOCUMENT)
    print("\n\n".join(tables(found)))
    return 0


def document(report: Found, path: Path) -> None:
    """Puts the tables between the markers of a page. Raises ValueError where it has none."""
    said = [
        f"Broadsheet {report['version']}, {report['date']}. "
        "In bold: the best of a row. Intervals are bootstrap 95 %, over queries.",
        *tables(report["collections"]),
    ]
    put_between(path, BEGIN, END, "\n\n".join(said))


def tables(found: Found) -> list[str]:
    """The tables in Markdown, each with its heading: a row a collection, then the mean.

    The mean goes over the collections where every system of the table was measured.
    """
    names = [name for title in _ordered(found) for name in found[title]["rest"]["systems"]]
    systems = list(dict.fromkeys(names))
    parts = []
    for part, measure in _TABLES:
        rows = [_row(title, found[title][part], systems, measure) for title in _ordered(found)]
        parts.append(
            "\n".join(
                [
                    f"### {measure}, {part}\n",
                    f"| collection | papers | queries | {' | '.join(systems)} | hybrid − bm25 |",
                    f"|---|--:|--:|{'--:|' * len(systems)}--:|",
                    *rows,
                    _mean_row(found, part, systems, measure),
                ]
            )
        )
    return parts


def _ordered(found: Found) -> list[str]:
    """Collections in the order of COLLECTIONS, the whole of one before a part of it."""
    return sorted(found, key=lambda title: (COLLECTIONS.index(title.split(" ")[0]), title))


def _row(title: str, report: Found, systems: Sequence[str], measure: str) -> str:
    values = {name: report["systems"].get(name, {}).get(measure) for name in systems}
    best = max((value for value in values.values() if value is not None), default=None)
    cells = [
        "" if value is None else f"**{value:.3f}**" if value == best else f"{value:.3f}"
        for value in values.values()
    ]
    over = report["systems"].get("hybrid", {}).get("over_bm25", {}).get(measure)
    said = f"{over['mean']:+.3f} ({over['ci'][0]:+.3f} to {over['ci'][1]:+.3f})" if over else ""
    counts = f"{report['papers']:,} | {report['queries']:,}"
    return f"| {title} | {counts} | {' | '.join(cells)} | {said} |"


def _mean_row(found: Found, part: str, systems: Sequence[str], measure: str) -> str:
    whole = [
        found[title][part]["systems"]
        for title in found
        if set(systems) <= set(found[title][part]["systems"])
    ]
    if not whole:
        return f"| mean | | | {' | '.join('' for _ in systems)} | |"
    means = [fmean(report[name][measure] for report in whole) for name in systems]
    cells = [f"**{mean:.3f}**" if mean == max(means) else f"{mean:.3f}" for mean in means]
    return f"| mean of {len(whole)} | | | {' | '.join(cells)} | |"


def _sizes(name: str, peers: Sequence[str], papers: int) -> Iterator[tuple[str, int | None]]:
    yield name, None
    if peers and name in _LARGE:
        yield f"{name} ({papers:,} papers)", papers


def _measured(
    name: str, systems: list[str], peers: list[str], papers: int | None, cache: Path, setting: str
) -> Found:
    with tempfile.TemporaryDirectory(prefix="broadsheet-quality-") as folder:
        target = Path(folder) / name
        command = [sys.executable, str(SHARED.parent / "beir.py"), name, str(target)]
        subprocess.run(command, check=True)
        pool = read_collection(target).pooled(papers, seed=0)
        found = {}
        with Measuring(pool, cache, _quiet, setting) as measuring:
            for part in (Part.DEV, Part.REST):
                asked = pool.part(part)
                report = measuring.measure(
                    asked, systems, peers, part=part.value, judged_only=name in _JUDGED
                )
                found[part.value] = report_json(report)
        return found


@contextmanager
def _quiet(label: str) -> Iterator[Watcher]:
    print(f"  {label}", file=sys.stderr, flush=True)
    yield lambda _done, _all: None


def _write(found: Found, path: Path) -> None:
    report = {
        "version": __version__,
        "date": datetime.now(UTC).date().isoformat(),
        "collections": found,
    }
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
