"""The ledger: what each source announced on each day and what of it is held; and the sources."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from broadsheet.records import LedgerLine, ledger_json
from broadsheet.store import ledger as kept
from broadsheet.text.categories import known
from broadsheet.web.desk import desk_of

# Two weeks of columns on a wide page.
_DAYS = 14
# What a source that is added brings at once.
_BACK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Row:
    """A source and its days, in the order of the columns; None where it has no such day."""

    source: kept.Source
    cells: tuple[LedgerLine | None, ...]


def page(request: Request) -> Response:
    """The calendar of the last two weeks, coloured by state."""
    desk = desk_of(request)
    today = datetime.now(UTC).date()
    lines = desk.catalogue.ledger(today - timedelta(days=_DAYS))
    # Newest first: what matters is seen on a narrow screen too.
    days = sorted({line.day for line in lines}, reverse=True)
    return desk.page(
        request,
        "ledger.html",
        "Ledger",
        section="ledger",
        days=days,
        rows=_rows(desk.catalogue.sources(), lines, days),
        alarms=[line for line in lines if line.state.is_alarm],
        categories=sorted(known().values()),
    )


def as_json(request: Request) -> Response:
    """The same for machines."""
    today = datetime.now(UTC).date()
    lines = desk_of(request).catalogue.ledger(today - timedelta(days=_DAYS))
    return JSONResponse([ledger_json(line) for line in lines])


async def add(request: Request) -> Response:
    """Adds a source."""
    async with request.form(max_files=0) as form:
        kind, name = str(form.get("kind", "")), str(form.get("name", "")).strip()
    name = _checked(kind, name)
    now = datetime.now(UTC)

    def keep() -> None:
        with desk_of(request).store.writing() as connection:
            kept.add_source(connection, kind, name, now.date() - _BACK, now)

    await run_in_threadpool(keep)
    return RedirectResponse("/ledger", 303)


async def remove(request: Request) -> Response:
    """Asks a source no more; what it brought stays."""
    async with request.form(max_files=0) as form:
        kind, name = str(form.get("kind", "")), str(form.get("name", ""))

    def forget() -> None:
        with desk_of(request).store.writing() as connection:
            kept.remove_source(connection, kind, name)

    await run_in_threadpool(forget)
    return RedirectResponse("/ledger", 303)


def _checked(kind: str, name: str) -> str:
    if len(name) > kept.LONGEST_NAME or not name.isprintable():
        raise HTTPException(400, "This is the name of no source.")
    if kind == "hub":
        return "daily"
    if kind == "arxiv":
        found = known().get(name.lower())
        if found is None:
            raise HTTPException(400, f"arXiv has no category “{name[:40]}”; cs.LG is one.")
        return found[0]
    if kind == "feed":
        try:
            parts = urlsplit(name)
        except ValueError:  # as of http://[
            raise HTTPException(400, "This is no web address.") from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise HTTPException(400, "A feed has an address that begins with http.")
        return name
    raise HTTPException(400, "A source is a category of arXiv, the Hub's daily papers or a feed.")


def _rows(sources: list[kept.Source], lines: list[LedgerLine], days: list[date]) -> tuple[Row, ...]:
    by_place = {(line.source, line.set, line.day): line for line in lines}
    return tuple(
        Row(source, tuple(by_place.get((source.kind, source.name, day)) for day in days))
        for source in sources
    )
