"""Papers as numbers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.learning.features import Features, Vocabulary, features, stack

# Words that no sample has, to make a text longer than a title.
FILLER = " ".join(f"zq{one}{other}x" for one in "abcdef" for other in "ghijk")


def weights(found: Features, row: int = 0) -> dict[str, float]:
    """A paper's words and their weights."""
    one = found.words[[row]]
    return {
        found.vocabulary.word(id_): float(weight)
        for id_, weight in zip(one.indices.tolist(), one.data.tolist(), strict=True)
    }


def test_words_are_stems_and_known_pairs_without_function_words() -> None:
    found = weights(features([("The neural networks", "are of graphs")], None, Vocabulary()))
    assert set(found) == {"neural", "network", "neural network", "graph"}


def test_a_word_of_the_title_weighs_more() -> None:
    found = weights(features([("bees", "wasps")], None, Vocabulary()))
    assert found["bee"] > found["wasp"] > 0


def test_a_rare_word_weighs_more_than_a_common_one() -> None:
    found = weights(features([("", "model xylophonist")], None, Vocabulary()))
    assert found["xylophonist"] > 2 * found["model"]


def test_a_sample_says_which_words_tell_and_which_belong_together() -> None:
    sample = [("Frobnic engines", f"quuxly number {place}") for place in range(30)]
    vocabulary = Vocabulary([*sample, ("A lone", "zyzzyva")])
    found = weights(features([("", "frobnics engine zyzzyva")], None, vocabulary))
    assert found["zyzzyva"] > found["frobnic"]
    assert "frobnic engin" in found
    assert "engin zyzzyva" not in found
    without = weights(features([("", "frobnic engine zyzzyva")], None, Vocabulary()))
    assert without["zyzzyva"] == pytest.approx(without["frobnic"])
    assert "frobnic engin" not in without


def test_words_met_after_the_sample_have_numbers_of_their_own() -> None:
    vocabulary = Vocabulary([("Frobnic engines", "quuxly")] * 3)
    found = weights(features([("Late blivet", "frobnic engines")], None, vocabulary))
    assert {"blivet", "frobnic", "engin", "frobnic engin"} <= set(found)
    plain = np.flatnonzero(~vocabulary.is_phrase(np.arange(len(vocabulary)))).tolist()
    assert len({vocabulary.word(id_) for id_ in plain}) == len(plain)


def test_phrases_are_runs_of_up_to_three_words_that_two_papers_of_a_sample_have() -> None:
    vocabulary = Vocabulary([("Tides of shallow seas", ""), ("", "the tides of shallow lakes")])
    found = features([("", f"Tides of shallow tides of lakes {FILLER}")], None, vocabulary)
    ids = found.words.indices.astype(np.int64)
    phrases = {vocabulary.word(id_) for id_ in ids[vocabulary.is_phrase(ids)].tolist()}
    assert phrases == {
        "tides",
        "of",
        "shallow",
        "tides of",
        "of shallow",
        "tides of shallow",
    }


def test_a_phrase_that_says_no_more_than_its_words_is_told_as_they_are() -> None:
    vocabulary = Vocabulary([("Of neural networks", "")] * 3)
    found = features([("Of neural networks", FILLER)], None, vocabulary)
    ids = found.words.indices.astype(np.int64)
    told = {
        vocabulary.word(id_): vocabulary.word(as_)
        for id_, as_ in zip(ids.tolist(), vocabulary.told_as(ids).tolist(), strict=True)
    }
    assert told["networks"] == told["network"] == "network"
    assert told["of neural"] == told["neural"] == "neural"
    assert told["of neural networks"] == told["neural network"] == "neural network"
    assert told["of"] == "of"


def test_forms_of_a_word_are_told_apart_where_the_sample_has_them() -> None:
    vocabulary = Vocabulary([("Bees", "a bee")] * 2)
    texts = [("bees", FILLER), ("bees", FILLER), ("bee", FILLER), ("bees", ""), ("bee", "")]
    words = features(texts, None, vocabulary).words
    alike = (words @ words.T).toarray()
    assert alike[0, 1] == pytest.approx(1)
    assert 0 < alike[0, 2] < 0.9
    assert 0 < alike[3, 4] < 0.9


def test_rows_have_unit_length_and_empty_texts_none() -> None:
    dense = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    found = features([("Tides", "of shallow seas"), ("", "")], dense, Vocabulary())
    assert found.dense.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0]]
    lengths = np.sqrt(np.asarray((found.words**2).sum(axis=1)).ravel())
    assert lengths.tolist() == [pytest.approx(1, abs=1e-6), 0]


def test_a_paper_is_the_same_whatever_stands_beside_it() -> None:
    vocabulary = Vocabulary()
    texts = [("Tides", "zyzzyva moon"), ("Locks", "mutex zyzzyvas")]
    together = features(texts, None, vocabulary)
    alone = features(texts[1:], None, vocabulary)
    assert weights(together, 1) == weights(alone)


def test_vectors_must_be_as_many_as_papers() -> None:
    with pytest.raises(ValueError, match="one vector a paper"):
        features([("a", "b")], np.zeros((2, 4), np.float32), Vocabulary())


def test_broken_numbers_in_a_vector_count_as_nothing() -> None:
    dense = np.array([[np.nan, 2.0]], np.float32)
    assert features([("a", "b")], dense, Vocabulary()).dense.tolist() == [[0, 1]]


def test_stacking_and_taking_keep_the_papers() -> None:
    vocabulary = Vocabulary()
    first = features([("Bees", "quuxly")], np.array([[1.0, 0.0]], np.float32), vocabulary)
    second = features([("Locks", "frobnicate")], None, vocabulary)
    both = stack([first, second])
    assert len(both) == 2
    assert both.dense.tolist() == [[1, 0], [0, 0]]
    assert weights(both.take([1])) == weights(second)
    assert len(both.take([])) == 0


def test_stacking_refuses_what_cannot_be_compared() -> None:
    one = features([("a bee", "")], np.ones((1, 2), np.float32), Vocabulary())
    with pytest.raises(ValueError, match="one vocabulary"):
        stack([one, features([("a bee", "")], None, Vocabulary())])
    with pytest.raises(ValueError, match="one width"):
        stack([one, features([("a bee", "")], np.ones((1, 3), np.float32), one.vocabulary)])
    with pytest.raises(ValueError, match="papers"):
        stack([])


def test_a_word_never_given_has_no_name() -> None:
    vocabulary = Vocabulary()
    with pytest.raises(IndexError):
        vocabulary.word(len(vocabulary))


def test_threads_agree_on_the_words() -> None:
    vocabulary = Vocabulary()
    words = [f"zq{chr(97 + i // 26)}{chr(97 + i % 26)}x" for i in range(400)]
    with ThreadPoolExecutor(8) as pool:
        given_ids = list(pool.map(vocabulary.ids, [words] * 8))
    assert all(ids == given_ids[0] for ids in given_ids)
    assert len(set(given_ids[0])) == 400
    assert [vocabulary.word(id_) for id_ in given_ids[0]] == words


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=60), st.text(max_size=200)), max_size=4))
def test_any_text_becomes_numbers(texts: list[tuple[str, str]]) -> None:
    found = features(texts, None, Vocabulary())
    assert found.words.shape[0] == len(found) == len(texts)
    assert np.isfinite(found.words.data).all()
    assert (found.words.data > 0).all()


def test_half_of_a_character_does_not_stop_it() -> None:
    assert "bee" in weights(features([("bees \ud83d", "x\ud800")], None, Vocabulary()))
