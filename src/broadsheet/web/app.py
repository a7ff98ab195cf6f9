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
from broadsheet.mail.message import Sender
from broadsheet.search.layout.kept import MapLayout
from broadsheet.search.recent import RecentIndex
from broadsheet.store.engine import Store, StoreError
from broadsheet.views.catalogue import Catalogue
from broadsheet.views.personal.teaching import Outside
from broadsheet.web.assets import STATIC, Assets
from broadsheet.web.desk import Desk, Secrets
from broadsheet.web.keeping import Kept, kept
from broadsheet.web.pages import (
    about,
    actions,
    deeds,
    errors,
    feeds,
    front,
    interests,
    ledger,
    library,
    mailing,
    mapping,
    paper,
    rising,
    search,
    subscribing,
    suggestions,
)
from broadsheet.web.pages.feeds import FeedRoute
from broadsheet.web.security import Guard

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

ROUTES = (
    FeedRoute("/{place:path}.{ending}", kept(feeds.of_list), methods=["GET"]),
    Route("/", kept(front.latest), methods=["GET"]),
    Route("/day/{name}", kept(front.day), methods=["GET"]),
    Route("/week/{name}", kept(front.week), methods=["GET"]),
    Route("/month/{name}", kept(front.month), methods=["GET"]),
    Route("/week", front.latest_week, methods=["GET"]),
    Route("/month", front.latest_month, methods=["GET"]),
    Route("/undated", kept(front.undated), methods=["GET"]),
    Route("/search", kept(search.results), methods=["GET"]),
    Route("/suggest", suggestions.suggest, methods=["GET"]),
    Route("/papers/{name:path}.bib", paper.bibtex, methods=["GET"]),
    Route("/papers/{name:path}", kept(paper.page), methods=["GET"]),
    Route("/for-me", interests.for_me, methods=["GET"]),
    Route("/interests", interests.index, methods=["GET"]),
    Route("/interests/which", interests.which, methods=["GET"]),
    Route("/interests/{slug}", interests.page, methods=["GET"]),
    Route("/library", library.page, methods=["GET"]),
    Route("/queue", library.page, methods=["GET"]),
    Route("/kept", library.everything, methods=["GET"]),
    Route("/collections/{slug}", library.collection, methods=["GET"]),
    Route("/shared/{secret}", library.shared, methods=["GET"]),
    Route("/mine.json", library.as_json, methods=["GET"]),
    Route("/mine.bib", library.as_bibtex, methods=["GET"]),
    Route("/map", mapping.page, methods=["GET"]),
    Route("/map/points.bin", mapping.points, methods=["GET"]),
    Route("/map/papers", mapping.papers, methods=["GET"]),
    Route("/rising", rising.page, methods=["GET"]),
    Route("/rising.json", rising.as_json, methods=["GET"]),
    Route("/ledger", ledger.page, methods=["GET"]),
    Route("/ledger.json", ledger.as_json, methods=["GET"]),
    Route("/mail", mailing.page, methods=["GET"]),
    Route("/mail/preview", subscribing.preview, methods=["GET"]),
    Route("/mail/preview.html", subscribing.preview_html, methods=["GET"]),
    Route("/mail/preview.css", subscribing.preview_style, methods=["GET"]),
    Route("/mail/confirm", subscribing.confirm, methods=["GET"]),
    Route("/mail/manage", subscribing.manage, methods=["GET"]),
    Route("/mail/leave", subscribing.leave, methods=["GET"]),
    Route("/mail/answer", subscribing.answer, methods=["GET"]),
    Route("/subscribe", subscribing.form, methods=["GET"]),
    Route("/subscribe/asked", subscribing.asked, methods=["GET"]),
    Route("/feeds", feeds.page, methods=["GET"]),
    Route("/feeds.opml", feeds.as_opml, methods=["GET"]),
    Route("/feeds/{secret}/{place:path}.{ending}", kept(feeds.of_secret), methods=["GET"]),
    Route("/about", about.page, methods=["GET"]),
    Route("/about/ranking", about.ranking, methods=["GET"]),
    Route("/healthz", about.health, methods=["GET"]),
    Route("/preferences", actions.prefer, methods=["POST"]),
    Route("/deeds", deeds.act, methods=["POST"]),
    Route("/undo", deeds.undo, methods=["POST"]),
    Route("/reading/{step}", deeds.read, methods=["POST"]),
    Route("/papers/note", deeds.note, methods=["POST"]),
    Route("/for-me/mix", interests.mix, methods=["POST"]),
    Route("/for-me/reset", interests.reset, methods=["POST"]),
    Route("/interests/new", interests.make, methods=["POST"]),
    Route("/interests/{slug}/change", interests.change, methods=["POST"]),
    Route("/interests/{slug}/forget", interests.forget, methods=["POST"]),
    Route("/interests/{slug}/reset", interests.start_over, methods=["POST"]),
    Route("/interests/{slug}/remove", interests.remove, methods=["POST"]),
    Route("/collections/new", library.make, methods=["POST"]),
    Route("/collections/hold", library.hold, methods=["POST"]),
    Route("/collections/{slug}/share", library.share, methods=["POST"]),
    Route("/collections/{slug}/unshare", library.unshare, methods=["POST"]),
    Route("/collections/{slug}/remove", library.remove, methods=["POST"]),
    Route("/mine", library.bring, methods=["POST"]),
    Route("/queries/past", suggestions.remember, methods=["POST"]),
    Route("/queries/past/forget", suggestions.forget, methods=["POST"]),
    Route("/sources/add", ledger.add, methods=["POST"]),
    Route("/sources/remove", ledger.remove, methods=["POST"]),
    Route("/subscribe", subscribing.ask, methods=["POST"]),
    Route("/api/subscriptions", subscribing.ask_by_json, methods=["POST"]),
    Route("/mail/confirm", subscribing.say_yes, methods=["POST"]),
    Route("/mail/manage", subscribing.change, methods=["POST"]),
    Route("/mail/leave", subscribing.go, methods=["POST"]),
    Route("/mail/answer", subscribing.give_answer, methods=["POST"]),
    Route("/mail/reports", mailing.take_report, methods=["POST"]),
    Route("/feeds/private", feeds.make_private, methods=["POST"]),
    Route("/feeds/private/revoke", feeds.revoke_private, methods=["POST"]),
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


def create_app(
    store: Store,
    catalogue: Catalogue,
    *,
    hosts: Sequence[str] = LOOPBACK,
    writer: Sender | None = None,
    site: str = "",
    websub: str = "",
    layout: MapLayout | None = None,
    recent: RecentIndex | None = None,
    asking: Outside | None = None,
    secrets: Secrets | None = None,
) -> FastAPI:
    """The application over a store and its catalogue, answering under the names in `hosts`; who
    asks for mail hears from `writer`, where there is one.

    `site` is where readers reach it, as in `https://papers.example`, for addresses that leave
    the site (where none is given, the one a request used); `websub` a hub that feeds name; `asking`
    asks arXiv for papers that a reader names and that are not held; `secrets` open what is the
    operator's.

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
    desk = Desk(catalogue, store, writer, site, websub, layout, recent, asking, secrets)
    app.state.desk = desk
    app.state.kept = Kept(desk.stamps)
    return app
