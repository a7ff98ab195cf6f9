"""OpenReview's notes: both versions of its interface, what is no paper, files of any shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from broadsheet.records import Author, Link

from .papers import ABSTRACT
from .reading import mutilated, read_bytes

DAY = 1_704_499_199_000  # 2024-01-05, 23:59:59 UTC


def content(**said: Any) -> dict[str, Any]:
    return {
        "title": "Of Paper\n Boats",
        "authors": ["Ada Example", "Bo Sample"],
        "abstract": f"{ABSTRACT} Code: https://github.com/boats/or",
        "keywords": ["boats", "cs.LG"],
        "venue": "BOAT 2024 poster",
        "venueid": "BOAT.cc/2024/Conference",
        "pdf": "/pdf/b0a7.pdf",
        "_bibtex": "@inproceedings{example2024, title={Of Paper Boats}}",
        **said,
    }


def note(id_: str = "aVh9KRZdRk", *, wrapped: bool = True, **said: Any) -> dict[str, Any]:
    """A note; version 2 wraps every field of its content."""
    fields = said.pop("content", None) or content()
    if wrapped:
        fields = {name: {"value": value} for name, value in fields.items()}
    invited = {"invitations": ["BOAT.cc/2024/Conference/-/Submission"]}
    if not wrapped:
        invited = {"invitation": "BOAT.cc/2024/Conference/-/Blind_Submission"}  # type: ignore[dict-item]
    return {
        "id": id_,
        "forum": id_,
        "replyto": None,
        "cdate": DAY - 86_400_000 * 90,
        "pdate": DAY,
        "content": fields,
        **invited,
        **said,
    }


SHAPES: dict[str, Callable[..., str]] = {
    "answer": lambda *notes: json.dumps({"notes": notes, "count": len(notes)}),
    "answer, count first": lambda *notes: json.dumps({"count": len(notes), "notes": notes}),
    "spread": lambda *notes: json.dumps({"notes": notes, "count": len(notes)}, indent=2),
    "list": lambda *notes: json.dumps(notes),
    "spread list": lambda *notes: json.dumps(notes, indent=1),
    "lines": lambda *notes: "".join(json.dumps(one) + "\n" for one in notes),
}


@pytest.mark.parametrize("shape", list(SHAPES))
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_paper_is_read_from_every_shape_and_version(
    tmp_path: Path, shape: str, wrapped: bool
) -> None:
    told = SHAPES[shape](note(wrapped=wrapped), note("b_-4567890", wrapped=wrapped))
    outcome = read_bytes(tmp_path, told.encode())
    assert (outcome.kind, outcome.aside, outcome.error) == ("openreview", [], None)
    record, other = outcome.records
    assert other.identifiers == ("openreview:b_-4567890",)
    assert (record.source, record.key) == ("openreview", "aVh9KRZdRk")
    assert record.identifiers == ("openreview:aVh9KRZdRk",)
    assert record.title == "Of Paper Boats"
    assert record.abstract.startswith(ABSTRACT)
    assert record.authors == (Author("Ada Example"), Author("Bo Sample"))
    assert record.categories == ()
    assert (record.year, record.published) == (2024, date(2024, 1, 5))
    assert record.links == (
        Link("abstract", "https://openreview.net/forum?id=aVh9KRZdRk"),
        Link("pdf", "https://openreview.net/pdf?id=aVh9KRZdRk"),
        Link("code", "https://github.com/boats/or"),
    )


@pytest.mark.parametrize(
    "other",
    [
        note("review1234", forum="aVh9KRZdRk", replyto="aVh9KRZdRk"),
        note("review1234", forum="aVh9KRZdRk"),
        note(ddate=DAY),
        note(content=content(venueid="BOAT.cc/2024/Conference/Withdrawn_Submission")),
        note(content=content(venueid="BOAT.cc/2024/Conference/Desk_Rejected_Submission")),
        note(content=content(venue="BOAT 2024 Conference Withdrawn Submission")),
        note(content=content(venue="BOAT 2024 Conference Desk Rejected Submission")),
        note(wrapped=False, invitation="BOAT.cc/2021/Conference/-/Withdrawn_Submission"),
        note(wrapped=False, invitation="BOAT.cc/2021/Conference/-/Desk_Rejected_Submission"),
    ],
)
def test_replies_and_what_was_taken_back_are_no_papers(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    outcome = read_bytes(tmp_path, SHAPES["answer"](other, note("kept567890")).encode())
    assert [record.key for record in outcome.records] == ["kept567890"]
    assert outcome.aside == []


def test_a_paper_that_was_reviewed_and_refused_is_one(tmp_path: Path) -> None:
    refused = note(content=content(venue="Submitted to BOAT 2024"))
    assert read_bytes(tmp_path, SHAPES["list"](refused).encode()).only.key == "aVh9KRZdRk"


def test_a_paper_that_is_elsewhere_too_is_named_as_there(tmp_path: Path) -> None:
    there = note(content=content(html="https://arxiv.org/abs/2401.00007v2", authors=["Anonymous"]))
    record = read_bytes(tmp_path, SHAPES["list"](there).encode()).only
    assert record.identifiers == ("openreview:aVh9KRZdRk", "2401.00007")
    assert record.authors == ()


@pytest.mark.parametrize(
    ("said", "published"),
    [
        ({}, date(2024, 1, 5)),
        ({"pdate": None}, date(2023, 10, 7)),
        ({"pdate": None, "odate": DAY - 86_400_000}, date(2024, 1, 4)),
        ({"pdate": "soon", "cdate": 10**20}, None),
        ({"pdate": True, "cdate": -5}, None),
    ],
)
def test_the_best_day_stated_counts(
    tmp_path: Path, said: dict[str, Any], published: date | None
) -> None:
    record = read_bytes(tmp_path, SHAPES["list"](note(**said)).encode()).only
    assert record.published == published


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ({"id": "aVh9KRZdRk", "forum": "aVh9KRZdRk", "content": {}}, "the paper has no title"),
        (note(content=content(title="b" * 2001)), "title has 2,001 characters"),
        (note("../../etc"), "the note has no id of OpenReview"),
        ({"content": {"title": {"value": "Of Kites"}}}, "the note has no id of OpenReview"),
        ("note", "not"),
        (note(content=content(abstract="b" * 5_000_000)), "the record has 5,00"),
    ],
)
@pytest.mark.parametrize("shape", ["answer", "list", "lines"])
def test_a_bad_note_is_put_aside_and_its_neighbours_come_in(
    tmp_path: Path, bad: Any, reason: str, shape: str
) -> None:
    told = SHAPES[shape](note("first567890"), bad, note("last4567890"))
    outcome = read_bytes(tmp_path, told.encode())
    assert [record.key for record in outcome.records] == ["first567890", "last4567890"]
    [aside] = outcome.aside
    assert aside.reason.startswith(reason)
    assert aside.source == "openreview"


def test_what_stands_before_a_break_is_read(tmp_path: Path) -> None:
    told = SHAPES["spread"](note("first567890"), note("last4567890")).encode()
    outcome = read_bytes(tmp_path, told[: told.index(b"last")])
    assert [record.key for record in outcome.records] == ["first567890"]
    assert outcome.reason == "the JSON is cut off here; what came before was read"


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    content=mutilated(SHAPES["answer"](note(), note("b234567890")).encode())
    | mutilated(SHAPES["lines"](note(), note("b234567890", wrapped=False)).encode())
)
def test_of_mutilated_notes_only_records_come_and_sentences(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    outcome = read_bytes(tmp_path_factory.getbasetemp(), content, "mutilated")
    assert all(record.title for record in outcome.records)
    assert all(thing.reason for thing in outcome.aside)
