"""Orders: parts add up, inputs alone decide, votes help, and nothing at all still has an order."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from broadsheet.records import Paper, Standing
from broadsheet.views.orders import ORDERS, Tuning, formula
from broadsheet.views.orders import trending as trending_module

NOW = datetime(2026, 3, 9, 18, tzinfo=UTC)
TODAY = NOW.date()


def by_length(papers: Sequence[Paper]) -> NDArray[np.float64]:
    """A prior that can be foreseen: the longer the title the better."""
    return np.array([len(paper.title) / 10 for paper in papers], np.float64)


TUNING = Tuning(prior=1.0, scores=by_length)


def paper(number: int, title: str = "", day: date | None = TODAY) -> Paper:
    return Paper(number, f"p{number}", title, "", day=day)


counts = st.integers(0, 10**6)
standings = st.builds(
    Standing,
    paper=st.just(0),
    votes=counts,
    weight=st.none() | st.floats(0, 1e6),
    comments=counts,
    upvotes=st.none() | counts,
    stars=st.none() | counts,
    stars_per_day=st.none() | st.floats(0, 1e5),
    first_seen=st.none() | st.datetimes(timezones=st.just(UTC)),
)
days = st.none() | st.dates(date(1991, 1, 1), date(2030, 1, 1))
worlds = st.lists(st.tuples(st.text(max_size=30), days, standings), max_size=12).map(
    lambda rows: [
        (paper(at, title, day), replace(standing, paper=at))
        for at, (title, day, standing) in enumerate(rows, start=1)
    ]
)
World = list[tuple[Paper, Standing]]
names = st.sampled_from(sorted(ORDERS))
sliders = st.floats(0, 1)


def ranking(name: str, world: World, tuning: Tuning = TUNING) -> list[int]:
    held = {standing.paper: standing for _, standing in world}
    ranked = ORDERS[name].rank([one for one, _ in world], held, NOW, tuning)
    return [world[at][0].number for at in ranked.places]


@given(names, worlds, sliders)
def test_parts_add_up_to_scores_and_the_best_stands_first(
    name: str, world: World, slider: float
) -> None:
    held = {standing.paper: standing for _, standing in world}
    tuning = Tuning(slider, by_length)
    ranked = ORDERS[name].rank([one for one, _ in world], held, NOW, tuning)
    assert sorted(ranked.places) == list(range(len(world)))
    assert list(ranked.scores) == sorted(ranked.scores, reverse=True)
    for score, reasons in zip(ranked.scores, ranked.reasons, strict=True):
        assert reasons
        assert all(reason.text for reason in reasons)
        assert math.fsum(reason.value for reason in reasons) == score
        assert math.isfinite(score)


@given(names, worlds, st.randoms(use_true_random=False))
def test_the_order_in_which_papers_come_changes_nothing(
    name: str, world: World, chance: random.Random
) -> None:
    shuffled = list(world)
    chance.shuffle(shuffled)
    assert ranking(name, shuffled) == ranking(name, world)


@given(st.sampled_from(["votes", "trending"]), worlds.filter(bool), st.data(), counts)
def test_more_votes_never_lower_a_paper(
    name: str, world: World, data: st.DataObject, more: int
) -> None:
    at = data.draw(st.integers(0, len(world) - 1))
    one, standing = world[at]
    weight = None if standing.weight is None else standing.weight + more
    raised = list(world)
    raised[at] = (one, replace(standing, votes=standing.votes + more, weight=weight))
    assert ranking(name, raised).index(one.number) <= ranking(name, world).index(one.number)


@given(worlds, st.integers(1, 3))
def test_a_part_of_a_view_keeps_the_order_of_the_whole(world: World, every: int) -> None:
    part = world[::every]
    kept = {one.number for one, _ in part}
    assert ranking("trending", part) == [n for n in ranking("trending", world) if n in kept]


def test_without_votes_and_signals_the_prior_decides_within_a_day_and_a_note_says_so() -> None:
    world = [
        paper(1, "long title, but older", TODAY - timedelta(days=30)),
        paper(2, "short"),
        paper(3, "a longer one"),
        paper(4, "short"),
    ]
    ranked = ORDERS["trending"].rank(world, {}, NOW, TUNING)
    assert [world[at].number for at in ranked.places] == [3, 2, 4, 1]
    [note] = ranked.notes
    assert note.startswith("Nobody has voted here yet")
    assert "prior" in note
    off = ORDERS["trending"].rank(world, {}, NOW, Tuning(0, by_length))
    assert [world[at].number for at in off.places] == [2, 3, 4, 1]
    assert "prior" not in off.notes[0]
    assert {reason.kind for reasons in off.reasons for reason in reasons} == {"age"}
    for standing in (Standing(2, votes=1), Standing(2, upvotes=3), Standing(2, stars_per_day=0.5)):
        assert ORDERS["trending"].rank(world, {2: standing}, NOW, TUNING).notes == ()


def test_the_prior_that_ships_is_one_labelled_part() -> None:
    good = replace(paper(1, "Scalable reinforcement learning for video reasoning"), author_count=20)
    poor = replace(paper(2, "Clinical classification with deep features"), author_count=2)
    ranked = ORDERS["trending"].rank([poor, good], {}, NOW, Tuning(1.0))
    assert ranked.places == (1, 0)
    assert [reason.kind for reason in ranked.reasons[0]] == ["prior", "age"]
    half = ORDERS["trending"].rank([good], {}, NOW, Tuning(0.5))
    assert half.reasons[0][0].value == pytest.approx(ranked.reasons[0][0].value / 2)


def test_comments_count_only_as_far_as_there_are_votes() -> None:
    def talk(votes: int, comments: int) -> float:
        held = {1: Standing(1, votes=votes, comments=comments)}
        [reasons] = ORDERS["trending"].rank([paper(1)], held, NOW, TUNING).reasons
        return sum(reason.value for reason in reasons if reason.kind == "comments")

    assert talk(0, 50) == 0
    assert talk(3, 50) == talk(3, 3) > talk(3, 2) > 0


def test_a_paper_two_days_older_needs_twice_the_votes() -> None:
    older = paper(1, day=TODAY - timedelta(days=2))
    for votes, first in ((15, 2), (16, 1)):
        held = {1: Standing(1, votes=2 * votes), 2: Standing(2, votes=15)}
        ranked = ORDERS["trending"].rank([older, paper(2)], held, NOW, Tuning(0))
        assert (1, 2)[ranked.places[0]] == first


def test_papers_keep_their_order_as_time_goes_by() -> None:
    world = [(paper(n, day=TODAY - timedelta(days=n)), Standing(n, votes=3**n)) for n in range(5)]
    held = {standing.paper: standing for _, standing in world}
    papers = [one for one, _ in world]
    now, later = (
        ORDERS["trending"].rank(papers, held, NOW + timedelta(days=d), TUNING) for d in (0, 50)
    )
    assert now.places == later.places


def test_the_printed_formula_is_the_code_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ORDERS:
        assert "score = " in formula(name)
    before = formula("trending")
    assert "DOUBLING = 2.0" in before
    assert "math.log2(1 + votes)" in before
    assert "NEWNESS" in before
    monkeypatch.setattr(trending_module, "DOUBLING", 9.5)
    assert "DOUBLING = 9.5" in formula("trending")
    with pytest.raises(KeyError):
        formula("fate")
