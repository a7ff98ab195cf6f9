"""A reader's library: the queue, what was kept, notes, collections, and all of it as files."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from broadsheet.records import Shelf, ShelfKind, View
from broadsheet.store import collections as kept
from broadsheet.store.collections import Collection
from broadsheet.store.deeds import Doing
from broadsheet.text.bibtex import bibliography
from broadsheet.views import query as language
from broadsheet.views.personal import carrying
from broadsheet.web.desk import Desk, desk_of
from broadsheet.web.pages.actions import back_from
from broadsheet.web.pages.deeds import done, paper_called
from broadsheet.web.pages.paging import PER_PAGE, Paging, page_number

_LARGEST_FILE = 64 * 1024 * 1024


def page(request: Request) -> Response:
    """What is to be read, and the collections."""
    return _list(request, Shelf(ShelfKind.QUEUE), "/queue", "To read")


def everything(request: Request) -> Response:
    """All the reader kept, searched by words and meaning, notes included."""
    return _list(request, Shelf(ShelfKind.KEPT), "/kept", "Kept")


def collection(request: Request) -> Response:
    """One collection."""
    desk = desk_of(request)
    held = _collection(desk, request)
    shelf = Shelf(ShelfKind.COLLECTION, held.slug)
    return _list(request, shelf, f"/collections/{held.slug}", held.name, held)


def shared(request: Request) -> Response:
    """A collection, to whoever was given its address."""
    desk = desk_of(request)
    held = desk.catalogue.shared(request.path_params["secret"])
    if held is None:
        raise HTTPException(404, "No collection is shared under this address, or no more.")
    listing = desk.catalogue.shared_listing(held)
    return desk.page(
        request,
        "shared.html",
        held.name,
        section="library",
        papers=[entry.paper for entry in listing.entries],
        collection=held,
        listing=listing,
    )


async def make(request: Request) -> Response:
    """Makes a collection."""
    desk = desk_of(request)
    async with request.form(max_files=0) as form:
        name = str(form.get("name", ""))
    made = await done(desk.teaching.make_collection, desk.reader, name)
    return RedirectResponse(f"/collections/{made.slug}", 303)


async def hold(request: Request) -> Response:
    """Puts a paper into the collections that are marked, and takes it out of the others."""
    desk = desk_of(request)
    async with request.form(max_files=0) as form:
        wanted = {str(slug) for slug in form.getlist("in")}
        name, back = str(form.get("name", "")).strip(), back_from(form.get("back"))
        paper = paper_called(desk, str(form.get("paper", "")))
    holding = desk.catalogue.holding(desk.reader, paper.number)
    for slug in sorted(wanted ^ holding):
        said = "Put into “{name}”" if slug in wanted else "Took out of “{name}”"
        await done(
            desk.teaching.change_collection,
            desk.reader,
            slug,
            said,
            _moving(paper.number, on=slug in wanted),
        )
    if name:
        await done(desk.teaching.make_collection, desk.reader, name, [paper.number])
    return RedirectResponse(back, 303)


async def share(request: Request) -> Response:
    """Shares a collection under a new secret address."""
    return await _changed(request, "Shared “{name}”", lambda d, c: kept.share(d, c, on=True))


async def unshare(request: Request) -> Response:
    """Ends the address under which a collection was shared."""
    return await _changed(
        request, "“{name}” is shared no more", lambda d, c: kept.share(d, c, on=False)
    )


async def remove(request: Request) -> Response:
    """Removes a collection; its papers stay."""
    await _changed(request, "Removed “{name}”", kept.remove)
    return RedirectResponse("/library", 303)


def as_json(request: Request) -> Response:
    """Everything of the reader's own, as one file that can be brought in again."""
    desk = desk_of(request)
    said = carrying.export(desk.store, desk.reader)
    return Response(
        orjson.dumps(said, option=orjson.OPT_INDENT_2),
        media_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="broadsheet-mine.json"'},
    )


def as_bibtex(request: Request) -> Response:
    """Every paper the reader kept, as BibTeX; with `collection`, those of one."""
    desk = desk_of(request)
    slug = request.query_params.get("collection")
    shelf = Shelf(ShelfKind.COLLECTION, slug) if slug else Shelf(ShelfKind.KEPT)
    listing = desk.catalogue.listing(View(shelf=shelf, reader=desk.reader, limit=100_000))
    return Response(
        bibliography(entry.paper for entry in listing.entries),
        media_type="application/x-bibtex",
        headers={"Content-Disposition": f'attachment; filename="{slug or "kept"}.bib"'},
    )


async def bring(request: Request) -> Response:
    """Brings in what `as_json` gave, beside what is here."""
    desk = desk_of(request)
    async with request.form(max_files=1) as form:
        upload = form.get("file")
        if not isinstance(upload, UploadFile) or not upload.filename:
            raise HTTPException(400, "Choose the file that was saved from here.")
        if (upload.size or 0) > _LARGEST_FILE:
            raise HTTPException(400, "The file is larger than 64 MB.")
        await done(_bring, desk, upload)
    return RedirectResponse("/library", 303)


def _bring(desk: Desk, upload: UploadFile) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.json"
        with file.open("wb") as out:
            shutil.copyfileobj(upload.file, out)
        carrying.bring(desk.store, desk.reader, file.read_bytes())


def _list(
    request: Request, shelf: Shelf, address: str, title: str, held: Collection | None = None
) -> Response:
    desk = desk_of(request)
    number = page_number(request)
    text = request.query_params.get("q", "")
    view = View(
        query=language.parse(text),
        limit=PER_PAGE,
        offset=(number - 1) * PER_PAGE,
        shelf=shelf,
        reader=desk.reader,
    )
    listing = desk.catalogue.listing(view)
    return desk.page(
        request,
        "library.html",
        title,
        section="library",
        place=address,
        papers=[entry.paper for entry in listing.entries],
        listing=listing,
        shelf=shelf,
        heading=title,
        asked=text,
        address=address,
        collection=held,
        collections=desk.catalogue.collections(desk.reader),
        paging=Paging(address, {"q": text} if text else {}, number, listing.total),
    )


def _moving(number: int, *, on: bool) -> Callable[[Doing, Collection], object]:
    if on:
        return lambda doing, held: kept.add(doing, held, [number])
    return lambda doing, held: kept.take_out(doing, held, [number])


async def _changed(
    request: Request, said: str, how: Callable[[Doing, Collection], object]
) -> Response:
    desk = desk_of(request)
    slug = request.path_params["slug"]
    await done(desk.teaching.change_collection, desk.reader, slug, said, how)
    return RedirectResponse(f"/collections/{slug}", 303)


def _collection(desk: Desk, request: Request) -> Collection:
    slug = request.path_params["slug"]
    held = None if "\0" in slug else desk.catalogue.collection(desk.reader, slug)
    if held is None:
        raise HTTPException(404, f"There is no collection “{slug[:60]}”.")
    return held
