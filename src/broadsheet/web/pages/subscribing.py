"""Mail for readers: asking for it, saying yes, changing it, leaving, and answering to a paper.

Every link in a mail opens a page with a button: GET and HEAD change nothing, for scanners of mail
follow every link. Who somebody is says the signed token in the link; no account is needed.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from broadsheet.mail import editions, message, rendering, schedule, subscribing
from broadsheet.mail.subscribing import SubscribingError, Wish
from broadsheet.records import Paper, ShelfKind
from broadsheet.store import answers, keys, subscribers
from broadsheet.store.answers import Answer
from broadsheet.store.keys import TokenError
from broadsheet.store.subscribers import Rhythm, State, Subscriber, Subscription
from broadsheet.views.addresses import NoSuchPlaceError, place_at
from broadsheet.web.desk import Desk, desk_of
from broadsheet.web.render import flat
from broadsheet.web.security import is_at_home

# A form of ours has some hundred bytes.
_LARGEST_JSON = 20_000
_NO_MAIL = "This Broadsheet sends no mail: no mail server is set. (For its operator: docs/mail.md.)"
_ASKED = (
    "If mail may go to this address, a message with a link is on its way: open it and press the "
    "button there. Nothing else is sent before that, and one address is asked once a day at most."
)
_LONGEST_PAUSE = timedelta(days=366)


# --- Asking ---------------------------------------------------------------------------------------


def form(request: Request) -> Response:
    """The form for a list: `/subscribe?view=/search?q=…`."""
    desk = desk_of(request)
    view = request.query_params.get("view", "/")
    try:
        view, title = subscribing.list_at(desk.store, view, _reader(request))
    except SubscribingError as error:
        raise HTTPException(400, str(error)) from error
    return desk.page(
        request,
        "subscribe.html",
        "By mail",
        view=view,
        list_title=title,
        can_send=desk.writer is not None,
        no_mail=_NO_MAIL,
        zones=schedule.zones(),
        wish=Wish("", view),
        rhythms=tuple(Rhythm),
        weekdays=subscribing.WEEKDAYS,
    )


async def ask(request: Request) -> Response:
    """Takes the form, and leads to what is to be done next."""
    wish = _wish(await _fields(request))
    try:
        await run_in_threadpool(_ask, request, wish)
    except SubscribingError as error:
        raise HTTPException(400, str(error)) from error
    return RedirectResponse("/subscribe/asked", 303)


async def ask_by_json(request: Request) -> Response:
    """The same for programs: `{"address": …, "view": "/", "rhythm": "daily", …}`."""
    try:
        body = await _body(request)
        said = json.loads(body)
        if not isinstance(said, dict):
            raise SubscribingError("A subscription is a JSON object with an address.")
        wish = _wish({key: str(value) for key, value in said.items() if value is not None})
        await run_in_threadpool(_ask, request, wish)
    except (ValueError, RecursionError) as error:
        known = isinstance(error, SubscribingError)
        said = str(error) if known else "A subscription is a JSON object with an address."
        return JSONResponse({"error": said}, 400)
    return JSONResponse({"said": _ASKED}, 202)


def asked(request: Request) -> Response:
    """What is to be done next; the same whoever asked for whatever."""
    return _said(request, "Look into your inbox", _ASKED)


def _ask(request: Request, wish: Wish) -> None:
    desk = desk_of(request)
    if desk.writer is None:
        raise SubscribingError(_NO_MAIL)
    host = request.client.host if request.client else ""
    subscribing.ask(desk.store, desk.writer, wish, host, _now(), reader=_reader(request))


def _wish(fields: Mapping[str, str]) -> Wish:
    known = {name: fields[name] for name in Wish.__slots__ if name in fields}
    return Wish(**{"address": "", **known})


# --- Saying yes -----------------------------------------------------------------------------------


def confirm(request: Request) -> Response:
    """What was asked for, and the button."""
    if _token(request) == editions.NOBODY:
        return _of_a_preview(request)
    desk = desk_of(request)
    token = _token(request)
    number = _opened(desk, message.CONFIRM, token)
    with desk.store.reading() as connection:
        one = subscribers.subscription(connection, number)
        who = subscribers.get(connection, one.subscriber) if one else None
    if one is None or who is None or one.ended is not None:
        raise HTTPException(400, "Nobody asks for this any more; ask again.")
    if one.confirmed is not None:
        return _said(request, "You said yes already", subscribing.what_comes((one,)))
    return _button(
        request,
        "Do you want this by mail?",
        f"{subscribing.what_comes((one,))} It would go to {who.address}.",
        "/mail/confirm",
        "Yes, send it",
        {"t": token},
    )


async def say_yes(request: Request) -> Response:
    """They want it."""
    desk = desk_of(request)
    token = (await _fields(request)).get("t", "")

    def act() -> str:
        number = _opened(desk, message.CONFIRM, token)
        now = _now()
        try:
            who = subscribing.say_yes(desk.store, desk.writer, number, now)
        except SubscribingError as error:
            raise HTTPException(400, str(error)) from error
        with desk.store.reading() as connection:
            key = keys.held(connection)
        assert key is not None
        return f"/mail/manage?t={keys.sign(key, message.MANAGE, who.number)}&said=yes"

    return RedirectResponse(await run_in_threadpool(act), 303)


# --- Changing -------------------------------------------------------------------------------------


def manage(request: Request) -> Response:
    """Everything somebody gets, and forms to change it."""
    if _token(request) == editions.NOBODY:
        return _of_a_preview(request)
    desk = desk_of(request)
    token = _token(request)
    who = _subscriber(desk, message.MANAGE, token)
    with desk.store.reading() as connection:
        lists = [
            one
            for one in subscribers.subscriptions_of(connection, who.number, active=False)
            if one.ended is None
        ]
        key = keys.held(connection)
    assert key is not None
    active = [one for one in lists if one.is_active]
    return desk.page(
        request,
        "manage.html",
        "Your mail",
        token=token,
        leave_token=keys.sign(key, message.LEAVE, who.number),
        who=who,
        is_here=who.state is State.CONFIRMED,
        active=active,
        asked=[one for one in lists if not one.is_active],
        following=_following(who, active),
        zones=schedule.zones(),
        rhythms=tuple(Rhythm),
        weekdays=subscribing.WEEKDAYS,
        most_papers=subscribing.MOST_PAPERS,
        said="You will get this by mail." if request.query_params.get("said") == "yes" else "",
    )


async def change(request: Request) -> Response:
    """One change by the signed link; then the page again."""
    desk = desk_of(request)
    fields = await _fields(request)

    def act() -> None:
        who = _subscriber(desk, message.MANAGE, fields.get("t", ""))
        deed = _DEEDS.get(fields.get("deed", ""))
        if deed is None:
            raise HTTPException(400, "The form says nothing to do; nothing was changed.")
        try:
            deed(desk, who, fields)
        except SubscribingError as error:
            raise HTTPException(400, str(error)) from error

    await run_in_threadpool(act)
    return RedirectResponse(f"/mail/manage?t={fields.get('t', '')}", 303)


def _set_hours(desk: Desk, who: Subscriber, fields: Mapping[str, str]) -> None:
    zone, hour, weekday = subscribing.hours_of(
        fields.get("zone", ""), fields.get("hour", ""), fields.get("weekday", str(who.weekday))
    )
    with desk.store.writing() as connection:
        subscribers.set_hours(connection, who.number, zone=zone, hour=hour, weekday=weekday)


def _set_amount(desk: Desk, who: Subscriber, fields: Mapping[str, str]) -> None:
    one = _mine(desk, who, fields)
    amount = subscribing.amount_of(
        fields.get("rhythm", ""), fields.get("most", ""), fields.get("least", "")
    )
    with desk.store.writing() as connection:
        done = subscribers.change(
            connection, one.number, rhythm=amount.rhythm, most=amount.most, least=amount.least
        )
    if not done:
        raise SubscribingError(f"This list comes {amount.rhythm.value} already.")


def _end(desk: Desk, who: Subscriber, fields: Mapping[str, str]) -> None:
    one = _mine(desk, who, fields)
    with desk.store.writing() as connection:
        subscribers.end(connection, one.number, _now())


def _want(desk: Desk, who: Subscriber, fields: Mapping[str, str]) -> None:
    one = _mine(desk, who, fields)
    subscribing.say_yes(desk.store, desk.writer, one.number, _now())


def _pause(desk: Desk, who: Subscriber, fields: Mapping[str, str]) -> None:
    until = None
    if fields.get("until"):
        try:
            until = date.fromisoformat(fields["until"])
        except ValueError:
            raise SubscribingError("A day is written as in 2026-11-21.") from None
        if until > _now().date() + _LONGEST_PAUSE:
            raise SubscribingError("A pause lasts a year at most; without a day, until you resume.")
    with desk.store.writing() as connection:
        subscribers.pause(connection, who.number, until)


def _resume(desk: Desk, who: Subscriber, fields: Mapping[str, str]) -> None:
    del fields
    with desk.store.writing() as connection:
        subscribers.resume(connection, who.number)


_DEEDS: dict[str, Callable[[Desk, Subscriber, Mapping[str, str]], None]] = {
    "hours": _set_hours,
    "amount": _set_amount,
    "end": _end,
    "want": _want,
    "pause": _pause,
    "resume": _resume,
}


def _mine(desk: Desk, who: Subscriber, fields: Mapping[str, str]) -> Subscription:
    """The subscription a form names, where it is theirs."""
    number = fields.get("subscription", "")
    with desk.store.reading() as connection:
        known = number.isascii() and number.isdigit() and len(number) < 16
        one = subscribers.subscription(connection, int(number)) if known else None
    if one is None or one.subscriber != who.number:
        raise SubscribingError("There is no such list among yours; nothing was changed.")
    return one


def _following(who: Subscriber, active: list[Subscription]) -> str:
    if not active or who.state is not State.CONFIRMED:
        return ""
    rhythm = min((one.rhythm for one in active), key=list(Rhythm).index)
    return subscribing.what_follows(who, rhythm, _now())


# --- Leaving --------------------------------------------------------------------------------------


def leave(request: Request) -> Response:
    """The button that ends all mail."""
    if _token(request) == editions.NOBODY:
        return _of_a_preview(request)
    token = _token(request)
    who = _subscriber(desk_of(request), message.LEAVE, token)
    if who.state is State.LEFT:
        return _said(request, "You have left", f"No mail goes to {who.address}.")
    return _button(
        request,
        "Leave?",
        f"No mail of any list would go to {who.address} any more.",
        "/mail/leave",
        "Leave",
        {"t": token},
    )


async def go(request: Request) -> Response:
    """Ends all mail; again, it changes nothing. This is where mail programs post to (RFC 8058):
    the token stands in the address, and the body says `List-Unsubscribe=One-Click`.
    """
    desk = desk_of(request)
    token = (await _fields(request)).get("t") or _token(request)

    def act() -> Subscriber:
        who = _subscriber(desk, message.LEAVE, token)
        with desk.store.writing() as connection:
            subscribers.leave(connection, who.number, _now())
        return who

    who = await run_in_threadpool(act)
    return _said(request, "You have left", f"No mail goes to {who.address} any more.")


# --- Answering to a paper -------------------------------------------------------------------------

_ANSWERS = {
    Answer.VOTE: ("Vote for it?", "Vote"),
    Answer.MORE: ("More like this?", "More like this"),
    Answer.LESS: ("Not for you?", "Not for me"),
}


def answer(request: Request) -> Response:
    """The button for one answer to one paper."""
    if _token(request) == editions.NOBODY:
        return _of_a_preview(request)
    wanted = _answered(request, request.query_params)
    heading, label = _ANSWERS[wanted.answer]
    hidden = {name: request.query_params.get(name, "") for name in ("t", "say", "paper", "list")}
    title = f"“{flat(wanted.paper.title)}”"
    then = {
        Answer.VOTE: "gets your vote.",
        Answer.MORE: "is put on the list of what you mean to read.",
        Answer.LESS: "is put aside, and comes in no mail of yours again.",
    }[wanted.answer]
    if wanted.interest is not None and wanted.answer is not Answer.VOTE:
        then = f"is taught to your interest {wanted.interest_name}."
    return _button(request, heading, f"{title} {then}", "/mail/answer", label, hidden)


async def give_answer(request: Request) -> Response:
    """Keeps the answer."""
    fields = await _fields(request)

    def act() -> Paper:
        wanted = _answered(request, fields)
        with desk_of(request).store.writing() as connection:
            answers.give(
                connection,
                wanted.reader,
                wanted.paper.number,
                wanted.answer,
                _now(),
                wanted.interest,
            )
        return wanted.paper

    paper = await run_in_threadpool(act)
    return _said(request, "Noted", f"Your answer to “{flat(paper.title)}” is kept.")


@dataclass(frozen=True, slots=True)
class _Answered:
    """What a link in a mail says: whose answer, to which paper, of which interest's list."""

    reader: int
    paper: Paper
    answer: Answer
    interest: int | None
    interest_name: str


def _answered(request: Request, fields: Mapping[str, str]) -> _Answered:
    desk = desk_of(request)
    who = _subscriber(desk, editions.ANSWER, fields.get("t", ""))
    if who.reader is None:
        raise HTTPException(400, "Nobody reads here under this address; nothing was changed.")
    name = fields.get("paper", "")
    paper = None if "\0" in name else desk.catalogue.paper(name)
    if paper is None or fields.get("say") not in list(Answer):
        raise HTTPException(400, "No such paper is held here any more; nothing was changed.")
    slug = ""
    with contextlib.suppress(NoSuchPlaceError):
        shelf = place_at(fields.get("list", "/")).view.shelf
        slug = shelf.slug if shelf and shelf.kind is ShelfKind.INTEREST else ""
    with desk.store.reading() as connection:
        interest = answers.interest_called(connection, who.reader, slug) if slug else None
    return _Answered(who.reader, paper, Answer(fields["say"]), interest, slug)


# --- Preview --------------------------------------------------------------------------------------


def preview(request: Request) -> Response:
    """The page around a mail as it would be now; nothing is sent, nothing written."""
    desk = desk_of(request)
    view = request.query_params.get("view", "/")
    try:
        view, title = subscribing.list_at(desk.store, view, _reader(request))
        found = _previewed(desk, view, _reader(request))
    except SubscribingError as error:
        raise HTTPException(400, str(error)) from error
    return desk.page(
        request,
        "preview.html",
        "A mail as it would be",
        view=view,
        list_title=title,
        silence=found.silence,
        letter=found.letter,
    )


def preview_html(request: Request) -> Response:
    """The HTML part alone, as a mail program shows it."""
    desk = desk_of(request)
    try:
        asked = request.query_params.get("view", "/")
        view, _ = subscribing.list_at(desk.store, asked, _reader(request))
        found = _previewed(desk, view, _reader(request))
    except SubscribingError as error:
        raise HTTPException(400, str(error)) from error
    # Its style stands within it, as mail programs want it; our pages take it from an address only.
    return HTMLResponse(
        rendering.linked(found.letter.html, "/mail/preview.css"),
        headers={"Cache-Control": "private, no-cache"},
    )


def preview_style(request: Request) -> Response:
    """The style of a mail, for its preview."""
    del request
    return Response(rendering.style(), media_type="text/css")


# --- Shared ---------------------------------------------------------------------------------------


def _previewed(desk: Desk, view: str, reader: int | None) -> editions.Preview:
    site = desk.writer.site if desk.writer else ""
    return editions.preview(desk.store, desk.catalogue, view, reader, site, _now())


def _reader(request: Request) -> int | None:
    """Who reads here, where the request comes from this very machine: personal mode has one."""
    return desk_of(request).reader if is_at_home(request) else None


def _subscriber(desk: Desk, purpose: str, token: str) -> Subscriber:
    number = _opened(desk, purpose, token)
    with desk.store.reading() as connection:
        who = subscribers.get(connection, number)
    if who is None:
        raise HTTPException(400, "Nobody gets mail by this link any more; nothing was changed.")
    return who


def _opened(desk: Desk, purpose: str, token: str) -> int:
    with desk.store.reading() as connection:
        key = keys.held(connection)
    try:
        return keys.opened(key, purpose, token, _now())
    except TokenError as error:
        raise HTTPException(400, f"{error} Nothing was changed.") from error


def _of_a_preview(request: Request) -> Response:
    return _said(
        request, "A preview", "In a mail, this link is one subscriber's own; here, nobody's."
    )


def _token(request: Request) -> str:
    return request.query_params.get("t", "")


async def _fields(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=40) as said:
        return {name: value for name, value in said.items() if isinstance(value, str)}


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LARGEST_JSON:
            raise SubscribingError("This is too long to be a subscription.")
    return body


def _button(
    request: Request, heading: str, sentence: str, action: str, label: str, hidden: dict[str, str]
) -> Response:
    return desk_of(request).page(
        request,
        "button.html",
        heading,
        heading=heading,
        sentence=sentence,
        action=action,
        label=label,
        hidden=hidden,
    )


def _said(request: Request, heading: str, sentence: str) -> Response:
    return desk_of(request).page(request, "said.html", heading, heading=heading, sentence=sentence)


def _now() -> datetime:
    return datetime.now(UTC)
