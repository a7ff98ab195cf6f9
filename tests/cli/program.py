"""Broadsheet as its users run it: the command, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

# Far above what any command of these tests takes: a hang fails instead of lasting.
PATIENCE = 120.0
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
    """The command with a data folder; `settings` are further variables of its environment."""

    data: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def having(self, **settings: str) -> Program:
        """The same with further settings."""
        return replace(self, settings={**self.settings, **settings})

    def run(self, *arguments: object, code: int = 0) -> Answer:
        """Runs a command to its end, and holds it to its exit code.

        A traceback is a failure whatever the test looks at.
        """
        with self.started(*arguments) as process:
            out, err = process.communicate(timeout=PATIENCE)
        answer = Answer(process.returncode, out, err)
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
        """The environment of a command."""
        return {**os.environ, "BROADSHEET_DATA": str(self.data), **self.settings}

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
            try:
                yield process
            finally:
                process.kill()
