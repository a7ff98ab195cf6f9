"""How well interests rank, and how fast: `python -m bench.personal [NAMES] [--docs]`.

Measures the libraries of the shared data as `broadsheet eval personal` does, the half of the
readers that choices looked at (development) and the other (rest) apart; times refits and rankings
on one core, in processor time; keeps the figures as JSON in `bench/results/personal.json`; and with
--docs writes their tables into `docs/personal-quality.md`, between its markers. Rest is what
counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.data import SHARED
from bench.figures import put_between
from broadsheet import __version__
from broadsheet.embed.static import load_built_in
from broadsheet.evaluation import personal
from broadsheet.evaluation.systems import Watcher
from broadsheet.learning.classifier import PRIOR, fit, score_many
from broadsheet.learning.features import Vocabulary, features

USERS = SHARED.parent / "users"
RESULTS = Path(__file__).parent / "results" / "personal.json"
DOCUMENT = Path(__file__).parent.parent / "docs" / "personal-quality.md"
BEGIN, END = "<!-- personal:begin -->", "<!-- personal:end -->"
LIBRARIES = ("bib_libraries", "hf_submitters", "citeulike_a")
# So many papers for and against, refitted so often.
_SIZES = ((1, 0), (5, 3), (50, 20), (1_000, 100), (10_000, 1_000))
_RUNS = 9

Found = dict[str, Any]


def main() -> int:
    """0 where all ran, 1 where the shared data is missing."""
    parser = argparse.ArgumentParser(prog="bench.personal", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(LIBRARIES)}, times")
    parser.add_argument("--users", type=int, default=150, help="of each half at most so many")
    parser.add_argument("--splits", type=int, default=personal.SPLITS)
    parser.add_argument("--docs", action="store_true", help="write docs/personal-quality.md")
    given = parser.parse_args()
    if unknown := set(given.names) - {*LIBRARIES, "times", "none"}:
        parser.error(f"there is no library {unknown.pop()}; there are {', '.join(LIBRARIES)}")
    if not USERS.is_dir():
        print("The libraries are in the shared data, which is not beside this checkout.")
        return 1
    found: Found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in given.names or (*LIBRARIES, "times"):
        if name == "times":
            found["times"] = times()
        elif name != "none":
            found.setdefault("libraries", {})[name] = _measured(name, given.users, given.splits)
        # Kept after each: an hour of work does not hang on the last of them.
        _write(found)
    if given.docs:
        document(json.loads(RESULTS.read_text()), DOCUMENT)
    print("\n\n".join(tables(found)))
    return 0


def times() -> Found:
    """Milliseconds of processor time of features, refits and rankings; medians over some runs."""
    library = personal.read_library(USERS / LIBRARIES[0])
    dense = load_built_in().encode_papers(library.texts)
    start = time.process_time()
    vocabulary = Vocabulary(library.texts[:5_000])
    found: Found = {"counting the words of a sample of 5,000": _since(start)}
    papers = features(library.texts, dense, vocabulary)
    draw = np.random.default_rng(0)

    def some(count: int) -> list[int]:
        return [int(place) for place in draw.integers(len(papers), size=count)]

    usual = papers.take(draw.permutation(len(papers))[:1_000])
    found["word features of 2,000 papers"] = _median(
        lambda: features(library.texts[:2_000], dense[:2_000], vocabulary)
    )
    start = time.process_time()
    models = [fit(papers.take(some(30)), papers.take(some(10)), usual)]
    found["the first fit beside a background"] = _since(start)
    for likes, dislikes in _SIZES:
        liked, disliked = papers.take(some(likes)), papers.take(some(dislikes))
        fit(liked, disliked, usual)
        found[f"a refit, {likes:,} for and {dislikes:,} against"] = _median(
            partial(fit, liked, disliked, usual)
        )
    models += [fit(papers.take(some(30)), papers.take(some(10)), usual) for _ in range(49)]
    day = papers.take(range(2_000))
    found["50 interests × 2,000 papers"] = _median(lambda: score_many(models, day))
    return found


def _since(start: float) -> float:
    return round((time.process_time() - start) * 1000, 1)


def _median(act: Callable[[], object]) -> float:
    taken = []
    for _ in range(_RUNS):
        start = time.process_time()
        act()
        taken.append((time.process_time() - start) * 1000)
    return round(float(np.median(taken)), 1)


def document(report: Found, path: Path) -> None:
    """Puts the tables between the markers of a page. Raises ValueError where it has none."""
    said = (
        f"Broadsheet {report['version']}, {report['date']}. Intervals are bootstrap 95 %, over "
        "readers."
    )
    put_between(path, BEGIN, END, "\n\n".join([said, *tables(report)]))


def tables(report: Found) -> list[str]:
    """The tables in Markdown, each with its heading."""
    libraries = report.get("libraries", {})
    parts = [_quality(part, libraries) for part in ("rest", "development") if libraries]
    if libraries:
        parts.append(_reliability(libraries))
    if "times" in report:
        rows = [f"| {what} | {value} |" for what, value in report["times"].items()]
        parts.append("\n".join(["### Times\n", "| what | ms |", "|---|--:|", *rows]))
    return parts


def _quality(part: str, libraries: Found) -> str:
    head = " | ".join(personal.MEASURES)
    lines = [
        f"### {part.capitalize()}\n",
        f"| library | shown | readers | system | {head} |",
        f"|---|--:|--:|---|{'--:|' * len(personal.MEASURES)}",
    ]
    for name in sorted(libraries, key=LIBRARIES.index):
        systems = libraries[name][part]["systems"]
        for shown in next(iter(systems.values())):
            lines += [_row(name, shown, system, systems[system][shown]) for system in systems]
            over = systems["ours"][shown]["over_svm"]
            cells = [
                f"**{one['mean']:+.3f}** ({one['ci'][0]:+.3f} to {one['ci'][1]:+.3f})"
                for one in over.values()
            ]
            lines.append(f"| {name} | {shown} | | ours − svm | {' | '.join(cells)} |")
    return "\n".join(lines)


def _row(name: str, shown: str, system: str, found: Found) -> str:
    cells = " | ".join(f"{found[measure]:.3f}" for measure in personal.MEASURES)
    return f"| {name} | {shown} | {found['users']} | {system} | {cells} |"


def _reliability(libraries: Found) -> str:
    lines = [
        f"### Reliability, rest, as if {PRIOR:.0%} of papers were wanted\n",
        "| library | shown | said from | to | said, mean | were wanted |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name in sorted(libraries, key=LIBRARIES.index):
        for shown, bins in libraries[name]["rest"]["reliability"].items():
            lines += [
                f"| {name} | {shown} | {one['from']:.0%} | {one['to']:.0%} | {one['said']:.1%} | "
                f"{one['were']:.1%} |"
                for one in bins
            ]
    return "\n".join(lines)


def _measured(name: str, users: int, splits: int) -> Found:
    whole = personal.read_library(USERS / name)
    found = {}
    for half in (personal.Half.REST, personal.Half.DEVELOPMENT):
        print(f"Measuring {name}, {half.value}", file=sys.stderr, flush=True)
        report = personal.measure(
            whole.half(half).sampled(users, 0),
            personal.SYSTEMS,
            load_built_in(),
            _quiet,
            part=half.value,
            splits=splits,
        )
        found[half.value] = personal.report_json(report)
    return found


@contextmanager
def _quiet(label: str) -> Iterator[Watcher]:
    print(f"  {label}", file=sys.stderr, flush=True)
    yield lambda _done, _all: None


def _write(found: Found) -> None:
    found |= {"version": __version__, "date": datetime.now(UTC).date().isoformat()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
