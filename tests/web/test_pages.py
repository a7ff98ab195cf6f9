"""Pages as a reader meets them: each answers, in every state, framed alike."""

from __future__ import annotations

import re
from collections import Counter, deque
from datetime import date
from itertools import pairwise
from urllib.parse import parse_qsl, urlsplit

import pytest

from broadsheet.intake.importing import import_files
from broadsheet.ops import running
from broadsheet.records import Author, Link, Record
from broadsheet.search.lexical import WEIGHTS
from broadsheet.web.app import ROUTES

from .conftest import (
    ALL,
    BARE,
    CROWD,
    DAYS,
    FULL,
    LANTERNS,
    SECRET,
    UNDATED,
    Site,
    lantern,
    paper,
)
from .reading import Element, read

FULL_PATH = "/papers/2511.00001"
PAGES = (
    "/",
    "/day/2025-11-19",
    "/day/2025-11-19?page=2",
    "/day/2025-11-19?page=3",
    "/day/2025-11-12",
    "/week/2025-W47",
    "/week/2025-W01",
    "/month/2025-11",
    "/undated",
    "/mail",
    "/search",
    "/search?q=lamp",
    "/search?q=lantern&page=2",
    "/search?q=lantern&page=9",
    "/search?q=lantern&order=new",
    "/search?q=zeppelin",
    "/search?q=colour%3Ared+%22open",
    FULL_PATH,
    "/for-me",
    "/for-me?page=9",
    "/interests",
    "/interests/lanterns",
    "/interests/lanterns?order=relevance&page=2",
    "/interests/which?paper=2511.00001",
    "/library",
    "/queue",
    "/kept",
    "/kept?q=candle",
    "/kept?q=zeppelin",
    "/collections/lanterns",
    "/collections/lanterns?q=wick",
    f"/shared/{SECRET}",
    "/ledger",
    "/feeds",
    "/map",
    "/rising",
    "/about",
    "/about/ranking",
    "/subscribe",
    "/subscribe?view=%2Fsearch%3Fq%3Dlamp",
    "/subscribe/asked",
    "/mail/preview",
    "/mail/preview?view=%2Fsearch%3Fq%3Dlamp",
)
ERRORS = (
    "/nowhere",
    "/papers/no-such-paper",
    "/day/yesterday",
    "/static/nothing.css",
    "/interests/none",
    "/interests/which?paper=none",
    "/collections/none",
    "/shared/none",
    "/feeds/guess/for-me.rss",
    "/map/points.bin",
)
REDIRECTS = ("/week", "/month", "/papers/doi:10.5555/lamp.1")
OTHERS = (
    f"{FULL_PATH}.bib",
    "/healthz",
    "/search?q=lamp&fragment=1&typing=1",
    "/suggest?q=lamp",
    "/ledger.json",
    "/mine.json",
    "/mine.bib",
    "/mine.bib?collection=lanterns",
    "/mail/preview.html",
    "/mail/preview.css",
    # Without a token: a sentence (test_subscribing.py has those with one).
    "/mail/confirm",
    "/mail/manage",
    "/mail/leave",
    "/mail/answer",
    "/new.atom",
    "/search.rss?q=lamp",
    "/month/2025-11.json?n=5&page=2",
    "/feeds.opml",
    "/map/papers",
    "/rising.json",
)


# So many links of a kind are visited.
ALIKE = 30


def titles(page: Element) -> list[str]:
    """The titles a list shows, in its order."""
    return [entry.one("h3").text for entry in page.all("li", class_="entry")]


def main(page: Element) -> Element:
    return page.one("main")


def ledger(page: Element) -> str:
    return page.one("p", class_="ledger").text


def test_every_route_that_can_be_visited_is_visited_by_these_tests() -> None:
    visited = {urlsplit(path).path for path in (*PAGES, *ERRORS, *REDIRECTS, *OTHERS)}
    for route in ROUTES:
        if "GET" in (getattr(route, "methods", None) or ("GET",)):
            assert any(route.path_regex.match(path) for path in visited), route.path


@pytest.fixture(scope="module")
def printed(library: Site) -> dict[str, Element]:
    """Every page and every error page of the library, by its path."""
    return {path: library.page(path, 404 if path in ERRORS else 200) for path in (*PAGES, *ERRORS)}


@pytest.mark.parametrize("path", [*PAGES, *ERRORS])
def test_every_page_has_the_same_frame(printed: dict[str, Element], path: str) -> None:
    page = printed[path]
    assert page.one("html")["lang"] == "en"
    assert page.one("title").text.endswith("Broadsheet")
    assert page.one("h1").text
    for landmark in ("main", "footer"):
        page.one(landmark)
    masthead = page.one("header", class_="masthead")
    assert masthead.one("form", role="search")["action"] == "/search"
    assert page.one("nav", aria_label="Sections").one("a", href="/").text == "Front page"
    assert page.one("a", class_="skip")["href"] == "#" + main(page)["id"]
    labels = [nav["aria-label"] for nav in page.all("nav")]
    assert len(labels) == len(set(labels)), labels
    named = [element["id"] for element in page.walk() if "id" in element.attributes]
    assert len(named) == len(set(named)), named


@pytest.mark.parametrize("path", [*PAGES, *ERRORS])
def test_headings_step_down_one_level_at_a_time(printed: dict[str, Element], path: str) -> None:
    page = printed[path]
    levels = [int(one.tag[1]) for one in page.walk() if re.fullmatch("h[1-6]", one.tag)]
    assert levels[0] == 1
    assert all(here <= before + 1 for before, here in pairwise(levels))


@pytest.mark.parametrize("path", [*PAGES, *ERRORS])
def test_no_page_holds_script_or_style_of_its_own(printed: dict[str, Element], path: str) -> None:
    page = printed[path]
    script = page.one("script")
    assert script["src"].startswith("/static/broadsheet.js?v=")
    assert script.raw_text == ""
    assert page.all("style") == []
    for element in page.walk():
        for name in element.attributes:
            assert name != "style", element
            assert not name.startswith("on"), element


def kind_of(link: str) -> tuple[str, tuple[str, ...]]:
    """The page that a link of the site leads to, and what it is asked for, without the values."""
    parts = urlsplit(link)
    return parts.path, tuple(sorted(dict(parse_qsl(parts.query, keep_blank_values=True))))


def test_every_link_within_the_site_leads_somewhere(library: Site) -> None:
    # One of a kind like a hundred before it (the answers that a mail offers for each of its
    # papers, the authors of a crowd) is not visited once more.
    seen, kinds, ahead = {"/"}, Counter[object](), deque(["/"])
    while ahead:
        path = ahead.popleft()
        answer = library.client.get(path, follow_redirects=True)
        assert answer.status_code == 200, path
        if "text/html" not in answer.headers["content-type"]:
            continue
        for link in [one["href"].split("#")[0] for one in read(answer.text).all("a")]:
            if link.startswith("/") and link not in seen and kinds[kind_of(link)] < ALIKE:
                seen.add(link)
                kinds[kind_of(link)] += 1
                ahead.append(link)
    assert len([path for path in seen if path.startswith("/papers/")]) > ALL


# --- editions -----------------------------------------------------------------------------------


def test_the_front_page_is_the_newest_day_in_its_printed_order(library: Site) -> None:
    page = library.page("/")
    assert page.one("h1").text == "Wednesday, 19 November 2025"
    assert titles(page)[0] == "Oil Lamps at 2562 Candles"
    assert titles(page)[1:] == [f"Lantern Study Number {n}" for n in range(1, 25)]
    assert ledger(page).startswith("30 papers held, 1–25 on this page.")
    assert "unknown" in ledger(page)


def test_a_day_says_where_the_next_and_the_last_papers_are(library: Site) -> None:
    days = library.page("/day/2025-11-18").one("nav", aria_label="Other days")
    assert days.one("a", rel="prev")["href"] == "/day/2025-11-10"
    assert days.one("a", rel="next")["href"] == "/day/2025-11-19"
    days = library.page("/day/2025-11-19").one("nav", aria_label="Other days")
    assert [link["rel"] for link in days.all("a")] == ["prev"]


def test_a_week_goes_from_its_newest_day_to_its_oldest(library: Site) -> None:
    page = library.page("/week/2025-W47?page=2")
    assert page.one("h1").text == "Week of 17 November 2025"
    assert [day.text for day in page.all("h2", class_="dayline")] == [
        "Wednesday, 19 November 2025",
        "Tuesday, 18 November 2025",
    ]
    assert titles(page) == [f"Lantern Study Number {n}" for n in range(25, 31)]


def test_a_month_holds_the_papers_of_its_days(library: Site) -> None:
    assert ledger(library.page("/month/2025-11")).startswith("43 papers held")
    assert ledger(library.page("/month/2025-08")).startswith("3 papers held.")


@pytest.mark.parametrize("path", ["/week", "/month"])
def test_week_and_month_go_on_to_the_newest(library: Site, path: str) -> None:
    answer = library.client.get(path)
    assert answer.status_code == 302
    assert (
        answer.headers["location"] == {"/week": "/week/2025-W47", "/month": "/month/2025-11"}[path]
    )


def test_papers_without_a_day_have_their_own_list(library: Site) -> None:
    page = library.page("/undated")
    assert ledger(page).startswith(f"{UNDATED} papers held. No source says when")
    assert BARE.title in titles(page)
    assert [link for link in page.all("a") if link["href"].startswith("/day/")] == []


def test_the_calendar_links_the_days_that_have_papers(library: Site) -> None:
    calendar = library.page("/day/2025-11-18").one("table", class_="calendar")
    days = {link["href"]: link for link in calendar.all("a")}
    assert set(days) == {"/day/2025-11-10", "/day/2025-11-18", "/day/2025-11-19"}
    assert days["/day/2025-11-18"].text == "18: 1 paper"
    assert days["/day/2025-11-10"].text == "10: 12 papers"
    # The fuller the day beside the fullest, the darker: 1, 12 and 30 papers.
    heats = [days[f"/day/2025-11-{day}"]["class"] for day in (18, 10, 19)]
    assert heats == ["heat1", "heat2", "heat4"]
    assert calendar.one("td", class_="here").one("a")["href"] == "/day/2025-11-18"
    cells = calendar.one("tbody").all("td")
    assert [cell.text for cell in cells[:7]] == ["", "", "", "", "", "1", "2"]


def test_a_day_without_papers_says_where_the_last_ones_are(library: Site) -> None:
    page = library.page("/day/2025-11-12")
    assert ledger(page) == "0 papers held."
    assert "No paper held belongs to this day." in main(page).text
    assert main(page).one("div", class_="empty").one("a")["href"] == "/day/2025-11-10"


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/day/2025-11-31", "“2025-11-31” is no day; write it as 2025-11-19."),
        ("/day/today", "“today” is no day; write it as 2025-11-19."),
        ("/week/2025-W60", "“2025-W60” is no week; write it as 2025-W47."),
        ("/month/2025-13", "“2025-13” is no month; write it as 2025-11."),
        ("/papers/2001.99999", "No paper here is called “2001.99999”."),
        ("/papers/no-such.bib", "No paper here is called “no-such”."),
        ("/papers/a%00b", "No paper here is called “ab”."),
        ("/nowhere", "There is no such page here."),
        ("/static/../app.py", "There is no such page here."),
        ("/static/none.css", "There is no such page here."),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(library: Site, path: str, sentence: str) -> None:
    page = library.page(path, 404)
    assert sentence in [paragraph.text for paragraph in main(page).all("p")]


@pytest.mark.parametrize("name", ["/day/9999-12-31", "/week/9999-W52", "/month/9999-12"])
def test_the_end_of_the_calendar_is_a_day_like_any_other(library: Site, name: str) -> None:
    assert "0 papers held" in ledger(library.page(name))


@pytest.mark.parametrize("name", ["/day/0001-01-01", "/week/0001-W01", "/month/0001-01"])
def test_so_is_its_beginning(library: Site, name: str) -> None:
    page = library.page(name)
    assert "0 papers held" in ledger(page)
    for link in page.one("nav", aria_label="Sections").all("a"):
        assert library.client.get(link["href"]).status_code in (200, 302), link["href"]


def test_a_paper_of_the_last_day_there_is_does_not_stop_the_front_page(site: Site) -> None:
    site.put(paper("A Lamp at the End of Time", published=date(9999, 12, 31)), lantern(1))
    assert titles(site.page("/")) == ["A Lamp at the End of Time"]
    for path in ("/week/9999-W52", "/month/9999-12", "/week/2025-W47"):
        site.page(path)


# --- long lists ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "papers", "pages"),
    [
        ("/", DAYS[date(2025, 11, 19)], 2),
        ("/month/2025-11", 43, 2),
        ("/search?q=lantern", LANTERNS, 3),
        ("/search?q=lantern&order=new", LANTERNS, 3),
        ("/search?q=-zeppelin", ALL, 3),
    ],
)
def test_turning_pages_shows_every_paper_once(
    library: Site, path: str, papers: int, pages: int
) -> None:
    links, seen = [path], []
    while len(links) <= pages:
        page = library.page(links[-1])
        seen += [entry.one("h3").one("a")["href"] for entry in page.all("li", class_="entry")]
        following = page.all("a", rel="next")
        turn = [link for link in following if "page=" in link["href"]]
        if not turn:
            break
        links.append(turn[0]["href"])
    assert len(links) == pages
    assert len(seen) == len(set(seen)) == papers
    # And back again, to the same first page.
    for there, back in zip(links[:0:-1], links[-2::-1], strict=True):
        prev = [
            one["href"]
            for one in library.page(there).one("nav", class_="turn").all("a", rel="prev")
        ]
        assert prev == [back]


def test_places_run_on_over_the_pages(library: Site) -> None:
    page = library.page("/search?q=lantern&page=2")
    assert [entry["value"] for entry in page.all("li", class_="entry")] == [
        str(place) for place in range(26, 51)
    ]
    assert page.one("nav", class_="turn").one("span").text == "26–50 of 52"


@pytest.mark.parametrize("path", ["/day/2025-11-19?page=7", "/search?q=lantern&page=900"])
def test_a_page_behind_the_end_leads_back_into_the_list(library: Site, path: str) -> None:
    page = library.page(path)
    empty = main(page).one("div", class_="empty")
    assert empty.one("h2").text == "The list ends before this page"
    assert titles(library.page(empty.one("a")["href"])) != []
    assert "on this page" not in ledger(page)


@pytest.mark.parametrize("asked", ["0", "-1", "x", "", "1e3", "٣", "9" * 5000, "1&page=2"])
def test_a_page_number_that_is_none_is_no_error(library: Site, asked: str) -> None:
    library.page(f"/search?q=lantern&page={asked}")
    library.page(f"/day/2025-11-19?page={asked}")


# --- states -------------------------------------------------------------------------------------


def test_an_empty_broadsheet_says_how_to_fill_it(site: Site) -> None:
    page = site.page("/")
    assert page.one("h1").text == "Nothing to read yet"
    assert [code.text for code in page.all("code")] == [
        "broadsheet import FILE…",
        "broadsheet sample add",
    ]
    for path in ("/undated", "/search", "/search?q=lamp", "/about", "/day/2025-11-19"):
        site.page(path)
    for path in ("/week", "/month"):
        assert site.client.get(path).headers["location"] == "/"


def test_papers_that_are_not_indexed_yet_are_listed_all_the_same(site: Site) -> None:
    site.parts.index.catch_up(site.parts.store)
    site.put(FULL, index=False)
    assert titles(site.page("/")) == ["Oil Lamps at 2562 Candles"]
    assert "catching up: 1 change still to come" in main(site.page("/about")).text


def test_a_single_paper_is_spoken_of_as_one(site: Site) -> None:
    site.put(paper("One Lamp Alone", shown=date(2025, 11, 19), comment_count=1, author_count=1))
    front = site.page("/")
    assert ledger(front).startswith("1 paper held.")
    assert "1 paper is held in all" in front.one("aside").text
    assert front.one("div", class_="quiet").text.startswith("1 author 1 comment there vote")
    assert ledger(site.page("/search?q=lamp")).startswith("1 paper in ")
    about = main(site.page("/about")).text
    assert "1 paper held" in about
    assert "1 papers" not in about


@pytest.mark.parametrize("density", ["titles", "lines", "full"])
@pytest.mark.parametrize("record", [BARE, CROWD, FULL, lantern(1)], ids=lambda one: one.title[:9])
def test_a_paper_of_any_kind_can_be_shown_anywhere(
    site: Site, record: Record, density: str
) -> None:
    site.put(record, lantern(2))
    site.client.post("/preferences", data={"density": density})
    assert site.parts.catalogue.holdings().papers == 2
    for path in ("/", "/undated", "/search?q=lamp", "/search?q=title", "/search?q=lantern"):
        page = site.page(path)
        for link in page.all("h3"):
            site.page(link.one("a")["href"])


def test_density_decides_how_much_of_an_abstract_is_shown(site: Site) -> None:
    site.put(FULL)
    shown = {}
    for density in ("titles", "lines", "full"):
        site.client.post("/preferences", data={"density": density})
        entry = site.page("/search?q=candles").one("li", class_="entry")
        shown[density] = (
            len(entry.all("details", class_="text")),
            "the glass around it" in entry.text,
        )
    assert shown == {"titles": (0, False), "lines": (1, True), "full": (0, True)}


def test_the_sample_library_is_said_to_be_one(site: Site) -> None:
    assert running.load_sample(site.parts) == 327
    site.parts.index.catch_up(site.parts.store)
    front = site.page("/")
    assert "327 papers came with Broadsheet" in front.one("aside").text
    assert "summary in our words" in main(front).text
    first = site.page(front.all("h3")[0].one("a")["href"])
    assert "In our words" in [heading.text for heading in first.all("h2")]
    for path in ("/undated", "/month/2025-11", "/search?q=lamp", "/search?q=features", "/about"):
        site.page(path)


def test_what_an_import_put_aside_is_counted(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("in") / "papers.jsonl"
    file.write_text('{"title": "A Lamp to Keep", "published": "2025-11-19"}\n{"title": 7}\n')
    assert import_files(site.parts.store, [file]).quarantined == 1
    assert "1 thing could not be imported" in site.page("/").one("aside").text
    assert "1 thing could not be imported" in ledger(site.page("/about"))


# --- a list's entries ---------------------------------------------------------------------------


def test_an_entry_shows_who_when_and_where_the_code_is(library: Site) -> None:
    entry = library.page("/search?q=candles").one("li", class_="entry")
    quiet = entry.one("div", class_="quiet")
    assert quiet.one("span", class_="who").text == "Ada Wick, Bo Glass, Cy Flame"
    assert [moment["datetime"] for moment in quiet.all("time")] == ["2025-11-19", "2025-11-03"]
    assert [link.text for link in quiet.all("a", class_="cat")] == ["cs.LG", "stat.ML"]
    outside = {link["href"] for link in quiet.all("a") if link["href"].startswith("https:")}
    assert outside == {"https://github.com/lamp/oil", "https://lamp.github.io/"}


def test_of_many_authors_four_are_named_and_the_others_counted(library: Site) -> None:
    entry = library.page("/search?q=minute").one("li", class_="entry")
    assert entry.one("span", class_="who").text == (
        "Person1 Holder, Person2 Holder, Person3 Holder, Person4 Holder and 56 more"
    )


@pytest.mark.parametrize(
    "category", ["cs.LG", "Machine Learning", 'a "b" c', "über.Größe", "a&b=c"]
)
def test_a_category_s_link_finds_its_papers(site: Site, category: str) -> None:
    site.put(paper("One Lamp Alone", categories=(category,)), lantern(1))
    link = site.page("/search?q=alone").one("a", class_="cat")
    if '"' not in category:  # the language cannot ask for a quotation mark
        assert titles(site.page(link["href"])) == ["One Lamp Alone"]


def test_an_author_s_link_finds_their_papers(library: Site) -> None:
    link = library.page(FULL_PATH).one("p", class_="authors").all("a")[1]
    assert link.text == "Bo Glass"
    assert titles(library.page(link["href"])) == ["Oil Lamps at 2562 Candles"]


def test_so_does_the_link_of_a_name_with_quotation_marks(site: Site) -> None:
    site.put(paper("One Lamp Alone", authors=(Author('Ada "the Wick" Byron'),)), lantern(1))
    front = site.page("/search?q=alone")
    authors = site.page(front.one("h3").one("a")["href"]).one("p", class_="authors")
    found = site.page(authors.one("a")["href"])
    assert titles(found) == ["One Lamp Alone"]
    assert found.all("ul", class_="notes") == []


def test_only_addresses_of_the_web_become_links(site: Site) -> None:
    links = (
        Link("code", "javascript:alert(1)"),
        Link("code", "https://github.com/lamp/oil"),
        Link("project", "data:text/html,x"),
        Link("page", "no address"),
    )
    site.put(paper("One Lamp Alone", links=links, authors=(Author("Ada Wick"),)))
    for path in ("/search?q=alone", site.page("/undated").one("h3").one("a")["href"]):
        page = site.page(path)
        outside = [one["href"] for one in main(page).all("a") if not one["href"].startswith("/")]
        assert outside == ["https://github.com/lamp/oil"]


# --- about --------------------------------------------------------------------------------------


def test_about_prints_the_weights_that_rank(library: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WEIGHTS, "title", 2.75)
    assert "2.75 for the title" in main(library.page("/about")).text


def test_about_counts_what_is_held(library: Site) -> None:
    text = main(library.page("/about")).text
    assert f"{ALL} papers held, {UNDATED} of them without a day." in text
    assert f"The index holds all {ALL} papers" in text


def test_health_counts_papers_and_how_far_behind_the_index_is(library: Site) -> None:
    answer = library.client.get("/healthz")
    assert answer.json() == {"status": "ok", "papers": ALL, "index_behind": 0}
