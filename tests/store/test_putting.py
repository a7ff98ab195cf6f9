"""Records become papers: which record belongs to which paper, and what becomes of revisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from broadsheet.intake import sample
from broadsheet.records import Author, Origin, Paper, Record
from broadsheet.store import changes, papers, putting
from broadsheet.store.engine import Store
from broadsheet.store.putting import Outcome

TITLE = "Why do sparse networks sleep"


def said(source: str = "jsonl", key: str = "1", title: str = TITLE, **facts: Any) -> Record:
    return Record(source, key, title, **facts)


def put(store: Store, *records: Record) -> Outcome:
    with store.writing() as connection:
        return putting.put(connection, records)


def remove(store: Store, source: str) -> int:
    with store.writing() as connection:
        return putting.remove_source(connection, source)


def paper(store: Store, name: str) -> Paper:
    with store.reading() as connection:
        found = papers.by_id(connection, name)
    assert found is not None
    return found


def only(store: Store) -> Paper:
    with store.reading() as connection:
        [found] = papers.every(connection)
    return found


def count(store: Store) -> int:
    with store.reading() as connection:
        return papers.count(connection)


def by(*names: str) -> tuple[Author, ...]:
    return tuple(Author(name) for name in names)


def test_an_outcome_counts_papers_made_and_changed_and_records_without_news(store: Store) -> None:
    one, two = said(key="1", title="First thoughts"), said(key="2", title="Second thoughts")
    assert put(store, one) == Outcome(new=1)
    assert put(store, one, two) == Outcome(new=1, unchanged=1)
    revised = replace(two, abstract="Now it says more.")
    assert put(store, one, revised, revised) == Outcome(updated=1, unchanged=2)


def test_no_records_are_no_change(store: Store) -> None:
    assert put(store) == Outcome()
    with store.reading() as connection:
        assert changes.last_change(connection) == 0


def test_the_same_page_under_another_file_name_is_no_news(store: Store) -> None:
    put(store, said(file="/home/ann/day.txt"))
    assert put(store, said(file="/home/ann/copy of day.txt")) == Outcome(unchanged=1)
    put(store, said(file="/home/ann/later copy.txt", comment_count=1))
    assert only(store).origins[0].file == "/home/ann/day.txt"


@pytest.mark.parametrize(
    "title",
    [
        "WHY DO SPARSE NETWORKS SLEEP?",
        "Why do “sparse” net-works sleep",
        "Whý dö spársè Networks Sleep",
    ],
)
def test_titles_match_without_regard_to_case_accents_and_hyphens(store: Store, title: str) -> None:
    put(store, said())
    assert put(store, said("daily-papers", title=title)) == Outcome(updated=1)
    assert count(store) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"identifiers": ("2401.00001",)}, {"identifiers": ("2401.00002",)}),
        ({"authors": by("Ann Lee")}, {"authors": by("Bo Chen", "Ann Lee")}),
        ({"year": 2019}, {"year": 2022}),
    ],
    ids=["arXiv ids", "first authors", "years"],
)
def test_works_of_one_title_stay_two_where_something_tells_them_apart(
    store: Store, one: dict[str, Any], other: dict[str, Any]
) -> None:
    assert put(store, said(key="1", **one), said(key="2", **other)) == Outcome(new=2)
    assert put(store, said(key="2", **other), said(key="1", **one)) == Outcome(unchanged=2)


def test_a_short_title_alone_does_not_make_two_works_one(store: Store) -> None:
    known = said(key="1", title="Dropout", authors=by("Ann Lee"))
    assert put(store, known, said(key="2", title="Dropout")) == Outcome(new=2)
    vouched = said("acl", key="3", title="Dropout", authors=by("A. Lee"))
    assert put(store, vouched) == Outcome(updated=1)


def test_an_arxiv_id_becomes_the_public_id_and_the_old_one_still_finds_the_paper(
    store: Store,
) -> None:
    put(store, said("daily-papers"))
    old = only(store)
    assert old.id.startswith("title:why-do-sparse-networks-sleep-")
    put(store, said(identifiers=("doi:10.1000/sleep",)))
    assert paper(store, old.id).id == "doi:10.1000/sleep"
    put(store, said("arxiv", identifiers=("2401.00001", "doi:10.1000/sleep")))
    for name in (old.id, "doi:10.1000/sleep", "2401.00001"):
        found = paper(store, name)
        assert (found.id, found.number) == ("2401.00001", old.number)


def test_a_record_that_knows_two_papers_makes_them_one_with_the_names_of_both(
    store: Store,
) -> None:
    put(store, said("openreview", title="Sleep", identifiers=("openreview:abc",)))
    put(store, said("acl", title="On sleep", identifiers=("acl:2024.sleep.1",), rank=3))
    assert count(store) == 2
    both = ("openreview:abc", "acl:2024.sleep.1")
    assert put(store, said(title="Sleep", identifiers=both)) == Outcome(updated=1)
    found = paper(store, "openreview:abc")
    assert found == paper(store, "acl:2024.sleep.1")
    assert found.id == "acl:2024.sleep.1"
    assert [origin.source for origin in found.origins] == ["acl", "jsonl", "openreview"]


def test_papers_become_one_as_soon_as_one_of_them_knows_who_wrote_it(store: Store) -> None:
    put(store, said("acl", title="Dropout", identifiers=("acl:dropout",)))
    put(store, said("openreview", title="Dropout", authors=by("Ann Lee")))
    assert count(store) == 2
    told = said("jsonl", title="Dropout, told", identifiers=("acl:dropout",), authors=by("A. Lee"))
    assert put(store, told) == Outcome(updated=1)
    assert {origin.source for origin in only(store).origins} == {"acl", "openreview", "jsonl"}


def test_papers_that_became_one_keep_the_texts_both_had_before(store: Store) -> None:
    first = said("openreview", title="Sleep", identifiers=("openreview:abc",))
    second = said("acl", title="On sleep", identifiers=("acl:2024.sleep.1",), version=4)
    put(store, first, second)
    put(store, replace(first, title="Sleep, twice"), replace(second, title="More", version=5))
    put(store, said(title="Sleep", identifiers=("openreview:abc", "acl:2024.sleep.1")))
    with store.reading() as connection:
        kept = papers.versions_of(connection, paper(store, "openreview:abc").number)
    assert [(old.version, old.title) for old in kept] == [(4, "On sleep"), (1, "Sleep")]


def test_a_revision_keeps_the_text_it_replaces(store: Store) -> None:
    first = said("arxiv", abstract="Early.", identifiers=("2401.00001",), version=1)
    put(store, first)
    put(store, replace(first, abstract="Late.", version=2))
    found = paper(store, "2401.00001")
    with store.reading() as connection:
        [before] = papers.versions_of(connection, found.number)
    assert (found.version, found.abstract) == (2, "Late.")
    assert (before.version, before.title, before.abstract) == (1, TITLE, "Early.")
    assert before.replaced.tzinfo is not None


def test_revisions_without_a_number_are_counted(store: Store) -> None:
    for text in ("Early.", "Late.", "Last."):
        put(store, said(abstract=text, identifiers=("acl:1",)))
    found = paper(store, "acl:1")
    with store.reading() as connection:
        kept = papers.versions_of(connection, found.number)
    assert found.version == 3
    assert [(old.version, old.abstract) for old in kept] == [(2, "Late."), (1, "Early.")]


def test_an_older_version_imported_late_does_not_bring_its_text_back(store: Store) -> None:
    newer = said("arxiv", abstract="Late.", identifiers=("2401.00001",), version=3)
    put(store, newer)
    assert put(store, replace(newer, abstract="Early.", version=1)) == Outcome(unchanged=1)
    assert paper(store, "2401.00001").abstract == "Late."


def test_a_copy_that_changes_behind_a_better_source_is_no_earlier_version(store: Store) -> None:
    copied = said("daily-papers", abstract="A copy.", comment_count=1)
    put(store, said("arxiv", abstract="The original.", identifiers=("2401.00001",)), copied)
    put(store, replace(copied, abstract="Another copy.", comment_count=2))
    found = paper(store, "2401.00001")
    assert (found.abstract, found.comment_count) == ("The original.", 2)
    with store.reading() as connection:
        assert papers.versions_of(connection, found.number) == []


def test_a_revised_title_keeps_what_was_matched_by_the_old_one(store: Store) -> None:
    put(store, said("arxiv", identifiers=("2401.00001",)), said("daily-papers", rank=2))
    put(store, said("arxiv", title="Why networks dream", identifiers=("2401.00001",)))
    found = paper(store, "2401.00001")
    assert found.title == "Why networks dream"
    assert [origin.source for origin in found.origins] == ["arxiv", "daily-papers"]


def test_a_title_only_a_copy_gives_still_leads_to_the_paper(store: Store) -> None:
    put(store, said("arxiv", title="The proper title of it", identifiers=("2401.00001",)))
    put(store, said("acl", title="The printed title of it", identifiers=("2401.00001",)))
    assert put(store, said("daily-papers", title="The printed title of it")) == Outcome(updated=1)
    assert count(store) == 1


def test_origins_say_where_a_paper_was_seen_and_why_it_is_held_to_be_this_one(
    store: Store,
) -> None:
    put(store, said("daily-papers", key="page:4", page="Monday", rank=4, file="monday.txt"))
    put(store, said("jsonl", key="2401.00001", identifiers=("2401.00001",)))
    put(store, said("arxiv", key="x", title="Another title", identifiers=("2401.00001",)))
    assert paper(store, "2401.00001").origins == (
        Origin("arxiv", "x", matched_by="identifier"),
        Origin("daily-papers", "page:4", "Monday", 4, "monday.txt", matched_by="new"),
        Origin("jsonl", "2401.00001", matched_by="title"),
    )


def test_removing_a_source_leaves_what_others_said_as_they_said_it(store: Store) -> None:
    original = said("arxiv", abstract="The original.", identifiers=("2401.00001",))
    put(store, original)
    before = paper(store, "2401.00001")
    put(store, said("sample", summary="In our words.", organization="The Lab", comment_count=7))
    put(store, said("sample", key="2", title="Only a sample"))
    assert paper(store, "2401.00001").organization == "The Lab"
    assert remove(store, "sample") == 1
    assert replace(paper(store, "2401.00001"), change=before.change) == before
    assert count(store) == 1
    assert put(store, original) == Outcome(unchanged=1)


def test_removing_a_source_is_remembered_and_harmless_where_it_said_nothing(store: Store) -> None:
    put(store, said())
    assert remove(store, "sample") == 0
    with store.reading() as connection:
        assert changes.flag(connection, "removed:sample") == 1
        assert changes.flag(connection, "removed:jsonl") == 0
        assert changes.last_change(connection) == 1


def test_a_sample_that_was_removed_is_not_loaded_again(store: Store) -> None:
    assert sample.is_wanted(store)
    assert sample.load(store) == count(store) > 0
    sample.remove(store)
    assert count(store) == 0
    assert not sample.is_wanted(store)


def test_a_removed_paper_that_comes_again_is_a_new_one(store: Store) -> None:
    put(store, said("sample", identifiers=("2401.00001",)))
    remove(store, "sample")
    assert put(store, said("sample", identifiers=("2401.00001",))) == Outcome(new=1)
    assert paper(store, "2401.00001").number == 2


def test_more_records_than_one_statement_takes_are_put_and_removed(store: Store) -> None:
    many = [said("sample", key=str(n), title=f"Paper number {n}") for n in range(2100)]
    assert put(store, *many) == Outcome(new=2100)
    assert put(store, *many) == Outcome(unchanged=2100)
    assert remove(store, "sample") == 2100
    assert count(store) == 0


@pytest.mark.parametrize(
    "text",
    [
        "𝔸 naïve Ünïcödé ﬁ — 零样本 学习 שלום नमस्ते",
        "tab\tand\nline and \u2028 separator",
        "emoji 👩‍🔬🏳️‍🌈 and a private one \ue000, a last one \U0010ffff",
        "quote ' \" back\\slash %s {} ; drop table papers; --",
        "long " * 20_000,
    ],
    ids=["scripts", "breaks", "astral", "syntax", "very long"],
)
def test_odd_text_comes_back_as_it_was(store: Store, text: str) -> None:
    odd = said(
        title=text, abstract=text, identifiers=("acl:odd",), authors=by(text), organization=text
    )
    put(store, odd, said("acl", key="2", title="Another", identifiers=("acl:odd",)))
    put(store, replace(odd, comment_count=1))
    found = paper(store, "acl:odd")
    assert (found.abstract, found.authors, found.organization) == (text, by(text), text)
    assert found.comment_count == 1


def test_characters_no_database_keeps_are_left_out_the_same_way_on_both(store: Store) -> None:
    broken = said(
        title="A\0 title", identifiers=("acl:nul",), authors=by("Ann\0 Lee"), file="day-\udcff.txt"
    )
    put(store, broken)
    assert put(store, broken) == Outcome(unchanged=1)
    found = paper(store, "acl:nul")
    assert (found.title, found.authors[0].name) == ("A title", "Ann Lee")
    assert found.origins[0].file == "day-?.txt"
