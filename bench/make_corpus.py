"""Papers by the million: `python -m bench.make_corpus N [FILE] [--seed S]` writes JSON lines.

The real papers of the shared data come first, in a fixed order, each once. What is asked for
beyond them is made of them: a made title is the first half of one real title and the second half
of another of the same field and time, a made abstract is five to eight sentences of two to four
papers of that field and time; authors, categories and days are those of real papers. So words
keep their frequencies and go together as they do in real papers, which is what an index feels;
nobody should read one. One seed gives the same papers everywhere, and `broadsheet import` takes
them. Not for measuring quality.
"""

from __future__ import annotations

import argparse
import lzma
import random
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO
from xml.sax.saxutils import escape

import orjson

from bench.data import SHARED

FILES = ("recent.jsonl.xz", "ml.jsonl.xz", "arxiv-1993-2019.jsonl.xz")
# How many they have: as long as no more are asked for, none need be kept to make others of.
REAL = 428_440
# Papers that may lend each other sentences: enough to seldom meet again, few enough to be near.
_CLUSTER = 400
_SENTENCE_END = re.compile(r"(?<=[.!?]) +(?=[A-Z])")
_KEPT = ("id", "title", "abstract", "authors", "year", "published", "categories", "url", "doi")

Values = dict[str, Any]
# Characters that XML cannot hold (XML 1.0, "Char").
_NO_XML = re.compile("[^\\t\\n\\r\\x20-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
# Papers a volume: as many as the largest of the Anthology's.
_VOLUME = 2_000
_VOLUME_HEAD = (
    '  <volume id="{volume}" ingest-date="2024-08-09" type="proceedings">\n'
    "    <meta><booktitle>Made</booktitle><month>August</month><year>2024</year></meta>\n"
)
_DAYS = "Mon Tue Wed Thu Fri Sat Sun".split()
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def real() -> Iterator[Values]:
    """The real papers, as the importer reads them; what it does not know is left out."""
    for name in FILES:
        with lzma.open(SHARED / name) as lines:
            for line in lines:
                values = orjson.loads(line)
                yield {key: values[key] for key in _KEPT if values.get(key)}


@dataclass(frozen=True, slots=True)
class _Model:
    """A real paper, taken apart."""

    first: str
    last: str
    sentences: tuple[str, ...]
    authors: list[str]
    published: str | None
    year: int | None
    categories: list[str]


def _taken_apart(values: Values) -> _Model:
    words = values["title"].split()
    middle = (len(words) + 1) // 2
    return _Model(
        first=" ".join(words[:middle]),
        last=" ".join(words[middle:]),
        sentences=tuple(_SENTENCE_END.split(values.get("abstract", ""))),
        authors=values.get("authors", []),
        published=values.get("published"),
        year=values.get("year"),
        categories=values.get("categories", []),
    )


def _field(values: Values) -> tuple[str, int]:
    """What papers have in common that lend to each other: their field and their year."""
    categories = values.get("categories") or ["cs.LG"]
    return categories[0], values.get("year") or 0


def made(models: list[Values], seed: int) -> Iterator[Values]:
    """Made papers without end, of real ones, which are used up: `made:000001` and on."""
    models.sort(key=lambda values: (_field(values), values["id"]), reverse=True)
    # A paper taken apart takes as much memory as one that is whole.
    pool = [_taken_apart(models.pop()) for _ in range(len(models))]
    draw = random.Random(seed)
    # Faster than the methods that draw whole numbers, and as good for this.
    chance = draw.random
    number = 0
    while True:
        number += 1
        start = int(chance() * max(1, len(pool) - _CLUSTER))
        size = min(_CLUSTER, len(pool))
        lenders = [pool[start + int(chance() * size)] for _ in range(2 + int(chance() * 3))]
        wanted = 5 + int(chance() * 4)
        sentences = [
            said[int(chance() * len(said))]
            for said in (lenders[i % len(lenders)].sentences for i in range(wanted))
        ]
        like = lenders[0]
        paper: Values = {
            "id": f"made:{number:06}",
            "title": f"{like.first} {lenders[1].last}".strip(),
            "abstract": " ".join(sentences),
            "authors": lenders[-1].authors,
            "year": like.year,
            "categories": like.categories,
        }
        if like.published:
            paper["published"] = like.published
        yield paper


def papers(count: int, seed: int = 0) -> Iterator[Values]:
    """`count` papers: real ones as far as there are, then made ones.

    To make any, all real ones are held in memory: about 1.5 GB.
    """
    held: list[Values] = []
    given = 0
    for values in real():
        if given >= count:
            return
        given += 1
        if count > REAL:
            held.append(values)
        yield values
    if given < count and not held:
        raise RuntimeError(f"the shared data has {given:,} papers, not {REAL:,}")
    yield from islice(made(held, seed), count - given)


def as_snapshot(values: Values, place: int) -> Values:
    """A paper as arXiv's bulk snapshot has it, under an arXiv id that counts up."""
    year, month = 2001 + place // 1_188_000, place // 99_000 % 12 + 1
    day = values.get("published") or "2020-01-01"
    authors = values.get("authors", [])
    return {
        "id": f"{year % 100:02}{month:02}.{place % 99_000 + 1:05}",
        "submitter": authors[0] if authors else None,
        "authors": ", ".join(authors),
        "title": values["title"],
        "comments": None,
        "journal-ref": None,
        "doi": None,
        "report-no": None,
        "categories": " ".join(c for c in values.get("categories", ()) if "." in c) or "cs.LG",
        "license": "http://creativecommons.org/licenses/by/4.0/",
        "abstract": f"  {values.get('abstract', '')}\n",
        "versions": [{"version": "v1", "created": f"{_rfc(day)} 18:40:02 GMT"}],
        "update_date": day[:10],
        "authors_parsed": [[n.rsplit(" ", 1)[-1], n.rpartition(" ")[0], ""] for n in authors],
    }


def _rfc(day: str) -> str:
    moment = date.fromisoformat(day[:10])
    return f"{_DAYS[moment.weekday()]}, {moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def write_anthology(out: BinaryIO, count: int, seed: int = 0) -> int:
    """Writes `count` papers as one collection of the ACL Anthology; returns how many."""
    out.write(b"<?xml version='1.0' encoding='UTF-8'?>\n<collection id=\"2024.made\">\n")
    stream = papers(count, seed)
    written = 0
    while block := list(islice(stream, _VOLUME)):
        volume = f"v{written // _VOLUME}"
        out.write(_VOLUME_HEAD.format(volume=volume).encode())
        out.writelines(_as_anthology(one, volume, place) for place, one in enumerate(block, 1))
        out.write(b"  </volume>\n")
        written += len(block)
    out.write(b"</collection>\n")
    return written


def _as_anthology(values: Values, volume: str, place: int) -> bytes:
    """A paper as the Anthology's XML has it."""
    signed = []
    for name in values.get("authors", ()):
        first, _, last = map(_escaped, name.rpartition(" "))
        signed.append(f"      <author><first>{first}</first><last>{last}</last></author>\n")
    id_ = f"2024.made-{volume}.{place}"
    paper = (
        f'    <paper id="{place}">\n      <title>{_escaped(values["title"])}</title>\n'
        f"{''.join(signed)}"
        f"      <pages>{place}–{place + 9}</pages>\n"
        f"      <abstract>{_escaped(values.get('abstract', ''))}</abstract>\n"
        f'      <url hash="{place:08x}">{id_}</url>\n'
        f"      <bibkey>made-{volume}-{place}</bibkey>\n    </paper>\n"
    )
    return paper.encode("utf-8", "replace")


def _escaped(text: str) -> str:
    return escape(_NO_XML.sub(" ", text))


def write(out: BinaryIO, count: int, seed: int = 0, *, snapshot: bool = False) -> int:
    """Writes `count` papers as JSON lines; returns how many."""
    written = 0
    stream = papers(count, seed)
    if snapshot:
        stream = (as_snapshot(values, place) for place, values in enumerate(stream))
    while block := list(islice(stream, 1000)):
        out.write(b"".join(chain.from_iterable((orjson.dumps(one), b"\n") for one in block)))
        written += len(block)
    return written


def main() -> int:
    """0 where all were written."""
    parser = argparse.ArgumentParser(prog="bench.make_corpus", description=__doc__)
    parser.add_argument("papers", type=int, metavar="N", help="how many papers")
    parser.add_argument("file", type=Path, nargs="?", help="where to (default: standard output)")
    parser.add_argument("--seed", type=int, default=0)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--snapshot", action="store_true", help="as arXiv's bulk snapshot has them")
    form.add_argument(
        "--anthology", action="store_true", help="as the ACL Anthology's XML has them"
    )
    given = parser.parse_args()
    started = time.perf_counter()
    writing = write_anthology if given.anthology else partial(write, snapshot=given.snapshot)
    if given.file is None:
        writing(sys.stdout.buffer, given.papers, given.seed)
        return 0
    with given.file.open("wb") as out:
        written = writing(out, given.papers, given.seed)
    seconds = time.perf_counter() - started
    print(f"{written:,} papers in {seconds:.1f} s ({written / seconds:,.0f} a second).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
