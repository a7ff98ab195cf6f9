"""The tables: everything that cannot be made again, and nothing else.

Migrations build them (`migrations/`); a test holds that both agree on SQLite and PostgreSQL.
Lists that are only ever read together with their paper (authors, categories, links) are JSON
columns of it: a paper is one row to read. Whatever belongs to a reader says whose it is.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite gives 64 bits to an INTEGER PRIMARY KEY and to nothing else by that name.
_Key = BigInteger().with_variant(Integer, "sqlite")


class Moment(TypeDecorator[datetime]):
    """A moment in UTC. SQLite keeps no time zone; what comes out has one on both engines."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """In UTC, whatever zone it was stated in."""
        return value and value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """With its zone."""
        return value and (value if value.tzinfo else value.replace(tzinfo=UTC))


# The last number given out under each name: change numbers, paper numbers, small facts.
counters = Table(
    "counters",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

papers = Table(
    "papers",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=False),
    Column("id", String(400), nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
    # Our own words on the paper (the sample library); never the authors'.
    Column("summary", Text, nullable=False),
    Column("authors", JSON, nullable=False),
    Column("author_count", Integer),
    Column("organization", Text),
    Column("categories", JSON, nullable=False),
    Column("year", SmallInteger),
    Column("published", Date),
    Column("updated", Date),
    Column("announced", Date),
    # announced, else published: the edition the paper belongs to.
    Column("day", Date),
    Column("version", SmallInteger, nullable=False),
    Column("links", JSON, nullable=False),
    Column("comment_count", Integer),
    Column("licence", Text),
    Column("rank", Integer),
    # The change log: the number of the last write to this paper. See changes.py.
    Column("change", BigInteger, nullable=False, unique=True),
    Column("withdrawn", Boolean, nullable=False, server_default=false()),
    CheckConstraint("title <> ''", name="titled"),
    CheckConstraint("author_count >= 0", name="counted"),
    CheckConstraint("version >= 1", name="versioned"),
    Index("ix_papers_day_rank_number", "day", "rank", "number"),
)

# Papers that are gone, so that readers of the change log let go of them too.
tombstones = Table(
    "tombstones",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=False),
    Column("change", BigInteger, nullable=False, unique=True),
)

# Every name a paper has or had. The strongest is the paper's public id; all keep working.
identifiers = Table(
    "identifiers",
    metadata,
    Column("id", String(400), primary_key=True),
    Column(
        "paper", _Key, ForeignKey("papers.number", ondelete="CASCADE"), nullable=False, index=True
    ),
)

# Each record a source gave, and the paper it belongs to. `record` holds what the source said,
# except where the paper has this origin only: then the paper's own row says it (merging.py).
origins = Table(
    "origins",
    metadata,
    Column("source", String(40), primary_key=True),
    Column("key", String(400), primary_key=True),
    Column(
        "paper", _Key, ForeignKey("papers.number", ondelete="CASCADE"), nullable=False, index=True
    ),
    Column("digest", String(24), nullable=False),
    # Names the title this origin gives: another origin with the same may be the same work.
    Column("title_key", String(24), nullable=False, index=True),
    Column("record", JSON(none_as_null=True)),
    Column("page", Text),
    Column("rank", Integer),
    Column("file", Text),
    Column("shown", Date),
    Column("matched_by", String(12), nullable=False),
    # What a person decided of it: 'merged' with the paper's others, or 'parted' from others.
    Column("decided", String(8)),
    CheckConstraint("matched_by in ('new', 'identifier', 'title')", name="matched"),
    Index("ix_origins_shown_source_page", "shown", "source", "page"),
)

# What a paper said before its source revised it.
versions = Table(
    "versions",
    metadata,
    Column("paper", _Key, ForeignKey("papers.number", ondelete="CASCADE"), primary_key=True),
    Column("version", SmallInteger, primary_key=True, autoincrement=False),
    Column("replaced", Moment, nullable=False),
    Column("title", Text, nullable=False),
    Column("abstract", Text, nullable=False),
)

quarantine = Table(
    "quarantine",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    Column("file", Text, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("digest", String(24), nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", String(40), nullable=False),
    # The beginning of the bytes; `size` says how many there were in all.
    Column("excerpt", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("seen", Moment, nullable=False),
    UniqueConstraint("file", "line", "digest"),
)

# People who read here. Personal mode has one, made by the first migration.
readers = Table(
    "readers",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    Column("name", String(80), nullable=False, unique=True),
    Column("joined", Moment, nullable=False),
)

preferences = Table(
    "preferences",
    metadata,
    Column("reader", _Key, ForeignKey("readers.number", ondelete="CASCADE"), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("value", Text, nullable=False),
)

# What a reader searched for, where they wish it remembered (past_queries.py).
past_queries = Table(
    "past_queries",
    metadata,
    Column("reader", _Key, ForeignKey("readers.number", ondelete="CASCADE"), primary_key=True),
    Column("text", String(200), primary_key=True),
    Column("used", Moment, nullable=False),
    Column("times", Integer, nullable=False),
    CheckConstraint("times >= 1", name="asked"),
    Index("ix_past_queries_reader_used", "reader", "used"),
)

# Where papers come from by themselves: a category of arXiv, the Hub's daily list, a feed.
sources = Table(
    "sources",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    Column("kind", String(20), nullable=False),
    Column("name", String(400), nullable=False),
    Column("added", Moment, nullable=False),
    # The first day that is to be complete.
    Column("since", Date, nullable=False),
    # Everything up to this day was asked for and stored; where a harvest broke off.
    Column("through", Date),
    Column("progress", JSON(none_as_null=True)),
    # What the source gave for asking only for news (RFC 9110, ETag and Last-Modified).
    Column("etag", Text),
    Column("modified", Text),
    Column("harvested", Moment),
    Column("answered", Moment),
    # Failures in a row; not asked again before `retry`; what was wrong, in a sentence.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("retry", Moment),
    Column("problem", Text),
    UniqueConstraint("kind", "name"),
    CheckConstraint("failures >= 0", name="failed"),
)

# The ledger, what was announced: each name that a source listed under a day.
announcements = Table(
    "announcements",
    metadata,
    Column("source", _Key, ForeignKey("sources.number", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("id", String(400), primary_key=True),
    Column("kind", String(10), nullable=False),
    # The version announced, where the source says it.
    Column("version", SmallInteger),
    CheckConstraint("kind in ('new', 'cross', 'replace')", name="kind"),
)

# The ledger, what the source stated: how many of each kind it announced on a day. Without a row
# nothing is known of the day; a row without counts says that the source was asked in vain.
statements = Table(
    "statements",
    metadata,
    Column("source", _Key, ForeignKey("sources.number", ondelete="CASCADE"), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("new", Integer),
    Column("cross", Integer),
    Column("replace", Integer),
    # When the source last answered about the day, and when it last stated these counts.
    Column("asked", Moment, nullable=False),
    Column("stated", Moment),
    # Whether a second interface of the source said the same, which makes a zero believable.
    Column("confirmed", Boolean, nullable=False, server_default=false()),
)

# One row a service: who may talk to it now, and from when on the next may. See manners.py.
services = Table(
    "services",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("holder", String(40)),
    Column("until", Moment),
    Column("next", Moment),
)
