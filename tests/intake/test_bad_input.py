"""What people hand in by mistake: one clear line each, and the rest comes in."""

from __future__ import annotations

import gzip
import json
import lzma
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from broadsheet.intake.importing import import_files
from broadsheet.records import Quarantined
from broadsheet.store import quarantine
from broadsheet.store.engine import Store
from cli.program import Program

from .papers import ABSTRACT, line, lines

PAGE = f"Get trending papers in your email inbox!\nOf Boats\n{ABSTRACT}\n".encode()
OBJECT = json.dumps({"title": "Of Boats"}, indent=2).encode()
REFUSED = {
    "empty": (b"", "the file is empty"),
    "blank": (b" \r\n\t\n", "the file holds only white space"),
    "paper.jsonl": (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "this is a PDF"),
    "plot.txt": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "this is a picture"),
    "page.txt": (b"<!DOCTYPE html>\n<html><title>Daily Papers</title>", "this is an HTML page"),
    "shout.html": (b"\n <HTML>", "this is an HTML page"),
    "array.json": (b"[" + line(1).strip() + b",\n" + line(2) + b"]", "this is JSON, but not one"),
    "spread.json": (b"[\n  {\n    'title': 1\n  }\n]", "this is JSON, but not one"),
    "object.json": (OBJECT, "this is JSON, but not one object a line"),
    "empty.json": (b"[]", "this is JSON, but not one object a line"),
    "library.xml": (b"<?xml version='1.0'?>\n<modsCollection/>", "this is XML of a kind unknown"),
    "style.css": (b"@media print {\n  a { color: black }\n}\n", "this is text of a kind unknown"),
    "little.txt": (PAGE.decode().encode("utf-16-le"), "this is a binary file"),
    "marked.txt": (PAGE.decode().encode("utf-16"), "this is UTF-16 text; save it as UTF-8"),
    "big.txt": (b"\xfe\xff" + PAGE.decode().encode("utf-16-be"), "this is UTF-16 text; save it"),
    "zip.jsonl": (b"PK\x03\x04\x14\0", "this is a zip archive"),
    "zeros": (b"\0" * 5000, "this is a binary file of a kind unknown here"),
    "letter.txt": (b"Dear editors,\n\nplease find our boats.\n", "this is text of a kind unknown"),
    "nothing.gz": (gzip.compress(b""), "the file is empty"),
    "nothing.xz": (lzma.compress(b" \n"), "the file holds only white space"),
    "stub.gz": (gzip.compress(lines(9))[:12], "the compressed file is cut off here"),
    "stub.xz": (lzma.compress(lines(9))[:20], "the compressed file is cut off here"),
    "packed twice.gz": (gzip.compress(gzip.compress(lines(9))), "this is a binary file"),
    "top only.txt": (PAGE.splitlines(keepends=True)[0], "no paper stands on the page"),
}
EXPECTED = "expected a saved Daily Papers page (text or HTML), JSON lines"


def written(folder: Path, **files: bytes) -> list[Path]:
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def test_what_is_no_list_of_papers_is_refused_in_one_line_and_kept(
    program: Program, tmp_path: Path
) -> None:
    files = written(tmp_path, **{name: content for name, (content, _) in REFUSED.items()})
    answer = program.run("import", "--json", *files, code=1)
    summary = answer.value
    assert (summary["read"], summary["quarantined"]) == (len(files), len(files))
    assert (summary["new"], summary["held"]) == (0, 0)

    *complaints, last = answer.complaints
    assert last == f"… and {len(files) - 20:,} more; 'broadsheet quarantine' lists them all."
    assert len(complaints) == 20
    kept = {thing["file"]: thing for thing in program.ask("quarantine")}
    assert list(kept) == sorted(map(str, files))
    for file, (content, reason) in zip(files, REFUSED.values(), strict=True):
        thing = kept[str(file)]
        assert thing["line"] == 1
        assert thing["reason"].startswith(reason)
        assert EXPECTED in thing["reason"] or reason.startswith(("the compressed", "no paper"))
        assert thing["size"] == len(content)
    for file, complaint in zip(files, complaints, strict=False):
        assert complaint == f"{file}:1: {kept[str(file)]['reason']}"


def test_a_missing_file_a_folder_and_what_cannot_be_read_are_named_and_keep_no_other_file_out(
    program: Program, tmp_path: Path
) -> None:
    [good] = written(tmp_path, good=lines(2))
    missing, folder = tmp_path / "missing.txt", tmp_path
    answer = program.run("import", missing, folder, good)
    assert answer.complaints == [
        f"{missing}:1: there is no such file",
        f"{folder}:1: this is a folder; name the files in it",
    ]
    assert answer.out.startswith("Read 2 papers in ")
    assert program.ask("quarantine") == []


def test_exit_codes_tell_what_became_of_an_import(program: Program, tmp_path: Path) -> None:
    good, bad, mixed = written(
        tmp_path, good=lines(2), bad=b'{"title": 5}\n', mixed=line(3) + b"{broken\n"
    )
    program.run("import", "--strict", good)
    program.run("import", mixed)
    program.run("import", "--strict", mixed, code=3)
    program.run("import", "--strict", good, tmp_path / "missing", code=3)
    program.run("import", "--strict", bad, code=1)
    assert program.run("import", code=2).complaints[-1].startswith("Error: Missing argument")


def test_an_import_of_the_mended_file_takes_it_out_of_quarantine_and_no_other(
    program: Program, tmp_path: Path
) -> None:
    broken = line(1) + b'{"title": "half\n' + line(2) + b"{}\n"
    mended, other = written(tmp_path, mended=broken, other=broken)
    program = program.within()
    program.run("import", mended, other)
    assert [(Path(t["file"]).name, t["line"]) for t in program.ask("quarantine")] == [
        ("mended", 2),
        ("mended", 4),
        ("other", 2),
        ("other", 4),
    ]

    mended.write_bytes(line(1) + line(3) + line(2) + b"{}\n")
    (tmp_path / "x").mkdir()
    program.run("import", tmp_path / "x" / ".." / "mended")
    assert [(Path(t["file"]).name, t["line"]) for t in program.ask("quarantine")] == [
        ("mended", 4),
        ("other", 2),
        ("other", 4),
    ]
    mended.write_bytes(line(1) + line(3) + line(2))
    program.run("import", mended)
    assert {Path(thing["file"]).name for thing in program.ask("quarantine")} == {"other"}


def test_a_file_imported_again_as_broken_as_before_is_put_aside_once(
    sqlite_store: Store, tmp_path: Path
) -> None:
    [broken] = written(tmp_path, broken=line(1) + b'{"title": "half\n')
    for _ in range(2):
        summary = import_files(sqlite_store, [broken])
        assert summary.quarantined == 1
    with sqlite_store.reading() as connection:
        [thing] = quarantine.listing(connection)
    assert (thing.line, thing.excerpt) == (2, b'{"title": "half')


@pytest.mark.skipif(sys.platform != "linux", reason="File names may be any bytes on Linux only.")
def test_a_file_may_have_any_name(program: Program, tmp_path: Path) -> None:
    names = (b"bo\xffats", b"of\nboats\x1b[31m", "Bötchen".encode(), b"-v.jsonl")
    files = [Path(os.fsdecode(bytes(tmp_path) + b"/" + name)) for name in names]
    for number, file in enumerate(files, start=1):
        file.write_bytes(line(number) + b"{broken\n")
    answer = program.run("import", "--", *files)
    assert len(answer.complaints) == len(files)
    assert "\x1b" not in answer.err
    listed = [thing["file"] for thing in program.ask("quarantine")]
    assert set(listed) == {f"{tmp_path}/{os.fsdecode(n)}" for n in names[1:]} | {
        f"{tmp_path}/bo\ufffdats"
    }
    assert "\x1b" not in program.run("quarantine").out


def test_papers_may_come_through_a_pipe(program: Program, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with program.started("import", "--json", pipe) as process:
        pipe.write_bytes(gzip.compress(lines(3)))
        out, err = process.communicate(timeout=60)
    assert err == ""
    assert json.loads(out)["new"] == 3


fragments = st.sampled_from(
    [
        line(1),
        line(2),
        PAGE,
        PAGE[:60],
        ABSTRACT.encode(),
        b'{"title": "Of Kites", "authors": ["A"]}\n',
        b'{"title": "Of ',
        b"  \xe2\x80\xa2 6 authors\n",
        "•2 authors\n·\nJun 9, 2024 3\n".encode(),
        "·\n".encode(),
        b"Nov 19\n",
        b"Subscribe",
        b"\n",
        b"\r",
        b"\0",
        b"\xff\xfe",
        b"[",
        b"{",
        b"}",
    ]
)
contents = st.lists(fragments | st.binary(max_size=40), max_size=12).map(b"".join)
files = (
    st.binary(max_size=400)
    | contents
    | contents.map(gzip.compress)
    | contents.map(lzma.compress)
    | st.tuples(contents, st.integers(0, 200)).map(lambda of: gzip.compress(of[0])[: of[1]])
    | st.tuples(contents, st.integers(0, 200)).map(lambda of: lzma.compress(of[0])[: of[1]])
)


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the store may well fill up
)
@given(content=files)
@example(content=b'{"title": "Of Boats", "url": "https://boats.example/\\u0000"}')
@example(content=PAGE + "\u200e\n\u200f\n".encode())
def test_any_bytes_are_read_or_put_aside_and_every_one_is_counted(
    sqlite_store: Store, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "any"
    file.write_bytes(content)
    complaints: list[Quarantined] = []
    summary = import_files(sqlite_store, [file], complain=complaints.append)
    assert summary.read > 0
    counted = summary.new + summary.updated + summary.unchanged + summary.quarantined
    assert summary.read == counted
    assert len(complaints) == summary.quarantined
    with sqlite_store.reading() as connection:
        kept = quarantine.listing(connection)
    assert [(t.line, t.reason) for t in kept] == sorted((t.line, t.reason) for t in complaints)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(content=contents)
def test_any_bytes_go_into_postgresql_too(
    postgresql_store: Store, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "any"
    file.write_bytes(content)
    summary = import_files(postgresql_store, [file])
    assert summary.read > 0


def test_of_a_file_that_only_looks_like_papers_not_all_is_put_aside(
    sqlite_store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b'{"event": 1}\n' * 30_000)
    complaints: list[Quarantined] = []
    summary = import_files(sqlite_store, [file], complain=complaints.append)
    assert (summary.new, summary.quarantined) == (0, 10_001)
    assert complaints[-1].line == 10_000
    assert complaints[-1].reason == (
        "none of the first 10,000 things in it is a paper; the rest was not read"
    )


def test_after_one_paper_however_much_that_is_none_keeps_no_other_out(
    sqlite_store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "papers.jsonl"
    file.write_bytes(line(1) + b'{"event": 1}\n' * 10_500 + line(2))
    summary = import_files(sqlite_store, [file])
    assert (summary.new, summary.quarantined) == (2, 10_500)
