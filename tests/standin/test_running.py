"""The stand-in as a server: what it records, and how another process orders it about."""

from __future__ import annotations

import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from standin import faults
from standin.arxiv import Request, Standin
from standin.world import World

from .reading import (
    NOON,
)

# --- What was asked -------------------------------------------------------------------------------


def test_every_request_is_recorded_before_its_answer_is_there(
    arxiv: Standin, client: httpx.Client
) -> None:
    client.get("/list/cs.LG/new?show=25")
    client.get("/nowhere")
    arxiv.order(faults.Unavailable())
    client.get("/rss/cs.LG")
    found = arxiv.requests
    assert [(seen.path, seen.agent, seen.status) for seen in found] == [
        ("/list/cs.LG/new?show=25", "a test", 200),
        ("/nowhere", "a test", 404),
        ("/rss/cs.LG", "a test", 503),
    ]
    assert all(seen.started <= seen.ended for seen in found)
    assert arxiv.overlapping() == 1
    assert 0 < arxiv.closest() < 5
    arxiv.forget()
    assert arxiv.requests == []
    assert arxiv.closest() == math.inf
    assert arxiv.overlapping() == 0


def test_gaps_are_from_the_end_of_an_answer_to_the_next_request(arxiv: Standin) -> None:
    for started, ended in ((10.0, 14.0), (0.0, 2.0), (5.5, 6.0)):
        arxiv.note(Request(started, ended, "/", "", 200))
    assert arxiv.closest() == 3.5
    assert arxiv.overlapping() == 1
    arxiv.note(Request(13.0, 15.0, "/", "", 200))
    assert arxiv.closest() == -1.0
    assert arxiv.overlapping() == 2


def test_requests_at_once_are_counted(arxiv: Standin, client: httpx.Client) -> None:
    arxiv.order(faults.Drip(size=4000, pause=0.05), "/rss")
    with client.stream("GET", "/rss/cs.LG") as slow:
        assert httpx.get(f"{arxiv.address}/list/cs.LG/new").status_code == 200
        slow.read()
    assert arxiv.overlapping() == 2
    assert arxiv.closest() < 0


def test_whoever_hung_up_before_asking_again_did_not_ask_twice_at_once(arxiv: Standin) -> None:
    """The thread that answers sees later than its client that the client has gone."""
    first, client = socket.socketpair()
    second, stays = socket.socketpair()
    with first, second, stays:
        left = arxiv.begin(first, time.monotonic())
        client.close()
        answered = arxiv.begin(second, time.monotonic())
        arxiv.end(answered, "/", "", 200)
        arxiv.end(left, "/", "", 200, given_up=True)
        assert arxiv.overlapping() == 1
        assert arxiv.closest() == math.inf
        # Whoever is still there did.
        waiting = arxiv.begin(second, time.monotonic())
        arxiv.end(arxiv.begin(stays, time.monotonic()), "/", "", 200)
        arxiv.end(waiting, "/", "", 200)
        assert arxiv.overlapping() == 2
        assert arxiv.closest() < 0


def test_who_left_while_the_request_waited_here_asked_nothing(arxiv: Standin) -> None:
    first, client = socket.socketpair()
    second, stays = socket.socketpair()
    with first, second, stays:
        client.close()
        waiting = arxiv.begin(second, time.monotonic())
        late = arxiv.begin(first, time.monotonic())
        arxiv.end(late, "/", "", 200)
        arxiv.end(waiting, "/", "", 200)
        arxiv.end(arxiv.begin(second, time.monotonic()), "/", "", 200)
    assert [request.given_up for request in arxiv.requests] == [False, True, False]
    assert arxiv.overlapping() == 1


# --- Control --------------------------------------------------------------------------------------


def test_another_process_can_read_and_set_the_clock(arxiv: Standin, client: httpx.Client) -> None:
    assert client.get("/_control").json() == {"now": "2026-03-12T17:00:00+00:00"}
    said = client.post("/_control", json={"now": "2026-03-06T12:00:00-05:00"})
    assert said.json() == {"now": "2026-03-06T17:00:00+00:00"}
    assert "Friday, 6 March 2026" in client.get("/list/cs.LG/new").text
    assert [request.path for request in arxiv.requests] == ["/list/cs.LG/new"]


def test_another_process_can_order_faults(arxiv: Standin, client: httpx.Client) -> None:
    wanted = [
        {**faults.told(faults.Unavailable(NOON)), "path_prefix": "/rss", "times": None},
        {"fault": "Empty", "path_prefix": "/list"},
    ]
    assert client.post("/_control", json={"faults": wanted}).status_code == 200
    assert client.get("/rss/cs.LG").headers["retry-after"] == "Thu, 12 Mar 2026 17:00:00 GMT"
    assert "No updates today" in client.get("/list/cs.LG/new").text
    assert client.get("/rss/cs.LG").status_code == 503
    client.post("/_control", json={"clear": True})
    assert client.get("/rss/cs.LG").status_code == 200


@pytest.mark.parametrize(
    "wanted",
    [
        {"now": "today"},
        {"now": "2026-03-06T12:00:00"},
        {"faults": [{"fault": "Nonsense"}]},
        {"now": "2026-03-06T12:00:00+00:00", "faults": [{"fault": "Nonsense"}]},
        {"faults": [{"fault": "Cut", "before": 3}]},
        [],
    ],
)
def test_control_refuses_nonsense(client: httpx.Client, wanted: object) -> None:
    assert client.post("/_control", json=wanted).status_code == 400
    assert client.get("/_control").json() == {"now": "2026-03-12T17:00:00+00:00"}


def test_every_fault_can_be_told_and_understood() -> None:
    for kind in faults.KNOWN.values():
        assert faults.understood(faults.told(kind())) == kind()


def test_nothing_answers_after_the_end(world: World) -> None:
    with Standin(world) as arxiv, httpx.Client(base_url=arxiv.address) as client:
        assert client.get("/rss/cs.LG").status_code == 200
        arxiv.__exit__(None, None, None)
        with pytest.raises(httpx.TransportError):
            client.get("/rss/cs.LG")


def test_it_can_be_run_by_hand() -> None:
    command = [sys.executable, "-m", "standin.arxiv", "--port", "0", "--now", "2026-03-12T17:00"]
    with subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            assert running.stdout is not None
            address, _, shown = running.stdout.readline().strip().partition(" shows ")
            assert shown == "2026-03-12T17:00:00+00:00"
            assert "12 March 2026" in httpx.get(f"{address}/list/cs.LG/new").text
        finally:
            running.send_signal(signal.SIGINT)
        assert running.wait(timeout=10) == 0
