"""Saved pages of every known shape, with invented papers: what is read, and what is put aside."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.intake import saved_page
from broadsheet.intake.opening import InputError, open_input
from broadsheet.records import Quarantined, Record

from .papers import ABSTRACT

HEAD = """new

Get trending papers in your email inbox!

Subscribe

Daily Papers

byAK and the research community

Nov 19
"""


def read(folder: Path, text: str | bytes, **options: Any) -> list[Record | Quarantined]:
    """What stands on a page."""
    page = folder / "page.txt"
    page.write_bytes(text.encode() if isinstance(text, str) else text)
    with open_input(page) as opened:
        assert saved_page.recognises(opened.head())
        return list(saved_page.read(opened, **options))


def only(folder: Path, text: str | bytes, **options: Any) -> Record:
    [thing] = read(folder, text, **options)
    assert isinstance(thing, Record), thing
    return thing


def titles(things: list[Record | Quarantined]) -> list[str]:
    return [thing.title for thing in things if isinstance(thing, Record)]


def reasons(things: list[Record | Quarantined]) -> list[tuple[int, str]]:
    return [(thing.line, thing.reason) for thing in things if isinstance(thing, Quarantined)]


def test_a_page_with_blank_lines_gives_title_abstract_day_and_rank(tmp_path: Path) -> None:
    things = read(tmp_path, f"{HEAD}\nOf Boats\n\n{ABSTRACT}\n\nOf Kites\n\n{ABSTRACT}\n")
    boats, kites = things
    assert isinstance(boats, Record)
    assert (boats.title, boats.abstract, boats.rank) == ("Of Boats", ABSTRACT, 1)
    assert isinstance(kites, Record)
    assert (kites.title, kites.abstract, kites.rank) == ("Of Kites", ABSTRACT, 2)
    assert boats.shown == kites.shown == date(2025, 11, 19)
    assert boats.published is None


def test_a_first_title_glued_to_the_word_subscribe_is_freed(tmp_path: Path) -> None:
    glued = (
        f"Get trending papers in your email inbox!\nSubscribeOf Boats\n{ABSTRACT}\nB\n{ABSTRACT}"
    )
    things = read(tmp_path, glued)
    assert titles(things) == ["Of Boats", "B"]
    assert all(isinstance(thing, Record) and thing.shown is None for thing in things)


@pytest.mark.parametrize(
    ("block", "authors", "organization", "published", "comments"),
    [
        ("  • 6 authors\n·\nJul 7, 2024", 6, None, date(2024, 7, 7), None),
        ("  • 1 author\n·\nJun 9", 1, None, date(2025, 6, 9), None),
        ("•12 authors\n\n·\n\nJun 9 2", 12, None, date(2025, 6, 9), 2),
        ("  • 3 authors\n·\nDec 12, 2024 21", 3, None, date(2024, 12, 12), 21),
        (
            " University of Boats\n·\nFeb 29, 2024",
            None,
            "University of Boats",
            date(2024, 2, 29),
            None,
        ),
        ("• Basin Labs\n·\nMay 1 7", None, "Basin Labs", date(2025, 5, 1), 7),
        ("  • 6 authors\n·\nFeb 30, 2024 4", 6, None, None, 4),
    ],
)
def test_the_block_under_an_abstract_is_read(
    tmp_path: Path,
    block: str,
    authors: int | None,
    organization: str | None,
    published: date | None,
    comments: int | None,
) -> None:
    boats, kites = read(
        tmp_path,
        f"{HEAD}Of Boats\n{ABSTRACT}\n\n{block}\n\nOf Kites\n{ABSTRACT}\n•2 authors\n·\nMay 1",
    )
    assert isinstance(boats, Record)
    assert isinstance(kites, Record)
    assert (boats.title, boats.abstract, kites.title) == ("Of Boats", ABSTRACT, "Of Kites")
    assert (boats.author_count, boats.organization) == (authors, organization)
    assert (boats.published, boats.comment_count) == (published, comments)


def test_an_entry_in_the_middle_may_lack_the_block(tmp_path: Path) -> None:
    block = "• 2 authors\n·\nMay 1, 2024"
    page = f"{HEAD}A\n{ABSTRACT}\n{block}\nB\n{ABSTRACT}\nC\n{ABSTRACT}\n{block}\n"
    things = read(tmp_path, page)
    assert titles(things) == ["A", "B", "C"]
    assert [thing.author_count for thing in things if isinstance(thing, Record)] == [2, None, 2]


@pytest.mark.parametrize(
    ("on_the_page", "told", "year"),
    [
        ("May 1", None, 2025),  # a page that states no year is of the year such pages were saved in
        ("May 1, 2024", None, 2025),
        ("May 1, 2025", None, 2026),  # the site leaves out its own year, and 2025 is not left out
        ("May 1, 2030", None, 2031),
        ("May 1, 2024", 2027, 2027),
    ],
)
def test_a_date_without_a_year_is_of_the_year_the_page_was_saved_in(
    tmp_path: Path, on_the_page: str, told: int | None, year: int
) -> None:
    page = (
        f"{HEAD}A\n{ABSTRACT}\n• 2 authors\n·\n{on_the_page}\nB\n{ABSTRACT}\n• 2 authors\n·\nMar 3"
    )
    _, second = read(tmp_path, page, page_year=told)
    assert isinstance(second, Record)
    assert second.published == date(year, 3, 3)
    assert second.shown == date(year, 11, 19)


def test_an_abstract_in_several_paragraphs_is_one_abstract(tmp_path: Path) -> None:
    record = only(tmp_path, f"{HEAD}Of Boats\n\n{ABSTRACT}\n\n{ABSTRACT}\n")
    assert record.abstract == f"{ABSTRACT} {ABSTRACT}"


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("002_caff0169b47443a6.txt", "002"),
        ("my page.txt", "my page"),
        ("2025-11-19.txt.gz", "2025-11-19.txt"),
        ("no_ending", "no_ending"),
    ],
)
def test_the_page_is_called_as_its_file_without_hash_and_ending(
    tmp_path: Path, name: str, page: str
) -> None:
    file = tmp_path / name
    file.write_text(f"{HEAD}Of Boats\n{ABSTRACT}\n")
    with open_input(file) as opened:
        [record] = saved_page.read(opened)
    assert isinstance(record, Record)
    assert (record.page, record.file) == (page, name)


def test_a_bad_line_puts_its_own_paper_aside_and_no_other(tmp_path: Path) -> None:
    good = f"Of Boats\n{ABSTRACT}\n".encode()
    things = read(
        tmp_path, HEAD.encode() + good + b"Of \xff Kites\n" + ABSTRACT.encode() + b"\n" + good
    )
    assert titles(things) == ["Of Boats", "Of Boats"]
    assert reasons(things) == [(14, "byte 4 of the line is not UTF-8")]


@pytest.mark.parametrize(
    ("end", "line", "said"),
    [
        ("Of Kites\n", 15, "a title without an abstract"),
        (f"Of Kites\n{ABSTRACT[:-40]}", 15, "breaks off in mid-sentence"),
        (f"Of Kites\n{ABSTRACT[:60]}.", 15, "breaks off in mid-sentence"),
        (f"Of Kites\n{ABSTRACT} See https://boat", 15, "breaks off in mid-sentence"),
        (
            f"Of Kites\n{ABSTRACT} (See https://boats.example/kites",
            15,
            "breaks off in mid-sentence",
        ),
        ("• 6 auth", 15, "a title without an abstract"),
    ],
)
def test_a_page_cut_off_puts_its_last_entry_aside(
    tmp_path: Path, end: str, line: int, said: str
) -> None:
    things = read(tmp_path, f"{HEAD}\nOf Boats\n{ABSTRACT}\n{end}")
    assert titles(things) == ["Of Boats"]
    [(where, reason)] = reasons(things)
    assert where == line
    assert said in reason


@pytest.mark.parametrize(
    "end",
    ["", " See https://boats.example/kites", " (At boats.example/a_b.)", " Why not?", ' "So."'],
)
def test_an_abstract_that_ends_as_abstracts_do_is_whole(tmp_path: Path, end: str) -> None:
    assert only(tmp_path, f"{HEAD}Of Boats\n{ABSTRACT}{end}").abstract == f"{ABSTRACT}{end}"


def test_a_last_entry_without_the_block_that_the_others_have_was_cut_off(tmp_path: Path) -> None:
    whole = f"{ABSTRACT}\n• 2 authors\n·\nMay 1\n"
    things = read(tmp_path, f"{HEAD}A\n{whole}B\n{whole}C\n{ABSTRACT}\n")
    assert titles(things) == ["A", "B"]
    assert [line for line, _ in reasons(things)] == [22]


@pytest.mark.parametrize("cut", ["• 2 authors", "• 2 authors\n·", "• 2 authors\n·\nMa"])
def test_a_block_cut_off_makes_no_paper_of_its_own(tmp_path: Path, cut: str) -> None:
    whole = f"{ABSTRACT}\n• 2 authors\n·\nMay 1\n"
    things = read(tmp_path, f"{HEAD}A\n{whole}B\n{ABSTRACT}\n{cut}")
    assert set(titles(things)) <= {"A", "B"}
    assert all(t.abstract == ABSTRACT for t in things if isinstance(t, Record))


@pytest.mark.parametrize("rest", ["", "\u200e\n\x01\n", "\n\n\n"])
def test_a_page_without_any_paper_is_refused(tmp_path: Path, rest: str) -> None:
    with pytest.raises(InputError, match="no paper stands on the page"):
        read(tmp_path, HEAD + rest)


@pytest.mark.parametrize("filling", [b"a\n", b"Boats\n" + b"b" * 400 + b"\n"])
def test_what_is_far_too_large_for_a_page_is_refused(tmp_path: Path, filling: bytes) -> None:
    with pytest.raises(InputError, match="a saved page has far less"):
        read(tmp_path, HEAD.encode() + filling * (20_000_000 // len(filling)))


# Where an abstract is cut off just behind a sentence or within an address, nothing shows it.
FINISHED = (".", "!", "?", "…", ".)", '."', ".]")


@pytest.fixture(scope="session")
def printed(shared: Path) -> dict[str, list[tuple[str, str]]]:
    """Title and abstract of every paper of each page, in the order they stand on it."""
    extracted = (shared / "seeds" / "papers.jsonl").read_text(encoding="utf-8").splitlines()
    texts = {
        file.name[:3]: file.read_text(encoding="utf-8")
        for file in (shared / "seeds").glob("0*.txt")
    }
    return {
        page: sorted(
            ((p["title"], p["abstract"]) for p in map(json.loads, extracted) if page in p["pages"]),
            key=lambda paper: text.index(paper[1]),
        )
        for page, text in texts.items()
    }


def import_cut(folder: Path, page: Path, at: int) -> list[Record | Quarantined]:
    cut = folder / page.name
    cut.write_bytes(page.read_bytes()[:at])
    try:
        with open_input(cut) as opened:
            if not saved_page.recognises(opened.head()):
                return []
            return list(saved_page.read(opened))
    except InputError:
        return []


@settings(max_examples=60, deadline=None, derandomize=True)
@given(share=st.floats(0, 1), which=st.integers(0, 2))
def test_of_a_page_cut_anywhere_only_whole_papers_come_in(
    shared: Path,
    printed: dict[str, list[tuple[str, str]]],
    tmp_path_factory: pytest.TempPathFactory,
    share: float,
    which: int,
) -> None:
    page = sorted((shared / "seeds").glob("0*.txt"))[which]
    at = round(share * page.stat().st_size)
    things = import_cut(tmp_path_factory.getbasetemp(), page, at)
    papers = [(thing.title, thing.abstract) for thing in things if isinstance(thing, Record)]
    expected = printed[page.name[:3]][: len(papers)]
    assert [title for title, _ in papers] == [title for title, _ in expected]
    assert papers[:-1] == expected[:-1]
    if papers and papers[-1] != expected[-1]:
        (_, abstract), (_, whole) = papers[-1], expected[-1]
        assert whole.startswith(abstract)
        assert abstract.endswith(FINISHED) or "." in abstract.rsplit(" ", 1)[-1]
    assert len([thing for thing in things if isinstance(thing, Quarantined)]) <= 1


def test_hardly_any_cut_goes_unnoticed(
    pages: list[Path], printed: dict[str, list[tuple[str, str]]], tmp_path: Path
) -> None:
    cuts = [(page, at) for page in pages for at in range(0, page.stat().st_size, 1499)]
    shortened = 0
    for page, at in cuts:
        things = import_cut(tmp_path, page, at)
        papers = [(thing.title, thing.abstract) for thing in things if isinstance(thing, Record)]
        shortened += papers != printed[page.name[:3]][: len(papers)]
    assert shortened / len(cuts) < 0.02
