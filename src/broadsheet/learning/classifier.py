"""The classifier behind an interest: what a reader wants, from a few papers for and against.

A ridge regression (regularised least squares) on vectors and words together: papers wanted count
+1, a sample of all papers, the background, -1, and papers not wanted as far again below that. A
paper of the background may well be wanted, so it counts little: each paper has a noise of its own,
as in Gaussian process regression (Rasmussen and Williams, "Gaussian Processes for Machine
Learning", 2006, chapter 2).
By the representer theorem the answer is a sum over the papers it was fitted on,

    f(x) = Σᵢ aᵢ k(x, xᵢ) + b,
    k(x, z) = √(s(x) s(z)) <vectors> + √((1 - s(x)) (1 - s(z))) <words>,

where s is the vectors' share, larger for a text of few words. So it can be told which paper spoke
for another, and which word. Leaving one paper out costs nothing (the same book, section 5.4.2),
and a logistic curve over those scores makes log-odds of them (Platt, "Probabilistic outputs for
support vector machines", 1999): the shown score.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from broadsheet.learning.features import Features, Sparse, Vocabulary, stack, widened
from broadsheet.text.analysis import prose_terms

Numbers = NDArray[np.float64]

# The vectors' share of the kernel for texts of so many different words or fewer (a title), and of
# so many or more (an abstract); between them by the logarithm. Measured, as all of these.
_SHORT, _SHORT_SHARE = 30, 0.7
_LONG, _LONG_SHARE = 180, 0.035
# The noise of a paper marked by the reader and of one of the background; the same where the
# reader wants `_MANY` papers or more, of which none says much alone.
_NOISE, _MANY, _NOISE_OF_MANY = (1.0, 31.0), 25, (3.0, 1.25)
# What a paper not wanted counts: one of the background is at -1.
_REFUSED = -3.0
# What a word of the reader's own adds: its weight before any paper is seen.
_OWN_WORD = 4.2
# Of more marked papers than these, so many are drawn: the refit must not be felt.
_MOST_LIKED, _MOST_DISLIKED, _MOST_BACKGROUND = 150, 50, 1_000
# How many in a hundred papers are taken to be wanted where nothing else is known.
PRIOR = 0.02
# Log-odds by standard deviations above the background: slope and shift, how strongly they hold.
_LINE, _HOLD = (1.1, -4.7), (10.0, 5.0)
_STEPS = 12
# Papers so many spreads above the median of the background stand apart from it; of a background of
# which more than this part does, nobody knows what is usual. The spread of a normal distribution is
# so many medians of absolute deviations.
_FAR, _LARGEST = 4.0, 0.4
_MAD = 1.4826
_LEAST_SLOPE = 0.1
# Papers as alike as this are one paper.
_SAME = 1e-3
# Of fewer papers of the background than this, the spread is not known. It is then taken to be
# what it is beside five papers liked, and no less where none is liked: else noise would be scores.
_ENOUGH, _SPREAD, _LEAST_SPREAD = 20, 0.05, 0.01


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a score: what spoke for the paper or against it, and by how much in log-odds.

    `kind` is word (`what` is the stem, or two), liked or disliked (`what` is the row of the paper
    among those given to `fit`), background (what the paper has in common with most papers), base
    (what every paper has) or other (parts too small to be told, added up).
    """

    kind: str
    what: str | int
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A fitted interest. Everything in it is in log-odds, the shown score.

    `word_ids` (w,) and `word_weights` (w,) are the words it weighs, `dense_weights` (width,) the
    sum over the marked papers and the background; `liked`, `disliked` and `background` are that
    sum's parts: vectors already weighed, of shape (papers, width), the background in one row.
    `liked_rows` and `disliked_rows` name the papers as they were given to `fit`.
    """

    base: float
    word_ids: NDArray[np.int64]
    word_weights: Numbers
    dense_weights: Numbers
    liked: Numbers
    liked_rows: NDArray[np.int64]
    disliked: Numbers
    disliked_rows: NDArray[np.int64]
    background: Numbers

    def scores(self, features: Features) -> Numbers:
        """The shown score of each paper in log-odds, (n,): above 0, rather wanted than not."""
        scores: Numbers = score_many([self], features)[0]
        return scores

    def probability(self, scores: Numbers) -> Numbers:
        """How likely papers of these shown scores are wanted, from 0 to 1, of the same shape."""
        return likelihood(np.asarray(scores, np.float64))

    def parts(self, features: Features, row: int, most: int | None = None) -> tuple[Part, ...]:
        """What spoke for and against the paper of this row, the strongest first, the base last.

        The values add up to its score, but for rounding (1e-9). With `most`, so many at most: the
        base and the strongest are told, and the rest is one part, `other`. Raises ValueError for
        fewer than 2.
        """
        if most is not None and most < 2:
            raise ValueError("the base and the rest are two parts")
        values, kinds, whats = self._values(features, row)
        order = np.argsort(-np.abs(values), kind="stable")
        order = order[values[order] != 0]
        told = order if most is None or len(order) < most else order[: most - 2]
        found = []
        for at in told.tolist():
            what: str | int = int(whats[at])
            if kinds[at] == "word":
                what = features.vocabulary.word(int(whats[at]))
            found.append(
                Part(kinds[at], "" if kinds[at] == "background" else what, float(values[at]))
            )
        if len(told) < len(order):
            found.append(Part("other", "", float(values[order[len(told) :]].sum())))
        if self.base:
            found.append(Part("base", "", self.base))
        return tuple(found)

    def _values(self, features: Features, row: int) -> tuple[Numbers, list[str], NDArray[np.int64]]:
        """Every part but the base: values, kinds, and the word's number or the paper's row."""
        words = features.words
        span = slice(words.indptr[row], words.indptr[row + 1])
        ids = words.indices[span].astype(np.int64)
        share = float(_share_of(np.diff(words.indptr[row : row + 2]), features.dense.shape[1])[0])
        dense = _padded(features.dense[row : row + 1], len(self.dense_weights))[0]
        vector = math.sqrt(share) * dense.astype(np.float64)
        weights = np.zeros(len(ids))
        if len(self.word_ids):
            places = np.minimum(np.searchsorted(self.word_ids, ids), len(self.word_ids) - 1)
            known = self.word_ids[places] == ids
            weights[known] = self.word_weights[places[known]]
        said = math.sqrt(1 - share) * words.data[span].astype(float) * weights
        groups = (
            ("word", *_told(ids, said, features.vocabulary)),
            ("liked", self.liked_rows, self.liked @ vector),
            ("disliked", self.disliked_rows, self.disliked @ vector),
            ("background", np.zeros(1, np.int64), np.array([float(self.background @ vector)])),
        )
        return (
            np.concatenate([values for _, _, values in groups]),
            [kind for kind, whats, _ in groups for _ in range(len(whats))],
            np.concatenate([whats for _, whats, _ in groups]),
        )


def fit(
    liked: Features,
    disliked: Features,
    background: Features,
    *,
    liked_words: Sequence[str] = (),
    disliked_words: Sequence[str] = (),
    seed: int = 0,
) -> Model:
    """The interest that these papers speak of; any of the three may be empty.

    `background` is a sample of all papers, some hundreds; papers liked that are in it do not count
    there. Give every interest the same object: what is computed of it is kept for the next fit.
    `liked_words` and `disliked_words` are the reader's own, a word or several each; words with
    nothing in them count for nothing. Of very many papers a part is drawn by `seed`. Raises
    ValueError as `stack` does.
    """
    likes = _drawn(len(liked), _MOST_LIKED, seed)
    dislikes = _drawn(len(disliked), _MOST_DISLIKED, seed)
    of_marked, of_usual = _NOISE if len(liked) < _MANY else _NOISE_OF_MANY
    marked = _shared(stack([liked.take(likes), disliked.take(dislikes), background.take([])]))
    usual = _prepared(background, of_usual)
    between = _kernel(marked, usual.papers)
    usual, between = _without(usual, between, len(likes))
    own = _own_words(marked, liked_words, disliked_words)
    wanted = np.repeat([1.0, _REFUSED], [len(likes), len(dislikes)])
    before, usually = _said(marked, own), _said(usual.papers, own)
    found = _ridge(
        _kernel(marked, marked), between, wanted - before, usual, -1 - usually, of_marked
    )
    slope, shift = _calibrated(found.scores + before, found.usual_scores + usually, len(likes))
    own = own + _summed(marked.words, found.duals, len(own))
    own = own + _summed(usual.papers.words, found.usual_duals, len(own))
    parts = slope * found.duals[:, None] * marked.dense
    shared = slope * (found.usual_duals @ _padded(usual.papers.dense, parts.shape[1]))
    ids = np.flatnonzero(own)
    return Model(
        base=float(slope * (found.duals.sum() + found.usual_duals.sum()) + shift),
        word_ids=ids,
        word_weights=slope * own[ids],
        dense_weights=parts.sum(axis=0) + shared,
        liked=parts[: len(likes)],
        liked_rows=likes,
        disliked=parts[len(likes) :],
        disliked_rows=dislikes,
        background=shared,
    )


def score_many(models: Sequence[Model], features: Features) -> Numbers:
    """The shown scores of all papers by each model, (models, n): one matrix product."""
    width = features.dense.shape[1]
    # A row for each word that the papers have; where it is, else -1.
    rows = np.full(features.words.shape[1], -1)
    rows[features.words.indices] = 0
    used = np.flatnonzero(rows == 0)
    rows[used] = np.arange(len(used))
    columns = rows[features.words.indices]
    weights = np.zeros((len(used), len(models)))
    dense = np.zeros((width, len(models)))
    for at, model in enumerate(models):
        known = model.word_ids[: np.searchsorted(model.word_ids, len(rows))]
        there = rows[known]
        weights[there[there >= 0], at] = model.word_weights[: len(known)][there >= 0]
        if len(model.dense_weights) == width:
            dense[:, at] = model.dense_weights
    words = type(features.words)(
        (features.words.data, columns, features.words.indptr), shape=(len(features), len(used))
    )
    base = np.array([model.base for model in models])
    share = _share(features)[:, None]
    from_words, from_dense = words @ weights, features.dense @ dense
    scores: Numbers = (np.sqrt(1 - share) * from_words + np.sqrt(share) * from_dense + base).T
    return scores


def _told(
    ids: NDArray[np.int64], values: Numbers, vocabulary: Vocabulary
) -> tuple[NDArray[np.int64], Numbers]:
    """Words and their values as they are told: what a phrase says that a word says too is the
    word's.
    """
    told, places = np.unique(vocabulary.told_as(ids), return_inverse=True)
    return told, np.asarray(np.bincount(places, values, minlength=len(told)), np.float64)


def _share(features: Features) -> Numbers:
    """The vectors' share of each paper's features, (n,): a short text's few words say less."""
    return _share_of(np.diff(features.words.indptr), features.dense.shape[1])


def _share_of(lengths: NDArray[np.integer], width: int) -> Numbers:
    """The same for texts of so many words, (n,)."""
    if not width:
        return np.zeros(len(lengths))
    place = np.log(np.maximum(lengths, 1) / _SHORT) / np.log(_LONG / _SHORT)
    share: Numbers = _SHORT_SHARE + (_LONG_SHARE - _SHORT_SHARE) * np.clip(place, 0, 1)
    return share


def _shared(features: Features) -> Features:
    """The papers as the kernel sees them: vectors and words each by the root of their share."""
    share = _share(features)
    words = features.words.copy()
    words.data = words.data * np.repeat(np.sqrt(1 - share), np.diff(words.indptr)).astype("f4")
    dense = features.dense * np.sqrt(share)[:, None].astype(np.float32)
    return Features(dense, words, features.vocabulary)


def _drawn(count: int, most: int, seed: int) -> NDArray[np.int64]:
    """The rows of at most so many of `count` papers, in order."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _own_words(papers: Features, liked: Sequence[str], disliked: Sequence[str]) -> Numbers:
    """The weight that the reader's own words have before any paper is seen, (words,)."""
    texts = [(text, _OWN_WORD) for text in liked] + [(text, -_OWN_WORD) for text in disliked]
    told = [(papers.vocabulary.ids(prose_terms(text)), weight) for text, weight in texts]
    weights = np.zeros(len(papers.vocabulary))
    for ids, weight in told:
        known = [id_ for id_ in ids if id_ >= 0]
        weights[known] += weight / max(1, len(known))
    return weights


def _said(papers: Features, weights: Numbers) -> Numbers:
    """What weights of words give papers, (papers,)."""
    said: Numbers = papers.words @ weights[: papers.words.shape[1]]
    return said


def _summed(words: Sparse, duals: Numbers, width: int) -> Numbers:
    """The papers' words, each paper by its dual, added up: (width,)."""
    summed = np.zeros(width)
    summed[: words.shape[1]] = words.T @ duals
    return summed


@dataclass(frozen=True, slots=True, eq=False)
class _Usual:
    """The background, and the inverse of its kernel with its noise, (papers, papers)."""

    papers: Features
    inverse: NDArray[np.float32]


@lru_cache(maxsize=4)
def _prepared(background: Features, noise: float) -> _Usual:
    """The background made ready; kept by the object it is, for the interests fitted after."""
    rows = _drawn(len(background), _MOST_BACKGROUND, 0)
    papers = _shared(background.take(rows))
    kernel = _kernel(papers, papers) + np.float32(noise) * np.eye(len(rows), dtype=np.float32)
    return _Usual(papers, np.linalg.inv(kernel).astype(np.float32))


def _without(
    usual: _Usual, between: NDArray[np.float32], likes: int
) -> tuple[_Usual, NDArray[np.float32]]:
    """The background without the papers that are liked, and the same of the kernel between marked
    papers and it, (marked, papers); the first `likes` of those are liked.

    The inverse loses their rows by blocks.
    """
    there = (between[:likes] > _alone(usual.papers) - _SAME).any(axis=0)
    if not there.any():
        return usual, between
    kept = np.flatnonzero(~there)
    gone = np.flatnonzero(there)
    beside = usual.inverse[np.ix_(kept, gone)]
    less = beside @ np.linalg.solve(usual.inverse[np.ix_(gone, gone)], beside.T)
    inverse = (usual.inverse[np.ix_(kept, kept)] - less).astype(np.float32)
    return _Usual(usual.papers.take(kept), inverse), between[:, kept]


def _alone(papers: Features) -> Numbers:
    """The kernel of each paper with itself, (papers,)."""
    words = np.asarray(papers.words.multiply(papers.words).sum(axis=1)).ravel()
    found: Numbers = 1.0 + words + np.einsum("ij,ij->i", papers.dense, papers.dense)
    return found


def _kernel(one: Features, other: Features) -> NDArray[np.float32]:
    """How alike papers are, with 1 for the base all have: (papers of one, papers of other)."""
    width = max(one.words.shape[1], other.words.shape[1])
    words = (widened(one.words, width) @ widened(other.words, width).T).toarray()
    alike = words + np.float32(1)
    if one.dense.shape[1] == other.dense.shape[1]:
        alike += one.dense @ other.dense.T
    found: NDArray[np.float32] = alike
    return found


@dataclass(frozen=True, slots=True)
class _Ridge:
    """The duals of the marked papers and of the background, and what each paper would get from
    all others alone.
    """

    duals: Numbers
    usual_duals: Numbers
    scores: Numbers
    usual_scores: Numbers


def _ridge(
    own: NDArray[np.float32],
    between: NDArray[np.float32],
    wanted: Numbers,
    usual: _Usual,
    usually: Numbers,
    noise: float,
) -> _Ridge:
    """Solves (kernel + noise) duals = wanted, by blocks: the background's is inverted already.

    `own` is the kernel of the marked papers (m, m), `between` that of them and the background
    (m, papers). A paper left out gets wanted - dual / diagonal of the inverse. The base is part of
    the kernel.
    """
    beside = usual.inverse @ between.T
    # The Schur complement of the background's block, then the blocks of the whole inverse.
    whole = own + np.float32(noise) * np.eye(len(own), dtype=np.float32) - between @ beside
    inverse = np.linalg.inv(whole)
    duals = inverse @ (wanted - beside.T @ usually)
    usual_duals = usual.inverse @ usually - beside @ duals
    diagonal = np.diag(usual.inverse) + np.einsum("ij,ij->i", beside @ inverse, beside)
    return _Ridge(
        duals,
        usual_duals,
        wanted - duals / np.diag(inverse),
        usually - usual_duals / diagonal,
    )


def _calibrated(scores: Numbers, usual: Numbers, likes: int) -> tuple[float, float]:
    """The line from scores to log-odds, (slope, shift), by the scores of papers left out: those
    marked, the first `likes` of them wanted, and the background.

    A score is first told in standard deviations above the background. A line for readers in
    general is the prior; the reader's own papers bend it, the more of them the more (maximum a
    posteriori, Newton's method). Wanted papers are taken to be one in `1 / PRIOR`.
    """
    usual = _unlike(scores[:likes], usual)
    known = len(usual) >= _ENOUGH
    middle = float(usual.mean()) if known else -1.0
    least = _LEAST_SPREAD if likes and known else _SPREAD
    spread = max(float(usual.std()), least) if known else _SPREAD
    slope, shift = _LINE
    if likes > 1 and known:
        levels = (np.concatenate([scores, usual]) - middle) / spread
        slope, shift = _bent(levels, likes)
    return slope / spread, shift - slope * middle / spread


def _unlike(liked: Numbers, usual: Numbers) -> Numbers:
    """The background without what is as good as liked, where that is more than a few papers: who
    brings in their own field only has an interest that is a large part of all papers.

    Told by spreads above the median (the median of absolute deviations), which a large minority
    does not move as it moves mean and standard deviation.
    """
    if not len(liked) or len(usual) < _ENOUGH:
        return usual
    middle = float(np.median(usual))
    spread = _MAD * float(np.median(np.abs(usual - middle))) or 1.0
    mark = middle + spread * max(_FAR, (float(np.median(liked)) - middle) / spread / 2)
    alike = usual >= mark
    is_clear = float(np.median(liked)) >= middle + _FAR * spread
    if not is_clear or alike.mean() <= PRIOR or alike.mean() > _LARGEST:
        return usual
    return usual[~alike]


def _bent(levels: Numbers, likes: int) -> tuple[float, float]:
    weights = np.full(len(levels), likes * (1 - PRIOR) / PRIOR / (len(levels) - likes))
    weights[:likes] = 1
    wanted = (np.arange(len(levels)) < likes).astype(float)
    design = np.column_stack([levels, np.ones(len(levels))])
    prior, hold = np.array(_LINE), np.array(_HOLD)
    line = prior.copy()
    for _ in range(_STEPS):
        found = likelihood(design @ line)
        slant = design.T @ (weights * (wanted - found)) - hold * (line - prior)
        bend = (design.T * (weights * found * (1 - found))) @ design + np.diag(hold)
        line = line + np.clip(np.linalg.solve(bend, slant), -1, 1)
    return max(float(line[0]), _LEAST_SLOPE), float(line[1])


def likelihood(odds: Numbers) -> Numbers:
    """What log-odds say in probabilities, from 0 to 1 (the logistic function)."""
    found: Numbers = 1 / (1 + np.exp(-np.clip(odds, -500, 500)))
    return found


def _padded(vectors: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """Vectors of another width say nothing here: zeros, (n, width)."""
    return vectors if vectors.shape[1] == width else np.zeros((len(vectors), width), np.float32)
