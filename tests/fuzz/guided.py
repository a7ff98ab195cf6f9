"""Parsers under atheris: `python -m fuzz.guided FOLDER SECONDS NAME…`, each in its own process.

What a parser gets wrong is written into FOLDER/findings, once for each place in the code, and the
fuzzing goes on.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType

import atheris

with atheris.instrument_imports(
    include=[
        "broadsheet.intake",
        "broadsheet.text",
        "bibtexparser",
        "feedparser",
        "latex2mathml",
        "pylatexenc",
    ]
):
    from fuzz.targets import TARGETS, Target, place_of, run

_LARGEST = 64 * 1024
# Instrumented code is some times slower; what takes so long on so little is looked at all the same.
_SLOW = 2.0
# A run that does not come back at all ends the fuzzing, and its input is left as `timeout-…`.
_HANG = 60
_MEGABYTES = 2_000
# Names that formats know: the words of the seeds that stand where a format has its own.
_WORD = re.compile(
    rb'</?[\w:.-]{2,40}|"[\w-]{2,40}"\s*:|@\w{2,20}\{|\\[A-Za-z]{2,20}|\b[A-Z]\w  - '
)
_MOST_WORDS = 400


def main() -> None:
    """Fuzzes each for its time. They are forked, since instrumenting takes longer than forking."""
    folder, seconds, names = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    for name in names:
        pid = os.fork()
        if pid == 0:
            _fuzz(TARGETS[name], place_of(name, folder), seconds)
            os._exit(1)  # it does not come back
        os.waitpid(pid, 0)


def _fuzz(target: Target, folder: Path, seconds: int) -> None:
    corpus, findings = folder / "corpus", folder / "findings"
    for made in (corpus, findings):
        made.mkdir(parents=True, exist_ok=True)
    log = os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    seeds = list(target.seeds())
    for seed in seeds:
        (corpus / f"seed-{_digest(seed)}").write_bytes(seed)
    words = folder / "words"
    words.write_text(_dictionary(seeds))

    def once(data: bytes) -> None:
        _once(target, data, findings)

    options = [
        f"-max_total_time={seconds}",
        f"-max_len={_LARGEST}",
        f"-timeout={_HANG}",
        f"-rss_limit_mb={_MEGABYTES}",
        f"-artifact_prefix={findings}/",
        *([f"-dict={words}"] if words.stat().st_size else []),
        "-print_final_stats=1",
        "-verbosity=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], once)
    atheris.Fuzz()


def _once(target: Target, data: bytes, findings: Path) -> None:
    began = time.process_time()
    try:
        run(target, data)
    # Whatever comes out of a parser is what is looked for.
    except BaseException as error:  # noqa: BLE001
        kind = type(error).__name__
        (findings / f"{kind}-{_place(error.__traceback__)}").write_bytes(data)
        story = "".join(traceback.format_exception(error))
        (findings / f"{kind}-{_place(error.__traceback__)}.txt").write_text(story)
    took = time.process_time() - began
    if took > _SLOW:
        (findings / f"slow-{took:.1f}s-{_digest(data)}").write_bytes(data)


def _place(trace: TracebackType | None) -> str:
    """The file and line where it was raised."""
    [*_, last] = traceback.extract_tb(trace)
    return f"{os.path.basename(last.filename)}-{last.lineno}"


def _dictionary(seeds: list[bytes]) -> str:
    counted: dict[bytes, int] = {}
    for seed in seeds:
        for word in set(_WORD.findall(seed)):
            counted[word] = counted.get(word, 0) + 1
    best = sorted(counted, key=lambda word: -counted[word])[:_MOST_WORDS]
    return "".join('"' + "".join(map(r"\x{:02x}".format, word)) + '"\n' for word in best)


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=8).hexdigest()


if __name__ == "__main__":
    main()
