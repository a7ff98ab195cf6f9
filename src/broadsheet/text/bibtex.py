"""A paper's citation in BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable

from broadsheet.records import Paper
from broadsheet.text.normalise import is_arxiv, surname, title_words
from broadsheet.text.segments import segments

# BibTeX counts every brace, also behind a backslash: what stands for one must be balanced.
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
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
_ENDING = re.compile(r"\$|(?<!\\)(?:\\\\)*(?:%|\\\Z)")
_AND = re.compile(r"\sand\s", re.IGNORECASE)


def bibliography(papers: Iterable[Paper]) -> str:
    """The citations, one below the other. Where two would have one key, a number stands behind the
    later one's: BibTeX refuses a key twice.
    """
    said: list[str] = []
    taken: set[str] = set()
    for paper in papers:
        base = key = _key(paper)
        number = 1
        while key in taken:
            number += 1
            key = f"{base}-{number}"
        taken.add(key)
        said.append(bibtex(paper, key))
    return "\n".join(said)


def bibtex(paper: Paper, key: str = "") -> str:
    """The citation as one `@misc` entry, characters of TeX's own escaped, mathematics kept."""
    pages = (*paper.links_of("abstract"), *paper.links_of("page"))
    dois = paper.links_of("doi")
    fields = {
        "title": "{" + _tex(paper.title) + "}",
        "author": " and ".join(_name(author.name) for author in paper.authors),
        "year": str(paper.year or ""),
    }
    if is_arxiv(paper.id):
        fields["eprint"] = paper.id
        fields["archiveprefix"] = "arXiv"
        fields["primaryclass"] = _plain_tex(next(iter(paper.categories), ""))
    fields["doi"] = _address(dois[0].url.partition("doi.org/")[2]) if dois else ""
    fields["url"] = _address(pages[0].url) if pages else ""
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{key or _key(paper)},", *lines, "}", ""])


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
    """Whether TeX can stand between dollars inside a BibTeX field: its braces are balanced, and
    nothing in it ends the formula or hides the rest of the line.
    """
    depth = 0
    for character in tex:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return kind == "math" and depth == 0 and not _ENDING.search(tex)


def _name(name: str) -> str:
    """A name; in braces where it holds the word that BibTeX parts names at."""
    escaped = _plain_tex(name)
    return f"{{{escaped}}}" if _AND.search(name) else escaped


def _address(url: str) -> str:
    """An address for a field that TeX reads verbatim."""
    return url.replace("{", "%7B").replace("}", "%7D")


def _plain_tex(text: str) -> str:
    return _SPECIALS.sub(lambda match: _SPECIAL[match[0]], text)
