"""Asking only for news: entity tags and moments of change (RFC 9110, section 8.8), by which
`keeping` says that there is none.

The tag is weak: what is sent may be packed, which changes its bytes and nothing else.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from email.utils import format_datetime

from starlette.responses import Response

_MOST_SEEN = 2048


class Changes:
    """Since when each address has said what it says now, as far as this process saw.

    The store does not keep when a list last changed (a paper of an older day may come in, or one be
    removed), so the moment is that of the first answer with this content: never too early, at worst
    a client is sent once more what it has. Kept for the addresses asked for most recently.
    """

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[str, datetime]] = OrderedDict()
        self._lock = threading.Lock()

    def since(self, address: str, tag: str, now: datetime) -> datetime:
        """The moment, in whole seconds; two contents of one address never have the same."""
        now = now.replace(microsecond=0)
        with self._lock:
            before = self._seen.pop(address, None)
            if before is None:
                moment = now
            elif before[0] == tag:
                moment = before[1]
            else:
                moment = max(now, before[1] + timedelta(seconds=1))
            self._seen[address] = (tag, moment)
            if len(self._seen) > _MOST_SEEN:
                self._seen.popitem(last=False)
        return moment


def answer(body: bytes, media_type: str, changes: Changes, address: str, now: datetime) -> Response:
    """The body with its tag and its moment. `address` names what was asked for."""
    tag = f'W/"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    moment = changes.since(address, tag, now)
    headers = {"ETag": tag}
    if moment <= now:  # a moment to come may not be stated (RFC 9110, section 8.8.2.1)
        headers["Last-Modified"] = format_datetime(moment, usegmt=True)
    return Response(body, media_type=media_type, headers=headers)
