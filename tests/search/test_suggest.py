"""What a few letters bring up, and words that are nearly the one typed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.records import Author
from broadsheet.search import suggest
from broadsheet.search.spelling import Vocabulary, edits
from broadsheet.search.suggest import Candidates, Look, Suggester, Typed, fit
from broadsheet.store import papers
from search.library import Library, paper

NO_CORRECTIONS: dict[str, frozenset[str]] = {}


def looking(library: Library) -> Look:
    look = Suggester(library.index).look()
    assert look is not None
    return look


def keys(library: Library, found: Candidates) -> list[str]:
    with library.store.reading() as connection:
        held = papers.by_number(connection, found.numbers)
    return [one.id.removeprefix("acl:") for one in held]


def titles(library: Library, text: str, *, correcting: bool = False) -> list[str]:
    return keys(library, looking(library).titles(Typed.of(text), correcting=correcting))


def names(library: Library, text: str, *, correcting: bool = False) -> list[str]:
    return keys(library, looking(library).names(Typed.of(text), correcting=correcting))


# --- what was typed -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words", "last"),
    [
        ("", (), ""),
        ("Atten", (), "atten"),
        ("attention ", ("attention",), ""),
        ("Attention is all", ("attention", "is"), "all"),
        ("BERT: Pre-tr", ("bert", "pre"), "tr"),
        ("Erdős, P.", ("erdos", "p"), ""),
        ("?!", (), ""),
    ],
)
def test_the_last_word_is_unfinished_until_something_follows_it(
    text: str, words: tuple[str, ...], last: str
) -> None:
    assert Typed.of(text) == Typed(words, last)


@pytest.mark.parametrize(
    ("text", "title", "how"),
    [
        ("attention is", "Attention Is All You Need", 0),
        ("attention i", "Attention Is All You Need", 0),
        ("attention need", "Attention Is All You Need", 1),
        ("need attention ", "Attention Is All You Need", 1),
        ("nee attention ", "Attention Is All You Need", None),
        ("attention is all you need now", "Attention Is All You Need", None),
        ("atention is", "Attention Is All You Need", 2),
        ("all atention ", "Attention Is All You Need", 3),
        ("", "Attention Is All You Need", 0),
    ],
)
def test_titles_fit_by_how_they_begin(text: str, title: str, how: int | None) -> None:
    corrected = {"atention": frozenset(["attention"])}
    assert fit(Typed.of(text), title.lower().split(), corrected) == how


# --- papers and names ---------------------------------------------------------------------------


@pytest.fixture
def shelf(library: Library) -> Library:
    """Titles and names to look among."""
    library.hold(
        paper("lamps", "Oil Lamps in Winter", authors=(Author("Ada Wick"), Author("Bo Glass"))),
        paper("lampshade", "A Lampshade of Glass", authors=(Author("Ada Wickham"),)),
        paper("winter", "Winter Without Oil", authors=(Author("Żofia Wick"),)),
        paper("of", "Of the Sea", authors=(Author("Sea Salt"),)),
        paper("transformer", "Transformers for Lamps"),
    )
    return library


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("la", {"lamps", "lampshade", "transformer"}),
        ("lampsh", {"lampshade"}),
        ("oil l", {"lamps", "winter"}),  # one letter is left to whoever compares titles
        ("oil la", {"lamps"}),
        ("lamps oil ", {"lamps"}),
        ("lamp ", set()),
        ("oil zeppelin", set()),
        ("l", set()),
        ("", set()),
        ("of the", {"of"}),
        ("of the sea", {"of"}),
    ],
)
def test_papers_come_up_by_words_of_their_title(shelf: Library, text: str, found: set[str]) -> None:
    assert set(titles(shelf, text)) == found


def test_papers_come_up_by_names(shelf: Library) -> None:
    assert set(names(shelf, "wick")) == {"lamps", "lampshade", "winter"}
    assert set(names(shelf, "ada w")) == {"lamps", "lampshade"}
    assert set(names(shelf, "zof")) == {"winter"}
    assert names(shelf, "lamps") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("lmps ", {"lamps", "transformer"}),  # one left out
        ("laamps ", {"lamps", "transformer"}),  # one put in
        ("lanps ", {"lamps", "transformer"}),  # one changed
        ("lmaps ", {"lamps", "transformer"}),  # two swapped
        ("wintr oil", {"lamps", "winter"}),
        ("trasnfromer", {"transformer"}),  # two edits, and unfinished
        ("trnasf", {"transformer"}),
        ("lpms ", set()),  # two edits are too many for a short word
        ("ol ", set()),  # and one for a very short one
    ],
)
def test_mistyped_words_are_read_as_likelier_ones(
    shelf: Library, text: str, found: set[str]
) -> None:
    assert titles(shelf, text) == []
    assert set(titles(shelf, text, correcting=True)) == found


def test_a_word_that_many_titles_have_is_not_taken_for_a_mistyped_one(library: Library) -> None:
    library.hold(*(paper(f"m{n}", f"Mating of Owls {n}") for n in range(3)))
    library.hold(*(paper(f"d{n}", f"Dating of Coins {n}") for n in range(20)))
    assert titles(library, "mating", correcting=True) == []
    library.hold(*(paper(f"e{n}", f"Dating of Bones {n}") for n in range(20)))
    found = looking(library).titles(Typed.of("mating"), correcting=True)
    assert found.corrected == {"mating": frozenset(["dating"])}


def test_the_newest_come_up_and_old_ones_that_begin_so(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggest, "_CANDIDATES", 5)
    first = date(2020, 1, 1)
    library.hold(
        paper("old", "Oil Lamps", shown=date(1999, 1, 1)),
        *(
            paper(f"n{n}", f"Many Long Words on Oil Lamps {n}", shown=first + timedelta(n))
            for n in range(30)
        ),
    )
    assert titles(library, "oil lam")[:5] == ["n29", "n28", "n27", "n26", "n25"]
    assert "old" in titles(library, "oil lam")


def test_of_a_frequent_beginning_only_some_completions_are_read(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggest, "_POSTINGS", 4)
    library.hold(
        *(paper(f"a{n}", f"Lamp {n}") for n in range(3)),
        *(paper(f"b{n}", f"Lantern {n}") for n in range(2)),
    )
    assert set(titles(library, "la")) == {"a0", "a1", "a2"}


def test_what_comes_in_can_be_suggested_and_what_goes_no_longer(library: Library) -> None:
    assert Suggester(library.index).look() is None
    library.hold(paper("kites", "Of Kites"))
    suggester = Suggester(library.index)
    look = suggester.look()
    assert look is not None
    assert keys(library, look.titles(Typed.of("kite"))) == ["kites"]
    assert keys(library, look.titles(Typed.of("kitess"), correcting=True)) == ["kites"]
    library.remove("jsonl")
    library.hold(paper("lamps", "Of Lamps", source="acl", categories=("cs.LG",)))
    look = suggester.look()
    assert look is not None
    assert look.titles(Typed.of("kite")).numbers == ()
    assert keys(library, look.titles(Typed.of("lampss"), correcting=True)) == ["lamps"]
    assert sorted(look.categories) == [("cs", 1), ("cs.lg", 1)]


@pytest.mark.parametrize(
    "text", ["\0", "'\"", "a" * 5000, "w " * 400, "中文 标题", "(((", "*:*", "-"]
)
def test_no_text_is_too_odd(shelf: Library, text: str) -> None:
    for correcting in (False, True):
        assert titles(shelf, text, correcting=correcting) == []
        assert names(shelf, text, correcting=correcting) == []


# --- spelling -----------------------------------------------------------------------------------


def away(word: str, other: str) -> int:
    """The edits between two words, two neighbours swapped counting as one, as a book has it."""
    table = {(i, 0): i for i in range(len(word) + 1)} | {(0, j): j for j in range(len(other) + 1)}
    for i in range(1, len(word) + 1):
        for j in range(1, len(other) + 1):
            table[i, j] = min(
                table[i - 1, j] + 1,
                table[i, j - 1] + 1,
                table[i - 1, j - 1] + (word[i - 1] != other[j - 1]),
            )
            if i > 1 and j > 1 and word[i - 2 : i] == other[j - 2 : j][::-1]:
                table[i, j] = min(table[i, j], table[i - 2, j - 2] + 1)
    return table[len(word), len(other)]


WORDS = st.text("abc", min_size=3, max_size=11)


@settings(max_examples=200, deadline=None)
@given(WORDS, st.lists(WORDS, min_size=1, max_size=8, unique=True))
def test_words_are_near_exactly_where_a_few_edits_part_them(word: str, others: list[str]) -> None:
    vocabulary = Vocabulary((other, 1) for other in others)
    allowed = edits(word)
    whole = {other for other in others if 0 < away(word, other) <= allowed}
    assert {near for near, _ in vocabulary.near(word, unfinished=False, most=9)} == whole
    begun = {
        other
        for other in others
        if 0 < min(away(word, other[:end]) for end in range(len(other) + 1)) <= allowed
    }
    assert {near for near, _ in vocabulary.near(word, unfinished=True, most=9)} == begun


def test_the_nearest_come_first_then_the_more_frequent() -> None:
    vocabulary = Vocabulary([("lantern", 2), ("lanterns", 9), ("lanternist", 99), ("pattern", 50)])
    assert vocabulary.near("lanterms", unfinished=False, most=9) == [
        ("lanterns", 9),
        ("lantern", 2),
    ]
    assert vocabulary.near("lanterms", unfinished=False, most=1) == [("lanterns", 9)]
    assert vocabulary.near("pattern", unfinished=False, most=9) == []


def test_words_that_begin_so_come_most_frequent_first() -> None:
    vocabulary = Vocabulary([("lantern", 2), ("lamp", 9), ("lane", 2), ("oil", 99)])
    assert vocabulary.beginning("la", 2) == [("lamp", 9), ("lane", 2)]
    assert vocabulary.beginning("lant", 9) == [("lantern", 2)]
    assert vocabulary.beginning("é", 9) == vocabulary.beginning("l" * 30, 9) == []


def test_an_empty_vocabulary_knows_nothing() -> None:
    assert Vocabulary(()).beginning("la", 4) == []
    assert Vocabulary(()).near("lantern", unfinished=True, most=4) == []
