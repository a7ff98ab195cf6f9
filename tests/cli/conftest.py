"""The program with an empty data folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from .program import Program


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The command with a data folder of its own that is not there yet."""
    return Program(tmp_path / "data")
