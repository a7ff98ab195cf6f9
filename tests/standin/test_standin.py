"""The stand-in for arXiv does what arXiv does, and does wrong what it is told to do wrong."""

from __future__ import annotations

import gzip
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import httpx
import pytest

from standin import faults
from standin.arxiv import Request, Standin
from standin.world import EASTERN, World, closed, mailed

FIRST = date(2026, 3, 2)
CATEGORIES = ("cs.LG", "cs.CL", "math.OC")
# The Thursday of the second week, 13:00 in New York.
NOON = datetime(2026, 3, 12, 17, tzinfo=UTC)
THURSDAY = date(2026, 3, 12)
OAI = "{http://www.openarchives.org/OAI/2.0/}"
RAW = "{http://arxiv.org/OAI/arXivRaw/}"
SPLIT = "{http://arxiv.org/OAI/arXiv/}"
ATOM = "{http://www.w3.org/2005/Atom}"
ARXIV = "{http://arxiv.org/schemas/atom}"
SEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"
LIST = "/oai?verb=ListRecords&metadataPrefix=arXivRaw"


@pytest.fixture
def world() -> World:
    made = World(7, FIRST, 14, CATEGORIES)
    made.now = NOON
    return made


@pytest.fixture
def arxiv(world: World) -> Iterator[Standin]:
    with Standin(world, page_size=20) as running:
        yield running


@pytest.fixture
def client(arxiv: Standin) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=arxiv.address, headers={"User-Agent": "a test"}) as opened:
        yield opened


def eastern(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=EASTERN)


def sections(page: str) -> dict[str, list[str]]:
    """The ids of a listing under the first word of each heading."""
    found: dict[str, list[str]] = {}
    for block in page.split("<dl id='articles'>")[1:]:
        heading = re.search(r"<h3>(.*?)</h3>", block)
        assert heading
        found[heading[1]] = re.findall(r'href ="/abs/([^"]+)"', block)
    return found


def ids(answer: httpx.Response) -> list[str]:
    """The papers of a page of a harvest."""
    root = ET.fromstring(answer.content)
    return [
        (name.text or "").removeprefix("oai:arXiv.org:")
        for name in root.iterfind(f".//{OAI}header/{OAI}identifier")
    ]


def error(answer: httpx.Response) -> str | None:
    assert answer.status_code == 200
    found = ET.fromstring(answer.content).find(f"{OAI}error")
    return None if found is None else found.get("code")


def token(answer: httpx.Response) -> str | None:
    found = ET.fromstring(answer.content).find(f".//{OAI}resumptionToken")
    return None if found is None else found.text


def resume(client: httpx.Client, given: str | None) -> httpx.Response:
    assert given
    return client.get("/oai", params={"verb": "ListRecords", "resumptionToken": given})


def harvest(client: httpx.Client, query: str = LIST) -> list[str]:
    """All pages of a harvest."""
    answer = client.get(query)
    found = ids(answer)
    while onward := token(answer):
        answer = resume(client, onward)
        found += ids(answer)
        assert len(found) < 2000, "the harvest goes round in circles"
    return found


def items(feed: httpx.Response) -> dict[str, str]:
    """The ids of an RSS feed with the kinds they are announced as."""
    return {
        (item.findtext("link") or "").rsplit("/", 1)[1]: item.findtext(f"{ARXIV}announce_type")
        or ""
        for item in ET.fromstring(feed.content).iterfind("channel/item")
    }


# --- The world ----------------------------------------------------------------------------------


def test_announcements_are_dated_monday_to_friday_and_not_on_holidays() -> None:
    world = World(1, date(2026, 3, 1), 15, CATEGORIES, holidays=[date(2026, 3, 10)])
    assert [day.day for day in world.days()] == [2, 3, 4, 5, 6, 9, 11, 12, 13]
    assert world.announced("cs.LG", date(2026, 3, 10)) == {"new": [], "cross": [], "replace": []}
    assert world.announced("cs.LG", date(2026, 3, 8)) == {"new": [], "cross": [], "replace": []}


@pytest.mark.parametrize(
    ("day", "hour"),
    [
        # Clocks in New York go forward on 8 March 2026 and back on 1 November 2026.
        (date(2026, 3, 6), datetime(2026, 3, 6, 1, tzinfo=UTC)),
        (date(2026, 3, 9), datetime(2026, 3, 9, 0, tzinfo=UTC)),
        (date(2026, 10, 30), datetime(2026, 10, 30, 0, tzinfo=UTC)),
        (date(2026, 11, 2), datetime(2026, 11, 2, 1, tzinfo=UTC)),
    ],
)
def test_mail_goes_out_at_eight_in_the_evening_before_also_when_clocks_change(
    day: date, hour: datetime
) -> None:
    assert mailed(day) == hour


def test_monday_tells_what_came_in_until_friday_at_two(world: World) -> None:
    monday = date(2026, 3, 9)
    assert closed(monday) == eastern(date(2026, 3, 6), 14)
    for key in world.announced("cs.LG", monday)["new"]:
        came = world.paper(key).versions[0].submitted
        assert eastern(date(2026, 3, 5), 14) <= came <= eastern(date(2026, 3, 6), 14)


def test_each_day_and_category_has_new_papers_cross_lists_and_replacements(world: World) -> None:
    for day in world.days():
        papers = world.papers(day)
        for category in CATEGORIES:
            told = world.announced(category, day)
            assert all(told.values()), (day, category)
            assert all(papers[key].primary == category for key in told["new"])
            assert all(papers[key].version == 1 for key in told["new"])
            assert all(papers[key].primary != category for key in told["cross"])
            for key in told["replace"]:
                *_, before, after = papers[key].versions
                assert after.day == day
                changed = (before.title, before.abstract) != (after.title, after.abstract)
                assert changed != after.withdrawn


def test_papers_are_cross_listed_on_their_day_and_later(world: World) -> None:
    late = {
        world.paper(key, day).versions[0].day < day
        for day in world.days()
        for key in world.announced("cs.CL", day)["cross"]
    }
    assert late == {True, False}


def test_an_archive_has_a_paper_once_and_its_own_papers_as_new(world: World) -> None:
    told = world.announced("cs", THURSDAY)
    both = world.announced("cs.LG", THURSDAY)["new"] + world.announced("cs.CL", THURSDAY)["new"]
    assert told["new"] == sorted(both)
    assert not set(told["new"]) & set(told["cross"])
    assert world.announced("cs.LG+cs.CL", THURSDAY) == told


def test_some_papers_are_withdrawn_and_some_records_change_unannounced(world: World) -> None:
    end = world.papers(world.days()[-1]).values()
    assert any(paper.withdrawn and paper.versions[0].day >= FIRST for paper in end)
    quiet = [
        paper
        for paper in end
        if paper.doi
        and paper.datestamp >= FIRST
        and not any(
            paper.id in keys
            for category in paper.categories
            for keys in world.announced(category, paper.datestamp).values()
        )
    ]
    assert quiet


def test_the_same_seed_makes_the_same_world_also_in_another_process(world: World) -> None:
    other = World(7, FIRST, 14, CATEGORIES)
    assert other.papers(THURSDAY) == world.papers(THURSDAY)
    assert World(8, FIRST, 14, CATEGORIES).papers(THURSDAY) != world.papers(THURSDAY)
    longer = World(7, FIRST, 30, CATEGORIES)
    assert longer.papers(THURSDAY) == world.papers(THURSDAY)
    script = (
        "from datetime import date; from standin.world import World;"
        f"world = World(7, date(2026, 3, 2), 14, {CATEGORIES});"
        "print(world.paper(world.announced('cs.LG', date(2026, 3, 12))['new'][0]).title)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "11", "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == world.paper(world.announced("cs.LG", THURSDAY)["new"][0]).title


def test_a_paper_is_known_from_its_announcement_on(world: World) -> None:
    key = world.announced("cs.LG", THURSDAY)["new"][0]
    world.now = eastern(date(2026, 3, 11), 19, 59)
    with pytest.raises(KeyError):
        world.paper(key)
    world.now = eastern(date(2026, 3, 11), 20)
    assert world.paper(key).version == 1


# --- Listings -----------------------------------------------------------------------------------


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


# --- Feeds --------------------------------------------------------------------------------------


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


# --- Harvesting ---------------------------------------------------------------------------------


def test_a_harvest_of_all_pages_has_every_paper_once(world: World, client: httpx.Client) -> None:
    found = harvest(client)
    assert len(found) > 100
    assert sorted(found) == sorted(world.papers(THURSDAY))
    stamps = [world.paper(key).datestamp for key in found]
    assert stamps == sorted(stamps)


def test_a_harvest_of_a_set_and_of_days(world: World, client: httpx.Client) -> None:
    query = f"{LIST}&set=cs:cs:LG&from=2026-03-10&until=2026-03-11"
    wanted = {
        key
        for key, paper in world.papers(THURSDAY).items()
        if "cs.LG" in paper.categories and date(2026, 3, 10) <= paper.datestamp <= date(2026, 3, 11)
    }
    assert set(harvest(client, query)) == wanted
    everything = harvest(client, f"{LIST}&from=2026-03-12&set=cs")
    told = world.announced("cs", THURSDAY)
    assert set(everything) >= {*told["new"], *told["cross"], *told["replace"]}


def test_the_raw_format_has_all_versions(world: World, client: httpx.Client) -> None:
    paper = next(p for p in world.papers(THURSDAY).values() if p.withdrawn and p.version > 1)
    answer = client.get(
        f"/oai?verb=GetRecord&metadataPrefix=arXivRaw&identifier=oai:arXiv.org:{paper.id}"
    )
    assert answer.headers["content-type"] == "application/xml"
    raw = ET.fromstring(answer.content).find(f".//{RAW}arXivRaw")
    assert raw is not None
    versions = raw.findall(f"{RAW}version")
    assert [version.get("version") for version in versions] == [
        f"v{number}" for number in range(1, paper.version + 1)
    ]
    assert versions[-1].findtext(f"{RAW}source_type") == "I"
    written = datetime.strptime(
        versions[0].findtext(f"{RAW}date") or "", "%a, %d %b %Y %H:%M:%S GMT"
    ).replace(tzinfo=UTC)
    assert written == paper.versions[0].submitted
    assert " ".join((raw.findtext(f"{RAW}abstract") or "").split()) == paper.abstract
    assert raw.findtext(f"{RAW}categories") == " ".join(paper.categories)


def test_the_other_format_has_names_in_parts(world: World, client: httpx.Client) -> None:
    answer = client.get(LIST.replace("Raw", "") + "&from=2026-03-12")
    root = ET.fromstring(answer.content)
    key = root.findtext(f".//{SPLIT}id") or ""
    people = [
        author.findtext(f"{SPLIT}keyname") for author in root.find(f".//{SPLIT}authors") or ()
    ]
    assert len(people) == len(world.paper(key).authors)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "badVerb"),
        ("verb=Nonsense", "badVerb"),
        ("verb=ListRecords", "badArgument"),
        ("verb=ListRecords&metadataPrefix=marc21", "cannotDisseminateFormat"),
        ("verb=ListRecords&metadataPrefix=arXiv&set=cs.LG", "badArgument"),
        ("verb=ListRecords&metadataPrefix=arXiv&set=cs&set=math", "badArgument"),
        ("verb=ListRecords&metadataPrefix=arXiv&from=2001-01-01", "badArgument"),
        ("verb=ListRecords&metadataPrefix=arXiv&until=2026-03-14", "badArgument"),
        ("verb=ListRecords&metadataPrefix=arXiv&from=2026-03-03&until=2026-03-02", "badArgument"),
        ("verb=ListRecords&metadataPrefix=arXiv&from=3%20March", "badArgument"),
        ("verb=ListRecords&metadataPrefix=arXiv&until=2006-01-01", "noRecordsMatch"),
        ("verb=ListRecords&metadataPrefix=arXiv&set=physics:hep-lat", "noRecordsMatch"),
        ("verb=ListRecords&resumptionToken=nonsense", "badResumptionToken"),
        ("verb=ListRecords&resumptionToken=a&set=cs", "badArgument"),
        ("verb=GetRecord&metadataPrefix=arXiv&identifier=oai:arXiv.org:1", "idDoesNotExist"),
        ("verb=GetRecord&metadataPrefix=arXiv", "badArgument"),
        ("verb=Identify&set=cs", "badArgument"),
    ],
)
def test_errors_of_a_harvest_come_with_status_200(
    client: httpx.Client, query: str, code: str
) -> None:
    assert error(client.get(f"/oai?{query}")) == code


def test_the_repository_tells_of_itself_and_its_sets(client: httpx.Client) -> None:
    told = ET.fromstring(client.get("/oai?verb=Identify").content)
    assert told.findtext(f".//{OAI}earliestDatestamp") == "2005-09-16"
    sets = ET.fromstring(client.get("/oai?verb=ListSets").content)
    specs = {spec.text for spec in sets.iter(f"{OAI}setSpec")}
    assert {"cs", "cs:cs", "cs:cs:LG", "math:math:OC", "physics", "physics:hep-th"} <= specs


def test_a_token_is_the_query_quoted_and_ends_at_midnight_utc(
    arxiv: Standin, client: httpx.Client
) -> None:
    first = client.get(f"{LIST}&set=cs:cs:LG")
    given = token(first)
    assert given
    assert given.startswith("verb%3DListRecords%26metadataPrefix%3DarXivRaw%26")
    assert "%26skip%3D" in given
    element = ET.fromstring(first.content).find(f".//{OAI}resumptionToken")
    assert element is not None
    assert element.get("expirationDate") == "2026-03-13T00:00:00Z"
    # A client that quotes it no further is understood as well.
    bare = client.get(f"/oai?verb=ListRecords&resumptionToken={given}")
    assert ids(bare) == ids(resume(client, given))
    arxiv.set_now(datetime(2026, 3, 13, 0, tzinfo=UTC))
    assert error(resume(client, given)) == "badResumptionToken"
    assert error(client.get(f"/oai?verb=ListRecords&resumptionToken={unquote(given)}")) is not None


def test_the_life_of_a_token_can_be_chosen(world: World) -> None:
    with (
        Standin(world, page_size=5, token_life=timedelta(minutes=10)) as arxiv,
        httpx.Client(base_url=arxiv.address) as client,
    ):
        given = token(client.get(LIST))
        arxiv.set_now(NOON + timedelta(minutes=9))
        assert error(resume(client, given)) is None
        arxiv.set_now(NOON + timedelta(minutes=21))
        assert error(resume(client, given)) == "badResumptionToken"


def test_new_papers_can_be_harvested_some_time_after_they_are_listed(
    world: World, arxiv: Standin, client: httpx.Client
) -> None:
    key = world.announced("cs.LG", THURSDAY)["new"][0]
    wednesday = date(2026, 3, 11)
    arxiv.set_now(eastern(wednesday, 22, 29))
    assert key in client.get("/list/cs.LG/new").text
    assert error(client.get(f"{LIST}&from=2026-03-12")) == "noRecordsMatch"
    arxiv.set_now(eastern(wednesday, 22, 30))
    assert key in harvest(client, f"{LIST}&from=2026-03-12")


def test_a_form_may_be_posted_and_the_old_address_leads_on(client: httpx.Client) -> None:
    form = {"verb": "ListRecords", "metadataPrefix": "arXivRaw", "from": "2026-03-12"}
    wanted = ids(client.get("/oai", params=form))
    assert ids(client.post("/oai", data=form)) == wanted
    moved = client.get("/oai2", params=form)
    assert moved.status_code == 301
    assert ids(client.get(moved.headers["location"])) == wanted


def test_an_odd_accept_is_not_acceptable_to_the_harvest(client: httpx.Client) -> None:
    assert client.get(LIST, headers={"Accept": "application/json"}).status_code == 406


# --- The query interface ------------------------------------------------------------------------


def test_papers_are_looked_up_by_id(world: World, client: httpx.Client) -> None:
    changed = next(p for p in world.papers(THURSDAY).values() if p.version == 2)
    answer = client.get(f"/api/query?id_list={changed.id}v1,{changed.id},2603.99999")
    assert answer.headers["content-type"] == "application/atom+xml; charset=utf-8"
    root = ET.fromstring(answer.content)
    assert root.findtext(f"{SEARCH}totalResults") == "2"
    first, second = root.iterfind(f"{ATOM}entry")
    assert first.findtext(f"{ATOM}id") == f"http://arxiv.org/abs/{changed.id}v1"
    assert first.findtext(f"{ATOM}title") == changed.versions[0].title
    assert second.findtext(f"{ATOM}title") == changed.title
    names = [name.text for name in second.iterfind(f"{ATOM}author/{ATOM}name")]
    assert names == [person.name for person in changed.authors]


def test_a_search_comes_in_pages(world: World, client: httpx.Client) -> None:
    wanted = {k for k, p in world.papers(THURSDAY).items() if "cs.LG" in p.categories}
    found: set[str] = set()
    for start in range(0, len(wanted), 30):
        root = ET.fromstring(
            client.get(f"/api/query?search_query=cat:cs.LG&start={start}&max_results=30").content
        )
        assert root.findtext(f"{SEARCH}totalResults") == str(len(wanted))
        assert root.findtext(f"{SEARCH}startIndex") == str(start)
        found |= {
            (entry.findtext(f"{ATOM}id") or "").rsplit("/", 1)[1].split("v")[0]
            for entry in root.iterfind(f"{ATOM}entry")
        }
    assert found == wanted


def test_a_search_takes_dates_and_an_order(world: World, client: httpx.Client) -> None:
    answer = client.get(
        "/api/query?search_query=submittedDate:[202603050000+TO+202603060000]"
        "&sortBy=submittedDate&sortOrder=ascending&max_results=100"
    )
    root = ET.fromstring(answer.content)
    days = [entry.findtext(f"{ATOM}published") or "" for entry in root.iterfind(f"{ATOM}entry")]
    assert days
    assert days == sorted(days)
    assert {day[:10] for day in days} == {"2026-03-05"}


@pytest.mark.parametrize("query", ["id_list=abc", "start=-1", "max_results=2001", "start=none"])
def test_a_wrong_query_is_told_as_a_feed(client: httpx.Client, query: str) -> None:
    answer = client.get(f"/api/query?{query}")
    assert answer.status_code == 400
    assert ET.fromstring(answer.content).findtext(f"{ATOM}entry/{ATOM}title") == "Error"


def test_queries_know_new_papers_from_midnight_on(
    world: World, arxiv: Standin, client: httpx.Client
) -> None:
    key = world.announced("cs.LG", THURSDAY)["new"][0]
    arxiv.set_now(eastern(date(2026, 3, 11), 23, 59))
    assert "<entry>" not in client.get(f"/api/query?id_list={key}").text
    arxiv.set_now(eastern(THURSDAY, 0))
    assert "<entry>" in client.get(f"/api/query?id_list={key}").text


# --- Faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "status"), [("Unavailable", 503), ("TooManyRequests", 429)])
def test_busy_with_and_without_a_word_on_when_to_come_back(
    arxiv: Standin, client: httpx.Client, kind: str, status: int
) -> None:
    fault = faults.KNOWN[kind]
    assert issubclass(fault, faults.Unavailable)
    for wait in (7, NOON + timedelta(seconds=9), None):
        arxiv.order(fault(retry_after=wait))
    said = [client.get(LIST) for _ in range(4)]
    assert [answer.status_code for answer in said] == [status, status, status, 200]
    assert [answer.headers.get("retry-after") for answer in said] == [
        "7",
        "Thu, 12 Mar 2026 17:00:09 GMT",
        None,
        None,
    ]


def test_a_connection_is_cut_in_the_middle(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.Cut(after=100))
    with client.stream("GET", LIST) as answer:
        assert int(answer.headers["content-length"]) > 1000
        with pytest.raises(httpx.RemoteProtocolError):
            answer.read()
    assert client.get(LIST).status_code == 200


def test_a_document_breaks_off_with_the_length_it_says(
    arxiv: Standin, client: httpx.Client
) -> None:
    arxiv.order(faults.Truncated())
    answer = client.get(LIST)
    assert len(answer.content) == int(answer.headers["content-length"])
    with pytest.raises(ET.ParseError):
        ET.fromstring(answer.content)
    assert client.get(LIST).content.startswith(answer.content)


def test_a_page_that_says_sorry_comes_in_place_of_xml(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.HtmlError())
    answer = client.get(LIST)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")


def test_a_redirect_leads_inside(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.Redirect())
    arxiv.order(faults.Redirect(to="http://127.0.0.1:1/", status=307))
    first, second = client.get("/rss/cs.LG"), client.get("/rss/cs.LG")
    assert (first.status_code, first.headers["location"]) == (
        302,
        "http://169.254.169.254/latest/meta-data/",
    )
    assert (second.status_code, second.headers["location"]) == (307, "http://127.0.0.1:1/")


def test_a_small_body_unpacks_to_many_megabytes(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.GzipBomb(megabytes=8))
    with client.stream("GET", LIST) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["content-type"] == "application/xml"
        packed = b"".join(answer.iter_raw())
    assert len(packed) < 20_000
    assert len(gzip.decompress(packed)) == 8 * 1024 * 1024


def test_an_answer_drips(arxiv: Standin, client: httpx.Client) -> None:
    whole = client.get("/oai?verb=Identify").content
    arxiv.order(faults.Drip(size=50, pause=0.001))
    with client.stream("GET", "/oai?verb=Identify") as answer:
        pieces = list(answer.iter_raw())
    assert b"".join(pieces) == whole
    assert len(pieces) > 3
    assert arxiv.requests[-1].ended - arxiv.requests[-1].started > 0.01


def test_a_client_that_gives_up_ends_its_request(arxiv: Standin) -> None:
    arxiv.order(faults.Late(seconds=60))
    arxiv.order(faults.Drip(size=1, pause=60))
    for count in (1, 2):
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{arxiv.address}/rss/cs.LG", timeout=0.1)
        assert arxiv.wait_for(count)
    assert all(request.ended - request.started < 10 for request in arxiv.requests)


def test_a_category_seems_to_have_nothing(
    world: World, arxiv: Standin, client: httpx.Client
) -> None:
    arxiv.order(faults.Empty("cs.LG"), times=None)
    page = client.get("/list/cs.LG/new")
    assert "No updates today" in page.text
    assert sections(page.text) == {}
    assert error(client.get(f"{LIST}&set=cs:cs:LG")) == "noRecordsMatch"
    assert items(client.get("/rss/cs.LG")) == {}
    assert sections(client.get("/catchup/cs.LG/2026-03-12").text) == {}
    assert client.get("/oai?verb=Identify").status_code == 200
    assert error(client.get(f"{LIST}&set=cs:cs:CL")) is None
    assert len(items(client.get("/rss/cs.CL"))) > 1
    arxiv.clear()
    assert items(client.get("/rss/cs.LG"))


def test_a_page_of_a_search_is_empty_under_load(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.Empty(), "/api/query")
    root = ET.fromstring(client.get("/api/query?search_query=cat:cs.LG").content)
    assert root.find(f"{ATOM}entry") is None
    assert int(root.findtext(f"{SEARCH}totalResults") or 0) > 0


def test_records_come_twice_or_in_another_order(arxiv: Standin, client: httpx.Client) -> None:
    usual = ids(client.get(LIST))
    listed = list(items(client.get("/rss/cs.LG")))
    arxiv.order(faults.Duplicates())
    assert ids(client.get(LIST)) == [key for key in usual for _ in range(2)]
    arxiv.order(faults.Reordered(), times=2)
    assert ids(client.get(LIST)) == usual[::-1]
    assert list(items(client.get("/rss/cs.LG"))) != listed


def test_a_record_is_deleted(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.Deleted())
    first, second, *_ = ET.fromstring(client.get(LIST).content).iter(f"{OAI}record")
    header = first.find(f"{OAI}header")
    assert header is not None
    assert header.get("status") == "deleted"
    assert first.find(f"{OAI}metadata") is None
    assert second.find(f"{OAI}metadata") is not None


def test_the_record_of_one_paper_has_no_title(
    world: World, arxiv: Standin, client: httpx.Client
) -> None:
    before = client.get(LIST).text
    (broken, *_) = [id_ for id_ in world.papers(world.days()[0]) if f":{id_}<" in before]
    arxiv.order(faults.Untitled(broken))
    after = client.get(LIST).text
    assert after.count("<title></title>") == 1
    assert after.count("<title>") == before.count("<title>")
    record = next(part for part in after.split("</record>") if f":{broken}<" in part)
    assert "<title></title>" in record


def test_a_feed_is_of_yesterday_and_the_listing_fresh(
    world: World, arxiv: Standin, client: httpx.Client
) -> None:
    arxiv.order(faults.StaleFeed(), times=None)
    told = world.announced("cs.LG", date(2026, 3, 11))
    assert list(items(client.get("/rss/cs.LG"))) == told["new"] + told["cross"] + told["replace"]
    assert "Thursday, 12 March 2026" in client.get("/list/cs.LG/new").text


def test_the_answer_is_for_another_set(world: World, arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.OtherSet())
    found = ids(client.get(f"{LIST}&set=cs:cs:LG"))
    assert found
    assert all("cs.CL" in world.paper(key).categories for key in found)
    arxiv.order(faults.OtherSet("math.OC"))
    assert "<h1>Optimization and Control</h1>" in client.get("/list/cs.LG/new").text


def test_a_token_expires_early(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.ExpiredToken())
    first = client.get(LIST)
    assert ids(first)
    assert error(resume(client, token(first))) == "badResumptionToken"
    assert error(resume(client, token(first))) is None


def test_the_second_page_leads_to_itself(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.TokenLoop(), times=None)
    first = client.get(LIST)
    second = resume(client, token(first))
    assert token(second) == token(first)
    assert ids(resume(client, token(second))) == ids(second)
    assert ids(second) != ids(first)


def test_faults_strike_every_third_time_and_only_so_often(
    arxiv: Standin, client: httpx.Client
) -> None:
    arxiv.order(faults.Unavailable(), "/rss", times=2, every=3)
    assert client.get("/list/cs.LG/new").status_code == 200
    said = [client.get("/rss/cs.LG").status_code for _ in range(10)]
    assert said == [200, 200, 503, 200, 200, 503, 200, 200, 200, 200]


# --- What was asked -----------------------------------------------------------------------------


def test_every_request_is_recorded_before_its_answer_is_there(
    arxiv: Standin, client: httpx.Client
) -> None:
    client.get("/list/cs.LG/new?show=25")
    client.get("/nowhere")
    arxiv.order(faults.Unavailable())
    client.get("/rss/cs.LG")
    found = arxiv.requests
    assert [(seen.path, seen.agent, seen.status) for seen in found] == [
        ("/list/cs.LG/new?show=25", "a test", 200),
        ("/nowhere", "a test", 404),
        ("/rss/cs.LG", "a test", 503),
    ]
    assert all(seen.started <= seen.ended for seen in found)
    assert arxiv.overlapping() == 1
    assert 0 < arxiv.closest() < 5
    arxiv.forget()
    assert arxiv.requests == []
    assert arxiv.closest() == math.inf
    assert arxiv.overlapping() == 0


def test_gaps_are_from_the_end_of_an_answer_to_the_next_request(arxiv: Standin) -> None:
    for started, ended in ((10.0, 14.0), (0.0, 2.0), (5.5, 6.0)):
        arxiv.note(Request(started, ended, "/", "", 200))
    assert arxiv.closest() == 3.5
    assert arxiv.overlapping() == 1
    arxiv.note(Request(13.0, 15.0, "/", "", 200))
    assert arxiv.closest() == -1.0
    assert arxiv.overlapping() == 2


def test_requests_at_once_are_counted(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.Drip(size=4000, pause=0.05), "/rss")
    with client.stream("GET", "/rss/cs.LG") as slow:
        assert httpx.get(f"{arxiv.address}/list/cs.LG/new").status_code == 200
        slow.read()
    assert arxiv.overlapping() == 2
    assert arxiv.closest() < 0


# --- Control ------------------------------------------------------------------------------------


def test_another_process_can_read_and_set_the_clock(arxiv: Standin, client: httpx.Client) -> None:
    assert client.get("/_control").json() == {"now": "2026-03-12T17:00:00+00:00"}
    said = client.post("/_control", json={"now": "2026-03-06T12:00:00-05:00"})
    assert said.json() == {"now": "2026-03-06T17:00:00+00:00"}
    assert "Friday, 6 March 2026" in client.get("/list/cs.LG/new").text
    assert [request.path for request in arxiv.requests] == ["/list/cs.LG/new"]


def test_another_process_can_order_faults(arxiv: Standin, client: httpx.Client) -> None:
    wanted = [
        {**faults.told(faults.Unavailable(NOON)), "path_prefix": "/rss", "times": None},
        {"fault": "Empty", "path_prefix": "/list"},
    ]
    assert client.post("/_control", json={"faults": wanted}).status_code == 200
    assert client.get("/rss/cs.LG").headers["retry-after"] == "Thu, 12 Mar 2026 17:00:00 GMT"
    assert "No updates today" in client.get("/list/cs.LG/new").text
    assert client.get("/rss/cs.LG").status_code == 503
    client.post("/_control", json={"clear": True})
    assert client.get("/rss/cs.LG").status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {"now": "today"},
        {"now": "2026-03-06T12:00:00"},
        {"faults": [{"fault": "Nonsense"}]},
        {"now": "2026-03-06T12:00:00+00:00", "faults": [{"fault": "Nonsense"}]},
        {"faults": [{"fault": "Cut", "before": 3}]},
        [],
    ],
)
def test_control_refuses_nonsense(client: httpx.Client, wanted: object) -> None:
    assert client.post("/_control", json=wanted).status_code == 400
    assert client.get("/_control").json() == {"now": "2026-03-12T17:00:00+00:00"}


def test_every_fault_can_be_told_and_understood() -> None:
    for kind in faults.KNOWN.values():
        assert faults.understood(faults.told(kind())) == kind()


def test_nothing_answers_after_the_end(world: World) -> None:
    with Standin(world) as arxiv, httpx.Client(base_url=arxiv.address) as client:
        assert client.get("/rss/cs.LG").status_code == 200
        arxiv.__exit__(None, None, None)
        with pytest.raises(httpx.TransportError):
            client.get("/rss/cs.LG")


def test_it_can_be_run_by_hand() -> None:
    command = [sys.executable, "-m", "standin.arxiv", "--port", "0", "--now", "2026-03-12T17:00"]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            address, _, shown = running.stdout.readline().strip().partition(" shows ")
            assert shown == "2026-03-12T17:00:00+00:00"
            assert "12 March 2026" in httpx.get(f"{address}/list/cs.LG/new").text
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(timeout=10) == 0
