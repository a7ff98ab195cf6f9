"""Mail for readers, from the form to the last button: as a person, a scanner and an attacker go."""

from __future__ import annotations

import re
import warnings
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from sqlalchemy import func, select

from broadsheet.mail import editions, message
from broadsheet.mail.message import Sender
from broadsheet.store import keys, readers, subscribers, suppressions
from broadsheet.store.subscribers import Rhythm, State, Subscriber
from broadsheet.store.tables import (
    interest_papers,
    interests,
    outbox,
    reading,
    subscriptions,
    votes,
)
from broadsheet.store.tables import subscribers as people
from broadsheet.web.app import create_app

from .conftest import Site, records
from .reading import Element, read

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

ADA = "ada@lamp.example"
WRITER = Sender("daily@papers.example", "Broadsheet", "http://localhost")
ASKED = "/subscribe/asked"


@dataclass
class Post:
    """A Broadsheet that sends mail, and what it has to send."""

    site: Site
    client: TestClient

    def ask(self, address: str = ADA, **fields: str) -> None:
        answer = self.client.post("/subscribe", data={"address": address, **fields})
        assert (answer.status_code, answer.headers["location"]) == (303, ASKED)

    def mails(self, kind: str = "") -> list[EmailMessage]:
        """What waits to be sent, in its order."""
        with self.site.parts.store.reading() as connection:
            rows = connection.execute(
                select(outbox.c.message)
                .where(outbox.c.edition.startswith(kind), outbox.c.message.is_not(None))
                .order_by(outbox.c.number)
            ).all()
        found = []
        for (raw,) in rows:
            mail = message_from_bytes(zlib.decompress(raw), policy=policy.default)
            assert isinstance(mail, EmailMessage)
            found.append(mail)
        return found

    def who(self, address: str = ADA) -> Subscriber:
        with self.site.parts.store.reading() as connection:
            found = subscribers.find(connection, address)
        assert found is not None
        return found

    def token(self, purpose: str, number: int, expires: datetime | None = None) -> str:
        with self.site.parts.store.writing() as connection:
            return keys.sign(keys.draw(connection), purpose, number, expires)

    def subscribe(self, address: str = ADA, view: str = "/", reader: bool = False) -> Subscriber:
        """Somebody who said yes long ago."""
        then = datetime.now(UTC) - timedelta(days=30)
        with self.site.parts.store.writing() as connection:
            number = readers.personal(connection) if reader else None
            who = subscribers.add(connection, address, then, hour=0, reader=number)
            one = subscribers.subscribe(
                connection, who.number, view, "New papers", Rhythm.DAILY, then
            )
            subscribers.confirm(connection, one.number, then)
        return self.who(address)

    def page(self, path: str, status: int = 200) -> Element:
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return read(answer.text)

    def press(self, path: str, label: str) -> Element:
        """Opens a page and presses its button; the page that comes."""
        main = self.page(path).one("main")
        form = next(one for one in main.all("form") if one.one("button").text.startswith(label))
        fields = {one["name"]: one["value"] for one in form.all("input")}
        answer = self.client.post(form["action"], data=fields, follow_redirects=True)
        assert answer.status_code == 200, answer.text
        return read(answer.text)


@pytest.fixture
def post(site: Site) -> Iterator[Post]:
    app = create_app(site.parts.store, site.parts.catalogue, writer=WRITER)
    with TestClient(
        app, "http://localhost", raise_server_exceptions=False, follow_redirects=False
    ) as client:
        yield Post(site, client)


@pytest.fixture
def at_home(post: Post) -> Post:
    """The same, asked from this very machine."""
    app = post.client.app
    client = TestClient(
        app,
        "http://localhost",
        raise_server_exceptions=False,
        follow_redirects=False,
        client=("127.0.0.1", 5000),
    )
    return Post(post.site, client)


def links(mail: EmailMessage) -> list[str]:
    """Every address in a mail, as a scanner finds them: in both parts and in headers."""
    html, text = mail.get_body(("html",)), mail.get_body(("plain",))
    assert html is not None
    assert text is not None
    found = [one["href"] for one in read(html.get_content()).all("a")]
    found += re.findall(r"https?://[^\s>]+", text.get_content())
    found += re.findall(r"<(https?://[^>]+)>", str(mail.get("List-Unsubscribe", "")))
    return found


def path_of(link: str) -> str:
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def main_text(page: Element) -> str:
    return page.one("main").text


# --- from the form to the first digest ----------------------------------------------------------


def test_from_the_front_page_to_the_first_digest_and_out_again(post: Post) -> None:
    post.site.put(*records())
    form = post.page("/").one("section", class_="bymail").one("form")
    fields = {one["name"]: one.attributes.get("value", "") for one in form.all("input")}
    answer = post.client.post(form["action"], data={**fields, "address": ADA})
    assert answer.headers["location"] == ASKED
    assert post.page(ASKED).one("h1").text == "Look into your inbox"

    [question] = post.mails()
    assert question["To"] == ADA
    assert "List-Unsubscribe" not in question
    [confirm] = {link for link in links(question) if "/mail/confirm" in link}
    managing = post.press(path_of(confirm), "Yes, send it")
    assert "You will get this by mail." in main_text(managing)
    assert "“New papers”" not in main_text(managing)  # its name is a heading
    assert "The next one is due on" in main_text(managing)
    assert post.who().state is State.CONFIRMED
    assert "You said yes already" in main_text(post.page(path_of(confirm)))

    [welcome] = post.mails("welcome")
    [leave] = {link for link in links(welcome) if "/mail/leave" in link}
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    parts = post.site.parts
    assert editions.write_due(parts.store, parts.catalogue, WRITER, tomorrow).silent == 1
    left = post.press(path_of(leave), "Leave")
    assert left.one("h1").text == "You have left"
    assert post.who().state is State.LEFT
    assert "You have left" in main_text(post.page(path_of(leave)))


def test_who_asks_in_another_s_name_writes_no_word_into_the_question(post: Post) -> None:
    spam = "CHEAP-LAMPS-AT-EVIL.EXAMPLE"
    post.ask(view="/search?q=" + spam, zone="UTC", most="7")
    [mail] = post.mails()
    assert spam.lower() not in mail.as_string().lower()
    for kind in ("plain", "html"):
        part = mail.get_body((kind,))
        assert part is not None
        assert spam.lower() not in part.get_content().lower()


def test_every_address_hears_the_same(post: Post) -> None:
    post.subscribe("known@lamp.example")
    with post.site.parts.store.writing() as connection:
        suppressions.add(
            connection, "barred@lamp.example", suppressions.Why.BOUNCE, "550", datetime.now(UTC)
        )
    for address in ("known@lamp.example", "barred@lamp.example", "new@lamp.example", ADA, ADA):
        form = post.client.post("/subscribe", data={"address": address})
        said = post.client.post("/api/subscriptions", json={"address": address})
        assert (form.status_code, form.headers["location"]) == (303, ASKED)
        assert said.status_code == 202
        assert said.json() == post.client.post("/api/subscriptions", json={"address": ADA}).json()


def test_an_address_is_asked_once_a_day_and_a_network_so_often(post: Post) -> None:
    for _ in range(3):
        post.ask()
        post.ask("ADA@Lamp.Example")
        post.client.post("/api/subscriptions", json={"address": ADA})
    assert len(post.mails("confirm")) == 1
    for number in range(subscribers.NETWORK_MOST + 5):
        post.ask(f"reader{number}@lamp.example")
    assert len(post.mails("confirm")) == subscribers.NETWORK_MOST
    with post.site.parts.store.reading() as connection:
        held = connection.scalar(select(func.count()).select_from(people))
    assert held == subscribers.NETWORK_MOST  # of whoever was not asked, nothing is kept


def test_a_second_list_of_a_subscriber_waits_on_their_page(post: Post) -> None:
    who = post.subscribe()
    post.ask(view="/search?q=lamp")
    post.ask(view="/search?q=wick", rhythm="weekly")
    manage = f"/mail/manage?t={post.token(message.MANAGE, who.number)}"
    page = post.page(manage)
    headings = [one.text for one in page.one("main").all("h2")]
    assert headings[:3] == [
        "“lamp”, daily: asked for",
        "“wick”, weekly: asked for",
        "New papers",
    ]
    post.press(manage, "Yes, send it: lamp")
    headings = [one.text for one in post.page(manage).one("main").all("h2")]
    assert headings[:3] == ["“wick”, weekly: asked for", "New papers", "lamp"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"address": "ada"}, "A mail address looks like ada@example.org."),
        ({"address": "ada@lamp.example\nBcc: b@c.d"}, "address"),
        ({"zone": "Mars/Olympus"}, "“Mars/Olympus” is no time zone; Europe/Berlin is one."),
        ({"hour": "24"}, "The hour is a number from 0 to 23."),
        ({"weekday": "7"}, "The day of the week is a number"),
        ({"most": "0"}, "A mail has between 1 and 100 papers."),
        ({"most": "٣"}, "A mail has between 1 and 100 papers."),
        ({"most": "9" * 5000}, "A mail has between 1 and 100 papers."),
        ({"least": "much"}, "The least score is a number"),
        ({"least": "nan"}, "The least score is a number"),
        ({"rhythm": "hourly"}, "Mail comes daily, weekly or at once."),
        ({"view": "/nowhere"}, "No list has the address “/nowhere”."),
        ({"view": "/search?q=" + "lamp " * 900}, "too long to be sent by mail"),
        ({"view": "/queue"}, "This list is a reader's own; only they can have it sent."),
        ({"view": "http://["}, "is no address of a list."),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence_by_form_and_interface(
    post: Post, fields: dict[str, str], sentence: str
) -> None:
    wish = {"address": ADA, **fields}
    away = {"X-Forwarded-For": "203.0.113.7"}  # not from this machine
    form = post.client.post("/subscribe", data=wish, headers=away)
    assert form.status_code == 400
    said = post.client.post("/api/subscriptions", json=wish, headers=away)
    assert said.status_code == 400
    assert sentence in said.json()["error"]
    assert sentence in main_text(read(form.text))
    assert post.mails() == []


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"a"', b"[" * 9000, b"x" * 50_000, b"\xff"])
def test_what_is_no_json_object_is_refused(post: Post, body: bytes) -> None:
    answer = post.client.post("/api/subscriptions", content=body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_without_a_mail_server_the_box_says_so(site: Site) -> None:
    site.put(*records())
    box = site.page("/").one("section", class_="bymail")
    assert box.all("form") == []
    assert "sends no mail yet" in box.text
    assert "no mail server is set" in main_text(site.page("/subscribe"))
    answer = site.client.post("/subscribe", data={"address": ADA})
    assert "no mail server is set" in main_text(read(answer.text))


def test_a_list_offers_itself_by_mail(post: Post) -> None:
    post.site.put(*records())
    link = next(
        one for one in post.page("/search?q=lamp").one("main").all("a") if one.text == "by mail"
    )
    form = post.page(link["href"]).one("form", class_="letter")
    assert form.one("input", name="view")["value"] == "/search?q=lamp"
    zones = [one.text for one in form.one("select", name="zone").all("option")]
    assert "Asia/Kathmandu" in zones


def test_at_home_the_one_reader_can_have_their_own_lists(at_home: Post) -> None:
    at_home.ask(view="/queue")
    with at_home.site.parts.store.reading() as connection:
        assert at_home.who().reader == readers.personal(connection)


def test_through_a_proxy_nobody_is_at_home(at_home: Post) -> None:
    wish = {"address": ADA, "view": "/queue"}
    answer = at_home.client.post(
        "/subscribe", data=wish, headers={"X-Forwarded-For": "203.0.113.7"}
    )
    assert answer.status_code == 400


# --- what scanners do ---------------------------------------------------------------------------


def test_following_every_link_of_every_mail_changes_nothing(at_home: Post) -> None:
    post = at_home
    post.site.put(*records())
    who = post.subscribe(view="/week/2025-W47", reader=True)
    post.ask("new@lamp.example")
    now = datetime(2025, 11, 20, 12, tzinfo=UTC)
    parts = post.site.parts
    with parts.store.writing() as connection:
        connection.execute(
            subscriptions.update().values(confirmed=datetime(2025, 11, 1, tzinfo=UTC))
        )
        subscribers.confirm(connection, 1, now)
        connection.execute(people.update().values(confirmed=now))
    assert editions.write_due(parts.store, parts.catalogue, WRITER, now).queued >= 1
    with parts.store.reading() as connection:
        asked = connection.scalar(
            select(subscriptions.c.number).where(subscriptions.c.subscriber != who.number)
        )
    assert asked is not None
    found = [link for mail in post.mails() for link in links(mail)]
    kinds = {urlsplit(link).path for link in found}
    assert {"/mail/confirm", "/mail/manage", "/mail/leave", "/mail/answer"} <= kinds
    assert any(kind.startswith("/papers/") for kind in kinds)
    before = post.site.digest()
    for link in sorted(set(found)):
        for method in ("GET", "HEAD", "OPTIONS"):
            answer = post.client.request(method, path_of(link))
            assert answer.status_code in ((200, 301) if method != "OPTIONS" else (405,)), link
    assert post.site.digest() == before


def test_every_link_of_a_digest_that_does_something_has_one_button(at_home: Post) -> None:
    post = at_home
    post.site.put(*records())
    post.subscribe(reader=True)
    parts = post.site.parts
    now = datetime(2025, 11, 20, 12, tzinfo=UTC)
    with parts.store.writing() as connection:
        connection.execute(
            subscriptions.update().values(confirmed=datetime(2025, 11, 1, tzinfo=UTC))
        )
    editions.write_due(parts.store, parts.catalogue, WRITER, now)
    [mail] = post.mails("daily")
    deeds = {path_of(link) for link in links(mail) if re.search("/mail/(answer|leave)", link)}
    assert len(deeds) > 3
    for path in deeds:
        assert len(post.page(path).one("main").all("button")) == 1


# --- tokens -------------------------------------------------------------------------------------


def forged(post: Post, who: Subscriber, purpose: str) -> list[str]:
    """Tokens that are none for a purpose."""
    good = post.token(purpose, who.number)
    others = {message.MANAGE, message.LEAVE, message.CONFIRM, editions.ANSWER} - {purpose}
    number, rest = good.split(".", 1)
    return [
        "",
        "x",
        good[:-1],
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        f"{int(number) + 1}.{rest}",
        good.upper(),
        good + "x" * 200,
        "1." * 5000,
        *(post.token(other, who.number) for other in sorted(others)),
        post.token(purpose, who.number, datetime.now(UTC) - timedelta(seconds=2)),
        post.token(purpose, who.number + 1000),
        good.encode().hex(),
        "٣.0.abc",
    ]


@pytest.mark.parametrize("purpose", [message.MANAGE, message.LEAVE, message.CONFIRM, "answer"])
def test_a_token_that_is_none_does_nothing_and_says_so(post: Post, purpose: str) -> None:
    post.site.put(*records())
    who = post.subscribe(reader=True)
    tokens = forged(post, who, purpose)
    before = post.site.digest()
    fields = {"deed": "pause", "say": "vote", "paper": "2511.00001", "list": "/"}
    for token in tokens:
        got = post.client.get(f"/mail/{purpose}?t={quote(token)}&say=vote&paper=2511.00001")
        put = post.client.post(f"/mail/{purpose}", data={**fields, "t": token})
        one_click = post.client.post(
            f"/mail/{purpose}?t={quote(token)}", data={"List-Unsubscribe": "One-Click"}
        )
        for answer in (got, put, one_click):
            assert answer.status_code == 400, (token, answer.text)
            assert main_text(read(answer.text)).endswith(
                "To the front page, or look for it in the box above."
            )
    assert post.site.digest() == before


def test_nobody_changes_what_is_another_s(post: Post) -> None:
    mine, theirs = post.subscribe(), post.subscribe("bo@lamp.example")
    with post.site.parts.store.reading() as connection:
        [other] = subscribers.subscriptions_of(connection, theirs.number)
    token = post.token(message.MANAGE, mine.number)
    before = post.site.digest()
    for deed in ("end", "amount", "want"):
        answer = post.client.post(
            "/mail/manage",
            data={
                "t": token,
                "deed": deed,
                "subscription": str(other.number),
                "rhythm": "weekly",
                "most": "3",
            },
        )
        assert answer.status_code == 400
        assert "There is no such list among yours" in main_text(read(answer.text))
    assert post.site.digest() == before


# --- changing -----------------------------------------------------------------------------------


def test_everything_can_be_changed_by_the_link(post: Post) -> None:
    who = post.subscribe()
    token = post.token(message.MANAGE, who.number)
    with post.site.parts.store.reading() as connection:
        [one] = subscribers.subscriptions_of(connection, who.number)

    def change(**fields: str) -> Subscriber:
        answer = post.client.post("/mail/manage", data={"t": token, **fields})
        assert answer.status_code == 303, answer.text
        return post.who()

    hours = change(deed="hours", zone="Asia/Kathmandu", hour="18", weekday="6")
    assert (hours.zone, hours.hour, hours.weekday) == ("Asia/Kathmandu", 18, 6)
    change(deed="amount", subscription=str(one.number), rhythm="weekly", most="5", least="0.5")
    with post.site.parts.store.reading() as connection:
        [after] = subscribers.subscriptions_of(connection, who.number)
    assert (after.rhythm, after.most, after.least) == (Rhythm.WEEKLY, 5, 0.5)
    until = (datetime.now(UTC) + timedelta(days=9)).date()
    assert change(deed="pause", until=until.isoformat()).paused_until == until
    assert "Mail is paused." in main_text(post.page(f"/mail/manage?t={token}"))
    assert not change(deed="resume").paused
    assert change(deed="pause").paused
    change(deed="end", subscription=str(one.number))
    assert "No list is sent to you." in main_text(post.page(f"/mail/manage?t={token}"))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"deed": "dance"}, "The form says nothing to do"),
        ({"deed": "hours", "zone": "Nowhere", "hour": "1"}, "is no time zone"),
        ({"deed": "pause", "until": "soon"}, "A day is written as in"),
        ({"deed": "pause", "until": "9999-12-31"}, "A pause lasts a year at most"),
        ({"deed": "end", "subscription": "x"}, "There is no such list among yours"),
        ({"deed": "end", "subscription": "9" * 40}, "There is no such list among yours"),
    ],
)
def test_a_change_that_cannot_be_is_said(post: Post, fields: dict[str, str], sentence: str) -> None:
    who = post.subscribe()
    token = post.token(message.MANAGE, who.number)
    before = post.site.digest()
    answer = post.client.post("/mail/manage", data={"t": token, **fields})
    assert answer.status_code == 400
    assert sentence in main_text(read(answer.text))
    assert post.site.digest() == before


# --- leaving ------------------------------------------------------------------------------------


def test_one_click_leaves_at_once_and_again_changes_nothing(post: Post) -> None:
    who = post.subscribe()
    address = f"/mail/leave?t={post.token(message.LEAVE, who.number)}"
    # As a mail provider posts: no cookie, no origin, the body that RFC 8058 demands.
    first = post.client.post(address, data={"List-Unsubscribe": "One-Click"})
    assert first.status_code == 200
    # It is done when the answer is there, and not some time after.
    assert post.who().state is State.LEFT
    before = post.site.digest()
    again = post.client.post(address, data={"List-Unsubscribe": "One-Click"})
    assert again.status_code == 200
    assert post.site.digest() == before


def test_a_form_of_another_site_leaves_nobody(post: Post) -> None:
    who = post.subscribe()
    address = f"/mail/leave?t={post.token(message.LEAVE, who.number)}"
    for headers in (
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
    ):
        answer = post.client.post(address, data={"List-Unsubscribe": "One-Click"}, headers=headers)
        assert answer.status_code == 403
    assert post.who().state is State.CONFIRMED


def test_who_left_is_asked_before_they_are_back(post: Post) -> None:
    who = post.subscribe()
    post.client.post(f"/mail/leave?t={post.token(message.LEAVE, who.number)}")
    post.ask()
    assert post.who().state is State.LEFT
    [question] = post.mails("confirm")
    [confirm] = {link for link in links(question) if "/mail/confirm" in link}
    post.press(path_of(confirm), "Yes, send it")
    assert post.who().state is State.CONFIRMED
    with post.site.parts.store.reading() as connection:
        assert suppressions.of(connection, ADA) is None


# --- answering ----------------------------------------------------------------------------------


def test_a_reader_answers_by_links_logged_out(post: Post) -> None:
    post.site.put(*records())
    who = post.subscribe(reader=True)
    token = post.token(editions.ANSWER, who.number)

    def rows() -> tuple[int, int, int]:
        with post.site.parts.store.reading() as connection:
            counts = [
                connection.scalar(select(func.count()).select_from(table).where(where))
                for table, where in (
                    (votes, votes.c.reader == who.reader),
                    (reading, reading.c.saved.is_not(None)),
                    (reading, reading.c.dismissed.is_not(None)),
                )
            ]
        return counts[0] or 0, counts[1] or 0, counts[2] or 0

    for say, label, after in (
        ("vote", "Vote", (1, 0, 0)),
        ("vote", "Vote", (1, 0, 0)),
        ("more", "More like this", (1, 1, 0)),
        ("less", "Not for me", (1, 1, 1)),
    ):
        path = f"/mail/answer?t={token}&say={say}&paper=2511.00001&list=/"
        assert "Oil Lamps" in main_text(post.press(path, label))
        assert rows() == after


def test_what_comes_of_an_interest_is_taught_to_it(post: Post) -> None:
    post.site.put(*records())
    who = post.subscribe(reader=True)
    then = datetime.now(UTC)
    with post.site.parts.store.writing() as connection:
        connection.execute(
            interests.insert().values(
                reader=who.reader,
                slug="lamps",
                name="Lamps",
                colour="red",
                share=1.0,
                threshold=0.5,
                made=then,
                lesson=7,
            )
        )
    token = post.token(editions.ANSWER, who.number)
    path = f"/mail/answer?t={token}&say=more&paper=2511.00001&list=/interests/lamps"
    post.press(path, "More like this")
    post.press(path.replace("more", "less"), "Not for me")
    with post.site.parts.store.reading() as connection:
        taught = connection.execute(select(interest_papers.c.liked)).all()
        lesson = connection.scalar(select(interests.c.lesson))
    assert taught == [(False,)]
    # The classifier fitted to what was taught before is right no more.
    assert lesson != 7


def test_who_does_not_read_here_answers_nothing(post: Post) -> None:
    post.site.put(*records())
    who = post.subscribe()
    token = post.token(editions.ANSWER, who.number)
    page = post.page(f"/mail/answer?t={token}&say=vote&paper=2511.00001", 400)
    assert "Nobody reads here under this address" in main_text(page)


# --- preview ------------------------------------------------------------------------------------


def test_a_preview_is_the_mail_and_sends_nothing(post: Post) -> None:
    post.site.put(*records())
    page = post.page("/mail/preview")
    assert "20 papers: " in main_text(page)
    shown = post.client.get("/mail/preview.html")
    mail = read(shown.text.removeprefix("<!doctype html>"))
    assert len(mail.all("li")) == 20
    assert parse_qs(urlsplit(mail.all("a")[-1]["href"]).query) == {"t": ["preview"]}
    assert post.mails() == []


def test_a_preview_without_papers_says_why_there_is_none(site: Site) -> None:
    assert "There would be none: " in main_text(site.page("/mail/preview"))
