"""The stand-in's lists and feeds tell the world's days as arXiv does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree as ET

import httpx
import pytest

from standin.arxiv import Standin
from standin.world import World

from .reading import (
    ATOM,
    CATEGORIES,
    FIRST,
    NOON,
    THURSDAY,
    eastern,
    items,
    sections,
)

# --- Listings -------------------------------------------------------------------------------------


def test_the_new_listing_has_three_sections_with_their_counts(
    world: World, client: httpx.Client
) -> None:
    answer = client.get("/list/cs.LG/new")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "Showing new listings for Thursday, 12 March 2026" in answer.text
    told = world.announced("cs.LG", THURSDAY)
    new, cross, replace = (len(told[kind]) for kind in ("new", "cross", "replace"))
    assert sections(answer.text) == {
        f"New submissions (showing {new} of {new} entries)": told["new"],
        f"Cross submissions (showing {cross} of {cross} entries)": told["cross"],
        f"Replacement submissions (showing {replace} of {replace} entries)": told["replace"],
    }
    assert f"Total of {new + cross + replace} entries" in answer.text
    paper = world.paper(told["cross"][0])
    assert f"(cross-list from {paper.primary})" in answer.text
    assert all(person.name in answer.text for person in paper.authors)


def test_the_listing_turns_at_eight_in_the_evening(arxiv: Standin, client: httpx.Client) -> None:
    sunday = date(2026, 3, 8)
    arxiv.set_now(eastern(sunday, 19, 59))
    assert "for Friday, 6 March 2026" in client.get("/list/cs.LG/new").text
    arxiv.set_now(eastern(sunday, 20))
    assert "for Monday, 9 March 2026" in client.get("/list/cs.LG/new").text


def test_days_go_on_over_a_change_of_clocks() -> None:
    world = World(3, date(2026, 10, 26), 14, CATEGORIES)
    assert [day.day for day in world.days()] == [26, 27, 28, 29, 30, 2, 3, 4, 5, 6]
    with Standin(world) as arxiv, httpx.Client(base_url=arxiv.address) as client:
        for moment, shown in (
            (datetime(2026, 10, 30, 0, tzinfo=UTC), "Friday, 30 October 2026"),
            (datetime(2026, 11, 2, 0, 59, tzinfo=UTC), "Friday, 30 October 2026"),
            (datetime(2026, 11, 2, 1, tzinfo=UTC), "Monday, 2 November 2026"),
        ):
            arxiv.set_now(moment)
            assert shown in client.get("/list/cs.LG/new").text
        for moment, dated in (
            (datetime(2026, 10, 30, 4, tzinfo=UTC), "Fri, 30 Oct 2026 00:00:00 -0400"),
            (datetime(2026, 11, 2, 5, tzinfo=UTC), "Mon, 02 Nov 2026 00:00:00 -0500"),
        ):
            arxiv.set_now(moment)
            feed = client.get("/rss/cs.LG")
            assert ET.fromstring(feed.content).findtext("channel/item/pubDate") == dated


def test_a_listing_is_shown_in_pages() -> None:
    world = World(7, FIRST, 5, CATEGORIES, size=12)
    told = world.announced("cs", date(2026, 3, 6))
    every = told["new"] + told["cross"] + told["replace"]
    assert len(told["new"]) < 25 < len(every)
    with Standin(world) as arxiv, httpx.Client(base_url=arxiv.address) as client:
        pages = [client.get(f"/list/cs/new?skip={skip}&show=25").text for skip in (0, 25, 50)]
        assert client.get("/list/cs/new?show=24").status_code == 400
    found = [key for page in pages for part in sections(page).values() for key in part]
    assert found == every
    headings = [heading for page in pages for heading in sections(page)]
    assert (
        headings[0] == f"New submissions (showing {len(told['new'])} of {len(told['new'])} entries)"
    )
    assert any("(showing first " in heading for heading in headings)
    assert any("(continued, showing last " in heading for heading in headings)


def test_the_recent_listing_has_five_days_without_replacements(
    world: World, client: httpx.Client
) -> None:
    found = sections(client.get("/list/cs.LG/recent?show=2000").text)
    days = [date(2026, 3, day) for day in (12, 11, 10, 9, 6)]
    assert [heading.split(" (")[0] for heading in found] == [
        "Thu, 12 Mar 2026",
        "Wed, 11 Mar 2026",
        "Tue, 10 Mar 2026",
        "Mon, 9 Mar 2026",
        "Fri, 6 Mar 2026",
    ]
    for day, keys in zip(days, found.values(), strict=True):
        told = world.announced("cs.LG", day)
        assert keys == told["new"] + told["cross"]


def test_catching_up_gives_an_earlier_day(world: World, client: httpx.Client) -> None:
    page = client.get("/catchup/cs.CL/2026-03-05?abs=True").text
    assert "Catchup results for Computation and Language on Thu, 05 Mar 2026" in page
    told = world.announced("cs.CL", date(2026, 3, 5))
    assert list(sections(page).values()) == [told["new"], told["cross"], told["replace"]]
    abstract = world.paper(told["new"][0]).abstract.split()[1]
    assert abstract in page
    assert abstract not in client.get("/catchup/cs.CL/2026-03-05").text


@pytest.mark.parametrize("day", ["2026-03-13", "2025-12-10", "2026-3-5", "yesterday", "2026-02-30"])
def test_catching_up_refuses_the_future_the_distant_past_and_no_dates(
    client: httpx.Client, day: str
) -> None:
    assert client.get(f"/catchup/cs.CL/{day}").status_code == 400


def test_there_is_nothing_to_catch_up_on_at_a_weekend(client: httpx.Client) -> None:
    page = client.get("/catchup/cs.CL/2026-03-07").text
    assert "No updates for Sat, 07 Mar 2026" in page
    assert sections(page) == {}


@pytest.mark.parametrize("path", ["/list/no.XX/new", "/catchup/no.XX/2026-03-05", "/rss/no.XX"])
def test_an_unknown_category_is_refused(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 400


def test_a_list_that_is_known_is_not_sent_again(arxiv: Standin, client: httpx.Client) -> None:
    for path in ("/list/cs.LG/new", f"/catchup/cs.LG/{FIRST}"):
        known = {"If-None-Match": client.get(path).headers["ETag"]}
        again = client.get(path, headers=known)
        assert (again.status_code, again.content) == (304, b"")
    known = {"If-None-Match": client.get("/list/cs.LG/new").headers["ETag"]}
    arxiv.set_now(NOON + timedelta(days=1))
    assert client.get("/list/cs.LG/new", headers=known).status_code == 200


# --- Feeds ----------------------------------------------------------------------------------------


def test_the_feed_tells_the_kinds_of_announcement(world: World, client: httpx.Client) -> None:
    answer = client.get("/rss/cs.LG")
    assert answer.headers["content-type"] == "application/rss+xml"
    told = world.announced("cs.LG", THURSDAY)
    found = items(answer)
    assert list(found) == told["new"] + told["cross"] + told["replace"]
    for key in told["replace"]:
        own = world.paper(key).primary == "cs.LG"
        assert found[key] == ("replace" if own else "replace-cross")
    assert [found[key] for key in told["new"] + told["cross"]] == ["new"] * len(told["new"]) + [
        "cross"
    ] * len(told["cross"])
    description = ET.fromstring(answer.content).findtext("channel/item/description")
    assert description
    assert description.startswith(f"arXiv:{told['new'][0]}v1 Announce Type: new \nAbstract: ")
    dated = ET.fromstring(answer.content).findtext("channel/pubDate")
    assert dated == "Thu, 12 Mar 2026 00:00:00 -0400"


def test_the_atom_feed_has_the_same_papers(world: World, client: httpx.Client) -> None:
    answer = client.get("/atom/cs.LG+math.OC")
    assert answer.headers["content-type"] == "application/atom+xml"
    told = world.announced("cs.LG+math.OC", THURSDAY)
    found = [
        (entry.findtext(f"{ATOM}id") or "").removeprefix("oai:arXiv.org:").split("v")[0]
        for entry in ET.fromstring(answer.content).iterfind(f"{ATOM}entry")
    ]
    assert found == told["new"] + told["cross"] + told["replace"]


def test_a_feed_that_is_known_is_not_sent_again(arxiv: Standin, client: httpx.Client) -> None:
    first = client.get("/rss/cs.LG")
    known = {"If-None-Match": first.headers["etag"]}
    since = {"If-Modified-Since": first.headers["last-modified"]}
    arxiv.set_now(NOON + timedelta(hours=4))
    for headers in (known, since):
        again = client.get("/rss/cs.LG", headers=headers)
        assert again.status_code == 304
        assert again.content == b""
    # The announcement of the next day is mailed by then, but feeds turn at midnight.
    arxiv.set_now(eastern(THURSDAY, 23, 59))
    assert client.get("/rss/cs.LG", headers=known).status_code == 304
    arxiv.set_now(eastern(date(2026, 3, 13), 0))
    for headers in (known, since):
        assert client.get("/rss/cs.LG", headers=headers).status_code == 200


def test_feeds_are_empty_at_weekends(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.set_now(datetime(2026, 3, 7, 17, tzinfo=UTC))
    assert items(client.get("/rss/cs.LG")) == {}
    assert ET.fromstring(client.get("/atom/cs.LG").content).find(f"{ATOM}entry") is None
