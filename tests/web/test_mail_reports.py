"""The door for reports on mail: who shows its secret posts bounces and complaints, each once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
from sqlalchemy import func, select

from broadsheet.mail import verp
from broadsheet.mail.relay import Relay
from broadsheet.store import keys, suppressions
from broadsheet.store.tables import mail_events
from broadsheet.web.app import create_app
from broadsheet.web.desk import Secrets
from sending import reports
from sending.post import Post

from .conftest import Site

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Starlette would rather have another client than httpx
    from starlette.testclient import TestClient

SECRET = "a-secret-for-reports"
SHOWN = {"Authorization": f"Bearer {SECRET}", "Content-Type": "message/rfc822"}
ADA = "ada@example.org"


@pytest.fixture
def door(site: Site) -> Iterator[TestClient]:
    """Asked from elsewhere, as providers do."""
    app = create_app(site.parts.store, site.parts.catalogue, secrets=Secrets(reports=SECRET))
    with TestClient(
        app, "http://localhost", raise_server_exceptions=False, client=("192.0.2.7", 5000)
    ) as client:
        yield client


@pytest.fixture
def bounce(site: Site) -> bytes:
    """A bounce of a message of ours to Ada."""
    post = Post(site.parts.store, Relay("127.0.0.1", 1))
    post.subscribe(ADA)
    post.write()
    with site.parts.store.writing() as connection:
        key = keys.draw(connection)
    path = verp.return_path(key, "bounces@papers.example", post.row(ADA).number)
    return reports.bounce(to=path)


def barred(site: Site) -> list[str]:
    with site.parts.store.reading() as connection:
        return [one.mailbox for one in suppressions.every(connection)]


def kept(site: Site) -> int:
    with site.parts.store.reading() as connection:
        return connection.scalar(select(func.count()).select_from(mail_events)) or 0


def test_a_bounce_ends_the_mail_to_its_address_once(
    site: Site, door: TestClient, bounce: bytes
) -> None:
    answer = door.post("/mail/reports", content=bounce, headers=SHOWN)
    assert answer.status_code == 200
    assert answer.json() == {"kind": "bounce", "known": False, "suppressed": True}
    assert barred(site) == [ADA]
    again = door.post("/mail/reports", content=bounce, headers=SHOWN)
    assert again.json() == {"kind": "bounce", "known": True, "suppressed": False}
    assert kept(site) == 1


def test_the_body_alone_counts_with_its_type(site: Site, door: TestClient, bounce: bytes) -> None:
    head, _, body = bounce.partition(b"\r\n\r\n")
    kind = next(
        line.partition(b":")[2].strip().decode()
        for line in head.replace(b"\r\n ", b" ").split(b"\r\n")
        if line.lower().startswith(b"content-type:")
    )
    answer = door.post("/mail/reports", content=body, headers={**SHOWN, "Content-Type": kind})
    assert answer.json()["kind"] == "bounce"
    # Without its path it does not prove to be about a message of ours.
    assert barred(site) == []
    assert kept(site) == 1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {SECRET[:-1]}"}, 401),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Origin": "https://elsewhere.example"}, 403),
    ],
)
def test_what_is_refused_changes_nothing(
    site: Site, door: TestClient, bounce: bytes, headers: dict[str, str], status: int
) -> None:
    answer = door.post("/mail/reports", content=bounce, headers={**SHOWN, **headers})
    assert answer.status_code == status
    assert SECRET not in answer.text
    # Nor does a secret in the address open anything.
    door.post(f"/mail/reports?secret={SECRET}", content=bounce, headers={**SHOWN, **headers})
    assert (barred(site), kept(site)) == ([], 0)


def test_a_report_is_neither_empty_nor_endless(site: Site, door: TestClient) -> None:
    assert door.post("/mail/reports", content=b" \r\n", headers=SHOWN).status_code == 400
    long = b"x" * (1024 * 1024 + 1)
    assert door.post("/mail/reports", content=long, headers=SHOWN).status_code == 413
    assert kept(site) == 0


@pytest.mark.parametrize(
    "raw", [b"\x00\xff" * 100, b"Content-Type: multipart/report\r\n\r\n", b"-"]
)
def test_what_cannot_be_read_is_counted(site: Site, door: TestClient, raw: bytes) -> None:
    answer = door.post("/mail/reports", content=raw, headers=SHOWN)
    assert answer.json() == {"kind": "unknown", "known": False, "suppressed": False}
    assert kept(site) == 1


def test_where_no_secret_is_set_nothing_is_taken_in(site: Site, bounce: bytes) -> None:
    for said in ("Bearer ", "Bearer", f"Bearer {SECRET}"):
        headers = {**SHOWN, "Authorization": said}
        assert site.client.post("/mail/reports", content=bounce, headers=headers).status_code == 404
    assert kept(site) == 0
