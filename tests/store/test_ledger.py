"""The ledger's rows: sources, what they stated of a day, and what of it is held right now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError

from broadsheet.records import Record
from broadsheet.store import ledger, putting
from broadsheet.store import tables as t
from broadsheet.store.engine import Store
from broadsheet.store.ledger import Announced, Day

NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
THURSDAY = date(2026, 3, 12)
WEDNESDAY = THURSDAY - timedelta(days=1)


def source(connection: Connection, name: str = "cs.LG", kind: str = "arxiv") -> int:
    return ledger.add_source(connection, kind, name, date(2026, 3, 1), NOON)[0].number


def paper(id_: str, version: int | None = 1, origin: str = "arxiv") -> Record:
    return Record(source=origin, key=id_, title=f"Of {id_}", identifiers=(id_,), version=version)


def state(
    connection: Connection,
    number: int,
    announced: Iterable[Announced],
    day: date = THURSDAY,
    **counts: int,
) -> None:
    ledger.state(connection, number, day, counts, announced, NOON)


def day_of(connection: Connection, day: date = THURSDAY) -> Day:
    (found,) = ledger.days(connection, day, day)
    return found


# --- sources ------------------------------------------------------------------------------------


def test_a_source_is_added_once(store: Store) -> None:
    with store.writing() as connection:
        first, new = ledger.add_source(connection, "arxiv", "cs.LG", WEDNESDAY, NOON)
        again, new_again = ledger.add_source(connection, "arxiv", "cs.LG", THURSDAY, NOON)
    assert (new, new_again) == (True, False)
    assert again == first
    assert (first.kind, first.name, first.since) == ("arxiv", "cs.LG", WEDNESDAY)
    assert (first.added, first.failures, first.harvested) == (NOON, 0, None)


def test_sources_are_listed_by_kind_and_name(store: Store) -> None:
    with store.writing() as connection:
        for kind, name in (("hub", "daily"), ("arxiv", "cs.LG"), ("feed", "x"), ("arxiv", "cs.CL")):
            ledger.add_source(connection, kind, name, THURSDAY, NOON)
    with store.reading() as connection:
        listed = [(one.kind, one.name) for one in ledger.all_sources(connection)]
    assert listed == [("arxiv", "cs.CL"), ("arxiv", "cs.LG"), ("feed", "x"), ("hub", "daily")]


def test_what_becomes_known_of_a_source_is_kept(store: Store) -> None:
    progress = {"token": "a|b", "from": "2026-03-01"}
    with store.writing() as connection:
        number, other = source(connection), source(connection, "cs.CL")
        ledger.note(
            connection, number, progress=progress, through=WEDNESDAY, retry=NOON, failures=3
        )
        ledger.note(connection, number, problem="arXiv answered 503.")
    with store.reading() as connection:
        by_number = {one.number: one for one in ledger.all_sources(connection)}
    found = by_number[number]
    assert (found.progress, found.through, found.retry) == (progress, WEDNESDAY, NOON)
    assert (found.failures, found.problem) == (3, "arXiv answered 503.")
    assert (by_number[other].progress, by_number[other].failures) == (None, 0)


def test_a_source_that_is_removed_takes_its_statements_along_and_leaves_its_papers(
    store: Store,
) -> None:
    with store.writing() as connection:
        gone, stays = source(connection), source(connection, "cs.CL")
        putting.put(connection, [paper("2603.00001")])
        for number in (gone, stays):
            state(connection, number, [Announced("2603.00001", "new")], new=1)
        assert ledger.remove_source(connection, "arxiv", "cs.LG")
        assert not ledger.remove_source(connection, "arxiv", "cs.LG")
        assert not ledger.remove_source(connection, "hub", "cs.CL")
    with store.reading() as connection:
        assert [one.number for one in ledger.all_sources(connection)] == [stays]
        assert [one.source.number for one in ledger.days(connection, THURSDAY, THURSDAY)] == [stays]
        for table in (t.announcements, t.statements):
            assert connection.execute(select(table.c.source)).scalars().all() == [stays]
        assert connection.scalar(select(func.count()).select_from(t.papers)) == 1


@pytest.mark.parametrize("name", ["", "cs.\0LG", "\udcff", "x" * 5000])
def test_a_name_that_no_source_can_have_is_no_source_s(store: Store, name: str) -> None:
    with store.writing() as connection:
        source(connection)
        assert not ledger.remove_source(connection, "arxiv", name)
        assert not ledger.remove_source(connection, name, "cs.LG")


# --- days ---------------------------------------------------------------------------------------


def test_a_day_has_what_was_stated_listed_and_is_held(store: Store) -> None:
    with store.writing() as connection:
        number = source(connection)
        putting.put(connection, [paper("2603.00001"), paper("2603.00003")])
        state(
            connection,
            number,
            [
                Announced("2603.00003", "cross"),
                Announced("2603.00002", "new"),
                Announced("2603.00001", "new"),
            ],
            new=2,
            cross=1,
        )
    with store.reading() as connection:
        day = day_of(connection)
    assert day.counts == {"new": 2, "cross": 1, "replace": 0}
    assert (day.total, day.listed, day.held, day.missing) == (3, 3, 2, ("2603.00002",))
    assert (day.asked, day.stated, day.confirmed) == (NOON, NOON, False)


def test_what_is_held_is_counted_when_it_is_asked_for(store: Store) -> None:
    with store.writing() as connection:
        state(connection, source(connection), [Announced("2603.00001", "new")], new=1)
        assert day_of(connection).missing == ("2603.00001",)
        putting.put(connection, [paper("2603.00001")])
        assert day_of(connection).missing == ()
        assert day_of(connection).held == 1
        putting.remove_source(connection, "arxiv")
        assert day_of(connection).missing == ("2603.00001",)


def test_a_version_counts_as_held_where_it_is_that_one_or_a_later_one(store: Store) -> None:
    with store.writing() as connection:
        putting.put(connection, [paper("2603.00001", 2), paper("2603.00002", None)])
        state(
            connection,
            source(connection),
            [Announced("2603.00001", "replace", 3), Announced("2603.00002", "new")],
            new=1,
            replace=1,
        )
        assert day_of(connection).missing == ("2603.00001",)
        putting.put(connection, [paper("2603.00001", 3)])
        assert day_of(connection).missing == ()
        putting.put(connection, [paper("2603.00001", 4)])
        assert day_of(connection).missing == ()


def test_only_what_came_from_a_source_of_that_kind_counts(store: Store) -> None:
    with store.writing() as connection:
        putting.put(connection, [paper("2603.00001", origin="daily-papers")])
        state(connection, source(connection), [Announced("2603.00001", "new")], new=1)
        assert day_of(connection).missing == ("2603.00001",)


def test_what_was_named_once_is_not_taken_back(store: Store) -> None:
    """An answer that breaks off would make a day complete by forgetting half of it."""
    later = NOON + timedelta(hours=1)
    named = [Announced("2603.00001", "new", 1), Announced("2603.00002", "new")]
    with store.writing() as connection:
        number = source(connection)
        state(connection, number, named, new=2)
        for said, count in (([], 0), (named[:1], 1)):
            ledger.state(connection, number, THURSDAY, {"new": count}, said, later)
            day = day_of(connection)
            assert (day.total, day.listed, day.stated) == (2, 2, later)
        more = [Announced("2603.00002", "new", 1), Announced("2603.00003", "cross", 1)]
        ledger.state(connection, number, THURSDAY, {"new": 2, "cross": 1}, more, later)
        day = day_of(connection)
    assert (day.counts, day.listed) == ({"new": 2, "cross": 1, "replace": 0}, 3)


def test_the_usual_is_the_middle_of_the_days_that_had_any(store: Store) -> None:
    with store.writing() as connection:
        number, other = source(connection), source(connection, "cs.CL")
        for back, count in enumerate((0, 2, 9, 100, 0)):
            names = [Announced(f"2603.{back}{n:04}", "new") for n in range(count)]
            state(connection, number, names, THURSDAY - timedelta(days=back), new=count)
        state(connection, other, [], THURSDAY, new=0)
        ledger.asked(connection, other, WEDNESDAY, NOON)
        usual = ledger.usual(connection, THURSDAY - timedelta(days=9), THURSDAY)
    assert usual == {number: 9}


def test_a_name_that_is_listed_twice_is_one(store: Store) -> None:
    with store.writing() as connection:
        number = source(connection)
        twice = [Announced("2603.00001", "new"), Announced("2603.00001", "cross")]
        state(connection, number, twice, new=1, cross=1)
        assert day_of(connection).listed == 1


def test_an_answer_that_states_nothing_leaves_what_was_stated(store: Store) -> None:
    later = NOON + timedelta(hours=1)
    with store.writing() as connection:
        number = source(connection)
        ledger.asked(connection, number, WEDNESDAY, NOON)
        state(connection, number, [Announced("2603.00001", "new")], new=1)
        ledger.asked(connection, number, THURSDAY, later)
        silent, stated = day_of(connection, WEDNESDAY), day_of(connection)
    assert (silent.counts, silent.total, silent.listed, silent.asked) == (None, None, 0, NOON)
    assert (stated.total, stated.stated, stated.asked) == (1, NOON, later)


def test_nothing_announced_is_not_the_same_as_nothing_said(store: Store) -> None:
    with store.writing() as connection:
        state(connection, source(connection), [])
        assert day_of(connection).total == 0


def test_days_are_newest_first_then_by_source_and_only_those_asked_for(store: Store) -> None:
    with store.writing() as connection:
        numbers = {name: source(connection, name) for name in ("math.OC", "cs.LG")}
        for number in numbers.values():
            for back in range(4):
                state(connection, number, [], day=THURSDAY - timedelta(days=back))
        found = ledger.days(connection, THURSDAY - timedelta(days=2), WEDNESDAY)
        assert [(one.day.day, one.source.name) for one in found] == [
            (11, "cs.LG"),
            (11, "math.OC"),
            (10, "cs.LG"),
            (10, "math.OC"),
        ]
        mine = ledger.days(connection, WEDNESDAY, THURSDAY, numbers["cs.LG"])
        assert [(one.day, one.source.name) for one in mine] == [
            (THURSDAY, "cs.LG"),
            (WEDNESDAY, "cs.LG"),
        ]


def test_the_first_day_of_a_paper_is_when_any_source_of_the_kind_first_listed_it(
    store: Store,
) -> None:
    friday = THURSDAY + timedelta(days=1)
    with store.writing() as connection:
        learning, language = source(connection), source(connection, "cs.CL")
        hub = source(connection, "daily", "hub")
        state(connection, hub, [Announced("2603.00001", "new")], day=date(2026, 3, 2), new=1)
        state(connection, learning, [Announced("2603.00001", "replace", 2)], day=WEDNESDAY)
        state(connection, learning, [Announced("2603.00001", "cross")], day=friday)
        state(connection, language, [Announced("2603.00001", "new")], day=THURSDAY)
        state(connection, learning, [Announced("2603.00002", "replace", 3)], day=THURSDAY)
        asked = ["2603.00001", "2603.00002", "2603.00003", *(f"2604.{n:05}" for n in range(3000))]
        assert ledger.first_announced(connection, "arxiv", asked) == {"2603.00001": THURSDAY}
        assert ledger.first_announced(connection, "arxiv", []) == {}


@pytest.mark.parametrize(
    "broken",
    [
        lambda source: insert(t.sources).values(
            kind="arxiv", name="cs.LG", added=NOON, since=THURSDAY
        ),
        lambda source: insert(t.announcements).values(
            source=source, day=THURSDAY, id="2603.00001", kind="rumour"
        ),
        lambda source: insert(t.announcements).values(
            source=source + 9, day=THURSDAY, id="2603.00001", kind="new"
        ),
        lambda source: insert(t.statements).values(source=source + 9, day=THURSDAY, asked=NOON),
        lambda source: t.sources.update().values(failures=-1),
    ],
)
def test_the_database_keeps_the_rules_by_itself(store: Store, broken: object) -> None:
    assert callable(broken)
    with store.writing() as connection:
        number = source(connection)
    with pytest.raises(IntegrityError), store.writing() as connection:
        connection.execute(broken(number))
