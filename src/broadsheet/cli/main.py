"""The command `broadsheet`: every command in one list, and errors as sentences."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import click

from broadsheet import __version__
from broadsheet.cli import (
    checking,
    deciding,
    embedding,
    evaluating,
    harvesting,
    importing,
    keeping,
    reading,
    suggesting,
    up,
)
from broadsheet.cli.common import FAILED, err
from broadsheet.embed.base import EmbedderError
from broadsheet.intake.opening import InputError
from broadsheet.ops.running import RunError
from broadsheet.ops.settings import SettingsError
from broadsheet.store.engine import StoreError
from broadsheet.text.normalise import plain

_MISUSED = 2
_INTERRUPTED = 130


class _Commands(click.Group):
    """The commands; one whose output nobody reads on (`| head`) ends, and that is no failure."""

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


for _command in (
    up.up,
    importing.import_,
    importing.quarantine,
    importing.sample,
    harvesting.add,
    harvesting.remove,
    harvesting.sources,
    harvesting.harvest,
    harvesting.ledger,
    deciding.merge,
    deciding.unmerge,
    reading.papers,
    reading.search,
    reading.show,
    suggesting.suggest,
    reading.today,
    keeping.index,
    embedding.embed,
    evaluating.evaluate,
    keeping.settings,
    checking.doctor,
):
    cli.add_command(_command)


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
    except SettingsError as error:
        code = _complain(error, _MISUSED)
    except (StoreError, RunError, InputError, EmbedderError) as error:
        code = _complain(error, FAILED)
    sys.exit(code or 0)


def _complain(error: Exception, code: int) -> int:
    err.print(f"broadsheet: {plain(str(error))}")
    return code
