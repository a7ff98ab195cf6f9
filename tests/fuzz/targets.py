"""What is fuzzed: each parser as a function of bytes, and real answers to begin with.

A parser may answer, or raise its own error with one sentence; anything else that comes out of it
is a finding.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from xml.etree.ElementTree import fromstring

from broadsheet.intake import (
    acl,
    bibtex,
    feed,
    hub,
    jsonl,
    openreview,
    ris,
    saved_page,
)
from broadsheet.intake.arxiv import abs as arxiv_abs
from broadsheet.intake.arxiv import atom, listing, oai, snapshot
from broadsheet.intake.arxiv import feed as arxiv_feed
from broadsheet.intake.formats import Options, hopeful, recognise
from broadsheet.intake.opening import Input, InputError, open_input
from broadsheet.records import Quarantined, Record
from broadsheet.text.mathml import to_mathml
from broadsheet.text.maths import find_formulas
from intake import (
    arxiv_samples,
    test_acl,
    test_arxiv_feed,
    test_arxiv_listing,
    test_bibtex,
    test_feeds,
    test_hub,
    test_openreview,
    test_ris,
)
from intake.papers import ABSTRACT, line

RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "recorded"
# What is larger teaches the fuzzer nothing that a smaller one of its kind does not.
_LARGEST_SEED = 64 * 1024
_MOST_SEEDS = 150
_Thing = Record | Quarantined


@dataclass(frozen=True, slots=True)
class Target:
    """A parser, called with any bytes; `own` are samples that are always there, `recorded` the
    places of real answers below the shared data.
    """

    call: Callable[[bytes], object]
    own: tuple[bytes, ...]
    recorded: tuple[str, ...] = ()

    def seeds(self) -> Iterator[bytes]:
        """Everything to begin with that is at hand."""
        yield from self.own
        files = (file for place in self.recorded for file in sorted(RECORDED.glob(place)))
        small = (data for data in map(_content, files) if len(data) <= _LARGEST_SEED)
        yield from islice(small, _MOST_SEEDS)


def place_of(name: str, folder: Path) -> Path:
    """Where everything of a target lies."""
    return folder / name.replace(" ", "-")


def run(target: Target, data: bytes) -> None:
    """Calls the parser. Raises AssertionError or anything that is not the parser's own error."""
    try:
        found = target.call(data)
    except InputError as error:
        _is_a_sentence(error.reason)
        return
    for thing in things(found):
        if isinstance(thing, Quarantined):
            _is_a_sentence(thing.reason)


def things(found: object) -> Iterable[object]:
    """What a parser's answer holds, where it holds several things."""
    held = getattr(found, "records", found)
    return held if isinstance(held, Iterable) else ()


def _is_a_sentence(reason: str) -> None:
    assert reason.strip(), "an error that says nothing"
    assert "\n" not in reason, reason


def _content(file: Path) -> bytes:
    """What a recorded file holds; of an exchange that was kept as JSON, the answer's body."""
    data = file.read_bytes()
    if file.suffix == ".json" and "hub_daily" not in file.parts:
        with suppress(ValueError, TypeError, KeyError):
            return str(json.loads(data)["body"]).encode()
    return data


@cache
def _file() -> Path:
    """A file in memory, of this process."""
    return Path(f"/proc/self/fd/{os.memfd_create('fuzzed')}")


def _read(read: Callable[[Input], Iterable[_Thing]]) -> Callable[[bytes], list[object]]:
    """A reader of files as a function of their bytes; what comes before an error counts too."""

    def call(data: bytes) -> list[object]:
        found: list[object] = []
        _file().write_bytes(data)
        with open_input(_file()) as opened:
            try:
                found.extend(hopeful(read(opened)))
            except InputError as error:
                _is_a_sentence(error.reason)
        return found

    return call


def _any_file(opened: Input) -> Iterable[_Thing]:
    return recognise(opened).read(opened, Options())


def _lists(data: bytes) -> None:
    for parse in (listing.parse_new, listing.parse_catchup, listing.parse_recent):
        with suppress(InputError):
            parse(data)


def _mathematics(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    for formula in find_formulas(text):
        assert 0 <= formula.start < formula.end <= len(text)
        if made := to_mathml(formula.tex):
            fromstring(made)


_PAGE = f"Get trending papers in your email inbox!\nOf Boats\n{ABSTRACT}\n".encode()
_TEX = (
    rb"We show $O(n \log n)$ and \(x_{i}^{2}\) for $$\sum_{i=1}^n \frac{a}{b}$$, \mathcal{O}(1).",
    rb"an n^{1+o(1)} bound, 10^{-3} to 10^12, n times d, mathcal{O}(sqrt{T}), p_d(y|x), 95 pm 1.2",
    rb"$\left( \begin{matrix} a \\ b \end{matrix} \right)$ {bf 1} varphi(x_i) in mathbb{R}^d",
)

TARGETS = {
    "oai": Target(
        oai.parse,
        (
            arxiv_samples.oai(arxiv_samples.raw(), arxiv_samples.deleted("2611.00001")),
            arxiv_samples.oai(arxiv_samples.parted(), verb="GetRecord"),
            arxiv_samples.refused("badArgument", "no"),
        ),
        ("arxiv_oai/**/*.xml", "arxiv_oai/**/*.json"),
    ),
    "sets": Target(oai.sets, (arxiv_samples.refused("badVerb"),), ("arxiv_oai/**/*ets*.*",)),
    "atom": Target(
        atom.parse,
        (arxiv_samples.atom(arxiv_samples.atom_entry(), total=2),),
        ("arxiv_atom/*.json",),
    ),
    "rss": Target(
        arxiv_feed.parse,
        (
            arxiv_samples.rss(
                arxiv_samples.item("2611.00001", "new"), arxiv_samples.item("2611.00002", "cross")
            ),
            test_arxiv_feed.ATOM.encode(),
        ),
    ),
    "lists": Target(
        _lists,
        (
            test_arxiv_listing.new_page(*test_arxiv_listing.WHOLE, total=4),
            test_arxiv_listing.RECENT,
        ),
    ),
    "snapshot": Target(
        _read(snapshot.read),
        (arxiv_samples.snapshot_line(), arxiv_samples.snapshot_line(authors_parsed=None) * 2),
    ),
    "abs": Target(arxiv_abs.parse, (b"\\\\\narXiv:1\n\\\\\nx\n\\\\\n",), ("arxiv_abs/**/*.abs",)),
    "hub": Target(hub.parse, (test_hub.answer(test_hub.item(1)),), ("hub_daily/*.json",)),
    "hub page": Target(hub.parse_page, (test_hub.page({"dailyPapers": [test_hub.item(1)]}),)),
    "saved page": Target(_read(lambda opened: saved_page.read(opened, None)), (_PAGE,)),
    "acl": Target(_read(acl.read), (test_acl.collection(),)),
    "bibtex": Target(
        _read(bibtex.read),
        (test_bibtex.ARTICLE.encode(),),
        ("bib_importers/**/*.bib", "bib_importers_bibtexparser/**/*.bib"),
    ),
    "ris": Target(_read(ris.read), (test_ris.REFERENCE.encode(),), ("bib_importers/**/*.ris",)),
    "openreview": Target(
        _read(openreview.read),
        tuple(shape(test_openreview.note()).encode() for shape in test_openreview.SHAPES.values()),
    ),
    "feed": Target(
        lambda data: feed.parse(data, "https://boats.example/feed"),
        (test_feeds.ATOM,),
        ("hf_rss/*.xml", "bib_importers/**/*.xml"),
    ),
    "json lines": Target(_read(jsonl.read), (line(1) + line(2),)),
    "mathematics": Target(_mathematics, (*_TEX, ABSTRACT.encode())),
    "any file": Target(
        _read(_any_file),
        (_PAGE, line(1), test_feeds.ATOM, test_acl.collection(), b"\x1f\x8b\x08", b"\xfd7zXZ\x00"),
        ("bib_importers/**/*.*",),
    ),
}
