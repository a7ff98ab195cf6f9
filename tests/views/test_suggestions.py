"""Suggestions: which kinds, in which order, and where they lead."""

from __future__ import annotations

from datetime import date

import pytest

from broadsheet.records import Author
from broadsheet.store import past_queries, readers
from broadsheet.views.suggestions import LONGEST, MOST, Kind, Suggestion
from search.library import Library, paper


@pytest.fixture
def shelf(library: Library) -> Library:
    """Papers of three years."""
    library.hold(
        paper(
            "old",
            "Lamp Oil of the Ancients",
            authors=(Author("Ada Wick"), Author("Lampert Glass")),
            categories=("cs.LG", "math.HO"),
            shown=date(1999, 5, 1),
        ),
        paper(
            "new",
            "Lamp Oil Today",
            authors=(Author("Ada Wick"), Author("Bo Lampe")),
            categories=("cs.LG",),
            shown=date(2025, 11, 19),
        ),
        paper("within", "On the Price of Lamp Oil", year=2020, authors=(Author("Bo Lampe"),)),
    )
    return library


def suggested(library: Library, text: str, reader: int | None = 1) -> list[tuple[str, str]]:
    return [(one.kind.value, one.leads) for one in library.catalogue.suggest(text, reader)]


def remember(library: Library, *texts: str) -> None:
    with library.store.writing() as connection:
        reader = readers.personal(connection)
        readers.set_preference(connection, reader, past_queries.HISTORY, past_queries.ON)
        for text in texts:
            past_queries.remember(connection, reader, text)


def test_titles_that_begin_so_come_before_those_that_have_the_words_each_newest_first(
    shelf: Library,
) -> None:
    assert [leads for kind, leads in suggested(shelf, "lamp oil") if kind == "title"] == [
        "acl:new",
        "acl:old",
        "acl:within",
    ]


def test_mistyped_words_find_what_was_meant_behind_what_was_typed(shelf: Library) -> None:
    shelf.hold(paper("lampp", "Lampp, a Program", shown=date(2000, 1, 1)))
    found = [leads for kind, leads in suggested(shelf, "lampp") if kind == "title"]
    assert found[0] == "acl:lampp"
    assert [leads for _, leads in suggested(shelf, "lmap oil tod")] == ["acl:new"]
    assert suggested(shelf, "author:lampee ") == [("author", 'author:"Bo Lampe"')]


def test_every_kind_has_its_place_in_one_order(shelf: Library) -> None:
    remember(shelf, "lamp oil in winter", "kites")
    found = shelf.catalogue.suggest("lam", 1)
    assert found == (
        Suggestion(Kind.PAST, "lamp oil in winter", "lamp oil in winter"),
        Suggestion(Kind.TITLE, "Lamp Oil Today", "acl:new", "2025"),
        Suggestion(Kind.TITLE, "Lamp Oil of the Ancients", "acl:old", "1999"),
        Suggestion(Kind.TITLE, "On the Price of Lamp Oil", "acl:within", "2020"),
        Suggestion(Kind.AUTHOR, "Bo Lampe", 'author:"Bo Lampe"'),
        Suggestion(Kind.AUTHOR, "Lampert Glass", 'author:"Lampert Glass"'),
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ada", [("author", 'author:"Ada Wick"')]),
        ("wick ada", [("author", 'author:"Ada Wick"')]),
        ("author:wi", [("author", 'author:"Ada Wick"')]),
        ('author:"ada w', [("author", 'author:"Ada Wick"')]),
        ("AUTHORS:wi", [("author", 'author:"Ada Wick"')]),
        ("author:lamp oil", []),
        ("title:pri", [("title", "acl:within")]),
        ("cs.l", [("category", "cat:cs.LG")]),
        ("CS.L", [("category", "cat:cs.LG")]),
        ("c", [("category", "cat:cs"), ("category", "cat:cs.LG")]),
        ("machine lea", [("category", "cat:cs.LG")]),
        ("machin lerning", [("category", "cat:cs.LG")]),
        ("cat:ma", [("category", "cat:math"), ("category", "cat:math.HO")]),
        ("category:cs.", [("category", "cat:cs.LG")]),
        ("year:2020.. lam", []),
        ("lamp author:wi", []),
        ("", []),
        ("   ", []),
        ("zeppelin", []),
    ],
)
def test_what_is_typed_decides_the_kinds(
    shelf: Library, text: str, found: list[tuple[str, str]]
) -> None:
    assert suggested(shelf, text) == found


def test_there_are_never_more_than_fit(library: Library) -> None:
    library.hold(
        *(
            paper(f"p{n}", f"Lamp Number {n}", authors=(Author(f"Lamp Maker{n}"),))
            for n in range(20)
        )
    )
    remember(library, *(f"lamp {n}" for n in range(20)))
    kinds = [kind for kind, _ in suggested(library, "lamp")]
    assert kinds == ["past"] * 2 + ["title"] * 4 + ["author"] * 2
    assert [kind for kind, _ in suggested(library, "title:lamp")] == ["title"] * MOST
    assert [kind for kind, _ in suggested(library, "")] == ["past"] * MOST


def test_two_papers_that_read_alike_are_one_line(library: Library) -> None:
    library.hold(
        paper("a", "Introduction", authors=(Author("Ada Wick"),), year=2020),
        paper("b", "Introduction", authors=(Author("Bo Glass"),), year=2020),
        paper("c", "Introduction", authors=(Author("Cy Flame"),), year=2021),
    )
    assert [leads for _, leads in suggested(library, "introd")] == ["acl:c", "acl:a"]


# --- searches of the reader's own ---------------------------------------------------------------


def test_past_searches_come_newest_first_and_not_the_one_that_stands_there(
    library: Library,
) -> None:
    remember(library, "oil lamps", "lamp shades", "kites")
    assert suggested(library, "lam") == [("past", "lamp shades"), ("past", "oil lamps")]
    assert suggested(library, "lamp shades") == []
    assert suggested(library, "") == [("past", t) for t in ("kites", "lamp shades", "oil lamps")]
    assert suggested(library, "lampp sha") == [("past", "lamp shades")]


def test_a_search_in_the_language_goes_on_from_what_was_asked_before(library: Library) -> None:
    remember(library, 'author:"Ada Wick" year:2020..')
    assert suggested(library, "author:ada year:20") == [("past", 'author:"Ada Wick" year:2020..')]


def test_past_searches_are_suggested_to_nobody_else_and_to_nobody_who_does_not_wish_it(
    library: Library,
) -> None:
    remember(library, "oil lamps")
    assert suggested(library, "oil", None) == []
    assert suggested(library, "oil", 99) == []
    with library.store.writing() as connection:
        readers.set_preference(connection, 1, past_queries.HISTORY, past_queries.OFF)
    assert suggested(library, "oil") == []


# --- odd text -----------------------------------------------------------------------------------


def test_names_and_titles_are_plain_and_names_can_be_asked_for(library: Library) -> None:
    library.hold(
        paper("a", "Evil\u202e lamps\x07 <b>", authors=(Author('Ada "The\u200f Lamp" Wick'),))
    )
    found = library.catalogue.suggest("lamp")
    assert [(one.text, one.leads) for one in found] == [
        ("Evil lamps <b>", "acl:a"),
        ('Ada "The Lamp" Wick', 'author:"Ada The Lamp Wick"'),
    ]


@pytest.mark.parametrize(
    "text", ["\0", '"', "-", "author:", "cat:", 'title:"', "a" * 5000, "\u202e", "%_", "né\u0301"]
)
def test_no_text_fails(shelf: Library, text: str) -> None:
    remember(shelf, "kites")
    assert len(shelf.catalogue.suggest(text, 1)) <= MOST


def test_pasted_text_is_left_alone(shelf: Library) -> None:
    assert suggested(shelf, "lamp " * LONGEST) == []


def test_without_an_index_the_reader_s_searches_are_suggested(library: Library) -> None:
    remember(library, "oil lamps")
    assert suggested(library, "oil") == [("past", "oil lamps")]
