"""How text becomes terms, and where they stand in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.text.analysis import (
    ascii_words,
    matches,
    name_terms,
    prose_terms,
    stem,
    telling,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Sparse Networks", ["spars", "network"]),
        ("state-of-the-art", ["state", "of", "the", "art"]),
        ("Poincaré’s naïve Übung", ["poincar", "s", "naiv", "ubung"]),
        ("x_1, GPT-4o", ["x", "1", "gpt", "4o"]),
        ("", []),
        ("—…!", []),
        ("x" * 61 + " short", ["short"]),
    ],
)
def test_prose_is_cut_at_what_is_no_letter_and_reduced_to_stems(
    text: str, terms: list[str]
) -> None:
    assert prose_terms(text) == terms


ASCII = st.text(st.characters(max_codepoint=127), max_size=200) | st.lists(
    st.sampled_from(["Networks", "x_1", "running,", "A" * 61, "state-of-the-art", "\0", "4o"])
).map(" ".join)


@given(ASCII)
def test_words_cut_quickly_have_the_terms_that_prose_has(text: str) -> None:
    terms = [stem(word.decode()) for word in ascii_words(text)]
    assert [term for term in terms if term] == prose_terms(text)


def test_names_are_not_stemmed() -> None:
    assert name_terms("Zoë Łukasz-Running") == ["zoe", "lukasz", "running"]


def test_function_words_are_left_out_unless_nothing_else_is_there() -> None:
    assert telling(["the", "art", "of"]) == ["art"]
    assert telling(["to", "be"]) == ["to", "be"]


def test_a_word_has_one_stem_and_several_words_have_none() -> None:
    assert (stem("Networks"), stem("two words"), stem("!")) == ("network", "", "")


def test_words_are_kept_as_they_are_spelt_beside_their_terms() -> None:
    assert words_of("Pruned Networks, " + "x" * 61) == [
        ("Pruned", "prune"),
        ("Networks", "network"),
    ]


def test_matches_are_where_the_words_stand() -> None:
    text = "A pruned network prunes; Pruning-aware unpruned."
    found = [text[start:end] for start, end in matches(text, frozenset({"prune"}))]
    assert found == ["pruned", "prunes", "Pruning"]
    assert matches(text, frozenset()) == []
