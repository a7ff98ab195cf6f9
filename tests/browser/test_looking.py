"""Every kind of page as a browser sees it: accessible, in its bounds, from this machine alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from .conftest import QUERY, OpenReader

pytestmark = pytest.mark.browser
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OPEN_ALL = "document.querySelectorAll('main details').forEach(one => { one.open = true })"
# On a phone the row of sections is pushed aside; axe looks only at what lies open.
ALL_SECTIONS = (
    "document.querySelectorAll('.sections').forEach(one => { one.style.flexWrap = 'wrap' })"
)
WIDTHS = (320, 390, 1280)
# Those of axe's rules that compare colours.
OF_COLOURS = ("color-contrast", "link-in-text-block")
Scheme = Literal["light", "dark"]
LOOKS: tuple[tuple[Scheme, int], ...] = (("light", 1280), ("dark", 1280), ("light", 390))
EVERY_LOOK: tuple[tuple[Scheme, int], ...] = (*LOOKS, ("dark", 390))


def violations(page: Page, rules: Sequence[str] = RULES) -> list[str]:
    """What axe finds, each with where and why."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    page.evaluate(ALL_SECTIONS)
    found: dict[str, Any] = page.evaluate(
        "rules => axe.run({runOnly: rules, resultTypes: ['violations', 'incomplete']})", rules
    )
    unsure = [
        # A sign alone, as in a formula, is too little for axe to tell the colours.
        {**rule, "nodes": [node for node in rule["nodes"] if not _is_sign(node)]}
        for rule in found["incomplete"]
        if rule["id"] == "color-contrast"
    ]
    return [
        f"{rule['id']}: {node['html'][:200]} ({node['failureSummary']})"
        for rule in (*found["violations"], *unsure)
        for node in rule["nodes"]
    ]


def looks_of(page: Page, looks: Sequence[tuple[Scheme, int]]) -> Iterator[Sequence[str]]:
    """Shows a loaded page in each scheme and width in turn; gives the rules to hold it to.

    In a width seen before only colours are other than they were: no other rule could say more.
    """
    seen = set()
    for scheme, width in looks:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 900})
        yield OF_COLOURS if width in seen else RULES
        seen.add(width)


def _is_sign(node: dict[str, Any]) -> bool:
    told: str = node["failureSummary"]
    return node["html"].startswith("<m") or "only non-text characters" in told


def test_axe_finds_nothing_on_any_page(read: OpenReader, places: dict[str, str]) -> None:
    reader = read()
    for kind, path in places.items():
        page = reader.go(path)
        page.evaluate(OPEN_ALL)
        for rules in looks_of(page, LOOKS):
            assert violations(page, rules) == [], kind


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_display_form_nor_in_results_as_one_types(
    read: OpenReader, scheme: str
) -> None:
    page = read(width=390, color_scheme=scheme).go("/about")
    page.locator(".display summary").click()
    page.evaluate(AXE)
    panel = page.evaluate("axe.run('.display', {resultTypes: ['violations']})")
    assert panel["violations"] == []
    page.locator(".display summary").click()
    page.locator("#q").press_sequentially(QUERY)
    expect(page.locator("h1")).to_contain_text(QUERY)
    page.locator("#q").blur()  # the suggestions close: axe cannot tell colours below them
    page.evaluate(OPEN_ALL)
    assert violations(page) == []


def test_on_a_phone_the_section_one_is_in_can_be_seen(read: OpenReader) -> None:
    reader = read(width=320)
    for path in ("/", "/map", "/ledger", "/about"):
        here = reader.go(path).locator(".sections [aria-current]").bounding_box()
        assert here is not None, path
        assert here["x"] >= 0, path
        assert here["x"] + here["width"] <= 320, path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_shade_of_the_calendar_can_be_read(read: OpenReader, scheme: str) -> None:
    page = read(color_scheme=scheme).go("/month")
    page.evaluate(AXE)
    day = page.locator(".calendar a").first
    for shade in ("heat1", "heat2", "heat3", "heat4"):
        day.evaluate("(day, shade) => { day.className = shade }", shade)
        found = page.evaluate("axe.run('.calendar', {runOnly: ['color-contrast']})")
        assert found["violations"] == [], shade
        assert len(found["passes"]) == 1


COLOURS = """() => {
    const root = getComputedStyle(document.documentElement);
    const names = [...document.styleSheets[0].cssRules[0].style].filter((one) => /^--/.test(one));
    return Object.fromEntries(names.map((one) => [one, root.getPropertyValue(one)]));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_theme_that_is_chosen_looks_as_the_system_s(read: OpenReader, scheme: str) -> None:
    other = "dark" if scheme == "light" else "light"
    system = read(color_scheme=scheme).go("/about").evaluate(COLOURS)
    assert len(system) > 10
    page = read(color_scheme=other).go("/about")
    assert page.evaluate(COLOURS) != system
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", scheme)
    assert page.evaluate(COLOURS) == system


def test_no_page_asks_another_host_or_makes_the_browser_complain(
    read: OpenReader, places: dict[str, str]
) -> None:
    reader = read()
    for path in places.values():
        reader.go(path).evaluate(OPEN_ALL)
    page = reader.go("/")
    page.locator("#q").press_sequentially(QUERY)
    expect(page.locator("h1")).to_contain_text(QUERY)
    assert len(reader.requests) > len(places)
    assert [url for url in reader.requests if not url.startswith(reader.base + "/")] == []
    # The page that is not there is the one thing the browser may say.
    assert [one for one in reader.complaints if "404 (Not Found)" not in one] == []
    assert len(reader.complaints) <= 1


def test_no_page_needs_scrolling_sideways(read: OpenReader, places: dict[str, str]) -> None:
    reader = read()
    for kind, path in places.items():
        page = reader.go(path)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            for opened in (False, True):
                if opened:
                    page.evaluate(OPEN_ALL)
                wide = page.evaluate("document.documentElement.scrollWidth")
                assert wide <= width, f"{kind} at {width}, opened: {opened}"


def test_a_word_that_never_ends_breaks(read: OpenReader) -> None:
    page = read(width=320).go(f"/search?q={'w' * 900}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page = read(width=320).go("/" + "w" * 900)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_letters_twice_as_large_stay_on_the_page(read: OpenReader, places: dict[str, str]) -> None:
    reader = read(width=1280)
    for kind, path in places.items():
        page = reader.go(path)
        page.evaluate("document.documentElement.style.fontSize = '32px'")
        assert page.evaluate("document.documentElement.scrollWidth") <= 1280, kind


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_focus_is_always_seen(read: OpenReader, scheme: str) -> None:
    page = read(color_scheme=scheme).go(f"/search?q={QUERY}")
    seen = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        state = page.evaluate(
            """() => {
                const at = document.activeElement, style = getComputedStyle(at);
                const box = at.getBoundingClientRect();
                return {
                    name: at.outerHTML.slice(0, 80),
                    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
                    shown: box.left >= 0 && box.top >= 0 && box.bottom <= innerHeight,
                };
            }"""
        )
        assert state["outline"] >= 2, state
        assert state["shown"], state
        seen.add(state["name"])
    assert len(seen) > 15


def test_on_a_phone_what_leads_through_the_site_can_be_hit(read: OpenReader) -> None:
    reader = read(width=390)
    for path in ("/", "/about"):
        page = reader.go(path)
        targets = page.locator(".sections > a, .sections summary, .search button, #q").all()
        shown = [target for target in targets if target.is_visible()]
        assert len(shown) >= 7
        for target in shown:
            box = target.bounding_box()
            assert box is not None
            assert box["height"] >= 24, target


@pytest.mark.parametrize("place", ["front page", "results", "paper"])
def test_paper_shows_the_papers_and_nothing_one_could_press(
    read: OpenReader, places: dict[str, str], place: str
) -> None:
    page = read(width=794, color_scheme="dark").go(places[place])
    page.emulate_media(media="print")
    for hidden in (".sections", ".search", "footer", ".margin", "details.why"):
        for one in page.locator(hidden).all():
            expect(one).to_be_hidden()
    expect(page.locator("h1")).to_be_visible()
    expect(page.locator(".nameplate")).to_be_visible()
    # Black on white, whatever the screen shows.
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator("h1")).to_have_css("color", "rgb(0, 0, 0)")
    soft = page.locator(".entry .quiet, .aside").first
    expect(soft).to_have_css("color", "rgb(68, 68, 68)")
    assert page.evaluate("document.documentElement.scrollWidth") <= 794


@pytest.mark.usefixtures("usual")
def test_a_paper_chosen_dark_prints_black_on_white_too(read: OpenReader) -> None:
    page = read().go("/")
    page.locator(".display summary").click()
    page.get_by_label("dark", exact=True).check()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("body")).to_have_css("background-color", "rgb(23, 22, 19)")
    page.emulate_media(media="print")
    expect(page.locator("body")).to_have_css("background-color", "rgb(255, 255, 255)")
    expect(page.locator("h1")).to_have_css("color", "rgb(0, 0, 0)")
