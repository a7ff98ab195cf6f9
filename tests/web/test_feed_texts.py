"""Texts of papers in feeds: whatever they hold, they are words there and nothing else."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime

import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.records import Author, Entry, Link, Listing, Paper, Reason, View
from broadsheet.views.addresses import Place
from broadsheet.web.feeds import atom, json_feed, rss, simple
from broadsheet.web.feeds.making import Held, Page, Site, feed_of

from .feed_checks import READERS
from .reading import Element, read
from .test_hostile import HOSTILE

RENDER = {"rss": rss.render, "atom": atom.render, "json": json_feed.render}
HELD = Held(1234567890123456789, datetime(2025, 1, 1, tzinfo=UTC))
SHOWN = frozenset("p a i sup sub code small strong".split())
MORE = {
    "cdata": "]]> lamp <![CDATA[ ]]&gt;",
    "halves": "lamp \ud83d \udca1 \udfff",
    "no characters": "lamp \ufffe \uffff \x0b \x1f",
    "emoji": "👩🏽‍🔬 lamp 🏮",
    "right to left": "مصباح זית lamp",
    "doctype": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>&e;',
}
ALL = {**HOSTILE, **MORE}
anything = st.text(st.characters(codec=None), max_size=60)
tricky = st.lists(
    st.sampled_from(
        [*"<>&\"'$\\{}^_ ]", "x", "]]>", "&lt;", "\\frac", "\x00", "\ud800", "http://a.b/"]
    ),
    max_size=25,
).map("".join)
texts = anything | tricky


def listing(text: str) -> Listing:
    """One paper that says this wherever it says anything."""
    paper = Paper(
        7,
        text,
        text or "x",
        text,
        authors=(Author(text), Author("Ada Wick")),
        organization=text,
        categories=(text, "cs.LG"),
        day=date(2025, 11, 19),
        links=(Link("code", text), Link("pdf", f"https://a.example/{text}"), Link(text, text)),
    )
    entry = Entry(paper, 1.0, (Reason("word", text, 0.25), Reason("meaning", "meaning", 0.75)), 1)
    return Listing(View(), (entry,), 1, 0.0, (text,))


def sent(text: str, ending: str) -> bytes:
    address = f"https://papers.example/search.{ending}"
    place = Place(View(), "/search?q=x", text)
    page, site = Page(), Site("https://papers.example", address)
    return RENDER[ending](feed_of(place, listing(text), page, site, HELD))


def elements(html: str) -> list[Element]:
    return list(read(html).walk())


def assert_harmless(html: str) -> None:
    for element in elements(html):
        assert element.tag in SHOWN, element.tag
        assert set(element.attributes) <= ({"href"} if element.tag == "a" else set())
        if element.tag == "a":
            assert re.match(r"https?://[\w\[]", element["href"]), element["href"]


@pytest.mark.parametrize("ending", READERS)
@pytest.mark.parametrize("name", ALL)
def test_hostile_text_is_text_in_every_format(name: str, ending: str) -> None:
    body = sent(ALL[name], ending)
    (item,) = READERS[ending](body).entries
    assert_harmless(item.html)
    if ending == "rss":  # of which readers take the title for text or for HTML
        assert elements(item.title) == []
    if ending != "json":
        parsed = feedparser.parse(body)
        assert not parsed.bozo, parsed.get("bozo_exception")
        assert len(parsed.entries) == 1


@pytest.mark.parametrize("ending", READERS)
@settings(max_examples=80, deadline=None)
@given(text=texts)
def test_no_text_breaks_a_feed(ending: str, text: str) -> None:
    (item,) = READERS[ending](sent(text, ending)).entries
    assert_harmless(item.html)
    assert "Ada Wick" in item.authors
    assert "cs.LG" in item.tags


@settings(max_examples=80, deadline=None)
@given(text=texts)
def test_all_formats_say_the_same(text: str) -> None:
    by_atom, by_rss, by_json = (
        READERS[ending](sent(text, ending)).entries[0] for ending in ("atom", "rss", "json")
    )
    assert by_atom == by_json
    assert by_rss.title.replace("\u2060", "") == by_atom.title.replace("\u2060", "")
    assert (by_rss.html, by_rss.tags, by_rss.authors) == (
        by_atom.html,
        by_atom.tags,
        by_atom.authors,
    )


def test_letters_of_every_script_stay() -> None:
    for name in ("emoji", "right to left"):
        assert READERS["atom"](sent(MORE[name], "atom")).entries[0].title == MORE[name]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("see $x_i^2$", "see <i>x</i><sub><i>i</i></sub><sup>2</sup>"),
        (r"$\mathcal{O}(n \log n)$ steps", "𝒪(<i>n</i> log <i>n</i>) steps"),
        (r"$\alpha<\beta$", "α &lt; β"),
        (r"$\frac{1}{2}$", r"<code>$\frac{1}{2}$</code>"),
        ("1 < 2 & 3 > 2", "1 &lt; 2 &amp; 3 &gt; 2"),
        (r"code at \url{https://a.example/b}", '<a href="https://a.example/b">'),
    ],
)
def test_mathematics_is_written_with_letters_where_it_can_be(text: str, html: str) -> None:
    assert html in simple.html(text)
    assert_harmless(simple.html(text))


@pytest.mark.parametrize(
    ("title", "line"),
    [
        ("Lamps of $x^{n+1}$ Candles", "Lamps of x^(n+1) Candles"),
        (r"$\alpha$-Lamps", "α-Lamps"),
        (r"Half: $\frac{1}{2}$", r"Half: \frac{1}{2}"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_title_is_one_line_of_plain_text(title: str, line: str) -> None:
    assert simple.line(title) == line


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://a.example/ä b?q=ü#ö", "https://a.example/%C3%A4%20b?q=%C3%BC#%C3%B6"),
        ("https://a.example/a%20b", "https://a.example/a%20b"),
        ("https://user:word@a.example/", "https://a.example/"),
        ("http://bücher.example:81/", "http://xn--bcher-kva.example:81/"),
        ("https://[::1]/x", "https://[::1]/x"),
        ("http://[", None),
        ("https://a..b/", None),
        ("javascript:alert(1)", None),
        ("//a.example/", None),
        ("https:///x", None),
        ("http://a.example:99999/", None),
    ],
)
def test_only_addresses_of_the_web_are_followed(url: str, address: str | None) -> None:
    assert simple.web_address(url) == address
