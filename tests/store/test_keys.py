"""Keys and what they sign: forged, foreign and old tokens open nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.store import keys
from broadsheet.store.engine import Store
from broadsheet.store.keys import TokenError
from store.mailing import LATER, NOON

KEY = b"k" * 32


def test_a_key_is_drawn_once_and_kept(store: Store) -> None:
    with store.reading() as connection:
        assert keys.held(connection) is None
    with store.writing() as connection:
        key = keys.draw(connection)
    with store.writing() as connection:
        assert keys.draw(connection) == key
        assert keys.draw(connection, "other") != key
        assert keys.held(connection) == key
    assert len(key) == 32


def test_a_token_opens_what_it_was_made_for_until_its_time_is_over() -> None:
    token = keys.sign(KEY, "confirm", 12, LATER)
    assert keys.opened(KEY, "confirm", token, NOON) == 12
    assert keys.opened(KEY, "confirm", token, LATER) == 12
    with pytest.raises(TokenError, match="too old"):
        keys.opened(KEY, "confirm", token, LATER + timedelta(seconds=1))
    assert (
        keys.opened(KEY, "leave", keys.sign(KEY, "leave", 12), LATER + timedelta(days=9999)) == 12
    )


def test_tokens_of_others_open_nothing() -> None:
    token = keys.sign(KEY, "leave", 12)
    number, until, proof = token.split(".")
    forged = (
        f"13.{until}.{proof}",
        f"{number}.9.{proof}",
        f"{number}.{until}.{proof[:-1]}",
        f"{number}.{until}.{proof}.",
        f"0{number}.{until}.{proof} ",
        f"{number}..{proof}",
        f"{number}.{until}.é",
        "",
        "12",
        "٣.0." + proof,
        "1" * 5000,
    )
    for one in forged:
        with pytest.raises(TokenError, match="not whole"):
            keys.opened(KEY, "leave", one, NOON)
    for purpose, key in (("manage", KEY), ("leave", b"x" * 32), ("leave", None)):
        with pytest.raises(TokenError, match="not whole"):
            keys.opened(key, purpose, token, NOON)


@given(st.text(max_size=90))
def test_no_text_opens_anything_or_fails_otherwise(text: str) -> None:
    with pytest.raises(TokenError):
        keys.opened(KEY, "leave", text, NOON)


def test_proofs_are_over_the_parts_not_over_what_they_look_like_together() -> None:
    assert keys.mac(KEY, "a", "bc") != keys.mac(KEY, "ab", "c")
    assert len(keys.mac(KEY, "a")) == 22


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.7", "192.0.2.250", True),
        ("192.0.2.7", "192.0.3.7", False),
        ("2001:db8:1:2::1", "2001:db8:1:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:2:2::1", False),
        ("::ffff:192.0.2.7", "192.0.2.9", True),
        ("testclient", "", True),
    ],
)
def test_networks_are_told_apart_and_cannot_be_read(one: str, other: str, *, same: bool) -> None:
    assert (keys.network_of(KEY, one) == keys.network_of(KEY, other)) is same
    assert one not in keys.network_of(KEY, one) or not one
    assert keys.network_of(KEY, one) != keys.network_of(b"x" * 32, one)
