"""Invented libraries and queries: what is found is what fits, and every score is explained."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadsheet.records import Among, Author, Clause, Field, Link, Paper, Period, Words, Years
from broadsheet.records import Query as ReaderQuery
from broadsheet.search.lexical import FORMAT, LexicalIndex, State
from broadsheet.text.analysis import STOP_WORDS, name_terms, prose_terms

PROPERTY = settings(
    derandomize=True,
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
# Hundreds of small commits need no disk to wait for.
IN_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
VOCABULARY = ("sparse", "sparsity", "network", "networks", "of", "the", "café", "lee", "B2B")
TEXTS = st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=6).map(" ".join)


@st.composite
def papers(draw: st.DrawFn) -> list[Paper]:
    """Up to seven papers over a few words."""
    return [
        Paper(
            number=number,
            id=f"acl:{number}",
            title=draw(TEXTS),
            abstract=draw(st.just("") | TEXTS),
            summary="",
            authors=tuple(Author(name) for name in draw(st.lists(TEXTS, max_size=2))),
            author_count=None,
            organization=draw(st.none() | st.just("Lee Networks")),
            categories=draw(st.sampled_from([(), ("cs.LG",), ("math.CO", "cs.CL")])),
            year=draw(st.sampled_from([None, 2020, 2024])),
            published=None,
            updated=None,
            announced=None,
            day=None,
            version=1,
            links=draw(st.sampled_from([(), (Link("code", "https://example.org"),)])),
            comment_count=None,
            licence=None,
            rank=None,
            change=number,
        )
        for number in range(1, draw(st.integers(1, 7)) + 1)
    ]


CLAUSES = st.one_of(
    st.builds(
        Words,
        st.sampled_from(VOCABULARY),
        st.sampled_from([Field.ANY, Field.ANY, Field.TITLE, Field.AUTHOR]),
        negated=st.sampled_from([False, False, False, True]),
        prefix=st.sampled_from([False, False, True]),
    ),
    st.builds(Words, TEXTS, st.sampled_from([Field.ANY, Field.TITLE]), phrase=st.just(True)),
    st.builds(Words, st.sampled_from(["cs", "cs.lg", "CS.CL"]), st.just(Field.CATEGORY)),
    st.builds(Words, st.sampled_from(["code", "abstract", "video"]), st.just(Field.HAS)),
    st.sampled_from([Years(2020, 2020), Years(None, 2020), Years(2021, None, negated=True)]),
)
QUERIES = st.lists(CLAUSES, min_size=1, max_size=4).map(lambda c: ReaderQuery("", tuple(c)))


@contextmanager
def indexed(held: Sequence[Paper]) -> Iterator[LexicalIndex]:
    """An index of these papers."""
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        index = LexicalIndex.create(Path(folder) / "g1")
        writer = index.writer()
        for paper in held:
            index.add(writer, paper.content())
        index.commit(writer, State(len(held), 1, FORMAT))
        writer.wait_merging_threads()
        yield index


@dataclass(frozen=True)
class Fitting:
    """Plainly, without an index: whether a paper fits a clause."""

    paper: Paper

    def clause(self, clause: Clause) -> bool:
        if isinstance(clause, Among):
            return self.paper.number in clause.numbers
        if isinstance(clause, Years):
            year = self.paper.year or 0
            return (clause.first or 1) <= year <= (clause.last or 9999)
        if clause.field is Field.CATEGORY:
            held = [category.lower() for category in self.paper.categories]
            return clause.text.lower() in {*held, *(one.partition(".")[0] for one in held)}
        if clause.field is Field.HAS:
            kinds = {link.kind for link in self.paper.links} | ({"abstract"} & {self._abstract()})
            return clause.text in kinds
        return self._words(clause) or (clause.prefix and self._beginning(clause))

    def _abstract(self) -> str:
        return "abstract" if self.paper.abstract else ""

    def _names(self) -> list[str]:
        organization = [self.paper.organization] if self.paper.organization else []
        return [*(author.name for author in self.paper.authors), *organization]

    def _words(self, clause: Words) -> bool:
        prose = [] if clause.field is Field.AUTHOR else [self.paper.title]
        prose += [self.paper.abstract] if clause.field is Field.ANY else []
        names = [] if clause.field is Field.TITLE else self._names()
        return any(holds(prose_terms(text), prose_terms(clause.text)) for text in prose) or any(
            holds(name_terms(text), name_terms(clause.text)) for text in names
        )

    def _beginning(self, clause: Words) -> bool:
        texts = [] if clause.field is Field.AUTHOR else [self.paper.title]
        [beginning] = name_terms(clause.text)
        words = [word for text in (*texts, *self._names()) for word in name_terms(text)]
        return any(word.startswith(beginning) for word in words)


def holds(terms: list[str], wanted: list[str]) -> bool:
    """Whether the wanted terms stand side by side."""
    places = range(len(terms) - len(wanted) + 1)
    return any(terms[place : place + len(wanted)] == wanted for place in places)


def expected(held: Sequence[Paper], query: ReaderQuery) -> tuple[set[int], bool]:
    """The papers a query should find, and whether only some of its words are in them."""
    scoring = [c for c in query.scoring if c.phrase or c.text not in STOP_WORDS]
    scoring = scoring or list(query.scoring)
    others = [c for c in query.clauses if c not in query.scoring]
    fitting = [
        paper for paper in held if all(Fitting(paper).clause(c) is not c.negated for c in others)
    ]
    every = {p.number for p in fitting if all(Fitting(p).clause(c) for c in scoring)}
    some = {p.number for p in fitting if any(Fitting(p).clause(c) for c in scoring)}
    return (every, False) if every or len(scoring) < 2 else (some, True)


@PROPERTY
@given(held=papers(), queries=st.lists(QUERIES, min_size=1, max_size=8))
def test_a_search_finds_the_papers_that_fit_and_its_reasons_add_up_to_every_score(
    held: list[Paper], queries: list[ReaderQuery]
) -> None:
    with indexed(held) as index:
        for query in queries:
            found = index.search(query, Period(), newest=False, limit=10, offset=0)
            numbers, relaxed = expected(held, query)
            assert ({hit.number for hit in found.hits}, found.total) == (numbers, len(numbers))
            assert found.relaxed is relaxed
            for hit in found.hits:
                explained = sum(reason.value for reason in hit.reasons)
                assert explained == pytest.approx(hit.score, rel=1e-4)
                assert all(reason.value > 0 for reason in hit.reasons)
                assert bool(hit.reasons) is bool(query.scoring)


@PROPERTY
@given(held=papers(), queries=st.lists(QUERIES, min_size=1, max_size=4), limit=st.integers(1, 3))
def test_pages_of_a_result_are_disjoint_complete_and_in_one_order(
    held: list[Paper], queries: list[ReaderQuery], limit: int
) -> None:
    with indexed(held) as index:
        for query in queries:
            for newest in (False, True):
                whole = index.search(query, Period(), newest=newest, limit=10, offset=0).hits
                pages = [
                    index.search(query, Period(), newest=newest, limit=limit, offset=offset).hits
                    for offset in range(0, 10, limit)
                ]
                assert tuple(hit for page in pages for hit in page) == whole


@PROPERTY
@given(held=papers())
def test_the_reasons_of_similar_papers_add_up_too(held: list[Paper]) -> None:
    with indexed(held) as index:
        for paper in held:
            for hit in index.similar(paper, 5).hits:
                assert hit.number != paper.number
                explained = sum(reason.value for reason in hit.reasons)
                assert explained == pytest.approx(hit.score, rel=1e-4)
