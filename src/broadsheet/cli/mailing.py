"""`broadsheet mail`: how the mail stands, sending it, and what came back."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from broadsheet.cli.common import (
    FAILED,
    data_option,
    json_option,
    opened,
    out,
    print_json,
    print_table,
)
from broadsheet.mail import bounces, dkim, watching
from broadsheet.mail.bounces import ReportError
from broadsheet.mail.dkim import KeyFileError
from broadsheet.mail.sending import Sender, Tally, run
from broadsheet.ops import mailing
from broadsheet.ops import settings as ops_settings
from broadsheet.store import mail_status, outbox, suppressions
from broadsheet.store.mail_status import Edition, Summary
from broadsheet.store.outbox import Standing
from broadsheet.store.suppressions import Why
from broadsheet.text.normalise import plain

_DAYS = timedelta(days=14)


@click.group()
def mail() -> None:
    """Mail: how it stands, sending it, and what came back."""


@mail.command("status")
@json_option
@data_option
def status(as_json: bool, data: Path | None) -> None:
    """Show the last two weeks' editions by state; exit 1 where something is wrong."""
    now = datetime.now(UTC)
    settings = ops_settings.load(data=data)
    with opened(data) as parts, parts.store.reading() as connection:
        summary = mail_status.summary(connection)
        editions = mail_status.editions(connection, now - _DAYS)
        reasons = mail_status.reasons(connection)
        watched = watching.watch(connection, now)
        barred = suppressions.counts(connection)
    if as_json:
        print_json(
            {
                "way": mailing.way(settings),
                **_summary_json(summary),
                "suppressed_addresses": barred,
                "alarms": list(watched.alarms),
                "editions": [_edition_json(edition) for edition in editions],
                "reasons": [
                    {"state": state, "reason": reason, "count": count}
                    for state, reason, count in reasons
                ],
            }
        )
    else:
        _print_status(mailing.way(settings), summary, editions, reasons)
        for alarm in watched.alarms:
            out.print(plain(alarm))
    if watched.alarms:
        raise click.exceptions.Exit(FAILED)


@mail.command("send")
@click.option("--edition", help="Only this edition, as in daily:2026-11-21.")
@click.option("--dry-run", is_flag=True, help="Only say what would be sent.")
@json_option
@data_option
def send(edition: str | None, dry_run: bool, as_json: bool, data: Path | None) -> None:
    """Send what is due now, once; exit 1 where not all of it went.

    A running Broadsheet sends by itself; both may send at once, no message goes twice.
    """
    settings = ops_settings.load(data=data)
    with opened(data) as parts:
        if dry_run or mailing.way(settings) == "dry-run":
            with parts.store.reading() as connection:
                due = mail_status.due(connection, datetime.now(UTC), edition)
            _print_due(due, as_json=as_json)
            return
        sender = mailing.new_sender(settings, parts.store)
        try:
            tally = run(_sent(sender, edition))
        finally:
            sender.close()
    if as_json:
        print_json(asdict(tally))
    else:
        out.print(_in_words(tally))
    if tally.problem or tally.failed:
        raise click.exceptions.Exit(FAILED)


@mail.command("retry")
@click.option("--edition", help="Only this edition, as in daily:2026-11-21.")
@data_option
def retry(edition: str | None, data: Path | None) -> None:
    """Queue what failed once more, and try what waits at once.

    What failed before a later edition took over its papers stays failed: nothing is sent twice.
    """
    with opened(data) as parts, parts.store.writing() as connection:
        overtaken = outbox.overtaken(connection, edition)
        number = outbox.retry(connection, datetime.now(UTC), edition)
    if overtaken:
        out.print(
            f"{overtaken:,} {'message that' if overtaken == 1 else 'messages that'} failed "
            "stay so: a later edition has their papers."
        )
    out.print(f"{number:,} {'message is' if number == 1 else 'messages are'} to be tried now.")


@mail.command("suppress")
@click.argument("address")
@data_option
def suppress(address: str, data: Path | None) -> None:
    """Send nothing to an address, whatever it asks for."""
    with opened(data) as parts, parts.store.writing() as connection:
        try:
            suppressions.bar(connection, address, datetime.now(UTC))
        except ValueError as error:
            raise click.ClickException(str(error)) from error
    out.print(f"{plain(address)} gets nothing any more; 'broadsheet mail allow' lifts that.")


@mail.command("allow")
@click.argument("address")
@data_option
def allow(address: str, data: Path | None) -> None:
    """Let mail go to an address again that bounced, complained or was barred.

    Who left stays away until they say otherwise themselves.
    """
    with opened(data) as parts, parts.store.writing() as connection:
        try:
            known = suppressions.of(connection, address)
        except ValueError as error:
            raise click.ClickException(str(error)) from error
        if known is None:
            raise click.ClickException(f"Nothing keeps mail from {plain(address)}.")
        if known.reason is Why.LEFT:
            raise click.ClickException(
                f"{plain(address)} left; only their own confirmation brings them back."
            )
        suppressions.lift(connection, address)
    out.print(f"Mail goes to {plain(address)} again ({known.reason}: {plain(known.detail)}).")


@mail.command("key")
@click.option("--kind", type=click.Choice(["rsa", "ed25519"]), default="rsa", show_default=True)
@data_option
def key(kind: str, data: Path | None) -> None:
    """Make the key that signs mail (DKIM), and print the DNS record that it needs.

    Where a key is set already, print its record. RSA is what every receiver can check.
    """
    settings = ops_settings.load(data=data)
    path = settings.mail_dkim_key or settings.data / f"dkim-{settings.mail_dkim_selector}.pem"
    try:
        if not path.exists():
            dkim.make_key(path, kind)
        text = dkim.record(dkim.load_key(path))
    except KeyFileError as error:
        raise click.ClickException(str(error)) from error
    domain = settings.mail_from.rpartition("@")[2] or "YOUR-DOMAIN"
    out.print(f"{settings.mail_dkim_selector}._domainkey.{domain}. IN TXT {_quoted(text)}")
    if settings.mail_dkim_key is None:
        out.print(f"The key is {path}. Set mail_dkim_key to it once the record is there.")


@mail.command("bounce")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@json_option
@data_option
def bounce(files: tuple[Path, ...], as_json: bool, data: Path | None) -> None:
    """Take in bounces and complaints: files, mbox files or Maildir folders; each counts once."""
    counts: dict[str, int] = {}
    suppressed = known = 0
    with opened(data) as parts:
        for path in files:
            try:
                for raw in bounces.reports_in(path):
                    with parts.store.writing() as connection:
                        taken = bounces.take_report(connection, raw, datetime.now(UTC))
                    counts[taken.kind] = counts.get(taken.kind, 0) + 1
                    suppressed += taken.suppressed
                    known += taken.known
            except ReportError as error:
                raise click.ClickException(plain(str(error))) from error
    if as_json:
        print_json({"kinds": counts, "suppressed": suppressed, "known": known})
        return
    said = ", ".join(f"{count:,} {kind}" for kind, count in sorted(counts.items())) or "nothing"
    out.print(f"Took in {said}; {suppressed:,} addresses get no more mail, {known:,} known before.")


async def _sent(sender: Sender, edition: str | None) -> Tally:
    """Sends; Ctrl+C and SIGTERM end it after the messages in hand."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, sender.stop)
    return await sender.send_due(edition)


def _in_words(tally: Tally) -> str:
    parts = [f"Sent {tally.sent:,}"]
    for count, words in (
        (tally.failed, "failed"),
        (tally.suppressed, "held back"),
        (tally.again, "to be tried again"),
        (tally.undecided, "undecided"),
    ):
        if count:
            parts.append(f"{count:,} {words}")
    said = ", ".join(parts) + "."
    return plain(f"{said} {tally.problem}") if tally.problem else said


def _print_due(due: dict[str, int], *, as_json: bool) -> None:
    if as_json:
        print_json([{"edition": name, "messages": count} for name, count in due.items()])
    elif due:
        print_table(("Edition", "Messages"), list(due.items()))
    else:
        out.print("Nothing is due.")


def _summary_json(summary: Summary) -> dict[str, object]:
    return {
        "counts": {state.value: summary.counts.get(state, 0) for state in Standing},
        "undecided": summary.undecided,
        "waiting": summary.waiting,
        "oldest_queued": _moment(summary.oldest_queued),
        "last_sent": _moment(summary.last_sent),
        "last_answer": summary.last_answer,
        "events": summary.events,
    }


def _edition_json(edition: Edition) -> dict[str, object]:
    return {
        "edition": edition.name,
        "counts": {state.value: edition.counts.get(state, 0) for state in Standing},
        "undecided": edition.undecided,
        "first_queued": _moment(edition.first_queued),
        "last_sent": _moment(edition.last_sent),
    }


def _print_status(
    way: str, summary: Summary, editions: list[Edition], reasons: list[tuple[str, str, int]]
) -> None:
    if editions:
        rows: list[tuple[object, ...]] = [
            (edition.name, *(edition.counts.get(state, 0) for state in Standing), edition.undecided)
            for edition in editions
        ]
        print_table(("Edition", *(state.value for state in Standing), "undecided"), rows)
    for state, reason, count in reasons[:20]:
        out.print(plain(f"{count:,} {state}: {reason}"))
    last = _moment(summary.last_sent)
    out.print(f"Mail is {way}; " + (f"the last one went {last}." if last else "none went yet."))
    if summary.oldest_queued:
        answer = f" Last answer: {summary.last_answer}" if summary.last_answer else ""
        out.print(
            plain(f"The oldest message waits since {_moment(summary.oldest_queued)}.{answer}")
        )
    events = ", ".join(f"{count:,} {kind}" for kind, count in sorted(summary.events.items()))
    if events:
        out.print(f"Came back: {events}.")


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None


def _quoted(text: str) -> str:
    """A TXT record in strings of at most 255 characters, as zone files have it."""
    return " ".join(f'"{text[start : start + 250]}"' for start in range(0, len(text), 250))
