"""Citations that BibTeX can read, whatever a title holds."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadsheet.records import Author, Link, Paper
from broadsheet.text.bibtex import bibtex

PROPERTY = settings(derandomize=True, max_examples=200, deadline=None)
PAPER = Paper(
    number=1,
    id="2401.00001",
    title="On the sleep of networks",
    abstract="",
    summary="",
    authors=(Author("Zoë Łukasz"), Author("Lee, Ann")),
    author_count=None,
    organization=None,
    categories=("cs.LG", "stat.ML"),
    year=2024,
    published=None,
    updated=None,
    announced=None,
    day=None,
    version=1,
    links=(
        Link("pdf", "https://arxiv.org/pdf/2401.00001"),
        Link("abstract", "https://arxiv.org/abs/2401.00001"),
        Link("doi", "https://doi.org/10.1000/sleep"),
    ),
    comment_count=None,
    licence=None,
    rank=None,
    change=1,
)
TEXTS = st.text(max_size=30) | st.lists(
    st.sampled_from([*"{}$\\%&#_~^ ax", r"\{", r"\}", r"\frac{a}{b}", "$x_{1}$", r"$\{x\}$", "$$"])
).map("".join)


def unbalanced(entry: str) -> bool:
    """Whether BibTeX, which counts every brace, loses its way."""
    depth = 0
    for character in entry:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return True
    return depth != 0


@PROPERTY
@given(title=TEXTS, name=TEXTS, category=TEXTS, path=TEXTS)
def test_braces_are_balanced_in_every_line(title: str, name: str, category: str, path: str) -> None:
    links = (Link("doi", f"https://doi.org/10.1000/{path}"), Link("page", f"https://a.org/{path}"))
    odd = replace(PAPER, title=title, authors=(Author(name),), categories=(category,), links=links)
    entry = bibtex(odd)
    assert not unbalanced(entry)
    assert entry.startswith("@misc{")
    for line in re.findall(r"^  \w+ = (\{.*\}),$", entry, re.MULTILINE):
        assert not unbalanced(line)


@PROPERTY
@given(name=st.text("ab %&#_~^$", min_size=1, max_size=20))
def test_no_character_of_tex_stands_unescaped(name: str) -> None:
    entry = bibtex(replace(PAPER, authors=(Author(name),)))
    [written] = re.findall(r"^  author = \{(.*)\},$", entry, re.MULTILINE)
    assert not re.search(r"(?<!\\)[%&#_~^$]", written)
    signs = {"asciitilde": "~", "asciicircum": "^"}
    read = re.sub(r"\\text(\w+)\{\}", lambda match: signs[match[1]], written)
    assert read.replace("\\", "") == name


def test_an_arxiv_paper_has_the_fields_of_arxiv() -> None:
    assert bibtex(PAPER) == (
        "@misc{ukasz2024sleep,\n"
        "  title = {{On the sleep of networks}},\n"
        "  author = {Zoë Łukasz and Lee, Ann},\n"
        "  year = {2024},\n"
        "  eprint = {2401.00001},\n"
        "  archiveprefix = {arXiv},\n"
        "  primaryclass = {cs.LG},\n"
        "  doi = {10.1000/sleep},\n"
        "  url = {https://arxiv.org/abs/2401.00001},\n"
        "}\n"
    )


def test_another_paper_has_none_of_them_and_leaves_out_what_is_not_known() -> None:
    known = replace(PAPER, id="acl:1", authors=(), year=None, links=(), title="A b")
    assert bibtex(known) == "@misc{paper,\n  title = {{A b}},\n}\n"


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("50% off & more", r"50\% off \& more"),
        ("No #1 {x}", r"No \#1 \textbraceleft{}x\textbraceright{}"),
        ("The $L_2$ norm", "The $L_2$ norm"),
        (r"Sets $\{x\}$ and $\left\{x\right.$", None),
        ("C:\\temp~x^y", None),
    ],
)
def test_mathematics_stays_and_the_rest_is_escaped(title: str, written: str | None) -> None:
    entry = bibtex(replace(PAPER, title=title))
    assert not unbalanced(entry)
    if written is not None:
        assert f"title = {{{{{written}}}}}" in entry


def test_a_name_with_and_in_it_stays_one_name() -> None:
    names = (Author("Science and Technology Institute"), Author("Sandra Anders"))
    assert "author = {{Science and Technology Institute} and Sandra Anders}" in bibtex(
        replace(PAPER, authors=names)
    )
