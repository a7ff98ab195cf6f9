"""A mailing without papers and subscribers."""

from __future__ import annotations

from pathlib import Path

import pytest

from broadsheet.search.follow import SearchIndex
from broadsheet.store.engine import Store

from .office import Office


@pytest.fixture
def office(sqlite_store: Store, tmp_path: Path) -> Office:
    """For what does not depend on the engine."""
    return Office(sqlite_store, SearchIndex(tmp_path / "words"))


@pytest.fixture
def any_office(store: Store, tmp_path: Path) -> Office:
    """Once on each engine."""
    return Office(store, SearchIndex(tmp_path / "words"))
