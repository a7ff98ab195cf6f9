"""Search by words and meaning together: what each kind of query finds, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from broadsheet.embed.base import EmbedderError, Vectors
from broadsheet.records import Among, Author, Field, Listing, Order, Period, Span, Words
from broadsheet.search.follow import MeaningIndex, SearchIndex
from broadsheet.search.hybrid import Hybrid
from broadsheet.store.engine import Store
from broadsheet.views import query as language
from search.concepts import Concepts
from search.library import Library, paper


def both(store: Store, folder: Path) -> Library:
    """An empty library that is searched by words and by meaning."""
    meaning = MeaningIndex(folder / "meaning", "concepts", lambda _: Concepts())
    return Library(store, SearchIndex(folder / "words"), meaning)


@pytest.fixture
def shelf(sqlite_store: Store, tmp_path: Path) -> Library:
    """Invented papers, some of which say the same in other words."""
    library = both(sqlite_store, tmp_path)
    library.hold(
        paper("car", "Repairing the car", "A motor is mended.", published=date(2024, 3, 1)),
        paper(
            "automobile",
            "Automobile maintenance",
            "On keeping a vehicle going.",
            categories=("cs.RO",),
            published=date(2024, 3, 2),
        ),
        paper("doctor", "The physician at work", "A clinician speaks.", categories=("q-bio.QM",)),
        paper("sea", "Waves of the ocean", "The water rises. A quiet town sleeps by it."),
        paper(
            "bread",
            "Bread without yeast",
            "The dough rests for an hour.",
            authors=(Author("Maud Baker"), Author("Leo Ocean")),
        ),
        paper("letters", "An unrelated matter", "Nothing that anybody would look for."),
        paper("hawk", "Hawks of the northern hills", "A feather falls."),
    )
    return library


def halves(listing: Listing) -> list[set[str]]:
    return [{reason.kind for reason in entry.reasons} for entry in listing.entries]


def test_a_paper_is_found_by_what_it_means_without_any_word_of_the_query(shelf: Library) -> None:
    assert shelf.find("car") == ["car", "automobile"]
    assert halves(shelf.listing("car")) == [{"words", "meaning"}, {"meaning"}]


def test_a_word_that_means_nothing_known_is_still_found(shelf: Library) -> None:
    assert shelf.find("yeast") == ["bread"]
    assert halves(shelf.listing("yeast")) == [{"words"}]


@pytest.mark.parametrize(
    "query", ["car", "ocean town", "physician car", '"the ocean"', "bread yeast dough", "hill"]
)
def test_words_and_meaning_add_up_to_the_score_and_fall(shelf: Library, query: str) -> None:
    entries = shelf.listing(query).entries
    assert entries
    for entry in entries:
        assert sum(reason.value for reason in entry.reasons) == pytest.approx(entry.score)
        assert all(reason.value > 0 for reason in entry.reasons)
    scores = [entry.score for entry in entries]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] <= scores[0] <= 1 + 1e-9


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("car cat:cs.RO", ["automobile"]),
        ("car cat:cs", ["automobile"]),
        ("car -cat:cs", ["car"]),
        ("car year:2023", []),
        ("automobile year:2024", ["automobile", "car"]),
        ("car -motor", ["automobile"]),
        ("car title:automobile", ["automobile"]),
        ('vehicle "the car"', ["car"]),
        ("loaf author:baker", ["bread"]),
        ("ocean author:baker", ["bread"]),
        ("car has:code", []),
    ],
)
def test_what_a_query_demands_holds_for_papers_found_by_meaning_too(
    shelf: Library, query: str, keys: list[str]
) -> None:
    assert shelf.find(query) == keys


def test_a_period_holds_for_papers_found_by_meaning_too(shelf: Library) -> None:
    second = Period(Span.DAY, date(2024, 3, 2), date(2024, 3, 2))
    assert shelf.find("car", period=second) == ["automobile"]
    assert shelf.find("physician", period=Period(Span.UNDATED)) == ["doctor"]


def test_newest_first_lists_papers_with_the_words_only(shelf: Library) -> None:
    assert shelf.find("car", order=Order.NEW) == ["car"]


def test_papers_like_another_are_near_it_in_meaning_and_not_itself(shelf: Library) -> None:
    assert shelf.find("like:acl:car") == ["automobile"]
    assert shelf.find("like:acl:car cat:q-bio.QM") == []
    similar = shelf.catalogue.similar(shelf.listing("repairing").entries[0].paper)
    assert similar[0].paper.id == "acl:automobile"


def test_words_and_a_paper_to_be_like_pull_together(shelf: Library) -> None:
    found = shelf.find("physician like:acl:car")
    assert set(found) == {"doctor", "automobile"}


def test_to_be_like_a_paper_nobody_has_is_said(shelf: Library) -> None:
    listing = shelf.listing("car like:2403.99999")
    assert "No paper called 2403.99999 is held." in listing.notes
    assert listing.entries[0].paper.id == "acl:car"
    nothing = shelf.listing("like:2403.99999")
    assert (nothing.entries, nothing.notes) == ((), ("No paper called 2403.99999 is held.",))


def test_an_id_or_an_address_finds_its_paper_first_and_then_papers_like_it(
    sqlite_store: Store, tmp_path: Path
) -> None:
    library = both(sqlite_store, tmp_path)
    library.hold(
        paper("1", "A motor", source="arxiv"),
        paper("2", "A vehicle"),
        paper("3", "A loaf"),
    )
    library.put(paper("9", "A car of 2024").__class__(
        "arxiv", "2403.13064", "A car", "", identifiers=("2403.13064",)
    ))  # fmt: skip
    library.hold()
    for name in (
        "2403.13064",
        "arXiv:2403.13064v2",
        "https://arxiv.org/abs/2403.13064",
        "https://arxiv.org/pdf/2403.13064v1.pdf",
    ):
        found = library.find(name)
        assert found[0] == "2403.13064"
        assert set(found[1:]) == {"1", "2"}


def test_the_id_of_no_paper_is_looked_for_as_a_word_and_said(shelf: Library) -> None:
    listing = shelf.listing("2403.99999")
    assert listing.notes[0] == "No paper called 2403.99999 is held; words were looked for instead."


@pytest.mark.parametrize("query", ["maud baker", "Baker Maud", "MAUD BAKER"])
def test_a_name_finds_the_papers_of_its_bearer(shelf: Library, query: str) -> None:
    assert shelf.find(query) == ["bread"]


def test_a_misspelt_word_is_read_as_the_nearest_that_titles_have(
    sqlite_store: Store, tmp_path: Path
) -> None:
    library = both(sqlite_store, tmp_path)
    library.hold(*(paper(f"p{n}", f"Pruning of tree {n}") for n in range(3)))
    for typed in ("prunign", "prunin", "prunning", "pruming"):
        assert set(library.find(typed)) == {"p0", "p1", "p2"}
        note = f"No paper has “{typed}”; “pruning” was looked for instead."
        assert library.listing(typed).notes == (note,)
    assert library.find("prnnnig") == []


def test_a_request_in_plain_language_is_not_searched_for_its_own_words(
    sqlite_store: Store, tmp_path: Path
) -> None:
    library = both(sqlite_store, tmp_path)
    library.hold(
        paper("wanted", "Glass beads of antiquity"),
        paper("noise", "Which papers discuss papers that propose papers"),
    )
    found = library.find("Which papers discuss glass beads?")
    assert found[0] == "wanted"
    assert "noise" not in found
    assert library.find("papers")[0] == "noise"


def test_a_pasted_abstract_finds_its_paper(shelf: Library) -> None:
    pasted = "On keeping a vehicle going. " + "We also say that and this of it. " * 40
    assert shelf.find(pasted)[0] == "automobile"


def test_two_papers_of_one_work_are_one_entry(sqlite_store: Store, tmp_path: Path) -> None:
    library = both(sqlite_store, tmp_path)
    who = (Author("Ann Lee"),)
    library.hold(
        paper("preprint", "The car: a study of motors", "A motor runs.", authors=who, year=2023),
        paper("proceedings", "The car: study of motors", "A motor runs.", authors=who, year=2024),
        paper("part1", "Wine, part 1", "On grapes.", authors=who),
        paper("part2", "Wine, part 2", "On grapes.", authors=who),
        paper("other", "A vehicle", "Of another hand.", authors=(Author("Bo Chen"),)),
    )
    first, *others = library.listing("study of motors").entries
    both_of_it = [first.paper.id, *(also.id for also in first.also)]
    assert sorted(both_of_it) == ["acl:preprint", "acl:proceedings"]
    assert [entry.paper.id for entry in others] == ["acl:other"]
    assert library.listing("study of motors").total == 2
    assert set(library.find("wine")) == {"part1", "part2"}


def test_a_phrase_that_no_paper_has_is_read_as_its_words_and_said(shelf: Library) -> None:
    listing = shelf.listing('"ocean of waves"')
    assert [entry.paper.id for entry in listing.entries][:1] == ["acl:sea"]
    said = "No paper has the phrase as it stands; its words were looked for instead."
    assert said in listing.notes
    assert shelf.listing('"waves of the ocean"').notes == ()


def test_pages_of_a_result_follow_each_other(sqlite_store: Store, tmp_path: Path) -> None:
    library = both(sqlite_store, tmp_path)
    words = ("car", "automobile", "vehicle", "motor")
    library.hold(*(paper(f"p{n}", f"The {words[n % 4]} of {n}") for n in range(40)))
    whole = library.find("car", limit=100)
    assert len(whole) == 40
    pages = [library.find("car", limit=7, page=page) for page in range(1, 7)]
    assert [key for page in pages for key in page] == whole
    assert library.listing("car", limit=7, page=3).total == 40


def test_the_sentence_nearest_in_meaning_is_known(shelf: Library) -> None:
    listing = shelf.catalogue.with_nearest(shelf.listing("city streets by the sea"))
    nearest = {entry.paper.id: entry.nearest for entry in listing.entries}
    assert nearest["acl:sea"] in ("The water rises.", "A quiet town sleeps by it.")


def test_removed_papers_are_found_no_more_by_either_half(shelf: Library) -> None:
    shelf.hold(paper("extra", "A motor of tomorrow", source="sample"))
    assert "extra" in shelf.find("car")
    shelf.remove("sample")
    shelf.hold()
    assert "extra" not in shelf.find("car") + shelf.find("tomorrow") + shelf.find("motor")


def test_a_changed_paper_is_found_by_what_it_says_now(shelf: Library) -> None:
    shelf.hold(paper("letters", "A melody", "A song for winter evenings."))
    assert shelf.find("music") == ["letters"]


class _Silent(Concepts):
    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        raise EmbedderError("The embedder does not answer.")


def test_an_embedder_that_does_not_answer_costs_the_meaning_and_not_the_search(
    shelf: Library,
) -> None:
    assert shelf.meaning is not None
    folder = shelf.meaning.folder
    silent = Library(
        shelf.store, shelf.index, MeaningIndex(folder, "concepts", lambda _: _Silent())
    )
    assert silent.find("car") == ["car"]
    assert silent.catalogue.with_nearest(silent.listing("car")).entries[0].nearest == ""


def test_old_vectors_serve_while_those_of_another_embedder_are_made(
    shelf: Library,
) -> None:
    assert shelf.meaning is not None
    loaded: dict[str, Concepts] = {}

    def load(setting: str) -> Concepts:
        return loaded.setdefault(setting, Concepts(setting))

    meaning = MeaningIndex(shelf.meaning.folder, "other", load)
    changed = Library(shelf.store, shelf.index, meaning)
    during: list[list[str]] = []

    def look(_done: int, _all: int) -> None:
        during.append(changed.find("car"))

    assert meaning.catch_up(shelf.store, look)
    assert during == [["car", "automobile"]]
    assert loaded["concepts"].asked == ["car"]
    assert changed.find("car") == ["car", "automobile"]
    assert loaded["other"].asked == ["car"]


def test_an_embedder_that_cannot_be_opened_leaves_the_words(shelf: Library) -> None:
    def fail(setting: str) -> Concepts:
        raise EmbedderError(f"There is no embedder {setting}.")

    assert shelf.meaning is not None
    broken = Library(shelf.store, shelf.index, MeaningIndex(shelf.meaning.folder, "x", fail))
    assert broken.find("car") == ["car"]


@pytest.mark.parametrize(
    ("query", "papers"),
    [
        ("car in:motors", ["car", "automobile"]),
        ("car in:waters", []),
        ("car -in:motors", []),
        ("water -in:motors", ["sea"]),
        ("in:motors like:acl:car", ["automobile"]),
    ],
)
def test_an_interest_s_papers_are_a_filter_of_both_halves(
    shelf: Library, query: str, papers: list[str]
) -> None:
    catalogue = shelf.catalogue
    numbers = {
        key: catalogue.paper(f"acl:{key}").number  # type: ignore[union-attr]
        for key in ("car", "automobile", "sea")
    }
    lists = {"motors": {numbers["car"], numbers["automobile"]}, "waters": {numbers["sea"]}}
    words, meaning = catalogue._index.current(), catalogue._serving()
    assert words is not None
    assert meaning is not None
    asked = language.parse(query)
    clauses = [
        Among(clause.text, frozenset(lists[clause.text]), clause.negated)
        if isinstance(clause, Words) and clause.field is Field.IN
        else clause
        for clause in asked.clauses
    ]
    like = [numbers[name.removeprefix("acl:")] for name in asked.likes]
    found = Hybrid(words, meaning.index, meaning.embedder).search(
        replace(asked, clauses=tuple(clauses)), Period(), limit=10, like=like
    )
    keys = {number: key for key, number in numbers.items()}
    assert [keys[hit.number] for hit in found.hits] == papers
