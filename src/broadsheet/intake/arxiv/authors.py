"""arXiv's lists of authors: one string with commas, "and", and affiliations in parentheses."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import dataclass, field

from broadsheet.intake.arxiv.tex import readable
from broadsheet.intake.opening import InputError
from broadsheet.intake.works import LONGEST_NAME
from broadsheet.records import Author
from broadsheet.text.normalise import plain

_LONGEST_LIST = 1_000_000
_LONGEST_AFFILIATION = 2_000
_MOST = 20_000

_PIECE = re.compile(r"[()]|[^()]+")
_AND = re.compile(r"(?:,\s*|\s)(?:and|&)\s", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*[,;:]\s*")
_SUFFIX = re.compile(r"(?:jr|sr)\.?\Z|(?:II|III|IV)\Z", re.IGNORECASE)
_ET_AL = re.compile(r"(?:and\s+)?et\.?\s+al\b.*|others\Z", re.IGNORECASE)
_GROUP = re.compile(r"\b(?:collaborations?|consortium|group|team)\Z", re.IGNORECASE)
_FOR = re.compile(
    r"(?P<person>.*?)\b(?:on behalf of|for)\s+(?:the\s+)?(?P<group>\S.*)\Z", re.IGNORECASE
)
_CROWDED_DOT = re.compile(r"(?<=[^\W\d_]\.)(?=[^\W\d_])")
_DOT_HYPHEN = re.compile(r"\. -(?=\w)")
# Most names of a snapshot of millions: nothing is to be done about them.
_USUAL = re.compile(r"(?!Et )[A-Z][a-z]{0,30}\.?(?: [A-Z]\.){0,3}(?: [A-Z][a-z]{1,30}){1,3}\Z")
_LETTER = re.compile(r"[^\W\d_]")
# "(1)" or "(a)" in front of an address, and what refers to it: "1", "1,2", "1 and 3", "a".
_MARK = re.compile(r"\(\s*(\d{1,4}|[a-z]|[*†‡§])\s*\)")
# The same without parentheses: "1 Basin Labs; 2 - Harbour School".
_BARE_MARK = re.compile(r"(?:\A|[;,] ?)(\d{1,3})(?: ?- ?| )(?=[^\W\d_])")
_NOT_SHOWN = re.compile(r"(?:and )?\d[\d,]* (?:additional|more|other) authors", re.IGNORECASE)
_REFERENCES = re.compile(r"[\s,;&]+|\band\b")


@dataclass(slots=True)
class _Named:
    """A name as it stood, and the parentheses behind it."""

    name: str
    notes: list[str] = field(default_factory=list)


def names(text: str) -> tuple[Author, ...]:
    """The authors that one string of arXiv's names, in its order.

    An affiliation belongs to the author before it and to those before that who have none, as
    arXiv reads it; "(1)" is looked up in the list at the end, where there is one. Raises
    InputError for a list that is no list of authors.
    """
    if len(text) > _LONGEST_LIST:
        raise InputError(
            f"the list of authors has {len(text):,} characters; at most {_LONGEST_LIST:,}"
        )
    found, legend = _read(readable(plain(text)))
    affiliations: list[str] = []
    last: str | None = None
    for one in reversed(found):
        own = _affiliation(one, legend)
        if own is not None:
            last = own
        affiliations.append("" if _GROUP.search(one.name) and own is None else last or "")
    return people(zip((one.name for one in found), reversed(affiliations), strict=True))


def people(stated: Iterable[tuple[str, str]]) -> tuple[Author, ...]:
    """Authors whose names and affiliations a source keeps apart.

    "Ada Example for the Basin Collaboration" are two; what has no letter is nobody.
    """
    authors: list[Author] = []
    for name, affiliation in stated:
        if not affiliation and _USUAL.match(name):
            authors.append(Author(name))
            continue
        where = readable(plain(affiliation)) if affiliation else ""
        if len(where) > _LONGEST_AFFILIATION:
            where = ""  # a footnote gone astray; the name still counts
        authors.extend(Author(each, where or None) for each in _apart(tidy(name)))
    _check(authors)
    return tuple(authors)


def tidy(name: str) -> str:
    """A name as a page shows it: `S.M. Warner` becomes `S. M. Warner`.

    Raises InputError for what is too long to be a name.
    """
    name = readable(plain(name))
    if len(name) > LONGEST_NAME:
        raise InputError(f"the name of an author has {len(name):,} characters")
    if "." in name:
        name = _DOT_HYPHEN.sub(".-", _CROWDED_DOT.sub(" ", name))
    return name


def _apart(name: str) -> Iterator[str]:
    """The people and collaborations in one name."""
    name = name.strip(" ,;:")
    if not _LETTER.search(name) or _ET_AL.match(name):
        return
    both = _FOR.match(name) if _GROUP.search(name) else None
    if both is None:
        yield name
        return
    if _LETTER.search(both["person"]):
        yield both["person"].rstrip(" ,;:")
    yield both["group"]


def _read(text: str) -> tuple[list[_Named], Mapping[str, str]]:
    """The names in turn with their parentheses, and the addresses that numbers stand for."""
    found: list[_Named] = []
    legend: dict[str, str] = {}
    continued = False
    for piece, is_note in _pieces(text):
        if is_note and (marks := _legend(piece)):
            legend.update(marks)
        elif is_note:
            if found and not _NOT_SHOWN.match(piece):
                found[-1].notes.append(piece)
        else:
            _take(piece, found, continued=continued)
            _check(found)
        continued = is_note
    return found, legend


def _check(found: Sized) -> None:
    if len(found) > _MOST:
        raise InputError(f"the paper has more than {_MOST:,} authors")


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """What stands outside of parentheses and what stands in them, in turn."""
    depth = 0
    gathered: list[str] = []
    for match in _PIECE.finditer(text):
        piece = match[0]
        if piece == "(":
            if depth == 0:
                yield "".join(gathered), False
                gathered = []
            else:
                gathered.append(piece)
            depth += 1
        elif piece == ")" and depth == 1:
            yield "".join(gathered).strip(), True
            gathered, depth = [], 0
        elif piece == ")":
            gathered.extend([piece] if depth else [])
            depth = max(depth - 1, 0)
        else:
            gathered.append(piece)
    yield "".join(gathered).strip(), depth > 0


def _take(text: str, found: list[_Named], *, continued: bool) -> None:
    """Adds the names of a piece that has no parentheses.

    `continued`: it stands behind an affiliation, so its first word may be only "and" or a suffix.
    """
    text = _AND.sub(", ", f" {text} ")
    for name in map(str.strip, _BETWEEN.split(text)):
        if not name or _ET_AL.match(name):
            continue
        if found and not continued and _SUFFIX.match(name) and len(found[-1].name) < LONGEST_NAME:
            found[-1].name += f" {name}"
        else:
            found.append(_Named(name))
        continued = False


def _legend(note: str) -> dict[str, str]:
    """The addresses of a list such as "(1) Basin Labs, (2) Harbour School"."""
    if _MARK.match(note):
        parts = _MARK.split(note)
    else:
        parts = _BARE_MARK.split(note)
        if len(parts) < 5 or parts[1::2] != [str(n + 1) for n in range(len(parts) // 2)]:
            return {}
    addresses = (address.strip(" ,;.") for address in parts[2::2])
    return {mark: address for mark, address in zip(parts[1::2], addresses, strict=True) if address}


def _affiliation(one: _Named, legend: Mapping[str, str]) -> str | None:
    """Where an author works; "" where a number leads nowhere, None where nothing is said."""
    stated = []
    for note in one.notes:
        marks = [mark for mark in _REFERENCES.split(note) if mark]
        if marks and all(mark in legend or mark.isdecimal() for mark in marks):
            stated += [legend[mark] for mark in marks if mark in legend]
        elif _LETTER.search(note):
            stated.append(note)
    return "; ".join(stated) if stated or one.notes else None
