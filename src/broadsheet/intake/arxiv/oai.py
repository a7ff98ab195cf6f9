"""arXiv's OAI-PMH: pages of records in the formats `arXivRaw` and `arXiv`, sets and errors.

`arXivRaw` is the one to ask for: it has each version with its day. In `arXiv`, `created` is the
day of whichever version the server looks at, so it counts as the first day only where the id
says the same month.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from broadsheet.intake.arxiv.authors import names, people
from broadsheet.intake.arxiv.record import SOURCE, Stated, arxiv_id, build, day, id_or_nothing
from broadsheet.intake.arxiv.xml import (
    Element,
    aside,
    child,
    children,
    document,
    local,
    text,
    texts,
)
from broadsheet.intake.opening import InputError
from broadsheet.records import Author, Quarantined, Record
from broadsheet.text.categories import known
from broadsheet.text.normalise import plain

FILE = "arXiv OAI-PMH"
_NOTHING = "noRecordsMatch"
_MOST_RECORDS = 50_000
_MOST_VERSIONS = 1_000
_VERSION = re.compile(r"v?(\d{1,4})\Z", re.ASCII)
_NEW_ID = re.compile(r"(\d\d)(\d\d)\.", re.ASCII)
_OLD_ID = re.compile(r"[^/]+/(\d\d)(\d\d)", re.ASCII)

# The archives that OAI-PMH keeps in the group `physics`.
_PHYSICS = frozenset(
    "astro-ph cond-mat gr-qc hep-ex hep-lat hep-ph hep-th math-ph nlin nucl-ex nucl-th physics "
    "quant-ph".split()
)
# Archives that were closed, and the categories that took their papers.
_CLOSED = {
    "acc-phys": "physics.acc-ph",
    "adap-org": "nlin.AO",
    "alg-geom": "math.AG",
    "ao-sci": "physics.ao-ph",
    "atom-ph": "physics.atom-ph",
    "bayes-an": "physics.data-an",
    "chao-dyn": "nlin.CD",
    "chem-ph": "physics.chem-ph",
    "cmp-lg": "cs.CL",
    "comp-gas": "nlin.CG",
    "dg-ga": "math.DG",
    "funct-an": "math.FA",
    "mtrl-th": "cond-mat.mtrl-sci",
    "patt-sol": "nlin.PS",
    "plasm-ph": "physics.plasm-ph",
    "q-alg": "math.QA",
    "solv-int": "nlin.SI",
    "supr-con": "cond-mat.supr-con",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One answer to ListRecords or GetRecord.

    `deleted` are ids that exist no longer, `token` asks for the next page (None: there is none),
    `answered` is the day, in UTC, on which arXiv answered.
    """

    records: tuple[Record | Quarantined, ...] = ()
    deleted: tuple[str, ...] = ()
    token: str | None = None
    answered: date | None = None


class OaiError(InputError):
    """arXiv says in OAI-PMH's words that it cannot answer; `code` is its code for why."""

    def __init__(self, code: str, said: str) -> None:
        super().__init__(f"arXiv answered {code}: {said}" if said else f"arXiv answered {code}")
        self.code = code


def parse(data: bytes) -> Page:
    """A page of records. No records on a day is an empty page, not an error.

    Raises OaiError where arXiv refuses, and InputError for what is no such answer.
    """
    root = _answer(data)
    answered = day(text(child(root, "responseDate")))
    listed = child(root, "ListRecords")
    if listed is None:
        listed = child(root, "GetRecord")
    if listed is None:
        if child(root, "error") is not None:
            return Page(answered=answered)
        raise InputError("the answer holds no list of records")
    records: list[Record | Quarantined] = []
    deleted: list[str] = []
    for count, element in enumerate(children(listed, "record")):
        if count >= _MOST_RECORDS:
            raise InputError(f"the answer has more than {_MOST_RECORDS:,} records")
        found: Record | Quarantined | str
        try:
            found = _record(element)
        except InputError as error:
            header = child(element, "header")
            key = id_or_nothing(text(child(header, "identifier")) if header is not None else "")
            found = aside(element, error, file=FILE, source=SOURCE, key=key)
        if isinstance(found, str):
            deleted.append(found)
        else:
            records.append(found)
    token = text(child(listed, "resumptionToken")).strip()
    return Page(tuple(records), tuple(deleted), token or None, answered)


def sets(data: bytes) -> Mapping[str, str]:
    """The sets that an answer to ListSets names: what to ask for, and what it is called.

    Raises InputError for any other answer.
    """
    listed = child(_answer(data), "ListSets")
    if listed is None:
        raise InputError("the answer holds no list of sets")
    found = {}
    for each in children(listed, "set"):
        values = texts(each)
        spec = plain(values.get("setSpec", ""))[:200]
        if spec:
            found[spec] = plain(values.get("setName", ""))[:500] or spec
    return MappingProxyType(found)


def set_of(category: str) -> str:
    """The set that holds a category or an archive, as in `cs.LG` -> `cs:cs:LG`.

    Raises ValueError, naming what was perhaps meant, for what is no category of arXiv's.
    """
    spelt = known().get(category.strip().lower())
    if spelt is None:
        near = nearest(category)
        hint = f"; did you mean {near}?" if near else ""
        raise ValueError(f"arXiv has no category “{category.strip()[:60]}”{hint}")
    archive, _, subject = spelt[0].partition(".")
    group = "physics" if archive in _PHYSICS else archive
    if subject:
        return f"{group}:{archive}:{subject}"
    return archive if group == archive and archive not in _PHYSICS else f"{group}:{archive}"


def nearest(category: str) -> str | None:
    """The category that was perhaps meant: by spelling, by name, or heir of a closed archive."""
    wanted = category.strip().lower()[:100]
    if not wanted:
        return None
    if wanted in _CLOSED:
        return _CLOSED[wanted]
    by_letters = {_letters(code): code for code, _ in known().values()}
    by_name = {name.lower(): code for code, name in reversed(known().values())}
    by_subject = {
        _letters(code.partition(".")[2]): code
        for code, _ in reversed(known().values())
        if "." in code
    }
    letters = _letters(wanted)
    found = by_letters.get(letters) or by_name.get(wanted) or by_subject.get(letters)
    if found:
        return found
    begun = next((code for name, code in by_name.items() if name.startswith(wanted)), None)
    if begun and len(wanted) > 3:
        return begun
    for table, word in ((by_letters, letters), (by_name, wanted)):
        close = difflib.get_close_matches(word, table, n=1, cutoff=0.7)
        if close:
            return table[close[0]]
    return None


def _letters(words: str) -> str:
    return "".join(c for c in words.lower() if c.isalnum())


def _answer(data: bytes) -> Element:
    """The root of an answer; raises OaiError for all refusals but "no records"."""
    root = document(data)
    if local(root) != "OAI-PMH":
        raise InputError("the answer is not one of OAI-PMH")
    for error in children(root, "error"):
        code = plain(error.get("code") or "error")[:60]
        if code != _NOTHING:
            raise OaiError(code, plain(text(error))[:500])
    return root


def _record(element: Element) -> Record | str:
    """The record, or the id of a deleted one."""
    header = child(element, "header")
    if header is not None and header.get("status") == "deleted":
        return arxiv_id(text(child(header, "identifier")))[0]
    metadata = child(element, "metadata")
    for paper in metadata if metadata is not None else ():
        if local(paper) == "arXivRaw":
            return _raw(paper)
        if local(paper) == "arXiv":
            return _parted(paper)
    raise InputError("the record is neither in the format arXivRaw nor in arXiv")


def _raw(paper: Element) -> Record:
    values = texts(paper)
    versions: dict[int, tuple[date | None, str]] = {}
    for each in children(paper, "version"):
        number = _VERSION.match(each.get("version") or "")
        if number and len(versions) < _MOST_VERSIONS:
            said = texts(each)
            versions[int(number[1])] = (day(said.get("date", "")), said.get("source_type", ""))
    latest = max(versions, default=None)
    updated, source_type = versions[latest] if latest is not None else (None, "")
    return build(
        Stated(
            id=values.get("id", ""),
            title=values.get("title", ""),
            abstract=values.get("abstract", ""),
            authors=names(values.get("authors", "")),
            categories=values.get("categories", "").split(),
            doi=values.get("doi", ""),
            licence=values.get("license", ""),
            comments=values.get("comments", ""),
            version=latest,
            published=versions[1][0] if 1 in versions else None,
            updated=updated,
            withdrawn="I" in source_type,
        )
    )


def _parted(paper: Element) -> Record:
    values = texts(paper)
    id_ = values.get("id", "")
    created = day(values.get("created", ""))
    updated = day(values.get("updated", "")) or created
    return build(
        Stated(
            id=id_,
            title=values.get("title", ""),
            abstract=values.get("abstract", ""),
            authors=_authors(child(paper, "authors")),
            categories=values.get("categories", "").split(),
            doi=values.get("doi", ""),
            licence=values.get("license", ""),
            comments=values.get("comments", ""),
            published=created if created and _is_first(created, id_.strip()) else None,
            updated=updated,
        )
    )


def _is_first(created: date, id_: str) -> bool:
    """Whether the id was given in the month of this day, or just after it.

    Papers are numbered when they are announced, days after they were sent in.
    """
    stated = _NEW_ID.match(id_) or _OLD_ID.match(id_)
    if stated is None:
        return False
    month = (int(stated[1]), int(stated[2]))
    later = created + timedelta(days=7)
    return month in ((created.year % 100, created.month), (later.year % 100, later.month))


def _authors(listed: Element | None) -> tuple[Author, ...]:
    if listed is None:
        return ()
    stated = []
    for each in children(listed, "author"):
        values = texts(each)
        parts = (values.get(part, "").strip() for part in ("forenames", "keyname", "suffix"))
        places = (text(place).strip() for place in children(each, "affiliation"))
        stated.append((" ".join(filter(None, parts)), "; ".join(filter(None, places))))
    return people(stated)
