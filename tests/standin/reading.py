"""What the stand-in is asked in its tests, and what its answers hold."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from xml.etree import ElementTree as ET

import httpx

from standin.world import EASTERN

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
