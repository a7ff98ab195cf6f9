"""Writing what is due into the outbox: the step of the worker between the calendar and sending.

Each subscriber gets a row for each edition, with a message, or silent with the reason. A batch of
subscribers is one transaction that holds their rows, the papers noted as sent, and how far their
lists were gathered; so a kill costs a batch, which the next run writes, and nothing is there twice:
the outbox takes a subscriber's edition once.

Lists are evaluated and messages rendered once for all who get the same; only links are one's own.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from broadsheet.mail import digest, message, rendering, schedule
from broadsheet.mail.digest import Digest, Gathering, News
from broadsheet.mail.message import Sender
from broadsheet.mail.rendering import Letter, Personal
from broadsheet.mail.schedule import Due, Hours
from broadsheet.search.follow import Status
from broadsheet.store import digests, keys, manners, outbox, subscribers
from broadsheet.store.engine import Store
from broadsheet.store.subscribers import USUAL_MOST, Rhythm, State, Subscriber, Subscription
from broadsheet.views import places
from broadsheet.views.addresses import place_at
from broadsheet.views.catalogue import Catalogue

# The purpose of links by which a reader answers to a paper (store/keys.py).
ANSWER = "answer"
# Stands in the links of a preview, in the place of a token.
NOBODY = "preview"
# Subscribers that are looked at together, and those written in one transaction.
_PAGE = 1000
_BATCH = 100
# Mail at once is one message to a subscriber in this time, whatever comes in between.
ALERT_REST = timedelta(minutes=10)
# An edition waits so long for the index to hold what the store holds.
_PATIENCE = timedelta(hours=1)
# What the editions of mail at once begin with; behind it stands the number of the newest paper.
_ALERT = "alert:"
_A_DAY = timedelta(days=1)
_LONG_AGO = datetime.min.replace(tzinfo=UTC)
_SERVICE = "mail: editions"
_LEASE_SECONDS = 300.0
_MOST_RENDERED = 500
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Written:
    """How many messages were queued, how many editions were silent, and whether somebody waits for
    the index.
    """

    queued: int = 0
    silent: int = 0
    waiting: bool = False


@dataclass(frozen=True, slots=True)
class _Job:
    """An edition that one subscriber is to have, and the subscriptions in it."""

    who: Subscriber
    due: Due
    wanted: Sequence[Subscription]
    paused: bool

    @property
    def is_alert(self) -> bool:
        """Whether it goes at once, and not by the calendar."""
        return self.due.edition.startswith(_ALERT)


def write_due(
    store: Store,
    catalogue: Catalogue,
    sender: Sender,
    now: datetime,
    alert_rest: timedelta = ALERT_REST,
) -> Written:
    """Writes every edition that is due into the outbox; what is there already stays.

    Mail at once is written `alert_rest` after the last one to a subscriber. One process writes at a
    time; another one that comes meanwhile has nothing to do. Raises StoreError.
    """
    writer = _Writer(store, catalogue, sender, now, alert_rest)
    try:
        return writer.write()
    finally:
        writer.end()


@dataclass(frozen=True, slots=True)
class Preview:
    """A mail as it would be now: its words, and why there would be none."""

    letter: Letter
    silence: str


def preview(
    store: Store, catalogue: Catalogue, view: str, reader: int | None, site: str, now: datetime
) -> Preview:
    """What a daily mail of a list would be, for showing it: nothing is written or sent.

    It has the papers of the newest day that the list's own days allow, however long ago that was.
    """
    newest = catalogue.latest()
    day = now.date()
    if newest is not None and newest.last is not None:
        day = min(day, newest.last)
    then = min(now, datetime.combine(day, time(23, 59), UTC))
    place = place_at(view, reader=reader)
    with store.reading() as connection:
        named = places.held(connection, place) or place
    wanted = Subscription(
        0,
        0,
        view,
        named.title,
        Rhythm.DAILY,
        USUAL_MOST,
        None,
        then,
        then,
        None,
    )
    gathering = Gathering(store, catalogue, then)
    found = digest.collected(
        schedule.edition_of(Rhythm.DAILY, day),
        day,
        [wanted],
        [gathering.news(wanted, reader, day)],
        sent=(),
        read=(),
        ledger=gathering.ledger(day - timedelta(days=1), day),
    )
    with store.reading() as connection:
        votes = digests.votes_for(connection, [paper.number for paper in found.papers])
    letter = rendering.digest(found, site, answers=reader is not None, votes=votes)
    # No link of a preview is anybody's: it opens a page that says so.
    nobody = Personal("you@example.org", NOBODY, NOBODY, NOBODY)
    return Preview(letter.to(nobody), found.silence)


@dataclass(slots=True)
class _Writer:
    store: Store
    catalogue: Catalogue
    sender: Sender
    now: datetime
    alert_rest: timedelta
    holder: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    # The key of links; known once it is our turn to write.
    key: bytes = b""
    queued: int = 0
    silent: int = 0
    waiting: bool = False
    gathering: Gathering = field(init=False)
    # What goes at once: as far as the index has it, for an import may keep it behind for hours.
    alerting: Gathering = field(init=False)
    status: Status = field(init=False)
    digested: dict[object, Digest] = field(default_factory=dict)
    rendered: dict[object, Letter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.gathering = Gathering(self.store, self.catalogue, self.now)
        # Asked after: what the store held then, the index holds where it is not behind now.
        self.status = self.catalogue.index_status()
        self.alerting = self.gathering

    def write(self) -> Written:
        for people in self.pages():
            with self.store.reading() as connection:
                wanted = digests.wanted_by(connection, [who.number for who in people])
            # One after the other: what the daily mail has, the weekly one leaves out.
            for rhythm in (Rhythm.DAILY, Rhythm.WEEKLY, Rhythm.AT_ONCE):
                due = self.due(people, rhythm, wanted[rhythm])
                for start in range(0, len(due), _BATCH):
                    if not self.is_our_turn():
                        return Written(self.queued, self.silent, self.waiting)
                    self.put(due[start : start + _BATCH])
        return Written(self.queued, self.silent, self.waiting)

    def is_our_turn(self) -> bool:
        """Whether nobody else is writing; asked when there is something to write, for most looks
        find nothing and should cost no write.
        """
        if not self.key:
            with self.store.writing() as connection:
                if manners.take(connection, _SERVICE, self.holder, _LEASE_SECONDS).granted:
                    self.key = keys.draw(connection)
        return bool(self.key)

    def end(self) -> None:
        """Lets others write."""
        if self.key:
            with self.store.writing() as connection:
                manners.give_back(connection, _SERVICE, self.holder, 0.0)

    def pages(self) -> Iterator[list[Subscriber]]:
        after = 0
        while True:
            with self.store.reading() as connection:
                people = subscribers.every(connection, State.CONFIRMED, after, _PAGE)
            if not people:
                return
            yield people
            after = people[-1].number

    def due(
        self, people: list[Subscriber], rhythm: Rhythm, wanted: dict[int, list[Subscription]]
    ) -> list[_Job]:
        """The editions of a rhythm that are due and not written."""
        if rhythm is Rhythm.AT_ONCE:
            return self.alerts(people, wanted)
        due = {}
        for who in people:
            if who.number in wanted:
                since = min(_begun(one, self.now) for one in wanted[who.number])
                found = schedule.due(hours_of(who, since), rhythm, self.now)
                if found is not None:
                    due[who.number] = found
        if not due:
            return []
        with self.store.reading() as connection:
            names = sorted({one.edition for one in due.values()})
            known = digests.written(connection, due, names)
        jobs = []
        for who in people:
            one = due.get(who.number)
            if one is None or (who.number, one.edition) in known or self.is_early(one):
                continue
            lists = [each for each in wanted[who.number] if _begun(each, self.now) <= one.at]
            jobs.append(_Job(who, one, lists, who.is_paused(one.day)))
        return jobs

    def alerts(self, people: list[Subscriber], wanted: dict[int, list[Subscription]]) -> list[_Job]:
        """What goes at once, where something came in since the last time."""
        if not wanted:
            return []
        with self.store.reading() as connection:
            lately = digests.last_alerts(connection, wanted)
        begun = [one.number for lists in wanted.values() for one in lists if one.through is None]
        if begun:  # from here on: what is held already is no news
            with self.store.writing() as connection:
                digests.gathered(connection, begun, self.gathering.through)
        ready = [who for who in people if who.number in wanted and self.may_be_told(who, lately)]
        self.alerting = self.indexed(wanted[who.number] for who in ready)
        jobs = []
        for who in ready:
            lists = [
                one
                for one in wanted[who.number]
                if one.through is not None and one.through < self.alerting.through
            ]
            if lists:
                day = self.now.astimezone(schedule.zone_named(_zone(who))).date()
                edition = Due(f"{_ALERT}{self.alerting.through}", day, self.now)
                jobs.append(_Job(who, edition, lists, paused=False))
        return jobs

    def may_be_told(self, who: Subscriber, lately: Mapping[int, datetime]) -> bool:
        """Whether something may go at once: they did not pause, and the last one is a while ago.

        One from a time to come went before the clock was put back.
        """
        day = self.now.astimezone(schedule.zone_named(_zone(who))).date()
        last = lately.get(who.number)
        rests = last is not None and abs(self.now - last) < self.alert_rest
        return not rests and not who.is_paused(day)

    def indexed(self, wanted: Iterable[Sequence[Subscription]]) -> Gathering:
        """What came in as far as the index has it."""
        if self.status.is_current:
            return self.gathering
        through = [one.through for lists in wanted for one in lists if one.through is not None]
        with self.store.reading() as connection:
            held = digests.indexed_through(
                connection, self.status.through, min(through, default=0), self.gathering.through
            )
        return Gathering(self.store, self.catalogue, self.now, held)

    def news(self, job: _Job) -> list[News]:
        """What is new in each of the lists."""
        gathering = self.gathered_for(job)
        return [gathering.news(one, job.who.reader, job.due.day) for one in job.wanted]

    def gathered_for(self, job: _Job) -> Gathering:
        """What came in, for an edition."""
        return self.alerting if job.is_alert else self.gathering

    def is_early(self, due: Due) -> bool:
        """Whether an edition waits for the index."""
        early = not self.status.is_current and self.now < due.at + _PATIENCE
        self.waiting |= early
        return early

    def put(self, jobs: Sequence[_Job]) -> None:
        """Writes a batch."""
        found = self.digests(jobs)
        letters = [
            None if one is None or one.silence else self.letter(job, one)
            for job, one in zip(jobs, found, strict=True)
        ]
        with self.store.writing() as connection:
            manners.take(connection, _SERVICE, self.holder, _LEASE_SECONDS)
            queued = outbox.queue_all(connection, [one for one in letters if one], self.now)
            self.queued += len(queued)
            gathered: dict[int, list[int]] = {}
            for job, one, letter in zip(jobs, found, letters, strict=True):
                if letter is not None:
                    put = job.who.number in queued
                elif job.is_alert:
                    put = True  # nothing of note came in: no message, and no row that says so
                else:
                    why = one.silence if one else digest.PAUSED
                    put = outbox.keep_silent(
                        connection, job.who.number, job.due.edition, why, self.now
                    )
                    self.silent += put
                if put and one is not None:
                    through = self.gathered_for(job).through
                    gathered.setdefault(through, []).extend(each.number for each in job.wanted)
            for through, wanted in gathered.items():
                digests.gathered(connection, wanted, through)

    def digests(self, jobs: Sequence[_Job]) -> list[Digest | None]:
        """What each is to get; None for who is paused."""
        news = [[] if job.paused else self.news(job) for job in jobs]
        papers = {
            paper.number
            for lists in news
            for one in lists
            for entry in one.entries
            for paper in (entry.paper, *entry.also)
        }
        readers = {job.who.reader for job in jobs if job.who.reader is not None}
        with self.store.reading() as connection:
            sent = digests.sent_to(connection, [job.who.number for job in jobs], papers)
            read = {reader: digests.finished_by(connection, reader, papers) for reader in readers}
        return [
            None
            if job.paused
            else self.collected(
                job,
                lists,
                frozenset(sent.get(job.who.number, ())),
                frozenset(read.get(job.who.reader, ()) if job.who.reader is not None else ()),
            )
            for job, lists in zip(jobs, news, strict=True)
        ]

    def collected(
        self, job: _Job, news: list[News], sent: frozenset[int], read: frozenset[int]
    ) -> Digest:
        """The digest of all who want the same and were sent the same."""
        wanted = tuple(
            (one.title, one.view, one.most, one.least, one.through) for one in job.wanted
        )
        same = (job.due.edition, job.who.reader, wanted, sent, read)
        if same not in self.digested:
            if len(self.digested) >= _MOST_RENDERED:
                self.digested.clear()
            self.digested[same] = digest.collected(
                job.due.edition,
                job.due.day,
                job.wanted,
                news,
                sent=sent,
                read=read,
                ledger=self.gathering.ledger(*_days(job)),
            )
        return self.digested[same]

    def letter(self, job: _Job, found: Digest) -> outbox.Letter:
        """The message as it is queued."""
        shared = self.shared(job, found)
        who = job.who
        own = shared.to(personal(who, self.key))
        return message.build(
            message.Message(
                who.number,
                who.address,
                found.edition,
                own.subject,
                own.text,
                own.html,
                own.papers,
            ),
            self.sender,
            self.key,
            self.now,
        )

    def shared(self, job: _Job, found: Digest) -> Letter:
        """The message of all who get the same."""
        same = (
            found.edition,
            job.who.reader,
            tuple(
                (one.title, one.address, [e.paper.number for e in one.entries], one.more)
                for one in found.sections
            ),
        )
        key = repr(same)
        if key not in self.rendered:
            if len(self.rendered) >= _MOST_RENDERED:
                self.rendered.clear()
            with self.store.reading() as connection:
                votes = digests.votes_for(connection, [paper.number for paper in found.papers])
            self.rendered[key] = rendering.digest(
                found, self.sender.site, answers=job.who.reader is not None, votes=votes
            )
        return self.rendered[key]


def personal(who: Subscriber, key: bytes) -> Personal:
    """What is one subscriber's own in a message."""
    return Personal(
        who.address,
        manage=keys.sign(key, message.MANAGE, who.number),
        leave=keys.sign(key, message.LEAVE, who.number),
        answer=keys.sign(key, ANSWER, who.number),
    )


def hours_of(who: Subscriber, since: datetime) -> Hours:
    """When a subscriber wants mail, counted from a moment."""
    return Hours(_zone(who), who.hour, who.weekday, since)


def _begun(wanted: Subscription, now: datetime) -> datetime:
    """Since when it is sent. Who said yes on a day to come did so before the clock was put back,
    and is not to wait for it.
    """
    assert wanted.confirmed is not None, "only active ones are asked for"
    return wanted.confirmed if wanted.confirmed <= now + _A_DAY else _LONG_AGO


def _zone(who: Subscriber) -> str:
    """Their zone; UTC where this machine's tables have lost it."""
    try:
        schedule.zone_named(who.zone)
    except ValueError as error:
        _log.warning("%s", error)
        return "UTC"
    return who.zone


def _days(job: _Job) -> tuple[date, date]:
    """The days whose completeness a message tells of."""
    back = 6 if job.wanted[0].rhythm is Rhythm.WEEKLY else 1
    return job.due.day - timedelta(days=back), job.due.day
