r"""Segments: nothing is lost, and each part reads as its author meant it."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.text.segments import Segment, readable, segments


def values(text: str) -> list[tuple[str, str]]:
    return [(segment.kind, segment.value) for segment in segments(text)]


PIECES = ["a", " ", "x^2", "$", "$$", "\\(", "\\)", "{", "}", "\\textbf{", "\\em ", "{\\bf ", "--"]
PIECES += [
    "https://a.org/b",
    "{here}",
    "\\href{",
    "\\cite{x}",
    "~",
    "\\'e",
    "\\&",
    "``",
    "''",
    "\\",
]
PIECES += [
    "n times d",
    "mathcal{O}(",
    ")",
    "\\footnote{",
    "\\textcolor{red}",
    "\\unicode{x41}",
    "_1",
]


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text())
def test_the_sources_are_the_text(text: str) -> None:
    parts = segments(text)
    assert "".join(part.source for part in parts) == text
    assert all(part.source for part in parts)
    kinds = [part.kind for part in parts]
    assert ("text", "text") not in set(pairwise(kinds))


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_no_placeholder_ever_shows(text: str) -> None:
    assert not any("\ufffc" in part.value + part.label for part in segments(text))


def test_plain_text_is_one_segment() -> None:
    assert segments("A plain title: with 3 words") == (
        Segment("text", "A plain title: with 3 words", "A plain title: with 3 words"),
    )
    assert segments("") == ()


def test_a_mixed_sentence() -> None:
    assert segments(r"We need O(n^2) time, \eg, at github.com/a/b.") == (
        Segment("text", "We need ", "We need "),
        Segment("math", "O(n^2)", "O(n^2)"),
        Segment("text", r" time, \eg, at ", " time, e.g., at "),
        Segment("link", "github.com/a/b", "https://github.com/a/b"),
        Segment("text", ".", "."),
    )


def test_a_link_keeps_its_label() -> None:
    [_, link] = segments(r"see \href{https://a.org/b}{\textcolor{red}{our \emph{page}}}")
    assert (link.kind, link.value, link.label) == ("link", "https://a.org/b", "our page")


@pytest.mark.parametrize(
    "source", ["https://a.org/b{https://a.org/b}", "\\url{https://a.org/b}", "https://a.org/b}"]
)
def test_an_address_is_no_label(source: str) -> None:
    assert segments(source) == (Segment("link", source, "https://a.org/b"),)


def test_mathematics_inside_an_address_is_the_address() -> None:
    assert values("https://a.org/x_1^2/{y_1}")[0] == ("link", "https://a.org/x_1")
    assert [kind for kind, _ in values("https://github.com/a/x_1")] == ["link"]


def test_a_command_around_mathematics() -> None:
    assert values(r"\textbf{see $x$ here} and {\em y_1}") == [
        ("text", "see "),
        ("math", "x"),
        ("text", " here and "),
        ("math", "y_1"),
        ("text", ""),
    ]


def test_words_and_numbers_in_dollars_are_text() -> None:
    assert values(r"all $17$ of $\texttt{Name}$$\unicode{x2014}$s") == [
        ("text", "all 17 of Name\u2014s")
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"R\&D by 28.8\% \#1 a\_b", "R&D by 28.8% #1 a_b"),
        ("limited -- most---but 2--3", "limited \u2013 most\u2014but 2\u20133"),
        ("----", "----"),
        (r"{\em persistent homology}, {bf x} and {\it y}", "persistent homology, x and y"),
        (r"\emph{x} \textbf{y} \textsc{z} \texttt{\textit{w}}", "x y z w"),
        ("texttt{D}ual and textit{O}ne", "Dual and One"),
        (r"\textbf{L}anguage \underline{\textbf{M}}odel", "Language Model"),
        (r"(\eg, a), \ie b, \etc. And \etc", "(e.g., a), i.e. b, etc. And etc."),
        (r"Fr\'echet, na\"{\i}ve, Schr\"{o}dinger, Lo\`eve", "Fréchet, naïve, Schrödinger, Loève"),
        (r"Do\~nana, Bj{\o}rn, \v{S}koda, Erd\H{o}s, \AA", "Doñana, Bjørn, Škoda, Erdős, Å"),
        (r"GPT-4o\'s score", "GPT-4o's score"),
        (r"360{\deg} and 20\textdegree", "360° and 20°"),
        ("Fig.~3 and GPT~4 (RAG)~(x)", "Fig.\u00a03 and GPT\u00a04 (RAG)\u00a0(x)"),
        ("~3x faster, 1M~4M, 5~10, /~user", "~3x faster, 1M~4M, 5~10, /~user"),
        (r"the \overfeat network and \name{}", "the overfeat network and name"),
        (r"\revised{this} text", "this text"),
        (r"PM\textsuperscript{4}Bench", "PM⁴Bench"),
        (r"a method~\cite{x2020} or \citep{y} is", "a method or is"),
        (r"\textcolor{red}{This} \color{blue}is", "This is"),
        (r"name\footnote{see there}", "name (see there)"),
        ("``tensor'' and ''quoted'' x", "\u201ctensor\u201d and \u201cquoted\u201d x"),
        ("stray} brace and {3D GU}", "stray brace and {3D GU}"),
        (r"less than \0.1 or \$5", "less than $0.1 or $5"),
        ("It costs $5 and $10.", "It costs $5 and $10."),
        ("aux_zipf_loss, file_name", "aux_zipf_loss, file_name"),
        (r"a\\b 300\,k", "a b 300\u2009k"),
        (r"\unicode{x2013}\unicode{x202e}\unicode{x0}", "\u2013"),
    ],
)
def test_leftovers_of_tex_become_text(source: str, text: str) -> None:
    assert values(source) == [("text", text)]
    assert readable(source) == text


UNITS = ["https://{", "$", "{", "^", "\\", "\\textbf{", "~", "-", "{\\", "x^2 ", "n times "]


@pytest.mark.parametrize("unit", UNITS)
def test_a_hostile_text_of_a_megabyte_is_cut(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    assert sum(len(part.source) for part in segments(text)) == len(text)
