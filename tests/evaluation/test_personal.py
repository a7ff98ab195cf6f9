"""`broadsheet eval personal`, as people and scripts meet it."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from broadsheet.cli.evaluating import evaluate
from broadsheet.evaluation.personal import Half, is_development, read_library
from broadsheet.intake.opening import InputError

SUBJECTS = {
    "bees": "honeybee nectar pollen hive forage flower waggle dance colony queen",
    "locks": "mutex thread deadlock scheduler kernel semaphore atomic race preempt core",
    "tides": "moon sea shallow tide current ocean gravity friction wave coast",
}


def write(folder: Path, *, packed: bool = False) -> Path:
    """Sixty made-up papers on three subjects, and six readers of one subject each."""
    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.default_rng(3)
    items = []
    for subject, text in SUBJECTS.items():
        words = np.array(text.split())
        for at in range(20):
            title, abstract = " ".join(draw.choice(words, 2)), " ".join(draw.choice(words, 8))
            items.append({"id": f"{subject}{at}", "title": title, "abstract": abstract})
    users = [
        {"user": f"{subject}-{who}", "items": [f"{subject}{at}" for at in range(who, 20)]}
        for subject in SUBJECTS
        for who in range(2)
    ]
    lines = "\n".join(map(json.dumps, items)) + "\n"
    if packed:
        (folder / "items.jsonl.xz").write_bytes(lzma.compress(lines.encode()))
    else:
        (folder / "items.jsonl").write_text(lines)
    (folder / "users.jsonl").write_text("\n".join(map(json.dumps, users)) + "\n")
    return folder


def run(*arguments: object) -> tuple[int, str, str, BaseException | None]:
    """The command's exit code, output, complaints, and what it raised for `main` to say."""
    answer = CliRunner().invoke(evaluate, ["personal", *map(str, arguments)])
    return answer.exit_code, answer.stdout, answer.stderr, answer.exception


def test_json_for_scripts(tmp_path: Path) -> None:
    code, out, _, _ = run(write(tmp_path / "small"), "--splits", 2, "--json")
    assert code == 0
    found = json.loads(out)
    assert found["users"] == 6
    assert set(found["systems"]) == {"ours", "svm", "svm-0.1", "centroid", "random"}
    ours = found["systems"]["ours"]
    assert list(ours) == ["5", "10"]  # nobody here has 55 papers
    assert {"recall@20", "recall@100", "ndcg@20", "ci", "over_svm"} <= set(ours["5"])
    # With 60 papers everything is among the first hundred.
    assert ours["5"]["recall@100"] == 1
    assert ours["5"]["ndcg@20"] > 0.9 > found["systems"]["random"]["5"]["ndcg@20"]


def test_a_table_for_people(tmp_path: Path) -> None:
    code, out, complaints, _ = run(
        write(tmp_path / "small", packed=True), "--systems", "ours,svm", "--splits", 1
    )
    assert code == 0
    assert "small: 6 readers (part: all), 60 papers" in out
    assert "Difference to svm" in out
    assert complaints == ""


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = write(tmp_path / "small")
    arguments = (folder, "--systems", "ours,centroid", "--splits", 1, "--users", 2, "--json")
    first = run(*arguments)[1]
    assert first == run(*arguments)[1]
    assert json.loads(first)["users"] == 2


def test_halves_part_the_readers(tmp_path: Path) -> None:
    library = read_library(write(tmp_path / "small"))
    halves = [library.half(half).readers for half in (Half.DEVELOPMENT, Half.REST)]
    assert sorted(r.name for half in halves for r in half) == sorted(
        r.name for r in library.readers
    )
    assert all(is_development(reader.name) for reader in halves[0])
    assert not any(is_development(reader.name) for reader in halves[1])


def test_fewer_candidates_keep_every_paper_of_the_readers(tmp_path: Path) -> None:
    library = read_library(write(tmp_path / "small")).sampled(1, 0)
    (reader,) = library.readers
    pooled = library.pooled(30, 0)
    assert len(pooled.ids) == 30
    names = {library.ids[place] for place in reader.papers}
    assert {pooled.ids[place] for place in pooled.readers[0].papers} == names


def test_bad_lines_are_told_and_the_rest_is_measured(tmp_path: Path) -> None:
    folder = write(tmp_path / "small")
    with (folder / "users.jsonl").open("a") as out:
        out.write('nothing\n{"user": "x", "items": 3}\n{"items": []}\n')
    code, printed, complaints, _ = run(folder, "--systems", "random", "--splits", 1, "--json")
    assert code == 0
    assert json.loads(printed)["skipped_lines"] == 3
    assert "users.jsonl, line 7: not JSON" in complaints
    assert "users.jsonl, line 8: items is not a list" in complaints
    assert "users.jsonl, line 9: it has no user" in complaints


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("items.jsonl", "what\n", "items.jsonl has no paper that can be read"),
        ("users.jsonl", "what\n", "users.jsonl names no reader"),
        ("users.jsonl", '{"user": "x", "items": ["unheard of"]}\n', "names no reader"),
        ("users.jsonl", '{"user": "x", "items": ["bees1"]}\n', "has the 10 papers needed"),
    ],
)
def test_what_cannot_be_measured_is_a_sentence(
    tmp_path: Path, name: str, text: str, sentence: str
) -> None:
    folder = write(tmp_path / "small")
    (folder / name).write_text(text)
    _, _, _, error = run(folder, "--systems", "random")
    assert isinstance(error, InputError)
    assert sentence in str(error)


def test_a_folder_that_lacks_something_is_a_sentence(tmp_path: Path) -> None:
    for folder, sentence in ((tmp_path / "none", "There is no folder"), (tmp_path, "items.jsonl")):
        _, _, _, error = run(folder)
        assert isinstance(error, InputError)
        assert sentence in str(error)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--systems", "ours,magic"), "no system magic"),
        (("--part", "best"), "best"),
        (("--users", "0"), "0"),
    ],
)
def test_misuse_is_told(tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    code, _, complaints, _ = run(write(tmp_path / "small"), *arguments)
    assert code == 2
    assert sentence in complaints
