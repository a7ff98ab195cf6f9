"""A digest's words: as text and HTML, whatever papers say, and never too long."""

from __future__ import annotations

import binascii
import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.mail import rendering
from broadsheet.mail.digest import Digest, Section
from broadsheet.mail.rendering import LARGEST, Letter, Personal, byline, subject, why, wrapped
from broadsheet.records import Author, Entry, Paper, Reason
from broadsheet.store.subscribers import Rhythm
from web.reading import Element, read

SITE = "https://papers.example"
ADA = Personal("ada@lamp.example", "1.0.manage", "1.0.leave", "1.0.answer")
DAY = date(2025, 11, 19)
HOSTILE = (
    "</style><script>alert(1)</script>",
    "<img src=https://evil.example/pixel>",
    '" onmouseover="alert(1)',
    "{{ personal.leave }} {% raw %}",
    "\u202egnitrats \u2066x",
    "line\r\nBcc: victim@lamp.example\r\n\r\nbody",
    "\x00\x07\x1b[31mred\x1b]0;title\x07",
    "\ud800 half",
    "w" * 5000,
    "שלום עולם 🙂 𝒪(n)",
    "&amp; &lt;b&gt;",
    "=?utf-8?q?encoded?=",
    "https://evil.example/?t=1",
    ".\n.\nQUIT",
)


def paper(number: int, title: str = "Of Lamps", **said: object) -> Paper:
    usual: dict[str, object] = {
        "abstract": "We light a lamp. It burns well, and we measure how long.",
        "authors": (Author("Ada Wick"), Author("Bo Glass")),
        "day": DAY,
    }
    return Paper(number, f"2511.{number:05}", title, **{**usual, **said})  # type: ignore[arg-type]


def digest(*papers: Paper, rhythm: Rhythm = Rhythm.DAILY, **said: object) -> Digest:
    entries = tuple(Entry(one, 0.0, rank=place) for place, one in enumerate(papers, start=1))
    section = Section("New papers", "/", entries)
    usual: dict[str, object] = {"sections": (section,)}
    return Digest("daily:2025-11-19", DAY, rhythm=rhythm, **{**usual, **said})  # type: ignore[arg-type]


def letter(found: Digest, *, answers: bool = True, votes: dict[int, int] | None = None) -> Letter:
    return rendering.digest(found, SITE, answers=answers, votes=votes or {}).to(ADA)


def tree(made: Letter) -> Element:
    return read(made.html.removeprefix("<!doctype html>"))


def test_a_paper_is_told_with_all_that_helps_to_choose() -> None:
    one = replace(
        paper(7, "Oil at $256^2$ Candles", comment_count=3, day=date(2025, 11, 18)),
        abstract="First sentence of it. " * 30,
    )
    entry = Entry(
        one,
        1.5,
        (
            Reason("word", "candles", 0.4),
            Reason("word", "oil", 0.9),
            Reason("meaning", "meaning", 0.2),
            Reason("prior", "the usual", 0.1),
            Reason("none", "nothing", -0.1),
        ),
        1,
    )
    found = digest(sections=(Section("oil", "/search?q=oil", (entry,), more=4),))
    made = letter(found, votes={7: 2})
    item = tree(made).one("li")
    assert item.one("h2").text == "Oil at 256² Candles"
    quiet = item.one("p", class_="quiet").text
    assert quiet == "Ada Wick, Bo Glass · 18 November 2025 · 2 votes, 3 comments"
    assert len(item.one("p", class_="text").text) <= 210
    assert item.one("p", class_="why").text == "Why: oil 0.90, candles 0.40, meaning 0.20"
    assert [link.text for link in item.one("p", class_="links").all("a")] == [
        "Read",
        "Vote",
        "More like this",
        "Not for me",
    ]
    assert "4 more" in tree(made).one("main").text
    for said in ("Oil at 256² Candles", "2 votes, 3 comments", "Why: oil 0.90", "4 more are on"):
        assert said in made.text


def test_who_does_not_read_here_is_offered_to_read_only() -> None:
    made = letter(digest(paper(1)), answers=False)
    assert [one.text for one in tree(made).one("p", class_="links").all("a")] == ["Read"]
    assert "/mail/answer" not in made.text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_of_others_does_anything(text: str) -> None:
    one = paper(1, text, abstract=text, authors=(Author(text),), organization=text)
    entry = Entry(one, 1.0, (Reason("word", text, 1.0),), 1)
    found = digest(
        sections=(Section(text, "/search?q=x", (entry,)), Section(text, "/", (), silence=text)),
        ledger=(text,),
        alarms=(text,),
    )
    made = letter(found, votes={1: 1})
    usual = tree(letter(digest(paper(1), sections=found.sections[:1]), votes={1: 1}))
    page = tree(made)
    assert {one.tag for one in page.walk()} == {one.tag for one in usual.walk()} | {"strong", "h3"}
    for element in page.walk():
        assert not any(name.startswith("on") or name == "src" for name in element.attributes)
        if "href" in element.attributes:
            assert element["href"].startswith(f"{SITE}/")
    assert "{{" not in page.one("title").text or "{{" in text
    for part in (made.subject, made.text):
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", part)
    assert "\n" not in made.subject
    assert max(len(line.encode()) for line in made.text.splitlines()) <= 998


def test_a_paper_cannot_write_a_subscriber_s_own_links() -> None:
    with_marks = rendering.digest(digest(paper(1)), SITE, answers=True, votes={})
    [mark] = set(re.findall(r"leave\?t=(\w+)", with_marks.html))
    assert len(mark) > 20
    made = letter(digest(paper(1, "leave answer manage address")))
    assert made.html.count(ADA.leave) == 1


def test_lines_of_the_text_are_short_but_for_addresses() -> None:
    many = digest(*(paper(n, f"Of Lamps and of Many Other Lights, Part {n}") for n in range(30)))
    for line in letter(many).text.splitlines():
        assert len(line) <= 78 or "https://" in line, line


@given(st.text(max_size=300), st.integers(0, 8))
def test_wrapped_lines_keep_every_word(text: str, indent: int) -> None:
    lines = wrapped(text, indent)
    assert not re.search("[\x00-\x08\x0e-\x1f]", lines)
    for line in lines.splitlines():
        assert len(line) <= 990


@given(st.lists(st.text("abc defé$^2{}", min_size=1, max_size=90), min_size=1, max_size=40))
def test_a_subject_counts_and_fits(titles: list[str]) -> None:
    said = subject(tuple(paper(n, title) for n, title in enumerate(titles)))
    assert said.startswith(f"{len(titles)} paper")
    assert len(said) <= 130
    assert "\n" not in said


def test_a_subject_says_what_is_inside() -> None:
    papers = tuple(paper(n, title) for n, title in enumerate(("Of Lamps", "Of Kites", "Of Oil")))
    assert subject(papers[:1]) == "1 paper: Of Lamps"
    assert subject(papers[:2]) == "2 papers: Of Lamps and Of Kites"
    assert subject(papers) == "3 papers: Of Lamps, Of Kites and 1 more"


@settings(max_examples=12, deadline=None)
@given(st.integers(1, 100), st.integers(0, 900), st.sampled_from(["a ", "é ", "漢字 ", "= "]))
def test_no_message_is_too_long_and_what_was_cut_is_counted(
    count: int, length: int, letters: str
) -> None:
    title = ("Of Lamps " + letters * length)[:900]
    papers = [paper(n, title, abstract=letters * 300) for n in range(1, count + 1)]
    made = letter(digest(*papers))
    size = sum(len(binascii.b2a_qp(part.encode())) for part in (made.text, made.html))
    assert size <= LARGEST
    kept = len(made.papers)
    assert kept >= 1
    assert len(tree(made).all("li")) == kept
    assert list(made.papers) == list(range(1, kept + 1))
    if kept < count:
        assert f"and {count - kept} more" in tree(made).one("main").text


def test_gaps_stand_above_and_the_ledger_below() -> None:
    found = digest(
        paper(1),
        ledger=("arXiv cs.LG, 19 November 2025: announced 12, held 12.",),
        alarms=("arXiv cs.CL, 18 November 2025: announced 9, held 8; 1 missing.",),
    )
    made = letter(found)
    assert "Not whole." in tree(made).one("p", class_="alarm").text
    assert "announced 12, held 12." in tree(made).one("footer").text
    assert "NOT WHOLE: arXiv cs.CL" in made.text
    assert "announced is unknown" in tree(letter(digest(paper(1)))).one("footer").text


def test_a_message_is_set_up_for_every_reader() -> None:
    made = letter(digest(*(paper(n, f"Of Lamps, Part {n}") for n in range(1, 4))))
    page = tree(made)
    assert page.one("html")["lang"] == "en"
    assert page.one("meta", name="color-scheme")["content"] == "light dark"
    assert "prefers-color-scheme: dark" in page.one("style").raw_text
    levels = [int(one.tag[1]) for one in page.walk() if re.fullmatch("h[1-6]", one.tag)]
    assert levels == [1, 2, 2, 2]
    section = digest(paper(1)).sections[0]
    two = tree(letter(digest(sections=(section, replace(section, title="Oil")))))
    assert [one.tag for one in two.walk() if one.tag in ("h2", "h3")] == ["h2", "h3", "h2", "h3"]
    for asked in ("img", "script", "link", "iframe", "form", "audio", "video", "object"):
        assert page.all(asked) == []
    assert "url(" not in made.html
    assert "@import" not in made.html
    named = [link.attributes.get("aria-label") or link.text for link in page.one("main").all("a")]
    assert len(set(named)) == len(named) == 3 * 5


def test_a_weekly_mail_names_its_week() -> None:
    made = letter(digest(paper(1), rhythm=Rhythm.WEEKLY))
    assert tree(made).one("h1").text == "Week 47, 19 November 2025"
    assert "weekly" in tree(made).one("footer").text


def test_the_question_and_the_welcome_have_their_link_once_in_each_part() -> None:
    asked = rendering.confirmation(SITE, "5.99.abc")
    assert asked.text.count("5.99.abc") == 1
    assert tree(asked).one("a", href=f"{SITE}/mail/confirm?t=5.99.abc").text.startswith("Yes")
    hello = rendering.welcome(SITE, "“New papers” comes daily.", "It comes at 07:00.").to(ADA)
    for said in (ADA.manage, ADA.leave, ADA.address, "It comes at 07:00."):
        assert said in hello.text
        assert said in hello.html


def test_bylines_and_reasons_in_every_case() -> None:
    assert byline(paper(1, authors=(), organization=None)) == ""
    assert byline(paper(1, authors=(), author_count=1)) == "1 author"
    assert byline(paper(1, authors=(), author_count=4)) == "4 authors"
    assert why(Entry(paper(1), 0.0)) == ""
