"""`broadsheet up`: it opens with something to read, and says in a sentence why it does not."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import PAGE
from .program import Program, page


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program listens at."""
    with socket.create_server(("127.0.0.1", 0)) as occupant:
        yield occupant.getsockname()[1]


@pytest.mark.parametrize(
    ("told", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_first_start_opens_with_the_sample_library_and_ends_when_told(
    program: Program, told: signal.Signals, code: int
) -> None:
    with program.serving() as (process, address):
        assert address.startswith("http://127.0.0.1:")
        assert "sample" in page(address + "/").lower()
        with urllib.request.urlopen(address + "/healthz") as answer:
            assert answer.status == 200
        process.send_signal(told)
        _, err = process.communicate(timeout=60)
        assert err.strip() == ""
        assert process.returncode == code
    assert len(program.papers()) == 327


def test_papers_imported_while_it_runs_appear_and_the_sample_may_stay_away(
    program: Program, tmp_path: Path
) -> None:
    file = tmp_path / "002_0123abcd.txt"
    file.write_text(PAGE, encoding="utf-8")
    with program.serving("--no-sample") as (_, address):
        assert program.papers() == {}
        summary = program.ask("import", file)
        assert summary["held"] == 2
        assert "Of Boats and Basins" in page(address + "/")
        assert "Of Boats and Basins" in page(address + "/search?q=basins")


def test_a_port_that_is_taken_is_one_sentence_that_names_another(
    program: Program, taken: int
) -> None:
    answer = program.run("up", "--no-browser", "--port", taken, code=1)
    assert answer.complaints == [
        f"broadsheet: Port {taken} on 127.0.0.1 is taken by another program; "
        f"stop that one or choose another with --port {taken + 1}."
    ]
    assert not program.data.exists()


def test_the_port_comes_from_the_settings_and_the_command_line_counts_first(
    program: Program, taken: int
) -> None:
    unlucky = program.having(BROADSHEET_PORT=str(taken))
    assert str(taken) in unlucky.run("up", "--no-browser", code=1).err
    with unlucky.serving() as (_, address):  # `serving` says --port 0
        assert not address.endswith(f":{taken}")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_one_sentence(host: str, tmp_path: Path) -> None:
    program = Program(tmp_path / "data", {"BROADSHEET_HOST": host}, inside=True)
    [sentence] = program.run("up", "--no-browser", code=1).complaints
    assert sentence.startswith(f"broadsheet: It is not possible to listen at {host}, port 8000: ")


def test_it_serves_beside_an_index_that_is_being_made(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "many.jsonl"
    papers = ({"title": f"Of boat {n}", "published": "2024-01-05"} for n in range(3000))
    file.write_text("".join(json.dumps(paper) + "\n" for paper in papers))
    program.run("import", file)
    for leftover in (program.data / "index").rglob("*"):
        if leftover.is_file():
            leftover.unlink()
    with program.serving() as (_, address):
        assert "Of boat 7" in page(address + "/day/2024-01-05")
        assert "Of boat 77" in page(address + "/search?q=%22boat+77%22")
