"""Search: a form that works everywhere, and the same results as a fragment as one types."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from broadsheet.records import Order
from broadsheet.views import query as language
from broadsheet.views.addresses import address_of
from broadsheet.views.catalogue import view_of
from broadsheet.web.desk import Desk, desk_of
from broadsheet.web.pages.paging import PER_PAGE, Paging, page_number

EXAMPLES = (
    ("sparse autoencoder", "papers with both words"),
    ('"mutual information"', "the words side by side"),
    ("how do networks represent features", "a question, answered by words and by meaning"),
    ("transformer -vision", "one word and not the other"),
    ("title:pruning", "a word of the title"),
    ("year:2020..2023 compression", "from a span of years"),
    ("has:code retrieval", "with a link to code"),
)


def results(request: Request) -> Response:
    """The papers a query finds; how to ask where there is none."""
    desk = desk_of(request)
    text = request.query_params.get("q", "")
    order = _order(request)
    typing = "typing" in request.query_params
    page = page_number(request)
    query = language.parse(text, typing=typing)
    view = view_of(query, order=order, limit=PER_PAGE, page=page, reader=desk.reader)
    listing = desk.catalogue.with_nearest(desk.catalogue.listing(view))
    params = {"q": text} | ({"typing": "1"} if typing else {})
    is_found = bool(text.strip() and listing.entries)
    by_other_order = Order.NEW if listing.view.order is Order.RELEVANCE else Order.RELEVANCE
    turned = f"/search?{urlencode({**params, 'order': by_other_order.value})}"
    if order:
        params["order"] = order.value
    return desk.page(
        request,
        "results.html" if "fragment" in request.query_params else "search.html",
        f"{text} – search" if text.strip() else "Search",
        section="search",
        query=text,
        papers=[entry.paper for entry in listing.entries],
        place=address_of(listing.view) if text.strip() else "",
        listing=listing,
        understood=language.in_words(query),
        order=listing.view.order,
        here=address_of(listing.view),
        turned=turned if query.scoring or query.likes else None,
        paging=Paging("/search", params, page, listing.total),
        examples=EXAMPLES if is_found else (*EXAMPLES, *_of_an_interest(desk)),
    )


def _of_an_interest(desk: Desk) -> tuple[tuple[str, str], ...]:
    """How to look in an interest, where the reader has one."""
    held = desk.catalogue.interests(desk.reader)[:1]
    return tuple((f"in:{one.slug}", f"from your interest “{one.name}”") for one in held)


def _order(request: Request) -> Order | None:
    asked = request.query_params.get("order")
    return Order(asked) if asked in list(Order) else None
