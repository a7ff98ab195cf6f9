"""What a reader does with papers is kept, can be undone, and follows the papers."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from broadsheet.records import Record
from broadsheet.store import collections, deeds, interests, putting, readers, reading, signals
from broadsheet.store.collections import CollectionError
from broadsheet.store.deeds import Doing
from broadsheet.store.engine import Store
from broadsheet.store.interests import InterestError, Term

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def fill(connection: Connection, *titles: str, source: str = "jsonl") -> list[int]:
    """Papers of these titles; their numbers."""
    records = [
        Record(source, title, title, identifiers=(f"acl:{title}",), published=date(2026, 3, 1))
        for title in titles
    ]
    putting.put(connection, records)
    held = signals.numbers_of(connection, [f"acl:{title}" for title in titles])
    return [held[f"acl:{title}"] for title in titles]


def doing(connection: Connection, said: str = "did", minutes: int = 0) -> Doing:
    reader = readers.personal(connection)
    return Doing(connection, reader, said, NOW + timedelta(minutes=minutes))


def lesson_of(connection: Connection, number: int) -> int:
    held = interests.numbered(connection, readers.personal(connection), number)
    assert held is not None
    return held.lesson


def test_the_first_moment_of_each_step_is_kept(store: Store) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        kite, owl = fill(connection, "kite", "owl")
        assert reading.note_steps(connection, reader, [kite, owl, 999], "seen", NOW) == 2
        later = NOW + timedelta(hours=1)
        assert reading.note_steps(connection, reader, [kite, owl], "seen", later) == 0
        assert reading.note_steps(connection, reader, [kite], "opened", later) == 1
        act = doing(connection, minutes=5)
        reading.mark(act, kite, "saved")
        reading.mark(act, kite, "saved")
        reading.vote(act, kite)
        reading.write_note(act, kite, "  try\r\nthis ")
    with store.reading() as connection:
        state = reading.states(connection, reader, [kite, owl])[kite]
        assert (state.seen, state.opened) == (NOW, later)
        assert (state.voted, state.note, state.is_queued) == (True, "try\nthis", True)
        assert reading.queue(connection, reader) == [kite]
        assert reading.kept(connection, reader) == [kite]


def test_what_was_read_or_dismissed_or_seen_on_an_earlier_day_does_not_come_back(
    store: Store,
) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        opened, done, dismissed, seen, today, fresh = fill(connection, *"abcdef")
        reading.note_steps(connection, reader, [opened], "opened", NOW)
        act = doing(connection)
        reading.mark(act, done, "done")
        reading.mark(act, dismissed, "dismissed")
        reading.note_steps(connection, reader, [seen], "seen", NOW - timedelta(days=1))
        reading.note_steps(connection, reader, [today], "seen", NOW)
        gone = reading.read_before(connection, reader, date(2026, 3, 1), NOW)
        assert gone == {opened, done, dismissed, seen}
        assert fresh not in gone
        reading.mark(act, dismissed, "dismissed", on=False)
        assert dismissed not in reading.read_before(connection, reader, date(2026, 3, 1), NOW)


def test_undoing_goes_back_a_deed_at_a_time(store: Store) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        kite, owl = fill(connection, "kite", "owl")
        act = doing(connection, "Made the interest “Kites”")
        made = interests.make(act, "Kites", [kite], terms=[Term("word", "string")])
        act.keep()
        act = doing(connection, "More like “owl”", 1)
        interests.teach(act, made, [owl], liked=True)
        act.keep()
        act = doing(connection, "Removed “Kites”", 2)
        now = interests.called(connection, reader, "kites")
        assert now is not None
        interests.remove(act, now)
        act.keep()
        assert interests.of(connection, reader) == []

        last = deeds.undo(connection, reader)
        assert last is not None
        assert last.said == "Removed “Kites”"
        assert interests.of(connection, reader) == [now]
        # A form sent twice undoes one deed.
        assert deeds.undo(connection, reader, last.number) is None
        deeds.undo(connection, reader)
        assert interests.of(connection, reader) == [made]
        deeds.undo(connection, reader)
        assert interests.of(connection, reader) == []
        assert deeds.undo(connection, reader) is None


def test_a_lesson_undone_and_another_taught_are_told_apart(store: Store) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        kite, owl, fox = fill(connection, "kite", "owl", "fox")
        made = interests.make(doing(connection), "Kites", [kite])
        seen = {made.lesson}
        for number in (owl, fox):
            act = doing(connection)
            interests.teach(act, made, [number], liked=True)
            act.keep()
            seen.add(lesson_of(connection, made.number))
            deeds.undo(connection, reader)
            assert lesson_of(connection, made.number) == made.lesson
        assert len(seen) == 3


def test_contradictory_teaching_keeps_what_was_said_last(store: Store) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        (kite,) = fill(connection, "kite")
        made = interests.make(doing(connection), "Kites", [kite])
        interests.teach(doing(connection, minutes=1), made, [kite], liked=False)
        held = interests.called(connection, reader, "Kites")
        assert held is not None
        assert (held.liked, held.disliked) == ((), (kite,))


def test_interests_and_collections_refuse_what_will_not_do_in_a_sentence(store: Store) -> None:
    with store.writing() as connection:
        (kite,) = fill(connection, "kite")
        with pytest.raises(InterestError, match="needs a name"):
            interests.make(doing(connection), " \u202e ", [kite])
        made = interests.make(doing(connection), "Kites", [kite, 999])
        assert made.liked == (kite,)
        with pytest.raises(InterestError, match="between 0 and 1"):
            interests.change(doing(connection), made, threshold=1.0)
        with pytest.raises(InterestError, match="no colour"):
            interests.change(doing(connection), made, colour="pinkish")
        with pytest.raises(CollectionError, match="needs a name"):
            collections.make(doing(connection), "")
        again = interests.make(doing(connection), "Kites!")
        assert (made.slug, again.slug) == ("kites", "kites-2")


def test_ten_thousand_papers_are_taught_at_once_and_one_more_is_refused(store: Store) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        numbers = fill(connection, *(f"p{place}" for place in range(10_001)))
        made = interests.make(doing(connection), "All", numbers[:10_000])
        assert len(made.liked) == 10_000
        with pytest.raises(InterestError, match="at most 10,000 papers"):
            interests.teach(doing(connection), made, numbers[10_000:], liked=True)
        assert len(interests.of(connection, reader)[0].liked) == 10_000


def test_a_collection_is_shared_by_a_secret_that_can_be_taken_back(store: Store) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        kite, owl = fill(connection, "kite", "owl")
        act = doing(connection)
        made = collections.make(act, "To cite")
        assert collections.add(act, made, [kite, owl, kite]) == 2
        collections.share(act, made, on=True)
        held = collections.called(connection, reader, "to-cite")
        assert held is not None
        assert held.secret
        assert len(held.secret) >= 32
        found = collections.shared_as(connection, held.secret)
        assert found is not None
        assert set(collections.numbers(connection, found)) == {kite, owl}
        collections.share(act, made, on=False)
        assert collections.shared_as(connection, held.secret) is None


def test_what_a_reader_has_follows_a_paper_that_turns_out_to_be_another(store: Store) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        putting.put(connection, [Record("a", "1", "Kites", identifiers=("2401.00001",))])
        putting.put(connection, [Record("b", "1", "Of kites", identifiers=("doi:10.1/k",))])
        names = signals.numbers_of(connection, ["2401.00001", "doi:10.1/k"])
        kept, gone = names["2401.00001"], names["doi:10.1/k"]
        act = doing(connection)
        reading.vote(act, gone)
        reading.mark(act, gone, "saved")
        reading.note_steps(connection, reader, [kept], "seen", NOW)
        reading.write_note(act, kept, "one")
        reading.write_note(act, gone, "two")
        made = interests.make(act, "Kites", [gone])
        shelf = collections.make(act, "Kites")
        collections.add(act, shelf, [gone])
        both = ("2401.00001", "doi:10.1/k")
        putting.put(connection, [Record("c", "1", "Kites", identifiers=both)])
        assert set(signals.numbers_of(connection, both).values()) == {kept}
        state = reading.states(connection, reader, [kept])[kept]
        assert (state.voted, state.saved, state.seen) == (True, NOW, NOW)
        assert state.note == "one\n\ntwo"
        taught = interests.called(connection, reader, made.slug)
        assert taught is not None
        assert taught.liked == (kept,)
        assert collections.numbers(connection, shelf) == [kept]


def test_a_paper_that_a_reader_kept_stays_when_its_source_is_removed(store: Store) -> None:
    with store.writing() as connection:
        reader = readers.personal(connection)
        saved, plain = fill(connection, "saved", "plain", source="sample")
        reading.mark(doing(connection), saved, "saved")
        reading.note_steps(connection, reader, [plain], "opened", NOW)
        assert putting.remove_source(connection, "sample") == 1
        assert set(reading.queue(connection, reader)) == {saved}


def test_counts_of_notice_are_kept_by_day_and_give_a_rate(store: Store) -> None:
    day = date(2026, 3, 2)
    with store.writing() as connection:
        kite, owl = fill(connection, "kite", "owl")
        said = [
            signals.Signal("acl:kite", "stars", "hub", day - timedelta(days=4), 100),
            signals.Signal("acl:kite", "stars", "hub", day, 180),
            signals.Signal("acl:kite", "upvotes", "hub", day, 7),
            signals.Signal("acl:kite", "upvotes", "hub", day, 9),
            signals.Signal("acl:nobody", "upvotes", "hub", day, 1),
        ]
        assert signals.put(connection, said) == 3
        signals.put(connection, [signals.Signal("acl:kite", "upvotes", "hub", day, 12)])
        notice = signals.notices(connection, [kite, owl])
        assert notice == {kite: signals.Notice(12, 0, 180, 20.0)}


def test_what_a_source_counts_changes_no_paper(store: Store) -> None:
    said = Record("hub", "1", "Kites", identifiers=("2401.00001",), upvotes=3, comment_count=1)
    day = date(2026, 3, 2)
    with store.writing() as connection:
        for upvotes in (3, 8):
            counted = replace(said, upvotes=upvotes)
            outcome = putting.put(connection, [counted])
            signals.put(connection, signals.of_records([counted], day))
        assert outcome.unchanged == 1
        (number,) = signals.numbers_of(connection, ["2401.00001"]).values()
        assert signals.notices(connection, [number]) == {number: signals.Notice(8, 1)}


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["saved", "done", "dismissed", "vote", "note", "interest"]),
        st.integers(0, 2),
        st.booleans(),
    ),
    max_size=12,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS)
def test_undoing_everything_leaves_what_was_there_at_first(
    store: Store, steps: list[tuple[str, int, bool]]
) -> None:
    with store.engine.connect() as connection, connection.begin() as outer:
        reader = readers.personal(connection)
        numbers = fill(connection, "a", "b", "c")
        made = interests.make(doing(connection), "I")
        before = (reading.everything(connection, reader), interests.of(connection, reader))
        done = 0
        for minute, (step, which, on) in enumerate(steps):
            act = doing(connection, step, minute)
            match step:
                case "vote":
                    reading.vote(act, numbers[which], on=on)
                case "note":
                    reading.write_note(act, numbers[which], "a note" if on else "")
                case "interest":
                    interests.teach(act, made, [numbers[which]], liked=on)
                case "saved" | "done" | "dismissed":
                    reading.mark(act, numbers[which], step, on=on)
            done += act.keep() is not None
        for _ in range(done):
            assert deeds.undo(connection, reader) is not None
        assert deeds.undo(connection, reader) is None
        after = (reading.everything(connection, reader), interests.of(connection, reader))
        states = {number: state for number, state in after[0].items() if state != reading.NOTHING}
        assert (states, after[1]) == before
        outer.rollback()
