"""Every command: what it prints for people, what it promises to scripts, and how it ends."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from broadsheet import __version__
from broadsheet.cli.main import cli

from .conftest import HARMLESS, RICH
from .program import Program

MANUAL = Path(__file__).parents[2] / "docs" / "cli.md"
KITES = f"Of Kites {HARMLESS}and Strings"
PAPER = set(
    "id title abstract summary authors author_count organization year published updated announced "
    "day version withdrawn categories links comment_count licence origins change".split()
)
ORIGIN = set("source page rank file shown matched_by".split())
INDEX = set("generation through last indexed held bytes current".split())
# These work on files, not on a library.
WITHOUT_LIBRARY = (
    "embed train",
    "embed refine",
    "embed encode",
    "eval search",
    "eval personal",
    "eval prior",
    "prior train",
)
LEDGER = set("source set day stated held missing state".split())


def commands(group: click.Group = cli, *above: str) -> Iterator[tuple[str, click.Command]]:
    """Every command there is, with its words."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield " ".join([*above, name]), command


def _names() -> list[str]:
    return cli.list_commands(click.Context(cli))


@pytest.mark.parametrize("words", [words for words, _ in commands()])
def test_every_command_helps_takes_a_data_folder_and_is_in_the_manual(words: str) -> None:
    answer = CliRunner().invoke(cli, [*words.split(), "--help"])
    assert answer.exit_code == 0
    usage, sentence, *_ = [part.strip() for part in answer.output.split("\n\n")]
    assert words in usage
    assert sentence.endswith(".")
    takes_one = re.search(r"^ +--data DIRECTORY +The data folder", answer.output, re.MULTILINE)
    assert bool(takes_one) is (words not in WITHOUT_LIBRARY)
    first, *rest = words.split()
    assert re.search(rf"`broadsheet {first}\b.*{' '.join(rest)}", MANUAL.read_text("utf-8"))


def test_the_program_says_its_version_and_lists_its_commands(program: Program) -> None:
    assert __version__ in program.run("--version").out
    listed = program.run("--help").out
    assert all(re.search(rf"^  {name} +[A-Z]", listed, re.MULTILINE) for name in _names())
    assert not program.data.exists()


@pytest.mark.parametrize("name", _names())
def test_the_list_says_of_a_command_what_the_command_says(name: str) -> None:
    listed = CliRunner().invoke(cli, ["--help"], terminal_width=200).output
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.name == name
    assert re.search(
        rf"^  {name} +{re.escape(command.get_short_help_str(500))}$", listed, re.MULTILINE
    )


# What a command need not load, to be quick: whole rooms, and libraries that take their time.
_SERVING = {"fastapi", "starlette", "uvicorn", "jinja2", "broadsheet.web", "broadsheet.mail"}
_LEARNING = {"sklearn", "scipy", "openTSNE", "torch"}
_INDEXES = {"numpy", "faiss", "tantivy", "broadsheet.search"}


@pytest.mark.parametrize(
    ("words", "unneeded"),
    [
        ("--help", {*_SERVING, *_LEARNING, *_INDEXES, "sqlalchemy", "pydantic", "rich"}),
        ("settings", {*_SERVING, *_LEARNING, *_INDEXES, "alembic"}),
        ("papers --limit 1", {*_SERVING, *_LEARNING, "httpx", "feedparser", "lxml"}),
        ("show 2401.00007", {*_SERVING, *_LEARNING, "httpx", "feedparser", "lxml"}),
    ],
)
def test_a_command_loads_no_room_that_it_does_not_enter(
    library: Program, words: str, unneeded: set[str]
) -> None:
    code = (
        "import atexit, sys; from broadsheet.cli.main import main;"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); main()"
    )
    own = [] if words == "--help" else ["--data", str(library.data)]
    ran = subprocess.run(
        [sys.executable, "-c", code, *words.split(), *own],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ran.stdout
    loaded = set(ran.stderr.split())
    assert "broadsheet.cli.main" in loaded
    assert not loaded & unneeded


def test_papers_prints_one_paper_a_line_with_the_promised_keys(library: Program) -> None:
    held = library.papers()
    assert len(held) == 304
    for paper in held.values():
        assert paper.keys() == PAPER
        assert all(origin.keys() == ORIGIN for origin in paper["origins"])
    rich = held[RICH["title"]]
    assert rich["id"] == "2401.00007"
    assert rich["authors"] == ["Ada Example", "Bo Sample"]
    assert rich["author_count"] == 2
    assert (rich["published"], rich["day"], rich["year"]) == ("2024-01-05", "2024-01-05", 2024)
    assert (rich["version"], rich["comment_count"], rich["licence"]) == (2, 4, "CC BY 4.0")
    assert {"kind": "code", "url": "https://github.com/boats/seven", "repaired": False} in rich[
        "links"
    ]
    [origin] = held["Of Boats and Basins"]["origins"]
    assert origin == {
        "source": "daily-papers",
        "page": "002",
        "rank": 1,
        "file": "002_0123abcd.txt",
        "shown": "2025-11-19",
        "matched_by": "new",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--day", "2025-11-19"], ["Of Boats and Basins", KITES]),
        (["--week", "2025-W47", "--limit", "1"], ["Of Boats and Basins"]),
        (["--month", "2024-01", "--query", "lanterns"], [RICH["title"]]),
        (["--query", "cat:physics", "--order", "new"], [RICH["title"]]),
        (["--month", "1999-12"], []),
    ],
)
def test_papers_can_be_narrowed(library: Program, options: list[str], expected: list[str]) -> None:
    listed = library.run("papers", "--json", *options).values
    assert [paper["title"] for paper in listed] == expected
    assert all(paper.keys() == PAPER and paper["origins"] for paper in listed)


def test_undated_papers_can_be_listed(library: Program) -> None:
    listed = library.run("papers", "--undated", "--limit", "3", "--json").values
    assert [paper["title"] for paper in listed] == [f"Part {n}: of floats" for n in range(3)]
    text = library.run("papers", "--undated").out
    assert len(re.findall(r"Part \d+: of floats", " ".join(text.split()))) == 300


def test_search_answers_with_scores_that_their_reasons_add_up_to(library: Program) -> None:
    answer = library.ask("search", "lanterns braces", "--limit", "5")
    assert answer.keys() == {"query", "understood", "took_ms", "total", "entries"}
    assert answer["query"] == "lanterns braces"
    assert answer["understood"] == {"query": "lanterns braces", "notes": []}
    assert answer["total"] == 1
    [entry] = answer["entries"]
    assert entry.keys() == {"rank", "paper", "score", "reasons", "also", "nearest", "section"}
    assert entry["rank"] == 1
    assert entry["paper"]["title"] == RICH["title"]
    assert entry["reasons"]
    assert sum(reason["value"] for reason in entry["reasons"]) == pytest.approx(
        entry["score"], abs=1e-4
    )

    text = library.run("search", "lanterns braces", "--explain").out.splitlines()
    assert text[0] == f"  1  {RICH['title']}"
    assert text[1] == "     2401.00007  2024-01-05"
    score, _, parts = text[2].strip().partition(" = ")
    values = [float(part.rsplit(" ", 1)[1]) for part in parts.split(" + ")]
    assert len(values) > 1
    assert sum(values) == pytest.approx(float(score), abs=0.006 * len(values))


def test_search_says_what_it_did_not_understand_and_answers_all_the_same(library: Program) -> None:
    answer = library.run("search", 'lanterns colour:red "and', "--limit", "1")
    assert any("colour:" in note for note in answer.complaints)
    assert any("quotation mark" in note for note in answer.complaints)
    assert "Lanterns" in answer.out
    assert library.ask("search", "zyzzyva")["entries"] == []


def test_show_finds_a_paper_by_any_of_its_names(library: Program) -> None:
    names = ["2401.00007", "arxiv:2401.00007v2", "https://arxiv.org/abs/2401.00007"]
    shown = [library.ask("show", name) for name in [*names, "doi:10.1000/boats.7"]]
    assert shown[0].keys() == PAPER
    assert all(paper == shown[0] for paper in shown)

    text = library.run("show", "2401.00007").out
    for part in (RICH["title"], "Ada Example, Bo Sample", "published 2024-01-05", "cs.LG"):
        assert part in text
    assert "code: https://github.com/boats/seven" in text
    bibtex = library.run("show", "2401.00007", "--bibtex").out
    assert bibtex.startswith("@")
    assert "Ada Example and Bo Sample" in bibtex


def test_a_paper_that_is_not_held_is_one_sentence_and_a_failure(library: Program) -> None:
    answer = library.run("show", "2401.99999", code=1)
    assert answer.out == ""
    assert answer.complaints == [
        "broadsheet: No paper is called 2401.99999; 'broadsheet search' finds ids."
    ]


def test_today_is_the_front_page_of_the_newest_day_and_its_ledger(library: Program) -> None:
    front = library.ask("today")
    assert front.keys() == {"day", "total", "ledger", "entries"}
    assert (front["day"], front["total"]) == ("2025-11-19", 2)
    [line] = front["ledger"]
    assert line.keys() == LEDGER
    assert (line["source"], line["set"], line["day"], line["held"]) == (
        "daily-papers",
        "002",
        "2025-11-19",
        2,
    )
    assert (line["stated"], line["missing"], line["state"]) == (None, None, "unknown")
    titles = [(entry["rank"], entry["paper"]["title"]) for entry in front["entries"]]
    assert titles == [(1, "Of Boats and Basins"), (2, KITES)]

    text = library.run("today", "--date", "2024-01-05").out
    assert text.startswith("Friday, 5 January 2024: 1 paper")
    assert f"  1  {RICH['title']}" in text


def test_today_of_nothing_is_still_an_answer(program: Program) -> None:
    program = program.within()
    assert program.ask("today") == {"day": None, "total": 0, "ledger": [], "entries": []}
    assert program.run("today").out.startswith("No paper held has a day;")


def test_the_index_tells_how_it_stands_and_can_be_made_anew(library: Program) -> None:
    before = library.ask("index", "status")
    assert before.keys() == INDEX | {"meaning"}
    assert before["meaning"].keys() == INDEX | {"embedder"}
    assert (before["meaning"]["indexed"], before["meaning"]["current"]) == (304, True)
    assert (before["indexed"], before["held"], before["current"]) == (304, 304, True)
    assert before["bytes"] > 0
    found = library.ask("search", "floats", "--limit", "1000")["entries"]

    after = library.ask("index", "rebuild")
    assert after.keys() == INDEX | {"meaning"}
    assert (after["indexed"], after["held"], after["current"]) == (304, 304, True)
    assert after["generation"] != before["generation"]
    assert library.ask("search", "floats", "--limit", "1000")["entries"] == found
    assert library.run("index", "status").out.startswith(
        "words: 304 of 304 papers are in the index"
    )


def test_the_quarantine_lists_file_line_reason_and_bytes(library: Program) -> None:
    things = library.ask("quarantine")
    assert [thing["line"] for thing in things] == [1, 2]
    for thing in things:
        assert thing.keys() == {"file", "line", "reason", "source", "size", "excerpt", "seen"}
    assert things[0]["reason"] == "the paper has no title"
    assert things[0]["excerpt"].startswith('{"title"')


def test_the_sample_library_comes_and_goes(program: Program) -> None:
    program = program.within()
    assert "327 papers" in program.run("sample", "add").out
    sample = program.papers()
    assert len(sample) == 327
    assert all(paper["summary"] and not paper["abstract"] for paper in sample.values())
    assert "0 papers" in program.run("sample", "add").out
    assert program.ask("search", "network")["total"] > 0

    assert "327 papers" in program.run("sample", "remove").out
    assert program.papers() == {}
    assert program.ask("search", "network")["total"] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["papers", "--day", "2025-02-30"], "“2025-02-30” is no day; write it as 2025-11-19."),
        (["papers", "--week", "2025-47"], "“2025-47” is no week; write it as 2025-W47."),
        (["papers", "--month", "May"], "“May” is no month; write it as 2025-11."),
        (["papers", "--day", "2025-11-19", "--undated"], "Choose one of --day, --week, --month"),
        (["papers", "--limit", "0"], "Invalid value for '--limit'"),
        (["papers", "--order", "loudest"], "Invalid value for '--order'"),
        (["today", "--date", "tomorrow"], "“tomorrow” is no day"),
        (["search"], "Missing argument 'QUERY'"),
        (["show"], "Missing argument 'ID'"),
        (["read"], "No such command 'read'"),
        (["papers", "--colour"], "No such option"),
        (["import", "x", "--page-year", "1"], "Invalid value for '--page-year'"),
        (["up", "--port", "65536"], "Invalid value for '--port'"),
    ],
)
def test_a_command_misused_says_how_to_use_it(arguments: list[str], said: str) -> None:
    answer = CliRunner().invoke(cli, arguments)
    assert answer.exit_code == 2
    assert said in answer.output
    assert "Usage:" in answer.output


def test_misuse_ends_with_two_outside_the_tests_as_well(program: Program) -> None:
    assert program.run("read", code=2).complaints[-1] == "Error: No such command 'read'."


@pytest.mark.parametrize(
    "arguments",
    [["papers"], ["papers", "--json"], ["search", "floats", "--limit", "1000", "--json"]],
)
def test_a_reader_that_goes_away_ends_the_output_quietly(
    library: Program, arguments: list[str]
) -> None:
    with library.started(*arguments) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1)
        process.stdout.close()
        assert process.wait(timeout=60) == 0
        assert process.stderr.read() == ""


def shown_by(library: Program) -> Iterator[str]:
    """What each command prints for people of a library that holds hostile text."""
    [ident] = [p["id"] for p in library.papers().values() if p["title"].startswith("Harbours")]
    for arguments in (
        ["papers", "--month", "2024-01"],
        ["search", "harbours \x1b[31m\x07 colour\x1b:red", "--explain"],
        ["show", ident],
        ["show", ident, "--bibtex"],
        ["today"],
        ["quarantine"],
    ):
        answer = library.run(*arguments)
        yield answer.out + answer.err
    yield library.run("show", "\x1b]0;owned\x07", code=1).err


def test_what_papers_say_is_printed_and_never_obeyed_by_the_terminal(library: Program) -> None:
    printed = "".join(shown_by(library))
    assert "Harbours" in printed
    assert "Kites" in printed
    unwanted: set[Any] = {char for char in printed if not char.isprintable()} - {"\n"}
    assert unwanted == set()


def test_brackets_and_colons_in_a_title_are_no_markup(library: Program) -> None:
    for arguments in (
        ["search", "lanterns"],
        ["show", "2401.00007"],
        ["today", "--date", "2024-01-05"],
    ):
        assert RICH["title"] in library.run(*arguments).out
    assert RICH["title"] in " ".join(library.run("papers", "--month", "2024-01").out.split())
