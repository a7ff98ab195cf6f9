"""OpenReview's notes as its interface gives them, version 2 and version 1.

A note is a paper where it begins a forum. Replies (reviews, decisions, comments) are none, nor are
notes that were deleted, and papers that were withdrawn or refused without a review.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from broadsheet.intake.json_items import objects, parsed
from broadsheet.intake.jsonl import links_in
from broadsheet.intake.opening import EXCERPT_BYTES, Input, InputError, Line
from broadsheet.intake.works import (
    LONGEST_ABSTRACT,
    LONGEST_NAME,
    address,
    authors_of,
    distinct,
    identifiers_of,
    known_address,
    links_of,
    text_within,
    titled,
    without_arxivs_dois,
)
from broadsheet.records import Author, Link, Quarantined, Record

SOURCE = "openreview"
_SITE = "https://openreview.net"
_START = rb"(?:\xef\xbb\xbf)?\s*"
_ANSWER = re.compile(_START + rb'\{\s*(?:"count"\s*:\s*\d+\s*,\s*)?"notes"\s*:\s*\[')
_ARRAY = re.compile(_START + rb"\[\s*(?=[{\]])")
_OBJECT = re.compile(_START + rb"\{")
_FORUM = re.compile(rb'"forum"\s*:\s*"')
_CONTENT = re.compile(rb'"content"\s*:\s*\{')
_ID = re.compile(r"[\w-]{3,60}\Z", re.ASCII)
# How the venue, the venue's id or the invitation of a paper ends that is no paper any longer.
_TAKEN_BACK = re.compile(
    r"\b(?:Desk[_ ]?Reject(?:ed|ion)?|Withdrawn)(?:[_ ](?:Blind[_ ])?Submissions?)?\s*\Z",
    re.IGNORECASE,
)
# The days of a note, best first: published, made public, created (as stated, as stored).
_DAYS = ("pdate", "odate", "cdate", "tcdate")
_LATEST = 32_503_680_000_000  # the year 3000, in milliseconds


def recognises(head: bytes) -> bool:
    """Whether the file begins as an answer, a list of notes, or with a note on its first line."""
    if _ANSWER.match(head):
        return True
    if not _ARRAY.match(head):
        if not _OBJECT.match(head):
            return False
        head = head.lstrip().split(b"\n", 1)[0]
    return bool(_FORUM.search(head) and _CONTENT.search(head))


def read(opened: Input) -> Iterator[Record | Quarantined]:
    """A record for each note that is a paper; one that cannot be read is put aside.

    Raises InputError where the file breaks off.
    """
    for item in _notes(opened):
        try:
            note = parsed(item)
            if _is_paper(note):
                yield _record(note)
        except InputError as error:
            yield Quarantined(
                file=opened.name,
                line=item.number,
                reason=error.reason,
                source=SOURCE,
                excerpt=item.data[:EXCERPT_BYTES],
                size=item.size,
            )


def _notes(opened: Input) -> Iterable[Line]:
    head = opened.head()
    for opening in (_ANSWER, _ARRAY):
        if opening.match(head):
            return objects(opened.pieces(), opening)
    return (line for line in opened.lines() if line.data.strip())


def _is_paper(note: dict[str, Any]) -> bool:
    forum = note.get("forum")
    if note.get("replyto") or note.get("ddate") or (forum and forum != note.get("id")):
        return False
    content = _content(note)
    stated = [_text(content, "venue"), _text(content, "venueid"), note.get("invitation")]
    invitations = note.get("invitations")
    stated += invitations[:50] if isinstance(invitations, list) else []
    return not any(isinstance(text, str) and _TAKEN_BACK.search(text[-200:]) for text in stated)


def _content(note: dict[str, Any]) -> dict[str, Any]:
    content = note.get("content")
    return content if isinstance(content, dict) else {}


def _value(content: dict[str, Any], name: str) -> Any:
    """What a field says: version 2 wraps it in an object, version 1 does not."""
    said = content.get(name)
    return said.get("value") if isinstance(said, dict) else said


def _text(content: dict[str, Any], name: str) -> str:
    value = _value(content, name)
    return value if isinstance(value, str) else ""


def _record(note: dict[str, Any]) -> Record:
    id_ = note.get("forum") or note.get("id")
    if not isinstance(id_, str) or not _ID.match(id_):
        raise InputError("the note has no id of OpenReview")
    content = _content(note)
    abstract = text_within(_text(content, "abstract"), LONGEST_ABSTRACT, "abstract")
    elsewhere = [known_address(_text(content, name)) for name in ("html", "ee", "arxiv", "pdf")]
    names = (
        f"openreview:{id_}",
        *without_arxivs_dois(name for name in identifiers_of(elsewhere) if "review:" not in name),
    )
    published = _published(note)
    return Record(
        source=SOURCE,
        key=id_,
        title=titled(_text(content, "title")),
        abstract=abstract,
        identifiers=names,
        authors=authors_of(_authors(content)),
        year=published.year if published else None,
        published=published,
        links=distinct([*_links(content, id_), *links_of(names), *links_in(abstract)]),
    )


def _published(note: dict[str, Any]) -> date | None:
    for name in _DAYS:
        stamp = note.get(name)
        if type(stamp) is int and 0 < stamp < _LATEST:
            return datetime.fromtimestamp(stamp / 1000, UTC).date()
    return None


def _authors(content: dict[str, Any]) -> Iterator[Author]:
    """The authors; a paper under review may have none but 'Anonymous'."""
    authors = _value(content, "authors")
    for author in authors if isinstance(authors, list) else ():
        said = author
        if isinstance(author, dict):
            said = author.get("fullname") or author.get("name")
        if isinstance(said, str) and said.strip().lower() != "anonymous":
            yield Author(text_within(said, LONGEST_NAME, "an author's name"))


def _links(content: dict[str, Any], id_: str) -> Iterator[Link]:
    yield Link("abstract", f"{_SITE}/forum?id={id_}")
    pdf = _text(content, "pdf")
    if pdf:
        yield Link("pdf", address(pdf) or f"{_SITE}/pdf?id={id_}")
    for kind, name in (("code", "code"), ("page", "html"), ("project", "project_page")):
        url = address(_text(content, name))
        if url and not known_address(url):
            yield Link(kind, url)
