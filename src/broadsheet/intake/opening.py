"""Opening what a person hands in: plain, gzip or xz, read a bounded line at a time.

No line, however long, and no compressed file, however small, is ever in memory whole.
"""

from __future__ import annotations

import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

# Longer than any real record (the longest of 428 440 real papers has 0.03 MB), far below what
# would hurt a small machine.
LONGEST_LINE = 4 * 1024 * 1024
HEAD_BYTES = 64 * 1024
# What is kept of a line that cannot be read: enough to see what it was, and to mend a usual one.
EXCERPT_BYTES = 64 * 1024
_MAGIC_GZIP = b"\x1f\x8b"
_MAGIC_XZ = b"\xfd7zXZ\x00"


class InputError(Exception):
    """A file cannot be read (any further); the message is a sentence without the file's name.

    `line` is where, `reason` what to tell; `head` the bytes at hand for the quarantine.
    """

    def __init__(self, reason: str, line: int = 1, head: bytes = b"") -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line
        self.head = head


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its end. `size` counts all its bytes; `data` is cut at LONGEST_LINE."""

    number: int
    data: bytes
    size: int

    @property
    def is_cut(self) -> bool:
        """Whether the line was too long to be read whole."""
        return self.size > len(self.data)

    def text(self) -> str:
        """The line as text. Raises InputError for bytes that are not UTF-8."""
        try:
            return self.data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise InputError(
                f"byte {error.start + 1} of the line is not UTF-8", self.number, self.data
            ) from error


class Input:
    """One opened file: its first bytes for recognising it, then its lines, once."""

    def __init__(self, path: Path, raw: IO[bytes], plain: BufferedReader) -> None:
        self.path = path
        self.size = path.stat().st_size
        self._raw = raw
        self._plain = plain
        self._line = 0

    @property
    def done(self) -> int:
        """How many of the file's `size` bytes were read so far."""
        return self._raw.tell()

    def head(self) -> bytes:
        """The first bytes, decompressed, without moving on; fewer where the file is broken."""
        with self._in_words():
            return self._plain.peek(HEAD_BYTES)[:HEAD_BYTES]

    def lines(self) -> Iterator[Line]:
        """Every line in turn. Raises InputError where a compressed file breaks off."""
        with self._in_words():
            while data := self._plain.readline(LONGEST_LINE + 1):
                self._line += 1
                yield self._finished(data)

    def _finished(self, data: bytes) -> Line:
        """The line that begins with `data`, reading on to its end where it is too long."""
        size = len(data)
        last = data
        while size > LONGEST_LINE and not last.endswith(b"\n"):
            last = self._plain.readline(LONGEST_LINE)
            if not last:
                break
            size += len(last)
        if size > LONGEST_LINE:
            return Line(self._line, data[:LONGEST_LINE], size)
        data = data.rstrip(b"\r\n")
        if self._line == 1:
            data = data.removeprefix(b"\xef\xbb\xbf")
        return Line(self._line, data, len(data))

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise InputError(
                "the compressed file is damaged or cut off here; what came before it was read",
                self._line + 1,
            ) from error
        except OSError as error:
            raise InputError(
                f"the file cannot be read ({error.strerror})", self._line + 1
            ) from error


@contextmanager
def open_input(path: Path) -> Iterator[Input]:
    """Opens a file for reading, seeing through gzip and xz by their first bytes.

    Raises InputError where there is no such file or it may not be read.
    """
    try:
        raw = path.open("rb")
    except FileNotFoundError:
        raise InputError("there is no such file") from None
    except IsADirectoryError:
        raise InputError("this is a folder; name the files in it") from None
    except OSError as error:
        raise InputError(f"the file cannot be opened ({error.strerror})") from error
    with raw:
        magic = raw.peek(6)[:6]
        opened: Any = raw
        if magic.startswith(_MAGIC_GZIP):
            opened = gzip.GzipFile(fileobj=raw)
        elif magic.startswith(_MAGIC_XZ):
            opened = lzma.LZMAFile(raw)  # noqa: SIM115 - closing `raw` is enough
        yield Input(path, raw, BufferedReader(opened, HEAD_BYTES))
