"""What every page handler works with: the catalogue, the store for what a reader does, and the
templates, together with what all pages show.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse

from broadsheet import __version__
from broadsheet.mail.message import Sender
from broadsheet.records import Paper
from broadsheet.search.layout.kept import MapLayout
from broadsheet.search.recent import RecentIndex
from broadsheet.store import changes, deeds, past_queries, readers, reading, signals
from broadsheet.store.deeds import Deed
from broadsheet.store.engine import Store, StoreError
from broadsheet.store.reading import NOTHING, State
from broadsheet.views import periods
from broadsheet.views.addresses import place_at
from broadsheet.views.catalogue import Catalogue
from broadsheet.views.ledger import sentence
from broadsheet.views.map import PaperMap
from broadsheet.views.personal.teaching import Outside, Teaching
from broadsheet.views.rising import RisingTerms, chance_text
from broadsheet.views.suggestions import Suggestion
from broadsheet.web import assets, code, render
from broadsheet.web.feeds.answering import Changes
from broadsheet.web.feeds.formats import FeedLink, feed_links
from broadsheet.web.keeping import Stamps
from broadsheet.web.security import is_at_home

# So long after a deed, the pages offer to undo it.
_JUST_NOW = timedelta(minutes=3)
_MINUTE, _HOUR = 60, 3600
# What a reader can choose; the first of each is the usual.
CHOICES = {
    "theme": ("auto", "light", "dark"),
    "density": ("lines", "titles", "full"),
    # Keys of one letter get in the way of people who speak to their machine (WCAG 2.1.4).
    "keys": ("on", "off"),
    # The order of the front page.
    "order": ("new", "trending", "votes", "for-me"),
    # What was on the screen and what was opened, so that 'for me' never repeats it.
    "track": ("on", "off"),
    # What somebody looks for says what they work on: nothing of it is kept unasked.
    past_queries.HISTORY: (past_queries.OFF, past_queries.ON),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What the frame of a page shows whichever page it is.

    `here` is the page's own address for forms that come back to it; `section` names the entry of
    the navigation that is lit; `query` stands in the search box; `feeds` are those of the list that
    the page shows.
    """

    title: str
    section: str
    here: str
    theme: str
    density: str
    keys: str
    order: str
    track: str
    history: str
    query: str
    # Where the list that the page shows can be had by mail; empty where it cannot.
    by_mail: str = ""
    # What the reader did last, where that was just now.
    deed: Deed | None = None
    # The reader's state of each paper shown, and the votes it has.
    own: Own = field(default_factory=lambda: Own({}, {}))
    feeds: tuple[FeedLink, ...] = ()
    version: str = __version__


@dataclass(frozen=True, slots=True)
class Own:
    """What the reader did with papers, and the votes these have, by number."""

    states: Mapping[int, State]
    votes: Mapping[int, int]

    def state(self, paper: Paper) -> State:
        """What the reader did with a paper."""
        return self.states.get(paper.number, NOTHING)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What opens what: the operator's pages from elsewhere, and the door for reports on mail. One
    that is empty opens nothing.
    """

    operator: str = field(default="", repr=False)
    reports: str = field(default="", repr=False)


class Desk:
    """Made once when the program starts; handlers reach it as `request.app.state.desk`.

    `site` is where readers reach the pages, where that was set; `hub` a WebSub hub for feeds;
    `asking` asks arXiv for papers that are named and not held;
    `writer` writes mails, where any are sent; `secrets` open what is not for everybody.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        writer: Sender | None = None,
        site: str = "",
        hub: str = "",
        layout: MapLayout | None = None,
        recent: RecentIndex | None = None,
        asking: Outside | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.map = PaperMap(store, catalogue, layout)
        self.rising = RisingTerms(store, catalogue, recent, layout)
        self.store = store
        self.teaching = Teaching(store, catalogue.own, asking)
        self.writer = writer
        self.site = site.rstrip("/")
        self.hub = hub
        self.secrets = secrets or Secrets()
        self.changes = Changes()
        self._templates = _environment()
        self._reader: int | None = None
        # The last change of the log in a state of the store.
        self._log: tuple[Hashable, int] | None = None

    def page(
        self,
        request: Request,
        template: str,
        title: str,
        *,
        section: str = "",
        query: str = "",
        place: str = "",
        status_code: int = 200,
        papers: Iterable[Paper] = (),
        **context: Any,
    ) -> HTMLResponse:
        """A page from its template, framed as the reader chose; `papers` are those it shows and
        `place` is the address of their list, where it has one (views/addresses.py), whose feeds
        stand on the page.
        """
        chosen, deed, own = self._of_reader(request, [paper.number for paper in papers])
        frame = Frame(
            title=title,
            section=section,
            here=_address(request),
            **{name: _one_of(known, chosen.get(name)) for name, known in CHOICES.items()},
            query=query,
            deed=deed,
            own=own,
            by_mail=_by_mail(request, place) if place else "",
            feeds=feed_links(place) if place else (),
        )
        html = self._templates.get_template(template).render(frame=frame, **context)
        return HTMLResponse(html, status_code, headers={"Cache-Control": "private, no-cache"})

    def _of_reader(
        self, request: Request, numbers: list[int]
    ) -> tuple[dict[str, str], Deed | None, Own]:
        """What the reader chose, did last, and did with these papers; nothing where the store
        cannot be asked: the page that says so is framed too.
        """
        try:
            with self.store.reading() as connection:
                reader = self.reader
                chosen = self._chosen(request, connection)
                deed = deeds.latest(connection, reader)
                own = Own(
                    reading.states(connection, reader, numbers),
                    signals.counted_votes(connection, numbers),
                )
        except StoreError:
            return {}, None, Own({}, {})
        is_new = deed is not None and datetime.now(UTC) - deed.at < _JUST_NOW
        return chosen, deed if is_new else None, own

    def usual_order(self, request: Request) -> str:
        """The order of the front page that the reader chose. Raises StoreError."""
        with self.store.reading() as connection:
            chosen = self._chosen(request, connection)
        return _one_of(CHOICES["order"], chosen.get("order"))

    def _chosen(self, request: Request, connection: Connection) -> dict[str, str]:
        """What the reader chose, read once a request."""
        if not hasattr(request.state, "chosen"):
            request.state.chosen = readers.preferences_of(connection, self.reader)
        chosen: dict[str, str] = request.state.chosen
        return chosen

    @property
    def reader(self) -> int:
        """The reader whose pages these are. Raises StoreError."""
        if self._reader is None:
            with self.store.reading() as connection:
                self._reader = readers.personal(connection)
        return self._reader

    def stamps(self) -> Stamps:
        """Of what pages and feeds are made of, as all of it is now. Raises StoreError."""
        reader, state = self.reader, self.store.state()
        log = self._log
        if log is None or log[0] != state:
            with self.store.reading() as connection:
                log = self._log = state, changes.last_change(connection)
        now = int(datetime.now(UTC).timestamp())
        indexes = self.catalogue.stamp()
        return Stamps(
            reader,
            # What an embedder of others did not answer in time, it may answer later.
            (log[1], indexes, now // _HOUR),
            (state, indexes, self.rising.at_hand(), now // _MINUTE),
        )

    def prefer(self, name: str, value: str) -> None:
        """Keeps what the reader chose. Raises StoreError."""
        with self.store.writing() as connection:
            reader = readers.personal(connection)
            readers.set_preference(connection, reader, name, value)
            if (name, value) == (past_queries.HISTORY, past_queries.OFF):
                past_queries.forget(connection, reader)

    def suggest(self, text: str) -> tuple[Suggestion, ...]:
        """What to offer the reader while they type. Raises StoreError."""
        return self.catalogue.suggest(text, self.reader)

    def remember(self, text: str) -> None:
        """Remembers a search where the reader wishes it. Raises StoreError."""
        with self.store.writing() as connection:
            reader = readers.personal(connection)
            if past_queries.is_wanted(connection, reader):
                past_queries.remember(connection, reader, text)

    def forget(self) -> None:
        """Forgets the reader's searches. Raises StoreError."""
        with self.store.writing() as connection:
            past_queries.forget(connection, readers.personal(connection))


def desk_of(request: Request) -> Desk:
    """The desk of the running program."""
    desk: Desk = request.app.state.desk
    return desk


def _address(request: Request) -> str:
    """The path and query that were asked for, in ASCII whatever bytes came."""
    path = quote(request.scope["path"], safe="/:@!$&'()*+,;=~")
    query = quote(request.scope["query_string"], safe="/:@!$&'()*+,;=~?%[]")
    return f"{path}?{query}" if query else path


def _by_mail(request: Request, place: str) -> str:
    """Where a list can be had by mail: a reader's own by who sits at this machine only."""
    is_personal = place_at(place).is_personal
    return "" if is_personal and not is_at_home(request) else f"/subscribe?view={quote(place)}"


def _one_of(known: tuple[str, ...], value: str | None) -> str:
    return value if value in known else known[0]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("broadsheet.web"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        rich=render.rich,
        changed=render.changed,
        flat=render.flat,
        teaser=render.teaser,
        telling_sentence=render.telling_sentence,
        shares=render.shares,
        path=render.paper_path,
        asking=render.asking,
        web_links=render.web_links,
        points=render.points,
        counted=render.counted,
        day=render.day_text,
        count=render.number_text,
        byline=render.byline,
        asset=assets.address,
        period_name=periods.name,
        period_title=periods.title,
        ledger_sentence=sentence,
        python=code.highlighted,
        quoted_code=code.quoted_code,
        chance=chance_text,
    )
    return environment
