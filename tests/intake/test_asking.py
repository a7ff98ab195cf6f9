"""What a person names on arXiv: authors' pages, lists and searches by their address, and ids."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest

from broadsheet.intake.arxiv import lists
from broadsheet.intake.arxiv.source import Addresses, Arxiv
from broadsheet.intake.asking import AskError, Asking, list_at
from broadsheet.intake.fetching import Fetcher
from broadsheet.store import matching, papers
from broadsheet.store.engine import Store
from broadsheet.views import periods
from standin.answers import pages_of
from standin.arxiv import Standin
from standin.faults import Empty, HtmlError, Truncated, Unavailable
from standin.world import World

from .test_arxiv_atom import body

NOW = datetime(2026, 3, 12, 17, tzinfo=UTC)
PAUSE = 0.02


@pytest.fixture(scope="module")
def world() -> World:
    return World(seed=1, first_day=date(2026, 3, 2), days=14, categories=["cs.LG", "cs.CL"])


@pytest.fixture
def arxiv(world: World) -> Iterator[Standin]:
    with Standin(world) as standin:
        standin.set_now(NOW)
        yield standin


@pytest.fixture
def asking(arxiv: Standin, sqlite_store: Store) -> Iterator[Asking]:
    fetcher = Fetcher(sqlite_store, patience=5.0, tries=2)
    yield Asking(sqlite_store, Arxiv(fetcher, Addresses.at(arxiv.address), PAUSE), most=150)
    fetcher.close()


def written_by(world: World, name: str) -> set[str]:
    known = world.papers(world.today())
    return {paper.id for paper in known.values() if name in pages_of(paper)}


def somebody(world: World) -> str:
    """The name of the page of whoever wrote most."""
    names = [name for paper in world.papers(world.today()).values() for name in pages_of(paper)]
    return max(sorted(set(names)), key=names.count)


def named(asking: Asking, address: str) -> lists.Named:
    place = list_at(address)
    assert place is not None
    return asking.named(place)


@pytest.mark.parametrize("ending", ["", "/", ".atom", ".atom2", ".html", "#top", "?x=1"])
@pytest.mark.parametrize("site", ["https://arxiv.org", "http://www.arxiv.org", "arxiv.org"])
def test_an_author_s_page_is_read_by_whichever_address(site: str, ending: str) -> None:
    place = list_at(f"{site}/a/warner_s_1{ending}")
    assert place == lists.Place("author", "/a/warner_s_1.atom2", "warner s 1")


def test_an_author_s_page_gives_their_name_and_all_they_wrote(
    asking: Asking, arxiv: Standin, world: World
) -> None:
    who = somebody(world)
    found = named(asking, f"https://arxiv.org/a/{who}")
    assert len(found.ids) > 1
    assert set(found.ids) == written_by(world, who)
    family, first, _ = who.split("_")
    assert found.title == f"{first.upper()}. {family.title()}"
    assert [request.path for request in arxiv.requests] == [f"/a/{who}.atom2"]


def test_a_list_gives_its_papers_in_its_order(asking: Asking, world: World) -> None:
    day = world.listed_day()
    assert day is not None
    said = world.announced("cs.LG", day)
    found = named(asking, "https://arxiv.org/list/cs.LG/new")
    assert set(found.ids) == {id_ for kind in said.values() for id_ in kind}
    assert found.title == "cs.LG, new"
    assert named(asking, f"https://arxiv.org/catchup/cs.LG/{day}").ids == found.ids
    assert set(named(asking, "https://arxiv.org/list/cs.LG/recent?skip=0&show=25").ids)


def test_a_search_is_asked_of_the_interface_made_for_programs(
    asking: Asking, arxiv: Standin, world: World
) -> None:
    paper = next(iter(world.papers(world.today()).values()))
    one, other = paper.title.lower().split()[:2]
    address = f"https://arxiv.org/search/cs?query={one}+{other}&searchtype=title&source=header"
    found = named(asking, address)
    assert paper.id in found.ids
    assert found.title == f"{one} {other}"
    (request,) = arxiv.requests
    asked = parse_qs(request.path.partition("?")[2])
    assert asked["search_query"] == [f"ti:{one} AND ti:{other}"]
    again = named(
        asking, f"https://export.arxiv.org/api/query?search_query=ti:{one}+AND+ti:{other}"
    )
    assert again.ids == found.ids


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ('/search/?query="a b"+c&searchtype=all', {"search_query": ['all:"a b" AND all:c']}),
        ("/search/?query=x&searchtype=author", {"search_query": ["au:x"]}),
        ("/search/?query=2403.13064&searchtype=paper_id", {"id_list": ["2403.13064"]}),
        ("/api/query?id_list=a,b&max_results=99999&secret=1", {"id_list": ["a,b"]}),
    ],
)
def test_nothing_but_the_search_itself_is_passed_on(
    address: str, asked: dict[str, list[str]]
) -> None:
    place = list_at(f"https://arxiv.org{address}")
    assert place is not None
    sent = parse_qs(place.ask)
    assert int(sent.pop("max_results")[0]) <= lists.MOST
    assert sent == asked


@pytest.mark.parametrize(
    "address",
    [
        "https://arxiv.org/abs/2403.13064",
        "https://arxiv.org/pdf/2403.13064v2",
        "https://papers.example/a/warner_s_1",
        "https://arxiv.org.evil.example/a/warner_s_1",
        "Attention is all you need",
        "2403.13064",
        "",
    ],
)
def test_a_paper_and_what_is_elsewhere_is_no_list(address: str) -> None:
    assert list_at(address) is None


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("", "is no list of papers"),
        ("/a/", "is no list of papers"),
        ("/a/nobody", "is no list of papers"),
        ("/a/../user", "is no list of papers"),
        ("/list/cs.LG/never", "is no list of papers"),
        ("/help/api", "is no list of papers"),
        ("/user/", "whoever is signed in there"),
        ("/search/advanced?terms-0-term=x", "cannot be read"),
        ("/search/?query=x&searchtype=orcid", "cannot be read"),
    ],
)
def test_of_another_page_a_sentence_says_what_to_hand_in(path: str, said: str) -> None:
    with pytest.raises(AskError, match=said) as raised:
        list_at(f"https://arxiv.org{path}")
    assert str(raised.value).endswith(".")


def test_nobody_s_page_and_an_empty_one_are_said_in_a_sentence(
    asking: Asking, arxiv: Standin
) -> None:
    with pytest.raises(AskError) as raised:
        named(asking, "https://arxiv.org/a/nobody_n_1")
    assert str(raised.value) == (
        "arXiv has no author's page called “nobody n 1”; open it there and hand in its address."
    )
    arxiv.order(Empty(), path_prefix="/a/")
    with pytest.raises(AskError, match=r"^arXiv's list “N. Nobody” names no paper\.$"):
        named(asking, "https://arxiv.org/a/nobody_n_1")


@pytest.mark.parametrize("fault", [HtmlError(), Truncated(), Unavailable()])
def test_what_cannot_be_read_is_said_and_nothing_changes(
    asking: Asking, arxiv: Standin, world: World, sqlite_store: Store, fault: object
) -> None:
    arxiv.order(fault, times=None)  # type: ignore[arg-type]
    with pytest.raises(AskError) as raised:
        named(asking, f"https://arxiv.org/a/{somebody(world)}")
    assert str(raised.value).endswith(".")
    with sqlite_store.reading() as connection:
        assert papers.count(connection) == 0


def test_papers_come_by_id_a_hundred_at_a_time_and_in_turns(
    asking: Asking, arxiv: Standin, world: World, sqlite_store: Store
) -> None:
    known = list(world.papers(world.today()))
    assert len(known) > 150
    assert asking.bring([*known, *known]) == 150
    with sqlite_store.reading() as connection:
        held = papers.in_period(connection, periods.ALL, 300, 0)
    assert {paper.id for paper in held} == set(known[:150])
    assert all(paper.abstract and paper.authors and paper.categories for paper in held)
    assert len(arxiv.requests) == 2
    assert arxiv.overlapping() == 1
    assert arxiv.closest() >= PAUSE


def test_what_came_before_arxiv_fell_silent_is_kept(
    asking: Asking, arxiv: Standin, world: World, sqlite_store: Store
) -> None:
    known = list(world.papers(world.today()))[:150]
    later = f"id_list={quote(','.join(known[100:]), safe='')}"
    arxiv.order(Unavailable(), times=None, path_prefix=f"/api/query?{later}")
    with pytest.raises(AskError, match="answered 503"):
        asking.bring(known)
    with sqlite_store.reading() as connection:
        assert papers.count(connection) == 100


def test_a_recorded_answer_names_its_papers(shared: Path) -> None:
    folder = shared / "data" / "recorded" / "arxiv_atom"
    file = folder / "q_testing_s0_m10_bc5a6c384fe9.json"
    place = list_at("https://arxiv.org/search/?query=testing&searchtype=all")
    assert place is not None
    read = lists.read(body(file), place)
    assert len(read.ids) == str(json.loads(file.read_bytes())["body"]).count("<entry>") == 10
    assert read.ids[0] == "2202.12139"
    assert matching.names_in(f"https://arxiv.org/abs/{read.ids[0]}") == (read.ids[0],)
