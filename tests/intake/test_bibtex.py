"""BibTeX: names, accents, strings and volumes; recorded odd files; nonsense."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings

from broadsheet.records import Author, Link

from .papers import ABSTRACT
from .reading import mutilated, read_bytes, read_file

ARTICLE = r"""% Encoding: UTF-8
@Article{example2024,
  title     = {Of {\'E}tudes and {P}aper~Boats: An $n^{2}$ Bound},
  author    = {M{\"u}ller, Ada and Bo van der Sample and {Basin Labs and Sons} and King, Jr., Cy
               and others},
  journal   = {Boats},
  year      = 2024, month = jan # {~5},
  doi       = {https://doi.org/10.1000/BOATS.7},
  url       = {https://boats.example/a\_7},
  keywords  = {boats, paper},
  abstract  = {ABSTRACT},
}
""".replace("ABSTRACT", ABSTRACT)


def entry(title: str = "Of Boats", kind: str = "article", key: str = "k", **fields: str) -> str:
    said = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items())
    return f"@{kind}{{{key},\n  title = {{{title}}},\n{said}}}\n"


def test_everything_an_entry_says_is_read(tmp_path: Path) -> None:
    outcome = read_bytes(tmp_path, ARTICLE.encode())
    assert outcome.kind == "bibtex"
    record = outcome.only
    assert record.key == "doi:10.1000/boats.7"
    assert record.identifiers == ("doi:10.1000/boats.7",)
    assert record.title == "Of Études and Paper Boats: An $n^{2}$ Bound"
    assert record.abstract == ABSTRACT
    assert record.authors == (
        Author("Ada Müller"),
        Author("Bo van der Sample"),
        Author("Basin Labs and Sons"),
        Author("Cy King Jr."),
    )
    assert (record.year, record.published) == (2024, date(2024, 1, 5))
    assert record.categories == ()
    assert record.links == (
        Link("doi", "https://doi.org/10.1000/boats.7"),
        Link("page", "https://boats.example/a_7"),
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"eprint": "2401.00007", "archiveprefix": "arXiv", "primaryclass": "cs.LG"},
        {"eprint": "2401.00007v2", "eprinttype": "arxiv"},
        {"eprint": "arXiv:2401.00007"},
        {"journal": "arXiv preprint arXiv:2401.00007"},
        {"journal": "CoRR", "volume": "abs/2401.00007"},
        {"note": "arXiv:2401.00007 [cs.LG]"},
        {"url": "https://arxiv.org/abs/2401.00007v1"},
        {"howpublished": "\\url{https://arxiv.org/pdf/2401.00007.pdf}"},
        {"doi": "10.48550/arXiv.2401.00007"},
        {"url": "http://huggingface.co/papers/2401.00007"},
    ],
)
def test_an_arxiv_paper_is_known_however_it_is_cited(
    tmp_path: Path, fields: dict[str, str]
) -> None:
    record = read_bytes(tmp_path, entry(**fields).encode()).only
    assert (record.key, record.identifiers) == ("2401.00007", ("2401.00007",))
    assert record.categories == (("cs.LG",) if "primaryclass" in fields else ())


def test_numbers_of_other_archives_are_none_of_arxivs(tmp_path: Path) -> None:
    fields = {"eprint": "2401.00007", "eprinttype": "pubmed", "volume": "2401.00007"}
    record = read_bytes(tmp_path, entry(author="Ada Example", **fields).encode()).only
    assert record.identifiers == ()
    assert record.key.endswith(":example")


def test_strings_and_parts_are_put_together(tmp_path: Path) -> None:
    content = """@string{boat = "Paper Boats"}
@STRING(of = {Of })
@inproceedings(k,
  TITLE = of # boat # ", Part " # 7,
  author = "Example, {\\"A}da",
  year = "2024",
  month = FEB)
@preamble{"\\newcommand{\\x}{y}"}
@comment{jabref-meta: databaseType:bibtex;}
"""
    record = read_bytes(tmp_path, content.encode()).only
    assert record.title == "Of Paper Boats, Part 7"
    assert record.authors == (Author("Äda Example"),)
    assert (record.year, record.published) == (2024, None)


@pytest.mark.parametrize("before", [True, False])
def test_a_paper_has_the_year_of_its_volume(tmp_path: Path, before: bool) -> None:
    volume = entry("Proceedings of Boats", "proceedings", "Boats24", year="2024")
    paper = entry(kind="inproceedings", crossref="boats24")
    outcome = read_bytes(tmp_path, (volume + paper if before else paper + volume).encode())
    assert [(record.title, record.year) for record in outcome.records] == [("Of Boats", 2024)]
    own = entry(kind="inproceedings", crossref="boats24", year="1999")
    assert read_bytes(tmp_path, (volume + own).encode()).only.year == 1999


def test_a_paper_whose_volume_never_comes_is_still_one(tmp_path: Path) -> None:
    record = read_bytes(tmp_path, entry(crossref="nowhere").encode()).only
    assert (record.title, record.year) == ("Of Boats", None)


@pytest.mark.parametrize(
    ("fields", "year", "published"),
    [
        ({"date": "2024-02-29"}, 2024, date(2024, 2, 29)),
        ({"date": "2023-02-29"}, 2023, None),
        ({"date": "2024-02"}, 2024, None),
        ({"date": "2024-02-01/2024-03-01"}, 2024, date(2024, 2, 1)),
        ({"year": "2024", "month": "2", "day": "3"}, 2024, date(2024, 2, 3)),
        ({"year": "2024", "month": "3 March"}, 2024, date(2024, 3, 3)),
        ({"year": "{2024}"}, 2024, None),
        ({"year": "to appear"}, None, None),
    ],
)
def test_the_day_is_known_where_all_of_it_is_stated(
    tmp_path: Path, fields: dict[str, str], year: int | None, published: date | None
) -> None:
    record = read_bytes(tmp_path, entry(**fields).encode()).only
    assert (record.year, record.published) == (year, published)


BAD = {
    "@article{broken, title = {Of Kites\n": "not BibTeX: ",
    "@article{broken, title {Of Kites}}\n": "not BibTeX: expected a `=`",
    "@article{broken, author = {Ada}}\n": "the entry of the kind article has no title",
    entry("b" * 2001): "title has 2,001 characters; at most 2,000",
    entry(abstract="b" * 100_001): "abstract has 100,001 characters; at most 100,000",
    entry(author="b" * 1_001): "a name has 1,001 characters; at most 1000",
    entry(note="{" * 70 + "}" * 70): "braces are nested over 60 deep",
    entry(note="b\n" * 600_000): "the entry has 1,200,0",
}


@pytest.mark.parametrize("bad", list(BAD))
def test_a_bad_entry_is_put_aside_and_its_neighbours_come_in(tmp_path: Path, bad: str) -> None:
    content = entry("One") + bad + entry("Three")
    outcome = read_bytes(tmp_path, content.encode())
    assert [record.title for record in outcome.records] == ["One", "Three"]
    [aside] = outcome.aside
    assert aside.reason.startswith(BAD[bad])
    assert aside.line == 4
    assert aside.excerpt.startswith(bad.encode()[:30])


def test_a_field_that_stands_twice_counts_the_first_time(tmp_path: Path) -> None:
    content = "@article{k, title = {Of Boats}, year = {2024}, year = {2023}}"
    assert read_bytes(tmp_path, content.encode()).only.year == 2024


def test_a_file_that_says_it_is_windows_1252_is_read_as_that(tmp_path: Path) -> None:
    content = "% Encoding: windows-1252\n" + entry("Öl auf Bötchen")
    assert read_bytes(tmp_path, content.encode("cp1252")).only.title == "Öl auf Bötchen"
    [aside] = read_bytes(tmp_path, entry("Öl").encode("cp1252")).aside
    assert aside.reason == "byte 24 of the entry is not UTF-8"


def test_nothing_but_volumes_is_no_list_of_papers(tmp_path: Path) -> None:
    outcome = read_bytes(tmp_path, entry(kind="proceedings").encode())
    assert outcome.reason == "no paper stands in the file"


@pytest.mark.parametrize(
    "content",
    [
        b"@article{a,title=" + b"{" * 10_000_000,
        b"@article{a,title=" + b'"' * 900_000,
        b"@article{a,title=" + b"a # " * 250_000 + b"}",
        b"@article{a" + b",a=b" * 250_000 + b"}",
        b"@article{a,title={x},author={" + b"a and " * 80_000 + b"}}",
        b"@article{a,title={x},author={" + b"," * 450_000 + b"}}",
        b"@article{a,title={x},abstract={" + b"\\'{" * 30_000,
        b"@article{a," + b" " * 1_000_000,
        # An entry of many faults: each used to keep the whole entry's bytes.
        b"@article{,\n" + b"  ur@article{x}y},\n" * 20_000,
    ],
)
def test_nonsense_is_put_aside_at_once(tmp_path: Path, content: bytes) -> None:
    started = time.process_time()
    outcome = read_bytes(tmp_path, content)
    assert outcome.records == []
    assert len(outcome.aside) == 1
    assert time.process_time() - started < 4


def test_recorded_entries_are_read_as_they_stand(shared: Path) -> None:
    folder = shared / "data/recorded/bib_importers"
    record = read_file(folder / "headerless.bib").only
    assert record.title == "Towards Application Portability in Platform as a Service"
    assert record.authors == (Author("Stefan Kolb"), Author("Guido Wirtz"))
    assert record.year == 2014
    record = read_file(folder / "fileformat/RisImporterTest9.bib").only
    assert record.title == "Grid Cells for Conceptual Spaces?"
    assert record.identifiers == ("doi:10.1016/j.neuron.2016.10.006",)
    assert record.authors == (Author("Nikolaus Kriegeskorte"), Author("Katherine R. Storrs"))
    assert record.year == 2016
    record = read_file(folder / "fileformat/encoding-utf-8-with-header.bib").only
    assert record.title == "Ü ist ein Umlaut"
    [aside] = read_file(
        folder / "fileformat/encoding-windows-1252-but-utf-8-declared--decoding-fails.bib"
    ).aside
    assert aside.reason.endswith("of the entry is not UTF-8")


def test_every_recorded_file_gives_records_or_a_reason(shared: Path) -> None:
    count = 0
    for folder in ("bib_importers", "bib_importers_bibtexparser"):
        for file in sorted((shared / "data/recorded" / folder).rglob("*")):
            if file.is_file():
                outcome = read_file(file)
                assert outcome.things or outcome.reason, file
                count += 1
    assert count == 248


@settings(max_examples=50, deadline=None, derandomize=True)
@given(content=mutilated((ARTICLE + entry(crossref="x") + "@string{a = {b}}\n").encode()))
def test_of_a_mutilated_file_only_records_come_and_sentences(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    outcome = read_bytes(tmp_path_factory.getbasetemp(), content, "mutilated")
    assert all(record.title for record in outcome.records)
    assert all(thing.reason and "\n" not in thing.reason for thing in outcome.aside)
