"""Errors as pages: a sentence on what was wrong and what to do, and the search box at hand."""

from __future__ import annotations

import logging
import re

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from broadsheet.web.desk import desk_of
from broadsheet.web.security import HEADERS

_log = logging.getLogger(__name__)
_SECRET = re.compile(r"^(/(?:feeds|shared)/)[^/]+")
_USUAL = {
    404: "There is no such page here.",
    405: "This address only takes forms; nothing was changed.",
}


def http(request: Request, error: Exception) -> Response:
    """What a handler refused."""
    assert isinstance(error, HTTPException)
    usual = error.detail in ("Not Found", "Method Not Allowed")
    sentence = _USUAL.get(error.status_code, error.detail) if usual else error.detail
    answer = _page(request, error.status_code, sentence)
    answer.headers.update(error.headers or {})  # as in "Allow" of a 405
    return answer


def store(request: Request, error: Exception) -> Response:
    """The database did not answer."""
    _log.error("store: %s", error)
    return _page(request, 503, str(error))


def unexpected(request: Request, error: Exception) -> Response:
    """A mistake of ours: told to the log in full, to the reader in a sentence."""
    _log.error("unexpected error at %s", without_secret(request.scope["path"]), exc_info=error)
    answer = _page(request, 500, "Something went wrong here; nothing you have is lost. Try again.")
    answer.headers.update(HEADERS)  # this answer is made outside the guard
    return answer


def without_secret(path: str) -> str:
    """A path as a log may hold it: of an address whose bearer may read a list, not the secret."""
    return _SECRET.sub(r"\1…", path)


def _page(request: Request, status: int, sentence: str) -> Response:
    try:
        return desk_of(request).page(
            request,
            "error.html",
            sentence,
            section="error",
            status_code=status,
            sentence=sentence,
            code=status,
        )
    except Exception:  # noqa: BLE001 - the last resort has nobody behind it
        _log.exception("the error page failed")
        return PlainTextResponse(sentence, status)
