"""Fuzzes the parsers named, or all: `./dev fuzz [NAMES] [--seconds N] [--folder DIR]`.

Prints a line for each; findings, with the corpus, lie in the folder. Status 1 where there are any.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

from fuzz.targets import TARGETS, place_of

_RUNS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_COVERED = re.compile(r"\bcov: (\d+)")


def main() -> int:
    """0 where nothing was found."""
    parser = argparse.ArgumentParser(prog="./dev fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=180, help="for each parser (180)")
    parser.add_argument("--folder", type=Path, default=Path("fuzzing"), help="what is found")
    given = parser.parse_args()
    unknown = [name for name in given.names if name not in TARGETS]
    if unknown:
        parser.error(f"there is no parser {unknown[0]}; there are {', '.join(TARGETS)}")
    names = given.names or list(TARGETS)
    before = _used()
    # Four fifths of the time guided by coverage, the rest with what that found, swollen.
    _run("fuzz.guided", given.folder, given.seconds * 4 // 5, names)
    between = _used()
    said = _run("fuzz.swelling", given.folder, given.seconds // 5, names)
    swollen = dict(line.split("\t") for line in said.splitlines() if "\t" in line)
    found = sum(_told(name, place_of(name, given.folder), swollen.get(name, "")) for name in names)
    sys.stdout.write(
        f"{(between - before) / 60:.0f} minutes of processor guided, "
        f"{(_used() - between) / 60:.0f} swollen; {found} findings\n"
    )
    return 1 if found else 0


def _told(name: str, folder: Path, swollen: str) -> int:
    """Prints what became of a parser; returns how many findings there are."""
    log = (folder / "log").read_text(errors="replace") if (folder / "log").is_file() else ""
    runs, covered = _RUNS.findall(log), _COVERED.findall(log)
    findings = [one for one in sorted((folder / "findings").iterdir()) if one.suffix != ".txt"]
    sys.stdout.write(
        f"{name}: {int(runs[-1]) if runs else 0:,} runs, {covered[-1] if covered else 0} places "
        f"covered; of a megabyte {swollen}; {len(findings)} findings\n"
    )
    for one in findings:
        sys.stdout.write(f"  {one}\n")
    if not runs:  # it could not begin, or was ended by a hang
        sys.stdout.write(log[-2_000:])
    return len(findings)


def _used() -> float:
    """Seconds of the processor that everything started here has used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(module: str, folder: Path, seconds: int, names: list[str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", module, str(folder), str(seconds), *names],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # atheris tells of every module there
        text=True,
        errors="replace",
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
