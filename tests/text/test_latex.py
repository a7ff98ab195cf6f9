"""TeX in the fields of bibliographies, as plain text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.text.latex import untexed


@pytest.mark.parametrize(
    ("tex", "text"),
    [
        ("Of boats", "Of boats"),
        (r"{\'E}tudes of {G}{\"o}del", "Études of Gödel"),
        (r"M\"uller and Erd\H{o}s", "Müller and Erdős"),
        (r"Ho{\v r}ava and \v{S}koda", "Hořava and Škoda"),
        (r"\'\i{}s, {\'\i}s, \'{\i}s", "ís, ís, ís"),
        (r"Fran\c{c}ois and \c Cetin", "François and Çetin"),
        (
            r"{\aa}, \AA{}ngstr\"om, {\o}re, {\ss}, {\L}ukasz, \ae on",
            "å, Ångström, øre, ß, Łukasz, æon",
        ),
        (r"The {{API}} of {\LaTeX} and \textsc{Foo}", "The API of LaTeX and Foo"),
        (r"\emph{Very} {\bf bold} {\em words}", "Very bold words"),
        (r"Boats \& Kites, 5\% of a\_b \#1", "Boats & Kites, 5% of a_b #1"),
        ("Boats & kites, 5% of a_b", "Boats & kites, 5% of a_b"),
        (r"pages 1--9 --- ``quoted''", "pages 1–9 — “quoted”"),
        ("D.~Knuth", "D. Knuth"),
        (r"An $O(n^{2})$ and \(x_{1}\) bound", r"An $O(n^{2})$ and \(x_{1}\) bound"),
        (r"costs \$5 and {5} \$", "costs $5 and 5 $"),
        (r"\alpha-helix", "α-helix"),
        (r"\unknown{words}", "unknownwords"),
        ("{", ""),
        ("\\", "\\"),
    ],
)
def test_tex_becomes_the_text_it_sets(tex: str, text: str) -> None:
    assert untexed(tex) == text


@pytest.mark.parametrize(
    "tex", [r"{\'e}" * 20_000, r"\'" * 50_000, "{" * 100_000, "$" * 99_999, "\\(" * 50_000]
)
def test_no_text_takes_long(tex: str) -> None:
    started = time.process_time()
    untexed(tex)
    assert time.process_time() - started < 2


def test_a_command_without_what_should_follow_says_nothing_on_the_terminal(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    untexed(r"a \frac b \sqrt c \begin d")
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


pieces = st.sampled_from(
    ["\\", "{", "}", "$", "'", '"', "e", "i", "\\i", "\\c", "~", "--", "\\alpha", " ", "\\(", "\\)"]
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(text=st.lists(pieces | st.text(max_size=3), max_size=12).map("".join))
def test_any_text_comes_out_as_text(text: str) -> None:
    assert isinstance(untexed(text), str)
