"""arXiv's own files of metadata, one version of one paper each, as its servers keep them.

Between lines of two backslashes stand the fields, as in letters, and then the abstract.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from broadsheet.intake.arxiv.authors import names
from broadsheet.intake.arxiv.record import Stated, build, day
from broadsheet.intake.opening import InputError
from broadsheet.records import Record

_LARGEST = 4 * 1024 * 1024
_FIELD = re.compile(r"([A-Za-z][A-Za-z-]{1,20}): ?(.*)\Z")
# "Date (revised v2): Thu, 10 May 2007 06:06:47 GMT   (0kb,I)"
_VERSION = re.compile(
    r"Date(?: \(revised v?(?P<number>\d{1,4})\))?:(?P<date>[^(]{5,60})"
    r"(?:\(\d{1,9}kb(?:,(?P<kind>[A-Z]{1,5}))?\))?",
    re.ASCII,
)
_MOST_VERSIONS = 1_000


def parse(data: bytes) -> Record:
    """The paper of a file. Raises InputError for what is no such file."""
    if len(data) > _LARGEST:
        raise InputError(f"the file has {len(data):,} bytes; at most {_LARGEST:,}")
    head, abstract = _parts(data.decode("utf-8", "replace"))
    fields, versions = _fields(head)
    latest = max(versions, default=None)
    updated, kind = versions[latest] if latest is not None else (None, "")
    return build(
        Stated(
            id=fields.get("arxiv", "").partition(" ")[0],
            title=fields.get("title", ""),
            abstract=abstract,
            authors=names(fields.get("authors", "")),
            categories=fields.get("categories", "").split(),
            doi=fields.get("doi", ""),
            licence=fields.get("license", ""),
            comments=fields.get("comments", ""),
            version=latest,
            published=versions[1][0] if 1 in versions else None,
            updated=updated,
            withdrawn="I" in kind,
        )
    )


def _parts(text: str) -> tuple[list[str], str]:
    lines = text.split("\n")
    marks = [number for number, line in enumerate(lines) if line.rstrip() == "\\\\"]
    if len(marks) < 2:
        raise InputError("the file is none of arXiv's metadata: no lines of two backslashes")
    end = marks[2] if len(marks) > 2 else len(lines)
    return lines[marks[0] + 1 : marks[1]], "\n".join(lines[marks[1] + 1 : end])


def _fields(
    lines: list[str],
) -> tuple[Mapping[str, str], Mapping[int, tuple[date | None, str]]]:
    """The fields by their names in small letters, and each version's day and kind of source."""
    gathered: dict[str, list[str]] = {}
    versions: dict[int, tuple[date | None, str]] = {}
    current: list[str] = []
    for line in map(str.rstrip, lines):
        version = _VERSION.match(line)
        field = _FIELD.match(line)
        if version and len(versions) < _MOST_VERSIONS:
            versions[int(version["number"] or 1)] = (day(version["date"]), version["kind"] or "")
        elif field:
            current = gathered.setdefault(field[1].lower(), [])
            current.append(field[2])
        elif line.startswith(" "):
            current.append(line)
    return {name: "\n".join(parts) for name, parts in gathered.items()}, versions
