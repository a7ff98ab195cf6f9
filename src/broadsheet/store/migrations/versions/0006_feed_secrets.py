"""Secret addresses of a reader's own lists, for feed readers.

Revision: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "feed_secrets",
        sa.Column("reader", _KEY, nullable=False),
        sa.Column("address", sa.String(800), nullable=False),
        sa.Column("secret", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reader", "address", name="pk_feed_secrets"),
        sa.UniqueConstraint("digest", name="uq_feed_secrets_digest"),
        sa.ForeignKeyConstraint(
            ["reader"], ["readers.number"], name="fk_feed_secrets_reader", ondelete="CASCADE"
        ),
    )
