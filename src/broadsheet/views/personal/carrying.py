"""Everything of a reader's own as one document, and back: nothing that a person did is locked in.

Papers are named by their public ids. What is brought in is added to what is here: moments of
reading that are earlier win, notes that differ are joined, interests and collections of a name that
is here get the papers they lack.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from broadsheet.store import collections, interests, papers, readers, reading, signals
from broadsheet.store.collections import CollectionError
from broadsheet.store.deeds import Doing
from broadsheet.store.engine import Store
from broadsheet.store.interests import TERM_KINDS, InterestError, Term
from broadsheet.store.tables import preferences
from broadsheet.store.tables import reading as reading_table
from broadsheet.text.normalise import storable
from broadsheet.views.personal.teaching import MIXED, DeedError

FORMAT = "broadsheet-mine/1"
_PREFERENCES = ("theme", "density", "order", "keys", "track", "history", *MIXED)


def export(store: Store, reader: int) -> dict[str, Any]:
    """The reader's reading, votes, notes, interests, collections and preferences, as JSON.

    Raises StoreError.
    """
    with store.reading() as connection:
        states = reading.everything(connection, reader)
        held = interests.of(connection, reader)
        shelves = collections.of(connection, reader)
        on = {shelf.slug: collections.numbers(connection, shelf) for shelf in shelves}
        chosen = readers.preferences_of(connection, reader)
        numbers = {*states, *(n for ns in on.values() for n in ns)}
        numbers |= {n for one in held for n in (*one.liked, *one.disliked)}
        names = {p.number: p.id for p in papers.by_number(connection, sorted(numbers))}
    return {
        "format": FORMAT,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "preferences": {name: chosen[name] for name in _PREFERENCES if name in chosen},
        "papers": [
            {
                "id": names[number],
                **{
                    step: at.isoformat()
                    for step in reading.STEPS
                    if (at := getattr(state, step)) is not None
                },
                "vote": state.voted,
                "note": state.note,
            }
            for number, state in sorted(states.items())
            if number in names
        ],
        "interests": [
            {
                "name": one.name,
                "colour": one.colour,
                "share": one.share,
                "threshold": one.threshold,
                "for": [names[n] for n in one.liked if n in names],
                "against": [names[n] for n in one.disliked if n in names],
                "terms": [
                    {"kind": term.kind, "text": term.text, "for": term.liked} for term in one.terms
                ],
            }
            for one in held
        ],
        "collections": [
            {"name": shelf.name, "papers": [names[n] for n in on[shelf.slug] if n in names]}
            for shelf in shelves
        ],
    }


def bring(store: Store, reader: int, data: bytes) -> str:
    """Adds what `export` gave to what is here, as one deed; says in a sentence what came.

    Raises DeedError for anything else; then nothing was changed.
    """
    said = _read(data)
    try:
        with store.writing() as connection:
            doing = Doing(connection, reader, "Brought in a file that was saved here")
            known = signals.numbers_of(connection, _names(said))
            unknown = len(_names(said) - known.keys())
            if unknown:
                few = f"{unknown:,} of its papers are not held here"
                doing.said += f"; {few} and were left out"
            _bring_papers(doing, said["papers"], known)
            _bring_interests(doing, said["interests"], known)
            _bring_collections(doing, said["collections"], known)
            for name, value in said["preferences"].items():
                if name in _PREFERENCES and isinstance(value, str):
                    chosen = {"value": storable(value)[:40]}
                    doing.put(preferences, {"reader": reader, "name": name}, chosen)
            doing.keep()
    except (InterestError, CollectionError) as error:
        raise DeedError(f"The file cannot be brought in. {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise DeedError("The file is not as it was saved here; nothing was brought in.") from error
    return f"{doing.said}."


def _read(data: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise DeedError(f"The file is no JSON: {error}.") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise DeedError(f"The file is none that was saved here; its format should be {FORMAT}.")
    usual: dict[str, Any] = {"papers": [], "interests": [], "collections": [], "preferences": {}}
    return usual | said


def _names(said: dict[str, Any]) -> set[str]:
    names = {paper["id"] for paper in said["papers"]}
    for one in said["interests"]:
        names.update(one["for"], one["against"])
    for shelf in said["collections"]:
        names.update(shelf["papers"])
    return {name for name in names if isinstance(name, str) and "\0" not in name}


def _bring_papers(doing: Doing, said: list[dict[str, Any]], known: dict[str, int]) -> None:
    for paper in said:
        number = known.get(paper["id"])
        if number is None:
            continue
        key = {"reader": doing.reader, "paper": number}
        before = doing.row(reading_table, key) or {}
        moments: dict[str, Any] = {
            step: min(at for at in (before.get(step), _moment(paper[step])) if at)
            for step in reading.STEPS
            if paper.get(step)
        }
        if moments:
            doing.put(reading_table, key, moments)
        if paper.get("vote"):
            reading.vote(doing, number)
        note = str(paper.get("note") or "")
        if note:
            held = reading.notes_of(doing.connection, doing.reader).get(number, "")
            if note not in held:
                reading.write_note(doing, number, f"{held}\n\n{note}".strip())


def _bring_interests(doing: Doing, said: list[dict[str, Any]], known: dict[str, int]) -> None:
    here = interests.of(doing.connection, doing.reader)
    for one in said:
        # Each of those here once: two may have one name.
        held = next((it for it in here if it.name == str(one["name"])), None)
        liked = [known[name] for name in one["for"] if name in known]
        disliked = [known[name] for name in one["against"] if name in known]
        terms = [
            Term(term["kind"], str(term["text"]), bool(term["for"]))
            for term in one["terms"]
            if term["kind"] in TERM_KINDS
        ]
        if held is None:
            held = interests.make(doing, str(one["name"]), liked, disliked, terms)
            interests.change(
                doing,
                held,
                colour=one["colour"],
                share=float(one["share"]),
                threshold=float(one["threshold"]),
            )
        else:
            here.remove(held)
            decided = {*held.liked, *held.disliked}
            new = [n for n in liked if n not in decided], [n for n in disliked if n not in decided]
            for numbers, wanted in zip(new, (True, False), strict=True):
                if numbers:
                    interests.teach(doing, held, numbers, liked=wanted)
            if set(terms) - set(held.terms):
                interests.set_terms(doing, held.number, [*terms, *held.terms])


def _bring_collections(doing: Doing, said: list[dict[str, Any]], known: dict[str, int]) -> None:
    here = collections.of(doing.connection, doing.reader)
    for shelf in said:
        held = next((it for it in here if it.name == str(shelf["name"])), None)
        if held is None:
            held = collections.make(doing, str(shelf["name"]))
        else:
            here.remove(held)
        # The newest addition is listed first.
        numbers = [known[name] for name in reversed(shelf["papers"]) if name in known]
        collections.add(doing, held, numbers)


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
