"""Text of papers as HTML: escaped, mathematics as MathML, addresses as links, matches marked.

Nothing here trusts its input. Every piece of text passes through `escape`; MathML comes from
`text.mathml`, which rebuilds it from an allowlist.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from itertools import pairwise
from math import floor
from urllib.parse import urlencode

from markupsafe import Markup
from markupsafe import escape as _escape

from broadsheet.records import Entry, Link, Paper
from broadsheet.text.analysis import matches, stem
from broadsheet.text.changes import changes
from broadsheet.text.mathml import to_mathml
from broadsheet.text.segments import Segment, segments
from broadsheet.text.sentences import SENTENCE_END
from broadsheet.views.addresses import paper_address
from broadsheet.views.periods import long_date

# Two lines of the list's measure hold about this many characters, less half a line.
_TEASER = 110
# Five lines of the lead's.
_LEAD_TEASER = 320
# How much of a long sentence is shown before its first marked word.
_LEAD = 50
_NO_MARKS: frozenset[str] = frozenset()


def escape(text: str) -> str:
    """Text as HTML text or attribute value: a plain string, for joining many of them."""
    return str(_escape(text))


def rich(text: str, marks: frozenset[str] = _NO_MARKS, *, links: bool = True) -> Markup:
    """Text as HTML. `marks` are the stems to mark; without `links` addresses stay plain text
    (inside a link or a button, where another link may not stand).
    """
    return _rich(text, links) if not marks else _html(text, marks, links)


def flat(text: str) -> str:
    """Text where no markup can stand, as in a window's title: formulas without their dollars."""
    return "".join(piece.label or piece.value for piece in _pieces(text))


def changed(before: str, after: str) -> Markup:
    """What changed from one text to the next: what went and what came, and some words around."""
    marks = {"same": "{}", "gone": "<del>{}</del>", "new": "<ins>{}</ins>", "cut": "…"}
    parts = (marks[part.kind].format(escape(part.text.strip())) for part in changes(before, after))
    return Markup(" ".join(parts))  # noqa: S704 - every text of it is escaped


def teaser(text: str, lead: bool = False) -> tuple[str, str]:
    """The text in two, cut behind a sentence: what stands under the title, and what opens.

    The first part is long enough to fill about two lines, under the page's `lead` paper five;
    the page clips what is beyond them.
    """
    cut = _teaser_end(text, _LEAD_TEASER if lead else _TEASER)
    return text[:cut], text[cut:].lstrip()


def excerpt(text: str, marks: frozenset[str]) -> str:
    """The sentence with most of the marked words, where the teaser has fewer; else nothing.

    A long one begins shortly before its first marked word, so that two lines show it.
    """
    found = matches(text, marks)
    stems = [stem(text[start:end]) for start, end in found]
    ends = [match.end() for match in SENTENCE_END.finditer(text)]
    shown = _teaser_end(text, _TEASER)
    most = len({s for s, (_, end) in zip(stems, found, strict=True) if end <= shown})
    best: tuple[int, int] | None = None
    for start, end in pairwise([0, *ends, len(text)]):
        within = [place for place, (at, _) in enumerate(found) if start <= at < end]
        count = len({stems[place] for place in within})
        if count > most:
            most, first = count, found[within[0]][0]
            far = first - start > _TEASER
            best = (text.rfind(" ", start, first - _LEAD) + 1 if far else start, end)
    return text[best[0] : best[1]].rstrip() if best else ""


def paper_path(paper: Paper | str) -> str:
    """The address of a paper's page."""
    return paper_address(paper if isinstance(paper, str) else paper.id)


def asking(value: str, field: str) -> str:
    """The address of a search for a value in a field, as in `cat:cs.LG` or `author:"ada byron"`."""
    value = " ".join(value.replace('"', " ").split())
    asked = f'{field}:"{value}"' if " " in value else f"{field}:{value}"
    return "/search?" + urlencode({"q": asked})


def web_links(paper: Paper) -> list[Link]:
    """The paper's links that lead to the web; a source could have stated any address."""
    return [link for link in paper.links if link.url.startswith(("https://", "http://"))]


def points(entry: Entry) -> tuple[list[tuple[str, str]], str]:
    """What speaks for an entry and how much, and the score, to two places.

    Each is rounded up or down so that the parts as printed add up to the score as printed.
    """
    score = round(entry.score * 100)
    parts = [floor(reason.value * 100) for reason in entry.reasons]
    by_rest = sorted(
        range(len(parts)), key=lambda place: parts[place] - entry.reasons[place].value * 100
    )
    for place in by_rest[: max(0, score - sum(parts))]:
        parts[place] += 1
    texts = [reason.text for reason in entry.reasons]
    shown = [f"{part / 100:.2f}" for part in parts]
    return list(zip(texts, shown, strict=True)), f"{score / 100:.2f}"


def shares(entry: Entry) -> tuple[int, int] | None:
    """Of a hundred points, those of words and those of meaning; None where meaning gave none."""
    meaning = sum(reason.value for reason in entry.reasons if reason.kind == "meaning")
    if not meaning or not entry.score:
        return None
    of_meaning = round(100 * meaning / entry.score)
    return 100 - of_meaning, of_meaning


def telling_sentence(entry: Entry, marks: frozenset[str]) -> str:
    """The sentence to show instead of the first lines: the one nearest in meaning to what was
    asked, else the one with most of its words; nothing where the first lines have it.
    """
    text = entry.paper.text
    if entry.nearest:
        return "" if entry.nearest in text[: _teaser_end(text, _TEASER)] else entry.nearest
    return excerpt(text, marks) if marks else ""


def counted(value: int, thing: str) -> str:
    """`1 paper`, `2 papers`, `12 345 papers`."""
    return f"{number_text(value)} {thing}" + ("" if value == 1 else "s")


def day_text(day: date | None) -> str:
    """`19 November 2025`; empty for no day."""
    return long_date(day) if day else ""


def number_text(value: int) -> str:
    """A count with thin spaces between thousands, as newspapers set it."""
    return f"{value:,}".replace(",", "\u202f")


def byline(paper: Paper) -> str:
    """Who wrote it, in a line: up to four names, else how many; or the organisation."""
    names = [author.name for author in paper.authors]
    if names:
        named = names[:4]
        more = max(paper.author_count or 0, len(names)) - len(named)
        return ", ".join(named) + (f" and {more} more" if more else "")
    if paper.organization:
        return paper.organization
    if paper.author_count:
        return "1 author" if paper.author_count == 1 else f"{paper.author_count} authors"
    return ""


def _teaser_end(text: str, least: int) -> int:
    ends = (match.start() for match in SENTENCE_END.finditer(text, least))
    return next(ends, len(text))


@lru_cache(maxsize=8192)
def _pieces(text: str) -> tuple[Segment, ...]:
    return segments(text)


@lru_cache(maxsize=8192)
def _rich(text: str, links: bool) -> Markup:
    return _html(text, _NO_MARKS, links)


def _html(text: str, marks: frozenset[str], links: bool) -> Markup:
    # Each piece is HTML whose text went through `escape`, or MathML built from an allowlist.
    return Markup("".join(_piece(piece, marks, links) for piece in _pieces(text)))  # noqa: S704


def _piece(piece: Segment, marks: frozenset[str], links: bool) -> str:
    if piece.kind == "math":
        mathml = to_mathml(piece.value)
        return f'<code class="tex">{escape(piece.source)}</code>' if mathml is None else mathml
    if piece.kind == "link":
        if not links:
            return escape(piece.label or piece.value)
        shown = escape(piece.label or _shown(piece.value))
        return f'<a href="{escape(piece.value)}" rel="noopener nofollow ugc">{shown}</a>'
    return _marked(piece.value, marks)


def _shown(url: str) -> str:
    return url.removeprefix("https://").removeprefix("http://").rstrip("/")


def _marked(text: str, marks: frozenset[str]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in matches(text, marks) if marks else ():
        parts.append(f"{escape(text[done:start])}<mark>{escape(text[start:end])}</mark>")
        done = end
    parts.append(escape(text[done:]))
    return "".join(parts)
