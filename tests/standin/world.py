"""Invented days of arXiv: papers of made-up words, announced on arXiv's own calendar.

Changes come in steps, one a day of announcement: what is dated Tuesday is mailed on Monday at
20:00 in New York, is in the listings from then on, can be harvested a while later (`oai_lag`), and
is in the feeds and the query interface from midnight on. Everything follows from the seed.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

EASTERN = ZoneInfo("America/New_York")
MAILED = time(20)
CLOSED = time(14)
# arXiv announces no replacement beyond the fifth version.
LAST_VERSION = 5
KINDS = ("new", "cross", "replace")

LICENCES = (
    "http://arxiv.org/licenses/nonexclusive-distrib/1.0/",
    "http://creativecommons.org/licenses/by/4.0/",
    "http://creativecommons.org/licenses/by-nc-sa/4.0/",
    "http://creativecommons.org/publicdomain/zero/1.0/",
)
# Categories outside the world that papers name as well, as real papers do.
ELSEWHERE = ("stat.AP", "eess.IV", "q-bio.NC", "math.OC", "physics.data-an", "quant-ph")
ONSETS = "b d f g k l m n p r s t v z br dr gl kr pl st tr th".split()
VOWELS = "a e i o u ai ei ou".split()
ENDS = ["", "", "n", "r", "l", "s", "m"]
FORENAMES = "Mara Tao Ola José Ida Ümit Noé Wren Ljuba Søren Amélie Kofi Anzu Dorte Íñigo".split()
KEYNAMES = (
    "Quill Fen Brünn Castellé Ødeg Marn Vantor Peñar Dov Strale Lum Kestrin Hale Zwaan Thorvé"
).split()
PLACES = "North_Lab School_of_Quarn Institute_of_Vell Marn_College Dov_Works".split()


@dataclass(frozen=True, slots=True)
class Person:
    """An invented author."""

    forenames: str
    keyname: str
    suffix: str = ""
    affiliation: str = ""

    @property
    def name(self) -> str:
        """The name as one writes it."""
        return " ".join(part for part in (self.forenames, self.keyname, self.suffix) if part)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a paper: `day` is that of its announcement, `submitted` is in UTC."""

    number: int
    day: date
    submitted: datetime
    title: str
    abstract: str
    comment: str
    kilobytes: int
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Paper:
    """What arXiv says of a paper on some day; `datestamp` is the day of its last change."""

    id: str
    authors: tuple[Person, ...]
    submitter: str
    licence: str
    categories: tuple[str, ...]
    versions: tuple[Version, ...]
    datestamp: date
    journal: str = ""
    doi: str = ""

    @property
    def current(self) -> Version:
        """The newest version."""
        return self.versions[-1]

    @property
    def title(self) -> str:
        """The title of the newest version."""
        return self.current.title

    @property
    def abstract(self) -> str:
        """The abstract of the newest version."""
        return self.current.abstract

    @property
    def version(self) -> int:
        """The number of the newest version."""
        return self.current.number

    @property
    def withdrawn(self) -> bool:
        """Whether the newest version withdraws the paper."""
        return self.current.withdrawn

    @property
    def primary(self) -> str:
        """The primary category."""
        return self.categories[0]


@dataclass(slots=True)
class _Life:
    """Everything that ever happens to a paper, in the order of days."""

    authors: tuple[Person, ...]
    licence: str
    versions: list[Version]
    categories: list[tuple[date, str]]
    id: str = ""
    published: tuple[date, str, str] | None = None
    changes: list[date] = field(default_factory=list)

    @property
    def primary(self) -> str:
        return self.categories[0][1]

    def names(self, category: str) -> bool:
        return any(category == named for _, named in self.categories)

    def at(self, day: date) -> Paper:
        journal, doi = "", ""
        if self.published is not None and self.published[0] <= day:
            journal, doi = self.published[1:]
        return Paper(
            id=self.id,
            authors=self.authors,
            submitter=self.authors[0].name,
            licence=self.licence,
            categories=tuple(name for since, name in self.categories if since <= day),
            versions=tuple(version for version in self.versions if version.day <= day),
            datestamp=self.changes[bisect_right(self.changes, day) - 1],
            journal=journal,
            doi=doi,
        )


@dataclass(frozen=True, slots=True)
class _Announced:
    """One line of a day's announcement: the categories it goes out to, and those it had before."""

    kind: str
    id: str
    to: tuple[str, ...]
    before: tuple[str, ...] = ()


def in_subject(category: str, subject: str) -> bool:
    """Whether a category is (in) the subject: `cs.LG`, an archive as `cs`, or `cs.LG+math`."""
    return any(
        category == part or category.startswith(part + ".") for part in subject.split("+") if part
    )


def mailed(day: date) -> datetime:
    """When the announcement dated `day` goes out: the evening before in New York, given in UTC."""
    return datetime.combine(day - timedelta(days=1), MAILED, EASTERN).astimezone(UTC)


def midnight(day: date) -> datetime:
    """The beginning of the day in New York."""
    return datetime.combine(day, time(0), EASTERN)


def closed(day: date) -> datetime:
    """Until when papers came in that are announced under `day`: 14:00 of the last working day."""
    before = day - timedelta(days=1)
    while before.weekday() > 4:
        before -= timedelta(days=1)
    return datetime.combine(before, CLOSED, EASTERN).astimezone(UTC)


class World:
    """Days of announcements, their papers, and a clock that stands until it is set.

    `days` calendar days are told from `first_day` on, after `backlog` days of announcement that
    give them earlier papers to replace and cross-list. `size` is about how many new papers each
    category has a day. `holidays` are days without an announcement.
    """

    def __init__(
        self,
        seed: int,
        first_day: date,
        days: int,
        categories: Sequence[str],
        *,
        holidays: Sequence[date] = (),
        size: int = 6,
        backlog: int = 5,
        oai_lag: timedelta = timedelta(hours=2, minutes=30),
    ) -> None:
        self.seed = seed
        self.categories = tuple(categories)
        self.size = size
        self.oai_lag = oai_lag
        self._first_day = first_day
        self._holidays = frozenset(holidays)
        last = first_day + timedelta(days=days - 1)
        self.now = datetime.combine(last, time(23, 59, 59), EASTERN)
        told = [day for day in _calendar(first_day, last) if self.is_announced(day)]
        self._days = (*self._days_before(first_day, backlog), *told)
        self._lives: dict[str, _Life] = {}
        self._announcements: dict[date, tuple[_Announced, ...]] = {}
        self._numbered: dict[str, int] = {}
        self._titles: set[str] = set()
        self._states: dict[date, dict[str, Paper]] = {}
        for number, day in enumerate(self._days):
            self._announcements[day] = tuple(self._happens(number, day))

    # --- What a test asks for ---------------------------------------------------------------

    def days(self) -> tuple[date, ...]:
        """The days of announcement from the first day on, also those still to come."""
        return tuple(day for day in self._days if day >= self._first_day)

    def all_days(self) -> tuple[date, ...]:
        """The same with the days of the backlog before them."""
        return self._days

    def is_announced(self, day: date) -> bool:
        """Whether arXiv announces under this date: Monday to Friday, not on holidays."""
        return day.weekday() < 5 and day not in self._holidays

    def announced(self, category: str, day: date) -> dict[str, list[str]]:
        """What is announced under a day, whatever the clock says: ids by kind, in order.

        The kinds are new, cross and replace; all three are there, perhaps empty. `category` may
        be an archive or several joined by `+`.
        """
        found: dict[str, set[str]] = {kind: set() for kind in KINDS}
        for line in self._announcements.get(day, ()):
            kind = line.kind
            if not any(in_subject(name, category) for name in line.to):
                continue
            if any(in_subject(name, category) for name in line.before):
                continue
            if kind == "new" and not in_subject(line.to[0], category):
                kind = "cross"
            found[kind].add(line.id)
        return {kind: sorted(ids) for kind, ids in found.items()}

    def paper(self, identifier: str, day: date | None = None) -> Paper:
        """The paper as the listings of `day` know it (of the clock's day where none is given).

        Raises KeyError for a paper that is not announced by then.
        """
        seen = day or self.listed_day()
        if seen is None:
            raise KeyError(identifier)
        return self.papers(seen)[identifier]

    def papers(self, day: date) -> dict[str, Paper]:
        """All papers as they stand after the announcement of a day, by id."""
        if day not in self._states:
            self._states[day] = {
                key: life.at(day) for key, life in self._lives.items() if life.changes[0] <= day
            }
        return self._states[day]

    # --- What the clock shows ---------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """What the clock shows, in UTC: at first the end of the last day."""
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        if moment.tzinfo is None:
            raise ValueError("the moment has no time zone")
        self._now = moment.astimezone(UTC)

    def listed_day(self) -> date | None:
        """The newest day whose announcement has been mailed."""
        return self._last(timedelta(0))

    def harvested_day(self) -> date | None:
        """The newest day whose changes the OAI interface gives."""
        return self._last(self.oai_lag)

    def today(self) -> date:
        """The date in New York, by which feeds and the query interface go."""
        return self.now.astimezone(EASTERN).date()

    def _last(self, lag: timedelta) -> date | None:
        passed = [day for day in self._days if mailed(day) + lag <= self.now]
        return passed[-1] if passed else None

    # --- How it comes about -----------------------------------------------------------------

    def _days_before(self, day: date, count: int) -> list[date]:
        found: list[date] = []
        while len(found) < count:
            day -= timedelta(days=1)
            if self.is_announced(day):
                found.insert(0, day)
        return found

    def _happens(self, number: int, day: date) -> Iterator[_Announced]:
        """Announces the day: changes to earlier papers first, so that no paper has two on one."""
        chance = random.Random(f"{self.seed} {day}")
        opened = closed(self._days[number - 1]) if number else closed(day) - timedelta(days=1)
        earlier = [self._lives[key] for key in sorted(self._lives)]
        chance.shuffle(earlier)
        touched: set[str] = set()
        for place, category in enumerate(self.categories):
            withdraws = place == 0 and number % 4 == 2
            # A withdrawal takes back what came last.
            pool = sorted(earlier, key=lambda life: life.id, reverse=True) if withdraws else earlier
            for life in self._to_replace(category, pool, touched, chance):
                submitted = _between(chance, opened, closed(day))
                life.versions.append(self._next_version(chance, life, day, submitted, withdraws))
                withdraws = False
                life.changes.append(day)
                touched.add(life.id)
                yield _Announced("replace", life.id, tuple(name for _, name in life.categories))
            # A later cross-list, of a paper that is in no way new.
            for life in earlier:
                if life.id not in touched and not life.names(category):
                    before = tuple(name for _, name in life.categories)
                    life.categories.append((day, category))
                    life.changes.append(day)
                    touched.add(life.id)
                    yield _Announced("cross", life.id, (category,), before)
                    break
        # A reference to a journal changes the record, and nobody announces it.
        for life in earlier:
            if life.id not in touched and life.published is None:
                reference = f"J. {_word(chance).title()} {chance.randint(1, 90)} ({day.year})"
                life.published = (day, reference, f"10.{chance.randint(1000, 9999)}/{life.id}")
                life.changes.append(day)
                break
        for life in self._new_papers(chance, day, opened):
            yield _Announced("new", life.id, tuple(name for _, name in life.categories))

    def _to_replace(
        self, category: str, earlier: list[_Life], touched: set[str], chance: random.Random
    ) -> Iterator[_Life]:
        wanted = max(1, round(self.size * chance.uniform(0.3, 0.6)))
        for life in earlier:
            if wanted and life.id not in touched and _may_be_replaced(life, category):
                wanted -= 1
                yield life

    def _next_version(
        self, chance: random.Random, life: _Life, day: date, submitted: datetime, withdraws: bool
    ) -> Version:
        last = life.versions[-1]
        title, abstract, comment = last.title, last.abstract, last.comment
        what = chance.choice(("title", "abstract", "both"))
        if withdraws:
            comment = "This paper has been withdrawn by the authors, for the second lemma is wrong"
        elif what != "abstract":
            title = self._title(chance)
        if not withdraws and what != "title":
            abstract = _abstract(chance)
        size = 0 if withdraws else last.kilobytes + chance.randint(1, 40)
        return Version(
            last.number + 1, day, submitted, title, abstract, comment, size, withdrawn=withdraws
        )

    def _new_papers(self, chance: random.Random, day: date, opened: datetime) -> list[_Life]:
        drafts = [
            self._draft(chance, day, _between(chance, opened, closed(day)), category)
            for category in self.categories
            for _ in range(max(1, round(self.size * chance.uniform(0.6, 1.4))))
        ]
        for category in self.categories:
            others = [life for life in drafts if life.primary != category]
            if others and not any(life.names(category) for life in others):
                chance.choice(others).categories.append((day, category))
        chance.shuffle(drafts)
        for life in drafts:
            month = f"{day:%y%m}"
            self._numbered[month] = self._numbered.get(month, 0) + 1
            life.id = f"{month}.{self._numbered[month]:05}"
            self._lives[life.id] = life
        return drafts

    def _draft(self, chance: random.Random, day: date, submitted: datetime, primary: str) -> _Life:
        names = [primary]
        for pool, share in ((self.categories, 0.35), (self.categories, 0.15), (ELSEWHERE, 0.2)):
            name = chance.choice(pool)
            if chance.random() < share and name not in names:
                names.append(name)
        version = Version(
            number=1,
            day=day,
            submitted=submitted,
            title=self._title(chance),
            abstract=_abstract(chance),
            comment=f"{chance.randint(4, 40)} pages" if chance.random() < 0.6 else "",
            kilobytes=chance.randint(20, 4000),
        )
        return _Life(
            authors=_people(chance),
            licence=chance.choice(LICENCES),
            versions=[version],
            categories=[(day, name) for name in names],
            changes=[day],
        )

    def _title(self, chance: random.Random) -> str:
        while True:
            words = [_word(chance).title() for _ in range(chance.randint(4, 10))]
            oddity = chance.randint(0, 9)
            if oddity == 0:
                words[0] = f"$k$-{words[0]}"
            elif oddity == 1:
                words.insert(2, "&")
            elif oddity == 2:
                words.append(f"for $n < {chance.randint(2, 9)}$")
            elif oddity == 3:
                words[1] += ":"
            title = " ".join(words)
            if title not in self._titles:
                self._titles.add(title)
                return title


def _calendar(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=1)


def _between(chance: random.Random, start: datetime, end: datetime) -> datetime:
    return start + timedelta(seconds=chance.randrange(1, int((end - start).total_seconds())))


def _may_be_replaced(life: _Life, category: str) -> bool:
    last = life.versions[-1]
    return life.primary == category and last.number < LAST_VERSION and not last.withdrawn


def _word(chance: random.Random) -> str:
    return "".join(
        chance.choice(ONSETS) + chance.choice(VOWELS) + chance.choice(ENDS)
        for _ in range(chance.randint(2, 3))
    )


def _abstract(chance: random.Random) -> str:
    sentences = []
    for _ in range(2):
        words = [_word(chance) for _ in range(chance.randint(12, 20))]
        if chance.random() < 0.2:
            words[4] = "$x^2 < y$"
        words[0] = words[0].title()
        sentences.append(" ".join(words) + ".")
    return " ".join(sentences)


def _people(chance: random.Random) -> tuple[Person, ...]:
    count = chance.randint(2, 6)
    affiliated = chance.random() < 0.25
    return tuple(
        Person(
            forenames=chance.choice(FORENAMES),
            keyname=keyname,
            suffix="Jr" if chance.random() < 0.05 else "",
            affiliation=chance.choice(PLACES).replace("_", " ") if affiliated else "",
        )
        for keyname in chance.sample(KEYNAMES, count)
    )
