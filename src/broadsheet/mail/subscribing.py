"""Asking for mail, saying yes, and answering to it: what form, interface and command share.

Nothing is sent to an address but one question, until the link in it was opened and its button
pressed. What whoever asked wrote stands nowhere in that question. Who asks hears the same whether
the address is known, was asked already or gets no mail at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from broadsheet.mail import editions, message, rendering, schedule
from broadsheet.mail.message import Sender
from broadsheet.store import keys, subscribers, tables
from broadsheet.store.engine import Store
from broadsheet.store.subscribers import Rhythm, State, Subscriber, Subscription
from broadsheet.views import places
from broadsheet.views.addresses import NoSuchPlaceError, place_at

LINK_LASTS = timedelta(days=3)
MOST_PAPERS = 100
# So many lists of one subscriber; the mail of more is read by nobody.
MOST_LISTS = 20
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class SubscribingError(ValueError):
    """What was asked for cannot be; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for, as they wrote it."""

    address: str
    view: str = "/"
    rhythm: str = Rhythm.DAILY.value
    zone: str = "UTC"
    hour: str = str(subscribers.USUAL_HOUR)
    weekday: str = "0"
    most: str = str(subscribers.USUAL_MOST)
    least: str = ""


@dataclass(frozen=True, slots=True)
class Amount:
    """How often a list comes, and how much of it."""

    rhythm: Rhythm
    most: int
    least: float | None


def ask(
    store: Store,
    writer: Sender,
    wish: Wish,
    network: str,
    now: datetime,
    *,
    reader: int | None = None,
) -> None:
    """Sends the question whether they want it, where they may be asked now.

    `network` is the IP address the request came from, `reader` who reads here, where that is known
    of whoever asks. Raises SubscribingError, with the same sentences for every address.
    """
    amount = amount_of(wish.rhythm, wish.most, wish.least)
    zone, hour, weekday = hours_of(wish.zone, wish.hour, wish.weekday)
    view, title = list_at(store, wish.view, reader)
    with store.writing() as connection:
        key = keys.draw(connection)
        try:
            known = subscribers.find(connection, wish.address)
            came = keys.network_of(key, network)
            may = subscribers.may_be_asked(connection, wish.address, came, now)
            if known is None and not may:
                return
            who = known or subscribers.add(
                connection, wish.address, now, zone=zone, hour=hour, weekday=weekday, reader=reader
            )
            one = _noted(connection, who, view, title, amount, now)
        except ValueError as error:
            raise SubscribingError(str(error)) from error
        if reader is not None and who.reader is None and who.state is not State.CONFIRMED:
            _reads_here(connection, who.number, reader)
        if may and one is not None:
            _send_question(connection, writer, key, who, one, now)


def list_at(store: Store, address: str, reader: int | None) -> tuple[str, str]:
    """A list's address as it is kept, and its title, for a reader's own the name they gave it.

    Raises SubscribingError, StoreError.
    """
    try:
        place = place_at(address, reader=reader)
    except NoSuchPlaceError as error:
        raise SubscribingError(str(error)) from error
    except ValueError:  # as of http://[
        raise SubscribingError("No list has this address.") from None
    if place.is_personal and reader is None:
        raise SubscribingError("This list is a reader's own; only they can have it sent.")
    with store.reading() as connection:
        named = places.held(connection, place)
    if named is None:
        raise SubscribingError("No list has this address.")
    return place.address, named.title


def amount_of(rhythm: str, most: str, least: str) -> Amount:
    """As a form states it. Raises SubscribingError."""
    if rhythm not in list(Rhythm):
        raise SubscribingError("Mail comes daily, weekly or at once.")
    if not (most.isascii() and most.isdigit() and 1 <= int(most[:6]) <= MOST_PAPERS):
        raise SubscribingError(f"A mail has between 1 and {MOST_PAPERS} papers.")
    try:
        score = float(least) if least.strip() else None
    except ValueError:
        raise SubscribingError("The least score is a number, as in 0.5, or left empty.") from None
    if score is not None and not 0 <= score <= 1000:
        raise SubscribingError("The least score is a number from 0 to 1000.")
    return Amount(Rhythm(rhythm), int(most), score)


def hours_of(zone: str, hour: str, weekday: str) -> tuple[str, int, int]:
    """As a form states it: zone, hour, weekday. Raises SubscribingError."""
    try:
        schedule.zone_named(zone)
    except ValueError as error:
        raise SubscribingError(str(error)) from error
    if hour not in {str(known) for known in range(24)}:
        raise SubscribingError("The hour is a number from 0 to 23.")
    if weekday not in {str(known) for known in range(7)}:
        raise SubscribingError("The day of the week is a number from 0 (Monday) to 6.")
    return zone, int(hour), int(weekday)


def say_yes(store: Store, writer: Sender | None, subscription: int, now: datetime) -> Subscriber:
    """They want it. Who is new gets a message that says what comes when, and how to leave.

    Raises SubscribingError where nothing of that number is asked for any more.
    """
    with store.writing() as connection:
        one = subscribers.subscription(connection, subscription)
        who = subscribers.confirm(connection, subscription, now)
        if one is None or who is None:
            raise SubscribingError("Nobody asks for this any more; ask again.")
        if one.ended is not None:
            raise SubscribingError("This was ended since; ask again, and a new link comes.")
        if writer is not None and who.confirmed == now:
            key = keys.draw(connection)
            shared = rendering.welcome(
                writer.site, what_comes((one,)), what_follows(who, one.rhythm, now)
            )
            own = shared.to(editions.personal(who, key))
            _queue(connection, writer, who, f"welcome:{now:%Y-%m-%d}", own, now)
        return who


def what_comes(wanted: tuple[Subscription, ...]) -> str:
    """As in `“New papers” comes daily, at most 20 papers.`"""
    return " ".join(
        f"“{one.title}” comes {one.rhythm.value.replace('-', ' ')}, at most {one.most} papers."
        for one in wanted
    )


def what_follows(who: Subscriber, rhythm: Rhythm, now: datetime) -> str:
    """When the next mail comes, in a sentence."""
    if who.paused:
        return "Mail is paused."
    if rhythm is Rhythm.AT_ONCE:
        return "Mail comes when something does, at most once an hour."
    ahead = schedule.following(editions.hours_of(who, now), rhythm, now)
    if ahead is None:
        return ""
    local = ahead.at.astimezone(schedule.zone_named(who.zone))
    return (
        f"The next one is due on {local:%A}, {local.day} {local:%B}, at {local:%H:%M} "
        f"({who.zone}); where nothing qualifies, nothing is sent."
    )


def _noted(
    connection: Connection,
    who: Subscriber,
    view: str,
    title: str,
    amount: Amount,
    now: datetime,
) -> Subscription | None:
    """The subscription, asked for; None where they have too many to ask for one more."""
    held = subscribers.subscriptions_of(connection, who.number, active=False)
    if len(held) >= MOST_LISTS and all((view, amount.rhythm) != (o.view, o.rhythm) for o in held):
        return None
    return subscribers.subscribe(
        connection,
        who.number,
        view,
        title,
        amount.rhythm,
        now,
        most=amount.most,
        least=amount.least,
    )


def _reads_here(connection: Connection, number: int, reader: int) -> None:
    people = tables.subscribers
    connection.execute(update(people).where(people.c.number == number).values(reader=reader))


def _send_question(
    connection: Connection,
    writer: Sender,
    key: bytes,
    who: Subscriber,
    one: Subscription,
    now: datetime,
) -> None:
    token = keys.sign(key, message.CONFIRM, one.number, now + LINK_LASTS)
    letter = rendering.confirmation(writer.site, token)
    _queue(connection, writer, who, f"confirm:{one.number}-{now:%Y%m%d%H%M%S}", letter, now)


def _queue(
    connection: Connection,
    writer: Sender,
    who: Subscriber,
    edition: str,
    letter: rendering.Letter,
    now: datetime,
) -> None:
    said = message.Message(
        who.number, who.address, edition, letter.subject, letter.text, letter.html
    )
    message.queue(connection, said, writer, now)
