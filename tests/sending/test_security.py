"""TLS and passwords: what is demanded of a relay is had, or no message goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from broadsheet.mail.relay import Relay
from broadsheet.store.engine import Store

from .certificates import context_for
from .crooked import Faults, crooked
from .post import Post

PASSWORD = "h0rse-battery"


def posted(store: Store, port: int, **given: object) -> Post:
    """A message that waits to go by a relay at this port, on this machine."""
    post = Post(store, Relay("localhost", port, wait=3.0, **given))  # type: ignore[arg-type]
    post.subscribe("ada@example.org")
    post.write()
    return post


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_relay_whose_certificate_is_right_is_used_with_tls(
    sqlite_store: Store, tmp_path: Path, security: str, faults: Faults
) -> None:
    context, roots = context_for("localhost", tmp_path)
    with crooked(faults, context=context, implicit=security == "tls") as port:
        post = posted(sqlite_store, port, security=security, roots=str(roots))
        assert post.send().sent == 1
    assert [one.tls for one in faults.taken] == [True]


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize("wrong", ["another name", "over", "nobody knows it"])
def test_a_relay_whose_certificate_is_wrong_gets_nothing(
    sqlite_store: Store, tmp_path: Path, security: str, wrong: str, faults: Faults
) -> None:
    name = "elsewhere.example" if wrong == "another name" else "localhost"
    days = -1 if wrong == "over" else 2
    context, roots = context_for(name, tmp_path, days)
    trusted = "" if wrong == "nobody knows it" else str(roots)
    with crooked(faults, context=context, implicit=security == "tls") as port:
        post = posted(sqlite_store, port, security=security, roots=trusted)
        tally = post.send()
    assert (tally.sent, tally.again) == (0, 1)
    assert "certificate" in tally.problem.lower()
    assert faults.taken == []
    assert post.states() == {"queued": 1}


def test_where_tls_is_demanded_and_not_offered_nothing_goes(
    sqlite_store: Store, port: int, faults: Faults
) -> None:
    post = posted(sqlite_store, port, security="starttls")
    tally = post.send()
    assert "STARTTLS" in tally.problem
    assert faults.taken == []


def test_opportunistic_takes_what_is_there(
    sqlite_store: Store, tmp_path: Path, faults: Faults
) -> None:
    context, _ = context_for("elsewhere.example", tmp_path)
    with crooked(faults, context=context) as port:
        post = posted(sqlite_store, port, security="opportunistic")
        assert post.send().sent == 1
    with crooked(faults) as port:
        post = post.with_relay(port=port)
        post.write("daily:2026-11-22")
        assert post.send().sent == 1
    assert [one.tls for one in faults.taken] == [True, False]


def test_a_relay_that_wants_a_password_gets_it_and_a_wrong_one_is_no_secret_in_the_outbox(
    sqlite_store: Store, faults: Faults
) -> None:
    with crooked(faults, password=PASSWORD.encode()) as port:
        post = posted(sqlite_store, port, user="papers", password="wr0ng-battery")
        tally = post.send()
        assert "535" in tally.problem
        assert "wr0ng" not in tally.problem + post.row().answer
        post.make_due()
        assert post.with_relay(password=PASSWORD).send().sent == 1
    assert [one.user for one in faults.taken] == ["papers"]


def test_a_password_is_in_no_text_of_the_relay() -> None:
    assert PASSWORD not in repr(Relay("relay.example", user="papers", password=PASSWORD))


@pytest.mark.parametrize(
    ("host", "port", "settled"),
    [
        ("localhost", 25, "none"),
        ("127.0.0.1", 2525, "none"),
        ("relay.example", 587, "starttls"),
        ("relay.example", 25, "starttls"),
        ("relay.example", 465, "tls"),
    ],
)
def test_what_leaves_this_machine_is_secured_unless_said_otherwise(
    host: str, port: int, settled: str
) -> None:
    assert Relay(host, port).settled_security == settled
    assert Relay(host, port, security="none").settled_security == "none"
