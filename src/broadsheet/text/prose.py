r"""Titles and abstracts where only characters can stand: mails, and whatever else shows no MathML.

Formulas become what one would type instead (`$256^2$` is 256², `\mathcal{O}(n^{1+o(1)})` is
𝒪(n^(1+o(1)))), links the words or the address they show. Symbols come from pylatexenc's tables.
"""

from __future__ import annotations

import logging
import re
from functools import lru_cache

from pylatexenc.latex2text import LatexNodes2Text

from broadsheet.text.normalise import plain
from broadsheet.text.segments import segments
from broadsheet.text.sentences import spans

# pylatexenc calls itself for each brace: deeper ones stay as they were written.
_DEEPEST = 12
_RAISED = str.maketrans("0123456789+-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻")
_LOWERED = str.maketrans("0123456789+-", "₀₁₂₃₄₅₆₇₈₉₊₋")
_SCRIPT = re.compile(r"(?P<sign>[\^_])\s?(?:\{(?P<group>[^{}]{1,60})\}|(?P<one>[^\s{}\\]))")
_NUMBERS = re.compile(r"[0-9+\-]{1,12}\Z")
_FENCE = re.compile(r"\\(?:left|right|big|Big|bigg|Bigg)[lrm]?(?![A-Za-z])\.?")
_NORM = re.compile(r"\\(?:\||[lr]Vert(?![A-Za-z]))")
_FUNCTION = re.compile(r"\s?\\(log|ln|exp|sin|cos|tan|min|max|arg|inf|sup|lim|det)(?![A-Za-z])\s?")

# It tells on standard error of a command that lacks what should follow it.
logging.getLogger("pylatexenc").setLevel(logging.CRITICAL)


@lru_cache(maxsize=8192)
def prose(text: str) -> str:
    """`text` on one line as plain characters. Never fails."""
    return plain("".join(_piece(piece.kind, piece.value, piece.label) for piece in segments(text)))


@lru_cache(maxsize=8192)
def first_lines(text: str, length: int) -> str:
    """The first sentences of a text as prose, at most so many characters; where not even one fits,
    its beginning up to a word, with an ellipsis.
    """
    said = prose(text)
    if len(said) <= length:
        return said
    fitting = [end for _, end in spans(said) if end <= length]
    # A first sentence of a few words says less than the beginning of a second one.
    if fitting and fitting[-1] >= length // 2:
        return said[: fitting[-1]]
    cut = said.rfind(" ", 0, length)
    return said[: cut if cut > 0 else length - 1].rstrip(" ,;:–—-") + "…"


def _piece(kind: str, value: str, label: str) -> str:
    if kind == "math":
        return _formula(value)
    if kind == "link":
        return label or value.removeprefix("https://").removeprefix("http://").rstrip("/")
    return value


def _formula(tex: str) -> str:
    if _depth(tex) > _DEEPEST:
        return tex
    tex = _NORM.sub("‖", _FENCE.sub("", tex))
    for _ in range(2):  # a script within a script
        tex = _SCRIPT.sub(_script, tex)
    tex = _FUNCTION.sub(r"\\ \1\\ ", tex)
    try:
        read = str(LatexNodes2Text(math_mode="text").latex_to_text(tex))
    except (RecursionError, ValueError, IndexError, AttributeError):  # it is a reader of documents
        return tex
    return re.sub(r"\(\s+", "(", " ".join(read.split())) or tex


def _script(match: re.Match[str]) -> str:
    sign, inner = match["sign"], match["group"] or match["one"]
    if sign == "^" and inner == "n":
        return "ⁿ"
    if _NUMBERS.match(inner):
        return inner.translate(_RAISED if sign == "^" else _LOWERED)
    return f"{sign}({inner})" if len(inner) > 1 and not inner.isalnum() else f"{sign}{inner}"


def _depth(tex: str) -> int:
    deepest = depth = 0
    for char in tex:
        depth += (char in "{[") - (char in "}]")
        deepest = max(deepest, depth)
    return deepest
