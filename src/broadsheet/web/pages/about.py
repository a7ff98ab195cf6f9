"""What this Broadsheet holds and how it orders, printed from the code that does it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from broadsheet.search.hybrid import NEAR, WORDS
from broadsheet.search.lexical import WEIGHTS
from broadsheet.views import formulas
from broadsheet.web.desk import desk_of
from broadsheet.web.pages.search import EXAMPLES


def page(request: Request) -> Response:
    """About this edition of Broadsheet."""
    desk = desk_of(request)
    return desk.page(
        request,
        "about.html",
        "About",
        section="about",
        holdings=desk.catalogue.holdings(),
        status=desk.catalogue.index_status(),
        weights=WEIGHTS,
        mix={"words": f"{WORDS:g}", "meaning": f"{1 - WORDS:g}", "near": NEAR},
        examples=EXAMPLES,
    )


def ranking(request: Request) -> Response:
    """How each order is computed, from the code that runs."""
    return desk_of(request).page(
        request,
        "ranking.html",
        "How papers are ranked",
        section="about",
        formulas=formulas.every(),
    )


def health(request: Request) -> Response:
    """For whoever watches the service: 200 while the store answers."""
    status = desk_of(request).catalogue.index_status()
    return JSONResponse(
        {
            "status": "ok",
            "papers": status.held,
            "index_behind": max(0, status.last - status.through),
        }
    )
