"""A relay that takes everything and writes down what it took, in a process of its own.

    python -m sending.sink FILE [--answer-after SECONDS] [--moody SEED]

prints its port and takes mail at 127.0.0.1 until its standard input ends. Each message that it is
going to say yes to is a line of FILE first (recipient, edition by Feedback-ID, Message-ID, DKIM or
not, separated by tabs), written before the answer: what a sender never heard of is there too. When
it ends, it prints how many connections it had at once at most.

With `--moody` it misbehaves now and then: answers "not now" at each stage, is full, closes before
or after the final dot, is slow, knows nobody called gone…, and looks at strangers only when they
come a second time (greylisting). How often it did which is one line a kind in FILE.moods.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import sys
from collections import Counter
from pathlib import Path

_DOT = b"\r\n.\r\n"
_ADDRESS = re.compile(rb"<([^>]*)>")


class Moods:
    """What goes wrong next, by chance."""

    def __init__(self, seed: int, often: float = 0.005) -> None:
        self.count: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._often = often
        self._seen: set[tuple[str, bytes]] = set()

    def comes(self, mood: str, recipient: bytes = b"") -> bool:
        """Whether this goes wrong now."""
        if self._chance.random() >= self._often:
            return False
        # Twice in doubt would be given up: each has that once in their life.
        return self._first(mood, recipient) if recipient else self._counted(mood)

    def is_stranger(self, recipient: bytes) -> bool:
        """Whether this is somebody to look at when they come again: one in seven."""
        return sum(recipient) % 7 == 0 and self._first("greylisted", recipient)

    def is_gone(self, recipient: bytes) -> bool:
        """Whether nobody of that name is here."""
        return recipient.startswith(b"gone") and self._counted("refused for good")

    def _first(self, mood: str, recipient: bytes) -> bool:
        key = ("cut" if "dot" in mood else mood, recipient)
        if key in self._seen:
            return False
        self._seen.add(key)
        return self._counted(mood)

    def _counted(self, mood: str) -> bool:
        self.count[mood] += 1
        return True


class Taking(asyncio.Protocol):
    """One connection: no checks, no queue, as fast as Python goes."""

    open = 0
    most = 0

    def __init__(self, file: int, answer_after: float, moods: Moods | None) -> None:
        self._file = file
        self._answer_after = answer_after
        self._moods = moods
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._in_message = False
        self._recipient = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        Taking.open += 1
        Taking.most = max(Taking.most, Taking.open)
        if self._moods and self._moods.comes("busy when called"):
            self._say(b"421 4.3.2 come back later")
            transport.close()
            return
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
        if self._moods and self._strays(verb, self._moods):
            return
        if verb == b"DATA":
            self._in_message = True
            self._say(b"354 go on")
        elif verb == b"QUIT":
            self._say(b"221 bye")
            assert self._transport is not None
            self._transport.close()
        else:
            self._say(b"250 yes")

    def _strays(self, verb: bytes, moods: Moods) -> bool:
        """Whether something else was done than the command."""
        if verb == b"RCPT" and moods.is_gone(self._recipient):
            self._say(b"550 5.1.1 nobody of that name")
        elif verb == b"RCPT" and moods.is_stranger(self._recipient):
            self._say(b"450 4.2.0 a stranger, come again")
        elif verb in (b"MAIL", b"RCPT", b"DATA") and moods.comes(f"not now: {verb.decode()}"):
            self._say(b"451 4.3.0 not now")
        elif verb == b"DATA" and moods.comes("cut before the dot", self._recipient):
            self._say(b"354 go on")
            self._end()
        else:
            return False
        return True

    def _end(self) -> None:
        assert self._transport is not None
        self._transport.abort()

    def _take(self, message: bytes) -> None:
        moods, after = self._moods, self._answer_after
        if moods and moods.comes("full"):
            self._say(b"452 4.3.1 full")
            return
        head = message.partition(b"\r\n\r\n")[0] + b"\r\n"
        fields = (
            self._recipient,
            _header(head, b"Feedback-ID"),
            _header(head, b"Message-ID"),
            b"signed" if b"DKIM-Signature:" in head else b"plain",
        )
        os.write(self._file, b"\t".join(fields) + b"\n")
        if moods and moods.comes("cut after the dot", self._recipient):
            self._end()
            return
        if moods and moods.comes("slow"):
            after += 0.3
        if after:
            asyncio.get_running_loop().call_later(after, self._say, b"250 taken")
        else:
            self._say(b"250 taken")

    def _say(self, line: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(line + b"\r\n")


def _header(head: bytes, name: bytes) -> bytes:
    found = re.search(rb"(?mi)^" + name + rb":[ \t]*([^\r\n]*)", head)
    return found[1] if found else b"-"


async def serve(path: str, answer_after: float, moods: Moods | None) -> None:
    """Takes mail until standard input ends."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Taking(file, answer_after, moods), "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
    sys.stdout.write(f"{Taking.most}\n")
    if moods:
        kinds = "".join(f"{count}\t{mood}\n" for mood, count in sorted(moods.count.items()))
        Path(f"{path}.moods").write_text(kinds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--answer-after", type=float, default=0.0)
    parser.add_argument("--moody", type=int, metavar="SEED")
    given = parser.parse_args()
    mood = None if given.moody is None else Moods(given.moody)
    asyncio.run(serve(given.file, given.answer_after, mood))
