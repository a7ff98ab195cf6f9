"""The stand-in does wrong what it is told to do wrong."""

from __future__ import annotations

import gzip
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import httpx
import pytest

from standin import faults
from standin.arxiv import Standin
from standin.world import World

from .reading import (
    ATOM,
    LIST,
    NOON,
    OAI,
    SEARCH,
    THURSDAY,
    error,
    ids,
    items,
    resume,
    sections,
    token,
)


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


def test_a_list_is_of_yesterday(arxiv: Standin, client: httpx.Client) -> None:
    before = client.get(f"/catchup/cs.LG/{THURSDAY - timedelta(days=1)}")
    arxiv.order(faults.StaleList())
    assert sections(client.get("/list/cs.LG/new").text) == sections(before.text)
    assert client.get(f"/catchup/cs.LG/{THURSDAY}").text != before.text


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
