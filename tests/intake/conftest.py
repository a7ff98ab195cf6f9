"""The program with an empty data folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from broadsheet.store.engine import Store, open_store
from cli.program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The command with a data folder of its own that is not there yet."""
    return Program(tmp_path / "data")


@pytest.fixture
def postgresql_store(empty_postgres: str) -> Iterator[Store]:
    """An empty store on PostgreSQL."""
    opened = open_store(empty_postgres)
    yield opened
    opened.close()
