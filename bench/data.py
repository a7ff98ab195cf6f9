"""The papers benchmarks use: real ones, from the shared data beside the checkout."""

from __future__ import annotations

import lzma
import random
import subprocess
import sys
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import orjson

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "papers"
# Newest first: days to make front pages of, then papers of all years.
_FILES = ("recent.jsonl.xz", "ml.jsonl.xz", "arxiv-1993-2019.jsonl.xz")


def is_there() -> bool:
    """Whether the shared papers are beside the checkout."""
    return all((SHARED / name).is_file() for name in _FILES)


def _lines(name: str) -> Iterator[bytes]:
    with lzma.open(SHARED / name) as lines:
        yield from lines


class Library:
    """`papers` real papers as a file, and a data folder that holds them once imported."""

    def __init__(self, folder: Path, papers: int) -> None:
        self.folder = folder
        self.papers = papers
        self.data = folder / "data"

    @cached_property
    def file(self) -> Path:
        """The papers as plain JSON lines."""
        path = self.folder / "papers.jsonl"
        lines = chain.from_iterable(_lines(name) for name in _FILES)
        with path.open("wb") as out:
            out.writelines(islice(lines, self.papers))
        return path

    @cached_property
    def imported(self) -> Path:
        """The data folder with the papers imported and indexed."""
        if not (self.data / "broadsheet.sqlite3").exists():
            command = [sys.executable, "-m", "broadsheet", "import", str(self.file)]
            subprocess.run([*command, "--data", str(self.data)], check=True)
        return self.data

    def titles(self, count: int) -> list[str]:
        """`count` titles drawn from the papers, the same at every run."""
        with self.file.open("rb") as lines:
            titles = [orjson.loads(line)["title"] for line in lines]
        return random.Random(7).sample(titles, min(count, len(titles)))

    def queries(self, count: int) -> dict[str, list[str]]:
        """Queries of several classes, made from words of real titles."""
        draw = random.Random(11)
        titles = [title.split() for title in self.titles(count)]
        long_enough = [words for words in titles if len(words) >= 4]
        starts = [(words, draw.randrange(len(words) - 2)) for words in long_enough]
        return {
            "one word": [draw.choice(words) for words in long_enough],
            "two words": [f"{words[i]} {words[i + 1]}" for words, i in starts],
            "phrase": [f'"{words[i]} {words[i + 1]}"' for words, i in starts],
            "whole title": [" ".join(words) for words in long_enough],
            "word and filter": [f"{words[i]} year:2024.." for words, i in starts],
        }
