"""Interests as classifiers: fitted when asked for, kept until they are taught something else."""

from __future__ import annotations

import math
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from broadsheet.learning.classifier import Model, fit, score_many
from broadsheet.learning.features import Vocabulary
from broadsheet.records import Paper, Reason
from broadsheet.store import interests
from broadsheet.store.engine import Store
from broadsheet.store.interests import Interest, Term
from broadsheet.text.normalise import surname
from broadsheet.views.personal.pool import Pool, Pooled

Numbers = NDArray[np.float64]

# What a name or category that a reader gave an interest adds to the log-odds of a paper that has
# it, for or against. A name is a wish for everything of theirs; a category says little.
NAMED: Mapping[str, float] = {"author": 3.0, "organization": 1.5, "category": 0.7}
_WORD = re.compile(r"[^\W_]+")
# Classifiers kept, and reasons shown for one paper.
_MOST_KEPT = 500
_MOST_REASONS = 9


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """An interest with its classifier. `liked` and `disliked` are the titles of the papers it
    learned from, in the order the classifier was given them.
    """

    interest: Interest
    model: Model
    liked: tuple[str, ...]
    disliked: tuple[str, ...]
    vocabulary: Vocabulary

    @property
    def bar(self) -> float:
        """The score in log-odds from which on a paper belongs to the interest."""
        return math.log(self.interest.threshold / (1 - self.interest.threshold))

    def named(self, papers: Sequence[Paper]) -> Numbers:
        """What names and categories add to each paper's score, (n,)."""
        terms = [term for term in self.interest.terms if term.kind in NAMED]
        if not terms:
            return np.zeros(len(papers))
        return np.array(
            [sum(value for _, value in _named(terms, paper)) for paper in papers], dtype=np.float64
        )

    def reasons(self, pooled: Pooled, row: int) -> tuple[Reason, ...]:
        """What spoke for the paper of that row and against it; adds up to its score."""
        paper = pooled.papers[row]
        words = _WORD.findall(f"{paper.title} {paper.text}".lower())
        said = [
            Reason(term.kind, f"{_KINDS[term.kind]} {term.text}", value)
            for term, value in _named(self.interest.terms, paper)
        ]
        taught = {"liked": self.liked, "disliked": self.disliked}
        for part in self.model.parts(pooled.features, row, _MOST_REASONS):
            if isinstance(part.what, int):
                what = taught[part.kind][part.what]
            else:
                what = _as_written(part.what, words) if part.kind == "word" else part.what
            text = f"{_PARTS[part.kind]} “{what}”" if what else _PARTS[part.kind]
            said.append(Reason(part.kind, text, part.value))
        return tuple(said)


_KINDS = {"author": "by", "organization": "from", "category": "in"}
_PARTS = {
    "word": "says",
    "liked": "near",
    "disliked": "near what is not for you:",
    "background": "beside papers of every kind",
    "base": "what every paper starts with",
    "other": "other words and papers",
}


class Fitting:
    """Fits interests and keeps what it fitted, for all readers of a process."""

    def __init__(self, store: Store, pool: Pool) -> None:
        self._store = store
        self._pool = pool
        self._fitted: OrderedDict[tuple[int, int], Fitted] = OrderedDict()
        self._scored: OrderedDict[tuple[int, int, int], Numbers] = OrderedDict()
        self._lock = Lock()

    def of(self, reader: int) -> list[Fitted]:
        """The reader's interests, fitted, the oldest first. Raises StoreError."""
        with self._store.reading() as connection:
            outlines = interests.outlines(connection, reader)
            with self._lock:
                kept = [self._fitted.get((one.number, one.lesson)) for one in outlines]
            words = self._pool.vocabulary if outlines else None
            ready = [one for one in kept if one is not None and one.vocabulary is words]
            if len(ready) == len(outlines):
                # Names, shares and thresholds change without a lesson.
                return [_renamed(*pair) for pair in zip(ready, outlines, strict=True)]
            held = interests.of(connection, reader)
        return [self.fitted(interest) for interest in held]

    def fitted(self, interest: Interest) -> Fitted:
        """The interest with its classifier. Raises StoreError."""
        key = (interest.number, interest.lesson)
        with self._lock:
            found = self._fitted.get(key)
        if found is None or found.vocabulary is not self._pool.vocabulary:
            found = self._fit(interest)
            with self._lock:
                self._fitted[key] = found
                while len(self._fitted) > _MOST_KEPT:
                    self._fitted.popitem(last=False)
        return _renamed(found, interest)

    def with_papers(
        self, fit: Callable[[], list[Fitted]], papers: Callable[[], Pooled]
    ) -> tuple[list[Fitted], Pooled]:
        """Interests and papers of one vocabulary. It changes seldom, and may between the two."""
        while True:
            fitted, pooled = fit(), papers()
            if all(one.vocabulary is pooled.features.vocabulary for one in fitted):
                return fitted, pooled

    def scores(self, fitted: Sequence[Fitted], pooled: Pooled) -> Numbers:
        """The score of each paper for each interest in log-odds, (interests, papers).

        What is computed is kept: the newest papers are asked for again and again.
        """
        keys = [(one.interest.number, one.interest.lesson, pooled.stamp) for one in fitted]
        with self._lock:
            rows = {key: self._scored[key] for key in keys if key in self._scored}
        missing = [(one, key) for one, key in zip(fitted, keys, strict=True) if key not in rows]
        if missing:
            made = score_many([one.model for one, _ in missing], pooled.features)
            for (one, key), scores in zip(missing, made, strict=True):
                rows[key] = scores + one.named(pooled.papers)
            with self._lock:
                self._scored.update(rows)
                while len(self._scored) > _MOST_KEPT:
                    self._scored.popitem(last=False)
        return np.array([rows[key] for key in keys]).reshape(len(fitted), len(pooled.papers))

    def _fit(self, interest: Interest) -> Fitted:
        # The classifier takes what is marked out of the background; given the same object each
        # time, it keeps what hangs on that alone.
        liked, disliked, background = self._pool.lessons(interest.liked, interest.disliked)
        model = fit(
            liked.features,
            disliked.features,
            background,
            liked_words=[t.text for t in interest.terms if t.kind == "word" and t.liked],
            disliked_words=[t.text for t in interest.terms if t.kind == "word" and not t.liked],
        )
        return Fitted(
            interest,
            model,
            tuple(paper.title for paper in liked.papers),
            tuple(paper.title for paper in disliked.papers),
            background.vocabulary,
        )


def _as_written(stems: str, words: Sequence[str]) -> str:
    """The word of a stem, or the words of two that stand near each other, as a paper has them.

    A phrase is as it was written.
    """
    first, _, second = stems.partition(" ")
    for at, word in enumerate(words):
        if not word.startswith(first):
            continue
        if not second:
            return word
        near = next((w for w in words[at + 1 : at + 4] if w.startswith(second)), None)
        if near is not None:
            return f"{word} {near}"
    return stems


def _renamed(fitted: Fitted, now: Interest) -> Fitted:
    """The classifier under the interest's present name, share and threshold."""
    before = fitted.interest
    if (before.name, before.colour, before.share, before.threshold) == (
        now.name,
        now.colour,
        now.share,
        now.threshold,
    ):
        return fitted
    interest = replace(
        before, name=now.name, colour=now.colour, share=now.share, threshold=now.threshold
    )
    return replace(fitted, interest=interest)


def _named(terms: Sequence[Term], paper: Paper) -> list[tuple[Term, float]]:
    """Which names and categories of an interest a paper has, and what each adds."""
    return [
        (term, NAMED[term.kind] if term.liked else -NAMED[term.kind])
        for term in terms
        if term.kind in NAMED and _has(paper, term)
    ]


def _has(paper: Paper, term: Term) -> bool:
    wanted = term.text.casefold()
    if term.kind == "author":
        return any(_same_person(author.name, term.text) for author in paper.authors)
    if term.kind == "category":
        return any(
            name.casefold() == wanted or name.casefold().startswith(f"{wanted}.")
            for name in paper.categories
        )
    places = [paper.organization or "", *(author.affiliation or "" for author in paper.authors)]
    return any(wanted in place.casefold() for place in places)


def _same_person(name: str, wanted: str) -> bool:
    """Whether a name may be the one wanted: the family name, and first names or their initials."""
    if surname(name) != surname(wanted):
        return False
    ours, theirs = name.casefold().split(), wanted.casefold().split()
    if len(ours) < 2 or len(theirs) < 2:
        return True
    one, other = ours[0].rstrip("."), theirs[0].rstrip(".")
    return one == other or (one[:1] == other[:1] and 1 in (len(one), len(other)))
