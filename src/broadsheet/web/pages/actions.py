"""What a reader does: every action is a form, and leads back to the page it came from."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from broadsheet.store import putting
from broadsheet.web.desk import CHOICES, desk_of


async def prefer(request: Request) -> Response:
    """Keeps how the reader wants pages to look."""
    desk = desk_of(request)
    async with request.form(max_files=0) as form:
        chosen = {name: str(form[name]) for name in CHOICES if name in form}
        back = back_from(form.get("back"))
    for name, value in chosen.items():
        if value not in CHOICES[name]:
            raise HTTPException(400, f"“{value[:40]}” is no {name}.")
    for name, value in chosen.items():
        await run_in_threadpool(desk.prefer, name, value)
    return RedirectResponse(back, 303)


async def remove_sample(request: Request) -> Response:
    """Removes the sample library; papers that were imported stay."""

    def remove() -> None:
        with desk_of(request).store.writing() as connection:
            putting.remove_source(connection, "sample")

    await run_in_threadpool(remove)
    return RedirectResponse("/", 303)


def back_from(address: object) -> str:
    """A path of this site to go back to; the front page for anything else."""
    path = str(address or "/")
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if is_ours and path.isprintable() else "/"
