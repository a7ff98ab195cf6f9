"""What the stand-in does wrong on order.

A fault `fits` the requests it can strike; others pass it by and leave it for later. Faults of
content change what an answer says, the others how it is sent.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache
from typing import Any, ClassVar
from urllib.parse import unquote

from .documents import set_spec

FEEDS = ("/rss/", "/atom/")
PAPERS = ("/oai", "/list/", "/catchup/", *FEEDS, "/a/", "/api/query")


@dataclass(frozen=True, slots=True)
class Fault:
    """Anything that can go wrong with an answer."""

    paths: ClassVar[tuple[str, ...]] = ("/",)

    def fits(self, target: str) -> bool:
        """Whether the fault can strike a request for this path and query."""
        return target.startswith(self.paths)


@dataclass(frozen=True, slots=True)
class Unavailable(Fault):
    """503; `retry_after` is in seconds, or a moment told as an HTTP date, or is not told."""

    retry_after: int | datetime | None = None
    status: ClassVar[int] = 503

    @property
    def headers(self) -> dict[str, str]:
        """The header that says when to come back."""
        if self.retry_after is None:
            return {}
        if isinstance(self.retry_after, datetime):
            return {"Retry-After": _http_date(self.retry_after)}
        return {"Retry-After": str(self.retry_after)}


@dataclass(frozen=True, slots=True)
class TooManyRequests(Unavailable):
    """429, with or without a word on when to come back."""

    status: ClassVar[int] = 429


@dataclass(frozen=True, slots=True)
class HtmlError(Fault):
    """A page that says sorry, as HTML with status 200 where XML or a listing was asked for."""


@dataclass(frozen=True, slots=True)
class Redirect(Fault):
    """302 to an address that nobody should follow from here."""

    to: str = "http://169.254.169.254/latest/meta-data/"
    status: int = 302


@dataclass(frozen=True, slots=True)
class Cut(Fault):
    """The connection ends after so many bytes of the body, of which all were promised."""

    after: int = 300


@dataclass(frozen=True, slots=True)
class Truncated(Fault):
    """The document breaks off in the middle, its Content-Length says so much and no more."""


@dataclass(frozen=True, slots=True)
class Drip(Fault):
    """The answer comes `size` bytes at a time, with `pause` seconds between them."""

    size: int = 16
    pause: float = 0.05


@dataclass(frozen=True, slots=True)
class Late(Fault):
    """Nothing comes for so many seconds, then the answer."""

    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class GzipBomb(Fault):
    """A small gzip body (Content-Encoding: gzip) that unpacks to so many megabytes of zeros."""

    megabytes: int = 64


@dataclass(frozen=True, slots=True)
class Empty(Fault):
    """Nothing was announced, it seems: noRecordsMatch, a listing of no entries, an empty feed.

    With a `category`, it is so for that one only. The query interface still tells the right
    total, as arXiv's does under load.
    """

    category: str | None = None
    paths: ClassVar[tuple[str, ...]] = PAPERS

    def fits(self, target: str) -> bool:
        """Any request for papers, or any that names the category (or its set)."""
        if not target.startswith(self.paths) or _only_told(target):
            return False
        return self.category is None or _names(target, self.category)


@dataclass(frozen=True, slots=True)
class Duplicates(Empty):
    """Every record, entry or item is there twice."""


@dataclass(frozen=True, slots=True)
class Reordered(Empty):
    """Records, entries or items come last first."""


@dataclass(frozen=True, slots=True)
class OtherSet(Fault):
    """The answer is that for another category: the one named, else the world's next."""

    category: str | None = None
    paths: ClassVar[tuple[str, ...]] = ("/oai", "/list/", "/catchup/", *FEEDS)

    def fits(self, target: str) -> bool:
        """Listings, feeds, and harvests of one set that begin."""
        return target.startswith(self.paths[1:]) or (
            target.startswith("/oai") and "ListRecords" in target and "set=" in target
        )


@dataclass(frozen=True, slots=True)
class Deleted(Fault):
    """The first record of the page is one of a deleted paper."""

    def fits(self, target: str) -> bool:
        """Harvests."""
        return target.startswith("/oai") and "ListRecords" in target


@dataclass(frozen=True, slots=True)
class Untitled(Fault):
    """The record of this paper has no title, which no reader can do with."""

    id: str = ""

    def fits(self, target: str) -> bool:
        """Harvests."""
        return target.startswith("/oai") and "ListRecords" in target


@dataclass(frozen=True, slots=True)
class StaleFeed(Fault):
    """The feed is still that of the announcement before; listings are fresh."""

    paths: ClassVar[tuple[str, ...]] = FEEDS


@dataclass(frozen=True, slots=True)
class StaleList(Fault):
    """The list of what is new is still that of the announcement before."""

    def fits(self, target: str) -> bool:
        """Lists of what is new."""
        path = target.partition("?")[0]
        return path.startswith("/list/") and path.endswith("/new")


@dataclass(frozen=True, slots=True)
class ExpiredToken(Fault):
    """badResumptionToken."""

    def fits(self, target: str) -> bool:
        """Requests for a next page."""
        return target.startswith("/oai") and "resumptionToken=" in target


@dataclass(frozen=True, slots=True)
class TokenLoop(Fault):
    """The page leads to itself: its resumption token is the one it was asked with."""

    def fits(self, target: str) -> bool:
        """Requests for a next page."""
        return target.startswith("/oai") and "resumptionToken=" in target


KNOWN: dict[str, type[Fault]] = {
    fault.__name__: fault
    for fault in (
        Unavailable, TooManyRequests, HtmlError, Redirect, Cut, Truncated, Drip, Late, GzipBomb,
        Empty, Duplicates, Reordered, OtherSet, Deleted, Untitled, StaleFeed, StaleList,
        ExpiredToken, TokenLoop,
    )
}  # fmt: skip


def told(fault: Fault) -> dict[str, Any]:
    """The fault as JSON has it, for ordering it from another process."""
    values = {field.name: getattr(fault, field.name) for field in fields(fault)}
    moments = {name: v.isoformat() for name, v in values.items() if isinstance(v, datetime)}
    return {"fault": type(fault).__name__, **values, **moments}


def understood(values: Mapping[str, Any]) -> Fault:
    """The fault that `told` wrote. Raises ValueError or TypeError where it is none."""
    given = dict(values)
    kind = KNOWN.get(str(given.pop("fault", None)))
    if kind is None:
        raise ValueError(f"a fault is one of {', '.join(KNOWN)}")
    if isinstance(given.get("retry_after"), str):
        given["retry_after"] = datetime.fromisoformat(given["retry_after"])
    return kind(**given)


@lru_cache(maxsize=4)
def bomb(megabytes: int) -> bytes:
    """So many megabytes of zeros, packed."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1024 * 1024)
    return b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _names(target: str, category: str) -> bool:
    # The set in a resumption token is quoted three times.
    plain = unquote(unquote(unquote(target)))
    path, _, query = plain.partition("?")
    return category in path.split("/") or f"set={set_spec(category)}" in query.split("&")


def _only_told(target: str) -> bool:
    return any(f"verb={verb}" in target for verb in ("Identify", "ListSets", "GetRecord"))
