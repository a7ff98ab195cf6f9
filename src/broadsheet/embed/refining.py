"""The second training: what words mean outside the papers.

Papers teach the words that papers use. The others learn from terms and their definitions, a term
having to find its definition among a thousand others, and from a teacher: the vector of a short
text shall be what a sentence transformer makes of the text, seen through a linear map that is
trained along. Batches of papers stand between, and each row is pulled back a little to where it
started, so that what was learned before is kept. Rare stems that no definition uses give their
rows to words of the definitions.

Definitions are read as papers are: the term as the title, what it means as the abstract.

Needs torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from broadsheet.embed.corpus import Corpus, Ints, Longs, Words
from broadsheet.embed.lexicon import Lexicon, is_word, own_direction
from broadsheet.embed.static import StaticEmbedder
from broadsheet.embed.training import Bags, Ranges, Report, Table, contrast, trainable
from broadsheet.text.analysis import STOP_WORDS, prose_terms

Floats = NDArray[np.float32]


# What batches are of.
PAPERS, DEFINITIONS, TEXTS = "papers", "definitions", "texts"
# How strongly the map from the teacher's vectors is held to zero at its start, a text.
_RIDGE = 1e-4
_AT_ONCE = 4096


@dataclass(frozen=True)
class Refinement:
    """What a second training is made of; the defaults are the last trial of
    docs/search-quality.md, which kept most of what was learned before.
    """

    steps: int = 300
    batch: int = 1024
    # What the batches are of, in turn; texts are left out where there is no teacher.
    turns: tuple[str, ...] = (TEXTS, DEFINITIONS, PAPERS)
    rate: float = 0.006
    weight_rate: float = 0.012
    map_rate: float = 0.002
    temperature: float = 0.05
    # Each step, a row goes this part of its way back to where it started.
    pull: float = 0.001
    # Words left out of a text, a term, its definition, a paper's title, its abstract.
    text_dropout: float = 0.1
    term_dropout: float = 0.1
    definition_dropout: float = 0.2
    title_dropout: float = 0.15
    abstract_dropout: float = 0.4
    # Words of an abstract or a definition that are read.
    longest: int = 80
    widths: tuple[int, ...] = (64, 128, 256)
    width_weights: tuple[float, ...] = (0.3, 0.5, 1.0)
    # Stems by how often papers use them: those from `rare` to `stems` may lose their row.
    rare: int = 29_000
    stems: int = 38_000
    # A word of definitions gets a row if it stands there so often.
    least: int = 3
    # All rows: what 16 MB hold.
    rows: int = 59_653
    # One paper in so many is read.
    every: int = 7
    seed: int = 1


@dataclass(frozen=True)
class Taught:
    """Texts and what the teacher makes of them: shape (texts, its width), of unit length."""

    stems: Ints
    bigrams: Ints
    starts: Longs
    ends: Longs
    vectors: Floats


def widen(
    model: StaticEmbedder, table: Floats, words: Words, recipe: Refinement
) -> tuple[Lexicon, Floats]:
    """The lexicon with words of the definitions in the place of rare stems, and its table.

    A new row starts as what the model made of the word while it was unknown. Stems that no
    definition uses, and that no pair of stems needs, leave; `table` is the model's, shape
    (rows, width).
    """
    lexicon = model.lexicon
    often = np.bincount(words.flat, minlength=len(words.terms)).tolist()
    counts = dict(zip(words.terms, often, strict=True))
    paired = set(lexicon.bigrams.ravel().tolist())
    leaving = {
        row
        for row in range(recipe.rare, min(recipe.stems, len(lexicon.terms)))
        if not counts.get(lexicon.terms[row]) and row not in paired
    }
    # The first of `words.terms` marks the ends of sentences.
    new = [
        term
        for term in words.terms[1:]
        if counts[term] >= recipe.least and term not in lexicon.rows and _is_plain(term)
    ]
    new.sort(key=lambda term: -counts[term])
    new = new[: max(0, recipe.rows - len(lexicon) + len(leaving))]
    kept = np.array([row for row in range(len(lexicon.terms)) if row not in leaving], np.int64)
    row_of = np.full(len(lexicon.terms), -1, np.int64)
    row_of[kept] = np.arange(len(kept))
    # The order of rows is kept, so the pairs stay in order.
    pairs = row_of[lexicon.bigrams].astype(np.int32)
    width = table.shape[1]
    guessed = np.zeros((len(new), width), np.float32)
    for place, term in enumerate(new):
        vector = model.guess(term)
        guessed[place] = own_direction(term, width) if vector is None else vector
    rows = np.concatenate([table[kept], guessed, table[len(lexicon.terms) :]])
    terms = [lexicon.terms[row] for row in kept.tolist()] + new
    return Lexicon(terms, pairs, lexicon.buckets), rows.astype(np.float32)


def _is_plain(term: str) -> bool:
    return is_word(term) and term not in STOP_WORDS and not any(map(str.isdigit, term))


def taught(texts: Sequence[str], vectors: Floats, lexicon: Lexicon) -> Taught:
    """Texts in rows of the table, beside the teacher's vectors; those of no known word are gone."""
    found = [
        [lexicon.row(term) for term in prose_terms(text) if term not in STOP_WORDS]
        for text in texts
    ]
    known = [place for place, rows in enumerate(found) if any(row >= 0 for row in rows)]
    lengths = np.array([len(found[place]) for place in known], np.int64)
    stems = np.array([row for place in known for row in found[place]], np.int32)
    ends = np.cumsum(lengths)
    bigrams = np.full(len(stems), -1, np.int32)
    bigrams[:-1] = lexicon.bigram_rows(stems[:-1], stems[1:])
    bigrams[ends - 1] = -1
    return Taught(stems, bigrams, ends - lengths, ends, np.asarray(vectors[known], np.float32))


def refine(
    papers: Corpus,
    definitions: Corpus,
    start: Floats,
    recipe: Refinement,
    texts: Taught | None = None,
    report: Report | None = None,
) -> Floats:
    """The table after the second training, shape as `start`. `report` is called as it goes.

    The same texts, start, recipe and number of threads give the same table. Raises ValueError
    where there are too few papers or definitions to learn from.
    """
    torch.manual_seed(recipe.seed)
    chance = np.random.default_rng(recipe.seed)
    table = Table(start, sparse=True)
    # Only the rows that a batch used are moved: most of them are in none.
    rows = torch.optim.SparseAdam([table.rows], lr=recipe.rate, betas=(0.9, 0.99))
    weights = torch.optim.Adam([table.weights], lr=recipe.weight_rate, betas=(0.9, 0.99))
    optimisers: list[torch.optim.Optimizer] = [rows, weights]
    schedules = [
        torch.optim.lr_scheduler.LambdaLR(
            optimiser, lambda step: min(1.0, (step + 1) / 10) * max(0.05, 1 - step / recipe.steps)
        )
        for optimiser in optimisers
    ]
    turns = [turn for turn in recipe.turns if texts is not None or turn != TEXTS]
    batches = {
        PAPERS: _batches(trainable(papers), recipe.batch, chance),
        DEFINITIONS: _batches(_defined(definitions), recipe.batch, chance),
    }
    through = torch.zeros(0)
    if texts is not None:
        through = torch.from_numpy(_map(texts, start)).requires_grad_()
        optimisers.append(torch.optim.Adam([through], lr=recipe.map_rate))
        batches[TEXTS] = _batches(np.arange(len(texts.starts)), recipe.batch, chance)
    origin, lengths = table.rows.detach().clone(), table.weights.detach().clone()
    for step in range(1, recipe.steps + 1):
        turn = turns[step % len(turns)]
        chosen = next(batches[turn])
        if turn == TEXTS and texts is not None:
            left = table(*_bags(texts, chosen, recipe.text_dropout, chance), len(chosen))
            right = torch.from_numpy(texts.vectors[chosen]) @ through
        elif turn == DEFINITIONS:
            dropout = recipe.term_dropout, recipe.definition_dropout
            left, right = _sides(table, definitions, chosen, recipe, dropout, chance)
        else:
            dropout = recipe.title_dropout, recipe.abstract_dropout
            left, right = _sides(table, papers, chosen, recipe, dropout, chance)
        loss = contrast(left, right, recipe.widths, recipe.width_weights, recipe.temperature)
        for optimiser in optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        for schedule in schedules:
            schedule.step()
        if step % 4 == 0:
            with torch.no_grad():
                table.rows.lerp_(origin, min(1.0, 4 * recipe.pull))
                table.weights.lerp_(lengths, min(1.0, 4 * recipe.pull))
        if report and step % 10 == 0:
            report({"step": step, "steps": recipe.steps, "loss": loss.item()})
    return table.final()


def _defined(corpus: Corpus) -> Longs:
    """The entries with a known word in the term and two in the definition."""
    lengths = (corpus.ends - corpus.starts).reshape(-1, 3)
    return np.flatnonzero((lengths[:, 0] >= 1) & (lengths[:, 1] >= 2))


def _batches(of: Longs, size: int, chance: np.random.Generator) -> Iterator[Longs]:
    """Batches without end: all in an order drawn anew each time round."""
    while True:
        if len(of) < 2:
            raise ValueError("There are too few papers, definitions or texts to learn from.")
        order = chance.permutation(of)
        for at in range(0, max(1, len(order) - size + 1), size):
            yield order[at : at + size]


def _sides(
    table: Table,
    corpus: Corpus,
    entries: Longs,
    recipe: Refinement,
    dropout: tuple[float, float],
    chance: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums of the rows of titles (terms) and of abstracts (definitions), (entries, width) each."""
    bags = np.arange(len(entries))
    asked, wanted = Ranges(), Ranges()
    titles, texts = entries * 3, entries * 3 + 1
    asked.add(bags, corpus.starts[titles], corpus.ends[titles])
    begins = corpus.starts[texts]
    wanted.add(bags, begins, np.minimum(corpus.ends[texts], begins + recipe.longest))
    return (
        table(*asked.rows(corpus, dropout[0], chance), len(entries)),
        table(*wanted.rows(corpus, dropout[1], chance), len(entries)),
    )


def _bags(texts: Taught, chosen: Longs, dropout: float, chance: np.random.Generator) -> Bags:
    pieces = Ranges()
    pieces.add(np.arange(len(chosen)), texts.starts[chosen], texts.ends[chosen])
    return pieces.rows(texts, dropout, chance)


def _map(texts: Taught, table: Floats) -> Floats:
    """The linear map from the teacher's vectors to the table's of the same texts that is nearest
    by least squares, shape (teacher's width, width).
    """
    chance = np.random.default_rng(0)
    rows = torch.from_numpy(table)
    ours = np.zeros((len(texts.starts), table.shape[1]), np.float32)
    for at in range(0, len(ours), _AT_ONCE):
        some = np.arange(at, min(at + _AT_ONCE, len(ours)))
        found, owners = _bags(texts, some, 0.0, chance)
        offsets = torch.from_numpy(np.searchsorted(owners, np.arange(len(some))))
        sums = torch.nn.functional.embedding_bag(torch.from_numpy(found), rows, offsets, mode="sum")
        ours[some] = torch.nn.functional.normalize(sums, dim=1).numpy()
    theirs = texts.vectors
    gram = theirs.T @ theirs + np.eye(theirs.shape[1]) * len(theirs) * _RIDGE
    return np.linalg.solve(gram, theirs.T @ ours).astype(np.float32)
