"""Whatever is asked of whatever is held, search answers, the same each time, and reasons add up."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadsheet.records import Author, Paper, Period, Span
from broadsheet.search.dense import DenseIndex
from broadsheet.search.follow import facets
from broadsheet.search.hybrid import Hybrid
from broadsheet.search.lexical import FORMAT, LexicalIndex, State
from broadsheet.views.query import parse
from search.concepts import WIDTH, Concepts

PROPERTY = settings(
    derandomize=True, max_examples=20, deadline=None, suppress_health_check=list(HealthCheck)
)
_WORDS = [
    "car",
    "vehicle",
    "doctor",
    "ocean",
    "bread",
    "hawk",
    "the",
    "zzyzx",
    "naïve",
    "学习",
    "x1",
]
TEXTS = st.lists(st.sampled_from(_WORDS), max_size=8).map(" ".join)
ODD = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
DAYS = st.none() | st.dates(date(2020, 1, 1), date(2020, 1, 9))
CATEGORIES = st.lists(st.sampled_from(["cs.LG", "cs.CL", "math.CO"]), max_size=2, unique=True)
PIECES = [
    *_WORDS,
    *('"the car"', '"', "-hawk", "-the", "title:car", "author:lee", "cat:cs", "-cat:cs.lg"),
    *("year:2020", "year:..1999", "-year:2020", "has:abstract", "like:x", "has:", "\0", "\u202e"),
]
QUERIES = (
    st.lists(st.sampled_from(PIECES), max_size=6).map(" ".join) | ODD | ODD.map(lambda t: t * 90)
)
_WEEK = Period(Span.WEEK, date(2020, 1, 2), date(2020, 1, 6))
PERIODS = st.sampled_from([Period(), Period(Span.UNDATED), _WEEK])
_BLANK = Paper(
    0, "", "", "", "", (), None, None, (), None, None, None, None, None, 1, (), None, None, None, 0
)


@st.composite
def shelves(draw: st.DrawFn) -> list[Paper]:
    """Up to twelve papers."""
    found = []
    for number in range(1, draw(st.integers(1, 12)) + 1):
        day = draw(DAYS)
        paper = replace(
            _BLANK,
            number=number,
            id=f"acl:{number}",
            title=draw(TEXTS | ODD),
            abstract=draw(TEXTS),
            authors=(Author(draw(st.sampled_from(["Ann Lee", "Bo Ocean", "学 习"]))),),
            categories=tuple(draw(CATEGORIES)),
            year=day.year if day else draw(st.none() | st.integers(1990, 2020)),
            day=day,
        )
        found.append(paper)
    return found


@contextmanager
def held(papers: Sequence[Paper]) -> Iterator[Hybrid]:
    """Both indexes of some papers."""
    with tempfile.TemporaryDirectory() as folder:
        words = LexicalIndex.create(Path(folder) / "words")
        meaning = DenseIndex.create(Path(folder) / "meaning", "concepts", WIDTH)
        writer = words.writer()
        for paper in papers:
            words.add(writer, paper.content())
        words.commit(writer, State(1, 1, FORMAT))
        writer.wait_merging_threads()
        vectors = Concepts().encode_papers([(paper.title, paper.text) for paper in papers])
        filtered = [facets(paper.content()) for paper in papers]
        meaning.add([paper.number for paper in papers], vectors, filtered)
        meaning.commit(State(1, 1, 1))
        yield Hybrid(words, meaning, Concepts())


@PROPERTY
@given(papers=shelves(), queries=st.lists(QUERIES, min_size=1, max_size=6), period=PERIODS)
def test_every_query_has_an_answer_that_explains_itself_and_stays_the_same(
    papers: list[Paper], queries: list[str], period: Period
) -> None:
    with held(papers) as both:
        for text in queries:
            query = parse(text)
            found = both.search(query, period, limit=20)
            assert found == both.search(query, period, limit=20)
            assert found.total == len(found.hits) <= len(papers)
            assert len({hit.number for hit in found.hits}) == found.total
            order = [(-hit.score, hit.number) for hit in found.hits]
            assert order == sorted(order)
            for hit in found.hits:
                assert sum(r.value for r in hit.reasons) == pytest.approx(hit.score, abs=1e-6)
            pages = [both.search(query, period, limit=3, offset=at).hits for at in range(0, 15, 3)]
            assert tuple(hit for page in pages for hit in page) == found.hits


@PROPERTY
@given(papers=shelves(), text=QUERIES, period=PERIODS)
def test_what_was_removed_is_in_no_answer(papers: list[Paper], text: str, period: Period) -> None:
    with held(papers) as both:
        assert both.meaning is not None
        before = {hit.number for hit in both.search(parse(text), period, limit=20).hits}
        writer = both.words.writer()
        both.words.remove(writer, 1)
        both.words.commit(writer, State(2, 1, FORMAT))
        writer.wait_merging_threads()
        both.meaning.remove([1])
        both.meaning.commit(State(2, 1, 1))
        after = {hit.number for hit in both.search(parse(text), period, limit=20).hits}
        assert 1 not in after
        assert after <= before | set(range(2, 13))


@PROPERTY
@given(papers=shelves(), query=TEXTS)
def test_days_and_categories_hold_for_every_paper_found(papers: list[Paper], query: str) -> None:
    by_number = {paper.number: paper for paper in papers}
    with held(papers) as both:
        for hit in both.search(parse(f"{query} cat:cs.LG"), _WEEK, limit=20).hits:
            paper = by_number[hit.number]
            assert "cs.LG" in paper.categories
            assert paper.day is not None
            assert date(2020, 1, 2) <= paper.day <= date(2020, 1, 6)
