"""The address that a message's bounces come back to: `bounces+12-h2Wq…@example.org`.

It names the row of the outbox and proves that we wrote it (a variable envelope return path), so
that nobody can have an address suppressed by sending a bounce of their own making.
"""

from __future__ import annotations

import hmac
import re

from broadsheet.store import keys

_TAG = re.compile(r"\+(\d{1,18})-([A-Za-z0-9_-]{22})@")


def return_path(key: bytes, address: str, number: int) -> str:
    """The envelope's sender for the message of this number, from the address for bounces."""
    local, _, domain = address.rpartition("@")
    return f"{local}+{number}-{keys.mac(key, 'bounce', number)}@{domain}"


def number_of(key: bytes, text: str) -> int | None:
    """The number of the message whose return path stands in `text`; None where none of ours does.

    Mail servers may have changed the case of the address on the way: it is compared without.
    """
    for found in _TAG.finditer(text):
        expected = keys.mac(key, "bounce", int(found[1])).lower()
        if hmac.compare_digest(found[2].lower(), expected):
            return int(found[1])
    return None
