"""How papers stand with people: votes here, weighed, and what their sources counted elsewhere."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from broadsheet.learning import prior
from broadsheet.records import Paper, Standing
from broadsheet.store import signals
from broadsheet.views.orders.weighing import vote_weights

_MOST_KEPT = 50_000


class Standings:
    """Asks the store; keeps what votes weigh while no vote is cast or taken back."""

    def __init__(self) -> None:
        self._weighed: tuple[tuple[int, object], dict[int, float]] | None = None
        self._lock = Lock()

    def of(self, connection: Connection, numbers: Sequence[int]) -> dict[int, Standing]:
        """How each of these papers stands, by number."""
        counted = signals.counted_votes(connection, numbers)
        notices = signals.notices(connection, numbers)
        weights = self._weights(connection) if counted else {}
        nothing = signals.Notice()
        found = {}
        for number in {*counted, *notices}:
            notice = notices.get(number, nothing)
            found[number] = Standing(
                number,
                votes=counted.get(number, 0),
                weight=weights.get(number) if weights else None,
                comments=notice.comments,
                upvotes=notice.upvotes,
                stars=notice.stars,
                stars_per_day=notice.stars_per_day,
            )
        return found

    def _weights(self, connection: Connection) -> Mapping[int, float]:
        """What each paper's votes weigh together. Where one reader alone votes, nobody can act
        together, and votes count as they are: then there is nothing here.
        """
        state = signals.state_of_votes(connection)
        with self._lock:
            kept = self._weighed
        if kept is not None and kept[0] == state:
            return kept[1]
        cast = signals.all_votes(connection)
        weights: dict[int, float] = {}
        if len({vote.voter for vote in cast}) > 1:
            for vote, weight in zip(cast, vote_weights(cast).tolist(), strict=True):
                weights[vote.paper] = weights.get(vote.paper, 0.0) + weight
        with self._lock:
            self._weighed = (state, weights)
        return weights


class KeptPriors:
    """The prior's log-odds of papers, each computed once while it stays as it is."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, int], float] = OrderedDict()
        self._lock = Lock()

    def __call__(self, papers: Sequence[Paper]) -> NDArray[np.float64]:
        """The log-odds of each paper, (n,)."""
        keys = [(paper.number, paper.change) for paper in papers]
        with self._lock:
            held = {key: self._kept[key] for key in keys if key in self._kept}
        missing = [(paper, key) for paper, key in zip(papers, keys, strict=True) if key not in held]
        if missing:
            scores = prior.load().scores([paper for paper, _ in missing]).tolist()
            held.update({key: score for (_, key), score in zip(missing, scores, strict=True)})
            with self._lock:
                self._kept.update(held)
                while len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        return np.array([held[key] for key in keys], np.float64)
