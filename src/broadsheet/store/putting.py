"""Records into the store: each finds its paper, and the papers it touches are folded anew."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from broadsheet.records import Record
from broadsheet.store import changes
from broadsheet.store.merging import (
    Row,
    digest,
    fold,
    record_json,
    record_of,
    same_work,
    strength,
    unfold,
)
from broadsheet.store.papers import chunks
from broadsheet.store.tables import identifiers, origins, papers, tombstones, versions
from broadsheet.text.normalise import title_id, title_key

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What putting records in did: papers made, papers changed, records that said nothing new."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0


@dataclass(slots=True)
class _Draft:
    """A paper being written: its row as stored (None for a new one) and all its records."""

    number: int
    id: str
    stored: Row | None = None
    names: set[str] = field(default_factory=set)
    new_names: set[str] = field(default_factory=set)
    records: dict[_Key, Record] = field(default_factory=dict)
    origin_rows: dict[_Key, Row] = field(default_factory=dict)
    revised: bool = False
    touched: bool = False

    @property
    def facts(self) -> Row:
        """What a match by title looks at."""
        records = self.records.values()
        authors = next((r.authors for r in records if r.authors), ())
        return {
            "authors": [[author.name, author.affiliation] for author in authors],
            "year": next((year for year in map(_year, records) if year), None),
        }

    def row(self, change: int) -> Row:
        """The paper's row, folded from its records."""
        folded = fold(list(self.records.values()))
        return {"number": self.number, "id": self.id, "change": change, **folded}


def put(connection: Connection, records: Sequence[Record]) -> Outcome:
    """Puts records in, all or (with the transaction) none; the same records twice change nothing.

    A record belongs to the paper that has its (source, key), else one of its identifiers, else
    its title with first author and year (`merging.same_work`); otherwise to a new paper.
    """
    changes.next_changes(connection, 0)  # waits for other writers before looking anything up
    return _Putting(connection).run([(record, digest(record)) for record in records])


def remove_source(connection: Connection, source: str) -> int:
    """Lets go of all that one source said; returns how many papers are gone with it.

    A paper that other sources know stays, as they describe it.
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
        for draft in _load_drafts(connection, chunk):
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
        self._by_title: dict[str, list[int]] = defaultdict(list)
        self._next_number = 0

    def run(self, records: list[tuple[Record, str]]) -> Outcome:
        """Places and writes `records`, each with the digest of what it says."""
        self._find_origins(record for record, _ in records)
        fresh = [(record, said) for record, said in records if not self._is_held(record, said)]
        if not fresh:
            return Outcome(unchanged=len(records))
        self._next_number = changes.next_papers(self._connection, len(fresh))
        self._load([record for record, _ in fresh])
        placed = [self._place(record, said) for record, said in fresh]
        _write(self._connection, [draft for draft in self._drafts.values() if draft.touched])
        new, updated = placed.count("new"), placed.count("updated")
        return Outcome(new, updated, len(records) - new - updated)

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
        """Reads every paper that one of the fresh records may belong to."""
        keys = [(record.source, record.key) for record in fresh]
        numbers = {self._known[key][0] for key in keys if key in self._known}
        names = [name for record in fresh for name in record.identifiers]
        names += [title_id(record.title) for record in fresh if not record.identifiers]
        for chunk in chunks(names):
            held = select(identifiers.c.paper).where(identifiers.c.id.in_(chunk))
            numbers.update(self._connection.scalars(held))
        for chunk in chunks(title_key(record.title) for record in fresh):
            held = select(papers.c.number).where(papers.c.title_key.in_(chunk))
            numbers.update(self._connection.scalars(held))
        for draft in _load_drafts(self._connection, sorted(numbers)):
            self._drafts[draft.number] = draft
            self._by_name.update(dict.fromkeys(draft.names, draft.number))
            for record in draft.records.values():
                self._entitle(record.title, draft.number)

    def _entitle(self, title: str, number: int) -> None:
        numbers = self._by_title[title_key(title)]
        if number not in numbers:
            numbers.append(number)

    def _place(self, record: Record, said: str) -> str:
        """Gives a record to its paper; says what became of it: new, updated or unchanged."""
        if self._is_held(record, said):  # a twin came earlier in the same batch
            return "unchanged"
        key = (record.source, record.key)
        number, matched_by = self._match(record)
        created = number is None
        draft = self._new_draft(record) if number is None else self._drafts[number]
        record = _revise(draft, record)
        for name in record.identifiers:
            if name not in self._by_name:
                draft.names.add(name)
                draft.new_names.add(name)
                self._by_name[name] = draft.number
        before = draft.origin_rows.get(key)
        draft.records[key] = record
        draft.origin_rows[key] = {
            "source": record.source,
            "key": record.key,
            "paper": draft.number,
            "digest": said,
            "page": record.page,
            "rank": record.rank,
            # The first name a page was imported under stays; the same page again is no news.
            "file": before["file"] if before else record.file,
            "shown": record.shown,
            "matched_by": before["matched_by"] if before else matched_by,
        }
        draft.touched = True
        self._known[key] = (draft.number, said)
        self._entitle(record.title, draft.number)
        return "new" if created else "updated"

    def _match(self, record: Record) -> tuple[int | None, str]:
        known = self._known.get((record.source, record.key))
        if known is not None:
            return known[0], "identifier"
        for name in record.identifiers:
            if name in self._by_name:
                return self._by_name[name], "identifier"
        for number in self._by_title.get(title_key(record.title), ()):
            draft = self._drafts[number]
            if same_work(record, draft.facts, draft.names):
                return number, "title"
        return None, "new"

    def _new_draft(self, record: Record) -> _Draft:
        name = min(record.identifiers, key=strength, default=None)
        if name is None:
            name = title_id(record.title)
            if name in self._by_name:
                # Another work has, or had, this title: where it came from tells them apart.
                origin = f"{record.source}\n{record.key}".encode()
                name = f"{name}-{hashlib.blake2b(origin, digest_size=6).hexdigest()}"
        draft = _Draft(self._next_number, id=name, names={name}, new_names={name})
        self._next_number += 1
        self._drafts[draft.number] = draft
        self._by_name[name] = draft.number
        return draft


def _year(record: Record) -> int | None:
    return record.published.year if record.published else record.year


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
            drafts[row.number] = _Draft(row.number, id=row.id, stored=dict(row._mapping))
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
    change = changes.next_changes(connection, len(drafts))
    for offset, draft in enumerate(drafts):
        _keep_version(connection, draft)
        draft.id = _strongest(draft)
        row = draft.row(change + offset)
        if draft.stored is None:
            draft.stored = row
        else:
            draft.stored = {**row, "held": draft.number}
    new = [draft.stored for draft in drafts if draft.stored and "held" not in draft.stored]
    changed = [draft.stored for draft in drafts if draft.stored and "held" in draft.stored]
    if new:
        connection.execute(insert(papers), new)
    if changed:
        _replace(connection, changed)
    names = [{"id": n, "paper": d.number} for d in drafts for n in sorted(d.new_names)]
    if names:
        connection.execute(insert(identifiers), names)
    connection.execute(insert(origins), [row for d in drafts for row in _origin_rows(d)])


def _replace(connection: Connection, rows: list[Row]) -> None:
    for chunk in chunks(row["held"] for row in rows):
        connection.execute(delete(origins).where(origins.c.paper.in_(chunk)))
    columns = [column.name for column in papers.columns if column.name != "number"]
    statement = (
        update(papers)
        .where(papers.c.number == bindparam("held"))
        .values({name: bindparam(name) for name in columns})
    )
    connection.execute(
        statement, [{name: row[name] for name in (*columns, "held")} for row in rows]
    )


def _origin_rows(draft: _Draft) -> list[Row]:
    alone = len(draft.records) == 1
    return [
        {**row, "record": None if alone else record_json(draft.records[key])}
        for key, row in draft.origin_rows.items()
    ]


def _strongest(draft: _Draft) -> str:
    """The paper's public id: the one it has, unless a stronger kind is known by now."""
    best = min(draft.names, key=strength)
    return best if strength(best)[0] < strength(draft.id)[0] else draft.id


def _keep_version(connection: Connection, draft: _Draft) -> None:
    if not draft.revised or draft.stored is None:
        return
    before = {"paper": draft.number, "version": draft.stored["version"]}
    connection.execute(
        delete(versions).where(
            versions.c.paper == before["paper"], versions.c.version == before["version"]
        )
    )
    connection.execute(
        insert(versions).values(
            **before,
            replaced=datetime.now(UTC),
            title=draft.stored["title"],
            abstract=draft.stored["abstract"],
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
