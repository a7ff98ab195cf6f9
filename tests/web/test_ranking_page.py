"""The page that says how papers are ranked: formulas first, the code that runs folded below."""

from __future__ import annotations

import inspect
import re

import pytest

from broadsheet.search import hybrid
from broadsheet.views.formulas import Block, blocks
from broadsheet.views.orders import trending
from broadsheet.web.code import highlighted, quoted_code

from .conftest import Site
from .reading import read

SECTIONS = ["new", "votes", "trending", "relevance", "for-me", "weight"]


def test_each_order_has_its_formula_before_its_code(
    library: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trending, "DOUBLING", 9.5)
    main = library.page("/about/ranking").one("main")
    sections = main.all("section")
    assert [one["aria-labelledby"] for one in sections] == SECTIONS
    for one in sections:
        formula, code = one.all("pre")
        assert re.match("(score|weight) = ", formula.text)
        assert one.one("details").one("pre").text == code.text
        assert "open" not in one.one("details").attributes
    (rising,) = [one for one in sections if one["aria-labelledby"] == "trending"]
    lines = rising.one("dl", class_="constants").all("div")
    assert ("DOUBLING", "9.5") in [(one.one("dt").text, one.one("dd").text) for one in lines]
    assert "days older needs twice the votes" in rising.text


def test_the_code_is_that_which_runs_letter_by_letter(library: Site) -> None:
    main = library.page("/about/ranking").one("main")
    (found,) = [s for s in main.all("section") if s["aria-labelledby"] == "relevance"]
    shown = found.one("details").one("code").raw_text
    assert shown == inspect.cleandoc(inspect.getsource(hybrid._mixed).rstrip())


def test_words_of_python_are_told_apart_and_nothing_in_it_is_html() -> None:
    source = 'def f(a):\n    # <b> & "x"\n    return "<i>" if a < 3 else None\n'
    made = str(highlighted(source))
    assert read(f"<p>{made}</p>").one("p").raw_text == source
    assert '<span class="code-defined">f</span>' in made
    assert '<span class="code-comment"># &lt;b&gt; &amp; "x"</span>' in made
    assert '<span class="code-string">"&lt;i&gt;"</span>' in made
    assert '<span class="code-number">3</span>' in made
    assert "<i>" not in made
    for broken in ("def f(:\n  '''<b>", "\x00<b>", "   x\n y <b>\n"):
        assert "<b>" not in str(highlighted(broken))
    assert str(quoted_code("a `b<c` d<e")) == "a <code>b&lt;c</code> d&lt;e"


def test_words_are_parted_into_text_lists_and_formulas() -> None:
    assert blocks("One\ntext.\n\n    a = b\n      + c\n\n- x\n  y\n- z\n") == (
        Block("text", ("One text.",)),
        Block("formula", ("a = b", "  + c")),
        Block("list", ("x y", "z")),
    )
