"""The list under the search box: by keys, by hand, on a phone, and what it never does."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, Route, expect

from .conftest import OpenReader
from .test_looking import AXE, RULES

pytestmark = pytest.mark.browser
OPTIONS = "#suggestions [role=option]"


def typed(page: Page, text: str) -> Page:
    page.locator("#q").press_sequentially(text)
    expect(page.locator(OPTIONS).first).to_be_visible()
    return page


def answer(route: Route, *lines: tuple[str, str, str]) -> None:
    suggestions = [
        {
            "kind": kind,
            "text": text,
            "note": "",
            "to": to,
            "query": None if kind == "title" else text,
        }
        for kind, text, to in lines
    ]
    route.fulfill(json={"suggestions": suggestions})


def test_keys_move_through_the_list_and_enter_leads_to_the_paper(read: OpenReader) -> None:
    reader = read()
    page = typed(reader.go("/about"), "learning")
    box = page.get_by_role("combobox", name="Search papers")
    expect(box).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("listbox", name="Suggestions")).to_be_visible()
    expect(page.locator(".search [role=status]")).to_have_text(re.compile(r"\d suggestions?"))
    options = page.locator(OPTIONS)
    for key, place in (("ArrowDown", 0), ("ArrowDown", 1), ("ArrowUp", 0)):
        box.press(key)
        expect(options.nth(place)).to_have_attribute("aria-selected", "true")
        expect(page.locator("#suggestions [aria-selected=true]")).to_have_count(1)
        expect(box).to_have_attribute("aria-activedescendant", f"suggestion-{place}")
    box.press("ArrowUp")
    expect(page.locator("#suggestions [aria-selected=true]")).to_have_count(0)
    box.press("ArrowUp")
    expect(options.last).to_have_attribute("aria-selected", "true")
    expect(box).to_be_focused()
    expect(box).to_have_value("learning")

    title = page.locator("#suggestions [role=group][aria-label=Titles] [role=option]").first
    words = title.locator(".text").inner_text()
    box.press("ArrowDown")
    while title.get_attribute("aria-selected") != "true":
        box.press("ArrowDown")
    box.press("Enter")
    expect(page.locator("h1")).to_contain_text(words[:20])
    expect(page).to_have_url(re.compile(r"/papers/"))
    assert reader.complaints == []
    assert all(url.startswith(reader.base + "/") for url in reader.requests)


def test_escape_closes_the_list_first_and_enter_searches_for_what_stands_there(
    read: OpenReader,
) -> None:
    reader = read()
    page = typed(reader.go("/about"), "learning")
    box = page.locator("#q")
    box.press("Escape")
    expect(page.locator("#suggestions")).to_be_hidden()
    expect(box).to_be_focused()
    expect(box).to_have_value("learning")
    expect(box).to_have_attribute("aria-expanded", "false")
    box.press("ArrowDown")
    expect(page.locator(OPTIONS).first).to_be_visible()
    box.press("Enter")
    expect(page).to_have_url(f"{reader.base}/search?q=learning")
    expect(page.locator("#suggestions")).to_be_hidden()


def test_a_press_on_a_line_leads_there_and_leaving_the_box_closes_the_list(
    read: OpenReader,
) -> None:
    reader = read(width=390)
    page = typed(reader.go("/about"), "learn")
    page.locator("#q").blur()
    expect(page.locator("#suggestions")).to_be_hidden()
    page.route("**/suggest?**", lambda route: answer(route, ("category", "cat:cs.LG", "/about?x")))
    page.locator("#q").press("ArrowDown")
    expect(page.locator(OPTIONS)).to_have_count(1)  # those of before are gone
    page.locator(OPTIONS).click()
    expect(page).to_have_url(f"{reader.base}/about?x")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_list_is_accessible_and_stays_on_the_page(
    read: OpenReader, scheme: str, width: int
) -> None:
    page = typed(read(width=width, color_scheme=scheme).go("/about"), "learn")
    page.locator("#q").press("ArrowDown")
    page.evaluate(AXE)
    found = page.evaluate(
        "rules => axe.run('.search', {runOnly: rules, resultTypes: ['violations']})", RULES
    )
    assert found["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    shown = page.locator("#suggestions").bounding_box()
    assert shown is not None
    assert shown["x"] >= 0
    assert shown["x"] + shown["width"] <= width
    for line in page.locator(OPTIONS).all():
        box = line.bounding_box()
        assert box is not None
        assert box["height"] >= 24


def test_titles_are_text_whatever_they_say(read: OpenReader) -> None:
    hostile = "<img src=x onerror=alert(1)><script>alert(1)</script>"
    reader = read()
    page = reader.go("/about")
    page.route("**/suggest?**", lambda route: answer(route, ("title", hostile, "/about")))
    typed(page, "x")
    expect(page.locator(f"{OPTIONS} .text")).to_have_text(hostile)
    assert page.locator("#suggestions img, #suggestions script").count() == 0
    assert reader.complaints == []


def test_an_answer_that_comes_late_is_dropped(read: OpenReader) -> None:
    page = read().go("/about")
    late: list[Route] = []

    def keep(route: Route) -> None:
        late.append(route)

    page.route("**/suggest?q=slow", keep)
    page.route(
        "**/suggest?q=slower", lambda route: answer(route, ("past", "slower still", "/about"))
    )
    with page.expect_request("**/suggest?q=slow"):
        page.locator("#q").fill("slow")
    page.locator("#q").fill("slower")
    expect(page.locator(OPTIONS)).to_have_text(["slower still"])
    for route in late:
        route.fulfill(json={"suggestions": []})
    expect(page.locator(OPTIONS)).to_have_text(["slower still"])
    page.locator("#q").fill("")
    expect(page.locator("#suggestions")).to_be_hidden()


def test_who_moves_in_the_list_keeps_it_whatever_comes_late(read: OpenReader) -> None:
    page = read().go("/about")
    late: list[Route] = []

    def keep(route: Route) -> None:
        late.append(route)

    page.route("**/suggest?q=slow", lambda route: answer(route, ("past", "slow food", "/about")))
    page.route("**/suggest?q=slower", keep)
    page.locator("#q").fill("slow")
    expect(page.locator(OPTIONS)).to_have_text(["slow food"])
    with page.expect_request("**/suggest?q=slower"):
        page.locator("#q").fill("slower")
    page.locator("#q").press("ArrowDown")
    for route in late:
        answer(route, ("past", "slower still", "/about?late"))
    page.evaluate("() => fetch('/about')")  # behind it on its way
    expect(page.locator(OPTIONS)).to_have_text(["slow food"])
    expect(page.locator(OPTIONS)).to_have_attribute("aria-selected", "true")


def test_a_server_that_does_not_answer_leaves_the_box_as_it_is(read: OpenReader) -> None:
    reader = read()
    page = reader.go("/about")
    page.route("**/suggest?**", lambda route: route.fulfill(status=503, body="no"))
    with page.expect_response("**/suggest?**"):
        page.locator("#q").fill("learn")
    expect(page.locator("#suggestions")).to_be_hidden()
    assert [one for one in reader.complaints if "503" not in one] == []


@pytest.mark.usefixtures("usual")
def test_searches_are_remembered_only_for_who_wishes_it_and_until_they_say_so(
    read: OpenReader,
) -> None:
    reader = read()
    page = reader.go("/about")
    asked: list[str] = []
    page.on(
        "request",
        lambda one: asked.append(one.post_data or "") if "/queries/" in one.url else None,
    )
    page.locator("#q").fill("learning of kites")
    page.locator("#q").press("Enter")
    expect(page.locator("h1")).to_contain_text("kites")
    assert asked == []

    def history(choice: str) -> None:
        page.locator(".display summary").click()
        page.get_by_role("group", name="Remember my searches").get_by_label(choice).check()
        page.get_by_role("button", name="Keep").click()
        expect(page.locator("html")).to_have_attribute("data-history", choice)

    history("on")
    page.locator("#q").fill("learning of lamps")
    with page.expect_response("**/queries/past") as kept:
        page.locator("#q").press("Enter")
    assert kept.value.status == 204
    assert asked == ["q=learning+of+lamps"]
    page.goto(f"{reader.base}/about")
    typed(page, "learning of la")
    mine = page.locator("#suggestions [role=group][aria-label='You searched'] [role=option]")
    expect(mine).to_have_text(["learning of lamps"])
    page.locator("#q").blur()
    page.locator(".display summary").click()
    page.get_by_role("button", name="Forget my searches").click()
    expect(page).to_have_url(re.compile(r"/search\?q=learning\+of\+la"))
    forgotten = page.request.get(f"{reader.base}/suggest?q=").text()
    assert json.loads(forgotten) == {"suggestions": []}
    history("off")
    expect(page.get_by_role("button", name="Forget my searches")).to_have_count(0)


def test_without_script_the_box_is_a_form(read: OpenReader) -> None:
    page = read(java_script_enabled=False).go("/")
    expect(page.get_by_role("searchbox")).to_be_visible()
    expect(page.locator("#suggestions")).to_have_count(0)
