r"""TeX to MathML that is safe to put into a page.

``latex2mathml`` does the conversion, and is trusted with neither end of it. Before: only short TeX
made of known commands goes in, so nothing that defines, includes, links or styles. After: its
elements are rebuilt from an allowlist (MathML Core, W3C), and every character is escaped again.

Source for the output: https://www.w3.org/TR/mathml-core/ . Browsers of that standard know no
``mathvariant`` but "normal", so bold or script letters become the letters Unicode has for them.
"""

import html
import re
import unicodedata
from functools import lru_cache
from xml.etree.ElementTree import Element, tostring

from latex2mathml.converter import convert_to_element

from broadsheet.text.maths import ARGUMENT_COMMANDS, KNOWN, matching, names

MAX_TEX = 500
MAX_BRACES = 12
MAX_OUTPUT = 20_000
_MAX_NESTING = 60

ELEMENTS = names(
    "math mrow mi mn mo mtext mspace msub msup msubsup munder mover munderover mfrac msqrt mroot "
    "mtable mtr mtd mpadded mstyle"
)
"""The elements that may come out; no ``maction``, ``semantics``, ``annotation-xml``, ``a``."""

_TRUE_FALSE = frozenset({"true", "false"})
_LENGTH = re.compile(r"-?\d{1,2}(?:\.\d{1,4})?em|0")
# Attributes that may come out, with their values; None means a length. No ``style``, ``class``,
# ``id``, ``href`` or colour: the page's Content-Security-Policy forbids inline style.
ATTRIBUTES: dict[str, frozenset[str] | None] = {
    "accent": _TRUE_FALSE,
    "accentunder": _TRUE_FALSE,
    "displaystyle": _TRUE_FALSE,
    "fence": _TRUE_FALSE,
    "form": frozenset({"prefix", "infix", "postfix"}),
    "linethickness": None,
    "lspace": None,
    "mathvariant": frozenset({"normal"}),
    "movablelimits": _TRUE_FALSE,
    "rspace": None,
    "scriptlevel": frozenset({"0", "1", "2"}),
    "separator": _TRUE_FALSE,
    "stretchy": _TRUE_FALSE,
    "width": None,
}

# What the library understands beyond what undelimited text is read for.
_MORE_COMMANDS = names(
    "text textbf textit textrm texttt textsf textsc textnormal mbox emph left right middle big Big "
    "bigg Bigg bigl bigr Bigl Bigr biggl biggr binom dbinom tbinom over choose bf rm cal it tt sf "
    "frak Bbb bold pmb mathop limits nolimits displaystyle textstyle quad qquad underline "
    "overrightarrow overleftarrow underbrace overbrace underset overset stackrel substack acute "
    "grave check breve mathring not pmod bmod mod colon vert Vert lvert rvert backslash iff "
    "implies longleftarrow longleftrightarrow hookrightarrow twoheadrightarrow nearrow searrow "
    "leadsto rightsquigarrow upharpoonright rtimes ltimes ominus oslash boxtimes boxplus bigcap "
    "bigcup bigoplus bigotimes bigvee bigwedge coprod oint iint wr amalg diamond triangle "
    "triangleleft triangleright square Box blacksquare lozenge preceq succeq ll lll ggg sqsubset "
    "sqsubseteq sqcup sqcap subsetneq supsetneq nsubseteq nmid nparallel vdash dashv vDash doteq "
    "asymp bowtie lnot flat sharp natural imath jmath wp Re Im Bbbk beth complement angle "
    "measuredangle degree checkmark dag ddag ddagger copyright circledR S P pounds hslash eth "
    "digamma varkappa cosec sec csc arcsin arccos arctan coth liminf limsup injlim projlim hom lg "
    "argmax argmin smallsetminus upuparrows gtrless lessgtr gtreqless approxeq backsim thicksim "
    "thickapprox triangleq eqsim lessapprox gtrapprox nleq ngeq vartriangle because therefore "
    "circlearrowright curvearrowright updownarrow Uparrow Downarrow uplus dotplus "
    "cdotp ldotp vdots ddots hdots dotsc dotsb lbrace rbrace lbrack rbrack lfloor rfloor "
    "space thinspace negthinspace nonumber"
)
COMMANDS = KNOWN | ARGUMENT_COMMANDS | _MORE_COMMANDS
"""Every command that may go in. A macro that is not here makes the whole formula source text."""

_ENVIRONMENTS = names("matrix pmatrix bmatrix vmatrix Vmatrix smallmatrix cases array")

_COMMAND = re.compile(r"\\(?:([A-Za-z]+)|(.))", re.DOTALL)
_ENVIRONMENT = re.compile(r"\\(?:begin|end)\{([A-Za-z]*)\}(?:\{[lcr|]{1,12}\})?")
_SIGNS = frozenset("{}%$#&_,;:!>|\\ ")
# Old and rare spellings that the library does not know, and comment signs that are none.
_SPELLINGS = (
    (re.compile(r"(?<!\\)%"), r"\\%"),
    (re.compile(r"\\(?:Bbb|mathds)(?![A-Za-z])\s*"), r"\\mathbb "),
    (re.compile(r"\\frak(?![A-Za-z])\s*"), r"\\mathfrak "),
    (re.compile(r"\\(?:bold|pmb|bm)(?![A-Za-z])\s*"), r"\\boldsymbol "),
    (re.compile(r"\\textsc(?=\s*\{)"), r"\\text"),
    (re.compile(r"\\mathrm\{(?=[A-Za-z]\})"), r"\\mathrm{ "),  # else one letter comes out italic
    (re.compile(r"\\not\s*="), r"\\neq "),
    (re.compile(r"\\not\s*\\in(?![A-Za-z])"), r"\\notin"),
)


@lru_cache(maxsize=8192)
def to_mathml(tex: str) -> str | None:
    """Convert untrusted ``tex`` to one inline ``<math …>…</math>``; None if it cannot be.

    The result is well-formed XML of the elements and attributes above, at most ``MAX_OUTPUT``
    characters, with the TeX as ``alttext``. None means: show the source. Never raises.
    """
    if not _is_harmless(tex):
        return None
    try:
        source = convert_to_element(_respelled(tex))
        rebuilt = _rebuilt(source, 0)
    except Exception:  # noqa: BLE001 - the library raises its own, IndexError, RecursionError, …
        return None
    if rebuilt is None or not any(element.text for element in rebuilt.iter()):
        return None
    _close_up(rebuilt)
    rebuilt.set("alttext", tex)
    result = tostring(rebuilt, encoding="unicode")
    return result if len(result) <= MAX_OUTPUT else None


# --- before ------------------------------------------------------------------------------------


def _is_harmless(tex: str) -> bool:
    if not tex.strip() or len(tex) > MAX_TEX or not _is_printable(tex):
        return False
    if re.search(r"(?<!\\)\$", tex) or _depth(tex) > MAX_BRACES:
        return False
    bare = _ENVIRONMENT.sub(lambda match: "" if match[1] in _ENVIRONMENTS else match[0], tex)
    return all(
        name in COMMANDS if name else sign in _SIGNS for name, sign in _COMMAND.findall(bare)
    )


def _is_printable(tex: str) -> bool:
    """No control, format (bidirectional), private or unassigned character, and no surrogate."""
    return all(char == "\n" or unicodedata.category(char)[0] != "C" for char in tex)


def _depth(tex: str) -> int:
    """Depth of brace nesting; unbalanced braces count as too deep."""
    plain = re.sub(r"\\.", "", tex, flags=re.DOTALL)
    depth = deepest = 0
    for char in plain:
        depth += (char == "{") - (char == "}")
        deepest = max(deepest, depth)
        if depth < 0:
            return MAX_BRACES + 1
    balanced = len(matching(plain)) == plain.count("{")
    return deepest if balanced else MAX_BRACES + 1


def _respelled(tex: str) -> str:
    for pattern, replacement in _SPELLINGS:
        tex = pattern.sub(replacement, tex)
    return tex


# --- after -------------------------------------------------------------------------------------

_TOKENS = frozenset({"mi", "mn", "mo", "mtext", "mspace"})
# Letter-like signs that Unicode counts among the operators.
_LETTER_LIKE = frozenset("∞∂∇∅∀∃%°″‴ℵ†‡\N{PRIME}")
_FONTS = {
    "bold": "BOLD",
    "italic": "ITALIC",
    "bold-italic": "BOLD ITALIC",
    "script": "SCRIPT",
    "bold-script": "BOLD SCRIPT",
    "fraktur": "FRAKTUR",
    "bold-fraktur": "BOLD FRAKTUR",
    "double-struck": "DOUBLE-STRUCK",
    "sans-serif": "SANS-SERIF",
    "bold-sans-serif": "SANS-SERIF BOLD",
    "monospace": "MONOSPACE",
}


def _rebuilt(source: Element, level: int) -> Element | None:
    """A copy of ``source`` that holds only what is allowed; None if something else is in it."""
    if source.tag not in ELEMENTS or level > _MAX_NESTING:
        return None
    children: list[Element] = []
    for child in source:
        copy = _rebuilt(child, level + 1)
        if copy is None:
            return None
        children.append(copy)
    if source.tag in _TOKENS:
        return _token(source)
    if source.tag in ("mrow", "math", "mtd", "msqrt", "mstyle"):
        children = _merged(children)
    if source.tag == "mrow" and len(children) == 1:
        return children[0]
    result = Element(source.tag, {} if source.tag == "math" else _attributes(source))
    result.extend(children)
    return result


def _close_up(formula: Element) -> None:
    """A sign alone stands between the words of a sentence, whose spaces are there already."""
    inner = formula
    while len(inner) == 1:
        inner = inner[0]
    if inner.tag == "mo":
        inner.set("lspace", "0em")
        inner.set("rspace", "0em")


def _attributes(source: Element) -> dict[str, str]:
    return {name: value for name, value in source.attrib.items() if _is_allowed(name, value)}


def _is_allowed(name: str, value: str) -> bool:
    if name not in ATTRIBUTES:
        return False
    values = ATTRIBUTES[name]
    return bool(_LENGTH.fullmatch(value)) if values is None else value in values


def _token(source: Element) -> Element:
    """A leaf; the library writes its characters as references, which are read here, once."""
    text = html.unescape(source.text or "")
    text = "".join(char for char in text if unicodedata.category(char)[0] != "C")
    variant = source.get("mathvariant", "")
    attributes = _attributes(source)
    tag = source.tag
    if tag in ("mi", "mn", "mo") and variant in _FONTS:
        text = "".join(_letter(char, _FONTS[variant]) for char in text)
    if tag == "mi" and len(text) == 1 and _is_operator(text):
        tag = "mo"
    result = Element(tag, attributes)
    result.text = text
    return result


def _is_operator(char: str) -> bool:
    """Whether a sign that the library calls an identifier needs the spacing of an operator."""
    return char not in _LETTER_LIKE and unicodedata.category(char) in ("Sm", "Ps", "Pe", "So")


def _letter(char: str, font: str) -> str:
    """``char`` in the mathematical alphabet ``font``, or unchanged where Unicode has none."""
    name = unicodedata.name(char, "")
    if not name.startswith(("LATIN", "GREEK", "DIGIT")):
        return char
    shape = re.sub(r"^(?:LATIN |GREEK )|LETTER ", "", name)
    # Letters that were in Unicode before the alphabets keep their old names, such as
    # DOUBLE-STRUCK CAPITAL R and BLACK-LETTER CAPITAL C.
    for candidate in (
        f"MATHEMATICAL {font} {shape}",
        f"{font} {shape}",
        f"{font.replace('FRAKTUR', 'BLACK-LETTER')} {shape}",
    ):
        try:
            return unicodedata.lookup(candidate)
        except KeyError:
            continue
    return char


def _merged(children: list[Element]) -> list[Element]:
    """Upright letters in a row as one word: ``Met``, not M, e, t."""
    merged: list[Element] = []
    for child in children:
        previous = merged[-1] if merged else None
        if previous is not None and _is_upright(previous) and _is_upright(child):
            previous.text = (previous.text or "") + (child.text or "")
            previous.attrib.update(child.attrib)
        else:
            merged.append(child)
    for child in merged:
        if child.tag == "mi" and len(child.text or "") > 1:
            child.attrib.pop("mathvariant", None)  # a name of several letters is upright anyway
    return merged


def _is_upright(element: Element) -> bool:
    return element.tag == "mi" and element.get("mathvariant") == "normal"
