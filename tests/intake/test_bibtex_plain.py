"""What is read of plain entries is what the library reads of them."""

from __future__ import annotations

import pytest
from bibtexparser import model
from bibtexparser.entrypoint import parse_string
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.intake.bibtex import _File, _value
from broadsheet.intake.bibtex_plain import plain_entry

_BEGINNINGS = ("@article{", "@Book {", "@misc(", "@string{", "@")
_MARKS = (",", ",\n", " = ", "=", "{", "}", '"', "\\", '\\"', "\\{", "\\}", "#", "(", ")", "%")
_WORDS = ("k1", "title", "author", "2020", "jan", " ", "\n", "\t", "$x$", "é", "\u00a0", "{A} b")
PIECES = st.sampled_from([*_BEGINNINGS, *_MARKS, *_WORDS])
# Entries that are nearly right: whatever is broken in them, in whichever way.
VALUE = st.one_of(
    st.sampled_from(["2020", "jan", '"T"', "{T}", "{}", '""', "{a {B} c}", "{a, b = c}", '{"q"}']),
    st.lists(PIECES, max_size=6).map("".join),
)
FIELD = st.tuples(
    st.sampled_from(["title", "Year", "author", "title "]),
    st.sampled_from(["=", " = ", " =\n"]),
    VALUE,
    st.sampled_from([",", ",\n", " ,", ""]),
).map("".join)
ENTRY = st.tuples(
    st.sampled_from(["@article{k,", "  @Misc{ k ,\n", "@article{,", "@comment{k,", "\n@a{k,"]),
    st.lists(FIELD, max_size=4).map("".join),
    st.sampled_from(["}", "\n}\n", "} rest", "}}", ""]),
).map("".join)


def by_the_library(text: str) -> tuple[str, str, list[tuple[str, str]]] | None:
    """The one entry that the library reads, if it is that and nothing else is amiss."""
    found = [
        block
        for block in parse_string(text, parse_stack=()).blocks
        if not isinstance(block, model.ImplicitComment)
    ]
    if len(found) != 1:
        return None
    only: model.Block | None = found[0]
    if isinstance(only, model.DuplicateFieldKeyBlock):
        only = only.ignore_error_block
    if not isinstance(only, model.Entry):
        return None
    values = [(field.key, _value(str(field.value), _File("f"))) for field in only.fields]
    return only.entry_type, only.key, values


@settings(max_examples=2_000)
@given(st.one_of(ENTRY, st.lists(PIECES, max_size=12).map("".join)))
def test_where_an_entry_is_plain_the_library_says_the_same(text: str) -> None:
    plain = plain_entry(text)
    if plain:
        said = [(name, value) for name, value, _ in plain.fields]
        assert (plain.kind, plain.key, said) == by_the_library(text)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("@article{k, title={T}}", [("title", "T", True)]),
        ("@a{k,\n  title = {A {B} {\\'e} {\\\"u}},\n  year = 2020,\n}\n", None),
        ('@a{k, title = "T", month = jan }', [("title", "T", True), ("month", "jan", False)]),
        ("@a{k, title={T}, title={U},}", [("title", "T", True), ("title", "U", True)]),
    ],
)
def test_usual_entries_are_plain(text: str, fields: list[tuple[str, str, bool]] | None) -> None:
    plain = plain_entry(text)
    assert plain is not None
    assert fields is None or plain.fields == fields


@pytest.mark.parametrize(
    "text",
    [
        "@a{k, title = {T} # {U}}",  # put together
        "@a{k, title = {T \\{ U}}",  # a brace that is none
        "@a{k, title = {T}\n@b{l, title = {U}}",  # left open
        "@a{k, title = {{{{{{T}}}}}}}",  # deeper than is usual
        "@string{k = {T}}",
        "@comment{k, title = {T}}",
        "@a(k, title = {T})",
        "@a{k, title {T}}",
        "",
    ],
)
def test_what_is_in_doubt_is_left_to_the_library(text: str) -> None:
    assert plain_entry(text) is None
