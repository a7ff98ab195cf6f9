"""Turns at a service: who waits has one soon after it is free, and nobody keeps one for long."""

from __future__ import annotations

import threading
from datetime import date

import pytest

from broadsheet.intake.fetching import Fetcher, FetchError, Service
from broadsheet.store import manners
from broadsheet.store.engine import Store
from standin.arxiv import Standin
from standin.faults import Drip
from standin.world import World


class Waited(threading.Event):
    """What ends the waits of a fetcher, and tells that one has begun."""

    def __init__(self) -> None:
        super().__init__()
        self.began = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.began.set()
        return super().wait(timeout)


def test_nobody_sleeps_through_the_lease_of_a_turn_that_was_given_back(store: Store) -> None:
    service = Service("arxiv", 0.01, ("127.0.0.1",))
    waited = Waited()
    answers = []
    with Standin(World(1, date(2026, 3, 2), 1, ["cs.LG"])) as arxiv:
        fetcher = Fetcher(store, patience=60.0, stop=waited)
        second = threading.Thread(
            target=lambda: answers.append(fetcher.get(service, f"{arxiv.address}/list/cs.LG/new"))
        )
        with store.writing() as connection:
            assert manners.take(connection, "arxiv", "somebody else", lease=60.0).granted
        second.start()
        assert waited.began.wait(timeout=10)
        assert arxiv.requests == []
        with store.writing() as connection:
            manners.give_back(connection, "arxiv", "somebody else", pause=0.0)
        second.join(timeout=10)
        fetcher.stop.set()  # also where it sleeps on, so that the test ends
        second.join(timeout=10)
        fetcher.close()
    assert len(answers) == 1


def test_an_answer_that_drips_is_given_up_while_the_turn_is_still_ours(
    sqlite_store: Store,
) -> None:
    service, patience = Service("arxiv", 0.01, ("127.0.0.1",)), 0.4
    with Standin(World(1, date(2026, 3, 2), 1, ["cs.LG"])) as arxiv:
        # Never silent for long, and not done for many seconds.
        arxiv.order(Drip(size=100, pause=0.05), times=None)
        fetcher = Fetcher(sqlite_store, patience=patience)
        with pytest.raises(FetchError, match="answers too slowly"):
            fetcher.get(service, f"{arxiv.address}/list/cs.LG/new")
        fetcher.close()
        # The lease is a second longer than patience.
        assert arxiv.wait_for(4)
        assert max(request.ended - request.started for request in arxiv.requests) < patience + 1
