"""RIS: what a reference says, references that do not end, recorded odd files."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings

from broadsheet.records import Author, Link

from .papers import ABSTRACT
from .reading import mutilated, read_bytes, read_file

FIRST, SECOND = ABSTRACT[:200], ABSTRACT[200:]
REFERENCE = f"""TY  - JOUR
TI  - Of Paper
      Boats
AU  - Example, Ada
AU  - King, Cy, Jr.
AU  - Basin Labs
T2  - Boats Quarterly
PY  - 2024/01/05/
DO  - https://doi.org/10.1000/BOATS.7
UR  - https://boats.example/7
L1  - https://boats.example/7.pdf
KW  - boats
AB  - {FIRST}
{SECOND}
ER  - \n"""


def reference(title: str = "Of Boats", **more: str) -> str:
    lines = "".join(f"{tag}  - {value}\n" for tag, value in more.items())
    return f"TY  - JOUR\nTI  - {title}\n{lines}ER  - \n"


def test_everything_a_reference_says_is_read(tmp_path: Path) -> None:
    outcome = read_bytes(tmp_path, b"\xef\xbb\xbf\r\n" + REFERENCE.replace("\n", "\r\n").encode())
    assert outcome.kind == "ris"
    record = outcome.only
    assert record.title == "Of Paper Boats"
    assert record.abstract == f"{FIRST.strip()} {SECOND.strip()}"
    assert record.authors == (Author("Ada Example"), Author("Cy King Jr."), Author("Basin Labs"))
    assert (record.key, record.identifiers) == ("doi:10.1000/boats.7", ("doi:10.1000/boats.7",))
    assert (record.year, record.published) == (2024, date(2024, 1, 5))
    assert record.categories == ()
    assert record.links == (
        Link("doi", "https://doi.org/10.1000/boats.7"),
        Link("page", "https://boats.example/7"),
        Link("pdf", "https://boats.example/7.pdf"),
    )


@pytest.mark.parametrize(
    "more",
    [
        {"UR": "http://arxiv.org/abs/2401.00007"},
        {"DO": "10.48550/arXiv.2401.00007"},
        {"JO": "arXiv preprint arXiv:2401.00007"},
        {"DO": "https://doi.org/10.48550/arXiv.2401.00007"},
    ],
)
def test_an_arxiv_paper_is_known_as_one(tmp_path: Path, more: dict[str, str]) -> None:
    assert read_bytes(tmp_path, reference(**more).encode()).only.identifiers == ("2401.00007",)


@pytest.mark.parametrize(
    ("more", "year", "published"),
    [
        ({"PY": "2016/12//"}, 2016, None),
        ({"PY": "2024", "DA": "2024/07/28"}, 2024, date(2024, 7, 28)),
        ({"Y1": "2024-07-28"}, 2024, date(2024, 7, 28)),
        ({"PY": "2023/02/30"}, 2023, None),
        ({"PY": "///", "Y1": "2001"}, 2001, None),
        ({"PY": "in press"}, None, None),
    ],
)
def test_the_day_is_known_where_all_of_it_is_stated(
    tmp_path: Path, more: dict[str, str], year: int | None, published: date | None
) -> None:
    record = read_bytes(tmp_path, reference(**more).encode()).only
    assert (record.year, record.published) == (year, published)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("TY  - JOUR\nAU  - Example, Ada\nER  - \n", "the paper has no title"),
        (reference("b" * 2001), "title has 2,001 characters"),
        (reference(AU="b" * 1_001), "a name has 1,001 characters"),
        (reference(AB="b" * 2_000_000), "the record has 2,000,0"),
        ("TY  - JOUR\nTI  - B\n" + "bo\n" * 400_000 + "ER  -\n", "the record has 1,200,0"),
        (reference("\udcff"), "the record is not UTF-8"),
    ],
)
def test_a_bad_reference_is_put_aside_and_its_neighbours_come_in(
    tmp_path: Path, bad: str, reason: str
) -> None:
    content = (reference("One") + bad + reference("Three")).encode("utf-8", "surrogateescape")
    outcome = read_bytes(tmp_path, content)
    assert [record.title for record in outcome.records] == ["One", "Three"]
    [aside] = outcome.aside
    assert aside.reason.startswith(reason)
    assert aside.line == 4


def test_a_reference_that_does_not_end_ends_where_the_next_begins(tmp_path: Path) -> None:
    content = reference("One").replace("ER  - \n", "") + reference("Two").removesuffix("ER  - \n")
    outcome = read_bytes(tmp_path, content.encode())
    assert [record.title for record in outcome.records] == ["One", "Two"]


@pytest.mark.parametrize("content", [b"TY  - J\n" * 130_000, b"TY  - J\nTI  - b\n" * 60_000])
def test_no_file_takes_long(tmp_path: Path, content: bytes) -> None:
    started = time.process_time()
    assert read_bytes(tmp_path, content).things
    assert time.process_time() - started < 6


def test_recorded_references_are_read_as_they_stand(shared: Path) -> None:
    folder = shared / "data/recorded/bib_importers/fileformat"
    record = read_file(folder / "RisImporterTest6.ris").only
    assert record.title == (
        "Chelation: Harnessing and Enhancing Heavy Metal Detoxification—A Review"
    )
    assert record.authors == (Author("Margaret E Sears"),)
    assert record.identifiers == ("doi:10.1155/2013/219840",)
    assert record.published == date(2013, 4, 18)
    record = read_file(folder / "RisImporterTestWithEmptyER.ris").only
    assert record.authors == (Author("Yu Shi"), Author("Thomas L. Beck"))
    assert record.published == date(2013, 7, 28)
    record = read_file(folder / "RisImporterTest3.ris").only
    assert record.identifiers == ("doi:10.1201/b19107-2",)
    assert record.year == 2015
    corrupted = read_file(folder / "RisImporterCorrupted.ris")
    assert corrupted.reason.startswith("this is text of a kind unknown here")


def test_every_other_recorded_file_gives_its_reference(shared: Path) -> None:
    folder = shared / "data/recorded/bib_importers/fileformat"
    files = [file for file in sorted(folder.glob("*.ris")) if "Corrupted" not in file.name]
    assert len(files) == 18
    titled = [file.name for file in files if read_file(file).records]
    assert [file.name for file in files if file.name not in titled] == [
        "RisImporterTestDoiAndJournalTitle.ris"
    ]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(content=mutilated((REFERENCE + reference()).encode()))
def test_of_a_mutilated_file_only_records_come_and_sentences(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    outcome = read_bytes(tmp_path_factory.getbasetemp(), content, "mutilated")
    assert all(record.title for record in outcome.records)
    assert all(thing.reason for thing in outcome.aside)
