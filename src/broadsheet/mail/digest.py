"""What a subscriber's digest holds: for each list they get, the papers that are new to them.

New is what came in since the list was last gathered for them (`Subscription.through` is the number
of the newest paper there was then), is of the last days, was not sent to them before, and, where
they read here, was not read or dismissed. The last days are those before the edition's and, so that
no clock that is wrong for a while can age a paper, those before the newest paper looked at so far.
A paper stands in a digest once, in the first of their lists that has it. Where nothing is left, the
digest says in a sentence why.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from broadsheet.records import Entry, LedgerLine, Paper, Period, Span
from broadsheet.store import digests, papers
from broadsheet.store.engine import Store
from broadsheet.store.subscribers import Rhythm, Subscription
from broadsheet.text.normalise import title_key
from broadsheet.views import periods, places
from broadsheet.views.addresses import NoSuchPlaceError, place_at
from broadsheet.views.catalogue import Catalogue
from broadsheet.views.duplicates import same_work
from broadsheet.views.ledger import sentence

# How many days before an edition its papers may be of: the first gathering of a list takes those
# of its own rhythm, later ones what came in late as well.
_FIRST_DAYS = {Rhythm.DAILY: 1, Rhythm.WEEKLY: 6, Rhythm.AT_ONCE: 1}
_LATER_DAYS = {Rhythm.DAILY: 7, Rhythm.WEEKLY: 14, Rhythm.AT_ONCE: 7}
# A paper may be of a day so much later than the newest one known, whatever the clock says.
_NEXT_DAYS = timedelta(days=7)
# So many of a list are looked at; a mail has a hundred at most.
_DEPTH = 500

NOTHING_CAME = "No new paper has come in since the one before."
NONE_BELONGS = "None of the new papers belongs to it."
NONE_SCORES = "No new paper of it reaches the score asked for."
ALL_SENT = "Every new paper of it was sent before."
ALL_READ = "Every new paper of it was read or put aside already."
ALL_ABOVE = "Every new paper of it stands in a list above."
NO_LIST = "There is no such list any more."
PAUSED = "Mail is paused."


@dataclass(frozen=True, slots=True)
class News:
    """The new papers of a list, best first; `silence` says why there are none."""

    entries: tuple[Entry, ...]
    silence: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A list's part of a digest: its papers, and how many more would have been in it.

    `silence` says why it has none.
    """

    title: str
    address: str
    entries: tuple[Entry, ...]
    more: int = 0
    silence: str = ""


@dataclass(frozen=True, slots=True)
class Digest:
    """All that one message tells: sections with papers first asked for first.

    `ledger` says how whole the days are that it covers, `alarms` what is missing of them. With
    `silence` there is nothing to send, and that is why.
    """

    edition: str
    day: date
    rhythm: Rhythm
    sections: tuple[Section, ...]
    ledger: tuple[str, ...] = ()
    alarms: tuple[str, ...] = ()
    silence: str = ""

    @property
    def papers(self) -> tuple[Paper, ...]:
        """The papers in it, in their order."""
        return tuple(entry.paper for section in self.sections for entry in section.entries)


class Gathering:
    """What came in, list by list, each evaluated once for all who get it.

    One is made for a run: what comes in later is the next run's. Raises StoreError.
    """

    def __init__(
        self, store: Store, catalogue: Catalogue, now: datetime, through: int | None = None
    ) -> None:
        """What came in up to the paper of number `through`; up to the newest where not given."""
        self._store = store
        # Where clocks are ahead of UTC, and so announcements, it is tomorrow.
        self._last = now.astimezone(UTC).date() + timedelta(days=1)
        self._catalogue = catalogue
        self._news: dict[tuple[object, ...], News] = {}
        self._known: dict[int, date | None] = {}
        self._ledgers: dict[tuple[date, date], tuple[tuple[str, ...], tuple[str, ...]]] = {}
        with store.reading() as connection:
            self.through = papers.newest_number(connection) if through is None else through
            self._sent = digests.newest_sent(connection)

    def news(self, wanted: Subscription, reader: int | None, day: date) -> News:
        """The new papers of a list for whom it was last gathered up to `wanted.through`."""
        days = self._days(wanted, day)
        key = (wanted.view, reader, wanted.through, days)
        if key not in self._news:
            self._news[key] = self._gathered(wanted.view, reader, wanted.through, *days)
        return self._news[key]

    def _days(self, wanted: Subscription, day: date) -> tuple[date, date]:
        """The first and the last day that a paper may be of."""
        back, through = _LATER_DAYS, wanted.through
        if through is None:
            back, through = _FIRST_DAYS, self.through
        newest = self._newest_known(through)
        last = self._last
        if newest is not None:
            # The first time the newest paper is among those it may have: the day behind it counts.
            known = newest + timedelta(days=wanted.through is None)
            day, last = min(day, known), max(last, newest + _NEXT_DAYS)
        return day - timedelta(days=back[wanted.rhythm]), last

    def _newest_known(self, through: int) -> date | None:
        """The day of the newest paper looked at so far; None where none was ever sent: while a
        library is being filled, its newest paper says nothing.
        """
        if self._sent is None:
            return None
        if through not in self._known:
            last = max(self._last, self._sent + _NEXT_DAYS)
            with self._store.reading() as connection:
                self._known[through] = digests.newest_day(connection, through, last)
        return self._known[through]

    def ledger(self, first: date, last: date) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """In sentences: of each source the newest day that says something, and every gap."""
        if (first, last) not in self._ledgers:
            lines = [line for line in self._catalogue.ledger(first) if line.day <= last]
            told: dict[tuple[str, str], str] = {}
            for line in lines:
                if line.stated is not None:
                    told.setdefault((line.source, line.set), _told(line))
            alarms = tuple(_told(line) for line in lines if line.state.is_alarm)
            self._ledgers[first, last] = tuple(told.values()), alarms
        return self._ledgers[first, last]

    def _gathered(
        self, view: str, reader: int | None, after: int | None, first: date, last: date
    ) -> News:
        with self._store.reading() as connection:
            came = papers.came_after(connection, after or 0, first, last)
            if came is None:
                return News((), NOTHING_CAME)
            try:
                place = places.held(connection, place_at(view, reader=reader))
            except NoSuchPlaceError:
                place = None
        if place is None:
            return News((), NO_LIST)
        asked = replace(place.view, limit=_DEPTH)
        if asked.period.span is Span.ALL:
            asked = replace(asked, period=Period(Span.WEEK, *came))
        entries = _folded(
            entry
            for entry in self._catalogue.listing(asked).entries
            if entry.paper.number > (after or 0)
            and entry.paper.number <= self.through
            and entry.paper.day is not None
            and came[0] <= entry.paper.day <= came[1]
            and not entry.paper.withdrawn
        )
        return News(entries, "" if entries else NONE_BELONGS)


def collected(
    edition: str,
    day: date,
    wanted: Sequence[Subscription],
    news: Sequence[News],
    *,
    sent: Collection[int],
    read: Collection[int],
    ledger: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
) -> Digest:
    """The digest of what was gathered for each subscription, all of one rhythm.

    `sent` and `read` are numbers of papers that are not to come again.
    """
    taken: dict[str, list[Paper]] = {}
    sections = tuple(
        _section(subscription, found, sent, read, taken)
        for subscription, found in zip(wanted, news, strict=True)
    )
    silence = "" if any(section.entries for section in sections) else _silence(sections)
    return Digest(edition, day, wanted[0].rhythm, sections, *ledger, silence=silence)


def _section(
    wanted: Subscription,
    news: News,
    sent: Collection[int],
    read: Collection[int],
    taken: dict[str, list[Paper]],
) -> Section:
    left, silence = news.entries, news.silence
    # Points are what a list ranks by; one that only follows the calendar has none.
    least = wanted.least
    steps = (
        (NONE_SCORES, lambda entry: least is None or not entry.reasons or entry.score >= least),
        (ALL_SENT, lambda entry: not _any_of(entry, sent)),
        (ALL_READ, lambda entry: not _any_of(entry, read)),
        (ALL_ABOVE, lambda entry: not _stands(entry, taken)),
    )
    for why, keeps in steps:
        before, left = left, tuple(filter(keeps, left))
        if before and not left:
            silence = why
    shown = tuple(
        replace(entry, rank=place) for place, entry in enumerate(left[: wanted.most], start=1)
    )
    for entry in shown:
        _take(entry, taken)
    return Section(wanted.title, wanted.view, shown, len(left) - len(shown), silence)


def _any_of(entry: Entry, numbers: Collection[int]) -> bool:
    return entry.paper.number in numbers or any(paper.number in numbers for paper in entry.also)


def _folded(entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """Each work once: a list by date does not compare its papers."""
    here: dict[str, list[Paper]] = {}
    kept = []
    for entry in entries:
        if not _stands(entry, here):
            kept.append(entry)
            _take(entry, here)
    return tuple(kept)


def _take(entry: Entry, taken: dict[str, list[Paper]]) -> None:
    for paper in (entry.paper, *entry.also):
        taken.setdefault(title_key(paper.title), []).append(paper)


def _stands(entry: Entry, taken: dict[str, list[Paper]]) -> bool:
    """Whether the paper, or the same work under another number, was taken."""
    return any(
        paper.number == other.number or same_work(paper, other)
        for paper in (entry.paper, *entry.also)
        for other in taken.get(title_key(paper.title), ())
    )


def _silence(sections: Sequence[Section]) -> str:
    why = {section.silence for section in sections}
    if len(why) == 1:
        return why.pop()
    return " ".join(f"{section.title}: {section.silence}" for section in sections)


def _told(line: LedgerLine) -> str:
    name = {"arxiv": f"arXiv {line.set}", "hub": "The Hub's daily papers"}.get(
        line.source, line.set
    )
    return f"{name}, {periods.long_date(line.day)}: {sentence(line)}."
