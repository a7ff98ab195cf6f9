"""`broadsheet map`: the layout of all papers, and how it stands."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import click

from broadsheet.cli.common import (
    FAILED,
    data_option,
    err,
    json_option,
    opened,
    out,
    print_json,
    print_table,
    progress,
)
from broadsheet.search.layout.placing import FEWEST
from broadsheet.search.layout.regions import nested


@click.group("map")
def map_() -> None:
    """The map of papers: making its layout, and what it shows."""


@map_.command("build")
@json_option
@data_option
def build(as_json: bool, data: Path | None) -> None:
    """Lay out all papers anew beside the layout in use, then swap it in."""
    with opened(data) as parts:
        with progress("Indexing") as watch:
            parts.catch_up(watch)
        started = time.perf_counter()
        with progress("Laying out") as watch:
            done = parts.layout is not None and parts.layout.build(parts.store, watch)
        layout = parts.layout.current() if parts.layout else None
        if not done or layout is None:
            err.print(
                f"broadsheet: No map was made: it takes {FEWEST} papers with a meaning (see "
                "'broadsheet index status'), and no other process that is making one."
            )
            raise click.exceptions.Exit(FAILED)
    seconds = round(time.perf_counter() - started, 1)
    if as_json:
        counts = {"papers": len(layout.numbers), "laid_out": layout.laid_out}
        print_json({**counts, "regions": len(layout.regions), "seconds": seconds})
    else:
        out.print(
            f"The map was made in {seconds} seconds: {len(layout.numbers):,} papers, of which "
            f"{layout.laid_out:,} were laid out, in {len(layout.regions):,} regions."
        )


@map_.command("regions")
@json_option
@data_option
def regions(as_json: bool, data: Path | None) -> None:
    """The regions of the map, with how many papers each has."""
    with opened(data) as parts:
        layout = parts.layout.current() if parts.layout else None
    if layout is None:
        err.print("broadsheet: There is no map yet; 'broadsheet map build' makes it.")
        raise click.exceptions.Exit(FAILED)
    if as_json:
        print_json([asdict(one) for one in layout.regions])
    else:
        rows: list[tuple[object, ...]] = [
            (f"{'· ' * one.level}{one.name}", one.papers) for one in nested(layout.regions)
        ]
        print_table(("Region", "Papers"), rows)
