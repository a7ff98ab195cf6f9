"""A paper's page: all that is known of it, and nothing that is not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from broadsheet.intake.importing import import_files
from broadsheet.records import Record

from .conftest import BARE, CROWD, FULL, Site, lantern, paper
from .reading import Element
from .test_pages import FULL_PATH, main, titles
from .test_search_pages import points


def path_of(site: Site, query: str) -> str:
    """The address of the one paper a search finds."""
    entry = site.page(f"/search?q={query}").one("li", class_="entry")
    return entry.one("h3").one("a")["href"]


def facts(page: Element) -> dict[str, str]:
    rows = page.one("dl").all("div")
    return {row.one("dt").text: row.one("dd").text for row in rows}


def test_a_paper_with_everything_shows_everything(library: Site) -> None:
    page = library.page(FULL_PATH)
    assert page.one("h1").text == "Oil Lamps at 2562 Candles"
    assert page.one("title").text == "Oil Lamps at 256^2 Candles · Broadsheet"
    assert page.one("p", class_="authors").text == "Ada Wick, Bo Glass, Cy Flame"
    assert page.one("p", class_="organization").text == "Lamp Works"
    assert facts(page) == {
        "First published": "3 November 2025",
        "Revised": "5 November 2025",
        "Shown": "19 November 2025",
        "Authors": "3",
        "Organisation": "Lamp Works",
        "Categories": "cs.LG, stat.ML",
        "Comments there": "7",
        "Licence": "CC BY 4.0",
        "Version": "3",
        "Id": "2511.00001",
    }
    assert [link.text for link in page.one("ul", class_="links").all("a")] == [
        "arxiv.org/abs/2511.00001",
        "github.com/lamp/oil",
        "lamp.github.io/",
    ]
    assert "Saved page 002, place 1, 19 November 2025" in main(page).text


def test_a_paper_with_only_a_title_says_what_is_missing(site: Site) -> None:
    site.put(paper("One Lamp Alone", page="002", rank=4))
    page = site.page(path_of(site, "alone"))
    assert "No source gave an abstract of this paper." in main(page).text
    assert "None is held yet that shares its words." in main(page).text
    assert list(facts(page)) == ["Id"]
    assert page.all("p", class_="authors") == []


def test_of_sixty_authors_forty_are_named(library: Site) -> None:
    authors = library.page(path_of(library, "minute")).one("p", class_="authors")
    assert len(authors.all("a")) == 40
    assert authors.text.endswith("Person39 Holder, Person40 Holder and 20 more")


def test_a_revised_abstract_is_shown_and_the_earlier_one_counted(site: Site) -> None:
    site.put(replace(FULL, version=1))
    site.put(replace(FULL, version=2, abstract="We trim wicks no longer."))
    page = site.page(FULL_PATH)
    assert page.one("p", class_="abstract").text == "We trim wicks no longer."
    assert facts(page)["Version"] == "2 (1 before it kept)"


def test_what_changed_from_version_to_version_is_marked(site: Site) -> None:
    texts = ["We trim wicks <b>daily</b>.", "We trim wicks weekly.", "We trim wicks weekly."]
    titles = ["Of Lamps", "Of Lamps", "Of Old Lamps"]
    for number, (title, text) in enumerate(zip(titles, texts, strict=True), start=1):
        site.put(replace(FULL, version=number, title=title, abstract=text))
    section = site.page(FULL_PATH).one("section", class_="changes")
    newest, oldest = section.all("details")
    assert newest.one("summary").text.startswith("After version 2, ")
    assert [one.text for one in newest.all("p")] == ["title Of Old Lamps"]
    assert [one.text for one in newest.all("ins")] == ["Old"]
    assert newest.all("del") == []
    assert [one.text for one in oldest.all("del")] == ["<b>daily</b>."]
    assert [one.text for one in oldest.all("ins")] == ["weekly."]
    assert section.all("b") == []


def test_a_paper_that_never_changed_has_nothing_to_show(site: Site) -> None:
    site.put(replace(FULL, version=1))
    assert site.page(FULL_PATH).all("section", class_="changes") == []


def test_papers_like_it_say_which_words_they_share(library: Site) -> None:
    entry = library.page(FULL_PATH).one("ol", class_="short").all("li", class_="entry")[0]
    assert entry.one("h3").text == CROWD.title
    why = entry.one("details", class_="why")
    assert "lamps" in why.one("summary").text
    parts, score = points(why)
    assert sum(parts) == score > 0
    page = library.page(path_of(library, "title:42"))
    similar = [one.text for one in page.one("ol", class_="short").all("h3")]
    assert len(similar) == 8
    assert "Lantern Study Number 42" not in similar


# --- names --------------------------------------------------------------------------------------


def test_a_former_id_leads_to_the_present_one_for_good(site: Site) -> None:
    site.put(BARE)
    former = path_of(site, "nothing")
    assert former.startswith("/papers/title:")
    site.put(Record("jsonl", "2511.00002", BARE.title, identifiers=("2511.00002",)))
    answer = site.client.get(former)
    assert answer.status_code == 301
    assert answer.headers["location"] == "/papers/2511.00002"
    assert site.page("/papers/2511.00002").one("h1").text == BARE.title
    assert site.client.get(former + ".bib").status_code == 200


@pytest.mark.parametrize(
    "name",
    [
        "2511.00001v2",
        "arxiv:2511.00001",
        "https://arxiv.org/abs/2511.00001",
        "https://arxiv.org/pdf/2511.00001v3.pdf",
        "doi:10.5555/lamp.1",
        "https://doi.org/10.5555/LAMP.1",
    ],
)
def test_other_names_of_a_paper_lead_to_it(library: Site, name: str) -> None:
    answer = library.client.get("/papers/" + name)
    assert answer.status_code == 301
    assert answer.headers["location"] == FULL_PATH


@pytest.mark.parametrize(
    "name",
    [
        "doi:10.1000/a?b=c&d",
        "doi:10.1000/a#b",
        "doi:10.1000/100%x",
        "doi:10.1000/(sici)1<1:a>2.0;2-#",
        'doi:10.1000/"x"\\y',
        "doi:10.1000/été",
        "doi:10.1000//x",
        "acl:2024.acl-long.1",
        "hep-th/9901001",
    ],
)
def test_a_paper_of_any_name_has_a_page_and_a_citation(site: Site, name: str) -> None:
    site.put(paper("One Lamp Alone", identifiers=(name,)), lantern(1))
    path = path_of(site, "alone")
    page = site.page(path)
    assert facts(page)["Id"] == name
    assert site.client.get(page.one("a", download="")["href"]).text.startswith("@misc{")
    # Every form comes back to this very page; those in the list of papers like it to their entry.
    for back in page.all("input", name="back"):
        answer = site.client.post("/preferences", data={"back": back["value"]})
        assert facts(site.page(answer.headers["location"].split("#")[0]))["Id"] == name


# --- citation -----------------------------------------------------------------------------------


def test_the_citation_is_shown_and_can_be_saved(library: Site) -> None:
    page = library.page(FULL_PATH)
    shown = page.one("details", class_="cite").one("code").raw_text
    answer = library.client.get(page.one("a", download="")["href"])
    assert answer.text == shown
    assert answer.headers["content-type"].startswith("application/x-bibtex")
    assert answer.headers["content-disposition"] == 'attachment; filename="citation.bib"'
    for line in (
        "title = {{Oil Lamps at $256^2$ Candles}},",
        "author = {Ada Wick and Bo Glass and Cy Flame},",
        "eprint = {2511.00001},",
        "year = {2025},",
    ):
        assert f"  {line}\n" in answer.text


# --- text ---------------------------------------------------------------------------------------


def test_mathematics_of_every_notation_appears_as_mathematics(library: Site) -> None:
    formulas = library.page(FULL_PATH).one("p", class_="abstract").all("math")
    assert [formula.raw_text for formula in formulas] == ["2562", "≈", "𝒪(n)", "x"]
    assert [child.text for child in formulas[0].one("msup").all()] == ["256", "2"]
    assert formulas[3].one("mi").text == "x"
    assert all(formula["alttext"] for formula in formulas)


def test_a_formula_that_cannot_be_set_is_shown_as_it_was_written(site: Site) -> None:
    site.put(paper("One Lamp Alone", abstract=r"The oil is $\unknownmacro{x}$ of it."))
    page = site.page(path_of(site, "alone"))
    assert page.all("math") == []
    assert page.one("code", class_="tex").text == r"$\unknownmacro{x}$"


def test_an_address_that_the_text_had_misspelt_is_shown_mended(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "papers.jsonl"
    abstract = (
        "Code is at https://github.com/lamp/oil{https://github.com/lamp/oil}. "
        "The page is https://lamp.github.io/wick."
    )
    file.write_text(json.dumps({"title": "One Lamp Alone", "abstract": abstract}) + "\n")
    assert import_files(site.parts.store, [file]).new == 1
    site.parts.index.catch_up(site.parts.store)
    page = site.page(path_of(site, "alone"))
    rows = {row.one("a")["href"]: row for row in page.one("ul", class_="links").all("li")}
    assert list(rows) == ["https://github.com/lamp/oil", "https://lamp.github.io/wick"]
    mended = {href: "mended" in row.text for href, row in rows.items()}
    assert list(mended.values()) == [True, False]
    text = page.one("p", class_="abstract")
    assert [link["href"] for link in text.all("a")] == list(rows)
    assert text.text == "Code is at github.com/lamp/oil. The page is lamp.github.io/wick."


def test_our_own_words_are_said_to_be_ours(site: Site) -> None:
    site.put(
        paper("One Lamp Alone", source="sample", summary="A lamp is lit.", shown=date(2025, 11, 19))
    )
    page = site.page(path_of(site, "alone"))
    assert page.one("p", class_="abstract").text == "A lamp is lit."
    assert page.one("h2", class_="kicker").text == "In our words"
    assert "The sample library" in page.one("aside").text
    # The authors' abstract takes its place as soon as a source has it.
    site.put(paper("One Lamp Alone", abstract="We light a lamp.", page="002", rank=1))
    page = site.page(path_of(site, "alone"))
    assert page.one("p", class_="abstract").text == "We light a lamp."
    assert page.all("h2", class_="kicker") == []
    assert titles(site.page("/")) == ["One Lamp Alone"]
