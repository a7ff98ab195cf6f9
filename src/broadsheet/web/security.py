"""Headers every answer carries, the refusal of forms sent from another site, and who may see what
is the operator's.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Other sites learn nothing. Our own forms say where they come from: under "no-referrer"
    # browsers send them with "Origin: null", which says as little as a form from elsewhere.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# What proxies add (RFC 7239, RFC 9110 section 7.6.3, and what they did before those).
_FORWARDED = frozenset({"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"})
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Guard:
    """Adds the headers; answers 403 to a changing request that another site's page sent.

    Browsers say where a form comes from (`Sec-Fetch-Site`, `Origin`); a program that says
    neither is not a browser that could be tricked.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        if scope["method"] not in _SAFE_METHODS and is_foreign(Headers(scope=scope)):
            refusal = PlainTextResponse(
                "This form was sent from another site; nothing was changed.", status_code=403
            )
            await refusal(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)


def is_at_home(connection: HTTPConnection) -> bool:
    """Whether who asks sits at this machine: both ends of the connection are loopback addresses, it
    was made under a name of this machine, and no proxy says that it asks for somebody else.

    A proxy may name this machine as it reaches it, and not say that it is one: nginx does, as long
    as it is not set up otherwise, and speaks HTTP/1.0, which no browser has spoken for decades.
    """
    server, client = connection.scope.get("server"), connection.scope.get("client")
    try:
        named = urlsplit("//" + connection.headers.get("host", "")).hostname
    except ValueError:
        return False
    return (
        server is not None
        and _is_loopback(server[0])
        and client is not None
        and _is_loopback(client[0])
        and _is_loopback(named)
        and connection.scope.get("http_version") != "1.0"
        and _FORWARDED.isdisjoint(connection.headers)
    )


def holds(connection: HTTPConnection, secret: str) -> bool:
    """Whether a request shows a secret, in the header `Authorization`: as `Bearer SECRET`, or as
    the password of whatever name (`Basic`). An empty one nobody has.
    """
    kind, _, said = connection.headers.get("authorization", "").partition(" ")
    shown = said.strip().encode("utf-8", "replace")
    if kind.lower() == "basic":
        try:
            shown = base64.b64decode(shown, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            return False
    elif kind.lower() != "bearer":
        return False
    return bool(secret) and hmac.compare_digest(shown, secret.encode())


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def is_foreign(headers: Headers) -> bool:
    """Whether a browser says that the request comes from a page of another site."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        return True
    origin = headers.get("origin")
    # An origin that is kept back ("null") is one of ours where the browser says so besides.
    if origin is None or (origin == "null" and site is not None):
        return False
    return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()
