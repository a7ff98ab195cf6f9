"""TeX in the fields of bibliographies, as plain text."""

from __future__ import annotations

import logging
import re
import unicodedata
from functools import lru_cache

from pylatexenc.latex2text import LatexNodes2Text

# One pass, each character looked at a bounded number of times: a command with its letter where
# it is an accent, else the command alone; braces and ligatures. Formulas stay as they are.
_PIECE = re.compile(
    r"(?P<math>\$[^$]{1,2000}\$|\\\((?:[^\\]|\\[^()]){1,2000}\\\))"
    r"|(?P<accent>\\(?:['`^\"~=.]|[cbdHkrtuv](?![A-Za-z]))\s{0,3}"
    r"(?:\{\s?(?:[^\W\d_]{1,2}|\\[ij](?:\{\})?|)\s?\}|\\[ij](?![A-Za-z])(?:\{\})?|[^\W\d_]))"
    r"|(?P<word>\\[A-Za-z]{1,40}\*?(?:\{\}|\s{1,20})?)"
    r"|\\(?P<escaped>[^A-Za-z])"
    r"|(?P<brace>[{}])|(?P<ligature>---|--|``|''|~)",
    re.DOTALL,
)
_LIGATURES = {"---": "—", "--": "–", "``": "“", "''": "”", "~": " "}
_TELLING = frozenset("\\{}$~")
_SPACES = frozenset(" ,;:!/\n\t")
# What sets the type of the words behind it, and says nothing.
_TYPE = frozenset(
    "emph em textit it textbf bf textsc sc texttt tt textrm rm textsf sf textsl sl textup "
    "textnormal text mbox hbox url href path protect noopsort bibinfo ensuremath mathrm mathit "
    "mathbf uppercase lowercase relax null small large normalfont itshape bfseries scshape "
    "upshape".split()
)

# It tells on standard error of a command that lacks what should follow it; here all do.
logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)


def untexed(text: str) -> str:
    """`text` with accents and symbols as characters and without braces; formulas are kept."""
    if _TELLING.isdisjoint(text) and "--" not in text and "''" not in text:
        return text
    return _PIECE.sub(_replaced, text)


def _replaced(match: re.Match[str]) -> str:
    kind = match.lastgroup
    found = match[0]
    if kind == "math":
        return found
    if kind == "accent":
        return _spelt(found)
    if kind == "word":
        return _word(found)
    if kind == "escaped":
        return " " if match["escaped"] in _SPACES else match["escaped"].replace("-", "")
    return _LIGATURES.get(found, "")


def _word(found: str) -> str:
    name = found[1:].rstrip("{} \t\r\n*")
    if name in _TYPE:
        return ""
    # What is not known by name is written out, as the logos are: \LaTeX.
    return _spelt(f"\\{name}{{}}") or name


@lru_cache(maxsize=4096)
def _spelt(tex: str) -> str:
    text = str(LatexNodes2Text(math_mode="verbatim").latex_to_text(tex))
    return unicodedata.normalize("NFC", text).strip()
