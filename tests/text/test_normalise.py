"""Forms of titles, names and identifiers that can be compared, and text fit to be shown."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.text.normalise import (
    identifier,
    is_arxiv,
    plain,
    storable,
    surname,
    title_id,
    title_key,
    title_words,
)

PROPERTY = settings(derandomize=True, max_examples=200, deadline=None)
LETTERS = st.text("abcxyzéüñøÅ 019", min_size=1, max_size=30).filter(lambda text: text.strip())


@PROPERTY
@given(text=st.text())
def test_plain_text_is_one_line_that_stays_as_it_is(text: str) -> None:
    shown = plain(text)
    assert plain(shown) == shown
    assert unicodedata.is_normalized("NFC", shown)
    assert not [c for c in shown if unicodedata.category(c) in ("Cc", "Zl", "Zp")]
    assert not [c for c in shown if unicodedata.bidirectional(c) in _REORDERING]
    assert shown == shown.strip()
    assert "  " not in shown


_REORDERING = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  Two\t words \n here ", "Two words here"),
        ("no\u00a0break\u2003em\u2028line", "no break em line"),
        ("bell\x07 nul\x00 escape\x1b[31m c1\x9b del\x7f", "bell nul escape[31m c1 del"),
        ("safe\u202eexe.pdf\u202c\u2066x\u2069\u200f", "safeexe.pdfx"),
        ("Poincare\u0301", "Poincaré"),
        ("שלום 零样本 👩\u200d🔬", "שלום 零样本 👩\u200d🔬"),
        ("", ""),
    ],
)
def test_controls_and_marks_that_reorder_text_go(text: str, shown: str) -> None:
    assert plain(text) == shown


@PROPERTY
@given(text=st.text(st.characters(), max_size=40))
def test_storable_text_can_be_encoded_and_holds_no_nul(text: str) -> None:
    kept = storable(text)
    assert b"\0" not in kept.encode("utf-8")
    if "\0" not in text and not any(unicodedata.category(c) == "Cs" for c in text):
        assert kept == text


@PROPERTY
@given(title=LETTERS, seed=st.randoms(use_true_random=False))
def test_titles_that_read_the_same_have_one_key(title: str, seed: object) -> None:
    key = title_key(title)
    assert re.fullmatch("[0-9a-f]{24}", key)
    variants = [title.upper(), title.title(), title.replace(" ", "-"), f"“{title}”!"]
    variants += [unicodedata.normalize("NFD", title), title.replace(" ", "")]
    assert {title_key(variant) for variant in variants} == {key}
    assert title_key(title + " two") != key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Auto-Encoders", "autoencoders"),
        ("Café ﬁlter", "CAFE FILTER"),
        ("GPT‑4: a_b", "gpt 4 A B"),
        ("Straße", "STRASSE"),
    ],
)
def test_titles_are_compared_by_their_letters(one: str, other: str) -> None:
    assert title_key(one) == title_key(other)


def test_titles_without_letters_are_told_apart_by_their_signs() -> None:
    assert title_key("!") != title_key("?")
    assert title_words("… —") == []


@pytest.mark.parametrize(
    ("title", "start"),
    [
        ("A Short Title", "title:a-short-title-"),
        ("One two three four five six seven eight", "title:one-two-three-four-five-six-seven-"),
        ("零样本", "title:untitled-"),
        ("Café!", "title:cafe-"),
    ],
)
def test_a_title_gives_a_name_that_can_stand_in_an_address(title: str, start: str) -> None:
    name = title_id(title)
    assert re.fullmatch(re.escape(start) + "[0-9a-f]{10}", name)
    assert title_id(title.upper()) == name
    assert title_id(title, "lee") not in (name, title_id(title, "chen"))


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("Kaiming He", "he"),
        ("He, Kaiming", "he"),
        ("Zoë Łukasz-Brown", "łukaszbrown"),
        ("José García", "garcia"),
        ("GARCIA", "garcia"),
        ("", ""),
    ],
)
def test_a_family_name_is_before_the_comma_or_the_last_word(name: str, family: str) -> None:
    assert surname(name) == family


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("2403.13064", ("2403.13064", None)),
        ("arXiv:2403.13064v2", ("2403.13064", 2)),
        ("0704.0001", ("0704.0001", None)),
        (" https://www.arxiv.org/abs/2403.13064v12 ", ("2403.13064", 12)),
        ("http://export.arxiv.org/pdf/2403.13064v1.pdf", ("2403.13064", 1)),
        ("https://arxiv.org/html/2403.13064v3", ("2403.13064", 3)),
        ("math.GT/0309136", ("math.GT/0309136", None)),
        ("arxiv:hep-th/9901001v3", ("hep-th/9901001", 3)),
        ("doi:10.1000/ABC.d", ("doi:10.1000/abc.d", None)),
        ("https://doi.org/10.1000/A(b)", ("doi:10.1000/a(b)", None)),
        ("acl:2024.acl-long.1", ("acl:2024.acl-long.1", None)),
        ("openreview:aB_c-D", ("openreview:aB_c-D", None)),
        ("17", None),
        ("2403.130641234", None),
        ("2403.13064v99999", None),
        ("٢٤٠٣.١٣٠٦٤", None),
        ("title:a-name-0123456789", None),
        ("https://example.org/paper", None),
        ("a: b", None),
        ("x" * 10_000, None),
        ("", None),
    ],
)
def test_an_identifier_is_recognised_in_every_form_people_write_it(
    text: str, known: tuple[str, int | None] | None
) -> None:
    assert identifier(text) == known


@PROPERTY
@given(
    text=st.text(max_size=40)
    | st.from_regex(r"(arXiv:|https://arxiv\.org/abs/)?\d{4}\.\d{4,5}(v\d{1,3})?", fullmatch=True)
    | st.from_regex(r"(doi:|https://doi\.org/)10\.\d{4}/[A-Za-z0-9.()İ-]+", fullmatch=True)
    | st.from_regex(r"[A-Za-z]{2,5}:[A-Za-z0-9./-]{1,9}", fullmatch=True)
)
def test_an_identifier_once_recognised_is_its_own_identifier(text: str) -> None:
    known = identifier(text)
    if known is not None:
        assert identifier(known[0]) == (known[0], None)
        assert is_arxiv(known[0]) is bool(re.match(r"\d|[a-z.A-Z-]+/", known[0]))
