"""An interest made of an author's page, a list or ids of arXiv's, by the form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from broadsheet.intake.arxiv.source import Addresses, Arxiv
from broadsheet.intake.asking import Asking
from broadsheet.intake.fetching import Fetcher
from broadsheet.records import Record
from broadsheet.web.app import create_app
from standin.answers import pages_of
from standin.arxiv import Standin
from standin.faults import Unavailable
from standin.world import World

from .aviary import send, taught
from .conftest import Site

NOW = datetime(2026, 3, 12, 17, tzinfo=UTC)
WORLD = World(seed=1, first_day=date(2026, 3, 2), days=14, categories=["cs.LG"])


@pytest.fixture
def arxiv() -> Iterator[Standin]:
    with Standin(WORLD) as standin:
        standin.set_now(NOW)
        yield standin


@pytest.fixture
def asking(site: Site, arxiv: Standin) -> Iterator[Site]:
    """A Broadsheet that may ask arXiv for twenty papers at once."""
    fetcher = Fetcher(site.parts.store, patience=5.0, tries=1)
    outside = Asking(site.parts.store, Arxiv(fetcher, Addresses.at(arxiv.address), 0.005), 20)
    app = create_app(site.parts.store, site.parts.catalogue, asking=outside)
    client = type(site.client)(app, "http://localhost", follow_redirects=False)
    yield replace(site, client=client)
    fetcher.close()


def known() -> list[Record]:
    """The papers of the world, as a page of papers tells of them."""
    return [
        Record("daily-papers", paper.id, paper.title, paper.abstract, identifiers=(paper.id,))
        for paper in WORLD.papers(WORLD.today()).values()
    ]


def somebody() -> tuple[str, set[str]]:
    """The name of the page of whoever wrote most, and the titles they wrote."""
    written: dict[str, set[str]] = {}
    for paper in WORLD.papers(WORLD.today()).values():
        for name in pages_of(paper):
            written.setdefault(name, set()).add(paper.title)
    who = max(sorted(written), key=lambda name: len(written[name]))
    return who, written[who]


def learned(site: Site, text: str, **values: str) -> tuple[str, set[str], list[str]]:
    """Where the form leads, the papers the interest learned from, and what its page says."""
    to = send(site, "/interests/new", list=text, **values)
    slug = to.removeprefix("/interests/").partition("?")[0]
    notes = site.page(to).one("main").all("ul", class_="notes")
    return slug, set(taught(site, slug)[0]), [line.text for one in notes for line in one.all("li")]


def test_an_author_s_page_is_an_interest_of_their_name(asking: Site, arxiv: Standin) -> None:
    who, titles = somebody()
    asking.put(*known()[:5])
    slug, papers, notes = learned(asking, f"https://arxiv.org/a/{who}")
    assert papers == titles
    assert slug == f"{who.split('_')[1]}-{who.split('_')[0]}"
    assert "entries" not in " ".join(notes)
    asked = [request.path.partition("?")[0] for request in arxiv.requests]
    assert asked == [f"/a/{who}.atom2", "/api/query"]


def test_what_is_held_is_taken_and_not_asked_for(asking: Site, arxiv: Standin) -> None:
    who, titles = somebody()
    asking.put(*known())
    _, papers, _ = learned(asking, f"https://arxiv.org/a/{who}", name="Theirs")
    assert papers == titles
    assert [request.path for request in arxiv.requests] == [f"/a/{who}.atom2"]


def test_ids_that_are_not_held_are_asked_for_and_a_list_stands_beside_them(
    asking: Site, arxiv: Standin
) -> None:
    some = known()[:3]
    lines = [some[0].key, f"https://arxiv.org/abs/{some[1].key}v1", "arXiv:" + some[2].key]
    _, papers, notes = learned(asking, "\n".join([*lines, "A title that nobody has"]))
    assert papers == {one.title for one in some}
    assert notes[0] == "3 of 4 entries are held here; nothing was learned from the others."
    who, titles = somebody()
    _, papers, _ = learned(asking, f"{some[0].key}\nhttps://arxiv.org/a/{who}", name="Both")
    assert papers == titles | {some[0].title}


def test_so_many_are_asked_for_at_once_and_a_sentence_says_so(asking: Site) -> None:
    ids = [one.key for one in known()]
    _, papers, notes = learned(asking, "\n".join(ids))
    assert len(papers) == 20
    assert notes[0] == (
        f"20 of {len(ids)} entries are held here, and so many are not asked for at once; "
        "hand the list in again for the rest."
    )
    _, papers, _ = learned(asking, "\n".join(ids), name="Again")
    assert len(papers) == 40


def test_where_arxiv_is_silent_what_is_held_is_learned(asking: Site, arxiv: Standin) -> None:
    some = known()[:4]
    asking.put(*some[:3])
    arxiv.order(Unavailable(), times=None)
    _, papers, notes = learned(asking, "\n".join(one.key for one in some))
    assert papers == {one.title for one in some[:3]}
    assert notes[0] == (
        "3 of 4 entries are held here, and arXiv did not answer for the others; "
        "hand the list in again later."
    )
    refused = send(asking, "/interests/new", 400, list="https://arxiv.org/list/cs.LG/new")
    assert "answered 503" in refused


def test_where_nothing_is_to_be_asked_a_sentence_says_so(site: Site) -> None:
    some = known()[:2]
    site.put(some[0])
    _, papers, notes = learned(site, "\n".join(one.key for one in some))
    assert papers == {some[0].title}
    assert notes[0] == (
        "1 of 2 entries is held here, and this Broadsheet asks no other machine "
        "(BROADSHEET_HARVEST): import their papers."
    )
    refused = send(site, "/interests/new", 400, list="https://arxiv.org/a/quill_m_1")
    assert refused.startswith("This Broadsheet asks no other machine (BROADSHEET_HARVEST)")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("https://papers.example/interests/kites", "No papers are read from https://papers.exampl"),
        ("http://localhost:8000/shared/secret", "No papers are read from http://localhost:8000/"),
        ("https://arxiv.org/user/", "This page is shown by arXiv to whoever is signed in"),
        ("https://arxiv.org/a/nobody_n_1", "arXiv has no author's page called “nobody n 1”"),
        ("https://arxiv.org/help", "“https://arxiv.org/help” is no list of papers"),
        ("9999.99999", "The entry handed in is not held here; import its paper first."),
        ("\n".join(f"https://arxiv.org/list/cs.LG/new?skip={n}" for n in range(4)), "At most 3 li"),
    ],
)
def test_another_page_or_a_wrong_address_is_refused_in_a_sentence(
    asking: Site, text: str, said: str
) -> None:
    before = asking.parts.catalogue.interests(asking.reader)
    refused = send(asking, "/interests/new", 400, list=text)
    assert refused.startswith(said)
    assert asking.parts.catalogue.interests(asking.reader) == before
