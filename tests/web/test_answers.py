"""What every answer carries, what browsers may keep, and what is said when something fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from broadsheet.intake.importing import import_files
from broadsheet.ops.parts import Parts
from broadsheet.search.follow import SearchIndex
from broadsheet.store.engine import Store, StoreError, sqlite_url
from broadsheet.views.catalogue import Catalogue

from .conftest import Site, visited
from .reading import read
from .test_pages import ERRORS, OTHERS, PAGES, REDIRECTS, main

STATIC = ("broadsheet.css", "broadsheet.js", "icon.svg")


def assert_guarded(headers: Any) -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "form-action")} == {"'self'"}
    assert policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert set(policy.values()) <= {"'none'", "'self'"}
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert headers["referrer-policy"] == "same-origin"
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    "path", [*PAGES, *ERRORS, *REDIRECTS, *OTHERS, *(f"/static/{name}" for name in STATIC)]
)
def test_every_answer_is_guarded(library: Site, path: str) -> None:
    assert_guarded(library.client.head(path).headers)


def test_so_are_refusals(library: Site) -> None:
    client = library.client
    for status, answer in (
        (405, client.get("/preferences")),
        (400, client.post("/preferences", data={"theme": "pink"})),
        (403, client.post("/preferences", headers={"Origin": "http://evil.example"})),
        (400, client.get("/", headers={"Host": "evil.example"})),
        (307, client.get("/about/")),
    ):
        assert answer.status_code == status
        assert_guarded(answer.headers)


@pytest.mark.parametrize("path", ["/", *ERRORS, *REDIRECTS, *OTHERS])
def test_head_answers_as_get_does(library: Site, path: str) -> None:
    get, head = library.client.get(path), library.client.head(path)
    assert head.status_code == get.status_code
    differing = {name for name, value in get.headers.items() if head.headers.get(name) != value}
    assert differing <= {"content-length"}  # a search says how long it took
    assert_guarded(get.headers)


@pytest.mark.parametrize("path", ["/", "/search?q=lamp", "/papers/2511.00001", "/nowhere"])
def test_pages_are_asked_for_again_each_time(library: Site, path: str) -> None:
    assert library.client.get(path).headers["cache-control"] == "private, no-cache"


# --- static files -------------------------------------------------------------------------------


def assets(site: Site) -> list[str]:
    """The addresses of style sheet, icon and script, as a page names them."""
    page = site.page("/")
    return [one["href"] for one in page.all("link") if one["rel"] != "alternate"] + [
        page.one("script")["src"]
    ]


def test_static_files_are_kept_for_good_under_the_address_of_their_content(library: Site) -> None:
    named = assets(library)
    assert sorted(re.sub(r"\?v=[0-9a-f]{12}$", "", one) for one in named) == [
        "/static/broadsheet.css",
        "/static/broadsheet.js",
        "/static/icon.svg",
    ]
    for address in named:
        answer = library.client.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("name", STATIC)
def test_without_it_they_are_asked_for_again(library: Site, name: str) -> None:
    answer = library.client.get(f"/static/{name}")
    assert answer.headers["cache-control"] == "no-cache"
    known = {"If-None-Match": answer.headers["etag"]}
    assert library.client.get(f"/static/{name}", headers=known).status_code == 304


def test_a_page_with_everything_weighs_at_most_60_kilobytes(library: Site) -> None:
    weight = 0
    for address in ("/", *assets(library)):
        with library.client.stream("GET", address) as answer:
            weight += sum(len(part) for part in answer.iter_raw())
    assert weight <= 60 * 1024


def test_so_does_a_front_page_of_real_papers(site: Site, pages: list[Path]) -> None:
    import_files(site.parts.store, pages)
    site.parts.index.catch_up(site.parts.store)
    site.client.post("/preferences", data={"density": "full"})
    weight = 0
    for address in ("/", *assets(site)):
        with site.client.stream("GET", address) as answer:
            weight += sum(len(part) for part in answer.iter_raw())
    assert weight <= 60 * 1024


# --- when something fails -----------------------------------------------------------------------


@pytest.fixture
def broken(tmp_path: Path) -> Site:
    """A Broadsheet whose database file cannot be opened."""
    store = Store(create_engine(sqlite_url(tmp_path / "gone" / "store.sqlite3")))
    index = SearchIndex(tmp_path / "words")
    return visited(Parts(store, index, Catalogue(store, index)))


@pytest.mark.parametrize("path", ["/", "/day/2025-11-19", "/papers/x", "/papers/x.bib", "/about"])
def test_a_database_that_does_not_answer_is_said_in_a_sentence(broken: Site, path: str) -> None:
    page = broken.page(path, 503)
    assert page.one("h1").text == "Not now"
    assert (
        "The database file cannot be opened; is its folder there and writable?"
        in main(page).one("div", class_="empty").text
    )
    assert_guarded(broken.client.get(path).headers)


def test_a_watcher_sees_that_it_does_not_answer(broken: Site) -> None:
    assert broken.client.get("/healthz").status_code == 503


def test_a_choice_that_cannot_be_kept_is_said_not_to_be(broken: Site) -> None:
    answer = broken.client.post("/preferences", data={"theme": "dark"})
    assert answer.status_code == 503
    assert "cannot be opened" in answer.text


def test_a_mistake_of_ours_is_told_to_the_log_and_in_a_sentence_to_the_reader(
    library: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_self: Catalogue) -> None:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr(Catalogue, "holdings", fail)
    answer = library.client.get("/about")
    assert answer.status_code == 500
    assert "nothing you have is lost" in main(read(answer.text)).text
    assert "secret" not in answer.text
    assert_guarded(answer.headers)
    assert "the secret cause" in caplog.text
    assert "Traceback" in caplog.text


def test_even_where_the_error_page_fails_a_sentence_comes(
    library: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> dict[str, str]:
        raise RuntimeError("the secret cause")

    monkeypatch.setattr("broadsheet.web.desk.readers.preferences_of", fail)
    answer = library.client.get("/nowhere")
    assert answer.status_code == 404
    assert answer.text == "There is no such page here."
    assert library.client.get("/about").status_code == 500


def test_a_store_error_keeps_what_is_said_harmless(
    library: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Catalogue) -> None:
        raise StoreError("The server said <script>alert(1)</script>.")

    monkeypatch.setattr(Catalogue, "holdings", fail)
    page = library.page("/about", 503)
    assert "<script>alert(1)</script>" in main(page).text
    assert len(page.all("script")) == 1
