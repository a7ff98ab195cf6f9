"""Interests, one by one and mixed: their pages, how they are made and taught, and 'for me'."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from broadsheet.records import Order, Shelf, ShelfKind, View
from broadsheet.store import interests as kept
from broadsheet.store.deeds import Doing
from broadsheet.store.interests import COLOURS, TERM_KINDS, Interest, Term, TermKind
from broadsheet.views import places
from broadsheet.views.addresses import NoSuchPlaceError, address_of, place_at
from broadsheet.views.personal.teaching import MIXED, DeedError, Done, Matched, held_of, terms_of
from broadsheet.web.desk import Desk, desk_of
from broadsheet.web.pages.actions import back_from
from broadsheet.web.pages.deeds import done, paper_called, papers_in
from broadsheet.web.pages.paging import PER_PAGE, Paging, page_number
from broadsheet.web.render import counted

# A file of twenty thousand entries has about half of this.
_LARGEST_FILE = 64 * 1024 * 1024
# From so many papers on an interest is sure of itself.
_ENOUGH = 5
# Months of a timeline.
_MONTHS = 24
_COUNT = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Bar:
    """A month of a timeline: where its bar stands and how high it is, in a picture 100 high."""

    month: date
    papers: int
    x: float
    height: float


def for_me(request: Request) -> Response:
    """The newest papers that the reader's interests choose, with how they are mixed."""
    desk = desk_of(request)
    page = page_number(request)
    view = View(
        order=Order.FOR_ME, limit=PER_PAGE, offset=(page - 1) * PER_PAGE, reader=desk.reader
    )
    listing = desk.catalogue.listing(view)
    return desk.page(
        request,
        "for_me.html",
        "For me",
        section="for-me",
        place=address_of(view),
        papers=[entry.paper for entry in listing.entries],
        listing=listing,
        interests=desk.catalogue.interests(desk.reader),
        mix=desk.catalogue.own.mix_of(desk.reader),
        prior=desk.catalogue.people.tuning(desk.reader).prior,
        paging=Paging("/for-me", {}, page, listing.total),
    )


async def mix(request: Request) -> Response:
    """Keeps how 'for me' is mixed, and how much the prior counts."""
    desk = desk_of(request)
    async with request.form(max_files=0) as form:
        parts = {name: _number(str(form[name]), 0, 100) / 100 for name in MIXED if name in form}
        shares = {
            name.removeprefix("share-"): _number(str(value), 0, 100)
            for name, value in form.items()
            if name.startswith("share-")
        }
        back = back_from(form.get("back") or "/for-me")
    await done(desk.teaching.set_mix, desk.reader, parts, shares)
    return RedirectResponse(back, 303)


async def reset(request: Request) -> Response:
    """'For me' as it was at first."""
    desk = desk_of(request)
    await done(desk.teaching.reset, desk.reader)
    return RedirectResponse("/for-me", 303)


def index(request: Request) -> Response:
    """All interests, and how to make one."""
    desk = desk_of(request)
    return desk.page(
        request,
        "interests.html",
        "Interests",
        section="interests",
        interests=desk.catalogue.interests(desk.reader),
    )


def page(request: Request) -> Response:
    """One interest: its papers, newest or best first, its timeline, and what it goes by."""
    desk = desk_of(request)
    interest = _interest(desk, request)
    number = page_number(request)
    by_score = request.query_params.get("order") == Order.RELEVANCE
    view = View(
        order=Order.RELEVANCE if by_score else Order.NEW,
        limit=PER_PAGE,
        offset=(number - 1) * PER_PAGE,
        shelf=Shelf(ShelfKind.INTEREST, interest.slug),
        reader=desk.reader,
    )
    listing = desk.catalogue.listing(view)
    address = f"/interests/{interest.slug}"
    params = {"order": Order.RELEVANCE.value} if by_score else {}
    return desk.page(
        request,
        "interest.html",
        interest.name,
        section="interests",
        place=address_of(view),
        papers=[entry.paper for entry in listing.entries],
        interest=interest,
        listing=listing,
        taught=desk.catalogue.taught(interest),
        timeline=_timeline(desk.catalogue.own.timeline(interest)),
        by_score=by_score,
        said=_said(request),
        colours=COLOURS,
        paging=Paging(address, params, number, listing.total),
    )


def which(request: Request) -> Response:
    """Asks which interest is to have more like a paper."""
    desk = desk_of(request)
    paper = paper_called(desk, request.query_params.get("paper", ""))
    return desk.page(
        request,
        "which.html",
        "More like this",
        section="interests",
        paper=paper,
        back=back_from(request.query_params.get("back")),
        interests=desk.catalogue.interests(desk.reader),
    )


async def make(request: Request) -> Response:
    """Makes an interest: of a search, papers, words, or a list or file that names papers."""
    desk = desk_of(request)
    async with request.form(max_files=1, max_part_size=4 * 1024 * 1024) as form:
        name = str(form.get("name", "")).strip()
        liked = await done(papers_in, desk, form, "for")
        disliked = await done(papers_in, desk, form, "against")
        terms = _terms(form)
        if address := str(form.get("of", "")):
            found, words, title = await done(_of_view, desk, address)
            liked, terms, name = [*liked, *found], [*terms, *words], name or title
        matched = await _matched(desk, form)
    unknown: dict[str, int | str] = {}
    if matched is not None:
        liked = [*liked, *matched.numbers]
        if matched.unknown:
            held = len(matched.numbers)
            unknown = {"held": held, "of": held + matched.unknown}
            if matched.missed:
                unknown["missed"] = matched.missed
        if not matched.numbers and not liked and not terms:
            raise HTTPException(400, matched.sentence or "The list names no paper.")
        name = name or matched.title
    if not name and liked:
        first = await done(desk.catalogue.by_number, liked[0])
        name = first.title if first else ""
    if twice := len({*liked} & {*disliked}):
        unknown["both"] = twice
    made: Done = await done(desk.teaching.make, desk.reader, name, liked, disliked, terms)
    said = f"?{urlencode(unknown)}" if unknown else ""
    return RedirectResponse(f"/interests/{made.slug}{said}", 303)


async def change(request: Request) -> Response:
    """Renames an interest, or sets its colour, threshold, words, names and categories."""
    async with request.form(max_files=0) as form:
        name = str(form.get("name", ""))
        colour = str(form.get("colour", "")) or None
        threshold = _number(str(form["threshold"]), 1, 99) / 100 if "threshold" in form else None
        terms = _terms(form)

    def how(doing: Doing, held: Interest) -> None:
        kept.change(doing, held, name=name or None, colour=colour, threshold=threshold)
        if set(terms) != set(held.terms):
            kept.set_terms(doing, held.number, terms)

    return await _changed(request, "Changed “{name}”", how)


async def forget(request: Request) -> Response:
    """Takes papers out of what an interest was taught."""
    desk = desk_of(request)
    async with request.form(max_files=0) as form:
        numbers = await done(papers_in, desk, form, "paper")
    return await _changed(
        request, "Took back a lesson of “{name}”", lambda d, held: kept.forget(d, held, numbers)
    )


async def start_over(request: Request) -> Response:
    """Forgets all papers an interest was taught."""
    return await _changed(request, "“{name}” forgot what it learned", kept.reset)


async def remove(request: Request) -> Response:
    """Removes an interest."""
    desk = desk_of(request)
    slug = request.path_params["slug"]
    await done(desk.teaching.change, desk.reader, slug, "Removed “{name}”", kept.remove)
    return RedirectResponse("/interests", 303)


async def _changed(request: Request, said: str, how: Callable[[Doing, Interest], None]) -> Response:
    desk = desk_of(request)
    slug = request.path_params["slug"]
    await done(desk.teaching.change, desk.reader, slug, said, how)
    return RedirectResponse(f"/interests/{slug}", 303)


def _said(request: Request) -> str:
    """How many entries of the list it was made of are held, why not the others, and how many papers
    were handed in on both sides. The address has numbers and a keyword only: a sentence in it could
    be anybody's.
    """
    asked = request.query_params
    held, every, both = (asked.get(name, "") for name in ("held", "of", "both"))
    said = []
    if _COUNT.fullmatch(held) and _COUNT.fullmatch(every):
        said.append(held_of(int(held), int(every), asked.get("missed", "")))
    if _COUNT.fullmatch(both) and int(both):
        count = counted(int(both), "paper")
        said.append(f"{count} stood on both sides; what is said against a paper holds.")
    return " ".join(filter(None, said))


def _of_view(desk: Desk, address: str) -> tuple[list[int], list[Term], str]:
    """The best papers of a list, and what its query says."""
    try:
        place = place_at(address, reader=desk.reader)
    except NoSuchPlaceError as error:
        raise DeedError(str(error)) from error
    with desk.store.reading() as connection:
        if places.held(connection, place) is None:
            raise DeedError(f"There is no list “{place.title[:60]}” of yours here.")
    best, title = desk.catalogue.exemplary(place.view), place.title
    return best, terms_of(place.view.query, shown=len(best) >= _ENOUGH), title


async def _matched(desk: Desk, form: FormData) -> Matched | None:
    """The papers that the form's list or file names; None where it has neither."""
    upload, text = form.get("file"), str(form.get("list", "")).strip()
    if isinstance(upload, UploadFile) and upload.filename:
        if (upload.size or 0) > _LARGEST_FILE:
            raise HTTPException(400, "The file is larger than 64 MB; hand in a part of it.")
        return await done(_read_upload, desk, upload)
    if not text:
        return None
    if "@" in text and "{" in text:
        return await done(_read_text, desk, text)
    return await done(desk.teaching.matched_lines, text)


def _read_upload(desk: Desk, upload: UploadFile) -> Matched:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "upload"
        with file.open("wb") as out:
            shutil.copyfileobj(upload.file, out)
        return desk.teaching.matched(file)


def _read_text(desk: Desk, text: str) -> Matched:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "list"
        file.write_text(text, "utf-8", "replace")
        return desk.teaching.matched(file)


def _terms(form: FormData) -> list[Term]:
    """Words, names and categories as the form's lines say them; a minus before one is against."""
    found = []
    for kind in TERM_KINDS:
        for line in str(form.get(f"{kind}s", "")).splitlines():
            text = line.strip()
            liked = not text.startswith(("-", "−"))
            if text.lstrip("-− "):
                found.append(Term(_kind(kind), text.lstrip("-− "), liked))
    return found


def _kind(kind: TermKind) -> TermKind:
    return kind


def _timeline(months: dict[date, int]) -> list[Bar]:
    """The last months as bars; months without papers between are empty ones."""
    if not months:
        return []
    last = max(months)
    row = [_month_before(last, back) for back in range(_MONTHS - 1, -1, -1)]
    first = next((at for at, month in enumerate(row) if month in months), 0)
    row = row[min(first, _MONTHS - 6) :]
    most = max(months.get(month, 0) for month in row)
    step = 100 / len(row)
    return [
        Bar(month, months.get(month, 0), at * step, 100 * months.get(month, 0) / max(1, most))
        for at, month in enumerate(row)
    ]


def _month_before(month: date, back: int) -> date:
    months = month.year * 12 + month.month - 1 - back
    return date(months // 12, months % 12 + 1, 1)


def _interest(desk: Desk, request: Request) -> Interest:
    slug = request.path_params["slug"]
    held = None if "\0" in slug else desk.catalogue.interest(desk.reader, slug)
    if held is None:
        raise HTTPException(404, f"There is no interest “{slug[:60]}”.")
    return held


def _number(text: str, least: float, most: float) -> float:
    try:
        value: Any = float(text)
    except ValueError:
        raise HTTPException(400, f"“{text[:40]}” is no number.") from None
    if not least <= value <= most:  # also refuses nan
        raise HTTPException(400, f"A number from {least:g} to {most:g} is wanted here.")
    return float(value)
