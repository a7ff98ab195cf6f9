"""How every order is computed, printed from the code that computes it."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Literal

from broadsheet.learning import classifier
from broadsheet.records import Order
from broadsheet.search import hybrid
from broadsheet.views import orders
from broadsheet.views.personal import fitting, for_me

Kind = Literal["formula", "list", "text"]
_ITEM = re.compile(r"(?m)^- ")


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a module's words: a formula, as its lines are; a list's items; or a paragraph."""

    kind: Kind
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Formula:
    """An order by name, what it does in a sentence, and how, as the code says it: its words, its
    numbers with their values, and the functions that rank.
    """

    name: str
    sentence: str
    words: tuple[Block, ...]
    constants: tuple[tuple[str, str], ...]
    code: str

    @property
    def formulas(self) -> tuple[str, ...]:
        """What the words set apart."""
        return tuple(line for one in self.words if one.kind == "formula" for line in one.lines)


def every() -> tuple[Formula, ...]:
    """The formula of each order a list can have, and of what a vote weighs in them."""
    found = [
        _of(name, order.sentence, order.module, order.parts)
        for name, order in orders.ORDERS.items()
    ]
    relevance = "What a search asks for, by words and by meaning."
    chosen = "What the reader’s interests choose, by the shares they set."
    alike = "What a vote counts in the orders above: alike accounts count as the few they are."
    return (
        *found,
        _of(Order.RELEVANCE.value, relevance, hybrid, hybrid._mixed),
        _of(
            Order.FOR_ME.value,
            chosen,
            for_me,
            for_me.mix,
            for_me._placed,
            fitting.Fitted.reasons,
            classifier.score_many,
        ),
        _of("weight", alike, orders.weighing, orders.weighing.vote_weights),
    )


def _of(name: str, sentence: str, module: ModuleType, *functions: Callable[..., object]) -> Formula:
    constants = (line.split(" = ", 1) for line in orders.constants(module))
    sources = (inspect.cleandoc(inspect.getsource(one).rstrip()) for one in functions)
    return Formula(
        name,
        sentence,
        blocks(inspect.getdoc(module) or ""),
        tuple((name, value) for name, value in constants),
        "\n\n\n".join(sources),
    )


def blocks(words: str) -> tuple[Block, ...]:
    """The parts of a text: indented ones are formulas, lines that begin with `- ` are items."""
    found = []
    for part in words.split("\n\n"):
        lines = part.splitlines()
        if not lines:
            continue
        if all(line.startswith("    ") for line in lines):
            found.append(Block("formula", tuple(textwrap.dedent(part).splitlines())))
        elif part.startswith("- "):
            items = (" ".join(item.split()) for item in _ITEM.split(part) if item.strip())
            found.append(Block("list", tuple(items)))
        else:
            found.append(Block("text", (" ".join(part.split()),)))
    return tuple(found)
