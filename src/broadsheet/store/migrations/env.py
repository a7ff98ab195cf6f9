"""Alembic's entry: runs the migrations on the engine that `upgrade` hands over."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Engine, text

from broadsheet.store.migrations import ADVISORY_LOCK
from broadsheet.store.tables import metadata


def run(engine: Engine) -> None:
    with engine.connect() as connection:
        sqlite = connection.dialect.name == "sqlite"
        if sqlite:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(text("select pg_advisory_xact_lock(:k)"), {"k": ADVISORY_LOCK})
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=sqlite)
        context.run_migrations()
        connection.commit()


run(context.config.attributes["engine"])
