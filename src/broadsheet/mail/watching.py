"""Whether everything went: for each confirmed subscriber and each day (week) of theirs, the outbox
has a row, be it silent with its reason. Who has none, some hours after their hour, is an alarm.

The moments are reckoned here once more, from hour and zone alone, so that a fault in what writes
the editions is not the watcher's as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from broadsheet.store import mail_status
from broadsheet.store.subscribers import Rhythm

# What is a little late is on its way: a busy relay, a machine that was asleep.
PATIENCE = timedelta(hours=3)


@dataclass(frozen=True, slots=True)
class Missing:
    """An edition that so many subscribers should have a row of, and have none."""

    edition: str
    subscribers: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Watched:
    """What an operator should know: alarms are sentences, each a thing to look after."""

    missing: tuple[Missing, ...]
    stuck: int
    oldest_queued: datetime | None

    @property
    def alarms(self) -> tuple[str, ...]:
        """In words; nothing where all is well."""
        said = [
            f"{one.edition} was due {one.since:%Y-%m-%d %H:%M} UTC, and {one.subscribers:,} "
            f"{'subscriber has' if one.subscribers == 1 else 'subscribers have'} no message and "
            "no reason for none."
            for one in self.missing
        ]
        if self.stuck:
            said.append(
                f"{self.stuck:,} {'message waits' if self.stuck == 1 else 'messages wait'} for "
                f"over {PATIENCE.seconds // 3600} hours; is mail sent at all?"
            )
        return tuple(said)


def watch(connection: Connection, now: datetime) -> Watched:
    """How the mail stands at a moment."""
    found: dict[str, Missing] = {}
    for zone, hour, weekday in mail_status.hours(connection):
        for rhythm in (Rhythm.DAILY, Rhythm.WEEKLY):
            day, moment = _latest(zone, hour, weekday if rhythm is Rhythm.WEEKLY else None, now)
            edition = _name(rhythm, day)
            number = mail_status.without_edition(
                connection, edition, rhythm, (zone, hour, weekday), moment
            )
            if number:
                known = found.get(edition)
                found[edition] = Missing(
                    edition,
                    number + (known.subscribers if known else 0),
                    min(moment, known.since) if known else moment,
                )
    summary = mail_status.summary(connection)
    return Watched(
        missing=tuple(sorted(found.values(), key=lambda one: one.edition)),
        stuck=mail_status.queued_before(connection, now - PATIENCE),
        oldest_queued=summary.oldest_queued,
    )


def _latest(zone: str, hour: int, weekday: int | None, now: datetime) -> tuple[date, datetime]:
    """The last of their days whose hour is over for longer than our patience, and that moment."""
    place = ZoneInfo(zone)
    day = now.astimezone(place).date()
    while True:
        moment = datetime.combine(day, time(hour), place).astimezone(UTC)
        if moment + PATIENCE <= now and weekday in (None, day.weekday()):
            return day, moment
        day -= timedelta(days=1)


def _name(rhythm: Rhythm, day: date) -> str:
    if rhythm is Rhythm.DAILY:
        return f"daily:{day.isoformat()}"
    year, week, _ = day.isocalendar()
    return f"weekly:{year:04}-W{week:02}"
