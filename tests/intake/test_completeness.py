"""How a day stands, and from what: only what was stated and is held is called complete."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from broadsheet.intake import completeness
from broadsheet.records import DayState, LedgerLine, Record
from broadsheet.store import ledger, putting
from broadsheet.store.engine import Store
from broadsheet.store.ledger import Announced, Day, Source

# A Wednesday, announced on Tuesday evening in New York.
DAY = date(2026, 1, 14)
DUE = datetime(2026, 1, 14, 1, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
# The day after Thanksgiving: its evening was the holiday's. The next listing is Monday's.
FESTIVE = date(2026, 11, 27)
FESTIVE_DUE = datetime(2026, 11, 27, 1, tzinfo=UTC)
AFTER_DUE = datetime(2026, 11, 30, 1, tzinfo=UTC)

ARXIV = Source(1, "arxiv", "cs.LG", DUE, date(2025, 1, 1))
SATURDAY = date(2026, 1, 17)
HUB = Source(2, "hub", "daily", DUE, date(2025, 1, 1))
# The Hub's list of a day is whole when the day is over.
HUB_DUE = datetime(2026, 1, 15, tzinfo=UTC)


def unstated(asked: datetime | None, source: Source = ARXIV, day: date = DAY) -> Day:
    return Day(source, day, None, 0, (), asked, None, confirmed=False)


def stated(
    counts: dict[str, int],
    listed: int,
    missing: tuple[str, ...] = (),
    *,
    confirmed: bool = False,
    source: Source = ARXIV,
    day: date = DAY,
) -> Day:
    return Day(source, day, counts, listed, missing, DUE + HOUR, DUE + HOUR, confirmed)


@pytest.mark.parametrize(
    ("why", "source", "known", "now", "state"),
    [
        ("the hour has not come", ARXIV, None, DUE - MINUTE, DayState.PENDING),
        ("nor, though it was asked", ARXIV, unstated(DUE - HOUR), DUE - MINUTE, DayState.PENDING),
        ("it was never asked", ARXIV, None, DUE, DayState.UNKNOWN),
        ("nor later", ARXIV, None, DUE + 99 * HOUR, DayState.UNKNOWN),
        ("nor did it answer", ARXIV, unstated(None), DUE + HOUR, DayState.UNKNOWN),
        (
            "it was asked before the hour only",
            ARXIV,
            unstated(DUE - MINUTE),
            DUE + 99 * HOUR,
            DayState.UNKNOWN,
        ),
        ("it answered without it", ARXIV, unstated(DUE), DUE + MINUTE, DayState.LATE),
        ("still", ARXIV, unstated(DUE + HOUR), DUE + 18 * HOUR - MINUTE, DayState.LATE),
        ("eighteen hours on", ARXIV, unstated(DUE + HOUR), DUE + 18 * HOUR, DayState.SILENT),
        ("the Hub's day is not over", HUB, None, HUB_DUE - MINUTE, DayState.PENDING),
        ("and the Hub was not asked", HUB, None, HUB_DUE, DayState.UNKNOWN),
        (
            "nor after its day was over",
            HUB,
            unstated(HUB_DUE - MINUTE, HUB),
            HUB_DUE + HOUR,
            DayState.UNKNOWN,
        ),
        ("the Hub is late", HUB, unstated(HUB_DUE, HUB), HUB_DUE + HOUR, DayState.LATE),
        ("the Hub is silent", HUB, unstated(HUB_DUE, HUB), HUB_DUE + 18 * HOUR, DayState.SILENT),
    ],
)
def test_a_day_of_which_nothing_was_stated(
    why: str, source: Source, known: Day | None, now: datetime, state: DayState
) -> None:
    assert completeness.state_of(source, DAY, known, 20, now) is state, why


@pytest.mark.parametrize(
    ("known", "now", "state"),
    [
        (None, FESTIVE_DUE - MINUTE, DayState.PENDING),
        # Not having asked is no holiday.
        (None, AFTER_DUE + HOUR, DayState.UNKNOWN),
        (unstated(FESTIVE_DUE - MINUTE, day=FESTIVE), AFTER_DUE + HOUR, DayState.UNKNOWN),
        # It may yet come, until the next one is there.
        (unstated(FESTIVE_DUE, day=FESTIVE), FESTIVE_DUE + 40 * HOUR, DayState.LATE),
        (unstated(FESTIVE_DUE, day=FESTIVE), AFTER_DUE - MINUTE, DayState.LATE),
        (unstated(FESTIVE_DUE, day=FESTIVE), AFTER_DUE, DayState.RESTED),
        # And where it came all the same, it counts.
        (stated({"new": 1}, 1, ("2611.00001",)), AFTER_DUE, DayState.GAP),
    ],
)
def test_on_a_holiday_there_may_be_nothing(
    known: Day | None, now: datetime, state: DayState
) -> None:
    assert completeness.state_of(ARXIV, FESTIVE, known, 20, now) is state


@pytest.mark.parametrize(
    ("why", "known", "usual", "state"),
    [
        ("all are held", stated({"new": 2, "cross": 1}, 3), 20, DayState.COMPLETE),
        ("as many as never", stated({"new": 2}, 2), None, DayState.COMPLETE),
        ("one is missing", stated({"new": 2}, 2, ("2601.00001",)), 20, DayState.GAP),
        ("more stated than named", stated({"new": 2, "cross": 1}, 2), 20, DayState.GAP),
        ("more named than stated", stated({"new": 2}, 3), 20, DayState.GAP),
        # Nothing: believed of a small category, and where two interfaces say so.
        ("confirmed", stated({}, 0, confirmed=True), 1, DayState.COMPLETE),
        ("hardly more is usual", stated({}, 0, confirmed=True), 3, DayState.COMPLETE),
        ("more is usual", stated({}, 0, confirmed=True), 3.5, DayState.SILENT),
        ("much more", stated({}, 0, confirmed=True), 20, DayState.SILENT),
        ("nothing is usual yet", stated({}, 0, confirmed=True), None, DayState.UNKNOWN),
        ("one interface only", stated({}, 0), 1, DayState.SILENT),
        ("nor is anything known", stated({}, 0), None, DayState.UNKNOWN),
        ("but names are there", stated({}, 2, confirmed=True), 1, DayState.GAP),
        # The Hub rests at weekends, and its empty list says so.
        ("the Hub's Saturday", stated({}, 0, source=HUB, day=SATURDAY), 20, DayState.COMPLETE),
        ("the Hub's Wednesday", stated({}, 0, source=HUB), 20, DayState.SILENT),
    ],
)
def test_a_day_of_which_counts_were_stated(
    why: str, known: Day, usual: float | None, state: DayState
) -> None:
    for now in (DUE + HOUR, DUE + 999 * HOUR):
        assert completeness.state_of(known.source, DAY, known, usual, now) is state, why


def test_only_a_gap_and_silence_alarm() -> None:
    alarms = {state for state in DayState if state.is_alarm}
    assert alarms == {DayState.GAP, DayState.SILENT}


def test_a_source_has_the_days_since_it_was_added_up_to_the_last_that_is_due() -> None:
    since = Source(1, "arxiv", "cs.LG", DUE, date(2026, 1, 8))
    # Sunday noon: Friday's was the last.
    sunday = datetime(2026, 1, 11, 17, tzinfo=UTC)
    assert completeness.days_of(since, date(2026, 1, 1), sunday) == [
        date(2026, 1, 8),
        date(2026, 1, 9),
    ]
    assert completeness.days_of(since, date(2026, 1, 9), sunday) == [date(2026, 1, 9)]
    hub = Source(2, "hub", "daily", DUE, date(2026, 1, 9))
    assert completeness.days_of(hub, date(2026, 1, 1), sunday) == [
        date(2026, 1, 9),
        date(2026, 1, 10),
        date(2026, 1, 11),
    ]
    feed = Source(3, "feed", "https://feeds.example/", DUE, date(2026, 1, 8))
    assert completeness.days_of(feed, date(2026, 1, 1), sunday) == []


# --- lines --------------------------------------------------------------------------------------


def lines(store: Store, now: datetime, first: date, last: date | None = None) -> list[LedgerLine]:
    with store.reading() as connection:
        return completeness.lines(connection, now, first, last)


def test_there_is_a_line_for_every_source_and_day_newest_first(sqlite_store: Store) -> None:
    now = DUE + 2 * HOUR
    with sqlite_store.writing() as connection:
        for kind, name in (("arxiv", "cs.LG"), ("arxiv", "cs.CL"), ("feed", "https://a.example/")):
            ledger.add_source(connection, kind, name, date(2026, 1, 13), now)
        learning = ledger.source_of(connection, "arxiv", "cs.LG")
        assert learning is not None
        some = [Announced("2601.00001", "new", 1), Announced("2601.00002", "cross", 2)]
        ledger.state(connection, learning.number, DAY, {"new": 1, "cross": 1}, some, DUE + HOUR)
        putting.put(connection, [Record("arxiv", "2601.00001", title="Of lamps", version=1)])
    found = lines(sqlite_store, now, date(2026, 1, 1))
    assert [(one.day.day, one.set, one.state) for one in found] == [
        (14, "cs.CL", DayState.UNKNOWN),
        (14, "cs.LG", DayState.GAP),
        (13, "cs.CL", DayState.UNKNOWN),
        (13, "cs.LG", DayState.UNKNOWN),
    ]
    gap = found[1]
    assert (gap.stated, gap.held, gap.missing) == (2, 1, ("2601.00002",))
    assert dict(gap.counts) == {"new": 1, "cross": 1, "replace": 0}
    assert gap.asked == DUE + HOUR
    assert lines(sqlite_store, now, date(2026, 1, 13), date(2026, 1, 13)) == found[2:]
    assert lines(sqlite_store, now, DAY) == found[:2]


def test_a_gap_closes_when_the_paper_comes(sqlite_store: Store) -> None:
    with sqlite_store.writing() as connection:
        source, _ = ledger.add_source(connection, "arxiv", "cs.LG", DAY, DUE)
        some = [Announced("2601.00002", "replace", 2)]
        ledger.state(connection, source.number, DAY, {"replace": 1}, some, DUE)
    for version, state in ((1, DayState.GAP), (2, DayState.COMPLETE)):
        with sqlite_store.writing() as connection:
            paper = Record("arxiv", "2601.00002", title="Of lamps", version=version)
            putting.put(connection, [paper])
        assert [one.state for one in lines(sqlite_store, DUE + HOUR, DAY)] == [state]


@pytest.mark.parametrize("first", [date.min, date(1, 1, 20)])
def test_the_ledger_can_be_asked_for_from_the_calendar_s_beginning(
    sqlite_store: Store, first: date
) -> None:
    with sqlite_store.writing() as connection:
        ledger.add_source(connection, "arxiv", "cs.LG", DAY, DUE)
    assert lines(sqlite_store, DUE + HOUR, first, first) == []
    assert [one.day for one in lines(sqlite_store, DUE + HOUR, first)] == [DAY]
    assert lines(sqlite_store, DUE + HOUR, date.max, date.max) == []


def test_an_old_day_s_nothing_is_weighed_against_the_days_around_it(sqlite_store: Store) -> None:
    with sqlite_store.writing() as connection:
        source, _ = ledger.add_source(connection, "arxiv", "cs.LG", date(2025, 1, 1), DUE)
        before = [Announced(f"2512.{n:05}", "new") for n in range(20)]
        ledger.state(connection, source.number, date(2026, 1, 13), {"new": 20}, before, DUE)
        ledger.state(connection, source.number, DAY, {}, [], DUE, confirmed=True)
    (line,) = lines(sqlite_store, DUE + 2000 * HOUR, DAY, DAY)
    assert line.state is DayState.SILENT
