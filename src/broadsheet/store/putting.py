"""Records into the store: each finds its paper, and the papers it touches are folded anew."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from broadsheet.records import Record
from broadsheet.store import changes, moving
from broadsheet.store.many import insert_many
from broadsheet.store.merging import (
    Facts,
    Row,
    digested,
    facts_of,
    fold,
    record_json,
    record_of,
    same_work,
    strength,
    title_name,
    unfold,
)
from broadsheet.store.papers import chunks
from broadsheet.store.tables import identifiers, origins, papers, tombstones, versions
from broadsheet.text.normalise import title_key

_Key = tuple[str, str]
_MERGED, _PARTED = "merged", "parted"


class DecisionError(Exception):
    """Two papers cannot be made one, or one two; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What putting records in did: papers made, papers changed, records that said nothing new."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0


@dataclass(slots=True)
class _Draft:
    """A paper being written: its row as stored (None for a new one) and all its records.

    `absorbed` are the numbers of stored papers that turned out to be this one.
    """

    number: int
    stored: Row | None = None
    names: set[str] = field(default_factory=set)
    new_names: set[str] = field(default_factory=set)
    records: dict[_Key, Record] = field(default_factory=dict)
    origin_rows: dict[_Key, Row] = field(default_factory=dict)
    absorbed: list[int] = field(default_factory=list)
    revised: bool = False
    touched: bool = False

    @property
    def is_parted(self) -> bool:
        """Whether a person took it from another paper: only a person puts it back."""
        return any(row["decided"] == _PARTED for row in self.origin_rows.values())

    @property
    def facts(self) -> Facts:
        """What a match by title looks at."""
        return facts_of(self.records.values(), self.names)

    def claim(self, name: str) -> None:
        """Takes a name that no paper has."""
        self.names.add(name)
        self.new_names.add(name)

    @property
    def titles(self) -> set[str]:
        """The keys of the titles its records give."""
        return {row["title_key"] for row in self.origin_rows.values()}

    def absorb(self, other: _Draft) -> None:
        """Takes over all that another draft of the same work holds."""
        self.names |= other.names
        self.new_names |= other.new_names
        self.records |= other.records
        for key, row in other.origin_rows.items():
            self.origin_rows[key] = {**row, "paper": self.number}
        self.absorbed += other.absorbed
        if other.stored is not None:
            self.absorbed.append(other.number)
        self.revised |= other.revised
        self.touched = True

    def row(self, change: int) -> Row:
        """The paper's row, folded from its records. Its public id is its strongest name."""
        name = min(self.names, key=strength)
        folded = fold(list(self.records.values()))
        return {"number": self.number, "id": name, "change": change, **folded}


def put(connection: Connection, records: Sequence[Record]) -> Outcome:
    """Puts records in, all or (with the transaction) none; the same records twice change nothing.

    A record belongs to the paper that has its (source, key), else one of its identifiers, else
    its title with first author and year (`merging.same_work`); otherwise to a new paper. Papers
    that a record shows to be the same become one, the older of them, so that what is held does
    not depend on the order in which records came.
    """
    changes.next_changes(connection, 0)  # waits for other writers before looking anything up
    return _Putting(connection).run([digested(record) for record in records])


def show(connection: Connection, source: str, days: Mapping[str, date]) -> int:
    """Says of a source's records, by key, under which day a listing showed them; returns for how
    many that was news. A record that was shown before keeps its earlier day.
    """
    changes.next_changes(connection, 0)
    written = 0
    for chunk in chunks(days):
        rows = connection.execute(
            select(origins.c.key, origins.c.paper, origins.c.shown).where(
                origins.c.source == source, origins.c.key.in_(chunk)
            )
        ).all()
        late = {
            row.key: row.paper for row in rows if row.shown is None or row.shown > days[row.key]
        }
        drafts = _load_drafts(connection, sorted(set(late.values())))
        for draft in drafts:
            for key in draft.records:
                if key[0] == source and key[1] in late:
                    record, said = digested(replace(draft.records[key], shown=days[key[1]]))
                    draft.records[key] = record
                    draft.origin_rows[key] |= {"shown": record.shown, "digest": said}
        _write(connection, drafts)
        written += len(late)
    return written


def merge(connection: Connection, one: int, other: int) -> int:
    """Makes one paper of two, by number, as a person decided; returns the number that stays.

    Raises DecisionError where they are one already or one is not held.
    """
    if one == other:
        raise DecisionError("These are two names of one paper already.")
    changes.next_changes(connection, 0)
    drafts = {draft.number: draft for draft in _load_drafts(connection, [one, other])}
    if len(drafts) < 2:
        raise DecisionError("One of the two papers is not held.")
    kept, gone = drafts[min(one, other)], drafts[max(one, other)]
    for row in gone.origin_rows.values():
        row["decided"] = _MERGED
    for row in kept.origin_rows.values():
        row["decided"] = None if row["decided"] == _PARTED else row["decided"]
    kept.absorb(gone)
    _write(connection, [kept])
    return kept.number


def unmerge(connection: Connection, number: int, source: str, key: str) -> int:
    """Takes what one source said out of a paper and makes it a paper of its own; returns the
    number of that. It stays so, whatever comes later: only `merge` unites the two again.

    Raises DecisionError where the paper has no such origin, or no other.
    """
    changes.next_changes(connection, 0)
    drafts = _load_drafts(connection, [number])
    origin = (source, key)
    if not drafts or origin not in drafts[0].records:
        raise DecisionError(f"The paper has no record {key} of {source}.")
    draft = drafts[0]
    if len(draft.records) == 1:
        raise DecisionError("The paper has this one record only; there is nothing to part.")
    record, row = draft.records.pop(origin), draft.origin_rows.pop(origin)
    parted = _Draft(changes.next_papers(connection, 1))
    parted.records[origin] = record
    parted.origin_rows[origin] = {**row, "paper": parted.number, "decided": _PARTED}
    others = {name for other in draft.records.values() for name in other.identifiers}
    taken = [name for name in record.identifiers if name not in others and name in draft.names]
    if taken:
        connection.execute(delete(identifiers).where(identifiers.c.id.in_(taken)))
        draft.names -= set(taken)
    if not draft.names:  # whatever names it had were the parted record's
        draft.claim(_titular(draft.records))
    for name in taken or [_titular(parted.records)]:
        parted.claim(name)
    # One after the other: the one may take the public id that the other gives up.
    _write(connection, [draft])
    _write(connection, [parted])
    return parted.number


def _titular(records: Mapping[_Key, Record]) -> str:
    """A name that no other paper has, for one whose records state none."""
    (source, key), record = min(records.items())
    origin = f"{source}\n{key}".encode()
    return f"{title_name(record)}-{hashlib.blake2b(origin, digest_size=6).hexdigest()}"


def remove_source(connection: Connection, source: str) -> int:
    """Lets go of all that one source said; returns how many papers are gone with it.

    A paper that other sources know stays, as they describe it; one that a reader kept something of
    stays as it is.
    """
    changes.next_changes(connection, 0)
    gone = 0
    numbers = list(
        connection.scalars(
            select(origins.c.paper).where(origins.c.source == source).order_by(origins.c.paper)
        )
    )
    for chunk in chunks(numbers):
        touched = []
        kept = moving.kept_by_readers(connection, chunk)
        for draft in _load_drafts(connection, chunk):
            if draft.number in kept and all(key[0] == source for key in draft.records):
                continue
            for key in [key for key in draft.records if key[0] == source]:
                del draft.records[key], draft.origin_rows[key]
            touched.append(draft)
        orphans = [draft.number for draft in touched if not draft.records]
        _bury(connection, orphans)
        _write(connection, [draft for draft in touched if draft.records])
        gone += len(orphans)
    changes.set_flag(connection, f"removed:{source}", 1)
    return gone


class _Putting:
    """One call of `put`: what it looked up, and the drafts it will write."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[_Key, tuple[int, str]] = {}
        self._drafts: dict[int, _Draft] = {}
        self._by_name: dict[str, int] = {}
        self._by_title: dict[str, set[int]] = defaultdict(set)
        self._united: dict[int, int] = {}
        self._next_number = 0

    def run(self, records: list[tuple[Record, str]]) -> Outcome:
        """Places and writes `records`, each with the digest of what it says."""
        self._find_origins(record for record, _ in records)
        fresh = [(record, said) for record, said in records if not self._is_held(record, said)]
        if not fresh:
            return Outcome(unchanged=len(records))
        self._next_number = changes.next_papers(self._connection, len(fresh))
        self._load([record for record, _ in fresh])
        placed = sum(self._place(record, said) for record, said in fresh)
        drafts = [draft for draft in self._drafts.values() if draft.touched]
        _write(self._connection, drafts)
        new = sum(draft.stored is None for draft in drafts)
        return Outcome(new, placed - new, len(records) - placed)

    def _is_held(self, record: Record, said: str) -> bool:
        known = self._known.get((record.source, record.key))
        return known is not None and known[1] == said

    def _find_origins(self, records: Iterable[Record]) -> None:
        by_source: dict[str, list[str]] = defaultdict(list)
        for record in records:
            by_source[record.source].append(record.key)
        for source, keys in by_source.items():
            for chunk in chunks(keys):
                rows = self._connection.execute(
                    select(origins.c.key, origins.c.paper, origins.c.digest).where(
                        origins.c.source == source, origins.c.key.in_(chunk)
                    )
                )
                self._known.update({(source, key): (paper, said) for key, paper, said in rows})

    def _load(self, fresh: list[Record]) -> None:
        """Reads every paper that one of the fresh records may belong to, and every paper that
        may turn out to be the same as one of those.
        """
        keys = [(record.source, record.key) for record in fresh]
        numbers = {self._known[key][0] for key in keys if key in self._known}
        for chunk in chunks(name for record in fresh for name in _names(record)):
            held = select(identifiers.c.paper).where(identifiers.c.id.in_(chunk))
            numbers.update(self._connection.scalars(held))
        titles = {title_key(record.title) for record in fresh}
        while titles or numbers:
            for chunk in chunks(sorted(titles)):
                held = select(origins.c.paper).where(origins.c.title_key.in_(chunk))
                numbers.update(self._connection.scalars(held))
            self._by_title.update({title: set() for title in titles})
            loaded = _load_drafts(self._connection, sorted(numbers - self._drafts.keys()))
            for draft in loaded:
                self._drafts[draft.number] = draft
                self._by_name.update(dict.fromkeys(draft.names, draft.number))
            numbers = set()
            titles = {title for draft in loaded for title in draft.titles} - self._by_title.keys()
        for draft in self._drafts.values():
            for title in draft.titles:
                self._by_title[title].add(draft.number)

    def _draft(self, number: int) -> _Draft:
        """The draft of that number, or the one it was united with."""
        while number in self._united:
            number = self._united[number]
        return self._drafts[number]

    def _place(self, record: Record, said: str) -> bool:
        """Gives a record to its paper; false where it says nothing new."""
        if self._is_held(record, said):  # a twin came earlier in the same batch
            return False
        draft, matched_by = self._match(record)
        if draft is None:
            draft = self._new_draft(record)
        elif _is_outdated(draft, record):
            return False
        self._attach(draft, _revise(draft, record), said, matched_by)
        self._known[record.source, record.key] = (draft.number, said)
        self._unite(draft, record)
        return True

    def _match(self, record: Record) -> tuple[_Draft | None, str]:
        known = self._known.get((record.source, record.key))
        if known is not None:
            return self._draft(known[0]), "identifier"
        for name in record.identifiers:
            if name in self._by_name:
                return self._draft(self._by_name[name]), "identifier"
        namesakes = self._by_title.get(title_key(record.title))
        if namesakes:
            facts = facts_of([record], record.identifiers)
            for number in sorted(namesakes):
                draft = self._draft(number)
                if same_work(facts, draft.facts):
                    return draft, "title"
        return None, "new"

    def _attach(self, draft: _Draft, record: Record, said: str, matched_by: str) -> None:
        key = (record.source, record.key)
        before = draft.origin_rows.get(key)
        draft.records[key] = record
        draft.origin_rows[key] = {
            "source": record.source,
            "key": record.key,
            "paper": draft.number,
            "digest": said,
            "title_key": title_key(record.title),
            "page": before["page"] if before else record.page,
            "rank": record.rank,
            # The first name a page was imported under stays; the same page again is no news.
            "file": before["file"] if before else record.file,
            "shown": record.shown,
            "matched_by": before["matched_by"] if before else matched_by,
            "decided": before["decided"] if before else None,
        }
        draft.touched = True
        self._by_title[title_key(record.title)].add(draft.number)
        # A title is a name only where nothing better is stated, and of one work only.
        for name in record.identifiers or (() if before else (title_name(record),)):
            if name not in self._by_name:
                draft.claim(name)
                self._by_name[name] = draft.number

    def _unite(self, draft: _Draft, record: Record) -> None:
        """Makes one paper of all that a record it has just been given shows to be the same."""
        for name in record.identifiers:
            draft = self._one_of(draft, self._draft(self._by_name[name]))
        while (twin := self._twin(draft)) is not None:
            draft = self._one_of(draft, twin)

    def _twin(self, draft: _Draft) -> _Draft | None:
        """Another draft that shares a title with this one and is the same work."""
        if all(len(self._by_title[title]) == 1 for title in draft.titles):
            return None
        numbers = {number for title in draft.titles for number in self._by_title[title]}
        facts = draft.facts
        for number in sorted(numbers):
            other = self._draft(number)
            if other is draft or not self._may_unite(draft, other):
                continue
            if same_work(facts, other.facts):
                return other
        return None

    @staticmethod
    def _may_unite(one: _Draft, other: _Draft) -> bool:
        return not one.is_parted and not other.is_parted

    def _one_of(self, one: _Draft, other: _Draft) -> _Draft:
        """Two drafts as one: the older, which answers for the other's number from now on."""
        if one is other or not self._may_unite(one, other):
            return one
        kept, gone = sorted((one, other), key=lambda draft: draft.number)
        kept.absorb(gone)
        self._united[gone.number] = kept.number
        del self._drafts[gone.number]
        return kept

    def _new_draft(self, record: Record) -> _Draft:
        draft = _Draft(self._next_number)
        self._next_number += 1
        self._drafts[draft.number] = draft
        if not record.identifiers:
            # Where another work has, or had, this title: where it came from tells them apart.
            name = next(name for name in _names(record) if name not in self._by_name)
            draft.claim(name)
            self._by_name[name] = draft.number
        return draft


def _names(record: Record) -> tuple[str, ...]:
    """The names by which a record's paper may be known already."""
    if record.identifiers:
        return record.identifiers
    name = title_name(record)
    origin = f"{record.source}\n{record.key}".encode()
    return name, f"{name}-{hashlib.blake2b(origin, digest_size=6).hexdigest()}"


def _is_outdated(draft: _Draft, record: Record) -> bool:
    """Whether a record is an older version of the one held, imported late."""
    held = draft.records.get((record.source, record.key))
    return bool(held and held.version and record.version and record.version < held.version)


def _revise(draft: _Draft, record: Record) -> Record:
    """Counts the versions of a record whose source replaces the text it gave before."""
    before = draft.records.get((record.source, record.key))
    if before is None:
        return record
    if (before.title, before.abstract) == (record.title, record.abstract):
        return replace(record, version=record.version or before.version)
    draft.revised = draft.stored is not None
    return replace(record, version=record.version or (before.version or 1) + 1)


def _load_drafts(connection: Connection, numbers: Sequence[int]) -> list[_Draft]:
    """The papers with these numbers, each with every record it was made from."""
    drafts: dict[int, _Draft] = {}
    for chunk in chunks(numbers):
        for row in connection.execute(select(papers).where(papers.c.number.in_(chunk))):
            drafts[row.number] = _Draft(row.number, stored=dict(row._mapping))
        for name, number in connection.execute(
            select(identifiers.c.id, identifiers.c.paper).where(identifiers.c.paper.in_(chunk))
        ):
            drafts[number].names.add(name)
        for origin in connection.execute(select(origins).where(origins.c.paper.in_(chunk))):
            _attach(drafts[origin.paper], dict(origin._mapping))
    return list(drafts.values())


def _attach(draft: _Draft, origin: Row) -> None:
    key = (origin["source"], origin["key"])
    said = origin.pop("record")
    draft.origin_rows[key] = origin
    if said is None:
        assert draft.stored is not None
        draft.records[key] = unfold(draft.stored, origin, draft.names)
    else:
        draft.records[key] = replace(record_of(*key, said), file=origin["file"])


def _write(connection: Connection, drafts: list[_Draft]) -> None:
    """Writes new papers and rewrites changed ones, each under a change number of its own."""
    if not drafts:
        return
    _dissolve(connection, drafts)
    change = changes.next_changes(connection, len(drafts))
    new, changed = [], []
    for offset, draft in enumerate(drafts):
        row = draft.row(change + offset)
        if draft.stored is None:
            new.append(row)
        else:
            _keep_version(connection, draft, row)
            changed.append(row)
    insert_many(connection, papers, new)
    if changed:
        _replace(connection, changed)
    names = [{"id": n, "paper": d.number} for d in drafts for n in sorted(d.new_names)]
    insert_many(connection, identifiers, names)
    insert_many(connection, origins, [row for d in drafts for row in _origin_rows(d)])


def _dissolve(connection: Connection, drafts: list[_Draft]) -> None:
    """Ends the papers that turned out to be others; their names and old texts go over."""
    for draft in drafts:
        for number in draft.absorbed:
            connection.execute(
                update(identifiers).where(identifiers.c.paper == number).values(paper=draft.number)
            )
            taken = select(versions.c.version).where(versions.c.paper == draft.number)
            connection.execute(
                update(versions)
                .where(versions.c.paper == number, versions.c.version.not_in(taken))
                .values(paper=draft.number)
            )
            moving.follow(connection, number, draft.number)
    _bury(connection, [number for draft in drafts for number in draft.absorbed])


def _replace(connection: Connection, rows: list[Row]) -> None:
    for chunk in chunks(row["number"] for row in rows):
        connection.execute(delete(origins).where(origins.c.paper.in_(chunk)))
    columns = [column.name for column in papers.columns if column.name != "number"]
    statement = (
        update(papers)
        .where(papers.c.number == bindparam("held"))
        .values({name: bindparam(name) for name in columns})
    )
    connection.execute(statement, [{**row, "held": row["number"]} for row in rows])


def _origin_rows(draft: _Draft) -> list[Row]:
    alone = len(draft.records) == 1
    return [
        {**row, "record": None if alone else record_json(draft.records[key])}
        for key, row in draft.origin_rows.items()
    ]


def _keep_version(connection: Connection, draft: _Draft, row: Row) -> None:
    """Keeps the text a revision replaces; one that a more trusted source gives stays as it is."""
    stored = draft.stored
    if not draft.revised or stored is None:
        return
    if (stored["title"], stored["abstract"]) == (row["title"], row["abstract"]):
        return
    before = {"paper": draft.number, "version": stored["version"]}
    connection.execute(
        delete(versions).where(
            versions.c.paper == before["paper"], versions.c.version == before["version"]
        )
    )
    connection.execute(
        insert(versions).values(
            **before,
            replaced=datetime.now(UTC),
            title=stored["title"],
            abstract=stored["abstract"],
        )
    )


def _bury(connection: Connection, numbers: list[int]) -> None:
    if not numbers:
        return
    change = changes.next_changes(connection, len(numbers))
    connection.execute(delete(papers).where(papers.c.number.in_(numbers)))
    connection.execute(
        insert(tombstones),
        [{"number": number, "change": change + i} for i, number in enumerate(numbers)],
    )
