"""The mail, for who runs this: each edition by state, what waits, what is wrong; and the door for
what came back.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from broadsheet.mail import bounces, watching
from broadsheet.mail.bounces import Taken
from broadsheet.store import mail_events, mail_status, suppressions
from broadsheet.store.outbox import Standing
from broadsheet.web.desk import desk_of
from broadsheet.web.security import holds, is_at_home

_DAYS = timedelta(days=14)
# A bounce has the message it is about in it, which has 100 KB at most.
_LARGEST_REPORT = 1024 * 1024
# A report as it stands; or only its body, the type of which the request then says.
_WHOLE = ("message/rfc822", "message/global", "application/octet-stream")
_BODY = "multipart/report"


def page(request: Request) -> Response:
    """The last two weeks, to who sits at this machine or has the operator's secret. Addresses stand
    nowhere on it.
    """
    desk = desk_of(request)
    if not (is_at_home(request) or holds(request, desk.secrets.operator)):
        if not desk.secrets.operator:
            raise HTTPException(404)
        raise HTTPException(
            401,
            "This page is the operator's: it asks for their secret.",
            headers={"WWW-Authenticate": 'Basic realm="Broadsheet", charset="UTF-8"'},
        )
    now = datetime.now(UTC)
    with desk.store.reading() as connection:
        summary = mail_status.summary(connection)
        return desk.page(
            request,
            "mail.html",
            "Mail",
            states=tuple(Standing),
            summary=summary,
            editions=mail_status.editions(connection, now - _DAYS),
            reasons=mail_status.reasons(connection),
            watched=watching.watch(connection, now),
            barred=suppressions.counts(connection),
            events=mail_events.counts(connection, now - _DAYS),
        )


async def take_report(request: Request) -> Response:
    """Takes in a bounce or a complaint from a mail server or a provider, who shows the secret that
    was set for it. The same report posted again changes nothing.
    """
    secret = desk_of(request).secrets.reports
    if not secret:
        return _refused(404, "No reports are taken in here: mail_report_secret is not set.")
    if not holds(request, secret):
        refused = _refused(401, "A report comes with its secret, as Authorization: Bearer SECRET.")
        refused.headers["WWW-Authenticate"] = "Bearer"
        return refused
    said = request.headers.get("content-type", "")
    kind = said.partition(";")[0].strip().lower()
    if kind not in (*_WHOLE, _BODY):
        return _refused(415, f"A report is sent as {_WHOLE[0]}, or its body as {_BODY}.")
    raw = b""
    async for part in request.stream():
        raw += part
        if len(raw) > _LARGEST_REPORT:
            return _refused(413, f"A report has at most {_LARGEST_REPORT:,} bytes.")
    if not raw.strip():
        return _refused(400, "The report is empty.")
    if kind == _BODY:
        raw = b"Content-Type: " + said.encode("latin-1") + b"\r\n\r\n" + raw
    taken = await run_in_threadpool(_take, request, raw)
    # Whose it was stays here: who posts knows the address, and nobody else is to learn it.
    return JSONResponse(
        {"kind": taken.kind, "known": taken.known, "suppressed": taken.suppressed}, 200
    )


def _take(request: Request, raw: bytes) -> Taken:
    with desk_of(request).store.writing() as connection:
        return bounces.take_report(connection, raw, datetime.now(UTC))


def _refused(status: int, why: str) -> JSONResponse:
    return JSONResponse({"error": why}, status)
