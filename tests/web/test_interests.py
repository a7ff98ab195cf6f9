"""How an interest is made of whatever names papers, how it is taught, and odd ones."""

from __future__ import annotations

import re
import tempfile
from typing import Any

import pytest

from broadsheet.records import Record
from broadsheet.store import interests

from .aviary import (
    KITES,
    OWLS,
    act,
    entry_of,
    fields,
    kites,
    name_of,
    send,
    sentence,
    shown,
    taught,
    titles,
    undo,
)
from .conftest import NEWEST, Site, paper
from .test_hostile import HOSTILE, assert_harmless


def test_an_interest_is_made_of_a_search(aviary: Site) -> None:
    page = aviary.page("/search?q=owl%20-barns")
    form = page.one("form", action="/interests/new")
    path = send(aviary, "/interests/new", of=form.one("input", name="of")["value"])
    assert path == "/interests/owl-barns"
    liked, disliked, terms = taught(aviary, "owl-barns")
    assert set(liked) <= {title for title in OWLS if "barns" not in title}
    assert len(liked) >= 3
    assert disliked == []
    assert terms == [("word", "-", "barns"), ("word", "", "owl")]


def test_an_interest_is_made_of_a_paper_and_bears_its_title(aviary: Site) -> None:
    assert send(aviary, "/interests/new", **{"for": name_of("Two owls")}) == "/interests/two-owls"
    assert taught(aviary, "two-owls") == (["Two owls"], [], [])
    assert "one paper so far" in aviary.page("/interests/two-owls").one("main").text


def test_an_interest_is_made_of_words_and_names(aviary: Site) -> None:
    send(aviary, "/interests/new", name="Flight", words="kite\n- owl\n\n−barn", authors="Ada Wick")
    assert taught(aviary, "flight")[2] == [
        ("author", "", "Ada Wick"),
        ("word", "-", "barn"),
        ("word", "", "kite"),
        ("word", "-", "owl"),
    ]
    assert titles(aviary.page("/interests/flight?order=relevance"))[0] in KITES


BIBTEX = "".join(f"@article{{k{at}, title = {{{{{title}}}}}}}\n" for at, title in enumerate(KITES))
UNKNOWN = "".join(f"@book{{u{at}, title = {{Nobody has number {at}}}}}\n" for at in range(5))


def test_of_a_bibliography_half_unknown_a_sentence_says_how_many(aviary: Site) -> None:
    path = send(aviary, "/interests/new", name="Kites", list=BIBTEX + UNKNOWN)
    assert taught(aviary, "kites")[0] == sorted(KITES)
    said = "5 of 10 entries are held here; nothing was learned from the others."
    assert [note.text for note in aviary.page(path).one("ul", class_="notes").all("li")] == [said]


def test_an_interest_is_made_of_a_list_of_ids_addresses_and_titles(aviary: Site) -> None:
    lines = ["arXiv:2511.00001v2", "https://arxiv.org/abs/2511.00002", "  paper KITES. ", "nothing"]
    path = send(aviary, "/interests/new", name="Mine", list="\n".join(lines))
    assert taught(aviary, "mine")[0] == sorted([*KITES[:2], "Paper kites"])
    assert "3 of 4 entries are held here" in aviary.page(path).one("main").text


def upload(site: Site, name: str, data: bytes, status: int = 303) -> str:
    answer = site.client.post("/interests/new", data={"name": "Mine"}, files={"file": (name, data)})
    assert answer.status_code == status, answer.text[-300:]
    return answer.headers["location"] if status == 303 else sentence(answer.text)


def test_an_interest_is_made_of_a_file_even_if_some_of_it_cannot_be_read(aviary: Site) -> None:
    path = upload(aviary, "mine.bib", BIBTEX.encode() + b"@article{cut, title = {Never clo")
    assert taught(aviary, "mine")[0] == sorted(KITES)
    assert "5 of 6 entries are held here" in aviary.page(path).one("main").text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\n1 0 obj", "The file cannot be read: this is a PDF; expected"),
        (b"", "The file cannot be read: the file is empty; expected"),
        (b"\x1f\x8b\x08\x00broken", "The file cannot be read: the compressed file is cut off"),
        (bytes(range(256)) * 9, "The file cannot be read: this is a binary file of a kind unknown"),
        (b"a letter\nto a friend", "The file cannot be read: this is text of a kind unknown here"),
        (UNKNOWN.encode(), "None of the 5 entries handed in is held here; import their papers"),
    ],
    ids=["pdf", "empty", "gzip", "binary", "letter", "unknown"],
)
def test_a_file_that_teaches_nothing_is_refused_in_a_sentence(
    aviary: Site, data: bytes, said: str
) -> None:
    before = aviary.digest()
    refused = upload(aviary, "mine", data, 400)
    assert refused.startswith(said)
    assert re.fullmatch(r"(?!.*upload).*[^.]\.", refused)
    assert tempfile.gettempdir() not in refused
    assert ". " not in refused
    assert aviary.digest() == before


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": ""}, "An interest needs a name."),
        ({"name": "\u202e"}, "An interest needs a name."),
        ({"name": "x", "words": "\n".join(map(str, range(201)))}, "An interest has at most 200"),
        ({"name": "x", "of": "http://[x"}, "is no address of a list."),
        ({"name": "x", "of": "/about"}, ""),
    ],
)
def test_an_interest_that_will_not_do_is_refused_in_a_sentence(
    aviary: Site, values: dict[str, str], said: str
) -> None:
    before = aviary.digest()
    assert said in send(aviary, "/interests/new", 400, **values)
    assert aviary.digest() == before


@pytest.mark.parametrize("name", ["Which", "New", "which", "日本", "!!!"])
def test_an_interest_of_any_name_has_a_page_of_its_own(aviary: Site, name: str) -> None:
    path = kites(aviary, name=name)
    assert aviary.page(path).one("h1").text == name
    assert send(aviary, f"{path}/change", name="Kites", threshold="50") == path
    assert aviary.page(path).one("h1").text == "Kites"


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ({}, "It has nothing to go by yet"),
        ({"against": [name_of(title) for title in OWLS]}, "It knows only what is not wanted"),
        ({"words": "-owl"}, "It knows only what is not wanted"),
    ],
    ids=["empty", "only negatives", "only a word against"],
)
def test_an_interest_with_little_to_go_by_says_so(
    aviary: Site, values: dict[str, Any], note: str
) -> None:
    path = send(aviary, "/interests/new", name="Odd", **values)
    for address in (path, f"{path}?order=relevance"):
        assert note in aviary.page(address).one("main").text
    aviary.page("/for-me")


def test_of_papers_on_both_sides_a_sentence_says_which_holds(aviary: Site) -> None:
    path = kites(aviary, against=[name_of(title) for title in KITES[:2]])
    page = aviary.page(path).one("main").text
    assert "2 papers stood on both sides; what is said against a paper holds." in page
    assert taught(aviary, "kites")[:2] == ([KITES[2]], sorted(KITES[:2]))


@pytest.mark.parametrize(
    ("of", "title"),
    [
        ("/interests/theirs", "theirs"),
        ("/collections/theirs", "theirs"),
        ("/search?q=in%3Atheirs", "in:theirs"),
    ],
)
def test_an_interest_is_not_made_of_a_list_that_the_reader_does_not_have(
    aviary: Site, of: str, title: str
) -> None:
    said = send(aviary, "/interests/new", 400, of=of, name="Theirs")
    assert said == f"There is no list “{title}” of yours here."
    assert aviary.parts.catalogue.interests(aviary.reader) == []


def test_an_interest_is_made_of_the_addresses_of_papers_pages(site: Site) -> None:
    site.put(shown(1, "A kite"), paper("Nobody gave this one an id", shown=NEWEST))
    held = [entry["data-paper"] for entry in site.page("/").all("li", class_="entry")]
    (own,) = [name for name in held if name.startswith("title:nobody-gave-this-one-an-id")]
    text = f"http://localhost/papers/{own}\nhttps://huggingface.co/papers/2511.00001?x=1\n{own}"
    send(site, "/interests/new", name="Both", list=text)
    assert taught(site, "both")[0] == ["A kite", "Nobody gave this one an id"]


def test_of_contradictory_marks_the_last_holds(aviary: Site) -> None:
    path = kites(aviary, against=[name_of(title) for title in KITES[:3]])
    assert taught(aviary, "kites")[:2] == ([], sorted(KITES[:3]))
    for title in KITES[:3]:
        act(aviary, "more", title, interest="kites")
    assert taught(aviary, "kites")[:2] == (sorted(KITES[:3]), [])
    assert set(titles(aviary.page(f"{path}?order=relevance"))[:3]) <= set(KITES)


@pytest.mark.parametrize("kind", ["script", "quotes", "controls", "bidi", "long", "combining"])
def test_a_hostile_name_is_a_name(aviary: Site, kind: str) -> None:
    path = kites(aviary, name=HOSTILE[kind])
    page = aviary.page(path)
    assert_harmless(page, path)
    shown_name = page.one("h1").text
    assert 0 < len(shown_name) <= interests.LONGEST_NAME
    assert shown_name in aviary.page("/interests").one("main").text
    act(aviary, "more", "Two owls", interest=path.rsplit("/", 1)[1])
    bar = aviary.page("/").one("form", class_="deed")
    assert bar.one("p").text == f"More like “Two owls” in “{shown_name}”."


@pytest.mark.slow
def test_an_interest_of_ten_thousand_papers_is_made_and_read(site: Site) -> None:
    kites = [f"Kite number {n} of {n % 97}" for n in range(10_001)]
    owls = [f"Owl {n} in a barn" for n in range(3_000)]
    made = enumerate([*kites, *owls])
    site.put(*(Record("jsonl", str(n), said, identifiers=(f"acl:{n}",)) for n, said in made))
    said = send(site, "/interests/new", 400, name="Kites", list="\n".join(kites))
    assert said.startswith("An interest learns from at most 10,000 papers")
    path = send(site, "/interests/new", name="Kites", list="\n".join(kites[:10_000]))
    page = site.page(path)
    assert len(titles(page)) == 25
    assert re.search(r"and 9\W970 more\.", page.one("main").text)
    assert undo(site) == "Made the interest “Kites”."
    site.page(path, 404)


def test_where_it_is_not_clear_which_interest_is_meant_the_reader_is_asked(aviary: Site) -> None:
    asked = act(aviary, "more", "Two owls", back="/week/2025-W47")
    assert asked.startswith("/interests/which?")
    page = aviary.page(asked)
    assert "Your first interest" in page.one("main").text
    making = page.one("form", action="/interests/new")
    values = {one["name"]: one["value"] for one in making.all("input")}
    assert send(aviary, "/interests/new", **values) == "/interests/two-owls"
    kites(aviary)
    form = aviary.page(asked).one("form", class_="choices")
    values = {one["name"]: one["value"] for one in form.all("input")}
    assert [one["value"] for one in form.all("button")] == ["two-owls", "kites"]
    assert send(aviary, form["action"], interest="kites", **values) == "/week/2025-W47"
    assert "Two owls" in taught(aviary, "kites")[0]


def test_more_and_less_change_the_order_and_are_forgotten_at_a_click(aviary: Site) -> None:
    path = send(aviary, "/interests/new", name="Birds", **{"for": name_of("Owls by day")})
    send(aviary, f"{path}/change", name="Birds", threshold="5")
    best = f"{path}?order=relevance"

    def place(title: str) -> int:
        listed = titles(aviary.page(best))
        return listed.index(title) if title in listed else 99

    before = place("Strings of kites")
    for title in ("Kites over water", "Kites by night"):
        act(aviary, "more", title, interest="birds")
    after = place("Strings of kites")
    assert after < before
    act(aviary, "less", "Strings of kites", interest="birds")
    assert place("Strings of kites") > after
    assert "dismissed" in entry_of(aviary.page("/"), "Strings of kites")["class"]
    send(aviary, f"{path}/forget", paper=name_of("Strings of kites"))
    assert place("Strings of kites") == after
    send(aviary, f"{path}/reset")
    assert taught(aviary, "birds") == ([], [], [])
    undo(aviary)
    assert place("Strings of kites") == after


@pytest.mark.parametrize(
    ("path", "values", "said"),
    [
        ("/interests/kites/change", {"threshold": "0"}, "A number from 1 to 99 is wanted here."),
        ("/interests/kites/change", {"threshold": "100"}, "A number from 1 to 99 is wanted here."),
        ("/interests/kites/change", {"threshold": "nan"}, "A number from 1 to 99 is wanted here."),
        ("/interests/kites/change", {"threshold": "half"}, "“half” is no number."),
        ("/interests/kites/change", {"colour": "pink"}, "“pink” is no colour here; there are blue"),
        ("/interests/none/change", {"name": "x"}, "There is no interest “none”."),
        ("/for-me/mix", {"share-kites": "101"}, "A number from 0 to 100 is wanted here."),
        ("/for-me/mix", {"share-kites": "-1"}, "A number from 0 to 100 is wanted here."),
        ("/for-me/mix", {"others": "inf"}, "A number from 0 to 100 is wanted here."),
        ("/for-me/mix", {"exploration": ""}, "“” is no number."),
    ],
)
def test_a_setting_outside_its_bounds_is_refused_in_a_sentence(
    aviary: Site, path: str, values: dict[str, str], said: str
) -> None:
    kites(aviary)
    before = aviary.digest()
    assert said in send(aviary, path, 400, **values)
    assert aviary.digest() == before


def test_the_mix_is_kept_shown_and_reset(aviary: Site) -> None:
    kites(aviary)
    send(aviary, "/interests/new", name="Owls", **{"for": [name_of(title) for title in OWLS[:3]]})
    values = {"share-kites": "0", "share-owls": "40", "others": "5", "exploration": "0"}
    assert send(aviary, "/for-me/mix", **values) == "/for-me"
    page = aviary.page("/for-me")
    form = page.one("form", action="/for-me/mix")
    assert values.items() <= fields(form).items()
    assert set(titles(page)) <= set(OWLS)
    act(aviary, "dismiss", "Two owls")
    assert "Two owls" not in titles(aviary.page("/for-me"))
    send(aviary, "/for-me/reset")
    page = aviary.page("/for-me")
    form = page.one("form", action="/for-me/mix")
    usual = {"share-kites": "10", "share-owls": "10", "others": "30", "exploration": "10"}
    assert usual.items() <= fields(form).items()
    assert "Two owls" in titles(page)
    assert taught(aviary, "owls")[0] == sorted(OWLS[:3])
