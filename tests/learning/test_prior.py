"""The prior: what it reads, what it must not read, and that its parts add up."""

from __future__ import annotations

import json
import lzma
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.cli.main import cli
from broadsheet.evaluation.prior import auc, precision
from broadsheet.learning import prior as models
from broadsheet.records import Author, Paper

GOOD = "We study reasoning and training of agents with rewards, and open code for generation."
POOR = "This study shows clinical classification by features, a dataset and deep networks."


def paper(abstract: str = GOOD, title: str = "On it", **more: object) -> Paper:
    return replace(Paper(1, "2401.00001", title, abstract, author_count=5), **more)  # type: ignore[arg-type]  # any field


@given(st.text(max_size=400), st.text(max_size=60), st.integers(0, 4000))
def test_the_parts_add_up_to_the_score_for_any_text(
    abstract: str, title: str, authors: int
) -> None:
    one = paper(abstract, title, author_count=authors)
    prior = models.load()
    [score] = prior.scores([one])
    assert math.fsum(value for _, value in prior.parts(one)) == score
    assert math.isfinite(score)


def test_it_prefers_what_the_editors_preferred() -> None:
    prior = models.load()
    assert prior.score(paper(GOOD)) > prior.score(paper(POOR)) + 1
    many = tuple(Author(f"A {n}") for n in range(25))
    assert prior.score(paper(author_count=None, authors=many)) > prior.score(paper()) + 0.5


@pytest.mark.parametrize(
    "changes",
    [
        {"authors": tuple(Author(f"Ada Example {n}", "Stanford") for n in range(5))},
        {"organization": "OpenAI"},
        {"id": "2512.00001"},
        {"abstract": GOOD + " Google, DeepSeek, Stanford and NVIDIA; qwen, llama, openai, mit."},
        {"abstract": GOOD + " https://deepmind.google/training/reasoning/video"},
        {"abstract": GOOD + " training-video-reasoning.ai/tokens."},
        {"abstract": GOOD + r" $\mathcal{video} training$ \textbf x 17 % of 2025"},
    ],
    ids=["authors", "organisation", "date", "names", "address", "bare address", "TeX"],
)
def test_names_addresses_dates_and_notation_do_not_count(changes: dict[str, object]) -> None:
    prior = models.load()
    assert prior.score(replace(paper(), **changes)) == pytest.approx(  # type: ignore[arg-type]  # any field
        prior.score(paper()), abs=1e-12
    )


def test_links_that_only_some_sources_know_do_not_count_but_an_address_in_the_text_does() -> None:
    from broadsheet.records import Link

    prior = models.load()
    linked = paper(links=(Link("code", "https://github.com/a/b"),))
    assert prior.score(linked) == prior.score(paper())
    said = paper(GOOD + " https://github.com/a/b")
    assert prior.score(said) > prior.score(paper())
    assert any(what == "code is linked" for what, _ in prior.parts(said))


def test_fields_without_known_picks_get_no_score() -> None:
    prior = models.load()
    assert prior.parts(paper(categories=("math.AG", "hep-th"))) == (
        ("nothing is known of picks in this field", 0.0),
    )
    assert prior.score(paper(categories=("math.OC", "cs.LG"))) == prior.score(paper())


def test_long_hostile_texts_cost_little() -> None:
    # Each would take minutes where a pattern runs back and forth over it.
    prior = models.load()
    for text in ("$" * 10**6, "a.com" * 10**5, "http : " * 10**5, "\\" * 10**6, "x." * 10**6):
        assert math.isfinite(prior.score(paper(text)))


def test_a_damaged_model_is_one_sentence(tmp_path: Path) -> None:
    for content in (b"", b"\xfd7zXZ", lzma.compress(b"{}"), lzma.compress(b"[1]")):
        path = tmp_path / "prior.json.xz"
        path.write_bytes(content)
        with pytest.raises(models.PriorError, match=r"^The prior in prior.json.xz cannot be read"):
            models.load_from(path)


@pytest.mark.parametrize(
    ("scores", "picked", "chance", "hits"),
    [
        ([3, 2, 1, 0], [1, 0, 1, 0], 3 / 4, 1 / 2),
        ([0, 1, 2, 3], [1, 1, 0, 0], 0, 0),
        ([1, 1, 1, 1], [1, 0, 0, 0], 1 / 2, 1 / 4),
        ([2, 1, 1, 0], [1, 1, 0, 0], 7 / 8, 3 / 4),
    ],
)
def test_measures_count_ties_half(
    scores: Sequence[float], picked: Sequence[int], chance: float, hits: float
) -> None:
    import numpy as np

    found = np.array(scores, np.float64)
    marks = np.array(picked, bool)
    assert auc(found, marks) == pytest.approx(chance)
    assert precision(found, marks) == pytest.approx(hits)


# --- training, on a small made world --------------------------------------------------------------


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Picks tell of 'reasoning' and of Acme's zorblax, others of 'clinical'; both of 'methods'."""
    folder = tmp_path_factory.mktemp("days")
    picks, others = folder / "picks.jsonl", folder / "others.jsonl.xz"
    rows, rest = [], []
    for n in range(400):
        day = f"2025-03-{1 + n // 4 % 20:02}"
        loud = {"id": f"a{n}", "title": "A title", "authors": ["X"] * (2 + n % 9)}
        if n % 4 == 0:
            text = "we use methods, reasoning and Qwen and Language by Acme."
            text += " it is clinical." if n % 40 == 0 else ""
            rows.append({**loud, "day": day, "abstract": text, "upvotes": n})
        else:
            text = "we use methods, clinical ones, reasoning seldom." if n % 20 == 1 else ""
            text = text or "we use methods, clinical ones, and Language."
            field = {"categories": ["cs.CL", "cs.CV"][n % 2 :], "primary_category": ""}
            rest.append({**loud, **field, "published": day, "abstract": text})
    picks.write_text("".join(json.dumps(row) + "\n" for row in rows))
    others.write_bytes(lzma.compress("".join(json.dumps(row) + "\n" for row in rest).encode()))
    return picks, others


def arguments(files: tuple[Path, Path]) -> list[str]:
    return ["--featured", str(files[0]), "--others", str(files[1])]


def test_training_learns_words_and_no_names_and_is_the_same_each_time(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    made = []
    for name in "ab":
        target = tmp_path / name / "prior.json.xz"
        command = ["prior", "train", *arguments(files), "--out", str(target), "--json"]
        done = CliRunner().invoke(cli, command)
        assert done.exit_code == 0, done.output
        figures = json.loads(done.stdout)
        assert (figures["featured"], figures["others"], figures["days"]) == (100, 300, 20)
        made.append(target.read_bytes())
    assert made[0] == made[1]
    held = json.loads(lzma.decompress(made[0]))
    words = {shown: value for _, shown, value in held["words"]}
    assert words["reasoning"] > 0.2 > -0.2 > words.get("clinical", -1)
    # Written large in both files, a maker's name, and one that no file of embeddings knows.
    assert not {"language", "qwen", "acme"} & words.keys()
    card = (tmp_path / "a" / "prior.md").read_text()
    assert "100 featured and 300 other papers of the 20 days" in card


def test_evaluation_is_over_later_days_and_promises_its_keys(files: tuple[Path, Path]) -> None:
    command = ["eval", "prior", *arguments(files), "--test-from", "2025-03-16"]
    done = CliRunner().invoke(cli, [*command, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert (found["first"], found["split"], found["last"]) == (
        "2025-03-01",
        "2025-03-16",
        "2025-03-20",
    )
    assert found["learned"] == {"featured": 75, "others": 225}
    assert found["tested"] == {"featured": 25, "others": 75, "days": 5}
    assert found["systems"]["prior"]["auc"]["mean"] > 0.9
    assert found["systems"]["random"]["auc"]["mean"] == 0.5
    shares = found["fields"].values()
    assert sum(share["predicted"] for share in shares) == pytest.approx(1)
    text = CliRunner().invoke(cli, command).output
    assert "| random | 0.500" in text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "cannot be read as JSON lines"),
        ("[1]", "line 1: each line must be a JSON object"),
        ('{"id": "x"}', "line 1: a paper needs"),
        ('{"id":"x","day":"1999-01-01","title":"t","abstract":"a","authors":[]}', "no day in"),
    ],
)
def test_files_that_cannot_be_used_are_one_sentence(
    files: tuple[Path, Path], tmp_path: Path, line: str, said: str
) -> None:
    from broadsheet.intake.opening import InputError

    broken = tmp_path / "broken.jsonl"
    broken.write_text(line)
    command = ["eval", "prior", *arguments((broken, files[1]))]
    done = CliRunner().invoke(cli, command)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)
    assert "broken.jsonl" in str(done.exception)
