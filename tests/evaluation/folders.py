"""Small collections in the layout of BEIR, written for a test."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

# Six made-up papers: two on bees, two on locks, two on tides.
PAPERS: Sequence[tuple[str, str, str]] = (
    ("bees1", "Honeybee dances", "Worker bees dance to tell where nectar is."),
    ("bees2", "Nectar and memory", "Which flowers a honeybee remembers."),
    ("locks1", "Locks without waiting", "A mutex that no thread ever waits for."),
    ("locks2", "Fair mutexes", "Threads take a mutex in the order they asked."),
    ("tides1", "Tides of shallow seas", "Friction turns the tide of a shallow sea."),
    ("tides2", "Moon and tide", "How the moon raises a tide twice a day."),
)
QUERIES: Mapping[str, str] = {
    "q1": "honeybee nectar",
    "q2": "mutex for threads",
    "q3": "what raises the tide?",
}
JUDGED: Sequence[tuple[str, str, int]] = (
    ("q1", "bees1", 1),
    ("q1", "bees2", 2),
    ("q1", "tides1", 0),
    ("q2", "locks1", 1),
    ("q2", "locks2", 1),
    ("q3", "tides2", 1),
)


def write(
    folder: Path,
    papers: Sequence[tuple[str, str, str]] = PAPERS,
    queries: Mapping[str, str] = QUERIES,
    judged: Sequence[tuple[str, str, int]] = JUDGED,
) -> Path:
    """A collection in `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    corpus = [json.dumps({"_id": i, "title": title, "text": text}) for i, title, text in papers]
    (folder / "corpus.jsonl").write_text("\n".join(corpus) + "\n")
    asked = [json.dumps({"_id": i, "text": text}) for i, text in queries.items()]
    (folder / "queries.jsonl").write_text("\n".join(asked) + "\n")
    rows = ["query-id\tcorpus-id\tscore", *(f"{q}\t{p}\t{grade}" for q, p, grade in judged)]
    (folder / "qrels.tsv").write_text("\n".join(rows) + "\n")
    return folder
