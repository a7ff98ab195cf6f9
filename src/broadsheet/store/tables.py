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
    Float,
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


def _reader(*, primary_key: bool = False) -> Column[int]:
    """Whose row it is."""
    return Column(
        "reader",
        _Key,
        ForeignKey("readers.number", ondelete="CASCADE"),
        primary_key=primary_key,
        nullable=False,
    )


def _paper(*, index: bool = True) -> Column[int]:
    """The paper a row of a reader is about. Rows follow a paper that is united with another
    (moving.py), and a paper that a reader keeps something of is not removed.
    """
    return Column(
        "paper",
        _Key,
        ForeignKey("papers.number", ondelete="CASCADE"),
        primary_key=True,
        index=index,
    )


votes = Table(
    "votes",
    metadata,
    _reader(primary_key=True),
    _paper(),
    Column("at", Moment, nullable=False, index=True),
)

# What a reader did with a paper, and when first: it was on a page they looked through, they opened
# it, mean to read it, have read it, want no more like it. Without a moment: not yet.
reading = Table(
    "reading",
    metadata,
    _reader(primary_key=True),
    _paper(),
    Column("seen", Moment),
    Column("opened", Moment),
    Column("saved", Moment),
    Column("done", Moment),
    Column("dismissed", Moment),
)

notes = Table(
    "notes",
    metadata,
    _reader(primary_key=True),
    _paper(),
    Column("text", Text, nullable=False),
    Column("changed", Moment, nullable=False),
    CheckConstraint("text <> ''", name="written"),
)

interests = Table(
    "interests",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    _reader(),
    # Names the interest in addresses and queries, and stays when its name changes.
    Column("slug", String(80), nullable=False),
    Column("name", String(200), nullable=False),
    Column("colour", String(12), nullable=False),
    # How much of 'for me' is its; what counts is its part of the sum of all.
    Column("share", Float, nullable=False),
    # A paper belongs to it from this probability on.
    Column("threshold", Float, nullable=False),
    Column("made", Moment, nullable=False),
    # Drawn anew whenever it is taught: tells whether a fitted classifier is still right.
    Column("lesson", Integer, nullable=False),
    UniqueConstraint("reader", "slug"),
    CheckConstraint("share >= 0 and share <= 100", name="shared"),
    CheckConstraint("threshold > 0 and threshold < 1", name="bounded"),
    CheckConstraint("name <> ''", name="named"),
)


def _interest() -> Column[int]:
    return Column(
        "interest", _Key, ForeignKey("interests.number", ondelete="CASCADE"), primary_key=True
    )


interest_papers = Table(
    "interest_papers",
    metadata,
    _interest(),
    _paper(),
    Column("liked", Boolean, nullable=False),
    Column("at", Moment, nullable=False),
)

interest_terms = Table(
    "interest_terms",
    metadata,
    _interest(),
    Column("kind", String(12), primary_key=True),
    Column("text", String(200), primary_key=True),
    Column("liked", Boolean, nullable=False),
    CheckConstraint("kind in ('word', 'author', 'organization', 'category')", name="kind"),
)

collections = Table(
    "collections",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    _reader(),
    Column("slug", String(80), nullable=False),
    Column("name", String(200), nullable=False),
    Column("made", Moment, nullable=False),
    # Who has this in an address may read the collection; None: nobody but its reader.
    Column("secret", String(64), unique=True),
    UniqueConstraint("reader", "slug"),
    CheckConstraint("name <> ''", name="named"),
)

collection_papers = Table(
    "collection_papers",
    metadata,
    Column(
        "collection", _Key, ForeignKey("collections.number", ondelete="CASCADE"), primary_key=True
    ),
    _paper(),
    Column("added", Moment, nullable=False),
)

# What a reader did, newest last, so that it can be undone (deeds.py): `rows` holds of each row that
# it changed what stood there before and after.
deeds = Table(
    "deeds",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    _reader(),
    Column("at", Moment, nullable=False),
    Column("said", Text, nullable=False),
    Column("rows", JSON, nullable=False),
    Index("ix_deeds_reader_number", "reader", "number"),
)

# The notice a paper found elsewhere, as its source counted it on a day.
signals = Table(
    "signals",
    metadata,
    _paper(index=False),
    Column("kind", String(10), primary_key=True),
    Column("source", String(40), primary_key=True),
    Column("day", Date, primary_key=True),
    Column("value", Integer, nullable=False),
    CheckConstraint("kind in ('upvotes', 'comments', 'stars')", name="kind"),
    CheckConstraint("value >= 0", name="counted"),
)

# Mail.

# What the program keeps to itself: keys that sign links and bounce addresses (keys.py).
keys = Table(
    "keys",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("secret", LargeBinary, nullable=False),
    Column("made", Moment, nullable=False),
)

# Who gets mail. `address` is what is written to, `mailbox` is what counts as the same one.
# Numbers stand in signed links: none is ever given to somebody else, hence AUTOINCREMENT.
subscribers = Table(
    "subscribers",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    Column("address", String(254), nullable=False),
    Column("mailbox", String(254), nullable=False, unique=True),
    Column("reader", _Key, ForeignKey("readers.number", ondelete="SET NULL")),
    Column("state", String(10), nullable=False),
    # The hour of the day, and for weekly mail the day (0 is Monday), in this zone.
    Column("zone", String(64), nullable=False),
    Column("hour", SmallInteger, nullable=False),
    Column("weekday", SmallInteger, nullable=False),
    # Paused until this day of theirs comes; without a day, until they say so.
    Column("paused", Boolean, nullable=False, server_default=false()),
    Column("paused_until", Date),
    Column("made", Moment, nullable=False),
    Column("confirmed", Moment),
    Column("left", Moment),
    CheckConstraint("state in ('pending', 'confirmed', 'left')", name="state"),
    CheckConstraint("hour between 0 and 23", name="hour"),
    CheckConstraint("weekday between 0 and 6", name="weekday"),
    Index("ix_subscribers_state", "state"),
    sqlite_autoincrement=True,
)


def _subscriber(*, key: bool = False) -> Column[int]:
    """Whose mail it is."""
    return Column(
        "subscriber",
        _Key,
        ForeignKey("subscribers.number", ondelete="CASCADE"),
        primary_key=key,
        nullable=False,
    )


# What they get: a view, by its address, how often, and how much of it.
subscriptions = Table(
    "subscriptions",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    _subscriber(),
    Column("view", String(2000), nullable=False),
    Column("title", String(400), nullable=False),
    Column("rhythm", String(8), nullable=False),
    # At most so many papers, and none below this score.
    Column("most", SmallInteger, nullable=False),
    Column("least", Float),
    Column("made", Moment, nullable=False),
    # The number of the newest paper there was when the view was last gathered for them.
    Column("through", BigInteger),
    # Nothing is sent that was not confirmed by the link in a mail to the address.
    Column("confirmed", Moment),
    Column("ended", Moment),
    UniqueConstraint("subscriber", "view", "rhythm"),
    CheckConstraint("rhythm in ('daily', 'weekly', 'at-once')", name="rhythm"),
    CheckConstraint("most between 1 and 100", name="most"),
    sqlite_autoincrement=True,
)

# Who was asked by mail whether they want mail, so that nobody is flooded with the question.
# `network` is a keyed hash: whence a request came cannot be read from it.
confirmation_requests = Table(
    "confirmation_requests",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    Column("mailbox", String(254), nullable=False),
    Column("network", String(24), nullable=False),
    Column("at", Moment, nullable=False),
    Index("ix_confirmation_requests_mailbox_at", "mailbox", "at"),
    Index("ix_confirmation_requests_network_at", "network", "at"),
)

# Each message, once for each subscriber and edition, written before anything is sent (outbox.py).
# A row that was silent says why nothing went. `message` is dropped some days after it went.
outbox = Table(
    "outbox",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    _subscriber(),
    Column("edition", String(120), nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", Text),
    Column("queued", Moment, nullable=False),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # How often nobody can know whether an attempt arrived.
    Column("undecided", Integer, nullable=False, server_default="0"),
    Column("next_try", Moment, nullable=False),
    # Whose turn it is to send it, and how long.
    Column("holder", String(40)),
    Column("until", Moment),
    Column("sent", Moment),
    Column("message_id", String(250), unique=True),
    # Who took the message, and the last answer, of whomever.
    Column("host", Text),
    Column("answer", Text),
    Column("subject", Text),
    Column("message", LargeBinary),
    Column("papers", Integer, nullable=False, server_default="0"),
    UniqueConstraint("subscriber", "edition"),
    CheckConstraint(
        "state in ('queued', 'sending', 'sent', 'failed', 'suppressed', 'silent')", name="state"
    ),
    Index("ix_outbox_state_next_try", "state", "next_try"),
    Index("ix_outbox_edition_state", "edition", "state"),
    sqlite_autoincrement=True,
)

# What each subscriber was sent, so that no paper comes twice.
sent_papers = Table(
    "sent_papers",
    metadata,
    _subscriber(key=True),
    _paper(),
    Column("edition", String(120), nullable=False),
    Column("at", Moment, nullable=False),
)

# Addresses that get nothing, whatever else stands here.
suppressions = Table(
    "suppressions",
    metadata,
    Column("mailbox", String(254), primary_key=True),
    Column("reason", String(10), nullable=False),
    Column("detail", Text, nullable=False),
    Column("at", Moment, nullable=False),
    CheckConstraint("reason in ('bounce', 'complaint', 'left', 'operator')", name="reason"),
)

# What came back: every bounce and complaint, once (`digest` names the bytes).
mail_events = Table(
    "mail_events",
    metadata,
    Column("number", _Key, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("kind", String(12), nullable=False),
    Column("message_id", String(250)),
    Column("mailbox", String(254)),
    Column("digest", String(24), nullable=False, unique=True),
    Column("detail", JSON, nullable=False),
    Index("ix_mail_events_at", "at"),
)

# Who has the secret in an address reads that list of the reader's as a feed (feed_secrets.py).
feed_secrets = Table(
    "feed_secrets",
    metadata,
    Column("reader", _Key, ForeignKey("readers.number", ondelete="CASCADE"), primary_key=True),
    # The list's own address, in its usual form.
    Column("address", String(800), primary_key=True),
    Column("secret", String(64), nullable=False),
    # SHA-256 of the secret, by which it is found.
    Column("digest", String(64), nullable=False, unique=True),
    Column("made", Moment, nullable=False),
)
