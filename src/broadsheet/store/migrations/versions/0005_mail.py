"""Mail: subscribers, what they get, the outbox, who is not written to, what came back; keys.

Revision: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.DateTime(timezone=True)


def _number(table: str) -> tuple[sa.Column[int], sa.PrimaryKeyConstraint]:
    return (
        sa.Column("number", _KEY, autoincrement=True, nullable=False),
        sa.PrimaryKeyConstraint("number", name=f"pk_{table}"),
    )


def _of_a_subscriber(table: str) -> tuple[sa.Column[int], sa.ForeignKeyConstraint]:
    return (
        sa.Column("subscriber", _KEY, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber"],
            ["subscribers.number"],
            name=f"fk_{table}_subscriber",
            ondelete="CASCADE",
        ),
    )


def upgrade() -> None:
    op.create_table(
        "keys",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("made", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_keys"),
    )
    _subscribers()
    _outbox()
    op.create_table(
        "suppressions",
        sa.Column("mailbox", sa.String(254), nullable=False),
        sa.Column("reason", sa.String(10), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("mailbox", name="pk_suppressions"),
        sa.CheckConstraint("reason in ('bounce', 'complaint', 'left', 'operator')", name="reason"),
    )
    op.create_table(
        "mail_events",
        *_number("mail_events"),
        sa.Column("at", _MOMENT, nullable=False),
        sa.Column("kind", sa.String(12), nullable=False),
        sa.Column("message_id", sa.String(250)),
        sa.Column("mailbox", sa.String(254)),
        sa.Column("digest", sa.String(24), nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.UniqueConstraint("digest", name="uq_mail_events_digest"),
    )
    op.create_index("ix_mail_events_at", "mail_events", ["at"])


def _subscribers() -> None:
    op.create_table(
        "subscribers",
        *_number("subscribers"),
        sa.Column("address", sa.String(254), nullable=False),
        sa.Column("mailbox", sa.String(254), nullable=False),
        sa.Column("reader", _KEY),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("hour", sa.SmallInteger, nullable=False),
        sa.Column("weekday", sa.SmallInteger, nullable=False),
        sa.Column("paused", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("paused_until", sa.Date),
        sa.Column("made", _MOMENT, nullable=False),
        sa.Column("confirmed", _MOMENT),
        sa.Column("left", _MOMENT),
        sa.ForeignKeyConstraint(
            ["reader"], ["readers.number"], name="fk_subscribers_reader", ondelete="SET NULL"
        ),
        sa.UniqueConstraint("mailbox", name="uq_subscribers_mailbox"),
        sa.CheckConstraint("state in ('pending', 'confirmed', 'left')", name="state"),
        sa.CheckConstraint("hour between 0 and 23", name="hour"),
        sa.CheckConstraint("weekday between 0 and 6", name="weekday"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_subscribers_state", "subscribers", ["state"])
    op.create_table(
        "subscriptions",
        *_number("subscriptions"),
        *_of_a_subscriber("subscriptions"),
        sa.Column("view", sa.String(2000), nullable=False),
        sa.Column("title", sa.String(400), nullable=False),
        sa.Column("rhythm", sa.String(8), nullable=False),
        sa.Column("most", sa.SmallInteger, nullable=False),
        sa.Column("least", sa.Float),
        sa.Column("made", _MOMENT, nullable=False),
        sa.Column("through", sa.BigInteger),
        sa.Column("confirmed", _MOMENT),
        sa.Column("ended", _MOMENT),
        sa.UniqueConstraint(
            "subscriber", "view", "rhythm", name="uq_subscriptions_subscriber_view_rhythm"
        ),
        sa.CheckConstraint("rhythm in ('daily', 'weekly', 'at-once')", name="rhythm"),
        sa.CheckConstraint("most between 1 and 100", name="most"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "confirmation_requests",
        *_number("confirmation_requests"),
        sa.Column("mailbox", sa.String(254), nullable=False),
        sa.Column("network", sa.String(24), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
    )
    for column in ("mailbox", "network"):
        op.create_index(
            f"ix_confirmation_requests_{column}_at", "confirmation_requests", [column, "at"]
        )


def _outbox() -> None:
    op.create_table(
        "outbox",
        *_number("outbox"),
        *_of_a_subscriber("outbox"),
        sa.Column("edition", sa.String(120), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("queued", _MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("undecided", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_try", _MOMENT, nullable=False),
        sa.Column("holder", sa.String(40)),
        sa.Column("until", _MOMENT),
        sa.Column("sent", _MOMENT),
        sa.Column("message_id", sa.String(250)),
        sa.Column("host", sa.Text),
        sa.Column("answer", sa.Text),
        sa.Column("subject", sa.Text),
        sa.Column("message", sa.LargeBinary),
        sa.Column("papers", sa.Integer, nullable=False, server_default="0"),
        sa.UniqueConstraint("message_id", name="uq_outbox_message_id"),
        sa.UniqueConstraint("subscriber", "edition", name="uq_outbox_subscriber_edition"),
        sa.CheckConstraint(
            "state in ('queued', 'sending', 'sent', 'failed', 'suppressed', 'silent')",
            name="state",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_outbox_state_next_try", "outbox", ["state", "next_try"])
    op.create_index("ix_outbox_edition_state", "outbox", ["edition", "state"])
    op.create_table(
        "sent_papers",
        *_of_a_subscriber("sent_papers"),
        sa.Column("paper", _KEY, nullable=False),
        sa.Column("edition", sa.String(120), nullable=False),
        sa.Column("at", _MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("subscriber", "paper", name="pk_sent_papers"),
        sa.ForeignKeyConstraint(
            ["paper"], ["papers.number"], name="fk_sent_papers_paper", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_sent_papers_paper", "sent_papers", ["paper"])
