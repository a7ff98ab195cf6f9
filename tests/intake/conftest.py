"""The program with an empty data folder, and who asks for it."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broadsheet.intake import guard
from broadsheet.intake.fetching import Fetcher
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


@pytest.fixture
def fetcher(sqlite_store: Store) -> Iterator[Fetcher]:
    made = Fetcher(sqlite_store, "someone@example.org", patience=2.0)
    yield made
    made.stop.set()
    made.close()


@pytest.fixture
def public(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """127.0.0.1 passes for a public address, and names ending in `.example` lead there, but for
    `inner.example`. Gives the names that were looked up.
    """
    real, asked = socket.getaddrinfo, []

    def getaddrinfo(host: str, *others: Any, **named: Any) -> Any:
        if not str(host).endswith(".example"):
            return real(host, *others, **named)
        asked.append(host)
        return real("127.0.0.2" if host == "inner.example" else "127.0.0.1", *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(
        guard, "is_public", lambda address: address == ipaddress.ip_address("127.0.0.1")
    )
    return asked
