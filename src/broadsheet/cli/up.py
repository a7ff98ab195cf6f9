"""`broadsheet up`: everything for one reader, on loopback."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from broadsheet import __version__
from broadsheet.cli.common import data_option, err, out, progress
from broadsheet.ops import running
from broadsheet.ops import settings as ops_settings
from broadsheet.ops.parts import open_parts


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen at (8000).")
@click.option("--no-browser", is_flag=True, help="Do not open a browser.")
@click.option("--no-sample", is_flag=True, help="Start empty, without the sample library.")
@data_option
def up(port: int | None, no_browser: bool, no_sample: bool, data: Path | None) -> None:
    """Start Broadsheet and open it in the browser."""
    settings = ops_settings.load(data=data, port=port)
    # First the port: whoever started it twice should not wait to hear so.
    listening = running.listen(settings.host, settings.port)
    out.print(f"Broadsheet {__version__}, data in {settings.data}")
    parts = open_parts(settings)
    if not no_sample and (new := running.load_sample(parts)):
        out.print(f"Loaded the sample library: {new} papers.")
    with progress("Indexing") as watch:
        running.prepare_index(parts, watch)
    port = listening.getsockname()[1]
    shown = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"http://{shown}:{port}"
    out.print(f"Read it at {address} (Ctrl+C stops it).")
    if not no_browser and err.is_terminal:
        webbrowser.open(address)
    running.serve(parts, settings, listening)
