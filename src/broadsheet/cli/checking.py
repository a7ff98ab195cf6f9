"""`broadsheet doctor`: what is as it should be, and what is not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from broadsheet.cli.common import FAILED, data_option, json_option, opened, print_json, print_table
from broadsheet.mail import watching
from broadsheet.mail.checks import check
from broadsheet.ops import mailing
from broadsheet.ops import settings as ops_settings
from broadsheet.ops.parts import Parts
from broadsheet.views.ledger import sentence

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Check:
    """Something looked at: `state` is ok, note or alarm."""

    name: str
    state: str
    said: str


@click.command()
@json_option
@data_option
def doctor(as_json: bool, data: Path | None) -> None:
    """Look at store, indexes, sources, ledger and mail; exit 1 where there is an alarm."""
    with opened(data) as parts:
        checks = [*_store(parts), *_indexes(parts), *_sources(parts), *_ledger(parts)]
        checks += _mail(parts, ops_settings.load(data=data))
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        rows: list[tuple[object, ...]] = [(one.state, one.name, one.said) for one in checks]
        print_table(("State", "What", "Found"), rows)
    if any(check.state == "alarm" for check in checks):
        raise click.exceptions.Exit(FAILED)


def _store(parts: Parts) -> list[Check]:
    held = parts.catalogue.holdings()
    checks = [Check("store", "ok", f"{held.papers:,} papers in {parts.store.dialect}")]
    if held.quarantined:
        said = f"{held.quarantined:,} things are in it; 'broadsheet quarantine' says why"
        checks.append(Check("quarantine", "note", said))
    return checks


def _indexes(parts: Parts) -> list[Check]:
    checks = []
    for name, index in (("words", parts.index), ("meaning", parts.meaning)):
        if index is None:
            checks.append(Check(name, "note", "search by meaning is off"))
            continue
        status = index.status(parts.store)
        behind = status.last - status.through
        if behind:
            said = f"{behind:,} changes behind; a running Broadsheet catches up"
            checks.append(Check(name, "note", said))
        else:
            checks.append(Check(name, "ok", f"{status.indexed:,} papers, up to date"))
    return checks


def _sources(parts: Parts) -> list[Check]:
    return [
        Check(f"{source.kind} {source.name}", "alarm", source.problem)
        if source.problem
        else Check(f"{source.kind} {source.name}", "ok", "answered when it was last asked")
        for source in parts.catalogue.sources()
        if source.problem or source.answered
    ]


def _mail(parts: Parts, settings: ops_settings.Settings) -> list[Check]:
    """The mail's standing, and what has to be right in DNS and at the relay."""
    setup = mailing.setup_of(settings)
    with parts.store.reading() as connection:
        watched = watching.watch(connection, datetime.now(UTC))
    checks = [Check("mail", "alarm", alarm) for alarm in watched.alarms]
    if setup is None:
        return checks
    return checks + [Check(f"mail {one.name}", one.state, one.said) for one in check(setup)]


def _ledger(parts: Parts) -> list[Check]:
    lines = parts.catalogue.ledger(datetime.now(UTC).date() - _WEEK)
    alarms = [line for line in lines if line.state.is_alarm]
    if lines and not alarms:
        return [Check("ledger", "ok", "no gap in the last week")]
    return [
        Check(f"{line.set} {line.day}", "alarm", f"{line.state}: {sentence(line)}")
        for line in alarms
    ]
