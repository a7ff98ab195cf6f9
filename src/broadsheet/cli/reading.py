"""`broadsheet papers`, `search`, `show`, `today`: lists and papers in the terminal."""

from __future__ import annotations

from datetime import date
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
    reader_of,
)
from broadsheet.records import (
    Entry,
    Listing,
    Order,
    Paper,
    Period,
    entry_json,
    ledger_json,
    paper_json,
)
from broadsheet.store import papers as held_papers
from broadsheet.text.bibtex import bibtex as bibtex_of
from broadsheet.text.normalise import plain
from broadsheet.views import periods
from broadsheet.views import query as language
from broadsheet.views.catalogue import view_of
from broadsheet.views.ledger import sentence

if TYPE_CHECKING:
    from broadsheet.ops.parts import Parts

_EVERYTHING = 1_000_000


@click.command()
@click.option("--query", "text", default="", help="Only papers this query finds.")
@click.option("--day", help="Only the papers of a day, as in 2025-11-19.")
@click.option("--week", help="Only the papers of a week, as in 2025-W47.")
@click.option("--month", help="Only the papers of a month, as in 2025-11.")
@click.option("--undated", is_flag=True, help="Only papers whose day is not known.")
@click.option("--order", type=click.Choice([order.value for order in Order]))
@click.option("--limit", type=click.IntRange(1), help="At most this many papers.")
@json_option
@data_option
def papers(
    text: str,
    day: str | None,
    week: str | None,
    month: str | None,
    undated: bool,
    order: str | None,
    limit: int | None,
    as_json: bool,
    data: Path | None,
) -> None:
    """List papers; with --json one paper a line."""
    period = _period(day, week, month, undated)
    with opened(data) as parts:
        if not text and period == periods.ALL and not order:
            _print_every(parts, limit, as_json)
            return
        if text:
            catch_up(parts)
        chosen = Order(order) if order else None
        asked = language.parse(text)
        view = view_of(asked, period, chosen, limit or _EVERYTHING, reader=reader_of(parts))
        listing = parts.catalogue.listing(view)
        say_notes(listing)
        with parts.store.reading() as connection:
            numbers = [entry.paper.number for entry in listing.entries]
            found = held_papers.by_number(connection, numbers, with_origins=True)
    if as_json:
        for paper in found:
            print_json(paper_json(paper))
    else:
        _print_papers(found)


@click.command()
@click.argument("query")
@click.option("--limit", type=click.IntRange(1, 1000), default=10, show_default=True)
@click.option("--explain", is_flag=True, help="Show what adds up to each score.")
@json_option
@data_option
def search(query: str, limit: int, explain: bool, as_json: bool, data: Path | None) -> None:
    """Search titles, abstracts and authors."""
    asked = language.parse(query)
    with opened(data) as parts:
        catch_up(parts)
        view = view_of(asked, limit=limit, reader=reader_of(parts))
        listing = parts.catalogue.listing(view)
        if explain:
            listing = parts.catalogue.with_nearest(listing)
    if as_json:
        print_json(
            {
                "query": query,
                "understood": {
                    "query": language.in_words(asked),
                    "notes": list(listing.notes),
                },
                "took_ms": round(listing.took_ms, 3),
                "total": listing.total,
                "entries": [entry_json(entry) for entry in listing.entries],
            }
        )
        return
    say_notes(listing)
    for entry in listing.entries:
        print_entry(entry, explain)
    out.print(f"{listing.total:,} papers in {listing.took}.")


@click.command()
@click.argument("name", metavar="ID")
@click.option("--bibtex", is_flag=True, help="Print its citation.")
@json_option
@data_option
def show(name: str, bibtex: bool, as_json: bool, data: Path | None) -> None:
    """Show one paper: by its id, a DOI, or an address of it."""
    with opened(data) as parts:
        paper = parts.catalogue.paper(name)
    if paper is None:
        err.print(plain(f"broadsheet: No paper is called {name}; 'broadsheet search' finds ids."))
        raise click.exceptions.Exit(FAILED)
    if bibtex:
        out.print(bibtex_of(paper), end="")
    elif as_json:
        print_json(paper_json(paper))
    else:
        _print_paper(paper)


@click.command()
@click.option("--date", "day", help="Another day than the newest, as in 2025-11-19.")
@json_option
@data_option
def today(day: str | None, as_json: bool, data: Path | None) -> None:
    """Show the front page of the newest day."""
    with opened(data) as parts:
        period = _period(day, None, None, False) if day else parts.catalogue.latest()
        if period is None:
            if as_json:
                print_json({"day": None, "total": 0, "ledger": [], "entries": []})
            else:
                out.print("No paper held has a day; 'broadsheet import FILE…' brings some in.")
            return
        edition = parts.catalogue.edition(view_of(language.parse(""), period, limit=_EVERYTHING))
    listing = edition.listing
    if as_json:
        print_json(
            {
                "day": periods.name(period),
                "total": listing.total,
                "ledger": [
                    *map(ledger_json, edition.ledger),
                    *(
                        _shown_line(period, source, page, listing.total)
                        for source, page in edition.shown_by
                        if source not in {line.source for line in edition.ledger}
                    ),
                ],
                "entries": [entry_json(entry) for entry in listing.entries],
            }
        )
        return
    out.print(f"{periods.title(period)}: {listing.total} papers held.")
    for line in edition.ledger:
        out.print(f"{line.set}: {sentence(line)}")
    if not edition.ledger:
        out.print("How many were announced is unknown: no source has stated a count.")
    out.print("")
    for entry in listing.entries:
        print_entry(entry, False)


def _shown_line(period: Period, source: str, page: str | None, held: int) -> dict[str, Any]:
    """Nothing stated a count for this day, so nothing is known of what is missing."""
    return {
        "source": source,
        "set": page,
        "day": periods.name(period),
        "stated": None,
        "held": held,
        "missing": None,
        "state": "unknown",
    }


def _period(day: str | None, week: str | None, month: str | None, undated: bool) -> Period:
    given = [(s, n) for s, n in (("day", day), ("week", week), ("month", month)) if n]
    if len(given) + undated > 1:
        raise click.UsageError("Choose one of --day, --week, --month and --undated.")
    if undated:
        return periods.UNDATED
    if not given:
        return periods.ALL
    try:
        return periods.parse(*given[0])
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def catch_up(parts: Parts) -> None:
    """Brings the indexes to the store's last change, with a bar where somebody looks."""
    with progress("Indexing") as watch:
        parts.catch_up(watch)


def say_notes(listing: Listing) -> None:
    """What a reader should know of a result, on standard error."""
    for note in listing.notes:
        err.print(plain(note))


def _print_every(parts: Parts, limit: int | None, as_json: bool) -> None:
    shown: list[Paper] = []
    with parts.store.reading() as connection:
        for place, paper in enumerate(held_papers.every(connection)):
            if limit is not None and place >= limit:
                break
            if as_json:
                print_json(paper_json(paper))
            else:
                shown.append(paper)
                if len(shown) >= 1000:
                    _print_papers(shown)
                    shown = []
    _print_papers(shown)


def _print_papers(found: list[Paper]) -> None:
    if found:
        print_table(("Day", "Id", "Title"), [(p.day or p.year, p.id, p.title) for p in found])


def print_entry(entry: Entry, explain: bool) -> None:
    """An entry of a list for people, with what adds up to its score where asked."""
    paper = entry.paper
    out.print(f"{entry.rank:>3}  {plain(paper.title)}")
    out.print(f"     {plain(paper.id)}  {paper.day or paper.year or ''}".rstrip(), style="dim")
    if explain and entry.reasons:
        parts = " + ".join(f"{plain(reason.text)} {reason.value:.2f}" for reason in entry.reasons)
        out.print(f"     {entry.score:.2f} = {parts}", style="dim")
    if explain and entry.nearest:
        out.print(f"     “{plain(entry.nearest)}”", style="dim")
    for other in entry.also:
        out.print(f"     also {plain(other.id)}", style="dim")


def _print_paper(paper: Paper) -> None:
    out.print(plain(paper.title), style="bold")
    who = ", ".join(author.name for author in paper.authors) or paper.organization
    if not who and paper.author_count:
        who = f"{paper.author_count} authors"
    dates: list[tuple[str, date | int | None]] = [
        ("published", paper.published or paper.year),
        ("shown", paper.announced),
    ]
    known = ", ".join(f"{name} {day}" for name, day in dates if day)
    for line in (who, known, ", ".join(paper.categories)):
        if line:
            out.print(plain(line))
    out.print()
    out.print(plain(paper.text or "No source gave an abstract of this paper."))
    if paper.summary and not paper.abstract:
        out.print("(Summary in our words; import a page that has it for the authors' abstract.)")
    out.print()
    for link in paper.links:
        out.print(plain(f"{link.kind}: {link.url}"))
    for origin in paper.origins:
        place = f", page {origin.page}, place {origin.rank}" if origin.page else ""
        out.print(plain(f"seen in {origin.source}{place}"))
