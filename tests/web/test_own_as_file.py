"""All that is a reader's own as one file, and brought in again."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadsheet.store import collections as shelves
from broadsheet.store import interests, putting, readers, reading
from broadsheet.store.deeds import Doing
from broadsheet.store.engine import Store, open_store, sqlite_url
from broadsheet.store.interests import Term
from broadsheet.views.personal import carrying

from .aviary import (
    KITES,
    OWLS,
    act,
    kites,
    sentence,
    shown,
    taught,
    titles,
    undo,
)
from .conftest import Site


def fill(store: Store) -> None:
    """The papers of these tests."""
    with store.writing() as connection:
        made = [shown(number, title) for number, title in enumerate((*KITES, *OWLS), 1)]
        putting.put(connection, made)


NUMBERS = st.integers(1, 10)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
SECONDS = st.integers(1_600_000_000, 1_760_000_000)
MOMENTS = SECONDS.map(lambda second: datetime.fromtimestamp(second, UTC))
STEPS = st.lists(st.tuples(NUMBERS, st.sampled_from(reading.STEPS), MOMENTS), max_size=6)
LESSONS = st.tuples(
    WORDS,
    st.lists(NUMBERS, max_size=4),
    st.lists(NUMBERS, max_size=4),
    st.lists(
        st.builds(Term, st.sampled_from(interests.TERM_KINDS), WORDS, st.booleans()), max_size=3
    ),
    st.sampled_from(interests.COLOURS),
    st.floats(0, 100),
    st.floats(0.01, 0.99),
)


@pytest.fixture
def empty(_sqlite_template: Path) -> Path:
    """A database without anything in it."""
    return _sqlite_template


@settings(max_examples=20, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    steps=STEPS,
    votes=st.lists(NUMBERS, max_size=3),
    notes=st.dictionaries(NUMBERS, WORDS, max_size=3),
    made=st.lists(LESSONS, max_size=3),
    kept=st.lists(st.tuples(WORDS, st.lists(NUMBERS, max_size=5)), max_size=3),
)
def test_what_is_saved_and_brought_into_an_empty_store_is_the_same(
    tmp_path_factory: pytest.TempPathFactory,
    empty: Path,
    steps: list[tuple[int, reading.Step, datetime]],
    votes: list[int],
    notes: dict[int, str],
    made: list[Any],
    kept: list[tuple[str, list[int]]],
) -> None:
    folder = tmp_path_factory.mktemp("carried")
    said: list[dict[str, Any]] = []
    for name in ("from", "to"):
        (folder / name).write_bytes(empty.read_bytes())
        store = open_store(sqlite_url(folder / name))
        fill(store)
        with store.reading() as connection:
            reader = readers.personal(connection)
        if not said:
            _live(store, reader, steps, votes, notes, made, kept)
        else:
            for _ in range(2):  # a second time adds nothing
                carrying.bring(store, reader, json.dumps(said[0]).encode())
        said.append(carrying.export(store, reader))
        store.close()
    for one in said:
        del one["made"]
    assert said[1] == said[0]


def _live(
    store: Store,
    reader: int,
    steps: list[tuple[int, reading.Step, datetime]],
    votes: list[int],
    notes: dict[int, str],
    made: list[Any],
    kept: list[tuple[str, list[int]]],
) -> None:
    """A reader does all this; names that are none are left out."""
    with store.writing() as connection:
        for number, step, at in steps:
            reading.mark(Doing(connection, reader, "", at), number, step)
        doing = Doing(connection, reader, "")
        for number in votes:
            reading.vote(doing, number)
        for number, text in notes.items():
            reading.write_note(doing, number, text)
        for name, liked, disliked, terms, colour, share, threshold in made:
            try:
                one = interests.make(doing, name, liked, disliked, terms)
            except interests.InterestError:
                continue
            interests.change(doing, one, colour=colour, share=share, threshold=threshold)
        for name, numbers in kept:
            try:
                shelf = shelves.make(doing, name)
            except shelves.CollectionError:
                continue
            shelves.add(doing, shelf, numbers)
        readers.set_preference(connection, reader, "exploration", "0.2")


def test_a_file_that_was_saved_is_brought_in_beside_what_is_here(aviary: Site) -> None:
    kites(aviary)
    act(aviary, "save", "Two owls")
    saved = aviary.client.get("/mine.json")
    assert "attachment" in saved.headers["content-disposition"]
    said = saved.json()
    said["papers"].append({"id": "2511.77777", "vote": True, "note": ""})
    act(aviary, "unsave", "Two owls")
    act(aviary, "more", "Paper kites", interest="kites")
    answer = aviary.client.post("/mine", files={"file": ("mine.json", json.dumps(said).encode())})
    assert (answer.status_code, answer.headers["location"]) == (303, "/library")
    assert titles(aviary.page("/queue")) == ["Two owls"]
    assert taught(aviary, "kites")[0] == sorted([*KITES[:3], "Paper kites"])
    bar = aviary.page("/library").one("form", class_="deed").one("p").text
    assert "1 of its papers are not held here" in bar
    undo(aviary)
    assert titles(aviary.page("/queue")) == []


HEAD = '{"format":"broadsheet-mine/1",'


@pytest.mark.parametrize(
    "data",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"format": "broadsheet-mine/2"}',
        HEAD + '"papers":3}',
        HEAD + '"papers":["2511.00001"]}',
        HEAD + '"papers":[{"id":"2511.00001","saved":"yesterday"}]}',
        HEAD + '"papers":[{"id":"2511.00001","saved":7}]}',
        HEAD + '"papers":[{"id":"2511.00001","seen":"0001-01-01T00:00:00+14:00"}]}',
        HEAD + '"preferences":[1]}',
        HEAD + '"interests":[{"name":"x"}]}',
        HEAD + '"papers":[{"id":"2511.00001","vote":true}],"interests":[{"name":"","for":[],'
        '"against":[],"terms":[]}]}',
        HEAD + '"interests":[{"name":"x","for":[],"against":[],"terms":[],"colour":"pink",'
        '"share":1,"threshold":0.5}]}',
        HEAD + '"interests":[{"name":"x","for":[],"against":[],"terms":[],"colour":"blue",'
        '"share":-1,"threshold":0.5}]}',
        HEAD + '"collections":[{"name":"x","papers":null}]}',
        "\ufeff%PDF-1.7",
    ],
)
def test_a_file_that_was_not_saved_here_is_refused_and_nothing_changes(
    aviary: Site, data: str
) -> None:
    before = aviary.digest()
    answer = aviary.client.post("/mine", files={"file": ("mine.json", data.encode())})
    assert answer.status_code == 400
    assert re.match(
        "The file (is no JSON|is none that|is not as it|cannot be)", sentence(answer.text)
    )
    assert aviary.digest() == before
