"""The orders a view's papers can stand in, one file each.

An order is a pure function of papers, standings and the time: it gives each paper parts that add
up to its score. `ORDERS` has those that need no more than that; relevance and for-me come from
their own rooms, as `OrderBy`. What `formula` prints is read from the code that runs.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType, ModuleType
from typing import Protocol

from broadsheet.records import Paper, Reason, Standing
from broadsheet.views.orders import new, trending, votes, weighing
from broadsheet.views.orders.common import Tuning

__all__ = [
    "ORDERS",
    "Named",
    "OrderBy",
    "Ranked",
    "Tuning",
    "constants",
    "formula",
    "ordered",
    "weighing",
]


@dataclass(frozen=True)
class Ranked:
    """Papers in order, best first: `places` in the sequence given, with score and parts of each.

    The parts of a paper add up to its score (`math.fsum`, exactly). `notes` says in sentences
    what a reader should know of the order.
    """

    places: tuple[int, ...]
    scores: tuple[float, ...]
    reasons: tuple[tuple[Reason, ...], ...]
    notes: tuple[str, ...] = ()


class OrderBy(Protocol):
    """An order by name."""

    @property
    def name(self) -> str:
        """What it is called in addresses."""

    @property
    def sentence(self) -> str:
        """What it does, in one line."""

    def rank(
        self,
        papers: Sequence[Paper],
        standings: Mapping[int, Standing],
        now: datetime,
        tuning: Tuning,
    ) -> Ranked:
        """The papers in order. `standings` are by paper number; a missing one counts nothing.

        `now` and every time in a standing have a time zone.
        """


Parts = Callable[[Sequence[Paper], Sequence[Standing], datetime, Tuning], list[tuple[Reason, ...]]]
Notes = Callable[[Sequence[Standing], Tuning], tuple[str, ...]]


@dataclass(frozen=True)
class Named:
    """An order made of a function that gives each paper its parts; `module` holds it."""

    name: str
    sentence: str
    module: ModuleType
    parts: Parts
    notes: Notes
    beside: tuple[ModuleType, ...] = ()

    def rank(
        self,
        papers: Sequence[Paper],
        standings: Mapping[int, Standing],
        now: datetime,
        tuning: Tuning = Tuning(),  # noqa: B008 - frozen
    ) -> Ranked:
        """The papers in order; ties fall to the newer paper, then to the smaller number."""
        held = [standings.get(paper.number, Standing(paper.number)) for paper in papers]
        reasons = self.parts(papers, held, now, tuning)
        scores = [math.fsum(reason.value for reason in one) for one in reasons]
        places = ordered(papers, scores)
        return Ranked(
            tuple(places),
            tuple(scores[at] for at in places),
            tuple(reasons[at] for at in places),
            self.notes(held, tuning),
        )


def ordered(papers: Sequence[Paper], scores: Sequence[float]) -> list[int]:
    """The places of papers by score, largest first, then newest, then smallest number."""

    def key(at: int) -> tuple[float, int, int]:
        paper = papers[at]
        return -scores[at], -(paper.day.toordinal() if paper.day else 0), paper.number

    return sorted(range(len(papers)), key=key)


ORDERS: Mapping[str, Named] = MappingProxyType(
    {
        order.name: order
        for order in (
            Named(new.NAME, new.SENTENCE, new, new.parts, new.notes),
            Named(votes.NAME, votes.SENTENCE, votes, votes.parts, votes.notes, (weighing,)),
            Named(
                trending.NAME,
                trending.SENTENCE,
                trending,
                trending.parts,
                trending.notes,
                (weighing,),
            ),
        )
    }
)


def formula(name: str) -> str:
    """The formula of an order as it runs: its words, its constants with their values, its code.

    Raises KeyError where there is no such order.
    """
    order = ORDERS[name]
    pieces = [
        inspect.getdoc(order.module) or "",
        *constants(order.module),
        "",
        inspect.getsource(order.parts).rstrip(),
    ]
    for module in order.beside:
        pieces += ["", inspect.getdoc(module) or "", *constants(module)]
    return "\n".join(pieces)


def constants(module: ModuleType) -> list[str]:
    """A module's numbers and spans of time with their values, as `NAME = value`."""
    return [
        f"{name} = {value}"
        for name, value in vars(module).items()
        if name.isupper()
        and not name.startswith("_")
        and isinstance(value, int | float | timedelta)
    ]
