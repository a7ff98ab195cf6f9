"""The Hub's daily papers, asked day by day."""

from __future__ import annotations

import json
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from broadsheet.intake import completeness
from broadsheet.intake.fetching import Fetcher
from broadsheet.intake.harvest import Harvester
from broadsheet.intake.hub_source import Hub
from broadsheet.records import DayState
from broadsheet.store import ledger, papers
from broadsheet.store.engine import Store

# A Monday with more than a page of papers, a Tuesday with some, a Wednesday without any.
MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
HELD = {MONDAY: 130, TUESDAY: 7, WEDNESDAY: 0}


def item(day: date, place: int) -> dict[str, Any]:
    id_ = f"26{day.month:02}.{day.day:02}{place:03}"
    moment = f"{day.isoformat()}T04:00:00.000Z"
    paper = {
        "id": id_,
        "title": f"On kites, part {day.day}.{place}",
        "summary": "How kites fly.",
        "authors": [{"_id": "0" * 24, "name": "Ann Person", "hidden": False}],
        "publishedAt": moment,
        "upvotes": place,
        "submittedOnDailyAt": moment,
    }
    return {"paper": paper, "title": paper["title"], "publishedAt": moment, "numComments": 1}


class _Hub(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        assert parts.path == "/api/daily_papers"
        assert int(asked["limit"]) <= 100
        day, page = date.fromisoformat(asked["date"]), int(asked.get("p", 0))
        items: list[Any] = [item(day, place) for place in range(HELD.get(day, 0))]
        if day == TUESDAY and self.server.is_broken:  # type: ignore[attr-defined]
            items.append({"paper": {"title": "Nobody knows which"}})
        body = json.dumps(items[page * 100 : page * 100 + 100]).encode()
        tag = f'"{zlib.crc32(body)}"'
        known = self.headers.get("If-None-Match") == tag
        self.server.met.append((day, page, 304 if known else 200))  # type: ignore[attr-defined]
        if known:
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Nobody listens."""


@contextmanager
def hub(
    *, is_broken: bool = False, met: list[tuple[date, int, int]] | None = None
) -> Iterator[str]:
    """The Hub's address; `met` gets day, page and status of each request."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    server.is_broken = is_broken  # type: ignore[attr-defined]
    server.met = [] if met is None else met  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_every_day_of_the_hub_is_held_and_told(sqlite_store: Store) -> None:
    now = datetime(2026, 3, 5, 12, tzinfo=UTC)
    fetcher = Fetcher(sqlite_store, patience=5.0)
    with sqlite_store.writing() as connection:
        source, _ = ledger.add_source(connection, "hub", "daily", MONDAY, now)
    with hub() as address:
        asker = Hub(fetcher, address, pause=0.001)
        harvester = Harvester(sqlite_store, {"hub": asker}, fetcher.holder, clock=lambda: now)
        done = harvester.once([source])
        fetcher.close()
    assert [(one.new, one.problem) for one in done] == [(137, None)]
    with sqlite_store.reading() as connection:
        lines = {line.day: line for line in completeness.lines(connection, now, MONDAY)}
        held = list(papers.every(connection))
    assert {paper.announced for paper in held} == {MONDAY, TUESDAY}
    assert {day: (line.stated, line.held, line.state) for day, line in lines.items()} == {
        MONDAY: (130, 130, DayState.COMPLETE),
        TUESDAY: (7, 7, DayState.COMPLETE),
        # A weekday without a paper is no day to believe in.
        WEDNESDAY: (0, 0, DayState.SILENT),
        date(2026, 3, 5): (None, 0, DayState.PENDING),
    }


def test_an_item_that_cannot_be_read_is_a_gap(sqlite_store: Store) -> None:
    now = datetime(2026, 3, 4, 12, tzinfo=UTC)
    fetcher = Fetcher(sqlite_store, patience=5.0)
    with sqlite_store.writing() as connection:
        source, _ = ledger.add_source(connection, "hub", "daily", TUESDAY, now)
    with hub(is_broken=True) as address:
        askers = {"hub": Hub(fetcher, address, pause=0.001)}
        done = Harvester(sqlite_store, askers, fetcher.holder, clock=lambda: now).once([source])
        fetcher.close()
    assert [one.quarantined for one in done] == [1]
    with sqlite_store.reading() as connection:
        line = completeness.lines(connection, now, TUESDAY, TUESDAY)[0]
    assert (line.stated, line.held, line.state) == (8, 7, DayState.GAP)


def test_a_list_of_the_hub_that_did_not_change_is_not_sent_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(HELD, TUESDAY, 7)
    fetcher = Fetcher(store, patience=5.0)
    met: list[tuple[date, int, int]] = []
    now = datetime(2026, 3, 3, 12, tzinfo=UTC)
    with store.writing() as connection:
        ledger.add_source(connection, "hub", "daily", MONDAY, now)

    def run(hours: int) -> int:
        del met[:]
        later = now + timedelta(hours=hours)
        askers = {"hub": Hub(fetcher, address, pause=0.001)}
        (done,) = Harvester(store, askers, fetcher.holder, clock=lambda: later).once()
        assert done.problem is None
        return done.new

    with hub(met=met) as address:
        assert run(0) == 137
        assert run(4) == 0
        # Of several pages the first alone says nothing.
        assert [place for place in met if place[0] == TUESDAY] == [(TUESDAY, 0, 304)]
        assert {status for day, _, status in met if day == MONDAY} == {200}
        monkeypatch.setitem(HELD, TUESDAY, 9)
        assert run(8) == 2
        # When the day is over its list is read, whatever was read before.
        assert run(13) == 0
        assert (TUESDAY, 0, 200) in met
        with store.reading() as connection:
            lines = completeness.lines(connection, now + timedelta(hours=13), TUESDAY, TUESDAY)
        assert [(line.stated, line.held, line.state) for line in lines] == [
            (9, 9, DayState.COMPLETE)
        ]
    fetcher.close()


def test_a_list_with_an_item_that_cannot_be_read_is_sent_again(sqlite_store: Store) -> None:
    fetcher = Fetcher(sqlite_store, patience=5.0)
    met: list[tuple[date, int, int]] = []
    now = datetime(2026, 3, 3, 12, tzinfo=UTC)
    with sqlite_store.writing() as connection:
        ledger.add_source(connection, "hub", "daily", TUESDAY, now)
    with hub(is_broken=True, met=met) as address:
        askers = {"hub": Hub(fetcher, address, pause=0.001)}
        worker = Harvester(sqlite_store, askers, fetcher.holder, clock=lambda: now)
        assert [one.quarantined for one in worker.once()] == [1]
        now += timedelta(hours=4)
        assert [one.quarantined for one in worker.once()] == [1]
    fetcher.close()
    assert {status for day, _, status in met if day == TUESDAY} == {200}
