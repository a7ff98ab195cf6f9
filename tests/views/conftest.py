"""An empty library for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from broadsheet.search.follow import SearchIndex
from broadsheet.store.engine import Store
from search.library import Library


@pytest.fixture
def library(sqlite_store: Store, tmp_path: Path) -> Library:
    """A library without papers."""
    return Library(sqlite_store, SearchIndex(tmp_path / "index"))
