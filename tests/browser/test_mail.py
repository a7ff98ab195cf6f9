"""A mail in a browser: accessible in both colours, in its bounds, asking nobody; and its pages."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import OpenReader, command, running
from .test_looking import EVERY_LOOK, looks_of, violations

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Broadsheet that holds the sample library only, and may send mail."""
    data = tmp_path_factory.mktemp("mail") / "data"
    data.mkdir()
    said = 'mail = "folder"\nmail_from = "daily@papers.example"\n'
    (data / "broadsheet.toml").write_text(said)
    with running(data) as address:
        yield address


def test_axe_finds_nothing_in_a_mail(read: OpenReader, sample: str, tmp_path: Path) -> None:
    reader = read(at=sample)
    page = reader.go("/mail/preview.html")
    assert page.locator("li").count() >= 3
    grounds = []
    for rules in looks_of(page, EVERY_LOOK):
        assert violations(page, rules) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        ground = page.locator("body").evaluate("one => getComputedStyle(one).backgroundColor")
        grounds.append(ground)
    assert grounds == ["rgb(251, 249, 244)", "rgb(23, 22, 19)"] * 2
    assert {url.split("?")[0] for url in reader.requests} <= {
        f"{sample}/mail/preview.html",
        f"{sample}/mail/preview.css",
        f"{sample}/favicon.ico",
    }
    assert page.screenshot(path=tmp_path / "mail.png")


def test_a_mail_without_its_style_can_be_read(read: OpenReader, sample: str) -> None:
    page = read(width=390, at=sample).go("/mail/preview.html")
    page.evaluate("document.querySelectorAll('link, style').forEach(one => one.remove())")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_axe_finds_nothing_on_the_pages_of_mail(read: OpenReader, sample: str) -> None:
    reader = read(at=sample)
    for path in ("/", "/subscribe", "/subscribe/asked", "/mail/preview", "/mail/leave?t=x"):
        page = reader.go(path)
        for rules in looks_of(page, (("light", 1280), ("dark", 390))):
            assert violations(page, rules) == [], path
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


@pytest.mark.parametrize("script", [True, False])
def test_asking_for_mail_is_an_address_and_a_button(
    read: OpenReader, sample: str, script: bool
) -> None:
    page = read(at=sample, java_script_enabled=script, timezone_id="Asia/Tokyo").go("/")
    zone = page.locator(".bymail [name=zone]")
    assert zone.input_value() == ("Asia/Tokyo" if script else "UTC")
    page.get_by_label("What is new, each morning, to").fill(f"ada{script}@lamp.example")
    page.get_by_role("button", name="Ask for it").click()
    assert page.locator("h1").inner_text() == "Look into your inbox"


def test_the_command_shows_the_same_mail(sample: str, tmp_path: Path) -> None:
    html = tmp_path / "mail.html"
    data = tmp_path / "data"
    subprocess.run(command("sample", "add", "--data", str(data)), check=True, timeout=60)
    said = subprocess.run(
        command("mail", "preview", "--html", str(html), "--text", "--data", str(data)),
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
    )
    assert said.stdout.startswith("Subject: ")
    assert html.read_text().startswith("<!doctype html>")
