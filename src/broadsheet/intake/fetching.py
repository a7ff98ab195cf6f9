"""Asking other machines: one at a time where they wish it, patiently, and never without bounds.

A service that wants to be asked gently has turns (`store.manners`), which all processes that share
the database take in order. What fails for a moment is asked for again, later each time; what says
when to come back is believed.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypedDict
from urllib.parse import urljoin, urlsplit

import httpx

from broadsheet import __version__
from broadsheet.intake.guard import GuardError, checked
from broadsheet.store import manners
from broadsheet.store.engine import Store

_LARGEST = 64 * 1024 * 1024
_PIECE = 256 * 1024
_TRIES = 4
_MOST_REDIRECTS = 5
# Statuses after which to ask again: too many requests, and servers that cannot just now.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_CONDITIONS = frozenset({"if-none-match", "if-modified-since"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# In pauses of the service: how long to wait at most between tries, and how long a service may
# tell us to wait before we rather come back in another round.
_LONGEST_WAIT = 20
# How often, in seconds, to look whether a turn is free, of a service that wants no pause.
_LOOK_AGAIN = 0.05
_ACCEPTED = "text/xml, application/xml, application/atom+xml, application/rss+xml, text/html, */*"


class FetchError(Exception):
    """What was asked for did not come; the message is a sentence.

    `later` is in how many seconds the service wishes to be asked again, where it said so; `status`
    what it answered where that is for good; `is_outage` where it was asked several times, and could
    not answer.
    """

    def __init__(
        self,
        sentence: str,
        later: float | None = None,
        status: int | None = None,
        *,
        is_outage: bool = False,
    ) -> None:
        super().__init__(sentence)
        self.later = later
        self.status = status
        self.is_outage = is_outage


class Stopped(Exception):  # noqa: N818 - it is no error
    """The program is to end; what was asked for is asked for the next time."""


@dataclass(frozen=True, slots=True)
class Service:
    """Who is asked. `pause` is in seconds from one answer to the next question, `hosts` are
    the only hosts that a redirect may lead to; a `guarded` one may be anywhere public.
    """

    name: str
    pause: float
    hosts: tuple[str, ...] = ()
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came, unpacked. `is_news` is false where nothing changed since `etag` or `modified`."""

    url: str
    body: bytes
    kind: str
    etag: str | None = None
    modified: str | None = None
    is_news: bool = True


class Known(TypedDict, total=False):
    """What an earlier answer is known by, as options of `Fetcher.get`."""

    etag: str | None
    modified: str | None


@dataclass(slots=True)
class _Again(Exception):  # noqa: N818
    """It may come if asked once more, in `wait` seconds where that was said."""

    sentence: str
    wait: float | None = None


@dataclass(slots=True)
class Fetcher:
    """Asks, for one process. `patience` is how many seconds an answer may take, `tries` how often
    something is asked for, `contact` how a service's operators reach ours, `stop` ends every wait.
    """

    store: Store
    contact: str = ""
    patience: float = 120.0
    tries: int = _TRIES
    stop: threading.Event = field(default_factory=threading.Event)
    holder: str = field(default_factory=lambda: uuid.uuid4().hex)
    _clients: dict[str, httpx.Client] = field(default_factory=dict, init=False, repr=False)
    _lines: dict[str, _Line] = field(default_factory=dict, init=False, repr=False)

    def get(
        self,
        service: Service,
        url: str,
        *,
        etag: str | None = None,
        modified: str | None = None,
        largest: int = _LARGEST,
    ) -> Answer:
        """What is at an address, for as long as it is no larger than `largest` bytes unpacked.

        Raises FetchError where it does not come, Stopped where the program ends meanwhile, and
        StoreError where the database does not answer.
        """
        headers = {
            "User-Agent": self._who(),
            "Accept": _ACCEPTED,
            "Accept-Encoding": "gzip",
        }
        if etag:
            headers["If-None-Match"] = etag
        if modified:
            headers["If-Modified-Since"] = modified
        wait = service.pause
        for left in reversed(range(self.tries)):
            try:
                return self._followed(service, url, headers, largest)
            except _Again as again:
                if again.wait is not None and again.wait > service.pause * _LONGEST_WAIT:
                    raise FetchError(again.sentence, again.wait) from again
                if not left:
                    raise FetchError(again.sentence, again.wait, is_outage=True) from again
                pause = again.wait if again.wait is not None else wait * random.uniform(1, 1.3)  # noqa: S311
                self._rest(service, pause)
                wait = min(2 * wait, service.pause * _LONGEST_WAIT)
        raise AssertionError

    def longest(self, pause: float) -> float:
        """How many seconds `get` takes at most, of a service with this pause, but for the turns
        of others.
        """
        return _TRIES * (self.patience + pause * (_LONGEST_WAIT + 1))

    def _who(self) -> str:
        contact = f"; {self.contact}" if self.contact else ""
        return f"Broadsheet/{__version__} (self-hosted reader{contact})"

    def _followed(
        self, service: Service, url: str, headers: dict[str, str], largest: int
    ) -> Answer:
        for _ in range(_MOST_REDIRECTS):
            found = self._once(service, url, headers, largest)
            if isinstance(found, Answer):
                return found
            try:
                target = urljoin(url, found)
                host = urlsplit(target).hostname
            except ValueError as error:
                raise FetchError(f"{_shown(url)} leads to what is no address.") from error
            if not service.guarded and host not in service.hosts:
                where = host[:100] if host else "an address without a host"
                raise FetchError(f"{_shown(url)} leads to {where}, which is not asked.")
            url = target
        raise FetchError(f"{_shown(url)} leads from one address to the next without end.")

    def _once(
        self, service: Service, url: str, headers: dict[str, str], largest: int
    ) -> Answer | str:
        """One request, in our turn: the answer, or where it sends us."""
        try:
            target, extra, extensions = _target(service, url)
        except GuardError as error:
            raise FetchError(f"{_shown(url)} cannot be asked: {error}.") from error
        except httpx.InvalidURL as error:
            raise FetchError(f"{_shown(url)} cannot be asked ({_why(error)}).") from error
        line = self._lines.setdefault(service.name, _Line())
        with self._turn(service), line.cut_after(self.patience):
            until = time.monotonic() + self.patience
            try:
                with self._client(service).stream(
                    "GET",
                    target,
                    headers={**headers, **extra},
                    extensions={**extensions, "trace": line.trace},
                ) as response:
                    read = _read(response, url, until, largest, self.stop)
                    # An answer without a length ends where its connection does.
                    if line.is_cut:
                        raise _Again(f"{_shown(url)} answers too slowly.")
                    return read
            except (httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
                raise FetchError(f"{_shown(url)} cannot be asked ({_why(error)}).") from error
            except (httpx.TransportError, httpx.DecodingError) as error:
                if (mistrust := _mistrust(error)) is not None:
                    raise FetchError(
                        f"{_shown(url)} shows a certificate that is not believed ({mistrust})."
                    ) from error
                # A handshake has a deadline of its own: which of the two comes first is chance.
                if line.is_cut or (line.is_made and isinstance(error, httpx.TimeoutException)):
                    raise _Again(f"{_shown(url)} answers too slowly.") from error
                raise _Again(f"{_shown(url)} did not answer ({_why(error)}).") from error
            except (httpx.InvalidURL, httpx.HTTPError, UnicodeError) as error:
                raise FetchError(f"{_shown(url)} cannot be asked ({_why(error)}).") from error

    def close(self) -> None:
        """Lets go of every connection."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def _client(self, service: Service) -> httpx.Client:
        """One for each service, with one connection: making one takes longer than asking."""
        if service.name not in self._clients:
            self._clients[service.name] = httpx.Client(
                timeout=min(30.0, self.patience),
                # A proxy would resolve the name anew, unseen.
                trust_env=not service.guarded,
                # A guarded service's hosts are asked by address. Two of them may have the same
                # one, and a connection whose certificate was checked for one is not the other's.
                limits=httpx.Limits(
                    max_connections=1, max_keepalive_connections=0 if service.guarded else 1
                ),
            )
        return self._clients[service.name]

    @contextmanager
    def _turn(self, service: Service) -> Iterator[None]:
        # Long enough for the slowest answer: nobody else asks meanwhile.
        lease = self.patience + 2 * service.pause + 1
        while True:
            with self.store.writing() as connection:
                turn = manners.take(connection, service.name, self.holder, lease)
            if turn.granted:
                break
            # Who has it gives it back long before their lease ends, unless they were killed.
            self.wait(min(turn.wait, max(service.pause, _LOOK_AGAIN)))
        try:
            yield
        finally:
            self._rest(service, service.pause, wait=False)

    def _rest(self, service: Service, pause: float, *, wait: bool = True) -> None:
        """Nobody asks the service for `pause` seconds; nor do we go on, where `wait`."""
        with self.store.writing() as connection:
            manners.give_back(connection, service.name, self.holder, pause)
        if wait:
            self.wait(pause)

    def wait(self, seconds: float) -> None:
        """Waits. Raises Stopped where the program is to end."""
        if self.stop.wait(max(0.0, seconds)):
            raise Stopped


class _Line:
    """The connection to a service, to be cut where an answer takes too long: the client's own
    timeouts are from one byte to the next, and somebody may send one each time. `is_cut` says
    whether it was.
    """

    def __init__(self) -> None:
        self.is_cut = False
        self._socket: socket.socket | None = None

    @property
    def is_made(self) -> bool:
        """Whether the other end ever took a connection."""
        return self._socket is not None

    def trace(self, event: str, info: dict[str, Any]) -> None:
        """Is told by httpcore of everything that happens."""
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._socket = info["return_value"].get_extra_info("socket")

    @contextmanager
    def cut_after(self, seconds: float) -> Iterator[None]:
        """Cuts the connection where the block takes longer."""
        self.is_cut = False
        timer = threading.Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _cut(self) -> None:
        self.is_cut = True
        if self._socket is not None:
            with suppress(OSError):  # it is closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)


def _target(service: Service, url: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """The address to connect to, and the headers and extensions that go with it: for a guarded
    service the very machine that was checked. Raises GuardError.
    """
    if not service.guarded:
        return url, {}, {}
    found = checked(url)
    parts = httpx.URL(url)
    host = parts.netloc.decode()
    return (
        str(parts.copy_with(host=found.address)),
        {"Host": host},
        {"sni_hostname": found.host},
    )


def _read(
    response: httpx.Response, url: str, until: float, largest: int, stop: threading.Event
) -> Answer | str:
    status = response.status_code
    if status in _REDIRECTS and response.headers.get("location"):
        return str(response.headers["location"])
    if status == 304 and not _CONDITIONS.isdisjoint(response.request.headers):
        return Answer(url, b"", "", is_news=False)
    if status in _PASSING:
        raise _Again(f"{_shown(url)} answered {status}.", _retry_after(response))
    if status != 200:
        raise FetchError(f"{_shown(url)} answered {status}.", status=status)
    body = bytearray()
    for part in _unpacked(response, url, until, stop):
        body += part
        if len(body) > largest:
            raise FetchError(f"{_shown(url)} answers with more than {largest:,} bytes.")
    return Answer(
        url,
        bytes(body),
        response.headers.get("content-type", ""),
        _kept(response.headers.get("etag")),
        _kept(response.headers.get("last-modified")),
    )


def _kept(said: str | None) -> str | None:
    """What can be sent back in a header."""
    return said if said and said.isascii() and said.isprintable() and len(said) < 1000 else None


def _unpacked(
    response: httpx.Response, url: str, until: float, stop: threading.Event
) -> Iterator[bytes]:
    unpack = _Unpacking(response.headers.get("content-encoding", ""))
    # As it comes: gathered into larger pieces, a slow drip would never be looked at.
    for piece in response.iter_raw():
        if stop.is_set():
            raise Stopped
        if time.monotonic() > until:
            raise _Again(f"{_shown(url)} answers too slowly.")
        yield from unpack(piece)
    if not unpack.is_whole:
        raise _Again(f"{_shown(url)} broke off in the middle of its answer.")


class _Unpacking:
    """Unpacks gzip a bounded piece at a time: a small answer may hold gigabytes of zeros."""

    def __init__(self, encoding: str) -> None:
        packed = encoding.strip().lower() in ("gzip", "x-gzip")
        if encoding and not packed and encoding.strip().lower() != "identity":
            raise FetchError(f"The answer is packed as {encoding[:20]}, which was not asked for.")
        self._unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS) if packed else None

    def __call__(self, piece: bytes) -> Iterator[bytes]:
        """What a piece holds."""
        if self._unpacker is None:
            yield piece
            return
        try:
            while piece:
                if self._unpacker.eof:  # a further member; what follows is kept by no unpacker
                    self._unpacker = zlib.decompressobj(16 + zlib.MAX_WBITS)
                yield self._unpacker.decompress(piece, _PIECE)
                piece = self._unpacker.unused_data or self._unpacker.unconsumed_tail
        except zlib.error as error:
            raise _Again("The answer is packed and damaged.") from error

    @property
    def is_whole(self) -> bool:
        """Whether the packed answer has come to its end."""
        return self._unpacker is None or self._unpacker.eof


def _retry_after(response: httpx.Response) -> float | None:
    """In how many seconds to come back (RFC 9110, Retry-After: seconds or a date)."""
    said = response.headers.get("retry-after", "").strip()
    if said.isdecimal() and len(said) < 20:
        return float(min(int(said), 7 * 86400))
    try:
        moment = parsedate_to_datetime(said)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    try:
        # By the server's own clock: ours may go wrong.
        now = parsedate_to_datetime(response.headers.get("date", ""))
    except (ValueError, TypeError, OverflowError, IndexError):
        now = datetime.now(UTC)
    if moment.tzinfo is None or now.tzinfo is None:
        return None
    return max(0.0, min((moment - now).total_seconds(), 7 * 86400))


def _shown(url: str) -> str:
    """An address for a person: without what may be secret in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "This address"
    return f"{parts.hostname[:100]}{parts.path[:200]}" if parts.hostname else "This address"


def _mistrust(error: BaseException) -> str | None:
    """What is wrong with a certificate, where that is the reason: it will be wrong again."""
    reason: BaseException | None = error
    while reason is not None:
        if isinstance(reason, ssl.SSLCertVerificationError):
            return reason.verify_message.rstrip(".")[:200]
        reason = reason.__cause__ or reason.__context__
    return None


def _why(error: Exception) -> str:
    return str(error).split("\n", 1)[0][:200] or type(error).__name__
