"""The map in a real browser: found, zoomed, framed by mouse and by keyboard, and what is sent."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import OpenReader, command, running
from .test_looking import AXE, LOOKS, looks_of

pytestmark = pytest.mark.browser
SAMPLE = 327


@pytest.fixture(scope="module")
def mapped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Broadsheet with the sample library and its map."""
    data = tmp_path_factory.mktemp("mapped") / "data"
    for words in (("sample", "add"), ("map", "build")):
        subprocess.run(command(*words, "--data", str(data)), check=True, timeout=120)
    with running(data) as address:
        yield address


def opened(read: OpenReader, mapped: str, path: str = "/map", **options: object) -> Page:
    page = read(at=mapped, **options).go(path)
    expect(page.locator("#map")).to_have_attribute("data-ready", "true")
    return page


def box_of(field: Locator) -> dict[str, float]:
    field.scroll_into_view_if_needed()
    box = field.bounding_box()
    assert box is not None
    return {"x": box["x"], "y": box["y"], "width": box["width"], "height": box["height"]}


# The map asked for half as near again, or nearer.
NEARER = re.compile(r"1\.[5-9]\d|[2-9]\d?\.\d+")


def zoom_of(page: Page) -> float:
    return float(page.locator("#map").get_attribute("data-zoom") or 0)


def test_words_light_points_up_and_going_away_puts_them_out(read: OpenReader, mapped: str) -> None:
    page = opened(read, mapped)
    page.locator("#find").press_sequentially("autoencoder")
    expect(page.locator("#found")).to_contain_text("lit")
    lit = int(page.locator("#map").get_attribute("data-lit") or 0)
    assert 0 < lit < SAMPLE
    assert page.locator("#found").inner_text() == f"{lit} paper{'s' if lit > 1 else ''} lit"
    page.locator("#find").fill("zeppelinry")
    expect(page.locator("#found")).to_contain_text("None")
    page.locator("#find").fill("")
    expect(page.locator("#found")).to_be_empty()
    expect(page.locator("#map")).to_have_attribute("data-lit", "0")


def test_a_frame_drawn_by_mouse_fills_the_form(read: OpenReader, mapped: str) -> None:
    page = opened(read, mapped)
    box = box_of(page.locator(".field"))
    page.get_by_role("button", name="Frame papers").click()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5, steps=4)
    page.mouse.up()
    form = page.locator("#chosen form")
    expect(form).to_be_visible()
    # All of the map is in the frame; fifty stand for them.
    expect(page.locator("#chosen h2")).to_have_text(f"{SAMPLE} papers in the frame")
    ticks = form.locator("input[name=for]")
    expect(ticks).to_have_count(50)
    ids = ticks.evaluate_all("all => all.map((one) => one.value)")
    assert len(set(ids)) == 50
    assert form.get_attribute("action") == "/interests/new"
    assert form.get_attribute("method") == "post"
    assert form.locator("input[name=name]").input_value()
    ticks.first.uncheck()
    sent = form.evaluate(
        "form => [...new FormData(form)].filter(([name]) => name === 'for').length"
    )
    assert sent == 49
    page.locator(".field").press("Escape")
    expect(page.locator("#chosen")).to_be_hidden()


def drag(page: Page, *corners: tuple[float, float]) -> None:
    """The mouse along a line, pressed."""
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=6)
    page.mouse.up()


def ids(page: Page) -> set[str]:
    """The papers that the form would send."""
    ticks = page.locator("#chosen form input[name=for]")
    expect(ticks.first).to_be_attached()
    return set(ticks.evaluate_all("all => all.map((one) => one.value)"))


def framed(page: Page, words: str) -> int:
    """How many papers the page says are in it."""
    heading = page.locator("#chosen h2")
    expect(heading).to_have_text(re.compile(rf"^\d+ papers? {words}$"))
    return int(heading.inner_text().split()[0])


def test_a_line_drawn_by_hand_takes_what_is_within_it_and_no_more(
    read: OpenReader, mapped: str
) -> None:
    """Two triangles are a rectangle: what is in each is in the frame, and in one of them only."""
    page = opened(read, mapped)
    field = page.locator(".field")
    box = box_of(field)
    left, top = box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.25
    right, bottom = box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.75
    page.keyboard.down("Shift")
    drag(page, (left, top), (right, bottom))
    page.keyboard.up("Shift")
    every = framed(page, "in the frame")
    button = page.get_by_role("button", name="Circle papers")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    parts = []
    for corner in ((right, top), (left, bottom)):
        drag(page, (left, top), corner, (right, bottom))
        parts.append(framed(page, "within the line"))
    assert min(parts) > 0
    assert sum(parts) == every
    # By Alt as well, whatever the buttons say; the whole of it is given to the form.
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    page.keyboard.down("Alt")
    drag(page, (left, top), (right, top), (right, bottom), (left, bottom))
    page.keyboard.up("Alt")
    assert framed(page, "within the line") == every
    assert len(ids(page)) == min(50, every)
    assert page.locator("#chosen input[name=name]").input_value()
    # Dragging moves again, and what was circled stays so.
    zoom = zoom_of(page)
    drag(page, (left, top), (left + 40, top + 30))
    assert (framed(page, "within the line"), zoom_of(page)) == (every, zoom)
    field.press("Escape")
    expect(page.locator("#chosen")).to_be_hidden()


def test_a_finger_draws_a_line_where_the_button_says_so(read: OpenReader, mapped: str) -> None:
    page = opened(read, mapped, width=390, has_touch=True)
    box = box_of(page.locator(".field"))
    page.get_by_role("button", name="Circle papers").tap()
    field = page.locator(".field")
    corners = ((0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95))
    for kind, (across, down) in zip(
        ("pointerdown", *["pointermove"] * 3, "pointerup"), (*corners, corners[-1]), strict=True
    ):
        at = {
            "clientX": box["x"] + box["width"] * across,
            "clientY": box["y"] + box["height"] * down,
        }
        finger = {"pointerId": 1, "pointerType": "touch", "isPrimary": True, "bubbles": True}
        field.evaluate(
            """(field, [kind, options]) => {
                field.setPointerCapture = () => {};
                field.dispatchEvent(new PointerEvent(kind, options));
            }""",
            [kind, {**at, **finger}],
        )
    assert framed(page, "within the line") > SAMPLE / 2


def test_a_frame_grown_by_keys_lists_its_papers_and_enter_opens_one(
    read: OpenReader, mapped: str
) -> None:
    page = opened(read, mapped)
    field = page.locator(".field")
    field.focus()
    before = zoom_of(page)
    page.keyboard.press("+")
    expect(page.locator("#map")).not_to_have_attribute("data-zoom", f"{before:.2f}")
    assert zoom_of(page) > before
    page.keyboard.press("0")
    expect(page.locator("#map")).to_have_attribute("data-zoom", "1.00")
    counts = []
    for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp") * 6:
        page.keyboard.press(f"Shift+{key}")
        counts.append(int(page.locator("#map").get_attribute("data-framed") or 0))
    assert counts == sorted(counts)
    assert counts[-1] > counts[3]
    expect(page.locator("#said")).to_contain_text(f"{counts[-1]} papers in the frame")
    page.keyboard.press("Enter")
    expect(page.locator("#chosen h2")).to_be_focused()
    expect(page.locator("#chosen input[name=for]")).to_have_count(min(50, counts[-1]))
    # Without a frame Enter tells of the paper at the cross, and again opens it.
    field.focus()
    page.keyboard.press("Escape")
    page.locator("#find").fill("sparse autoencoder")
    page.mouse.move(0, 0)
    box = box_of(field)
    spot = first_point(page, box)
    page.mouse.click(*spot)
    link = page.locator("#chosen h2 a")
    expect(link).to_be_visible()
    title = link.inner_text()
    link.click()
    expect(page.locator("h1")).to_have_text(title)


def first_point(page: Page, box: dict[str, float]) -> tuple[float, float]:
    """Somewhere on the map where the browser shows that a point is meant."""
    field = page.locator(".field")
    for down in range(20, int(box["height"]) - 20, 12):
        for right in range(20, int(box["width"]) - 20, 40):
            page.mouse.move(box["x"] + right, box["y"] + down)
            if "on-point" in (field.get_attribute("class") or ""):
                return box["x"] + right, box["y"] + down
    raise AssertionError("no point was met")


def test_dragging_moves_the_wheel_zooms_only_when_the_map_is_in_use(
    read: OpenReader, mapped: str
) -> None:
    page = opened(read, mapped)
    box = box_of(page.locator(".field"))
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.wheel(0, -200)
    assert zoom_of(page) == 1
    page.locator(".field").focus()
    page.mouse.wheel(0, -200)
    expect(page.locator("#map")).to_have_attribute("data-zoom", NEARER)
    page.get_by_role("button", name="Whole").click()
    expect(page.locator("#map")).to_have_attribute("data-zoom", "1.00")
    page.get_by_role("button", name="Zoom in").click()
    expect(page.locator("#map")).to_have_attribute("data-zoom", NEARER)


def test_the_map_is_accessible_in_its_bounds_and_quiet(read: OpenReader, mapped: str) -> None:
    reader = read(at=mapped)
    for path in ("/map", "/map?q=autoencoder", "/map?region=0", "/rising"):
        page = reader.go(path)
        if path.startswith("/map"):
            expect(page.locator("#map")).to_have_attribute("data-ready", "true")
        page.evaluate(AXE)
        for rules in looks_of(page, LOOKS):
            found = page.evaluate(
                "rules => axe.run({runOnly: rules, resultTypes: ['violations']})", rules
            )
            said = [(one["id"], one["nodes"][0]["html"][:150]) for one in found["violations"]]
            assert said == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert reader.complaints == []
    assert [url for url in reader.requests if not url.startswith(mapped)] == []


def test_without_script_the_regions_are_there_and_no_empty_box(
    read: OpenReader, mapped: str
) -> None:
    page = read(at=mapped, java_script_enabled=False).go("/map")
    assert not page.locator("#map").is_visible()
    regions = page.locator(".regions section")
    assert regions.count() >= 2
    regions.first.locator("h2 a").click()
    assert page.locator(".shortlist li").count() > 3
    assert page.locator("form[action='/interests/new'] button").is_visible()
    page.locator("#find").fill("autoencoder")
    page.get_by_role("button", name="Find").click()
    assert page.locator("h1").inner_text().startswith("autoencoder")


def test_its_picture_for_the_documentation_is_small(
    read: OpenReader, mapped: str, tmp_path: Path
) -> None:
    page = opened(read, mapped)
    page.screenshot(path=tmp_path / "map.png")
    assert 20_000 < (tmp_path / "map.png").stat().st_size <= 300_000
