"""Papers with their origins, identifiers and versions; the change log; quarantine; readers.

Revision: 0001
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

from broadsheet.store.changes import new_identity

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _papers()
    _belongings_of_papers()
    _quarantine()
    _readers()


def _papers() -> None:
    counters = op.create_table(
        "counters",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_counters"),
    )
    op.bulk_insert(
        counters,
        [
            {"name": "change", "value": 0},
            {"name": "paper", "value": 0},
            {"name": "identity", "value": new_identity()},
        ],
    )
    op.create_table(
        "papers",
        sa.Column("number", _KEY, nullable=False, autoincrement=False),
        sa.Column("id", sa.String(400), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("abstract", sa.Text, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("authors", sa.JSON, nullable=False),
        sa.Column("author_count", sa.Integer),
        sa.Column("organization", sa.Text),
        sa.Column("categories", sa.JSON, nullable=False),
        sa.Column("year", sa.SmallInteger),
        sa.Column("published", sa.Date),
        sa.Column("updated", sa.Date),
        sa.Column("announced", sa.Date),
        sa.Column("day", sa.Date),
        sa.Column("version", sa.SmallInteger, nullable=False),
        sa.Column("links", sa.JSON, nullable=False),
        sa.Column("comment_count", sa.Integer),
        sa.Column("licence", sa.Text),
        sa.Column("rank", sa.Integer),
        sa.Column("change", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_papers"),
        sa.UniqueConstraint("id", name="uq_papers_id"),
        sa.UniqueConstraint("change", name="uq_papers_change"),
        sa.CheckConstraint("title <> ''", name="titled"),
        sa.CheckConstraint("author_count >= 0", name="counted"),
        sa.CheckConstraint("version >= 1", name="versioned"),
    )
    op.create_index("ix_papers_day_rank_number", "papers", ["day", "rank", "number"])
    op.create_table(
        "tombstones",
        sa.Column("number", _KEY, nullable=False, autoincrement=False),
        sa.Column("change", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_tombstones"),
        sa.UniqueConstraint("change", name="uq_tombstones_change"),
    )


def _of_paper(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["paper"], ["papers.number"], name=f"fk_{table}_paper", ondelete="CASCADE"
    )


def _belongings_of_papers() -> None:
    op.create_table(
        "identifiers",
        sa.Column("id", sa.String(400), nullable=False),
        sa.Column("paper", _KEY, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_identifiers"),
        _of_paper("identifiers"),
    )
    op.create_index("ix_identifiers_paper", "identifiers", ["paper"])
    op.create_table(
        "origins",
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("key", sa.String(400), nullable=False),
        sa.Column("paper", _KEY, nullable=False),
        sa.Column("digest", sa.String(24), nullable=False),
        sa.Column("title_key", sa.String(24), nullable=False),
        sa.Column("record", sa.JSON),
        sa.Column("page", sa.Text),
        sa.Column("rank", sa.Integer),
        sa.Column("file", sa.Text),
        sa.Column("shown", sa.Date),
        sa.Column("matched_by", sa.String(12), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name="pk_origins"),
        _of_paper("origins"),
        sa.CheckConstraint("matched_by in ('new', 'identifier', 'title')", name="matched"),
    )
    op.create_index("ix_origins_paper", "origins", ["paper"])
    op.create_index("ix_origins_title_key", "origins", ["title_key"])
    op.create_index("ix_origins_shown_source_page", "origins", ["shown", "source", "page"])
    op.create_table(
        "versions",
        sa.Column("paper", _KEY, nullable=False),
        sa.Column("version", sa.SmallInteger, nullable=False, autoincrement=False),
        sa.Column("replaced", sa.DateTime(timezone=True), nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("abstract", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("paper", "version", name="pk_versions"),
        _of_paper("versions"),
    )


def _quarantine() -> None:
    op.create_table(
        "quarantine",
        sa.Column("number", _KEY, nullable=False, autoincrement=True),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("line", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(24), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("excerpt", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_quarantine"),
        sa.UniqueConstraint("file", "line", "digest", name="uq_quarantine_file_line_digest"),
    )


def _readers() -> None:
    readers = op.create_table(
        "readers",
        sa.Column("number", _KEY, nullable=False, autoincrement=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("joined", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_readers"),
        sa.UniqueConstraint("name", name="uq_readers_name"),
    )
    op.bulk_insert(readers, [{"name": "reader", "joined": datetime.now(UTC)}])
    op.create_table(
        "preferences",
        sa.Column("reader", _KEY, nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("reader", "name", name="pk_preferences"),
        sa.ForeignKeyConstraint(
            ["reader"], ["readers.number"], name="fk_preferences_reader", ondelete="CASCADE"
        ),
    )
