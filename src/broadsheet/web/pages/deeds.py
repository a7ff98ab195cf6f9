"""What a reader does with papers: one form each, undone by another."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from broadsheet.records import Paper
from broadsheet.store import reading, signals
from broadsheet.views.personal.teaching import ACTS, DeedError, WhichInterestError
from broadsheet.web.desk import Desk, desk_of
from broadsheet.web.pages.actions import back_from

_T = TypeVar("_T")
# As many as a page can show, several times over.
_MOST_SEEN = 500


async def act(request: Request) -> Response:
    """Votes for a paper, saves it, asks for more like it, and so on."""
    desk = desk_of(request)
    async with request.form(max_files=0) as form:
        wanted, back = str(form.get("do", "")), back_from(form.get("back"))
        interest = str(form.get("interest", ""))
        name = str(form.get("paper", ""))
    if wanted not in ACTS:
        raise HTTPException(400, f"“{wanted[:40]}” is nothing one can do with a paper.")
    paper = await run_in_threadpool(paper_called, desk, name)
    try:
        await run_in_threadpool(desk.teaching.act, desk.reader, paper.number, wanted, interest)
    except WhichInterestError:
        asked = urlencode({"paper": paper.id, "back": back})
        return RedirectResponse(f"/interests/which?{asked}", 303)
    except DeedError as error:
        raise HTTPException(400, str(error)) from error
    return RedirectResponse(back, 303)


async def undo(request: Request) -> Response:
    """Undoes what was done last."""
    desk = desk_of(request)
    async with request.form(max_files=0) as form:
        number, back = str(form.get("number", "")), back_from(form.get("back"))
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise HTTPException(400, "Nothing was done under that number.")
    await run_in_threadpool(desk.teaching.undo, desk.reader, int(number))
    return RedirectResponse(back, 303)


async def note(request: Request) -> Response:
    """Keeps the reader's note on a paper."""
    desk = desk_of(request)
    async with request.form(max_files=0) as form:
        name, text = str(form.get("paper", "")), str(form.get("text", ""))
        back = back_from(form.get("back"))
    paper = await run_in_threadpool(paper_called, desk, name)
    await done(desk.teaching.write_note, desk.reader, paper.number, text)
    return RedirectResponse(back, 303)


async def read(request: Request) -> Response:
    """Keeps which papers were on the screen or opened; the page's script says so."""
    desk = desk_of(request)
    step = request.path_params["step"]
    if step not in ("seen", "opened"):
        raise HTTPException(404, "Papers are seen or opened.")
    async with request.form(max_files=0) as form:
        names = [str(name) for name in form.getlist("paper")][:_MOST_SEEN]
        back = form.get("back")

    def keep() -> None:
        with desk.store.writing() as connection:
            held = signals.numbers_of(connection, [name for name in names if "\0" not in name])
            reading.note_steps(connection, desk.reader, held.values(), step)

    await run_in_threadpool(keep)
    # A form without script (“I have looked through these”) goes back to its page.
    if back is not None:
        return RedirectResponse(back_from(back), 303)
    return Response(status_code=204)


def paper_called(desk: Desk, name: str) -> Paper:
    """The paper of that name; 404 in a sentence where there is none."""
    paper = None if "\0" in name else desk.catalogue.paper(name)
    if paper is None:
        raise HTTPException(404, f"No paper here is called “{name[:100]}”.")
    return paper


async def done(how: Callable[..., _T], *given: object) -> _T:
    """Runs what a reader does in a thread; what cannot be done is answered with a sentence."""
    try:
        return await run_in_threadpool(how, *given)
    except DeedError as error:
        raise HTTPException(400, str(error)) from error


def papers_in(desk: Desk, form: FormData, field: str) -> list[int]:
    """The numbers of the papers a form names, those that are held, each once."""
    found = [desk.catalogue.paper(str(n)) for n in form.getlist(field) if "\0" not in str(n)]
    return list(dict.fromkeys(paper.number for paper in found if paper))
