r"""Mathematics in plain text: what is found, what it reads as, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadsheet.text.maths import HOLE, MAX_FORMULA, blank, find_formulas, matching


def found(text: str) -> list[tuple[str, str]]:
    return [(text[f.start : f.end], f.tex) for f in find_formulas(text)]


@pytest.mark.parametrize(
    ("formula", "tex"),
    [
        ("256^2", "256^2"),
        ("10^{-3}", "10^{-3}"),
        ("10^-3", "10^{-3}"),
        ("10^12", "10^{12}"),
        ("3x10^(-4)", r"3\times 10^{-4}"),
        ("D^{-1}", "D^{-1}"),
        ("L^2", "L^2"),
        ("L^infty", r"L^\infty"),
        ("S^p", "S^p"),
        ("W^+", "W^+"),
        ("c^*", "c^*"),
        ("360^circ", r"360^\circ"),
        ("{approx}", r"\approx"),
        ("{times}", r"\times"),
        ("7{times}", r"7\times"),
        ("2.4times", r"2.4\times"),
        ("12,000times", r"12,000\times"),
        ("8 times 8", r"8\times8"),
        ("n times d", r"n\times d"),
        ("12^3 times 4", r"12^3\times4"),
        ("95.8 pm 1.2", r"95.8\pm1.2"),
        ("m gg n", r"m\gg n"),
        ("x_1", "x_1"),
        ("s_n-s_p", "s_n-s_p"),
        ("x_1,dots,x_n", r"x_1,\dots,x_n"),
        ("x_1, dots, x_n", r"x_1,\dots,x_n"),
        ("V_kD", "V_kD"),
        ("V_AI", r"V_{\mathrm{AI}}"),
        ("C_Phi", r"C_\Phi"),
        ("pi_0", r"\pi_0"),
        ("π_0", "π_0"),
        ("ell_1", r"\ell_1"),
        ("p_d(y|x)", "p_d(y|x)"),
        ("p(x|y)", "p(x|y)"),
        ("I(cdot;cdot)", r"I(\cdot;\cdot)"),
        ("varphi(x_i)", r"\varphi(x_i)"),
        ("n^{1+o(1)}", "n^{1+o(1)}"),
        ("n^{3-o(1)}", "n^{3-o(1)}"),
        ("O(log n)", r"O(\log n)"),
        ("n = O(mlog(m))", r"n=O(m\log(m))"),
        ("o(sqrt[3]{log n})", r"o(\sqrt[3]{\log n})"),
        ("Omega(sqrt[3]{log n})", r"\Omega(\sqrt[3]{\log n})"),
        ("mathbb{R}^d", r"\mathbb{R}^d"),
        ("mathcal{O}(n^2)", r"\mathcal{O}(n^2)"),
        ("mathcal{S^p} > mathcal{S^n}", r"\mathcal{S^p}>\mathcal{S^n}"),
        ("mathcal{O}(mathcal{C_Phi/m} + n)", r"\mathcal{O}(\mathcal{C_\Phi/m} + n)"),
        ("mathcal{O}(mathcal{C_{Phicirc Psi}/n})", r"\mathcal{O}(\mathcal{C_{\Phi\circ \Psi}/n})"),
        ("C_{Phi circ Psi} > C_Psi", r"C_{\Phi \circ \Psi}>C_\Psi"),
        ("exp(QK^top)", r"\exp(QK^\top)"),
        ("D^{-1} exp(QK^top) V", r"D^{-1} \exp(QK^\top) V"),
        ("D = diag( exp(QK^top) {bf 1}_n )", None),
        ("R^{mtimes n}", r"R^{m\times n}"),
        ("Oleft( 1{varepsilon^2} right)", r"O(\frac{1}{\varepsilon^2})"),
        (r"{\Delta}{\Delta}G", r"\Delta\Delta G"),
        ("L_{joint}", r"L_{\mathrm{joint}}"),
        ("MP_{+}", r"\mathrm{MP}_{+}"),
        ("MHC^3", r"\mathrm{MHC}^3"),
        ("I^2CL", r"\mathrm{I}^2\mathrm{CL}"),
        ("V^2L", r"\mathrm{V}^2\mathrm{L}"),
        ("Met^2Net", r"\mathrm{Met}^2\mathrm{Net}"),
        ("(IA)^3", r"(\mathrm{IA})^3"),
    ],
)
@pytest.mark.parametrize("sentence", ["{}", "We use {} here.", "So ({}), as shown", "at {}, and"])
def test_reads_what_a_conversion_left(formula: str, tex: str | None, sentence: str) -> None:
    [(source, read)] = found(sentence.replace("{}", formula, 1))
    assert source == formula
    if tex is not None:
        assert read == tex


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("a small ell_2-norm of", "ell_2"),
        ("a C^3-style loss", "C^3"),
        ("the pi_0-FAST policy", "pi_0"),
        ("(mean pm SEM)", "pm"),
        ("trains {approx} 2.5 times faster", "{approx}"),
        ("computations: bullet On the positive side", "bullet"),
        ("with {sim}11% faster", "{sim}11"),
        ("Video-Ma^2mba: a", "Ma^2mba"),
    ],
)
def test_ends_where_the_formula_ends(text: str, source: str) -> None:
    assert [part for part, _ in found(text)] == [source]


@pytest.mark.parametrize(
    "text",
    [
        "the auxiliary loss aux_zipf_loss and aux_k_loss",
        "scaling_on_scales and towards_atoms, file_name.py, x_1.py, a_b_c",
        "float8_e4m3 with v4_v5 and imo_1960_p2 in Seed-TTS_DiT, SFT_Chosen",
        "write to j_smith@example.org or contact_us@example.org",
        "It costs $5 and $10, not $100M or US$7; at 4$ per hour.",
        "between $5-$10 or $5M/$10M",
        "at 5 pm 3 people came",
        "10 times larger, three times more, 2 times a day",
        "to acquire 3 times to be sure",
        "a parallel in silico study of models in general",
        "the beta distribution, the alpha channel and the sigma-field",
        "method (a) is used (b) to compare s(he) and GPT(4)",
        "A large model - a small one; I think -- so | maybe",
        "Phi-4 and Phi 3.5 are models",
        "max pooling, top 5, sup, in, to, deg, and log files",
        "",
    ],
)
def test_leaves_names_and_prose_alone(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("so $x^2$ is", "x^2"),
        ("so $$x^2$$ is", "x^2"),
        (r"so \(x^2\) is", "x^2"),
        (r"so \[x^2\] is", "x^2"),
        ("so $ x^2 $ is", "x^2"),
        (r"up to $10\times$ faster", r"10\times"),
        (r"size 512$\times$512", r"\times"),
        ("$10 times n$", r"10 \times n"),
        ("$log_2d$", r"\log_2d"),
        ("the $20^{th}$ century", r"20^{\mathrm{th}}"),
        ("M$^2$D", "{}^2"),
        ("a\n$x +\n y$", "x + y"),
        (r"costs \$5 for $n$ items", "n"),
    ],
)
def test_reads_delimited_mathematics(text: str, tex: str) -> None:
    assert [formula.tex for formula in find_formulas(text)] == [tex]


@pytest.mark.parametrize("body", ["17", "163,528", r"10\%", r"\textbf{Name}", "softmax", "40+"])
def test_words_and_numbers_in_dollars_are_plain(body: str) -> None:
    [formula] = find_formulas(f"a ${body}$ b")
    assert formula.plain
    assert formula.tex == body


def test_a_greek_name_is_a_letter_where_the_text_uses_it_as_one() -> None:
    assert [part for part, _ in found("models Phi, where C_Phi is large")] == ["Phi", "C_Phi"]


def test_blank_keeps_every_index() -> None:
    assert blank("abcdef", [(4, 5), (1, 3)]) == f"a{HOLE}{HOLE}d{HOLE}f"


def test_matching_ignores_escaped_and_unmatched_brackets() -> None:
    assert matching(r"a{b{c}\}d}}{") == {1: 9, 3: 5}


@given(st.text(alphabet="ax1 O(){}[]^_$\\-+,|times.\n", max_size=120) | st.text())
def test_formulas_are_in_order_and_inside_the_text(text: str) -> None:
    position = 0
    for formula in find_formulas(text):
        assert position <= formula.start < formula.end <= len(text)
        assert formula.tex
        position = formula.end


HOSTILE = ["$", "{", "}", "^", "_", "x^{", "x(", "(((x_1", "1{", "{{x}}", "mathcal{", r"{\mu", "a^"]


@pytest.mark.parametrize("unit", HOSTILE)
def test_a_long_hostile_text_is_read_in_bounded_pieces(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    longest = max((f.end - f.start for f in find_formulas(text)), default=0)
    assert longest <= 2 * MAX_FORMULA
