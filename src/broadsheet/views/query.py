"""The query language: what a reader types, as clauses, and in words what could not be read.

    sparse autoencoder        papers with these words (function words do not count)
    "mutual information"      these words side by side
    -survey                   without this word
    title:pruning             the word in the title
    author:"kaiming he"       a name among the authors or the organisation
    cat:cs.LG   cat:cs        a category, or a whole archive
    year:2023   year:2020..   a year, or a span of years
    like:2403.13064           papers like that one
    has:code                  papers with a link to code (project, data, model, video, ...)
    in:graphs                 papers of the reader's interest of that name

A text of forty words or more is pasted, not typed: it is words and nothing else.

No input fails: whatever cannot be read as meant is read as words, and said to be.
"""

from __future__ import annotations

import re

from broadsheet.records import Among, Clause, Field, Query, Words, Years
from broadsheet.text.normalise import plain

# The beginning of a longer text is enough to find the paper it came from.
_LONGEST_QUERY = 4000
_MOST_CLAUSES = 400
# Nobody types so many words: this is a text, pasted in, and its colons, hyphens and quotation
# marks are punctuation.
_PASTED = 40
_HAS = ("code", "project", "data", "model", "video", "pdf", "abstract", "doi")
_TOKEN = re.compile(
    r"""(?P<not>-)?(?:(?P<field>[A-Za-z]+):)?(?:"(?P<phrase>[^"]*)(?P<close>"?)|(?P<word>[^\s"]+))"""
)
_YEAR = r"(?!0000)\d{4}"
_YEARS = re.compile(
    rf"(?P<only>{_YEAR})\Z|(?P<first>{_YEAR})?(?:\.\.\.?|-)(?P<last>{_YEAR})?\Z", re.ASCII
)
_WORDY = re.compile(r"[^\W_]")
_FIELDS = {
    "title": Field.TITLE,
    "author": Field.AUTHOR,
    "authors": Field.AUTHOR,
    "cat": Field.CATEGORY,
    "category": Field.CATEGORY,
    "has": Field.HAS,
    "like": Field.LIKE,
    "in": Field.IN,
}
# Second halves of compounds: in `blockchain -based` a hyphen lost its place, nobody means "not".
_SECOND_HALVES = ("aware", "based", "driven", "free", "like", "oriented", "specific", "wise")
# What looks like a field in text that was pasted in: part of an address, not of the language.
_ADDRESS = ("http", "https", "doi", "arxiv", "ftp", "mailto")


def parse(text: str, *, typing: bool = False) -> Query:
    """The query that `text` states. Never fails; `Query.problems` says what was not understood.

    `typing` is for results as one types: the last word may still be unfinished.
    """
    text = plain(text)
    parser = _Parser()
    if len(text) > _LONGEST_QUERY:
        parser.problems.append(
            f"The query was cut after {_LONGEST_QUERY:,} characters; the rest was not read."
        )
        text = text[:_LONGEST_QUERY]
    pasted = [word for word in text.split() if _WORDY.search(word)]
    if len(pasted) >= _PASTED:
        if len(pasted) > _MOST_CLAUSES:
            parser.problems.append(f"Only the first {_MOST_CLAUSES} words were read.")
        words = tuple(Words(word) for word in pasted[:_MOST_CLAUSES])
        return Query(text, words, tuple(parser.problems))
    for match in _TOKEN.finditer(text):
        if len(parser.clauses) >= _MOST_CLAUSES:
            parser.problems.append(f"Only the first {_MOST_CLAUSES} words were read.")
            break
        parser.take(match)
    clauses = parser.clauses
    if typing and clauses and not text.endswith('"'):
        clauses = [*clauses[:-1], _unfinished(clauses[-1])]
    return Query(text, tuple(clauses), tuple(dict.fromkeys(parser.problems)))


class _Parser:
    def __init__(self) -> None:
        self.clauses: list[Clause] = []
        self.problems: list[str] = []

    def take(self, match: re.Match[str]) -> None:
        """Reads one token: perhaps a minus, perhaps a field, and a word or phrase."""
        negated = bool(match["not"]) and match["word"] not in _SECOND_HALVES
        written = match["field"] or ""
        is_phrase = match["phrase"] is not None
        if is_phrase and not match["close"]:
            self.problems.append("A quotation mark was not closed; the phrase runs to the end.")
        value = match["phrase"] if is_phrase else match["word"]
        if not written and not is_phrase and value.endswith(":"):
            written, value = value[:-1], ""
        name = written.lower()
        if name == "year":
            self._take_years(value, negated)
        elif name in _FIELDS:
            self._take_field(_FIELDS[name], name, value, is_phrase, negated)
        else:
            if name and value and name not in _ADDRESS:
                self.problems.append(
                    f"There is no field “{name}:”; it was read as a word. "
                    "Fields are title:, author:, cat:, year:, has:, like: and in:."
                )
            between = " " if is_phrase else ":"
            self._take_words(f"{written}{between}{value}" if written else value, is_phrase, negated)

    def _take_words(self, value: str, is_phrase: bool, negated: bool) -> None:
        if _WORDY.search(value):
            self.clauses.append(Words(value, phrase=is_phrase, negated=negated))

    def _take_field(
        self, field: Field, name: str, value: str, is_phrase: bool, negated: bool
    ) -> None:
        if not _WORDY.search(value):
            self.problems.append(f"Nothing stands behind “{name}:”; it was left out.")
        elif field is Field.LIKE and negated:
            self.problems.append(f"A minus before “{name}:” is not understood; it was left out.")
        elif field is Field.HAS and value.lower() not in _HAS:
            self.problems.append(f"“has:{value}” is not known; a paper can have {', '.join(_HAS)}.")
        else:
            self.clauses.append(Words(value, field, phrase=is_phrase, negated=negated))

    def _take_years(self, value: str, negated: bool) -> None:
        match = _YEARS.match(value)
        if match is None or not any(match.groups()):
            self.problems.append(
                f"“year:{value}” is no year; write year:2023, year:2020..2024 or year:2020.. ."
            )
            return
        first, last = (
            int(year) if year else None
            for year in (match["only"] or match["first"], match["only"] or match["last"])
        )
        if first and last and first > last:
            self.problems.append(
                f"“year:{value}” runs backwards; it was read as year:{last:04}..{first:04}."
            )
            first, last = last, first
        self.clauses.append(Years(first, last, negated))


def _unfinished(clause: Clause) -> Clause:
    if not isinstance(clause, Words) or clause.phrase or clause.negated:
        return clause
    if clause.field in (Field.CATEGORY, Field.HAS, Field.LIKE, Field.IN):
        return clause
    return Words(clause.text, clause.field, prefix=True)


def in_words(query: Query) -> str:
    """How a query was understood, as a reader would write it."""
    return " ".join(_clause_in_words(clause) for clause in query.clauses)


def _clause_in_words(clause: Clause) -> str:
    sign = "-" if clause.negated else ""
    if isinstance(clause, Years):
        first, last = ("" if year is None else f"{year:04}" for year in (clause.first, clause.last))
        return f"{sign}year:{first}" if first == last else f"{sign}year:{first}..{last}"
    if isinstance(clause, Among):
        return f'{sign}{Field.IN}:"{clause.name}"'
    text = f'"{clause.text}"' if clause.phrase else clause.text
    field = "" if clause.field is Field.ANY else f"{clause.field}:"
    return f"{sign}{field}{text}"
