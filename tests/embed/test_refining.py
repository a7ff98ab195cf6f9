"""The second training: definitions and a teacher, after papers."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from broadsheet.cli.embedding import embed
from broadsheet.embed.base import Vectors
from embed.test_training import TOPICS, paper

BIRDS, MUSIC = TOPICS[0], TOPICS[1]
# Words of the same topics that no paper has.
NEW = [
    "aquila buteo corvus".split(),
    "toccata gigue sarabande".split(),
    "dolerite tuff marl".split(),
    "bowsprit dinghy ketch".split(),
    "sumac nigella anise".split(),
    "gouge spokeshave rasp".split(),
]


def write(path: Path, entries: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    chance = random.Random(7)
    folder = tmp_path_factory.mktemp("refining")
    return write(folder / "papers.jsonl", [paper(chance) for _ in range(500)])


@pytest.fixture(scope="module")
def trained(papers: Path) -> Path:
    pytest.importorskip("torch")
    folder = papers.parent / "first"
    command = ["train", str(papers), "--out", str(folder), "--epochs", "30"]
    done = CliRunner().invoke(embed, command)
    assert done.exit_code == 0, done.output
    return folder


@pytest.fixture(scope="module")
def definitions(papers: Path) -> Path:
    chance = random.Random(8)
    entries: list[dict[str, object]] = [
        {"title": term, "abstract": " ".join(chance.sample(topic, 5))}
        for terms, topic in zip(NEW, TOPICS, strict=True)
        for term in terms
        for _ in range(4)
    ]
    return write(papers.parent / "definitions.jsonl", entries)


@pytest.mark.slow
def test_a_word_that_no_paper_has_is_learned_from_its_definitions(
    papers: Path, trained: Path, definitions: Path, tmp_path: Path
) -> None:
    from broadsheet.embed.static import load

    command = ["refine", str(papers), "--from", str(trained), "--definitions", str(definitions)]
    command += ["--out", str(tmp_path / "m"), "--steps", "80", "--json"]
    done = CliRunner().invoke(embed, command)
    assert done.exit_code == 0, done.output
    before, after = load(trained), load(tmp_path / "m")
    assert "aquila" not in before.lexicon.rows
    assert "aquila" in after.lexicon.rows
    asked = ["aquila", *map(" ".join, TOPICS)]
    once, now = before.encode_queries(asked), after.encode_queries(asked)
    assert now[0] @ now[1] > once[0] @ once[1] + 0.2
    assert now[0] @ now[1] > (now[2:] @ now[0]).max() + 0.2
    # Vectors of the two cannot be compared, and the name says so.
    assert after.name != before.name
    card = (tmp_path / "m" / "card.md").read_text()
    assert "definitions.jsonl: 72 entries" in card
    assert "papers.jsonl: 500 papers" in card  # what the first training read


@pytest.mark.slow
def test_texts_come_to_mean_what_the_teacher_says(
    papers: Path, trained: Path, definitions: Path, tmp_path: Path
) -> None:
    from broadsheet.embed.making import Lessons, make_refined
    from broadsheet.embed.refining import TEXTS, Refinement
    from broadsheet.embed.static import load

    halves = [topic[at : at + 5] for topic in (BIRDS, MUSIC) for at in (0, 5)]

    class Teacher:
        """For which half of the words on birds mean what half of those on music do."""

        def vectors(self, texts: Sequence[str]) -> Vectors:
            told = np.zeros((len(texts), 2), np.float32)
            for text, vector in zip(texts, told, strict=True):
                half = next(place for place, words in enumerate(halves) if text.split()[0] in words)
                vector[half % 2] = 1
            return told

        def words(self) -> list[str]:
            return []

    chance = random.Random(9)
    texts = [" ".join(chance.sample(chance.choice(halves), 3)) for _ in range(400)]
    recipe = replace(Refinement(), steps=80, pull=0.0, batch=200, rate=0.03, turns=(TEXTS,))
    lessons = Lessons(Teacher(), texts, "a stand-in")
    make_refined([papers], trained, [definitions], tmp_path / "m", recipe, lessons)
    asked = [" ".join(words) for words in halves]
    once, now = load(trained).encode_queries(asked), load(tmp_path / "m").encode_queries(asked)
    # The papers say that birds are birds; the teacher says otherwise, and is believed.
    assert once[0] @ once[1] > once[0] @ once[2] + 0.1
    assert now[0] @ now[2] > now[0] @ now[1] + 0.05
    assert "a stand-in" in (tmp_path / "m" / "card.md").read_text()


def test_a_teacher_without_texts_is_refused(papers: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    command = ["refine", str(papers), "--definitions", str(papers), "--teacher", "x"]
    done = CliRunner().invoke(embed, [*command, "--out", str(tmp_path / "m")])
    assert done.exit_code == 1
    assert done.stderr == (
        "broadsheet: A teacher needs texts, and texts a teacher: give --teacher and --texts.\n"
    )


@pytest.mark.slow
def test_nothing_to_learn_from_is_an_error_in_words(
    papers: Path, trained: Path, tmp_path: Path
) -> None:
    empty = write(tmp_path / "empty.jsonl", [])
    command = ["refine", str(papers), "--from", str(trained), "--definitions", str(empty)]
    done = CliRunner().invoke(embed, [*command, "--out", str(tmp_path / "m")])
    assert done.exit_code == 1
    assert "too few papers, definitions or texts" in done.stderr


def test_rare_stems_give_their_rows_to_words_of_definitions() -> None:
    pytest.importorskip("torch")
    from broadsheet.embed.corpus import words_of
    from broadsheet.embed.lexicon import Lexicon
    from broadsheet.embed.refining import Refinement, widen
    from broadsheet.embed.static import StaticEmbedder

    terms = ["cell", "field", "obscur", "tissu", "gaug", "matrix"]
    table = np.arange(48, dtype=np.float32).reshape(8, 6)
    lexicon = Lexicon(terms, np.array([[0, 1], [1, 4]], np.int32), 0)
    model = StaticEmbedder("test", lexicon, table, 0.5)
    words = words_of([{"title": "nephron", "abstract": "Tissue of a nephron: nephron tissue."}])
    recipe = replace(Refinement(), rare=2, stems=6, least=3, rows=7)
    wider, start = widen(model, table, words, recipe)
    # `obscur` and `matrix` are in no definition; `gaug` is needed by a pair.
    assert wider.terms == ["cell", "field", "tissu", "gaug", "nephron"]
    assert wider.bigrams.tolist() == [[0, 1], [1, 3]]
    assert start[[0, 1, 2, 3]].tolist() == table[[0, 1, 3, 4]].tolist()
    assert start[5:].tolist() == table[6:].tolist()
    unknown = model.guess("nephron")
    assert unknown is not None
    assert start[4].tolist() == unknown.tolist()
