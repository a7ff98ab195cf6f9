"""What an input of a megabyte costs: inputs that the fuzzer found, swollen to that size.

    python -m fuzz.swelling FOLDER SECONDS NAME…

An input is repeated as a whole, and a part of its middle within the rest. Each is read in a forked
process, whose time and memory are its own.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fuzz.targets import TARGETS, Target, place_of, run

SIZE = 1_000_000
SECONDS = 1.0
MEGABYTES = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """What reading took: seconds of the processor, and the megabytes it grew by at most."""

    seconds: float
    megabytes: float
    status: int

    @property
    def is_too_much(self) -> bool:
        """Whether it broke a bound, or ended otherwise than well."""
        return self.seconds > SECONDS or self.megabytes > MEGABYTES or self.status != 0


def swollen(data: bytes, chance: random.Random) -> Iterator[bytes]:
    """`data` as a megabyte, in a few ways."""
    if not data:
        return
    yield (data * (SIZE // len(data) + 1))[:SIZE]
    for _ in range(2):
        first, last = sorted(chance.randrange(len(data) + 1) for _ in range(2))
        middle = data[first : min(last, first + chance.choice((1, 4, 16, 64, 4096)))]
        if middle:
            times = max(1, (SIZE - len(data)) // len(middle))
            yield data[:first] + middle * times + data[first + len(middle) :]


def cost(target: Target, data: bytes) -> Cost:
    """Reads it in a process of its own."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            before = _resident()
            run(target, data)
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            os.write(theirs, str(grown).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(theirs)
    said = os.read(ours, 100)
    os.close(ours)
    _, status, used = os.wait4(pid, 0)
    return Cost(used.ru_utime + used.ru_stime, int(said or 0) / 1024, status)


def _resident() -> int:
    """How many KiB are in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024


def main() -> None:
    """Swells inputs of each corpus, drawn at random, until its time is over; prints a line each."""
    folder, seconds, names = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    for name in names:
        said = _swell(TARGETS[name], place_of(name, folder), seconds)
        sys.stdout.write(f"{name}\t{said}\n")
        sys.stdout.flush()


def _swell(target: Target, folder: Path, seconds: float) -> str:
    chance = random.Random(1)
    inputs = sorted((folder / "corpus").iterdir())
    chance.shuffle(inputs)
    until = time.monotonic() + seconds
    read, slowest, largest = 0, 0.0, 0.0
    for file in inputs:
        for number, data in enumerate(swollen(file.read_bytes(), chance)):
            if time.monotonic() > until:
                break
            found = cost(target, data)
            read += 1
            slowest, largest = max(slowest, found.seconds), max(largest, found.megabytes)
            if found.is_too_much:
                said = f"swollen-{found.seconds:.1f}s-{found.megabytes:.0f}MB-{number}-{file.name}"
                (folder / "findings" / said).write_bytes(data)
    return f"{read} read, at most {slowest:.2f} s and {largest:.0f} MB"


if __name__ == "__main__":
    main()
