"""Reading a test collection: a folder in the layout of BEIR.

`corpus.jsonl` holds objects with `_id`, `title` and `text`, `queries.jsonl` objects with `_id` and
`text`; `qrels.tsv` (BEIR's own place is `qrels/test.tsv`) has a head line and then query, paper
and grade, parted by tabs. Each may be compressed, as `.xz` or `.gz`.

https://github.com/beir-cellar/beir describes the layout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import orjson

from broadsheet.intake.opening import Input, InputError, Line, open_input

_ENDINGS = ("", ".xz", ".gz")
# Bad lines are all counted; of so many it is told where they are and what is wrong.
_MOST_TOLD = 5
# One query in so many is for tuning; the others are for the figure that is published.
_DEV_SHARE = 4

Gains = Mapping[str, int]
_Read = TypeVar("_Read")


class Part(StrEnum):
    """Which of the queries: those for tuning, those kept from it, or all."""

    DEV = "dev"
    REST = "rest"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Paper:
    """One paper of a collection."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a collection."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """Lines that could not be read: how many, and of the first of them where and why."""

    count: int = 0
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """Papers, queries, and by query the grades of its judged papers (0: not relevant).

    Every query here has a relevant paper; `unanswerable` counts those left out because they have
    none. `absent` counts judgements of papers that the corpus lacks: they stay in `judged`, as
    trec_eval has it, and count as not found.
    """

    name: str
    papers: tuple[Paper, ...]
    queries: tuple[Asked, ...]
    judged: Mapping[str, Gains]
    unanswerable: int = 0
    absent: int = 0
    skipped: Skipped = field(default_factory=Skipped)

    def part(self, part: Part) -> Collection:
        """The same papers with the queries of one part (`is_dev`)."""
        if part is Part.ALL:
            return self
        wanted = part is Part.DEV
        return self._asking(query for query in self.queries if is_dev(query.id) is wanted)

    def sampled(self, queries: int | None, seed: int) -> Collection:
        """The same papers with at most so many queries, drawn by `seed`, in their own order."""
        if queries is None or queries >= len(self.queries):
            return self
        drawn = set(sorted((luck(seed, query.id), query.id) for query in self.queries)[:queries])
        return self._asking(q for q in self.queries if (luck(seed, q.id), q.id) in drawn)

    def pooled(self, papers: int | None, seed: int) -> Collection:
        """The same queries over fewer papers: all that are judged for any query, and of the others
        as many as make up `papers`, drawn by `seed`.

        A paper's luck depends on `seed` and its id alone: samples of different sizes, and of
        collections that share papers, share what they can.
        """
        if papers is None or papers >= len(self.papers):
            return self
        judged = {id_ for gains in self.judged.values() for id_ in gains}
        others = [paper for paper in self.papers if paper.id not in judged]
        others.sort(key=lambda paper: luck(seed, paper.id))
        drawn = {paper.id for paper in others[: max(0, papers - (len(self.papers) - len(others)))]}
        keep = judged | drawn
        return replace(self, papers=tuple(paper for paper in self.papers if paper.id in keep))

    def _asking(self, queries: Iterator[Asked]) -> Collection:
        return replace(self, queries=tuple(queries))


def is_dev(query: str) -> bool:
    """Whether the query of this id is one of the quarter that tuning may look at.

    It hangs on the id alone, so that no change of the collection moves a query across.
    """
    return hashlib.sha256(query.encode("utf-8", "surrogatepass")).digest()[0] % _DEV_SHARE == 0


def read_collection(folder: Path) -> Collection:
    """The collection in `folder`.

    A line that cannot be read is left out and counted. Raises InputError, its message a sentence
    with the file's name, where a file is missing, breaks off, or has nothing that can be read.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; name one in the layout of BEIR.")
    skipped = Skips()
    corpus = find_file(folder, "corpus.jsonl")
    papers = {paper.id: paper for paper in read_lines(corpus, _paper, skipped)}
    if not papers:
        raise InputError(f"{corpus.name} has no paper that can be read{skipped.first(corpus)}.")
    questions = find_file(folder, "queries.jsonl")
    queries = {query.id: query for query in read_lines(questions, _asked, skipped)}
    if not queries:
        raise InputError(
            f"{questions.name} has no query that can be read{skipped.first(questions)}."
        )
    grades = find_file(folder, "qrels.tsv", "qrels/test.tsv")
    judged: dict[str, dict[str, int]] = {}
    for query, paper, grade in read_lines(grades, _judgement, skipped):
        if query in queries:
            judged.setdefault(query, {})[paper] = grade
    answerable = {query: gains for query, gains in judged.items() if max(gains.values()) > 0}
    if not answerable:
        raise InputError(
            f"{grades.name} names no relevant paper for any query of {questions.name}"
            f"{skipped.first(grades)}."
        )
    return Collection(
        name=folder.resolve().name,
        papers=tuple(papers.values()),
        queries=tuple(query for query in queries.values() if query.id in answerable),
        judged=answerable,
        unanswerable=len(queries) - len(answerable),
        absent=sum(id_ not in papers for gains in answerable.values() for id_ in gains),
        skipped=Skipped(skipped.count, tuple(skipped.told)),
    )


class Skips:
    """Counts the lines that could not be read, and tells of the first."""

    def __init__(self) -> None:
        self.count = 0
        self.told: list[str] = []
        self._first: dict[Path, str] = {}

    def add(self, path: Path, line: int, reason: str) -> None:
        """Counts a line of a file."""
        sentence = f"{path.name}, line {line}: {reason}"
        self.count += 1
        self._first.setdefault(path, sentence)
        if len(self.told) < _MOST_TOLD:
            self.told.append(sentence)

    def first(self, path: Path) -> str:
        """What was wrong first in a file, to follow a sentence; nothing where nothing was."""
        return f" ({self._first[path]})" if path in self._first else ""


def find_file(folder: Path, *names: str) -> Path:
    """The file of the first of these names, plain or compressed. Raises InputError."""
    for name in names:
        for ending in _ENDINGS:
            path = folder / f"{name}{ending}"
            if path.is_file():
                return path
    raise InputError(
        f"The folder {folder} has no {' and no '.join(names)} (nor one as .xz or .gz)."
    )


def read_lines(path: Path, read: Callable[[Line], _Read | None], skipped: Skips) -> Iterator[_Read]:
    """What `read` makes of each line; nothing for None, and a count where it raises InputError."""
    with _naming(path), open_input(path) as opened:
        for line in _lines(opened):
            try:
                value = read(line)
            except InputError as error:
                skipped.add(path, line.number, error.reason)
                continue
            if value is not None:
                yield value


def _lines(opened: Input) -> Iterator[Line]:
    for line in opened.lines():
        if line.data.strip():
            yield line


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"{path.name}, line {error.line}: {error.reason}.", error.line) from error


def _paper(line: Line) -> Paper:
    values = json_object(line)
    return Paper(_id(values), text_of(values, "title", needed=False), text_of(values, "text"))


def _asked(line: Line) -> Asked:
    values = json_object(line)
    return Asked(_id(values), text_of(values, "text"))


def _judgement(line: Line) -> tuple[str, str, int] | None:
    """A query, a paper and its grade; None for the head line."""
    fields = line.text().split("\t")
    if len(fields) != 3:
        raise InputError(f"has {len(fields)} fields parted by tabs instead of 3", line.number)
    try:
        return fields[0], fields[1], int(fields[2])
    except ValueError:
        if line.number == 1:
            return None
        raise InputError(f"the grade {fields[2][:20]!r} is no whole number", line.number) from None


def json_object(line: Line) -> dict[str, Any]:
    """The JSON object on a line. Raises InputError."""
    if line.is_cut:
        raise InputError(f"the line has {line.size:,} bytes; one paper has far fewer", line.number)
    line.text()  # says in words which byte is not UTF-8
    try:
        values = orjson.loads(line.data)
    except orjson.JSONDecodeError as error:
        reason = f"not JSON: {error.msg} at column {error.colno}"
        raise InputError(reason, line.number) from error
    if not isinstance(values, dict):
        raise InputError("not a JSON object", line.number)
    return values


def _id(values: dict[str, Any]) -> str:
    value = values.get("_id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise InputError("it has no _id")
    return value


def text_of(values: dict[str, Any], name: str, *, needed: bool = True) -> str:
    """A text among the values; empty where it may lack and does. Raises InputError."""
    value = values.get(name)
    if value is None and not needed:
        return ""
    if not isinstance(value, str):
        raise InputError(f"{name} is not text" if name in values else f"it has no {name}")
    return value


def luck(seed: int, id_: str) -> bytes:
    """What draws lots: it hangs on the seed and the id alone."""
    return hashlib.sha256(f"{seed}:{id_}".encode("utf-8", "surrogatepass")).digest()


def texts(papers: Sequence[Paper]) -> list[tuple[str, str]]:
    """Title and text of each paper."""
    return [(paper.title, paper.text) for paper in papers]
