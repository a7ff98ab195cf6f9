"""The operator's page of the mail: how each edition stands, what waits, and what is wrong."""

from __future__ import annotations

import base64
import warnings
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from broadsheet.mail.relay import Relay
from broadsheet.store import outbox
from broadsheet.store.tables import subscriptions
from broadsheet.web.app import create_app
from broadsheet.web.desk import Secrets
from sending.post import TODAY, Post

from .conftest import Site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette would rather have another client than httpx
    from starlette.testclient import TestClient

SECRET = "a-secret-of-the-operator"


def test_before_any_mail_the_page_says_so(site: Site) -> None:
    page = site.page("/mail")
    assert "No message went yet. None waits." in " ".join(page.text.split())
    assert "Nothing was written in the last two weeks" in page.text


def test_each_edition_is_counted_by_state_and_no_address_is_shown(site: Site) -> None:
    post = Post(site.parts.store, Relay("127.0.0.1", 1))
    post.subscribe("ada@example.org", "bob@example.org", "cy@example.org")
    post.write()
    now = datetime.now(UTC)
    with post.store.writing() as connection:
        first, second, third = outbox.take(connection, "me", now, now + timedelta(minutes=1), 9)
        outbox.record_sent(connection, first.number, "me", now, "relay", "250")
        outbox.record_failed(connection, second.number, "me", "relay", "554", "refused <b>")
        outbox.record_again(connection, third.number, "me", now, "relay", "450 <i>later</i>")
    before = site.digest()
    page = site.page("/mail")
    [row] = page.one("table", class_="states").one("tbody").all("tr")
    assert [cell.text for cell in (row.one("th"), *row.all("td"))] == [
        TODAY,
        "1",  # queued
        "0",
        "1",  # sent
        "1",  # failed
        "0",
        "0",
        "0",
    ]
    assert "1 failed: refused <b>" in page.text
    assert "450 <i>later</i>" in page.text
    assert "1 wait for another try" in page.text
    assert "@example.org" not in page.text
    assert site.digest() == before


def test_an_edition_that_did_not_go_is_an_alarm(site: Site) -> None:
    post = Post(site.parts.store, Relay("127.0.0.1", 1))
    post.subscribe("ada@example.org")
    with post.store.writing() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=9)
        connection.execute(update(subscriptions).values(confirmed=long_ago))
    alarms = site.page("/mail").one("section", class_="alarms")
    assert "1 subscriber has no message and no reason for none" in alarms.text


# --- who sees it --------------------------------------------------------------------------------


def away(site: Site, operator: str = "") -> TestClient:
    """Somebody who reaches the pages from elsewhere."""
    app = create_app(site.parts.store, site.parts.catalogue, secrets=Secrets(operator))
    return TestClient(
        app, "http://localhost", raise_server_exceptions=False, client=("192.0.2.7", 5000)
    )


def basic(password: str, name: str = "me") -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_from_elsewhere_there_is_no_such_page_until_there_is_a_secret(site: Site) -> None:
    for said in ("", f"Bearer {SECRET}", "Bearer ", basic("")):
        answer = away(site).get("/mail", headers={"Authorization": said})
        assert (answer.status_code, "www-authenticate" in answer.headers) == (404, False)


@pytest.mark.parametrize("said", [f"Bearer {SECRET}", basic(SECRET), basic(SECRET, "")])
def test_the_operator_s_secret_opens_it_from_elsewhere(site: Site, said: str) -> None:
    answer = away(site, SECRET).get("/mail", headers={"Authorization": said})
    assert answer.status_code == 200
    assert "No message went yet" in answer.text


@pytest.mark.parametrize(
    "said",
    ["", f"Bearer {SECRET}x", "Bearer", SECRET, basic("wrong"), "Basic ***", "Basic", "Bearer é"],
)
def test_without_it_a_browser_is_told_to_ask_for_it(site: Site, said: str) -> None:
    headers = {"Authorization": said.encode("latin-1"), "X-Forwarded-For": "127.0.0.1"}
    answer = away(site, SECRET).get("/mail", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert "No message went yet" not in answer.text
