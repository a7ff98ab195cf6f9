"""Another reader of the same library: nothing of theirs is shown or changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import insert

from broadsheet.store import collections as shelves
from broadsheet.store import deeds, interests, reading
from broadsheet.store.deeds import Doing
from broadsheet.store.interests import Term
from broadsheet.store.tables import readers as readers_table

from .aviary import (
    act,
    send,
    titles,
)
from .conftest import Site


@pytest.fixture
def neighbour(aviary: Site) -> Site:
    """Beside the reader of these pages another one, with one of everything."""
    with aviary.parts.store.writing() as connection:
        other = connection.execute(
            insert(readers_table)
            .values(name="neighbour", joined=datetime.now(UTC))
            .returning(readers_table.c.number)
        ).scalar_one()
        doing = Doing(connection, other, "Made “Secret kites”")
        interests.make(doing, "Secret kites", [1, 2, 3], terms=[Term("word", "secret")])
        shelf = shelves.make(doing, "Secret owls")
        shelves.add(doing, shelf, [6, 7])
        reading.mark(doing, 8, "saved")
        reading.write_note(doing, 9, "Secret thoughts")
        doing.keep()
    return aviary


def of_neighbour(site: Site) -> tuple[object, ...]:
    """All that is theirs."""
    with site.parts.store.reading() as connection:
        other = site.reader + 1
        assert interests.of(connection, other)
        return (
            interests.of(connection, other),
            shelves.of(connection, other),
            [shelves.numbers(connection, one) for one in shelves.of(connection, other)],
            reading.everything(connection, other),
            deeds.latest(connection, other),
        )


def test_pages_show_nothing_of_another_reader(neighbour: Site) -> None:
    for path in ("/", "/for-me", "/interests", "/library", "/kept", "/kept?q=secret", "/mine.json",
                 "/mine.bib", "/papers/2511.00009", "/interests/which?paper=2511.00001",
                 "/search?q=kites"):  # fmt: skip
        answer = neighbour.client.get(path)
        assert answer.status_code == 200
        for theirs in ("Secret", "secret-"):
            assert theirs not in answer.text, path
    for path in ("/interests/secret-kites", "/collections/secret-owls", "/shared/None"):
        neighbour.page(path, 404)
    assert titles(neighbour.page("/kept")) == []
    assert neighbour.client.get("/mine.bib?collection=secret-owls").text == ""


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/interests/secret-kites/change", {"name": "Mine", "threshold": "20"}),
        ("/interests/secret-kites/forget", {"paper": "2511.00001"}),
        ("/interests/secret-kites/reset", {}),
        ("/interests/secret-kites/remove", {}),
        ("/deeds", {"do": "more", "paper": "2511.00006", "interest": "secret-kites"}),
        ("/collections/secret-owls/share", {}),
        ("/collections/secret-owls/remove", {}),
        ("/collections/hold", {"paper": "2511.00001", "in": "secret-owls"}),
    ],
)
def test_forms_do_not_reach_what_is_another_reader_s(
    neighbour: Site, path: str, values: dict[str, str]
) -> None:
    before = neighbour.digest()
    assert "There is no" in send(neighbour, path, 400, **values)
    assert neighbour.digest() == before


def test_another_reader_s_deeds_and_shares_stay_as_they_are(neighbour: Site) -> None:
    before = of_neighbour(neighbour)
    with neighbour.parts.store.reading() as connection:
        last = deeds.latest(connection, neighbour.reader + 1)
    assert last is not None
    send(neighbour, "/undo", number=str(last.number))
    values = {"share-secret-kites": "90", "others": "10", "exploration": "10"}
    send(neighbour, "/for-me/mix", **values)
    send(neighbour, "/for-me/reset")
    act(neighbour, "unsave", "The feather of an owl")
    send(neighbour, "/papers/note", paper="2511.00009", text="")
    assert of_neighbour(neighbour) == before
