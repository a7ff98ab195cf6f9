"""What diversity within 'for me' costs and gives: `python -m bench.diversity [--docs]`.

A made reader keeps one interest with three subjects: five papers each of three libraries of the
shared data. The page's first twenty places are filled from a day of 400 papers drawn from all, with
thirty hidden papers of the three among them, more of the first than of the second and the third.
Told is how good the page is (nDCG@20), how many of the three subjects are among the twenty, and how
near its papers are to one another (mean cosine), by the strength of the penalty, and beside a
greedy determinantal page (Chen, Zhang, Zhou, "Fast greedy MAP inference for determinantal point
process to improve recommendation diversity", 2018) of several strengths. Development readers only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.figures import put_between
from bench.personal import USERS
from broadsheet.embed.static import load_built_in
from broadsheet.evaluation import personal
from broadsheet.evaluation.metrics import interval, ndcg
from broadsheet.learning.classifier import fit
from broadsheet.learning.features import Features, Vocabulary, features
from broadsheet.views.personal import for_me

RESULTS = Path(__file__).parent / "results" / "diversity.json"
DOCUMENT = Path(__file__).parent.parent / "docs" / "personal-quality.md"
BEGIN, END = "<!-- diversity:begin -->", "<!-- diversity:end -->"
PLACES = 20
_DAY, _SHOWN = 400, 5
# Papers of the three subjects that are new on the day.
_WANTED = (20, 7, 3)
# The page's settings, (NEAR, LESS); the determinantal page's shares of the score.
_MARGINAL = ((0.55, 0.0), (0.55, 2.0), (0.55, 6.0), (0.55, 12.0), (0.4, 6.0), (0.4, 12.0))
_DETERMINANTAL = (1.0, 0.5, 0.25)

Numbers = NDArray[np.float64]
Page = list[int]


def marginal(scores: Numbers, vectors: NDArray[np.float32], near: float, less: float) -> Page:
    """The page as the product fills it, with these constants."""
    kept = for_me.NEAR, for_me.LESS
    for_me.NEAR, for_me.LESS = near, less
    try:
        placed = for_me.mix(
            scores[None],
            [float(scores.min())],
            [1.0],
            np.zeros(len(scores)),
            vectors,
            for_me.Mix(others=0.0, exploration=0.0),
            PLACES,
        )
    finally:
        for_me.NEAR, for_me.LESS = kept
    return [one.row for one in placed]


def determinantal(scores: Numbers, vectors: NDArray[np.float32], share: float) -> Page:
    """Greedily the page of the largest determinant; `share` is how much of the score counts."""
    quality = np.exp(0.5 * share * (scores - scores.max()))
    alike = (1 + vectors @ vectors.T) / 2
    kernel = quality[:, None] * alike * quality[None]
    left = np.diag(kernel).astype(np.float64).copy()
    factors = np.zeros((PLACES, len(scores)))
    page: Page = []
    for place in range(PLACES):
        best = int(np.argmax(left))
        page.append(best)
        factors[place] = (kernel[best] - factors[:place, best] @ factors[:place]) / np.sqrt(
            left[best]
        )
        left = np.maximum(left - factors[place] ** 2, 1e-300)
        left[page] = -np.inf
    return page


def measure(readers: int, seed: int) -> dict[str, list[list[float]]]:
    """By method, a row for each made reader: nDCG@20, subjects reached, mean cosine."""
    library = personal.read_library(USERS / "bib_libraries")
    draw = np.random.default_rng(seed)
    sample = draw.permutation(len(library.texts))
    vocabulary = Vocabulary([library.texts[place] for place in sample[:3_000].tolist()])
    papers = features(library.texts, load_built_in().encode_papers(library.texts), vocabulary)
    background = papers.take(sample[:1_000])
    large = [
        np.array(reader.papers)
        for reader in library.half(personal.Half.DEVELOPMENT).readers
        if len(reader.papers) >= _SHOWN + max(_WANTED)
    ]
    methods: Mapping[str, Callable[[Numbers, NDArray[np.float32]], Page]] = {
        f"marginal, from {near}, {less:g} a step": partial(marginal, near=near, less=less)
        for near, less in _MARGINAL
    } | {
        f"determinantal, {share:g} of the score": partial(determinantal, share=share)
        for share in _DETERMINANTAL
    }
    found: dict[str, list[list[float]]] = {name: [] for name in methods}
    for _ in range(readers):
        chosen = draw.choice(len(large), len(_WANTED), replace=False)
        theirs = [draw.permutation(large[at]) for at in chosen]
        shown = np.concatenate([one[:_SHOWN] for one in theirs])
        subject = {
            int(paper): at
            for at, (one, count) in enumerate(zip(theirs, _WANTED, strict=True))
            for paper in one[_SHOWN : _SHOWN + count]
        }
        known = np.concatenate([large[at] for at in chosen])
        others = draw.choice(np.setdiff1d(np.arange(len(papers)), known), _DAY, replace=False)
        day = np.array([*subject, *others.tolist()])
        model = fit(papers.take(shown), papers.take([]), background)
        scores = model.scores(papers.take(day))
        for name, method in methods.items():
            page = method(scores, papers.dense[day])
            found[name].append(_told(page, day, subject, papers))
    return found


def _told(
    page: Page, day: NDArray[np.int64], subject: dict[int, int], papers: Features
) -> list[float]:
    rows = day[page].tolist()
    gains = {str(paper): 1 for paper in subject}
    near = papers.dense[rows] @ papers.dense[rows].T
    count = len(rows)
    return [
        ndcg([str(row) for row in rows], gains, PLACES),
        len({subject[row] for row in rows if row in subject}),
        float((near.sum() - np.trace(near)) / (count * (count - 1))),
    ]


def table(found: dict[str, list[list[float]]]) -> str:
    """The figures in Markdown."""
    base = np.array(found[next(iter(found))])
    lines = [
        f"{len(base)} made readers. In bold what the page does; differences to the first row, with "
        "bootstrap intervals of 95 %.",
        "",
        "| page | nDCG@20 | difference | subjects of three | difference | mean cosine |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    used = f"marginal, from {for_me.NEAR:g}, {for_me.LESS:g} a step"
    for name, rows in found.items():
        values = np.array(rows)
        mean = values.mean(axis=0)
        cells = [_over(values[:, at] - base[:, at]) for at in (0, 1)]
        shown = f"**{name}**" if name == used else name
        lines.append(
            f"| {shown} | {mean[0]:.3f} | {cells[0]} | {mean[1]:.2f} | {cells[1]} | {mean[2]:.3f} |"
        )
    return "\n".join(lines)


def _over(values: Sequence[float] | Numbers) -> str:
    column = np.asarray(values)
    low, high = interval(column, 0)
    return f"{column.mean():+.3f} ({low:+.3f} to {high:+.3f})"


def main() -> int:
    """0 where it ran, 1 where the shared data is missing."""
    parser = argparse.ArgumentParser(prog="bench.diversity", description=__doc__)
    parser.add_argument("--readers", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--docs", action="store_true", help="write docs/personal-quality.md")
    given = parser.parse_args()
    if not USERS.is_dir():
        print("The libraries are in the shared data, which is not beside this checkout.")
        return 1
    found = measure(given.readers, given.seed)
    means = {name: np.mean(rows, axis=0).round(4).tolist() for name, rows in found.items()}
    RESULTS.write_text(json.dumps(means, indent=1) + "\n")
    print(table(found))
    if given.docs:
        put_between(DOCUMENT, BEGIN, END, table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
