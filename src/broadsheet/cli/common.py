"""What the commands share: their options, their output, and errors as sentences."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import orjson
from rich.console import Console

from broadsheet.text.normalise import plain

if TYPE_CHECKING:
    from broadsheet.ops.parts import Parts

# Exit codes, documented in docs/cli.md: 0 done, 2 misused, 130 interrupted, and these.
FAILED = 1
PUT_ASIDE = 3

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Console(Console):
    """Prints text as it is: what stands in brackets is no markup, and `:art:` no picture."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def on_broken_pipe(self) -> None:
        """Leaves it to `main`, like every other way to print."""
        raise  # noqa: PLE0704 - rich calls this where it has caught the error


out = _Console(soft_wrap=True)
err = _Console(soft_wrap=True, stderr=True)


def data_option(command: _Command) -> _Command:
    """Gives a command `--data DIR`."""
    return click.option(
        "--data",
        type=click.Path(path_type=Path, file_okay=False),
        help="The data folder (default: BROADSHEET_DATA, else the user data folder).",
    )(command)


def json_option(command: _Command) -> _Command:
    """Gives a command `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for machines.")(command)


@contextmanager
def opened(data: Path | None) -> Iterator[Parts]:
    """The store and index of a data folder, closed at the end."""
    # Commands that open no store are spared what it takes to open one.
    from broadsheet.ops import settings as ops_settings  # noqa: PLC0415
    from broadsheet.ops.parts import open_parts  # noqa: PLC0415

    parts = open_parts(ops_settings.load(data=data))
    try:
        yield parts
    finally:
        parts.store.close()


def reader_of(parts: Parts) -> int:
    """The number of the reader whose library it is. Raises StoreError."""
    from broadsheet.store import readers  # noqa: PLC0415

    with parts.store.reading() as connection:
        return readers.personal(connection)


def print_json(value: Any) -> None:
    """One JSON value on a line."""
    sys.stdout.buffer.write(orjson.dumps(value) + b"\n")
    sys.stdout.buffer.flush()


def print_table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> None:
    """A table for people. What papers say is printed as text, never obeyed by the terminal."""
    from rich.table import Table  # noqa: PLC0415 - few commands print one

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in head:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(plain(str(value if value is not None else "")) for value in row))
    _Console().print(table)


@contextmanager
def progress(label: str, *, bytes_: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on the terminal while a step takes its time; silent where nobody looks.

    Gives a function to call with (done, all), counted in things or in bytes.
    """
    if not err.is_terminal:
        yield lambda _done, _all: None
        return
    from rich.progress import (  # noqa: PLC0415 - only where somebody looks
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn() if bytes_ else MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )
    with bar:
        task = bar.add_task(label, total=None)
        yield lambda done, size: bar.update(task, completed=done, total=size)
