"""A small library of invented papers, and the pages that show it."""

from __future__ import annotations

import hashlib
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from broadsheet.ops.parts import Parts
from broadsheet.records import Author, Link, Record
from broadsheet.search.follow import SearchIndex
from broadsheet.store import papers, putting, readers
from broadsheet.store.collections import Collection
from broadsheet.store.engine import open_store, sqlite_url
from broadsheet.store.tables import collections, metadata
from broadsheet.views.catalogue import Catalogue
from broadsheet.web.app import create_app

from .reading import Element, read

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette would rather have another client than httpx
    from starlette.testclient import TestClient

NEWEST = date(2025, 11, 19)
# How many papers each day of the library has; 9 more have none.
DAYS = {NEWEST: 30, date(2025, 11, 18): 1, date(2025, 11, 10): 12, date(2025, 8, 6): 3}
UNDATED = 9
ALL = 55
LANTERNS = 52
# Under which the library's collection is shared; a made one is drawn by chance.
SECRET = "a-secret-that-was-given-to-a-friend"


def paper(title: str, **said: Any) -> Record:
    """What a saved page says of one paper; its title is its key."""
    return Record(**{"source": "daily-papers", "key": title, "title": title, **said})


FULL = paper(
    "Oil Lamps at $256^2$ Candles",
    abstract="We trim wicks at 256^2 candles. The flame needs {approx} 2.5 drops and mathcal{O}(n) "
    "oil for $x$ hours. A second reading of the wick shows how the smoke of a lamp depends on the "
    "glass around it.",
    identifiers=("2511.00001", "doi:10.5555/lamp.1"),
    authors=(Author("Ada Wick", "Lamp Works"), Author("Bo Glass"), Author("Cy Flame")),
    organization="Lamp Works",
    categories=("cs.LG", "stat.ML"),
    published=date(2025, 11, 3),
    updated=date(2025, 11, 5),
    shown=NEWEST,
    version=3,
    links=(
        Link("abstract", "https://arxiv.org/abs/2511.00001"),
        Link("code", "https://github.com/lamp/oil", repaired=True),
        Link("project", "https://lamp.github.io/"),
    ),
    comment_count=7,
    licence="CC BY 4.0",
    page="002",
    rank=1,
)
BARE = paper("A Title and Nothing Else")
CROWD = paper(
    "Sixty People Around One Lamp",
    abstract="Each of us held the lamp for a minute.",
    authors=tuple(Author(f"Person{n} Holder") for n in range(1, 61)),
)


def lantern(number: int, **said: Any) -> Record:
    """One of many papers alike; larger numbers say 'lantern' oftener."""
    return paper(
        f"Lantern Study Number {number}",
        abstract="A lantern stands in the window. " * (1 + number % 5)
        + f"This is report {number}.",
        **said,
    )


def records() -> list[Record]:
    """The library: 52 lanterns on four days and none, and three papers of their own."""
    made = [FULL, BARE, CROWD]
    number = 0
    for day, count in DAYS.items():
        for rank in range(2 if day == NEWEST else 1, count + 1):
            number += 1
            made.append(lantern(number, shown=day, page="002", rank=rank))
    return made + [lantern(n) for n in range(number + 1, LANTERNS + 1)]


@dataclass(frozen=True)
class Site:
    """A running Broadsheet, and a browser without script."""

    parts: Parts
    client: TestClient

    def put(self, *made: Record, index: bool = True) -> None:
        """Papers come in, and are indexed at once or not yet."""
        with self.parts.store.writing() as connection:
            putting.put(connection, list(made))
        if index:
            self.parts.index.catch_up(self.parts.store)

    def page(self, path: str, status: int = 200) -> Element:
        """The page at an address, read strictly."""
        answer = self.client.get(path)
        assert answer.status_code == status, f"{path}: {answer.status_code}"
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        return read(answer.text)

    @property
    def reader(self) -> int:
        """The reader whose pages these are."""
        with self.parts.store.reading() as connection:
            return readers.personal(connection)

    @property
    def first_id(self) -> str:
        """The name of the paper that came first."""
        with self.parts.store.reading() as connection:
            return papers.by_number(connection, [1])[0].id

    @property
    def shelf(self) -> Collection:
        """The reader's newest collection."""
        return self.parts.catalogue.collections(self.reader)[-1]

    def digest(self) -> str:
        """Of every row of every table."""
        said = hashlib.blake2b()
        with self.parts.store.reading() as connection:
            for table in metadata.sorted_tables:
                for row in connection.execute(select(table).order_by(*table.primary_key)):
                    said.update(repr((table.name, tuple(row))).encode())
        return said.hexdigest()


def own(site: Site, name: str = "Lanterns", text: str = "Read by candle light.") -> None:
    """What a reader has of their own: an interest and a shared collection of that name, a paper
    saved and voted for, one for and one against the interest, and a note of that text.
    """
    with site.parts.store.reading() as connection:
        first = papers.by_number(connection, list(range(1, 9)))
    ids = [first[at % len(first)].id for at in range(5)]
    desk = site.client.post
    done = [
        desk("/interests/new", data={"name": name, "words": "lantern\n-smoke", "authors": name}),
        desk("/deeds", data={"do": "save", "paper": ids[0]}),
        desk("/deeds", data={"do": "vote", "paper": ids[0]}),
        desk("/papers/note", data={"paper": ids[2], "text": text}),
        desk("/collections/hold", data={"paper": ids[0], "name": name}),
    ]
    (interest,) = site.parts.catalogue.interests(site.reader)
    for act, paper_id in (("more", ids[3]), ("less", ids[4])):
        values = {"do": act, "paper": paper_id, "interest": interest.slug}
        done.append(desk("/deeds", data=values))
    assert [answer.status_code for answer in done] == [303] * len(done)
    with site.parts.store.writing() as connection:
        connection.execute(update(collections).values(secret=SECRET))


def visited(parts: Parts) -> Site:
    """The application over these parts, with a client that follows nothing by itself."""
    app = create_app(parts.store, parts.catalogue, layout=parts.layout, recent=parts.recent)
    client = TestClient(
        app,
        "http://localhost",
        raise_server_exceptions=False,
        follow_redirects=False,
        client=("127.0.0.1", 5000),
    )
    return Site(parts, client)


@contextmanager
def served(folder: Path, template: Path) -> Iterator[Site]:
    """A Broadsheet in a folder of its own, from an empty database."""
    shutil.copy(template, folder / "site.sqlite3")
    store = open_store(sqlite_url(folder / "site.sqlite3"))
    index = SearchIndex(folder / "words")
    catalogue = Catalogue(store, index)
    site = visited(Parts(store, index, catalogue))
    with site.client:  # one event loop for all its requests
        yield site
    store.close()


@pytest.fixture
def site(tmp_path: Path, _sqlite_template: Path) -> Iterator[Site]:
    """A Broadsheet without papers, for one test."""
    with served(tmp_path, _sqlite_template) as made:
        yield made


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Iterator[Site]:
    """A Broadsheet with the library, for tests that only read."""
    with served(tmp_path_factory.mktemp("library"), _sqlite_template) as made:
        made.put(*records())
        own(made)
        yield made


@pytest.fixture
def aviary(site: Site) -> Site:
    """Five papers on kites and five on owls."""
    from .aviary import KITES, OWLS, shown  # which needs what stands here

    site.put(*(shown(number, title) for number, title in enumerate((*KITES, *OWLS), 1)))
    return site
