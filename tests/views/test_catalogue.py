"""The catalogue: lists, editions and papers, as every output asks for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from broadsheet.records import Listing, Order, Period, View
from broadsheet.views import catalogue, periods
from broadsheet.views.catalogue import Edition, Holdings, view_of
from broadsheet.views.query import parse
from search.library import Library, paper

MONDAY, TUESDAY, SUNDAY = date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 7)
APRIL = date(2024, 4, 30)


@pytest.fixture
def paper_rack(library: Library) -> Library:
    """Papers of three days in January, one of April, and one without a day."""
    page = {"source": "daily-papers", "page": "Page 1"}
    library.hold(
        paper("late", "A late hawk", shown=MONDAY, rank=3, **page),
        paper("first", "A first hawk", shown=MONDAY, rank=1, **page),
        paper("unranked", "An unranked hawk", shown=MONDAY),
        paper("tuesday", "A hawk on Tuesday", published=TUESDAY, categories=("cs.LG",)),
        paper("sunday", "A hawk on Sunday", published=SUNDAY, categories=("cs.LG", "cs.CL")),
        paper("april", "A dove in April", published=APRIL),
        paper("undated", "A dove without a day", year=2020, source="sample"),
    )
    return library


def listed(library: Library, period: Period, **how: Any) -> list[str]:
    entries = library.catalogue.listing(view_of(parse(""), period, **how)).entries
    return [entry.paper.id.removeprefix("acl:") for entry in entries]


def edition(library: Library, period: Period) -> Edition:
    return library.catalogue.edition(view_of(parse(""), period))


def test_a_day_lists_its_papers_in_the_order_they_were_printed(paper_rack: Library) -> None:
    assert listed(paper_rack, periods.day_of(MONDAY)) == ["first", "late", "unranked"]
    assert listed(paper_rack, periods.day_of(date(2024, 1, 3))) == []


def test_weeks_and_months_list_the_newest_day_first(paper_rack: Library) -> None:
    january = ["sunday", "tuesday", "first", "late", "unranked"]
    assert listed(paper_rack, periods.week_of(MONDAY)) == january
    assert listed(paper_rack, periods.week_of(date(2024, 1, 8))) == []
    assert listed(paper_rack, periods.month_of(SUNDAY)) == january
    assert listed(paper_rack, periods.ALL) == ["april", *january, "undated"]
    assert listed(paper_rack, periods.UNDATED) == ["undated"]


def test_entries_of_a_plain_list_are_numbered_on_over_its_pages(paper_rack: Library) -> None:
    second = paper_rack.catalogue.listing(view_of(parse(""), limit=3, page=2))
    assert [entry.rank for entry in second.entries] == [4, 5, 6]
    assert {(entry.score, entry.reasons) for entry in second.entries} == {(0.0, ())}
    assert second.total == 7


def test_entries_of_a_search_are_numbered_on_over_its_pages(paper_rack: Library) -> None:
    second = paper_rack.listing("hawk", limit=2, page=2)
    assert [entry.rank for entry in second.entries] == [3, 4]
    assert second.total == 5


def test_a_search_looks_only_at_its_period(paper_rack: Library) -> None:
    assert set(paper_rack.find("hawk", period=periods.day_of(MONDAY))) == {
        "late",
        "first",
        "unranked",
    }
    assert paper_rack.find("dove", period=periods.month_of(APRIL)) == ["april"]


def test_an_edition_knows_the_nearest_ones_that_have_papers(paper_rack: Library) -> None:
    tuesday = edition(paper_rack, periods.day_of(TUESDAY))
    assert (tuesday.previous, tuesday.next) == (periods.day_of(MONDAY), periods.day_of(SUNDAY))
    january = edition(paper_rack, periods.month_of(SUNDAY))
    assert (january.previous, january.next) == (None, periods.month_of(APRIL))
    empty = edition(paper_rack, periods.week_of(date(2024, 2, 29)))
    assert (empty.previous, empty.next) == (periods.week_of(MONDAY), periods.week_of(APRIL))


def test_an_edition_has_the_calendar_of_its_month_and_the_pages_that_showed_it(
    paper_rack: Library,
) -> None:
    monday = edition(paper_rack, periods.day_of(MONDAY))
    assert monday.days == {MONDAY: 3, TUESDAY: 1, SUNDAY: 1}
    assert set(monday.shown_by) == {("daily-papers", "Page 1"), ("jsonl", None)}
    assert edition(paper_rack, periods.week_of(MONDAY)).shown_by == ()


def test_an_edition_counts_the_categories_of_its_papers(paper_rack: Library) -> None:
    week = edition(paper_rack, periods.week_of(MONDAY))
    assert week.categories == (
        ("cs", "Computer Science", 2),
        ("cs.LG", "Machine Learning", 2),
        ("cs.CL", "Computation and Language", 1),
    )
    assert edition(paper_rack, periods.day_of(MONDAY)).categories == ()


def test_undated_papers_have_no_neighbours_and_no_calendar(paper_rack: Library) -> None:
    undated = edition(paper_rack, periods.UNDATED)
    assert (undated.previous, undated.next, undated.days) == (None, None, {})
    assert undated.listing.total == 1


def test_the_latest_edition_is_the_newest_day_with_papers(library: Library) -> None:
    assert library.catalogue.latest() is None
    library.put(paper("a", "One", published=MONDAY), paper("b", "Two", published=TUESDAY))
    assert library.catalogue.latest() == periods.day_of(TUESDAY)


def test_an_empty_store_has_empty_editions(library: Library) -> None:
    day = edition(library, periods.day_of(MONDAY))
    assert (day.listing.entries, day.listing.total, day.previous, day.next) == ((), 0, None, None)
    assert day.categories == ()


def test_a_paper_is_found_by_its_id_its_former_ids_and_its_addresses(library: Library) -> None:
    owls = paper("owl", "On the owls of Oxford")
    library.put(replace(owls, identifiers=()))
    former = listed(library, periods.ALL)[0]
    library.put(owls, replace(owls, key="2", identifiers=("2401.00001", "doi:10.1000/owl")))
    assert former.startswith("title:on-the-owls-of-oxford-")
    addresses = ("2401.00001v2", "https://arxiv.org/abs/2401.00001", "https://doi.org/10.1000/OWL")
    for name in (former, "acl:owl", *addresses):
        found = library.catalogue.paper(name)
        assert found is not None
        assert found.id == "2401.00001"


def test_a_paper_nobody_knows_is_none(paper_rack: Library) -> None:
    for name in ("2401.99999", "", "acl:nobody", "https://arxiv.org/abs/2401.99999"):
        assert paper_rack.catalogue.paper(name) is None


def test_a_paper_tells_what_it_said_before(library: Library) -> None:
    library.put(paper("a", "One", "Early."))
    library.put(paper("a", "One", "Late."))
    found = library.catalogue.paper("acl:a")
    assert found is not None
    assert [old.abstract for old in library.catalogue.versions(found)] == ["Early."]


def test_problems_of_a_query_come_before_notes_on_its_result(paper_rack: Library) -> None:
    listing = paper_rack.listing("year:soon hawk ostrich")
    assert listing.notes == (
        "“year:soon” is no year; write year:2023, year:2020..2024 or year:2020.. .",
        "No paper has all of these words; these have some of them.",
    )
    assert listing.total == 5


def test_a_query_without_a_word_finds_nothing_and_says_why(paper_rack: Library) -> None:
    listing = paper_rack.listing("!?")
    assert (listing.entries, listing.total) == ((), 0)
    assert listing.notes == ("The query holds no word to look for.",)


def test_a_blank_query_is_the_whole_list(paper_rack: Library) -> None:
    assert paper_rack.listing("  ").total == 7
    assert paper_rack.listing("  ").notes == ()


@pytest.mark.parametrize("text", ["", "hawk"])
def test_nobody_turns_pages_beyond_the_deepest(
    paper_rack: Library, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(catalogue, "DEEPEST", 3)
    deep = paper_rack.catalogue.listing(View(parse(text), offset=3))
    beyond = paper_rack.catalogue.listing(View(parse(text), offset=10**15))
    assert beyond.entries == deep.entries
    assert deep.entries[0].rank == 4
    assert view_of(parse(text), limit=2, page=10**9).offset == 3


def test_words_are_ranked_by_relevance_and_everything_else_by_newness() -> None:
    assert view_of(parse("hawk")).order is Order.RELEVANCE
    assert view_of(parse("cat:cs.LG year:2024")).order is Order.NEW
    assert view_of(parse("-hawk")).order is Order.NEW
    assert view_of(parse("hawk"), order=Order.NEW).order is Order.NEW


def test_a_paper_gone_from_the_store_is_not_listed_before_the_index_knows(
    paper_rack: Library,
) -> None:
    paper_rack.remove("sample")
    listing = paper_rack.listing("dove")
    assert [entry.paper.id for entry in listing.entries] == ["acl:april"]


def test_holdings_follow_every_change(library: Library) -> None:
    shelves = library.catalogue
    assert shelves.holdings() == Holdings(0, 0, 0, 0)
    library.put(paper("a", "One", published=MONDAY), paper("b", "Two", source="sample"))
    assert shelves.holdings() == Holdings(papers=2, undated=1, samples=1, quarantined=0)
    library.remove("sample")
    assert shelves.holdings() == Holdings(papers=1, undated=0, samples=0, quarantined=0)


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (0.04, "0.0 ms"),
        (12.34, "12.3 ms"),
        (999.9, "999.9 ms"),
        (999.96, "1.0 s"),
        (1085.5, "1.1 s"),
    ],
)
def test_what_a_list_took_is_told_in_the_unit_that_people_use(
    milliseconds: float, said: str
) -> None:
    assert Listing(View(), (), 0, milliseconds).took == said
