"""Secret addresses of a reader's own lists, for feed readers: they send no cookie and no password.

A secret opens one list of one reader. It is kept as it is, not as a digest alone: a reader copies
the address again into another program, and whoever reads this table reads, in the same database,
all that the secret opens. It is looked up by its SHA-256, so that the time an answer takes says
nothing of how near a guess came. When an address was last asked for is not kept: reading writes
nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, delete, insert, select

from broadsheet.store.tables import feed_secrets
from broadsheet.store.tables import readers as readers_table
from broadsheet.text.normalise import storable

# Of the list: both engines index this much.
LONGEST = 800
# 192 bits, 32 letters.
_BYTES = 24


@dataclass(frozen=True, slots=True)
class FeedSecret:
    """Whose secret, and the address of the list that it opens (views/addresses.py)."""

    reader: int
    address: str
    secret: str
    made: datetime


def make(connection: Connection, reader: int, address: str, now: datetime | None = None) -> str:
    """A new secret for a reader's list; the one before, if any, opens nothing any more.

    Raises ValueError for an address longer than `LONGEST`.
    """
    if len(address) > LONGEST:
        raise ValueError(f"The address of a list may have {LONGEST} letters here.")
    # Two forms sent at once: the second waits here until the first is through.
    connection.execute(
        select(readers_table.c.number).where(readers_table.c.number == reader).with_for_update()
    )
    revoke(connection, reader, address)
    secret = secrets.token_urlsafe(_BYTES)
    connection.execute(
        insert(feed_secrets).values(
            reader=reader,
            address=storable(address),
            secret=secret,
            digest=_digest(secret),
            made=now or datetime.now(UTC),
        )
    )
    return secret


def revoke(connection: Connection, reader: int, address: str) -> bool:
    """Whether there was a secret of this list; it opens nothing any more."""
    mine = (feed_secrets.c.reader == reader) & (feed_secrets.c.address == storable(address))
    return connection.execute(delete(feed_secrets).where(mine)).rowcount > 0


def held(connection: Connection, reader: int) -> list[FeedSecret]:
    """The reader's secrets, by the address of their lists."""
    rows = connection.execute(
        select(feed_secrets).where(feed_secrets.c.reader == reader).order_by(feed_secrets.c.address)
    )
    return [FeedSecret(row.reader, row.address, row.secret, row.made) for row in rows]


def opened_by(connection: Connection, secret: str) -> FeedSecret | None:
    """What a secret opens; None for one that was never made, or was revoked."""
    row = connection.execute(
        select(feed_secrets).where(feed_secrets.c.digest == _digest(secret))
    ).one_or_none()
    if row is None or not hmac.compare_digest(_bytes(row.secret), _bytes(secret)):
        return None
    return FeedSecret(row.reader, row.address, row.secret, row.made)


def _digest(secret: str) -> str:
    return hashlib.sha256(_bytes(secret)).hexdigest()


def _bytes(secret: str) -> bytes:
    # A guess may hold anything.
    return secret.encode("utf-8", "replace")
