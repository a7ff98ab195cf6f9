r"""Mathematics in plain text: where it stands, and the TeX that it was.

Two kinds of source come in. Some abstracts keep their TeX (``$x^2$``, ``\(…\)``). Others went
through a conversion that dropped dollars and backslashes and left ``mathcal{O}(n^{1+o(1)})`` or
``n times d`` in the middle of a sentence. The first kind is found by its delimiters; the second by
a small recursive-descent reader that accepts only what no English sentence contains.

Grammar of undelimited mathematics (``glue`` and ``mark`` are spelled out in ``_Reader``)::

    run     = factor { glue factor }          kept only if some factor or glue carries a mark
    factor  = nucleus { script } [ call { script } ]
    nucleus = number | letter | TeX name | name before a script | "{approx}" | "{bf 1}" | "(…)"
    script  = ("^" | "_") ( "{" free "}" | TeX name | letter | digits | "*" | "+" | "-" )
    call    = "(" free ")"                    only symbols, single letters and TeX names inside

Every step is bounded (``MAX_FORMULA`` characters, ``MAX_DEPTH`` levels), and brackets are matched
once for the whole text, so that the time is linear in the length of hostile input too.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

MAX_FORMULA = 400
"""Longest formula looked for, in characters; longer ones are prose between two stray dollars."""

MAX_DEPTH = 12
"""Deepest nesting of brackets inside one formula."""

HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands in for every character that an earlier pass has already claimed."""


def names(words: str) -> frozenset[str]:
    """The set of the words in ``words``; keeps long tables of names readable."""
    return frozenset(words.split())


GREEK = names(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
    "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega "
    "varepsilon vartheta varpi varrho varsigma varphi"
)

RELATIONS = names(
    "le leq leqslant ge geq geqslant ne neq equiv approx sim simeq cong propto ll gg in notin ni "
    "subset subseteq supset supseteq to rightarrow leftarrow Rightarrow Leftarrow mapsto mid "
    "leftrightarrow Leftrightarrow longrightarrow parallel perp prec succ lesssim gtrsim models"
)

OPERATIONS = names(
    "times cdot circ pm mp div ast star oplus otimes odot wedge vee cup cap setminus land lor"
)

SYMBOLS = names(
    "infty forall exists nabla partial ell hbar aleph emptyset varnothing top bot prime dagger "
    "dots ldots cdots langle rangle lceil rceil lfloor rfloor sum prod int bullet neg uparrow "
    "downarrow lVert rVert"
)

FUNCTIONS = names(
    "log ln exp sin cos tan cot tanh sinh cosh arg max min sup inf lim det dim gcd ker Pr deg"
)

# TeX has no command for these; authors write \operatorname or \mathrm around them.
PLAIN_FUNCTIONS = names(
    "diag softmax sigmoid relu argmax argmin poly polylog rank tr Tr trace sign sgn span vec KL Var"
)

# The commands with one argument whose name alone, directly before a brace, proves mathematics.
ARGUMENT_COMMANDS = names(
    "mathcal mathbb mathbf mathrm mathfrak mathsf mathit mathtt mathscr boldsymbol bm operatorname "
    "hat bar tilde vec dot ddot widehat widetilde overline sqrt frac dfrac tfrac"
)

_TWO_ARGUMENTS = names("frac dfrac tfrac")

KNOWN = GREEK | RELATIONS | OPERATIONS | SYMBOLS | FUNCTIONS

# Not English, not a usual name: these read as mathematics wherever they stand alone.
_LONE = names(
    "varphi varepsilon vartheta infty forall leq geq neq approx cdot propto nabla rightarrow "
    "leftarrow Rightarrow subseteq otimes oplus uparrow downarrow"
)

# Known names that are English words or abbreviations too: inside dollars that have lost their
# backslashes these stay as they are ("top" in "$top$-k accuracy").
_AMBIGUOUS = names(
    "top bot in to ni mid perp star deg dim arg inf sup prime div int models prec ne le ge"
)

# Only these are looked for after a letter that has run into them ("mtimes n").
_INFIX = names("times cdot circ otimes oplus")

# Fonts of text; inside a formula they all mean "upright words".
_TEXT_FONTS = names("text textbf textit textrm texttt textsf textsc")

_FONT_SWITCHES = {
    "bf": "mathbf",
    "rm": "mathrm",
    "cal": "mathcal",
    "it": "mathit",
    "tt": "mathtt",
    "sf": "mathsf",
}

_HOURS = 12  # "5 pm" is a time
_LONGEST_INITIALS = 3
_SIGNS = "*+-†\N{ASTERISK OPERATOR}\N{PRIME}"
_ENGLISH_LETTERS = frozenset("aAI")
_GREEK_LETTERS = "\u0391-\u03a9\u03b1-\u03c9\u03d5\u03f5"
_OPERATOR_CHARS = frozenset("+-*/=<>|,;:.!'[]()≤≥≠≈±·∈→∞\N{MULTIPLICATION SIGN}")


@dataclass(frozen=True, slots=True)
class Formula:
    r"""One piece of mathematics at ``text[start:end]``.

    ``tex`` is ready to convert, with backslashes restored. ``plain`` marks words or bare numbers
    that their author had put in math mode (``$\textbf{Name}$``, ``$17$``): better shown as text.
    """

    start: int
    end: int
    tex: str
    plain: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """Something the reader accepted: where it ends, its TeX, and whether it carries a mark."""

    end: int
    tex: str
    marked: bool = False


def find_formulas(text: str) -> tuple[Formula, ...]:
    """Find the mathematics of ``text``, in order and without overlap.

    Source: the delimiters of LaTeX2e, and the grammar in the head of this module for text that has
    lost them. Never fails; text in doubt stays text.
    """
    delimited = list(_delimited(text)) if "$" in text or "\\" in text else []
    rest = blank(text, ((formula.start, formula.end) for formula in delimited))
    bare = list(_bare(rest)) if may_hold_formulas(rest) else []
    if bare:
        rest = blank(rest, ((formula.start, formula.end) for formula in bare))
        bare.extend(_mentions(rest, bare))
    return tuple(sorted(delimited + bare, key=lambda formula: formula.start))


def may_hold_formulas(text: str) -> bool:
    """Whether ``find_formulas`` can find anything at all; a few substring searches, so very fast.

    ``;``, ``|`` and "times" are left to a pattern, because sentences have them too.
    """
    if any(hint in text for hint in _HINTS) or _CALL_HINT.search(text):
        return True
    return "times" in text and bool(_TIMES_HINT.search(text))


def blank(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """Overwrite ``spans`` (ascending, disjoint) with ``HOLE``; every index keeps its meaning."""
    parts: list[str] = []
    done = 0
    for start, end in sorted(spans):
        parts += (text[done:start], HOLE * (end - start))
        done = end
    parts.append(text[done:])
    return "".join(parts)


def matching(text: str, opening: str = "{", closing: str = "}") -> dict[int, int]:
    """Map the index of every matched opening bracket to that of its closing one, in linear time.

    An escaped bracket (odd number of backslashes before it) is a character, not a bracket.
    """
    pairs: dict[int, int] = {}
    if opening not in text or closing not in text:
        return pairs
    stack: list[int] = []
    for match in re.finditer(rf"\\.|[{re.escape(opening + closing)}]", text, re.DOTALL):
        if match[0] == opening:
            stack.append(match.start())
        elif match[0] == closing and stack:
            pairs[stack.pop()] = match.start()
    return pairs


# --- delimited mathematics ----------------------------------------------------------------------

_OPENING = re.compile(r"\\[(\[]|\\.|\$\$?", re.DOTALL)
_CLOSERS = {"\\(": "\\)", "\\[": "\\]", "$$": "$$"}
_TEXT_COMMAND = re.compile(r"\\?(?:text[a-z]*|emph|mathrm|mbox|operatorname)\s*\{[^{}$]*\}")
_PROSE_WORD = re.compile(r"(?<![\\A-Za-z{_^])[A-Za-z]{2,}(?=[\s,.;:)]|$)")
_PROSE_WORDS = 3
_FORMULA_SIGN = re.compile(r"[\\^_=<>+]")
_BRACES = re.compile(r"(?<!\\)[{}]")
_BARE_ORDINAL = re.compile(r"\^\{(th|st|nd|rd)\}")
_PLAIN = re.compile(
    r"[+\-]?\d[\d.,]*(?:\\?%|[KMBkx+])?"
    r"|\\?(?:text(?:bf|it|tt|sc|rm|sf|normal)?|emph|mathbf|mathtt|mathrm)\{[^{}\\$^_]*\}"
    r"|\\unicode\{x[0-9A-Fa-f]{1,5}\}"
)
_PLAIN_WORD = re.compile(r"[A-Za-z][a-z]{3,}")
_NAME = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")


def _delimited(text: str) -> Iterator[Formula]:
    position = 0
    while match := _OPENING.search(text, position):
        opening, body = match[0], match.end()
        position = body
        if opening == "$":
            end, close = _closing_dollar(text, body)
        elif opening in _CLOSERS:
            close = _CLOSERS[opening]
            end = text.find(close, body, body + MAX_FORMULA)
        else:
            continue
        if end > body and _is_formula(text[body:end]):
            position = end + len(close)
            yield _formula(match.start(), position, text[body:end].strip())


def _closing_dollar(text: str, body: int) -> tuple[int, str]:
    """Where the ``$`` that closes at ``body`` stands, or -1.

    The rule that keeps prices apart is Pandoc's: no digit after the closing dollar, and no space
    on one side of the formula without a space on the other.
    """
    end = text.find("$", body, body + MAX_FORMULA)
    while end > body and text[end - 1] == "\\":
        end = text.find("$", end + 1, body + MAX_FORMULA)
    if end <= body or text[body].isspace() != text[end - 1].isspace():
        return -1, "$"
    command = text[body] == "\\"  # "$\\times$512" is no price
    if text[end + 1 : end + 2].isdigit() and not command:
        return -1, "$"
    return end, "$"


def _is_formula(body: str) -> bool:
    if not body.strip() or HOLE in body or "\n\n" in body or _is_price(body):
        return False
    if len(_BRACES.findall(body)) != 2 * len(matching(body)):
        return False
    return len(_PROSE_WORD.findall(_TEXT_COMMAND.sub("", body))) < _PROSE_WORDS


def _is_price(body: str) -> bool:
    """As in "$7; at 4$": begins with a number, and has a word but nothing of a formula."""
    if not body[0].isdigit() or _FORMULA_SIGN.search(body):
        return False
    return any(word not in KNOWN for word in _PROSE_WORD.findall(body))


def _formula(start: int, end: int, body: str) -> Formula:
    if _PLAIN.fullmatch(body) or (_PLAIN_WORD.fullmatch(body) and body not in KNOWN):
        return Formula(start, end, body, plain=True)
    if "\\" not in body:
        body = _NAME.sub(_restored, body)
    body = _BARE_ORDINAL.sub(r"^{\\mathrm{\1}}", re.sub(r"\s+", " ", body))
    return Formula(start, end, "{}" + body if body[0] in "^_" else body)


def _restored(match: re.Match[str]) -> str:
    word = match[0]
    followed = match.string[match.end() : match.end() + 1]
    takes = word in ARGUMENT_COMMANDS or word.startswith("text")
    if (takes and followed == "{") or (word in KNOWN and word not in _AMBIGUOUS):
        return f"\\{word} " if followed.isalpha() else f"\\{word}"
    return word


# --- undelimited mathematics --------------------------------------------------------------------

# A text without any of these has no mathematics; substring search is the fastest test there is.
_HINTS = (
    *("^", "_", "\\", "{", "$", " pm ", " gg ", " ll ", "bullet ", "(log ", "log(", "(pi", "cdot"),
    *("forall", "varphi", "varepsilon", "vartheta", " leq", " geq", " neq ", " approx ", "infty"),
    *("propto", "nabla", "arrow", "(poly", "subseteq", "otimes", "oplus", " sim "),
)
_CALL_HINT = re.compile(r"\([A-Za-z][;|]")
_TIMES_HINT = re.compile(r"(?:\d ?|\b[A-Za-z] )times\b")

# Where a run may begin: a lone letter, a word or number directly before a script or a call, a name
# that is never English, a command, a brace, a bracket with a script after it.
_START = re.compile(
    rf"""(?<![\w\\/@^{HOLE}])(?:
        [A-Za-z](?![A-Za-z0-9])
      | [A-Za-z][A-Za-z0-9]*(?=[\^_({{\[])
      | [A-Za-z](?=left\s?[(\[])
      | (?<!\d[.,])\d+(?:[.,]\d+)*(?=\s?(?:times|pm)\b|[\^x{{\\])
      | (?:{"|".join(sorted(_LONE))}|pm|sim|bullet)\b
      | [{_GREEK_LETTERS}](?!\w(?<!_))
      | \((?=[^()]{{1,80}}\)[\^_])
    ) | \{{ | \\(?=[A-Za-z])""",
    re.VERBOSE,
)

_GREEK_LETTER = re.compile(f"[{_GREEK_LETTERS}]")
_DIGITS = re.compile(r"\d+")
_ALNUM = re.compile(r"[A-Za-z0-9]*")
_IDENTIFIER_END = re.compile(r"[A-Za-z0-9_]+$")
_IDENTIFIER = 24  # how far back an identifier is followed; longer ones are no variables anyway
_WORD = re.compile(r"[A-Za-z]+")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_SPACES = re.compile(r"\s+")
_SCRIPTED_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?=\^|_\{)")
# "I^2CL", "X^2-Gaussian", "V^2L": the letter is part of a name, so it is set upright.
_NAME_LETTER = re.compile(
    r"[A-Za-z]\^\{?\d\}?(?:(?<=[A-Z]..)[A-Z](?![a-z]?[\^_(])|[A-Z]?[A-Za-z]{2}|-[A-Z][a-z])"
)
_TAIL = re.compile(r"[A-Za-z][A-Za-z0-9]*(?![\^_({A-Za-z0-9])")
_BRACED_SYMBOL = re.compile(r"\{\s*\\?([A-Za-z]+)\s*\}")
_FONT_GROUP = re.compile(rf"\{{\\?({'|'.join(_FONT_SWITCHES)})\s+([A-Za-z0-9]+)\}}(?=[_^])")
_TIMES = re.compile(r"times(?![A-Za-z])")
_POWER_OF_TEN = re.compile("(\\d+(?:\\.\\d+)?)[x\N{MULTIPLICATION SIGN}](?=10\\^)")
_SIGNED_POWER = re.compile(r"\([+-]\d+\)|[+-]\d+")
_PAREN = re.compile(r"(?:\\?left)?\s?[(\[]")
_ORDINAL = re.compile(r"(?:th|st|nd|rd)(?![A-Za-z])")
_GLUE = re.compile(
    r"(\s?)(?:(--+)|([=<>≤≥+\-*/,|:]|\\?(?:"
    + "|".join(sorted(RELATIONS | OPERATIONS))
    + r")(?![A-Za-z]))?)(\s?)-?"
)


def _bare(text: str) -> Iterator[Formula]:
    reader = _Reader(text)
    position = 0
    while match := _START.search(text, position):
        piece = reader.run(match.start())
        if piece is None:
            position = match.end()
            continue
        if piece.marked:
            yield Formula(match.start(), piece.end, piece.tex)
        position = max(piece.end, match.end())


def _mentions(text: str, formulas: Iterable[Formula]) -> Iterator[Formula]:
    """Greek names standing alone, where the same text uses them in a formula.

    "beta distribution" is English until the text also says ``C_beta``.
    """
    used = {name for f in formulas for name in re.findall(r"\\([A-Za-z]+)", f.tex)} & GREEK
    if used:
        pattern = rf"(?<![\w\\-])(?:{'|'.join(sorted(used))})(?![\w-]|\s\d)"
        for match in re.finditer(pattern, text):
            yield Formula(match.start(), match.end(), "\\" + match[0])


def _join(left: str, right: str) -> str:
    r"""Concatenate TeX; ``\times`` and ``d`` need a space between them."""
    apart = re.search(r"\\[A-Za-z]+$", left) and right[:1].isalpha()
    return f"{left} {right}" if apart else left + right


class _Reader:
    """Recursive-descent reader of undelimited mathematics over one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.braces = matching(text)
        self.parens: Mapping[int, int] = matching(text, "(", ")") | matching(text, "[", "]")

    def at(self, position: int, length: int = 1) -> str:
        return self.text[position : position + length]

    # run: factors and what holds them together

    def run(self, start: int) -> _Piece | None:
        """The longest run from ``start``, marked or not, or None if no factor begins there."""
        piece = self.factor(start)
        while piece is not None and piece.end - start < MAX_FORMULA:
            longer = self.extended(piece)
            if longer is None:
                break
            piece = longer
        return piece

    def extended(self, left: _Piece) -> _Piece | None:
        glue = _GLUE.match(self.text, left.end)
        if glue is None or glue[2]:
            return None
        minus = glue[0].endswith("-") and glue[3] != "-"
        if minus and not glue[3]:
            return None
        right = self.factor(glue.end())
        if right is None or not self.holds(left, glue, right):
            return None
        operator = (glue[3] or "").lstrip("\\")
        spelled = f"\\{operator}" if operator.isalpha() else operator
        tex = _join(_join(left.tex, spelled), ("-" if minus else "") + right.tex)
        if not spelled and glue[1]:
            tex = f"{left.tex} {right.tex}"
        return _Piece(right.end, tex, left.marked or right.marked or operator.isalpha())

    def holds(self, left: _Piece, glue: re.Match[str], right: _Piece) -> bool:
        """Whether ``glue`` binds the two factors, or only stands between them in a sentence."""
        operator, spaced = (glue[3] or "").lstrip("\\"), bool(glue[1] or glue[4])
        if not right.marked and self.is_english(right):
            return False
        if operator.isalpha():
            return self.word_holds(operator, left, right, spaced or glue[3].startswith("\\"))
        if operator == "":
            return self.juxtaposed(left, right, spaced)
        if operator in ",|:":
            dotted = any(piece.tex.endswith("dots") for piece in (left, right))
            return dotted or (not spaced and left.marked and right.marked)
        if operator in "-/":
            return right.marked or (left.marked and not spaced and self.is_simple(right))
        return operator in "=<>≤≥" or not spaced or left.marked or right.marked

    def word_holds(self, operator: str, left: _Piece, right: _Piece, spaced: bool) -> bool:
        if not spaced or (left.tex in _ENGLISH_LETTERS and not right.tex.isalpha()):
            return False
        if operator in {"in", "to", "mid"}:
            return right.marked and right.tex.startswith(("\\mathbb", "\\mathcal", "R^", "\\{"))
        if operator == "pm":
            clock = left.tex.isdigit() and int(left.tex[-3:]) <= _HOURS and "." not in right.tex
            return left.tex[-1].isdigit() and not clock
        return True

    def juxtaposed(self, left: _Piece, right: _Piece, spaced: bool) -> bool:
        if not spaced:
            return right.marked or (left.marked and self.is_simple(right))
        if left.marked and (right.marked or (left.tex.endswith("\\times") and right.tex.isdigit())):
            return True
        return left.marked and left.tex[-1:] in ")}" and len(right.tex) == 1 and right.tex.isalpha()

    def is_english(self, piece: _Piece) -> bool:
        """A lone "a" or "I" before a word, or a letter that begins an ordinary hyphenation."""
        if len(piece.tex) != 1 or not piece.tex.isalpha():
            return False
        after = self.at(piece.end, 2)
        return (piece.tex in _ENGLISH_LETTERS and after[:1] in " \n") or (
            after[:1] == "-" and after[1:].isalpha()
        )

    def is_simple(self, piece: _Piece) -> bool:
        return (len(piece.tex) == 1 or piece.tex.isdigit()) and not self.at(piece.end).isalnum()

    # factor: a nucleus, its scripts, its arguments

    def factor(self, start: int) -> _Piece | None:
        nucleus = self.nucleus(start)
        if nucleus is None:
            return None
        piece = self.called(self.scripted(nucleus))
        return self.tailed(self.scripted(piece)) if piece.marked else piece

    def scripted(self, base: _Piece) -> _Piece:
        for _ in range(2):
            script = self.script(base.end)
            if script is None:
                break
            base = _Piece(script.end, base.tex + script.tex, marked=True)
        return base

    def called(self, head: _Piece) -> _Piece:
        paren = _PAREN.match(self.text, head.end)
        if paren is None or not self.is_callable(head) or (paren[0][0].isspace()):
            return head
        opening = paren.end() - 1
        closing = self.parens.get(opening, -1)
        inner = self.free(opening + 1, closing, 1, lenient=False)
        if inner is None:
            return head
        brackets = self.text[opening] + inner.tex + self.text[closing]
        return _Piece(closing + 1, head.tex + brackets, head.marked or inner.marked)

    @staticmethod
    def is_callable(head: _Piece) -> bool:
        return head.marked or len(head.tex) == 1 or head.tex.startswith(("\\", "P"))

    def tailed(self, piece: _Piece) -> _Piece:
        """Letters directly after a script: the rest of a name ("CL" in "I^2CL")."""
        match = _TAIL.match(self.text, piece.end)
        if (
            match is None
            or match[0] in KNOWN
            or not self.text[piece.end - 1].isalnum() | (self.at(piece.end - 1) == "}")
        ):
            return piece
        upright = len(match[0]) > 1 or piece.tex.startswith("\\mathrm")
        tail = f"\\mathrm{{{match[0]}}}" if upright else match[0]
        return _Piece(match.end(), _join(piece.tex, tail), marked=True)

    # nucleus

    def nucleus(self, start: int) -> _Piece | None:
        char = self.at(start)
        if char.isascii() and char.isalnum():
            return self.word(start) if char.isalpha() else self.number(start)
        if _GREEK_LETTER.match(char):
            return _Piece(start + 1, char)
        readers = {"\\": self.command, "{": self.braced, "(": self.bracketed}
        return readers[char](start) if char in readers else None

    def number(self, start: int) -> _Piece | None:
        if power := _POWER_OF_TEN.match(self.text, start):
            return _Piece(power.end() + 2, f"{power[1]}\\times 10")
        match = _NUMBER.match(self.text, start)
        if match is None:
            return None
        if times := _TIMES.match(self.text, match.end()):
            return _Piece(times.end(), f"{match[0]}\\times", marked=True)
        return _Piece(match.end(), match[0])

    def command(self, start: int) -> _Piece | None:
        match = _WORD.match(self.text, start + 1)
        if match is None:
            return None
        if match[0] in ARGUMENT_COMMANDS:
            return self.arguments(match)
        if match[0] in KNOWN and match[0] != "deg":
            return _Piece(match.end(), "\\" + match[0], marked=True)
        return None

    def braced(self, start: int) -> _Piece | None:
        if match := _BRACED_SYMBOL.match(self.text, start):
            known = match[1] in KNOWN and match[1] not in FUNCTIONS
            return _Piece(match.end(), "\\" + match[1], marked=True) if known else None
        if match := _FONT_GROUP.match(self.text, start):
            return _Piece(match.end(), f"\\{_FONT_SWITCHES[match[1]]}{{{match[2]}}}")
        if self.command(start + 1) if self.at(start + 1) == "\\" else None:
            return self.group(start, 1, lenient=False)
        return None

    def bracketed(self, start: int) -> _Piece | None:
        closing = self.parens.get(start, -1)
        if self.at(closing + 1) not in ("^", "_"):
            return None
        inner = self.free(start + 1, closing, 1, lenient=False)
        if inner is None:
            return None
        name = inner.tex.isalpha() and len(inner.tex) > 1
        return _Piece(closing + 1, f"(\\mathrm{{{inner.tex}}})" if name else f"({inner.tex})")

    def word(self, start: int) -> _Piece | None:
        match = _WORD.match(self.text, start)
        if match is None:
            return None
        word, after = match[0], self.at(match.end())
        if word in ARGUMENT_COMMANDS and after in ("{", "["):
            return self.arguments(match)
        if word in KNOWN or word in PLAIN_FUNCTIONS:
            return self.known_word(word, match.end())
        if len(word) == 1 and not after.isdigit():
            return self.letter(start)
        if word[1:] == "left" and after in ("(", "[", " "):
            return _Piece(start + 1, word[0])
        return self.name(start)

    def known_word(self, word: str, end: int) -> _Piece | None:
        after = self.at(end)
        if word in PLAIN_FUNCTIONS:
            return _Piece(end, f"\\operatorname{{{word}}}") if after == "(" else None
        if word == "bullet":
            return self.item_mark(end)
        lone = word in _LONE and after not in (".", "-")
        if word == "pm":
            lone = after == " " and not self.text[max(0, end - 4) : end - 2].strip().isdigit()
        if word == "sim":
            lone = bool(re.match(r"\s?\d", self.text[end : end + 2]))
        if word in RELATIONS | OPERATIONS and not lone:
            return None  # it holds operands together, it is none
        return _Piece(end, "\\" + word, marked=lone)

    def item_mark(self, end: int) -> _Piece | None:
        follows = self.at(end) == " " and self.at(end + 1).isupper()
        return _Piece(end, "\\bullet", marked=True) if follows else None

    def letter(self, start: int) -> _Piece | None:
        char = self.at(start)
        hyphened = start > 1 and self.at(start - 1) == "-" and self.text[start - 2].isalpha()
        if _NAME_LETTER.match(self.text, start) or (hyphened and self.at(start + 1) == "^"):
            char = f"\\mathrm{{{char}}}"
        return _Piece(start + 1, char)

    def name(self, start: int) -> _Piece | None:
        match = _SCRIPTED_NAME.match(self.text, start)
        if match is None:
            return None
        # Two capitals under a TeX name are two variables (QK^top); any other word is a name.
        script = _WORD.match(self.text, match.end() + 1)
        variables = match[0].isupper() and script and (script[0] in KNOWN or script[0] == "T")
        return _Piece(match.end(), match[0] if variables else f"\\mathrm{{{match[0]}}}")

    def arguments(self, name: re.Match[str]) -> _Piece | None:
        """The braces (and for a root the bracket) after a command: ``sqrt[3]{log n}``."""
        tex, end = f"\\{name[0]}", name.end()
        if name[0] == "sqrt" and self.at(end) == "[":
            closing = self.parens.get(end, -1)
            degree = self.free(end + 1, closing, 1, lenient=False)
            tex, end = f"\\sqrt[{degree.tex if degree else ''}]", closing + 1
        for _ in range(2 if name[0] in _TWO_ARGUMENTS else 1):
            group = self.group(end, 1)
            if group is None:
                return None
            tex, end = tex + group.tex, group.end
        return _Piece(end, tex, marked=True)

    # scripts

    def script(self, start: int) -> _Piece | None:
        """The script at ``start``; None where there is none, or where "_" joins a file name."""
        kind, first = self.at(start), self.at(start + 1)
        if kind not in ("^", "_") or not first:
            return None
        if first == "{":
            body = self.group(start + 1, 1)
        elif first.isascii() and first.isalpha():
            body = self.script_word(kind, start + 1)
        else:
            body = self.script_sign(kind, start + 1)
        if body is None or (kind == "_" and first != "{" and self.joins_name(start, body.end)):
            return None
        return replace(body, tex=kind + body.tex)

    def script_sign(self, kind: str, start: int) -> _Piece | None:
        first = self.at(start)
        if first == "\\":
            return self.command(start)
        if digits := _DIGITS.match(self.text, start):
            return _Piece(digits.end(), digits[0] if len(digits[0]) == 1 else f"{{{digits[0]}}}")
        if kind == "^" and (power := _SIGNED_POWER.match(self.text, start)):
            return _Piece(power.end(), f"{{{power[0].strip('()')}}}")
        if first in _SIGNS or _GREEK_LETTER.match(first):
            return _Piece(start + 1, first)
        return None

    def script_word(self, kind: str, start: int) -> _Piece | None:
        match = _WORD.match(self.text, start)
        if match is None:
            return None
        word = match[0]
        if self.at(match.end()) == "{" and word in ARGUMENT_COMMANDS | _TEXT_FONTS:
            return (
                self.arguments(match) if word in ARGUMENT_COMMANDS else self.group(match.end(), 1)
            )
        if split := _split(word):
            return _Piece(start + len(split[0]), "\\" + split[0])
        one = word.isupper() if kind == "^" else re.fullmatch("[a-z][A-Z]{1,2}", word)
        if len(word) == 1 or one:
            return _Piece(start + 1, word[0])
        if kind == "^" or (word.isupper() and len(word) <= _LONGEST_INITIALS):
            return _Piece(match.end(), f"{{\\mathrm{{{word}}}}}")
        return None

    def joins_name(self, underscore: int, end: int) -> bool:
        """Whether an unbraced "_" belongs to an identifier, a file name or an address."""
        base = _IDENTIFIER_END.search(self.text[max(0, underscore - _IDENTIFIER) : underscore])
        if base and not (len(base[0]) == 1 or base[0] in KNOWN):
            return True
        after = _ALNUM.match(self.text, end)
        rest = after[0] if after else ""
        beyond = self.at(end + len(rest))
        if beyond in ("_", "@") or re.match(r"\.[a-z]", self.text[end : end + 2]):
            return True
        return bool(rest) and not rest.isupper() and rest not in KNOWN and len(rest) > 1

    # free sequences inside brackets

    def group(self, start: int, depth: int, *, lenient: bool = True) -> _Piece | None:
        closing = self.braces.get(start, -1)
        inner = self.free(start + 1, closing, depth, lenient=lenient)
        return _Piece(closing + 1, f"{{{inner.tex}}}", inner.marked) if inner else None

    def free(self, start: int, end: int, depth: int, *, lenient: bool) -> _Piece | None:
        """Everything in ``text[start:end]`` as mathematics; ``lenient`` allows words as names."""
        if end < start or end - start > MAX_FORMULA or depth > MAX_DEPTH:
            return None
        tex, marked, position = "", False, start
        while position < end:
            step = self.free_step(position, depth, lenient=lenient)
            if step is None or step.end > end:
                return None
            tex, marked, position = _join(tex, step.tex), marked or step.marked, step.end
        return _Piece(end, tex.strip(), marked)

    def free_step(self, start: int, depth: int, *, lenient: bool) -> _Piece | None:
        char = self.at(start)
        if char.isspace():
            return _Piece(start + 1, " ")
        if char in "^_":
            return self.free_script(start, depth)
        if char.isascii() and char.isalnum():
            if char.isdigit():
                return self.free_number(start, depth)
            return self.free_word(start, depth, lenient=lenient)
        if char == "{":
            return self.braced(start) or self.group(start, depth + 1)
        operator = _Piece(start + 1, char, marked=char in "|;")
        return operator if char in _OPERATOR_CHARS else self.nucleus(start)

    def free_script(self, start: int, depth: int) -> _Piece | None:
        if self.at(start + 1) == "{":
            group = self.group(start + 1, depth + 1)
            return _Piece(group.end, self.at(start) + group.tex, marked=True) if group else None
        if _ORDINAL.match(self.text, start + 1):
            return None
        word = _WORD.match(self.text, start + 1)
        if word and len(word[0]) > 1 and not _split(word[0]):
            return _Piece(word.end(), f"{self.at(start)}{{\\mathrm{{{word[0]}}}}}", marked=True)
        body = self.script_word("_", start + 1) if word else self.script_sign("^", start + 1)
        return _Piece(body.end, self.at(start) + body.tex, marked=True) if body else None

    def free_number(self, start: int, depth: int) -> _Piece | None:
        number = self.number(start)
        return self.fraction(number, depth) if number else None

    def fraction(self, above: _Piece, depth: int) -> _Piece:
        r"""A number or letter directly before a brace: ``\frac`` that has lost its name."""
        symbol = _BRACED_SYMBOL.match(self.text, above.end)
        operator = symbol and symbol[1] in RELATIONS | OPERATIONS
        below = None if operator else self.group(above.end, depth + 1)
        if below is None:
            return above
        return _Piece(below.end, f"\\frac{{{above.tex}}}{below.tex}", marked=True)

    def free_word(self, start: int, depth: int, *, lenient: bool) -> _Piece | None:
        match = _WORD.match(self.text, start)
        if match is None:
            return None
        word = match[0]
        if word in ARGUMENT_COMMANDS and self.at(match.end()) in ("{", "["):
            return self.arguments(match) if depth < MAX_DEPTH else None
        if word in ("left", "right"):
            return _Piece(match.end(), "")
        if word in KNOWN:
            return _Piece(match.end(), "\\" + word, marked=word not in _AMBIGUOUS)
        if len(word) == 1:
            return self.fraction(_Piece(match.end(), word), depth)
        return self.free_long_word(match, lenient=lenient)

    def free_long_word(self, match: re.Match[str], *, lenient: bool) -> _Piece | None:
        word = match[0]
        called = self.at(match.end()) == "("
        if split := _split(word, called=called):
            tex = ""
            for part in split:
                tex = _join(tex, "\\" + part if part in KNOWN else part)
            return _Piece(match.end(), tex, marked=True)
        if word in PLAIN_FUNCTIONS and (called or lenient):
            return _Piece(match.end(), f"\\operatorname{{{word}}}", marked=called)
        if lenient:
            return _Piece(match.end(), f"\\mathrm{{{word}}}")
        product = not word[2:] and self.at(match.end()) in ("^", "_")
        if product or (word.isupper() and len(word) <= _LONGEST_INITIALS):
            return _Piece(match.end(), word)
        return None


def _split(word: str, *, called: bool = False) -> tuple[str, ...] | None:
    """A word that is TeX names run together ("Phicirc", "topV"), in parts; None if it is not.

    One letter may follow a name, and before a call one may come first ("mlog" in ``mlog(m)``).
    """
    if word in KNOWN:
        return (word,)
    for cut in range(len(word) - 1, 1, -1):
        head, tail = word[:cut], word[cut:]
        capital = len(tail) == 1 and tail.isupper()
        begins = head in KNOWN and (head not in _AMBIGUOUS or (head == "top" and capital))
        if begins and (capital or tail in KNOWN):
            return (head, tail)
    head, tail = word[0], word[1:]
    return (head, tail) if (called and tail in FUNCTIONS) or tail in _INFIX else None
