"""How well the prior tells what editors will pick, on days later than those it learned from.

A day's list is its picks and its other papers; each day is ranked by itself. AUC is the chance
that a pick stands above another paper (Mann and Whitney; ties count half). Precision looks at as
many papers as were picked that day. Means go over days, intervals are bootstrap 95 % over days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.embed.lexicon import Lexicon
from broadsheet.learning.prior import PriorError, Weights
from broadsheet.learning.prior_training import (
    Example,
    Texts,
    guess_fields,
    matrix,
    plain_features,
    read_texts,
    train,
)

Floats = NDArray[np.float64]

_RESAMPLES = 2000
# The part of the picks that lies before the days that measure, where no day is named.
_LEARNING_SHARE = 2 / 3

PRIOR = "prior"
# How the two files differ in writing, and what the model must therefore not read.
PROBES: dict[str, Callable[[Example], float]] = {
    "TeX in the abstract": lambda one: float("$" in one.abstract or "\\" in one.abstract),
    "abstract ends without a stop": lambda one: float(not one.abstract.rstrip().endswith(".")),
    "length of the abstract": lambda one: len(one.abstract),
    "shortness of the title": lambda one: -len(one.title),
}


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over days with its bootstrap interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Score:
    """An order of the day's papers, measured."""

    name: str
    auc: Mean
    precision: Mean


@dataclass(frozen=True, slots=True)
class FieldShare:
    """A field's share of all papers, of the picks, and of as many papers as were picked, taken
    from the top of the prior's order each day.
    """

    field: str
    all: float
    picked: float
    predicted: float


@dataclass(frozen=True)
class PriorReport:
    """What was measured, on which days. `upvotes` is the rank correlation (Spearman) of the
    prior with readers' votes among the picks alone, where no difference of source can help it.
    """

    first: date
    split: date
    last: date
    learned: tuple[int, int]
    tested: tuple[int, int]
    days: int
    left_out: int
    scores: tuple[Score, ...]
    probes: tuple[Score, ...]
    fields: tuple[FieldShare, ...]
    upvotes: Mean


def default_split(examples: Sequence[Example]) -> date:
    """The first day to measure on, two thirds of the picks lying before it."""
    days = sorted(one.day for one in examples if one.picked)
    if not days:
        raise PriorError("No paper was picked.")
    return days[int(len(days) * _LEARNING_SHARE)]


def measure(
    examples: Sequence[Example], lexicon: Lexicon, split: date, left_out: int = 0, seed: int = 0
) -> PriorReport:
    """Learns on the days before `split`, measures on the others. Raises PriorError."""
    early = read_texts([one for one in examples if one.day < split])
    late = read_texts([one for one in examples if one.day >= split])
    if not early.examples or not late.examples:
        raise PriorError(f"There must be days before and after {split}.")
    model = train(early, lexicon, seed).weights
    uneven = train(early, lexicon, seed, even=False).weights
    words, plain = _halves(model, late)
    prior = words + plain.sum(axis=1)
    orders = {
        PRIOR: prior,
        "prior, fields not evened": _scores(uneven, late),
        "its words alone": words,
        "number of authors alone": plain[:, 0],
        "code link alone": plain[:, 1],
        "newest first": _by_name(late.examples),
        "random": np.zeros(len(prior)),
    }
    days = _days(late.examples)
    drawn = np.random.default_rng(seed).integers(0, len(days), (_RESAMPLES, len(days)))
    picked = late.picked
    probes = {
        name: np.array([probe(one) for one in late.examples]) for name, probe in PROBES.items()
    }
    return PriorReport(
        first=early.examples[0].day,
        split=split,
        last=late.examples[-1].day,
        learned=_counts(early),
        tested=_counts(late),
        days=len(days),
        left_out=left_out,
        scores=tuple(_score(name, found, picked, days, drawn) for name, found in orders.items()),
        probes=tuple(_score(name, found, picked, days, drawn) for name, found in probes.items()),
        fields=_fields(early, late, model, prior, days, seed),
        upvotes=_with_votes(late, prior, days, drawn),
    )


def auc(scores: Floats, picked: NDArray[np.bool_]) -> float:
    """The chance that a pick scores above another paper, ties half; 0.5 where one kind lacks."""
    ranks = _ranks(scores)
    count = int(picked.sum())
    rest = len(picked) - count
    if not count or not rest:
        return 0.5
    above = ranks[picked].sum() - count * (count + 1) / 2
    return float(above / (count * rest))


def precision(scores: Floats, picked: NDArray[np.bool_]) -> float:
    """The share of picks among as many papers from the top; what ties give is the mean of all
    orders that the scores allow.
    """
    count = int(picked.sum())
    if not count:
        return 0.0
    least = np.sort(scores)[::-1][count - 1]
    above, level = scores > least, scores == least
    share = (count - above.sum()) / level.sum()
    return float((picked[above].sum() + share * picked[level].sum()) / count)


def prior_json(report: PriorReport) -> dict[str, Any]:
    """The report for scripts."""
    return {
        "first": report.first.isoformat(),
        "split": report.split.isoformat(),
        "last": report.last.isoformat(),
        "learned": {"featured": report.learned[0], "others": report.learned[1]},
        "tested": {"featured": report.tested[0], "others": report.tested[1], "days": report.days},
        "left_out": report.left_out,
        "systems": {one.name: _score_json(one) for one in report.scores},
        "probes": {one.name: _score_json(one) for one in report.probes},
        "fields": {
            one.field: {"all": one.all, "featured": one.picked, "predicted": one.predicted}
            for one in report.fields
        },
        "upvotes": _mean_json(report.upvotes),
    }


def prior_tables(report: PriorReport) -> str:
    """The report in Markdown."""
    lines = [
        f"Learned from {report.learned[0]:,} featured and {report.learned[1]:,} other papers of "
        f"{report.first} to the day before {report.split}; measured on {report.tested[0]:,} and "
        f"{report.tested[1]:,} of {report.days} days from then to {report.last}. "
        f"{report.left_out:,} featured papers lie on days without others and are left out. "
        "Means over days, with bootstrap 95 % intervals.",
        "",
        *_score_table("order", report.scores),
        "",
        "Among the featured papers of these days alone, the prior's rank correlation (Spearman) "
        f"with their upvotes is {_told(report.upvotes)}.",
        "",
        "How far the writing of the two files alone would go; none of it is read:",
        "",
        *_score_table("not read", report.probes),
        "",
        "| field, guessed from the words | of all | of the featured | of the prior's top |",
        "|---|--:|--:|--:|",
        *(
            f"| {one.field} | {one.all:.1%} | {one.picked:.1%} | {one.predicted:.1%} |"
            for one in report.fields
        ),
    ]
    return "\n".join(lines)


def _score_table(head: str, scores: Sequence[Score]) -> list[str]:
    return [
        f"| {head} | AUC | precision |",
        "|---|--:|--:|",
        *(f"| {one.name} | {_told(one.auc)} | {_told(one.precision)} |" for one in scores),
    ]


def _told(mean: Mean) -> str:
    return f"{mean.mean:.3f} ({mean.low:.3f} to {mean.high:.3f})"


def _mean_json(mean: Mean) -> dict[str, Any]:
    return {
        "mean": round(mean.mean, 4),
        "ci": [round(mean.low, 4), round(mean.high, 4)],
    }


def _score_json(score: Score) -> dict[str, Any]:
    return {"auc": _mean_json(score.auc), "precision": _mean_json(score.precision)}


def _halves(model: Weights, texts: Texts) -> tuple[Floats, Floats]:
    """What words, and what authors and code link, give each text: (n,) and (n, 2)."""
    values = np.array([value for _, value in model.words.values()])
    words = np.asarray(matrix(texts, list(model.words)) @ values) + model.offset
    means = np.array([model.mean_authors, model.mean_code])
    return words, (plain_features(texts) - means) * np.array([model.authors, model.code])


def _scores(model: Weights, texts: Texts) -> Floats:
    words, plain = _halves(model, texts)
    found: Floats = words + plain.sum(axis=1)
    return found


def _by_name(examples: Sequence[Example]) -> Floats:
    """Ranks by arXiv id: the order of submission, the one date that both files state alike."""
    _, ranks = np.unique([one.name for one in examples], return_inverse=True)
    return ranks.astype(np.float64)


def _days(examples: Sequence[Example]) -> list[slice]:
    found, start = [], 0
    for _, members in groupby(examples, key=lambda one: one.day):
        size = sum(1 for _ in members)
        found.append(slice(start, start + size))
        start += size
    return found


def _counts(texts: Texts) -> tuple[int, int]:
    picked = texts.picked
    return int(picked.sum()), int((~picked).sum())


def _ranks(values: Floats) -> Floats:
    """Ranks from 1; ties share the mean of theirs."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2)[place]
    return ranks


def _mean(by_day: Floats, drawn: NDArray[np.int64]) -> Mean:
    means = by_day[drawn].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Mean(float(by_day.mean()), float(low), float(high))


def _score(
    name: str,
    scores: Floats,
    picked: NDArray[np.bool_],
    days: Sequence[slice],
    drawn: NDArray[np.int64],
) -> Score:
    return Score(
        name,
        _mean(np.array([auc(scores[day], picked[day]) for day in days]), drawn),
        _mean(np.array([precision(scores[day], picked[day]) for day in days]), drawn),
    )


def _fields(
    early: Texts, late: Texts, model: Weights, prior: Floats, days: Sequence[slice], seed: int
) -> tuple[FieldShare, ...]:
    both = Texts((*early.examples, *late.examples), (*early.stems, *late.stems))
    guessed = guess_fields(matrix(both, list(model.words)), both, seed)[len(early.examples) :]
    picked = late.picked
    top = np.zeros(len(picked), bool)
    for day in days:
        best = np.argsort(-prior[day], kind="stable")[: int(picked[day].sum())]
        top[day.start + best] = True
    counts = [Counter(guessed[kept].tolist()) for kept in (picked | ~picked, picked, top)]
    return tuple(
        FieldShare(field, *(one[field] / max(one.total(), 1) for one in counts))
        for field in sorted(counts[0])
    )


def _with_votes(
    late: Texts, prior: Floats, days: Sequence[slice], drawn: NDArray[np.int64]
) -> Mean:
    """Spearman's rank correlation of prior and upvotes over the picks of all days."""
    picked = late.picked
    votes = np.array([one.upvotes for one in late.examples], np.float64)
    places = [np.flatnonzero(picked[day]) + day.start for day in days]

    def correlation(at: NDArray[np.int64]) -> float:
        pair = np.corrcoef(_ranks(prior[at]), _ranks(votes[at]))
        return float(np.nan_to_num(pair[0, 1]))

    found = [correlation(np.concatenate([places[day] for day in sample])) for sample in drawn[:500]]
    low, high = np.percentile(found, [2.5, 97.5])
    return Mean(correlation(np.concatenate(places)), float(low), float(high))
