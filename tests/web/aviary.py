"""A library of five papers on kites and five on owls, and a reader who does things with them."""

from __future__ import annotations

from typing import Any

from broadsheet.records import Record

from .conftest import NEWEST, Site, paper
from .reading import Element, read

KITES = ("Kites over water", "Strings of kites", "A kite in wind", "Kites by night", "Paper kites")
OWLS = ("An owl hunts", "Owls by day", "The feather of an owl", "Owls in barns", "Two owls")


def shown(number: int, title: str, text: str = "") -> Record:
    words = text or f"{title}. We report what was seen, and how it was measured."
    return paper(
        title, abstract=words, identifiers=(f"2511.{number:05}",), shown=NEWEST, rank=number
    )


def name_of(title: str) -> str:
    """The id of one of the papers of these tests."""
    return f"2511.{(*KITES, *OWLS).index(title) + 1:05}"


def send(site: Site, path: str, status: int = 303, /, **values: Any) -> str:
    """A form is sent; where it leads, or the sentence that refuses it."""
    answer = site.client.post(path, data=values)
    assert answer.status_code == status, (path, answer.status_code, answer.text[-400:])
    return answer.headers["location"] if status == 303 else sentence(answer.text)


def sentence(html: str) -> str:
    """Why a form was refused."""
    *_, said, _ = [one.text for one in read(html).one("main").all("p")]
    return said


def act(site: Site, do: str, title: str, **values: str) -> str:
    return send(site, "/deeds", do=do, paper=name_of(title), **values)


def titles(page: Element) -> list[str]:
    return [entry.one("h3").text for entry in page.one("main").all("li", class_="entry")]


def entry_of(page: Element, title: str) -> Element:
    (found,) = [e for e in page.all("li", class_="entry") if e.one("h3").text == title]
    return found


def buttons(entry: Element) -> dict[str, str | None]:
    """What can be done with a paper, and whether it is pressed."""
    pressed = entry.one("form", class_="deeds").all("button")
    return {button["value"]: button.attributes.get("aria-pressed") for button in pressed}


def fields(form: Element) -> dict[str, str]:
    return {one["name"]: one["value"] for one in form.all("input")}


def undo(site: Site) -> str:
    """Presses 'Undo' as the page offers it; returns what it said was undone."""
    bar = site.page("/about").one("form", action="/undo")
    send(site, "/undo", number=bar.one("input", name="number")["value"], back="/about")
    return bar.one("p").text


def kites(site: Site, *liked: str, **values: Any) -> str:
    """An interest in kites; its address."""
    named = [name_of(title) for title in liked or KITES[:3]]
    return send(site, "/interests/new", **{"name": "Kites", "for": named, **values})


def taught(site: Site, slug: str) -> tuple[list[str], list[str], list[tuple[str, str, str]]]:
    """The titles an interest was taught, for and against, and its terms."""
    held = site.parts.catalogue.interest(site.reader, slug)
    assert held is not None
    liked, disliked = site.parts.catalogue.taught(held)
    terms = [(str(term.kind), "" if term.liked else "-", term.text) for term in held.terms]
    return sorted(p.title for p in liked), sorted(p.title for p in disliked), terms
