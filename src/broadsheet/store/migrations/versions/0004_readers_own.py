"""A reader's own: votes, reading, notes, interests, collections, deeds; notice found elsewhere.

Revision: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def _column(name: str) -> sa.Column[int]:
    return sa.Column(name, _KEY, nullable=False)


def _own(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [target], name=f"fk_{table}_{column}", ondelete="CASCADE"
    )


def upgrade() -> None:
    _reading()
    _interests()
    _collections()
    op.create_table(
        "deeds",
        sa.Column("number", _KEY, autoincrement=True, nullable=False),
        _column("reader"),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("said", sa.Text, nullable=False),
        sa.Column("rows", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_deeds"),
        _own("deeds", "reader", "readers.number"),
    )
    op.create_index("ix_deeds_reader_number", "deeds", ["reader", "number"])
    op.create_table(
        "signals",
        _column("paper"),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("source", sa.String(40), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("value", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("paper", "kind", "source", "day", name="pk_signals"),
        _own("signals", "paper", "papers.number"),
        sa.CheckConstraint("kind in ('upvotes', 'comments', 'stars')", name="kind"),
        sa.CheckConstraint("value >= 0", name="counted"),
    )


def _reading() -> None:
    op.create_table(
        "votes",
        _column("reader"),
        _column("paper"),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("reader", "paper", name="pk_votes"),
        _own("votes", "reader", "readers.number"),
        _own("votes", "paper", "papers.number"),
    )
    op.create_index("ix_votes_at", "votes", ["at"])
    op.create_index("ix_votes_paper", "votes", ["paper"])
    op.create_table(
        "reading",
        _column("reader"),
        _column("paper"),
        *(sa.Column(name, _MOMENT) for name in ("seen", "opened", "saved", "done", "dismissed")),
        sa.PrimaryKeyConstraint("reader", "paper", name="pk_reading"),
        _own("reading", "reader", "readers.number"),
        _own("reading", "paper", "papers.number"),
    )
    op.create_index("ix_reading_paper", "reading", ["paper"])
    op.create_table(
        "notes",
        _column("reader"),
        _column("paper"),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("changed", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("reader", "paper", name="pk_notes"),
        _own("notes", "reader", "readers.number"),
        _own("notes", "paper", "papers.number"),
        sa.CheckConstraint("text <> ''", name="written"),
    )
    op.create_index("ix_notes_paper", "notes", ["paper"])


def _interests() -> None:
    op.create_table(
        "interests",
        sa.Column("number", _KEY, autoincrement=True, nullable=False),
        _column("reader"),
        sa.Column("slug", sa.String(80), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("colour", sa.String(12), nullable=False),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("threshold", sa.Float, nullable=False),
        sa.Column("made", _MOMENT, nullable=False),
        sa.Column("lesson", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_interests"),
        sa.UniqueConstraint("reader", "slug", name="uq_interests_reader_slug"),
        _own("interests", "reader", "readers.number"),
        sa.CheckConstraint("share >= 0 and share <= 100", name="shared"),
        sa.CheckConstraint("threshold > 0 and threshold < 1", name="bounded"),
        sa.CheckConstraint("name <> ''", name="named"),
    )
    op.create_table(
        "interest_papers",
        _column("interest"),
        _column("paper"),
        sa.Column("liked", sa.Boolean, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("interest", "paper", name="pk_interest_papers"),
        _own("interest_papers", "interest", "interests.number"),
        _own("interest_papers", "paper", "papers.number"),
    )
    op.create_index("ix_interest_papers_paper", "interest_papers", ["paper"])
    op.create_table(
        "interest_terms",
        _column("interest"),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("text", sa.String(200), nullable=False),
        sa.Column("liked", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("interest", "kind", "text", name="pk_interest_terms"),
        _own("interest_terms", "interest", "interests.number"),
        sa.CheckConstraint("kind in ('word', 'author', 'organization', 'category')", name="kind"),
    )


def _collections() -> None:
    op.create_table(
        "collections",
        sa.Column("number", _KEY, autoincrement=True, nullable=False),
        _column("reader"),
        sa.Column("slug", sa.String(80), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("made", _MOMENT, nullable=False),
        sa.Column("secret", sa.String(64)),
        sa.PrimaryKeyConstraint("number", name="pk_collections"),
        sa.UniqueConstraint("reader", "slug", name="uq_collections_reader_slug"),
        sa.UniqueConstraint("secret", name="uq_collections_secret"),
        _own("collections", "reader", "readers.number"),
        sa.CheckConstraint("name <> ''", name="named"),
    )
    op.create_table(
        "collection_papers",
        _column("collection"),
        _column("paper"),
        sa.Column("added", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("collection", "paper", name="pk_collection_papers"),
        _own("collection_papers", "collection", "collections.number"),
        _own("collection_papers", "paper", "papers.number"),
    )
    op.create_index("ix_collection_papers_paper", "collection_papers", ["paper"])
