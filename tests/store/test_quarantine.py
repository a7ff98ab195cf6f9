"""Quarantine: what could not be imported stays until the file is read again without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from broadsheet.records import Quarantined
from broadsheet.store import quarantine
from broadsheet.store.engine import Store

THEN = datetime(2024, 1, 1, 12, 30, tzinfo=UTC)
LATER = THEN + timedelta(hours=1)
BROKEN = Quarantined("/papers/a.jsonl", 3, "not JSON", "jsonl", b'{"title": ', 11)


def add(store: Store, *things: Quarantined, seen: datetime = THEN) -> None:
    with store.writing() as connection:
        quarantine.add(connection, things, seen)


def clear(store: Store, file: str, before: datetime) -> int:
    with store.writing() as connection:
        return quarantine.clear(connection, file, before)


def held(store: Store) -> list[Quarantined]:
    with store.reading() as connection:
        listing = quarantine.listing(connection)
        assert quarantine.held(connection) == len(listing)
    return listing


def test_what_was_put_aside_comes_back_with_its_place_its_bytes_and_its_moment(
    store: Store,
) -> None:
    odd = replace(BROKEN, excerpt=b"\x00\xff not UTF-8 \x80")
    add(store, odd)
    assert held(store) == [replace(odd, seen=THEN)]


def test_the_same_bytes_at_the_same_place_are_one_entry_with_the_newest_reason(
    store: Store,
) -> None:
    add(store, BROKEN, BROKEN)
    add(store, replace(BROKEN, reason="a better reason"), seen=LATER)
    assert held(store) == [replace(BROKEN, reason="a better reason", seen=LATER)]


def test_other_bytes_another_line_or_another_file_are_other_entries(store: Store) -> None:
    others = [
        replace(BROKEN, excerpt=b"{"),
        replace(BROKEN, line=1),
        replace(BROKEN, file="/papers/b.jsonl", line=1),
    ]
    add(store, BROKEN, *others)
    places = [(one.file[-7:], one.line) for one in held(store)]
    assert places == [("a.jsonl", 1), ("a.jsonl", 3), ("a.jsonl", 3), ("b.jsonl", 1)]


def test_reading_a_file_to_its_end_forgets_what_is_mended_in_it_and_nothing_else(
    store: Store,
) -> None:
    elsewhere = replace(BROKEN, file="/papers/b.jsonl")
    add(store, BROKEN, replace(BROKEN, line=9), elsewhere)
    add(store, replace(BROKEN, line=9), seen=LATER)
    assert clear(store, BROKEN.file, before=LATER) == 1
    assert held(store) == [replace(BROKEN, line=9, seen=LATER), replace(elsewhere, seen=THEN)]


def test_moments_are_compared_across_time_zones(store: Store) -> None:
    in_tokyo = LATER.astimezone(timezone(timedelta(hours=9)))
    add(store, BROKEN, seen=in_tokyo)
    assert held(store)[0].seen == LATER
    assert clear(store, BROKEN.file, before=LATER) == 0
    assert clear(store, BROKEN.file, before=in_tokyo + timedelta(seconds=1)) == 1


def test_a_very_long_line_keeps_its_beginning_and_its_size(store: Store) -> None:
    long = replace(BROKEN, excerpt=b"x" * 100_000, size=100_000)
    add(store, long, long)
    [entry] = held(store)
    assert (len(entry.excerpt), entry.size) == (64 * 1024, 100_000)


def test_long_lines_that_differ_only_at_their_end_are_two_entries(store: Store) -> None:
    add(store, *(replace(BROKEN, excerpt=b"x" * 100_000 + end) for end in (b"a", b"b")))
    assert len(held(store)) == 2


def test_a_file_name_that_is_not_utf_8_can_be_put_aside_and_forgotten(store: Store) -> None:
    add(store, replace(BROKEN, file="/papers/\udcff.jsonl", reason="“\0” is no title"))
    [entry] = held(store)
    assert (entry.file, entry.reason) == ("/papers/?.jsonl", "“” is no title")
    assert clear(store, "/papers/\udcff.jsonl", before=LATER) == 1
