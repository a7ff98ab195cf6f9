"""A model from papers: reading, choosing rows, the start, the training, figures, the folder;
and one from a model, by the second training.

Only for training; this and what it calls need torch.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.embed import corpus as papers_of
from broadsheet.embed import start as starting
from broadsheet.embed.base import EmbedderError, Vectors
from broadsheet.embed.card import card, refined_card
from broadsheet.embed.lexicon import Lexicon
from broadsheet.embed.pieces import fill_buckets
from broadsheet.embed.refining import Refinement, refine, taught, widen
from broadsheet.embed.static import WIDTHS, StaticEmbedder, load, save
from broadsheet.embed.training import Recipe, train

NAME = "broadsheet-1"
REFINED = "broadsheet-2"
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
class Lessons:
    """Texts, who says what they mean, and how the card names both."""

    teacher: starting.Teacher
    texts: list[str]
    said: str


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


def make_refined(
    paths: Sequence[Path],
    before: Path,
    definitions: Sequence[Path],
    folder: Path,
    recipe: Refinement,
    taught_by: Lessons | None = None,
    say: Say = lambda _: None,
    watch: Watch = lambda _done, _all: None,
) -> Figures:
    """Trains the model in `before` a second time and writes it to `folder`.

    `definitions` are files of terms and what they mean, `paths` papers that keep what was learned,
    `taught_by` texts with their teacher. Raises EmbedderError, OSError, ValueError.
    """
    began = time.monotonic()
    first = load(before)
    say("Reading definitions and papers")
    words = papers_of.read_words(definitions)
    part, held, counts = _part(paths, recipe.every, watch)
    papers = papers_of.words_of(part)
    lexicon, start = widen(first, first.table, words, recipe)
    shares = _shares(lexicon, words, papers)
    numbered, meant = papers_of.number(papers, lexicon), papers_of.number(words, lexicon)
    texts = None
    if taught_by:
        say("Asking the teacher")
        lines = taught_by.texts
        texts = taught(lines, taught_by.teacher.vectors(lines), lexicon)
    say("Training")
    table = refine(
        numbered, meant, start, recipe, texts, lambda at: watch(int(at["step"]), int(at["steps"]))
    )
    table = to_scale(lexicon, fill_buckets(lexicon, table, shares))
    save(folder, REFINED, lexicon, table, TITLE_SHARE)
    model = load(folder)
    alignment, uniformity = _spread(model, held)
    figures = Figures(
        papers=len(part),
        held_out=len(held),
        stems=len(lexicon.terms),
        bigrams=len(lexicon.bigrams),
        buckets=lexicon.buckets,
        recall=_recall(model, held),
        recall_of_start=_recall(first, held),
        alignment=alignment,
        uniformity=uniformity,
        bytes=0,
        seconds=time.monotonic() - began,
    )
    sources = [(path, counts[path]) for path in paths]
    sources += [(path, sum(1 for _ in papers_of.read_papers([path]))) for path in definitions]
    earlier = (before / "card.md").read_text() if (before / "card.md").exists() else ""
    said = refined_card(
        asdict(figures),
        asdict(recipe),
        [(path.name, count, _digest(path)) for path, count in sources],
        taught_by.said if taught_by else "no teacher",
        earlier,
    )
    (folder / "card.md").write_text(said)
    return replace(figures, bytes=sum(file.stat().st_size for file in folder.iterdir()))


def read_lessons(start: str, path: Path, most: int) -> Lessons:
    """A teacher (`sentence-transformers:PATH`) and the first `most` lines of a file of texts.

    Raises EmbedderError, OSError.
    """
    teacher = _teacher(start)
    if teacher is None:
        raise EmbedderError("A teacher is `sentence-transformers:PATH`.")
    with path.open(encoding="utf-8") as lines:
        texts = [line.strip() for line in islice(lines, most)]
    name = start.rstrip("/").rpartition("/")[2].rpartition(":")[2]
    said = f"{name}, of {len(texts):,} texts of {path.name}; SHA-256 {_digest(path)}"
    return Lessons(teacher, texts, said)


def _part(
    paths: Sequence[Path], every: int, watch: Watch
) -> tuple[list[dict[str, Any]], list[tuple[str, str]], dict[Path, int]]:
    """One paper in `every` of each file; title and abstract of those held out, each title once;
    and how many papers each file has.
    """
    part: list[dict[str, Any]] = []
    held: dict[str, str] = {}
    counts: dict[Path, int] = {}
    for path in paths:
        count = 0
        for count, paper in enumerate(papers_of.read_papers([path]), 1):
            title, abstract = str(paper.get("title") or ""), str(paper.get("abstract") or "")
            if len(held) < _MOST_HELD_OUT and _is_measured(title, abstract):
                held.setdefault(title, abstract)
            if count % every == 1 or every == 1:
                part.append(paper)
            if count % 5000 == 0:
                watch(count, 0)
        counts[path] = count
    return part, list(held.items()), counts


def _shares(lexicon: Lexicon, *read: papers_of.Words) -> NDArray[np.float64]:
    """Each stem's share of all words, shape (stems,); what was never read has a tiny one."""
    counts = np.full(len(lexicon.terms), 0.5)
    for words in read:
        often = np.bincount(words.flat, minlength=len(words.terms))
        for term, count in zip(words.terms, often.tolist(), strict=True):
            row = lexicon.row(term)
            if row >= 0:
                counts[row] += count
    shares: NDArray[np.float64] = counts / counts.sum()
    return shares


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
        if _is_measured(title, abstract):
            found.setdefault(title, abstract)
    return list(found.items())[:_MOST_HELD_OUT]


def _is_measured(title: str, abstract: str) -> bool:
    return len(abstract) > 200 and bool(title) and papers_of.is_held_out(title)


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
            _digest(path),
        )
        for path in paths
    ]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
