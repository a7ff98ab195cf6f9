"""A model from papers: reading, choosing rows, the start, the training, figures, the folder.

Only for training; this and what it calls need torch.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from broadsheet.embed import corpus as papers_of
from broadsheet.embed import start as starting
from broadsheet.embed.base import EmbedderError, Vectors
from broadsheet.embed.card import card
from broadsheet.embed.lexicon import Lexicon
from broadsheet.embed.pieces import fill_buckets
from broadsheet.embed.static import WIDTHS, StaticEmbedder, load, save
from broadsheet.embed.training import Recipe, train

NAME = "broadsheet-1"
# The title's part of a paper's vector, found by measurement (docs/search-quality.md).
TITLE_SHARE = 0.45
# Papers among which titles must find their abstracts, at most.
_MOST_HELD_OUT = 5000
_SENTENCE_TRANSFORMERS = "sentence-transformers:"

Say = Callable[[str], None]
Watch = Callable[[int, int], None]


@dataclass(frozen=True)
class Sizes:
    """Rows by kind; the defaults fill the 16 MB that the model may have."""

    stems: int = 38_000
    bigrams: int = 14_000
    buckets: int = 3_000


@dataclass(frozen=True)
class Figures:
    """What a training came to. Recall: held-out titles that find their abstract first."""

    papers: int
    held_out: int
    stems: int
    bigrams: int
    buckets: int
    recall: float
    recall_of_start: float
    alignment: float
    uniformity: float
    bytes: int
    seconds: float


def make(
    paths: Sequence[Path],
    folder: Path,
    recipe: Recipe,
    start: str,
    sizes: Sizes | None = None,
    say: Say = lambda _: None,
    watch: Watch = lambda _done, _all: None,
) -> Figures:
    """Trains a model on the papers in `paths` and writes it to `folder`.

    `start` is `sentence-transformers:PATH` or `none`. Raises EmbedderError, OSError, ValueError.
    """
    began = time.monotonic()
    sizes = sizes or Sizes()
    teacher = _teacher(start)
    say("Reading the papers")
    words = papers_of.read_words(paths, watch)
    say("Choosing words")
    extra = teacher.words() if teacher else []
    lexicon, shares = papers_of.choose(words, sizes.stems, sizes.bigrams, extra, sizes.buckets)
    if not lexicon.terms:
        raise EmbedderError("The papers hold too few words to learn from.")
    texts = papers_of.number(words, lexicon)
    say("Making the start")
    width = WIDTHS[-1]
    if teacher:
        table = starting.from_teacher(teacher, lexicon, words.forms, shares, width)
    else:
        table = starting.at_random(lexicon, shares, width, recipe.seed)
    held = _held_out(paths)
    recall_of_start = _recall(StaticEmbedder(NAME, lexicon, table, TITLE_SHARE), held)
    say("Training")
    trained = train(texts, table, recipe, lambda at: watch(int(at["step"]), int(at["steps"])))
    trained = to_scale(lexicon, fill_buckets(lexicon, trained, shares))
    save(folder, NAME, lexicon, trained, TITLE_SHARE)
    model = load(folder)
    alignment, uniformity = _spread(model, held)
    figures = Figures(
        papers=len(texts.held) - int(texts.held.sum()),
        held_out=len(held),
        stems=len(lexicon.terms),
        bigrams=len(lexicon.bigrams),
        buckets=lexicon.buckets,
        recall=_recall(model, held),
        recall_of_start=recall_of_start,
        alignment=alignment,
        uniformity=uniformity,
        bytes=0,
        seconds=time.monotonic() - began,
    )
    (folder / "card.md").write_text(card(asdict(figures), asdict(recipe), _sources(paths), start))
    return replace(figures, bytes=sum(file.stat().st_size for file in folder.iterdir()))


def to_scale(lexicon: Lexicon, table: Vectors) -> Vectors:
    """The table divided by the mean length of its rarer stems, which unknown words then match."""
    rarer = table[len(lexicon.terms) // 4 : len(lexicon.terms)]
    length = float(np.linalg.norm(rarer, axis=1).mean())
    return np.asarray(table / length, np.float32) if length else table


def _teacher(start: str) -> starting.Teacher | None:
    if start == "none":
        return None
    if not start.startswith(_SENTENCE_TRANSFORMERS):
        raise EmbedderError("A start is `sentence-transformers:PATH` or `none`.")
    try:
        return starting.SentenceTeacher(start.removeprefix(_SENTENCE_TRANSFORMERS))
    except ImportError as error:
        raise EmbedderError(
            "A start from sentence-transformers needs its package: pip install "
            "sentence-transformers."
        ) from error


def _held_out(paths: Sequence[Path]) -> list[tuple[str, str]]:
    """Title and abstract of the papers held out, each title once."""
    found: dict[str, str] = {}
    for paper in papers_of.read_papers(paths):
        title, abstract = str(paper.get("title") or ""), str(paper.get("abstract") or "")
        if len(abstract) > 200 and title and papers_of.is_held_out(title):
            found.setdefault(title, abstract)
    return list(found.items())[:_MOST_HELD_OUT]


def _sides(model: StaticEmbedder, held: Sequence[tuple[str, str]]) -> tuple[Vectors, Vectors]:
    return (
        model.encode_queries([title for title, _ in held]),
        model.encode_papers([("", abstract) for _, abstract in held]),
    )


def _recall(model: StaticEmbedder, held: Sequence[tuple[str, str]]) -> float:
    """The share of titles whose own abstract is the nearest of all."""
    if not held:
        return 0.0
    titles, abstracts = _sides(model, held)
    return float(np.mean(np.argmax(titles @ abstracts.T, axis=1) == np.arange(len(held))))


def _spread(model: StaticEmbedder, held: Sequence[tuple[str, str]]) -> tuple[float, float]:
    """Alignment and uniformity, both better when smaller, of titles and abstracts held out.

    After "Understanding Contrastive Representation Learning through Alignment and Uniformity on
    the Hypersphere": the mean squared distance of pairs, and the logarithm of the mean of
    exp(-2 distance^2) over all abstracts.
    """
    if len(held) < 2:
        return 0.0, 0.0
    titles, abstracts = _sides(model, held[:2000])
    alignment = float(np.mean(np.sum((titles - abstracts) ** 2, axis=1)))
    apart = 2 - 2 * (abstracts @ abstracts.T)[np.triu_indices(len(abstracts), 1)]
    return alignment, float(np.log(np.mean(np.exp(-2 * apart))))


def _sources(paths: Sequence[Path]) -> list[tuple[str, int, str]]:
    """Name, number of papers and SHA-256 of each file."""
    return [
        (
            path.name,
            sum(1 for _ in papers_of.read_papers([path])),
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in paths
    ]
