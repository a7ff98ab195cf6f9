"""What every page handler works with: the catalogue, the store for what a reader does, and the
templates, together with what all pages show.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from broadsheet import __version__
from broadsheet.store import past_queries, readers
from broadsheet.store.engine import Store, StoreError
from broadsheet.views import periods
from broadsheet.views.catalogue import Catalogue
from broadsheet.views.ledger import sentence
from broadsheet.views.suggestions import Suggestion
from broadsheet.web import assets, render

# What a reader can choose; the first of each is the usual.
CHOICES = {
    "theme": ("auto", "light", "dark"),
    "density": ("lines", "titles", "full"),
    # Keys of one letter get in the way of people who speak to their machine (WCAG 2.1.4).
    "keys": ("on", "off"),
    # What somebody looks for says what they work on: nothing of it is kept unasked.
    past_queries.HISTORY: (past_queries.OFF, past_queries.ON),
}


@dataclass(frozen=True, slots=True)
class Frame:
    """What the frame of a page shows whichever page it is.

    `here` is the page's own address for forms that come back to it; `section` names the entry of
    the navigation that is lit; `query` stands in the search box.
    """

    title: str
    section: str
    here: str
    theme: str
    density: str
    keys: str
    history: str
    query: str
    version: str = __version__


class Desk:
    """Made once when the program starts; handlers reach it as `request.app.state.desk`."""

    def __init__(self, catalogue: Catalogue, store: Store) -> None:
        self.catalogue = catalogue
        self.store = store
        self._templates = _environment()
        self._reader: int | None = None

    def page(
        self,
        request: Request,
        template: str,
        title: str,
        *,
        section: str = "",
        query: str = "",
        status_code: int = 200,
        **context: Any,
    ) -> HTMLResponse:
        """A page from its template, framed as the reader chose."""
        frame = Frame(
            title=title,
            section=section,
            here=_address(request),
            **self.preferences(),
            query=query,
        )
        html = self._templates.get_template(template).render(frame=frame, **context)
        return HTMLResponse(html, status_code, headers={"Cache-Control": "private, no-cache"})

    def preferences(self) -> dict[str, str]:
        """What the reader chose of `CHOICES`; the usual where the store cannot be asked."""
        try:
            with self.store.reading() as connection:
                chosen = readers.preferences_of(connection, readers.personal(connection))
        except StoreError:
            chosen = {}
        return {name: _one_of(known, chosen.get(name)) for name, known in CHOICES.items()}

    def prefer(self, name: str, value: str) -> None:
        """Keeps what the reader chose. Raises StoreError."""
        with self.store.writing() as connection:
            reader = readers.personal(connection)
            readers.set_preference(connection, reader, name, value)
            if (name, value) == (past_queries.HISTORY, past_queries.OFF):
                past_queries.forget(connection, reader)

    def suggest(self, text: str) -> tuple[Suggestion, ...]:
        """What to offer the reader while they type. Raises StoreError."""
        if self._reader is None:
            with self.store.reading() as connection:
                self._reader = readers.personal(connection)
        return self.catalogue.suggest(text, self._reader)

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
    )
    return environment
