"""Which addresses a feed may lead to: public ones, and no others.

A feed's address comes from a person who may not be the one who runs the program, and what it
redirects to from nobody they know. Whoever could name an address of this machine, its network or
its cloud provider here could have it asked for them (server-side request forgery).
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_SCHEMES = {"http": 80, "https": 443}
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_LONGEST = 2_000


class GuardError(Exception):
    """An address that is not to be asked; the message is a sentence part that says why."""


@dataclass(frozen=True, slots=True)
class Checked:
    """An address that may be asked, and the machine it was resolved to: to be asked at that one,
    since a name can mean another machine a moment later.
    """

    url: str
    host: str
    port: int
    address: str


def checked(url: str) -> Checked:
    """Resolves an address. Raises GuardError where it is not one of a public web server."""
    host, port = _parts(url)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise GuardError(f"the host {host} is not known") from error
    addresses = [ipaddress.ip_address(entry[4][0]) for entry in found]
    for address in addresses:
        # All of them: which one is asked is nobody's choice but the name server's.
        if not is_public(address):
            where = host if host == str(address) else f"{host} is at {address}, which"
            raise GuardError(f"{where} is no public address")
    return Checked(url, host, port, str(addresses[0]))


def is_public(address: IPAddress) -> bool:
    """Whether anybody on the internet may be at this address, also where one kind of address is
    wrapped up in another.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address.teredo is not None:
            inner = address.teredo[1]
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _parts(url: str) -> tuple[str, int]:
    if len(url) > _LONGEST or not url.isprintable() or " " in url:
        raise GuardError("this is no web address")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise GuardError("this is no web address") from error
    if parts.scheme not in _SCHEMES:
        raise GuardError("only http and https addresses are asked")
    if not parts.hostname:
        raise GuardError("the address names no host")
    if parts.username or parts.password:
        raise GuardError("an address with a name or a password in it is not asked")
    return parts.hostname, port or _SCHEMES[parts.scheme]
