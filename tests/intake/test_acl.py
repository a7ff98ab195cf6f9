"""Collections of the ACL Anthology: what becomes of papers, front matter and broken files."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings

from broadsheet.records import Author, Quarantined, Record

from .papers import ABSTRACT
from .reading import mutilated, read_bytes

PAPER = f"""<paper id="1">
      <title>On <fixed-case>P</fixed-case>aper <b>Boats</b>
        of <tex-math>n^2</tex-math> Sheets</title>
      <author id="ada">
        <first>Ada</first><last>Example</last><affiliation>Basin Labs</affiliation>
      </author>
      <author>
        <first>王</first><last>舟</last>
        <variant script="hani"><first/><last>Zhou</last></variant>
      </author>
      <author><last>Sample</last></author>
      <pages>1–11</pages>
      <abstract>{ABSTRACT} Code: <url>https://github.com/boats/acl</url>.</abstract>
      <url hash="8d8cdc49">2024.boat-long.1</url>
      <doi>10.18653/v1/2024.Boat-long.1</doi>
      <bibkey>example-etal-2024-boats</bibkey>
      <video href="2024.boat-long.1.mp4"/>
    </paper>"""
META = "<meta><booktitle>Boats</booktitle><month>{month}</month><year>{year}</year></meta>"


def collection(
    papers: str = PAPER,
    id_: str = "2024.boat",
    volume: str = "long",
    month: str = "August",
    year: str = "2024",
    ingested: str = "2024-08-09",
) -> bytes:
    meta = META.format(month=month, year=year)
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<collection id=\"{id_}\">\n"
        f'  <volume id="{volume}" ingest-date="{ingested}" type="proceedings">\n    {meta}\n'
        f"    <frontmatter><url>{id_}-{volume}.0</url><bibkey>boat-2024</bibkey></frontmatter>\n"
        f"    {papers}\n  </volume>\n</collection>\n"
    ).encode()


def paper(number: int, title: str = "Of Boats", more: str = "") -> str:
    return f'<paper id="{number}"><title>{title}</title><bibkey>b</bibkey>{more}</paper>'


def test_everything_an_anthology_paper_says_is_read(tmp_path: Path) -> None:
    record = read_bytes(tmp_path, collection()).only
    assert record.source == "acl"
    assert record.key == "2024.boat-long.1"
    assert record.identifiers == ("acl:2024.boat-long.1", "doi:10.18653/v1/2024.boat-long.1")
    assert record.title == "On Paper Boats of $n^2$ Sheets"
    assert record.abstract == f"{ABSTRACT} Code: https://github.com/boats/acl."
    assert record.authors == (
        Author("Ada Example", "Basin Labs"),
        Author("王 舟"),
        Author("Sample"),
    )
    assert (record.year, record.published) == (2024, date(2024, 8, 9))
    assert {(link.kind, link.url) for link in record.links} == {
        ("abstract", "https://aclanthology.org/2024.boat-long.1/"),
        ("pdf", "https://aclanthology.org/2024.boat-long.1.pdf"),
        ("doi", "https://doi.org/10.18653/v1/2024.boat-long.1"),
        ("code", "https://github.com/boats/acl"),
    }


@pytest.mark.parametrize(
    ("id_", "volume", "number", "name"),
    [
        ("P19", "1", 1, "P19-1001"),
        ("P19", "1", 660, "P19-1660"),
        ("W19", "51", 1, "W19-5101"),
        ("W02", "3", 7, "W02-0307"),
        ("D19", "1", 1, "D19-1001"),
        ("D19", "57", 2, "D19-5702"),
        ("C69", "1", 4, "C69-0104"),
        ("2020.acl", "main", 42, "2020.acl-main.42"),
    ],
)
def test_old_names_fill_four_digits_and_new_ones_stand_as_they_are(
    tmp_path: Path, id_: str, volume: str, number: int, name: str
) -> None:
    record = read_bytes(tmp_path, collection(paper(number), id_, volume)).only
    assert (record.key, record.identifiers) == (name, (f"acl:{name}",))


@pytest.mark.parametrize(
    ("month", "ingested", "published"),
    [
        ("August", "2024-08-09", date(2024, 8, 9)),
        ("July", "2024-08-09", date(2024, 8, 9)),
        ("July", "2024-12-01", None),
        ("July", "2025-07-09", None),
        ("July", "soon", None),
        ("August 11-16", "2024-08-09", date(2024, 8, 11)),
        ("27 May–2 June", "2024-08-09", date(2024, 5, 27)),
        ("February 31", "2024-02-09", date(2024, 2, 9)),
        ("", "2024-03-09", date(2024, 3, 9)),
    ],
)
def test_the_day_is_the_one_stated_or_the_one_of_a_volume_taken_in_about_then(
    tmp_path: Path, month: str, ingested: str, published: date | None
) -> None:
    record = read_bytes(tmp_path, collection(month=month, ingested=ingested)).only
    assert (record.year, record.published) == (2024, published)


def test_a_paper_that_lies_elsewhere_is_linked_there(tmp_path: Path) -> None:
    away = "<url>http://www.boats.example/1.pdf</url>"
    code = '<pwccode url="https://gitlab.com/boats/one" additional="false">boats/one</pwccode>'
    record = read_bytes(tmp_path, collection(paper(1, more=away + code))).only
    assert [(link.kind, link.url) for link in record.links] == [
        ("abstract", "https://aclanthology.org/2024.boat-long.1/"),
        ("pdf", "http://www.boats.example/1.pdf"),
        ("code", "https://gitlab.com/boats/one"),
    ]


def test_front_matter_and_what_the_anthology_took_back_are_no_papers(tmp_path: Path) -> None:
    papers = (
        paper(1, more='<retracted date="2024-09-01">Sank.</retracted>')
        + paper(2, more='<removed date="2024-09-01">Sank.</removed>')
        + paper(3)
    )
    outcome = read_bytes(tmp_path, collection(papers))
    assert [record.key for record in outcome.records] == ["2024.boat-long.3"]
    assert outcome.aside == []


def test_each_volume_has_its_own_year(tmp_path: Path) -> None:
    two = collection().decode().replace("</collection>", "")
    other = collection(paper(9), volume="short", year="2023").decode().split("\n", 2)[2]
    outcome = read_bytes(tmp_path, (two + other).encode())
    assert [(record.key, record.year) for record in outcome.records] == [
        ("2024.boat-long.1", 2024),
        ("2024.boat-short.9", 2023),
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ('<paper id="2"><bibkey>b</bibkey></paper>', "the paper has no title"),
        (paper(2, " <b> </b>"), "the paper has no title"),
        ("<paper><title>Of Kites</title></paper>", "the paper has no id of the ACL Anthology"),
        ('<paper id="../../x"><title>K</title></paper>', "the paper has no id of the ACL Antholo"),
        (paper(2, "b" * 2001), "title has 2,001 characters; at most 2,000"),
        (paper(2, more=f"<abstract>{'b' * 100_001}</abstract>"), "abstract has 100,001 characters"),
    ],
)
def test_a_bad_paper_is_put_aside_and_its_neighbours_come_in(
    tmp_path: Path, bad: str, reason: str
) -> None:
    content = collection(f"{paper(1)}\n{bad}\n{paper(3)}")
    before, refused, after = read_bytes(tmp_path, content).things
    assert isinstance(before, Record)
    assert isinstance(after, Record)
    assert isinstance(refused, Quarantined)
    assert refused.reason.startswith(reason)
    assert refused.line == 7
    assert refused.excerpt.startswith(b"<paper")
    assert refused.source == "acl"


def test_what_stands_before_a_break_is_read(tmp_path: Path) -> None:
    whole = collection("\n".join(paper(number) for number in range(1, 200)))
    place = whole.index(b'<paper id="150">')
    cut = read_bytes(tmp_path, whole[: place + 30])
    assert len(cut.records) == 149
    assert cut.reason == "the XML is cut off here; what came before was read"

    broken = read_bytes(tmp_path, whole[:place] + b"</title>" + whole[place:])
    assert len(broken.records) == 149
    assert broken.reason.startswith("the XML is broken here")
    assert broken.error is not None
    assert broken.error.line == whole[:place].count(b"\n") + 1


BOMB = b"".join(b'<!ENTITY b%d "%s">' % (n, b"&b%d;" % (n - 1) * 10) for n in range(1, 10))
HEAD = b'<collection id="2024.boat"><volume id="long">'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            b'<!DOCTYPE collection [<!ENTITY b0 "boat">' + BOMB + b"]>"
            b'<collection id="2024.boat"><volume id="long"><paper id="1"><title>&b9;</title>',
            "the XML defines entities of its own",
        ),
        (
            b'<!DOCTYPE collection [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
            b'<collection id="2024.boat"><volume id="long"><paper id="1"><title>&x;</title>',
            "the XML defines entities of its own",
        ),
        (HEAD + b"<b>" * 1_000_000, "the XML is broken here"),
        (HEAD + b"<paper>" + b"<b/>" * 2_000_000, "a paper of over 1 MB"),
        (HEAD + b"<paper>" + b"<b/>\n" * 1_000_000, "a paper of over 1 MB"),
        (b'<x><collection id="2024.boat"/></x>', "the XML is no collection of the ACL Anth"),
        (b'<collection id="2024.boat">\xff\xfe</collection>', "the XML is broken here"),
    ],
)
def test_bombs_and_nonsense_are_refused_in_a_sentence_at_once(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    started = time.process_time()
    assert read_bytes(tmp_path, content).reason.startswith(reason)
    assert time.process_time() - started < 3


@settings(max_examples=50, deadline=None, derandomize=True)
@given(content=mutilated(collection(PAPER + paper(2) + "<paper/>")))
def test_of_a_mutilated_file_only_records_come_and_sentences(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    outcome = read_bytes(tmp_path_factory.getbasetemp(), content, "mutilated")
    assert all(record.title for record in outcome.records)
    assert all(thing.reason for thing in outcome.aside)
