"""What is the reader's own, in the terminal: for me, interests, and all of it as a file."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from broadsheet.ops import settings as ops_settings
from broadsheet.ops.parts import open_parts
from broadsheet.store import collections, interests, readers, reading, signals
from broadsheet.store.deeds import Doing
from broadsheet.store.interests import Term

from .conftest import ESCAPES, HARMLESS
from .program import Program

TOPICS = {
    "kite": "A kite on a string in the wind, with a tail and a frame of paper.",
    "oven": "Bread in an oven, with dough that rose and a crust of flour.",
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A library with an interest in kites, of a hostile name, and some of everything else."""
    folder = tmp_path_factory.mktemp("own")
    lines = [
        {"id": f"acl:{topic}{at}", "title": f"The {topic} number {at}", "abstract": text,
         "published": f"2026-03-{1 + at % 9:02}"}
        for topic, text in TOPICS.items()
        for at in range(200 if topic == "oven" else 9)
    ]  # fmt: skip
    (folder / "papers.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    program = Program(folder / "data").within()
    program.run("import", folder / "papers.jsonl")
    parts = open_parts(ops_settings.load(data=program.data))
    with parts.store.writing() as connection:
        reader = readers.personal(connection)
        held = signals.numbers_of(connection, [f"acl:kite{at}" for at in range(9)])
        doing = Doing(connection, reader, "x")
        interests.make(
            doing, f"Kites {ESCAPES}", list(held.values())[:5], terms=[Term("word", "kite")]
        )
        reading.mark(doing, held["acl:kite7"], "saved")
        reading.write_note(doing, held["acl:kite8"], f"A note {ESCAPES}")
        collections.add(doing, collections.make(doing, "To fly"), [held["acl:kite6"]])
    parts.store.close()
    return program


def test_interests_are_listed_with_what_they_learned_from(filled: Program) -> None:
    [one] = filled.ask("interests")
    assert one == {
        "name": f"Kites {HARMLESS}",
        "slug": "kites-31m-0-owned2j",
        "share": 10,
        "threshold": 0.5,
        "for": 5,
        "against": 0,
        "terms": [{"kind": "word", "text": "kite", "for": True}],
    }
    assert "Kites" in filled.run("interests").out


@pytest.mark.parametrize("arguments", [("interest", "kites-31m-0-owned2j"), ("for-me",)])
def test_papers_come_with_reasons_that_add_up(filled: Program, arguments: tuple[str, ...]) -> None:
    answer = filled.ask(*arguments, "--limit", "4")
    assert answer.keys() == {"total", "notes", "entries"}
    assert 1 <= len(answer["entries"]) <= 4
    for entry in answer["entries"]:
        assert sum(r["value"] for r in entry["reasons"]) == pytest.approx(entry["score"], abs=1e-4)
    first = answer["entries"][0]
    assert first["paper"]["title"].startswith("The kite")
    assert first["section"] == f"Kites {HARMLESS}"
    printed = filled.run(*arguments, "--limit", "4", "--explain").out
    assert first["paper"]["title"] in printed
    assert f"{first['score']:.2f} = " in printed


def test_what_reads_best_comes_first_where_asked(filled: Program) -> None:
    entries = filled.ask("interest", f"kites {HARMLESS}", "--best")["entries"]
    scores = [entry["score"] for entry in entries]
    assert scores == sorted(scores, reverse=True)
    newest = filled.ask("interest", f"kites {HARMLESS}")["entries"]
    days = [entry["paper"]["day"] for entry in newest]
    assert days == sorted(days, reverse=True)


def test_a_name_in_the_terminal_is_printed_and_never_obeyed(filled: Program) -> None:
    said = [
        filled.run("interests").out,
        filled.run("for-me", "--explain").out,
        filled.run("interest", "kites-31m-0-owned2j").out,
        filled.run("interest", f"none {ESCAPES}", code=2).err,
        filled.run("mine", "import", f"/nowhere/{ESCAPES}", code=2).err,
    ]
    assert {char for char in "".join(said) if not char.isprintable()} <= {"\n"}


def test_what_is_not_there_is_said_in_a_sentence(filled: Program, program: Program) -> None:
    assert filled.run("interest", "owls", code=2).complaints == [
        "Error: There is no interest “owls”; 'broadsheet interests' lists them."
    ]
    assert program.within().run("interests").out.startswith("There is no interest yet")
    assert program.within().run("for-me").err.startswith("There is no interest yet to choose by")
    assert program.within().ask("interests") == []


def without_moment(said: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in said.items() if key != "made"}


def test_what_was_exported_is_the_same_when_imported_elsewhere(
    filled: Program, program: Program, tmp_path: Path
) -> None:
    file = tmp_path / "mine.json"
    wrote = filled.run("mine", "export", file).out
    assert "Wrote 2 papers, 1 interests and 1 collections" in wrote
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert filled.run("mine", "export").value.keys() == json.loads(file.read_text()).keys()
    papers = "".join(json.dumps(paper) + "\n" for paper in filled.run("papers", "--json").values)
    (tmp_path / "papers.jsonl").write_text(papers)
    other = program.within()
    other.run("import", tmp_path / "papers.jsonl")
    assert other.run("mine", "import", file).out == "Brought in a file that was saved here.\n"
    assert without_moment(other.run("mine", "export").value) == without_moment(
        json.loads(file.read_text())
    )


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "other"}'])
def test_a_file_of_another_kind_is_refused_in_one_sentence(
    filled: Program, tmp_path: Path, text: str
) -> None:
    file = tmp_path / "other.json"
    file.write_text(text)
    before = without_moment(filled.run("mine", "export").value)
    [said] = filled.run("mine", "import", file, code=2).complaints
    assert said.startswith(f"Error: {file}: The file is no")
    assert without_moment(filled.run("mine", "export").value) == before


def test_a_file_that_cannot_be_written_leaves_nothing_behind(
    filled: Program, tmp_path: Path
) -> None:
    [said] = filled.run("mine", "export", tmp_path / "none" / "mine.json", code=2).complaints
    assert said == f"Error: {tmp_path}/none/mine.json cannot be written: No such file or directory."
    (tmp_path / "folder").mkdir()
    filled.run("mine", "export", tmp_path / "folder", code=2)
    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]
