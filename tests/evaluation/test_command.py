"""`broadsheet eval search`, as people and scripts meet it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from broadsheet.cli.evaluating import evaluate
from broadsheet.intake.opening import InputError
from evaluation.folders import JUDGED, write


def run(*arguments: object) -> tuple[int, str, str, BaseException | None]:
    """The command's exit code, output, complaints, and what it raised for `main` to say."""
    answer = CliRunner().invoke(evaluate, ["search", *map(str, arguments)])
    return answer.exit_code, answer.stdout, answer.stderr, answer.exception


def test_a_table_for_people(tmp_path: Path) -> None:
    code, out, complaints, _ = run(write(tmp_path / "small"), "--systems", "bm25,words")
    assert code == 0
    assert "small: 3 queries (part: all) over 6 papers" in out
    assert "recall@100" in out
    assert "Difference to bm25" in out
    assert complaints == ""


def test_json_for_scripts(tmp_path: Path) -> None:
    code, out, _, _ = run(write(tmp_path / "small"), "--systems", "bm25", "--json")
    assert code == 0
    found = json.loads(out)
    assert (found["collection"], found["papers"], found["queries"]) == ("small", 6, 3)
    assert found["skipped_lines"] == 0
    assert list(found["systems"]) == ["bm25"]
    assert found["systems"]["bm25"]["recall@100"] == 1


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = write(tmp_path / "small")
    arguments = (folder, "--systems", "bm25,words", "--queries", 2, "--seed", 5, "--json")
    assert run(*arguments)[1] == run(*arguments)[1]
    assert json.loads(run(*arguments)[1])["queries"] == 2


def test_a_part_holds_its_queries_alone(tmp_path: Path) -> None:
    folder = write(tmp_path / "small")
    counts = [
        json.loads(run(folder, "--systems", "bm25", "--part", part, "--json")[1])["queries"]
        for part in ("rest", "all")
    ]
    assert counts == [2, 3]  # q3 is for tuning


def test_a_part_without_queries_is_a_sentence(tmp_path: Path) -> None:
    folder = write(tmp_path / "small", judged=JUDGED[:3])  # leaves q1
    _, _, _, error = run(folder, "--systems", "bm25", "--part", "dev")
    assert isinstance(error, InputError)
    assert "No query of small" in str(error)


def test_bad_lines_are_told_and_the_rest_is_measured(tmp_path: Path) -> None:
    folder = write(tmp_path / "small")
    with (folder / "queries.jsonl").open("a") as out:
        out.write("nothing\n" * 7)
    code, printed, complaints, _ = run(folder, "--systems", "bm25", "--json")
    assert code == 0
    assert json.loads(printed)["skipped_lines"] == 7
    assert "Left out: queries.jsonl, line 4: not JSON" in complaints
    assert "7 lines were left out in all." in complaints


def test_a_malformed_file_is_a_sentence(tmp_path: Path) -> None:
    folder = write(tmp_path / "small")
    (folder / "qrels.tsv").write_text("nothing at all\n")
    _, _, _, error = run(folder)
    assert isinstance(error, InputError)
    assert "qrels.tsv, line 1" in str(error)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--systems", "bm25,magic"), "no system magic"),
        (("--with", "somebody:model"), "sentence-transformers:NAME"),
        (("--with", "sentence-transformers:"), "sentence-transformers:NAME"),
        (("--part", "best"), "best"),
        (("--queries", "0"), "0"),
    ],
)
def test_misuse_is_told(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    code, _, complaints, _ = run(write(tmp_path / "small"), *arguments)
    assert code == 2
    assert sentence in complaints


def test_a_peer_without_its_library_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    peer = "sentence-transformers:any"
    _, _, _, error = run(write(tmp_path / "small"), "--systems", "bm25", "--with", peer)
    assert isinstance(error, InputError)
    assert "broadsheet[peers]" in str(error)


def test_a_peer_that_cannot_be_loaded_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **_named: object) -> None:
        raise OSError("no model of that name\nand a long story")

    for name in ("sentence_transformers", "torch", "transformers.utils.logging"):
        stand_in = SimpleNamespace(SentenceTransformer=refuse, disable_progress_bar=lambda: None)
        monkeypatch.setitem(sys.modules, name, stand_in)
    peer = "sentence-transformers:any"
    _, _, _, error = run(write(tmp_path / "small"), "--systems", "bm25", "--with", peer)
    assert isinstance(error, InputError)
    assert str(error) == "The model any cannot be loaded: no model of that name"
