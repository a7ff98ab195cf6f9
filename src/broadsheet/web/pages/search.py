"""Search: a form that works everywhere, and the same results as a fragment as one types."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from broadsheet.records import Order
from broadsheet.views import query as language
from broadsheet.views.catalogue import view_of
from broadsheet.web.desk import desk_of
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
    listing = desk.catalogue.with_nearest(
        desk.catalogue.listing(view_of(query, order=order, limit=PER_PAGE, page=page))
    )
    params = {"q": text} | ({"typing": "1"} if typing else {})
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
        listing=listing,
        understood=language.in_words(query),
        order=listing.view.order,
        turned=turned if query.scoring or query.likes else None,
        paging=Paging("/search", params, page, listing.total),
        examples=EXAMPLES,
    )


def _order(request: Request) -> Order | None:
    asked = request.query_params.get("order")
    return Order(asked) if asked in list(Order) else None
