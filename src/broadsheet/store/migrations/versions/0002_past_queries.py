"""What a reader searched for, where they wish it remembered.

Revision: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "past_queries",
        sa.Column("reader", _KEY, nullable=False),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("used", sa.DateTime(timezone=True), nullable=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("reader", "text", name="pk_past_queries"),
        sa.ForeignKeyConstraint(
            ["reader"], ["readers.number"], name="fk_past_queries_reader", ondelete="CASCADE"
        ),
        sa.CheckConstraint("times >= 1", name="asked"),
    )
    op.create_index("ix_past_queries_reader_used", "past_queries", ["reader", "used"])
