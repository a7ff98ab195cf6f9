"""What arXiv answers to a path and query, of an invented world and as its clock stands.

Documents are made once and kept; the clock is a part of what they are kept by. A fault of content
(see `faults`) changes what is in them.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlencode

from . import documents, faults
from .documents import Asked, Item, Section
from .faults import Fault
from .world import KINDS, Paper, World, in_subject, midnight

EARLIEST = date(2005, 9, 16)
SHOWN = (25, 50, 100, 250, 500, 1000, 2000)
RECENT_DAYS = 5
CATCHUP_DAYS = 91
HTML = "text/html; charset=utf-8"
OAI = "application/xml"
QUERY = "application/atom+xml; charset=utf-8"
IDENTIFIER = re.compile(r"(\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v(\d+))?")
KEPT_DOCUMENTS = 4096
_TITLE = re.compile(r"<title>.*?</title>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer before it is sent."""

    body: bytes
    kind: str = HTML
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def _tagged(body: bytes) -> Answer:
    """A page with the tag of its content."""
    return Answer(body, headers={"ETag": f'"{hashlib.sha256(body).hexdigest()}"'})


class _OaiError(Exception):
    """An error that the harvesting interface tells with status 200."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class _BadRequestError(Exception):
    """A request that arXiv answers with status 400."""


class Answers:
    """The answers of one world. `page_size` and `token_life` are those of `Standin`."""

    def __init__(self, world: World, page_size: int, token_life: timedelta | None) -> None:
        self.world = world
        self.page_size = page_size
        self.token_life = token_life
        self._lock = threading.Lock()
        self._tokens: dict[str, datetime] = {}
        self._documents: dict[tuple[Any, ...], Answer] = {}

    def document(self, target: str, fault: Fault | None) -> Answer:
        """The answer to a path and query, as the fault leaves it."""
        path, _, query = target.partition("?")
        if "resumptionToken=" in query:  # Whether it still counts is asked anew each time.
            return self._made(path, query, fault)
        key = (target, self.world.now, fault)
        if key not in self._documents:
            if len(self._documents) > KEPT_DOCUMENTS:
                self._documents.clear()
            self._documents[key] = self._made(path, query, fault)
        return self._documents[key]

    def _made(self, path: str, query: str, fault: Fault | None) -> Answer:
        routes: tuple[tuple[str, Callable[[tuple[str, ...], str, Fault | None], Answer]], ...] = (
            (r"/oai", self._oai),
            (r"/oai2", self._moved),
            (r"/list/([\w.+-]+)/new", self._new),
            (r"/list/([\w.+-]+)/(?:recent|pastweek)", self._recent),
            (r"/catchup/([\w.+-]+)/([^/]+)", self._catchup),
            (r"/(rss|atom)/([\w.+-]+)", self._feed),
            (r"/a/([\w'-]+)\.atom2", self._author),
            (r"/api/query", self._query),
        )
        for pattern, route in routes:
            match = re.fullmatch(pattern, path)
            if match:
                try:
                    return route(match.groups(), query, fault)
                except _BadRequestError as error:
                    return Answer(documents.error_page(400, str(error)).encode(), status=400)
        return Answer(documents.error_page(404, "Page not found").encode(), status=404)

    # --- Listings and feeds -----------------------------------------------------------------

    def _new(self, found: tuple[str, ...], query: str, fault: Fault | None) -> Answer:
        subject = self._subject(found[0], fault)
        skip, show = _paging(query, usually=SHOWN[-1])
        day = self.world.listed_day()
        if isinstance(fault, faults.StaleList):
            day = max((told for told in self.world.all_days() if day and told < day), default=day)
        if day is None:
            raise _BadRequestError("Nothing has been announced yet")
        sections = self._sections(subject, day, fault)
        return _tagged(documents.new_page(subject, day, sections, skip, show).encode())

    def _recent(self, found: tuple[str, ...], query: str, fault: Fault | None) -> Answer:
        subject = self._subject(found[0], fault)
        skip, show = _paging(query, usually=50)
        newest = self.world.listed_day()
        listed = [day for day in self.world.all_days() if newest and day <= newest]
        sections = []
        for day in reversed(listed[-RECENT_DAYS:]):
            new, cross, _ = self._sections(subject, day, fault, newest)
            heading = f"{day:%a}, {day.day} {day:%b} {day.year}"
            sections.append(Section(heading, new.items + cross.items, "entries )"))
        return Answer(documents.recent_page(subject, sections, skip, show).encode())

    def _catchup(self, found: tuple[str, ...], query: str, fault: Fault | None) -> Answer:
        subject = self._subject(found[0], fault)
        given = dict(parse_qsl(query))
        abstracts = given.get("abs", "False")
        if given.keys() - {"abs", "page"} or abstracts not in {"True", "False"}:
            raise _BadRequestError("Unexpected parameters")
        day = _day(found[1])
        today = self.world.now.date()
        if day is None or day > today:
            raise _BadRequestError("Invalid date")
        if day < today - timedelta(days=CATCHUP_DAYS):
            raise _BadRequestError("Catchup only allowed for past 90 days")
        newest = self.world.listed_day() or date.min
        sections = [
            section if day <= newest and given.get("page", "1") == "1" else Section("", ())
            for section in self._sections(subject, min(day, newest), fault, newest)
        ]
        following = next((d for d in self.world.all_days() if day < d <= newest), None)
        page = documents.catchup_page(subject, day, following, sections, abstracts)
        return _tagged(page.encode())

    def _feed(self, found: tuple[str, ...], _: str, fault: Fault | None) -> Answer:
        subject = self._subject(found[1], fault)
        day = self.world.today()
        if isinstance(fault, faults.StaleFeed):
            before = [told for told in self.world.all_days() if told < day]
            day = before[-1] if before else day
        newest = self.world.listed_day() or date.min
        items: Sequence[Item] = ()
        if day <= newest:
            items = [item for part in self._sections(subject, day, fault) for item in part.items]
        make = documents.rss if found[0] == "rss" else documents.atom
        body = make(subject, day, items).encode()
        built = midnight(day)
        left = midnight(day + timedelta(days=1)) - self.world.now
        headers = {
            **_tagged(body).headers,
            "Last-Modified": format_datetime(built.astimezone(UTC), usegmt=True),
            "Cache-Control": f"max-age={max(0, int(left.total_seconds()))}",
        }
        return Answer(body, f"application/{found[0]}+xml", headers=headers)

    def _author(self, found: tuple[str, ...], _: str, fault: Fault | None) -> Answer:
        """The feed of an author by the name of their page: `quill_m_1` is the first M. Quill."""
        known = self.world.papers(self.world.today())
        written = [paper for paper in known.values() if found[0] in pages_of(paper)]
        if not written and not isinstance(fault, faults.Empty):
            return Answer(documents.error_page(404, "Author not found").encode(), status=404)
        papers = _arranged(sorted(written, key=lambda paper: paper.id, reverse=True), fault)
        body = documents.author_feed(self.world.now, found[0], papers)
        return Answer(body.encode(), QUERY)

    def _subject(self, asked: str, fault: Fault | None) -> str:
        known = {*documents.NAMES, *documents.ARCHIVES, *self.world.categories}
        if not all(part in known for part in asked.split("+")):
            raise _BadRequestError(f"Invalid archive or category: {asked}")
        if isinstance(fault, faults.OtherSet):
            return fault.category or self._another(asked)
        return asked

    def _another(self, subject: str) -> str:
        others = self.world.categories
        place = others.index(subject) if subject in others else -1
        return others[(place + 1) % len(others)]

    def _sections(
        self, subject: str, day: date, fault: Fault | None, as_of: date | None = None
    ) -> list[Section]:
        said = self.world.announced(subject, day)
        # An older day is shown with its papers as they stand now, as arXiv shows it.
        papers = self.world.papers(max(day, as_of or day))
        headings = ("New submissions", "Cross submissions", "Replacement submissions")
        return [
            Section(heading, _arranged([Item(papers[key], kind) for key in said[kind]], fault))
            for kind, heading in zip(KINDS, headings, strict=True)
        ]

    # --- Harvesting -------------------------------------------------------------------------

    def _moved(self, _: tuple[str, ...], query: str, __: Fault | None) -> Answer:
        return Answer(b"", status=301, headers={"Location": f"/oai?{query}"})

    def _oai(self, _: tuple[str, ...], query: str, fault: Fault | None) -> Answer:
        asked = parse_qsl(query, keep_blank_values=True)
        given = dict(asked)
        repeated = {k: v for k, v in given.items() if k in _OAI_PARAMETERS}
        try:
            if len(asked) != len(given):
                raise _OaiError("badArgument", "Duplicate parameters not allowed")
            inner = self._verb(given, fault)
        except _OaiError as error:
            if error.code in {"badArgument", "badVerb"}:
                repeated = {}
            inner = documents.oai_error(error.code, str(error))
        return Answer(documents.oai(self.world.now, repeated, inner).encode(), OAI)

    def _verb(self, given: dict[str, str], fault: Fault | None) -> str:
        verb = given.get("verb")
        if verb in {"Identify", "ListSets"}:
            if len(given) > 1:
                raise _OaiError("badArgument", "No other parameters allowed")
            sets = documents.list_sets(self.world.categories)
            return documents.identify(EARLIEST) if verb == "Identify" else sets
        if verb == "GetRecord":
            return self._get_record(given)
        if verb == "ListRecords":
            return self._list_records(given, fault)
        raise _OaiError("badVerb", "Invalid verb provided")

    def _get_record(self, given: dict[str, str]) -> str:
        if given.keys() != {"verb", "identifier", "metadataPrefix"}:
            raise _OaiError("badArgument", "Parameters provided did not match expected.")
        papers = self._harvested()
        name = given["identifier"]
        paper = papers.get(name.removeprefix("oai:arXiv.org:"))
        if not name.startswith("oai:arXiv.org:") or paper is None:
            raise _OaiError("idDoesNotExist", "Nothing found for this ID")
        made = documents.record(paper, _prefix(given))
        return f"<GetRecord>\n{made}</GetRecord>\n"

    def _list_records(self, given: dict[str, str], fault: Fault | None) -> str:
        token = given.get("resumptionToken")
        skip = 0
        if token is not None:
            if len(given) > 2:
                raise _OaiError("badArgument", "No other parameters allowed with resumptionToken")
            given, skip = self._from_token(token, fault)
        allowed = {"verb", "metadataPrefix", "from", "until", "set"}
        if "metadataPrefix" not in given or given.keys() - allowed:
            raise _OaiError("badArgument", "metadataPrefix required, or unallowed parameter")
        prefix = _prefix(given)
        chosen = _in_set(self._set_asked(given, fault))
        start, end = self._span(given)
        matching = sorted(
            (
                paper
                for paper in self._harvested().values()
                if start <= paper.datestamp <= end and chosen(paper)
            ),
            key=lambda paper: (paper.datestamp, paper.id),
        )
        page = matching[skip : skip + self.page_size]
        shown = _arranged(page, fault)
        if not shown:
            raise _OaiError("noRecordsMatch", "The list is empty.")
        records = [documents.record(paper, prefix) for paper in shown]
        if isinstance(fault, faults.Deleted):
            records[0] = documents.deleted_record(shown[0])
        if isinstance(fault, faults.Untitled):
            records = [
                _TITLE.sub("<title></title>", made) if paper.id == fault.id else made
                for made, paper in zip(records, shown, strict=True)
            ]
        onward = ""
        if isinstance(fault, faults.TokenLoop) and token is not None:
            onward = documents.resumption(token, self._expiry())
        elif len(matching) > skip + self.page_size:
            onward = self._resumption(given, skip, page, matching[skip + self.page_size])
        return f"<ListRecords>\n{''.join(records)}{onward}</ListRecords>\n"

    def _harvested(self) -> dict[str, Paper]:
        day = self.world.harvested_day()
        return self.world.papers(day) if day else {}

    def _set_asked(self, given: dict[str, str], fault: Fault | None) -> str | None:
        asked = given.get("set")
        if asked is None:
            return None
        if asked not in _known_sets(self.world.categories):
            raise _OaiError("badArgument", "Set does not exist")
        if isinstance(fault, faults.OtherSet):
            mine = [name for name in self.world.categories if documents.set_spec(name) == asked]
            return documents.set_spec(fault.category or self._another(mine[0] if mine else ""))
        return asked

    def _span(self, given: dict[str, str]) -> tuple[date, date]:
        today = self.world.now.date()
        start, end = _day(given.get("from", f"{EARLIEST}")), _day(given.get("until", f"{today}"))
        if start is None or end is None:
            raise _OaiError("badArgument", "date format must be YYYY-MM-DD")
        if start > end:
            raise _OaiError("badArgument", "until date must be greater than or equal to from date")
        if start < EARLIEST or end > today + timedelta(days=1):
            raise _OaiError("badArgument", "start date too early or until date too late")
        return start, end

    def _expiry(self) -> datetime:
        if self.token_life is not None:
            return self.world.now + self.token_life
        midnight_utc = self.world.now.replace(hour=0, minute=0, second=0, microsecond=0)
        return midnight_utc + timedelta(days=1)

    def _resumption(
        self, given: dict[str, str], skip: int, page: Sequence[Paper], following: Paper
    ) -> str:
        """As arXiv has it: the whole query and an offset, the day moving on with the pages."""
        day = following.datestamp
        asked = {key: value for key, value in given.items() if key != "resumptionToken"}
        if day == page[0].datestamp:
            skip += len(page)
        else:
            asked["from"] = day.isoformat()
            skip = sum(paper.datestamp == day for paper in page)
        token = quote(urlencode({**asked, "skip": skip}))
        expires = self._expiry()
        with self._lock:
            self._tokens[token] = expires
        return documents.resumption(token, expires)

    def _from_token(self, token: str, fault: Fault | None) -> tuple[dict[str, str], int]:
        # A token comes back as it was given out, or with its quoting undone once too often.
        names = (token, quote(token))
        with self._lock:
            expires = next((self._tokens[name] for name in names if name in self._tokens), None)
        is_over = expires is not None and self.world.now >= expires
        given = {key: values[0] for key, values in parse_qs(unquote(token)).items()}
        skip = given.pop("skip", "")
        if (
            isinstance(fault, faults.ExpiredToken)
            or is_over
            or not skip.isdecimal()
            or given.get("verb") != "ListRecords"
        ):
            raise _OaiError("badResumptionToken", "The token is invalid or expired.")
        return given, int(skip)

    # --- The query interface ----------------------------------------------------------------

    def _query(self, _: tuple[str, ...], query: str, fault: Fault | None) -> Answer:
        given = dict(parse_qsl(query))
        now = self.world.now
        try:
            asked = Asked(
                given.get("search_query", ""),
                given.get("id_list", ""),
                int(given.get("start", 0)),
                int(given.get("max_results", 10)),
            )
            if asked.start < 0 or not 0 <= asked.max_results <= 2000 or asked.start > 30000:
                raise _BadRequestError("start and max_results must be within limits")
            papers = self._searched(asked)
        except (_BadRequestError, ValueError) as error:
            body = documents.query_error(now, str(error)).encode()
            return Answer(body, QUERY, 400)
        if given.get("sortBy") in {"submittedDate", "lastUpdatedDate"}:
            place = 0 if given["sortBy"] == "submittedDate" else -1
            papers.sort(
                key=lambda paper: (paper.versions[place].submitted, paper.id),
                reverse=given.get("sortOrder", "descending") == "descending",
            )
        page = _arranged(papers[asked.start : asked.start + asked.max_results], fault)
        return Answer(documents.query_answer(now, asked, len(papers), page).encode(), QUERY)

    def _searched(self, asked: Asked) -> list[Paper]:
        known = self.world.papers(self.world.today())
        if not asked.id_list:
            return [paper for paper in known.values() if _says(paper, asked.search_query)]
        found = []
        for name in asked.id_list.split(","):
            match = IDENTIFIER.fullmatch(name.strip())
            if match is None:
                raise _BadRequestError(f"incorrect id format for {name}")
            paper = known.get(match[1])
            number = int(match[2] or 0)
            if paper is None or number > paper.version:
                continue
            if number:
                paper = replace(paper, versions=paper.versions[:number])
            if not asked.search_query or _says(paper, asked.search_query):
                found.append(paper)
        return found


Thing = TypeVar("Thing")
_OAI_PARAMETERS = (
    "verb", "identifier", "metadataPrefix", "from", "until", "set", "resumptionToken",
)  # fmt: skip


def pages_of(paper: Paper) -> set[str]:
    """The names of the pages that the authors of a paper have."""
    return {f"{one.keyname}_{one.forenames[:1]}_1".lower() for one in paper.authors}


def _arranged(things: Sequence[Thing], fault: Fault | None) -> tuple[Thing, ...]:
    """The things as a fault of content leaves them."""
    if isinstance(fault, faults.Duplicates):
        return tuple(thing for thing in things for _ in range(2))
    if isinstance(fault, faults.Reordered):
        return tuple(reversed(things))
    if isinstance(fault, faults.Empty):
        return ()
    return tuple(things)


def _paging(query: str, usually: int) -> tuple[int, int]:
    given = dict(parse_qsl(query))
    skip = given.get("skip", "0")
    show = given.get("show", str(usually))
    if not show.isdecimal() or int(show) not in SHOWN:
        raise _BadRequestError("Invalid show value")
    return int(skip) if skip.isdecimal() else 0, int(show)


def _day(text: str) -> date | None:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text, re.ASCII):
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _prefix(given: Mapping[str, str]) -> str:
    if given["metadataPrefix"] not in {"arXivRaw", "arXiv"}:
        raise _OaiError("cannotDisseminateFormat", "Did not recognize requested format")
    return given["metadataPrefix"]


def _known_sets(categories: Iterable[str]) -> set[str]:
    names = {*documents.NAMES, *documents.ARCHIVES, *categories}
    groups = {documents.group_of(archive) for archive in documents.ARCHIVES}
    return groups | {documents.set_spec(name) for name in names}


def _in_set(asked: str | None) -> Callable[[Paper], bool]:
    if asked is None:
        return lambda _: True
    return lambda paper: any(
        (documents.set_spec(name) + ":").startswith(asked + ":") for name in paper.categories
    )


def _says(paper: Paper, search: str) -> bool:
    """Whether a paper is what a query asks for: `cat:`, `ti:`, `abs:`, `all:`, joined by AND."""
    return all(_has(paper, *_term(term)) for term in search.split(" AND ") if term)


def _term(term: str) -> tuple[str, str]:
    name, colon, value = term.strip().partition(":")
    return (name, value.strip('"').lower()) if colon else ("all", name.lower())


def _has(paper: Paper, name: str, value: str) -> bool:
    if name == "cat":
        return any(in_subject(category.lower(), value) for category in paper.categories)
    if name == "submittedDate":
        first, _, last = value.strip("[]").partition(" to ")
        return first <= f"{paper.versions[0].submitted:%Y%m%d%H%M}" <= last
    texts = {"ti": paper.title, "abs": paper.abstract, "all": f"{paper.title} {paper.abstract}"}
    if name == "au":
        return any(value in person.name.lower() for person in paper.authors)
    return value in texts.get(name, "").lower() if value else True
