"""Search as a reader meets it: with the form, as one types, and when it is asked nonsense."""

from __future__ import annotations

from decimal import Decimal

import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.types import Message

from broadsheet.views.query import parse

from .conftest import LANTERNS, Site, paper
from .reading import Element, read
from .test_pages import ledger, main, titles

FULL_TITLE = "Oil Lamps at 2562 Candles"


def marked(element: Element) -> list[str]:
    return [mark.text for mark in element.all("mark")]


def points(table: Element) -> tuple[list[Decimal], Decimal]:
    """The points of each reason, and the score below the line."""
    parts = [Decimal(cell.text) for cell in table.one("tbody").all("td")]
    return parts, Decimal(table.one("tfoot").one("td").text)


def test_without_a_query_the_page_says_how_to_ask(library: Site) -> None:
    for path in ("/search", "/search?q=", "/search?q=%20%09"):
        page = library.page(path)
        assert page.one("h1").text == "Search"
        examples = page.one("table", class_="examples").all("a")
        assert '"mutual information"' in [example.text for example in examples]


def test_every_example_is_a_query_without_a_problem(library: Site) -> None:
    for example in library.page("/search").one("table", class_="examples").all("a"):
        page = library.page(example["href"])
        assert page.one("input", id="q")["value"] == example.text
        assert page.all("ul", class_="notes") == []


def test_what_was_asked_stands_in_the_box_and_over_the_results(library: Site) -> None:
    page = library.page("/search?q=wick+%22of+a+lamp%22")
    assert page.one("input", id="q")["value"] == 'wick "of a lamp"'
    assert page.one("h1").text == 'Search: wick "of a lamp"'
    assert page.one("title").text == 'wick "of a lamp" – search · Broadsheet'
    assert titles(page) == [FULL_TITLE]
    assert ledger(page).startswith("1 paper in ")


def test_nothing_found_is_said_and_offers_other_ways(library: Site) -> None:
    page = library.page("/search?q=zeppelin")
    assert ledger(page).startswith("0 papers in ")
    empty = main(page).one("div", class_="empty")
    assert empty.one("h2").text == "Nothing found"
    assert len(empty.all("a")) > 2


def other_order(page: Element) -> list[str]:
    """Where the link leads that turns the list's order; nowhere where there is none."""
    links = page.one("p", class_="ledger").all("a")
    return [link["href"] for link in links if "order=" in link["href"]]


def test_relevance_or_newest_first_are_a_click_apart(library: Site) -> None:
    page = library.page("/search?q=lantern")
    assert "most relevant first" in ledger(page)
    newest = library.page(other_order(page)[0])
    assert "newest first" in ledger(newest)
    assert titles(newest) == [f"Lantern Study Number {n}" for n in range(1, 26)]
    assert titles(page) != titles(newest)
    back = library.page(other_order(newest)[0])
    assert titles(back) == titles(page)


def test_a_query_that_only_filters_lists_newest_first_and_offers_no_ranking(library: Site) -> None:
    page = library.page("/search?q=cat%3Acs.LG")
    assert titles(page) == [FULL_TITLE]
    assert "newest first" in ledger(page)
    assert other_order(page) == []
    assert page.all("details", class_="why") == []


# --- as one types -------------------------------------------------------------------------------


def test_the_fragment_is_the_page_s_main_part_and_nothing_else(library: Site) -> None:
    page = library.page("/search?q=lamp+wick")
    fragment = library.page("/search?q=lamp+wick&fragment=1")
    assert (
        fragment.all("html") == fragment.all("script") == fragment.all("form", role="search") == []
    )
    results = fragment.one("div", class_="results")
    assert results["data-title"] == page.one("title").text
    assert results["data-said"] == "1 paper found"
    assert titles(fragment) == titles(page) == [FULL_TITLE]


def test_as_one_types_the_last_word_may_be_unfinished(library: Site) -> None:
    typed = library.page("/search?q=lant&fragment=1&typing=1")
    assert ledger(typed).startswith(f"{LANTERNS} papers in ")
    assert ledger(library.page("/search?q=lant")).startswith("0 papers in ")


def test_what_was_typed_goes_on_over_the_pages_and_in_the_other_order(library: Site) -> None:
    typed = library.page("/search?q=lant&fragment=1&typing=1")
    links = [
        other_order(typed)[0],
        typed.one("nav", class_="turn").one("a", rel="next")["href"],
    ]
    for link in links:
        assert link.startswith("/search?q=lant&typing=1&")
        assert ledger(library.page(link)).startswith(f"{LANTERNS} papers in ")


# --- reasons ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "lantern",
        "lamp wick",
        "lantern window report stands",
        '"a lantern stands" study',
        "title:lantern number",
        'author:"ada wick" lamp',
        "lantern zeppelin wick",
        "lamp OR lantern -zeppelin year:2025",
        "lan&typing=1",
    ],
)
@pytest.mark.parametrize("turned", ["", "&page=2"])
def test_the_reasons_of_every_result_add_up_to_its_score(
    library: Site, query: str, turned: str
) -> None:
    page = library.page(f"/search?q={query.replace(' ', '+')}{turned}")
    entries = page.all("li", class_="entry")
    assert entries or turned
    scores = []
    for entry in entries:
        parts, score = points(entry.one("details", class_="why"))
        assert sum(parts) == score > 0
        assert all(part >= 0 for part in parts)
        scores.append(score)
    assert scores == sorted(scores, reverse=True)


def test_the_reasons_name_the_words_asked_for(library: Site) -> None:
    why = library.page('/search?q=wick+"oil+lamps"').one("details", class_="why")
    assert [head.text for head in why.one("tbody").all("th")] == ["wick", "“oil lamps”"]


# --- marks --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "title", "text"),
    [
        ("lamp", ["Lamps"], ["lamp"]),
        ("wicks", [], ["wicks", "wick"]),
        ("the smoke", [], ["smoke"]),
        ("LAMPS glass", ["Lamps"], ["lamp", "glass"]),
        ("lamp -zeppelin cat:cs.LG year:2025", ["Lamps"], ["lamp"]),
        ("lamp has:code", ["Lamps"], ["lamp"]),
    ],
)
def test_the_words_asked_for_are_marked_and_no_others(
    library: Site, query: str, title: list[str], text: list[str]
) -> None:
    entry = library.page(f"/search?q={query.replace(' ', '+')}").all("li", class_="entry")[0]
    assert marked(entry.one("h3")) == title
    assert marked(entry.one("details", class_="text")) == text


def test_without_a_query_nothing_is_marked(library: Site) -> None:
    assert marked(library.page("/")) == marked(library.page("/papers/2511.00001")) == []


def test_the_sentence_with_the_words_is_shown_where_the_first_lines_lack_them(site: Site) -> None:
    opening = (
        "This study begins with a long sentence that says nothing of what a reader looks for, "
    )
    opening += "as such sentences have always done. "
    site.put(paper("A Quiet Study", abstract=opening + "Later a beacon is lit. Then it goes out."))
    text = site.page("/search?q=beacon").one("details", class_="text")
    assert text.one("span", class_="excerpt").text == "… Later a beacon is lit."
    # Opened, it is the whole abstract.
    assert text.one("p").text == opening + "Later a beacon is lit. Then it goes out."
    first = site.page("/search?q=study").one("details", class_="text")
    assert first.one("summary").text == opening.strip()
    assert first.one("p").text == "Later a beacon is lit. Then it goes out."


# --- what was not understood --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("colour:red lamp", "“colour:”"),
        ('lamp "open', "quotation mark"),
        ("year:soon lamp", "“year:soon”"),
        ("has:wings lamp", "“has:wings”"),
        ("lamp " * 900, "cut after 4,000 characters"),
    ],
)
def test_what_was_not_understood_is_said_in_a_sentence(
    library: Site, query: str, said: str
) -> None:
    answer = library.client.get("/search", params={"q": query})
    notes = [note.text for note in read(answer.text).one("ul", class_="notes").all("li")]
    problems = parse(query).problems
    assert any(said in problem for problem in problems)
    assert [note for note in notes if note in problems] == list(problems)
    assert notes[-1].startswith("Read as:")


def test_where_no_paper_has_all_words_the_page_says_so(library: Site) -> None:
    page = library.page("/search?q=wick+zeppelin")
    assert titles(page) == [FULL_TITLE]
    assert page.one("ul", class_="notes").text.startswith("No paper has all of these words")


def test_a_query_of_signs_alone_finds_nothing_and_says_why(library: Site) -> None:
    page = library.page("/search?q=%3F%21")
    assert titles(page) == []
    assert page.one("ul", class_="notes").text == "The query holds no word to look for."


ANY_TEXT = st.one_of(
    st.text(max_size=80),
    st.text(alphabet=" -:\"'()[]*?^~\\/&|+.lamp0\x00\u202e", max_size=60),
    st.lists(
        st.sampled_from(
            'lamp -wick title: author:"a b cat:cs has:code year:2020..2019 year:0000 " -" () ~2 '
            "AND OR NOT * wick* /x/ $x^2$ <b> 𝒪 ɐ ﷽ 1e9 ʼn ß İ".split()
        ),
        max_size=70,
    ).map(" ".join),
)


@settings(max_examples=120, deadline=None)
@given(
    text=ANY_TEXT,
    typing=st.booleans(),
    fragment=st.booleans(),
    order=st.sampled_from([None, "new", "relevance", "nonsense"]),
    page=st.sampled_from([None, "1", "2", "401", "x"]),
)
def test_whatever_is_asked_gets_a_page(
    library: Site, text: str, typing: bool, fragment: bool, order: str | None, page: str | None
) -> None:
    params = {"q": text, "order": order, "page": page}
    if typing:
        params["typing"] = "1"
    if fragment:
        params["fragment"] = "1"
    answer = library.client.get(
        "/search", params={n: v for n, v in params.items() if v is not None}
    )
    assert answer.status_code == 200, answer.text
    tree = read(answer.text)
    assert tree.one("h1").text
    if not fragment:
        assert tree.one("input", id="q")["value"] == text
    for entry in tree.all("details", class_="why"):
        parts, score = points(entry)
        assert sum(parts) == score


@pytest.mark.parametrize(
    "query", [b"q=\xff\xfe", b"q=%ff%00", b"q=%", b"q", b"&&;=", b"q=a&q=b", b"q=" + b"x" * 30000]
)
def test_a_query_that_is_not_even_text_gets_a_page(library: Site, query: bytes) -> None:
    with start_blocking_portal() as portal:
        assert portal.call(ask_raw, library, query) == 200


async def ask_raw(site: Site, query: bytes) -> int:
    """The status of the answer to bytes that no ordinary client would send."""
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/search",
        "raw_path": b"/search",
        "query_string": query,
        "headers": [(b"host", b"localhost")],
        "scheme": "http",
        "server": ("localhost", 80),
        "http_version": "1.1",
        "root_path": "",
    }
    await site.client.app(scope, receive, send)
    return statuses[0]
