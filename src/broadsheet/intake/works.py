"""What the formats of bibliographies share: bounds, names, keys and links of a work."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from broadsheet.intake.opening import EXCERPT_BYTES, InputError
from broadsheet.records import Author, Link, Quarantined
from broadsheet.text.normalise import identifier, is_arxiv, plain, surname, title_key

LONGEST_TITLE = 2_000
LONGEST_ABSTRACT = 100_000
# Some papers name whole collaborations in one place.
LONGEST_NAME = 1_000
LONGEST_KEY = 400
MOST_AUTHORS = 20_000
_LONGEST_IDENTIFIER = 350
_LONGEST_ADDRESS = 2_000
_ADDRESS = re.compile(r"https?://[^\s<>\"\\^`{|}]+\Z", re.IGNORECASE)
_DOI = re.compile(r"(?:doi\s*:\s*|https?://(?:\w+\.)?doi\.org/)?(10\.\d{4,9}/\S+)\Z", re.IGNORECASE)
# Pages of works, and the scheme before what they call them by.
_SITES = tuple(
    (re.compile(rf"https?://(?:www\.)?{pattern}", re.IGNORECASE), scheme)
    for pattern, scheme in (
        (r"(?:huggingface\.co|hf\.co)/papers/(\d{4}\.\d{4,5})\Z", ""),
        (r"alphaxiv\.org/abs/(\d{4}\.\d{4,5})(?:v\d+)?\Z", ""),
        (
            r"aclanthology\.org/((?:\d{4}\.[a-z0-9]+-[a-z0-9]+\.|[A-Z]\d\d-)\d+)(?:\.pdf|/)?\Z",
            "acl:",
        ),
        (r"openreview\.net/(?:forum|pdf)\?id=([\w-]{6,40})(?:&|\Z)", "openreview:"),
        (r"[\w.-]+/doi/(?:abs/|full/|pdf/)?(10\.\d{4,9}/[^\s?#]+)", "doi:"),
    )
)
_ARXIV_STATED = re.compile(
    r"(?:\barxiv\s?[:./]\s?(?:abs/|pdf/|org/abs/|org/pdf/)?|\barxiv\s(?:preprint\s|e-prints?\s)|\Aabs/)"
    r"((?:\d{4}\.\d{4,5}|[a-z-]{2,20}(?:\.[A-Z]{2})?/\d{7})(?:v\d{1,3})?)(?!\d)",
    re.IGNORECASE,
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WORD = re.compile(r"[a-z]{3,9}")
_YEAR = re.compile(r"(?<!\d)([1-9]\d{3})(?!\d)", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1000, 9999


def text_within(text: str, longest: int, what: str) -> str:
    """`text` on one line. Raises InputError where it is longer than any such text is."""
    if len(text) > longest:
        raise InputError(f"{what} has {len(text):,} characters; at most {longest:,}")
    return plain(text)


def titled(text: str) -> str:
    """A title on one line. Raises InputError where there is none, or far too much of one."""
    title = text_within(text, LONGEST_TITLE, "title")
    if not title:
        raise InputError("the paper has no title")
    return title


def authors_of(authors: Iterable[Author]) -> tuple[Author, ...]:
    """The authors that have a name. Raises InputError where they are more than any paper has."""
    found = tuple(author for author in authors if author.name)
    if len(found) > MOST_AUTHORS:
        raise InputError(f"the paper has {len(found):,} authors; at most {MOST_AUTHORS:,}")
    return found


def identifiers_of(texts: Iterable[str]) -> tuple[str, ...]:
    """The identifiers that the texts state, normalised and without repeats."""
    found = (identifier(text) for text in texts if text and len(text) <= _LONGEST_ADDRESS)
    names = (known[0] for known in found if known and len(known[0]) <= _LONGEST_IDENTIFIER)
    return tuple(dict.fromkeys(names))


def without_arxivs_dois(names: Iterable[str]) -> tuple[str, ...]:
    """The names, arXiv's first: they are the stronger ones, and its DOIs say nothing more."""
    found = [name for name in names if not name.startswith("doi:10.48550/arxiv.")]
    return tuple(sorted(found, key=lambda name: not is_arxiv(name)))


def doi(text: str) -> str:
    """A DOI that stands bare, behind `doi:` or in an address, as `doi:10.…`; else nothing."""
    match = _DOI.match(text.strip()) if len(text) <= _LONGEST_ADDRESS else None
    return f"doi:{match[1]}" if match else ""


def key_of(names: Iterable[str], title: str, authors: tuple[Author, ...]) -> str:
    """What names a record for good: its strongest identifier, else its title and first author."""
    for name in names:
        return name[:LONGEST_KEY]
    first = surname(authors[0].name) if authors else ""
    return f"{title_key(title)}:{first}"[:LONGEST_KEY]


def links_of(names: Iterable[str]) -> list[Link]:
    """The pages that identifiers lead to."""
    links = []
    for name in names:
        if is_arxiv(name):
            links.append(Link("abstract", f"https://arxiv.org/abs/{name}"))
            links.append(Link("pdf", f"https://arxiv.org/pdf/{name}"))
        elif name.startswith("doi:"):
            links.append(Link("doi", f"https://doi.org/{name.removeprefix('doi:')}"))
    return links


def distinct(links: Iterable[Link]) -> tuple[Link, ...]:
    """The links in order, the first of each address only."""
    found: dict[str, Link] = {}
    for link in links:
        found.setdefault(link.url, link)
    return tuple(found.values())


def address(text: object) -> str:
    """A web address as it stands, or nothing where the text is none that may become a link."""
    if not isinstance(text, str) or len(text) > _LONGEST_ADDRESS:
        return ""
    stripped = text.strip()
    return stripped if _ADDRESS.match(stripped) and plain(stripped) == stripped else ""


def month_of(text: str) -> int | None:
    """The month a text begins to speak of: `July`, `jul`, `7`, `May 27-June 2`."""
    if text.isascii() and text.isdecimal() and len(text) <= 2:
        return int(text) if 1 <= int(text) <= len(_MONTHS) else None
    for word in _WORD.findall(text[:100].lower()):
        if word[:3] in _MONTHS:
            return _MONTHS.index(word[:3]) + 1
    return None


def year_of(text: str) -> int | None:
    """The year a text states in four digits; None for none."""
    match = _YEAR.search(text[:100])
    return int(match[1]) if match else None


def day_of(year: int | None, month: int | None, day: int | None) -> date | None:
    """The day, where all three are known and there is such a day."""
    if year is None or month is None or day is None or not _FIRST_YEAR <= year <= _LAST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def aside(file: str, line: int, reason: str, source: str, data: bytes) -> Quarantined:
    """What is put aside of a record that cannot be read."""
    return Quarantined(file, line, reason, source, data[:EXCERPT_BYTES], len(data))


def known_address(url: str) -> str:
    """The identifier of the work that a page of a well-known site shows; else nothing."""
    if len(url) > _LONGEST_ADDRESS:
        return ""
    if own := arxiv_stated(url[url.find("10.48550/") :][:100]) if "10.48550/" in url else "":
        return own
    stated = identifier(url.removeprefix("oai:arXiv.org:"))
    if stated and (is_arxiv(stated[0]) or stated[0].startswith("doi:")):
        return stated[0]
    for pattern, scheme in _SITES:
        if match := pattern.match(url):
            known = identifier(scheme + match[1])
            return known[0] if known else ""
    return ""


def arxiv_stated(text: str) -> str:
    """The arXiv identifier that a journal, a note, an eprint or arXiv's own DOI speaks of."""
    match = _ARXIV_STATED.search(text)
    known = identifier(match[1]) if match else None
    return known[0] if known and is_arxiv(known[0]) else ""
