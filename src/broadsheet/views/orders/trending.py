"""What rises. Every part is in doublings: a paper with one more has had twice the votes.

    score = log2(1 + v) + COMMENTS · log2(1 + min(c, v)) + HUB · log2(1 + u)
          + STARS · log2(1 + s) + slider · PRIOR · p - age / DOUBLING

- v: what its votes weigh (see there), c: comments, which count only as far as there are votes;
- u: upvotes on Hugging Face's daily papers, s: stars a day of its repository, where known;
- p: the prior's log-odds, at most PRIOR_MOST either way, times the reader's slider (0 is off);
- age in days: a paper DOUBLING days older needs twice the votes to stand level.

A sum of logarithms and age is the logarithm of a product that decays by half every DOUBLING
days, so the parts add up and papers keep their order as time goes by. Where nobody has voted and
nothing is known from elsewhere, prior and age are what is left: within a day, the prior, then the
newest. What a paper scores does not depend on the other papers of the view.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from broadsheet.records import Paper, Reason, Standing
from broadsheet.views.orders.common import Tuning, age, votes_of
from broadsheet.views.orders.votes import votes_said

NAME = "trending"
SENTENCE = "What rises: votes, comments and signals from elsewhere, fading with age."

COMMENTS = 0.5
HUB = 0.5
STARS = 0.5
PRIOR = 0.5
PRIOR_MOST = 4.0
DOUBLING = 2.0


def parts(
    papers: Sequence[Paper], standings: Sequence[Standing], now: datetime, tuning: Tuning
) -> list[tuple[Reason, ...]]:
    """The parts of each paper's score; what is nothing is left out, age always stands there."""
    share = min(max(tuning.prior, 0.0), 1.0)
    priors = tuning.scores(papers).tolist() if share and papers else [0.0] * len(papers)
    found = []
    for paper, standing, prior in zip(papers, standings, priors, strict=True):
        votes = votes_of(standing)
        talk = max(min(float(standing.comments), votes), 0.0)
        upvotes = max(standing.upvotes or 0, 0)
        stars = max(standing.stars_per_day or 0.0, 0.0)
        likely = min(max(prior, -PRIOR_MOST), PRIOR_MOST)
        days = age(paper, standing, now)
        signals = (
            Reason("votes", votes_said(standing), math.log2(1 + votes)),
            Reason("comments", f"{standing.comments:,} comments", COMMENTS * math.log2(1 + talk)),
            Reason("hub", f"{upvotes:,} upvotes elsewhere", HUB * math.log2(1 + upvotes)),
            Reason("stars", f"{stars:.1f} stars a day", STARS * math.log2(1 + stars)),
            Reason("prior", "like what editors picked", share * PRIOR * likely),
        )
        faded = Reason("age", f"{days:.1f} days old", -days / DOUBLING)
        found.append((*(reason for reason in signals if reason.value), faded))
    return found


def notes(standings: Sequence[Standing], tuning: Tuning) -> tuple[str, ...]:
    """Says so where nothing but prior and age decides."""
    if any(
        votes_of(standing) or (standing.upvotes or 0) > 0 or (standing.stars_per_day or 0) > 0
        for standing in standings
    ):
        return ()
    nothing = "Nobody has voted here yet and nothing is known from elsewhere; "
    if tuning.prior > 0:
        return (f"{nothing}papers stand by the prior and by how new they are.",)
    return (f"{nothing}the newest papers stand first.",)
