"""What a reader does, what another site cannot do in their name, and that reading does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from starlette.routing import Route

from broadsheet.intake.importing import import_files
from broadsheet.ops import running
from broadsheet.store import changes
from broadsheet.web.app import ROUTES
from broadsheet.web.desk import CHOICES

from .conftest import FULL, Site, lantern, own, paper, records, served
from .reading import Element, read
from .test_pages import ERRORS, OTHERS, PAGES, REDIRECTS, main, titles

# What is ticked until somebody chooses.
USUAL = {name: known[0] for name, known in CHOICES.items()}
# Every address that takes forms and shows nothing.
FORMS_ONLY = tuple(
    re.sub("{[a-z]+}", "lanterns", route.path)
    for route in ROUTES
    if isinstance(route, Route)
    and route.methods == {"POST"}
    and not any(other.path == route.path for other in ROUTES if other is not route)
)
# Of these some read as the name of a paper, an interest or a collection that is not there.
AS_A_NAME = ("/papers/note", "/interests/new", "/collections/new", "/collections/hold")


def chosen(page: Element) -> dict[str, str]:
    """What the Display form has ticked."""
    form = page.one("form", action="/preferences")
    return {tick["name"]: tick["value"] for tick in form.all("input", checked="")}


# --- reading ------------------------------------------------------------------------------------


def test_reading_changes_nothing(site: Site) -> None:
    site.put(*records())
    own(site)
    before = site.digest()
    with site.parts.store.reading() as connection:
        last = changes.last_change(connection)
    for path in (*PAGES, *ERRORS, *REDIRECTS, *OTHERS, *FORMS_ONLY):
        for method in ("GET", "HEAD", "OPTIONS"):
            site.client.request(method, path)
        site.client.get(path + ("&" if "?" in path else "?") + "theme=dark&density=full")
    assert site.digest() == before
    with site.parts.store.reading() as connection:
        assert changes.last_change(connection) == last


@pytest.mark.parametrize("path", [path for path in FORMS_ONLY if path not in AS_A_NAME])
def test_an_action_s_address_cannot_be_visited(site: Site, path: str) -> None:
    page = site.page(path, 405)
    assert "This address only takes forms; nothing was changed." in main(page).text
    assert site.client.get(path).headers["allow"] == "POST"


@pytest.mark.parametrize("path", AS_A_NAME)
def test_what_reads_as_a_name_is_none_s(site: Site, path: str) -> None:
    site.page(path, 404)


@pytest.mark.parametrize("path", ["/", "/search?q=lamp", "/papers/x", "/about", "/healthz"])
def test_a_page_takes_no_form(site: Site, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = site.client.request(method, path)
        assert answer.status_code == 405
        assert "GET" in answer.headers["allow"]


# --- preferences --------------------------------------------------------------------------------


def test_the_usual_is_ticked_at_first(site: Site) -> None:
    assert chosen(site.page("/about")) == USUAL
    assert USUAL.items() >= {"density": "lines", "history": "off", "track": "on"}.items()


@pytest.mark.parametrize(
    "path", ["/", "/search?q=lamp", "/search?q=a%20b%26c+d&page=2", "/nowhere"]
)
def test_a_choice_is_kept_and_leads_back(site: Site, path: str) -> None:
    site.put(FULL)
    form = site.page(path, 404 if path == "/nowhere" else 200).one("form", action="/preferences")
    assert form["method"] == "post"
    values = {
        "back": form.one("input", name="back")["value"],
        "density": "full",
        "theme": "dark",
        "keys": "off",
    }
    answer = site.client.post("/preferences", data=values)
    assert answer.status_code == 303
    assert answer.headers["location"] == path
    page = site.page("/")
    expected = USUAL | {"density": "full", "theme": "dark", "keys": "off"}
    assert chosen(page) == expected
    html = page.one("html")
    assert (html["data-theme"], html["data-density"], html["data-keys"]) == ("dark", "full", "off")


def test_what_is_not_chosen_stays_as_it_was(site: Site) -> None:
    site.client.post("/preferences", data={"theme": "dark"})
    site.client.post("/preferences", data={"density": "titles"})
    expected = USUAL | {"density": "titles", "theme": "dark"}
    assert chosen(site.page("/about")) == expected


@pytest.mark.parametrize(
    "back",
    [
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "http://evil.example/",
        "https:evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n/evil.example",
        "\t//evil.example",
        " //evil.example",
        "evil.example",
        "",
        "/\r\nSet-Cookie: a=b",
        "/\u2028",
    ],
)
def test_a_form_leads_back_to_this_site_only(site: Site, back: str) -> None:
    answer = site.client.post("/preferences", data={"theme": "light", "back": back})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"theme": "pink"}, "“pink” is no theme."),
        ({"density": "<b>"}, "“<b>” is no density."),
        ({"theme": ""}, "“” is no theme."),
        ({"theme": "dark", "density": "many"}, "“many” is no density."),
    ],
)
def test_an_unknown_choice_is_refused_in_a_sentence_and_nothing_is_kept(
    site: Site, values: dict[str, str], sentence: str
) -> None:
    before = site.digest()
    answer = site.client.post("/preferences", data=values)
    assert answer.status_code == 400
    assert sentence in main(read(answer.text)).text
    assert site.digest() == before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"\xff\xfe=%ff&theme", "application/x-www-form-urlencoded"),
        (b"not a part", "multipart/form-data; boundary=x"),
        (b"not a part", "multipart/form-data"),
        (b'{"theme": "dark"}', "application/json"),
        (b"theme=dark", "text/plain"),
    ],
)
def test_a_form_that_cannot_be_read_is_no_error_of_ours(site: Site, body: bytes, kind: str) -> None:
    answer = site.client.post("/preferences", content=body, headers={"content-type": kind})
    assert answer.status_code in (303, 400)
    assert chosen(site.page("/about"))["theme"] == "auto"


def test_a_file_in_place_of_a_choice_is_refused(site: Site) -> None:
    assert site.client.post("/preferences", files={"theme": b"dark"}).status_code == 400


# --- other sites --------------------------------------------------------------------------------

FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "http://localhost.evil.example"},
    {"Origin": "http://localhost:8001"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.example"},
)
OWN: tuple[dict[str, str], ...] = (
    {},
    {"Origin": "http://localhost"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
    {"Sec-Fetch-Site": "none"},
    # A browser that keeps the origin back, as under Referrer-Policy: no-referrer.
    {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
)


@pytest.fixture(scope="module")
def sampled(
    tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path
) -> Iterator[tuple[Site, str]]:
    """A Broadsheet with the sample library, for tests that change nothing, and its digest."""
    with served(tmp_path_factory.mktemp("sampled"), _sqlite_template) as made:
        assert running.load_sample(made.parts) == 327
        yield made, made.digest()


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(
    "path", ["/preferences", "/sample/remove", "/undo", "/interests/new", "/mine"]
)
def test_a_form_from_another_site_is_refused_and_changes_nothing(
    sampled: tuple[Site, str], path: str, headers: dict[str, str]
) -> None:
    site, before = sampled
    answer = site.client.post(path, data={"theme": "dark"}, headers=headers)
    assert answer.status_code == 403
    assert answer.text == "This form was sent from another site; nothing was changed."
    assert site.digest() == before


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_a_form_of_this_site_is_taken(site: Site, headers: dict[str, str]) -> None:
    answer = site.client.post("/preferences", data={"theme": "dark"}, headers=headers)
    assert answer.status_code == 303
    assert chosen(site.page("/"))["theme"] == "dark"


def test_pages_let_browsers_say_that_their_forms_are_ours(site: Site) -> None:
    # Under "no-referrer" browsers without Sec-Fetch-Site send our own forms with "Origin: null".
    assert site.client.get("/").headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "localhost@evil.example", "192.0.2.7", ""]
)
def test_another_host_name_is_refused(site: Site, host: str) -> None:
    before = site.digest()
    for method, path in (("GET", "/"), ("POST", "/preferences"), ("GET", "/static/broadsheet.css")):
        answer = site.client.request(method, path, headers={"Host": host}, data={"theme": "dark"})
        assert answer.status_code == 400
        assert "<html" not in answer.text
    assert site.digest() == before


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "LOCALHOST", "127.0.0.1:8000", "[::1]", "[::1]:8000"]
)
def test_this_machine_s_own_names_are_served(site: Site, host: str) -> None:
    assert site.client.get("/about", headers={"Host": host}).status_code == 200


# --- the sample ---------------------------------------------------------------------------------


def test_removing_the_sample_keeps_what_was_imported(site: Site, tmp_path: Path) -> None:
    running.load_sample(site.parts)
    file = tmp_path / "papers.jsonl"
    # One of our own, and one that the sample has too.
    file.write_text(
        '{"title": "A Lamp of Our Own", "published": "2025-11-20"}\n'
        '{"title": "Feature Learning in Infinite-Width Neural Networks", "abstract": "Ours."}\n'
    )
    assert import_files(site.parts.store, [file]).held == 328
    form = site.page("/about").one("form", action="/sample/remove")
    assert (form["method"], form.one("button").text) == ("post", "Remove the sample")
    answer = site.client.post("/sample/remove")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    site.parts.index.catch_up(site.parts.store)
    assert titles(site.page("/")) == ["A Lamp of Our Own"]
    held = ["A Lamp of Our Own", "Feature Learning in Infinite-Width Neural Networks"]
    assert sorted(titles(site.page("/search?q=-zeppelin"))) == held
    for path in ("/", "/about"):
        assert site.page(path).all("form", action="/sample/remove") == []


def test_a_removed_sample_does_not_come_back_by_itself(site: Site) -> None:
    assert running.load_sample(site.parts) == 327
    site.client.post("/sample/remove")
    assert site.page("/").one("h1").text == "Nothing to read yet"
    assert running.load_sample(site.parts) == 0
    assert site.page("/").one("h1").text == "Nothing to read yet"


def test_removing_a_sample_that_is_not_there_is_no_error(site: Site) -> None:
    site.put(lantern(1, shown=date(2025, 11, 19)), paper("One Lamp Alone"))
    assert site.client.post("/sample/remove").status_code == 303
    assert titles(site.page("/")) == ["Lantern Study Number 1"]
