"""arXiv's metadata as one file of JSON lines: recognised, read, its traps, its size."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from broadsheet.intake.arxiv import snapshot
from broadsheet.intake.formats import recognise
from broadsheet.intake.importing import import_files
from broadsheet.intake.opening import open_input
from broadsheet.records import Author, Quarantined, Record
from broadsheet.store import papers
from broadsheet.store.engine import Store

from . import arxiv_samples as samples
from .papers import line


def read(folder: Path, content: bytes) -> list[Record | Quarantined]:
    """What a file holds, found out as an import does it."""
    file = folder / "papers.json"
    file.write_bytes(content)
    with open_input(file) as opened:
        assert recognise(opened).name == "arxiv"
        return list(snapshot.read(opened))


def only(folder: Path, **changes: Any) -> Record:
    """The record of a line, between two others."""
    before, one, after = read(
        folder,
        samples.snapshot_line(id="2611.00001")
        + samples.snapshot_line(**changes)
        + samples.snapshot_line(id="2611.00002"),
    )
    assert isinstance(before, Record)
    assert isinstance(after, Record)
    assert isinstance(one, Record), one
    return one


def refusal(folder: Path, content: bytes) -> str:
    """Why a line was put aside; the two around it have to come in."""
    before, one, after = read(
        folder,
        samples.snapshot_line(id="2611.00001") + content + samples.snapshot_line(id="2611.00002"),
    )
    assert isinstance(before, Record)
    assert isinstance(after, Record)
    assert isinstance(one, Quarantined), one
    assert (one.line, one.source, one.file) == (2, "arxiv", "papers.json")
    assert one.excerpt == content.strip(b"\n")
    return one.reason


def test_a_line_is_read(tmp_path: Path) -> None:
    record = only(tmp_path)
    assert (record.source, record.key, record.version) == ("arxiv", "2611.01234", 2)
    assert record.title == "Small Boats, Long Memories"
    assert record.abstract.startswith("We measure how small boats keep")
    assert record.abstract.endswith("at https://github.com/boats/harbour.")
    assert record.identifiers == ("2611.01234", "doi:10.1000/boats.7")
    assert record.authors == (
        Author("Mara Quill", "North Lab"),
        Author("José Fen Jr.", "North Lab"),
        Author("S. M. Tao", "North Lab"),
    )
    assert record.categories == ("cs.CL", "cs.LG")
    assert (record.published, record.updated) == (date(2026, 11, 17), date(2026, 11, 19))
    assert record.licence == samples.LICENCE


@pytest.mark.parametrize(
    "id_", ["0704.0001", "1412.9999", "1501.00001", "hep-th/9901001", "math.GT/0309136"]
)
def test_ids_are_text_with_zeros_and_slashes(tmp_path: Path, id_: str) -> None:
    assert only(tmp_path, id=id_).key == id_


@pytest.mark.parametrize("id_", [704.0001, 1501.1, 7])
def test_ids_that_a_program_took_for_numbers_are_put_aside(tmp_path: Path, id_: float) -> None:
    assert "took ids for numbers" in refusal(tmp_path, samples.snapshot_line(id=id_))


def test_nulls_are_nothing(tmp_path: Path) -> None:
    names = ("submitter", "comments", "doi", "license", "abstract", "versions", "update_date")
    record = only(tmp_path, **dict.fromkeys(names), categories=None, authors_parsed=None)
    assert record.identifiers == ("2611.01234",)
    assert (record.abstract, record.licence, record.categories) == ("", None, ())
    assert (record.version, record.published, record.updated) == (None, None, None)
    assert [author.name for author in record.authors] == ["Mara Quill", "José Fen Jr.", "S. M. Tao"]


def test_missing_keys_are_nothing(tmp_path: Path) -> None:
    kept = {"id", "title", "categories", "update_date"}
    values = {key: value for key, value in samples.snapshot().items() if key in kept}
    first, _ = read(tmp_path, json.dumps(values).encode() + b"\n" + samples.snapshot_line())
    assert isinstance(first, Record)
    assert (first.authors, first.updated) == ((), date(2026, 11, 20))


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        (["Quill"], Author("Quill")),
        (["Quill", "Mara"], Author("Mara Quill")),
        (["Quill", "Mara", ""], Author("Mara Quill")),
        (["Quill", "", "", "Hive", "Reef"], Author("Quill", "Hive; Reef")),
        (["von Quill", "M.O.", "III", ""], Author("M. O. von Quill III")),
        (["Basin Collaboration", "", ""], Author("Basin Collaboration")),
    ],
)
def test_rows_of_authors_vary_in_length(tmp_path: Path, row: list[str], wanted: Author) -> None:
    assert only(tmp_path, authors_parsed=[row]).authors == (wanted,)


def test_empty_rows_name_nobody(tmp_path: Path) -> None:
    assert only(tmp_path, authors_parsed=[[], [""], ["", "", ""], [":", ""]]).authors == ()


def test_mathematics_stays_and_white_space_is_folded(tmp_path: Path) -> None:
    record = only(tmp_path, title="  On $O(n \\log\n  n)$\t boats", abstract="  a\n  b\n")
    assert record.title == "On $O(n \\log n)$ boats"
    assert record.abstract == "a b"


def test_the_first_and_the_latest_version_are_told_by_number(tmp_path: Path) -> None:
    versions = [
        {"version": "v2", "created": "Fri, 1 Jan 2010 10:00:00 GMT"},
        {"version": "v10", "created": "Sat, 2 Feb 2013 10:00:00 GMT"},
        {"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"},
    ]
    record = only(tmp_path, versions=versions)
    assert (record.version, record.published, record.updated) == (
        10,
        date(2007, 4, 2),
        date(2013, 2, 2),
    )


def test_a_withdrawn_paper_is_known(tmp_path: Path) -> None:
    assert only(tmp_path, comments="This paper has been withdrawn").withdrawn
    assert only(tmp_path, abstract="  This paper has been withdrawn by the author.\n").withdrawn
    assert not only(tmp_path).withdrawn


def test_categories_may_be_a_list(tmp_path: Path) -> None:
    assert only(tmp_path, categories=["cs.CL cs.LG"]).categories == ("cs.CL", "cs.LG")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "not JSON"),
        (b"[1, 2]", "not a JSON object"),
        (b'{"id": "2611.00003", "title": "\xff"}', "not UTF-8"),
        (samples.snapshot_line(id=None), "no arXiv id"),
        (samples.snapshot_line(id="boats"), "“boats” is no arXiv id"),
        (samples.snapshot_line(title=None), "no title"),
        (samples.snapshot_line(title=7), "title is not text"),
        (samples.snapshot_line(title="x" * 3000), "the title has 3,000 characters"),
        (samples.snapshot_line(categories=7), "categories is not text"),
        (samples.snapshot_line(authors_parsed="Quill"), "authors_parsed is not a list"),
        (samples.snapshot_line(authors_parsed=[7]), "authors_parsed is not a list"),
        (samples.snapshot_line(authors_parsed=[[7]]), "authors_parsed is not a list"),
        (samples.snapshot_line(versions="v1"), "versions is not a list"),
        (samples.snapshot_line(versions=[{"version": 1}]), "versions is not a list"),
    ],
)
def test_a_line_that_cannot_be_read_is_put_aside(
    tmp_path: Path, content: bytes, words: str
) -> None:
    assert words in refusal(tmp_path, content.strip(b"\n") + b"\n")


def test_an_unreadable_day_costs_the_day_only(tmp_path: Path) -> None:
    record = only(tmp_path, versions=[{"version": "v1", "created": "Tue, 31 Feb 2026 1:2:3 GMT"}])
    assert (record.version, record.published) == (1, None)


def test_other_lines_of_json_are_not_taken_for_a_snapshot() -> None:
    assert not snapshot.recognises(line(1) + line(2))
    assert not snapshot.recognises(b'{"id": "2611.00001", "title": "Boats"}\n')
    assert not snapshot.recognises(b"")
    assert not snapshot.recognises(b"id,title,categories\n")


def test_a_first_line_longer_than_what_is_looked_at_is_recognised(tmp_path: Path) -> None:
    crowd = [[f"Ant{number}", "A.", "", "Hive"] for number in range(3000)]
    first, second = read(
        tmp_path, samples.snapshot_line(authors_parsed=crowd) + samples.snapshot_line()
    )
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert len(first.authors) == 3000


def test_a_snapshot_is_recognised_packed_and_with_blank_lines(tmp_path: Path) -> None:
    content = gzip.compress(b"\xef\xbb\xbf\n" + samples.snapshot_line() + b"\n\n")
    [record] = read(tmp_path, content)
    assert isinstance(record, Record)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "papers.json"
    with file.open("wb") as out:
        for number in range(1_000):
            out.write(samples.snapshot_line(id=f"2611.{number:05}"))
    with open_input(file) as opened:
        tracemalloc.start()
        count = sum(isinstance(one, Record) for one in snapshot.read(opened))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert count == 1_000
    assert peak < 1_000_000


def test_an_import_holds_the_papers_and_a_later_file_revises_them(
    sqlite_store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "arxiv-metadata-oai-snapshot.json"
    file.write_bytes(samples.snapshot_line(versions=samples.snapshot()["versions"][:1]))
    first = import_files(sqlite_store, [file])
    assert (first.read, first.new, first.quarantined) == (1, 1, 0)
    file.write_bytes(samples.snapshot_line(title="Small Boats, Longer Memories"))
    second = import_files(sqlite_store, [file])
    assert (second.read, second.new) == (1, 0)
    with sqlite_store.reading() as connection:
        [paper] = papers.every(connection)
    assert (paper.id, paper.version) == ("2611.01234", 2)
    assert paper.title == "Small Boats, Longer Memories"
    assert [origin.source for origin in paper.origins] == ["arxiv"]
