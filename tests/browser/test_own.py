"""A reader's own pages in a browser: an interest made and taught with keys, mixed, and looked at.

With `BROADSHEET_TEST_PICTURES=1` the last test takes the documentation's pictures anew; the pages
then hold the sample library only, so that no text of others is in them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from .conftest import OpenReader, Reader, running
from .test_looking import EVERY_LOOK, OPEN_ALL, looks_of, violations

pytestmark = pytest.mark.browser
DOCS = Path(__file__).parents[2] / "docs"
LARGEST_PICTURE = 250 * 1024
SEARCHES = {
    "Time series": "time series forecasting",
    "Neural collapse": "neural collapse",
    "Autoencoders": "sparse autoencoder features",
}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[str]:
    """The address of a Broadsheet with the sample library and three interests made of searches."""
    with running(tmp_path_factory.mktemp("own") / "data") as address:
        page = browser.new_page()
        for query in SEARCHES.values():
            page.goto(f"{address}/search?q={query}")
            page.get_by_role("button", name="Make an interest of this search").click()
            expect(page.locator("h1")).to_have_text(query)
        for name, query in SEARCHES.items():
            page.goto(f"{address}/interests/{query.replace(' ', '-')}")
            page.get_by_label("Name").fill(name)
            page.get_by_label("Threshold").fill("20")
            page.get_by_role("button", name="Keep", exact=True).last.click()
            expect(page.locator("h1")).to_have_text(name)
        page.close()
        yield address


def titles(page: Page) -> list[str]:
    return page.locator("main .entry h3").all_inner_texts()


def entry_at(page: Page) -> Locator:
    """The entry that one stands on."""
    return page.locator(".entry:has(:focus)")


def done(page: Page) -> Locator:
    return page.locator(".deed p")


def test_an_interest_is_taught_by_keys_alone_and_each_is_undone(read: OpenReader, own: str) -> None:
    reader = read(at=own)
    page = reader.go("/interests/time-series-forecasting?order=relevance")
    before = titles(page)
    assert len(before) >= 5  # it was made of three
    for _ in before:
        page.keyboard.press("j")
    last = entry_at(page).locator("h3").inner_text()
    place = "#" + (entry_at(page).get_attribute("id") or "")
    assert last == before[-1]
    score = page.locator(f"{place} .why tfoot td")
    worth = float(score.text_content() or "")

    page.keyboard.press("m")
    expect(done(page)).to_have_text(re.compile("^More like “.*” in “Time series”"))
    assert float(score.text_content() or "") > worth
    expect(page).to_have_url(re.compile("order=relevance"))  # the page was not left
    expect(page.locator("#said")).to_contain_text("More like")

    page.keyboard.press("z")
    expect(page.locator("#said")).to_have_text(re.compile("Undone|Changed|Made"))
    assert titles(page) == before

    for key in "jx":
        page.keyboard.press(key)
    expect(done(page)).to_contain_text("Less like")
    assert titles(page) != before
    page.keyboard.press("z")
    expect(page.locator(".lessons")).to_have_count(1)  # nothing is against it any more
    assert titles(page) == before

    page.keyboard.press("j")
    name = entry_at(page).locator("h3").inner_text()
    page.keyboard.press("u")
    expect(done(page)).to_contain_text("Voted for")
    expect(entry_at(page).locator("h3")).to_have_text(name, use_inner_text=True)
    expect(entry_at(page).locator('[data-key="u"]')).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("z")
    expect(page.locator('[data-key="u"][aria-pressed="true"]')).to_have_count(0)
    assert reader.complaints == []
    assert [url for url in reader.requests if not url.startswith(own + "/")] == []


def slide(page: Page, name: str, value: str) -> None:
    page.locator(f'form.mix input[name="{name}"]').fill(value)


def sections(page: Page) -> list[str]:
    return page.locator(".entry .kicker").all_inner_texts()


@pytest.mark.parametrize("script", [True, False])
def test_shares_are_slid_mixed_and_reset(read: OpenReader, own: str, script: bool) -> None:
    reader = read(at=own, java_script_enabled=script)
    page = reader.go("/for-me")
    assert set(SEARCHES) <= set(sections(page))
    for slug in ("time-series-forecasting", "neural-collapse"):
        slide(page, f"share-{slug}", "0")
    slide(page, "exploration", "0")
    page.get_by_role("button", name="Mix so").click()
    expect(page.locator(".deed p")).to_have_text("Changed how the page is mixed.")
    assert set(sections(page)) == {"Autoencoders"}
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".deed p")).to_have_text("Reset the page.")
    assert set(SEARCHES) <= set(sections(page))
    page.locator(".why summary").first.click()
    expect(page.locator(".why tfoot").first).to_be_visible()
    assert reader.complaints == []


def test_what_adds_up_is_shown_in_sums_that_are_right(read: OpenReader, own: str) -> None:
    page = read(at=own).go("/for-me")
    page.evaluate(OPEN_ALL)
    tables = page.locator(".why table").all()
    assert len(tables) >= 5
    for table in tables:
        parts = [float(part) for part in table.locator("tbody td").all_inner_texts()]
        score = float(table.locator("tfoot td").inner_text())
        assert abs(sum(parts) - score) < 0.006 + 0.005 * len(parts)


@pytest.fixture(scope="module")
def own_places(own: str, browser: Browser) -> dict[str, str]:
    """An address of each kind of page that is the reader's own."""
    page = browser.new_page()
    page.goto(f"{own}/for-me")
    paper = page.locator(".entry h3 a").first.get_attribute("href") or ""
    identifier = page.locator(".entry").first.get_attribute("data-paper") or ""
    page.goto(own + paper)
    page.get_by_label("Note, for you alone").fill("Compare with the baseline of last year.")
    page.get_by_role("button", name="Keep the note").click()
    page.get_by_label("new collection").fill("To cite")
    page.get_by_role("button", name="Put it there").click()
    page.goto(f"{own}/collections/to-cite")
    page.get_by_role("button", name="Share by a secret address").click()
    shared = page.locator('a[href^="/shared/"]').get_attribute("href") or ""
    page.close()
    return {
        "for me": "/for-me",
        "interests": "/interests",
        "interest": "/interests/neural-collapse",
        "best first": "/interests/sparse-autoencoder-features?order=relevance",
        "which": f"/interests/which?paper={identifier}",
        "library": "/library",
        "kept": "/kept?q=baseline",
        "collection": "/collections/to-cite",
        "shared": shared,
        "paper": paper,
    }


def test_axe_finds_nothing_on_a_reader_s_own_pages(
    read: OpenReader, own: str, own_places: dict[str, str]
) -> None:
    reader = read(at=own)
    for kind, path in own_places.items():
        page = reader.go(path)
        page.evaluate(OPEN_ALL)
        for rules in looks_of(page, EVERY_LOOK):
            assert violations(page, rules) == [], kind
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), kind
    assert reader.complaints == []


@pytest.mark.parametrize("width", [320, 1280])
def test_own_pages_need_no_scrolling_sideways(
    read: OpenReader, own: str, own_places: dict[str, str], width: int
) -> None:
    reader = read(width=width, at=own)
    for kind, path in own_places.items():
        page = reader.go(path)
        page.evaluate(OPEN_ALL)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, kind


def test_on_a_phone_what_is_done_with_a_paper_can_be_hit(read: OpenReader, own: str) -> None:
    page = read(width=390, at=own).go("/for-me")
    pressed = page.locator(".deeds button").all()
    assert len(pressed) >= 8
    for button in pressed[:8]:
        box = button.bounding_box()
        assert box is not None
        assert box["height"] >= 24


def test_pictures_of_them_are_small(
    read: OpenReader, own: str, own_places: dict[str, str], tmp_path: Path
) -> None:
    reader: Reader = read(at=own)
    folder = DOCS if os.environ.get("BROADSHEET_TEST_PICTURES") else tmp_path
    for name, kind in (("for-me.png", "for me"), ("interest.png", "best first")):
        page = reader.go(own_places[kind])
        page.evaluate("document.querySelector('.deed')?.remove()")
        page.set_viewport_size({"width": 1280, "height": 900})
        page.screenshot(path=folder / name)
        assert 10_000 < (folder / name).stat().st_size <= LARGEST_PICTURE
