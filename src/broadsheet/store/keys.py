"""Keys the program draws for itself at first need, and the links they sign.

A token names what it is for, whom it belongs to and until when, and proves with an HMAC (RFC 2104,
SHA-256) that this Broadsheet wrote it. One made for a purpose is none for another, and nobody can
make one for somebody else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import secrets
from datetime import UTC, datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from broadsheet.store.tables import keys

# The key for links and bounce addresses.
MAIL = "mail"
_BYTES = 32
# 128 bits: nobody guesses that, and the link stays short.
_MAC_CHARACTERS = 22
_NO_EXPIRY = 0


class TokenError(ValueError):
    """A token that opens nothing; the message is a sentence for who followed the link."""


def draw(connection: Connection, name: str = MAIL) -> bytes:
    """The key, drawn now where there is none. Needs a writing transaction."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    known = held(connection, name)
    if known is not None:
        return known
    drawn = secrets.token_bytes(_BYTES)
    # Two who draw at once: the first one's holds.
    connection.execute(
        make(keys).values(name=name, secret=drawn, made=datetime.now(UTC)).on_conflict_do_nothing()
    )
    return bytes(connection.execute(select(keys.c.secret).where(keys.c.name == name)).scalar_one())


def held(connection: Connection, name: str = MAIL) -> bytes | None:
    """The key; None where none was ever needed, so that nothing can have been signed."""
    secret = connection.scalar(select(keys.c.secret).where(keys.c.name == name))
    return None if secret is None else bytes(secret)


def mac(key: bytes, *parts: object) -> str:
    """A proof over the parts, in order: 22 characters that may stand in addresses."""
    said = b"".join(len(raw).to_bytes(4) + raw for raw in (str(part).encode() for part in parts))
    digest = hmac.digest(key, said, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode("ascii")[:_MAC_CHARACTERS]


def sign(key: bytes, purpose: str, number: int, expires: datetime | None = None) -> str:
    """A token: `number` is whom (or what) it belongs to, as in `12.0.h2Wq…`."""
    until = int(expires.timestamp()) if expires else _NO_EXPIRY
    return f"{number}.{until}.{mac(key, purpose, number, until)}"


def opened(key: bytes | None, purpose: str, token: str, now: datetime) -> int:
    """The number that the token was signed for.

    Raises TokenError for a token that was changed, made for another purpose, or is past its time.
    """
    number, _, rest = token.partition(".")
    until, _, proof = rest.partition(".")
    numbers = number.isascii() and number.isdigit() and until.isascii() and until.isdigit()
    if key is None or not numbers or len(token) > 80 or not proof.isascii():
        raise TokenError("This link is not whole; use the one in the newest mail.")
    if not hmac.compare_digest(proof, mac(key, purpose, int(number), int(until))):
        raise TokenError("This link is not whole; use the one in the newest mail.")
    if int(until) != _NO_EXPIRY and now.timestamp() > int(until):
        raise TokenError("This link is too old; ask for a new one.")
    return int(number)


def network_of(key: bytes, address: str) -> str:
    """A keyed hash of the network an IP address is in: its /24, or its /48 with IPv6.

    What is no IP address (a proxy's name, nothing) counts as one network, so that no limit is
    evaded by hiding.
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return mac(key, "network", "unknown")
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    bits = 24 if found.version == 4 else 48
    return mac(key, "network", ipaddress.ip_network(f"{found}/{bits}", strict=False))
