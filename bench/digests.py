"""`python -m bench.digests`: how fast due editions are written into the outbox as messages.

Made-up papers and subscribers: what is measured is the program's own work. Prints one table.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import insert, select

from broadsheet.mail import editions
from broadsheet.mail.message import Sender
from broadsheet.records import Author, Record
from broadsheet.search.follow import SearchIndex
from broadsheet.store import putting
from broadsheet.store.engine import Store, open_store, sqlite_url
from broadsheet.store.tables import subscribers, subscriptions
from broadsheet.views.catalogue import Catalogue

_DAY = date(2024, 5, 6)
_NOW = datetime(2024, 5, 6, 8, tzinfo=UTC)
_BEFORE = datetime(2024, 1, 1, tzinfo=UTC)
_PAPERS = 400
_SENDER = Sender("daily@papers.example", "Broadsheet", "https://papers.example")


def main() -> int:
    """Writes the editions of one morning, then looks once more where nothing is due."""
    parser = argparse.ArgumentParser(prog="bench.digests", description=__doc__)
    parser.add_argument("--people", type=int, default=12_000)
    parser.add_argument("--database", help="an empty database; SQLite where not given")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="broadsheet-bench-") as folder:
        store = open_store(given.database or sqlite_url(Path(folder) / "store.sqlite3"))
        catalogue = _filled(store, Path(folder) / "words", given.people)
        started, busy = time.perf_counter(), time.process_time()
        written = editions.write_due(store, catalogue, _SENDER, _NOW)
        took, worked = time.perf_counter() - started, time.process_time() - busy
        started = time.perf_counter()
        editions.write_due(store, catalogue, _SENDER, _NOW)
        idle = time.perf_counter() - started
        store.close()
    print(f"{store.dialect}, {given.people:,} subscribers of the front page, {_PAPERS} new papers:")
    print(f"  {written.queued:,} messages of 20 papers written in {took:.1f} s")
    print(f"  {written.queued / took:,.0f} a second ({worked:.1f} s of processor time)")
    print(f"  a look that finds nothing due: {idle * 1000:.0f} ms")
    return 0


def _filled(store: Store, index: Path, people: int) -> Catalogue:
    papers = [
        Record(
            source="arxiv",
            key=str(n),
            title=f"A Study of Lamps and Other Lights, Number {n}",
            abstract="We look at lamps of many kinds and find that they give light. " * 12,
            authors=tuple(Author(f"Person{k} Holder") for k in range(6)),
            shown=_DAY,
        )
        for n in range(_PAPERS)
    ]
    usual = {"state": "confirmed", "zone": "UTC", "hour": 8, "weekday": 0}
    when = {"made": _BEFORE, "confirmed": _BEFORE}
    boxes = [f"reader{n}@lamp.example" for n in range(people)]
    with store.writing() as connection:
        putting.put(connection, papers)
        connection.execute(
            insert(subscribers), [{**usual, **when, "address": b, "mailbox": b} for b in boxes]
        )
        wanted = {"view": "/", "title": "New papers", "rhythm": "daily", "most": 20, **when}
        connection.execute(
            insert(subscriptions),
            [{**wanted, "subscriber": n} for n in connection.scalars(select(subscribers.c.number))],
        )
    found = SearchIndex(index)
    found.catch_up(store)
    return Catalogue(store, found)


if __name__ == "__main__":
    raise SystemExit(main())
