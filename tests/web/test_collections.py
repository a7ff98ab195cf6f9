"""Collections: filled, shared, and taken along as BibTeX."""

from __future__ import annotations

from typing import Any

import pytest
from bibtexparser.entrypoint import parse_string

from .aviary import (
    act,
    name_of,
    send,
    titles,
    undo,
)
from .conftest import Site


def hold(site: Site, title: str, **values: Any) -> str:
    return send(site, "/collections/hold", paper=name_of(title), **values)


def test_collections_are_made_filled_emptied_and_removed(aviary: Site) -> None:
    assert send(aviary, "/collections/new", name="To cite!") == "/collections/to-cite"
    assert "Nothing here yet" in aviary.page("/collections/to-cite").one("main").text
    hold(aviary, "Paper kites", **{"in": "to-cite"})
    hold(aviary, "Two owls", **{"in": "to-cite", "name": "Owls"})
    assert titles(aviary.page("/collections/to-cite")) == ["Two owls", "Paper kites"]
    assert titles(aviary.page("/collections/owls")) == ["Two owls"]
    ticked = aviary.page(f"/papers/{name_of('Two owls')}").all("input", checked="", name="in")
    assert sorted(tick["value"] for tick in ticked) == ["owls", "to-cite"]
    hold(aviary, "Two owls", **{"in": "owls"})
    assert titles(aviary.page("/collections/to-cite")) == ["Paper kites"]
    assert send(aviary, "/collections/to-cite/remove") == "/library"
    aviary.page("/collections/to-cite", 404)
    assert undo(aviary) == "Removed “To cite!”."
    assert titles(aviary.page("/collections/to-cite")) == ["Paper kites"]


@pytest.mark.parametrize("name", ["", "  ", "\u202e\u200b"])
def test_a_collection_without_a_name_is_refused(aviary: Site, name: str) -> None:
    before = aviary.digest()
    assert send(aviary, "/collections/new", 400, name=name) == "A collection needs a name."
    assert aviary.digest() == before


def test_a_collection_is_shared_until_it_is_not_and_then_under_another_address(
    aviary: Site,
) -> None:
    hold(aviary, "Two owls", name="Owls")
    send(aviary, "/papers/note", paper=name_of("Two owls"), text="A private word")

    def address() -> str:
        send(aviary, "/collections/owls/share")
        links = aviary.page("/collections/owls").one("aside").all("a")
        return next(link["href"] for link in links if link["href"].startswith("/shared/"))

    first = address()
    shown_there = aviary.page(first)
    assert titles(shown_there) == ["Two owls"]
    assert "A private word" not in shown_there.raw_text
    send(aviary, "/collections/owls/unshare")
    assert "no more" in aviary.page(first, 404).one("main").text
    assert address() != first
    aviary.page(first, 404)


def test_what_is_downloaded_as_bibtex_is_bibtex(aviary: Site) -> None:
    hold(aviary, "Two owls", name="Owls")
    hold(aviary, "Owls in barns", **{"in": "owls"})
    act(aviary, "save", "Paper kites")

    def entries(path: str) -> list[str]:
        parsed = parse_string(aviary.client.get(path).text)
        assert parsed.failed_blocks == []
        return sorted(entry["title"].strip("{}") for entry in parsed.entries)

    assert entries("/mine.bib?collection=owls") == ["Owls in barns", "Two owls"]
    assert entries("/mine.bib") == ["Paper kites"]
