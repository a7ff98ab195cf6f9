"""Search at size, ours beside others: `python -m bench.scale --papers N [--keep DIR]`.

Papers are those of `bench.make_corpus`: real ones first, made ones beyond. Ours is the product's
own search, in process, over its own indexes; they are built straight from the papers, without the
store (`import` is measured elsewhere), and said to be. Everybody answers the same real queries,
timed one after another from the words to the numbers of the best 25 papers. With --keep what was
built stays and serves the next run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from bench import data
from bench.figures import Figures, latencies, print_figures, resident_mb
from bench.make_corpus import Values, papers, real
from bench.peers import RESULTS, Fts5, Lance, Peer, Postgres, Row, Scan
from broadsheet import __version__
from broadsheet.embed.base import Embedder
from broadsheet.embed.choose import embedder
from broadsheet.records import Author, Paper, Period
from broadsheet.search.dense import DenseIndex
from broadsheet.search.follow import facets
from broadsheet.search.hybrid import Hybrid
from broadsheet.search.lexical import FORMAT, Damaged, LexicalIndex, State
from broadsheet.text.analysis import STOP_WORDS
from broadsheet.views.query import parse

WRITTEN = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parent.parent / "docs" / "scale.md"
PEERS = ("fts5", "postgres", "lancedb", "scan")
QUESTIONS = data.SHARED.parent / "qrels" / "autoscholar" / "queries.jsonl"
# Queries of each class. A slow peer answers as many as it can in its time, and some in any case.
_EACH = 250
_LEAST = 10
_SECONDS = 60.0
_BLOCK = 20_000
_COMMIT = 500_000
_RECALL = 200
# Shares of the papers that filters are to keep.
_SHARES = {"10 %": 0.1, "1 %": 0.01, "0.01 %": 0.0001}
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


def main() -> int:
    """0 where all ran, 1 where the shared data is missing."""
    parser = argparse.ArgumentParser(prog="bench.scale", description=__doc__)
    parser.add_argument("--papers", type=int, default=100_000)
    parser.add_argument("--peers", default=",".join(PEERS), help="of these; '' for none")
    parser.add_argument("--keep", type=Path, help="a folder where what is built stays")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--docs", action="store_true", help="only write docs/scale.md anew")
    given = parser.parse_args()
    peers = [name for name in given.peers.split(",") if name]
    if unknown := set(peers) - set(PEERS):
        parser.error(f"there is no peer {unknown.pop()}; there are {', '.join(PEERS)}")
    if given.docs:
        DOCUMENT.write_text(documented())
        return 0
    if not data.is_there():
        print("The benchmarks use the shared papers, which are not beside this checkout.")
        return 1
    if given.keep:
        report = measured(given.keep / str(given.papers), given.papers, peers, given.seed)
    else:
        with tempfile.TemporaryDirectory(prefix="broadsheet-scale-") as folder:
            report = measured(Path(folder) / "kept", given.papers, peers, given.seed)
    WRITTEN.mkdir(exist_ok=True)
    path = WRITTEN / f"scale-{given.papers}.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    if given.json:
        print(json.dumps(report))
    else:
        for name, figures in report.items():
            print_figures(name, figures if isinstance(figures, dict) else {"": figures})
        print(f"Written to {path.relative_to(WRITTEN.parent.parent)}.")
    return 0


def documented() -> str:
    """All the reports kept, as the page docs/scale.md."""
    reports = [json.loads(path.read_text()) for path in WRITTEN.glob("scale-*.json")]
    lines = [
        "# Search at size",
        "",
        "Written by `python -m bench.scale --docs` from what `python -m bench.scale --papers N`",
        "measured; do not edit. In process, one query after another, from the words to the numbers",
        "of the best 25 papers with their reasons. Beyond 428,440 papers, made ones",
        "(`bench/make_corpus.py`).",
    ]
    for report in sorted(reports, key=lambda report: -int(report["papers"])):
        lines += _section(report)
    return "\n".join([*lines, ""])


def _section(report: Figures) -> list[str]:
    ours, built = report["Broadsheet"], report["Broadsheet"]["building"]
    asked = {
        name: found["classes"]
        for name, found in report.items()
        if isinstance(found, dict) and "classes" in found
    }
    recall = ours["recall@10 of the index of meanings"]["recall@10"]
    rows = [
        [kind, *(_cell(found.get(kind)) for found in asked.values())] for kind in ours["classes"]
    ]
    rows += [
        [f"mixed, filtered to {name}", _cell(found), *[""] * (len(asked) - 1)]
        for name, found in ours["filtered"].items()
    ]
    resident = ours["resident_mb, after all queries"]
    before = ours["resident_mb, before opening"]
    return [
        "",
        f"## {report['papers']:,} papers",
        "",
        f"{report['date']}, {report['machine']}.",
        "",
        f"| milliseconds: median, 99th percentile | {' | '.join(asked)} |",
        f"|---|{'---|' * len(asked)}",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"- Of the ten nearest by the unpacked vectors, {recall:.2%} are found.",
        f"- Opened from cold, and a first answer: {ours['open, s']['together']:.2f} s.",
        f"- Resident after all queries: {resident:,.0f} MB, {before:,.0f} of them the benchmark's.",
        f"- On disk: words {built['words']['mb']:,} MB, meanings {built['meanings']['mb']:,} MB;"
        f" built in {built['seconds, both at once']:,.0f} s.",
    ]


def _cell(found: Figures | None) -> str:
    return f"{found['p50_ms']:.1f}, {found['p99_ms']:.1f}" if found else ""


def measured(folder: Path, count: int, peers: list[str], seed: int) -> Figures:
    """The whole report of one size: ratios first, then each one's own figures."""
    folder.mkdir(parents=True, exist_ok=True)
    building = build(folder, count, seed)
    asked = queries(count)
    search, ours = opened(folder)
    ours["building"] = building
    # Other queries first: what is measured is a program that has been running, not its disk.
    for texts in queries(count, seed=12).values():
        for text in texts:
            _ask(search, text)
    ours["classes"] = _classes(partial(_ask, search), asked)
    mixed = [query for texts in asked.values() for query in texts[::5]]
    filters = _filters(building["categories"], count)
    ours["filtered"] = {
        f"{name} ({share:.4%} of the papers: {clause})": latencies(
            partial(_ask, search, f"{query} {clause}") for query in mixed
        )
        for name, (clause, share) in filters.items()
    }
    ours["resident_mb, after all queries"] = resident_mb()
    vectors = _vectors(folder)
    ours["recall@10 of the index of meanings"] = _recall(search, vectors, mixed[:_RECALL])
    others: Figures = {}
    for name in peers:
        print(f"Building {name}", file=sys.stderr, flush=True)
        others |= _measured(_peer(name, folder, vectors, search), count, seed, asked)
    del building["categories"]
    return {
        "version": __version__,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, Python "
        f"{platform.python_version()}",
        "papers": count,
        "results a query": RESULTS,
        "times slower than Broadsheet, median": {
            name: {
                kind: round(found["p50_ms"] / ours["classes"][kind]["p50_ms"], 1)
                for kind, found in figures["classes"].items()
            }
            for name, figures in others.items()
        },
        "Broadsheet": ours,
        **others,
    }


def build(folder: Path, count: int, seed: int) -> Figures:
    """Ours over the papers, unless it is there: words and meanings in a process each.

    Returns seconds, bytes and the papers of each category.
    """
    done = folder / "built.json"
    if not _serves(folder):
        done.unlink(missing_ok=True)
        for stale in (*_INDEXES, "lancedb"):  # another model's vectors are in all but the first
            shutil.rmtree(folder / stale, ignore_errors=True)
        # Spawned: what this process has in memory is none of theirs, and is what is measured.
        spawn = multiprocessing.get_context("spawn")
        started = time.perf_counter()
        makers = [
            spawn.Process(target=maker, args=(folder, count, seed))
            for maker in (_build_words, _build_meanings)
        ]
        for maker in makers:
            maker.start()
        for maker in makers:
            maker.join()
        if any(maker.exitcode for maker in makers):
            raise RuntimeError("an index could not be built")
        figures = {
            "how": "straight into the indexes, without the store",
            "seconds, both at once": round(time.perf_counter() - started, 1),
            **{name: json.loads((folder / f"{name}.json").read_text()) for name in _INDEXES},
        }
        figures["categories"] = figures["words"].pop("categories")
        done.write_text(json.dumps(figures))
    found: Figures = json.loads(done.read_text())
    return found


_INDEXES = ("words", "meanings")


def _serves(folder: Path) -> bool:
    """Whether what was kept was built whole, by this version and with this embedding."""
    if not (folder / "built.json").exists():
        return False
    try:
        LexicalIndex(folder / "words").state()
        model = DenseIndex(folder / "meanings").model
    except Damaged:
        return False
    return model == embedder("built-in").name


def _build_words(folder: Path, count: int, seed: int) -> None:
    started = time.perf_counter()
    index = LexicalIndex.create(folder / "words")
    writer = index.writer()
    categories: Counter[str] = Counter()
    for number, values in enumerate(papers(count, seed), 1):
        index.add(writer, held(number, values).content())
        categories.update(values.get("categories", ()))
    index.commit(writer, State(count, 1, FORMAT))
    writer.wait_merging_threads()
    _say_built(folder, "words", started, categories=categories)


def _build_meanings(folder: Path, count: int, seed: int) -> None:
    started = time.perf_counter()
    model = embedder("built-in")
    index = DenseIndex.create(folder / "meanings", model.name, model.width)
    stream = (held(number, values) for number, values in enumerate(papers(count, seed), 1))
    done = since = 0
    with (folder / "vectors.f16").open("wb") as kept:
        while block := list(islice(stream, _BLOCK)):
            vectors = model.encode_papers([(paper.title, paper.text) for paper in block])
            kept.write(vectors.astype(np.float16).tobytes())
            filtered = [facets(paper.content()) for paper in block]
            index.add([paper.number for paper in block], vectors, filtered)
            done, since = done + len(block), since + len(block)
            if since >= _COMMIT:
                index.commit(State(done, 1, FORMAT))
                since = 0
    index.commit(State(done, 1, FORMAT))
    while index.merge():
        pass
    _say_built(folder, "meanings", started, segments=index.segments())


def _say_built(folder: Path, name: str, started: float, **more: object) -> None:
    size = sum(path.stat().st_size for path in (folder / name).iterdir())
    figures = {"seconds": round(time.perf_counter() - started, 1), "mb": round(size / 1e6), **more}
    (folder / f"{name}.json").write_text(json.dumps(figures))


def held(number: int, values: Values) -> Paper:
    """A paper of the corpus as the store would hold it."""
    published = values.get("published")
    day = date.fromisoformat(published[:10]) if published and len(published) >= 10 else None
    return Paper(
        number=number,
        id=values["id"],
        title=values["title"],
        abstract=values.get("abstract", ""),
        authors=tuple(Author(name) for name in values.get("authors", ())),
        categories=tuple(values.get("categories", ())),
        year=values.get("year"),
        published=day,
        day=day,
        change=number,
    )


def opened(folder: Path) -> tuple[Hybrid, Figures]:
    """Ours, opened with nothing of it in the system's cache, and what that took."""
    for path in folder.glob("*/*"):
        if path.is_file():
            _forget(path)
    before = resident_mb()
    started = time.perf_counter()
    words = LexicalIndex(folder / "words")
    meaning = DenseIndex(folder / "meanings")
    indexes = time.perf_counter()
    model = embedder("built-in")
    search = Hybrid(words, meaning, model)
    ready = time.perf_counter()
    _ask(search, "graph neural networks for molecules")
    answered = time.perf_counter()
    return search, {
        "open, s": {
            "indexes": round(indexes - started, 3),
            "embedding": round(ready - indexes, 3),
            "first answer": round(answered - ready, 3),
            "together": round(answered - started, 3),
        },
        "resident_mb, before opening": before,
        "resident_mb, after one query": resident_mb(),
    }


def _forget(path: Path) -> None:
    """Takes a file out of the system's cache."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def queries(count: int, seed: int = 11) -> dict[str, list[str]]:
    """Real queries by class, drawn from the first `count` real papers; a seed's always the same."""
    draw = random.Random(seed)
    sources = list(islice(real(), count))
    drawn = draw.sample(sources, min(len(sources), 4 * _EACH))
    titles = [values["title"] for values in drawn]
    with QUESTIONS.open("rb") as lines:
        questions = [orjson.loads(line)["text"] for line in lines]
    names = [name for values in drawn[::-1] for name in values.get("authors", ())[:1]]
    telling = [
        [word for word in title.split() if word.lower() not in STOP_WORDS] for title in titles
    ]
    starts = [(words, draw.randrange(len(words) - 2)) for words in telling if len(words) > 3]
    return {
        "title": titles[:_EACH],
        "title with typos": [misspelt(title, draw) for title in titles[_EACH : 2 * _EACH]],
        "question": draw.sample(questions, _EACH),
        "two or three words": [
            " ".join(words[start : start + 2 + index % 2])
            for index, (words, start) in enumerate(starts[-_EACH:])
        ],
        "author": names[:_EACH],
    }


def misspelt(title: str, draw: random.Random) -> str:
    """The title with a letter dropped, doubled, changed or swapped in two of its longer words."""
    words = title.split()
    longer = [place for place, word in enumerate(words) if len(word) > 4]
    for place in draw.sample(longer, min(2, len(longer))):
        word = words[place]
        at = draw.randrange(1, len(word) - 1)
        words[place] = draw.choice(
            [
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
                word[:at] + draw.choice(_LETTERS) + word[at + 1 :],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            ]
        )
    return " ".join(words)


def _filters(categories: dict[str, int], count: int) -> dict[str, tuple[str, float]]:
    """For each share the category that keeps most nearly so many papers, and its true share."""
    found = {}
    for name, share in _SHARES.items():
        best = min(
            categories, key=lambda category: abs(np.log(categories[category] / count / share))
        )
        found[name] = (f"cat:{best}", categories[best] / count)
    return found


def _ask(search: Hybrid, query: str) -> list[int]:
    return [hit.number for hit in search.search(parse(query), Period(), limit=RESULTS).hits]


def _classes(ask: Callable[[str], object], asked: dict[str, list[str]]) -> Figures:
    return {kind: _timed(ask, texts) for kind, texts in asked.items()}


def _timed(ask: Callable[[str], object], texts: list[str]) -> Figures:
    """Latencies over the texts, or over as many as there is time for."""
    for text in texts[:3]:
        ask(text)
    end = time.perf_counter() + _SECONDS

    def asking() -> Iterator[Callable[[], object]]:
        for place, text in enumerate(texts):
            if place >= _LEAST and time.perf_counter() > end:
                return
            yield partial(ask, text)

    return latencies(asking())


def _vectors(folder: Path) -> NDArray[np.float16]:
    width = DenseIndex(folder / "meanings").width
    return np.memmap(folder / "vectors.f16", np.float16, "r").reshape(-1, width)


def _recall(search: Hybrid, vectors: NDArray[np.float16], texts: list[str]) -> Figures:
    """The share of the ten nearest papers by the unpacked vectors that the index names."""
    assert search.meaning is not None
    asked = _embedder(search).encode_queries(texts)
    best = np.zeros((len(texts), 0), np.float32)
    numbers = np.zeros((len(texts), 0), np.int64)
    for start in range(0, len(vectors), _BLOCK):
        block = np.asarray(vectors[start : start + _BLOCK], np.float32)
        own = np.arange(start + 1, start + 1 + len(block))
        best = np.concatenate([best, asked @ block.T], axis=1)
        numbers = np.concatenate([numbers, np.broadcast_to(own, (len(texts), len(own)))], axis=1)
        kept = np.argsort(-best, axis=1)[:, :10]
        best = np.take_along_axis(best, kept, axis=1)
        numbers = np.take_along_axis(numbers, kept, axis=1)
    started = time.perf_counter()
    found = [search.meaning.search(vector, 10)[0] for vector in asked]
    took = (time.perf_counter() - started) / len(texts)
    shares = [
        len(np.intersect1d(one, exact)) / 10
        for one, exact, vector in zip(found, numbers, asked, strict=True)
        if vector.any()
    ]
    return {
        "recall@10": round(float(np.mean(shares)), 4),
        "queries": len(shares),
        "ms a query, mean": round(took * 1000, 3),
    }


def _embedder(search: Hybrid) -> Embedder:
    assert search.embedder is not None
    return search.embedder


def _peer(name: str, folder: Path, vectors: NDArray[np.float16], search: Hybrid) -> Peer:
    if name == "lancedb":
        return Lance(folder, vectors, _embedder(search))
    kinds: dict[str, Callable[[Path], Peer]] = {"fts5": Fts5, "postgres": Postgres, "scan": Scan}
    return kinds[name](folder)


def _measured(peer: Peer, count: int, seed: int, asked: dict[str, list[str]]) -> Figures:
    try:
        started = time.perf_counter()
        peer.build(_rows(count, seed))
        built = round(time.perf_counter() - started, 1)
        return {
            peer.name: {
                "settings": peer.settings,
                "building, s": built,
                "classes": _classes(peer.ask, asked),
            }
        }
    finally:
        peer.close()


def _rows(count: int, seed: int) -> Iterator[Row]:
    for number, values in enumerate(papers(count, seed), 1):
        authors = ", ".join(values.get("authors", ()))
        yield number, values["title"], values.get("abstract", ""), authors


if __name__ == "__main__":
    sys.exit(main())
