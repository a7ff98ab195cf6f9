"""The daily run: asking every source that is due, and keeping what it says.

Each step is a transaction of its own that leaves the next one written down: killed at any moment,
a harvest goes on where it was, and asks again what it was about to keep. A source that fails is
left alone for a while, longer each time; it costs the others nothing.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from broadsheet.intake import announcing, completeness
from broadsheet.intake.fetching import FetchError
from broadsheet.intake.opening import InputError
from broadsheet.intake.sources import Answers, Asked, Batch, SourceError, Things
from broadsheet.records import DayState, Quarantined, Record
from broadsheet.store import ledger, manners, putting, quarantine, signals
from broadsheet.store.engine import Store
from broadsheet.store.ledger import Day, Source

_log = logging.getLogger(__name__)
# The last days that are looked at again, and how often: a day that is complete, one that is not.
CHECKED = timedelta(days=7)
# Days before those are asked for until they are complete, as far back as arXiv's lists go.
_REACH = timedelta(days=60)
_DAY = timedelta(days=1)
_DAILY = timedelta(hours=20)
_SOON = timedelta(minutes=30)
# How often a source without an hour of its own is asked.
_EVERY = {"hub": timedelta(hours=3), "feed": timedelta(hours=1)}
# After an announcement sources are asked at different minutes, not all readers at once.
_JITTER = timedelta(minutes=30)
# After failures in a row: this long, doubled each time, at most so long.
_FIRST_REST, _LONGEST_REST = timedelta(minutes=5), timedelta(hours=6)
_Trouble = (FetchError, InputError, SourceError)


@dataclass(frozen=True, slots=True)
class Harvested:
    """What asking one source brought. `problem` is a sentence where something went wrong."""

    kind: str
    name: str
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0
    problem: str | None = None


Watcher = Callable[[Harvested], None]


class _Removed(Exception):  # noqa: N818 - it is no error
    """The source is not to be asked any more."""


class _Taken(Exception):  # noqa: N818
    """Our turn ran out, and somebody else asks the source now."""


class Harvester:
    """Asks sources, for one process; any number of processes may do so over one database."""

    def __init__(
        self,
        store: Store,
        askers: Mapping[str, Asked],
        holder: str,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        lease: float = 300.0,
    ) -> None:
        """`askers` by kind of source; `lease` is in seconds what asking once may take at most."""
        self._store = store
        self._askers = askers
        self._holder = holder
        self._clock = clock
        self._lease = lease

    def due(self, now: datetime | None = None) -> list[Source]:
        """The sources that it is time to ask, those longest not asked first."""
        now = now or self._clock()
        with self._store.reading() as connection:
            every = ledger.all_sources(connection)
            known = ledger.days(connection, now.date() - CHECKED, now.date() + timedelta(days=1))
            usual = completeness.usual_of(connection, now.date(), now.date() + _DAY)
            until = manners.rests(connection)
        waiting = [
            source
            for source in every
            if self._is_due(source, known, usual.get(source.number), now)
            and (until(self.service(source)) or now) <= now
        ]
        never = datetime.min.replace(tzinfo=UTC)
        return sorted(waiting, key=lambda source: source.harvested or never)

    def once(
        self,
        sources: Iterable[Source] | None = None,
        watch: Watcher = lambda _progress: None,
    ) -> list[Harvested]:
        """Asks these sources, or those that are due; what another process is asking is left to
        it. Raises Stopped where the program ends, StoreError where the database fails.
        """
        found = []
        for source in self.due() if sources is None else sources:
            with self._store.writing() as connection:
                turn = manners.take(connection, _lock(source), self._holder, self._lease)
            if not turn.granted:
                continue
            try:
                if (until := self._rests(source)) is None:
                    found.append(self._harvest(source, watch))
                elif sources is not None:
                    found.append(_left_alone(source, until))
            finally:
                with self._store.writing() as connection:
                    manners.give_back(connection, _lock(source), self._holder, 0.0)
        return found

    @staticmethod
    def _is_due(source: Source, known: list[Day], usual: float | None, now: datetime) -> bool:
        if source.retry is not None and now < source.retry:
            return False
        if source.harvested is None:
            return True
        since = now - source.harvested
        if source.kind in _EVERY:
            return since >= _EVERY[source.kind]
        hour = announcing.announced_at(announcing.latest(now)) + _shift(source)
        if since >= _DAILY or source.harvested < hour <= now:
            return True
        days = {day.day: day for day in known if day.source.number == source.number}
        return since >= _SOON and any(
            completeness.state_of(source, day, days.get(day), usual, now)
            not in (DayState.COMPLETE, DayState.RESTED, DayState.PENDING)
            for day in completeness.days_of(source, now.date() - CHECKED, now)
        )

    def _harvest(self, source: Source, watch: Watcher) -> Harvested:
        asker = self._askers.get(source.kind)
        if asker is None:
            return Harvested(source.kind, source.name, problem="Nothing here can ask it.")
        run = _Run(self, source, asker, watch)
        try:
            run.step("statements", run.statements)
            run.step("records", run.records)
            run.step("missing", run.missing)
            run.finish()
        except _Removed:
            _log.info("%s %s was removed while it was asked", source.kind, source.name)
        except _Taken:
            _log.info("%s %s is being asked by another process", source.kind, source.name)
        return run.done

    def _rests(self, source: Source) -> datetime | None:
        """Until when its service is left alone, if it is."""
        with self._store.reading() as connection:
            until = manners.rests(connection)(self.service(source))
        return until if until is not None and until > self._clock() else None

    def service(self, source: Source) -> str:
        """The service that is asked for a source."""
        asker = self._askers.get(source.kind)
        return asker.service(source) if asker else source.kind

    @property
    def now(self) -> datetime:
        """The time."""
        return self._clock()

    @property
    def store(self) -> Store:
        """Where everything is kept."""
        return self._store

    @contextmanager
    def writing(self, source: Source) -> Iterator[Connection]:
        """A transaction in which the source is there and ours, and stays ours for the next answer.

        Raises _Removed or _Taken where it is not.
        """
        with self._store.writing() as connection:
            if not ledger.keep_source(connection, source):
                raise _Removed
            if not manners.take(connection, _lock(source), self._holder, self._lease).granted:
                raise _Taken
            yield connection


class _Run:
    """One source, asked once."""

    def __init__(self, harvester: Harvester, source: Source, asker: Asked, watch: Watcher) -> None:
        self._harvester = harvester
        self._store = harvester.store
        self._now = harvester.now
        # What an earlier version wrote down is left: it is asked for once more.
        known = source.progress if isinstance(source.progress, dict) else {}
        self._answers = Answers(known.get("answers"), self._now)
        self._source = replace(source, progress=known.get("at"))
        self._asker = asker
        self._watch = watch
        self._started = datetime.now(UTC)
        self._problems: list[str] = []
        self._later = 0.0
        self._is_whole = self._is_all = False
        # Whether it answered at all, and whether it could not when it was asked.
        self._is_heard = self._is_out = False
        self.done = Harvested(source.kind, source.name)

    def step(self, name: str, do: Callable[[], None]) -> None:
        """Does a part of it; what goes wrong there is kept, and the other parts are done, but for
        a source that said when to come back: it is not asked before.
        """
        if self._later:
            return
        try:
            do()
        except _Trouble as error:
            _log.info("%s of %s %s: %s", name, self._source.kind, self._source.name, error)
            self._problems.append(_sentence(error))
            if isinstance(error, FetchError):
                self._later = max(self._later, error.later or 0.0)
                self._is_out = self._is_out or error.is_outage

    def statements(self) -> None:
        """What was announced on the last days, newest first."""
        now = self._now
        with self._store.reading() as connection:
            known = {day.day: day for day in self._known(connection)}
            usual = completeness.usual_of(connection, now.date(), now.date() + _DAY).get(
                self._source.number
            )
        for day in reversed(completeness.days_of(self._source, now.date() - _REACH, now)):
            before = known.get(day)
            state = completeness.state_of(self._source, day, before, usual, now)
            settled = state in (DayState.COMPLETE, DayState.RESTED)
            old = day < now.date() - CHECKED
            if settled and old:
                continue
            wait = _DAILY if settled or old else _SOON
            if before is not None and before.asked and now - before.asked < wait:
                continue
            if now < completeness.announced_at(self._source, day):
                continue
            self.step(f"list of {day}", lambda day=day: self._state(day))  # type: ignore[misc]

    def records(self) -> None:
        """The papers themselves."""
        for batch in self._asker.records(self._source, self._now, self._answers):
            self._put(batch.records, batch)
            self._is_all = self._is_all or batch.is_all
        self._is_whole = True

    def missing(self) -> None:
        """The papers that were announced and did not come, and those that could not be read."""
        with self._store.reading() as connection:
            missing = [id_ for day in self._known(connection) for id_ in day.missing]
            missing += [file[len(self._file) + 1 :] for file in self._aside(connection)]
        for things in self._asker.by_id(list(dict.fromkeys(missing))) if missing else ():
            self._put(things, None)

    def finish(self) -> None:
        """Writes down how it went, and when to ask again."""
        source, now = self._source, self._now
        problem = self._problems[0] if self._problems else None
        values: dict[str, object] = {"problem": problem}
        rests: tuple[str, datetime] | None = None
        if self._is_whole:
            values |= {"harvested": now}
        if problem is None:
            values |= {"failures": 0, "retry": None, "answered": now}
        else:
            rest = min(_FIRST_REST * 2 ** min(source.failures, 10), _LONGEST_REST)
            rest = min(rest * random.uniform(0.8, 1.2), _LONGEST_REST)  # noqa: S311
            rest = max(rest, timedelta(seconds=self._later))
            values |= {"failures": source.failures + 1, "retry": now + rest}
            # Where it cannot answer at all, its other sets would only be asked in vain.
            if self._later or (self._is_out and not self._is_heard):
                wished = timedelta(seconds=self._later) if self._later else rest
                rests = self._harvester.service(source), now + wished
        with self._harvester.writing(source) as connection:
            ledger.note(connection, source.number, **values)
            if rests is not None:
                manners.rest(connection, *rests)
            if self._is_whole and not self._problems:
                # What has no name leaves where it was read of again: at once where all was read,
                # else when there is no more hope of that.
                before = self._started if self._is_all else self._started - _REACH
                quarantine.clear(connection, self._file, before=before)
        self.done = replace(self.done, problem=problem)
        self._watch(self.done)

    @property
    def _file(self) -> str:
        """What the quarantine calls the source; a record that cannot be read has its own name
        behind that.
        """
        return f"{self._source.kind}: {self._source.name}"

    def _file_of(self, key: str) -> str:
        return f"{self._file} {key}" if key else self._file

    def _aside(self, connection: Connection) -> list[str]:
        """The files of records that could not be read."""
        return quarantine.files(connection, f"{self._file} ")

    def _progress(self, at: Any) -> dict[str, Any] | None:
        """What is written down: where a harvest is, and what answers are known by."""
        found = {"at": at, "answers": self._answers.kept()}
        return {name: said for name, said in found.items() if said} or None

    def _known(self, connection: Connection) -> list[Day]:
        first = self._now.date() - _REACH
        last = self._now.date() + timedelta(days=1)
        return ledger.days(connection, first, last, self._source.number)

    def _state(self, day: date) -> None:
        stated = self._asker.announced(self._source, day, self._now, self._answers)
        self._is_heard = True
        with self._harvester.writing(self._source) as connection:
            progress = self._progress(self._source.progress)
            ledger.note(connection, self._source.number, progress=progress)
            if stated is None:
                ledger.asked(connection, self._source.number, day, self._now)
                return
            ledger.state(
                connection,
                self._source.number,
                day,
                stated.counts,
                stated.announced,
                self._now,
                confirmed=stated.confirmed,
            )
            if self._source.kind == "arxiv":
                ids = [one.id for one in stated.announced if one.kind != "replace"]
                shown = ledger.first_announced(connection, self._source.kind, ids)
                putting.show(connection, "arxiv", shown)

    def _put(self, things: Things, batch: Batch | None) -> None:
        records = [thing for thing in things if isinstance(thing, Record)]
        aside = [
            replace(thing, file=self._file_of(thing.key))
            for thing in things
            if isinstance(thing, Quarantined)
        ]
        read = {self._file_of(record.key) for record in records}
        read |= {self._file_of(key) for key in (batch.gone if batch else ())}
        self._is_heard = True
        with self._harvester.writing(self._source) as connection:
            if self._source.kind == "arxiv":
                keys = [record.key for record in records]
                shown = ledger.first_announced(connection, self._source.kind, keys)
                records = [replace(r, shown=shown.get(r.key, r.shown)) for r in records]
            outcome = putting.put(connection, records)
            signals.put(connection, signals.of_records(records, datetime.now(UTC).date()))
            quarantine.clear_files(connection, read.intersection(self._aside(connection)))
            quarantine.add(connection, aside, seen=datetime.now(UTC))
            if batch is not None:
                values: dict[str, object] = {"progress": self._progress(batch.progress)}
                if batch.through is not None:
                    values |= {"through": batch.through}
                if batch.etag is not None or batch.modified is not None:
                    values |= {"etag": batch.etag, "modified": batch.modified}
                ledger.note(connection, self._source.number, **values)
        self.done = replace(
            self.done,
            new=self.done.new + outcome.new,
            updated=self.done.updated + outcome.updated,
            unchanged=self.done.unchanged + outcome.unchanged,
            quarantined=self.done.quarantined + len(aside),
        )
        self._watch(self.done)


def _left_alone(source: Source, until: datetime) -> Harvested:
    said = f"It is left alone until {until:%Y-%m-%d %H:%M} UTC: it asked for that, or was out."
    return Harvested(source.kind, source.name, problem=said)


def _lock(source: Source) -> str:
    return f"source {source.number}"


def _shift(source: Source) -> timedelta:
    """A source's own minutes after the hour; always the same."""
    return _JITTER * random.Random(f"{source.kind} {source.name}").random()  # noqa: S311


def _sentence(error: Exception) -> str:
    said = str(error)
    # A sentence that begins with an address keeps it as it is spelt.
    if "." not in said.split(" ", 1)[0]:
        said = said[:1].upper() + said[1:]
    return said if said.endswith((".", "!", "?")) else f"{said}."
