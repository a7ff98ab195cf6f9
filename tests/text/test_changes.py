"""What changed from one text to the next."""

from __future__ import annotations

import time

from hypothesis import given
from hypothesis import strategies as st

from broadsheet.text.changes import Part, changes

words = st.lists(st.sampled_from("lamp wick oil trim of the a".split()), max_size=60).map(" ".join)


def test_words_that_went_and_came_stand_between_those_that_stayed() -> None:
    assert changes("We trim wicks daily.", "We trim wicks each week.") == (
        Part("same", "We trim wicks"),
        Part("gone", " daily."),
        Part("new", " each week."),
    )


def test_of_a_long_stretch_that_stayed_only_the_ends_are_shown() -> None:
    middle = " ".join(f"w{number}" for number in range(50))
    found = changes(f"old {middle} end", f"new {middle} stop")
    assert [part.kind for part in found] == ["gone", "new", "same", "cut", "same", "gone", "new"]
    assert (found[2].text, found[4].text) == (
        " w0 w1 w2 w3 w4 w5",
        " w44 w45 w46 w47 w48 w49",
    )


def test_another_way_of_breaking_lines_is_no_change() -> None:
    assert changes("We trim\n wicks.", "We trim wicks.") == ()


def test_two_texts_that_share_hardly_a_word_are_shown_one_after_the_other() -> None:
    found = changes("We trim wicks of the lamp daily.", "This was withdrawn, for all of it errs.")
    assert [part.kind for part in found] == ["gone", "new"]


@given(before=words, after=words)
def test_both_texts_can_be_read_off(before: str, after: str) -> None:
    found = changes(before, after)
    if before.split() == after.split():
        assert found == ()
        return
    for kind, text in (("gone", before), ("new", after)):
        kept = " ".join(part.text for part in found if part.kind in {"same", "cut", kind})
        assert kept.split() == text.split()


def test_a_text_without_end_takes_no_time() -> None:
    one, other = ("a " * 50_000, "b " * 50_000)
    began = time.process_time()
    assert [part.kind for part in changes(one, other)] == ["gone", "new"]
    assert time.process_time() - began < 5
