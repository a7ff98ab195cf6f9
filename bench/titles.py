"""How often a title finds its paper first: `python -m bench.titles [--papers N] [--keep DIR]`.

Each of `--titles` real titles is asked as it stands, and once more with a letter dropped, doubled,
changed or swapped in two of its longer words. A paper counts as found first where the first
result has the same title: some titles are borne by two papers.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from itertools import islice
from pathlib import Path

from bench import data
from bench.figures import Figures
from bench.make_corpus import real
from bench.scale import WRITTEN, build, misspelt, opened
from broadsheet.records import Period
from broadsheet.search.hybrid import Hybrid
from broadsheet.text.normalise import title_key
from broadsheet.views.query import parse


def main() -> int:
    """0 where it ran, 1 where the shared data is missing."""
    parser = argparse.ArgumentParser(prog="bench.titles", description=__doc__)
    parser.add_argument("--papers", type=int, default=400_000)
    parser.add_argument("--titles", type=int, default=5000)
    parser.add_argument("--keep", type=Path, help="a folder where what is built stays")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if not data.is_there():
        print("The benchmarks use the shared papers, which are not beside this checkout.")
        return 1
    with tempfile.TemporaryDirectory(prefix="broadsheet-titles-") as folder:
        place = (given.keep or Path(folder)) / str(given.papers)
        place.mkdir(parents=True, exist_ok=True)
        build(place, given.papers, given.seed)
        figures = measured(place, given.papers, given.titles, given.seed)
    WRITTEN.mkdir(exist_ok=True)
    (WRITTEN / f"titles-{given.papers}.json").write_text(json.dumps(figures, indent=2) + "\n")
    for name, value in figures.items():
        print(f"{name:<40} {value}")
    return 0


def measured(folder: Path, count: int, wanted: int, seed: int) -> Figures:
    """The share of titles that find their paper first, exact and misspelt."""
    search, _ = opened(folder)
    titles = [values["title"] for values in islice(real(), count)]
    draw = random.Random(seed)
    places = draw.sample(range(len(titles)), min(wanted, len(titles)))
    exact = typos = 0
    for done, place in enumerate(places, 1):
        title = titles[place]
        exact += _is_first(search, title, title, titles)
        typos += _is_first(search, misspelt(title, draw), title, titles)
        if done % 500 == 0:
            print(f"{done} of {len(places)}", file=sys.stderr, flush=True)
    return {
        "papers": count,
        "titles": len(places),
        "found first, %": round(100 * exact / len(places), 2),
        "found first with two typos, %": round(100 * typos / len(places), 2),
    }


def _is_first(search: Hybrid, asked: str, title: str, titles: list[str]) -> bool:
    hits = search.search(parse(asked), Period(), limit=1).hits
    return bool(hits) and title_key(titles[hits[0].number - 1]) == title_key(title)


if __name__ == "__main__":
    sys.exit(main())
