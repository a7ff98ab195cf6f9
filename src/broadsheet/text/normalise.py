"""Forms of titles, names and identifiers that can be compared."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection
from functools import lru_cache

_WORD = re.compile(r"[^\W_]+")
_ARXIV_NEW = re.compile(r"(\d{4}\.\d{4,5})(?:v(\d{1,3}))?\Z", re.ASCII)
_ARXIV_OLD = re.compile(r"([a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v(\d{1,3}))?\Z", re.ASCII)
_ARXIV_PREFIX = re.compile(
    r"(?:arxiv:|https?://(?:www\.|export\.)?arxiv\.org/(?:abs|pdf|html)/)", re.IGNORECASE
)
_DOI = re.compile(r"(?:doi:|https?://(?:dx\.)?doi\.org/)(10\.\d{4,9}/\S+)\Z", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9]{1,19}:[^\s:/?#][^\s?#]{0,199}\Z")
_SPACE = re.compile(r"\s+")
# C0 and C1 controls, and the marks that reorder text on a screen (Unicode 15, "Bidi_Control").
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_SLUG_WORDS = 7


def plain(text: str) -> str:
    """`text` on one line: white space folded to single spaces, control characters removed.

    Characters that reorder text on a screen go too, so that a title cannot disguise itself in
    a page, a mail or a terminal. A letter and the accent after it become one character (NFC):
    what looks the same is found by the same word.
    """
    if not text.isprintable() or "  " in text:  # else it has single spaces and no control
        text = _SPACE.sub(" ", _CONTROL.sub("", text))
    text = text.strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def storable(text: str) -> str:
    """`text` as both engines can keep it.

    PostgreSQL has no NUL; neither has halves of surrogate pairs, which stand in file names that
    are not UTF-8.
    """
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def title_words(title: str) -> list[str]:
    """The words of a title: compatibility forms unified, accents and case removed."""
    if not title.isascii():
        decomposed = unicodedata.normalize("NFKD", title)
        title = "".join(c for c in decomposed if not unicodedata.combining(c))
    return _WORD.findall(title.casefold())


@lru_cache(maxsize=8192)  # a paper on its way in is asked for it several times
def title_key(title: str) -> str:
    """24 hexadecimal digits naming the title's words, equal for titles that read the same.

    Spaces, hyphens, case, accents and punctuation do not count, as in 'Auto-Encoders' and
    'autoencoders'. A title without a letter or digit is keyed by its characters.
    """
    words = "".join(title_words(title)) or title
    return hashlib.blake2b(words.encode(), digest_size=12).hexdigest()


def title_id(title: str, family: str = "") -> str:
    """A public id for a paper known by its title only: `title:<first words>-<10 digits>`.

    Where the first author's family name is known it counts, so that two people's
    'Introduction' have two ids.
    """
    slug = "-".join(title_words(title)[:_SLUG_WORDS])[:80].encode("ascii", "ignore").decode()
    digits = title_key(f"{title_key(title)} {family}") if family else title_key(title)
    return f"title:{slug or 'untitled'}-{digits[:10]}"


def surname(name: str) -> str:
    """The family name for comparing: before a comma, else the last word; no case, no accents."""
    family = name.split(",", 1)[0] if "," in name else name.rsplit(" ", 1)[-1]
    return "".join(title_words(family))


def identifier(text: str) -> tuple[str, int | None] | None:
    """The identifier of a work that `text` states, and its version where one is given.

    arXiv ids lose their prefix, as in `arxiv:2403.13064v2` -> (`2403.13064`, 2); DOIs get
    theirs, in lower case (they are case-insensitive, ISO 26324); other ids with a scheme, as in
    `acl:2024.acl-long.1`, stay. None for everything else: a bare number from a file names a
    line of that file and nothing in the world.
    """
    text = text.strip()
    bare = _ARXIV_PREFIX.sub("", text, count=1).removesuffix(".pdf")
    arxiv = _ARXIV_NEW.match(bare) or _ARXIV_OLD.match(bare)
    if arxiv:
        return arxiv[1], int(arxiv[2]) if arxiv[2] else None
    doi = _DOI.match(text)
    if doi:
        return f"doi:{doi[1].lower()}", None
    if _SCHEME.match(text) and not text.lower().startswith(("title:", "http:", "https:", "arxiv:")):
        return text, None
    return None


def is_arxiv(identifier_: str) -> bool:
    """Whether a normalised identifier is arXiv's."""
    return bool(_ARXIV_NEW.match(identifier_) or _ARXIV_OLD.match(identifier_))


def is_readable(name: str) -> bool:
    """Whether anything of a name can be seen."""
    return any(letter.isprintable() and not letter.isspace() for letter in name)


def slug(name: str, taken: Collection[str] = ()) -> str:
    """`name` as it may stand in an address: `Graph Learning!` is `graph-learning`. A number goes
    behind one that is taken.
    """
    letters = unicodedata.normalize("NFKD", name.lower()).encode("ascii", "ignore").decode()
    base = "-".join(re.findall(r"[a-z0-9]+", letters))[:60].strip("-") or "list"
    found, number = base, 1
    while found in taken:
        number += 1
        found = f"{base}-{number}"
    return found
