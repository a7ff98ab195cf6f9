"""Asking over TLS: whose certificate counts, and what names may come to mean meanwhile.

A guarded service is asked at the address that was checked, under the name that was given; so the
certificate has to be the name's, whatever the address says.
"""

from __future__ import annotations

import ipaddress
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import certifi
import pytest

from broadsheet.intake import guard
from broadsheet.intake.fetching import Fetcher, FetchError, Service
from broadsheet.store.engine import Store

from .authority import Authority
from .crooked import Crooked, Way, crooked, saying

OPEN = Service("feeds", 0.005, guarded=True)
KNOWN = Service("known", 0.005, ("feeds.example",))
# What a record of a handshake begins with that is to have sixteen kilobytes.
_BEGINNING = b"\x16\x03\x03\x40\x00"


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The only authority that is believed."""
    made = Authority(tmp_path)
    monkeypatch.setattr(certifi, "where", lambda: str(made.roots))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return made


@contextmanager
def serving(
    certificates: dict[str | None, ssl.SSLContext],
) -> Iterator[tuple[Crooked, str]]:
    """A server of a feed, and its address under the name `feeds.example`."""
    with crooked({"/feed": saying(b"feed")}, certificates) as server:
        yield server, f"https://feeds.example:{server.port}/feed"


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("service", [OPEN, KNOWN], ids=["guarded", "known"])
def test_the_name_is_asked_for_and_its_certificate_is_believed(
    fetcher: Fetcher, authority: Authority, service: Service
) -> None:
    certificates: dict[str | None, ssl.SSLContext] = {
        "feeds.example": authority.server("feeds.example"),
        None: authority.server("other.example"),
    }
    with serving(certificates) as (server, url):
        found = fetcher.get(service, url)
        [met] = server.met
    assert (found.body, found.url) == (b"feed", url)
    assert met.asked_for == "feeds.example"
    assert met.headers["host"] == f"feeds.example:{server.port}"


@pytest.mark.usefixtures("public")
@pytest.mark.parametrize("service", [OPEN, KNOWN], ids=["guarded", "known"])
@pytest.mark.parametrize(
    ("name", "lasts", "why"),
    [
        ("other.example", 1, "Hostname mismatch"),
        ("feeds.example.evil.example", 1, "Hostname mismatch"),
        # Who has the address is not who has the name.
        ("127.0.0.1", 1, "Hostname mismatch"),
        ("feeds.example", -1, "certificate has expired"),
    ],
    ids=["another", "longer", "the address", "expired"],
)
def test_any_other_certificate_is_refused_and_nothing_is_asked(
    fetcher: Fetcher, authority: Authority, service: Service, name: str, lasts: int, why: str
) -> None:
    wrong = authority.server(name, lasts=timedelta(days=lasts))
    with serving({None: wrong}) as (server, url), pytest.raises(FetchError) as failed:
        fetcher.get(service, url)
    assert str(failed.value).startswith(
        f"feeds.example/feed shows a certificate that is not believed ({why}"
    )
    # Once: it would be no better a moment later.
    assert server.connections == 1
    assert server.met == []


@pytest.mark.usefixtures("public", "authority")
@pytest.mark.parametrize("service", [OPEN, KNOWN], ids=["guarded", "known"])
def test_so_is_one_that_nobody_signed_who_is_trusted(
    fetcher: Fetcher, tmp_path: Path, service: Service
) -> None:
    stranger = Authority(tmp_path, "stranger").server("feeds.example")
    with serving({None: stranger}) as (server, url), pytest.raises(FetchError) as failed:
        fetcher.get(service, url)
    assert "shows a certificate that is not believed (unable to get" in str(failed.value)
    assert server.met == []


@pytest.mark.usefixtures("public")
def test_who_is_led_elsewhere_is_shown_a_certificate_of_there(
    fetcher: Fetcher, authority: Authority
) -> None:
    certificates: dict[str | None, ssl.SSLContext] = {
        "feeds.example": authority.server("feeds.example"),
        "other.example": authority.server("other.example"),
        None: authority.server("feeds.example"),
    }
    ways: dict[str, Way] = {"/new": saying(b"new")}
    with crooked(ways, certificates) as server:
        for name in ("other", "third"):
            there = f"https://{name}.example:{server.port}/new"
            ways[f"/{name}"] = saying(status=302, headers={"Location": there})
        found = fetcher.get(OPEN, f"https://feeds.example:{server.port}/other")
        with pytest.raises(FetchError, match="Hostname mismatch"):
            fetcher.get(OPEN, f"https://feeds.example:{server.port}/third")
        asked = [(request.asked_for, request.path) for request in server.met]
    assert found.body == b"new"
    assert asked == [
        ("feeds.example", "/other"),
        ("other.example", "/new"),
        ("feeds.example", "/third"),
    ]


class _Drips(socketserver.BaseRequestHandler):
    """Begins a handshake and never comes to its end: a byte each time."""

    connections = 0
    closing: threading.Event

    def handle(self) -> None:
        type(self).connections += 1
        with suppress(OSError):  # the client has gone
            self.request.sendall(_BEGINNING)
            while not self.closing.wait(0.05):
                self.request.sendall(b"x")


@pytest.mark.usefixtures("authority", "public")
@pytest.mark.parametrize("service", [OPEN, KNOWN], ids=["guarded", "known"])
def test_a_handshake_that_drips_is_not_waited_for(sqlite_store: Store, service: Service) -> None:
    fetcher = Fetcher(sqlite_store, patience=0.3)
    closing = threading.Event()

    class Drips(_Drips):
        pass

    Drips.closing = closing
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drips) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        # As a whole it would last for a quarter of an hour.
        with pytest.raises(FetchError) as failed:
            fetcher.get(service, f"https://feeds.example:{server.server_address[1]}/feed")
        closing.set()
        server.shutdown()
    fetcher.close()
    assert str(failed.value) == "feeds.example/feed answers too slowly."
    assert Drips.connections == 4


# --- names that change what they mean -----------------------------------------------------------


@dataclass
class Rebound:
    """A server that everybody may ask, one inside at the same port, and the names looked up."""

    outer: Crooked
    inner: Crooked
    asked: list[str]


@contextmanager
def rebound(
    monkeypatch: pytest.MonkeyPatch,
    ways: dict[str, Way],
    certificates: dict[str | None, ssl.SSLContext] | None = None,
) -> Iterator[Rebound]:
    """`feeds.example` is at 127.0.0.1 when it is first looked up, and ever after at 127.0.0.2,
    which is not public.
    """
    real, asked = socket.getaddrinfo, []

    def getaddrinfo(host: str, *others: Any, **named: Any) -> Any:
        if host != "feeds.example":
            return real(host, *others, **named)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *others, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    outside = ipaddress.ip_address("127.0.0.1")
    monkeypatch.setattr(guard, "is_public", lambda address: address == outside)
    secret = {path: saying(b"secret") for path in ways}
    with (
        crooked(ways, certificates) as outer,
        crooked(secret, certificates, at=("127.0.0.2", outer.port)) as inner,
    ):
        yield Rebound(outer, inner, asked)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_means_another_machine_a_moment_later_is_asked_at_the_first(
    fetcher: Fetcher, authority: Authority, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    certificates: dict[str | None, ssl.SSLContext] = {None: authority.server("feeds.example")}
    secure = certificates if scheme == "https" else None
    with rebound(monkeypatch, {"/feed": saying(b"feed")}, secure) as of:
        found = fetcher.get(OPEN, f"{scheme}://feeds.example:{of.outer.port}/feed")
    assert found.body == b"feed"
    assert of.asked == ["feeds.example"]
    assert of.inner.connections == 0


@pytest.mark.parametrize(
    "first",
    [saying(status=503), saying(status=302, headers={"Location": "/feed"})],
    ids=["asked again", "led back"],
)
def test_when_it_is_asked_once_more_it_is_checked_once_more(
    fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch, first: Way
) -> None:
    ways = {"/": first, "/feed": saying(b"feed")}
    with rebound(monkeypatch, ways) as of, pytest.raises(FetchError) as failed:
        fetcher.get(OPEN, f"http://feeds.example:{of.outer.port}/")
    assert str(failed.value).endswith("is at 127.0.0.2, which is no public address.")
    assert of.outer.paths == ["/"]
    assert of.inner.connections == 0
