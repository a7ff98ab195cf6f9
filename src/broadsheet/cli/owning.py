"""`broadsheet for-me`, `interests`, `interest`, `mine`: what is the reader's own."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import click
import orjson

from broadsheet.cli.common import (
    data_option,
    err,
    json_option,
    opened,
    out,
    print_json,
    print_table,
    reader_of,
)
from broadsheet.cli.reading import catch_up, print_entry, say_notes
from broadsheet.records import Listing, Order, Shelf, ShelfKind, View, entry_json
from broadsheet.text.normalise import plain
from broadsheet.views.personal import carrying
from broadsheet.views.personal.teaching import DeedError, Teaching

# What is brought in is read at once.
_LARGEST_FILE = 64 * 1024 * 1024

# Papers that arXiv is asked for: twenty answers, three seconds apart.
_MOST_ASKED = 2_000

_limit = click.option(
    "--limit", type=click.IntRange(1, 300), default=25, show_default=True, help="At most so many."
)


@click.command("for-me")
@_limit
@click.option("--explain", is_flag=True, help="Show what adds up to each score.")
@json_option
@data_option
def for_me(limit: int, explain: bool, as_json: bool, data: Path | None) -> None:
    """Show the newest papers that your interests choose."""
    with opened(data) as parts:
        catch_up(parts)
        view = View(order=Order.FOR_ME, limit=limit, reader=reader_of(parts))
        _print_listing(parts.catalogue.listing(view), explain, as_json)


@click.command()
@json_option
@data_option
def interests(as_json: bool, data: Path | None) -> None:
    """List your interests, the oldest first."""
    with opened(data) as parts:
        held = parts.catalogue.interests(reader_of(parts))
    if as_json:
        print_json(
            [
                {
                    "name": one.name,
                    "slug": one.slug,
                    "share": one.share,
                    "threshold": one.threshold,
                    "for": len(one.liked),
                    "against": len(one.disliked),
                    "terms": [
                        {"kind": term.kind, "text": term.text, "for": term.liked}
                        for term in one.terms
                    ],
                }
                for one in held
            ]
        )
    elif not held:
        out.print("There is no interest yet; the page /interests makes one.")
    else:
        print_table(
            ("Interest", "Name in addresses", "Share", "Threshold", "For", "Against"),
            [
                (one.name, one.slug, f"{one.share:g}", f"{one.threshold:.0%}",
                 len(one.liked), len(one.disliked))
                for one in held
            ],
        )  # fmt: skip


@click.command()
@click.argument("name")
@_limit
@click.option("--explain", is_flag=True, help="Show what adds up to each score.")
@click.option("--best", is_flag=True, help="The best first, not the newest.")
@json_option
@data_option
def interest(
    name: str, limit: int, explain: bool, best: bool, as_json: bool, data: Path | None
) -> None:
    """Show the papers of one of your interests, the newest first."""
    with opened(data) as parts:
        reader = reader_of(parts)
        held = parts.catalogue.interest(reader, name)
        if held is None:
            raise click.ClickException(
                plain(f"There is no interest “{name[:60]}”; 'broadsheet interests' lists them.")
            )
        catch_up(parts)
        shelf = Shelf(ShelfKind.INTEREST, held.slug)
        order = Order.RELEVANCE if best else Order.NEW
        view = View(order=order, limit=limit, shelf=shelf, reader=reader)
        _print_listing(parts.catalogue.listing(view), explain, as_json)


@click.command()
@click.argument("what", nargs=-1, required=True)
@click.option("--name", default="", help="What to call it (else what the list calls itself).")
@json_option
@data_option
def learn(what: tuple[str, ...], name: str, as_json: bool, data: Path | None) -> None:
    """Make an interest of papers: ids, addresses and titles, an author's page, a list or a search
    on arXiv, or a file that names papers (BibTeX, RIS and others).
    """
    from broadsheet.ops import settings as ops_settings  # noqa: PLC0415 - the others ask nobody
    from broadsheet.ops.harvesting import asking  # noqa: PLC0415

    settings = ops_settings.load(data=data)
    with (
        opened(data) as parts,
        asking(settings, parts.store, most=_MOST_ASKED, patient=True) as outside,
    ):
        teaching = Teaching(parts.store, parts.catalogue.own, outside)
        file = Path(what[0])
        try:
            is_file = len(what) == 1 and file.is_file()
            matched = teaching.matched(file) if is_file else teaching.matched_lines("\n".join(what))
            if not matched.numbers:
                raise DeedError(matched.sentence or "Nothing that was handed in names a paper.")
            first = parts.catalogue.by_number(matched.numbers[0])
            called = name or matched.title or (first.title if first else "")
            made = teaching.make(reader_of(parts), called, matched.numbers)
        except DeedError as error:
            raise click.ClickException(plain(str(error))) from error
    if as_json:
        held = len(matched.numbers)
        print_json({"slug": made.slug, "for": held, "of": held + matched.unknown,
                    "note": matched.sentence})  # fmt: skip
        return
    out.print(plain(made.said))
    if matched.sentence:
        err.print(plain(matched.sentence))


@click.group()
def mine() -> None:
    """Take all that is yours with you, and bring it in elsewhere."""


@mine.command("export")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), required=False)
@data_option
def export(file: Path | None, data: Path | None) -> None:
    """Write your reading, votes, notes, interests and collections to a file, or print them."""
    with opened(data) as parts:
        said = carrying.export(parts.store, reader_of(parts))
    written = orjson.dumps(said, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if file is None:
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()
        return
    try:
        _write(file, written)
    except OSError as error:
        raise click.ClickException(plain(f"{file} cannot be written: {error.strerror}.")) from error
    out.print(
        plain(
            f"Wrote {len(said['papers'])} papers, {len(said['interests'])} interests and "
            f"{len(said['collections'])} collections to {file}."
        )
    )


@mine.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@data_option
def import_(file: Path, data: Path | None) -> None:
    """Add what an export wrote to what is here."""
    try:
        with file.open("rb") as held:
            written = held.read(_LARGEST_FILE + 1)
    except OSError as error:
        raise click.ClickException(plain(f"{file} cannot be read: {error.strerror}.")) from error
    if len(written) > _LARGEST_FILE:
        raise click.ClickException(plain(f"{file} is larger than 64 MB."))
    with opened(data) as parts:
        try:
            said = carrying.bring(parts.store, reader_of(parts), written)
        except DeedError as error:
            raise click.ClickException(plain(f"{file}: {error}")) from error
    out.print(plain(said))


def _print_listing(listing: Listing, explain: bool, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "total": listing.total,
                "notes": list(listing.notes),
                "entries": [entry_json(entry) for entry in listing.entries],
            }
        )
        return
    say_notes(listing)
    for entry in listing.entries:
        print_entry(entry, explain)
        if entry.section:
            out.print(f"     {plain(entry.section.name)}", style="dim")


def _write(file: Path, data: bytes) -> None:
    """Writes all of it or nothing; what one did and noted is nobody else's to read."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name[:40]}.")
    try:
        with os.fdopen(handle, "wb") as held:
            held.write(data)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
