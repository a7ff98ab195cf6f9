"""Reading with a browser: as one types, by keys, and without script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from .conftest import QUERY, OpenReader, running

pytestmark = pytest.mark.browser


def test_results_come_as_one_types_and_are_there_again_after_reading_a_paper(
    read: OpenReader,
) -> None:
    reader = read()
    page = reader.go("/")
    front = page.locator("h1").inner_text()
    page.locator("#q").press_sequentially("autoenco")
    expect(page.locator("h1")).to_contain_text("autoenco")
    page.locator("#q").press_sequentially("ders")
    expect(page.locator("h1")).to_contain_text("autoencoders")
    expect(page).to_have_title("autoencoders – search · Broadsheet")
    expect(page.locator(".sections [aria-current]")).to_have_text("Search")
    expect(page.locator("#said")).to_have_text(re.compile(r"\d+ papers found"))
    expect(page.locator("#q")).to_be_focused()
    assert "autoencoder" in page.locator("mark").first.inner_text().lower()
    titles = page.locator(".entry h3").all_inner_texts()

    page.locator(".entry h3 a").nth(1).click()
    expect(page.locator("h1")).to_have_text(titles[1], use_inner_text=True)
    page.go_back()
    expect(page.locator(".entry h3")).to_have_text(titles, use_inner_text=True)
    expect(page.locator("#q")).to_have_value("autoencoders")
    page.go_back()
    expect(page.locator("h1")).to_have_text(front)
    expect(page).to_have_url(f"{reader.base}/")
    assert reader.complaints == []


def test_what_is_typed_last_is_what_is_shown(read: OpenReader) -> None:
    page = read().go("/search")
    for text in ("a", "auto", "zeppelinry", QUERY, ""):
        page.locator("#q").fill(text)
    expect(page.locator("h1")).to_have_text("Search")
    page.locator("#q").fill("zeppelinry")
    expect(page.locator("main")).to_contain_text("Nothing found")
    page.locator("#q").fill(QUERY)
    expect(page.locator("h1")).to_contain_text(QUERY)


def test_an_answer_that_is_overtaken_is_given_up(read: OpenReader) -> None:
    page = read().go("/search")
    page.route("**/search?q=slow*", lambda route: None)  # this one is never answered
    with page.expect_request("**/search?q=slow*"):
        page.locator("#q").fill("slow")
    with page.expect_event("requestfailed", lambda request: "q=slow" in request.url):
        page.locator("#q").fill(QUERY)
    expect(page.locator("h1")).to_contain_text(QUERY)


def test_the_next_page_goes_on_with_what_was_typed(read: OpenReader) -> None:
    page = read().go("/")
    page.locator("#q").press_sequentially("lear")
    expect(page.locator("h1")).to_contain_text("lear")
    total = page.locator(".ledger strong").inner_text()
    first = page.locator(".entry h3").all_inner_texts()
    page.locator(".turn a[rel=next]").click()
    expect(page.locator(".turn span")).to_have_text(f"26–50 of {total}")
    assert not set(first) & set(page.locator(".entry h3").all_inner_texts())


def test_enter_asks_at_once(read: OpenReader) -> None:
    reader = read()
    page = reader.go("/")
    page.locator("#q").fill(QUERY)
    page.locator("#q").press("Enter")
    expect(page).to_have_url(f"{reader.base}/search?q={QUERY}")
    expect(page.locator("h1")).to_contain_text(QUERY)


def test_where_the_server_is_gone_the_page_stays(read: OpenReader) -> None:
    reader = read()
    page = reader.go("/")
    title = page.locator("h1").inner_text()
    page.route("**/search**", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.locator("#q").fill(QUERY)
    expect(page.locator("h1")).to_have_text(title)
    assert [one for one in reader.complaints if "Failed to load resource" not in one] == []


def test_without_script_search_is_a_form_and_papers_are_links(read: OpenReader) -> None:
    reader = read(java_script_enabled=False)
    page = reader.go("/")
    expect(page.locator(".keys")).to_be_hidden()
    page.get_by_role("searchbox").fill(QUERY)
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(f"{reader.base}/search?q={QUERY}")
    titles = page.locator(".entry h3").all_inner_texts()
    page.locator(".entry h3 a").first.click()
    expect(page.locator("h1")).to_have_text(titles[0], use_inner_text=True)
    page.go_back()
    expect(page.locator(".entry h3")).to_have_text(titles, use_inner_text=True)


@pytest.mark.parametrize("script", [True, False])
def test_an_abstract_opens_in_place(read: OpenReader, script: bool) -> None:
    reader = read(java_script_enabled=script)
    page = reader.go("/undated")
    entry = page.locator(".entry:has(details.text > p)").first
    rest = entry.locator("details.text > p")
    expect(rest).to_be_hidden()
    entry.locator("details.text > summary").click()
    expect(rest).to_be_visible()
    expect(page).to_have_url(f"{reader.base}/undated")
    entry.locator("details.text > summary").click()
    expect(rest).to_be_hidden()


@pytest.mark.parametrize("script", [True, False])
def test_the_reasons_open_in_place(read: OpenReader, script: bool) -> None:
    page = read(java_script_enabled=script).go(f"/search?q={QUERY}")
    why = page.locator("details.why").first
    expect(why.locator("tfoot")).to_be_hidden()
    why.locator("summary").click()
    expect(why.locator("tfoot")).to_contain_text("score")


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.usefixtures("usual")
def test_the_display_form_changes_paper_and_lists_and_comes_back(
    read: OpenReader, script: bool
) -> None:
    reader = read(java_script_enabled=script, color_scheme="dark")
    page = reader.go(f"/search?q={QUERY}")
    body = page.locator("body")
    expect(body).to_have_css("background-color", "rgb(23, 22, 19)")
    expect(page.locator("details.text").first).to_be_visible()
    page.locator(".display summary").click()
    page.get_by_label("light", exact=True).check()
    page.get_by_label("titles", exact=True).check()
    page.get_by_role("button", name="Keep").click()
    expect(page).to_have_url(f"{reader.base}/search?q={QUERY}")
    expect(body).to_have_css("background-color", "rgb(251, 249, 244)")
    expect(page.locator("details.text")).to_have_count(0)
    expect(page.locator(".display")).not_to_have_attribute("open", "")


@pytest.mark.usefixtures("usual")
def test_the_display_form_comes_back_to_what_was_typed(read: OpenReader) -> None:
    reader = read()
    page = reader.go("/")
    page.locator("#q").press_sequentially(QUERY)
    expect(page.locator("h1")).to_contain_text(QUERY)
    page.locator("#q").press("Escape")  # the suggestions lie above the form
    page.locator(".display summary").click()
    page.get_by_role("button", name="Keep").click()
    expect(page).to_have_url(re.compile(rf"/search\?q={QUERY}"))
    expect(page.locator("h1")).to_contain_text(QUERY)


def test_the_sample_goes_at_a_click(read: OpenReader, tmp_path: Path) -> None:
    with running(tmp_path / "data") as address:
        page = read(at=address, java_script_enabled=False).go("/")
        page.get_by_role("button", name="Remove the sample").click()
        expect(page.locator("h1")).to_have_text("Nothing to read yet")
        expect(page).to_have_url(f"{address}/")


# --- keys ---------------------------------------------------------------------------------------


def test_keys_move_through_the_list_and_open_what_is_there(read: OpenReader) -> None:
    reader = read()
    page = reader.go("/")
    titles = page.locator(".entry h3 a")
    expect(page.locator(".keys")).to_be_visible()
    page.keyboard.press("j")
    expect(titles.nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(titles.nth(2)).to_be_focused()
    expect(titles.nth(2)).to_be_in_viewport()
    page.keyboard.press("k")
    expect(titles.nth(1)).to_be_focused()
    abstract = page.locator(".entry").nth(1).locator("details.text")
    page.keyboard.press("e")
    expect(abstract).to_have_attribute("open", "")
    page.keyboard.press("e")
    expect(abstract).not_to_have_attribute("open", "")
    name = titles.nth(1).inner_text()
    page.keyboard.press("o")
    expect(page.locator("h1")).to_have_text(name, use_inner_text=True)
    assert reader.complaints == []


def test_the_first_key_up_goes_to_the_first_paper_and_the_last_down_stays(
    read: OpenReader,
) -> None:
    page = read().go(f"/search?q={QUERY}")
    titles = page.locator(".entry h3 a")
    page.keyboard.press("k")
    expect(titles.first).to_be_focused()
    for _ in range(titles.count() + 1):
        page.keyboard.press("j")
    expect(titles.last).to_be_focused()


def test_slash_goes_to_the_search_box_where_keys_are_letters(read: OpenReader) -> None:
    page = read().go("/about")
    page.keyboard.press("/")
    box = page.locator("#q")
    expect(box).to_be_focused()
    page.keyboard.type("joke/")
    expect(box).to_have_value("joke/")
    page.keyboard.press("Escape")
    expect(box).not_to_be_focused()


def test_keys_go_on_from_the_entry_one_is_at(read: OpenReader) -> None:
    page = read().go("/")
    page.locator(".entry h3 a").nth(3).focus()
    page.keyboard.press("j")
    expect(page.locator(".entry h3 a").nth(4)).to_be_focused()


def test_keys_with_control_are_the_browser_s(read: OpenReader) -> None:
    page = read().go("/")
    page.keyboard.press("Control+j")
    page.keyboard.press("Alt+k")
    expect(page.locator(".entry h3 a:focus")).to_have_count(0)


@pytest.mark.usefixtures("usual")
def test_keys_of_one_letter_can_be_turned_off(read: OpenReader) -> None:
    page = read().go("/")
    page.locator(".display summary").click()
    page.get_by_role("group", name="Keys of one letter").get_by_label("off").check()
    page.get_by_role("button", name="Keep").click()
    expect(page.locator("html")).to_have_attribute("data-keys", "off")
    expect(page.locator(".keys")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("/")
    expect(page.locator(".entry h3 a:focus")).to_have_count(0)
    expect(page.locator("#q")).not_to_be_focused()


def test_tab_reaches_everything_in_the_order_of_the_page(read: OpenReader) -> None:
    page = read().go("/")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(".days a").first).to_be_focused()
