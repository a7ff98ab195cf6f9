"""Interests: what they rank first, and whether they say why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.learning.classifier import Model, fit, score_many
from broadsheet.learning.features import Features, Vocabulary, features, stack

VOCABULARY = Vocabulary()
SUBJECTS = {
    "bees": "honeybee nectar pollen hive forage flower waggle dance colony queen",
    "locks": "mutex thread deadlock scheduler kernel semaphore atomic race queue core",
    "tides": "moon sea shallow tide current ocean gravity friction wave coast",
}


def papers(subject: str, count: int, seed: int = 0, width: int = 8) -> Features:
    """Made-up papers of five of the subject's words; vectors lean towards the subject's own."""
    draw = np.random.default_rng([seed, *subject.encode()])
    words = np.array(SUBJECTS[subject].split())
    texts = [
        (" ".join(draw.choice(words, 2)), " ".join(draw.choice(words, 5))) for _ in range(count)
    ]
    own = np.zeros(width)
    if width:
        own[list(SUBJECTS).index(subject)] = 1
    dense = own + draw.normal(0, 0.15, (count, width))
    return features(texts, dense.astype(np.float32), VOCABULARY)


def mixed(count: int, width: int = 8) -> Features:
    """A background of all subjects."""
    return stack([papers(subject, count, 99, width) for subject in SUBJECTS])


NONE = papers("bees", 0)
USUAL = mixed(40)


@pytest.mark.parametrize("width", [0, 8])
def test_five_for_and_three_against_rank_the_subject_first(width: int) -> None:
    model = fit(papers("bees", 5, 1, width), papers("locks", 3, 1, width), mixed(40, width))
    wanted = model.scores(papers("bees", 20, 2, width))
    other = model.scores(papers("tides", 20, 2, width))
    refused = model.scores(papers("locks", 20, 2, width))
    assert np.mean(wanted[:, None] > other) > 0.95
    assert np.mean(wanted[:, None] > refused) > 0.95
    assert refused.mean() < other.mean()


def test_one_paper_liked_is_enough_to_begin() -> None:
    model = fit(papers("tides", 1, 1), NONE, USUAL)
    wanted, other = model.scores(papers("tides", 20, 2)), model.scores(papers("bees", 20, 2))
    assert wanted.mean() > other.mean()


def test_papers_against_alone_push_their_like_down() -> None:
    model = fit(NONE, papers("locks", 2, 1), USUAL)
    refused, other = model.scores(papers("locks", 20, 2)), model.scores(papers("bees", 20, 2))
    assert refused.mean() < other.mean()


def test_without_any_mark_no_paper_is_likely_wanted() -> None:
    model = fit(NONE, NONE, USUAL)
    found = model.probability(model.scores(papers("bees", 20, 2)))
    assert (found < 0.5).all()
    assert np.isfinite(fit(NONE, NONE, NONE).scores(USUAL)).all()


def test_one_paper_refused_falls_behind_and_so_does_its_like() -> None:
    refused, other = papers("tides", 1, 3), papers("locks", 1, 3)
    before = fit(papers("bees", 5, 1), NONE, USUAL)
    after = fit(papers("bees", 5, 1), refused, USUAL)
    for asked in (refused, papers("tides", 20, 5)):
        assert lead(after, other, asked) > lead(before, other, asked)


def lead(model: Model, ahead: Features, behind: Features) -> float:
    """By how much papers are ahead of others on the whole."""
    return float(model.scores(ahead).mean() - model.scores(behind).mean())


def test_the_same_paper_for_and_against_says_little() -> None:
    one = papers("bees", 1, 1)
    torn, sure = fit(one, one, USUAL), fit(one, NONE, USUAL)
    assert np.isfinite(torn.scores(USUAL)).all()
    assert torn.scores(one)[0] < sure.scores(one)[0]


def test_a_liked_paper_in_the_background_does_not_count_against_itself() -> None:
    usual = mixed(40)
    inside = fit(usual.take([0, 1, 2]), NONE, usual)
    outside = fit(usual.take([0, 1, 2]), NONE, usual.take(range(3, len(usual))))
    asked = papers("bees", 10, 7)
    assert inside.scores(asked) == pytest.approx(outside.scores(asked), abs=1e-2)


def test_words_of_the_readers_own_count_before_any_paper() -> None:
    model = fit(NONE, NONE, USUAL, liked_words=["ocean"], disliked_words=["deadlock"])
    plain, ocean, deadlock = model.scores(
        features([("Some", "colony"), ("Some", "ocean"), ("Some", "deadlock")], None, VOCABULARY)
    )
    assert ocean > plain > deadlock
    parts = model.parts(features([("Some", "ocean")], None, VOCABULARY), 0)
    assert next(part for part in parts if part.what == "ocean").value > 0


def test_words_with_nothing_in_them_change_nothing() -> None:
    asked = papers("bees", 5, 2)
    with_words = fit(papers("bees", 3), NONE, USUAL, liked_words=["", "the", "…"])
    assert with_words.scores(asked) == pytest.approx(
        fit(papers("bees", 3), NONE, USUAL).scores(asked)
    )


def test_reasons_name_words_and_the_papers_nearest() -> None:
    liked = features(
        [("Honeybee dance", "waggle dance of a colony"), ("Moon and tide", "ocean current")],
        np.eye(8, dtype=np.float32)[[0, 2]],
        VOCABULARY,
    )
    asked = features([("A dance", "waggle")], np.eye(8, dtype=np.float32)[[0]], VOCABULARY)
    parts = fit(liked, NONE, USUAL).parts(asked, 0)
    by_paper = {part.what: part.value for part in parts if part.kind == "liked"}
    assert by_paper[0] > by_paper.get(1, 0)
    assert {"danc", "waggl"} <= {part.what for part in parts if part.kind == "word"}


@settings(max_examples=40, deadline=None)
@given(
    likes=st.integers(0, 6),
    dislikes=st.integers(0, 4),
    width=st.sampled_from([0, 8]),
    words=st.lists(st.sampled_from(["ocean", "hive", "zzyzx", "the"]), max_size=2),
    seed=st.integers(0, 9),
)
def test_reasons_add_up_to_the_score(
    likes: int, dislikes: int, width: int, words: list[str], seed: int
) -> None:
    model = fit(
        papers("bees", likes, seed, width),
        papers("locks", dislikes, seed, width),
        mixed(10, width),
        liked_words=words,
    )
    asked = papers("tides", 2, seed, width)
    score = model.scores(asked)[1]
    parts = model.parts(asked, 1)
    assert sum(part.value for part in parts) == pytest.approx(score, abs=1e-9)
    few = model.parts(asked, 1, 4)
    assert len(few) <= 4
    # The strongest are told as they are.
    assert {p for p in few if p.kind not in ("other", "base")} <= set(parts)
    assert sum(part.value for part in few) == pytest.approx(score, abs=1e-9)
    assert 0 < model.probability(np.array([score]))[0] < 1


def test_a_word_and_the_phrases_that_say_the_same_are_one_reason() -> None:
    texts = [("Of neural networks", "A neural network"), ("The waggle dance", "of honeybees")]
    vocabulary = Vocabulary(texts * 2)
    filler = " ".join(f"zq{one}{other}x" for one in "abcdef" for other in "ghijk")
    liked, other = (
        features([(title, f"{text} {filler}")], None, vocabulary) for title, text in texts
    )
    model = fit(liked, liked.take([]), other)
    parts = model.parts(liked, 0)
    names = [part.what for part in parts if part.kind == "word"]
    assert len(set(names)) == len(names)
    assert {"neural", "network", "neural network", "of"} <= set(names)
    assert "neural networks" not in names
    assert sum(part.value for part in parts) == pytest.approx(float(model.scores(liked)[0]))


def test_words_met_after_the_fit_count_for_nothing() -> None:
    model = fit(papers("bees", 5, 1), NONE, USUAL)
    late = features([("Qwxyzzy", "vrblgrmp")], None, VOCABULARY)
    assert model.scores(late)[0] == pytest.approx(model.base)


def test_many_models_score_as_each_alone() -> None:
    asked = papers("tides", 7, 4)
    models = [fit(papers(subject, 4, 1), NONE, USUAL) for subject in SUBJECTS]
    together = score_many(models, asked)
    assert together.shape == (3, 7)
    for row, model in zip(together, models, strict=True):
        assert row == pytest.approx(model.scores(asked))
    assert score_many([], asked).shape == (0, 7)


def test_ten_thousand_papers_are_learned_from() -> None:
    liked = papers("bees", 60, 1).take(np.arange(10_000) % 60)
    model = fit(liked, papers("locks", 1000, 1), USUAL)
    wanted, refused = model.scores(papers("bees", 20, 2)), model.scores(papers("locks", 20, 2))
    assert wanted.min() > refused.max()


@pytest.mark.parametrize("part", [1, 10, 30])
def test_an_interest_that_is_a_large_part_of_all_papers_still_shows_them(part: int) -> None:
    """Of a hundred papers held, so many are of the reader's own field."""
    others = [papers(subject, (100 - part) // 2, 7) for subject in ("locks", "tides")]
    usual = stack([papers("bees", part, 8), *others])
    model = fit(papers("bees", 8, 1), NONE, usual)
    wanted = model.scores(papers("bees", 40, 2))
    other = model.scores(stack([papers("locks", 40, 2), papers("tides", 40, 2)]))
    assert np.mean(wanted > 0) > 0.5
    assert np.mean(other > 0) < 0.02
