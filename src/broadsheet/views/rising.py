"""What is rising: terms and topics that a view's newest papers have more often than those before.

The last days of the window are set beside the days before them. How surprising a count is comes
from Fisher's exact test: had the papers come in any order, how likely were at least so many among
the newest (the hypergeometric tail)? As thousands of terms are looked at, chances are corrected
for that by the false discovery rate (Benjamini & Hochberg, Journal of the Royal Statistical
Society B 57, 1995): of what is said, at most the share `FALSE_ALARM` is expected to be chance, and
where days say nothing, anything at all is said on at most so large a share of looks. Beside it
stands the log-likelihood ratio G² (Dunning, Computational Linguistics 19, 1993).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from broadsheet.records import Order, Paper, Period, Span, View
from broadsheet.search.layout.kept import Layout, MapLayout
from broadsheet.search.layout.regions import surprise
from broadsheet.search.recent import DAYS, LEAST, RecentIndex, RecentTerms, category_code
from broadsheet.store import papers
from broadsheet.store.engine import Store
from broadsheet.text import phrases
from broadsheet.text.categories import known
from broadsheet.views.catalogue import Catalogue

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

# The share of looks at papers without any burst on which something may be claimed all the same.
FALSE_ALARM = 0.05
# The newest days that are looked at, and the others a page offers.
USUAL = 14
SPANS = (1, 7, 14, 28)
# A rise is at least so large, and of so many papers.
_GROWN = 1.5
_FEWEST = 5
# With fewer papers on either side nothing is said.
_FEWEST_NOW, _FEWEST_BEFORE = 10, 50
_MOST_TERMS, _MOST_TOPICS = 20, 10
_CONSIDERED = 120
# Terms of which one has this share of the other's newest papers are one rise.
_SAME = 0.5
_WEEK = 7
_SHOWN = 3
_SPELT_BY = 4
_ALL_OF_WINDOW = 1_000_000
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Riser:
    """A term or a topic that rises: `kind` is term, category or region; `also` are terms that
    rise with it in the same papers.

    `now` of `of_now` papers have it, `before` of `of_before`; `chance` is corrected for how many
    were looked at;
    `weeks` its share of the papers week by week, the newest last (None: no papers that week).
    `query` finds its papers; for a region `region` is its number.
    """

    kind: str
    name: str
    now: int
    of_now: int
    before: int
    of_before: int
    chance: float
    ratio: float
    weeks: tuple[float | None, ...]
    papers: tuple[Paper, ...]
    also: tuple[str, ...] = ()
    query: str = ""
    region: int | None = None

    @property
    def times(self) -> float | None:
        """How many times as often as before; None where it was not there before."""
        if not self.before:
            return None
        return (self.now / self.of_now) / (self.before / self.of_before)


@dataclass(frozen=True, slots=True)
class Rising:
    """What rises in a view: the newest papers are those from `since` to `newest`, beside those
    from `first` on. `tested` counts what was looked at.
    """

    days: int
    first: date
    since: date
    newest: date
    papers_now: int
    papers_before: int
    tested: int
    terms: tuple[Riser, ...]
    topics: tuple[Riser, ...]

    @property
    def is_enough(self) -> bool:
        """Whether there are papers enough to say anything."""
        return self.papers_now >= _FEWEST_NOW and self.papers_before >= _FEWEST_BEFORE


def rising_json(rising: Rising) -> dict[str, Any]:
    """What rises, for machines. Keys are promised to scripts."""
    return {
        "days": rising.days,
        "first": rising.first.isoformat(),
        "since": rising.since.isoformat(),
        "newest": rising.newest.isoformat(),
        "papers_now": rising.papers_now,
        "papers_before": rising.papers_before,
        "tested": rising.tested,
        "false_alarm": FALSE_ALARM,
        "terms": [_riser_json(one) for one in rising.terms],
        "topics": [_riser_json(one) for one in rising.topics],
    }


def chance_text(chance: float) -> str:
    """A chance as people say it: `1 in 240`, `less than 1 in a billion`."""
    if chance < 1e-9:
        return "less than 1 in a billion"
    places = 10 ** max(0, len(str(round(1 / chance))) - 2)
    return f"1 in {round(1 / chance / places) * places:,}".replace(",", "\u202f")


def _riser_json(one: Riser) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "name": one.name,
        "also": list(one.also),
        "now": one.now,
        "of_now": one.of_now,
        "before": one.before,
        "of_before": one.of_before,
        "chance": one.chance,
        "g2": round(one.ratio, 3),
        "weeks": [None if week is None else round(week, 6) for week in one.weeks],
        "papers": [paper.id for paper in one.papers],
        "query": one.query or None,
        "region": one.region,
    }


class RisingTerms:
    """Finds what rises, from the terms counted. Reads only; what it found holds until papers
    change.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        recent: RecentIndex | None,
        layout: MapLayout | None = None,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._recent = recent
        self._layout = layout
        self._found: OrderedDict[tuple[Any, ...], Rising] = OrderedDict()

    def of(self, view: View, days: int = USUAL) -> Rising | None:
        """What rises in a view of all times; None before anything was counted.

        Raises StoreError.
        """
        recent = self._recent.current() if self._recent else None
        if recent is None:
            return None
        layout = self._layout.current() if self._layout else None
        key = _key(recent, layout, view, days)
        found = self._found.get(key)
        if found is None:
            found = self._look(recent, layout, view, days)
            self._found[key] = found
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)
        return found

    def at_hand(self) -> Rising | None:
        """What rises in all papers, where that was found already."""
        recent = self._recent.current() if self._recent else None
        if recent is None:
            return None
        layout = self._layout.current() if self._layout else None
        return self._found.get(_key(recent, layout, View(), USUAL))

    def _look(self, recent: RecentTerms, layout: Layout | None, view: View, days: int) -> Rising:
        first = recent.newest - timedelta(days=DAYS - 1)
        since = recent.newest - timedelta(days=days - 1)
        # However the view is ordered: it is asked which papers it has.
        asked = replace(view, order=Order.NEW, period=Period(Span.ALL, first, recent.newest))
        numbers = None
        if view.query.text or view.shelf is not None:
            numbers = self._catalogue.numbers(asked, _ALL_OF_WINDOW)
        among = (
            np.ones(len(recent.numbers), np.bool_)
            if numbers is None
            else np.isin(recent.numbers, np.array(numbers, np.int64))
        )
        is_now = among & (recent.days >= since.toordinal())
        look = _Look(recent, among, is_now)
        found = Rising(days, first, since, recent.newest, look.of_now, look.of_before, 0, (), ())
        if not found.is_enough:
            return found
        counted = [look.terms(), look.categories(), *look.regions(layout)]
        tested = sum(one.tested for one in counted)
        rises = _discovered([rise for one in counted for rise in _grown(one, look)], tested)
        terms = _folded(look, [rise for rise in rises if rise.kind == "term"][:_CONSIDERED])
        topics = [rise for rise in rises if rise.kind != "term"]
        with self._store.reading() as connection:
            teller = _Teller(look, layout, lambda some: papers.by_number(connection, some))
            return replace(
                found,
                tested=tested,
                terms=tuple(teller.terms(terms[:_MOST_TERMS])),
                topics=tuple(teller.topics(topics[:_MOST_TOPICS])),
            )


@dataclass(frozen=True, slots=True)
class _Counted:
    """Counts of one kind: of `codes`, in the newest papers and in those before. `tested` counts
    those that are looked at.
    """

    kind: str
    codes: Ints
    now: Ints
    before: Ints

    @property
    def tested(self) -> int:
        # By how often they are there in all, which says nothing of when.
        return int((self.now + self.before >= LEAST).sum())


@dataclass(frozen=True, slots=True)
class _Rise:
    """Something that rises, before it has a name: `code` is a term's place, a category's place,
    or a region's number.
    """

    kind: str
    code: int
    now: int
    before: int
    chance: float
    ratio: float
    also: tuple[int, ...] = ()


class _Look:
    """The papers of a view, and which of them are the newest."""

    def __init__(self, recent: RecentTerms, among: Flags, is_now: Flags) -> None:
        self.recent = recent
        self.among = among
        self.is_now = is_now
        self.of_now = int(is_now.sum())
        self.of_before = int(among.sum()) - self.of_now
        self._now = recent.counts(is_now)
        self._before = recent.counts(among & ~is_now)
        codes = {category_code(code): code for code, _ in known().values()}
        places = np.searchsorted(recent.codes, np.fromiter(codes, np.uint32))
        places = np.minimum(places, max(len(recent.codes) - 1, 0))
        self.category_at = {
            int(place): code
            for place, (number, code) in zip(places, codes.items(), strict=True)
            if len(recent.codes) and recent.codes[place] == number
        }

    def terms(self) -> _Counted:
        """The words and phrases."""
        kept = np.ones(len(self.recent.codes), np.bool_)
        kept[list(self.category_at)] = False
        codes = np.flatnonzero(kept)
        return _Counted("term", codes, self._now[codes], self._before[codes])

    def categories(self) -> _Counted:
        """The categories."""
        codes = np.array(list(self.category_at), np.int64)
        return _Counted("category", codes, self._now[codes], self._before[codes])

    def regions(self, layout: Layout | None) -> Iterator[_Counted]:
        """The narrowest regions of the map."""
        if layout is None:
            return
        region = regions_of(layout, self.recent.numbers)
        size = len(layout.regions) + 1
        now = np.bincount(region[self.is_now], minlength=size)[1:]
        before = np.bincount(region[self.among & ~self.is_now], minlength=size)[1:]
        yield _Counted("region", np.arange(size - 1), now, before)

    def weeks(self, holding: Ints) -> tuple[float | None, ...]:
        """The share of the view's papers that some places are of, week by week."""
        week = (self.recent.newest.toordinal() - self.recent.days) // _WEEK
        last = (DAYS - 1) // _WEEK
        of = np.bincount(week[self.among], minlength=last + 1)
        have = np.bincount(week[holding[self.among[holding]]], minlength=last + 1)
        return tuple(
            float(have[back] / of[back]) if of[back] else None for back in range(last, -1, -1)
        )


class _Teller:
    """Gives names, weeks and papers to what rises."""

    def __init__(self, look: _Look, layout: Layout | None, read: Any) -> None:
        self._look = look
        self._layout = layout
        self._read = read

    def terms(self, rises: Sequence[_Rise]) -> Iterator[Riser]:
        """Terms as their papers spell them."""
        codes = self._look.recent.codes
        having = self._look.recent.having([rise.code for rise in rises])
        for rise in rises:
            holding = having[rise.code]
            newest = self._newest(holding, _SPELT_BY)
            wanted = [int(codes[one]) for one in (rise.code, *rise.also)]
            texts = (text for paper in newest for text in (paper.title, paper.text))
            written = phrases.spelt(wanted, texts)
            names = [written[code] for code in wanted if code in written]
            if names:
                own, *also = _by_length(names)
                riser = self._riser(rise, own, holding, newest[:_SHOWN], tuple(also))
                yield replace(riser, query=f'"{own}"' if " " in own or "-" in own else own)

    def topics(self, rises: Sequence[_Rise]) -> Iterator[Riser]:
        """Categories and regions."""
        recent, layout = self._look.recent, self._layout
        having = recent.having([rise.code for rise in rises if rise.kind == "category"])
        region = regions_of(layout, recent.numbers) if layout else None
        for rise in rises:
            if layout is None or region is None or rise.kind == "category":
                code, holding = self._look.category_at[rise.code], having[rise.code]
                riser = self._riser(rise, code, holding, self._newest(holding, _SHOWN))
                yield replace(riser, query=f"cat:{code}")
            else:
                holding = np.flatnonzero(region == rise.code + 1)
                name = layout.regions[rise.code].name
                riser = self._riser(rise, name, holding, self._newest(holding, _SHOWN))
                yield replace(riser, region=rise.code)

    def _riser(
        self,
        rise: _Rise,
        name: str,
        holding: Ints,
        newest: Sequence[Paper],
        also: tuple[str, ...] = (),
    ) -> Riser:
        return Riser(
            rise.kind,
            name,
            rise.now,
            self._look.of_now,
            rise.before,
            self._look.of_before,
            rise.chance,
            rise.ratio,
            self._look.weeks(holding),
            tuple(newest),
            also,
        )

    def _newest(self, holding: Ints, most: int) -> list[Paper]:
        recent = self._look.recent
        here = holding[self._look.is_now[holding]]
        order = np.lexsort((recent.numbers[here], -recent.days[here]))
        found: list[Paper] = self._read(recent.numbers[here[order[:most]]].tolist())
        return found


def regions_of(layout: Layout, numbers: Ints) -> Ints:
    """The narrowest region of each paper, from 1 on; 0 for those not on the map."""
    if not len(layout.numbers):
        return np.zeros(len(numbers), np.int64)
    rows = np.minimum(np.searchsorted(layout.numbers, numbers), len(layout.numbers) - 1)
    region = layout.region[rows].astype(np.int64) + 1
    region[layout.numbers[rows] != numbers] = 0
    return region


def chances(now: Ints, both: Ints, of_now: int, of_all: int) -> NDArray[np.float64]:
    """For each count: the chance that of `of_all` papers, of which `both` have a term, at least
    `now` of those are among `of_now` drawn blindly (Fisher's exact test, one-sided).
    """
    first = np.array(
        [
            _log_choose(int(k), int(n)) + _log_choose(int(k2), int(n2))
            for k, n, k2, n2 in zip(now, both, of_now - now, of_all - both, strict=True)
        ],
        np.float64,
    )
    chance = np.exp(first - _log_choose(of_now, of_all))
    total, k = chance.copy(), now.astype(np.float64)
    most = np.minimum(both, of_now)
    # Each further count is likelier or less by a ratio; the sum ends where nothing is added.
    while True:
        chance = chance * (both - k) * (of_now - k) / ((k + 1) * (of_all - both - of_now + k + 1))
        k += 1
        chance = np.where(k <= most, chance, 0.0)
        if not (chance > total * 1e-12).any():
            return np.minimum(total, 1.0)
        total += chance


def _log_choose(k: int, n: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _grown(counted: _Counted, look: _Look) -> list[_Rise]:
    """What is there more often than before, with the chance of that by itself."""
    now, before = counted.now, counted.before
    with np.errstate(divide="ignore", invalid="ignore"):
        grown = (now / look.of_now) / (before / look.of_before)
    kept = np.flatnonzero(
        (now + before >= LEAST) & (now >= _FEWEST) & ((before == 0) | (grown >= _GROWN))
    )
    some, both = now[kept], now[kept] + before[kept]
    chance = chances(some, both, look.of_now, look.of_now + look.of_before)
    ratio = surprise(some, look.of_now, both - some, look.of_before)
    codes = counted.codes[kept]
    return [
        _Rise(counted.kind, *facts)
        for facts in zip(
            codes.tolist(),
            some.tolist(),
            (both - some).tolist(),
            chance.tolist(),
            ratio.tolist(),
            strict=True,
        )
    ]


def _discovered(rises: Sequence[_Rise], tested: int) -> list[_Rise]:
    """Those that are said, the least likely first, with their chances corrected.

    The k-th smallest of `tested` chances counts as itself times tested / k, or as a later one
    where that is less (Benjamini & Hochberg's step-up procedure); those left out are larger.
    """
    ordered = sorted(rises, key=lambda rise: (rise.chance, -rise.ratio, rise.kind, rise.code))
    said: list[_Rise] = []
    least = 1.0
    for place in range(len(ordered), 0, -1):
        rise = ordered[place - 1]
        least = min(least, rise.chance * tested / place)
        if least <= FALSE_ALARM:
            said.append(replace(rise, chance=least))
    return said[::-1]


def _folded(look: _Look, rises: Sequence[_Rise]) -> list[_Rise]:
    """Rises of the same papers as one: the least likely stands for the others."""
    kept: list[tuple[_Rise, frozenset[int]]] = []
    also: dict[int, list[int]] = {}
    for rise, holding in zip(rises, _holding(look, rises), strict=True):
        for other, theirs in kept:
            shared = len(holding & theirs)
            if shared >= _SAME * min(len(holding), len(theirs)):
                also.setdefault(other.code, []).append(rise.code)
                break
        else:
            kept.append((rise, holding))
    return [replace(rise, also=tuple(also.get(rise.code, ())[:4])) for rise, _ in kept]


def _holding(look: _Look, rises: Sequence[_Rise]) -> list[frozenset[int]]:
    """The newest papers of each rise."""
    having = look.recent.having([rise.code for rise in rises])
    return [
        frozenset(places[look.is_now[places]].tolist())
        for places in (having[rise.code] for rise in rises)
    ]


def _by_length(names: list[str]) -> list[str]:
    """The names with the first that says more than one word before the words it is made of."""
    first = next((name for name in names if " " in name or "-" in name), names[0])
    is_said = names[0].lower() in first.lower()
    chosen = first if is_said else names[0]
    rest = [name for name in names if name != chosen]
    return [chosen, *(n for n in dict.fromkeys(rest) if n.lower() not in chosen.lower())]


def _key(recent: RecentTerms, layout: Layout | None, view: View, days: int) -> tuple[Any, ...]:
    of = (view.query.text, view.shelf, view.reader)
    return (recent.through, id(recent), layout.name if layout else "", of, days)
