"""Who gets mail, what, and when.

A subscriber is one mailbox. What they get are subscriptions, each a view's address with a rhythm,
and each confirmed by the link in a mail to the address: what somebody else asked for in their name
stays asked for, and nothing is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from broadsheet.store import suppressions
from broadsheet.store.keys import MAIL
from broadsheet.store.tables import confirmation_requests, keys
from broadsheet.store.tables import subscribers as people
from broadsheet.store.tables import subscriptions as wanted
from broadsheet.text import mailboxes
from broadsheet.text.normalise import plain, storable

# One confirmation an address in this time; of one network as many as a department needs.
ASKED_EVERY = timedelta(hours=24)
NETWORK_MOST = 20
# How many papers a mail has where nobody said otherwise, and when it comes.
USUAL_MOST = 20
USUAL_HOUR = 7
_LONGEST_VIEW = 2000
_LONGEST_TITLE = 400


class State(StrEnum):
    """Whether somebody said themselves that they want mail."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    LEFT = "left"


class Rhythm(StrEnum):
    """How often a subscription is sent."""

    DAILY = "daily"
    WEEKLY = "weekly"
    AT_ONCE = "at-once"


@dataclass(frozen=True, slots=True)
class Subscriber:
    """One mailbox, and its hour: `weekday` (0 is Monday) is for weekly mail."""

    number: int
    address: str
    mailbox: str
    reader: int | None
    state: State
    zone: str
    hour: int
    weekday: int
    paused: bool
    paused_until: date | None
    made: datetime
    confirmed: datetime | None
    left: datetime | None

    def is_paused(self, day: date) -> bool:
        """Whether they want nothing on this day of their zone."""
        return self.paused and (self.paused_until is None or day < self.paused_until)


@dataclass(frozen=True, slots=True)
class Subscription:
    """A view that somebody gets: at most `most` papers, none with a score below `least`.

    `through` is the number of the newest paper there was when it was last gathered for them.
    """

    number: int
    subscriber: int
    view: str
    title: str
    rhythm: Rhythm
    most: int
    least: float | None
    made: datetime
    confirmed: datetime | None
    ended: datetime | None
    through: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether it is sent."""
        return self.confirmed is not None and self.ended is None


# --- Subscribers ----------------------------------------------------------------------------------


def add(
    connection: Connection,
    address: str,
    now: datetime,
    *,
    zone: str = "UTC",
    hour: int = USUAL_HOUR,
    weekday: int = 0,
    reader: int | None = None,
) -> Subscriber:
    """The subscriber with this address, as they are; a new one is pending, with this hour.

    Raises ValueError for what is no address.
    """
    address = mailboxes.address(address)
    known = find(connection, address)
    if known is not None:
        return known
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        make(people)
        .values(
            address=address,
            mailbox=address.lower(),
            reader=reader,
            state=State.PENDING.value,
            zone=zone,
            hour=hour,
            weekday=weekday,
            made=now,
        )
        # Two who add the same one at once: the first one's row is both's.
        .on_conflict_do_nothing()
    )
    added = find(connection, address)
    assert added is not None
    return added


def find(connection: Connection, address: str) -> Subscriber | None:
    """The subscriber with this address. Raises ValueError for what is no address."""
    row = connection.execute(
        select(people).where(people.c.mailbox == mailboxes.mailbox(address))
    ).one_or_none()
    return None if row is None else _subscriber(row)


def get(connection: Connection, number: int) -> Subscriber | None:
    """The subscriber of this number."""
    row = connection.execute(select(people).where(people.c.number == number)).one_or_none()
    return None if row is None else _subscriber(row)


def every(
    connection: Connection, state: State | None = None, after: int = 0, limit: int | None = None
) -> list[Subscriber]:
    """Subscribers by number, from behind `after` on."""
    rows = select(people).where(people.c.number > after).order_by(people.c.number).limit(limit)
    if state is not None:
        rows = rows.where(people.c.state == state.value)
    return [_subscriber(row) for row in connection.execute(rows)]


def set_hours(connection: Connection, number: int, *, zone: str, hour: int, weekday: int) -> None:
    """When their mail comes: an IANA zone, an hour of 0 to 23, a weekday of 0 (Monday) to 6."""
    _change(connection, number, zone=zone, hour=hour, weekday=weekday)


def pause(connection: Connection, number: int, until: date | None = None) -> None:
    """Sends nothing until this day comes in their zone; without one, until they resume."""
    _change(connection, number, paused=True, paused_until=until)


def resume(connection: Connection, number: int) -> None:
    """Sends again."""
    _change(connection, number, paused=False, paused_until=None)


def leave(connection: Connection, number: int, now: datetime) -> None:
    """Sends nothing any more. A second time changes nothing."""
    known = get(connection, number)
    if known is None or known.state is State.LEFT:
        return
    _change(connection, number, state=State.LEFT.value, left=now)
    connection.execute(
        update(wanted)
        .where(wanted.c.subscriber == number, wanted.c.ended.is_(None))
        .values(ended=now)
    )
    suppressions.add(connection, known.mailbox, suppressions.Why.LEFT, "by their own link", now)


# --- Subscriptions --------------------------------------------------------------------------------


def subscribe(
    connection: Connection,
    subscriber: int,
    view: str,
    title: str,
    rhythm: Rhythm,
    now: datetime,
    *,
    most: int = USUAL_MOST,
    least: float | None = None,
) -> Subscription:
    """Notes that the view is asked for; nothing is sent before `confirm`.

    What is active already stays as it is: who asks in somebody's name changes nothing for them.
    Raises ValueError for an address of a view that is too long.
    """
    if len(view) > _LONGEST_VIEW:
        raise ValueError("The address of this list is too long to be sent by mail.")
    # Two forms sent at once: the second waits here until the first has been kept.
    connection.execute(
        select(people.c.number).where(people.c.number == subscriber).with_for_update()
    )
    same = (
        (wanted.c.subscriber == subscriber)
        & (wanted.c.view == storable(view))
        & (wanted.c.rhythm == rhythm.value)
    )
    known = connection.execute(select(wanted).where(same)).one_or_none()
    if known is not None and _subscription(known).is_active:
        return _subscription(known)
    values: dict[str, object] = {
        "title": storable(plain(title))[:_LONGEST_TITLE],
        "most": most,
        "least": least,
        "made": now,
        "confirmed": None,
        "ended": None,
    }
    if known is not None:
        connection.execute(update(wanted).where(same).values(**values))
    else:
        connection.execute(
            insert(wanted).values(
                subscriber=subscriber, view=storable(view), rhythm=rhythm.value, **values
            )
        )
    return _subscription(connection.execute(select(wanted).where(same)).one())


def confirm(connection: Connection, subscription: int, now: datetime) -> Subscriber | None:
    """They want this subscription: it is sent from now on, and who had left is back.

    What else keeps mail from the address (a bounce, a complaint, the operator) stays. None where
    there is no such subscription any more. A second time changes nothing.
    """
    row = connection.execute(select(wanted).where(wanted.c.number == subscription)).one_or_none()
    if row is None:
        return None
    known = get(connection, row.subscriber)
    assert known is not None
    # A link that was used before does not bring back what was ended since.
    if row.confirmed is not None or row.ended is not None:
        return known
    connection.execute(
        update(wanted).where(wanted.c.number == subscription).values(confirmed=now, ended=None)
    )
    if known.state is not State.CONFIRMED:
        _change(connection, known.number, state=State.CONFIRMED.value, confirmed=now, left=None)
        suppressions.lift(connection, known.mailbox, suppressions.Why.LEFT)
    return get(connection, known.number)


def change(
    connection: Connection,
    subscription: int,
    *,
    rhythm: Rhythm,
    most: int,
    least: float | None,
) -> bool:
    """Another rhythm or another amount; False where the view comes in that rhythm already."""
    row = connection.execute(select(wanted).where(wanted.c.number == subscription)).one_or_none()
    if row is None:
        return False
    taken = select(wanted.c.number).where(
        wanted.c.subscriber == row.subscriber,
        wanted.c.view == row.view,
        wanted.c.rhythm == rhythm.value,
        wanted.c.number != subscription,
    )
    other = connection.scalar(taken)
    if other is not None:
        if connection.scalar(select(wanted.c.ended).where(wanted.c.number == other)) is None:
            return False
        connection.execute(delete(wanted).where(wanted.c.number == other))
    connection.execute(
        update(wanted)
        .where(wanted.c.number == subscription)
        .values(rhythm=rhythm.value, most=most, least=least)
    )
    return True


def end(connection: Connection, subscription: int, now: datetime) -> None:
    """Sends this one no more."""
    connection.execute(
        update(wanted)
        .where(wanted.c.number == subscription, wanted.c.ended.is_(None))
        .values(ended=now)
    )


def subscription(connection: Connection, number: int) -> Subscription | None:
    """The subscription of this number."""
    row = connection.execute(select(wanted).where(wanted.c.number == number)).one_or_none()
    return None if row is None else _subscription(row)


def subscriptions_of(
    connection: Connection, subscriber: int, *, active: bool = True
) -> list[Subscription]:
    """What somebody gets, in the order they asked for it; without `active`, all they ever did."""
    rows = connection.execute(
        select(wanted).where(wanted.c.subscriber == subscriber).order_by(wanted.c.number)
    )
    found = [_subscription(row) for row in rows]
    return [one for one in found if one.is_active] if active else found


# --- Asking for confirmation ----------------------------------------------------------------------


def may_be_asked(connection: Connection, address: str, network: str, now: datetime) -> bool:
    """Whether a confirmation may be sent to the address now, and if so, notes that it is.

    `network` is `keys.network_of` the request. Limits: one an address in 24 hours, and
    `NETWORK_MOST` a network. Needs a writing transaction. Raises ValueError for what is no address.
    """
    box = mailboxes.mailbox(address)
    since = now - ASKED_EVERY
    asked = confirmation_requests.c
    # One from a day to come was noted before the clock was put back.
    over = or_(asked.at <= since, asked.at > now + ASKED_EVERY)
    connection.execute(delete(confirmation_requests).where(over))
    # Two at once: the second waits here, and counts the first.
    connection.execute(select(keys.c.name).where(keys.c.name == MAIL).with_for_update())
    count = select(func.count()).select_from(confirmation_requests)
    if connection.scalar(count.where(asked.mailbox == box)):
        return False
    if (connection.scalar(count.where(asked.network == network)) or 0) >= NETWORK_MOST:
        return False
    connection.execute(insert(confirmation_requests).values(mailbox=box, network=network, at=now))
    return True


def _change(connection: Connection, number: int, **values: object) -> None:
    connection.execute(update(people).where(people.c.number == number).values(**values))


def _subscriber(row: Row[Any]) -> Subscriber:
    known = row._asdict()
    return Subscriber(**{**known, "state": State(known["state"])})


def _subscription(row: Row[Any]) -> Subscription:
    known = row._asdict()
    return Subscription(**{**known, "rhythm": Rhythm(known["rhythm"])})
