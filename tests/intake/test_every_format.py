"""Every kind of file through the import: told apart by content, folded, in bounded memory."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path

import pytest

from broadsheet.intake.importing import import_files
from broadsheet.store import papers
from broadsheet.store.engine import Store
from cli.program import Program

from . import test_acl, test_bibtex, test_feeds, test_hub, test_openreview, test_ris
from .papers import ABSTRACT, line

KINDS = {
    "acl": test_acl.collection(),
    "hub": test_hub.answer(test_hub.item(1)),
    "hub page": test_hub.page({"dailyPapers": [test_hub.item(1)]}),
    "openreview": test_openreview.SHAPES["answer"](test_openreview.note()).encode(),
    "openreview lines": test_openreview.SHAPES["lines"](test_openreview.note()).encode(),
    "feed": test_feeds.ATOM,
    "bibtex": test_bibtex.ARTICLE.encode(),
    "ris": test_ris.REFERENCE.encode(),
    "jsonl": line(1),
    "daily-papers": f"Get trending papers in your email inbox!\nOf Boats\n{ABSTRACT}\n".encode(),
}


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("packed", [False, True])
def test_a_file_is_known_by_its_content(
    sqlite_store: Store, tmp_path: Path, kind: str, packed: bool
) -> None:
    file = tmp_path / "papers.txt"
    file.write_bytes(gzip.compress(KINDS[kind]) if packed else KINDS[kind])
    summary = import_files(sqlite_store, [file])
    assert (summary.read, summary.new, summary.refused) == (1, 1, 0)
    with sqlite_store.reading() as connection:
        [paper] = papers.every(connection)
    assert [origin.source for origin in paper.origins] == [kind.split(" ", maxsplit=1)[0]]
    assert import_files(sqlite_store, [file]).unchanged == 1


def test_one_work_from_many_files_is_one_paper(sqlite_store: Store, tmp_path: Path) -> None:
    title = "Of Boats on arXiv"
    contents = {
        "hub": test_hub.answer(test_hub.item(7, title=title)),
        "bibtex": test_bibtex.entry(title, eprint="2401.00007", archiveprefix="arXiv").encode(),
        "ris": test_ris.reference(title, UR="https://arxiv.org/abs/2401.00007v2").encode(),
        "feed": test_feeds.ATOM,
        "jsonl": line(7),
    }
    files = []
    for name, content in contents.items():
        files.append(tmp_path / name)
        files[-1].write_bytes(content)
    summary = import_files(sqlite_store, files)
    assert (summary.read, summary.new, summary.held) == (5, 1, 1)
    with sqlite_store.reading() as connection:
        [paper] = papers.every(connection)
    assert paper.id == "2401.00007"
    assert {origin.source for origin in paper.origins} == set(contents)


def pack(file: Path, pieces: Iterable[bytes]) -> Path:
    with gzip.open(file, "wb", compresslevel=1) as packed:
        for piece in pieces:
            packed.write(piece)
    return file


def test_memory_does_not_grow_with_the_file(program: Program, tmp_path: Path) -> None:
    ballast = "b" * 10_000
    paper = test_acl.collection(test_acl.paper(0, more=f"<note>{ballast}</note>"))
    before, found, after = paper.partition(b'<paper id="0">')
    within, end, after = after.partition(b"</paper>")
    note = test_openreview.SHAPES["list"](test_openreview.note(ballast=ballast))[1:-1].encode()
    entry = test_bibtex.entry(note=ballast).encode()

    def files(count: int) -> Iterable[Path]:
        yield pack(
            tmp_path / f"acl{count}",
            [before, *(found.replace(b"0", b"%d" % n) + within + end for n in range(count)), after],
        )
        yield pack(tmp_path / f"notes{count}", [b"[", *([note + b","] * count), note, b"]"])
        yield pack(tmp_path / f"entries{count}", [entry] * count)

    small, large = (program.peak_kib("import", *files(count)) for count in (300, 2_400))
    assert large < 1.5 * small
