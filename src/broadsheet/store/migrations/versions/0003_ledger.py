"""Sources, the ledger, whose turn it is to ask; withdrawn papers; what a person merged or parted.

Revision: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column(
        "papers", sa.Column("withdrawn", sa.Boolean, nullable=False, server_default=sa.false())
    )
    op.add_column("origins", sa.Column("decided", sa.String(8)))
    op.create_table(
        "sources",
        sa.Column("number", _KEY, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.String(400), nullable=False),
        sa.Column("added", _MOMENT, nullable=False),
        sa.Column("since", sa.Date, nullable=False),
        sa.Column("through", sa.Date),
        sa.Column("progress", sa.JSON(none_as_null=True)),
        sa.Column("etag", sa.Text),
        sa.Column("modified", sa.Text),
        sa.Column("harvested", _MOMENT),
        sa.Column("answered", _MOMENT),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("retry", _MOMENT),
        sa.Column("problem", sa.Text),
        sa.PrimaryKeyConstraint("number", name="pk_sources"),
        sa.UniqueConstraint("kind", "name", name="uq_sources_kind_name"),
        sa.CheckConstraint("failures >= 0", name="failed"),
    )
    op.create_table(
        "announcements",
        sa.Column("source", _KEY, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("id", sa.String(400), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("version", sa.SmallInteger),
        sa.PrimaryKeyConstraint("source", "day", "id", name="pk_announcements"),
        sa.ForeignKeyConstraint(
            ["source"], ["sources.number"], name="fk_announcements_source", ondelete="CASCADE"
        ),
        sa.CheckConstraint("kind in ('new', 'cross', 'replace')", name="kind"),
    )
    op.create_table(
        "statements",
        sa.Column("source", _KEY, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("new", sa.Integer),
        sa.Column("cross", sa.Integer),
        sa.Column("replace", sa.Integer),
        sa.Column("asked", _MOMENT, nullable=False),
        sa.Column("stated", _MOMENT),
        sa.Column("confirmed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.PrimaryKeyConstraint("source", "day", name="pk_statements"),
        sa.ForeignKeyConstraint(
            ["source"], ["sources.number"], name="fk_statements_source", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "services",
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("holder", sa.String(40)),
        sa.Column("until", _MOMENT),
        sa.Column("next", _MOMENT),
        sa.PrimaryKeyConstraint("name", name="pk_services"),
    )
