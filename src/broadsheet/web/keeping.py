"""Answers kept in memory while nothing they were made of has changed, and the answer to who has
them already: 304 (RFC 9110, sections 8.8 and 13).

What an answer is made of has stamps, which differ after every commit, whichever process wrote it
(`store/engine.py`, `search/follow.py`). They are read before an answer is made, and it is given
again only where they are the same still. Time is one of them, by the minute: what pages say of it
(the day, an hour of announcement, ages) turns with one.
"""

from __future__ import annotations

import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import wraps
from http import HTTPStatus
from threading import Lock
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response

from broadsheet.web.security import is_at_home

Endpoint = Callable[[Request], Response]

# The bodies of all of them together, in bytes. Some are held packed besides, in a fifth of that.
_MOST = 32 * 1024 * 1024
_LEAST_PACKED = 2000
_LEVEL = 4
# What belongs to the body, and not to the answer that there is nothing new.
_OF_THE_BODY = ("content-length", "content-type")
_PACKED = {"vary": "Accept-Encoding"}


class Stamps(NamedTuple):
    """What answers are made of: for whom, then what differs where papers or their indexes do, and
    what differs where anything does.
    """

    reader: int
    papers: Hashable
    everything: Hashable


@dataclass(slots=True)
class _Answer:
    """An answer, and the stamp of what it was made of."""

    stamp: Hashable
    of_papers: bool
    headers: dict[str, str]
    body: bytes
    packed: bytes | None = None

    def holds(self, stamps: Stamps) -> bool:
        """Whether it would be made the same now."""
        return self.stamp == (stamps.papers if self.of_papers else stamps.everything)

    def to(self, asked: Headers) -> Response:
        """The answer to a request with these headers."""
        if _is_known(asked, self.headers):
            known = {n: value for n, value in self.headers.items() if n not in _OF_THE_BODY}
            return Response(status_code=304, headers=known | _PACKED)
        if len(self.body) < _LEAST_PACKED or "gzip" not in asked.get("accept-encoding", ""):
            return Response(self.body, headers=self.headers)
        if self.packed is None:
            self.packed = gzip.compress(self.body, _LEVEL, mtime=0)
        own = {"content-encoding": "gzip", "content-length": str(len(self.packed))}
        return Response(self.packed, headers=self.headers | own | _PACKED)


class Kept:
    """The answers of a process that were asked for most recently. `stamps` says what holds now."""

    def __init__(self, stamps: Callable[[], Stamps], most: int = _MOST) -> None:
        self._stamps = stamps
        self._most = most
        self._answers: OrderedDict[Hashable, _Answer] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def answer(self, request: Request, make: Endpoint) -> Response:
        """What `make` answers to the request, or did when all was as it is now."""
        stamps = self._stamps()
        key = (stamps.reader, *_key(request))
        with self._lock:
            held = self._answers.get(key)
            if held is not None:
                self._answers.move_to_end(key)
        if held is not None and held.holds(stamps):
            return held.to(request.headers)
        made = make(request)
        if made.status_code != HTTPStatus.OK:
            return made
        new = _answer(made, stamps, of_papers=is_of_papers(request))
        self._put(key, new)
        return new.to(request.headers)

    def _put(self, key: Hashable, answer: _Answer) -> None:
        with self._lock:
            before = self._answers.pop(key, None)
            self._answers[key] = answer
            self._size += len(answer.body) - (len(before.body) if before else 0)
            while self._size > self._most and self._answers:
                _, oldest = self._answers.popitem(last=False)
                self._size -= len(oldest.body)


def kept(endpoint: Endpoint) -> Endpoint:
    """An endpoint whose answers are kept. Of the request it reads the address, the host, and
    whether who asks sits at this machine, and nothing else.
    """

    @wraps(endpoint)
    def answer(request: Request) -> Response:
        answers: Kept = request.app.state.kept
        return answers.answer(request, endpoint)

    return answer


def of_papers(request: Request) -> None:
    """Says of the answer in hand that it is made of papers and their indexes alone, so that
    nothing else that happens here makes it old.
    """
    request.state.of_papers = True


def is_of_papers(request: Request) -> bool:
    """Whether that was said."""
    return getattr(request.state, "of_papers", False)


def _key(request: Request) -> tuple[Hashable, ...]:
    scope = request.scope
    host = request.headers.get("host")
    return scope["scheme"], host, scope["path"], scope["query_string"], is_at_home(request)


def _answer(made: Response, stamps: Stamps, *, of_papers: bool) -> _Answer:
    body, headers = bytes(made.body), dict(made.headers)
    headers.setdefault("etag", f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"')
    return _Answer(stamps.papers if of_papers else stamps.everything, of_papers, headers, body)


def _is_known(asked: Headers, headers: Mapping[str, str]) -> bool:
    """Whether the client's copy is what would be sent. Its tags decide where it states some."""
    stated = asked.get("if-none-match")
    if stated is not None:
        tags = {one.strip().removeprefix("W/") for one in stated.split(",")}
        return "*" in tags or headers["etag"].removeprefix("W/") in tags
    since, moment = _moment(asked), _moment(headers, "last-modified")
    return since is not None and moment is not None and moment <= since


def _moment(headers: Mapping[str, str], name: str = "if-modified-since") -> datetime | None:
    try:
        said = parsedate_to_datetime(headers.get(name, ""))
    except (TypeError, ValueError, OverflowError):
        return None
    return said if said.tzinfo else said.replace(tzinfo=UTC)
