"""A small library to search in: papers are put in by key, and found by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from broadsheet.records import Listing, Order, Period, Record
from broadsheet.search.follow import MeaningIndex, SearchIndex
from broadsheet.store import putting
from broadsheet.store.engine import Store
from broadsheet.views import query as language
from broadsheet.views.catalogue import Catalogue, view_of


def paper(key: str, title: str, abstract: str = "", **facts: Any) -> Record:
    """What a source says of the paper `acl:<key>`."""
    source = facts.pop("source", "jsonl")
    return Record(source, key, title, abstract, identifiers=(f"acl:{key}",), **facts)


@dataclass(frozen=True)
class Library:
    """A store, its index, and the catalogue over both."""

    store: Store
    index: SearchIndex
    meaning: MeaningIndex | None = None

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(self.store, self.index, self.meaning)

    def put(self, *records: Record) -> None:
        """Puts papers into the store, not yet into the index."""
        with self.store.writing() as connection:
            putting.put(connection, records)

    def remove(self, source: str) -> None:
        """Takes all papers of a source out of the store."""
        with self.store.writing() as connection:
            putting.remove_source(connection, source)

    def hold(self, *records: Record) -> None:
        """Puts papers into the store and the index."""
        self.put(*records)
        assert self.index.catch_up(self.store)
        assert self.meaning is None or self.meaning.catch_up(self.store)

    def listing(
        self,
        text: str,
        *,
        typing: bool = False,
        period: Period | None = None,
        order: Order | None = None,
        limit: int = 30,
        page: int = 1,
    ) -> Listing:
        """What the catalogue answers to a query."""
        query = language.parse(text, typing=typing)
        return self.catalogue.listing(view_of(query, period or Period(), order, limit, page))

    def find(self, text: str, **how: Any) -> list[str]:
        """The keys of the papers a query finds, best first."""
        entries = self.listing(text, **how).entries
        return [entry.paper.id.removeprefix("acl:") for entry in entries]
