"""Titles and abstracts as plain characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.text.prose import first_lines, prose


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("Oil Lamps at $256^2$ Candles", "Oil Lamps at 256² Candles"),
        ("costs $10^{-3}$ of it", "costs 10⁻³ of it"),
        (r"in $\mathcal{O}(n \log n)$ steps", "in 𝒪(n log n) steps"),
        (r"$\ell_1$ and $\left\| x \right\|_2 \leq \epsilon$", "ℓ₁ and ‖ x ‖₂ ≤ϵ"),
        (r"$\alpha_i$ of $\mathbb{R}^d$", "α_i of ℝ^d"),
        (r"$\sum_{i=1}^n x_i$", "∑_(i=1)ⁿ x_i"),
        (r"a \textbf{bold} {\em claim}", "a bold claim"),
        ("see https://lamp.github.io/ for more", "see lamp.github.io for more"),
        ("two\nlines\x07 and \u202ereversed", "two lines and reversed"),
        ("plain", "plain"),
        ("", ""),
    ],
)
def test_formulas_links_and_commands_become_characters(text: str, read: str) -> None:
    assert prose(text) == read


@pytest.mark.parametrize(
    "text",
    [
        "$" + "{" * 390 + "$",
        "$" + r"\frac" * 70 + "$",
        "$" + "^" * 200 + "$",
        r"$\begin{a}\end{b}$",
    ],
)
def test_a_formula_made_to_break_readers_is_shown_somehow(text: str) -> None:
    assert prose(text) != ""


@given(st.text(alphabet=st.sampled_from("a x^_{}[]$\\frac|12 \n.\u202e\x00"), max_size=80))
def test_nothing_makes_it_fail_and_no_control_character_is_left(text: str) -> None:
    said = prose(text)
    assert "\n" not in said
    assert "\x00" not in said
    assert "\u202e" not in said


def test_first_lines_end_with_a_sentence_where_one_fits() -> None:
    text = "We trim wicks. " * 30
    assert first_lines(text, 100) == ("We trim wicks. " * 6).strip()
    assert first_lines("Short.", 100) == "Short."


def test_first_lines_of_one_long_sentence_end_at_a_word() -> None:
    assert first_lines("wick " * 100, 52) == "wick " * 9 + "wick…"
    assert first_lines("w" * 300, 50) == "w" * 49 + "…"


@given(st.text(max_size=400), st.integers(20, 200))
def test_first_lines_keep_within_their_length(text: str, length: int) -> None:
    assert len(first_lines(text, length)) <= length
