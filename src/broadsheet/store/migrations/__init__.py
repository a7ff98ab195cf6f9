"""Migrations: the store's tables, version by version, forward only.

`upgrade` runs at every start. It asks the database for its version first and only loads
Alembic where something is to be done, so that a start costs one small query.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, inspect, text

# The newest version. A test holds it equal to the newest file in versions/.
HEAD = "0006"
# PostgreSQL: one migrator at a time, the others wait for it.
ADVISORY_LOCK = 0x42524F4144


class SchemaError(Exception):
    """The tables are not what this Broadsheet can use; the message is a sentence."""


def current(engine: Engine) -> str | None:
    """The version of the database's tables; None for an empty database."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        version: str | None = connection.scalar(text("select version_num from alembic_version"))
        return version


def check(engine: Engine) -> None:
    """Raises SchemaError where the tables are not at HEAD."""
    version = current(engine)
    if version is None:
        raise SchemaError("The database has no papers' tables yet; run 'broadsheet up' once.")
    if version < HEAD:
        raise SchemaError(f"The database is at version {version}; 'broadsheet up' brings it up.")
    if version > HEAD:
        raise SchemaError(
            f"The database was written by a newer Broadsheet (version {version}, this one knows "
            f"{HEAD}); install the newer one."
        )


def upgrade(engine: Engine, to: str = HEAD) -> None:
    """Brings the tables to version `to`. Raises SchemaError for a newer database."""
    version = current(engine)
    if version == to:
        return
    if version is not None and version > HEAD:
        check(engine)
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["engine"] = engine
    command.upgrade(config, to)
