"""Search by words and by meaning together.

Each half names its best candidates; every candidate is then scored by both, and the two scores,
each brought to the range 0 to 1 within this result, are mixed: `WORDS` of the one, the rest of
the other. What was measured to choose this is in docs/search-quality.md.

    score = WORDS · words / most words + (1 - WORDS) · meaning / most meaning
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from broadsheet.embed.base import Embedder, EmbedderError, Vectors
from broadsheet.records import Among, Clause, Paper, Period, Query, Reason, Span, Words, Years
from broadsheet.records import Field as QueryField
from broadsheet.search.asking import Understood, understand
from broadsheet.search.dense import DenseIndex, Filter
from broadsheet.search.lexical import Asked, Found, Hit, LexicalIndex
from broadsheet.search.together import settle, together

# The share of the words in the score.
WORDS = 0.6
# Candidates of each half. A result is no longer than both together.
DEPTH = 100
# A paper without any of the words must be this near in meaning (cosine).
NEAR = 0.3
# Papers so near each other in meaning may be one work.
_ALIKE = 0.96
# So few papers satisfy a query's clauses that each of them is compared.
_FEW = 20_000


@dataclass(frozen=True, slots=True)
class Ranked:
    """Candidates with what each half gives: numbers, and scores in words and in meaning, by
    falling sum, then number.
    """

    numbers: NDArray[np.int64]
    words: NDArray[np.float64]
    meaning: NDArray[np.float64]
    # What one unit of the index's own score is worth here.
    unit: float

    def only(self, kept: NDArray[np.bool_]) -> Ranked:
        """Those that are kept."""
        return Ranked(self.numbers[kept], self.words[kept], self.meaning[kept], self.unit)


class Hybrid:
    """Both indexes at one moment."""

    def __init__(
        self, words: LexicalIndex, meaning: DenseIndex | None, embedder: Embedder | None
    ) -> None:
        settle()
        self.words = words
        self.meaning = meaning
        self.embedder = embedder

    def search(
        self,
        query: Query,
        period: Period,
        *,
        limit: int,
        offset: int = 0,
        like: Sequence[int] = (),
        same: Callable[[int, int], bool] | None = None,
    ) -> Found:
        """The `limit` papers behind the first `offset` that fit best, `like` those papers too.

        Of papers that mean the same, `same` says whether they are one work; the first stands for
        all. `total` counts the papers that were ranked. Raises Damaged.
        """
        understood = understand(query, period, self.words)
        ranked = self.rank(understood, like)
        opened = False
        if not len(ranked.numbers) and any(_is_open(clause) for clause in query.scoring):
            understood = understand(_opened(query), period, self.words)
            ranked = self.rank(understood, like)
            opened = len(ranked.numbers) > 0
        also = self._folded(ranked, same) if same else {}
        again = {number for others in also.values() for number in others}
        if again:
            ranked = ranked.only(~np.isin(ranked.numbers, list(again)))
        return Found(
            self._hits(understood.asked, ranked, slice(offset, offset + limit), also),
            len(ranked.numbers),
            corrections=understood.corrections,
            opened=opened,
        )

    def similar(
        self, paper: Paper, limit: int, same: Callable[[int, int], bool] | None = None
    ) -> Found:
        """The papers most like one in its telling words and in meaning, itself left out."""
        asked = Asked(self.words.telling(paper), Query(""), Period())
        ranked = self.rank(Understood(asked, ""), [paper.number])
        also = self._folded(ranked, same) if same else {}
        return Found(self._hits(asked, ranked, slice(0, limit), also), len(ranked.numbers))

    def rank(self, understood: Understood, like: Sequence[int] = ()) -> Ranked:
        """Every candidate, scored by both halves."""
        asked = understood.asked
        vector = self._vector(understood.meaning, like)
        if vector is None or self.meaning is None:
            numbers = self._by_words(asked)
            cosines = np.zeros(len(numbers))
        else:
            within = self._filter(asked, like)
            (near, _), by_words = together(
                partial(self.meaning.search, vector, DEPTH, within), partial(self._by_words, asked)
            )
            numbers = np.union1d(by_words, near)
            if like:
                numbers = np.setdiff1d(numbers, np.array(like, np.int64))
            cosines = np.nan_to_num(self.meaning.scores(vector, numbers)).astype(np.float64)
        scores = self.words.scores(asked, numbers.tolist())
        fits = np.array([number in scores for number in numbers.tolist()], dtype=bool)
        numbers, cosines = numbers[fits], cosines[fits]
        in_words = np.array([scores[number] for number in numbers.tolist()], dtype=np.float64)
        return _mixed(numbers, in_words, cosines)

    def _by_words(self, asked: Asked) -> NDArray[np.int64]:
        found = self.words.candidates(asked, DEPTH)
        return np.fromiter((number for number, _ in found), np.int64, len(found))

    def _folded(
        self, ranked: Ranked, same: Callable[[int, int], bool]
    ) -> dict[int, tuple[int, ...]]:
        """By the number of a paper, the later ones that are the same work."""
        if self.meaning is None or not len(ranked.numbers):
            return {}
        vectors = self.meaning.vectors(ranked.numbers)
        alike = np.argwhere(np.triu(vectors @ vectors.T >= _ALIKE, 1))
        first: dict[int, int] = {}
        for one, other in alike.tolist():
            if other not in first and same(int(ranked.numbers[one]), int(ranked.numbers[other])):
                first[other] = first.get(one, one)
        folded: dict[int, tuple[int, ...]] = {}
        for other, one in first.items():
            number = int(ranked.numbers[one])
            folded[number] = (*folded.get(number, ()), int(ranked.numbers[other]))
        return folded

    def _vector(self, text: str, like: Sequence[int]) -> Vectors | None:
        """The direction to look in: the query's, and that of the papers it is to be like."""
        if self.meaning is None or self.embedder is None:
            return None
        parts: list[Vectors] = []
        if text:
            try:
                parts.append(self.embedder.encode_queries([text])[0])
            except EmbedderError:
                return None  # a model that does not answer costs the meaning, not the search
        parts += list(self.meaning.vectors(like)) if like else []
        total = np.sum(parts, axis=0) if parts else np.zeros(0, np.float32)
        length = float(np.linalg.norm(total))
        return (total / length).astype(np.float32) if length else None

    def _filter(self, asked: Asked, like: Sequence[int]) -> Filter | None:
        """The query's clauses as the index of meanings can apply them within its scan.

        Clauses that only the words know (phrases, fields, words not wanted) go in as the papers
        that satisfy them where those are few; else `scores` sorts out afterwards.
        """
        days, years, terms = None, [], []
        other = False
        given, barred = _named_ones(asked.query)
        period = asked.period
        if period.span is Span.UNDATED:
            days = (0, 0)
        elif period.first and period.last:
            days = (period.first.toordinal(), period.last.toordinal())
        for clause in asked.query.clauses:
            if isinstance(clause, Years):
                years.append((clause.first or 1, clause.last or 9999, clause.negated))
            elif isinstance(clause, Among):
                continue
            elif clause.field is QueryField.CATEGORY:
                terms.append((f"cat:{clause.text.lower()}", clause.negated))
            elif clause.field is QueryField.HAS:
                terms.append((f"has:{clause.text.lower()}", clause.negated))
            else:
                other = other or _is_strict(clause)
        # Those that satisfy every clause are among those given.
        among = self.words.matching(asked, _FEW) if other else None
        if among is None and given is not None:
            among = sorted(given)
        barred |= set(like)
        without = np.array(sorted(barred), dtype=np.int64) if barred else None
        if days is None and not years and not terms and among is None and without is None:
            return None
        return Filter(
            days=days,
            years=tuple(years),
            terms=tuple(terms),
            among=None if among is None else np.array(among, dtype=np.int64),
            without=without,
        )

    def _hits(
        self, asked: Asked, ranked: Ranked, shown: slice, also: Mapping[int, tuple[int, ...]]
    ) -> tuple[Hit, ...]:
        numbers = ranked.numbers[shown].tolist()
        parts = self.words.parts(asked, numbers)
        hits = []
        halves = zip(numbers, ranked.words[shown], ranked.meaning[shown], strict=True)
        for number, in_words, in_meaning in halves:
            reasons = _reasons(parts[number], float(in_words), ranked.unit)
            if in_meaning > 0:
                reasons.append(Reason("meaning", "meaning", float(in_meaning)))
            hits.append(
                Hit(number, float(in_words + in_meaning), tuple(reasons), also.get(number, ()))
            )
        return tuple(hits)


def _named_ones(query: Query) -> tuple[set[int] | None, set[int]]:
    """The papers of all interests that a query wants (None where it wants none), and those of any
    that it does not want.
    """
    wanted: set[int] | None = None
    barred: set[int] = set()
    for clause in query.clauses:
        if isinstance(clause, Among) and clause.negated:
            barred |= clause.numbers
        elif isinstance(clause, Among):
            wanted = set(clause.numbers) if wanted is None else wanted & clause.numbers
    return wanted, barred


def _is_open(clause: Words) -> bool:
    """Whether the clause is a phrase that could be read as its words."""
    return clause.phrase and clause.field is QueryField.ANY


def _opened(query: Query) -> Query:
    """The query with its phrases read as their words."""
    clauses: list[Clause] = []
    for clause in query.clauses:
        if isinstance(clause, Words) and not clause.negated and _is_open(clause):
            clauses += [Words(word) for word in clause.text.split()]
        else:
            clauses.append(clause)
    return replace(query, clauses=tuple(clauses))


def _is_strict(clause: Words) -> bool:
    """Whether a paper must satisfy the clause, and only the words know whether it does."""
    return clause.negated or clause.phrase or clause.field is not QueryField.ANY


def _mixed(
    numbers: NDArray[np.int64], words: NDArray[np.float64], cosines: NDArray[np.float64]
) -> Ranked:
    """Both halves brought to 0…1 by the best of each, mixed, papers too far off left out."""
    most = float(words.max(initial=0.0))
    nearest = float(cosines.max(initial=0.0))
    share = WORDS if nearest > 0 else 1.0
    if most <= 0:
        share = 0.0
    unit = share / most if most > 0 else 0.0
    near = np.clip(cosines, 0.0, None) * ((1 - share) / nearest if nearest > 0 else 0.0)
    mixed = words * unit
    kept = (words > 0) | (cosines >= NEAR)
    numbers, mixed, near = numbers[kept], mixed[kept], near[kept]
    order = np.lexsort((numbers, -(mixed + near)))
    return Ranked(numbers[order], mixed[order], near[order], unit)


def _reasons(parts: Sequence[tuple[str, float]], whole: float, unit: float) -> list[Reason]:
    """What each word gave, scaled so that the sum is what all gave together: the index adds in
    single precision.
    """
    total = sum(value for _, value in parts) * unit
    exact = whole / total if total > 0 else 0.0
    return [
        Reason("words", text, value * unit * exact) for text, value in parts if value * unit > 0
    ]
