"""Suggestions while a reader types, and the searches they wish remembered."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from broadsheet.views.suggestions import Kind, Suggestion
from broadsheet.web.desk import desk_of
from broadsheet.web.pages.actions import back_from
from broadsheet.web.render import flat, paper_path


def suggest(request: Request) -> Response:
    """What to offer for the letters typed so far, as JSON for the page's script."""
    found = desk_of(request).suggest(request.query_params.get("q", ""))
    # Searches of the reader are among them, so no copy is to be kept anywhere.
    headers = {"Cache-Control": "no-store"}
    return JSONResponse({"suggestions": [_line(one) for one in found]}, headers=headers)


async def remember(request: Request) -> Response:
    """Remembers a search, where the reader wishes it."""
    async with request.form(max_files=0) as form:
        text = str(form.get("q", ""))
    await run_in_threadpool(desk_of(request).remember, text)
    return Response(status_code=204)


async def forget(request: Request) -> Response:
    """Forgets every search."""
    async with request.form(max_files=0) as form:
        back = back_from(form.get("back"))
    await run_in_threadpool(desk_of(request).forget)
    return RedirectResponse(back, 303)


def _line(one: Suggestion) -> dict[str, str | None]:
    """`to` is where it leads; `query` is what is searched for there, nothing for a paper."""
    if one.kind is Kind.TITLE:
        to, query = paper_path(one.leads), None
    else:
        to, query = "/search?" + urlencode({"q": one.leads}), one.leads
    return {"kind": one.kind, "text": flat(one.text), "note": one.note, "to": to, "query": query}
