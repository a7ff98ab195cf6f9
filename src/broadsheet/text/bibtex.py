"""A paper's citation in BibTeX."""

from __future__ import annotations

import re

from broadsheet.records import Paper
from broadsheet.text.normalise import is_arxiv, surname, title_words
from broadsheet.text.segments import segments

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_SPECIALS = re.compile("[" + re.escape("".join(_SPECIAL)) + "]")
_KEY = re.compile(r"[^a-z0-9]")


def bibtex(paper: Paper) -> str:
    """The citation as one `@misc` entry, characters of TeX's own escaped, mathematics kept."""
    pages = (*paper.links_of("abstract"), *paper.links_of("page"))
    fields = {
        "title": "{" + _tex(paper.title) + "}",
        "author": " and ".join(_plain_tex(author.name) for author in paper.authors),
        "year": str(paper.year or ""),
        "eprint": paper.id if is_arxiv(paper.id) else "",
        "archiveprefix": "arXiv" if is_arxiv(paper.id) else "",
        "primaryclass": paper.categories[0] if is_arxiv(paper.id) and paper.categories else "",
        "doi": next((link.url.partition("doi.org/")[2] for link in paper.links_of("doi")), ""),
        "url": pages[0].url if pages else "",
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{_key(paper)},", *lines, "}", ""])


def _key(paper: Paper) -> str:
    first = surname(paper.authors[0].name) if paper.authors else ""
    words = [word for word in title_words(paper.title) if len(word) > 3] or ["paper"]
    return _KEY.sub("", f"{first}{paper.year or ''}{words[0]}") or "paper"


def _tex(text: str) -> str:
    return "".join(
        f"${piece.value}$" if _is_safe_math(piece.kind, piece.value) else _plain_tex(piece.value)
        for piece in segments(text)
    )


def _is_safe_math(kind: str, tex: str) -> bool:
    """Whether TeX can stand inside a BibTeX field: its braces are balanced."""
    depth = 0
    for character in tex.replace(r"\{", "").replace(r"\}", ""):
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return kind == "math" and depth == 0 and "$" not in tex


def _plain_tex(text: str) -> str:
    return _SPECIALS.sub(lambda match: _SPECIAL[match[0]], text)
