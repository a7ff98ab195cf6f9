"""Thirty days of the daily run, under everything that goes wrong at a source."""

from __future__ import annotations

from datetime import timedelta

import pytest

from broadsheet.records import DayState
from broadsheet.store.engine import Store
from intake.daily import (
    CATEGORIES,
    FIRST,
    PAUSE,
    announced,
    harvester,
    held,
    holds_what_it_says,
    ledger_of,
    moments,
    subscribe,
    unsynced,
    world,
)
from standin.arxiv import Standin
from standin.faults import (
    Cut,
    Drip,
    Duplicates,
    Empty,
    ExpiredToken,
    Fault,
    GzipBomb,
    HtmlError,
    OtherSet,
    Redirect,
    Reordered,
    StaleFeed,
    TokenLoop,
    TooManyRequests,
    Truncated,
    Unavailable,
)

# What is ordered from the fourth day to the last week, and of how many requests it strikes one.
FAULTS: dict[str, tuple[Fault, str, int | None]] = {
    "503, come back in a second": (Unavailable(retry_after=1), "", 60),
    "503, not saying when": (Unavailable(), "", 3),
    "every answer of the harvest a 503": (Unavailable(), "/oai", None),
    "every list a 503": (Unavailable(), "/list", None),
    "429": (TooManyRequests(), "", 4),
    "cut in mid-body": (Cut(), "", 3),
    "broken off": (Truncated(), "", 3),
    "a page that says sorry": (HtmlError(), "", 3),
    "every list says sorry": (HtmlError(), "/list", None),
    "expired tokens": (ExpiredToken(), "/oai", 2),
    "a token loop": (TokenLoop(), "/oai", None),
    "duplicates": (Duplicates(), "", None),
    "out of order": (Reordered(), "", None),
    "a stale feed": (StaleFeed(), "", None),
    "a harvest that answers empty": (Empty("cs.LG"), "/oai", None),
    "a list that answers empty": (Empty("cs.LG"), "/list", None),
    "everything answers empty": (Empty("cs.LG"), "", None),
    "another set": (OtherSet(), "/oai", None),
    "a slow drip": (Drip(size=8, pause=0.2), "/oai", 40),
    "a bomb": (GzipBomb(megabytes=200), "", 40),
    "led astray": (Redirect(), "", 3),
}
# After these the source itself is right again, and so is the ledger.
DAYS = 30
_SICK_FROM, _WELL_FROM = FIRST + timedelta(days=3), FIRST + timedelta(days=24)


@pytest.mark.days
@pytest.mark.parametrize("name", FAULTS)
def test_every_announced_paper_is_held_once_or_an_alarm_names_it(
    sqlite_store: Store, name: str
) -> None:
    fault, path, every = FAULTS[name]
    of = world(DAYS)
    unsynced(sqlite_store)
    with Standin(of, page_size=20) as arxiv, harvester(sqlite_store, arxiv) as worker:
        start = next(moments(1))
        arxiv.set_now(start)
        subscribe(sqlite_store, start)
        for now in moments(DAYS):
            if now.date() == _SICK_FROM and now.hour == 0:
                arxiv.order(fault, path_prefix=path, times=None, every=every)
            if now.date() == _WELL_FROM and now.hour == 0:
                arxiv.clear()
            arxiv.set_now(now)
            worker.once()
            if now.hour == 18:
                holds_what_it_says(sqlite_store, arxiv)
        assert arxiv.overlapping() == 1
        assert arxiv.closest() >= PAUSE
        lines = ledger_of(sqlite_store, of.now)
    papers = held(sqlite_store)
    assert set(papers.values()) == {1}
    days = [day for day in of.days() if day >= FIRST]
    lost = announced(of, days) - papers.keys()
    named = {id_ for line in lines for id_ in line.missing}
    silent = {
        id_
        for line in lines
        if line.state.is_alarm
        for ids in of.announced(line.set, line.day).values()
        for id_ in ids
    }
    assert lost <= named | silent
    # What happened in the last week was looked at again.
    recent = [line for line in lines if line.day in days and line.day >= _WELL_FROM]
    assert {line.state for line in recent} == {DayState.COMPLETE}


def test_a_quiet_week_is_complete_day_by_day(sqlite_store: Store) -> None:
    of = world(7)
    with Standin(of, page_size=20) as arxiv, harvester(sqlite_store, arxiv) as worker:
        start = next(moments(1))
        arxiv.set_now(start)
        subscribe(sqlite_store, start)
        for now in moments(7):
            arxiv.set_now(now)
            worker.once()
        holds_what_it_says(sqlite_store, arxiv)
        lines = [line for line in ledger_of(sqlite_store, of.now) if line.day in of.days()]
    assert len(lines) == len(of.days()) * len(CATEGORIES)
    assert {line.state for line in lines} == {DayState.COMPLETE}
    assert announced(of, of.days()) <= held(sqlite_store).keys()
