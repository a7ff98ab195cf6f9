"""`broadsheet embed`: training the built-in embedding anew, and encoding texts with it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import NoReturn, TextIO

import click
import numpy as np

from broadsheet.cli.common import FAILED, err, json_option, out, print_json, progress
from broadsheet.embed.base import EmbedderError
from broadsheet.embed.static import BUILT_IN, WIDTHS, load, load_built_in

_AT_ONCE = 1024
_MOST_TEXTS = 100_000


@click.group()
def embed() -> None:
    """The embedding behind search by meaning: training it, and using it on texts."""


@embed.command("train")
@click.argument(
    "papers", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write the model to.",
)
@click.option("--epochs", type=click.IntRange(1, 100), help="Times through the papers.")
@click.option("--seed", type=click.IntRange(0), help="What chance starts from.")
@click.option(
    "--start",
    default="none",
    show_default=True,
    help="`sentence-transformers:PATH` for a start from that model's words, or `none`.",
)
@json_option
def embed_train(
    papers: tuple[Path, ...],
    folder: Path,
    epochs: int | None,
    seed: int | None,
    start: str,
    as_json: bool,
) -> None:
    """Train an embedding on PAPERS: JSON Lines with title and abstract, also as .xz."""
    try:
        from broadsheet.embed.making import make  # noqa: PLC0415 - needs torch
        from broadsheet.embed.training import Recipe  # noqa: PLC0415 - needs torch
    except ImportError:
        _fail("Training needs torch: pip install .[train]")
    recipe = Recipe()
    recipe = replace(
        recipe,
        epochs=recipe.epochs if epochs is None else epochs,
        seed=recipe.seed if seed is None else seed,
    )
    with _as_sentences(), progress("Training") as watch:
        figures = make(papers, folder, recipe, start, watch=watch, say=err.print)
    if as_json:
        print_json(asdict(figures))
        return
    out.print(
        f"Trained on {figures.papers:,} papers in {figures.seconds:.0f} s: "
        f"{figures.stems:,} stems, {figures.bigrams:,} bigrams, {figures.bytes / 1e6:.1f} MB. "
        f"Of {figures.held_out:,} titles held out, {figures.recall:.1%} find their own abstract "
        f"first (before the training {figures.recall_of_start:.1%})."
    )


@embed.command("refine")
@click.argument(
    "papers", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--from",
    "before",
    default=BUILT_IN,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of the model to train further (default: the built-in one).",
)
@click.option(
    "--definitions",
    multiple=True,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON Lines: a term as title, what it means as abstract. Can be given again.",
)
@click.option("--teacher", help="`sentence-transformers:PATH`: what says what texts mean.")
@click.option(
    "--texts",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Short texts for the teacher, one a line.",
)
@click.option(
    "--most",
    type=click.IntRange(1),
    default=_MOST_TEXTS,
    show_default=True,
    help="Texts that the teacher is asked, from the first.",
)
@click.option(
    "--out",
    "folder",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write the model to.",
)
@click.option("--steps", type=click.IntRange(1), help="Batches to learn from.")
@click.option("--seed", type=click.IntRange(0), help="What chance starts from.")
@json_option
def embed_refine(
    papers: tuple[Path, ...],
    before: Path,
    definitions: tuple[Path, ...],
    teacher: str | None,
    texts: Path | None,
    most: int,
    folder: Path,
    steps: int | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Train a model further, on definitions and a teacher; PAPERS keep what it knows."""
    try:
        from broadsheet.embed.making import make_refined, read_lessons  # noqa: PLC0415 - torch
        from broadsheet.embed.refining import Refinement  # noqa: PLC0415 - needs torch
    except ImportError:
        _fail("Training needs torch: pip install .[train]")
    if (teacher is None) != (texts is None):
        _fail("A teacher needs texts, and texts a teacher: give --teacher and --texts.")
    recipe = Refinement()
    recipe = replace(
        recipe,
        steps=recipe.steps if steps is None else steps,
        seed=recipe.seed if seed is None else seed,
    )
    with _as_sentences(), progress("Training") as watch:
        lessons = read_lessons(teacher, texts, most) if teacher and texts else None
        figures = make_refined(
            papers, before, definitions, folder, recipe, lessons, watch=watch, say=err.print
        )
    if as_json:
        print_json(asdict(figures))
        return
    out.print(
        f"Trained further in {figures.seconds:.0f} s: {figures.stems:,} stems, "
        f"{figures.bytes / 1e6:.1f} MB. Of {figures.held_out:,} titles held out, "
        f"{figures.recall:.1%} find their own abstract first "
        f"(before {figures.recall_of_start:.1%})."
    )


@embed.command("encode")
@click.argument("texts", metavar="[FILE|-]", default="-", type=click.File("r", errors="replace"))
@click.option(
    "--out",
    "target",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, in numpy's format: float32, a row a line.",
)
@click.option(
    "--width",
    type=click.Choice([str(width) for width in WIDTHS]),
    default=str(WIDTHS[-1]),
    show_default=True,
    help="Numbers a vector.",
)
@click.option(
    "--model",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of another model (default: the built-in one).",
)
@json_option
def embed_encode(
    texts: TextIO, target: Path, width: str, model: Path | None, as_json: bool
) -> None:
    """Encode lines of FILE: each a text, or JSON with title and abstract. Empty lines count."""
    with _as_sentences():
        encoder = load(model, int(width)) if model else load_built_in(int(width))
        pieces = []
        done = 0
        with progress("Encoding") as watch:
            for papers in _in_parts(texts):
                pieces.append(encoder.encode_papers(papers))
                done += len(papers)
                watch(done, done)
        vectors = np.concatenate(pieces) if pieces else np.zeros((0, encoder.width), np.float32)
        held = io.BytesIO()
        np.save(held, vectors)
        target.write_bytes(held.getvalue())
    empty = int(np.sum(~vectors.any(axis=1)))
    if as_json:
        print_json(
            {"lines": done, "width": encoder.width, "nothing_known": empty, "model": encoder.name}
        )
    else:
        out.print(f"{done:,} vectors of {encoder.width} numbers; {empty:,} of nothing known.")


def _in_parts(lines: TextIO) -> Iterator[list[tuple[str, str]]]:
    """The lines as (title, text), some at a time; what is no JSON object is a text."""
    part: list[tuple[str, str]] = []
    for line in lines:
        part.append(_paper(line.rstrip("\n")))
        if len(part) == _AT_ONCE:
            yield part
            part = []
    if part:
        yield part


def _paper(line: str) -> tuple[str, str]:
    if line.lstrip().startswith("{"):
        try:
            value = json.loads(line)
            return str(value.get("title") or ""), str(value.get("abstract") or "")
        except (ValueError, RecursionError):
            pass
    return "", line


@contextmanager
def _as_sentences() -> Iterator[None]:
    try:
        yield
    except (EmbedderError, OSError, ValueError) as error:
        _fail(str(error))


def _fail(sentence: str) -> NoReturn:
    err.print(f"broadsheet: {sentence}")
    raise click.exceptions.Exit(FAILED)
