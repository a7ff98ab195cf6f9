"""`broadsheet prior train` and `broadsheet eval prior`: what an empty room goes by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import click

from broadsheet.cli.common import err, json_option, out, print_json
from broadsheet.cli.evaluating import evaluate
from broadsheet.embed.static import load_built_in
from broadsheet.evaluation import prior as measuring
from broadsheet.intake.opening import InputError
from broadsheet.learning import prior as models
from broadsheet.learning import prior_training as training
from broadsheet.text.normalise import plain

_File = click.Path(exists=True, dir_okay=False, path_type=Path)
_featured = click.option(
    "--featured",
    required=True,
    type=_File,
    help="JSON lines of what editors picked: day, id, title, abstract, authors, upvotes.",
)
_others = click.option(
    "--others",
    required=True,
    type=_File,
    help="JSON lines of the other papers: published, id, title, abstract, authors, categories.",
)
_seed = click.option("--seed", type=click.IntRange(0), default=0, show_default=True)


@click.group()
def prior() -> None:
    """What the front page goes by where nobody has voted yet."""


@prior.command("train")
@_featured
@_others
@click.option(
    "--out",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; its card is written beside it, as prior.md.",
)
@_seed
@json_option
def prior_train(featured: Path, others: Path, target: Path, seed: int, as_json: bool) -> None:
    """Train the prior on papers that editors picked and the others of the same days."""
    with _as_sentences():
        err.print("Reading the papers")
        examples, left = training.read_examples(featured, others)
        err.print(f"Learning from {len(examples):,} papers")
        trained = training.train(training.read_texts(examples), load_built_in().lexicon, seed)
        target.parent.mkdir(parents=True, exist_ok=True)
        models.save(trained.weights, target)
        (target.parent / "prior.md").write_text(
            training.card(
                trained, [(path.name, _digest(path)) for path in (featured, others)], seed
            )
        )
    figures = {
        "featured": trained.picked,
        "others": trained.others,
        "days": trained.days,
        "left_out": left,
        "words": len(trained.weights.words),
        "bytes": target.stat().st_size,
    }
    if as_json:
        print_json(figures)
    else:
        out.print(
            f"Learned {figures['words']:,} words from {trained.picked:,} featured and "
            f"{trained.others:,} other papers of {trained.days:,} days; {left:,} featured papers "
            f"lie on days without others. {figures['bytes']:,} bytes."
        )


@evaluate.command("prior")
@_featured
@_others
@click.option(
    "--test-from",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The first day to measure on (default: two thirds of the picks lie before it).",
)
@_seed
@json_option
def eval_prior(
    featured: Path, others: Path, test_from: datetime | None, seed: int, as_json: bool
) -> None:
    """Learn the prior from earlier days and measure it on later ones.

    Prints tables in Markdown.
    """
    with _as_sentences():
        examples, left = training.read_examples(featured, others)
        split = test_from.date() if test_from else measuring.default_split(examples)
        report = measuring.measure(examples, load_built_in().lexicon, split, left, seed)
    if as_json:
        print_json(measuring.prior_json(report))
    else:
        out.print(measuring.prior_tables(report))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@contextmanager
def _as_sentences() -> Iterator[None]:
    try:
        yield
    except (models.PriorError, OSError) as error:
        raise InputError(plain(str(error))) from error
