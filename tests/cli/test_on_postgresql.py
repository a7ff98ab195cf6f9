"""The commands with PostgreSQL behind them: the same answers as with SQLite."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from .conftest import RICH
from .program import Program


def test_every_command_works_with_postgresql(
    library: Program, program: Program, empty_postgres: str
) -> None:
    address = empty_postgres.replace("@", ":h0rse@", 1)
    postgres = program.having(BROADSHEET_DATABASE_URL=address)
    folder = library.data.parent
    files = [folder / "002_0123abcd.txt", folder / "lines", *folder.glob("bad*")]
    summary = postgres.ask("import", *files)
    assert (summary["new"], summary["quarantined"], summary["held"]) == (304, 2, 304)
    assert not (postgres.data / "broadsheet.sqlite3").exists()

    postgres = postgres.within()
    assert _without_change(postgres.papers()) == _without_change(library.papers())
    for question in ("show 2401.00007", "today", "index status"):
        ours, theirs = (_comparable(one.ask(*question.split())) for one in (postgres, library))
        assert ours == theirs
    found = postgres.ask("search", "lanterns")["entries"]
    assert [entry["paper"]["title"] for entry in found] == [RICH["title"]]
    assert [thing["line"] for thing in postgres.ask("quarantine")] == [1, 2]

    again = postgres.ask("import", *files)
    assert (again["new"], again["updated"], again["unchanged"]) == (0, 0, 304)
    assert "h0rse" not in postgres.run("settings").out
    assert postgres.run("sample", "add").out.startswith("The sample library is in: 327 papers")
    assert postgres.run("sample", "remove").out.startswith("The sample library is out: 327")
    assert len(postgres.papers()) == 304


def _without_change(papers: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {title: {**paper, "change": 0} for title, paper in papers.items()}


def _comparable(value: Any) -> Any:
    """A value without what differs from store to store: change numbers, and sizes on the disk."""
    if isinstance(value, dict):
        differing = {"change", "bytes", "generation", "through", "last"}
        return {k: _comparable(v) for k, v in value.items() if k not in differing}
    if isinstance(value, list):
        return [_comparable(one) for one in value]
    return value


def test_two_programs_share_one_database_and_keep_an_index_each(
    program: Program, empty_postgres: str, tmp_path: Path
) -> None:
    first = program.having(BROADSHEET_DATABASE_URL=empty_postgres).within()
    second = replace(first, data=tmp_path / "second")
    first.run("sample", "add")
    assert second.ask("search", "network")["total"] == first.ask("search", "network")["total"] > 0
    second.run("sample", "remove")
    assert first.ask("search", "network")["total"] == 0
