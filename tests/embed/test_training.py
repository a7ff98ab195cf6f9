"""Training on a small made corpus, from files to a model that has learned something."""

import json
import lzma
import random
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from broadsheet.cli.embedding import embed

# Topics of a made world: words of a row stand together and nowhere else.
TOPICS = [
    "falcon eagle hawk osprey vulture raptor talon nesting plumage wingspan".split(),
    "sonata fugue cantata oratorio madrigal counterpoint harpsichord cadence tempo chord".split(),
    "granite basalt gneiss schist feldspar quartz magma mantle tectonic sediment".split(),
    "keel rudder mast sail hull tiller anchor harbour regatta jib".split(),
    "saffron cumin turmeric cardamom fennel clove pepper ginger recipe stew".split(),
    "lathe chisel mortise tenon plane saw varnish oak joinery dovetail".split(),
]


def paper(chance: random.Random) -> dict[str, object]:
    topic = chance.choice(TOPICS)
    words = [chance.choice(topic) for _ in range(48)]
    sentences = [" ".join(words[at : at + 8]).capitalize() + "." for at in range(0, 40, 8)]
    return {
        "title": " ".join(words[40:45]),
        "abstract": " ".join(sentences),
        "keywords": words[45:47],
    }


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chance = random.Random(3)
    path = tmp_path_factory.mktemp("papers") / "papers.jsonl.xz"
    lines = "".join(json.dumps(paper(chance)) + "\n" for _ in range(900))
    path.write_bytes(lzma.compress(lines.encode()))
    return path


@pytest.mark.slow
def test_a_training_from_nothing_learns_which_words_belong_together(
    papers: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    from broadsheet.embed.static import load

    command = ["train", str(papers), "--out", str(tmp_path / "m"), "--epochs", "40", "--json"]
    done = CliRunner().invoke(embed, command)
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    assert figures["papers"] + figures["held_out"] >= 890
    assert figures["bytes"] > 0
    embedder = load(tmp_path / "m")
    words = embedder.encode_queries([word for topic in TOPICS for word in topic])
    alike = (words @ words.T).reshape(len(TOPICS), 10, len(TOPICS), 10).mean(axis=(1, 3))
    apart = alike[~np.eye(len(TOPICS), dtype=bool)]
    # Each word also has a direction of its own, so no two of them are the same.
    assert alike.diagonal().min() > apart.max() + 0.1
    assert "papers.jsonl.xz: 900 papers" in (tmp_path / "m" / "card.md").read_text()


@pytest.mark.slow
def test_the_same_seed_makes_the_same_model(papers: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    tables = []
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        command = ["train", str(papers), "--out", str(tmp_path / name), "--epochs", "1"]
        assert CliRunner().invoke(embed, [*command, "--seed", seed]).exit_code == 0
        tables.append((tmp_path / name / "table.npy").read_bytes())
    assert tables[0] == tables[1]
    assert tables[0] != tables[2]


def test_without_torch_one_sentence_says_what_to_install(
    papers: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("torch", "broadsheet.embed.making", "broadsheet.embed.training"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    done = CliRunner().invoke(embed, ["train", str(papers), "--out", str(tmp_path / "m")])
    assert done.exit_code == 1
    assert done.stderr == "broadsheet: Training needs torch: pip install .[train]\n"


def test_a_start_that_is_none_of_the_known_ones_is_refused(papers: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    command = ["train", str(papers), "--out", str(tmp_path / "m"), "--start", "glove"]
    done = CliRunner().invoke(embed, command)
    assert done.exit_code == 1
    assert "sentence-transformers:PATH" in done.stderr


def test_broken_papers_are_an_error_in_words(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    broken = tmp_path / "papers.jsonl"
    broken.write_text("{")
    done = CliRunner().invoke(embed, ["train", str(broken), "--out", str(tmp_path / "m")])
    assert done.exit_code == 1
    assert done.stderr.splitlines()[-1].startswith("broadsheet: ")


def test_lines_and_papers_are_encoded(tmp_path: Path) -> None:
    target = tmp_path / "vectors.npy"
    lines = [
        "spin glasses",
        "",
        json.dumps({"title": "Spin glasses", "abstract": "Magnets with disorder."}),
        "{not json, but text about magnets",
        "\x00\ufffd",
    ]
    done = CliRunner().invoke(
        embed, ["encode", "-", "--out", str(target), "--width", "64", "--json"], "\n".join(lines)
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["lines"] == 5
    vectors = np.load(target)
    assert vectors.shape == (5, 64)
    assert vectors[0] @ vectors[2] > 0.5
    assert not vectors[[1, 4]].any()
