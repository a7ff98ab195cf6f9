"""The promise of merging: what is held does not depend on the order in which records came."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from broadsheet.records import Author, Link, Record
from broadsheet.store import changes, papers, putting
from broadsheet.store.engine import Store
from broadsheet.store.putting import Outcome
from broadsheet.store.tables import identifiers

PROPERTY = settings(
    derandomize=True,
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
SOURCES = ("arxiv", "acl", "jsonl", "daily-papers", "sample")
LONG = ("Café owners' guide to auto-encoders", "Do sparse networks dream of pruning")
SHORT = ("Attention", "Dropout")
SPELLINGS = (str, str.upper, lambda title: title.replace("-", " ").replace("é", "e"))


@contextmanager
def undone(store: Store) -> Iterator[Connection]:
    """A transaction that leaves no trace."""
    with store.engine.connect() as connection:
        yield connection
        connection.rollback()


def held(connection: Connection) -> dict[str, Any]:
    """Every paper by its public id: what it says, where it was seen, and all its names."""
    names: dict[int, set[str]] = {}
    for name, number in connection.execute(select(identifiers.c.id, identifiers.c.paper)):
        names.setdefault(number, set()).add(name)
    return {
        paper.id: (
            replace(paper, number=0, change=0, origins=()),
            sorted(repr(replace(origin, matched_by="new")) for origin in paper.origins),
            names[paper.number],
        )
        for paper in papers.every(connection)
    }


def put_in_parts(
    connection: Connection, records: Sequence[Record], cuts: Sequence[int]
) -> dict[str, Any]:
    """What is held after the records came in batches that end at the cuts."""
    for first, last in zip([0, *cuts], [*cuts, len(records)], strict=True):
        putting.put(connection, records[first:last])
    return held(connection)


@st.composite
def worlds(draw: st.DrawFn) -> list[Record]:
    """Records of several works from several sources.

    Works that share a title can be told apart by each of their records: by arXiv id, or by
    first author.
    """
    records: list[Record] = []
    for place, title in enumerate(draw(st.permutations([*LONG, *SHORT]))[:3]):
        kind = draw(st.sampled_from(["one work", "arXiv ids differ", "authors differ"]))
        for twin in range(1 if kind == "one work" else 2):
            work = f"{place}{twin}"
            count = draw(st.integers(1, 4))
            records += [draw(statements(work, title, kind, n)) for n in range(count)]
    return records


@st.composite
def statements(draw: st.DrawFn, work: str, title: str, kind: str, number: int) -> Record:
    """One record of a work: some of what is true of it, spelt in one way or another."""
    names = {"arxiv": f"2401.000{work}", "doi": f"doi:10.1000/{work}", "acl": f"acl:{work}.1"}
    known = draw(st.sets(st.sampled_from(sorted(names))))
    if kind == "arXiv ids differ":
        known |= {"arxiv"}
    if kind == "authors differ":
        known -= {"arxiv"}
    by_whom = kind == "authors differ" or draw(st.booleans())
    revised = bool(known) and draw(st.integers(0, 3)) == 0
    source = draw(st.sampled_from(SOURCES))
    day = date(2024, 1, 1 + draw(st.integers(0, 2)))
    return Record(
        source=source,
        key=f"{work}/{number}",
        title=f"{title}, retold {work}" if revised else draw(st.sampled_from(SPELLINGS))(title),
        abstract=draw(st.sampled_from(["", f"Says {work}.", f"Says {work}, {number}."])),
        identifiers=tuple(draw(st.permutations([names[name] for name in sorted(known)]))),
        authors=(Author(f"Ann Person{work}"), Author("Bo Other")) if by_whom else (),
        author_count=draw(st.none() | st.integers(0, 5)),
        categories=tuple(draw(st.sets(st.sampled_from(["cs.LG", "cs.CL", "stat.ML"])))),
        year=draw(st.sampled_from([None, 2023, 2025])),
        published=draw(st.sampled_from([None, day])),
        shown=draw(st.sampled_from([None, day])),
        version=draw(st.sampled_from([None, 1, 2])),
        links=draw(st.sampled_from([(), (Link("code", f"https://example.org/{work}"),)])),
        comment_count=draw(st.none() | st.integers(0, 9)),
        rank=draw(st.none() | st.integers(1, 9)),
    )


@PROPERTY
@given(world=worlds(), seed=st.integers(0, 999), data=st.data())
def test_neither_order_nor_batches_change_what_is_held(
    store: Store, world: list[Record], seed: int, data: st.DataObject
) -> None:
    shuffled = random.Random(seed).sample(world, len(world))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(world)), max_size=4)))
    with undone(store) as connection:
        at_once = put_in_parts(connection, world, [])
    with undone(store) as connection:
        in_parts = put_in_parts(connection, shuffled, cuts)
    assert in_parts == at_once


@PROPERTY
@given(world=worlds(), seed=st.integers(0, 999))
def test_counts_add_up_and_the_same_records_again_change_nothing(
    store: Store, world: list[Record], seed: int
) -> None:
    again = random.Random(seed).sample(world, len(world))
    with undone(store) as connection:
        first = putting.put(connection, world)
        assert first.new == papers.count(connection)
        assert first.new + first.updated + first.unchanged == len(world)
        change = changes.last_change(connection)
        assert putting.put(connection, again) == Outcome(unchanged=len(world))
        assert changes.last_change(connection) == change
