"""A server for what the stand-in is too well-bred for: each path misbehaves in its own way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Way = Callable[["Handler"], None]


@dataclass
class Met:
    """A request as it came, and by which connection."""

    path: str
    headers: dict[str, str]
    connection: tuple[str, int]


@dataclass
class Crooked:
    """The server: `ways` by path, and what it met."""

    ways: dict[str, Way]
    port: int = 0
    met: list[Met] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.met]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    crooked: Crooked

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is the base's
        """Says nothing."""

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.crooked.met.append(Met(self.path, headers, self.client_address))
        try:
            self.crooked.ways[self.path.partition("?")[0]](self)
        except OSError:  # the client has gone
            self.close_connection = True

    def raw(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self.wfile.write(data)
        self.wfile.flush()

    def answer(
        self, body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Sends a whole answer."""
        lines = [f"HTTP/1.1 {status} -", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.raw("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    def drip(self, data: bytes) -> None:
        """Sends the same over and over, a little at a time, for as long as somebody listens."""
        while not self.crooked.closing.wait(0.05):
            self.raw(data)


def saying(body: bytes = b"", status: int = 200, headers: Mapping[str, str] | None = None) -> Way:
    """The way of always answering so."""
    return lambda handler: handler.answer(body, status, headers)


@contextmanager
def crooked(ways: dict[str, Way]) -> Iterator[Crooked]:
    """The server, while the block lasts."""
    made = Crooked(ways)
    kind = type("_Handler", (Handler,), {"crooked": made})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as http:
        http.daemon_threads, http.block_on_close = True, False
        made.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.closing.set()
            http.shutdown()
            thread.join()
