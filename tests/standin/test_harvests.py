"""The stand-in's harvests and queries answer as arXiv does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from urllib.parse import unquote
from xml.etree import ElementTree as ET

import httpx
import pytest

from standin.arxiv import Standin
from standin.world import World

from .reading import (
    ATOM,
    LIST,
    NOON,
    OAI,
    RAW,
    SEARCH,
    SPLIT,
    THURSDAY,
    eastern,
    error,
    harvest,
    ids,
    resume,
    token,
)

# --- Harvesting -----------------------------------------------------------------------------------


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


# --- The query interface --------------------------------------------------------------------------


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
