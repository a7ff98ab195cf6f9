"""A relay that misbehaves on order, in a thread of this process (aiosmtpd)."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

# What a fault may be, beside the words of an answer: the connection ends; nothing is said.
CUT, HANG, FINE = "cut", "hang", "fine"


@dataclass
class Relayed:
    """A message that the relay has whole, whether or not it said so."""

    sender: str
    recipient: str
    content: bytes
    tls: bool
    user: str


@dataclass
class Faults:
    """What goes wrong, by stage, one after the other; then all goes well. And what was taken."""

    stages: dict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))
    taken: list[Relayed] = field(default_factory=list)
    connections: int = 0
    arrived: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)

    def order(self, **stages: str | list[str]) -> None:
        """As in `order(rcpt="450 later")`."""
        for stage, faults in stages.items():
            self.stages[stage].extend([faults] if isinstance(faults, str) else faults)

    def next(self, stage: str) -> str:
        """What happens now."""
        waiting = self.stages[stage]
        return waiting.popleft() if waiting else FINE


class Crooked(SMTP):
    """The relay: a fault of a stage comes in place of its answer."""

    def __init__(self, faults: Faults, **options: Any) -> None:
        self.faults = faults
        super().__init__(Taking(faults), hostname="crooked", **options)

    @property
    def is_secured(self) -> bool:
        """Whether the connection has TLS."""
        return bool(self.transport and self.transport.get_extra_info("sslcontext"))

    def end(self) -> None:
        """Ends the connection without a word."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()

    async def _strays(self, stage: str) -> bool:
        fault = self.faults.next(stage)
        if fault == FINE:
            return False
        if fault == CUT:
            self.end()
        elif fault == HANG:
            await asyncio.sleep(3600)
        else:
            await self.push(fault)
            if stage == "connect" or fault.startswith("421"):
                assert isinstance(self.transport, asyncio.WriteTransport)
                self.transport.close()
        return True

    async def _handle_client(self) -> None:
        self.faults.connections += 1
        if not await self._strays("connect"):
            await super()._handle_client()

    async def smtp_EHLO(self, hostname: str) -> None:
        if not await self._strays("ehlo"):
            await super().smtp_EHLO(hostname)

    async def smtp_HELO(self, hostname: str) -> None:
        if not await self._strays("helo"):
            await super().smtp_HELO(hostname)

    async def smtp_MAIL(self, arg: str | None) -> None:
        if not await self._strays("mail"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str | None) -> None:
        if not await self._strays("rcpt"):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        if await self._strays("data"):
            return
        if self.faults.next("body") == CUT:
            await self.push("354 go on")
            self.end()
            return
        await super().smtp_DATA(arg)


class Taking:
    """What becomes of a whole message."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    async def handle_DATA(self, server: Crooked, session: Session, envelope: Envelope) -> str:
        """The stage `message`: an answer, or none: the message is there all the same."""
        fault = self._faults.next("message")
        if fault == FINE or fault in (CUT, HANG, "wait"):
            self._faults.taken.append(
                Relayed(
                    envelope.mail_from or "",
                    envelope.rcpt_tos[0],
                    content if isinstance(content := envelope.content, bytes) else b"",
                    server.is_secured,
                    _user(session),
                )
            )
        if fault == "wait":
            self._faults.arrived.set()
            await asyncio.to_thread(self._faults.go_on.wait, 30)
        elif fault == CUT:
            server.end()
        elif fault == HANG:
            await asyncio.sleep(3600)
        elif fault != FINE:
            return fault
        return "250 2.0.0 taken"


def _user(session: Session) -> str:
    given: object = session.auth_data
    return given.login.decode() if isinstance(given, LoginPassword) else ""


@contextmanager
def crooked(
    faults: Faults,
    *,
    context: ssl.SSLContext | None = None,
    implicit: bool = False,
    password: bytes | None = None,
) -> Iterator[int]:
    """The relay at 127.0.0.1 for as long as the block runs; gives its port."""

    def authenticate(_server: Any, _session: Any, _envelope: Any, _kind: str, given: Any) -> Any:
        right = isinstance(given, LoginPassword) and given.password == password
        return AuthResult(success=right, handled=False, auth_data=given)

    def connection() -> Crooked:
        options: dict[str, Any] = {}
        if context is not None and not implicit:
            options["tls_context"] = context
        if password is not None:
            options |= {"authenticator": authenticate, "auth_require_tls": False}
        made.append(Crooked(faults, **options))
        return made[-1]

    made: list[Crooked] = []
    loop = asyncio.new_event_loop()
    started: list[asyncio.Server] = []
    ready = threading.Event()

    async def begin() -> None:
        server = await loop.create_server(
            connection, "127.0.0.1", 0, ssl=context if implicit else None
        )
        started.append(server)
        ready.set()

    def run() -> None:
        loop.run_until_complete(begin())
        loop.run_forever()
        for one in made:
            one.end()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0.01))
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield started[0].sockets[0].getsockname()[1]
    finally:
        faults.go_on.set()
        loop.call_soon_threadsafe(started[0].close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
