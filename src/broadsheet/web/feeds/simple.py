"""Text of papers for feed readers, which know little: escaped text, links, and mathematics written
with letters, superscripts and subscripts; whatever is more than that stays TeX.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from lxml import etree

from broadsheet.text.mathml import to_mathml
from broadsheet.text.normalise import plain
from broadsheet.text.segments import Segment, segments
from broadsheet.web.render import escape

# What is no character of XML 1.0 (section 2.2), halves of surrogate pairs among it; C1 controls,
# which it advises against; and the marks that reorder text on a screen.
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    "|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)
_ROWS = frozenset({"math", "mrow", "mstyle", "mpadded"})
_LETTERS = frozenset({"mi", "mn", "mo", "mtext"})
_RELATIONS = frozenset("=<>≤≥≈∼≃≅≡≠∈∉⊂⊆→←↔⇒≪≫∝")
_SPACES = re.compile(r" {2,}")
# Of an address, what stands for itself (RFC 3986); everything else is percent-encoded.
_BARE_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_OF_ADDRESSES = ":/?#[]@!$&'()*+,;=%~"


class _Script(NamedTuple):
    """How a raised or lowered part is written."""

    raised: str
    lowered: str


_HTML = _Script("<sup>{}</sup>", "<sub>{}</sub>")
_PLAIN = _Script("^{}", "_{}")


def clean(text: str) -> str:
    """`text` without the characters that XML forbids and those that reorder text."""
    return _FORBIDDEN.sub("", text)


def words(text: str) -> str:
    """A name or the like, in which nothing is written in TeX, as plain text on one line."""
    return plain(clean(text))


@lru_cache(maxsize=4096)
def line(text: str) -> str:
    """A title as plain text on one line; formulas as they can be written there."""
    return plain("".join(_line_piece(piece) for piece in segments(clean(text))))


@lru_cache(maxsize=4096)
def html(text: str) -> str:
    """A text as HTML of the elements `a`, `i`, `sup`, `sub` and `code`."""
    return "".join(_html_piece(piece) for piece in segments(clean(text)))


@lru_cache(maxsize=8192)
def web_address(url: str) -> str | None:
    """An address a reader can follow, in ASCII; None for what is no address of the web."""
    try:
        parts = urlsplit(clean(url))
        host = (parts.hostname or "").encode("idna").decode()
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # also a host that has no form in ASCII
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    netloc = f"[{host}]{port}" if ":" in host else f"{host}{port}"
    return parts._replace(
        netloc=quote(netloc, safe=":[]"),
        path=quoted(parts.path),
        query=quoted(parts.query),
        fragment=quoted(parts.fragment),
    ).geturl()


def quoted(part: str) -> str:
    """An address or a part of one in ASCII; what is percent-encoded already stays."""
    return quote(_BARE_PERCENT.sub("%25", part), safe=_OF_ADDRESSES)


def _line_piece(piece: Segment) -> str:
    if piece.kind == "math":
        written = _written(piece.value, is_html=False)
        return piece.value if written is None else written
    return piece.label or piece.value


def _html_piece(piece: Segment) -> str:
    if piece.kind == "math":
        written = _written(piece.value, is_html=True)
        return f"<code>{escape(piece.source)}</code>" if written is None else written
    if piece.kind == "link" and (url := web_address(piece.value)):
        return f'<a href="{escape(url)}">{escape(piece.label or piece.value)}</a>'
    return escape(piece.label or piece.value)


@lru_cache(maxsize=4096)
def _written(tex: str, is_html: bool) -> str | None:
    """A formula on one line; None where it has fractions, roots or the like."""
    mathml = to_mathml(tex)
    if mathml is None:
        return None
    said = _element(etree.fromstring(mathml), is_html)
    return None if said is None else _SPACES.sub(" ", said).strip()


def _element(element: etree._Element, is_html: bool) -> str | None:
    tag = str(element.tag)
    if tag in _LETTERS:
        return _letters(tag, element.text or "", is_html)
    if tag == "mspace":
        return " "
    parts = [_element(child, is_html) for child in element]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return None
    if tag in _ROWS:
        return "".join(known)
    return _scripts(tag, known, _HTML if is_html else _PLAIN)


def _letters(tag: str, text: str, is_html: bool) -> str:
    said = escape(text) if is_html else text
    if tag == "mi" and len(text) > 1 and text.isalpha():
        return f" {said} "  # a name, as of a function
    if tag == "mi" and is_html and text.isalpha() and text.isascii():
        return f"<i>{said}</i>"
    return f" {said} " if tag == "mo" and text in _RELATIONS else said


def _scripts(tag: str, parts: list[str], script: _Script) -> str | None:
    if script is _PLAIN:
        parts = [parts[0], *(_grouped(part) for part in parts[1:])] if parts else parts
    match tag, parts:
        case "msup", [base, raised]:
            return base + script.raised.format(raised.strip())
        case "msub", [base, lowered]:
            return base + script.lowered.format(lowered.strip())
        case "msubsup", [base, lowered, raised]:
            both = script.lowered.format(lowered.strip()) + script.raised.format(raised.strip())
            return base + both
    return None


def _grouped(part: str) -> str:
    part = part.strip()
    return part if len(part) == 1 or part.isdigit() else f"({part})"
