"""`broadsheet rising`: the terms and topics that the newest papers have more than those before."""

from __future__ import annotations

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
    reader_of,
)
from broadsheet.records import View
from broadsheet.views import query as language
from broadsheet.views.catalogue import view_of
from broadsheet.views.rising import SPANS, USUAL, Riser, RisingTerms, chance_text, rising_json


@click.command()
@click.option("--query", "text", default="", help="Only in the papers this query finds.")
@click.option(
    "--days",
    type=click.Choice([str(span) for span in SPANS]),
    default=str(USUAL),
    help=f"How many of the newest days to set beside the others ({USUAL}).",
)
@json_option
@data_option
def rising(text: str, days: str, as_json: bool, data: Path | None) -> None:
    """Terms and topics that rise in the newest papers."""
    with opened(data) as parts:
        assert parts.recent is not None  # whoever opens parts from settings has it
        with progress("Counting") as watch:
            parts.recent.keep_up(parts.store, watch)
        if text:
            with progress("Indexing") as watch:
                parts.index.catch_up(parts.store, watch)
        view = view_of(language.parse(text), reader=reader_of(parts)) if text else View()
        rises = RisingTerms(parts.store, parts.catalogue, parts.recent, parts.layout)
        found = rises.of(view, int(days))
    if found is None:
        err.print("broadsheet: No paper here has a day, so nothing can be seen to rise.")
        raise click.exceptions.Exit(FAILED)
    if as_json:
        print_json(rising_json(found))
        return
    out.print(
        f"{found.papers_now:,} papers since {found.since} beside {found.papers_before:,} from "
        f"{found.first} on; {found.tested:,} terms and topics looked at."
    )
    lines = [*found.terms, *found.topics]
    if lines:
        print_table(
            ("What", "Kind", "Now", "Before", "Times", "By chance"), [_row(one) for one in lines]
        )
    elif found.is_enough:
        out.print("Nothing rises more than chance would have it.")
    else:
        out.print("These are too few papers to tell a rise from chance.")


def _row(one: Riser) -> tuple[object, ...]:
    times = "new" if one.times is None else f"{one.times:.1f}"
    name = ", ".join((one.name, *one.also))
    return name, one.kind, f"{one.now:,}", f"{one.before:,}", times, chance_text(one.chance)
