"""Messages as text and HTML. Nothing here trusts the text of a paper, a list or a person.

A digest is rendered once for all who get the same papers; what is one subscriber's own (their
links, their address) is put in afterwards, in the place of marks that nobody can have written into
a paper: they are drawn at random when the program starts.
"""

from __future__ import annotations

import binascii
import re
import secrets
import textwrap
from dataclasses import dataclass, replace
from functools import cache
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import escape

from broadsheet.mail.digest import Digest, Section
from broadsheet.records import Entry, Paper
from broadsheet.store.subscribers import Rhythm
from broadsheet.text.normalise import plain, storable
from broadsheet.text.prose import first_lines, prose
from broadsheet.views.addresses import paper_address
from broadsheet.views.periods import long_date, name, week_of

# Mail programs cut off what is longer (Gmail at 102 KB); in the encoding that it travels in.
LARGEST = 100_000
# What headers, boundaries and longer links than those measured may take of it.
_SPARE = 6_000
# RFC 5322, 2.1.1: lines should not be longer than 78 characters.
_WIDTH = 78
_LINES = 210
# No title, name or reason is so long that others would have no room beside it.
_TITLE, _LABEL, _BYLINE, _REASON = 300, 110, 200, 80
_REASONS = 3
_SUBJECT_TITLE = 46
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f]")
_FREQUENCY = {Rhythm.DAILY: "daily", Rhythm.WEEKLY: "weekly", Rhythm.AT_ONCE: "at once"}


def _mark(what: str) -> str:
    return f"x{secrets.token_hex(12)}{what}"


@dataclass(frozen=True, slots=True)
class Personal:
    """What is one subscriber's own: their address, and the tokens in their links."""

    address: str
    manage: str
    leave: str
    answer: str = ""


_MARKS = Personal(_mark("address"), _mark("manage"), _mark("leave"), _mark("answer"))
# As long as tokens and addresses get.
_LONG = Personal("a" * 254, "1" * 60, "1" * 60, "1" * 60)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message's words: its subject, and the same said as text and as HTML."""

    subject: str
    text: str
    html: str
    papers: tuple[int, ...] = ()

    def to(self, personal: Personal) -> Letter:
        """As one subscriber gets it."""
        text, html = self.text, self.html
        for mark, own in (
            (_MARKS.address, personal.address),
            (_MARKS.manage, personal.manage),
            (_MARKS.leave, personal.leave),
            (_MARKS.answer, personal.answer),
        ):
            text = text.replace(mark, own)
            html = html.replace(mark, str(escape(own)))
        return replace(self, text=text, html=html)

    @property
    def size(self) -> int:
        """Bytes of both parts as they travel: quoted-printable (RFC 2045, 6.7)."""
        return sum(len(binascii.b2a_qp(part.encode())) for part in (self.text, self.html))


def digest(found: Digest, base: str, *, answers: bool, votes: dict[int, int]) -> Letter:
    """A digest, with marks for what is personal; its last papers are left out where it would be
    too long for mail. `base` is the address of this site, as in `https://papers.example`.

    `answers` says whether its reader can vote and the like by its links; `votes` are by paper.
    """
    letter = _digest(found, base, answers, votes)
    while letter.to(_LONG).size > LARGEST - _SPARE and letter.papers:
        room = (LARGEST - _SPARE) / letter.to(_LONG).size
        keep = min(len(letter.papers) - 1, int(len(letter.papers) * room))
        found = _shortened(found, keep)
        letter = _digest(found, base, answers, votes)
    return letter


def confirmation(base: str, token: str) -> Letter:
    """Asks whether somebody wants mail. Nothing of it comes from whoever asked for it."""
    link = f"{base}/mail/confirm?t={quote(token)}"
    return _letter("confirm", "Do you want mail from Broadsheet?", base=base, link=link)


def welcome(base: str, heading: str, following: str) -> Letter:
    """Says what comes when, and how to change it or leave; with marks for what is personal."""
    return _letter(
        "welcome", "Your mail from Broadsheet", base=base, heading=heading, following=following
    )


def subject(papers: tuple[Paper, ...]) -> str:
    """What is inside, as in `12 papers: Of Kites, Of Lamps and 10 more`."""
    titles = [first_lines(paper.title, _SUBJECT_TITLE) for paper in papers[:2]]
    if len(papers) == 1:
        return f"1 paper: {titles[0]}"
    if len(papers) == 2:
        return f"2 papers: {titles[0]} and {titles[1]}"
    return f"{len(papers)} papers: {titles[0]}, {titles[1]} and {len(papers) - 2} more"


def style() -> str:
    """The style sheet that stands in each message."""
    return _environment().get_template("mail.css").render()


def linked(html: str, address: str) -> str:
    """A message for a browser: its style by an address instead of within it."""
    return html.replace(
        f"<style>{style()}</style>", f'<link rel="stylesheet" href="{escape(address)}">'
    )


def wrapped(text: object, indent: int = 0) -> str:
    """Lines of at most 78 characters, `indent` of them spaces. A word or address that is longer
    has a line of its own, and no line is longer than mail allows (998, RFC 5322).
    """
    lines = textwrap.wrap(
        _CONTROL.sub("", plain(str(text))),
        _WIDTH,
        initial_indent=" " * indent,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(
        line[start : start + 990] for line in lines for start in range(0, len(line), 990)
    )


def byline(paper: Paper) -> str:
    """Who wrote it: up to three names, else the organisation, else how many."""
    names = [plain(author.name)[:_BYLINE] for author in paper.authors[:3]]
    if names:
        more = max(paper.author_count or 0, len(paper.authors)) - len(names)
        return ", ".join(names) + (f" and {more} more" if more else "")
    if paper.organization:
        return first_lines(paper.organization, _BYLINE)
    if paper.author_count:
        return "1 author" if paper.author_count == 1 else f"{paper.author_count} authors"
    return ""


def why(entry: Entry) -> str:
    """What spoke most for a paper, in words with its points."""
    speaking = sorted(
        (reason for reason in entry.reasons if reason.value >= 0.005),
        key=lambda reason: -reason.value,
    )
    return ", ".join(
        f"{first_lines(one.text, _REASON)} {one.value:.2f}" for one in speaking[:_REASONS]
    )


def notice(paper: Paper, votes: int) -> str:
    """The votes it has here, the comments elsewhere."""
    parts = []
    if votes:
        parts.append(f"{votes} vote{'' if votes == 1 else 's'}")
    if paper.comment_count:
        parts.append(f"{paper.comment_count} comment{'' if paper.comment_count == 1 else 's'}")
    return ", ".join(parts)


def _digest(found: Digest, base: str, answers: bool, votes: dict[int, int]) -> Letter:
    papers = found.papers
    full = [section for section in found.sections if section.entries]
    letter = _letter(
        "digest",
        subject(papers) if papers else "No paper",
        base=base,
        digest=found,
        heading=_heading(found),
        full=full,
        empty=[section for section in found.sections if not section.entries],
        alone=len(found.sections) == 1,
        frequency=_FREQUENCY[found.rhythm],
        answers=answers,
        votes=votes,
        count=len(papers),
    )
    return replace(letter, papers=tuple(paper.number for paper in papers))


def _heading(found: Digest) -> str:
    if found.rhythm is Rhythm.WEEKLY:
        return f"Week {name(week_of(found.day)).partition('-W')[2]}, {long_date(found.day)}"
    return f"{found.day:%A}, {long_date(found.day)}"


def _shortened(found: Digest, keep: int) -> Digest:
    """With so many papers, the last ones counted as more."""
    sections: list[Section] = []
    for section in found.sections:
        kept = section.entries[:keep]
        keep -= len(kept)
        cut = len(section.entries) - len(kept)
        silence = "They did not fit into this mail." if cut and not kept else section.silence
        sections.append(replace(section, entries=kept, more=section.more + cut, silence=silence))
    return replace(found, sections=tuple(sections))


def _letter(template: str, subject_: str, **context: object) -> Letter:
    environment = _environment()
    context |= {"subject": subject_, "personal": _MARKS}
    text = environment.get_template(f"{template}.txt").render(context)
    html = environment.get_template(f"{template}.html").render(context)
    # What has no room between two parts of a text needs no more than one empty line.
    text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
    return Letter(subject_, storable(text), storable(html))


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("broadsheet.mail"),
        autoescape=select_autoescape(disabled_extensions=("txt", "css"), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(
        prose=prose,
        title=lambda text: first_lines(text, _TITLE),
        label=lambda text: first_lines(text, _LABEL),
        lines=lambda text: first_lines(text, _LINES),
        wrap=wrapped,
        byline=byline,
        why=why,
        day=long_date,
        path=lambda paper: paper_address(paper.id),
        quoted=lambda text: quote(str(text), safe=""),
    )
    environment.globals["notice"] = notice
    return environment
