"""A server for what the stand-in is too well-bred for: each path misbehaves in its own way."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Way = Callable[["Handler"], None]


@dataclass
class Met:
    """A request as it came, by which connection, and for whom that asked (TLS's SNI)."""

    path: str
    headers: dict[str, str]
    connection: tuple[str, int]
    asked_for: str | None = None


@dataclass
class Crooked:
    """The server: `ways` by path, and what it met."""

    ways: dict[str, Way]
    port: int = 0
    met: list[Met] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    # The connections that came to be, those whose handshake failed with them.
    connections: int = 0
    certificates: Mapping[str | None, ssl.SSLContext] | None = None

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
        asked_for = getattr(self.connection, "asked_for", None)
        self.crooked.met.append(Met(self.path, headers, self.client_address, asked_for))
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


class _Secret(ssl.SSLSocket):
    """A connection that remembers for whom it asked."""

    asked_for: str | None = None


class _Server(ThreadingHTTPServer):
    daemon_threads, block_on_close = True, False
    crooked: Crooked

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the connection's own thread: there the handshake may take its time."""
        self.crooked.connections += 1
        if self.crooked.certificates is None:
            super().finish_request(request, client_address)
            return
        with _handshake(request, self.crooked.certificates) as secret:
            super().finish_request(secret, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Says nothing: clients that turn away are what is tested."""


def _handshake(
    request: socket.socket, certificates: Mapping[str | None, ssl.SSLContext]
) -> ssl.SSLSocket:
    """The connection with the certificate of whom it asks for; of None where nobody has that."""

    def choose(connection: ssl.SSLObject, name: str | None, _first: ssl.SSLContext) -> None:
        connection.asked_for = name  # type: ignore[attr-defined]
        connection.context = certificates.get(name, certificates[None])

    first = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    first.sslsocket_class = _Secret
    first.sni_callback = choose
    return first.wrap_socket(request, server_side=True)


@contextmanager
def crooked(
    ways: dict[str, Way],
    certificates: Mapping[str | None, ssl.SSLContext] | None = None,
    at: tuple[str, int] = ("127.0.0.1", 0),
) -> Iterator[Crooked]:
    """The server, while the block lasts; with `certificates` by name (None: for all others), one
    that speaks TLS.
    """
    made = Crooked(ways, certificates=certificates)
    kind = type("_Handler", (Handler,), {"crooked": made})
    with _Server(at, kind) as http:
        http.crooked = made
        made.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield made
        finally:
            made.closing.set()
            http.shutdown()
            thread.join()
