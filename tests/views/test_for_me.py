"""The page for me: shares that hold at every place, scores that add up, nothing that returns."""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from broadsheet.ops.parts import meaning_index
from broadsheet.records import Entry, Order, Query, Record, Shelf, ShelfKind, View, Words
from broadsheet.search.follow import SearchIndex
from broadsheet.store import interests, readers, reading, signals
from broadsheet.store.deeds import Doing
from broadsheet.store.engine import open_store, sqlite_url
from broadsheet.store.interests import Interest
from broadsheet.views.personal import for_me
from broadsheet.views.personal.for_me import BEYOND, REACH, Mix, Placed, mix
from broadsheet.views.personal.teaching import Teaching
from search.library import Library

Array = NDArray[Any]


# --- the mix ------------------------------------------------------------------------------------


@st.composite
def pools(draw: st.DrawFn) -> tuple[Array, list[float], list[float], Array, Mix]:
    """Scores of up to four interests for up to sixty papers, with bars, shares and others."""
    sections, papers = draw(st.integers(0, 4)), draw(st.integers(0, 60))
    drawn = np.random.default_rng(draw(st.integers(0, 10_000)))
    shares = draw(st.lists(st.integers(0, 20), min_size=sections, max_size=sections))
    return (
        drawn.normal(0, 3, (sections, papers)),
        drawn.normal(0, 1, sections).tolist(),
        [float(share) for share in shares],
        drawn.normal(0, 1, papers),
        Mix(draw(st.sampled_from([0.0, 0.3, 1.0])), draw(st.sampled_from([0.0, 0.1, 0.5, 1.0]))),
    )


def unit(rows: int, seed: int = 1) -> Array:
    vectors = np.random.default_rng(seed).normal(0, 1, (rows, 3)).astype(np.float32)
    made: Array = vectors / np.maximum(1e-9, np.linalg.norm(vectors, axis=1, keepdims=True))
    return made


Pools = tuple[Array, list[float], list[float], Array, Mix]


def page_of(pool: Pools, length: int = 30) -> list[Placed]:
    scores, bars, shares, others, wanted = pool
    return mix(scores, bars, shares, others, unit(len(others)), wanted, length)


@settings(max_examples=150, deadline=None)
@given(pools())
def test_a_paper_stands_once_where_it_is_wanted_most_and_its_parts_are_its_score(
    pool: Pools,
) -> None:
    scores, bars, _, others, wanted = pool
    page = page_of(pool)
    assert len({place.row for place in page}) == len(page) <= 30
    for at, place in enumerate(page):
        assert place.score == pytest.approx(place.own + place.others + place.sameness)
        assert place.others == pytest.approx(wanted.others * others[place.row])
        assert place.sameness <= 0
        above = {one.row for one in page[:at]}
        assert (place.like in above) if place.sameness else (place.like is None)
        if place.section == BEYOND:
            assert place.own == 0
            reached = scores[:, place.row] - np.array(bars)
            assert not len(bars) or reached.max() < -REACH
        else:
            reached = scores[:, place.row] - np.array(bars)
            assert reached[place.section] == reached.max() >= -REACH
            assert place.own == scores[place.section, place.row]


@settings(max_examples=250, deadline=None)
@example([1, 1, 1, 11, 11], 0.0, 0)
@given(
    shares=st.lists(st.integers(1, 30), min_size=1, max_size=5),
    exploration=st.sampled_from([0.0, 0.1, 0.25, 0.5]),
    seed=st.integers(0, 10_000),
)
def test_each_has_its_share_of_any_beginning_to_within_one_place(
    shares: list[int], exploration: float, seed: int
) -> None:
    # Forty papers for each interest, and forty for none: nobody runs out.
    sections = len(shares)
    scores = np.full((sections, 40 * (sections + 1)), -9.0)
    drawn = np.random.default_rng(seed)
    for section in range(sections):
        # One interest is loud: all its scores are above those of the others.
        scores[section, 40 * section : 40 * (section + 1)] = drawn.uniform(0, 5, 40) + 9 * section
    others = np.zeros(scores.shape[1])
    wanted = Mix(0.0, exploration)
    page = mix(
        scores,
        [0.0] * sections,
        [float(share) for share in shares],
        others,
        np.zeros((scores.shape[1], 0), np.float32),
        wanted,
        40,
    )
    assert len(page) == 40
    parts = {at: share / sum(shares) * (1 - exploration) for at, share in enumerate(shares)}
    parts[BEYOND] = exploration
    for length in range(1, 41):
        got = Counter(place.section for place in page[:length])
        for section, part in parts.items():
            assert abs(got[section] - part * length) <= 1 + 1e-9, (length, section)


@settings(max_examples=50, deadline=None)
@given(pools(), st.randoms(use_true_random=False))
def test_the_order_papers_come_in_does_not_matter(pool: Pools, drawn: random.Random) -> None:
    scores, bars, shares, others, wanted = pool
    wanted = replace(wanted, others=0.3)  # else all beyond the interests are equals
    order = list(range(len(others)))
    drawn.shuffle(order)
    vectors = unit(len(others))
    page = mix(scores, bars, shares, others, vectors, wanted, 30)
    shuffled = mix(scores[:, order], bars, shares, others[order], vectors[order], wanted, 30)
    assert [order[place.row] for place in shuffled] == [place.row for place in page]


def test_what_is_much_like_a_paper_above_makes_room_for_another() -> None:
    scores = np.array([[5.0, 4.9, 4.0]])
    vectors = np.array([[1, 0], [1, 0], [0, 1]], np.float32)
    page = mix(scores, [0.0], [1.0], np.zeros(3), vectors, Mix(0.0, 0.0), 3)
    assert [place.row for place in page] == [0, 2, 1]
    assert page[2].sameness == pytest.approx(-for_me.LESS * (1 - for_me.NEAR))
    assert page[2].like == 0


# --- the whole ----------------------------------------------------------------------------------

TODAY = date(2026, 3, 2)
TOPICS = {
    "Telescopes": (
        "telescope galaxy redshift supernova quasar spectrograph cosmology stars halo lensing"
    ),
    "Proteins": "protein folding enzyme ligand binding residue antibody peptide sequence cell",
    "Crawlers": "robot gait legged locomotion terrain controller torque joint walking actuator",
}
USUAL = (
    "market auction bidder price equilibrium", "traffic road congestion vehicle routing",
    "soil rainfall drought crop harvest", "poem novel translation author corpus",
    "graph coloring vertex theorem proof", "battery lithium cathode electrolyte voltage",
    "speech phoneme acoustic accent recognition", "compiler register loop memory cache",
)  # fmt: skip


def about(words: str, drawn: random.Random) -> tuple[str, str]:
    """A title and an abstract about something."""
    said = [drawn.choice(words.split()) for _ in range(24)]
    title = f"{said[0]} {said[1]} and {said[2]} of the {said[3]}".capitalize()
    text = f"We study {said[4]} {said[5]} with {said[6]}. " + " ".join(said[7:]) + "."
    return title, text


def day_of(day: date, drawn: random.Random, others: int = 60, **more: int) -> list[Record]:
    """The papers of a day: one on each topic, or so many more, and the others on anything else."""
    topics = [name for name in TOPICS for _ in range(1 + more.get(name, 0))]
    texts = [about(TOPICS[name], drawn) for name in topics]
    texts += [about(drawn.choice(USUAL), drawn) for _ in range(others)]
    return [
        record(f"{day:%m%d}x{at}", f"{title} {day:%m%d}{at}", text, day)
        for at, (title, text) in enumerate(texts)
    ]


def record(key: str, title: str, text: str, day: date) -> Record:
    return Record("jsonl", key, title, text, identifiers=(f"acl:{key}",), published=day, shown=day)


class Reading:
    """A library, and the reader of it."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.drawn = random.Random(20260302)
        with library.store.reading() as connection:
            self.reader = readers.personal(connection)
        self.catalogue = library.catalogue
        self.teaching = Teaching(library.store, self.catalogue.own)

    def hold(self, records: Sequence[Record]) -> list[int]:
        self.library.hold(*records)
        with self.library.store.reading() as connection:
            named = signals.numbers_of(connection, [r.identifiers[0] for r in records])
        return [named[record.identifiers[0]] for record in records]

    def interested(self, shares: Sequence[float] = (10, 10, 10)) -> None:
        """Makes an interest of seven old papers on each topic."""
        for (name, words), share in zip(TOPICS.items(), shares, strict=True):
            day = TODAY - timedelta(days=200)
            texts = [about(words, self.drawn) for _ in range(7)]
            old = [
                record(f"{name}{at}", f"{title} {name}{at}", text, day)
                for at, (title, text) in enumerate(texts)
            ]
            numbers = self.hold(old)
            made = self.teaching.make(self.reader, name, numbers)
            self.teaching.change(self.reader, made.slug, "x", _share(share))

    def prefer(self, name: str, value: str) -> None:
        with self.library.store.writing() as connection:
            readers.set_preference(connection, self.reader, name, value)

    def page(self, limit: int = 30, now: datetime | None = None) -> tuple[Entry, ...]:
        view = View(order=Order.FOR_ME, limit=limit, reader=self.reader)
        return self.catalogue.own.for_me(view, now).entries


def _share(share: float) -> Callable[[Doing, Interest], None]:
    return lambda doing, one: interests.change(doing, one, share=share)


def topic_of(entry: Entry) -> str:
    """What a paper of these tests is about."""
    words = set(f"{entry.paper.title} {entry.paper.abstract}".lower().split())
    return next((name for name, said in TOPICS.items() if len(words & set(said.split())) > 3), "")


def assert_explained(entries: Sequence[Entry]) -> None:
    for entry in entries:
        said = sum(reason.value for reason in entry.reasons)
        assert said == pytest.approx(entry.score, abs=1e-6), entry.paper.title
        for reason in entry.reasons:
            # A word is named as the paper has it, a part that is no word by none.
            word = re.fullmatch("says “(.+)”", reason.text)
            assert (word is not None) == (reason.kind == "word")
            held = f"{entry.paper.title} {entry.paper.text}".lower()
            assert word is None or set(word[1].split()) <= set(re.findall(r"[^\W_]+", held))
            assert reason.kind != "other" or "“" not in reason.text


@pytest.fixture
def life(tmp_path: Path, _sqlite_template: Path) -> Iterator[Reading]:
    """Fourteen days of papers, one in sixty on each topic, with the built-in embedding."""
    shutil.copy(_sqlite_template, tmp_path / "life.sqlite3")
    store = open_store(sqlite_url(tmp_path / "life.sqlite3"))
    index = SearchIndex(tmp_path / "words")
    made = Reading(Library(store, index, meaning_index(tmp_path / "meaning", "built-in", None)))
    days = [TODAY - timedelta(days=back) for back in range(14)]
    made.hold([one for day in days for one in day_of(day, made.drawn)])
    yield made
    store.close()


@pytest.mark.parametrize("shares", [(10, 10, 10), (60, 30, 10)], ids=str)
def test_three_unrelated_interests_each_have_the_share_that_was_set(
    life: Reading, shares: tuple[float, ...]
) -> None:
    life.interested(shares)
    life.prefer("exploration", "0")
    page = life.page(20)
    assert len(page) == 20
    assert_explained(page)
    found = Counter(entry.section.name for entry in page if entry.section)
    really = Counter(topic_of(entry) for entry in page)
    for name, share in zip(TOPICS, shares, strict=True):
        wanted = 20 * share / sum(shares)
        assert abs(found[name] - wanted) <= 1
        assert abs(really[name] - wanted) <= 2  # a tenth of the page


def test_not_for_me_on_ten_papers_of_a_topic_at_least_halves_it(life: Reading) -> None:
    life.interested()
    robots = [entry for entry in life.page(42) if topic_of(entry) == "Crawlers"]
    assert len(robots) >= 10

    def tomorrow() -> Counter[str]:
        """What a page holds of papers that came since."""
        page = life.page(40)
        new = [entry for entry in page if entry.paper.day and entry.paper.day > TODAY]
        return Counter(topic_of(entry) for entry in new)

    life.hold(day_of(TODAY + timedelta(days=1), life.drawn, Crawlers=7, Proteins=7))
    before = tomorrow()
    assert before["Crawlers"] >= 4
    for entry in robots[:10]:
        life.teaching.act(life.reader, entry.paper.number, "less", "crawlers")
    after = tomorrow()
    assert after["Crawlers"] <= before["Crawlers"] / 2
    assert after["Proteins"] >= before["Proteins"]


def test_in_thirty_days_nothing_read_dismissed_or_seen_comes_back(life: Reading) -> None:
    life.interested()
    drawn, gone, shown = life.drawn, set[int](), 0
    for day in range(1, 31):
        today = TODAY + timedelta(days=day)
        now = datetime.combine(today, time(8), UTC)
        life.hold(day_of(today, drawn, others=40))
        page = life.page(12, now)
        assert_explained(page)
        numbers = [entry.paper.number for entry in page]
        assert gone.isdisjoint(numbers), day
        shown += sum(topic_of(entry) != "" for entry in page)
        away = drawn.sample(numbers, min(3, len(numbers)))
        with life.library.store.writing() as connection:
            reading.note_steps(connection, life.reader, numbers, "seen", now)
            reading.note_steps(connection, life.reader, away[:1], "opened", now)
            doing = Doing(connection, life.reader, "", now)
            for number in away[1:2]:
                reading.mark(doing, number, "done")
            for number in away[2:]:
                reading.mark(doing, number, "dismissed")
        # At noon the page still has what was only seen this morning.
        noon = {entry.paper.number for entry in life.page(40, now + timedelta(hours=4))}
        assert noon.isdisjoint(away)
        assert noon & set(numbers) or len(numbers) < 6
        gone.update(numbers)
    assert shown >= 60  # of ninety on the three topics


def test_reasons_add_up_in_every_list_of_a_reader_s_own(life: Reading) -> None:
    life.interested()
    kept = [entry for entry in life.page(30) if topic_of(entry) == "Telescopes"][:5]
    for entry in kept:
        life.teaching.act(life.reader, entry.paper.number, "save")
    life.teaching.write_note(life.reader, kept[0].paper.number, "Ask about the galaxy.")
    query = Query("galaxy halo", (Words("galaxy"), Words("halo")))
    shelf = Shelf(ShelfKind.INTEREST, "telescopes")
    for view in (
        View(order=Order.FOR_ME, reader=life.reader, limit=60),
        View(order=Order.NEW, shelf=shelf, reader=life.reader, limit=60),
        View(order=Order.RELEVANCE, shelf=shelf, reader=life.reader, limit=60),
        View(query=query, shelf=Shelf(ShelfKind.KEPT), reader=life.reader),
    ):
        entries = life.catalogue.listing(view).entries
        assert entries
        assert all(entry.reasons or entry.score == 0 for entry in entries)
        assert_explained(entries)
        assert [entry.rank for entry in entries] == list(range(1, len(entries) + 1))
    best = [entry.score for entry in life.catalogue.listing(view).entries]
    assert best == sorted(best, reverse=True)


def test_an_interest_s_own_page_holds_its_topic_and_little_else(life: Reading) -> None:
    life.interested()
    view = View(shelf=Shelf(ShelfKind.INTEREST, "proteins"), reader=life.reader, limit=1000)
    listing = life.catalogue.listing(view)
    really = Counter(topic_of(entry) for entry in listing.entries)
    # One a day on fourteen days, and the seven it was made of.
    assert really["Proteins"] >= 0.9 * 21
    assert really["Proteins"] >= 0.9 * listing.total
