"""Python of our own as HTML, with its words told apart."""

from __future__ import annotations

import io
import keyword
import re
import tokenize
from html import escape

from markupsafe import Markup

_QUOTED = re.compile(r"`([^`]+)`")
_BY_TYPE = {tokenize.COMMENT: "comment", tokenize.STRING: "string", tokenize.NUMBER: "number"}


def highlighted(source: str) -> Markup:
    """The source with a `span` around each keyword, string, number, comment, and the names that
    are defined. What cannot be read as Python is shown as it is.
    """
    lines = source.splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    made, done, defines = [], 0, False
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            kind = _BY_TYPE.get(token.type, "")
            if token.type == tokenize.NAME:
                is_word = keyword.iskeyword(token.string)
                kind = "keyword" if is_word else "defined" if defines else ""
                defines = token.string in ("def", "class")
            if kind:
                start = starts[token.start[0] - 1] + token.start[1]
                end = starts[token.end[0] - 1] + token.end[1]
                inner = escape(source[start:end], quote=False)
                made.append(escape(source[done:start], quote=False))
                made.append(f'<span class="code-{kind}">{inner}</span>')
                done = end
    except (tokenize.TokenError, SyntaxError):
        made, done = [], 0
    made.append(escape(source[done:], quote=False))
    return Markup("".join(made))  # noqa: S704 - every part of the source was escaped


def quoted_code(text: str) -> Markup:
    """A sentence with what stands in backticks as code."""
    parts = _QUOTED.split(text)
    made = (f"<code>{escape(p)}</code>" if at % 2 else escape(p) for at, p in enumerate(parts))
    return Markup("".join(made))  # noqa: S704 - every part was escaped
