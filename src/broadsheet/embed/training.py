"""Training of the table: a paper's parts shall find the paper among thousands of others.

Pairs are made from papers alone: a title and its abstract, a few words or a sentence of a paper
and the rest of it, keywords and title with abstract. Each batch is drawn from a few clusters of
papers that the table itself, as it then is, finds alike, so that the others of a batch are hard
to tell apart; the clusters are made anew each epoch ("Conan-embedding: General Text Embedding
with More and Better Negative Samples"). The loss is InfoNCE in both directions at each of the
nested widths ("Matryoshka Representation Learning", Kusupati et al. 2022). The tables after each
of the last epochs are averaged ("KaLM-Embedding-V2").

Only this module needs torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from broadsheet.embed.corpus import Corpus, Ints, Longs

Floats = NDArray[np.float32]
# Rows, and the bag of each, in order of bags.
Bags = tuple[Longs, Longs]
Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Recipe:
    """What a training is made of; the defaults made the model that comes with Broadsheet."""

    epochs: int = 4
    batch: int = 2048
    rate: float = 0.008
    weight_rate: float = 0.02
    temperature: float = 0.05
    # Each step, a row that was used goes this part of its way back to where it started.
    pull: float = 0.0005
    # Parts of the pairs: title, words, sentence (keywords take the title's where there are any).
    titles: float = 0.4
    words: float = 0.3
    # Words left out of the query's side, and of the paper's.
    query_dropout: float = 0.15
    paper_dropout: float = 0.4
    # Share of the query's words that are hidden from the paper's side, so that other words than the
    # same ones must lead there.
    blind: float = 0.0
    # Papers a cluster gives to a batch; 0 draws at random.
    run: int = 64
    clusters: int = 1024
    hard: float = 0.25
    widths: tuple[int, ...] = (64, 128, 256)
    width_weights: tuple[float, ...] = (0.3, 0.5, 1.0)
    average: int = 1
    seed: int = 1


class Numbered(Protocol):
    """Texts in rows of the table: their stems, and the pairs that these begin (-1: none)."""

    @property
    def stems(self) -> Ints:
        """Rows of stems, all texts one after another."""

    @property
    def bigrams(self) -> Ints:
        """Rows of pairs, beside the first stem of each."""


@dataclass
class Ranges:
    """Pieces of texts: piece i is `starts[i]` to `ends[i]` and belongs to the bag `bags[i]`."""

    bags: list[Longs] = field(default_factory=list)
    starts: list[Longs] = field(default_factory=list)
    ends: list[Longs] = field(default_factory=list)

    def add(self, bags: Longs, starts: Longs, ends: Longs) -> None:
        """Adds pieces."""
        self.bags.append(bags)
        self.starts.append(starts)
        self.ends.append(ends)

    def rows(self, corpus: Numbered, dropout: float, chance: np.random.Generator) -> Bags:
        """The rows of all the pieces' words and bigrams, and the bag of each, in order of bags."""
        bags, starts = np.concatenate(self.bags), np.concatenate(self.starts)
        lengths = np.maximum(np.concatenate(self.ends) - starts, 0)
        owners = np.repeat(bags, lengths)
        first = np.cumsum(lengths) - lengths
        places = np.arange(lengths.sum()) - np.repeat(first - starts, lengths)
        last = np.zeros(len(places), bool)
        last[(first + lengths - 1)[lengths > 0]] = True
        kept = chance.random(len(places)) >= dropout
        stems, bigrams = corpus.stems[places], corpus.bigrams[places]
        one = kept & (stems >= 0)
        two = kept & (bigrams >= 0) & ~last
        rows = np.concatenate([stems[one], bigrams[two]]).astype(np.int64)
        owners = np.concatenate([owners[one], owners[two]])
        order = np.argsort(owners, kind="stable")
        return rows[order], owners[order]


class Table(torch.nn.Module):
    """Rows, of length one at the start, and the logarithms of their weights."""

    def __init__(self, start: Floats, sparse: bool = False) -> None:
        """With `sparse`, gradients of rows hold only the rows that were used."""
        super().__init__()
        self._sparse = sparse
        lengths = np.linalg.norm(start, axis=1)
        lengths = np.where(lengths > 0, lengths, 1).astype(np.float32)
        self.rows = torch.nn.Parameter(torch.from_numpy(start / lengths[:, None]))
        self.weights = torch.nn.Parameter(torch.from_numpy(np.log(lengths)))

    def forward(self, rows: Longs, owners: Longs, bags: int) -> torch.Tensor:
        """The sums of each bag's weighted rows, shape (bags, width)."""
        found = torch.from_numpy(rows)
        offsets = torch.from_numpy(np.searchsorted(owners, np.arange(bags)))
        return torch.nn.functional.embedding_bag(
            found,
            self.rows,
            offsets,
            mode="sum",
            sparse=self._sparse,
            per_sample_weights=self.weights[found].exp(),
        )

    def final(self) -> Floats:
        """The table with the weights in its rows."""
        with torch.no_grad():
            return np.asarray((self.rows * self.weights.exp()[:, None]).numpy(), np.float32)


def train(
    corpus: Corpus,
    start: Floats,
    recipe: Recipe,
    report: Report | None = None,
    keep: Callable[[int, Floats], None] | None = None,
) -> Floats:
    """The trained table, shape as `start`. `report` is called with figures as it goes.

    The same corpus, start, recipe and number of threads give the same table.
    """
    torch.manual_seed(recipe.seed)
    chance = np.random.default_rng(recipe.seed)
    table = Table(start)
    optimiser = torch.optim.Adam(
        [
            {"params": [table.rows], "lr": recipe.rate},
            {"params": [table.weights], "lr": recipe.weight_rate},
        ],
        betas=(0.9, 0.99),
        fused=True,
    )
    origin = table.rows.detach().clone()
    papers = trainable(corpus)
    steps = max(1, recipe.epochs * (len(papers) // recipe.batch))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / 50) * max(0.05, 1 - step / steps)
    )
    total = np.zeros_like(start)
    averaged = 0
    step = 0
    for epoch in range(recipe.epochs):
        for batch in batches(corpus, table.final(), papers, recipe, chance):
            loss = _loss(table, corpus, batch, recipe, chance)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            step += 1
            if step % 8 == 0:
                with torch.no_grad():
                    table.rows.lerp_(origin, min(1.0, 8 * recipe.pull))
            if report and step % 20 == 0:
                report({"step": step, "steps": steps, "epoch": epoch, "loss": loss.item()})
        now = table.final()
        if keep:
            keep(epoch, now)
        if epoch >= recipe.epochs - recipe.average:
            total += now
            averaged += 1
    return np.asarray(total / max(1, averaged), np.float32)


def trainable(corpus: Corpus) -> Longs:
    """The papers with a title and an abstract to learn from that are not held out."""
    lengths = (corpus.ends - corpus.starts).reshape(-1, 3)
    return np.flatnonzero(~corpus.held & (lengths[:, 0] >= 2) & (lengths[:, 1] >= 20))


def batches(
    corpus: Corpus, table: Floats, papers: Longs, recipe: Recipe, chance: np.random.Generator
) -> Iterator[Longs]:
    """One epoch's batches of papers: most made of runs of neighbours, the others at random."""
    order = chance.permutation(papers)
    if recipe.run and len(papers) > recipe.batch * 2:
        split = int(len(order) * recipe.hard)
        near = order[:split][
            _by_cluster(paper_vectors(corpus, table, order[:split]), recipe, chance)
        ]
        runs = [near[at : at + recipe.run] for at in range(0, len(near), recipe.run)]
        mixed = [runs[place] for place in chance.permutation(len(runs))]
        a_batch = recipe.batch // recipe.run
        hard = [np.concatenate(mixed[at : at + a_batch]) for at in range(0, len(mixed), a_batch)]
        rest = order[split:]
    else:
        hard, rest = [], order
    plain = [rest[at : at + recipe.batch] for at in range(0, len(rest), recipe.batch)]
    every = [batch for batch in hard + plain if len(batch) >= min(recipe.batch, len(papers)) // 2]
    for place in chance.permutation(len(every)):
        yield every[place]


def paper_vectors(corpus: Corpus, table: Floats, papers: Longs, width: int = 64) -> Floats:
    """Rough vectors of papers, shape (len(papers), width): the table's, cut to `width`."""
    cut = torch.from_numpy(np.ascontiguousarray(table[:, :width]))
    found = np.zeros((len(papers), width), np.float32)
    plain = np.random.default_rng(0)
    for at in range(0, len(papers), 8192):
        some = papers[at : at + 8192]
        pieces = Ranges()
        bags = np.arange(len(some))
        pieces.add(bags, corpus.starts[some * 3], corpus.ends[some * 3])
        starts = corpus.starts[some * 3 + 1]
        pieces.add(bags, starts, np.minimum(starts + 60, corpus.ends[some * 3 + 1]))
        rows, owners = pieces.rows(corpus, 0.0, plain)
        offsets = torch.from_numpy(np.searchsorted(owners, bags))
        sums = torch.nn.functional.embedding_bag(torch.from_numpy(rows), cut, offsets, mode="sum")
        found[at : at + 8192] = torch.nn.functional.normalize(sums, dim=1).numpy()
    return found


def _by_cluster(vectors: Floats, recipe: Recipe, chance: np.random.Generator) -> Longs:
    """The order that puts papers of one cluster together (spherical k-means, a few rounds)."""
    count = min(recipe.clusters, max(1, len(vectors) // recipe.run))
    points = torch.from_numpy(vectors)
    centres = points[torch.from_numpy(chance.choice(len(vectors), count, replace=False))]
    some = points[torch.from_numpy(chance.permutation(len(vectors))[: count * 100])]
    for _ in range(4):
        nearest = _nearest(some, centres)
        sums = torch.zeros_like(centres).index_add_(0, nearest, some)
        lengths = sums.norm(dim=1, keepdim=True)
        centres = torch.where(lengths > 0, sums / lengths.clamp(min=1e-9), centres)
    return np.argsort(_nearest(points, centres).numpy(), kind="stable")


def _nearest(points: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    return torch.cat([(some @ centres.T).argmax(dim=1) for some in torch.split(points, 16384)])


def pairs(
    corpus: Corpus, papers: Longs, recipe: Recipe, chance: np.random.Generator
) -> tuple[Ranges, Ranges]:
    """Queries and what they shall find, a bag for each of `papers` on both sides."""
    bags = np.arange(len(papers))
    kind = chance.random(len(papers))
    titled = kind < recipe.titles
    few = ~titled & (kind < recipe.titles + recipe.words)
    titles, texts, keywords = papers * 3, papers * 3 + 1, papers * 3 + 2
    queries, targets = Ranges(), Ranges()
    # Keywords ask in the title's place for half of the papers that have any.
    listed = titled & (corpus.ends[keywords] > corpus.starts[keywords]) & (kind < recipe.titles / 2)
    asking = np.where(listed, keywords, titles)[titled]
    queries.add(bags[titled], corpus.starts[asking], corpus.ends[asking])
    # A piece of the abstract asks for its other pieces and the title.
    starts, ends = corpus.starts[texts], corpus.ends[texts]
    length = np.where(few, chance.integers(2, 8, len(papers)), chance.integers(8, 24, len(papers)))
    length = np.minimum(length, (ends - starts) // 2)
    begin = starts + (chance.random(len(papers)) * (ends - starts - length + 1)).astype(np.int64)
    piece = ~titled
    queries.add(bags[piece], begin[piece], (begin + length)[piece])
    begin, stop = np.where(piece, begin, starts), np.where(piece, begin + length, starts)
    shown = piece | listed
    targets.add(bags[shown], corpus.starts[titles][shown], corpus.ends[titles][shown])
    targets.add(bags, starts, begin)
    targets.add(bags, stop, ends)
    return queries, targets


def _loss(
    table: Table, corpus: Corpus, papers: Longs, recipe: Recipe, chance: np.random.Generator
) -> torch.Tensor:
    asked, wanted = pairs(corpus, papers, recipe, chance)
    ours = asked.rows(corpus, recipe.query_dropout, chance)
    theirs = wanted.rows(corpus, recipe.paper_dropout, chance)
    if recipe.blind:
        theirs = _without(theirs, ours, len(table.weights), recipe.blind, chance)
    left, right = table(*ours, len(papers)), table(*theirs, len(papers))
    return contrast(left, right, recipe.widths, recipe.width_weights, recipe.temperature)


def contrast(
    left: torch.Tensor,
    right: torch.Tensor,
    widths: Sequence[int],
    weights: Sequence[float],
    temperature: float,
) -> torch.Tensor:
    """How badly each row of `left` finds its own of `right`, and the other way round, as the
    weighted mean over widths. Both have shape (pairs, width).
    """
    loss: Any = 0.0
    for width, weight in zip(widths, weights, strict=True):
        one = torch.nn.functional.normalize(left[:, :width], dim=1, eps=1e-6)
        two = torch.nn.functional.normalize(right[:, :width], dim=1, eps=1e-6)
        loss = loss + weight * _contrast(one, two, temperature)
    return torch.as_tensor(loss / (2 * sum(weights)))


def _contrast(one: torch.Tensor, two: torch.Tensor, temperature: float) -> torch.Tensor:
    """InfoNCE from both sides: the cross-entropy of picking each one's other out of the batch.

    Both directions share one exponential, which is most of the work; cosines are at most one, so
    that nothing overflows.
    """
    powers = ((one @ two.T - 1) / temperature).exp()
    pairs = ((one * two).sum(dim=1) - 1) / temperature
    return (powers.sum(dim=1).log() + powers.sum(dim=0).log() - 2 * pairs).mean()


def _without(
    theirs: Bags, ours: Bags, width: int, share: float, chance: np.random.Generator
) -> Bags:
    """`theirs` without what stands in the same bag of `ours`, for this share of the words."""
    hidden = np.unique(ours[1] * width + ours[0])
    hidden = hidden[chance.random(len(hidden)) < share]
    keys = theirs[1] * width + theirs[0]
    kept = ~np.isin(keys, hidden)
    return theirs[0][kept], theirs[1][kept]
