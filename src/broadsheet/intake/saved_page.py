"""Saved Daily Papers pages, as text: what a reader of such a site sees, copied or saved.

Three shapes are known. All print a title line, then the abstract on a line of its own; blank
lines may stand between. Some print a block after the abstract: `• N authors` or the name of an
organisation, a line `·`, then a date (`Jun 9`, `Dec 12, 2024`) with the number of comments
behind it where there are any. Above the first paper stand the site's own lines, among them the
day shown; the first title may be glued to the word `Subscribe`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from broadsheet.intake.jsonl import links_in
from broadsheet.intake.opening import Input, InputError, Line
from broadsheet.records import Quarantined, Record
from broadsheet.text.normalise import plain

SOURCE = "daily-papers"
# A page that states no year at all is taken to be of this one, the year in which pages of these
# shapes were saved; `--page-year` says otherwise.
USUAL_YEAR = 2025
# The known pages have up to 0.3 MB and 700 lines.
_LARGEST_PAGE = 16 * 1024 * 1024
_MOST_LINES = 100_000
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DATE = re.compile(rf"({'|'.join(_MONTHS)}) (\d{{1,2}})(?:, (\d{{4}}))?(?: (\d{{1,6}}))?\Z")
_AUTHORS = re.compile(r"• ?(\d{1,5}) authors?\Z")
_DOT = "·"
_INVITATION = re.compile(rb"Get trending papers in your email inbox")
_AUTHOR_BLOCK = re.compile(rb"^\s*\xe2\x80\xa2 ?\d{1,5} authors?\s*$", re.MULTILINE)
_FURNITURE = re.compile(
    r"new\Z|Get trending papers in your email inbox.{0,20}\Z|Subscribe\Z|Daily Papers\Z|by ?AK\b"
)
_GLUED = "Subscribe"
# Titles on the known pages have up to 174 characters, abstracts from 350.
_LONGEST_TITLE = 300
_SHORTEST_ABSTRACT = 300
# How an abstract that was not cut off ends: as a sentence does, or with an address.
_SENTENCE = re.compile(r"[.!?…][)\]}\"'”’»]*\Z")
_HOST = re.compile(r"https?://[\w-]+(?:\.[\w-]+)+")
_ADDRESS = re.compile(r"(?:https?://|\b)[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}(?:/\S*)?[)\]}]*\Z")
_HASH = re.compile(r"(.+?)_[0-9a-f]{8,64}\Z")


def recognises(head: bytes) -> bool:
    """Whether the site's own lines, or a block of authors and date, stand near the top."""
    return bool(_INVITATION.search(head[:2000]) or _AUTHOR_BLOCK.search(head))


def read(opened: Input, page_year: int | None = None) -> Iterator[Record | Quarantined]:
    """A record for each paper on the page, in its order.

    An entry that lacks its title or abstract, was cut off, or is not UTF-8 is put aside; the
    rest goes in. Raises InputError for a page too large to be one, or without any entry.
    """
    lines = _read_lines(opened)
    page = _Page(opened.name, _page_digest(lines))
    entries = _entries(_contents(lines, page))
    if not entries:
        raise InputError("no paper stands on the page; it seems cut off")
    page.year = page_year or _year_of(entries)
    for rank, entry in enumerate(entries, start=1):
        problem = entry.problem() or (_cut_off(entries) if entry is entries[-1] else "")
        if problem:
            yield _aside(entry, page, problem)
        else:
            yield _record(entry, page, rank)


@dataclass(slots=True)
class _Page:
    """What is true of the whole page."""

    file: str
    digest: str
    day: re.Match[str] | None = None
    year: int = USUAL_YEAR

    @property
    def name(self) -> str:
        """The page's name: its file's, without the ending and a hash behind the name."""
        stem = Path(self.file).stem
        match = _HASH.match(stem)
        return plain(match[1] if match else stem)[:100]

    def date_of(self, match: re.Match[str] | None) -> date | None:
        """The date a line states; None for none, and for days no month has."""
        if match is None:
            return None
        try:
            return date(int(match[3] or self.year), _MONTHS.index(match[1]) + 1, int(match[2]))
        except ValueError:
            return None


@dataclass(slots=True)
class _Entry:
    """One paper of the page while its lines are gathered."""

    line: int
    title: str = ""
    paragraphs: list[str] = field(default_factory=list)
    authors: int | None = None
    organization: str | None = None
    date: re.Match[str] | None = None
    broken: str = ""

    @property
    def abstract(self) -> str:
        return " ".join(self.paragraphs)

    def problem(self) -> str:
        """What keeps the entry from being a paper; empty where nothing does."""
        if self.broken:
            return self.broken
        if not self.title:
            return "an abstract without a title; the page seems cut off before it"
        if not self.paragraphs:
            return "a title without an abstract; the page seems cut off after it"
        return ""


@dataclass(frozen=True, slots=True)
class _Content:
    """A line of the page that belongs to a paper; `broken` says why its text cannot be had."""

    number: int
    text: str
    broken: str = ""


def _read_lines(opened: Input) -> list[Line]:
    lines, size = [], 0
    for line in opened.lines():
        size += line.size
        if line.data.strip():
            lines.append(line)
        if size > _LARGEST_PAGE or len(lines) > _MOST_LINES:
            raise InputError(
                f"the page has over {_LARGEST_PAGE // 2**20} MB or {_MOST_LINES:,} lines; "
                "a saved page has far less",
                line.number,
                line.data[:1000],
            )
    return lines


def _page_digest(lines: list[Line]) -> str:
    """Names the page by its words: its file's name and line ends do not count."""
    text = b"\n".join(line.data.strip() for line in lines)
    return hashlib.blake2b(text, digest_size=10).hexdigest()


def _contents(lines: list[Line], page: _Page) -> list[_Content]:
    """The lines below the site's own, whose day is noted on the way."""
    contents: list[_Content] = []
    for line in lines:
        try:
            if line.is_cut:
                raise InputError(f"a line of {line.size:,} bytes; a saved page has none such")
            text = plain(line.text())
        except InputError as error:
            contents.append(
                _Content(line.number, line.data.decode("utf-8", "replace"), error.reason)
            )
            continue
        if not text:
            continue
        if not contents:
            if page.day is None and (day := _DATE.match(text)):
                page.day = day
                continue
            if _FURNITURE.match(text):
                continue
            text = text.removeprefix(_GLUED)
        contents.append(_Content(line.number, text))
    return contents


def _entries(contents: list[_Content]) -> list[_Entry]:
    entries: list[_Entry] = []
    for position in range(len(contents)):
        if not (entries and _take_block(contents, position, entries[-1])):
            _take_line(contents, position, entries)
    return entries


def _take_block(contents: list[_Content], position: int, entry: _Entry) -> bool:
    """Reads a line of authors, organisation, dot or date into the entry; False for another one.

    They stand in this order, and a page that was cut off may lack the later ones.
    """
    before, text, behind = (
        _text_at(contents, place) for place in range(position - 1, position + 2)
    )
    if authors := _AUTHORS.match(text):
        entry.authors = int(authors[1])
    elif behind == _DOT and len(text) <= _LONGEST_TITLE:
        entry.organization = text.lstrip("• ") or None
    elif before == _DOT and (stamp := _DATE.match(text)):
        entry.date = stamp
    else:
        return text == _DOT
    return True


def _take_line(contents: list[_Content], position: int, entries: list[_Entry]) -> None:
    content = contents[position]
    entry = entries[-1] if entries else None
    if entry and entry.title and not entry.paragraphs and not entry.broken:
        if _is_title_again(contents, position):
            entries.append(_Entry(content.number, title=content.text))
        else:
            entry.paragraphs.append(content.text)
            entry.broken = content.broken
    elif len(content.text) > _LONGEST_TITLE and not content.broken:
        if entry and (entry.paragraphs or entry.broken) and entry.date is None:
            entry.paragraphs.append(content.text)
        else:
            entries.append(_Entry(content.number, paragraphs=[content.text]))
    elif content.broken and entry and entry.broken and not entry.paragraphs:
        entry.paragraphs.append(content.text)
    else:
        entries.append(_begin(content))


def _begin(content: _Content) -> _Entry:
    if not content.broken:
        return _Entry(content.number, title=content.text)
    long = len(content.text) > _LONGEST_TITLE
    return _Entry(
        content.number,
        title="" if long else content.text,
        paragraphs=[content.text] if long else [],
        broken=content.broken,
    )


def _is_title_again(contents: list[_Content], position: int) -> bool:
    """Whether the line after a title is the next paper's title: short, and an abstract follows."""
    text, following = contents[position].text, _text_at(contents, position + 1)
    return (
        len(text) < _LONGEST_TITLE
        and not text.endswith(".")
        and len(following) > _SHORTEST_ABSTRACT
    )


def _cut_off(entries: list[_Entry]) -> str:
    """What tells that the page ends within its last entry; empty where nothing does."""
    *before, last = entries
    if last.date:
        return ""
    if sum(entry.date is not None for entry in before) > len(before) / 2:
        return "no authors and date stand under the abstract; the page seems cut off here"
    if len(last.abstract) < _SHORTEST_ABSTRACT or not _is_whole(last.abstract):
        return "the abstract breaks off in mid-sentence; the page seems cut off here"
    return ""


def _is_whole(abstract: str) -> bool:
    if abstract.count("(") > abstract.count(")"):
        return False
    last_word = abstract.rsplit(None, 1)[-1]
    if "://" in last_word and not _HOST.search(last_word):
        return False
    return bool(_SENTENCE.search(abstract) or _ADDRESS.search(abstract))


def _text_at(contents: list[_Content], position: int) -> str:
    return contents[position].text if 0 <= position < len(contents) else ""


def _year_of(entries: list[_Entry]) -> int:
    """The year the page was saved in, as far as the page itself tells.

    The site prints a year only where it is not the current one, so the page is younger than
    every year on it.
    """
    years = [int(entry.date[3]) for entry in entries if entry.date and entry.date[3]]
    return max([USUAL_YEAR, *(year + 1 for year in years)])


def _record(entry: _Entry, page: _Page, rank: int) -> Record:
    return Record(
        source=SOURCE,
        key=f"{page.digest}:{rank}",
        title=entry.title,
        abstract=entry.abstract,
        author_count=entry.authors,
        organization=entry.organization,
        published=page.date_of(entry.date),
        shown=page.date_of(page.day),
        links=tuple(links_in(entry.abstract)),
        comment_count=int(entry.date[4]) if entry.date and entry.date[4] else None,
        page=page.name,
        rank=rank,
        file=page.file,
    )


def _aside(entry: _Entry, page: _Page, problem: str) -> Quarantined:
    excerpt = "\n".join(part for part in (entry.title, *entry.paragraphs) if part).encode()
    return Quarantined(page.file, entry.line, problem, SOURCE, excerpt, len(excerpt))
