"""The command `broadsheet`: every command in one list, and errors as sentences.

What a command works with is imported when that command is asked for, and not before.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from broadsheet import __version__

_MISUSED = 2
_INTERRUPTED = 130


class _Command(NamedTuple):
    """A command: the module it is in, its name there, and what the list of commands says of it.
    Other modules may add commands of their own to a group (`more`).
    """

    module: str
    name: str
    help: str
    more: str = ""


_COMMANDS: Mapping[str, _Command] = {
    "up": _Command("up", "up", "Start Broadsheet and open it in the browser."),
    "import": _Command(
        "importing",
        "import_",
        "Import saved Daily Papers pages and JSON lines (plain, gzip or xz).",
    ),
    "quarantine": _Command(
        "importing", "quarantine", "List what could not be imported, with the reason."
    ),
    "sample": _Command("importing", "sample", "Add or remove the sample library."),
    "add": _Command("harvesting", "add", "Add a source that papers come from by themselves."),
    "remove": _Command("harvesting", "remove", "Ask a source no more; the papers it brought stay."),
    "sources": _Command(
        "harvesting", "sources", "List the sources: when each was asked, and what was wrong."
    ),
    "harvest": _Command(
        "harvesting", "harvest", "Ask the sources that are due, and put in what they have."
    ),
    "ledger": _Command(
        "harvesting",
        "ledger",
        "Show what each source announced on each day, and what of it is held.",
    ),
    "merge": _Command("deciding", "merge", "Make one paper of two that are the same work."),
    "unmerge": _Command(
        "deciding",
        "unmerge",
        "Take a record out of the paper it was put to, and make it a paper of its own.",
    ),
    "papers": _Command("reading", "papers", "List papers; with --json one paper a line."),
    "search": _Command("reading", "search", "Search titles, abstracts and authors."),
    "show": _Command("reading", "show", "Show one paper: by its id, a DOI, or an address of it."),
    "suggest": _Command(
        "suggesting",
        "suggest",
        "Suggest titles, authors, categories and past searches for the beginning of a query.",
    ),
    "today": _Command("reading", "today", "Show the front page of the newest day."),
    "for-me": _Command("owning", "for_me", "Show the newest papers that your interests choose."),
    "interests": _Command("owning", "interests", "List your interests, the oldest first."),
    "interest": _Command(
        "owning", "interest", "Show the papers of one of your interests, the newest first."
    ),
    "learn": _Command(
        "owning",
        "learn",
        "Make an interest of papers: ids, addresses and titles, an author's page, a list or a"
        " search on arXiv, or a file that names papers (BibTeX, RIS and others).",
    ),
    "mine": _Command(
        "owning", "mine", "Take all that is yours with you, and bring it in elsewhere."
    ),
    "index": _Command(
        "keeping",
        "index",
        "The indexes of words and of meanings: how far they are, and making them anew.",
    ),
    "map": _Command("mapping", "map_", "The map of papers: making its layout, and what it shows."),
    "rising": _Command("rising", "rising", "Terms and topics that rise in the newest papers."),
    "embed": _Command(
        "embedding",
        "embed",
        "The embedding behind search by meaning: training it, and using it on texts.",
    ),
    "prior": _Command("prior", "prior", "What the front page goes by where nobody has voted yet."),
    "eval": _Command("evaluating", "evaluate", "Measure how good the results are.", more="prior"),
    "mail": _Command(
        "mailing", "mail", "Mail: how it stands, sending it, and what came back.", more="previewing"
    ),
    "settings": _Command(
        "keeping", "settings", "Every setting with its value, where it came from, and what it does."
    ),
    "doctor": _Command(
        "checking",
        "doctor",
        "Look at store, indexes, sources, ledger and mail; exit 1 where there is an alarm.",
    ),
}


class _Commands(click.Group):
    """The commands; one whose output nobody reads on (`| head`) ends, and that is no failure."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names."""
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        known = _COMMANDS.get(cmd_name)
        if known is None:
            return None
        if known.more:
            import_module(f"broadsheet.cli.{known.more}")
        command: click.Command = getattr(
            import_module(f"broadsheet.cli.{known.module}"), known.name
        )
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, none of which is imported for it."""
        rows = [(name, _COMMANDS[name].help) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # What is still in the buffer goes nowhere, instead of failing at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise click.exceptions.Exit(0) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="broadsheet")
def cli() -> None:
    """The daily papers of research on your own machine."""


def main() -> None:
    """Runs the command line; every error a person can meet ends as one sentence."""
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    try:
        code = cli(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = _MISUSED
    except (click.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - raised again where it is none of these
        code = _complain(error)
    sys.exit(code or 0)


def _complain(error: Exception) -> int:
    """Prints an error that a person can meet, and returns the code to end with; raises any other
    again. Where there is an error, what knows its kind may take its time to be imported.
    """
    from broadsheet.cli.common import FAILED, err  # noqa: PLC0415
    from broadsheet.embed.base import EmbedderError  # noqa: PLC0415
    from broadsheet.intake.opening import InputError  # noqa: PLC0415
    from broadsheet.ops.running import RunError  # noqa: PLC0415
    from broadsheet.ops.settings import SettingsError  # noqa: PLC0415
    from broadsheet.store.engine import StoreError  # noqa: PLC0415
    from broadsheet.text.normalise import plain  # noqa: PLC0415

    if not isinstance(error, (SettingsError, StoreError, RunError, InputError, EmbedderError)):
        raise error
    err.print(f"broadsheet: {plain(str(error))}")
    return _MISUSED if isinstance(error, SettingsError) else FAILED
