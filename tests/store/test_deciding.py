"""What a person decides of two papers: they are one, or they are not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from broadsheet.records import Author, Paper, Record
from broadsheet.store import papers, putting
from broadsheet.store.engine import Store

PREPRINT = Record(
    "arxiv",
    "2501.00001",
    "On the flight of kites",
    "How kites fly.",
    identifiers=("2501.00001",),
    authors=(Author("Ann Person"),),
    year=2025,
)
PROCEEDINGS = Record(
    "acl",
    "2025.acl-long.1",
    "On the flight of kites",
    "How kites fly, with proofs.",
    identifiers=("acl:2025.acl-long.1", "doi:10.1/kites"),
    authors=(Author("Ann Person"),),
    year=2025,
)
NAMESAKE = Record(
    "jsonl", "x", "Kites, flying", identifiers=("acl:1900.x",), authors=(Author("Bo Other"),)
)


def held(connection: Connection) -> dict[str, Paper]:
    return {paper.id: paper for paper in papers.every(connection)}


def named(connection: Connection, name: str) -> Paper:
    paper = papers.by_id(connection, name)
    assert paper is not None
    return paper


def test_parted_records_are_two_papers_with_a_name_each(store: Store) -> None:
    with store.writing() as connection:
        putting.put(connection, [PREPRINT, PROCEEDINGS])
        assert held(connection).keys() == {"2501.00001"}
        one = named(connection, "2501.00001")
        putting.unmerge(connection, one.number, "acl", "2025.acl-long.1")
    with store.reading() as connection:
        assert held(connection).keys() == {"2501.00001", "acl:2025.acl-long.1"}
        assert named(connection, "2501.00001").abstract == "How kites fly."
        assert named(connection, "doi:10.1/kites").id == "acl:2025.acl-long.1"


@pytest.mark.parametrize("source", ["arxiv", "acl"])
def test_what_was_parted_stays_parted_whatever_comes(store: Store, source: str) -> None:
    parted = {"arxiv": PREPRINT, "acl": PROCEEDINGS}[source]
    with store.writing() as connection:
        putting.put(connection, [PREPRINT, PROCEEDINGS])
        number = named(connection, "2501.00001").number
        putting.unmerge(connection, number, parted.source, parted.key)
    for records in ([PREPRINT, PROCEEDINGS], [PROCEEDINGS], [PREPRINT]):
        with store.writing() as connection:
            outcome = putting.put(connection, records)
            assert outcome == putting.Outcome(unchanged=len(records))
    with store.writing() as connection:
        putting.put(
            connection, [replace(PROCEEDINGS, abstract="More."), replace(PREPRINT, year=2024)]
        )
        assert held(connection).keys() == {"2501.00001", "acl:2025.acl-long.1"}


def test_what_was_parted_can_be_made_one_again(store: Store) -> None:
    with store.writing() as connection:
        putting.put(connection, [PREPRINT, PROCEEDINGS])
        number = named(connection, "2501.00001").number
        other = putting.unmerge(connection, number, "acl", "2025.acl-long.1")
        assert putting.merge(connection, number, other) == min(number, other)
    with store.writing() as connection:
        assert held(connection).keys() == {"2501.00001"}
        assert named(connection, "acl:2025.acl-long.1").id == "2501.00001"
        assert putting.put(connection, [PREPRINT, PROCEEDINGS]).unchanged == 2


def test_two_papers_that_nothing_unites_are_one_where_a_person_says_so(store: Store) -> None:
    with store.writing() as connection:
        putting.put(connection, [PREPRINT, NAMESAKE])
        one, other = named(connection, "2501.00001"), named(connection, "acl:1900.x")
        putting.merge(connection, one.number, other.number)
    with store.writing() as connection:
        assert held(connection).keys() == {"2501.00001"}
        assert putting.put(connection, [NAMESAKE, PREPRINT]).unchanged == 2
        assert {origin.source for origin in named(connection, "acl:1900.x").origins} == {
            "arxiv",
            "jsonl",
        }


def test_what_cannot_be_parted_or_merged_is_refused_in_a_sentence(store: Store) -> None:
    with store.writing() as connection:
        putting.put(connection, [PREPRINT])
        number = named(connection, "2501.00001").number
        with pytest.raises(putting.DecisionError, match="one record only"):
            putting.unmerge(connection, number, "arxiv", "2501.00001")
        with pytest.raises(putting.DecisionError, match="no record 7 of acl"):
            putting.unmerge(connection, number, "acl", "7")
        with pytest.raises(putting.DecisionError, match="one paper already"):
            putting.merge(connection, number, number)
        with pytest.raises(putting.DecisionError, match="not held"):
            putting.merge(connection, number, number + 7)
