"""Takes the README's picture from the running program: `.venv/bin/python docs/picture.py`.

It starts Broadsheet on an empty data folder, which then holds the sample library only, so that no
text of others is in the picture.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).parent / "front-page.png"
_CHROMIUM_OPTIONS = ["--no-sandbox", "--disable-gpu", "--no-first-run"]


def main() -> int:
    """0 where the picture was taken, 1 where there is no Chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.stderr.write("There is no Chromium on this machine to take the picture with.\n")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "broadsheet", "up", "--no-browser", "--port", "0"]
        program = subprocess.Popen([*command, "--data", folder], stdout=subprocess.PIPE, text=True)
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
        page.goto(address)
        page.screenshot(path=PICTURE)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
