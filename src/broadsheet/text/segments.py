r"""A title or an abstract cut into text, mathematics and links.

Links are found first (addresses are full of ``_`` and ``~``), mathematics in what they leave, and
the rest is text. In the text, leftovers of TeX become what they stood for. That is done by edits
to the whole text, not piece by piece, because ``\textbf{see $x$}`` spans three segments.
"""

import re
import sys
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from broadsheet.text.links import Link, find_links, is_address, may_hold_links
from broadsheet.text.maths import (
    HOLE,
    Formula,
    blank,
    find_formulas,
    matching,
    may_hold_formulas,
    names,
)

_NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
_EN_DASH = "\N{EN DASH}"
_THIN_SPACE = "\N{THIN SPACE}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a text; the ``source`` of all parts together is the text.

    ``value`` is readable text, TeX ready for ``to_mathml``, or an absolute http(s) URL. ``label``
    holds the words that the author put on a link, if any; empty, the address itself is shown.
    """

    kind: Literal["text", "math", "link"]
    source: str
    value: str
    label: str = ""


def segments(text: str) -> tuple[Segment, ...]:
    """Cut untrusted ``text`` into segments; ``"".join(s.source for s in …) == text``.

    Never fails and loses nothing: what is not understood is text. Adjacent text is one segment,
    and the empty text has none. A brace that means nothing is text whose value is empty.
    """
    if not text:
        return ()
    if not (_may_hold_tex(text) or may_hold_formulas(text) or may_hold_links(text)):
        return (Segment("text", text, text),)
    return tuple(_cut(text))


def _may_hold_tex(text: str) -> bool:
    return any(mark in text for mark in _MARKS)


def _cut(text: str) -> Iterator[Segment]:
    parts = _parts(text)
    spans = [(part.start, part.end) for part in parts]
    edits = [*(_edits(blank(text, spans)) if _may_hold_tex(text) else ()), *_plain_edits(parts)]
    edits.sort(key=lambda edit: edit.start)
    done = used = 0
    for part in parts:
        if isinstance(part, Formula) and part.plain:
            continue
        if part.start > done:
            value, used = _edited(text, done, part.start, edits, used)
            yield Segment("text", text[done : part.start], value)
        yield _segment(text, part)
        done = part.end
    if done < len(text):
        yield Segment("text", text[done:], _edited(text, done, len(text), edits, used)[0])


def _parts(text: str) -> list[Link | Formula]:
    links = find_links(text)
    formulas = find_formulas(blank(text, ((link.start, link.end) for link in links)))
    return sorted([*links, *formulas], key=lambda part: part.start)


def _segment(text: str, part: Link | Formula) -> Segment:
    source = text[part.start : part.end]
    if isinstance(part, Formula):
        return Segment("math", source, part.tex)
    label = "" if is_address(part.shown) else readable(part.shown)
    return Segment("link", source, part.url, label)


def readable(text: str) -> str:
    r"""``text`` with TeX leftovers replaced by what they stood for (``Fr\'echet``, ``{\em x}``).

    Source: the accents and symbols of LaTeX2e, and the macros that abstracts really contain.
    Formulas and links are not looked for. Never fails.
    """
    return _edited(text, 0, len(text), sorted(_edits(text), key=lambda edit: edit.start), 0)[0]


# --- edits --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Edit:
    """Replace ``text[start:end]`` by ``new``."""

    start: int
    end: int
    new: str


def _edited(text: str, start: int, end: int, edits: list[_Edit], used: int) -> tuple[str, int]:
    """``text[start:end]`` after ``edits[used:]``, and how many edits that has used up."""
    parts: list[str] = []
    while used < len(edits) and edits[used].start < end:
        edit = edits[used]
        used += 1
        if edit.start >= start:
            parts += (text[start : edit.start], edit.new)
            start = edit.end
    parts.append(text[start:end])
    return "".join(parts), used


def _plain_edits(parts: list[Link | Formula]) -> Iterator[_Edit]:
    """Words and numbers in math mode: text without their dollars."""
    for part in parts:
        if isinstance(part, Formula) and part.plain:
            yield _Edit(part.start, part.end, readable(part.tex))


# A text without any of these has no leftover of TeX.
_MARKS = ("\\", "{", "}", "~", "``", "''", "--")
_TOKEN = re.compile(
    r"""
      \\(?P<accent>['`^"~=.](?=\s?\{?\\?[A-Za-z])|[Hcvukrdb](?=\{\\?[A-Za-z]\}))
        \s?(?:\{\\?(?P<a>[A-Za-z])\}|\\?(?P<b>[A-Za-z]))
    | \\unicode\{x(?P<unicode>[0-9A-Fa-f]{1,5})\}
    | \\(?P<name>[A-Za-z]+)\*?
    | \\(?P<symbol>.)
    | \b(?P<bare>text(?:bf|it|tt|sc|rm|sf)|emph|underline)(?=\{)
    | \{(?P<font>bf|em|it|tt|sc|sf|sl|rm)\s+
    | (?P<open>\{)
    | (?P<close>\})
    | (?P<dash>-{2,3}(?!-))(?<!-{4})
    | (?P<quote>``|'')
    | (?P<tilde>~)
    """,
    re.VERBOSE | re.DOTALL,
)

_COMBINING = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304",
    ".": "\u0307", "H": "\u030b", "c": "\u0327", "v": "\u030c", "u": "\u0306", "k": "\u0328",
    "r": "\u030a", "d": "\u0323", "b": "\u0331",
}  # fmt: skip

_SYMBOLS = {
    " ": " ", ",": _THIN_SPACE, ";": _THIN_SPACE, ":": _THIN_SPACE, "!": "", "/": "", "-": "",
    "@": "", "\\": " ",
}  # fmt: skip

_LETTERS = {
    "AA": "Å", "aa": "å", "O": "Ø", "o": "ø", "AE": "Æ", "ae": "æ", "OE": "Œ", "oe": "œ",
    "ss": "ß", "L": "Ł", "l": "ł", "i": "i", "j": "j",
}  # fmt: skip

_WORDS = {
    "eg": "e.g.", "ie": "i.e.", "etc": "etc.", "etal": "et al.", "vs": "vs.", "cf": "cf.",
    "wrt": "w.r.t.", "iid": "i.i.d.", "aka": "a.k.a.", "LaTeX": "LaTeX", "TeX": "TeX",
    "textgreater": ">", "textless": "<", "textdegree": "°", "degree": "°", "deg": "°",
    "textasciitilde": "~", "textbackslash": "\\", "textunderscore": "_", "textmu": "µ",
    "textendash": _EN_DASH, "textemdash": "—", "textellipsis": "…", "ldots": "…", "dots": "…",
    "copyright": "©", "textregistered": "®", "circledR": "®", "texttrademark": "™", "S": "§",
    "dag": "†", "ddag": "‡", "pounds": "£", "euro": "€", "quad": " ", "qquad": " ", "par": " ",
    "newline": " ", "xspace": "", "noindent": "", "item": "•", "centering": "",
}  # fmt: skip

# Commands that change the type of what follows; TeX eats the space after them.
_SWITCHES = names(
    "em bf it tt sc sf sl rm bfseries itshape ttfamily scshape small large Large footnotesize b "
    "normalfont boldmath protect"
)
# Commands whose (first) argument is no text: colours, keys of citations, environments.
_DROPPED_ARGUMENT = names(
    "color textcolor colorbox cite citep citet citealp ref eqref cref autoref label begin end "
    "vspace hspace"
)
_FOOTNOTES = frozenset({"footnote", "thanks", "footnotetext"})
_RAISED = {"textsuperscript": "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "textsubscript": "₀₁₂₃₄₅₆₇₈₉₊₋"}
_QUANTITY = re.compile(r"(?:^|[\s(])[\d.,]+[A-Za-z%]{0,2}$")
_MAX_RAISED = 12
_MAX_DROPPED = 200
_OPTION = re.compile(r"\[[^\[\]{}]{0,60}\]")


def _edits(text: str) -> Iterator[_Edit]:
    """The edits that make ``text`` readable; disjoint, in no particular order."""
    return _Editor(text).edits()


class _Editor:
    """Walks the leftovers of one text; knows which braces belong together."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.braces: Mapping[int, int] = matching(text)
        self.closed = frozenset(self.braces.values())
        self.silent: set[int] = set()
        """Closing braces whose opening one has been edited away."""
        self.closing_text: dict[int, str] = {}
        """What a silent closing brace becomes, where that is not nothing."""

    def edits(self) -> Iterator[_Edit]:
        position = 0
        while match := _TOKEN.search(self.text, position):
            edit = self.edit(match)
            if edit is not None and HOLE not in self.text[edit.start : edit.end]:
                yield edit
            position = max(match.end(), edit.end if edit else 0)

    def edit(self, match: re.Match[str]) -> _Edit | None:
        kind = match.lastgroup or ""
        start, end = match.span()
        if kind == "unicode":
            return _Edit(start, end, _character(int(match["unicode"], 16)))
        if kind == "bare":
            return self.unwrapped(start, end)
        if kind in ("dash", "quote"):
            return _Edit(start, end, self.ligature(match))
        handlers: dict[str, Callable[[re.Match[str]], _Edit | None]] = {
            "a": self.accent,
            "b": self.accent,
            "name": self.named,
            "symbol": self.symbol,
            "tilde": self.tie,
        }
        return handlers.get(kind, self.brace)(match)

    # accents, symbols, ligatures

    def accent(self, match: re.Match[str]) -> _Edit | None:
        mark, letter = match["accent"], match["a"] or match["b"]
        before = self.text[match.start() - 1 : match.start()]
        after = self.text[match.end() : match.end() + 1]
        if mark == "'" and letter in "st" and before.isalnum() and not after.isalpha():
            return _Edit(match.start(), match.start() + 2, "'")  # "GPT-4o\'s": an apostrophe
        return _Edit(*match.span(), unicodedata.normalize("NFC", letter + _COMBINING[mark]))

    def symbol(self, match: re.Match[str]) -> _Edit | None:
        char = match["symbol"]
        if char.isdigit():  # "\$0.1" that has lost its dollar
            return _Edit(match.start(), match.end(), "$" + char)
        if char.isspace():
            char = " "
        return _Edit(*match.span(), _SYMBOLS.get(char, char))

    def ligature(self, match: re.Match[str]) -> str:
        if match["dash"]:
            return _EN_DASH if match[0] == "--" else "—"
        before = self.text[match.start() - 1 : match.start()] if match.start() else " "
        opens = match[0] == "``" or before.isspace() or before in "([{"
        return "“" if opens else "”"

    def tie(self, match: re.Match[str]) -> _Edit | None:
        """``Fig.~3`` is tied; ``~3x`` and ``/~user`` mean what they say."""
        start = match.start()
        before = self.text[start - 1 : start]
        after = self.text[start + 1 : start + 2]
        if not after or after.isspace() or not before:
            return None
        if before.isspace():
            return _Edit(start, start + 1, "") if not (after.isdigit() or after in ".$") else None
        if after == "\\" and self.text.startswith("cite", start + 2):
            return _Edit(start, start + 1, "")
        number_range = after.isdigit() and _QUANTITY.search(self.text[max(0, start - 8) : start])
        if number_range or not (before.isalnum() or before in ".,;:)}'\"%"):
            return None
        return _Edit(start, start + 1, _NO_BREAK_SPACE)

    # commands

    def named(self, match: re.Match[str]) -> _Edit:
        name, start, end = match["name"], match.start(), match.end()
        if name in _DROPPED_ARGUMENT:
            return _Edit(self.before_citation(start, name), self.after_arguments(name, end), "")
        if name in _RAISED:
            return self.raised(name, start, end)
        if name in _LETTERS:
            return self.letter(name, start, end)
        if name in _SWITCHES:
            return self.unwrapped(start, end + (self.text[end : end + 1] == " "))
        return self.unwrapped(start, end, self.word(name, end))

    def word(self, name: str, end: int) -> str:
        r"""What ``\name`` reads as; a macro that nobody knows is its name or its argument."""
        if name in _FOOTNOTES and end in self.braces:
            self.closing_text[self.braces[end]] = ")"
            return " ("
        if name in _WORDS:
            word = _WORDS[name]
            stop = word.endswith(".") and self.text[end : end + 1] == "."
            return word[:-1] if stop else word
        empty = self.braces.get(end) == end + 1
        return "" if end in self.braces and not empty else name

    def letter(self, name: str, start: int, end: int) -> _Edit:
        r"""``Bj\o rn``: the space only ends the name of the command."""
        eats = self.text[end : end + 1] == " " and self.text[end + 1 : end + 2].isalpha()
        inside = start > 0 and self.text[start - 1].isalpha()
        return self.unwrapped(start, end + (eats and inside), _LETTERS[name])

    def unwrapped(self, start: int, end: int, new: str = "") -> _Edit:
        """Replace a command by ``new``, and take the braces off its argument."""
        closing = self.braces.get(end)
        if closing is None:
            return _Edit(start, end, new)
        self.silent.add(closing)
        return _Edit(start, end + 1, new)

    def raised(self, name: str, start: int, end: int) -> _Edit:
        closing = self.braces.get(end, -1)
        digits = str.maketrans("0123456789+-", _RAISED[name])
        content = self.text[end + 1 : closing] if 0 < closing - end < _MAX_RAISED else ""
        if re.fullmatch(r"[0-9+\-]+", content):
            return _Edit(start, closing + 1, content.translate(digits))
        return self.unwrapped(start, end)

    def after_arguments(self, name: str, end: int) -> int:
        """Where the dropped arguments of ``name`` end; the text argument after them stays."""
        while option := _OPTION.match(self.text, end):
            end = option.end()
        closing = self.braces.get(end, -1)
        if closing < 0 or closing - end > _MAX_DROPPED:
            return end
        end = closing + 1
        if name in ("textcolor", "colorbox") and end in self.braces:
            self.silent.add(self.braces[end])
            end += 1
        return end

    def before_citation(self, start: int, name: str) -> int:
        joined = name.startswith("cite") and self.text[start - 1 : start] == " "
        return start - 1 if joined and start else start

    # braces

    def brace(self, match: re.Match[str]) -> _Edit | None:
        start, end = match.span()
        if match["close"]:
            if start in self.silent or start not in self.closed:
                return _Edit(start, end, self.closing_text.get(start, ""))
            return None
        if match["font"] and start in self.braces:
            return self.group(start, end)
        invisible = self.text[end : end + 1] in ("\\", "}") and start in self.braces
        return self.group(start, start + 1) if invisible else None

    def group(self, start: int, end: int) -> _Edit:
        """A brace that only limited the reach of a command."""
        self.silent.add(self.braces[start])
        return _Edit(start, end, "")


def _character(code: int) -> str:
    char = chr(min(code, sys.maxunicode))
    return "" if unicodedata.category(char)[0] == "C" else char
