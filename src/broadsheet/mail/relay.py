"""Talking to the relay (SMTP, RFC 5321): one line is one connection, used for many messages.

A message is handed over in two steps, so that the outbox can be written in between: `offer` says
everything but the final dot, `finish` sends that and waits for the answer. Only between those two
can it be unknown whether the relay took a message. What goes wrong is one of four exceptions, and
which of them it is decides what becomes of the message.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aiosmtplib import SMTP, SMTPResponse

_STARTING_LINE_DOTS = re.compile(rb"(?m)^\.")
_ENHANCED = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b")
# RFC 3463, 3.2: the recipient's address is bad for good. 5.1.7 and 5.1.8 are the sender's.
_BAD_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"})
_TOO_LARGE = 552
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TLS_PORT = 465


class Unreachable(Exception):  # noqa: N818 - what happened, not what was wrong with us
    """The relay takes nothing from us now: it does not answer, or refuses us, not a message."""


class Broken(Exception):  # noqa: N818
    """The connection ended before the final dot: the relay cannot have taken the message."""


class Undecided(Exception):  # noqa: N818
    """The final dot was sent and no answer came: nobody knows whether the message was taken."""


class Refused(Exception):  # noqa: N818
    """The relay answered that it does not take this message: for now (4xx), or for good (5xx)."""

    def __init__(self, code: int, said: str, stage: str) -> None:
        self.code = code
        self.said = " ".join(said.split())
        self.stage = stage
        super().__init__(f"{code} {self.said}")

    @property
    def is_for_good(self) -> bool:
        """Whether trying again is of no use."""
        return self.code >= 500

    @property
    def is_bad_address(self) -> bool:
        """Whether nothing will ever reach this address, going by the enhanced status."""
        status = _ENHANCED.match(self.said)
        return self.is_for_good and status is not None and status[1] in _BAD_ADDRESS


@dataclass(frozen=True, slots=True)
class Relay:
    """Where mail is handed over, and how.

    `security` is none, opportunistic (TLS where offered, whoever it is), starttls, tls (from the
    first byte), or auto: none to this machine, else one of the two that are safe. `wait` is for
    each answer, `wait_for_end` for the one to the final dot (RFC 5321, 4.5.3.2.6: ten minutes), in
    seconds. `roots` is a file of certificates to trust beside the system's.
    """

    host: str
    port: int = 25
    security: str = "auto"
    user: str = ""
    password: str = field(default="", repr=False)
    local_name: str = ""
    wait: float = 60.0
    wait_for_end: float = 600.0
    roots: str = ""

    @property
    def name(self) -> str:
        """As in `mail.example.org:587`."""
        return f"{self.host}:{self.port}"

    @property
    def settled_security(self) -> str:
        """`security`, with auto settled."""
        if self.security != "auto":
            return self.security
        if self.host in LOOPBACK:
            return "none"
        return "tls" if self.port == _TLS_PORT else "starttls"


class Line(Protocol):
    """One way to hand over messages, one after the other."""

    async def offer(self, sender: str, recipient: str, message: bytes) -> None:
        """Everything but the end. Raises Refused, Broken, Unreachable."""

    async def finish(self) -> str:
        """The end; returns the answer. Raises Refused, Broken (not sent), Undecided."""

    async def abandon(self) -> None:
        """Ends the line without the end of the message: it was never sent."""

    async def close(self) -> None:
        """Says goodbye."""

    @property
    def is_open(self) -> bool:
        """Whether another message can be offered."""


class SmtpLine:
    """A connection to the relay."""

    def __init__(self, client: SMTP, relay: Relay) -> None:
        self._client = client
        self._relay = relay

    @property
    def is_open(self) -> bool:
        """Whether another message can be offered."""
        return self._client.is_connected

    @property
    def secured(self) -> str:
        """The version of TLS in use, as in TLSv1.3; empty where there is none."""
        tls: ssl.SSLObject | None = self._client.get_transport_info("ssl_object")
        return (tls and tls.version()) or ""

    async def offer(self, sender: str, recipient: str, message: bytes) -> None:
        """MAIL, RCPT, DATA and the message, without its final dot."""
        from aiosmtplib import SMTPException

        client = self._client
        size = [f"SIZE={len(message)}"] if client.supports_extension("size") else []
        try:
            mail = await client.execute_command(
                b"MAIL", f"FROM:<{sender}>".encode("ascii"), *(one.encode() for one in size)
            )
            if mail.code != 250:
                await self._refused_sender(mail)
            rcpt = await client.execute_command(b"RCPT", f"TO:<{recipient}>".encode("ascii"))
            if rcpt.code not in (250, 251):
                await self._again(rcpt, "RCPT")
            data = await client.execute_command(b"DATA")
            if data.code != 354:
                await self._again(data, "DATA")
            stuffed = _STARTING_LINE_DOTS.sub(b"..", message)
            assert stuffed.endswith(b"\r\n"), "a message ends with a line end"
            if client.protocol is None:
                raise Broken("The relay closed the connection.")
            client.protocol.write(stuffed)
        except (SMTPException, OSError) as error:
            client.close()
            raise Broken(_sentence(error)) from error

    async def finish(self) -> str:
        """The final dot, and what the relay answers to the whole message."""
        from aiosmtplib import SMTPException

        protocol = self._client.protocol
        if protocol is None or not protocol.is_connected:
            raise Broken("The relay closed the connection before the message was whole.")
        try:
            protocol.write(b".\r\n")
            answer = await protocol.read_response(timeout=self._relay.wait_for_end)
        except (SMTPException, OSError) as error:
            self._client.close()
            raise Undecided(_sentence(error)) from error
        if 200 <= answer.code < 300:
            return f"{answer.code} {answer.message}"
        if answer.code == 421:
            self._client.close()
        raise Refused(answer.code, answer.message, "message")

    async def abandon(self) -> None:
        """Closes the connection: a message that has begun cannot be taken back otherwise."""
        self._client.close()

    async def close(self) -> None:
        """QUIT, where the relay is still there."""
        from aiosmtplib import SMTPException

        if not self._client.is_connected:
            return
        try:
            await self._client.quit(timeout=min(5.0, self._relay.wait))
        except (SMTPException, OSError):
            self._client.close()

    async def _refused_sender(self, answer: SMTPResponse) -> None:
        """A refusal of MAIL is one of us: no other message would fare better."""
        if answer.code == _TOO_LARGE:
            await self._again(answer, "MAIL")
        self._client.close()
        raise Unreachable(
            f"The relay {self._relay.name} does not take mail from our address: "
            f"{answer.code} {' '.join(answer.message.split())}"
        )

    async def _again(self, answer: SMTPResponse, stage: str) -> None:
        """Makes the line ready for the next message and raises what became of this one."""
        if self._client.is_connected:
            await self._client.execute_command(b"RSET")
        raise Refused(answer.code, answer.message, stage)


async def connect(relay: Relay) -> SmtpLine:
    """A line to the relay, greeted, secured and logged in as set. Raises Unreachable."""
    from aiosmtplib import SMTP, SMTPException

    security = relay.settled_security
    client = SMTP(
        hostname=relay.host,
        port=relay.port,
        timeout=relay.wait,
        local_hostname=relay.local_name or None,
        use_tls=security == "tls",
        start_tls={"starttls": True, "opportunistic": None}.get(security, False),
        tls_context=None if security == "none" else tls_context(relay),
        username=relay.user or None,
        password=relay.password or None,
    )
    try:
        await client.connect()
        if client.is_ehlo_or_helo_needed:
            await client.ehlo()
    except (SMTPException, OSError, ValueError) as error:
        client.close()
        raise Unreachable(f"The relay {relay.name} cannot be used: {_sentence(error)}") from error
    return SmtpLine(client, relay)


@lru_cache(maxsize=4)  # reading the certificates takes longer than a message
def tls_context(relay: Relay) -> ssl.SSLContext:
    """What TLS demands of the relay: everything, except where it is only taken along."""
    context = ssl.create_default_context(cafile=relay.roots or None)
    if relay.settled_security == "opportunistic":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _sentence(error: Exception) -> str:
    """What happened, on one line, for the outbox and the log. Libraries repeat no password."""
    code = getattr(error, "code", None)
    said = " ".join(str(error).split()) or type(error).__name__
    message = getattr(error, "message", None)
    if code is not None and isinstance(message, str):
        said = f"{code} {' '.join(message.split())}"
    return said[:300]
