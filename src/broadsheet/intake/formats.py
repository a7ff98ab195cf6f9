"""The kinds of file an import knows, told apart by content and never by name.

A new kind is one new module with a `Format`, named in `FORMATS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from broadsheet.intake import acl, bibtex, feed, hub, jsonl, openreview, ris, saved_page
from broadsheet.intake.arxiv import snapshot
from broadsheet.intake.opening import Input, InputError
from broadsheet.records import Quarantined, Record

EXPECTED = (
    "expected a saved Daily Papers page (text or HTML), JSON lines, one paper a line, JSON of "
    "daily papers or OpenReview, an RSS or Atom feed, BibTeX, RIS or ACL Anthology XML, plain, "
    "gzip or xz"
)
# Of so many things in a file of a known kind, one is a paper.
_HOPE = 10_000
# What people hand in by mistake, and what to tell them.
_FOREIGN = (
    (b"%PDF", "this is a PDF"),
    (b"PK\x03\x04", "this is a zip archive"),
    (b"\x89PNG", "this is a picture"),
    (b"BZh", "this is a bzip2 file"),
    (b"(\xb5/\xfd", "this is a zstandard file"),
    (b"\xff\xfe", "this is UTF-16 text; save it as UTF-8"),
    (b"\xfe\xff", "this is UTF-16 text; save it as UTF-8"),
    (b"SQLite format 3", "this is a database"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What an import may be told. `page_year`: the year a saved page was saved in."""

    page_year: int | None = None


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file: how it is recognised by its first bytes, and how it is read."""

    name: str
    recognises: Callable[[bytes], bool]
    reads: Callable[[Input, Options], Iterator[Record | Quarantined]]

    def read(self, opened: Input, options: Options) -> Iterator[Record | Quarantined]:
        """The file's records, and what of it cannot be read.

        Raises InputError where it breaks off, or is no such file after all.
        """
        return hopeful(self.reads(opened, options))


def hopeful(things: Iterable[Record | Quarantined]) -> Iterator[Record | Quarantined]:
    """The same as long as there is hope of a paper: a megabyte can begin half a million records,
    each of which would be put aside for itself.

    Raises InputError where the first `_HOPE` things hold none.
    """
    things = iter(things)
    for aside, thing in enumerate(things, 1):
        yield thing
        if isinstance(thing, Record):
            break
        if aside == _HOPE:
            raise InputError(
                f"none of the first {_HOPE:,} things in it is a paper; the rest was not read",
                thing.line,
            )
    yield from things


FORMATS = (
    # Before the page as text, whose words stand in its HTML too.
    Format(hub.SOURCE, hub.recognises_page, lambda opened, _options: hub.read_page(opened)),
    Format(
        saved_page.SOURCE,
        saved_page.recognises,
        lambda opened, options: saved_page.read(opened, options.page_year),
    ),
    # Before the lines of any JSON, which would take it too.
    Format("arxiv", snapshot.recognises, lambda opened, _options: snapshot.read(opened)),
    Format(acl.SOURCE, acl.recognises, lambda opened, _options: acl.read(opened)),
    Format(hub.SOURCE, hub.recognises, lambda opened, _options: hub.read(opened)),
    Format(
        openreview.SOURCE, openreview.recognises, lambda opened, _options: openreview.read(opened)
    ),
    Format(feed.SOURCE, feed.recognises, lambda opened, _options: feed.read(opened)),
    Format(bibtex.SOURCE, bibtex.recognises, lambda opened, _options: bibtex.read(opened)),
    Format(ris.SOURCE, ris.recognises, lambda opened, _options: ris.read(opened)),
    Format(jsonl.SOURCE, jsonl.recognises, lambda opened, _options: jsonl.read(opened)),
)


def recognise(opened: Input) -> Format:
    """The format of an opened file.

    Raises InputError, saying what the file is and what was expected, for anything else.
    """
    head = opened.head()
    if not head.strip():
        what = "the file is empty" if not head else "the file holds only white space"
        raise InputError(f"{what}; {EXPECTED}")
    for found in FORMATS:
        if found.recognises(head):
            return found
    raise InputError(f"{_foreign(head)}; {EXPECTED}", head=head)


def _foreign(head: bytes) -> str:
    for magic, words in _FOREIGN:
        if head.startswith(magic):
            return words
    start = head.lstrip()[:200].lower()
    if start.startswith((b"<!doctype html", b"<html")):
        return "this is an HTML page, but none of daily papers"
    if start.startswith(b"<"):
        return "this is XML of a kind unknown here"
    if start.startswith((b"[", b"{")):
        return "this is JSON, but not one object a line"
    if b"\0" in head:
        return "this is a binary file of a kind unknown here"
    return "this is text of a kind unknown here"
