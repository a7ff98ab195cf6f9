"""What a reader does with one paper, and with papers they keep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broadsheet.ops.parts import Parts
from broadsheet.search.follow import MeaningIndex, SearchIndex
from broadsheet.store import reading
from broadsheet.store.engine import open_store, sqlite_url
from broadsheet.views.catalogue import Catalogue
from search.concepts import Concepts

from .aviary import (
    act,
    buttons,
    entry_of,
    name_of,
    send,
    shown,
    titles,
    undo,
)
from .conftest import Site, visited


@pytest.mark.parametrize(
    ("do", "back", "said"),
    [
        ("vote", "unvote", "Voted for “Paper kites”."),
        ("save", "unsave", "Saved “Paper kites”."),
        ("less", "undismiss", "Less like “Paper kites”."),
    ],
)
def test_what_is_done_is_shown_and_can_be_taken_back(
    aviary: Site, do: str, back: str, said: str
) -> None:
    assert act(aviary, do, "Paper kites", back="/week/2025-W47#p5") == "/week/2025-W47#p5"
    page = aviary.page("/")
    assert page.one("form", class_="deed").one("p").text == said
    entry = entry_of(page, "Paper kites")
    assert buttons(entry)[back] == "true"
    assert do not in buttons(entry)
    assert buttons(entry_of(page, "Two owls"))[do] in ("false", None)
    act(aviary, back, "Paper kites")
    assert do in buttons(entry_of(aviary.page("/"), "Paper kites"))


def test_a_vote_is_counted_once_however_often_it_is_sent(aviary: Site) -> None:
    for _ in range(2):
        act(aviary, "vote", "Paper kites")
    vote = entry_of(aviary.page("/"), "Paper kites").one("button", value="unvote")
    assert vote.text.endswith("1 vote")


def test_undo_takes_back_the_last_deed_and_a_form_sent_twice_only_one(aviary: Site) -> None:
    act(aviary, "save", "Paper kites")
    act(aviary, "vote", "Paper kites")
    number = aviary.page("/").one("form", class_="deed").one("input", name="number")["value"]
    for _ in range(2):
        send(aviary, "/undo", number=number)
    pressed = buttons(entry_of(aviary.page("/"), "Paper kites"))
    assert "vote" in pressed
    assert pressed["unsave"] == "true"
    assert undo(aviary) == "Saved “Paper kites”."
    assert aviary.page("/").all("form", class_="deed") == []


@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 30, "٣"])
def test_an_undo_of_nothing_is_refused_in_a_sentence(aviary: Site, number: str) -> None:
    assert send(aviary, "/undo", 400, number=number) == "Nothing was done under that number."


@pytest.mark.parametrize(
    ("values", "status", "said"),
    [
        ({"do": "praise", "paper": "2511.00001"}, 400, "“praise” is nothing one can do"),
        ({"do": "vote", "paper": "2511.99999"}, 404, "No paper here is called “2511.99999”."),
        ({"do": "vote", "paper": "a\0b"}, 404, "No paper here is called"),
        ({"do": "more", "paper": "2511.00001", "interest": "x"}, 400, "There is no interest “x”."),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_sentence_and_nothing_changes(
    aviary: Site, values: dict[str, str], status: int, said: str
) -> None:
    before = aviary.digest()
    assert said in send(aviary, "/deeds", status, **values)
    assert aviary.digest() == before


def test_a_note_is_kept_as_it_was_written_and_an_empty_one_removes_it(aviary: Site) -> None:
    path = f"/papers/{name_of('Paper kites')}"
    written = "Try this:\n  <b>twice</b> & again"
    assert send(aviary, "/papers/note", paper=name_of("Paper kites"), text=written, back=path)
    assert aviary.page(path).one("textarea", id="note").raw_text == written
    assert titles(aviary.page("/kept")) == ["Paper kites"]
    send(aviary, "/papers/note", paper=name_of("Paper kites"), text=" \n ")
    assert titles(aviary.page("/kept")) == []


def test_the_queue_is_what_waits_longest_first_and_what_was_read_leaves_it(aviary: Site) -> None:
    for title in ("Two owls", "Paper kites", "An owl hunts"):
        act(aviary, "save", title)
    assert titles(aviary.page("/queue")) == ["Two owls", "Paper kites", "An owl hunts"]
    act(aviary, "done", "Two owls")
    assert titles(aviary.page("/library")) == ["Paper kites", "An owl hunts"]
    assert titles(aviary.page("/kept")) == ["An owl hunts", "Paper kites", "Two owls"]
    act(aviary, "undone", "Two owls")
    assert titles(aviary.page("/queue"))[0] == "Two owls"


def test_the_empty_pages_say_what_fills_them(aviary: Site) -> None:
    for path, said in (
        ("/for-me", "No interest yet"),
        ("/interests", "None yet."),
        ("/library", "Nothing here yet"),
        ("/kept", "so does a note on its page"),
    ):
        assert said in aviary.page(path).one("main").text


def test_papers_seen_and_opened_are_kept_without_a_word(aviary: Site) -> None:
    answer = aviary.client.post("/reading/opened", data={"paper": ["2511.00001", "none", "\0"]})
    assert (answer.status_code, answer.content) == (204, b"")
    assert send(aviary, "/reading/seen", paper="2511.00002", back="/for-me") == "/for-me"
    assert aviary.client.post("/reading/eaten", data={"paper": "2511.00001"}).status_code == 404
    with aviary.parts.store.reading() as connection:
        held = reading.everything(connection, aviary.reader)
    states = {number: (bool(s.seen), bool(s.opened)) for number, s in held.items()}
    assert states == {1: (False, True), 2: (True, False)}
    assert aviary.page("/").all("form", class_="deed") == []


@pytest.fixture
def meant(tmp_path: Path, _sqlite_template: Path) -> Iterator[Site]:
    """A Broadsheet that knows a car for a vehicle and a hawk for a bird."""
    (tmp_path / "site.sqlite3").write_bytes(_sqlite_template.read_bytes())
    store = open_store(sqlite_url(tmp_path / "site.sqlite3"))
    index = SearchIndex(tmp_path / "words")
    meaning = MeaningIndex(tmp_path / "meaning", "concepts", Concepts)
    site = visited(Parts(store, index, Catalogue(store, index, meaning), meaning))
    site.put(
        shown(1, "The automobile at rest"), shown(2, "A hawk above"), shown(3, "Bread of the day")
    )
    site.parts.catch_up()
    with site.client:
        yield site
    store.close()


def test_what_is_kept_is_found_by_words_by_meaning_and_by_its_note(meant: Site) -> None:
    for number in (1, 2):
        send(meant, "/deeds", do="save", paper=f"2511.0000{number}")
    send(meant, "/papers/note", paper="2511.00003", text="Ask the physician about this one.")
    assert titles(meant.page("/kept?q=hawk")) == ["A hawk above"]
    assert titles(meant.page("/kept?q=vehicle")) == ["The automobile at rest"]
    assert titles(meant.page("/kept?q=physician")) == ["Bread of the day"]
    by_meaning = meant.page("/kept?q=doctor")
    assert titles(by_meaning) == ["Bread of the day"]
    assert "Nothing found" in meant.page("/kept?q=music").one("main").text
    assert titles(meant.page("/queue?q=physician")) == []
