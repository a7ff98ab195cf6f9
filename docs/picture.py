"""Takes the documentation's pictures from the running program: `.venv/bin/python docs/picture.py`.

It starts Broadsheet on an empty data folder, which then holds the sample library only, so that no
text of others is in the picture.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Literal

from playwright.sync_api import sync_playwright

PICTURES = {"/": "front-page.png", "/map": "map.png"}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
_CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--no-first-run"]


def main() -> int:
    """0 where the pictures were taken, 1 where there is no Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.stderr.write("There is no Chromium on this machine to take pictures with.\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        broadsheet = [sys.executable, "-m", "broadsheet"]
        for words in (("sample", "add"), ("map", "build")):
            subprocess.run([*broadsheet, *words, "--data", folder], check=True)
        command = [*broadsheet, "up", "--no-browser", "--port", "0", "--data", folder]
        program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert program.stdout is not None
        try:
            address = next(
                word for line in program.stdout for word in line.split() if word.startswith("http")
            )
            _take(chromium, address)
        finally:
            program.terminate()
            program.wait(timeout=20)
    return 0


def _take(chromium: str, address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_CHROMIUM_OPTIONS)
        page = browser.new_page(viewport={"width": 1280, "height": 860}, color_scheme="light")
        for path, name in PICTURES.items():
            page.goto(address + path)
            if path == "/map":
                page.wait_for_selector("#map[data-ready]")
            page.wait_for_load_state("networkidle")
            page.screenshot(path=Path(__file__).parent / name)
        for scheme in SCHEMES:
            letter = browser.new_page(viewport={"width": 720, "height": 900}, color_scheme=scheme)
            letter.goto(f"{address}/mail/preview.html")
            letter.screenshot(path=Path(__file__).parent / f"digest-{scheme}.png")
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
