"""Feeds of what is a reader's own: for who sits at this machine, or has the secret address."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from lxml import etree
from sqlalchemy import insert
from starlette.requests import HTTPConnection

from broadsheet.records import Listing, View
from broadsheet.store import collections, feed_secrets, interests, papers, reading, tables
from broadsheet.store.deeds import Doing
from broadsheet.views import periods
from broadsheet.views.catalogue import Catalogue
from broadsheet.web.pages.errors import without_secret
from broadsheet.web.security import is_at_home

from .conftest import NEWEST, Site, paper
from .feed_checks import READERS
from .reading import Element, read
from .test_actions import FOREIGN
from .test_feeds import TYPES, served_as

OWN = ("/queue", "/kept", "/collections/of-light")
PUBLIC = "https://papers.example"


@pytest.fixture
def stocked(site: Site) -> Site:
    """A library of two papers, both saved and in a collection."""
    site.put(paper("Lamps", shown=NEWEST), paper("Torches", shown=NEWEST))
    with site.parts.store.writing() as connection:
        doing = Doing(connection, 1, "Kept")
        shelf = collections.make(doing, "Of Light")
        for paper_ in papers.in_period(connection, periods.ALL, 9, 0):
            reading.mark(doing, paper_.number, "saved")
            collections.add(doing, shelf, [paper_.number])
    return site


def private(site: Site, address: str, action: str = "") -> int:
    answer = site.client.post(f"/feeds/private{action}", data={"view": address})
    if answer.status_code == 303:
        assert answer.headers["location"] == "/feeds"
    return int(answer.status_code)


def secret_of(site: Site, address: str) -> str | None:
    with site.parts.store.reading() as connection:
        held = {one.address: one.secret for one in feed_secrets.held(connection, 1)}
    return held.get(address)


def made(site: Site, address: str) -> str:
    """The secret of a private address just made."""
    assert private(site, address) == 303
    secret = secret_of(site, address)
    assert secret is not None
    return secret


def shown(page: Element) -> set[str]:
    return {one["href"] for one in page.one("main").all("a")}


@pytest.mark.parametrize("ending", READERS)
@pytest.mark.parametrize("address", OWN)
def test_a_private_address_gives_the_list_to_who_has_it(
    stocked: Site, address: str, ending: str
) -> None:
    secret = made(stocked, address)
    away = served_as(stocked, site=PUBLIC)
    path, mark, query = address.partition("?")
    plain = f"{path}.{ending}{mark}{query}"
    answer = away.client.get(f"/feeds/{secret}{plain}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == TYPES[ending]
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-robots-tag"] == "noindex"
    sent = READERS[ending](answer.content)
    assert sent.links["self"] == f"{PUBLIC}/feeds/{secret}{plain}"
    assert sent.links["alternate"] == PUBLIC + address
    assert {one.title for one in sent.entries} == {"Lamps", "Torches"}
    assert secret not in sent.entries[0].url
    known = {"If-None-Match": answer.headers["etag"]}
    assert away.client.get(f"/feeds/{secret}{plain}", headers=known).status_code == 304


def test_its_pages_stay_behind_the_secret(stocked: Site) -> None:
    secret = made(stocked, "/queue")
    answer = stocked.client.get(f"/feeds/{secret}/queue.atom?n=1")
    sent = READERS["atom"](answer.content)
    assert sent.links["next"] == f"http://localhost/feeds/{secret}/queue.atom?n=1&page=2"
    second = READERS["atom"](stocked.client.get(sent.links["next"]).content)
    assert {one.title for one in (*sent.entries, *second.entries)} == {"Lamps", "Torches"}


def test_what_opens_nothing_is_answered_as_what_is_not_there(stocked: Site) -> None:
    with stocked.parts.store.writing() as connection:
        other = connection.execute(
            insert(tables.readers)
            .values(name="guest", joined=datetime.now(UTC))
            .returning(tables.readers.c.number)
        ).scalar_one()
        theirs = feed_secrets.make(connection, int(other), "/queue")
    revoked = made(stocked, "/for-me")
    replaced = made(stocked, "/kept")
    good = made(stocked, "/kept")
    assert private(stocked, "/for-me", "/revoke") == 303
    answers = {
        path: stocked.client.get(path)
        for path in (
            "/feeds/nowhere/at/all",
            "/feeds/guess/for-me.atom",
            f"/feeds/{revoked}/for-me.atom",
            f"/feeds/{replaced}/kept.atom",
            f"/feeds/{good}/queue.atom",
            f"/feeds/{good}/new.atom",
            f"/feeds/{good}/kept.xml",
            f"/feeds/{good}/kept.atom?order=for-me",
            f"/feeds/{good}/day/yesterday.rss",
            f"/feeds/{theirs}/kept.atom",
            f"/feeds/{theirs}/for-me.atom",
        )
    }
    assert {answer.status_code for answer in answers.values()} == {404}
    said = {read(answer.text).one("main").text for answer in answers.values()}
    assert len(said) == 1
    assert "There is no such page here." in said.pop()
    assert stocked.client.get(f"/feeds/{good}/kept.atom").status_code == 200


def test_a_secret_shows_its_own_reader_s_list(
    stocked: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[View] = []

    def listing(_self: Catalogue, view: View) -> Listing:
        asked.append(view)
        return Listing(view, (), 0, 0.0)

    with stocked.parts.store.writing() as connection:
        other = connection.execute(
            insert(tables.readers)
            .values(name="guest", joined=datetime.now(UTC))
            .returning(tables.readers.c.number)
        ).scalar_one()
        theirs = feed_secrets.make(connection, int(other), "/for-me")
    mine = made(stocked, "/for-me")
    monkeypatch.setattr(Catalogue, "listing", listing)
    for path in (f"/feeds/{theirs}/for-me.rss", f"/feeds/{mine}/for-me.rss", "/for-me.rss"):
        assert stocked.client.get(path).status_code == 200
    assert [view.reader for view in asked] == [other, 1, 1]
    assert stocked.client.get("/new.rss").status_code == 200
    assert asked[-1].reader is None


def shelf_made(site: Site, kind: str, when: datetime) -> None:
    """The reader makes an interest or a collection, `Of Dark`."""
    with site.parts.store.writing() as connection:
        doing = Doing(connection, 1, "Made", when)
        if kind == "interests":
            interests.make(doing, "Of Dark")
        else:
            collections.make(doing, "Of Dark")


def shelf_removed(site: Site, kind: str) -> None:
    with site.parts.store.writing() as connection:
        doing = Doing(connection, 1, "Removed")
        if kind == "interests":
            interest = interests.called(connection, 1, "of-dark")
            assert interest is not None
            interests.remove(doing, interest)
        else:
            collection = collections.called(connection, 1, "of-dark")
            assert collection is not None
            collections.remove(doing, collection)


@pytest.mark.parametrize("kind", ["interests", "collections"])
def test_a_private_address_does_not_open_a_later_list_of_the_same_name(
    stocked: Site, kind: str
) -> None:
    shelf_made(stocked, kind, datetime(2025, 1, 1, tzinfo=UTC))
    secret = made(stocked, f"/{kind}/of-dark")
    path = f"/feeds/{secret}/{kind}/of-dark.atom"
    assert READERS["atom"](stocked.client.get(path).content).title == "Broadsheet: Of Dark"
    shelf_removed(stocked, kind)
    assert stocked.client.get(path).status_code == 404
    assert stocked.client.get(f"/{kind}/of-dark.atom").status_code == 404
    shelf_made(stocked, kind, datetime.now(UTC) + timedelta(seconds=1))
    assert stocked.client.get(path).status_code == 404
    assert stocked.client.get(f"/{kind}/of-dark.atom").status_code == 200
    again = made(stocked, f"/{kind}/of-dark")
    assert again != secret


# --- who sits at this machine -------------------------------------------------------------------


@pytest.mark.parametrize("address", [*OWN, "/for-me", "/day/2025-11-19?order=for-me"])
def test_the_plain_address_is_for_who_sits_at_this_machine(stocked: Site, address: str) -> None:
    path, mark, query = address.partition("?")
    plain = f"{path}.atom{mark}{query}"
    assert stocked.client.get(plain).status_code == 200
    away = served_as(stocked)
    assert away.client.get(plain).status_code == 404
    assert away.client.get(plain, headers={"Host": "localhost"}).status_code == 404
    assert away.client.get("/new.atom").status_code == 200


@pytest.mark.parametrize(
    ("server", "headers", "at_home"),
    [
        ("127.0.0.1", {"host": "localhost:8000"}, True),
        ("127.0.0.1", {"host": "127.0.0.1"}, True),
        ("::1", {"host": "[::1]:8000"}, True),
        ("127.0.0.1", {"host": "papers.example"}, False),
        ("192.0.2.7", {"host": "localhost"}, False),
        ("127.0.0.1", {}, False),
        ("127.0.0.1", {"host": "[localhost"}, False),
        ("127.0.0.1", {"host": "localhost.example"}, False),
        ("127.0.0.1", {"host": "localhost", "x-forwarded-for": "192.0.2.7"}, False),
        # A header that says "this machine" is one that a proxy passes on, or somebody made up.
        ("127.0.0.1", {"host": "localhost", "x-forwarded-for": "127.0.0.1"}, False),
        ("127.0.0.1", {"host": "localhost", "x-real-ip": "127.0.0.1"}, False),
        ("192.0.2.7", {"host": "localhost", "x-forwarded-for": "127.0.0.1"}, False),
        ("192.0.2.7", {"host": "localhost", "forwarded": "for=127.0.0.1"}, False),
        ("127.0.0.1", {"host": "localhost", "forwarded": "for=192.0.2.7"}, False),
        ("127.0.0.1", {"host": "localhost", "via": "1.1 proxy"}, False),
    ],
)
def test_who_sits_at_this_machine(server: str, headers: dict[str, str], at_home: bool) -> None:
    assert is_at_home(_asked(headers, server=(server, 8000))) is at_home


@pytest.mark.parametrize(
    "scope",
    [
        {"client": ("192.0.2.7", 5000)},
        {"client": None},
        {"server": None},
        {"http_version": "1.0"},  # nginx, as it is before anybody sets it up
    ],
)
def test_who_does_not_though_the_name_says_so(scope: dict[str, object]) -> None:
    assert is_at_home(_asked({"host": "localhost"}))
    assert not is_at_home(_asked({"host": "localhost"}, **scope))


def _asked(headers: dict[str, str], **scope: object) -> HTTPConnection:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    usual = {
        "type": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 5000),
    }
    return HTTPConnection({**usual, **scope, "headers": raw})


# --- the page -----------------------------------------------------------------------------------


def test_the_page_lists_what_there_is_and_what_is_the_reader_s_own(stocked: Site) -> None:
    links = shown(stocked.page("/feeds"))
    for path in ("/new.rss", "/undated.json", "/for-me.atom", "/queue.rss", "/kept.json"):
        assert f"http://localhost{path}" in links
    assert "http://localhost/collections/of-light.atom" in links
    assert "Of Light" in [one.text for one in stocked.page("/feeds").all("h3")]


def test_a_private_address_can_be_copied_again_replaced_and_revoked(stocked: Site) -> None:
    first = made(stocked, "/queue")
    for _ in range(2):
        assert f"http://localhost/feeds/{first}/queue.atom" in shown(stocked.page("/feeds"))
    second = made(stocked, "/queue")
    links = shown(stocked.page("/feeds"))
    assert f"http://localhost/feeds/{second}/queue.json" in links
    assert not any(first in link for link in links)
    assert private(stocked, "/queue", "/revoke") == 303
    assert "http://localhost/queue.atom" in shown(stocked.page("/feeds"))
    assert second not in stocked.client.get("/feeds").text


def test_the_buttons_do_what_they_say(stocked: Site) -> None:
    def form(words: str) -> dict[str, str]:
        forms = stocked.page("/feeds").one("main").all("form")
        found = next(one for one in forms if one.one("button").text == words)
        answer = stocked.client.post(
            found["action"], data={one["name"]: one["value"] for one in found.all("input")}
        )
        assert answer.status_code == 303
        return {"secret": secret_of(stocked, "/kept") or ""}

    first = form("Make a private address of Kept")["secret"]
    second = form("Make a new private address of Kept")["secret"]
    assert first
    assert second not in ("", first)
    assert form("Revoke it of Kept")["secret"] == ""


def test_a_list_of_no_page_of_lists_is_named_once_it_has_a_private_address(stocked: Site) -> None:
    secret = made(stocked, "/search?q=lamp&order=for-me")
    address = f"http://localhost/feeds/{secret}/search.rss?q=lamp&order=for-me"
    assert address in shown(stocked.page("/feeds"))
    assert stocked.client.get(address).status_code == 200


def test_away_from_home_nothing_of_a_reader_s_own_is_shown_or_changed(stocked: Site) -> None:
    secret = made(stocked, "/queue")
    away = served_as(stocked)
    for path in ("/feeds", "/feeds.opml"):
        said = away.client.get(path).text
        assert "/new.atom" in said
        assert "queue" not in said
        assert secret not in said
    before = stocked.digest()
    for action in ("", "/revoke"):
        assert private(away, "/queue", action) == 404
    assert stocked.digest() == before


@pytest.mark.parametrize("action", ["", "/revoke"])
def test_another_site_s_form_changes_nothing(stocked: Site, action: str) -> None:
    made(stocked, "/queue")
    before = stocked.digest()
    for headers in FOREIGN:
        answer = stocked.client.post(
            f"/feeds/private{action}", data={"view": "/queue"}, headers=headers
        )
        assert answer.status_code == 403
    assert stocked.digest() == before


@pytest.mark.parametrize(
    "address",
    [
        "",
        "/nowhere",
        "/new",
        "//[",
        "/day/2025-11-19",
        "http://a.b/",
        "/search?q=" + "x" * 900,
        "/search?order=for-me&q=" + "x" * 900,
    ],
)
def test_no_private_address_is_made_of_what_is_no_list_of_one_s_own(
    stocked: Site, address: str
) -> None:
    before = stocked.digest()
    assert private(stocked, address) == 400
    assert stocked.digest() == before


def test_the_opml_has_every_feed_by_the_address_that_works_elsewhere(stocked: Site) -> None:
    secret = made(stocked, "/queue")
    answer = stocked.client.get("/feeds.opml")
    assert answer.headers["content-type"].startswith("text/x-opml")
    root = etree.fromstring(answer.content)
    assert (root.tag, root.get("version")) == ("opml", "2.0")
    assert [one.tag for one in root] == ["head", "body"]
    outlines = root.findall("body/outline/outline")
    feeds = {one.get("text"): (one.get("xmlUrl"), one.get("htmlUrl")) for one in outlines}
    assert feeds["New papers"] == ("http://localhost/new.atom", "http://localhost/")
    assert feeds["To read"] == (
        f"http://localhost/feeds/{secret}/queue.atom",
        "http://localhost/queue",
    )
    for outline in outlines:
        assert outline.get("type") == "rss"
        assert outline.get("title") == outline.get("text")
        assert stocked.client.get(str(outline.get("xmlUrl"))).status_code == 200


def test_a_hub_is_not_told_of_private_addresses(stocked: Site) -> None:
    secret = made(stocked, "/queue")
    site = served_as(stocked, websub="https://hub.example/")
    answer = site.client.get(f"/feeds/{secret}/queue.atom")
    assert "hub.example" not in answer.text
    assert "link" not in answer.headers


def test_reading_private_feeds_changes_nothing(stocked: Site) -> None:
    secret = made(stocked, "/queue")
    before = stocked.digest()
    for path in (f"/feeds/{secret}/queue.atom", "/queue.atom", "/feeds", "/feeds.opml"):
        for ask in (stocked.client.get, stocked.client.head):
            assert ask(path).status_code == 200
    for path in ("/feeds/private", "/feeds/private/revoke"):
        assert stocked.client.get(path).status_code in (404, 405)
    assert stocked.digest() == before


def test_a_secret_stands_in_no_log(
    stocked: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = made(stocked, "/queue")

    def fail(_self: Catalogue, _view: View) -> Listing:
        raise RuntimeError("the cause")

    monkeypatch.setattr(Catalogue, "listing", fail)
    caplog.set_level("DEBUG", "broadsheet")
    assert stocked.client.get(f"/feeds/{secret}/queue.atom").status_code == 500
    assert "the cause" in caplog.text
    assert "/feeds/…/queue.atom" in caplog.text
    assert secret not in caplog.text
    assert without_secret("/feeds") == "/feeds"
