"""Opening what a person hands in: plain, gzip or xz, read a bounded line at a time.

No line, however long, and no compressed file, however small, is ever in memory whole.
"""

from __future__ import annotations

import gzip
import lzma
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Longer than any real record (the longest of 428 440 real papers has 0.03 MB), far below what
# would hurt a small machine.
LONGEST_LINE = 4 * 1024 * 1024
HEAD_BYTES = 64 * 1024
# What is kept of a line that cannot be read: enough to see what it was, and to mend a usual one.
EXCERPT_BYTES = 64 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
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


class Line(NamedTuple):
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
    """One opened file: its first bytes for recognising it, then its lines, once.

    `name` is the file's own, `size` its bytes on the disk (0 for a pipe).
    """

    def __init__(
        self,
        path: Path,
        raw: BufferedReader[FileIO],
        plain: BufferedReader[FileIO] | BufferedReader[_Unpacked],
    ) -> None:
        self.name = shown(path.name)
        self.size = os.fstat(raw.fileno()).st_size
        self._raw = raw
        self._plain = plain
        self._line = 0

    @property
    def done(self) -> int:
        """How many of the file's `size` bytes were read so far."""
        return self._raw.tell() if self._raw.seekable() else 0

    def head(self) -> bytes:
        """The first bytes, decompressed, without moving on; fewer where the file is broken."""
        with self._in_words():
            return self._plain.peek(HEAD_BYTES)[:HEAD_BYTES]

    def lines(self) -> Iterator[Line]:
        """Every line in turn. Raises InputError where a compressed file breaks off."""
        with self._in_words():
            while data := self._plain.readline(LONGEST_LINE + 1):
                self._line += 1
                if self._line == 1 or len(data) > LONGEST_LINE:
                    yield self._finished(data)
                else:  # nearly every line
                    data = data.rstrip(b"\r\n")
                    yield Line(self._line, data, len(data))

    def pieces(self) -> Iterator[bytes]:
        """The file's bytes in turn, for formats that know no lines; instead of `lines`."""
        with self._in_words():
            while data := self._plain.read1(HEAD_BYTES):
                yield data

    def whole(self, at_most: int, what: str) -> bytes:
        """All of a file that must be at hand at once. Raises InputError where it is too large."""
        data = bytearray()
        for piece in self.pieces():
            data += piece
            if len(data) > at_most:
                raise InputError(f"{what} has over {at_most // 2**20} MB; none has so much")
        return bytes(data)

    def _finished(self, data: bytes) -> Line:
        """The line that begins with `data`, reading on to its end where it is too long; the first
        one without a byte order mark.
        """
        size, last = len(data), data
        while size > LONGEST_LINE and not last.endswith(b"\n"):
            last = self._plain.readline(LONGEST_LINE)
            if not last:
                break
            size += len(last)
        size -= len(last) - len(last.rstrip(b"\r\n"))
        data = data.rstrip(b"\r\n")[:LONGEST_LINE]
        if self._line == 1 and data.startswith(BYTE_ORDER_MARK):
            data, size = data[len(BYTE_ORDER_MARK) :], size - len(BYTE_ORDER_MARK)
        return Line(self._line, data, size)

    @contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except EOFError as error:
            raise InputError(
                "the compressed file is cut off here; what came before was read", self._line + 1
            ) from error
        except (zlib.error, lzma.LZMAError, gzip.BadGzipFile) as error:
            raise InputError(
                "the compressed file is damaged; what was read from the lines before may be too",
                self._line + 1,
            ) from error
        except OSError as error:
            raise InputError(
                f"the file cannot be read ({error.strerror})", self._line + 1
            ) from error


def shown(name: str) -> str:
    """A file's name as text: bytes of it that are not UTF-8 become marks of replacement."""
    return os.fsencode(name).decode("utf-8", "replace")


class _Unpacked(RawIOBase):
    """What a compressed file holds, as it is unpacked.

    The readers of gzip and xz gather a whole buffer before they hand it on, and lose what they
    have where the file breaks off; asked for the next piece only, they lose nothing.
    """

    def __init__(self, packed: gzip.GzipFile | lzma.LZMAFile) -> None:
        self._packed = packed

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """The next piece."""
        room = memoryview(buffer).cast("B")
        piece = self._packed.read1(len(room))
        room[: len(piece)] = piece
        return len(piece)


@contextmanager
def open_input(path: Path) -> Iterator[Input]:
    """Opens a file for reading, seeing through gzip and xz by their first bytes.

    Raises InputError where there is no such file or it may not be read.
    """
    try:
        raw = BufferedReader(path.open("rb", buffering=0), HEAD_BYTES)
    except FileNotFoundError:
        raise InputError("there is no such file") from None
    except IsADirectoryError:
        raise InputError("this is a folder; name the files in it") from None
    except OSError as error:
        raise InputError(f"the file cannot be opened ({error.strerror})") from error
    with raw:
        try:
            magic = raw.peek(6)[:6]
        except OSError as error:
            raise InputError(f"the file cannot be read ({error.strerror})") from error
        packed: gzip.GzipFile | lzma.LZMAFile | None = None  # closing `raw` is enough
        if magic.startswith(_MAGIC_GZIP):
            packed = gzip.GzipFile(fileobj=raw)
        elif magic.startswith(_MAGIC_XZ):
            packed = lzma.LZMAFile(raw)  # noqa: SIM115
        yield Input(path, raw, BufferedReader(_Unpacked(packed), HEAD_BYTES) if packed else raw)
