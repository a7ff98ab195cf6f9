"""Text of papers as HTML: what is cut, marked, counted and added up."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.records import Author, Entry, Paper, Reason
from broadsheet.text.analysis import matches, stem
from broadsheet.web import render

from .reading import Element, read
from .test_hostile import HARMLESS_ADDRESS, HOSTILE

EMPTY = Paper(
    number=1,
    id="2511.00001",
    title="A Lamp",
    abstract="",
    summary="",
    authors=(),
    author_count=None,
    organization=None,
    categories=(),
    year=None,
    published=None,
    updated=None,
    announced=None,
    day=None,
    version=1,
    links=(),
    comment_count=None,
    licence=None,
    rank=None,
    change=1,
)
SENTENCES = st.lists(
    st.sampled_from(
        "A lamp burns. Why? It does! (See it.) “Light.” e.g. i.e. Fig. 3.5 $x^2. Y$ $ \\( et al. "
        "https://github.com/lamp/oil. 256^2 {approx} wicks wick smoke \n\t The end".split(" ")
    ),
    max_size=80,
).map(" ".join)
TEXT = st.one_of(st.text(max_size=400), SENTENCES)
MARKS = st.frozensets(st.sampled_from(["lamp", "wick", "smoke", "end", "github", "the"]))


def marked_stems(text: str, marks: frozenset[str]) -> set[str]:
    return {stem(text[start:end]) for start, end in matches(text, marks)}


# --- teaser and excerpt -------------------------------------------------------------------------


@given(TEXT)
def test_a_teaser_loses_nothing_of_the_text(text: str) -> None:
    first, rest = render.teaser(text)
    assert text.startswith(first)
    assert text.endswith(rest)
    assert "".join((first + rest).split()) == "".join(text.split())
    assert first or not text


@given(TEXT)
def test_a_teaser_is_cut_behind_a_sentence_that_fills_two_lines(text: str) -> None:
    first, rest = render.teaser(text)
    if rest:
        assert len(first) >= 100
        assert first[-1] in ".?!"
        assert not rest[0].isspace()
        assert not rest[0].islower()


@pytest.mark.parametrize(
    ("text", "first", "rest"),
    [
        ("", "", ""),
        ("A short one. And another.", "A short one. And another.", ""),
        (
            "x" * 120 + " e. coli, i.e. small. Next one.",
            "x" * 120 + " e. coli, i.e. small.",
            "Next one.",
        ),
        ("x" * 120 + " at 3.5 volts. (Then more.)", "x" * 120 + " at 3.5 volts.", "(Then more.)"),
        ("x" * 300, "x" * 300, ""),
    ],
)
def test_where_a_teaser_is_cut(text: str, first: str, rest: str) -> None:
    assert render.teaser(text) == (first, rest)


@given(TEXT, MARKS)
def test_an_excerpt_is_part_of_the_text_and_shows_more_of_what_was_asked(
    text: str, marks: frozenset[str]
) -> None:
    excerpt = render.excerpt(text, marks)
    assert excerpt in text
    if excerpt:
        teaser = render.teaser(text)[0]
        assert len(marked_stems(excerpt, marks)) > len(marked_stems(teaser, marks))


def test_an_excerpt_of_a_long_sentence_begins_near_the_first_word_asked_for() -> None:
    text = (
        "It opens without it, "
        + "and goes on and on " * 6
        + "to here. It "
        + "goes on and on " * 30
        + "until a beacon is lit."
    )
    assert render.excerpt(text, frozenset({"beacon"})).endswith("until a beacon is lit.")
    assert len(render.excerpt(text, frozenset({"beacon"}))) < 90


def test_no_excerpt_where_the_first_lines_have_all_that_was_asked() -> None:
    text = "A beacon is lit. " + "It burns on and on and on. " * 10 + "The beacon goes out."
    assert render.excerpt(text, frozenset({"beacon"})) == ""


# --- rich text ----------------------------------------------------------------------------------


def assert_inline(tree: Element, links: bool) -> None:
    for element in tree.walk():
        if element.tag == "a":
            assert links
            assert HARMLESS_ADDRESS.match(element["href"])
            assert "nofollow" in element["rel"]
            assert "noopener" in element["rel"]
        elif element.tag in ("mark", "code"):
            assert all(one == "tex" for one in element.attributes.values())
        else:
            assert element.tag == "math" or element.tag[0] == "m", element.tag
            assert set(element.attributes) <= {
                *("alttext", "accent", "accentunder", "displaystyle", "fence", "form", "width"),
                *("linethickness", "lspace", "mathvariant", "movablelimits", "rspace"),
                *("scriptlevel", "separator", "stretchy"),
            }


@given(st.one_of(TEXT, st.sampled_from(sorted(HOSTILE.values()))), MARKS, st.booleans())
def test_any_text_becomes_harmless_html(text: str, marks: frozenset[str], links: bool) -> None:
    assert_inline(read(str(render.rich(text, marks, links=links))), links)


@given(st.text(alphabet='abcdefghij lamp<>&".,;\n'), MARKS)
def test_prose_keeps_every_character_whatever_is_marked(text: str, marks: frozenset[str]) -> None:
    assert read(str(render.rich(text, marks))).raw_text == text


@given(SENTENCES, MARKS)
def test_marking_changes_no_word(text: str, marks: frozenset[str]) -> None:
    marked, bare = read(str(render.rich(text, marks))), read(str(render.rich(text)))
    assert marked.raw_text == bare.raw_text
    for mark in marked.all("mark"):
        assert stem(mark.raw_text) in marks


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("lamps & wicks", "<mark>lamps</mark> &amp; wicks"),
        ("LAMP-lamp", "<mark>LAMP</mark>-<mark>lamp</mark>"),
        ("lampshade clamp", "lampshade clamp"),
        ("l<amp", "l&lt;amp"),
    ],
)
def test_whole_words_are_marked_whatever_their_ending(text: str, html: str) -> None:
    assert str(render.rich(text, frozenset({"lamp"}))) == html


def test_links_stay_words_where_a_link_may_not_stand() -> None:
    text = "See https://github.com/lamp/oil now."
    assert str(render.rich(text)) == (
        'See <a href="https://github.com/lamp/oil" rel="noopener nofollow ugc">'
        "github.com/lamp/oil</a> now."
    )
    assert str(render.rich(text, links=False)) == text


def test_a_title_without_markup_loses_only_its_dollars() -> None:
    assert render.flat("An $O(n)$ lamp <b>") == "An O(n) lamp <b>"


# --- numbers ------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 200, width=32), max_size=12))
def test_points_as_printed_add_up_as_printed(values: list[float]) -> None:
    reasons = tuple(Reason("words", str(place), value) for place, value in enumerate(values))
    score = sum(values)
    parts, total = render.points(Entry(EMPTY, score, reasons))
    assert sum(Decimal(value) for _, value in parts) == Decimal(total)
    assert abs(Decimal(total) - Decimal(score)) <= Decimal("0.0051")
    assert [text for text, _ in parts] == [reason.text for reason in reasons]
    for (_, shown), value in zip(parts, values, strict=True):
        assert abs(Decimal(shown) - Decimal(value)) < Decimal("0.0101")


def test_rounding_goes_where_the_most_was_cut_off() -> None:
    values = (1.004, 2.006, 3.0045)
    reasons = tuple(Reason("words", word, v) for word, v in zip("abc", values, strict=True))
    assert render.points(Entry(EMPTY, sum(values), reasons)) == (
        [("a", "1.00"), ("b", "2.01"), ("c", "3.00")],
        "6.01",
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0 papers"), (1, "1 paper"), (2, "2 papers"), (1234567, "1\u202f234\u202f567 papers")],
)
def test_counts_are_spelt_as_newspapers_do(value: int, said: str) -> None:
    assert render.counted(value, "paper") == said


# --- names --------------------------------------------------------------------------------------


@given(st.text(min_size=1))
def test_a_paper_s_address_holds_its_whole_id(name: str) -> None:
    path = render.paper_path(name)
    assert path.isascii()
    assert not set(path) & set(" \"'<>?#\\")
    assert unquote(path) == "/papers/" + name


@pytest.mark.parametrize(
    ("names", "count", "organization", "said"),
    [
        ((), None, None, ""),
        ((), 1, None, "1 author"),
        ((), 7, None, "7 authors"),
        ((), 7, "Lamp Works", "Lamp Works"),
        (("A", "B"), None, "Lamp Works", "A, B"),
        (("A", "B", "C", "D"), None, None, "A, B, C, D"),
        (("A", "B", "C", "D", "E"), None, None, "A, B, C, D and 1 more"),
        (("A", "B"), 9, None, "A, B and 7 more"),
        (("A", "B", "C"), 2, None, "A, B, C"),
        (("A", "B", "C", "D", "E"), 60, None, "A, B, C, D and 56 more"),
    ],
)
def test_who_wrote_it_fits_a_line(
    names: tuple[str, ...], count: int | None, organization: str | None, said: str
) -> None:
    authors = tuple(Author(name) for name in names)
    paper = replace(EMPTY, authors=authors, author_count=count, organization=organization)
    assert render.byline(paper) == said
