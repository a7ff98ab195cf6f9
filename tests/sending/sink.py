"""A relay that takes everything and writes down what it took, in a process of its own.

    python -m sending.sink FILE [--answer-after SECONDS]

prints its port and takes mail at 127.0.0.1 until its standard input ends. Each message that it is
going to say yes to is a line of FILE first (recipient, edition by Feedback-ID, Message-ID, DKIM or
not, separated by tabs), written before the answer: what a sender never heard of is there too. When
it ends, it prints how many connections it had at once at most.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import sys

_DOT = b"\r\n.\r\n"
_ADDRESS = re.compile(rb"<([^>]*)>")


class Taking(asyncio.Protocol):
    """One connection: no checks, no queue, as fast as Python goes."""

    open = 0
    most = 0

    def __init__(self, file: int, answer_after: float) -> None:
        self._file = file
        self._answer_after = answer_after
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._in_message = False
        self._recipient = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        Taking.open += 1
        Taking.most = max(Taking.most, Taking.open)
        self._say(b"220 sink")

    def connection_lost(self, exc: Exception | None) -> None:
        Taking.open -= 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            end = self._buffer.find(_DOT if self._in_message else b"\r\n")
            if end < 0:
                return
            whole, rest = self._buffer[:end], self._buffer[end + (5 if self._in_message else 2) :]
            self._buffer = rest
            if self._in_message:
                self._in_message = False
                self._take(whole)
            else:
                self._obey(whole)

    def _obey(self, command: bytes) -> None:
        verb = command[:4].upper()
        if verb == b"RCPT":
            found = _ADDRESS.search(command)
            self._recipient = found[1] if found else b""
        if verb == b"DATA":
            self._in_message = True
            self._say(b"354 go on")
        elif verb == b"QUIT":
            self._say(b"221 bye")
            assert self._transport is not None
            self._transport.close()
        else:
            self._say(b"250 yes")

    def _take(self, message: bytes) -> None:
        head = message.partition(b"\r\n\r\n")[0] + b"\r\n"
        fields = (
            self._recipient,
            _header(head, b"Feedback-ID"),
            _header(head, b"Message-ID"),
            b"signed" if b"DKIM-Signature:" in head else b"plain",
        )
        os.write(self._file, b"\t".join(fields) + b"\n")
        if self._answer_after:
            asyncio.get_running_loop().call_later(self._answer_after, self._say, b"250 taken")
        else:
            self._say(b"250 taken")

    def _say(self, line: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line + b"\r\n")


def _header(head: bytes, name: bytes) -> bytes:
    found = re.search(rb"(?mi)^" + name + rb":[ \t]*([^\r\n]*)", head)
    return found[1] if found else b"-"


async def serve(path: str, answer_after: float) -> None:
    """Takes mail until standard input ends."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Taking(file, answer_after), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    sys.stdout.write(f"{Taking.most}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--answer-after", type=float, default=0.0)
    given = parser.parse_args()
    asyncio.run(serve(given.file, given.answer_after))
