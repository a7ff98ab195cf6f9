"""The three saved pages, read as they are: nothing lost, nothing invented, in any order."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broadsheet.intake import sample
from broadsheet.intake.importing import import_files
from broadsheet.records import Paper
from broadsheet.store import papers, quarantine
from broadsheet.store.engine import Store
from cli.program import Program

COUNTS = {"000": 65, "001": 217, "002": 69}
ALL = 327
EXPECTED = Path(__file__).with_name("page_002_expected.tsv")


@pytest.fixture
def extracted(shared: Path) -> dict[str, dict[str, Any]]:
    """What stands on the pages, by title, as somebody else took it from them."""
    lines = (shared / "seeds" / "papers.jsonl").read_text(encoding="utf-8").splitlines()
    return {paper["title"]: paper for paper in map(json.loads, lines)}


@pytest.fixture
def stated() -> dict[str, dict[str, str]]:
    """What page 002 says of each of its papers beside the abstract, by title."""
    with EXPECTED.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["title"]: row for row in rows}


def held(store: Store) -> Iterator[Paper]:
    with store.reading() as connection:
        yield from list(papers.every(connection))


def ranks(of: dict[str, dict[str, Any]], page: str) -> list[str]:
    """The titles of a page in the order of their ranks, which count from 1."""
    ranked = sorted(
        (origin["rank"], title)
        for title, paper in of.items()
        for origin in paper["origins"]
        if origin["page"] == page
    )
    assert [rank for rank, _ in ranked] == list(range(1, len(ranked) + 1))
    return [title for _, title in ranked]


@pytest.mark.parametrize("runs", ["one run", "three runs"])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_whatever_the_order_all_papers_are_held_and_a_second_time_changes_nothing(
    sqlite_store: Store,
    pages: list[Path],
    extracted: dict[str, dict[str, Any]],
    order: tuple[int, ...],
    runs: str,
) -> None:
    files = [pages[place] for place in order]
    batches = [files] if runs == "one run" else [[file] for file in files]

    first = [import_files(sqlite_store, batch) for batch in batches]
    assert sum(summary.read for summary in first) == sum(COUNTS.values())
    assert sum(summary.new for summary in first) == ALL
    assert sum(summary.quarantined + summary.refused for summary in first) == 0
    assert first[-1].held == ALL
    assert {paper.title: paper.abstract for paper in held(sqlite_store)} == {
        title: paper["abstract"] for title, paper in extracted.items()
    }

    changes = {paper.id: paper.change for paper in held(sqlite_store)}
    for batch in batches:
        again = import_files(sqlite_store, batch)
        assert (again.new, again.updated, again.quarantined) == (0, 0, 0)
        assert again.unchanged == again.read
    assert {paper.id: paper.change for paper in held(sqlite_store)} == changes
    with sqlite_store.reading() as connection:
        assert quarantine.listing(connection) == []


def test_the_command_lists_every_paper_as_it_stands_on_its_pages(
    program: Program,
    pages: list[Path],
    extracted: dict[str, dict[str, Any]],
    stated: dict[str, dict[str, str]],
) -> None:
    summary = program.ask("import", *pages)
    assert summary.pop("seconds") > 0
    assert summary == {
        "read": sum(COUNTS.values()),
        "new": ALL,
        "updated": sum(COUNTS.values()) - ALL,
        "unchanged": 0,
        "quarantined": 0,
        "held": ALL,
    }

    listed = program.papers()
    assert listed.keys() == extracted.keys()
    for title, paper in listed.items():
        assert paper["abstract"] == extracted[title]["abstract"]
        assert {origin["page"] for origin in paper["origins"]} == set(extracted[title]["pages"])
        assert {origin["source"] for origin in paper["origins"]} == {"daily-papers"}
        for origin in paper["origins"]:
            day = {"000": "2025-08-06", "001": None, "002": "2025-11-19"}[origin["page"]]
            assert origin["shown"] == day
        said = stated.get(title, dict.fromkeys(("authors", "organization", "published"), ""))
        assert str(paper["author_count"] or "") == said["authors"]
        assert (paper["organization"] or "") == said["organization"]
        assert (paper["published"] or "") == said["published"]
        assert str(paper["comment_count"] or "") == said.get("comments", "")

    for file, (page, count) in zip(pages, COUNTS.items(), strict=True):
        text = file.read_text(encoding="utf-8")
        titles = ranks(listed, page)
        assert len(titles) == count
        places = [text.index(extracted[title]["abstract"]) for title in titles]
        assert places == sorted(places)
    assert ranks(listed, "002") == list(stated)


def test_papers_of_the_sample_library_become_those_of_the_pages_and_stay_when_it_goes(
    store: Store, pages: list[Path], extracted: dict[str, dict[str, Any]]
) -> None:
    expected = {title: paper["abstract"] for title, paper in extracted.items()}
    sample.load(store)
    summary = import_files(store, pages)
    assert (summary.held, summary.quarantined) == (ALL, 0)
    assert {paper.title: paper.abstract for paper in held(store)} == expected

    sample.remove(store)
    assert {paper.title: paper.abstract for paper in held(store)} == expected
    assert not any(paper.summary for paper in held(store))
    assert all(origin.source == "daily-papers" for p in held(store) for origin in p.origins)


def test_the_sample_library_beside_the_pages_changes_nothing_a_page_says(
    sqlite_store: Store, pages: list[Path]
) -> None:
    import_files(sqlite_store, pages)
    before = {paper.id: _said(paper) for paper in held(sqlite_store)}
    sample.load(sqlite_store)
    assert {paper.id: _said(paper) for paper in held(sqlite_store)} == before
    sample.remove(sqlite_store)
    assert {paper.id: _said(paper) for paper in held(sqlite_store)} == before


def _said(paper: Paper) -> tuple[object, ...]:
    return (
        paper.title,
        paper.abstract,
        paper.author_count,
        paper.organization,
        paper.published,
        paper.announced,
        paper.comment_count,
        paper.links,
    )


def test_a_copy_of_a_page_with_other_line_ends_is_no_news(
    sqlite_store: Store, pages: list[Path], tmp_path: Path
) -> None:
    import_files(sqlite_store, pages)
    copy = tmp_path / pages[0].name
    copy.write_bytes(pages[0].read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    summary = import_files(sqlite_store, [copy])
    assert (summary.read, summary.unchanged) == (COUNTS["000"], COUNTS["000"])
