"""The web application: every route with its method, top to bottom a map of the product."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount, Route

from broadsheet import __version__
from broadsheet.store.engine import Store, StoreError
from broadsheet.views.catalogue import Catalogue
from broadsheet.web.assets import STATIC, Assets
from broadsheet.web.desk import Desk
from broadsheet.web.pages import about, actions, errors, front, ledger, paper, search, suggestions
from broadsheet.web.security import Guard

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

ROUTES = (
    Route("/", front.latest, methods=["GET"]),
    Route("/day/{name}", front.day, methods=["GET"]),
    Route("/week/{name}", front.week, methods=["GET"]),
    Route("/month/{name}", front.month, methods=["GET"]),
    Route("/week", front.latest_week, methods=["GET"]),
    Route("/month", front.latest_month, methods=["GET"]),
    Route("/undated", front.undated, methods=["GET"]),
    Route("/search", search.results, methods=["GET"]),
    Route("/suggest", suggestions.suggest, methods=["GET"]),
    Route("/papers/{name:path}.bib", paper.bibtex, methods=["GET"]),
    Route("/papers/{name:path}", paper.page, methods=["GET"]),
    Route("/ledger", ledger.page, methods=["GET"]),
    Route("/ledger.json", ledger.as_json, methods=["GET"]),
    Route("/about", about.page, methods=["GET"]),
    Route("/healthz", about.health, methods=["GET"]),
    Route("/preferences", actions.prefer, methods=["POST"]),
    Route("/queries/past", suggestions.remember, methods=["POST"]),
    Route("/queries/past/forget", suggestions.forget, methods=["POST"]),
    Route("/sources/add", ledger.add, methods=["POST"]),
    Route("/sources/remove", ledger.remove, methods=["POST"]),
    Route("/sample/remove", actions.remove_sample, methods=["POST"]),
    Mount("/static", Assets(directory=STATIC), name="static"),
)


# Handlers wait for the disk now and then and otherwise for each other: a few threads keep both
# cores busy, and each costs a connection with a cache of its own.
_THREADS = 8


@asynccontextmanager
async def _lifespan(_app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    yield


def create_app(store: Store, catalogue: Catalogue, *, hosts: Sequence[str] = LOOPBACK) -> FastAPI:
    """The application over a store and its catalogue, answering under the names in `hosts`.

    A page of another site cannot reach it by pointing a name of its own at this machine (DNS
    rebinding): other host names are refused.
    """
    app = FastAPI(
        title="Broadsheet",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=_lifespan,
        routes=list(ROUTES),
        middleware=[
            Middleware(Guard),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
            Middleware(GZipMiddleware, minimum_size=2000, compresslevel=4),
        ],
    )
    app.add_exception_handler(HTTPException, errors.http)
    app.add_exception_handler(StoreError, errors.store)
    app.add_exception_handler(Exception, errors.unexpected)
    app.state.desk = Desk(catalogue, store)
    return app
