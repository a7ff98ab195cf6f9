"""`broadsheet index` and `settings`: how things stand, and making what is derived anew."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from broadsheet.ops.parts import Parts
    from broadsheet.search.follow import FollowedIndex


@click.group()
def index() -> None:
    """The indexes of words and of meanings: how far they are, and making them anew."""


@index.command("status")
@json_option
@data_option
def index_status(as_json: bool, data: Path | None) -> None:
    """Papers in store and index, change numbers, bytes."""
    with opened(data) as parts:
        if as_json:
            print_json(_statuses(parts))
            return
        for what, followed in _followed(parts).items():
            status = followed.status(parts.store)
            out.print(
                f"{what}: {status.indexed:,} of {status.held:,} papers are in the index, changes "
                f"up to {status.through:,} of {status.last:,}; {status.bytes / 1e6:.1f} MB."
            )


@index.command("rebuild")
@click.option("--only", type=click.Choice(["words", "meaning"]), help="Only one of the two.")
@json_option
@data_option
def index_rebuild(only: str | None, as_json: bool, data: Path | None) -> None:
    """Make the indexes anew beside those in use, then swap them in."""
    with opened(data) as parts:
        for what, followed in _followed(parts).items():
            if only is not None and what != only:
                continue
            with progress(f"Indexing {what}") as watch:
                done = followed.rebuild(parts.store, watch)
            if not done:
                err.print(
                    f"broadsheet: Another process is writing the index of {what}; "
                    "try again when it is done."
                )
                raise click.exceptions.Exit(FAILED)
            if not as_json:
                indexed = followed.status(parts.store).indexed
                out.print(f"The index of {what} was made anew: {indexed:,} papers.")
        if as_json:
            print_json(_statuses(parts))


def _followed(parts: Parts) -> dict[str, FollowedIndex[Any]]:
    found: dict[str, FollowedIndex[Any]] = {"words": parts.index}
    if parts.meaning is not None:
        found["meaning"] = parts.meaning
    return found


def _statuses(parts: Parts) -> dict[str, Any]:
    """The words' status as it always was, the meanings' under a key of their own."""
    words = parts.index.status(parts.store)
    said: dict[str, Any] = {**asdict(words), "current": words.is_current, "meaning": None}
    if parts.meaning is not None:
        status = parts.meaning.status(parts.store)
        vectors = parts.meaning.current()
        said["meaning"] = {
            **asdict(status),
            "current": status.is_current,
            "embedder": vectors.model if vectors else None,
        }
    return said


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
