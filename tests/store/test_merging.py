"""Folding records into a paper's row: a function of what was said, not of when."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.records import Author, Link, Record
from broadsheet.store.merging import (
    digested,
    facts_of,
    fold,
    record_json,
    record_of,
    same_work,
    strength,
    title_name,
    unfold,
)

PROPERTY = settings(derandomize=True, max_examples=60, deadline=None)
WORDS = st.text("abc é-", max_size=12)
DAYS = st.none() | st.dates(date(1991, 8, 14), date(2030, 1, 1))
COUNTS = st.none() | st.integers(0, 2**31 - 1)
RECORDS = st.builds(
    Record,
    source=st.sampled_from(["arxiv", "acl", "jsonl", "daily-papers", "sample"]),
    key=st.text("xyz", min_size=1, max_size=3),
    title=st.text("abc é-", min_size=1, max_size=12),
    abstract=WORDS,
    summary=WORDS,
    identifiers=st.lists(
        st.sampled_from(["2401.00001", "acl:1", "doi:10.1000/a"]), unique=True
    ).map(tuple),
    authors=st.lists(st.builds(Author, WORDS, st.none() | WORDS), max_size=3).map(tuple),
    author_count=COUNTS,
    organization=st.none() | WORDS,
    categories=st.lists(st.sampled_from(["cs.LG", "cs.CL", "math.CO"])).map(tuple),
    year=st.none() | st.integers(1900, 2100),
    published=DAYS,
    updated=DAYS,
    shown=DAYS,
    version=st.none() | st.integers(1, 9),
    links=st.lists(
        st.builds(
            Link,
            st.sampled_from(["pdf", "code"]),
            st.sampled_from(["https://a.org", "https://b.org"]),
            st.booleans(),
        )
    ).map(tuple),
    comment_count=COUNTS,
    licence=st.none() | WORDS,
    page=st.none() | WORDS,
    rank=COUNTS,
    file=st.none() | WORDS,
)


def origin_of(record: Record) -> dict[str, Any]:
    return {
        name: getattr(record, name) for name in ("source", "key", "shown", "page", "rank", "file")
    }


@PROPERTY
@given(record=RECORDS)
def test_the_row_of_a_single_record_gives_the_record_back(record: Record) -> None:
    row = fold([record])
    again = unfold(row, origin_of(record), [*record.identifiers, "title:a-name-0123456789"])
    assert fold([again]) == row
    assert set(again.identifiers) == set(record.identifiers)
    kept = ("source", "key", "title", "abstract", "summary", "authors", "organization", "file")
    for name in (
        *kept,
        "published",
        "updated",
        "shown",
        "comment_count",
        "licence",
        "page",
        "rank",
    ):
        assert getattr(again, name) == getattr(record, name)


@PROPERTY
@given(record=RECORDS)
def test_a_record_survives_being_kept_as_json(record: Record) -> None:
    kept = orjson.loads(orjson.dumps(record_json(record)))
    again = record_of(record.source, record.key, kept)
    links = tuple({link.url: link for link in reversed(record.links)}.values())[::-1]
    assert set(again.links) == set(links)
    assert replace(again, links=()) == replace(
        record,
        links=(),
        organization=record.organization or None,
        licence=record.licence or None,
        page=record.page or None,
        file=record.file or None,
    )


@PROPERTY
@given(
    records=st.lists(RECORDS, min_size=1, max_size=4, unique_by=lambda r: (r.source, r.key)),
    seed=st.integers(0, 99),
)
def test_a_paper_does_not_depend_on_the_order_of_its_records(
    records: list[Record], seed: int
) -> None:
    assert fold(random.Random(seed).sample(records, len(records))) == fold(records)


@PROPERTY
@given(records=st.lists(RECORDS, min_size=2, max_size=3, unique_by=lambda r: (r.source, r.key)))
def test_a_record_read_back_from_a_row_weighs_as_much_as_it_did(records: list[Record]) -> None:
    first, *others = records
    read_back = unfold(fold([first]), origin_of(first), first.identifiers)
    assert fold([read_back, *others]) == fold(records)


def test_each_column_takes_the_most_trusted_source_that_has_it() -> None:
    page = Record(
        "daily-papers",
        "1",
        "a title in haste",
        "Copied.",
        organization="The Lab",
        published=date(2024, 1, 3),
        shown=date(2024, 1, 5),
        rank=2,
        comment_count=4,
        links=(Link("code", "https://example.org/code"),),
    )
    arxiv = Record(
        "arxiv",
        "2401.00001",
        "A Title",
        "Original.",
        published=date(2024, 1, 2),
        shown=date(2024, 1, 4),
        comment_count=0,
        links=(Link("pdf", "https://example.org/pdf"),),
    )
    row = fold([page, arxiv])
    assert (row["title"], row["abstract"], row["organization"]) == (
        "A Title",
        "Original.",
        "The Lab",
    )
    assert (row["published"], row["announced"]) == (date(2024, 1, 2), date(2024, 1, 4))
    assert (row["day"], row["year"]) == (date(2024, 1, 4), 2024)
    assert (row["comment_count"], row["rank"]) == (4, 2)
    assert [link[0] for link in row["links"]] == ["pdf", "code"]


def test_a_paper_without_an_announcement_belongs_to_the_day_it_was_published() -> None:
    assert fold([Record("jsonl", "1", "A title", published=date(2024, 2, 29))])["day"] == date(
        2024, 2, 29
    )
    assert fold([Record("jsonl", "1", "A title", year=1999)])["day"] is None


def test_the_rank_is_that_of_the_first_day_it_was_shown() -> None:
    later = Record("daily-papers", "1", "A title", shown=date(2024, 1, 9), rank=1)
    sooner = Record("daily-papers", "2", "A title", shown=date(2024, 1, 8), rank=7)
    assert fold([later, sooner])["rank"] == 7


def test_a_digest_tells_what_is_said_and_not_the_file_it_stood_in() -> None:
    record = Record("jsonl", "1", "A title", file="a.txt")
    assert digested(record)[1] == digested(replace(record, file="b.txt"))[1]
    assert digested(record)[1] != digested(replace(record, abstract="More."))[1]
    assert digested(record)[1] != digested(replace(record, comment_count=0))[1]


def test_identifiers_are_strongest_where_they_name_the_work_best() -> None:
    by_strength = [
        "2401.00001",
        "hep-th/9901001",
        "acl:2024.1",
        "doi:10.1000/a",
        "title:a-0123456789",
    ]
    mixed = [by_strength[place] for place in (3, 0, 4, 2, 1)]
    assert sorted(mixed, key=strength) == by_strength


def test_one_title_by_two_people_has_two_names() -> None:
    lee = Record("jsonl", "1", "Introduction", authors=(Author("Ann Lee"),))
    chen = replace(lee, authors=(Author("Chen, Bo"),))
    assert title_name(lee) != title_name(chen)
    assert title_name(lee) == title_name(replace(lee, title="INTRODUCTION.", source="acl"))
    assert title_name(lee).startswith("title:introduction-")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({}, {}, True),
        ({}, {"title": "Something else entirely"}, False),
        ({"authors": "Ann Lee"}, {"authors": "Lee, A."}, True),
        ({"authors": "Ann Lee"}, {"authors": "Bo Chen"}, False),
        ({"authors": "Ann Lee"}, {}, True),
        ({"year": 2020}, {"year": 2022}, True),
        ({"year": 2020}, {"year": 2023}, False),
        ({"identifiers": "2401.00001"}, {"identifiers": "2401.00002"}, False),
        ({"identifiers": "2401.00001"}, {"identifiers": "doi:10.1000/a"}, True),
        ({"title": "Dropout"}, {"title": "Dropout"}, True),
        ({"title": "Dropout", "authors": "Ann Lee"}, {"title": "Dropout"}, False),
        (
            {"title": "Dropout", "authors": "Ann Lee"},
            {"title": "Dropout", "authors": "A Lee"},
            True,
        ),
    ],
)
def test_a_shared_title_is_one_work_unless_something_speaks_against_it(
    one: dict[str, Any], other: dict[str, Any], same: bool
) -> None:
    first, second = (
        facts_of([record], record.identifiers) for record in map(statement, (one, other))
    )
    assert same_work(first, second) is same
    assert same_work(second, first) is same


def statement(facts: dict[str, Any]) -> Record:
    return Record(
        "jsonl",
        "1",
        facts.get("title", "Why do sparse networks sleep"),
        authors=(Author(facts["authors"]),) if "authors" in facts else (),
        year=facts.get("year"),
        identifiers=(facts["identifiers"],) if "identifiers" in facts else (),
    )


def test_of_two_copies_of_a_page_the_whole_one_counts_under_either_name() -> None:
    whole = Record("daily-papers", "a:1", "Sparse nets", "First sentence. Second sentence.")
    cut = Record("daily-papers", "b:1", "Sparse nets", "First sentence.")

    assert fold([cut, whole])["abstract"] == "First sentence. Second sentence."
    assert fold([replace(whole, key="b:1"), replace(cut, key="a:1")])["abstract"] == whole.abstract


def test_a_page_under_another_name_says_nothing_new() -> None:
    page = Record("daily-papers", "a:1", "Sparse nets", "Text.", page="000", file="000.txt")

    assert digested(page)[1] == digested(replace(page, page="copy", file="copy.txt"))[1]
