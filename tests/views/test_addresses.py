"""Every list has an address, and an address leads to its list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.records import Order, Shelf, ShelfKind, Span
from broadsheet.views.addresses import NoSuchPlaceError, place_at


@pytest.mark.parametrize(
    "address",
    [
        "/",
        "/?order=trending",
        "/day/2025-11-19",
        "/week/2025-W47",
        "/month/2025-11?order=votes",
        "/undated",
        "/search?q=sparse+autoencoder",
        "/search?q=cat%3Acs.LG&order=trending",
        "/for-me",
        "/interests/graph-learning",
        "/collections/to-cite",
        "/queue",
        "/kept",
    ],
)
def test_an_address_in_its_usual_form_is_written_as_it_was_read(address: str) -> None:
    assert place_at(address).address == address


def test_an_address_says_which_papers_and_in_which_order() -> None:
    day = place_at("/day/2025-11-19?order=trending").view
    assert (day.period.span, str(day.period.first), day.order) == (
        Span.DAY,
        "2025-11-19",
        Order.TRENDING,
    )
    assert place_at("/interests/kites", reader=7).view.shelf == Shelf(ShelfKind.INTEREST, "kites")
    assert place_at("/interests/kites", reader=7).view.reader == 7
    assert place_at("/search?q=kites").view.order is Order.RELEVANCE
    assert place_at("/search?q=cat:cs.LG").view.order is Order.NEW


@pytest.mark.parametrize("address", ["/nowhere", "/day/2025-13-01", "/interests", "/day", "/a/b/c"])
def test_an_address_without_a_list_is_refused_in_a_sentence(address: str) -> None:
    with pytest.raises(NoSuchPlaceError, match=r"\.$"):
        place_at(address)


@given(st.text(max_size=60))
def test_any_query_keeps_its_list_through_its_address(text: str) -> None:
    place = place_at("/search", {"q": text})
    again = place_at(place.address)
    if place.view.query.text:
        assert again.view == place.view


def test_what_is_a_readers_own_says_so() -> None:
    assert place_at("/for-me").is_personal
    assert place_at("/queue").is_personal
    assert not place_at("/search?q=kites").is_personal
