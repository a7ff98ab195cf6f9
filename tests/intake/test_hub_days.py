"""The Hub in the daily run: a day's list grows until the day is over, and counts as it is then."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from broadsheet.intake import completeness
from broadsheet.intake.fetching import Answer, Fetcher, Service
from broadsheet.intake.harvest import Harvester
from broadsheet.intake.hub_source import Hub
from broadsheet.records import DayState
from broadsheet.store import ledger
from broadsheet.store.engine import Store

from .test_hub import answer, item

DAY = date(2026, 3, 3)


class Lists(Fetcher):
    """A Hub with so many papers on each day."""

    listed: dict[str, int]

    def get(
        self,
        service: Service,
        url: str,
        *,
        etag: str | None = None,
        modified: str | None = None,
        largest: int = 0,
    ) -> Answer:
        asked = parse_qs(urlsplit(url).query)["date"][0]
        items = (item(1 + number) for number in range(self.listed.get(asked, 0)))
        return Answer(url, answer(*items), "application/json")


def test_a_paper_listed_late_on_a_day_is_counted_by_the_next_look(sqlite_store: Store) -> None:
    lists = Lists(sqlite_store)
    now = datetime(2026, 3, 3, 22, tzinfo=UTC)
    worker = Harvester(sqlite_store, {"hub": Hub(lists)}, "me", clock=lambda: now)
    with sqlite_store.writing() as connection:
        ledger.add_source(connection, "hub", "daily", DAY, now)

    lists.listed = {DAY.isoformat(): 2}
    assert [done.new for done in worker.once()] == [2]

    lists.listed = {DAY.isoformat(): 3}
    now += timedelta(hours=4)
    assert [done.new for done in worker.once()] == [1]
    with sqlite_store.reading() as connection:
        (line,) = [one for one in completeness.lines(connection, now, DAY) if one.day == DAY]
    assert (line.state, line.stated, line.held) == (DayState.COMPLETE, 3, 3)
