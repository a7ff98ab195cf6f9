"""`broadsheet import`, `quarantine` and `sample`: papers in, and what stayed outside."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path

import click

from broadsheet.cli.common import (
    FAILED,
    PUT_ASIDE,
    data_option,
    err,
    json_option,
    opened,
    out,
    print_json,
    print_table,
    progress,
)
from broadsheet.intake import sample as sample_library
from broadsheet.intake.formats import Options
from broadsheet.intake.importing import Progress, Summary, import_files
from broadsheet.ops import settings as ops_settings
from broadsheet.ops.bulk import bulk
from broadsheet.ops.following import Follower
from broadsheet.ops.parts import Parts
from broadsheet.records import Quarantined
from broadsheet.store import quarantine as kept
from broadsheet.text.normalise import plain

# More lines than this say nothing new to a person; `broadsheet quarantine` has them all.
_MOST_COMPLAINTS = 20
# An import of so many papers takes longer than a second process needs to start.
_LONG = 6000
_LOOK_SECONDS = 0.2


@click.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help=f"Exit with {PUT_ASIDE} where anything was put aside.")
@click.option(
    "--page-year",
    type=click.IntRange(1990, 2100),
    help="The year saved pages were saved in, where they do not tell.",
)
@json_option
@data_option
def import_(
    files: tuple[Path, ...], strict: bool, page_year: int | None, as_json: bool, data: Path | None
) -> None:
    """Import saved Daily Papers pages and JSON lines (plain, gzip or xz)."""
    started = time.monotonic()
    follower = Follower(ops_settings.load(data=data))
    with opened(data) as parts, bulk():
        try:
            summary = _import(parts, files, page_year, follower)
        finally:
            follower.stop()
        with progress("Indexing") as watch:
            while not parts.catch_up(watch):
                time.sleep(_LOOK_SECONDS)  # another process is at it; papers can be found after
    summary = replace(summary, seconds=round(time.monotonic() - started, 3))
    if as_json:
        print_json({k: v for k, v in asdict(summary).items() if k != "refused"})
    else:
        _print_summary(summary)
    if not summary.new + summary.updated + summary.unchanged:
        raise click.exceptions.Exit(FAILED)
    if strict and (summary.quarantined or summary.refused):
        raise click.exceptions.Exit(PUT_ASIDE)


@click.command()
@json_option
@data_option
def quarantine(as_json: bool, data: Path | None) -> None:
    """List what could not be imported, with the reason."""
    with opened(data) as parts, parts.store.reading() as connection:
        things = kept.listing(connection)
    if as_json:
        print_json([_thing_json(thing) for thing in things])
    elif things:
        rows: list[tuple[object, ...]] = [(t.file, t.line, t.reason, t.size) for t in things]
        print_table(("File", "Line", "Reason", "Bytes"), rows)
    else:
        out.print("The quarantine is empty.")


@click.group()
def sample() -> None:
    """Add or remove the sample library."""


@sample.command("add")
@data_option
def sample_add(data: Path | None) -> None:
    """Add the sample library to what is held."""
    with opened(data) as parts:
        new = sample_library.load(parts.store)
        parts.catch_up()
    out.print(f"The sample library is in: {new} papers that were not held before.")


@sample.command("remove")
@data_option
def sample_remove(data: Path | None) -> None:
    """Remove the sample library; imported papers stay."""
    with opened(data) as parts:
        gone = sample_library.remove(parts.store)
        parts.catch_up()
    out.print(f"The sample library is out: {gone} papers are gone, imported ones stay.")


def _import(
    parts: Parts, files: tuple[Path, ...], page_year: int | None, follower: Follower
) -> Summary:
    complaints = 0

    def complain(thing: Quarantined) -> None:
        nonlocal complaints
        complaints += 1
        if complaints <= _MOST_COMPLAINTS:
            err.print(plain(f"{thing.file}:{thing.line}: {thing.reason}"))

    with progress("Importing", bytes_=True) as bar:

        def watch(now: Progress) -> None:
            bar(now.done, now.size)
            if now.summary.read >= _LONG:
                follower.start()

        summary = import_files(
            parts.store, files, options=Options(page_year), watch=watch, complain=complain
        )
    if complaints > _MOST_COMPLAINTS:
        more = complaints - _MOST_COMPLAINTS
        err.print(f"… and {more:,} more; 'broadsheet quarantine' lists them all.")
    return summary


def _print_summary(summary: Summary) -> None:
    out.print(
        f"Read {summary.read:,} papers in {summary.seconds:.1f} seconds: {summary.new:,} new, "
        f"{summary.updated:,} updated, {summary.unchanged:,} unchanged, "
        f"{summary.quarantined:,} in quarantine. {summary.held:,} are held."
    )


def _thing_json(thing: Quarantined) -> dict[str, object]:
    return {
        "file": thing.file,
        "line": thing.line,
        "reason": thing.reason,
        "source": thing.source or None,
        "size": thing.size,
        "excerpt": thing.excerpt.decode("utf-8", "replace")[:2000],
        "seen": thing.seen and thing.seen.isoformat(timespec="seconds"),
    }
