"""BibTeX and BibLaTeX files, of any size: an entry is read when its end is known.

Volumes (`@proceedings` and the like) are no papers; a year they state serves the papers in them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from bibtexparser import model
from bibtexparser.entrypoint import parse_string
from bibtexparser.middlewares.names import (
    InvalidNameError,
    parse_single_name_into_parts,
    split_multiple_persons_names,
)

from broadsheet.intake.bibtex_plain import plain_entry
from broadsheet.intake.jsonl import links_in
from broadsheet.intake.opening import EXCERPT_BYTES, Input, InputError
from broadsheet.intake.works import (
    LONGEST_ABSTRACT,
    LONGEST_NAME,
    MOST_AUTHORS,
    address,
    arxiv_stated,
    authors_of,
    day_of,
    distinct,
    doi,
    identifiers_of,
    key_of,
    known_address,
    links_of,
    month_of,
    text_within,
    titled,
    without_arxivs_dois,
    year_of,
)
from broadsheet.records import Author, Link, Quarantined, Record
from broadsheet.text import categories
from broadsheet.text.latex import untexed

SOURCE = "bibtex"
_ENTRY = re.compile(
    rb"^[ \t]*@[ \t]*(?:(?:string|preamble|comment)[ \t]*[{(]"
    rb"|[a-z]{2,40}[ \t]*[{(][ \t]*[^\s{}(),=\"]{0,400}[ \t]*,)",
    re.IGNORECASE | re.MULTILINE,
)
_BEGIN = re.compile(rb"[ \t]*@[ \t]*[A-Za-z]{2,40}[ \t]*[{(]")
_ENCODING = re.compile(rb"^%+[ \t]*encoding:[ \t]*([\w-]{3,20})", re.IGNORECASE | re.MULTILINE)
# What a file may say of its own encoding; anything else is read as UTF-8.
_ENCODINGS = frozenset(
    "windows-1252 cp1252 iso-8859-1 iso8859-1 iso8859_1 latin-1 latin1 iso-8859-15 "
    "iso8859_15".split()
)
_LARGEST_ENTRY = 2**20
_DEEPEST = 60
_BRACE = re.compile(r"[{}]")
_VOLUMES = frozenset(
    "proceedings mvproceedings collection mvcollection periodical set xdata customa".split()
)
_INHERITED = ("year", "month", "date")
_MOST_PARENTS = 50_000
_MOST_WAITING = 16_000_000  # characters of entries whose volume has not come yet
_MOST_STRINGS = 10_000
_LONGEST_STRING = 10_000
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?(?!\d)")
_DAY = re.compile(r"(?<!\d)([1-9]|0[1-9]|[12]\d|3[01])(?!\d)")
_DELIMITER = re.compile(r'[{}"]')
_TOKEN = re.compile(r'\{|"|[^\s#{}"]+')
_DISAMBIGUATED = re.compile(r" \d{4}\Z")
_ESCAPED = re.compile(r"\\([_%#&~{}])")
_LINK = re.compile(r"\\(?:url|href)\s*\{([^{}]*)\}")
# Fields that may speak of an arXiv paper.
_TELLING = ("journal", "journaltitle", "volume", "note", "howpublished", "doi", "url")

# It tells of every fault in a file on standard error; the quarantine is where they belong.
logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class _Block:
    """The lines from one that begins an entry to the next such line."""

    line: int
    data: bytes
    size: int

    def aside(self, file: str, reason: str) -> Quarantined:
        return Quarantined(file, self.line, reason, SOURCE, self.data[:EXCERPT_BYTES], self.size)


@dataclass(slots=True)
class _File:
    """What the entries read so far say for those to come."""

    name: str
    encoding: str = "utf-8"
    strings: dict[str, str] = field(default_factory=dict)
    parents: dict[str, dict[str, str]] = field(default_factory=dict)
    waiting: list[tuple[_Block, str, dict[str, str]]] = field(default_factory=list)
    waiting_size: int = 0


def recognises(head: bytes) -> bool:
    """Whether an entry stands at the beginning of one of the first lines."""
    return b"\0" not in head and bool(_ENTRY.search(head)) and head.lstrip()[:1] not in b"<{["


def read(opened: Input) -> Iterator[Record | Quarantined]:
    """A record for each entry that is a paper; one that cannot be read is put aside.

    Raises InputError where the file breaks off, or holds nothing but volumes and comments.
    """
    file = _File(opened.name)
    met = False
    for block in _blocks(opened, file):
        told = False
        for thing in _read_block(block, file):
            met = True
            # Its bytes are kept once, however many faults they hold.
            if isinstance(thing, Record) or not told:
                yield thing
            told = told or isinstance(thing, Quarantined)
    for block, entry_type, fields in file.waiting:
        met = True
        yield _paper(block, entry_type, _with_parent(fields, file), file)
    if not met:
        raise InputError("no paper stands in the file")


def _blocks(opened: Input, file: _File) -> Iterator[_Block]:
    """The file in blocks; what stands before the first entry is left out."""
    parts: list[bytes] = []
    number, size = 0, 0
    for line_number, data, line_size in opened.lines():
        if not parts and (stated := _ENCODING.match(data)):
            name = stated[1].decode("ascii", "replace").lower()
            file.encoding = name if name in _ENCODINGS else "utf-8"
        if data and _BEGIN.match(data):
            if parts:
                yield _Block(number, b"\n".join(parts), size)
            parts, number, size = [data[: _LARGEST_ENTRY + 1]], line_number, line_size + 1
        elif parts:
            if size <= _LARGEST_ENTRY:
                parts.append(data[: _LARGEST_ENTRY + 1])
            size += line_size + 1
    if parts:
        yield _Block(number, b"\n".join(parts), size)


def _read_block(block: _Block, file: _File) -> Iterator[Record | Quarantined]:
    try:
        text = _text_of(block, file)
        if plain := plain_entry(text):
            fields = {
                name.lower(): value if enclosed else _named(value, file)
                for name, value, enclosed in reversed(plain.fields)  # the first of a name counts
            }
            yield from _read_entry(plain.kind, plain.key, fields, block, file)
            return
        _refuse_depth(text)
    except InputError as error:
        yield block.aside(file.name, error.reason)
        return
    for found in parse_string(text, parse_stack=()).blocks:
        if isinstance(found, model.String):
            _note_string(found, file)
        elif isinstance(found, model.ParsingFailedBlock):
            entry = found.ignore_error_block
            if isinstance(entry, model.Entry):  # a field or a key that stands there twice
                yield from _read_found(entry, block, file)
            elif not (found.raw or "").lower().startswith(("@comment", "@preamble")):
                yield block.aside(file.name, _fault(found))
        elif isinstance(found, model.Entry):
            yield from _read_found(found, block, file)


def _text_of(block: _Block, file: _File) -> str:
    if block.size > _LARGEST_ENTRY + 1:
        raise InputError(f"the entry has {block.size:,} bytes; one has far fewer")
    try:
        return block.data.decode(file.encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"byte {error.start + 1} of the entry is not UTF-8") from error


def _refuse_depth(text: str) -> None:
    depth = 0
    for brace in _BRACE.finditer(text):
        depth += 1 if brace[0] == "{" else -1
        if depth > _DEEPEST:
            raise InputError(f"braces are nested over {_DEEPEST} deep")


def _fault(found: model.ParsingFailedBlock) -> str:
    reason = str(getattr(found.error, "abort_reason", "") or "not BibTeX").rstrip(".")
    reason = " ".join(reason.split())[:200]
    return f"not BibTeX: {reason[:1].lower()}{reason[1:]}"


def _note_string(found: model.String, file: _File) -> None:
    value = _value(found.value, file)
    if len(file.strings) < _MOST_STRINGS and len(value) <= _LONGEST_STRING:
        file.strings[found.key.lower()] = value


def _read_found(entry: model.Entry, block: _Block, file: _File) -> Iterator[Record | Quarantined]:
    fields: dict[str, str] = {}
    for one in entry.fields:
        fields.setdefault(one.key.lower(), _value(str(one.value), file))
    return _read_entry(entry.entry_type, entry.key, fields, block, file)


def _read_entry(
    kind: str, key: str, fields: dict[str, str], block: _Block, file: _File
) -> Iterator[Record | Quarantined]:
    if len(file.parents) < _MOST_PARENTS:
        said = {name: fields[name][:100] for name in _INHERITED if name in fields}
        file.parents.setdefault(key.lower()[:200], said)
    if kind in _VOLUMES:
        return
    parent = fields.get("crossref", "").strip().lower()
    if parent and parent not in file.parents and file.waiting_size < _MOST_WAITING:
        file.waiting_size += block.size
        file.waiting.append((block, kind, fields))
        return
    yield _paper(block, kind, _with_parent(fields, file), file)


def _with_parent(fields: dict[str, str], file: _File) -> dict[str, str]:
    """The entry's fields, and those of its volume that it does not state itself."""
    inherited = file.parents.get(fields.get("crossref", "").strip().lower(), {})
    if "year" in fields or "date" in fields:
        return fields
    return {**inherited, **fields}


def _value(raw: str, file: _File) -> str:
    """A value without what encloses it; its parts joined, and names of strings looked up."""
    parts: list[str] = []
    position = size = 0
    while size <= _LARGEST_ENTRY and (match := _TOKEN.search(raw, position)):
        if match[0] in ("{", '"'):
            position = _closing(raw, match.start())
            parts.append(raw[match.end() : position - 1])
        else:
            position = match.end()
            parts.append(_named(match[0], file))
        size += len(parts[-1])
    return "".join(parts)


def _named(word: str, file: _File) -> str:
    """What the file calls by this name; the names of months are known to all."""
    return file.strings.get(word.lower(), word)


def _closing(raw: str, opening: int) -> int:
    """Where what begins at `opening` ends: behind its brace or quotation mark, or at the end."""
    depth = 0
    quoted = raw[opening] == '"'
    for match in _DELIMITER.finditer(raw, opening + 1):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth < 0 and not quoted:
                return match.end()
        elif quoted and depth == 0:
            return match.end()
    return len(raw) + 1


def _paper(
    block: _Block, entry_type: str, fields: dict[str, str], file: _File
) -> Record | Quarantined:
    try:
        return _record(fields)
    except InputError as error:
        reason = error.reason
        if entry_type and "no title" in reason:
            reason = f"the entry of the kind {entry_type[:40]} has no title"
        return block.aside(file.name, reason)


def _record(fields: dict[str, str]) -> Record:
    title = titled(_clear(fields, "title"))
    abstract = text_within(_clear(fields, "abstract"), LONGEST_ABSTRACT, "abstract")
    names = _identifiers(fields)
    authors = _authors(fields.get("author", ""))
    year, month, day = _date(fields)
    return Record(
        source=SOURCE,
        key=key_of(names, title, authors),
        title=title,
        abstract=abstract,
        identifiers=names,
        authors=authors,
        categories=_categories(fields),
        year=year,
        published=day_of(year, month, day),
        links=distinct([*links_of(names), *_links(fields), *links_in(abstract)]),
    )


def _clear(fields: dict[str, str], name: str) -> str:
    return untexed(fields[name]) if name in fields else ""


def _verbatim(fields: dict[str, str], name: str) -> str:
    """A field that TeX reads as it stands; some programs escape its characters all the same."""
    text = fields.get(name, "").strip()
    if not text:
        return ""
    text = _ESCAPED.sub(r"\1", text)
    match = _LINK.match(text)
    return match[1].strip() if match else text.strip("{}<> ")


def _identifiers(fields: dict[str, str]) -> tuple[str, ...]:
    stated = [known_address(_verbatim(fields, name)) for name in ("url", "doi") if name in fields]
    if eprint := _verbatim(fields, "eprint"):
        kind = fields.get("archiveprefix") or fields.get("eprinttype") or "arxiv"
        if kind.strip("{} ").lower() == "arxiv":
            stated.append(arxiv_stated(f"arXiv:{eprint}"))
    stated += [arxiv_stated(_verbatim(fields, name)[:500]) for name in _TELLING if name in fields]
    stated.append(doi(_verbatim(fields, "doi")))
    return without_arxivs_dois(identifiers_of(stated))


def _authors(text: str) -> tuple[Author, ...]:
    if len(text) > LONGEST_NAME * 500:
        raise InputError(f"author has {len(text):,} characters; no list of names has so many")
    names = split_multiple_persons_names(text) if text.strip() else []
    if len(names) == 1 and ";" in text:
        names = text.split(";")
    if len(names) > MOST_AUTHORS:
        raise InputError(f"author has {len(names):,} names; at most {MOST_AUTHORS:,}")
    return authors_of(Author(_name(name)) for name in names if name.strip().lower() != "others")


def _name(name: str) -> str:
    """A name in the order in which it is said: given names first."""
    if len(name) > LONGEST_NAME:
        raise InputError(f"a name has {len(name):,} characters; at most {LONGEST_NAME}")
    try:
        parts = parse_single_name_into_parts(name, strict=False)
    except InvalidNameError:
        said = name
    else:
        said = " ".join([*parts.first, *parts.von, *parts.last, *parts.jr])
    return _DISAMBIGUATED.sub("", text_within(untexed(said), LONGEST_NAME, "an author's name"))


def _categories(fields: dict[str, str]) -> tuple[str, ...]:
    stated = fields.get("primaryclass") or fields.get("eprintclass") or ""
    known = categories.known().get(stated.strip("{}[] ").lower()) if stated else None
    return (known[0],) if known else ()


def _date(fields: dict[str, str]) -> tuple[int | None, int | None, int | None]:
    """Year, month and day, as far as they are stated."""
    if stated := _DATE.match(fields.get("date", "").strip()):
        numbers = [int(part) if part else None for part in stated.groups()]
        return numbers[0], numbers[1], numbers[2]
    year = year_of(_clear(fields, "year"))
    text = _clear(fields, "month")[:100].strip()
    month = month_of(text)
    day = _DAY.search(_clear(fields, "day")[:20])
    if day is None and month and not text.isdecimal():
        day = _DAY.search(text)
    return year, month, int(day[1]) if day else None


def _links(fields: dict[str, str]) -> Iterator[Link]:
    url = address(_verbatim(fields, "url"))
    if url and not known_address(url):
        yield Link("pdf" if url.lower().endswith(".pdf") else "page", url)
