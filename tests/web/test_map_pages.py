"""The map and what is rising as pages: with data and without, by hand and for the script."""

from __future__ import annotations

import shutil
import struct
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import orjson
import pytest

from broadsheet.embed.choose import embedder
from broadsheet.ops.parts import Parts
from broadsheet.records import Record
from broadsheet.search.follow import MeaningIndex, SearchIndex
from broadsheet.search.layout.kept import MapLayout
from broadsheet.search.recent import RecentIndex
from broadsheet.store.engine import open_store, sqlite_url
from broadsheet.views.catalogue import Catalogue
from broadsheet.web.pages.paging import PER_PAGE

from .conftest import NEWEST, Site, paper, visited

EVIL = '<script>alert(1)</script> & "quotes" of lanterns'
TOPICS = {
    "lanterns": "lantern wick flame oil lamp",
    "harbours": "harbour vessel anchor tide quay",
    "orchards": "orchard apple blossom pollen bee",
}


def records() -> list[Record]:
    made = [
        paper(
            f"{topic.title()} {words.split()[n % 5]} {words.split()[n // 5 % 5]} study {n}",
            abstract=f"On {words} and what became of {topic}.",
            shown=NEWEST - timedelta(days=n),
            categories=("cs.LG",),
        )
        for topic, words in TOPICS.items()
        for n in range(40)
    ]
    return [*made, paper(EVIL, abstract="On lantern wick flame oil lamp.", shown=NEWEST)]


def site_at(folder: Path, template: Path) -> Site:
    shutil.copy(template, folder / "site.sqlite3")
    store = open_store(sqlite_url(folder / "site.sqlite3"))
    meaning = MeaningIndex(folder / "meaning", "built-in:64", lambda name: embedder(name, None))
    index = SearchIndex(folder / "words")
    catalogue = Catalogue(store, index, meaning)
    layout, recent = MapLayout(folder / "map", meaning), RecentIndex(folder / "recent")
    return visited(Parts(store, index, catalogue, meaning, layout, recent))


@pytest.fixture
def bare(tmp_path: Path, _sqlite_template: Path) -> Iterator[Site]:
    """A Broadsheet without papers."""
    site = site_at(tmp_path, _sqlite_template)
    with site.client:
        yield site
    site.parts.store.close()


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Iterator[Site]:
    """A Broadsheet with a map and its terms counted; tests of it only read."""
    site = site_at(tmp_path_factory.mktemp("mapped"), _sqlite_template)
    site.put(*records(), index=False)
    parts = site.parts
    assert parts.catch_up()
    assert parts.layout is not None
    assert parts.recent is not None
    assert parts.layout.build(parts.store)
    assert parts.recent.keep_up(parts.store)
    with site.client:
        yield site
    parts.store.close()


def test_without_papers_without_meanings_and_before_it_is_made_the_page_says_so(
    bare: Site, site: Site
) -> None:
    assert "too few papers" in bare.page("/map").one("main").text
    assert "search by meaning is off" in site.page("/map").one("main").text
    bare.put(*records(), index=False)
    assert "is being made" in bare.page("/map").one("main").text
    assert bare.client.get("/map/points.bin").status_code == 404
    for page in (bare.page("/map"), bare.page("/rising")):
        assert not page.all("section", id="map")
    assert "are being counted" in bare.page("/rising").one("main").text
    assert bare.client.get("/rising.json").json() is None


def test_the_map_is_a_list_of_regions_with_papers_and_counts(mapped: Site) -> None:
    page = mapped.page("/map")
    main = page.one("main")
    assert "121 papers" in main.text
    regions = main.one("div", class_="regions").all("section")
    assert len(regions) >= 2
    counts = [int(one.one("h2").all("span")[0].text.split()[0]) for one in regions]
    assert sum(counts) == 121
    for region in regions:
        assert 1 <= len(region.one("ul").all("li")) <= 3
        assert region.one("ul").all("a")[0]["href"].startswith("/papers/")
    # The picture waits for the script, and is away without it.
    assert "hidden" in main.one("section", id="map").attributes
    assert page.one("nav", class_="sections").one("a", href="/map")["aria-current"] == "page"
    assert not page.all("script", class_="inline")
    assert all("src" in script.attributes for script in page.all("script"))


def test_without_a_list_asked_for_it_is_the_whole_map(mapped: Site) -> None:
    page = mapped.page("/map")
    assert page.one("h1").text == "Map"
    assert "in colour" not in page.one("main").text
    # What a reader has none of is no map of everything.
    assert mapped.page("/map?of=/for-me").one("h1").text.startswith("For me")


def test_a_region_lists_its_papers_and_makes_an_interest_without_script(mapped: Site) -> None:
    first = mapped.page("/map").one("div", class_="regions").all("section")[0]
    held = int(first.one("h2").all("span")[0].text.split()[0])
    page = mapped.page(first.one("h2").one("a")["href"])
    listed = page.one("ul", class_="shortlist").all("li")
    assert len(listed) == min(PER_PAGE, held)
    form = page.one("form", action="/interests/new")
    assert form["method"] == "post"
    assert form.one("input", name="name")["value"] == first.one("h2").one("a").text.replace(
        " · ", ", "
    )
    ids = [one["value"] for one in form.all("input", name="for")]
    assert len(ids) == len(set(ids)) == min(50, held)
    assert all(mapped.parts.catalogue.paper(name) for name in ids)
    if held > PER_PAGE:
        assert "page=2" in page.one("nav", class_="turn").one("a", rel="next")["href"]


def test_titles_are_text_wherever_they_come(mapped: Site) -> None:
    found = mapped.parts.catalogue.numbers
    from broadsheet.views import query
    from broadsheet.views.catalogue import view_of

    [number] = found(view_of(query.parse("alert quotes")), 10) or []
    [told] = mapped.client.get(f"/map/papers?n={number}").json()["papers"]
    assert told["title"] == EVIL
    assert "<script>alert" not in mapped.client.get("/map?q=alert+quotes").text


def read(
    body: bytes,
) -> tuple[list[list[object]], list[int], list[tuple[int, int]], list[int], bytes]:
    magic, count, shown, length = struct.unpack("<4sIII", body[:16])
    assert magic == b"BSM1"
    regions = orjson.loads(body[16 : 16 + length])
    start = 16 + length
    assert start % 4 == 0
    assert len(body) == start + 11 * count
    numbers = list(struct.unpack(f"<{count}I", body[start : start + 4 * count]))
    places = struct.unpack(f"<{2 * count}H", body[start + 4 * count : start + 8 * count])
    region = list(struct.unpack(f"<{count}H", body[start + 8 * count : start + 10 * count]))
    own = body[start + 10 * count :]
    assert sum(own) == shown
    return regions, numbers, list(zip(places[::2], places[1::2], strict=True)), region, own


def test_the_points_are_one_file_that_is_sent_once(mapped: Site) -> None:
    answer = mapped.client.get("/map/points.bin")
    regions, numbers, places, region, own = read(answer.content)
    assert len(numbers) == 121
    assert numbers == sorted(numbers)
    assert own == b"\1" * 121
    assert max(region) < len(regions)
    assert len(set(places)) > 50  # some say the same
    again = mapped.client.get("/map/points.bin", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    other = mapped.client.get("/map/points.bin?of=/search?q=orchard")
    assert other.headers["etag"] != answer.headers["etag"]


def test_a_list_of_the_reader_s_own_lies_in_colour_too(mapped: Site) -> None:
    first = mapped.page("/map").one("div", class_="regions").all("section")[0]
    paper = first.all("a")[-1]["href"].removeprefix("/papers/")
    for act, held in (("save", "1"), ("unsave", "0")):
        mapped.client.post("/deeds", data={"paper": paper, "do": act})
        main = mapped.page("/map?of=/queue").one("main")
        assert main.one("p", class_="ledger").all("strong")[0].text == held


@pytest.mark.parametrize(
    ("address", "held"),
    [
        ("/map?q=orchard", 40),
        ("/map?of=/search%3Fq%3Dorchard", 40),
        (f"/map?of=/day/{NEWEST}", 4),
        ("/map?of=/month/2025-11", 58),
        ("/map?q=zeppelinry", 0),
    ],
)
def test_a_view_lies_in_colour_on_the_same_map(mapped: Site, address: str, held: int) -> None:
    main = mapped.page(address).one("main")
    assert main.one("p", class_="ledger").all("strong")[0].text == str(held)
    data = main.one("section", id="map")["data-points"]
    _, numbers, _, _, own = read(mapped.client.get(data).content)
    assert len(numbers) == 121
    assert sum(own) == held
    if held:
        counts = [
            int(one.one("h2").all("span")[0].text.split()[0])
            for one in main.one("div", class_="regions").all("section")
        ]
        assert sum(counts) == held
    else:
        assert "None of these papers is on the map" in main.text


def test_what_words_find_is_told_by_number(mapped: Site) -> None:
    found = mapped.client.get("/map/papers?find=harbour").json()["numbers"]
    assert len(found) == 40
    told = mapped.client.get(f"/map/papers?n={','.join(map(str, found))}").json()["papers"]
    assert [one["number"] for one in told] == found
    assert all(one["title"].startswith("Harbours") for one in told)
    assert all(one["to"].startswith("/papers/") and one["id"] for one in told)
    assert mapped.client.get("/map/papers?find=zeppelinry").json() == {"numbers": []}


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/map?of=/nowhere", 404),
        ("/map?region=60000", 404),
        ("/map?region=-1", 404),
        ("/map?region=x", 404),
        ("/map?of=/day/2025-13-40", 404),
        ("/rising?days=3", 404),
        ("/rising?of=/day/2025-11-19", 404),
        ("/rising?of=/nowhere", 404),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(mapped: Site, address: str, status: int) -> None:
    main = mapped.page(address, status).one("main")
    assert main.text.rstrip().endswith((".", "go back.", "search."))


def test_papers_are_asked_for_by_number_only(mapped: Site) -> None:
    for asked in ("", "x", "1;2", "1,,2", "9" * 11, "-1"):
        assert mapped.client.get("/map/papers", params={"n": asked}).status_code == 400
    assert mapped.client.get("/map/papers?n=4000000000").json() == {"papers": []}


def test_looking_changes_nothing(mapped: Site, tmp_path: Path) -> None:
    before = mapped.digest()
    for path in (
        "/map",
        "/map?q=lamp",
        "/map?region=0",
        "/map/points.bin",
        "/map/papers?find=lamp",
        "/rising",
        "/rising?q=lamp",
        "/rising.json",
        "/",
    ):
        assert mapped.client.get(path).status_code == 200
        assert mapped.client.post(path).status_code == 405
    assert mapped.digest() == before


def test_what_rises_is_on_the_page_in_json_and_in_the_margin(bare: Site) -> None:
    said = [
        paper(
            f"Quasar knitting of {place} {n}", abstract="A craft.", shown=NEWEST - timedelta(days=n)
        )
        for n, place in enumerate(
            "Aachen Bergen Cadiz Derry Essen Faro Ghent Hull Ivry Jena".split()
        )
    ]
    bare.put(*records(), *said, index=False)
    assert bare.parts.recent is not None
    bare.parts.catch_up()
    bare.parts.recent.keep_up(bare.parts.store)
    assert "What is rising" not in bare.page("/").text  # nothing is worked out for the margin
    page = bare.page("/rising").one("main")
    first = page.all("ol", class_="rises")[0].all("li")[0]
    assert first.one("h3").text.lower() == "quasar knitting"
    assert "10 of" in first.one("p", class_="figures").text
    assert len(first.one("ul").all("li")) == 3
    chart = first.one("svg")
    assert chart["role"] == "img"
    assert chart["aria-label"].count("%") + chart["aria-label"].count("no papers") == 13
    assert len(chart.one("polyline")["points"].split()) >= 6
    found = bare.client.get("/rising.json").json()
    assert found["terms"][0]["name"].lower() == "quasar knitting"
    assert found["terms"][0]["now"] == 10
    assert found["false_alarm"] == 0.05
    assert "style" not in first.one("svg").attributes
    margin = bare.page("/").one("aside", class_="margin")
    assert "Quasar knitting" in margin.text or "quasar knitting" in margin.text
    leads = bare.page(first.one("h3").one("a")["href"])
    assert len(leads.all("li", class_="entry")) == 10


def test_no_start_loads_what_only_a_layout_needs() -> None:
    import subprocess

    said = subprocess.run(
        [sys.executable, "-c", "import broadsheet.ops.running, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout.split()
    assert not {"openTSNE", "sklearn", "scipy"} & set(said)


def test_a_list_of_the_reader_s_own_is_called_as_they_called_it(mapped: Site) -> None:
    mapped.client.post("/collections/new", data={"name": "To cite & keep"})
    heading = mapped.page("/map?of=/collections/to-cite-keep").one("h1")
    assert heading.text.startswith("To cite & keep")
    mapped.client.post("/collections/to-cite-keep/remove")
    mapped.page("/map?of=/collections/to-cite-keep", 404)
