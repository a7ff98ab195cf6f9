"""The sample library: something to read at a first start without a network.

Titles, dates and counts are facts from saved pages; each summary is in our own words. Importing
a page that has a paper brings its authors' abstract, and the sample can be removed at a click.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from importlib.resources import files

import orjson

from broadsheet.records import Record
from broadsheet.store import changes, papers, putting
from broadsheet.store.engine import Store
from broadsheet.text.normalise import title_key

SOURCE = "sample"


def load(store: Store) -> int:
    """Puts the sample library in; returns how many of its papers were not held before."""
    with store.writing() as connection:
        outcome = putting.put(connection, list(records()))
        changes.set_flag(connection, f"removed:{SOURCE}", 0)
    return outcome.new


def remove(store: Store) -> int:
    """Takes the sample library out; returns how many papers are gone. Imported ones stay."""
    with store.writing() as connection:
        return putting.remove_source(connection, SOURCE)


def is_wanted(store: Store) -> bool:
    """Whether a start should load it: nothing else is held, and nobody removed it."""
    with store.reading() as connection:
        removed = changes.flag(connection, f"removed:{SOURCE}")
        return not removed and papers.count(connection) == 0


def records() -> Iterator[Record]:
    """The sample's papers as records."""
    text = files("broadsheet.intake").joinpath("sample_library.jsonl").read_bytes()
    for line in text.splitlines():
        values = orjson.loads(line)
        yield Record(
            source=SOURCE,
            key=title_key(values["title"]),
            title=values["title"],
            summary=values["summary"],
            author_count=values.get("author_count"),
            organization=values.get("organization"),
            published=_day(values.get("published")),
            shown=_day(values.get("shown")),
            comment_count=values.get("comment_count"),
            rank=values.get("rank"),
        )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
