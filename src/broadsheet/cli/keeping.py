"""`broadsheet index` and `settings`: how things stand, and making what is derived anew."""

from __future__ import annotations

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
from broadsheet.ops import settings as ops_settings


@click.group()
def index() -> None:
    """The word index: how far it is, and making it anew."""


@index.command("status")
@json_option
@data_option
def index_status(as_json: bool, data: Path | None) -> None:
    """Papers in store and index, change numbers, bytes."""
    with opened(data) as parts:
        status = parts.index.status(parts.store)
    if as_json:
        print_json({**asdict(status), "current": status.is_current})
        return
    out.print(
        f"{status.indexed:,} of {status.held:,} papers are in the index, changes up to "
        f"{status.through:,} of {status.last:,}; {status.bytes / 1e6:.1f} MB."
    )


@index.command("rebuild")
@json_option
@data_option
def index_rebuild(as_json: bool, data: Path | None) -> None:
    """Make the index anew beside the one in use, then swap it in."""
    with opened(data) as parts:
        with progress("Indexing") as watch:
            done = parts.index.rebuild(parts.store, watch)
        status = parts.index.status(parts.store)
    if not done:
        err.print("broadsheet: Another process is writing the index; try again when it is done.")
        raise click.exceptions.Exit(FAILED)
    if as_json:
        print_json({**asdict(status), "current": status.is_current})
    else:
        out.print(f"The index was made anew: {status.indexed:,} papers.")


@click.command()
@json_option
@data_option
def settings(as_json: bool, data: Path | None) -> None:
    """Every setting with its value, where it came from, and what it does."""
    known = ops_settings.explain(data=data)
    if as_json:
        print_json([asdict(one) for one in known])
    else:
        print_table(
            ("Setting", "Value", "From", "What it does"),
            [(one.name, one.value, one.source, one.description) for one in known],
        )
