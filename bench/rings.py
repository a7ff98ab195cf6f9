"""How far a ring of accounts gets: `python -m bench.rings [--runs N] [--docs]`.

A made community votes for real days' papers: how popular papers of a day are is what upvotes of
the shared Hub days say, what accounts like and how often they vote is drawn. For thirty days
honest accounts vote; on the last, a ring of 5 % of all accounts votes for a paper whose own merit
is the day's median. Told is how often the ring's paper is among the day's first ten by evening,
ordered by trending, with raw votes and with weighed ones.
"""

from __future__ import annotations

import argparse
import json
import lzma
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.figures import put_between
from broadsheet.records import Paper, Standing, Vote
from broadsheet.views.orders import ORDERS, Tuning
from broadsheet.views.orders.weighing import vote_weights

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "ranking.md"
RESULTS = Path(__file__).resolve().parent / "results" / "rings.json"
BEGIN, END = "<!-- rings:begin -->", "<!-- rings:end -->"

FIRST = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 30
TOP = 10
TOPICS = 12

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Community:
    """Its size: accounts in all, the ring's share of them, papers and honest votes a day."""

    accounts: int = 1000
    ring_share: float = 0.05
    papers: int = 60
    votes_a_day: int = 800

    @property
    def ring(self) -> int:
        """Accounts of the ring."""
        return round(self.accounts * self.ring_share)


@dataclass(frozen=True)
class Ring:
    """What a ring does on the last day, and what it did before.

    `honest` days it votes as anybody; on `strikes` earlier days it votes for another target;
    `camouflage` votes a day go to popular papers, each account's own choice; on the last day each
    account votes for `share` of `targets`, within `minutes` (1440: all day).
    """

    name: str
    honest: bool = False
    strikes: int = 0
    camouflage: int = 0
    targets: int = 1
    share: float = 1.0
    minutes: int = 1440


RINGS = (
    Ring("new accounts, all at once", minutes=5),
    Ring("new accounts, over the day"),
    Ring("old accounts, five targets before, all at once", strikes=5, honest=True, minutes=5),
    Ring("old accounts, five targets before, over the day", strikes=5, honest=True),
    Ring("idle accounts that vote for nothing else, three targets before", strikes=3),
    Ring("camouflaged: three popular papers a day, three targets before", strikes=3, camouflage=3),
    Ring("camouflaged: three popular papers a day, first target", camouflage=3),
    Ring("five targets, new accounts", targets=5),
    Ring("five targets, old accounts, each votes for three", honest=True, targets=5, share=0.6),
    Ring("sleepers: old, honest until now, all at once", honest=True, minutes=5),
    Ring("sleepers: old, honest until now, over the day", honest=True),
)


@dataclass(frozen=True)
class World:
    """A month: the honest votes as arrays (account, paper, seconds), merits by day and place."""

    community: Community
    voter: Ints
    paper: Ints
    at: Floats
    merits: Floats
    likes: Floats


def hub_upvotes() -> list[int]:
    """The upvotes of every featured paper of the shared data."""
    with lzma.open(SHARED / "hub_days.jsonl.xz", "rt") as lines:
        return [int(json.loads(line)["upvotes"]) for line in lines]


def world(community: Community, upvotes: Sequence[int], draw: np.random.Generator) -> World:
    """Honest accounts, the ring's among them as `likes` only, and a month of honest votes.

    An account's tastes are shares of topics, a paper's topics are one or two; how many votes an
    account gives is log-normal (sigma 1.2), so some vote daily and most seldom.
    """
    papers = DAYS * community.papers
    merits = np.array(draw.choice(upvotes, papers), np.float64) + 0.5
    topics = draw.dirichlet(np.full(TOPICS, 0.15), papers)
    tastes = draw.dirichlet(np.full(TOPICS, 0.3), community.accounts)
    # An account's odds for a paper: its merit times how much it is of the account's topics.
    likes = (tastes @ topics.T + 0.02) * merits
    active = draw.lognormal(0, 1.2, community.accounts)
    voters, voted, at = [], [], []
    for day in range(DAYS):
        span = slice(day * community.papers, (day + 1) * community.papers)
        counts = draw.poisson(active / active.sum() * community.votes_a_day)
        for account in np.flatnonzero(counts):
            odds = likes[account, span]
            size = min(int(counts[account]), community.papers // 2)
            chosen = draw.choice(community.papers, size, replace=False, p=odds / odds.sum())
            voters.append(np.full(size, account))
            voted.append(chosen + span.start)
            # Votes of one account stand close together.
            start = day * 86_400 + draw.random() * 80_000
            at.append(start + np.sort(draw.random(size)) * 1_200)
    return World(
        community,
        np.concatenate(voters).astype(np.int64),
        np.concatenate(voted).astype(np.int64),
        np.concatenate(at),
        merits.reshape(DAYS, community.papers),
        likes,
    )


def struck(made: World, ring: Ring, draw: np.random.Generator) -> tuple[list[Vote], Ints]:
    """All votes with the ring's, and the papers it is for. The ring are the last accounts."""
    size = made.community.ring
    members = np.arange(made.community.accounts - size, made.community.accounts)
    is_ring = np.isin(made.voter, members)
    last = made.at >= (DAYS - 1) * 86_400
    kept = ~is_ring | (~last if ring.honest else np.zeros_like(last))
    voters, voted, at = [made.voter[kept]], [made.paper[kept]], [made.at[kept]]
    before = draw.choice(np.arange(DAYS - 15, DAYS - 1), ring.strikes, replace=False)
    for day in before:
        _strike(made, day, 1, ring, members, draw, (voters, voted, at))
    targets = _strike(made, DAYS - 1, ring.targets, ring, members, draw, (voters, voted, at))
    if ring.camouflage:
        for day in range(DAYS - 15, DAYS):
            merits = made.merits[day]
            for member in members:
                chosen = draw.choice(
                    len(merits), ring.camouflage, replace=False, p=merits / merits.sum()
                )
                voters.append(np.full(ring.camouflage, member))
                voted.append(chosen + day * len(merits))
                at.append(day * 86_400 + draw.random(ring.camouflage) * 86_400)
    whole = zip(
        np.concatenate(voters).tolist(),
        np.concatenate(voted).tolist(),
        np.concatenate(at).tolist(),
        strict=True,
    )
    once = {(who, what): when for who, what, when in whole}
    votes = [
        Vote(int(who), int(what), FIRST + timedelta(seconds=when))
        for (who, what), when in once.items()
    ]
    return votes, targets


def _strike(
    made: World,
    day: int,
    targets: int,
    ring: Ring,
    members: Ints,
    draw: np.random.Generator,
    into: tuple[list[Ints], list[Ints], list[Floats]],
) -> Ints:
    """A day's votes of the ring; gives the targets, the papers around the median of merit."""
    merits = made.merits[day]
    middle = len(merits) // 2 - targets // 2
    chosen = np.argsort(merits, kind="stable")[middle : middle + targets] + day * len(merits)
    begin = day * 86_400 + draw.random() * (86_400 - ring.minutes * 60)
    for target in chosen:
        voting = members[draw.random(len(members)) < ring.share]
        into[0].append(voting)
        into[1].append(np.full(len(voting), target))
        into[2].append(begin + draw.random(len(voting)) * ring.minutes * 60)
    return np.asarray(chosen)


def among_first(made: World, votes: Sequence[Vote], targets: Ints) -> tuple[float, float]:
    """The share of targets among the last day's first ten, with raw and with weighed votes."""
    count = made.community.papers
    papers = np.arange((DAYS - 1) * count, DAYS * count)
    voted = np.array([vote.paper for vote in votes])
    weights = vote_weights(votes)
    raw = np.bincount(voted, minlength=DAYS * count)[papers]
    weighed = np.bincount(voted, weights, minlength=DAYS * count)[papers]
    now = FIRST + timedelta(days=DAYS)
    today = [Paper(int(number), f"{number}", "", "", day=now.date()) for number in papers]
    shares = []
    for weight in (None, weighed):
        standings = {
            int(number): Standing(
                int(number),
                votes=int(raw[at]),
                weight=None if weight is None else float(weight[at]),
            )
            for at, number in enumerate(papers)
        }
        # The prior is left out: only votes are compared.
        ranked = ORDERS["trending"].rank(today, standings, now, Tuning(prior=0))
        first = papers[list(ranked.places[:TOP])]
        shares.append(float(np.isin(targets, first).mean()))
    return shares[0], shares[1]


def honest_agreement(made: World, seed: int = 0) -> tuple[float, float, float, float]:
    """Without a ring: the mean rank correlation (Spearman) of weighed and raw votes within days
    of the last week, the mean share of the raw first ten that stays there, the same share where
    every second vote was lost by chance instead, and what a vote of the most one-sided tenth of
    accounts weighs beside that of the others.
    """
    votes = [
        Vote(int(who), int(what), FIRST + timedelta(seconds=float(when)))
        for who, what, when in zip(made.voter, made.paper, made.at, strict=True)
    ]
    weights = vote_weights(votes)
    count = made.community.papers
    raw = np.bincount(made.paper, minlength=DAYS * count)
    weighed = np.bincount(made.paper, weights, minlength=DAYS * count)
    halved = np.bincount(
        made.paper,
        np.random.default_rng(seed).random(len(made.paper)) < 0.5,
        minlength=DAYS * count,
    )
    agree, stay, chance = [], [], []
    for day in range(DAYS - 7, DAYS):
        span = slice(day * count, (day + 1) * count)
        agree.append(_spearman(raw[span], weighed[span]))
        first, kept, lucky = (
            set(np.lexsort((np.arange(count), -x[span]))[:TOP].tolist())
            for x in (raw, weighed, halved)
        )
        stay.append(len(first & kept) / TOP)
        chance.append(len(first & lucky) / TOP)
    late = made.at >= (DAYS - 7) * 86_400
    shares = made.likes / made.likes.sum(axis=1, keepdims=True)
    onesided = (shares**2).sum(axis=1)
    niche = onesided[made.voter] >= np.quantile(onesided, 0.9)
    beside = weights[late & niche].mean() / weights[late & ~niche].mean()
    return float(np.mean(agree)), float(np.mean(stay)), float(np.mean(chance)), float(beside)


def _spearman(first: Floats | Ints, second: Floats | Ints) -> float:
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Floats | Ints) -> Floats:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: Floats = (np.cumsum(counts) - (counts - 1) / 2)[place]
    return found


def measure(
    runs: int, seed: int, upvotes: Sequence[int], community: Community | None = None
) -> dict[str, object]:
    """The figures: for no ring and each strategy, how often its paper is among the first ten."""
    community = community or Community()
    found: dict[str, list[tuple[float, float]]] = {"no ring": []}
    honest = []
    for run in range(runs):
        made = world(community, upvotes, np.random.default_rng([seed, run]))
        honest.append(honest_agreement(made))
        for place, ring in enumerate((Ring("no ring", honest=True, share=0.0), *RINGS)):
            votes, targets = struck(made, ring, np.random.default_rng([seed, run, place]))
            found.setdefault(ring.name, []).append(among_first(made, votes, targets))
    agree, stay, chance, beside = np.mean(honest, axis=0)
    return {
        "runs": runs,
        "seed": seed,
        "accounts": community.accounts,
        "ring": community.ring,
        "papers": community.papers,
        "votes_a_day": community.votes_a_day,
        "rings": {
            name: np.mean(shares, axis=0).round(4).tolist() for name, shares in found.items()
        },
        "honest": {
            "spearman": round(float(agree), 4),
            "first_ten_kept": round(float(stay), 4),
            "first_ten_kept_of_every_second_vote": round(float(chance), 4),
            "one_sided_beside_others": round(float(beside), 4),
        },
    }


def table(found: dict[str, object]) -> str:
    """The figures in Markdown."""
    rings, honest = found["rings"], found["honest"]
    assert isinstance(rings, dict)
    assert isinstance(honest, dict)
    return "\n".join(
        [
            f"{found['runs']} made months of {found['accounts']:,} accounts, {found['ring']} of "
            f"them the ring's; {found['papers']} papers and about {found['votes_a_day']} honest "
            "votes a day.",
            "",
            "| ring | among the first ten, raw votes | weighed |",
            "|---|--:|--:|",
            *(f"| {name} | {raw:.1%} | {ours:.1%} |" for name, (raw, ours) in rings.items()),
            "",
            "Without a ring, weighed votes order a day's papers as raw ones do: rank correlation "
            f"(Spearman) {honest['spearman']:.3f}, and {honest['first_ten_kept']:.0%} of the first "
            "ten stay there; where every second vote is lost by chance instead, "
            f"{honest['first_ten_kept_of_every_second_vote']:.0%} do. "
            "A vote of the tenth of accounts with the most one-sided tastes weighs "
            f"{honest['one_sided_beside_others']:.2f} times as much as one of the others.",
        ]
    )


def main() -> int:
    """0 where it ran, 1 where the shared data is missing."""
    parser = argparse.ArgumentParser(prog="bench.rings", description=__doc__)
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--docs", action="store_true", help="write docs/ranking.md as well")
    given = parser.parse_args()
    if not (SHARED / "hub_days.jsonl.xz").is_file():
        print("The simulation uses the shared Hub days, which are not beside this checkout.")
        return 1
    found = measure(given.runs, given.seed, hub_upvotes())
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    if given.docs:
        put_between(DOCUMENT, BEGIN, END, table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
