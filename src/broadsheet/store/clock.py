"""What time it is: the database's clock where it is a server that several machines share, so that
leases do not depend on whose clock is right; else this machine's.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, func, select


def now_on(connection: Connection) -> datetime:
    """The moment it is, not the beginning of the transaction."""
    if connection.dialect.name == "postgresql":
        now: datetime | None = connection.scalar(select(func.clock_timestamp()))
        assert now is not None
        return now
    return datetime.now(UTC)
