"""The command `broadsheet`: every command in one list, and errors as sentences."""

from __future__ import annotations

import logging
import os
import sys

import click

from broadsheet import __version__
from broadsheet.cli import importing, keeping, reading, up
from broadsheet.cli.common import FAILED, err
from broadsheet.intake.opening import InputError
from broadsheet.ops.running import RunError
from broadsheet.ops.settings import SettingsError
from broadsheet.store.engine import StoreError
from broadsheet.text.normalise import plain

_MISUSED = 2
_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="broadsheet")
def cli() -> None:
    """The daily papers of research on your own machine."""


for _command in (
    up.up,
    importing.import_,
    importing.quarantine,
    importing.sample,
    reading.papers,
    reading.search,
    reading.show,
    reading.today,
    keeping.index,
    keeping.settings,
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
    except (StoreError, RunError, InputError) as error:
        code = _complain(error, FAILED)
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing to say, and nobody to say it to.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    sys.exit(code or 0)


def _complain(error: Exception, code: int) -> int:
    err.print(f"broadsheet: {plain(str(error))}")
    return code
