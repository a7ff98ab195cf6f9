"""Suggestions over the wire, and the searches a reader wishes remembered."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from broadsheet.records import Author
from broadsheet.store import past_queries

from .conftest import FULL, Site, paper, records
from .test_actions import FOREIGN, OWN


def suggestions(site: Site, text: str) -> list[dict[str, Any]]:
    answer = site.client.get("/suggest", params={"q": text})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()["suggestions"]
    assert isinstance(found, list)
    return found


def choose(site: Site, history: str) -> None:
    assert site.client.post("/preferences", data={"history": history}).status_code == 303


def ask(site: Site, text: str, **headers: str) -> int:
    answer = site.client.post("/queries/past", data={"q": text}, headers=headers)
    return int(answer.status_code)


def remembered(site: Site) -> list[str]:
    with site.parts.store.reading() as connection:
        return [past.text for past in past_queries.held(connection, 1)]


def test_each_suggestion_says_what_it_is_and_where_it_leads(site: Site) -> None:
    site.put(FULL)
    assert suggestions(site, "oil lam") == [
        {
            "kind": "title",
            "text": "Oil Lamps at 256^2 Candles",
            "note": "2025",
            "to": "/papers/2511.00001",
            "query": None,
        }
    ]
    assert suggestions(site, "ada") == [
        {
            "kind": "author",
            "text": "Ada Wick",
            "note": "",
            "to": "/search?q=author%3A%22Ada+Wick%22",
            "query": 'author:"Ada Wick"',
        }
    ]
    assert suggestions(site, "cs.lg") == [
        {
            "kind": "category",
            "text": "cs.LG",
            "note": "Machine Learning",
            "to": "/search?q=cat%3Acs.LG",
            "query": "cat:cs.LG",
        }
    ]


@pytest.mark.parametrize("text", ["oil lam", "lantern", "ada", "cs", "person3", "smal", "stat.ml"])
def test_every_suggestion_leads_somewhere(library: Site, text: str) -> None:
    for one in suggestions(library, text):
        page = library.page(one["to"])
        assert one["kind"] == "title" or "Nothing found" not in page.text


def test_suggestions_are_kept_by_no_cache(library: Site) -> None:
    assert library.client.get("/suggest?q=lan").headers["cache-control"] == "no-store"


def test_asking_for_suggestions_changes_nothing(site: Site) -> None:
    site.put(*records())
    choose(site, "on")
    before = site.digest()
    for path in ("/suggest", "/suggest?q=lan", "/search?q=lantern", "/queries/past?q=lantern"):
        for method in ("GET", "HEAD", "OPTIONS"):
            site.client.request(method, path)
    assert site.digest() == before


@pytest.mark.parametrize(
    "query",
    ["", "q=", "q=%00", "q=%ff%fe", "q=a&q=b", "q=" + "w" * 3000, "q=%E2%80%AE", "q=cat%3A", "x=1"],
)
def test_whatever_is_asked_the_answer_can_be_read(library: Site, query: str) -> None:
    answer = library.client.get(f"/suggest?{query}")
    assert answer.status_code == 200
    assert len(answer.json()["suggestions"]) <= 8


def test_hostile_titles_and_names_travel_as_text(site: Site) -> None:
    title = "Lamps</script><script>alert(1)</script>\u202e\x1b[31m"
    site.put(paper(title, authors=(Author('Lamp "onclick=alert(1)" <b>'),)))
    found = suggestions(site, "lamp")
    assert [one["text"] for one in found] == [
        "Lamps</script><script>alert(1)</script>[31m",
        'Lamp "onclick=alert(1)" <b>',
    ]
    assert found[1]["to"] == "/search?q=" + quote('author:"Lamp onclick=alert(1) <b>"', "").replace(
        "%20", "+"
    )
    headers = site.client.get("/suggest?q=lamp").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


# --- searches that are remembered ---------------------------------------------------------------


def test_nothing_is_remembered_unasked(site: Site) -> None:
    before = site.digest()
    assert ask(site, "oil lamps") == 204
    assert site.digest() == before
    assert site.page("/").one("html")["data-history"] == "off"


def test_searches_are_remembered_and_suggested_where_the_reader_wishes(site: Site) -> None:
    choose(site, "on")
    assert site.page("/").one("html")["data-history"] == "on"
    assert (ask(site, "oil lamps"), ask(site, ' author:"Ada  Wick" ')) == (204, 204)
    assert remembered(site) == ['author:"Ada Wick"', "oil lamps"]
    assert suggestions(site, "oil") == [
        {
            "kind": "past",
            "text": "oil lamps",
            "note": "",
            "to": "/search?q=oil+lamps",
            "query": "oil lamps",
        }
    ]


def test_who_no_longer_wishes_it_leaves_nothing_behind(site: Site) -> None:
    choose(site, "on")
    ask(site, "oil lamps")
    choose(site, "off")
    assert remembered(site) == []
    choose(site, "on")
    assert suggestions(site, "") == []


def test_searches_are_forgotten_at_a_click(site: Site) -> None:
    assert site.page("/about").all("button", formaction="/queries/past/forget") == []
    choose(site, "on")
    ask(site, "oil lamps")
    form = site.page("/about?x=1").one("form", action="/preferences")
    keep, button = form.all("button")
    # The first button of a form is the one that Enter presses.
    assert (keep.text, button.text) == ("Keep", "Forget my searches")
    back = form.one("input", name="back")["value"]
    answer = site.client.post(button["formaction"], data={"back": back, "theme": "dark"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/about?x=1")
    assert remembered(site) == []
    html = site.page("/about").one("html")
    assert (html["data-history"], html["data-theme"]) == ("on", "auto")


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example/", "/\\evil.example"])
def test_forgetting_leads_back_to_this_site_only(site: Site, back: str) -> None:
    answer = site.client.post("/queries/past/forget", data={"back": back})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_another_site_can_neither_plant_nor_wipe_searches(
    site: Site, headers: dict[str, str]
) -> None:
    choose(site, "on")
    ask(site, "oil lamps")
    before = site.digest()
    assert ask(site, "planted", **headers) == 403
    assert site.client.post("/queries/past/forget", headers=headers).status_code == 403
    assert site.digest() == before


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_the_page_s_own_script_is_heard(site: Site, headers: dict[str, str]) -> None:
    choose(site, "on")
    assert ask(site, "oil lamps", **headers) == 204
    assert remembered(site) == ["oil lamps"]


@pytest.mark.parametrize("path", ["/queries/past", "/queries/past/forget"])
def test_the_addresses_of_searches_cannot_be_visited(site: Site, path: str) -> None:
    assert site.client.get(path).status_code == 405


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/x-www-form-urlencoded"),
        (b"q=%ff%00", "application/x-www-form-urlencoded"),
        (b"not a part", "multipart/form-data; boundary=x"),
        (b'{"q": "lamp"}', "application/json"),
    ],
)
def test_a_search_that_cannot_be_read_is_no_error_of_ours(
    site: Site, body: bytes, kind: str
) -> None:
    choose(site, "on")
    answer = site.client.post("/queries/past", content=body, headers={"content-type": kind})
    assert answer.status_code in (204, 400)
