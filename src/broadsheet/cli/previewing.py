"""`broadsheet mail preview`: a mail as it would be, before anybody gets one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from broadsheet.cli.common import FAILED, data_option, err, opened, out, progress
from broadsheet.cli.mailing import mail
from broadsheet.mail import editions, subscribing
from broadsheet.mail.subscribing import SubscribingError
from broadsheet.ops import settings as ops_settings
from broadsheet.store import readers
from broadsheet.text.normalise import plain


@mail.command("preview")
@click.argument("view", default="/")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the HTML part into this file.",
)
@click.option("--text", "as_text", is_flag=True, help="Print the text part (the usual).")
@data_option
def preview(view: str, html: Path | None, as_text: bool, data: Path | None) -> None:
    """Show the mail of a list, as in /search?q=pruning, as of its newest day. Nothing is sent."""
    settings = ops_settings.load(data=data)
    site = settings.site.rstrip("/") or f"http://{settings.host}:{settings.port}"
    with opened(data) as parts:
        with progress("Indexing") as watch:
            parts.catch_up(watch)
        with parts.store.reading() as connection:
            reader = readers.personal(connection)
        try:
            address, _ = subscribing.list_at(parts.store, view, reader)
        except SubscribingError as error:
            raise click.UsageError(str(error)) from error
        found = editions.preview(
            parts.store, parts.catalogue, address, reader, site, datetime.now(UTC)
        )
    if found.silence:
        err.print(plain(f"There would be no mail: {found.silence}"))
        return
    letter = found.letter
    if html is not None:
        try:
            html.write_text(letter.html, encoding="utf-8")
        except OSError as error:
            err.print(f"broadsheet: {html} cannot be written: {error.strerror}.")
            raise click.exceptions.Exit(FAILED) from error
    if as_text or html is None:
        out.print(f"Subject: {letter.subject}\n")
        out.print(letter.text, end="")
