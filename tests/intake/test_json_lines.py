"""JSON lines: what a line may say, what becomes of a bad one, and files of any size."""

from __future__ import annotations

import gzip
import lzma
import math
import zlib
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.intake import jsonl
from broadsheet.intake.importing import import_files
from broadsheet.intake.opening import open_input
from broadsheet.records import Author, Link, Quarantined, Record
from broadsheet.store import papers
from broadsheet.store.engine import Store
from cli.program import Program

from .papers import ABSTRACT, line, lines


def read(folder: Path, content: bytes) -> list[Record | Quarantined]:
    """What a file of JSON lines holds."""
    file = folder / "papers.jsonl"
    file.write_bytes(content)
    with open_input(file) as opened:
        assert jsonl.recognises(opened.head())
        return list(jsonl.read(opened))


def only(folder: Path, content: bytes) -> Record:
    [thing] = read(folder, content)
    assert isinstance(thing, Record), thing
    return thing


def refusal(folder: Path, content: bytes) -> str:
    """Why the second of three lines was put aside; the other two have to come in."""
    before, refused, after = read(folder, line(1) + content.strip(b"\n") + b"\n" + line(2))
    assert isinstance(before, Record)
    assert isinstance(after, Record)
    assert isinstance(refused, Quarantined), refused
    assert refused.line == 2
    assert refused.excerpt == content.strip(b"\n")[: 64 * 1024]
    assert refused.size == len(content.strip(b"\n"))
    return refused.reason


def test_every_field_of_a_line_is_read(tmp_path: Path) -> None:
    record = only(
        tmp_path,
        line(
            7,
            id="arxiv:2401.00007v3",
            doi="10.1000/BOATS.7",
            url="https://boats.example/7",
            authors=["Ada Example", {"name": "Bo Sample", "affiliation": "Basin Labs"}],
            author_count=9,
            organization="Basin Labs",
            categories=["cs.LG", "physics.flu-dyn", "cs.LG"],
            published="2024-01-05T08:00:00Z",
            comment_count=4,
            licence="CC BY 4.0",
            abstract=f"{ABSTRACT} Code: https://github.com/boats/seven.",
        ),
    )
    assert record.title == "Paper boats, part 7"
    assert record.abstract.startswith(ABSTRACT)
    assert record.identifiers == ("2401.00007", "doi:10.1000/boats.7")
    assert record.version == 3
    assert record.authors == (Author("Ada Example"), Author("Bo Sample", "Basin Labs"))
    assert record.author_count == 9
    assert record.organization == "Basin Labs"
    assert record.categories == ("cs.LG", "physics.flu-dyn")
    assert (record.published, record.year) == (date(2024, 1, 5), 2024)
    assert record.comment_count == 4
    assert record.licence == "CC BY 4.0"
    assert {(link.kind, link.url) for link in record.links} == {
        ("abstract", "https://arxiv.org/abs/2401.00007"),
        ("pdf", "https://arxiv.org/pdf/2401.00007"),
        ("doi", "https://doi.org/10.1000/boats.7"),
        ("page", "https://boats.example/7"),
        ("code", "https://github.com/boats/seven"),
    }


def test_a_title_is_all_a_line_needs(tmp_path: Path) -> None:
    record = only(tmp_path, b'{"title": "Of Boats"}')
    assert (record.title, record.abstract, record.authors) == ("Of Boats", "", ())
    assert (record.published, record.year, record.author_count) == (None, None, None)
    assert record.links == ()


@pytest.mark.parametrize(
    ("said", "published", "year"),
    [
        ({"published": "2024-02-29"}, date(2024, 2, 29), 2024),
        ({"published": "2024-02"}, None, 2024),
        ({"published": 2024}, None, 2024),
        ({"published": "", "year": "2023"}, None, 2023),
        ({"published": None, "year": 1963}, None, 1963),
        ({"published": "2024-02-29", "year": 1999}, date(2024, 2, 29), 2024),
    ],
)
def test_a_day_or_a_year_tells_when_a_work_appeared(
    tmp_path: Path, said: dict[str, Any], published: date | None, year: int
) -> None:
    record = only(tmp_path, line(1, **said))
    assert (record.published, record.year) == (published, year)


def test_a_number_as_id_names_nothing_outside_its_file(tmp_path: Path) -> None:
    one, other = (only(tmp_path, line(1, id=number, title="Of Boats")) for number in (17, "18"))
    assert one.identifiers == other.identifiers == ()
    assert one.key == other.key


def test_white_space_marks_of_order_and_control_characters_go(tmp_path: Path) -> None:
    record = only(tmp_path, line(1, title=" Of\u0000 \u202eBoats\n\tand\u001b[31m Kites "))
    assert record.title == "Of Boats and[31m Kites"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"title": 5}, "title is not text"),
        ({"title": ["Of Boats"]}, "title is not text"),
        ({"title": None}, "the paper has no title"),
        ({"title": " \u200e\u0000 "}, "the paper has no title"),
        ({"title": "b" * 2001}, "title has 2,001 characters; at most 2,000"),
        ({"abstract": {"text": "b"}}, "abstract is not text"),
        ({"abstract": "b" * 100_001}, "abstract has 100,001 characters; at most 100,000"),
        ({"authors": "Ada Example, Bo Sample"}, "authors is not a list of names"),
        ({"authors": [["Ada", "Example"]]}, "authors is not a list of names"),
        ({"authors": [{"name": 5}]}, "name is not text"),
        (
            {"authors": [{"name": "A", "affiliation": "b" * 501}]},
            "affiliation has 501 characters; at most 500",
        ),
        ({"authors": ["A"] * 20_001}, "authors has 20,001 names; at most 20,000"),
        ({"author_count": "3"}, "author_count is not a count"),
        ({"author_count": True}, "author_count is not a count"),
        ({"comment_count": -1}, "comment_count is not a count"),
        ({"comment_count": 2**31}, "comment_count is not a count"),
        ({"organization": ["Basin Labs"]}, "organization is not text"),
        ({"licence": "b" * 501}, "licence has 501 characters; at most 500"),
        ({"categories": 5}, "categories is not a list of names"),
        ({"categories": ["cs.LG", None]}, "categories is not a list of names"),
        ({"published": "yesterday"}, "published is not a date such as 2025-11-19"),
        ({"published": "2023-02-29"}, "published is not a date such as 2025-11-19"),
        ({"published": ["2023-02-28"]}, "published is not a date such as 2025-11-19"),
        ({"published": "0999-01-01"}, "year is not a year such as 2025"),
        ({"published": None, "year": "²⁰²⁴"}, "year is not a year such as 2025"),
        ({"published": None, "year": 20245}, "year is not a year such as 2025"),
        ({"published": None, "year": True}, "year is not a year such as 2025"),
        ({"id": ["2401.00001"]}, "id is not text"),
        ({"id": "b" * 351}, "id has 351 characters; at most 350"),
        ({"doi": 10.1}, "doi is not text"),
        ({"url": "javascript:alert(1)"}, "url is not a web address"),
        ({"url": {"href": "https://boats.example"}}, "url is not text"),
    ],
)
def test_a_field_that_is_not_what_it_should_be_puts_the_line_aside(
    tmp_path: Path, said: dict[str, Any], reason: str
) -> None:
    assert refusal(tmp_path, line(3, **said)) == reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"title": "Of Bo', "not JSON: unexpected end of data at column 17"),
        (b'{"title": "caf\xe9"}', "byte 15 of the line is not UTF-8"),
        (b'{"title": "\\ud800 Boats"}', "not JSON: no low surrogate in string"),
        (b'{"title": "Of Boats", "at": NaN}', "not JSON"),
        (b'{"title": "Of Boats"} {"title": "Of Kites"}', "not JSON: unexpected content"),
        (b'{"title":"Of Boats","in":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "not JSON: depth"),
        (b'"Of Boats"', "not a JSON object"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b"title: Of Boats", "not JSON"),
        (b"\0\0\0\0", "not JSON"),
    ],
)
def test_a_broken_line_is_put_aside_and_its_neighbours_come_in(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    assert refusal(tmp_path, content).startswith(reason)


def test_blank_lines_a_byte_order_mark_and_windows_line_ends_are_no_fault(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + line(1).replace(b"\n", b"\r\n") + b"\r\n  \n" + line(2).strip()
    assert [type(thing) for thing in read(tmp_path, content)] == [Record, Record]


@pytest.mark.parametrize(
    "first", [b"[]\n", b"# papers\n", b"{\n", b'{"title": "Of Bo\n', b"\n\n\n", b"[broken\n"]
)
def test_a_bad_first_line_keeps_no_other_line_out(tmp_path: Path, first: bytes) -> None:
    things = read(tmp_path, first + lines(3))
    assert [thing for thing in things if isinstance(thing, Record)] == [
        thing for thing in read(tmp_path, lines(3)) if isinstance(thing, Record)
    ]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
fields = st.sampled_from(
    "id title abstract authors author_count organization categories published year "
    "comment_count licence url doi".split()
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(said=st.dictionaries(fields, json_values, max_size=5))
def test_whatever_a_field_holds_the_line_is_a_record_or_put_aside_with_a_reason(
    tmp_path_factory: pytest.TempPathFactory, said: dict[str, Any]
) -> None:
    [thing] = read(tmp_path_factory.getbasetemp(), line(1, **said))
    if isinstance(thing, Record):
        assert thing.title
        assert thing.title == " ".join(thing.title.split())
        assert thing.year is None or 1000 <= thing.year <= 9999
        assert all(isinstance(link, Link) for link in thing.links)
    else:
        assert thing.reason
        assert "\n" not in thing.reason


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    title=st.text(min_size=1).filter(lambda text: text.isprintable() and text == text.strip()),
    abstract=st.text(),
    names=st.lists(st.text(st.characters(categories=["L"]), min_size=1), max_size=5),
    day=st.dates(min_value=date(1000, 1, 1)),
)
def test_what_a_line_says_is_what_the_record_says(
    tmp_path_factory: pytest.TempPathFactory,
    title: str,
    abstract: str,
    names: list[str],
    day: date,
) -> None:
    said = {"title": title, "abstract": abstract, "authors": names, "published": day.isoformat()}
    record = only(tmp_path_factory.getbasetemp(), line(1, **said))
    assert record.title == " ".join(title.split())
    printable = [char for char in abstract if char.isprintable() and not char.isspace()]
    assert set(printable) - set(record.abstract) <= MARKS_OF_ORDER
    assert [author.name for author in record.authors] == names
    assert record.published == day


MARKS_OF_ORDER = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "gzip in two members": lambda c: gzip.compress(c[:999]) + gzip.compress(c[999:]),
    "xz": lzma.compress,
    "xz in two streams": lambda c: lzma.compress(c[:999]) + lzma.compress(c[999:]),
}


@pytest.mark.parametrize("packing", list(PACKINGS))
def test_plain_gzip_and_xz_give_the_same_papers_whatever_the_file_is_called(
    sqlite_store: Store, tmp_path: Path, packing: str
) -> None:
    file = tmp_path / "papers.pdf"
    file.write_bytes(PACKINGS[packing](lines(40) + b"{broken\n" + lines(40, first=41)))
    summary = import_files(sqlite_store, [file])
    assert (summary.read, summary.new, summary.quarantined) == (81, 80, 1)
    with sqlite_store.reading() as connection:
        held = [(paper.title, paper.abstract) for paper in papers.every(connection)]
    assert held == [(f"Paper boats, part {number}", ABSTRACT) for number in range(1, 81)]


# --- Damage -------------------------------------------------------------------------------------


def torn(packed: bytes, share: float) -> bytes:
    return packed[: math.ceil(len(packed) * share)]


def unpacked(packed: bytes, packing: str) -> bytes:
    """All that can be had of a torn file: another way than the program's, a byte at a time."""
    unpack = zlib.decompressobj(31) if packing == "gzip" else lzma.LZMADecompressor()
    return b"".join(unpack.decompress(packed[at : at + 1]) for at in range(len(packed)))


@pytest.mark.parametrize("packing", ["gzip", "xz"])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.999])
def test_of_a_torn_file_every_line_before_the_tear_is_imported(
    sqlite_store: Store, tmp_path: Path, packing: str, share: float
) -> None:
    content = b"".join(line(number, abstract=str(number**99) * 9) for number in range(1, 400))
    file = tmp_path / "papers"
    file.write_bytes(torn(PACKINGS[packing](content), share))
    whole = unpacked(file.read_bytes(), packing).count(b"\n")
    assert 0 < whole < 400

    complaints: list[Quarantined] = []
    summary = import_files(sqlite_store, [file], complain=complaints.append)
    assert (summary.new, summary.quarantined) == (whole, 1)
    assert [(thing.line, thing.reason) for thing in complaints] == [
        (whole + 1, "the compressed file is cut off here; what came before was read")
    ]


@pytest.mark.parametrize("packing", ["gzip", "xz"])
def test_a_damaged_file_is_said_to_be_damaged(
    sqlite_store: Store, tmp_path: Path, packing: str
) -> None:
    packed = bytearray(PACKINGS[packing](lines(50)))
    packed[-6 if packing == "gzip" else -40] ^= 0xFF  # in the checksum, or the index, at the end
    file = tmp_path / "papers"
    file.write_bytes(packed)
    complaints: list[Quarantined] = []
    import_files(sqlite_store, [file], complain=complaints.append)
    assert ["damaged" in thing.reason for thing in complaints] == [True]


# --- Size ---------------------------------------------------------------------------------------


def pack(file: Path, pieces: Iterable[bytes]) -> Path:
    """Writes a gzip file of any size a piece at a time."""
    with gzip.open(file, "wb", compresslevel=1) as packed:
        for piece in pieces:
            packed.write(piece)
    return file


def test_memory_does_not_grow_with_the_file(program: Program, tmp_path: Path) -> None:
    ballast = "b" * 10_000
    files = [
        pack(tmp_path / f"{count}", (line(n, note=ballast) for n in range(count)))
        for count in (2_000, 16_000)
    ]
    small, large = (program.peak_kib("import", file) for file in files)
    assert large < 1.5 * small


def test_a_line_or_a_page_of_hundreds_of_megabytes_is_put_aside_in_bounded_memory(
    program: Program, tmp_path: Path
) -> None:
    megabyte = b"b" * 2**20
    middle = pack(tmp_path / "middle", [line(1), *[megabyte] * 300, b"\n", line(2)])
    bomb = pack(tmp_path / "bomb", [b'{"title": "', *[megabyte] * 300])
    page = pack(
        tmp_path / "page", [b"Get trending papers in your email inbox\n", *[megabyte] * 300]
    )

    usual = program.peak_kib("import", pack(tmp_path / "usual", [lines(2)]))
    assert program.peak_kib("import", middle, bomb, page) < usual + 100 * 1024

    listed = {Path(thing["file"]).name: thing for thing in program.ask("quarantine")}
    assert listed["middle"]["line"] == 2
    assert listed["middle"]["size"] == 300 * 2**20
    assert listed["middle"]["reason"] == "the line has 314,572,800 bytes; one paper has far fewer"
    assert listed["bomb"]["line"] == 1
    assert listed["page"]["reason"].endswith("a saved page has far less")
    assert program.papers().keys() == {"Paper boats, part 1", "Paper boats, part 2"}
