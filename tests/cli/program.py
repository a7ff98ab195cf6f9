"""Broadsheet as its users run it: the command, as a rule in a process of its own."""

from __future__ import annotations

import html
import io
import json
import os
import re
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from broadsheet.cli.main import main

# Far above what any command of these tests takes: a hang fails instead of lasting.
PATIENCE = 300.0
_ADDRESS = re.compile(r"http://\S+\d")
_MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        """The one JSON value it printed."""
        return json.loads(self.out)

    @property
    def values(self) -> list[Any]:
        """The JSON values it printed, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def complaints(self) -> list[str]:
        """The lines on standard error."""
        return self.err.splitlines()


@dataclass(frozen=True)
class Program:
    """The command with a data folder; `settings` are further variables of its environment.

    `inside` runs it within the process of the tests, by the same entry: a tenth of the time, for
    what a process of its own adds nothing to.
    """

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    inside: bool = False

    def having(self, **settings: str) -> Program:
        """The same with further settings."""
        return replace(self, settings={**self.settings, **settings})

    def within(self) -> Program:
        """The same within the process of the tests."""
        return replace(self, inside=True)

    def run(self, *arguments: object, code: int = 0) -> Answer:
        """Runs a command to its end, and holds it to its exit code.

        A traceback is a failure whatever the test looks at.
        """
        answer = self._inside(*arguments) if self.inside else self._outside(*arguments)
        err = answer.err
        assert "Traceback" not in err, err
        assert answer.code == code, f"exit code {answer.code}: {err}"
        return answer

    def ask(self, *arguments: object) -> Any:
        """The JSON value a command prints."""
        return self.run(*arguments, "--json").value

    def papers(self) -> dict[str, dict[str, Any]]:
        """Every paper held, by title."""
        listed = self.run("papers", "--json").values
        held = {paper["title"]: paper for paper in listed}
        assert len(held) == len(listed)
        return held

    def _outside(self, *arguments: object) -> Answer:
        with self.started(*arguments) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return Answer(process.returncode, out, err)

    def _inside(self, *arguments: object) -> Answer:
        out, err = io.BytesIO(), io.BytesIO()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["broadsheet", *map(str, arguments)])
            patch.setattr(os, "environ", self.environment())
            patch.setattr(sys, "stdout", io.TextIOWrapper(out, "utf-8", write_through=True))
            patch.setattr(sys, "stderr", io.TextIOWrapper(err, "utf-8", write_through=True))
            with pytest.raises(SystemExit) as end:
                main()
            sys.stdout.flush()
            sys.stderr.flush()
            assert isinstance(end.value.code, int)
            return Answer(end.value.code, out.getvalue().decode(), err.getvalue().decode())

    def peak_kib(self, *arguments: object) -> int:
        """The most memory a command held, in KiB; it has to succeed."""
        measuring = [sys.executable, "-c", _MEASURE, *self.command(*arguments)]
        done = subprocess.run(
            measuring, env=self.environment(), stdout=subprocess.PIPE, timeout=PATIENCE, check=True
        )
        return int(done.stdout.splitlines()[-1])

    def command(self, *arguments: object) -> list[str]:
        """The words of a command."""
        return [sys.executable, "-m", "broadsheet", *map(str, arguments)]

    def environment(self) -> dict[str, str]:
        """The environment of a command: nothing that whoever runs the tests has set."""
        others = {n: v for n, v in os.environ.items() if not n.startswith("BROADSHEET_")}
        return {**others, "BROADSHEET_DATA": str(self.data), **self.settings}

    @contextmanager
    def started(self, *arguments: object) -> Iterator[subprocess.Popen[str]]:
        """A command that runs; it is killed at the end of the block if it still does."""
        with subprocess.Popen(
            self.command(*arguments),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        ) as process:
            hang = threading.Timer(PATIENCE, process.kill)
            hang.start()
            try:
                yield process
            finally:
                hang.cancel()
                process.kill()

    @contextmanager
    def serving(self, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
        """`broadsheet up` at a free port, from the moment it says where to read it."""
        with self.started("up", "--no-browser", "--port", "0", *arguments) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if match := _ADDRESS.search(line):
                    yield process, match[0]
                    return
            pytest.fail(f"It never said where to read it: {process.communicate()[1]}")


def page(address: str) -> str:
    """The words of the page at an address."""
    with urllib.request.urlopen(address, timeout=30) as answer:
        source: str = answer.read().decode()
    return " ".join(html.unescape(re.sub(r"<[^>]*>", "", source)).split())
