"""What a reader's own pages begin with is kept for the next start, and taken only where it fits."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import update

from broadsheet.learning import features as learning
from broadsheet.learning.features import Vocabulary
from broadsheet.records import Entry, Order, Record, View
from broadsheet.search.follow import SearchIndex
from broadsheet.store import interests, papers, putting, tables
from broadsheet.store.deeds import Doing
from broadsheet.store.engine import Store, open_store, sqlite_url
from broadsheet.views.catalogue import Catalogue
from broadsheet.views.personal import pool

KITES = [
    f"A kite of the {word} kind" for word in "red blue box paper delta stunt night sea".split()
]
OTHERS = [f"On bread number {number} from an oven" for number in range(40)]


def record(title: str, text: str = "") -> Record:
    words = text or f"{title} is looked at; the zwickelbaum of it is measured."
    return Record("jsonl", title, title, words, published=date(2026, 3, 1))


def opened(store: Store, folder: Path) -> Catalogue:
    """The catalogue as after a start."""
    return Catalogue(store, SearchIndex(folder / "index"), None, folder / "own")


def page(catalogue: Catalogue) -> tuple[Entry, ...]:
    return catalogue.listing(View(order=Order.FOR_ME, reader=1, limit=20)).entries


def scores(entries: tuple[Entry, ...]) -> dict[str, Any]:
    return {entry.paper.title: pytest.approx(entry.score, abs=1e-3) for entry in entries}


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The titles of papers whose words were counted since the last look."""
    titles: list[str] = []
    counting = learning.features

    def watched(texts, dense, vocabulary):  # type: ignore[no-untyped-def]
        titles.extend(title for title, _ in texts)
        return counting(texts, dense, vocabulary)

    monkeypatch.setattr(pool, "features", watched)
    return titles


@pytest.fixture
def stocked(sqlite_store: Store, tmp_path: Path) -> Store:
    with sqlite_store.writing() as connection:
        putting.put(connection, [record(title) for title in (*KITES, *OTHERS)])
        doing = Doing(connection, 1, "Made")
        some = papers.newest(connection, 100, None)
        liked = [one.number for one in papers.by_number(connection, some) if "kite" in one.title]
        interests.make(doing, "Kites", liked[:4])
    SearchIndex(tmp_path / "index").catch_up(sqlite_store)
    return sqlite_store


def test_after_a_start_the_page_is_the_same_and_nothing_is_counted_again(
    stocked: Store, tmp_path: Path, counted: list[str]
) -> None:
    first = opened(stocked, tmp_path)
    first.own.warm()
    assert set(counted) == {*KITES, *OTHERS}
    before = page(first)
    assert before
    counted.clear()
    again = opened(stocked, tmp_path)
    assert scores(page(again)) == scores(before)
    assert [entry.reasons for entry in page(again)] == [entry.reasons for entry in before]
    assert counted == []
    bare = Catalogue(stocked, SearchIndex(tmp_path / "index"))
    assert scores(page(bare)) == scores(before)
    assert len(counted) == len({*KITES, *OTHERS})


def test_a_paper_that_came_or_changed_since_is_read_anew(
    stocked: Store, tmp_path: Path, counted: list[str]
) -> None:
    opened(stocked, tmp_path).own.warm()
    changed = record(OTHERS[0], "A kite, a kite and once more a kite with its zwickelbaum.")
    with stocked.writing() as connection:
        putting.put(connection, [record("A kite that is new"), changed])
    counted.clear()
    entries = page(opened(stocked, tmp_path))
    assert sorted(counted) == sorted(["A kite that is new", OTHERS[0]])
    assert {"A kite that is new", OTHERS[0]} <= {entry.paper.title for entry in entries}


def test_what_was_kept_of_the_same_papers_is_not_written_again(
    stocked: Store, tmp_path: Path
) -> None:
    catalogue = opened(stocked, tmp_path)
    catalogue.own.warm()
    (file,) = (tmp_path / "own").glob("*.arrays")
    before = file.stat().st_mtime_ns
    catalogue.own.warm()
    opened(stocked, tmp_path).own.warm()
    assert file.stat().st_mtime_ns == before
    with stocked.writing() as connection:
        putting.put(connection, [record("A kite that is new")])
    catalogue.own.warm()
    assert file.stat().st_mtime_ns != before


@pytest.mark.parametrize("damage", ["cut", "garbled", "gone", "empty"])
def test_a_damaged_file_costs_time_and_nothing_else(
    stocked: Store, tmp_path: Path, damage: str
) -> None:
    first = opened(stocked, tmp_path)
    first.own.warm()
    before = page(first)
    (file,) = (tmp_path / "own").glob("*.arrays")
    data = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        garbled = bytes(byte ^ 0x55 for byte in data)
        file.write_bytes({"cut": data[:-100], "garbled": garbled, "empty": b""}[damage])
    again = opened(stocked, tmp_path)
    assert scores(page(again)) == scores(before)
    again.own.warm()
    assert file.read_bytes()[-16:] == data[-16:]


@pytest.mark.parametrize("how", ["another store", "restored from a backup"])
def test_the_words_of_another_library_are_not_taken(
    stocked: Store, tmp_path: Path, counted: list[str], how: str
) -> None:
    with closing(sqlite3.connect(str(stocked.engine.url.database))) as database:
        database.execute("vacuum into ?", [str(tmp_path / "backup.sqlite3")])
    with stocked.writing() as connection:
        putting.put(connection, [record("A kite that is new")])
    opened(stocked, tmp_path).own.warm()
    other = open_store(sqlite_url(tmp_path / "backup.sqlite3"))
    with other.writing() as connection:
        if how == "another store":
            putting.put(connection, [record("A loaf that is new"), record("And one more")])
            named = tables.counters.c.name == "identity"
            connection.execute(update(tables.counters).where(named).values(value=77))
    counted.clear()
    page(opened(other, tmp_path))
    assert set(counted) >= {*KITES, *OTHERS}
    other.close()


def test_a_vocabulary_that_was_kept_gives_every_word_its_number() -> None:
    sample = [(title, f"The zwickelbaum of {title}.") for title in (*KITES, *OTHERS)]
    made = Vocabulary(sample)
    texts = [("A quonset of kites", "The red kite and the zwickelbaum met a quonset."), *sample]
    before = learning.features(texts, None, made)
    kept = made.kept()
    again = Vocabulary.restored(kept)
    after = learning.features(texts, None, again)
    assert len(again) == len(made)
    assert (before.words != after.words).nnz == 0
    ids = np.unique(before.words.indices)
    assert [again.word(int(id_)) for id_ in ids] == [made.word(int(id_)) for id_ in ids]
    assert again.is_phrase(ids).any()
    assert np.array_equal(again.told_as(ids), made.told_as(ids))
    new = [again.ids(["brandnewword"]), made.ids(["brandnewword"])]
    assert new[0] == new[1] == [len(made) - 1]
    with pytest.raises(ValueError, match="another list of words"):
        Vocabulary.restored(replace(kept, listed=kept.listed + 1))
