"""What a query finds: words, phrases, fields, filters, and the order of what was found."""

from __future__ import annotations

from datetime import date

import pytest

from broadsheet.records import Author, Link, Order, Period, Span
from broadsheet.search import lexical
from search.library import Library, paper


@pytest.fixture
def shelf(library: Library) -> Library:
    """Eight invented papers that differ in what a query can ask for."""
    library.hold(
        paper(
            "prune",
            "Pruning sparse networks",
            "We cut the weights of networks that nobody needs.",
            authors=(Author("Ann Lee"), Author("Bo Chen")),
            categories=("cs.LG", "stat.ML"),
            published=date(2023, 5, 1),
            links=(Link("code", "https://example.org/prune"),),
        ),
        paper(
            "sleep",
            "On the sleep of networks",
            "State of the art results on rest. Pruning is not considered.",
            authors=(Author("Zoë Łukasz-Brown"),),
            categories=("cs.CL",),
            published=date(2024, 2, 29),
        ),
        paper(
            "survey",
            "A survey of pruning",
            "Everything that was ever pruned.",
            organization="Institute of Gardening",
            categories=("math.CO",),
            year=2020,
        ),
        paper("café", "Résumé of a naïve café", "Poincaré drank tea.", published=date(1999, 1, 1)),
        paper("cjk", "零样本 学习 for everyone", "一种新方法。", published=date(2021, 6, 1)),
        paper("formula", "The $L_2$ norm of GPT-4o", "It holds for x_1 and B2B.", year=2021),
        paper("title", "Mutual information", "Nothing else.", year=2019),
        paper(
            "abstract",
            "A paper without it",
            "Information is mutual, and mutual information.",
            year=2022,
        ),
    )
    return library


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("sleep", {"sleep"}),
        ("SLEEPING", {"sleep"}),
        ("pruning networks", {"prune", "sleep"}),
        ("the pruning of networks", {"prune", "sleep"}),
        ("prune -survey", {"prune", "sleep"}),
        ("prune -title:survey -sleep", {"prune"}),
        ('prune -"not considered"', {"prune", "survey"}),
        ("-networks -information", {"survey", "café", "cjk", "formula"}),
        ('"state of the art"', {"sleep"}),
        ('"art of the state"', set()),
        ('"mutual information"', {"title", "abstract"}),
        ("state-of-the-art", {"sleep"}),
        ("title:prune", {"prune", "survey"}),
        ('title:"pruning sparse"', {"prune"}),
        ("author:chen", {"prune"}),
        ('author:"ann lee"', {"prune"}),
        ('author:"lee bo"', set()),
        ("author:lukasz", {"sleep"}),
        ("author:ŁUKASZ", {"sleep"}),
        ("author:gardening", {"survey"}),
        ("zoe", {"sleep"}),
        ("author:pruning", set()),
        ("resume", {"café"}),
        ("RÉSUMÉ", {"café"}),
        ("re\u0301sume\u0301", {"café"}),
        ("poincare", {"café"}),
        ("学习", {"cjk"}),
        ("gpt-4o", {"formula"}),
        ("cat:cs.LG", {"prune"}),
        ("cat:CS.lg", {"prune"}),
        ("cat:cs", {"prune", "sleep"}),
        ("cat:c", set()),
        ("pruning -cat:cs", {"survey"}),
        ("year:2020", {"survey"}),
        ("year:2019..2021", {"survey", "cjk", "formula", "title"}),
        ("year:..1999", {"café"}),
        ("year:2023..", {"prune", "sleep"}),
        ("pruning -year:2023..", {"survey"}),
        ("has:code", {"prune"}),
        ("pruning -has:code", {"sleep", "survey"}),
        ("has:video", set()),
        ("the", {"prune", "sleep", "formula"}),
        ("to be", set()),
        ("unheard", set()),
        ("x" * 61, set()),
        ("-" + "x" * 61 + " cat:cs", {"prune", "sleep"}),
    ],
)
def test_a_query_finds_the_papers_that_fit_it(shelf: Library, query: str, keys: set[str]) -> None:
    assert set(shelf.find(query)) == keys


@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("pru", {"prune", "survey"}),
        ("networks slee", {"sleep"}),
        ("naiv", {"café"}),
        ("author:che", {"prune"}),
        ("author:prun", set()),
        ("prune -sleep sur", {"survey"}),
        ("gard", {"survey"}),
        ("gpt-4", set()),
        ('"mutual infor', set()),
        ("cat:c", set()),
    ],
)
def test_while_typing_the_last_word_may_be_a_beginning(
    shelf: Library, typed: str, keys: set[str]
) -> None:
    assert set(shelf.find(typed, typing=True)) == keys


def test_a_paper_whose_title_has_the_words_comes_before_one_whose_abstract_has_them(
    shelf: Library,
) -> None:
    assert shelf.find("mutual information") == ["title", "abstract"]


@pytest.mark.parametrize("query", ["sleep gardening", "sleep " + "x" * 61, 'sleep "of the rings"'])
def test_papers_with_some_words_are_shown_and_said_to_be_where_none_has_all(
    shelf: Library, query: str
) -> None:
    listing = shelf.listing(query)
    assert "sleep" in shelf.find(query)
    assert listing.notes == ("No paper has all of these words; these have some of them.",)


def test_filters_hold_also_for_papers_that_have_only_some_words(shelf: Library) -> None:
    assert shelf.find("sleep gardening cat:cs") == ["sleep"]
    assert shelf.listing("sleep gardening cat:econ").notes == ()


def test_a_query_that_all_words_fit_has_no_note(shelf: Library) -> None:
    assert shelf.listing("pruning networks").notes == ()
    assert shelf.listing("unheard").notes == ()


def test_undated_papers_are_a_period_of_their_own(shelf: Library) -> None:
    undated = Period(Span.UNDATED)
    assert set(shelf.find("pruning", period=undated)) == {"survey"}
    day = Period(Span.DAY, date(2024, 2, 29), date(2024, 2, 29))
    assert set(shelf.find("pruning", period=day)) == {"sleep"}
    months = Period(Span.MONTH, date(2023, 5, 1), date(2024, 2, 28))
    assert set(shelf.find("networks", period=months)) == {"prune"}


def test_the_newest_come_first_where_that_is_asked_for_and_undated_ones_last(
    shelf: Library,
) -> None:
    assert shelf.find("prune", order=Order.NEW) == ["sleep", "prune", "survey"]
    assert shelf.find("-networks", order=Order.RELEVANCE) == [
        *("cjk", "café", "survey", "formula", "title", "abstract")
    ]


def test_the_same_paper_is_not_similar_to_itself(shelf: Library) -> None:
    entry = shelf.listing("title:pruning title:sparse").entries[0]
    similar = shelf.catalogue.similar(entry.paper)
    assert {one.paper.id for one in similar} >= {"acl:sleep", "acl:survey"}
    assert entry.paper.id not in {one.paper.id for one in similar}
    assert all(one.reasons for one in similar)


def test_a_period_counts_its_categories_most_frequent_first(library: Library) -> None:
    day = date(2024, 1, 2)
    library.hold(
        paper("a", "One", categories=("cs.LG", "cs.CL"), published=day),
        paper("b", "Two", categories=("cs.LG",), published=day),
        paper("c", "Three", categories=("math.CO",), published=date(2024, 1, 3)),
    )
    index = library.index.current()
    assert index is not None
    period = Period(Span.DAY, date(2024, 1, 2), date(2024, 1, 2))
    assert index.categories(period, 2) == [("cs", 2), ("cs.lg", 2)]


def alike(library: Library, count: int) -> list[str]:
    """Papers of equal score, the first of which entered the index last."""
    keys = [f"p{number}" for number in range(count)]
    library.hold(*(paper(key, f"Equal merit of {key}") for key in keys))
    for key in keys[:3]:
        library.hold(paper(key, f"Equal merit of {key}", comment_count=1))
    return keys


def test_papers_of_equal_score_are_listed_by_number_over_all_pages(library: Library) -> None:
    keys = alike(library, 10)
    assert library.find("merit") == keys
    pages = [library.find("merit", limit=3, page=page) for page in (1, 2, 3, 4, 5)]
    assert pages == [keys[:3], keys[3:6], keys[6:9], keys[9:], []]
    assert [library.find("merit", limit=1, page=page)[0] for page in range(1, 11)] == keys


def test_pages_part_even_more_equals_than_are_sorted(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical, "_MOST_EQUALS", 4)
    keys = alike(library, 12)
    for limit in (1, 5):
        pages = [library.find("merit", limit=limit, page=page) for page in range(1, 13)]
        assert sorted(key for page in pages for key in page) == sorted(keys)


def test_pages_of_the_newest_follow_each_other_with_ties_by_number(library: Library) -> None:
    days = [date(2024, 1, 1), date(2024, 1, 2)]
    keys = [f"p{number}" for number in range(8)]
    library.hold(*(paper(k, f"Of {k}", published=days[n % 2]) for n, k in enumerate(keys)))
    pages = [library.find("of", order=Order.NEW, limit=3, page=page) for page in (1, 2, 3)]
    assert [key for page in pages for key in page] == keys[1::2] + keys[::2]
    assert library.listing("of", limit=3).total == 8


def test_asking_for_more_than_there_is_gives_all_there_is(shelf: Library) -> None:
    assert len(shelf.find("pruning", limit=10**12)) == 3
    assert len(shelf.find("pruning", limit=10**12, order=Order.NEW)) == 3


def test_what_matched_can_be_marked(shelf: Library) -> None:
    assert shelf.listing("the pruning of title:networks -sleep cat:cs").marks == {
        "prune",
        "network",
    }
