"""`broadsheet merge` and `unmerge`: what a person knows better than the matching."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from broadsheet.cli.common import data_option, opened, out
from broadsheet.records import Paper
from broadsheet.store import papers, putting
from broadsheet.text.normalise import plain

if TYPE_CHECKING:
    from broadsheet.ops.parts import Parts


@click.command()
@click.argument("id_", metavar="ID")
@click.argument("other", metavar="OTHER")
@data_option
def merge(id_: str, other: str, data: Path | None) -> None:
    """Make one paper of two that are the same work."""
    with opened(data) as parts:
        first, second = _held(parts, id_), _held(parts, other)
        with parts.store.writing() as connection:
            try:
                number = putting.merge(connection, first.number, second.number)
            except putting.DecisionError as error:
                raise click.ClickException(str(error)) from error
            kept = papers.by_number(connection, [number])[0]
        parts.catch_up()
    out.print(
        plain(f"They are one paper now: {kept.id}. 'broadsheet unmerge {kept.id}' parts them.")
    )


@click.command()
@click.argument("id_", metavar="ID")
@click.option("--origin", help="Which record to take out, as SOURCE:KEY.")
@data_option
def unmerge(id_: str, origin: str | None, data: Path | None) -> None:
    """Take a record out of the paper it was put to, and make it a paper of its own."""
    with opened(data) as parts:
        paper = _held(parts, id_)
        source, key = _chosen(paper, origin)
        with parts.store.writing() as connection:
            try:
                number = putting.unmerge(connection, paper.number, source, key)
            except putting.DecisionError as error:
                raise click.ClickException(str(error)) from error
            kept, parted = (papers.by_number(connection, [n])[0] for n in (paper.number, number))
        parts.catch_up()
    out.print(plain(f"These are two papers now: {kept.id} and {parted.id}."))


def _held(parts: Parts, name: str) -> Paper:
    paper = parts.catalogue.paper(name)
    if paper is None:
        raise click.ClickException(f"No paper called {plain(name)} is held.")
    return paper


def _chosen(paper: Paper, origin: str | None) -> tuple[str, str]:
    """The record meant: the one named, else the later of two."""
    known = {f"{one.source}:{one.key}": (one.source, one.key) for one in paper.origins}
    if origin is not None:
        if origin not in known:
            raise click.ClickException(
                f"{paper.id} has no record {plain(origin)}; it has {plain(', '.join(known))}."
            )
        return known[origin]
    others = [one for one in paper.origins if one.matched_by != "new"]
    if len(others) == 1 and len(paper.origins) > 1:
        return others[0].source, others[0].key
    if len(known) < 2:
        raise click.ClickException(f"{paper.id} has one record only; there is nothing to part.")
    raise click.ClickException(
        f"Say with --origin which record to take out: {plain(', '.join(known))}."
    )
