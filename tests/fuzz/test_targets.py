"""The harness of the fuzzing: it reaches the parsers, and notices what it is to notice."""

from __future__ import annotations

import random
import time

import pytest

from broadsheet.intake.opening import InputError
from broadsheet.records import Record

from .swelling import SECONDS, SIZE, cost, swollen
from .targets import TARGETS, Target, run, things

# What tells of papers by other things than records, or of no papers.
_OTHERS = {"sets", "abs", "lists", "mathematics"}


@pytest.mark.parametrize("name", TARGETS)
def test_every_parser_reads_what_the_fuzzing_begins_with(name: str) -> None:
    target = TARGETS[name]
    for sample in target.own:
        run(target, sample)
    if name not in _OTHERS:
        found = things(target.call(target.own[0]))
        assert any(isinstance(thing, Record) for thing in found)


def complains(reason: str) -> Target:
    def call(_data: bytes) -> object:
        raise InputError(reason)

    return Target(call, (b"x",))


def test_only_a_parsers_own_error_in_one_sentence_may_come_out() -> None:
    run(complains("the paper has no title"), b"x")
    for reason in ("", "the paper\nhas no title"):
        with pytest.raises(AssertionError):
            run(complains(reason), b"x")
    with pytest.raises(ZeroDivisionError):
        run(Target(lambda data: 1 // len(data), ()), b"")


def test_an_input_is_swollen_to_a_megabyte() -> None:
    made = list(swollen(b"<a><b></b></a>", random.Random(1)))
    assert len(made) == 3
    assert all(0.9 * SIZE <= len(data) <= 1.1 * SIZE for data in made)
    assert len(set(made)) == 3


def burnt(seconds: float) -> None:
    """Keeps the processor busy for so long."""
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass


def test_what_costs_too_much_is_noticed() -> None:
    assert not cost(Target(len, ()), b"x").is_too_much
    assert cost(Target(lambda _data: len(b"x" * 300_000_000), ()), b"x").is_too_much
    assert cost(Target(lambda _data: burnt(1.1 * SECONDS), ()), b"x").is_too_much
    assert cost(Target(lambda data: 1 // len(data), ()), b"").is_too_much
