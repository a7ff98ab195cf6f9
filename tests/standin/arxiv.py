"""A local server that answers as arXiv does, of an invented world, and misbehaves on order.

    with Standin(World(1, date(2026, 3, 2), 14, ["cs.LG", "cs.CL"])) as arxiv:
        httpx.get(f"{arxiv.address}/list/cs.LG/new")
        arxiv.order(Unavailable(retry_after=3), path_prefix="/oai")

By hand: `python -m standin.arxiv --help`, with the folder of the tests on PYTHONPATH.
"""

from __future__ import annotations

import argparse
import json
import math
import select
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from . import documents, faults
from .answers import HTML, Answer, Answers
from .faults import Fault
from .world import World

BIGGEST_BODY = 1024 * 1024
# The other end closed its half (where the system tells), or the whole connection is gone.
_HUNG_UP = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Request(NamedTuple):
    """One request as it was met; the times are those of `time.monotonic`.

    `ended` is when the last byte of the answer was given to the system, or the client was seen to
    be gone (`given_up`), which may be a little after it went.
    A form that was posted stands behind the path like a query.
    """

    started: float
    ended: float
    path: str
    agent: str
    status: int
    given_up: bool = False


@dataclass(slots=True, eq=False)
class _Turn:
    """An answer that is under way."""

    connection: socket.socket
    started: float
    left: float | None = None

    def is_left(self) -> bool:
        """Whether the client has hung up: the system knows before the thread that answers does."""
        if self.connection.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self.connection, _HUNG_UP)
        return bool(poll.poll(0))


@dataclass(slots=True)
class _Order:
    fault: Fault
    path_prefix: str
    times: int | None
    every: int | None
    met: int = 0

    def is_due(self, target: str) -> bool:
        """Counts the request where it fits, and says whether the fault strikes it."""
        if not target.startswith(self.path_prefix) or not self.fault.fits(target):
            return False
        self.met += 1
        if self.every is not None and self.met % self.every:
            return False
        if self.times is not None:
            self.times -= 1
        return True


class Standin:
    """The server, running while the `with` block lasts.

    `page_size` is the number of records on a page of a harvest. A resumption token lasts until
    the next midnight UTC of the world's clock, or for `token_life`.
    """

    def __init__(
        self,
        world: World,
        *,
        port: int = 0,
        page_size: int = 100,
        token_life: timedelta | None = None,
    ) -> None:
        self.world = world
        self.closing = threading.Event()
        self._lock = threading.Condition()
        self._requests: list[Request] = []
        self._under_way: list[_Turn] = []
        self._orders: list[_Order] = []
        self._answers = Answers(world, page_size, token_life)
        self._http = _Http(("127.0.0.1", port), _Handler)
        self._http.standin = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        self._http.hang_up()

    @property
    def address(self) -> str:
        """Where it answers: http://127.0.0.1:PORT."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    # --- The clock and the orders -----------------------------------------------------------

    def set_now(self, moment: datetime) -> None:
        """Sets the world's clock. Raises ValueError for a moment without a time zone."""
        self.world.now = moment

    def order(
        self,
        fault: Fault,
        path_prefix: str = "",
        times: int | None = 1,
        every: int | None = None,
    ) -> None:
        """Lets a fault strike the requests it fits whose path and query begin with the prefix.

        It strikes `times` times (None: for ever): each such request, or with `every` = n the n-th
        and every n-th after it. Where several faults are due, the one ordered first strikes.
        """
        with self._lock:
            self._orders.append(_Order(fault, path_prefix, times, every))

    def clear(self) -> None:
        """Forgets all orders."""
        with self._lock:
            self._orders.clear()

    # --- What was asked ---------------------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        """The requests that have been answered, in the order in which they came."""
        with self._lock:
            return sorted(self._requests)

    def forget(self) -> None:
        """Forgets the requests met so far."""
        with self._lock:
            self._requests.clear()

    def closest(self) -> float:
        """The smallest gap in seconds between the end of an answer and the next request.

        It is negative where a request came while another was being answered, and infinite where
        there were fewer than two. When a client gave up is not known well enough to count.
        """
        smallest, ended, given_up = math.inf, -math.inf, False
        for request in self.requests:
            gap = request.started - ended
            if gap < 0 or not given_up:
                smallest = min(smallest, gap)
            if request.ended > ended:
                ended, given_up = request.ended, request.given_up
        return smallest

    def overlapping(self) -> int:
        """The largest number of requests that were being answered at one time: 1 is polite."""
        turns = sorted(
            turn
            for request in self.requests
            for turn in ((request.started, 1), (request.ended, -1))
        )
        most = now = 0
        for _, step in turns:
            now += step
            most = max(most, now)
        return most

    def note(self, request: Request) -> None:
        """Records a request."""
        with self._lock:
            self._requests.append(request)
            self._lock.notify_all()

    def begin(self, connection: socket.socket, started: float) -> _Turn:
        """A request has come. Whoever has left by now had left before it came."""
        turn = _Turn(connection, started)
        if turn.is_left():  # it waited here longer than its client did
            turn.left = started
        with self._lock:
            for other in self._under_way:
                if other.left is None and other.is_left():
                    other.left = max(started, other.started)
            self._under_way.append(turn)
        return turn

    def end(
        self, turn: _Turn, path: str, agent: str, status: int, *, given_up: bool = False
    ) -> None:
        """The request is answered, or its client is gone; counts once."""
        with self._lock:
            if turn not in self._under_way:
                return
            self._under_way.remove(turn)
        ended = time.monotonic() if turn.left is None else turn.left
        # Who has not had the last byte yet has no reason to go but that they gave up.
        given_up = given_up or turn.left is not None or turn.is_left()
        self.note(Request(turn.started, ended, path, agent, status, given_up))

    def wait_for(self, count: int, timeout: float = 10.0) -> bool:
        """Waits until so many requests have been answered; False where that takes too long."""
        with self._lock:
            return self._lock.wait_for(lambda: len(self._requests) >= count, timeout)

    # --- Answers ----------------------------------------------------------------------------

    def answer(self, target: str, headers: Mapping[str, str]) -> tuple[Answer, Fault | None]:
        """What to answer a request for a path and query, and the fault that strikes it.

        The names of the headers are in lower case.
        """
        with self._lock:
            struck = next((order for order in self._orders if order.is_due(target)), None)
            if struck is not None and struck.times is not None and struck.times <= 0:
                self._orders.remove(struck)
        fault = struck.fault if struck else None
        answer = self._instead(target, fault)
        if answer is not None:
            return answer, fault
        if target.startswith("/oai") and not _takes_xml(headers.get("accept", "*/*")):
            return Answer(b"", HTML, 406), fault
        answer = self._answers.document(target, fault)
        if isinstance(fault, faults.Truncated):
            answer = replace(answer, body=answer.body[: len(answer.body) * 2 // 3])
        elif answer.status == 200 and _is_known(answer, headers):
            answer = replace(answer, body=b"", status=304)
        return answer, fault

    def _instead(self, target: str, fault: Fault | None) -> Answer | None:
        """What a fault puts in the place of the document, if it does that."""
        if isinstance(fault, faults.Unavailable):
            return Answer(b"", HTML, fault.status, fault.headers)
        if isinstance(fault, faults.Redirect):
            return Answer(b"", HTML, fault.status, {"Location": fault.to})
        if isinstance(fault, faults.HtmlError):
            page = documents.error_page(200, "We are sorry: something went wrong on our side")
            return Answer(page.encode())
        if isinstance(fault, faults.GzipBomb):
            kind = self._answers.document(target, None).kind
            return Answer(faults.bomb(fault.megabytes), kind, headers={"Content-Encoding": "gzip"})
        return None


def _takes_xml(accept: str) -> bool:
    return "*/*" in accept or "xml" in accept


def _is_known(answer: Answer, headers: Mapping[str, str]) -> bool:
    """Whether the client has this very document already."""
    tag = answer.headers.get("ETag")
    if tag is None:
        return False
    named = headers.get("if-none-match")
    if named is not None:
        known = [part.strip().removeprefix("W/").strip('"') for part in named.split(",")]
        return tag.strip('"') in known or "*" in known
    try:
        since = parsedate_to_datetime(headers.get("if-modified-since", ""))
        return since >= parsedate_to_datetime(answer.headers["Last-Modified"])
    except (ValueError, TypeError):
        return False


# --- The wire -----------------------------------------------------------------------------------


class _Http(ThreadingHTTPServer):
    standin: Standin
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nothing to report; anything else is."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)

    def hang_up(self) -> None:
        """Ends the connections that clients kept open, so that nothing answers any more."""
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue


class _GoneError(Exception):
    """The client has hung up, or the server is to end."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer ends with a small piece of its own, which must not wait for an acknowledgement.
    disable_nagle_algorithm = True

    @property
    def standin(self) -> Standin:
        assert isinstance(self.server, _Http)
        return self.server.standin

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base's
        """Says nothing: `Standin.requests` tells it all."""

    def do_GET(self) -> None:
        started = time.monotonic()
        if urlsplit(self.path).path == "/_control":
            self._control({})
        else:
            self._serve(started, self.path)

    def do_POST(self) -> None:
        started = time.monotonic()
        length = self.headers.get("Content-Length", "0")
        size = int(length) if length.isdecimal() else 0
        if size > BIGGEST_BODY:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        sent = self.rfile.read(size).decode("utf-8", "replace")
        if urlsplit(self.path).path != "/_control":
            self._serve(started, f"{self.path}?{sent}")
            return
        try:
            self._control(json.loads(sent))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self._say(400, {"error": str(error)})

    def _control(self, wanted: Mapping[str, Any]) -> None:
        now = datetime.fromisoformat(wanted["now"]) if "now" in wanted else None
        orders = []
        for told in wanted.get("faults", ()):
            when = {name: told[name] for name in ("path_prefix", "times", "every") if name in told}
            what = {name: value for name, value in told.items() if name not in when}
            orders.append((faults.understood(what), when))
        # Nothing is done until all of it is understood.
        if now is not None:
            self.standin.set_now(now)
        if wanted.get("clear"):
            self.standin.clear()
        if wanted.get("forget"):
            self.standin.forget()
        for fault, when in orders:
            self.standin.order(fault, **when)
        self._say(200, {"now": self.standin.world.now.isoformat()})

    def _say(self, status: int, said: Mapping[str, str]) -> None:
        answer = Answer(json.dumps(said).encode(), "application/json", status)
        self.connection.sendall(self._head(answer, len(answer.body)) + answer.body)

    def _serve(self, started: float, target: str) -> None:
        turn = self.standin.begin(self.connection, started)
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer, fault = self.standin.answer(target, headers)
        length, body = len(answer.body), answer.body
        if isinstance(fault, faults.Cut):
            body = body[: min(fault.after, length - 1)]
            self.close_connection = True
        agent = self.headers.get("User-Agent", "")
        end = partial(self.standin.end, turn, target, agent, answer.status)
        try:
            if isinstance(fault, faults.Late):
                self._wait(fault.seconds)
            self._send(self._head(answer, length) + body, fault, end)
        except (_GoneError, OSError):
            self.close_connection = True
            end(given_up=True)
        finally:
            end()

    def _send(self, data: bytes, fault: Fault | None, end: Callable[[], None]) -> None:
        """Sends it all; the request is noted before the client can know that it has everything."""
        if isinstance(fault, faults.Drip):
            while len(data) > fault.size:
                self.connection.sendall(data[: fault.size])
                data = data[fault.size :]
                self._wait(fault.pause)
        self.connection.sendall(data[:-1])
        end()
        self.connection.sendall(data[-1:])

    def _wait(self, seconds: float) -> None:
        """Waits. Raises _GoneError where the client hangs up meanwhile, or the server ends."""
        readable, _, _ = select.select([self.connection], [], [], seconds)
        if readable and not self.connection.recv(1, socket.MSG_PEEK):
            raise _GoneError
        if readable and self.standin.closing.wait(seconds):
            raise _GoneError

    def _head(self, answer: Answer, length: int) -> bytes:
        lines = [
            f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}",
            f"Date: {format_datetime(self.standin.world.now, usegmt=True)}",
            f"Content-Type: {answer.kind}",
            f"Content-Length: {length}",
            *(f"{name}: {value}" for name, value in answer.headers.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


# --- By hand ------------------------------------------------------------------------------------


def main() -> None:
    """Serves an invented world until it is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m standin.arxiv", description=main.__doc__)
    parser.add_argument("--port", type=int, default=8499)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first-day", type=date.fromisoformat, default=date(2026, 3, 2))
    parser.add_argument("--days", type=int, default=14, help="how many days of the calendar")
    parser.add_argument("--categories", nargs="+", default=["cs.LG", "cs.CL", "math.OC"])
    parser.add_argument("--size", type=int, default=6, help="about how many papers a day and each")
    parser.add_argument("--page-size", type=int, default=100, help="records on a harvest's page")
    parser.add_argument("--now", type=datetime.fromisoformat, help="what the clock shows")
    chosen = parser.parse_args()
    world = World(chosen.seed, chosen.first_day, chosen.days, chosen.categories, size=chosen.size)
    with Standin(world, port=chosen.port, page_size=chosen.page_size) as standin:
        if chosen.now is not None:
            standin.set_now(chosen.now if chosen.now.tzinfo else chosen.now.replace(tzinfo=UTC))
        sys.stdout.write(f"{standin.address} shows {world.now.isoformat()}\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            sys.stdout.write("Ended.\n")


if __name__ == "__main__":
    main()
