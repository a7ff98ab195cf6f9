"""Feeds: what each format says of a list, page by page, and when there is nothing new to say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import feedparser
import pytest
from lxml import etree

from broadsheet.records import Link
from broadsheet.store.engine import open_store, sqlite_url
from broadsheet.web.app import create_app
from broadsheet.web.feeds.answering import Changes

from .conftest import ALL, CROWD, FULL, LANTERNS, NEWEST, Site, paper, served
from .feed_checks import READERS, Sent
from .test_pages import FULL_PATH, main

TYPES = {
    "rss": "application/rss+xml",
    "atom": "application/atom+xml",
    "json": "application/feed+json",
}
LISTS = ("/new", "/day/2025-11-19", "/week/2025-W47", "/month/2025-11", "/undated", "/for-me")
EVERY = pytest.mark.parametrize("ending", READERS)
SITE = "http://localhost"
"""Where the tests' browser finds the program."""


def feed(site: Site, path: str) -> Sent:
    """The feed at an address, read by the strict reader of its format."""
    ending = urlsplit(path).path.rsplit(".", 1)[1]
    answer = site.client.get(path)
    assert answer.status_code == 200, path
    assert answer.headers["content-type"] == TYPES[ending]
    return READERS[ending](answer.content)


# --- what a feed says ---------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize("path", [*LISTS, "/search?q=lantern", "/search?q=zeppelin"])
def test_every_list_is_a_feed_in_every_format(library: Site, path: str, ending: str) -> None:
    stem, _, query = path.partition("?")
    address = f"{stem}.{ending}" + (f"?{query}" if query else "")
    sent = feed(library, address)
    assert sent.links["self"] == SITE + address
    assert sent.links["alternate"] == SITE + path.replace("/new", "/")
    assert sent.title.startswith("Broadsheet: ")


@pytest.mark.parametrize("ending", ["rss", "atom"])
@pytest.mark.parametrize("path", ["/new", "/day/2025-11-19", "/undated"])
def test_feed_readers_find_nothing_to_complain_of(library: Site, path: str, ending: str) -> None:
    answer = library.client.get(f"{path}.{ending}")
    read = feedparser.parse(answer.content, response_headers=dict(answer.headers))
    assert not read.bozo, read.get("bozo_exception")
    assert read.version == {"rss": "rss20", "atom": "atom10"}[ending]
    sent = feed(library, f"{path}.{ending}")
    assert [(one.id, one.title, one.link) for one in read.entries] == [
        (one.id, one.title, one.url) for one in sent.entries
    ]


@EVERY
def test_an_item_says_what_is_known_of_the_paper(library: Site, ending: str) -> None:
    item = feed(library, f"/day/2025-11-19.{ending}").entries[0]
    assert item.title == "Oil Lamps at 256^2 Candles"
    assert item.url == SITE + FULL_PATH
    assert item.authors == ("Ada Wick", "Bo Glass", "Cy Flame")
    assert item.tags == ("cs.LG", "stat.ML")
    assert item.published == item.updated == datetime(2025, 11, 19, tzinfo=UTC)
    for words in ("We trim wicks at 256<sup>2</sup> candles.", "≈ 2.5 drops", "Ada Wick, Bo Glass"):
        assert words in item.html
    for link in FULL.links:
        assert f'<a href="{link.url}">{link.kind}</a>' in item.html


@EVERY
def test_papers_that_nobody_dates_are_no_older_than_the_library(site: Site, ending: str) -> None:
    before = datetime.now(UTC) - timedelta(days=1)
    site.put(paper("Undated Lamps"))
    (item,) = feed(site, f"/undated.{ending}").entries
    assert item.published is None
    assert before < item.updated <= datetime.now(UTC)


@EVERY
def test_a_revised_paper_says_when_its_text_was_replaced(site: Site, ending: str) -> None:
    site.put(paper("Lamps", abstract="First.", shown=NEWEST, identifiers=("2511.00009",)))
    first = feed(site, f"/new.{ending}").entries[0]
    now = datetime.now(UTC).replace(microsecond=0)
    site.put(
        paper("Lamps", abstract="Second.", shown=NEWEST, identifiers=("2511.00009",), version=2)
    )
    second = feed(site, f"/new.{ending}").entries[0]
    assert (first.id, first.updated) == (second.id, datetime(2025, 11, 19, tzinfo=UTC))
    assert second.updated >= now
    assert "Second." in second.html


@EVERY
def test_an_item_keeps_its_id_when_the_paper_gets_a_stronger_name(site: Site, ending: str) -> None:
    site.put(paper("Lamps of the North", shown=NEWEST))
    first = feed(site, f"/new.{ending}").entries[0]
    site.put(paper("Lamps of the North", key="again", shown=NEWEST, identifiers=("2511.00009",)))
    second = feed(site, f"/new.{ending}").entries[0]
    assert first.url != second.url == f"{SITE}/papers/2511.00009"
    assert first.id == second.id


def test_formats_and_lists_name_a_paper_alike(library: Site) -> None:
    paths = ["/new.rss", "/new.atom", "/month/2025-11.json", "/search.atom?q=oil"]
    ids = {
        one.id
        for path in paths
        for one in feed(library, path).entries
        if one.url == SITE + FULL_PATH
    }
    assert len(ids) == 1
    assert ids.pop().startswith("urn:uuid:")


def test_two_libraries_give_different_ids(library: Site, tmp_path: Path) -> None:
    open_store(sqlite_url(tmp_path / "other.sqlite3")).close()
    with served(tmp_path, tmp_path / "other.sqlite3") as other:
        other.put(FULL)
        mine, theirs = feed(other, "/new.atom").entries[0], feed(library, "/new.atom").entries[0]
    assert mine.title == theirs.title
    assert mine.id != theirs.id


@EVERY
def test_a_search_says_why_each_paper_is_there(library: Site, ending: str) -> None:
    item = next(
        one for one in feed(library, f"/search.{ending}?q=glass").entries if "Oil" in one.title
    )
    assert "<small>why: glass" in item.html
    assert "=" in item.html.partition("why: ")[2]


def test_the_json_has_the_score_and_its_parts(library: Site) -> None:
    said = library.client.get("/search.json?q=glass+lamp").json()
    for item in said["items"]:
        own = item["_broadsheet"]
        assert own["score"] > 0
        assert sum(one["value"] for one in own["reasons"]) == pytest.approx(own["score"], abs=1e-4)


def test_a_pdf_is_an_enclosure(site: Site) -> None:
    pdf = "https://papers.example/a%20b.pdf"
    site.put(paper("Lamps", shown=NEWEST, links=(Link("pdf", pdf),)))
    assert site.client.get("/new.json").json()["items"][0]["attachments"] == [
        {"url": pdf, "mime_type": "application/pdf"}
    ]
    rss = etree.fromstring(site.client.get("/new.rss").content).find(".//enclosure")
    assert rss is not None
    assert {str(name): str(value) for name, value in rss.attrib.items()} == {
        "url": pdf,
        "length": "0",
        "type": "application/pdf",
    }
    atom = feedparser.parse(site.client.get("/new.atom").content).entries[0]
    assert [one.href for one in atom.enclosures] == [pdf]


def test_a_withdrawn_paper_says_so(site: Site) -> None:
    site.put(paper("Lamps", shown=NEWEST, withdrawn=True))
    assert "Withdrawn." in feed(site, "/new.atom").entries[0].html


def test_sixty_authors_are_all_named(library: Site) -> None:
    crowd = next(one for one in feed(library, "/undated.rss").entries if one.title == CROWD.title)
    assert len(crowd.authors) == 60


@pytest.mark.parametrize(
    "path",
    ["/day/yesterday.atom", "/nowhere.rss", "/.rss", "/new.xml", "/papers/2511.00001.atom"],
)
def test_what_is_no_list_has_no_feed(library: Site, path: str) -> None:
    assert library.client.get(path).status_code == 404


def test_a_search_for_nothing_is_the_feed_of_what_is_new(library: Site) -> None:
    answer = library.client.get("/search.rss")
    assert (answer.status_code, answer.headers["location"]) == (302, "/new.rss")


# --- paging (RFC 5005) --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "papers"),
    [
        ("/new.atom?n=7", ALL),
        ("/new.rss", ALL),
        ("/new.json?n=54", ALL),
        ("/month/2025-11.atom?n=10", 43),
        ("/search.rss?q=lantern&n=20", LANTERNS),
        ("/search.json?q=lantern&order=new&n=13", LANTERNS),
        ("/search.atom?q=2511.00001&n=1", 2),
    ],
)
def test_page_by_page_every_paper_comes_once(library: Site, path: str, papers: int) -> None:
    page = feed(library, path)
    first, last = page.links["first"], page.links["last"]
    seen, here = list(page.entries), [page.links["self"]]
    while "next" in page.links:
        page = feed(library, page.links["next"].removeprefix(SITE))
        seen += page.entries
        here.append(page.links["self"])
        assert page.links["previous"] == here[-2]
        assert (page.links["first"], page.links["last"]) == (first, last)
    assert (here[0], here[-1]) == (first, last)
    assert len(seen) == papers
    assert len({one.id for one in seen}) == papers


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("", 30), ("?n=1", 1), ("?n=100", 55), ("?n=999", 55), ("?n=0", 30), ("?n=x&page=-1", 30)],
)
def test_a_page_has_as_many_as_asked_for_within_bounds(
    library: Site, asked: str, shown: int
) -> None:
    assert len(feed(library, f"/new.json{asked}").entries) == shown


def test_a_page_behind_the_last_is_empty_and_leads_back(library: Site) -> None:
    page = feed(library, "/day/2025-11-19.atom?page=9")
    assert page.entries == ()
    assert "next" not in page.links
    assert page.links["previous"] == SITE + "/day/2025-11-19.atom"


# --- asking only for news (RFC 9110) ------------------------------------------------------------


@EVERY
def test_who_has_the_newest_is_sent_nothing(library: Site, ending: str) -> None:
    path = f"/new.{ending}"
    full = library.client.get(path)
    tag, moment = full.headers["etag"], full.headers["last-modified"]
    for known in (
        {"If-None-Match": tag},
        {"If-None-Match": f'"other", {tag.removeprefix("W/")}'},
        {"If-None-Match": "*"},
        {"If-Modified-Since": moment},
        {"If-Modified-Since": "Fri, 31 Dec 9998 23:59:59 GMT"},
        {"If-None-Match": tag, "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ):
        for ask in (library.client.get, library.client.head):
            answer = ask(path, headers=known)
            assert (answer.status_code, answer.content) == (304, b""), known
            for name in ("etag", "last-modified", "cache-control"):
                assert answer.headers[name] == full.headers[name]


@pytest.mark.parametrize(
    "known",
    [
        {"If-None-Match": '"other"'},
        {"If-None-Match": '"other"', "If-Modified-Since": "Fri, 31 Dec 9998 23:59:59 GMT"},
        {"If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
        {"If-Modified-Since": "yesterday"},
        {"If-Modified-Since": "Mon, 01 Jan 99999999999999999999 00:00:00 GMT"},
    ],
)
def test_who_has_something_else_is_sent_all(library: Site, known: dict[str, str]) -> None:
    answer = library.client.get("/new.atom", headers=known)
    assert answer.status_code == 200
    assert len(answer.content) > 1000


def test_a_paper_of_long_ago_that_comes_in_is_news(site: Site) -> None:
    site.put(paper("Lamps", shown=NEWEST))
    full = site.client.get("/new.atom")
    known = {"If-None-Match": full.headers["etag"]}
    since = {"If-Modified-Since": full.headers["last-modified"]}
    site.put(paper("Torches", shown=date(1999, 1, 1)))
    assert site.client.get("/new.atom", headers=known).status_code == 200
    assert site.client.get("/new.atom", headers=since).status_code == 200


def test_two_contents_of_an_address_never_have_the_same_moment() -> None:
    changes, now = Changes(), datetime(2025, 11, 19, 12, 0, 0, 900, tzinfo=UTC)
    moments = [changes.since("/new.atom", tag, now) for tag in ("a", "a", "b", "a")]
    assert moments[0] == moments[1] == datetime(2025, 11, 19, 12, tzinfo=UTC)
    assert moments[1] < moments[2] < moments[3]
    assert changes.since("/new.rss", "c", now) == moments[0]


def test_feeds_may_be_kept_for_minutes_and_a_reader_s_own_not_at_all(library: Site) -> None:
    assert library.client.get("/new.atom").headers["cache-control"] == "public, max-age=300"
    assert library.client.get("/for-me.atom").headers["cache-control"] == "private, no-cache"


def test_reading_feeds_changes_nothing(library: Site) -> None:
    before = library.digest()
    for path in (*LISTS, "/search"):
        for ending in READERS:
            for ask in (library.client.get, library.client.head):
                assert ask(f"{path}.{ending}", params={"q": "lamp"}).status_code == 200
    for path in ("/feeds", "/feeds.opml"):
        assert library.client.get(path).status_code == 200
    assert library.digest() == before


# --- where feeds are found ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "stem"),
    [
        ("/", "/new.{}"),
        ("/day/2025-11-18", "/day/2025-11-18.{}"),
        ("/week/2025-W47?page=2", "/week/2025-W47.{}"),
        ("/undated", "/undated.{}"),
        ("/search?q=lamp&page=1", "/search.{}?q=lamp"),
        ("/search?q=lamp&order=new", "/search.{}?q=lamp&order=new"),
    ],
)
def test_a_page_with_a_list_names_its_feeds(library: Site, page: str, stem: str) -> None:
    shown = library.page(page)
    expected = {stem.format(ending): TYPES[ending] for ending in READERS}
    assert {one["href"]: one["type"] for one in shown.all("link", rel="alternate")} == expected
    links = [one["href"] for one in main(shown).one("p", class_="feeds").all("a")]
    assert [link for link in links if not link.startswith("/subscribe?view=/")] == list(expected)
    for address, media_type in expected.items():
        assert library.client.get(address).headers["content-type"] == media_type


@pytest.mark.parametrize("path", ["/about", "/ledger", FULL_PATH, "/search", "/feeds"])
def test_a_page_without_a_list_names_none(library: Site, path: str) -> None:
    shown = library.page(path)
    assert shown.all("link", rel="alternate") == []
    assert main(shown).all("p", class_="feeds") == []


def test_what_changes_as_one_types_names_its_feeds(library: Site) -> None:
    fragment = library.page("/search?q=lan&fragment=1&typing=1")
    assert fragment.one("p", class_="feeds").all("a")[0]["href"] == "/search.rss?q=lan"


# --- addresses that leave the site, and the hub -------------------------------------------------


def served_as(held: Site, *, site: str = "", websub: str = "") -> Site:
    """The same library under another name, set up so."""
    app = create_app(
        held.parts.store,
        held.parts.catalogue,
        hosts=("localhost", "papers.example"),
        site=site,
        websub=websub,
    )
    client = type(held.client)(app, "http://papers.example:8080", follow_redirects=False)
    return Site(held.parts, client)


@EVERY
def test_links_lead_to_where_the_reader_came_from(library: Site, ending: str) -> None:
    sent = feed(served_as(library), f"/new.{ending}")
    assert sent.links["self"] == f"http://papers.example:8080/new.{ending}"
    assert sent.entries[0].url == f"http://papers.example:8080{FULL_PATH}"


@EVERY
def test_or_to_the_address_that_was_set(library: Site, ending: str) -> None:
    sent = feed(served_as(library, site="https://papers.example/"), f"/new.{ending}")
    assert sent.links["next"] == f"https://papers.example/new.{ending}?page=2"
    assert sent.entries[0].url == f"https://papers.example{FULL_PATH}"


@pytest.mark.parametrize("host", ['localhost:8000"><x>', "localhost:1/evil", "localhost:1 x"])
def test_a_host_that_is_none_stands_in_no_address(library: Site, host: str) -> None:
    assert library.client.get("/new.atom", headers={"Host": host}).status_code == 400


def test_a_hub_is_named_where_one_is_set(library: Site) -> None:
    hub = "https://hub.example/push"
    site = served_as(library, websub=hub)
    assert feed(site, "/new.atom").links["hub"] == hub
    assert feed(site, "/new.rss").links["hub"] == hub
    assert site.client.get("/new.json").json()["hubs"] == [{"type": "WebSub", "url": hub}]
    here = "http://papers.example:8080/new.rss"
    said = site.client.get("/new.rss").headers["link"]
    assert said == f'<{hub}>; rel="hub", <{here}>; rel="self"'
    assert "hub" not in feed(library, "/new.atom").links
    assert "link" not in library.client.get("/new.rss").headers
