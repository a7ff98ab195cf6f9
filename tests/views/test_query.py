"""The query language: every piece of it, every problem in words, and no text that breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.records import Clause, Field, Words, Years
from broadsheet.views.query import in_words, parse

PROPERTY = settings(derandomize=True, max_examples=300, deadline=None)
# Texts as readers and their clipboards make them: pieces of the language in any disorder.
FIELDS = ["title:", "Author:", "cat:", "year:", "has:", "in:", "foo:", "http://"]
SIGNS = ["-", '"', "“", " ", "  ", ":", "..", "!", "\u202e", "\0"]
WORDS = ["code", "cs.LG", "2020", "0000", "2024", "a", "É", "e\u0301", "学习"]
PIECES = st.sampled_from([*FIELDS, *SIGNS, *WORDS])
TEXTS = st.text(max_size=80) | st.lists(PIECES, max_size=30).map("".join)

NO_FIELD = (
    "There is no field “venue:”; it was read as a word. "
    "Fields are title:, author:, cat:, year:, has:, like: and in:."
)
NOT_CLOSED = "A quotation mark was not closed; the phrase runs to the end."


@PROPERTY
@given(text=TEXTS, typing=st.booleans())
def test_every_text_is_read_and_what_was_understood_reads_the_same_again(
    text: str, typing: bool
) -> None:
    parse(text, typing=typing)
    understood = parse(text)
    assert parse(in_words(understood)).clauses == understood.clauses


def word(text: str, field: Field = Field.ANY, **how: bool) -> Words:
    return Words(text, field, **how)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("", []),
        ("   ", []),
        ("! — …", []),
        ("sparse autoencoder", [word("sparse"), word("autoencoder")]),
        ("  sparse\tautoencoder\n", [word("sparse"), word("autoencoder")]),
        ('"mutual information"', [word("mutual information", phrase=True)]),
        (
            'deep"mutual information"x',
            [word("deep"), word("mutual information", phrase=True), word("x")],
        ),
        ('""', []),
        ("-survey", [word("survey", negated=True)]),
        ("chain -based", [word("chain"), word("based")]),
        ('-"a survey"', [word("a survey", phrase=True, negated=True)]),
        ("well-known", [word("well-known")]),
        ("--x", [word("-x", negated=True)]),
        ("- x", [word("x")]),
        ("title:pruning", [word("pruning", Field.TITLE)]),
        ("TITLE:Pruning", [word("Pruning", Field.TITLE)]),
        ('-title:"a b"', [word("a b", Field.TITLE, phrase=True, negated=True)]),
        ("author:he authors:lee", [word("he", Field.AUTHOR), word("lee", Field.AUTHOR)]),
        ('author:"kaiming he"', [word("kaiming he", Field.AUTHOR, phrase=True)]),
        ("cat:cs.LG category:cs", [word("cs.LG", Field.CATEGORY), word("cs", Field.CATEGORY)]),
        ("-cat:math", [word("math", Field.CATEGORY, negated=True)]),
        ("has:code -has:PDF", [word("code", Field.HAS), word("PDF", Field.HAS, negated=True)]),
        (
            'in:kites -IN:"Night owls"',
            [
                word("kites", Field.IN),
                word("Night owls", Field.IN, phrase=True, negated=True),
            ],
        ),
        ("year:2023", [Years(2023, 2023)]),
        ("-year:2023", [Years(2023, 2023, negated=True)]),
        ("year:2020..2024", [Years(2020, 2024)]),
        ("year:2020...2024", [Years(2020, 2024)]),
        ("year:2020-2024", [Years(2020, 2024)]),
        ("year:2020..", [Years(2020, None)]),
        ("year:..2020", [Years(None, 2020)]),
        ('year:"2020"', [Years(2020, 2020)]),
        ("x http://a.org:80/b?c=d", [word("x"), word("http://a.org:80/b?c=d")]),
        ("doi:10.1000/a", [word("doi:10.1000/a")]),
        ("BERT: a language model", [word("BERT:"), word("a"), word("language"), word("model")]),
        ("e\u0301tude \u202eevil", [word("étude"), word("evil")]),
    ],
)
def test_what_is_part_of_the_language_is_read_as_meant(text: str, clauses: list[Clause]) -> None:
    query = parse(text)
    assert list(query.clauses) == clauses
    assert query.problems == ()


@pytest.mark.parametrize(
    ("text", "clauses", "problem"),
    [
        ("venue:acl x", [word("venue:acl"), word("x")], NO_FIELD),
        ("venue:title:x", [word("venue:title:x")], NO_FIELD),
        ('venue:"a b"', [word("venue a b", phrase=True)], NO_FIELD),
        ('say "no more', [word("say"), word("no more", phrase=True)], NOT_CLOSED),
        ("title:", [], "Nothing stands behind “title:”; it was left out."),
        ("Title: pruning", [word("pruning")], "Nothing stands behind “title:”; it was left out."),
        ('author:"" x', [word("x")], "Nothing stands behind “author:”; it was left out."),
        ("in: kites", [word("kites")], "Nothing stands behind “in:”; it was left out."),
        ("cat:!", [], "Nothing stands behind “cat:”; it was left out."),
        (
            "has:cookies",
            [],
            "“has:cookies” is not known; a paper can have "
            "code, project, data, model, video, pdf, abstract, doi.",
        ),
        (
            "year:soon",
            [],
            "“year:soon” is no year; write year:2023, year:2020..2024 or year:2020.. .",
        ),
        (
            "year:20202024",
            [],
            "“year:20202024” is no year; write year:2023, year:2020..2024 or year:2020.. .",
        ),
        (
            "year:..",
            [],
            "“year:..” is no year; write year:2023, year:2020..2024 or year:2020.. .",
        ),
        (
            "year:0000",
            [],
            "“year:0000” is no year; write year:2023, year:2020..2024 or year:2020.. .",
        ),
        (
            "year:2024..2020",
            [Years(2020, 2024)],
            "“year:2024..2020” runs backwards; it was read as year:2020..2024.",
        ),
    ],
)
def test_what_cannot_be_read_as_meant_is_said_in_a_sentence(
    text: str, clauses: list[Clause], problem: str
) -> None:
    query = parse(text)
    assert list(query.clauses) == clauses
    assert query.problems == (problem,)


def test_the_same_problem_is_said_once() -> None:
    assert parse("venue:acl venue:emnlp").problems == (NO_FIELD,)


def test_four_hundred_words_are_read_and_not_one_more() -> None:
    many = [f"w{number}" for number in range(400)]
    assert parse(" ".join(many)).problems == ()
    query = parse(" ".join([*many, "more"]))
    assert [clause.text for clause in query.clauses if isinstance(clause, Words)] == many
    assert query.problems == ("Only the first 400 words were read.",)


def test_a_text_that_was_pasted_whole_is_cut() -> None:
    query = parse("x" * 3999 + " far behind")
    assert len(query.clauses) == 1
    assert query.problems == ("The query was cut after 4,000 characters; the rest was not read.",)


def test_a_pasted_text_is_words_and_nothing_else() -> None:
    pasted = 'Results: we show -- as "nobody" did before -that title:words are words. ' * 5
    query = parse(pasted)
    assert query.problems == ()
    assert all(clause == Words(clause.text) for clause in query.clauses)  # type: ignore[union-attr]
    assert len(query.clauses) == 5 * 11


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("sparse aut", word("aut", prefix=True)),
        ("author:kai", word("kai", Field.AUTHOR, prefix=True)),
        ("title:pru", word("pru", Field.TITLE, prefix=True)),
        ('"mutual inf', word("mutual inf", phrase=True)),
        ("x -sur", word("sur", negated=True)),
        ('sparse "', word("sparse")),
        ("cat:cs", word("cs", Field.CATEGORY)),
        ("in:kit", word("kit", Field.IN)),
        ("year:2020", Years(2020, 2020)),
    ],
)
def test_while_typing_only_a_word_at_the_end_may_be_unfinished(text: str, last: Clause) -> None:
    query = parse(text, typing=True)
    assert query.clauses[-1] == last
    assert not any(isinstance(c, Words) and c.prefix for c in query.clauses[:-1])


def test_what_was_understood_is_written_as_a_reader_would() -> None:
    text = 'deep -"a survey" Title:x category:cs.LG year:2020-2024 -year:2023 has:code In:"a b"'
    assert in_words(parse(text)) == (
        'deep -"a survey" title:x cat:cs.LG year:2020..2024 -year:2023 has:code in:"a b"'
    )


def test_only_wanted_words_of_text_fields_make_a_paper_relevant() -> None:
    query = parse("deep -shallow title:x author:lee cat:cs has:code year:2020")
    assert [clause.text for clause in query.scoring] == ["deep", "x", "lee"]
