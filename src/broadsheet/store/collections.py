"""A reader's collections: papers under a name, shared with whoever is given a secret address."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, func, select

from broadsheet.store.deeds import Doing
from broadsheet.store.papers import chunks
from broadsheet.store.tables import collection_papers, collections, papers
from broadsheet.text.normalise import is_readable, plain, slug, storable

LONGEST_NAME = 80
MOST_COLLECTIONS = 500


class CollectionError(ValueError):
    """A collection that cannot be made or changed so; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection and how many papers are in it. Who has `secret` may read it."""

    number: int
    reader: int
    slug: str
    name: str
    made: datetime
    secret: str | None
    papers: int = 0


def of(connection: Connection, reader: int) -> list[Collection]:
    """The reader's collections, the oldest first."""
    return _found(connection, collections.c.reader == reader)


def called(connection: Connection, reader: int, name: str) -> Collection | None:
    """The reader's collection with that slug."""
    mine = (collections.c.reader == reader) & (collections.c.slug == name)
    return next(iter(_found(connection, mine)), None)


def shared_as(connection: Connection, secret: str) -> Collection | None:
    """The collection that was shared under a secret."""
    return next(iter(_found(connection, collections.c.secret == secret)), None)


def numbers(connection: Connection, collection: Collection) -> list[int]:
    """Its papers, the newest addition first."""
    return list(
        connection.scalars(
            select(collection_papers.c.paper)
            .where(collection_papers.c.collection == collection.number)
            .order_by(collection_papers.c.added.desc(), collection_papers.c.paper)
        )
    )


def holding(connection: Connection, reader: int, paper: int) -> set[str]:
    """The slugs of the reader's collections that hold a paper."""
    return set(
        connection.scalars(
            select(collections.c.slug)
            .join(collection_papers, collection_papers.c.collection == collections.c.number)
            .where(collections.c.reader == reader, collection_papers.c.paper == paper)
        )
    )


def make(doing: Doing, name: str) -> Collection:
    """A new, empty collection. Raises CollectionError."""
    name = storable(plain(name))[:LONGEST_NAME].strip()
    if not is_readable(name):
        raise CollectionError("A collection needs a name.")
    taken = {held.slug for held in of(doing.connection, doing.reader)}
    if len(taken) >= MOST_COLLECTIONS:
        raise CollectionError(
            f"There are {MOST_COLLECTIONS} collections already; remove one first."
        )
    key = {"reader": doing.reader, "slug": slug(name, taken)}
    return Collection(
        **doing.put(collections, key, {"name": name, "made": doing.now, "secret": None})
    )


def add(doing: Doing, collection: Collection, wanted: Sequence[int]) -> int:
    """Puts papers into it; returns how many were not in it."""
    held: set[int] = set()
    for chunk in chunks(wanted):
        held.update(
            doing.connection.scalars(select(papers.c.number).where(papers.c.number.in_(chunk)))
        )
    known = set(numbers(doing.connection, collection))
    # A moment apart, so that the order in which they were put there stays.
    moments = {n: doing.now + timedelta(microseconds=at) for at, n in enumerate(wanted)}
    rows = [{"paper": n, "added": at} for n, at in moments.items() if n in held and n not in known]
    return doing.fill(collection_papers, {"collection": collection.number}, rows)


def take_out(doing: Doing, collection: Collection, unwanted: Iterable[int]) -> None:
    """Takes papers out of it."""
    for number in unwanted:
        doing.drop(collection_papers, {"collection": collection.number, "paper": number})


def rename(doing: Doing, collection: Collection, name: str) -> None:
    """Gives it another name; its address stays. Raises CollectionError."""
    name = storable(plain(name))[:LONGEST_NAME].strip()
    if not is_readable(name):
        raise CollectionError("A collection needs a name.")
    doing.put(collections, {"number": collection.number}, {"name": name})


def share(doing: Doing, collection: Collection, *, on: bool) -> None:
    """Shares it under a new secret address, or ends the one it had."""
    secret = secrets.token_urlsafe(24) if on else None
    doing.put(collections, {"number": collection.number}, {"secret": secret})


def remove(doing: Doing, collection: Collection) -> None:
    """Removes it; the papers stay."""
    doing.drop(collection_papers, {"collection": collection.number})
    doing.drop(collections, {"number": collection.number})


def _found(connection: Connection, which: ColumnElement[bool]) -> list[Collection]:
    counted = (
        select(func.count())
        .select_from(collection_papers)
        .where(collection_papers.c.collection == collections.c.number)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(collections, counted.label("papers")).where(which).order_by(collections.c.number)
    )
    return [Collection(**row._mapping) for row in rows]
