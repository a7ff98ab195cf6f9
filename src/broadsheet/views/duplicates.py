"""Whether two papers that mean the same are the same work: a preprint and its proceedings."""

from __future__ import annotations

from broadsheet.records import Paper
from broadsheet.store import papers
from broadsheet.store.engine import Store
from broadsheet.text.normalise import surname, title_key, title_words

# Of all different words of two titles, the share that both have (Jaccard).
_TITLES_AGREE = 0.75


class SameWork:
    """Compares papers by number, reading each once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[int, Paper | None] = {}

    def __call__(self, one: int, other: int) -> bool:
        """Whether they are one work. Raises StoreError."""
        first, second = self._paper(one), self._paper(other)
        return first is not None and second is not None and same_work(first, second)

    def _paper(self, number: int) -> Paper | None:
        if number not in self._held:
            with self._store.reading() as connection:
                found = papers.by_number(connection, [number])
            self._held[number] = found[0] if found else None
        return self._held[number]


def same_work(one: Paper, other: Paper) -> bool:
    """Whether two papers whose texts mean the same are one work, by title and first author.

    Numbers count: the first part of a series is not its second.
    """
    if one.authors and other.authors:
        names = {surname(author.name) for author in other.authors}
        if surname(one.authors[0].name) not in names:
            return False
    if title_key(one.title) == title_key(other.title):
        return True
    words, others = set(title_words(one.title)), set(title_words(other.title))
    if _numbers(words) != _numbers(others):
        return False
    return len(words & others) >= _TITLES_AGREE * len(words | others)


def _numbers(words: set[str]) -> set[str]:
    return {word for word in words if word.isdigit() or set(word) <= set("ivx")}
