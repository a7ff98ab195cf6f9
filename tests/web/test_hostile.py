"""Papers whose texts are meant to do harm: on no page may they be more than words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import quote

import pytest

from broadsheet.intake.importing import import_files
from broadsheet.records import Author, Link, Record

from .conftest import SECRET, Site, own
from .reading import Element

HOSTILE = {
    "script": "<script>alert(1)</script> lamp",
    "closing": "</title></textarea></h1></a></summary></p></details>"
    '<script src="//evil.example/x.js"></script> lamp',
    "quotes": "\" autofocus onfocus=\"alert(1)\" x=' onclick='alert(2)' lamp `",
    "handlers": "<img src=x onerror=alert(1)> <svg/onload=alert(2)> <body onpageshow=1> lamp",
    "addresses": "javascript:alert(1) [lamp](javascript:alert(2)) "
    "\\href{javascript:alert(3)}{lamp} "
    '\\url{data:text/html,<script>1</script>} [x](https://a.b"onclick=alert(4)) lamp',
    "odd links": "lamp https://user:word@evil.example/ http://127.0.0.1:8000/ https://[::1]/ "
    "https://localhost/preferences //evil.example/ vbscript:x file:///etc/passwd",
    "comments": "<!-- lamp --> --> <![CDATA[ lamp ]]> <?php lamp ?> <!doctype lamp>",
    "entities": "&lt;script&gt; &#60;b&#62; &amp;lt; &#x3c;i&#x3e; &nbsp &copy lamp",
    "templates": "{{ 7*7 }} {% raw %} {{ frame.__class__ }} ${7*7} #{7*7} lamp",
    "tex": r"lamp $\href{javascript:alert(1)}{x}$ $\style{color:red}{x}$ $\require{html}$ "
    r"$\def\x{\x\x}\x$ $\class{evil}{x}$ $\text{<script>alert(1)</script>}$ $x^{"
    + "{" * 300
    + "}" * 300
    + r"}$",
    "tex bomb": "lamp $" + r"\frac{1}{" * 400 + "1" + "}" * 400 + "$ $" + "x^" * 2000 + "1$",
    "bidi": "lamp \u202egnp.exe\u202c \u2066x\u2069 \u200ey\u200f \u061c",
    "controls": "lamp \x00 \x01 \x08 \x1b[31m \x7f \x85 \x9f \r\n \u2028 \ufeff",
    "long": "lamp" + "W" * 1500,
    "combining": "lamp" + "\u0301" * 300,
    "math": "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></math> lamp",
}
HARMLESS_ADDRESS = re.compile(r"/(?!/)|#\w|https?://[A-Za-z0-9]")
# Where forms go: routes of ours, with nothing in them but what we made of a name.
OUR_ACTION = re.compile(
    "/(search|preferences|undo|deeds|mine|kept|queue|library|sample/remove|papers/note)"
    "|/(reading/seen|for-me/mix|for-me/reset|interests/new|collections/(new|hold))"
    "|/(interests|collections)/[a-z0-9-]+(/(change|forget|reset|remove|share|unshare))?"
)
# The characters that `text.normalise.plain` promises to remove.
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
ELEMENTS = frozenset(
    """
    html head meta title link script body a header p form label input button nav details summary
    fieldset legend main div section h1 h2 h3 ol ul li article span time table caption thead tbody
    tfoot tr th td abbr aside footer kbd strong em code pre dl dt dd mark
    textarea select option figure figcaption svg rect
    math mrow mi mn mo mtext mspace msub msup msubsup munder mover munderover mfrac msqrt mroot
    mtable mtr mtd mpadded mstyle
    """.split()
)


def assert_harmless(page: Element, here: str) -> None:
    """Only our elements, our script, no handler, no address that is more than an address."""
    scripts = page.all("script")
    assert [bool(re.match(r"/static/broadsheet\.js\?v=", one["src"])) for one in scripts] in (
        [True],
        [],
    )
    assert all(one.raw_text == "" for one in scripts)
    for element in page.walk():
        assert element.tag in ELEMENTS, f"<{element.tag}> at {here}"
        for name, value in element.attributes.items():
            assert not name.startswith("on"), f"{name}={value} at {here}"
            assert name not in ("style", "srcdoc", "http-equiv", "formaction", "target")
            if name in ("href", "src", "action"):
                assert HARMLESS_ADDRESS.match(value), f"{name}={value} at {here}"
            if name == "action":
                assert OUR_ACTION.fullmatch(value), f"{value} at {here}"
            if name == "src":
                assert element.tag == "script"


def record_of(text: str) -> Record:
    """A paper with a hostile text wherever a text can be."""
    return Record(
        source="daily-papers",
        key="hostile",
        title=f"{text} title",
        abstract=f"{text} abstract. " + "And so it goes on for a while. " * 6 + text,
        identifiers=("doi:10.1/" + "".join(text.split())[:100],),
        authors=(Author(text, text), Author("Ada Wick")),
        organization=text,
        categories=(text, "cs.LG"),
        published=date(2025, 11, 18),
        shown=date(2025, 11, 19),
        version=2,
        links=(
            Link("code", "javascript:alert(1)"),
            Link("project", text),
            Link("page", 'https://a.example/"onclick="alert(1)'),
            Link("<b>", "https://a.example/<script>"),
        ),
        licence=text,
        page=text,
        rank=1,
        file=text,
    )


def pages_with(site: Site, text: str) -> Iterator[tuple[str, Element]]:
    """Every page on which the paper appears, and lists of it in every density."""
    paper = site.page("/day/2025-11-19").one("h3").one("a")["href"]
    asked = quote(text[:200])
    for path in ("/", "/week/2025-W47", paper, f"/search?q={asked}", f"/search?q=cat%3A{asked}"):
        yield path, site.page(path)
    interest, shelf = site.parts.catalogue.interests(site.reader)[0], site.shelf.slug
    for path in (
        "/for-me",
        "/interests",
        f"/interests/{interest.slug}",
        f"/interests/{interest.slug}?held={asked}&of=3",
        f"/interests/which?paper={quote(site.first_id)}&back={asked}",
        "/library",
        "/kept",
        f"/kept?q={asked}",
        f"/collections/{shelf}?q={asked}",
        f"/shared/{SECRET}",
    ):
        yield path, site.page(path)
    for path in (f"/day/{asked}", f"/papers/{asked}", f"/{asked}"):
        yield path, site.page(path, 404)
    for density in ("titles", "full"):
        site.client.post("/preferences", data={"density": density})
        for path in ("/", f"/search?q={asked}&fragment=1&typing=1"):
            yield path, site.page(path)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_texts_are_words_on_every_page(site: Site, kind: str) -> None:
    text = HOSTILE[kind]
    site.put(record_of(text))
    own(site, f"lamp {text}", text)
    for path, page in pages_with(site, text):
        assert_harmless(page, path)
    citation = site.page("/").one("h3").one("a")["href"] + ".bib"
    answer = site.client.get(citation)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/x-bibtex")


@pytest.mark.parametrize("kind", ["script", "closing", "quotes", "entities", "templates"])
def test_a_hostile_title_is_read_as_it_was_written(site: Site, kind: str) -> None:
    title = HOSTILE[kind]
    site.put(Record("jsonl", "hostile", title, shown=date(2025, 11, 19)))
    front = site.page("/")
    assert HOSTILE[kind].split()[0].strip("{`") in front.one("h3").text
    page = site.page(front.one("h3").one("a")["href"])
    for shown in (page.one("h1"), page.one("title")):
        assert title.split()[0].strip("{`") in shown.text


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_imported_holds_nothing_that_turns_the_page_around(
    site: Site, tmp_path: Path, kind: str
) -> None:
    text = HOSTILE[kind]
    paper = {
        "title": text,
        "abstract": f"{text} and {text}",
        "authors": [text[:500], {"name": "Ada Wick", "affiliation": text[:400]}],
        "categories": [text, "cs.LG"],
        "organization": text[:400],
        "published": "2025-11-19",
        "licence": text[:400],
    }
    file = tmp_path / "hostile.jsonl"
    file.write_text(json.dumps(paper) + "\n")
    if not import_files(site.parts.store, [file]).new:
        assert site.parts.catalogue.holdings().quarantined == 1  # refused, and kept aside
        return
    site.parts.index.catch_up(site.parts.store)
    for path in ("/", "/search?q=lamp", site.page("/").one("h3").one("a")["href"]):
        page = site.page(path)
        assert_harmless(page, path)
        assert not UNSEEN.search(page.raw_text), path
        for element in page.walk():
            assert not any(UNSEEN.search(value) for value in element.attributes.values()), path


def test_a_hostile_reader_s_query_is_only_quoted(library: Site) -> None:
    for text in HOSTILE.values():
        page = library.page("/search?q=" + quote(text))
        assert_harmless(page, "/search")
        assert page.one("input", id="q")["value"] == text
