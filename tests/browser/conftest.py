"""The real program in a process of its own, and a real browser that reads it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
USUAL = {"theme": "auto", "density": "lines", "keys": "on", "track": "on", "history": "off"}
# What no paper is called in full, but many have in their text, in the saved pages and the sample.
QUERY = "autoencoder"


@dataclass
class Reader:
    """A browser window on the site, and all it asked for and complained of."""

    base: str
    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Opens an address of the site."""
        self.page.goto(self.base + path)
        return self.page

    def listen(self) -> None:
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))


OpenReader = Callable[..., Reader]


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "broadsheet", *arguments]


@contextmanager
def running(data: Path) -> Iterator[str]:
    """`broadsheet up` on a data folder; gives the address it prints."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("BROADSHEET_")}
    env["BROADSHEET_DATA"] = str(data)
    with (data.parent / "said.txt").open("w") as said:
        process = subprocess.Popen(
            command("up", "--no-browser", "--port", "0"),
            env=env,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
    assert process.stdout is not None
    patience = threading.Timer(60, process.kill)
    patience.start()
    try:
        printed = []
        for line in process.stdout:
            printed.append(line)
            if found := re.search(r"http://\S+:\d+", line):
                patience.cancel()
                yield found[0]
                break
        else:
            pytest.fail(f"no address was printed: {printed}")
    finally:
        patience.cancel()
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        process.wait(timeout=20)


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="package")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Broadsheet with the saved pages, or with the sample where there are none."""
    data = tmp_path_factory.mktemp("browser") / "data"
    seeds = Path(__file__).resolve().parents[3] / "shared" / "seeds"
    if pages := sorted(map(str, seeds.glob("0*.txt"))):
        subprocess.run(command("import", "--data", str(data), *pages), check=True, timeout=60)
    with running(data) as address:
        yield address


@pytest.fixture
def read(browser: Browser, base: str) -> Iterator[OpenReader]:
    """Opens windows: `read(width=390, color_scheme="dark", java_script_enabled=False)`."""
    contexts: list[BrowserContext] = []

    def open_reader(width: int = 1280, at: str = base, **options: Any) -> Reader:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        reader = Reader(at, context.new_page())
        reader.listen()
        return reader

    yield open_reader
    for context in contexts:
        context.close()


@pytest.fixture
def usual(browser: Browser, base: str) -> Iterator[None]:
    """Afterwards pages look as they did."""
    yield
    context = browser.new_context()
    answer = context.request.post(f"{base}/preferences", form=dict(USUAL))
    assert answer.ok
    context.close()


@pytest.fixture(scope="package")
def places(browser: Browser, base: str) -> dict[str, str]:
    """An address of each kind of page, by what it is."""
    page = browser.new_page()
    page.goto(f"{base}/search?q={QUERY}")
    paper = page.locator(".entry h3 a").first.get_attribute("href")
    page.close()
    assert paper is not None
    return {
        "front page": "/",
        "month": "/month",
        "how to search": "/search",
        "results": f"/search?q={QUERY}",
        "nothing found": "/search?q=zeppelinry",
        "not understood": '/search?q=colour:red+"feature+learning',
        "paper": paper,
        "about": "/about",
        "error": "/nowhere",
    }
