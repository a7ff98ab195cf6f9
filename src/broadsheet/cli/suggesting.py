"""`broadsheet suggest`: what the search box offers while one types."""

from __future__ import annotations

from pathlib import Path

import click

from broadsheet.cli.common import (
    data_option,
    err,
    json_option,
    opened,
    print_json,
    print_table,
    progress,
)
from broadsheet.store import readers


@click.command()
@click.argument("text")
@json_option
@data_option
def suggest(text: str, as_json: bool, data: Path | None) -> None:
    """Suggest titles, authors, categories and past searches for the beginning of a query."""
    with opened(data) as parts:
        with progress("Indexing") as watch:
            parts.index.catch_up(parts.store, watch)
        with parts.store.reading() as connection:
            reader = readers.personal(connection)
        found = parts.catalogue.suggest(text, reader)
    if as_json:
        suggestions = [
            {"kind": one.kind, "text": one.text, "leads": one.leads, "note": one.note or None}
            for one in found
        ]
        print_json({"text": text, "suggestions": suggestions})
    elif found:
        print_table(
            ("Kind", "Suggestion", "", "Leads to"),
            [(one.kind, one.text, one.note, one.leads) for one in found],
        )
    else:
        err.print("Nothing here begins like that.")
