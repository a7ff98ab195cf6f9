"""Writing editions killed at any moment, and run again, ends as if it had run once."""

from __future__ import annotations

import multiprocessing
import random
import time
from collections import Counter
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select

from broadsheet.search.follow import SearchIndex
from broadsheet.store.engine import open_store
from broadsheet.store.tables import outbox, sent_papers, subscribers, subscriptions

from .office import LONG_AGO, Office, at, paper

PEOPLE = 1000
KILLS = 8
NOW = at("2024-05-06T08:00")
_fresh = multiprocessing.get_context("forkserver")
_fresh.set_forkserver_preload(["mail.office"])


def write(url: str, index: str) -> None:
    """What a worker does, in a process of its own."""
    Office(open_store(url), SearchIndex(Path(index))).run(NOW)


def started(office: Office, folder: Path) -> BaseProcess:
    url = office.store.engine.url.render_as_string(hide_password=False)
    process = _fresh.Process(target=write, args=(url, str(folder / "words")))
    process.start()
    return process


def written(office: Office) -> int:
    with office.store.reading() as connection:
        return connection.scalar(select(func.count()).select_from(outbox)) or 0


@pytest.mark.slow
def test_a_worker_killed_while_it_writes_loses_and_doubles_nothing(
    any_office: Office, tmp_path: Path
) -> None:
    office = any_office
    office.put(*(paper(f"Of Lamps, Part {n}", "2024-05-06") for n in range(8)))
    usual = {"state": "confirmed", "zone": "UTC", "hour": 8, "weekday": 0}
    with office.store.writing() as connection:
        for n in range(PEOPLE):
            box = f"reader{n}@lamp.example"
            number = connection.execute(
                insert(subscribers)
                .values(address=box, mailbox=box, made=LONG_AGO, confirmed=LONG_AGO, **usual)
                .returning(subscribers.c.number)
            ).scalar_one()
            connection.execute(
                insert(subscriptions).values(
                    subscriber=number,
                    view="/" if n % 5 else "/search?q=zeppelins",
                    title="Papers",
                    rhythm="daily",
                    most=3 + n % 3,
                    made=LONG_AGO,
                    confirmed=LONG_AGO,
                )
            )
    chance, seen, halves = random.Random(9), 0, 0
    for _ in range(KILLS):
        process = started(office, tmp_path)
        # Killed once it wrote something more, a little later: anywhere within a batch or between.
        give_up = time.monotonic() + 30
        while written(office) == seen and process.is_alive() and time.monotonic() < give_up:
            time.sleep(0.002)
        process.join(chance.uniform(0, 0.05))
        process.kill()
        process.join()
        process.close()
        seen = written(office)
        halves += 0 < seen < PEOPLE
        # The turn of who was killed runs out by itself in minutes; here nobody waits for that.
        with office.store.writing() as connection:
            connection.exec_driver_sql("delete from services")
    assert halves > KILLS / 2
    office.run(NOW + timedelta(minutes=1))
    office.run(NOW + timedelta(minutes=2))

    rows = office.rows()
    assert len(rows) == PEOPLE
    assert Counter(row.edition for row in rows) == {"daily:2024-05-06": PEOPLE}
    assert len({row.subscriber for row in rows}) == PEOPLE
    with office.store.reading() as connection:
        noted: dict[int, int] = {  # noqa: C416 - rows are no pairs to mypy
            subscriber: count
            for subscriber, count in connection.execute(
                select(sent_papers.c.subscriber, func.count()).group_by(sent_papers.c.subscriber)
            )
        }
    for row in rows:
        assert (row.state == "queued") == (row.papers > 0)
        assert noted.get(row.subscriber, 0) == row.papers
        assert row.papers in (0, 3, 4, 5)
    assert sum(row.state == "silent" for row in rows) == PEOPLE / 5
    assert set(office.through()) == {8}
