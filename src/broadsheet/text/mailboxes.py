"""Mail addresses: what is written to, and what counts as the same mailbox."""

from __future__ import annotations

import re

# RFC 5321, 4.5.3.1: the part before the @, and a path less its angle brackets.
_LONGEST_LOCAL = 64
LONGEST = 254
# RFC 5322, 3.2.3: a dot-atom. Quoted parts are allowed by the standard and used by nobody.
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


def address(text: str) -> str:
    """The address to write to: no white space around it, its domain in lower case and in ASCII.

    Raises ValueError, in a sentence, for what is no address that every mail server understands.
    """
    local, at, domain = text.strip().rpartition("@")
    if not at or not local or not domain:
        raise ValueError("A mail address looks like ada@example.org.")
    if not local.isascii():
        raise ValueError("Before the @, a mail address may have letters without accents only.")
    try:
        # IDNA of 2003, as the standard library has it: what is asked for is a name in DNS.
        host = domain.rstrip(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        host = ""
    labels = host.split(".")
    if not all(map(_LABEL.match, labels)) or labels[-1].isdigit():
        raise ValueError("What stands behind the @ of a mail address is the name of a domain.")
    whole = f"{local}@{host}"
    if not _LOCAL.match(local) or len(local) > _LONGEST_LOCAL or len(whole) > LONGEST:
        raise ValueError("A mail address looks like ada@example.org.")
    return whole


def mailbox(text: str) -> str:
    """What counts as one mailbox: the address in lower case.

    A server might tell `Ada@` from `ada@` (RFC 5321, 2.4); none in use does, and who could write
    one address in many ways could ask for as many mails to it. Raises ValueError as `address`.
    """
    return address(text).lower()
