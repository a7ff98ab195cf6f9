r"""TeX to MathML: what a reader sees, and that nothing but MathML Core comes out."""

from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.text.mathml import ATTRIBUTES, ELEMENTS, MAX_OUTPUT, MAX_TEX, to_mathml


def shown(tex: str) -> str:
    """The characters that a reader sees."""
    result = to_mathml(tex)
    assert result is not None
    return "".join(fromstring(result).itertext())


def assert_safe(result: str, tex: str) -> None:
    assert len(result) <= MAX_OUTPUT
    root = fromstring(result)
    assert root.tag == "math"
    assert root.attrib == {"alttext": tex}
    for element in root.iter():
        assert element.tag in ELEMENTS
        assert element is root or set(element.attrib) <= set(ATTRIBUTES)


@pytest.mark.parametrize(
    ("tex", "markup"),
    [
        ("256^2", "<msup><mn>256</mn><mn>2</mn></msup>"),
        ("{}^2", "<msup><mrow /><mn>2</mn></msup>"),
        ("x_i", "<msub><mi>x</mi><mi>i</mi></msub>"),
        (r"\mathbb{R}^d", "<msup><mi>\u211d</mi><mi>d</mi></msup>"),
        (r"\frac{1}{2}", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        (r"\approx", '<mo lspace="0em" rspace="0em">\u2248</mo>'),
        (r"n\times d", "<mrow><mi>n</mi><mo>\u00d7</mo><mi>d</mi></mrow>"),
        (
            r"\mathrm{Met}^2\mathrm{Net}",
            "<mrow><msup><mi>Met</mi><mn>2</mn></msup><mi>Net</mi></mrow>",
        ),
        (r"\mathrm{I}^2", '<msup><mi mathvariant="normal">I</mi><mn>2</mn></msup>'),
    ],
)
def test_converts(tex: str, markup: str) -> None:
    assert to_mathml(tex) == f'<math alttext="{tex}">{markup}</math>'


@pytest.mark.parametrize(
    ("tex", "characters"),
    [
        (r"\mathbf{1}_n", "\U0001d7cfn"),
        (r"\mathscr{L}", "\u2112"),
        (r"\mathfrak{g}", "\U0001d524"),
        (r"{\cal O}(n)", "\U0001d4aa(n)"),
        (r"\Bbb R", "\u211d"),
        (r"\sqrt[3]{\log n}", "logn3"),
        (r"x_1,\dots,x_n", "x1,\u2026,xn"),
        (r"10\%", "10%"),
        ("81.2%", "81.2%"),
        (r"\not=", "\u2260"),
        (r"\operatorname{diag}(x)", "diag(x)"),
        ("a<b", "a<b"),
        (r"\text{a <b> & c}", "a\u00a0<b>\u00a0&\u00a0c"),
        (r"\begin{pmatrix}a&b\\c&d\end{pmatrix}", "(abcd)"),
    ],
)
def test_shows(tex: str, characters: str) -> None:
    assert shown(tex) == characters


def test_the_tex_is_the_alternative_text_escaped() -> None:
    assert (to_mathml('a<b"') or "").startswith('<math alttext="a&lt;b&quot;">')


@pytest.mark.parametrize(
    "tex",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\url{https://example.org}",
        r"\unicode{x41}",
        r"\style{color:red}{x}",
        r"\class{a}{x}",
        r"\cssId{a}{x}",
        r"\html{a}",
        r"\htmlData{a=b}{x}",
        r"\color{red}x",
        r"\def\a{b}\a",
        r"\newcommand{\a}{\a\a}\a",
        r"\DeclareMathOperator{\a}{b}",
        r"\input{/etc/passwd}",
        r"\include{x}",
        r"\verb|x|",
        r"\begin{document}x\end{document}",
        r"\method",
        r"\def\a{xx}\def\b{\a\a}\def\c{\b\b}\def\d{\c\c}\d",
        "{" * 1000,
        "{" * 13 + "x" + "}" * 13,
        r"\frac" * 500,
        r"\frac" * 90,
        "x" * (MAX_TEX + 1),
        "",
        " ",
        "{",
        "}",
        "}{",
        "x^",
        "x^2^3",
        r"\frac",
        "$x$",
        "x\x00y",
        "x\u202ey",
        "\ud800",
    ],
)
def test_gives_up(tex: str) -> None:
    assert to_mathml(tex) is None


@pytest.mark.parametrize(
    "tex",
    [
        "<script>alert(1)</script>",
        "</math><script>alert(1)</script>",
        r"\text{</math><script>alert(1)</script>}",
        r"\text{&lt;script&gt;}",
        r"\text{&#60;script&#62;}",
        "&#60;script&#62;",
        r"\operatorname{<b>}",
        '" onmouseover="alert(1)',
        r"\text{a\href{javascript:alert(1)}{x}}",
        r"\sqrt" * 80 + "x",
        r"\hat" * 90 + "x",
        "x_" * 200 + "x",
        "'" * 300,
        r"\left(" * 40 + "x" + r"\right)" * 40,
        r"\begin{matrix}" + "&" * 400 + r"\end{matrix}",
        "{" * 12 + "x" + "}" * 12,
    ],
)
def test_hostile_tex_is_refused_or_rebuilt(tex: str) -> None:
    result = to_mathml(tex)
    if result is not None:
        assert_safe(result, tex)
        assert "<script" not in result


TEX = ["x", "1", "{", "}", "^", "_", "\\frac", "\\sqrt", "[", "]", "&", "\\\\", "<b>", "</math>"]
TEX += ["\\text{", "\\left(", "\\right)", "\\begin{matrix}", "\\end{matrix}", "\\mathbf", "\\alpha"]
TEX += [
    " ",
    "'",
    '"',
    "&lt;",
    "&#60;",
    "%",
    "\\%",
    "#",
    "\\over",
    "\\limits",
    "\\not",
    "\\hat",
    "é",
]


@given(st.lists(st.sampled_from(TEX), max_size=20).map("".join) | st.text())
def test_any_text_gives_nothing_or_safe_mathml(tex: str) -> None:
    result = to_mathml(tex)
    if result is not None:
        assert_safe(result, tex)
