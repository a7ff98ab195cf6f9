"""The invented world: its calendar, and what comes in and changes."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from standin.world import World, closed, mailed

from .reading import (
    CATEGORIES,
    FIRST,
    THURSDAY,
    eastern,
)


def test_announcements_are_dated_monday_to_friday_and_not_on_holidays() -> None:
    world = World(1, date(2026, 3, 1), 15, CATEGORIES, holidays=[date(2026, 3, 10)])
    assert [day.day for day in world.days()] == [2, 3, 4, 5, 6, 9, 11, 12, 13]
    assert world.announced("cs.LG", date(2026, 3, 10)) == {"new": [], "cross": [], "replace": []}
    assert world.announced("cs.LG", date(2026, 3, 8)) == {"new": [], "cross": [], "replace": []}


@pytest.mark.parametrize(
    ("day", "hour"),
    [
        # Clocks in New York go forward on 8 March 2026 and back on 1 November 2026.
        (date(2026, 3, 6), datetime(2026, 3, 6, 1, tzinfo=UTC)),
        (date(2026, 3, 9), datetime(2026, 3, 9, 0, tzinfo=UTC)),
        (date(2026, 10, 30), datetime(2026, 10, 30, 0, tzinfo=UTC)),
        (date(2026, 11, 2), datetime(2026, 11, 2, 1, tzinfo=UTC)),
    ],
)
def test_mail_goes_out_at_eight_in_the_evening_before_also_when_clocks_change(
    day: date, hour: datetime
) -> None:
    assert mailed(day) == hour


def test_monday_tells_what_came_in_until_friday_at_two(world: World) -> None:
    monday = date(2026, 3, 9)
    assert closed(monday) == eastern(date(2026, 3, 6), 14)
    for key in world.announced("cs.LG", monday)["new"]:
        came = world.paper(key).versions[0].submitted
        assert eastern(date(2026, 3, 5), 14) <= came <= eastern(date(2026, 3, 6), 14)


def test_each_day_and_category_has_new_papers_cross_lists_and_replacements(world: World) -> None:
    for day in world.days():
        papers = world.papers(day)
        for category in CATEGORIES:
            told = world.announced(category, day)
            assert all(told.values()), (day, category)
            assert all(papers[key].primary == category for key in told["new"])
            assert all(papers[key].version == 1 for key in told["new"])
            assert all(papers[key].primary != category for key in told["cross"])
            for key in told["replace"]:
                *_, before, after = papers[key].versions
                assert after.day == day
                changed = (before.title, before.abstract) != (after.title, after.abstract)
                assert changed != after.withdrawn


def test_papers_are_cross_listed_on_their_day_and_later(world: World) -> None:
    late = {
        world.paper(key, day).versions[0].day < day
        for day in world.days()
        for key in world.announced("cs.CL", day)["cross"]
    }
    assert late == {True, False}


def test_an_archive_has_a_paper_once_and_its_own_papers_as_new(world: World) -> None:
    told = world.announced("cs", THURSDAY)
    both = world.announced("cs.LG", THURSDAY)["new"] + world.announced("cs.CL", THURSDAY)["new"]
    assert told["new"] == sorted(both)
    assert not set(told["new"]) & set(told["cross"])
    assert world.announced("cs.LG+cs.CL", THURSDAY) == told


def test_some_papers_are_withdrawn_and_some_records_change_unannounced(world: World) -> None:
    end = world.papers(world.days()[-1]).values()
    assert any(paper.withdrawn and paper.versions[0].day >= FIRST for paper in end)
    quiet = [
        paper
        for paper in end
        if paper.doi
        and paper.datestamp >= FIRST
        and not any(
            paper.id in keys
            for category in paper.categories
            for keys in world.announced(category, paper.datestamp).values()
        )
    ]
    assert quiet


def test_the_same_seed_makes_the_same_world_also_in_another_process(world: World) -> None:
    other = World(7, FIRST, 14, CATEGORIES)
    assert other.papers(THURSDAY) == world.papers(THURSDAY)
    assert World(8, FIRST, 14, CATEGORIES).papers(THURSDAY) != world.papers(THURSDAY)
    longer = World(7, FIRST, 30, CATEGORIES)
    assert longer.papers(THURSDAY) == world.papers(THURSDAY)
    script = (
        "from datetime import date; from standin.world import World;"
        f"world = World(7, date(2026, 3, 2), 14, {CATEGORIES});"
        "print(world.paper(world.announced('cs.LG', date(2026, 3, 12))['new'][0]).title)"
    )
    said = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "11", "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == world.paper(world.announced("cs.LG", THURSDAY)["new"][0]).title


def test_a_paper_is_known_from_its_announcement_on(world: World) -> None:
    key = world.announced("cs.LG", THURSDAY)["new"][0]
    world.now = eastern(date(2026, 3, 11), 19, 59)
    with pytest.raises(KeyError):
        world.paper(key)
    world.now = eastern(date(2026, 3, 11), 20)
    assert world.paper(key).version == 1
