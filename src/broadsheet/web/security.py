"""Headers every answer carries, and the refusal of forms sent from another site."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
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
