"""Input made to hurt, and input that is only broken: one sentence, in bounded time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.intake.arxiv import atom, feed, listing, oai, snapshot
from broadsheet.intake.arxiv.authors import names
from broadsheet.intake.opening import InputError, open_input

from . import arxiv_samples as samples
from .test_arxiv_feed import ATOM
from .test_arxiv_listing import RECENT, WHOLE, new_page

Parser = Callable[[bytes], object]
XML: tuple[Parser, ...] = (oai.parse, oai.sets, atom.parse, feed.parse)
PAGES: tuple[Parser, ...] = (listing.parse_new, listing.parse_recent, listing.parse_catchup)
SEEDS = (
    samples.oai(samples.raw(), samples.raw("hep-th/9901001"), samples.deleted("2611.00001")),
    samples.oai(samples.parted(), verb="GetRecord"),
    samples.refused("badArgument", "no"),
    samples.atom(samples.atom_entry(), total=2),
    samples.rss(samples.item("2611.00001", "new"), samples.item("2611.00002", "cross")),
    ATOM.encode(),
    new_page(*WHOLE, total=4),
    RECENT,
)
LAUGHS = b"".join(
    b'<!ENTITY l%d "%s">' % (depth, b"&l%d;" % (depth - 1) * 10) for depth in range(1, 10)
)


def survives(parse: Parser, data: bytes) -> None:
    """Whatever comes, a parser answers or says in one sentence why not."""
    reason = "answered"
    try:
        parse(data)
    except InputError as error:
        reason = error.reason
    assert "\n" not in reason
    assert reason[:1].islower() or reason[:1] == "“"


@pytest.mark.parametrize("parse", XML)
@pytest.mark.parametrize(
    "data",
    [
        b'<!DOCTYPE a [<!ENTITY l0 "ha">' + LAUGHS + b"]><OAI-PMH>&l9;</OAI-PMH>",
        b'<!DOCTYPE a [<!ENTITY l0 "ha">' + LAUGHS + b']><OAI-PMH a="&l9;"/>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><feed>&x;</feed>',
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]><rss/>',
        '<!DOCTYPE a [<!ENTITY x "ha">]><feed>&x;</feed>'.encode("utf-16"),
    ],
)
def test_declared_entities_are_refused(parse: Parser, data: bytes) -> None:
    with pytest.raises(InputError, match="declares entities"):
        parse(data)


@pytest.mark.parametrize("parse", XML)
def test_a_document_type_is_not_fetched(parse: Parser) -> None:
    data = b'<!DOCTYPE feed SYSTEM "http://127.0.0.1:9/feed.dtd"><feed>&nbsp;</feed>'
    with pytest.raises(InputError):
        parse(data)


@pytest.mark.parametrize("parse", XML)
@pytest.mark.parametrize("name", [b"a", b"record", b"entry", b"OAI-PMH"])
def test_deep_nesting_is_refused(parse: Parser, name: bytes) -> None:
    with pytest.raises(InputError):
        parse(b"<%s>" % name * 100_000)


def test_an_answer_that_breaks_off_is_refused_with_its_line() -> None:
    with pytest.raises(InputError, match="breaks off or errs at line 6"):
        oai.parse(samples.oai(samples.raw())[:-30])


MILLION = 1_000_000
HOSTILE_PAGES = [
    b"<dl>" * (MILLION // 4),
    b"<dt><a href=/abs/2611.00001>" * (MILLION // 28),
    b"<h3>New submissions for " + b"Fri, " * (MILLION // 5),
    b"<h3>New submissions</h3>" + b"<dt><a href='/abs/2611.00001'>x</a><dd>" * (MILLION // 40),
    b"<dd><div class=list-title>" * (MILLION // 26),
    b"<div><p>" * (MILLION // 8),
    b"<h3>Fri, 20 Nov 2026</h3>" * (MILLION // 25),
    b"&" * MILLION,
    b"<a " + b"b=c " * (MILLION // 4) + b">",
    b"<h3>New submissions</h3><dt><a href='/abs/2611.00001'>x</a>"
    + b"<dd><div class=list-title>" * 200
    + b"y" * MILLION,
]
HOSTILE_XML = [
    samples.oai("<record/>" * (MILLION // 9)),
    samples.oai(samples.raw(title="x" * MILLION)),
    samples.oai(samples.raw(extra="<abstract>" + "\\'{" * (MILLION // 3) + "</abstract>")),
    samples.atom("<entry/>" * 9_000),
    samples.atom("<entry>" + "<author><name>A, for, group</name></author>" * 20_000 + "</entry>"),
    samples.atom("<entry>" + '<category term="cs.LG"/>' * 40_000 + "</entry>"),
    samples.atom(f"<entry><arxiv:doi>{', ' * (MILLION // 2)}</arxiv:doi></entry>"),
    samples.rss("<item/>" * 15_000),
    samples.rss(f"<item><title>{' (arXiv:' * (MILLION // 8)}</title></item>"),
]


@pytest.mark.parametrize("data", HOSTILE_PAGES, ids=range(len(HOSTILE_PAGES)))
def test_a_megabyte_of_hostile_page_takes_no_time(data: bytes) -> None:
    for parse in PAGES:
        begun = time.process_time()
        survives(parse, data)
        assert time.process_time() - begun < 3


@pytest.mark.parametrize("data", HOSTILE_XML, ids=range(len(HOSTILE_XML)))
def test_a_megabyte_of_hostile_xml_takes_no_time(data: bytes) -> None:
    for parse in XML:
        begun = time.process_time()
        survives(parse, data)
        assert time.process_time() - begun < 3


@pytest.mark.parametrize(
    "piece",
    ["(", ")", "((1) ", "a(1)", ", ", "~", "~ ", " and ", "\\'{", "\\' ", "a. -", "a for a group ",
     "{", "a, for the b group, ", "(1,", "\u00a0", "Jr, ", "et al, ", "x;;;;;", "a " * 40 + ","],
)  # fmt: skip
def test_a_megabyte_of_hostile_names_takes_no_time(piece: str) -> None:
    text = (piece * (MILLION // len(piece)))[: MILLION - 1]
    begun = time.process_time()
    survives(lambda _: names(text), b"")
    assert time.process_time() - begun < 3


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=2_000))
def test_random_bytes_are_answered_or_refused(data: bytes) -> None:
    for parse in (*XML, *PAGES):
        survives(parse, data)


PIECES = [b"<", b">", b"&", b"&#0;", b"&lt;", b"</", b"\x00", b"\xff", b"<record>", b'"', b"<id/>",
          b"<metadata/>", b"<dt>", b"</dd>", b"<h3>", b"(showing 99999999 of"]  # fmt: skip
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.integers(0, 40),
        st.one_of(st.binary(max_size=8), st.sampled_from(PIECES)),
    ),
    min_size=1,
    max_size=6,
)


def changed(data: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    """`data` with pieces taken out and others put in."""
    for where, length, piece in changes:
        place = int(where * len(data))
        data = data[:place] + piece + data[place + length :]
    return data


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(SEEDS), CHANGES)
def test_mutated_answers_are_answered_or_refused(
    seed: bytes, changes: list[tuple[float, int, bytes]]
) -> None:
    for parse in (*XML, *PAGES):
        survives(parse, changed(seed, changes))


@pytest.fixture(scope="session")
def recorded(shared: Path) -> list[bytes]:
    """Answers as arXiv and others gave them."""
    folder = shared / "data" / "recorded"
    answers = [file.read_bytes() for file in sorted(folder.glob("arxiv_oai/**/*.xml"))]
    answers += [
        str(json.loads(file.read_bytes())["body"]).encode("latin-1")
        for file in sorted(folder.glob("arxiv_atom/id_*.json"))
    ]
    assert len(answers) > 30
    return answers


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), CHANGES)
def test_mutated_recorded_answers_are_answered_or_refused(
    recorded: list[bytes], number: int, changes: list[tuple[float, int, bytes]]
) -> None:
    for parse in XML:
        survives(parse, changed(recorded[number % len(recorded)], changes))


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("aB.,;:() &\\'\"{}~12and forJr\u0301\n"), max_size=200))
def test_any_list_of_authors_is_read(text: str) -> None:
    for author in names(text):
        assert author.name == author.name.strip()
        assert any(letter.isalpha() for letter in author.name)
        assert author.affiliation is None or author.affiliation.strip()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(samples.snapshot())), JSON, max_size=6))
def test_any_line_of_a_snapshot_is_read_or_put_aside(
    tmp_path_factory: pytest.TempPathFactory, changes: dict[str, object]
) -> None:
    file: Path = tmp_path_factory.getbasetemp() / "any.json"
    file.write_bytes(samples.snapshot_line(**changes) + samples.snapshot_line())
    with open_input(file) as opened:
        assert len(list(snapshot.read(opened))) == 2
