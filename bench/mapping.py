"""The map and what is rising, at size: `python -m bench.mapping [--papers N] [--data DIR]`.

Prints how long a layout takes and how well it keeps neighbours beside random places; what frames
take while one moves and zooms in a real Chromium without a graphics card; how long pages take; and,
with the days of the real papers shuffled, on how many looks anything is said to rise. With --data
a folder that holds papers already is used, and keeps the map that is made.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page, sync_playwright

from bench import data
from bench.figures import Figures, latencies, print_figures
from bench.pages import get, running
from broadsheet.ops import settings
from broadsheet.ops.parts import Parts, open_parts
from broadsheet.records import View
from broadsheet.search.layout.kept import Layout
from broadsheet.search.layout.placing import nearest
from broadsheet.search.recent import RecentIndex, RecentTerms
from broadsheet.views.rising import FALSE_ALARM, SPANS, RisingTerms

_ASKED = 1000
_NEIGHBOURS = 10
# How many times as many papers a day the wider window has.
_WIDER = 6
_LOOKS = 200
_FRAMES = 180
_CHROMIUM = ["--no-sandbox", "--disable-gpu", "--disable-frame-rate-limit", "--disable-gpu-vsync"]
# Each frame moves or zooms a little; timed is from each to the next, with all that is in between.
_MEASURE = """async ([kind, frames]) => {
    const field = document.querySelector('.field');
    const box = field.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    const act = {
        pan: (i) => field.dispatchEvent(new KeyboardEvent('keydown',
            {key: i % 60 < 30 ? 'ArrowRight' : 'ArrowLeft', bubbles: true})),
        zoom: (i) => field.dispatchEvent(new WheelEvent('wheel',
            {deltaY: i % 90 < 45 ? -24 : 24, clientX: x, clientY: y, ctrlKey: true,
             bubbles: true, cancelable: true})),
    }[kind];
    const next = () => new Promise((done) => requestAnimationFrame(done));
    const taken = [];
    let before = await next();
    for (let i = 0; i < frames; i++) {
        act(i);
        const now = await next();
        taken.push(now - before);
        before = now;
    }
    return taken;
}"""


def main() -> int:
    """0 where all was measured, 1 where the shared data or a browser is missing."""
    parser = argparse.ArgumentParser(prog="bench.mapping", description=__doc__)
    parser.add_argument("--papers", type=int, default=100_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--keep-map", action="store_true", help="measure the map that is there")
    given = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or not (given.data or data.is_there()):
        sys.stderr.write("The shared papers and a Chromium are needed.\n")
        return 1
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as folder:
        at = given.data or data.Library(Path(folder), given.papers).imported
        parts = open_parts(settings.load(data=at))
        print_figures("layout", _layout(parts, anew=not given.keep_map))
        print_figures("what is rising", _rising(parts))
        parts.store.close()
        print_figures("pages", _pages(at, chromium))
    return 0


def _layout(parts: Parts, *, anew: bool) -> Figures:
    assert parts.layout is not None
    figures: Figures = {"cores": os.cpu_count()}
    if anew or parts.layout.current() is None:
        start = time.perf_counter()
        cpu = os.times()
        if not parts.layout.build(parts.store):
            raise RuntimeError("no layout was made")
        after = os.times()
        figures["seconds"] = round(time.perf_counter() - start, 1)
        figures["processor seconds"] = round(after.user - cpu.user + after.system - cpu.system, 1)
    layout = parts.layout.current()
    assert layout is not None
    draw = np.random.default_rng(1)
    asked = draw.choice(len(layout.numbers), min(_ASKED, len(layout.numbers)), replace=False)
    truth = _by_meaning(parts, layout, asked)
    places = layout.places.astype(np.float32)
    # Many papers may lie at one place: the order among them is by lot.
    places += draw.uniform(0, 1, places.shape).astype(np.float32)
    random = draw.uniform(0, 65_535, places.shape).astype(np.float32)
    return {
        **figures,
        "papers": len(layout.numbers),
        "laid out, the others placed": layout.laid_out,
        "regions": [sum(one.level == level for one in layout.regions) for level in range(3)],
        "of 10 nearest in meaning, among 10 nearest on the map": _share(truth, places, asked, 10),
        "of 10 nearest in meaning, among 100 nearest on the map": _share(truth, places, asked, 100),
        "the same on a random map, among 100": _share(truth, random, asked, 100),
    }


def _by_meaning(parts: Parts, layout: Layout, asked: NDArray[np.int64]) -> NDArray[np.int64]:
    index = parts.meaning.current() if parts.meaning else None
    assert index is not None
    found = []
    for vector, row in zip(index.vectors(layout.numbers[asked]), asked, strict=True):
        numbers, _ = index.exact(vector, _NEIGHBOURS + 1)
        others = numbers[numbers != layout.numbers[row]][:_NEIGHBOURS]
        found.append(np.searchsorted(layout.numbers, others))
    return np.stack(found)


def _share(
    truth: NDArray[np.int64], places: NDArray[np.float32], asked: NDArray[np.int64], most: int
) -> float:
    rows, _ = nearest(places, places[asked], most + 1)
    shares = [
        len(set(a) & (set(b) - {r})) / len(a) for a, b, r in zip(truth, rows, asked, strict=True)
    ]
    return round(float(np.mean(shares)), 4)


def _rising(parts: Parts) -> Figures:
    assert parts.recent is not None
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        RecentIndex(Path(folder)).keep_up(parts.store)
    counted = time.perf_counter() - start
    parts.recent.keep_up(parts.store)
    recent = parts.recent.current()
    assert recent is not None

    def look(days: int) -> object:
        # Made anew: nothing of it is at hand.
        return RisingTerms(parts.store, parts.catalogue, parts.recent, parts.layout).of(
            View(), days
        )

    cold = latencies([partial(look, SPANS[i % len(SPANS)]) for i in range(40)])
    wide = _Shuffled(_wider(recent))
    longest = 0.0
    for days in SPANS:
        start = time.process_time()
        RisingTerms(parts.store, parts.catalogue, wide, parts.layout).of(  # type: ignore[arg-type]
            View(), days
        )
        longest = max(longest, time.process_time() - start)
    draw = np.random.default_rng(1)
    alarms = 0
    for one in range(_LOOKS):
        shuffled = _Shuffled(replace(recent, days=draw.permutation(recent.days)))
        rising = RisingTerms(parts.store, parts.catalogue, shuffled, parts.layout)  # type: ignore[arg-type]
        found = rising.of(View(), SPANS[one % len(SPANS)])
        alarms += bool(found and (found.terms or found.topics))
    return {
        "papers held": parts.catalogue.holdings().papers,
        "papers of the window": len(recent.numbers),
        "terms counted": len(recent.codes),
        "counting all of the window, s": round(counted, 1),
        "a look that nobody had before": cold,
        "papers of the window, six times over": len(recent.numbers) * _WIDER,
        "the longest look there, processor s": round(longest, 3),
        "looks at shuffled days": _LOOKS,
        "of those with anything said to rise": alarms,
        "at most, as is said": f"{FALSE_ALARM:.0%}",
    }


def _wider(recent: RecentTerms) -> RecentTerms:
    """The window as of a library that gets so many times as many papers a day: each paper again
    and again, under other numbers.
    """
    apart = int(recent.numbers.max()) + 1
    lengths = np.tile(np.diff(recent.starts), _WIDER)
    return replace(
        recent,
        numbers=np.concatenate([recent.numbers + apart * at for at in range(_WIDER)]),
        days=np.tile(recent.days, _WIDER),
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        terms=np.tile(recent.terms, _WIDER),
    )


class _Shuffled:
    """What is counted, with papers on other days."""

    def __init__(self, terms: Any) -> None:
        self._terms = terms

    def current(self) -> Any:
        """The terms."""
        return self._terms


def _pages(at: Path, chromium: str) -> Figures:
    with running(at) as (port, _pid, _started):
        get(port, "/rising")
        figures: Figures = {
            path: latencies([partial(get, port, path)] * 30)
            for path in ("/map", "/map/points.bin", "/map?region=0", "/rising")
        }
        figures["bytes of the points"] = len(get(port, "/map/points.bin"))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM)
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            start = time.perf_counter()
            page.goto(f"http://127.0.0.1:{port}/map")
            page.wait_for_selector("#map[data-ready]")
            figures["map opened and drawn, s"] = round(time.perf_counter() - start, 2)
            figures["points"] = int(
                page.evaluate(
                    "document.querySelector('.ledger strong').textContent.replace(/\\D/g, '')"
                )
            )
            for kind in ("pan", "zoom"):
                figures[f"a frame while one {kind}s"] = _frames(page, kind)
            browser.close()
    return figures


def _frames(page: Page, kind: str) -> Figures:
    taken = sorted(page.evaluate(_MEASURE, [kind, _FRAMES]))
    return {
        "median_ms": round(statistics.median(taken), 1),
        "p95_ms": round(taken[int(len(taken) * 0.95)], 1),
        "frames": len(taken),
    }


if __name__ == "__main__":
    sys.exit(main())
