"""`in:NAME` in a query: papers of a reader's interest, beside everything else one can ask."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from sqlalchemy import insert

from broadsheet.store import interests, tables
from broadsheet.store.deeds import Doing
from broadsheet.store.interests import Term

from .aviary import KITES, OWLS, act, name_of, send, titles
from .conftest import Site
from .feed_checks import READERS
from .test_feeds import served_as
from .test_private_feeds import made


@pytest.fixture
def keen(aviary: Site) -> Site:
    """The reader has an interest in kites and one in `Night owls`."""
    of_kites, of_owls = [[name_of(title) for title in some] for some in (KITES, OWLS)]
    send(aviary, "/interests/new", **{"name": "Kites", "for": of_kites, "against": of_owls})
    send(aviary, "/interests/new", **{"name": "Night owls", "for": of_owls, "against": of_kites})
    return aviary


def found(site: Site, query: str, **params: str) -> list[str]:
    more = "".join(f"&{name}={value}" for name, value in params.items())
    return titles(site.page(f"/search?q={quote(query)}{more}"))


def notes(site: Site, query: str) -> list[str]:
    lists = site.page(f"/search?q={quote(query)}").one("main").all("ul", class_="notes")
    return [line.text for one in lists for line in one.all("li")]


@pytest.mark.parametrize("query", ["in:kites", "IN:Kites", 'in:"KITES"'])
def test_an_interest_by_slug_or_name_is_the_list_of_its_own_page(keen: Site, query: str) -> None:
    own = titles(keen.page("/interests/kites"))
    assert found(keen, query) == own
    assert set(own) == set(KITES)
    assert notes(keen, query) == []


@pytest.mark.parametrize(
    ("query", "papers"),
    [
        ('in:"night owls"', set(OWLS)),
        ("in:night-owls", set(OWLS)),
        ("in:kites wind", {"A kite in wind"}),
        ("wind in:night-owls", set()),
        ('in:night-owls "owls by"', {"Owls by day"}),
        ("in:kites -paper -night", set(KITES) - {"Paper kites", "Kites by night"}),
        ("-in:kites", set(OWLS)),
        ("night -in:night-owls", {"Kites by night"}),
        ("-in:kites -in:night-owls", set()),
        ("in:kites in:night-owls", set()),
        ("in:kites year:1999", set()),
        ("in:kites title:strings", {"Strings of kites"}),
    ],
)
@pytest.mark.parametrize("order", ["relevance", "new", "votes", "trending", "for-me"])
def test_it_goes_with_words_filters_and_a_minus_in_every_order(
    keen: Site, query: str, papers: set[str], order: str
) -> None:
    assert set(found(keen, query, order=order)) == papers


def test_of_an_interest_that_is_not_there_a_sentence_says_so_and_the_rest_is_found(
    keen: Site,
) -> None:
    assert found(keen, "in:kits wind") == ["A kite in wind"]
    assert notes(keen, "in:kits wind") == ["There is no interest “kits”; “in:” was left out."]
    assert found(keen, "-in:kits wind") == ["A kite in wind"]
    assert found(keen, "in:kits") == []
    page = keen.page("/search?q=in%3Akits").one("main").text
    assert "There is no interest “kits”" in page
    assert "holds no word" not in page


def test_another_reader_s_interest_is_none(aviary: Site) -> None:
    with aviary.parts.store.writing() as connection:
        guest = connection.scalar(
            insert(tables.readers)
            .values(name="guest", joined=datetime.now(UTC))
            .returning(tables.readers.c.number)
        )
        assert guest is not None
        interests.make(Doing(connection, guest, "x"), "Kites", terms=[Term("word", "kite")])
    assert found(aviary, "in:kites") == []
    assert "There is no interest “kites”" in aviary.page("/search?q=in%3Akites").one("main").text


def test_a_lesson_counts_at_once(keen: Site) -> None:
    assert set(found(keen, "in:kites")) == set(KITES)
    act(keen, "less", "A kite in wind", interest="kites")
    assert set(found(keen, "in:kites")) == set(KITES) - {"A kite in wind"}


@pytest.mark.parametrize("ending", READERS)
def test_feeds_of_it_are_the_reader_s_own(keen: Site, ending: str) -> None:
    plain = f"/search.{ending}?q=in%3Akites+wind"
    away = served_as(keen, site="https://papers.example")
    assert away.client.get(plain).status_code == 404
    assert away.client.get(f"/search.{ending}?q=wind").status_code == 200
    at_home = READERS[ending](keen.client.get(plain).content)
    assert [one.title for one in at_home.entries] == ["A kite in wind"]
    secret = made(keen, "/search?q=in%3Akites+wind")
    private = away.client.get(f"/feeds/{secret}{plain}")
    assert private.headers["cache-control"] == "private, no-cache"
    assert [one.title for one in READERS[ending](private.content).entries] == ["A kite in wind"]
    other = f"/feeds/{secret}/search.{ending}?q=in%3Akites"
    assert away.client.get(other).status_code == 404


def test_a_feed_of_it_ends_with_the_interest(keen: Site) -> None:
    secret = made(keen, "/search?q=-in%3Akites")
    path = f"/feeds/{secret}/search.atom?q=-in%3Akites"
    assert len(READERS["atom"](keen.client.get(path).content).entries) == len(OWLS)
    send(keen, "/interests/kites/remove")
    assert keen.client.get(path).status_code == 404
    assert keen.client.get("/search.atom?q=-in%3Akites").status_code == 404
    with keen.parts.store.writing() as connection:
        later = datetime.now(UTC) + timedelta(seconds=1)
        interests.make(Doing(connection, 1, "x", later), "Kites")
    assert keen.client.get(path).status_code == 404


def test_it_is_mailed_to_the_reader_only(keen: Site) -> None:
    address = "/subscribe?view=" + quote("/search?q=in%3Akites")
    away = served_as(keen, site="https://papers.example")
    assert keen.client.get(address).status_code == 200
    assert away.client.get(address).status_code == 400
    gone = "/subscribe?view=" + quote("/search?q=in%3Akits")
    assert keen.client.get(gone).status_code == 400


def test_an_interest_can_be_made_of_such_a_search(keen: Site) -> None:
    to = send(keen, "/interests/new", of="/search?q=in%3Akites", name="Windy")
    with keen.parts.store.reading() as connection:
        made_of = interests.called(connection, 1, to.rpartition("/")[2])
    assert made_of is not None
    assert len(made_of.liked) == len(KITES)
    assert made_of.terms == ()


def test_the_page_that_explains_searching_names_an_interest_of_the_reader_s(keen: Site) -> None:
    (line,) = [one for one in keen.page("/search").all("tr") if "in:kites" in one.text]
    assert line.one("a")["href"] == "/search?q=in%3Akites"
    assert "“Kites”" in line.text
