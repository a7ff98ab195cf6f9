"""A folder in place of a relay: messages as files of a Maildir, to look at or to carry on."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from broadsheet.mail.relay import Unreachable


class FolderLine:
    """Writes each message to `new/`, under a name of its own: written twice, it is one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._message = b""
        self._name = ""

    @property
    def is_open(self) -> bool:
        """A folder has no end."""
        return True

    async def offer(self, sender: str, recipient: str, message: bytes) -> None:
        """Keeps the message; Return-Path and Delivered-To say what an envelope would."""
        envelope = f"Return-Path: <{sender}>\r\nDelivered-To: {recipient}\r\n"
        self._message = envelope.encode("ascii") + message
        self._name = f"{_id_of(message)}.broadsheet"

    async def finish(self) -> str:
        """Writes it. Raises Unreachable where the folder cannot be written."""
        return await asyncio.to_thread(self._write)

    async def abandon(self) -> None:
        """Forgets it."""
        self._message = b""

    async def close(self) -> None:
        """Nothing to say goodbye to."""

    def _write(self) -> str:
        try:
            for part in ("tmp", "new", "cur"):
                (self._folder / part).mkdir(parents=True, exist_ok=True)
            being_written = self._folder / "tmp" / self._name
            with being_written.open("wb") as file:
                file.write(self._message)
                file.flush()
                os.fsync(file.fileno())
            target = self._folder / "new" / self._name
            being_written.replace(target)
        except OSError as error:
            raise Unreachable(
                f"The mail folder {self._folder} cannot be written: {error.strerror}."
            ) from error
        return f"written to {target.name}"


def _id_of(message: bytes) -> str:
    """The Message-ID as a file name; ours has only letters, digits, dots, - _ and @."""
    start = message.index(b"\r\nMessage-ID: <") + len(b"\r\nMessage-ID: <")
    return message[start : message.index(b">", start)].decode("ascii")
