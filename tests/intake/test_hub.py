"""The Hub's daily papers: recorded answers, what an item may lack, and pages saved as HTML."""

from __future__ import annotations

import html
import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from broadsheet.intake import hub
from broadsheet.intake.opening import InputError
from broadsheet.records import Author, Link, Quarantined, Record

from .papers import ABSTRACT
from .reading import mutilated, read_bytes, read_file

EXPECTED_IDS = [
    "2512.21218",
    "2512.15716",
    "2512.19995",
    "2512.19949",
    "2512.19680",
    "2512.13043",
]


def item(number: int = 1, **paper: Any) -> dict[str, Any]:
    """A wrapped item of an answer; `paper` changes the paper inside."""
    inside = {
        "id": f"2401.{number:05}",
        "authors": [
            {"_id": "6700000000000000000000c1", "name": "Ada Example", "hidden": False},
            {"_id": "6700000000000000000000c2", "name": "Bo Sample", "hidden": False},
        ],
        "publishedAt": "2024-01-05T00:00:00.000Z",
        "submittedOnDailyAt": "2024-01-09T00:43:27.241Z",
        "submittedOnDailyBy": {"fullname": "Cy", "user": "cy", "type": "user"},
        "title": f"Paper boats,\npart {number}",
        "summary": f"{ABSTRACT}\nCode: https://github.com/boats/other",
        "upvotes": 17,
        **paper,
    }
    return {
        "paper": {name: value for name, value in inside.items() if value is not None},
        "publishedAt": "2024-01-08T19:43:27.241Z",
        "title": f"Paper boats, part {number}",
        "numComments": 3,
        "organization": {"_id": "67", "name": "basin", "fullname": "Basin Labs"},
        "submittedBy": {"name": "dee", "type": "user"},
    }


def answer(*items: object) -> bytes:
    return json.dumps(items).encode()


def page(props: object, before: str = "") -> bytes:
    told = html.escape(json.dumps(props), quote=True)
    return (
        f"<!DOCTYPE html>\n<html><head><title>Daily Papers</title></head><body>{before}"
        f'<div class="contents" data-target="SiteHeader" data-props="{{}}"></div>'
        f'<div class="contents" data-target="DailyPapers" data-props="{told}">'
        "<article><h3><a href='/papers/2401.00001'>Paper boats</a></h3></article></div>"
        "</body></html>"
    ).encode()


def only(things: tuple[Record | Quarantined, ...]) -> Record:
    [thing] = things
    assert isinstance(thing, Record), thing
    return thing


def test_an_item_gives_the_paper_with_its_links_and_its_day() -> None:
    repository, site = "https://github.com/boats/one", "https://boats.example/one"
    record = only(hub.parse(answer(item(githubRepo=repository, projectPage=site))))
    assert (record.source, record.key) == ("hub", "2401.00001")
    assert record.identifiers == ("2401.00001",)
    assert record.title == "Paper boats, part 1"
    assert record.abstract == f"{ABSTRACT} Code: https://github.com/boats/other"
    assert record.authors == (Author("Ada Example"), Author("Bo Sample"))
    assert record.organization == "Basin Labs"
    assert (record.published, record.shown) == (date(2024, 1, 5), date(2024, 1, 9))
    assert record.comment_count == 3
    assert record.links == (
        Link("abstract", "https://arxiv.org/abs/2401.00001"),
        Link("pdf", "https://arxiv.org/pdf/2401.00001"),
        Link("code", repository),
        Link("project", site),
        Link("code", "https://github.com/boats/other"),
    )


def test_an_item_tells_of_the_notice_its_paper_found() -> None:
    one, other = hub.parse(answer(item(githubStars=128), item(2, upvotes="x")))
    assert isinstance(one, Record)
    assert isinstance(other, Record)
    assert (one.upvotes, one.stars, one.comment_count) == (17, 128, 3)
    assert (other.upvotes, other.stars) == (None, None)


def test_the_day_asked_for_counts_where_an_item_states_none() -> None:
    old = answer(item(submittedOnDailyAt=None))
    assert only(hub.parse(old)).shown is None
    assert only(hub.parse(old, date(2024, 1, 8))).shown == date(2024, 1, 8)
    assert only(hub.parse(answer(item()), date(2024, 1, 8))).shown == date(2024, 1, 9)


def test_the_day_in_a_files_name_counts_where_an_item_states_none(tmp_path: Path) -> None:
    old = answer(item(submittedOnDailyAt=None))
    assert read_bytes(tmp_path, old, "2024-01-08.json").only.shown == date(2024, 1, 8)
    assert read_bytes(tmp_path, old, "saved.json").only.shown is None
    assert read_bytes(tmp_path, old, "2024-02-31.json").only.shown is None


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (5, "not JSON"),
        ({"title": "Of Boats"}, "the paper has no arXiv id"),
        ({"paper": None}, "the paper has no arXiv id"),
        ({"paper": {"id": "doi:10.1000/x", "title": "B"}}, "the paper has no arXiv id"),
        ({"paper": {"id": "2401.00009"}}, "the paper has no title"),
        ({"paper": {"id": "2401.00009", "title": ["B"]}}, "the paper has no title"),
        ({"paper": {"id": "2401.00009", "title": "b" * 2001}}, "title has 2,001 characters"),
    ],
)
def test_a_bad_item_is_put_aside_and_its_neighbours_come_in(
    tmp_path: Path, bad: object, reason: str
) -> None:
    content = answer(item(1), bad, item(2)).replace(b', {"paper"', b',\n{"paper"')
    outcome = read_bytes(tmp_path, content)
    assert [record.key for record in outcome.records] == ["2401.00001", "2401.00002"]
    [aside] = outcome.aside
    assert aside.reason.startswith(reason)
    assert aside.source == "hub"
    assert json.dumps(bad).encode() in aside.excerpt


def test_what_is_not_json_costs_its_neighbours_nothing() -> None:
    first, last = answer(item(1)), answer(item(2))
    things = hub.parse(first[:-1] + b', {"paper": {"id": 24.01.5}},' + last[1:])
    assert [type(thing) for thing in things] == [Record, Quarantined, Record]


def test_fields_of_other_kinds_than_promised_are_taken_for_missing() -> None:
    odd = item(authors="Ada", submittedOnDailyAt=7, publishedAt=None, githubRepo="javascript:x")
    odd |= {"numComments": -1, "organization": "Basin"}
    record = only(hub.parse(answer(odd)))
    assert (record.authors, record.shown, record.published) == ((), None, None)
    assert (record.comment_count, record.organization) == (None, None)
    assert "javascript:x" not in {link.url for link in record.links}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the JSON does not begin as it should"),
        (b'{"error": "Paper not found"}', "the JSON does not begin as it should"),
        (answer(item())[:-1], "the JSON is cut off here; what came before was read"),
        (b'[{"paper": ' + b"[" * 5_000_000, "brackets are nested over 100 deep"),
        (b"[" + b"[]," * 100_000, "the JSON is cut off here"),
        (b'["' + b"\\\\" * 500_000, "the JSON is cut off here"),
    ],
)
def test_an_answer_that_is_none_is_refused_in_a_sentence_at_once(data: bytes, reason: str) -> None:
    started = time.process_time()
    with pytest.raises(InputError) as caught:
        hub.parse(data)
    assert caught.value.reason.startswith(reason)
    assert time.process_time() - started < 3


def test_a_weekend_has_no_papers() -> None:
    assert hub.parse(b"[]") == ()


def test_an_item_longer_than_any_is_put_aside_and_the_rest_comes_in(tmp_path: Path) -> None:
    outcome = read_bytes(tmp_path, answer(item(1), item(2, summary="b" * 6_000_000), item(3)))
    assert [record.key for record in outcome.records] == ["2401.00001", "2401.00003"]
    assert [thing.reason[:20] for thing in outcome.aside] == ["the record has 6,000"]


def test_a_saved_page_gives_what_the_answer_gives(tmp_path: Path) -> None:
    items = [item(1), item(2, submittedOnDailyAt=None, title='"Of" <b>Boats</b> & é')]
    props = {"periodType": "day", "dateString": "2024-01-09", "dailyPapers": items}
    outcome = read_bytes(tmp_path, page(props), "papers.html")
    assert (outcome.kind, outcome.error) == ("hub", None)
    assert tuple(outcome.things) == hub.parse(answer(*items), date(2024, 1, 9))
    assert outcome.records[1].title == '"Of" <b>Boats</b> & é'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (page({"dailyPapers": "none"}), "the page holds no list of daily papers"),
        (page([1]), "the page holds no list of daily papers"),
        (
            b"<html><a href='/papers/2401.00001'>Boats</a></html>",
            "the page holds no list of daily papers",
        ),
        (page({}).replace(b'="{', b'="{{'), "the page's list of papers is not JSON"),
        (b"<html>DailyPapers" + b"<div>" * 1_000_000, "the page"),
        (b"<html>DailyPapers" + b"<b>" * 1_000_000, "the page"),
        (b"<html>DailyPapers" + b" " * 17_000_000, "the page has over 16 MB"),
    ],
)
def test_a_page_without_papers_is_refused_in_a_sentence(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    started = time.process_time()
    assert read_bytes(tmp_path, content).reason.startswith(reason)
    assert time.process_time() - started < 5


def test_a_recorded_day_is_read_as_it_stands(shared: Path) -> None:
    file = shared / "data/recorded/hub_daily/2025-12-26.json"
    outcome = read_file(file)
    assert [record.key for record in outcome.records] == EXPECTED_IDS
    assert outcome.aside == []
    first, second = outcome.records[:2]
    assert first.title == "Latent Implicit Visual Reasoning"
    assert first.organization == "UC Berkeley"
    assert [author.name for author in first.authors] == [
        "Kelvin Li",
        "Chuyi Shang",
        "Leonid Karlinsky",
        "Rogerio Feris",
        "Trevor Darrell",
        "Roei Herzig",
    ]
    assert (first.published, first.shown) == (date(2025, 12, 24), date(2025, 12, 26))
    assert first.comment_count == 1
    assert Link("code", "https://github.com/ZhaoJingjing713/Spatia") in second.links
    assert Link("project", "https://zhaojingjing713.github.io/Spatia/") in second.links
    assert (first.upvotes, first.stars) == (19, None)


def test_every_recorded_day_comes_in_whole_under_its_day(shared: Path) -> None:
    files = sorted((shared / "data/recorded/hub_daily").glob("*.json"))
    assert len(files) == 39
    for file in files:
        outcome = read_file(file)
        assert (outcome.kind, outcome.aside, outcome.error) == ("hub", [], None)
        stated = json.loads(file.read_bytes())
        assert [record.key for record in outcome.records] == [one["paper"]["id"] for one in stated]
        assert {str(record.shown) for record in outcome.records} == {file.stem}
        assert all(record.abstract and record.authors for record in outcome.records)
        upvotes = [record.upvotes for record in outcome.records]
        assert upvotes == [one["paper"].get("upvotes") for one in stated]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(content=mutilated(answer(item(1), item(2), item(3))))
def test_of_a_mutilated_answer_only_records_come_and_sentences(content: bytes) -> None:
    try:
        things = hub.parse(content)
    except InputError:
        return
    assert all(thing.title if isinstance(thing, Record) else thing.reason for thing in things)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(content=mutilated(page({"dailyPapers": [item(1), item(2)]})))
def test_of_a_mutilated_page_only_records_come_and_sentences(content: bytes) -> None:
    try:
        things = hub.parse_page(content)
    except InputError:
        return
    assert all(thing.title if isinstance(thing, Record) else thing.reason for thing in things)
