r"""Accented letters written in TeX, as arXiv keeps them in the names of people and places.

`G\"odel`, `{\'E}tale`, `Erd\H{o}s`, `\L ukasz`, `Fran\c{c}ois`.
"""

from __future__ import annotations

import re
import unicodedata

_MARKS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", "=": "\u0304", "u": "\u0306",
    ".": "\u0307", '"': "\u0308", "r": "\u030a", "H": "\u030b", "v": "\u030c", "d": "\u0323",
    "c": "\u0327", "k": "\u0328", "b": "\u0331",
}  # fmt: skip
_LETTERS = {
    "ss": "ß", "aa": "å", "AA": "Å", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø",
    "O": "Ø", "l": "ł", "L": "Ł", "i": "ı", "j": "ȷ", "dh": "ð", "DH": "Ð", "dj": "đ", "DJ": "Đ",
    "th": "þ", "TH": "Þ", "ng": "ŋ", "NG": "Ŋ",
}  # fmt: skip
# An accent and the letter under it. One that is named by a letter needs a brace or a space.
_ACCENT = re.compile(
    r"""\\(?:([`'^~=."])\ ?|([urHvdckb])(?:\ |(?=\{)))
        (?:\{\ ?\\?([A-Za-z])\ ?\}|\\([ij])(?![A-Za-z])(?:\ (?=[a-z]))?|([A-Za-z]))""",
    re.VERBOSE,
)
# TeX eats the space after a command; people write "Micha\l Nowak" and mean the space.
_LETTER = re.compile(
    rf"\\({'|'.join(sorted(_LETTERS, key=len, reverse=True))})(?![A-Za-z])(?:\{{\}}|\ (?=[a-z]))?"
)
_SPACE = re.compile(r"(?<!\\)~|\\[ ,;:]")
_NOTHING = re.compile(r"\\-|[{}]")
_ESCAPED = re.compile(r"\\([&%$#_])")


def readable(text: str) -> str:
    """`text`, a name, with its accents as letters and without braces."""
    if "\\" not in text and "{" not in text and "~" not in text:
        return text
    text = _ACCENT.sub(_accented, text)
    text = _LETTER.sub(lambda match: _LETTERS[match[1]], text)
    text = _ESCAPED.sub(r"\1", _NOTHING.sub("", _SPACE.sub(" ", text)))
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _accented(match: re.Match[str]) -> str:
    return (match[3] or match[4] or match[5]) + _MARKS[match[1] or match[2]]
