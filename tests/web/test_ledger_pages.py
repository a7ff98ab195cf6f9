"""The ledger as its readers see it, and sources added and removed by form."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from broadsheet.intake import announcing
from broadsheet.records import Record
from broadsheet.store import ledger
from broadsheet.store.ledger import Announced

from .conftest import Site
from .reading import Element, read
from .test_actions import FOREIGN, OWN
from .test_pages import main

HOSTILE = "<script>alert(1)</script>"


def newest() -> date:
    """The last day that arXiv has announced."""
    return announcing.latest(datetime.now(UTC))


def add(site: Site, kind: str, name: str = "") -> int:
    answer = site.client.post("/sources/add", data={"kind": kind, "name": name})
    if answer.status_code == 303:
        assert answer.headers["location"] == "/ledger"
    return int(answer.status_code)


def sources(site: Site) -> list[tuple[str, str]]:
    with site.parts.store.reading() as connection:
        return [(one.kind, one.name) for one in ledger.all_sources(connection)]


def state(site: Site, announced: list[Announced], name: str = "cs.LG", **counts: int) -> None:
    """arXiv states so much for its newest day."""
    now = datetime.now(UTC)
    with site.parts.store.writing() as connection:
        source, _ = ledger.add_source(
            connection, "arxiv", name, newest() - timedelta(days=3), now - timedelta(days=9)
        )
        ledger.state(connection, source.number, newest(), counts, announced, now)


def table(page: Element) -> list[list[str]]:
    """The rows of the calendar, source first."""
    rows = page.one("table", class_="states").one("tbody").all("tr")
    return [[cell.text for cell in (row.one("th"), *row.all("td"))] for row in rows]


def held(id_: str, version: int = 1) -> Record:
    return Record(
        "arxiv", id_, title=f"Of {id_}", identifiers=(id_,), version=version, shown=newest()
    )


# --- looking ------------------------------------------------------------------------------------


def test_an_empty_ledger_says_what_a_source_would_do(site: Site) -> None:
    page = site.page("/ledger")
    assert page.one("h1").text == "Ledger"
    assert "Nothing is asked yet." in main(page).text
    assert page.all("table", class_="states") == []
    assert page.all("section", class_="alarms") == []
    assert len(page.all("form", action="/sources/add")) == 3
    assert page.all("form", action="/sources/remove") == []
    assert site.client.get("/ledger.json").json() == []


def test_a_whole_day_is_complete_and_alarms_nobody(site: Site) -> None:
    site.put(held("2603.00001"), held("2603.00002"))
    some = [Announced("2603.00001", "new"), Announced("2603.00002", "cross")]
    state(site, some, new=1, cross=1)
    page = site.page("/ledger")
    (row,) = table(page)
    assert row[:2] == ["cs.LG", "2/2 complete"]
    # The days before it were never asked for.
    assert set(row[2:]) <= {"? unknown"}
    assert page.all("section", class_="alarms") == []
    link = page.one("td", class_="state-complete").one("a")
    assert link["href"] == f"/day/{newest()}"
    site.page(link["href"])


def test_a_gap_is_an_alarm_that_names_what_is_missing(site: Site) -> None:
    site.put(held("2603.00001"))
    some = [
        Announced("2603.00001", "new"),
        Announced("2603.00002", "new"),
        Announced(HOSTILE, "new"),
    ]
    state(site, some, new=3)
    answer = site.client.get("/ledger")
    assert HOSTILE not in answer.text
    page = site.page("/ledger")
    (line,) = page.one("section", class_="alarms").all("li")
    assert line.one("strong").text.startswith("cs.LG, ")
    assert "announced 3, held 1; 2 missing." in line.text
    assert line.one("span", class_="missing").text == f"2603.00002 {HOSTILE}"
    assert table(page)[0][1] == "1/3 gap"
    assert page.one("td", class_="state-gap").one("a").text == "1/3"


def test_of_many_that_are_missing_a_dozen_are_named(site: Site) -> None:
    state(site, [Announced(f"2603.{n:05}", "new") for n in range(200)], new=200)
    (line,) = site.page("/ledger").one("section", class_="alarms").all("li")
    named = line.one("span", class_="missing").text.split()
    assert named == [*(f"2603.{n:05}" for n in range(12)), "…"]
    assert len(site.client.get("/ledger.json").json()[0]["missing"]) == 200


def test_the_same_is_there_for_machines(site: Site) -> None:
    site.put(held("2603.00001", version=2))
    some = [Announced("2603.00001", "replace", 2), Announced("2603.00002", "new")]
    state(site, some, new=1, replace=1)
    answer = site.client.get("/ledger.json")
    assert answer.headers["content-type"] == "application/json"
    first, *others = answer.json()
    checked = datetime.fromisoformat(first.pop("checked"))
    assert abs(checked - datetime.now(UTC)) < timedelta(minutes=5)
    assert first == {
        "source": "arxiv",
        "set": "cs.LG",
        "day": newest().isoformat(),
        "stated": 2,
        "counts": {"new": 1, "cross": 0, "replace": 1},
        "held": 1,
        "missing": ["2603.00002"],
        "state": "gap",
    }
    assert {(one["state"], one["stated"], one["checked"]) for one in others} <= {
        ("unknown", None, None)
    }


def test_the_page_of_a_day_says_what_was_announced_on_it(site: Site) -> None:
    site.put(held("2603.00001"))
    path = f"/day/{newest()}"
    assert "How many were announced is unknown" in site.page(path).one("p", class_="ledger").text
    state(site, [Announced("2603.00001", "new")], new=1)
    said = site.page(path).one("p", class_="ledger")
    assert "unknown" not in said.text
    line = said.one("a", class_="state-complete")
    assert (line.text, line["href"]) == ("cs.LG: announced 1, held 1", "/ledger")
    state(site, [Announced("2603.00002", "new")], name="cs.CL", new=1)
    line = site.page("/").one("p", class_="ledger").one("a", class_="state-gap")
    assert line.text == "cs.CL: announced 1, held 0; 1 missing"


def test_what_is_wrong_with_a_source_is_beside_it(site: Site) -> None:
    now = datetime(2026, 3, 12, 17, 30, tzinfo=UTC)
    with site.parts.store.writing() as connection:
        source, _ = ledger.add_source(connection, "arxiv", "cs.LG", newest(), now)
        ledger.note(connection, source.number, problem=f"It said {HOSTILE}.", harvested=now)
    text = site.page("/ledger").one("ul", class_="sources").text
    assert "arXiv cs.LG" in text
    assert "last asked 2026-03-12 17:30 UTC." in text
    assert f"It said {HOSTILE}." in text
    assert HOSTILE not in site.client.get("/ledger").text


# --- adding and removing ------------------------------------------------------------------------


def test_a_source_is_added_by_form_and_removed_by_its_button(site: Site) -> None:
    assert add(site, "arxiv", " CS.lg ") == 303
    assert add(site, "arxiv", "cs.LG") == 303
    assert add(site, "hub") == 303
    assert add(site, "feed", "https://feeds.example/new?a=1&b=2") == 303
    feed = ("feed", "https://feeds.example/new?a=1&b=2")
    assert sources(site) == [("arxiv", "cs.LG"), feed, ("hub", "daily")]
    page = site.page("/ledger")
    assert main(page).text.count("not asked yet") == 3
    # The Hub has one list only: there is nothing more to add of it.
    assert len(page.all("form", action="/sources/add")) == 2
    for left in (2, 1, 0):
        form = site.page("/ledger").all("form", action="/sources/remove")[0]
        fields = {one["name"]: one["value"] for one in form.all("input")}
        answer = site.client.post("/sources/remove", data=fields)
        assert (answer.status_code, answer.headers["location"]) == (303, "/ledger")
        assert len(sources(site)) == left


def test_a_new_source_is_to_bring_the_last_week(site: Site) -> None:
    add(site, "arxiv", "hep-th")
    with site.parts.store.reading() as connection:
        (source,) = ledger.all_sources(connection)
    assert datetime.now(UTC).date() - source.since in (timedelta(days=7), timedelta(days=8))


@pytest.mark.parametrize(
    ("kind", "name", "sentence"),
    [
        ("arxiv", "nonsense.XX", "arXiv has no category “nonsense.XX”; cs.LG is one."),
        ("arxiv", "", "arXiv has no category “”; cs.LG is one."),
        ("arxiv", HOSTILE, f"arXiv has no category “{HOSTILE}”; cs.LG is one."),
        ("feed", "", "A feed has an address that begins with http."),
        ("feed", "feeds.example/new", "A feed has an address that begins with http."),
        ("feed", "ftp://feeds.example/", "A feed has an address that begins with http."),
        ("feed", "javascript:alert(1)", "A feed has an address that begins with http."),
        ("feed", "file:///etc/passwd", "A feed has an address that begins with http."),
        ("feed", "http://", "A feed has an address that begins with http."),
        ("feed", "http://[::1", "This is no web address."),
        ("feed", "https://feeds.example/\0", "This is the name of no source."),
        ("feed", "https://feeds.example/\u202e", "This is the name of no source."),
        ("feed", "https://feeds.example/" + "a" * 400, "This is the name of no source."),
        ("mail", "x", "A source is a category of arXiv, the Hub's daily papers or a feed."),
        ("", "", "A source is a category of arXiv, the Hub's daily papers or a feed."),
    ],
)
def test_what_can_be_no_source_is_refused_in_a_sentence(
    site: Site, kind: str, name: str, sentence: str
) -> None:
    answer = site.client.post("/sources/add", data={"kind": kind, "name": name})
    assert answer.status_code == 400
    assert HOSTILE not in answer.text
    assert sources(site) == []
    assert sentence in [one.text for one in read(answer.text).all("p")]


@pytest.mark.parametrize(
    "name",
    [
        f"https://feeds.example/{HOSTILE}",
        'https://feeds.example/"onfocus="alert(1)',
        "https://feeds.example/'&amp;&lt;",
    ],
)
def test_a_hostile_name_is_text_and_can_be_removed_again(site: Site, name: str) -> None:
    assert add(site, "feed", name) == 303
    assert HOSTILE not in site.client.get("/ledger").text
    page = site.page("/ledger")
    form = page.one("form", action="/sources/remove")
    assert form.one("input", name="name")["value"] == name
    assert name in page.one("ul", class_="sources").text
    assert not [one for one in page.walk() if any(a.startswith("on") for a in one.attributes)]
    site.client.post("/sources/remove", data={"kind": "feed", "name": name})
    assert sources(site) == []


@pytest.mark.parametrize("name", ["", "cs.CL", "\0", "x" * 9000])
def test_to_remove_what_is_not_there_changes_nothing(site: Site, name: str) -> None:
    add(site, "arxiv", "cs.LG")
    answer = site.client.post("/sources/remove", data={"kind": "arxiv", "name": name})
    assert answer.status_code == 303
    assert sources(site) == [("arxiv", "cs.LG")]


@pytest.mark.parametrize("path", ["/sources/add", "/sources/remove"])
def test_another_site_s_form_changes_nothing(site: Site, path: str) -> None:
    add(site, "arxiv", "cs.LG")
    for headers in FOREIGN:
        data = {"kind": "arxiv", "name": "cs.CL" if path.endswith("add") else "cs.LG"}
        assert site.client.post(path, data=data, headers=headers).status_code == 403
    assert sources(site) == [("arxiv", "cs.LG")]
    for headers in OWN:
        data = {"kind": "arxiv", "name": "cs.CL"}
        assert site.client.post("/sources/add", data=data, headers=headers).status_code == 303


@pytest.mark.parametrize("path", ["/sources/add", "/sources/remove"])
def test_their_addresses_cannot_be_visited(site: Site, path: str) -> None:
    assert site.client.get(path).status_code == 405


def test_looking_at_the_ledger_changes_nothing(site: Site) -> None:
    state(site, [Announced("2603.00001", "new")], new=1)
    before = site.digest()
    for path in ("/ledger", "/ledger.json", "/ledger?kind=arxiv&name=cs.CL"):
        for method in ("GET", "HEAD", "OPTIONS"):
            site.client.request(method, path)
    assert site.digest() == before
