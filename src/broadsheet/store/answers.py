"""What a reader answers to a paper in a mail: a vote, more like it, no more like it.

Each keeps the moment it was first said, and a second time changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection

from broadsheet.store import interests, papers, reading
from broadsheet.store.deeds import Doing


class Answer(StrEnum):
    """What a link in a mail offers."""

    VOTE = "vote"
    MORE = "more"
    LESS = "less"


def give(
    connection: Connection,
    reader: int,
    paper: int,
    answer: Answer,
    now: datetime,
    interest: int | None = None,
) -> None:
    """Keeps an answer. Of an interest's list, it is taught the paper; else 'more' puts the paper on
    the list of what is to be read. 'less' puts it aside wherever it was.
    """
    said = {Answer.VOTE: "Voted", Answer.MORE: "More like", Answer.LESS: "Less like"}[answer]
    held = papers.by_number(connection, [paper])
    doing = Doing(connection, reader, f"{said} “{held[0].title}”" if held else said, now)
    if answer is Answer.VOTE:
        reading.vote(doing, paper)
    if answer is Answer.LESS:
        reading.mark(doing, paper, "dismissed")
    elif answer is Answer.MORE and interest is None:
        reading.mark(doing, paper, "saved")
    taught = interests.numbered(connection, reader, interest) if interest is not None else None
    if taught is not None and answer is not Answer.VOTE:
        liked = answer is Answer.MORE
        if paper not in (taught.liked if liked else taught.disliked):
            interests.teach(doing, taught, [paper], liked=liked)
    doing.keep()


def interest_called(connection: Connection, reader: int, slug: str) -> int | None:
    """The number of the reader's interest of that slug."""
    found = interests.called(connection, reader, slug)
    return found.number if found else None
