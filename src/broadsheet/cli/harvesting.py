"""`broadsheet add`, `remove`, `sources`, `harvest` and `ledger`: where papers come from by
themselves, and whether all of them came.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
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
)
from broadsheet.intake import completeness, hub_source
from broadsheet.intake.arxiv import oai
from broadsheet.intake.harvest import Harvested
from broadsheet.ops import settings as ops_settings
from broadsheet.ops.harvesting import harvesting
from broadsheet.ops.parts import Parts
from broadsheet.records import DayState, ledger_json
from broadsheet.store import ledger as kept
from broadsheet.text.categories import known as known_categories
from broadsheet.text.normalise import plain

# A source that is added brings the papers of the last days, so that there is something to read.
_BACK = timedelta(days=7)
_SINCE = click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="From this day on (default: the last week).",
)


@click.group()
def add() -> None:
    """Add a source that papers come from by themselves."""


@add.command("arxiv")
@click.argument("categories", nargs=-1, required=True)
@_SINCE
@data_option
def add_arxiv(categories: tuple[str, ...], since: datetime | None, data: Path | None) -> None:
    """Add categories or archives of arXiv, as in cs.LG or hep-th."""
    names = [_category(category) for category in categories]
    with opened(data) as parts:
        for name in names:
            _add(parts, "arxiv", name, since)


@add.command("hub")
@_SINCE
@data_option
def add_hub(since: datetime | None, data: Path | None) -> None:
    """Add the Hub's daily papers."""
    with opened(data) as parts:
        _add(parts, "hub", hub_source.NAME, since)


@add.command("feed")
@click.argument("address")
@data_option
def add_feed(address: str, data: Path | None) -> None:
    """Add a feed of papers (RSS or Atom); it is read once to see that it is one."""
    settings = ops_settings.load(data=data)
    if len(address) > kept.LONGEST_NAME or not address.isprintable():
        raise click.ClickException("This is no web address.")
    with opened(data) as parts:
        source, new = _added(parts, "feed", address, None)
        if not new:
            out.print(f"{address} is a source already.")
            return
        with harvesting(settings, parts.store) as harvester:
            done = harvester.once([source])
        problem = done[0].problem if done else None
        if problem is not None:
            with parts.store.writing() as connection:
                kept.remove_source(connection, "feed", address)
            raise click.ClickException(plain(problem))
        parts.catch_up()
        if done:
            out.print(f"{address} is a source now; it brought {done[0].new:,} new papers.")
        else:  # a running Broadsheet was quicker
            out.print(f"{address} is a source now; a running Broadsheet is reading it.")


@click.command()
@click.argument("kind", type=click.Choice(["arxiv", "hub", "feed"]))
@click.argument("name", default=hub_source.NAME)
@data_option
def remove(kind: str, name: str, data: Path | None) -> None:
    """Ask a source no more; the papers it brought stay."""
    if kind == "arxiv":  # spelt as it was added, not as it was typed
        name = known_categories().get(name.strip().lower(), (name, ""))[0]
    with opened(data) as parts, parts.store.writing() as connection:
        gone = kept.remove_source(connection, kind, name)
    if not gone:
        raise click.ClickException(f"There is no source {kind} {plain(name)}.")
    out.print(f"{kind} {plain(name)} is asked no more; what it brought stays.")


@click.command()
@json_option
@data_option
def sources(as_json: bool, data: Path | None) -> None:
    """List the sources: when each was asked, and what was wrong."""
    with opened(data) as parts, parts.store.reading() as connection:
        every = kept.all_sources(connection)
    if as_json:
        print_json([_source_json(source) for source in every])
    elif every:
        rows: list[tuple[object, ...]] = [
            (s.kind, s.name, s.since, _moment(s.harvested), s.problem or "") for s in every
        ]
        print_table(("Source", "Set", "Since", "Last harvest", "Problem"), rows)
    else:
        out.print("There is no source yet; 'broadsheet add arxiv cs.LG' adds one.")


@click.command()
@click.option("--once", is_flag=True, help="Ask every source now, due or not.")
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), help="Ask every source for all since this day."
)
@json_option
@data_option
def harvest(once: bool, since: datetime | None, as_json: bool, data: Path | None) -> None:
    """Ask the sources that are due, and put in what they have."""
    settings = ops_settings.load(data=data)
    with opened(data) as parts:
        with parts.store.writing() as connection:
            every = kept.all_sources(connection)
            if since is not None:
                for source in every:
                    first = min(source.since, since.date())
                    kept.note(
                        connection, source.number, since=first, through=since.date(), progress=None
                    )
                every = kept.all_sources(connection)
        if not every:
            raise click.ClickException(
                "There is no source to ask; 'broadsheet add arxiv cs.LG' adds one."
            )
        done = _harvested(parts, settings, every if once or since else None, quiet=as_json)
        parts.catch_up()
    if as_json:
        print_json([asdict(one) for one in done])
    else:
        _print_harvested(done)
    if any(one.problem for one in done):
        raise click.exceptions.Exit(FAILED)


@click.command()
@click.option("--days", type=click.IntRange(1, 366), default=7, help="How many days back (7).")
@json_option
@data_option
def ledger(days: int, as_json: bool, data: Path | None) -> None:
    """Show what each source announced on each day, and what of it is held."""
    now = datetime.now(UTC)
    with opened(data) as parts, parts.store.reading() as connection:
        lines = completeness.lines(connection, now, now.date() - timedelta(days=days))
    if as_json:
        print_json([ledger_json(line) for line in lines])
        return
    if not lines:
        out.print("No source states counts yet; 'broadsheet add arxiv cs.LG' adds one that does.")
        return
    rows: list[tuple[object, ...]] = [
        (
            line.day,
            line.source,
            line.set,
            line.stated,
            line.held if line.state is not DayState.UNKNOWN else None,
            line.state,
            " ".join(line.missing[:5]) + (" …" if len(line.missing) > 5 else ""),
        )
        for line in lines
    ]
    print_table(("Day", "Source", "Set", "Announced", "Held", "State", "Missing"), rows)


def _category(text: str) -> str:
    """The category as arXiv spells it."""
    try:
        oai.set_of(text)
    except ValueError as error:
        said = str(error)
        raise click.ClickException(said if said.endswith("?") else f"{said}.") from error
    return known_categories()[text.strip().lower()][0]


def _added(parts: Parts, kind: str, name: str, since: datetime | None) -> tuple[kept.Source, bool]:
    now = datetime.now(UTC)
    first: date = since.date() if since else now.date() - _BACK
    with parts.store.writing() as connection:
        return kept.add_source(connection, kind, name, first, now)


def _add(parts: Parts, kind: str, name: str, since: datetime | None) -> None:
    source, new = _added(parts, kind, name, since)
    if new:
        out.print(
            f"{kind} {name} is a source from {source.since} on. A running Broadsheet asks it by "
            "itself; 'broadsheet harvest' does so now."
        )
    else:
        out.print(f"{kind} {name} is a source already.")


def _harvested(
    parts: Parts,
    settings: ops_settings.Settings,
    asked: list[kept.Source] | None,
    *,
    quiet: bool,
) -> list[Harvested]:
    def watch(now: Harvested) -> None:
        status.update(f"{now.kind} {now.name}: {now.new:,} new, {now.updated:,} updated")

    with harvesting(settings, parts.store) as harvester, err.status("Asking…") as status:
        if quiet:
            status.stop()
        return harvester.once(asked, watch)


def _print_harvested(done: list[Harvested]) -> None:
    if not done:
        out.print("No source is due; --once asks them all the same.")
    for one in done:
        said = f" {one.problem}" if one.problem else ""
        aside = f", {one.quarantined:,} in quarantine" if one.quarantined else ""
        out.print(
            plain(
                f"{one.kind} {one.name}: {one.new:,} new, {one.updated:,} updated, "
                f"{one.unchanged:,} unchanged{aside}.{said}"
            )
        )


def _moment(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else "never"


def _source_json(source: kept.Source) -> dict[str, object]:
    return {
        "source": source.kind,
        "set": source.name,
        "since": source.since.isoformat(),
        "through": source.through and source.through.isoformat(),
        "harvested": source.harvested and source.harvested.isoformat(timespec="seconds"),
        "failures": source.failures,
        "retry": source.retry and source.retry.isoformat(timespec="seconds"),
        "problem": source.problem,
    }
