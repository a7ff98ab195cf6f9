"""Papers found in the store: by any of their names, by day, and one after the other."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from broadsheet.records import Link, Period, Record, Span
from broadsheet.store import papers, putting
from broadsheet.store.engine import Store

MONDAY, TUESDAY, FRIDAY = date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 5)


def said(key: str, **facts: Any) -> Record:
    return Record("jsonl", key, f"A paper about {key}", **facts)


def hold(store: Store, *records: Record) -> None:
    with store.writing() as connection:
        putting.put(connection, records)


def day(on: date, until: date | None = None) -> Period:
    return Period(Span.WEEK if until else Span.DAY, on, until or on)


@pytest.fixture
def named(store: Store) -> Store:
    """A store with a paper of arXiv, an old one of arXiv, one with a DOI and one without any."""
    hold(
        store,
        said("new", identifiers=("2403.13064", "doi:10.1000/new")),
        said("old", identifiers=("hep-th/9901001",)),
        said("acl", identifiers=("acl:2024.acl-long.1",)),
        said("bare"),
    )
    return store


def test_a_paper_is_found_by_every_name_and_address_it_has(named: Store) -> None:
    names = {
        "new": [
            "2403.13064",
            "2403.13064v2",
            "arXiv:2403.13064",
            " https://arxiv.org/abs/2403.13064v3 ",
            "https://arxiv.org/pdf/2403.13064.pdf",
            "doi:10.1000/NEW",
            "https://doi.org/10.1000/new",
            "http://dx.doi.org/10.1000/new",
        ],
        "old": ["hep-th/9901001v1", "https://arxiv.org/abs/hep-th/9901001"],
        "acl": ["acl:2024.acl-long.1"],
    }
    with named.reading() as connection:
        for key, all_of_them in names.items():
            found = [papers.by_id(connection, name) for name in all_of_them]
            assert [paper and paper.origins[0].key for paper in found] == [key] * len(found)


def test_a_name_no_paper_has_finds_none(named: Store) -> None:
    strangers = [
        "",
        "2403.99999",
        "bare",
        "doi:10.1000/none",
        "https://example.org/",
        "\0",
        "\udcff",
    ]
    with named.reading() as connection:
        assert [papers.by_id(connection, name) for name in strangers] == [None] * len(strangers)


def test_papers_come_in_the_order_they_were_asked_for_without_those_that_are_gone(
    named: Store,
) -> None:
    with named.reading() as connection:
        found = papers.by_number(connection, [3, 99, 1])
    assert [paper.number for paper in found] == [3, 1]
    assert [paper.origins for paper in found] == [(), ()]


def test_every_paper_comes_once_also_in_small_batches(named: Store) -> None:
    with named.reading() as connection:
        assert [paper.number for paper in papers.every(connection, batch=3)] == [1, 2, 3, 4]


@pytest.fixture
def dated(store: Store) -> Store:
    """A store with papers of three days, and one without a day."""
    hold(
        store,
        said("unranked", shown=MONDAY),
        said("second", shown=MONDAY, rank=2, page="Page 1"),
        said("first", shown=MONDAY, rank=1, page="Page 1"),
        said("tuesday", published=TUESDAY),
        said("undated", year=1999),
        said("friday", shown=FRIDAY, published=TUESDAY),
    )
    return store


def test_a_period_lists_its_newest_day_first_and_each_day_as_it_was_printed(dated: Store) -> None:
    with dated.reading() as connection:
        week = papers.in_period(connection, day(MONDAY, FRIDAY), 10, 0)
        everything = papers.in_period(connection, Period(), 10, 0)
    order = ["friday", "tuesday", "first", "second", "unranked"]
    assert [paper.title.split()[-1] for paper in week] == order
    assert [paper.title.split()[-1] for paper in everything] == [*order, "undated"]


def test_a_period_counts_what_it_lists(dated: Store) -> None:
    expected = {
        Period(): 6,
        day(MONDAY): 3,
        day(TUESDAY): 1,
        day(TUESDAY, FRIDAY): 2,
        day(date(2024, 1, 3)): 0,
        Period(Span.UNDATED): 1,
    }
    with dated.reading() as connection:
        counted = {period: papers.count_in(connection, period) for period in expected}
        listed = {period: len(papers.in_period(connection, period, 10, 0)) for period in expected}
    assert counted == listed == expected


def test_parts_of_a_list_follow_each_other_without_a_gap(dated: Store) -> None:
    with dated.reading() as connection:
        whole = papers.in_period(connection, Period(), 10, 0)
        parts = [papers.in_period(connection, Period(), 2, offset) for offset in (0, 2, 4, 6)]
    assert [paper for part in parts for paper in part] == whole


def test_days_that_have_papers_know_their_neighbours(dated: Store) -> None:
    with dated.reading() as connection:
        assert papers.latest_day(connection) == FRIDAY
        assert papers.day_before(connection, FRIDAY) == TUESDAY
        assert papers.day_after(connection, TUESDAY) == FRIDAY
        assert papers.day_before(connection, MONDAY) is None
        assert papers.day_after(connection, FRIDAY) is None


def test_a_calendar_counts_each_day_that_has_papers(dated: Store) -> None:
    with dated.reading() as connection:
        counts = papers.calendar(connection, MONDAY, date(2024, 1, 4))
    assert counts == {MONDAY: 3, TUESDAY: 1}


def test_a_day_knows_the_pages_that_showed_it(dated: Store) -> None:
    with dated.reading() as connection:
        assert set(papers.shown_on(connection, MONDAY)) == {("jsonl", None), ("jsonl", "Page 1")}
        assert papers.shown_on(connection, TUESDAY) == []


def test_papers_are_counted_by_source_once_each(dated: Store) -> None:
    hold(dated, Record("sample", "1", "A paper about first"), Record("sample", "2", "A new one"))
    hold(dated, Record("sample", "3", "A paper about first", links=(Link("pdf", "https://a.org"),)))
    with dated.reading() as connection:
        assert papers.count_from(connection, "sample") == 2
        assert papers.count_from(connection, "jsonl") == 6
        assert papers.count_from(connection, "nobody") == 0


def test_an_empty_store_has_no_days(store: Store) -> None:
    with store.reading() as connection:
        assert papers.latest_day(connection) is None
        assert papers.in_period(connection, Period(), 10, 0) == []
        assert list(papers.every(connection)) == []
