"""The outbox: every message once for each subscriber and edition, written before it is sent.

A row is `queued` until a sender takes it, by a lease (`holder`, `until`), and stays `queued` while
the sender talks to the server. It is `sending` from the commit just before the final dot of the
message until the answer is recorded: only then can nobody know whether the server took it. So of
what a killed sender held, everything `queued` is simply sent by the next one, and what was
`sending` (one message a sender at most) is *undecided*: it is sent once more under the same
Message-ID, and counted; a second time is the last. See docs/mail.md for why.

A message's papers count as sent as long as it may still go or may have arrived. Where it failed
without having been taken, or was held back, they come with the next edition, but where the relay
refused its very text: another one with the same papers would fare no better.

Every function needs a transaction; those that change something a writing one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from broadsheet.store.subscribers import Rhythm, State
from broadsheet.store.suppressions import Why
from broadsheet.store.tables import (
    outbox,
    sent_papers,
    subscribers,
    subscriptions,
    suppressions,
)
from broadsheet.text.normalise import plain, storable

# The rhythm an edition belongs to, by the word before its colon, as in `daily:2026-11-21`.
RHYTHMS = {"daily": Rhythm.DAILY, "weekly": Rhythm.WEEKLY, "alert": Rhythm.AT_ONCE}
# Mail that asks whether mail is wanted; it goes to who has not said so yet.
CONFIRM = "confirm"
# What somebody waits for goes before a morning's mail: it counts as due for a day already.
_WAITED_FOR = (CONFIRM, "alert")
_AHEAD = timedelta(days=1)
# How the reason begins where it was the text that was refused.
TEXT_REFUSED = "text refused for good"
# Who was in doubt twice is not written to a third time: each may have been one message.
_MOST_UNDECIDED = 2
_LONGEST_ANSWER = 500
# What was never tried waits for nothing but another machine's clock; nothing waits longer for its
# next try, and no lease is longer: a moment farther ahead was written down before the clock was put
# back.
_CLOCKS_APART = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=6)
_LONGEST_LEASE = timedelta(minutes=10)


class Standing(StrEnum):
    """Where a message stands. `silent` is an edition that nobody was to get, with its reason."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to be queued: whose, of which edition, as bytes of RFC 5322, with its papers."""

    subscriber: int
    edition: str
    message_id: str
    subject: str
    message: bytes
    papers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is ours to send for as long as the lease holds."""

    number: int
    subscriber: int
    edition: str
    address: str
    message_id: str
    message: bytes
    attempts: int
    queued: datetime


@dataclass(frozen=True, slots=True)
class Start:
    """Whether the final dot may be sent. If not, `reason` says why it never may; with none, the
    message is not ours any more.
    """

    go: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A message that the server at `host` took, with its answer."""

    number: int
    host: str
    answer: str


@dataclass(frozen=True, slots=True)
class About:
    """The message a report is about, and whose it was."""

    number: int
    subscriber: int
    address: str
    message_id: str


# --- Putting in -----------------------------------------------------------------------------------


def queue(connection: Connection, letter: Letter, now: datetime) -> bool:
    """Queues a message, and notes its papers as sent; False where the edition is there already."""
    return letter.subscriber in queue_all(connection, [letter], now)


def queue_all(connection: Connection, letters: Sequence[Letter], now: datetime) -> set[int]:
    """Queues messages, one a subscriber, as `queue` does, in few statements; returns whose were
    not there yet.
    """
    if not letters:
        return set()
    made = _insert(connection)
    new = set(
        connection.scalars(
            made(outbox).on_conflict_do_nothing().returning(outbox.c.subscriber),
            [_queued(letter, now) for letter in letters],
        )
    )
    papers = [
        {"subscriber": letter.subscriber, "paper": paper, "edition": letter.edition, "at": now}
        for letter in letters
        if letter.subscriber in new
        for paper in letter.papers
    ]
    if papers:
        put = made(sent_papers)
        # One that an earlier message gave back is this one's now.
        taken_over = put.on_conflict_do_update(
            index_elements=["subscriber", "paper"],
            set_={"edition": put.excluded.edition, "at": put.excluded.at},
            where=~counts_as_sent(),
        )
        connection.execute(taken_over, papers)
    return new


def counts_as_sent() -> ColumnElement[bool]:
    """Of a row of `sent_papers`, whether the paper counts as sent."""
    given_back = and_(
        outbox.c.subscriber == sent_papers.c.subscriber,
        outbox.c.edition == sent_papers.c.edition,
        _gives_back(),
    )
    return ~exists().where(given_back).correlate(sent_papers)


def keep_silent(
    connection: Connection, subscriber: int, edition: str, reason: str, now: datetime
) -> bool:
    """Notes why nobody gets this edition; False where it is there already."""
    return _put(
        connection,
        subscriber=subscriber,
        edition=edition,
        state=Standing.SILENT.value,
        reason=storable(reason),
        queued=now,
        next_try=now,
    )


def has(connection: Connection, subscriber: int, edition: str) -> bool:
    """Whether the edition is in the outbox, however it stands."""
    found = exists().where(outbox.c.subscriber == subscriber, outbox.c.edition == edition)
    return bool(connection.scalar(select(found)))


def sent_before(connection: Connection, subscriber: int, papers: Sequence[int]) -> frozenset[int]:
    """Those of the papers that were sent (or queued to be) to the subscriber."""
    return frozenset(
        connection.scalars(
            select(sent_papers.c.paper).where(
                sent_papers.c.subscriber == subscriber,
                sent_papers.c.paper.in_(papers),
                counts_as_sent(),
            )
        )
    )


# --- Sending --------------------------------------------------------------------------------------


def take(
    connection: Connection,
    holder: str,
    now: datetime,
    until: datetime,
    limit: int,
    edition: str | None = None,
) -> list[Due]:
    """Takes up to `limit` messages that are due, until then; those due longest first.

    Two who take at once take different ones: SQLite has one writer at a time, PostgreSQL skips
    what the other has locked.
    """
    chosen = (
        _free(select(outbox.c.number), now, edition)
        .order_by(outbox.c.next_try, outbox.c.number)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    numbers = connection.scalars(
        update(outbox)
        # A list of values: an IN over the query might lock other rows each time it is run.
        .where(outbox.c.number.in_(connection.scalars(chosen).all()))
        .values(holder=holder, until=until)
        .returning(outbox.c.number)
    ).all()
    rows = connection.execute(
        select(
            outbox.c.number,
            outbox.c.subscriber,
            outbox.c.edition,
            subscribers.c.address,
            outbox.c.message_id,
            outbox.c.message,
            outbox.c.attempts,
            outbox.c.queued,
        )
        .join(subscribers, subscribers.c.number == outbox.c.subscriber)
        .where(outbox.c.number.in_(numbers))
        .order_by(outbox.c.next_try, outbox.c.number)
    )
    return [
        Due(**{**row._asdict(), "message": zlib.decompress(row.message or zlib.compress(b""))})
        for row in rows
    ]


def renew(connection: Connection, holder: str, until: datetime) -> int:
    """Keeps what `holder` has for longer; returns how many messages that are."""
    return connection.execute(
        update(outbox)
        .where(outbox.c.holder == holder, outbox.c.state.in_(_OPEN))
        .values(until=until)
    ).rowcount


def give_back(connection: Connection, holder: str, numbers: Iterable[int] | None = None) -> None:
    """Ends the lease of what `holder` has not begun to send (of these, where given)."""
    mine = update(outbox).where(outbox.c.holder == holder, outbox.c.state == Standing.QUEUED.value)
    if numbers is not None:
        mine = mine.where(outbox.c.number.in_(list(numbers)))
    connection.execute(mine.values(holder=None, until=None))


def withheld(connection: Connection, number: int, now: datetime) -> str:
    """Why the message may not be sent, in words; empty where it may."""
    row = connection.execute(_CIRCUMSTANCES, {"number": number}).one_or_none()
    return "" if row is None else _why_not(row, now)


def withhold(connection: Connection, numbers: Sequence[int], now: datetime) -> set[int]:
    """Settles those of the messages that may not be sent any more, with their reasons."""
    if not numbers:
        return set()
    rows = connection.execute(_CIRCUMSTANCES_OF_MANY, {"numbers": list(numbers)}).all()
    reasons = {row.number: why for row in rows if (why := _why_not(row, now))}
    for number, why in reasons.items():
        _settle(
            connection,
            and_(outbox.c.number == number, outbox.c.state == Standing.QUEUED.value),
            state=Standing.SUPPRESSED,
            reason=why,
        )
        _give_back(connection, number)
    return set(reasons)


def start(
    connection: Connection,
    number: int,
    holder: str,
    now: datetime,
    before: Accepted | None = None,
) -> Start:
    """Marks a message as about to be sent, where it is still ours and still wanted, and records
    that the one `before` it was taken: the two at once, for each message costs this.

    Commit before the final dot is sent, and send none where this does not say so.
    """
    reason = withheld(connection, number, now)
    place = {"row": number, "me": holder, "now": now}
    if before is not None and not reason:
        both = place | _sent(before, holder, now)
        return Start(go=number in set(connection.scalars(_SENT_AND_BEGIN, both)))
    if before is not None:
        record_sent(connection, before.number, holder, now, before.host, before.answer)
    if reason:
        done = connection.execute(_WITHHOLD, {**place, "why": reason})
        _give_back(connection, number)
        return Start(go=False, reason=reason if done.rowcount else "")
    return Start(go=bool(connection.execute(_BEGIN, place).rowcount))


def record_sent(
    connection: Connection, number: int, holder: str, now: datetime, host: str, answer: str
) -> None:
    """The server took the message.

    Also where somebody thought us dead and queued it again: it is sent, and not once more.
    """
    connection.execute(_SENT, _sent(Accepted(number, host, answer), holder, now))


def record_failed(
    connection: Connection, number: int, holder: str, host: str, answer: str, reason: str
) -> None:
    """The message will never be taken; nobody tries again unless the operator says so."""
    _settle(
        connection,
        _held(number, holder),
        state=Standing.FAILED,
        host=host,
        answer=_answer(answer),
        reason=storable(reason),
        attempts=_counted(),
    )
    _give_back(connection, number)


def record_again(
    connection: Connection, number: int, holder: str, next_try: datetime, host: str, answer: str
) -> None:
    """The message was not taken, and is tried again then."""
    _settle(
        connection,
        _held(number, holder),
        state=Standing.QUEUED,
        next_try=next_try,
        host=host,
        answer=_answer(answer),
        attempts=_counted(),
    )


def record_undecided(
    connection: Connection, number: int, holder: str, next_try: datetime, host: str, answer: str
) -> None:
    """Nobody knows whether the message was taken: the final dot was sent, and no answer came."""
    _settle(
        connection,
        _held(number, holder),
        host=host,
        answer=_answer(answer),
        next_try=next_try,
        **_in_doubt(),
    )


def recover(connection: Connection, now: datetime) -> int:
    """What was about to be sent when its sender ended is undecided; returns how many those were.

    What waits for a moment that a clock named which has been put back since waits no longer.
    """
    connection.execute(
        update(outbox)
        .where(
            outbox.c.state == Standing.QUEUED.value,
            outbox.c.next_try > now + _CLOCKS_APART,
            or_(outbox.c.attempts == 0, outbox.c.next_try > now + _LONGEST_WAIT),
        )
        .values(next_try=now)
    )
    return _settle(
        connection,
        and_(outbox.c.state == Standing.SENDING.value, _is_over(now)),
        next_try=now,
        **_in_doubt(),
    )


def is_any_due(connection: Connection, now: datetime, edition: str | None = None) -> bool:
    """Whether a message, of that edition where given, could be taken now."""
    return connection.scalar(_free(select(outbox.c.number), now, edition).limit(1)) is not None


# --- The operator ---------------------------------------------------------------------------------


def about(connection: Connection, number: int | None, message_id: str | None) -> About | None:
    """The message of this number, else the one with this Message-ID."""
    if number is not None:
        same = outbox.c.number == number
    elif message_id is not None:
        same = outbox.c.message_id == message_id
    else:
        return None
    row = connection.execute(
        select(outbox.c.number, outbox.c.subscriber, subscribers.c.address, outbox.c.message_id)
        .join(subscribers, subscribers.c.number == outbox.c.subscriber)
        .where(same, outbox.c.message_id.is_not(None))
    ).one_or_none()
    return None if row is None else About(*row)


def retry(connection: Connection, now: datetime, edition: str | None = None) -> int:
    """Queues what failed again, as far as its text is still there and none of its papers went with
    a later edition; returns how many those are.

    What waits for its next try is tried now as well.
    """
    chosen = or_(
        and_(_has_failed(), ~_is_overtaken()),
        and_(outbox.c.state == Standing.QUEUED.value, outbox.c.next_try > now),
    )
    if edition is not None:
        chosen = and_(chosen, outbox.c.edition == edition)
    return _settle(connection, chosen, state=Standing.QUEUED, queued=now, next_try=now, reason=None)


def overtaken(connection: Connection, edition: str | None = None) -> int:
    """How many messages that failed are not to be sent any more, for a later edition of the same
    subscriber has a paper of theirs.
    """
    found = select(func.count()).select_from(outbox).where(_has_failed(), _is_overtaken())
    if edition is not None:
        found = found.where(outbox.c.edition == edition)
    return connection.scalar(found) or 0


def drop_messages(connection: Connection, before: datetime) -> int:
    """Drops the text of what was settled and queued before; the rows stay."""
    settled = outbox.c.state.not_in(_OPEN)
    return connection.execute(
        update(outbox)
        .where(settled, outbox.c.message.is_not(None), outbox.c.queued < before)
        .values(message=None)
    ).rowcount


_OPEN = (Standing.QUEUED.value, Standing.SENDING.value)


def _insert(connection: Connection) -> Any:
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _queued(letter: Letter, now: datetime) -> dict[str, object]:
    waited_for = letter.edition.partition(":")[0] in _WAITED_FOR
    return {
        "subscriber": letter.subscriber,
        "edition": letter.edition,
        "state": Standing.QUEUED.value,
        "queued": now,
        "next_try": now - _AHEAD if waited_for else now,
        "message_id": letter.message_id,
        "subject": storable(letter.subject),
        "message": zlib.compress(letter.message, 1),
        "papers": len(letter.papers),
    }


def _put(connection: Connection, **values: object) -> bool:
    """One statement decides who was first, for whoever queues the same edition at once."""
    put = _insert(connection)(outbox).values(**values).on_conflict_do_nothing()
    return connection.scalar(put.returning(outbox.c.number)) is not None


def _barred(reason: str | None) -> str:
    return f"suppressed: {reason}" if reason else ""


def _why_not(row: Any, now: datetime) -> str:
    # Who left may be asked whether they come back, and who did not confirm is asked that.
    if row.edition.partition(":")[0] == CONFIRM:
        return _barred(row.reason) if row.reason != Why.LEFT.value else ""
    return _barred(row.reason) or _unwanted(row, now)


def _unwanted(row: Any, now: datetime) -> str:
    if row.state != State.CONFIRMED.value:
        return "left" if row.state == State.LEFT.value else "not confirmed"
    today = now.astimezone(ZoneInfo(row.zone)).date()
    if row.paused and (row.paused_until is None or today < row.paused_until):
        return "paused"
    if row.rhythm is not None and not row.wanted:
        return f"nothing {row.rhythm} is wanted any more"
    return ""


def _sent(accepted: Accepted, holder: str, now: datetime) -> dict[str, object]:
    """What `_SENT` is told."""
    said = {"by": accepted.host, "said": _answer(accepted.answer)}
    return {"sent_row": accepted.number, "me": holder, "now": now, **said}


def _held(number: int, holder: str) -> ColumnElement[bool]:
    return and_(outbox.c.number == number, outbox.c.holder == holder, outbox.c.state.in_(_OPEN))


def _gives_back() -> ColumnElement[bool]:
    """Whether a message's papers do not count as sent: it was not taken, and will not go."""
    return and_(
        outbox.c.undecided == 0,
        or_(
            outbox.c.state == Standing.SUPPRESSED.value,
            and_(
                outbox.c.state == Standing.FAILED.value,
                ~func.coalesce(outbox.c.reason, "").startswith(TEXT_REFUSED),
            ),
        ),
    )


def _give_back(connection: Connection, number: int) -> None:
    """Lets the papers of a message that gives them back be gathered once more."""
    row = connection.execute(
        select(outbox.c.subscriber, outbox.c.edition, func.min(sent_papers.c.paper).label("first"))
        .join(
            sent_papers,
            and_(
                sent_papers.c.subscriber == outbox.c.subscriber,
                sent_papers.c.edition == outbox.c.edition,
            ),
        )
        .where(outbox.c.number == number, _gives_back())
        .group_by(outbox.c.subscriber, outbox.c.edition)
    ).one_or_none()
    rhythm = RHYTHMS.get(row.edition.partition(":")[0]) if row is not None else None
    if row is not None and rhythm is not None:
        connection.execute(
            update(subscriptions)
            .where(
                subscriptions.c.subscriber == row.subscriber,
                subscriptions.c.rhythm == rhythm.value,
                subscriptions.c.through >= row.first,
            )
            .values(through=row.first - 1)
        )


def _has_failed() -> ColumnElement[bool]:
    """Failed, with its text still there."""
    return and_(outbox.c.state == Standing.FAILED.value, outbox.c.message.is_not(None))


def _is_overtaken() -> ColumnElement[bool]:
    """Whether a later edition has taken over a paper of it."""
    kept = (
        select(func.count())
        .select_from(sent_papers)
        .where(
            sent_papers.c.subscriber == outbox.c.subscriber,
            sent_papers.c.edition == outbox.c.edition,
        )
        .correlate(outbox)
        .scalar_subquery()
    )
    return outbox.c.papers > kept


def _free(chosen: Select[tuple[int]], now: datetime, edition: str | None) -> Select[tuple[int]]:
    """Those of messages that are due and nobody's."""
    chosen = chosen.where(
        outbox.c.state == Standing.QUEUED.value,
        outbox.c.next_try <= now,
        or_(outbox.c.until.is_(None), _is_over(now)),
    )
    return chosen if edition is None else chosen.where(outbox.c.edition == edition)


def _is_over(now: datetime) -> ColumnElement[bool]:
    return or_(outbox.c.until <= now, outbox.c.until > now + _LONGEST_LEASE)


def _counted() -> ColumnElement[int]:
    """An attempt that ended before the message was about to be sent is counted when it ends."""
    return outbox.c.attempts + case((outbox.c.state == Standing.QUEUED.value, 1), else_=0)


def _in_doubt() -> dict[str, Any]:
    last = outbox.c.undecided + 1 >= _MOST_UNDECIDED
    return {
        "undecided": outbox.c.undecided + 1,
        "state": case((last, Standing.FAILED.value), else_=Standing.QUEUED.value),
        "reason": case((last, "undecided twice: no answer to the whole message"), else_=None),
    }


def _settle(connection: Connection, chosen: ColumnElement[bool], **values: Any) -> int:
    values = {
        name: value.value if isinstance(value, Standing) else value
        for name, value in values.items()
    }
    return connection.execute(
        update(outbox).where(chosen).values(**values, holder=None, until=None)
    ).rowcount


def _answer(text: str) -> str:
    return storable(plain(text))[:_LONGEST_ANSWER]


# What is asked for each message on its way, made once.
_RHYTHM = case(
    *((outbox.c.edition.like(f"{kind}:%"), rhythm.value) for kind, rhythm in RHYTHMS.items()),
    else_=None,
)
_OF_MESSAGES = (
    select(
        outbox.c.number,
        outbox.c.edition,
        subscribers.c.state,
        subscribers.c.zone,
        subscribers.c.paused,
        subscribers.c.paused_until,
        suppressions.c.reason,
        _RHYTHM.label("rhythm"),
        exists()
        .where(
            subscriptions.c.subscriber == outbox.c.subscriber,
            subscriptions.c.rhythm == _RHYTHM,
            subscriptions.c.confirmed.is_not(None),
            subscriptions.c.ended.is_(None),
        )
        .correlate(outbox)
        .label("wanted"),
    )
    .join(subscribers, subscribers.c.number == outbox.c.subscriber)
    .outerjoin(suppressions, suppressions.c.mailbox == subscribers.c.mailbox)
)
_CIRCUMSTANCES = _OF_MESSAGES.where(outbox.c.number == bindparam("number"))
_CIRCUMSTANCES_OF_MANY = _OF_MESSAGES.where(
    outbox.c.number.in_(bindparam("numbers", expanding=True))
)
_MINE_TO_BEGIN = and_(
    outbox.c.number == bindparam("row"),
    outbox.c.holder == bindparam("me"),
    outbox.c.state == Standing.QUEUED.value,
    outbox.c.until > bindparam("now", type_=outbox.c.until.type),
)
_WITHHOLD = (
    update(outbox)
    .where(_MINE_TO_BEGIN)
    .values(state=Standing.SUPPRESSED.value, reason=bindparam("why"), holder=None, until=None)
)
_IS_SENT = and_(
    outbox.c.number == bindparam("sent_row"),
    outbox.c.state.in_(_OPEN),
    # Also where somebody thought us dead and queued it again.
    or_(outbox.c.holder == bindparam("me"), outbox.c.state == Standing.QUEUED.value),
)
_SENT_VALUES: dict[Column[Any], Any] = {
    outbox.c.state: Standing.SENT.value,
    outbox.c.sent: bindparam("now", type_=outbox.c.sent.type),
    outbox.c.host: bindparam("by"),
    outbox.c.answer: bindparam("said"),
    outbox.c.reason: null(),
    outbox.c.holder: null(),
    outbox.c.until: null(),
}
_BEGIN_VALUES: dict[Column[Any], Any] = {
    outbox.c.state: Standing.SENDING.value,
    outbox.c.attempts: outbox.c.attempts + 1,
}
_BEGIN = update(outbox).where(_MINE_TO_BEGIN).values(_BEGIN_VALUES)
_SENT = update(outbox).where(_IS_SENT).values(_SENT_VALUES)
_SENT_AND_BEGIN = (
    update(outbox)
    .where(or_(_IS_SENT, _MINE_TO_BEGIN))
    .values(
        {
            column: case(
                (outbox.c.number == bindparam("sent_row"), _SENT_VALUES.get(column, column)),
                else_=_BEGIN_VALUES.get(column, column),
            )
            for column in _SENT_VALUES | _BEGIN_VALUES
        }
    )
    .returning(outbox.c.number)
)
