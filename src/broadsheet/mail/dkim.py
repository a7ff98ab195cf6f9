"""DKIM signatures (RFC 6376): relaxed/relaxed, with RSA (rsa-sha256) or Ed25519 (RFC 8463).

The signature covers the whole body and every header we write; the headers that decide what a reader
sees or does are signed once more than they occur, so that none can be added on the way.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    Key = Ed25519PrivateKey | RSAPrivateKey

SELECTOR = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")
_RSA_BITS = 2048
_SIGNED = (
    b"from",
    b"to",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"auto-submitted",
    b"list-id",
    b"feedback-id",
    # RFC 8058, 4: without a signature over both, one-click is not believed.
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
_NO_MORE = (
    b"from",
    b"to",
    b"cc",
    b"reply-to",
    b"subject",
    b"date",
    b"message-id",
    b"content-type",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
)
_SPACES = re.compile(rb"[ \t]+")
_LINE_ENDS = re.compile(rb"[ \t]+(?=\r\n|\Z)")
_HEADER = re.compile(rb"([!-9;-~]+)[ \t]*:(.*?)\r\n(?![ \t])", re.DOTALL)


class KeyFileError(Exception):
    """The key cannot be used; the message is a sentence naming its file."""


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for a domain; `selector._domainkey.domain` is the name of the public key in DNS."""

    domain: str
    selector: str
    key: Key

    @property
    def record_name(self) -> str:
        """The name in DNS that has the public key."""
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, message: bytes, now: datetime) -> bytes:
        """The header to put before `message`, with its line end.

        `message` has CRLF line ends throughout and no signature yet.
        """
        head, _, body = message.partition(b"\r\n\r\n")
        headers = [
            (match[1].lower(), _relaxed(match[2])) for match in _HEADER.finditer(head + b"\r\n")
        ]
        names, canonical = _chosen(headers)
        value = (
            f"v=1; a={_algorithm(self.key)}; c=relaxed/relaxed; d={self.domain};"
            f"\r\n s={self.selector}; t={int(now.timestamp())};"
            f"\r\n h={_FOLD.join(_in_lines(names))};"
            f"\r\n bh={_body_hash(body)};"
            "\r\n b="
        )
        # RFC 6376, 3.7: the header itself comes last, with an empty b= and without its line end.
        canonical.append(b"dkim-signature:" + _relaxed(value.encode("ascii")))
        proof = base64.b64encode(_signature(self.key, b"\r\n".join(canonical))).decode("ascii")
        lines = [proof[start : start + 72] for start in range(0, len(proof), 72)]
        return f"DKIM-Signature: {value}{_FOLD.join(lines)}\r\n".encode("ascii")


def make_key(path: Path, kind: str = "rsa") -> None:
    """Makes a key of `kind` (rsa, ed25519) at `path`, readable by its owner only.

    Raises KeyFileError where there is a file already, or none can be written.
    """
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key: Key
    if kind == "ed25519":
        key = ed25519.Ed25519PrivateKey.generate()
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
    except FileExistsError:
        raise KeyFileError(f"There is a key at {path} already; it stays as it is.") from None
    except OSError as error:
        raise KeyFileError(f"The key {path} cannot be written: {error.strerror}.") from error


def load_key(path: Path) -> Key:
    """The key at `path`. Raises KeyFileError where there is none that can sign."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise KeyFileError(f"The DKIM key {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise KeyFileError(
            f"The DKIM key {path} is no private key in PEM without a password."
        ) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey):
        raise KeyFileError(f"The DKIM key {path} is neither RSA nor Ed25519.")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < 1024:
        raise KeyFileError(f"The DKIM key {path} is too short; RFC 8301 wants 1024 bits and more.")
    return key


def record(key: Key) -> str:
    """What the DNS record of the key's name has to say (RFC 6376, 3.6.1)."""
    return f"v=DKIM1; k={_kind(key)}; p={public_part(key)}"


def public_part(key: Key) -> str:
    """The public key as it stands behind p=: RSA as SubjectPublicKeyInfo, Ed25519 bare."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if _kind(key) == "rsa":
        raw = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    else:
        raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return base64.b64encode(raw).decode("ascii")


_FOLD = "\r\n  "


def _in_lines(names: list[str], most: int = 4) -> list[str]:
    """Names with colons between and behind, a few a line; none behind the last."""
    lines = [":".join(names[start : start + most]) for start in range(0, len(names), most)]
    return [f"{line}:" for line in lines[:-1]] + lines[-1:]


def _kind(key: Key) -> str:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return "ed25519" if isinstance(key, Ed25519PrivateKey) else "rsa"


def _algorithm(key: Key) -> str:
    return f"{_kind(key)}-sha256"


def _signature(key: Key, canonical: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(key, Ed25519PrivateKey):
        # RFC 8463, 3: the hash is what is signed.
        return key.sign(hashlib.sha256(canonical).digest())
    return key.sign(canonical, PKCS1v15(), SHA256())


def _chosen(headers: list[tuple[bytes, bytes]]) -> tuple[list[str], list[bytes]]:
    """The names for h=, and the canonical headers in that order (RFC 6376, 5.4.2: from below)."""
    names: list[str] = []
    canonical: list[bytes] = []
    for name in _SIGNED:
        for found, value in reversed(headers):
            if found == name:
                names.append(name.decode("ascii"))
                canonical.append(name + b":" + value)
    names += [name.decode("ascii") for name in _NO_MORE]
    return names, canonical


def _relaxed(value: bytes) -> bytes:
    """RFC 6376, 3.4.2: unfolded, white space single, none at the ends."""
    return _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")


def _body_hash(body: bytes) -> str:
    """RFC 6376, 3.4.4: white space single, none at line ends, no empty lines at the end."""
    body = _SPACES.sub(b" ", _LINE_ENDS.sub(b"", body)).rstrip(b"\r\n")
    if body:
        body += b"\r\n"
    return base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")
