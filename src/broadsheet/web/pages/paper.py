"""One paper: its text, where it was seen, its links, its citation, and papers like it."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from broadsheet.records import Paper
from broadsheet.text.bibtex import bibtex as bibtex_of
from broadsheet.text.normalise import plain
from broadsheet.web.desk import desk_of
from broadsheet.web.render import flat, paper_path


def page(request: Request) -> Response:
    """The paper's page; from a former id, on to the present one."""
    desk = desk_of(request)
    paper = _paper(request)
    if paper.id != request.path_params["name"]:
        return RedirectResponse(paper_path(paper), 301)
    similar = desk.catalogue.similar(paper)
    return desk.page(
        request,
        "paper.html",
        flat(paper.title),
        section="paper",
        papers=[paper, *(entry.paper for entry in similar)],
        paper=paper,
        versions=desk.catalogue.versions(paper),
        similar=similar,
        bibtex=bibtex_of(paper),
        collections=desk.catalogue.collections(desk.reader),
        holding=desk.catalogue.holding(desk.reader, paper.number),
    )


def bibtex(request: Request) -> Response:
    """The citation as a file."""
    return PlainTextResponse(
        bibtex_of(_paper(request)),
        media_type="application/x-bibtex",
        headers={"Content-Disposition": 'attachment; filename="citation.bib"'},
    )


def _paper(request: Request) -> Paper:
    name = request.path_params["name"]
    # PostgreSQL takes no NUL, not even to look for one.
    paper = None if "\0" in name else desk_of(request).catalogue.paper(name)
    if paper is None:
        raise HTTPException(404, f"No paper here is called “{plain(name)[:100]}”.")
    return paper
