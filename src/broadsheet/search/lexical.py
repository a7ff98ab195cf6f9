"""The word index: one generation of it on disk, how papers enter it, and asking it.

tantivy does the inverted index and BM25; here is what a paper looks like in it and what a query
means. A query's score is the sum over its words of their BM25 in each field times the field's
weight, and `Hit.reasons` are those sums word by word.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
from tantivy import (
    DocAddress,
    Document,
    FieldType,
    Index,
    IndexWriter,
    Occur,
    Order,
    Query,
    Schema,
    SchemaBuilder,
    Searcher,
    SearchResult,
)

from broadsheet.records import (
    Among,
    Clause,
    Content,
    Field,
    Paper,
    Reason,
    Span,
    Words,
    Years,
)
from broadsheet.records import Period as DayPeriod
from broadsheet.records import Query as ReaderQuery
from broadsheet.search.together import together
from broadsheet.text.analysis import (
    STOP_WORDS,
    name_analyzer,
    name_terms,
    prose_analyzer,
    prose_terms,
    telling,
    words_of,
)

# Raise when the schema or the analysis changes: indexes of another format are made anew.
FORMAT = 2
# How much a word counts in each field. `text` is title and abstract together; a title says what a
# paper is about in ten words, so it counts once more by itself.
WEIGHTS = {"title": 0.5, "text": 1.0, "names": 1.5}
_FIELDS = {False: ("title", "text"), True: ("names",)}
# Postings read for one query's candidates: what two cores read in a few milliseconds.
_POSTINGS = 100_000
_WRITER_BYTES = 96 * 1024 * 1024
_WRITER_THREADS = 1
# More words than these are looked for by `candidates` and `scores` only.
_MOST_CLAUSES = 60
# Of a text that was pasted in, single words are not worth marking.
_MOST_MARKED = 30
# A paper's most telling words, asked for when looking for papers like it.
_SIMILAR_TERMS = 16
_SIMILAR_TEXT = 4000
# Days as numbers that sort: later is larger, and room below for the paper's own number.
_NUMBER_BITS = 40
# Papers of one and the same score, up to this many, are listed by number over all pages; more
# of them (a single letter that is typed) stay in the index's own order.
_MOST_EQUALS = 100
# Scores are sums of single-precision numbers.
_ROUNDING = 1e-5


class Damaged(ValueError):  # noqa: N818 - it says what the index is
    """The index's files are not as they were written; it has to be made anew."""


def _schema() -> Schema:
    builder = SchemaBuilder()
    builder.add_text_field("kind", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("number", indexed=True, fast=True)
    builder.add_text_field("title", tokenizer_name="prose")
    builder.add_text_field("text", tokenizer_name="prose")
    builder.add_text_field("title_words", tokenizer_name="names", index_option="basic")
    builder.add_text_field("names", tokenizer_name="names")
    builder.add_text_field("cat", tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_text_field("has", tokenizer_name="raw", index_option="basic")
    builder.add_unsigned_field("year", indexed=True, fast=True)
    builder.add_unsigned_field("day", indexed=True, fast=True)
    builder.add_unsigned_field("newness", fast=True)
    builder.add_unsigned_field("through", stored=True)
    builder.add_unsigned_field("identity", stored=True)
    builder.add_unsigned_field("format", stored=True)
    return builder.build()


@dataclass(frozen=True, slots=True)
class State:
    """What an index holds: every change of store `identity` up to number `through`."""

    through: int
    identity: int
    format: int


@dataclass(frozen=True, slots=True)
class Hit:
    """A paper that matched, by number, with its score and the reasons that add up to it; `also`
    are other numbers of the same work.
    """

    number: int
    score: float
    reasons: tuple[Reason, ...] = ()
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """The part of a result that was asked for, and how many papers match in all.

    `relaxed` says that no paper has all the words, so these have some.
    """

    hits: tuple[Hit, ...]
    total: int
    relaxed: bool = False
    corrections: tuple[tuple[str, str], ...] = ()
    opened: bool = False


@dataclass(frozen=True, slots=True)
class Term:
    """A word of a query as it is looked up: `word` as the reader spelt it, `weight` how often it
    was said (1 + ln of the count), `field` where it stands: prose, or names for a name.
    """

    word: str
    term: str
    weight: float = 1.0
    in_names: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A query taken apart for ranking: terms a paper may have, clauses it must satisfy."""

    terms: tuple[Term, ...]
    query: ReaderQuery
    period: DayPeriod


class LexicalIndex:
    """One generation of the index, open for reading and (by one process) for writing.

    What reads the index's files raises Damaged where they are not as they were written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.schema = _schema()
        with _noticing_damage():
            if not Index.exists(str(folder)):  # tantivy would make one
                raise Damaged("the folder has no index")
            self._index = Index(self.schema, path=str(folder))
        self._index.register_tokenizer("prose", prose_analyzer())
        self._index.register_tokenizer("names", name_analyzer())

    @classmethod
    def create(cls, folder: Path) -> LexicalIndex:
        """An empty index in a new folder."""
        folder.mkdir(parents=True)
        Index(_schema(), path=str(folder))
        return cls(folder)

    def reload(self) -> None:
        """Sees what was committed since."""
        with _noticing_damage():
            self._index.reload()

    def searcher(self) -> Searcher:
        """The last commit as tantivy shows it, for questions of a kind of their own."""
        return self._index.searcher()

    def writer(self) -> IndexWriter:
        """The one writer. Raises ValueError where another process has it."""
        self._clear_away()
        return self._index.writer(_WRITER_BYTES, _WRITER_THREADS)

    def _clear_away(self) -> None:
        """Removes the lists of deleted papers that a killed writer left uncommitted.

        tantivy names such a list by segment and operation, counts operations on from the last
        commit, and refuses to write where a file is: the next commit would fail for good.
        """
        try:
            segments = orjson.loads((self._folder / "meta.json").read_bytes())["segments"]
        except (OSError, KeyError, orjson.JSONDecodeError) as error:
            raise Damaged(f"meta.json cannot be read: {error}") from error
        committed = {
            f"{segment['segment_id'].replace('-', '')}.{segment['deletes']['opstamp']}.del"
            for segment in segments
            if segment.get("deletes")
        }
        for file in self._folder.glob("*.del"):
            if file.name not in committed:
                file.unlink(missing_ok=True)

    def state(self) -> State | None:
        """What the last commit holds; None for an index without any."""
        with _noticing_damage():
            searcher = self._index.searcher()
            result = searcher.search(self._is("kind", "state"), 1)
            if not result.hits:
                return None
            values = searcher.doc(result.hits[0][1])
        return State(
            values.get_first("through") or 0,
            values.get_first("identity") or 0,
            values.get_first("format") or 0,
        )

    def held(self) -> int:
        """How many papers the last commit holds."""
        with _noticing_damage():
            return _count(self._index.searcher().search(self._is("kind", "paper"), 1, count=True))

    def largest(self) -> int:
        """The largest number of a paper that the last commit holds; 0 where it holds none."""
        with _noticing_damage():
            found = self._index.searcher().search(
                self._is("kind", "paper"), 1, order_by_field="number"
            )
        return found.hits[0][0] if found.hits else 0

    def add(self, writer: IndexWriter, content: Content) -> None:
        """Adds a paper; `remove` it first where it may be held already."""
        writer.add_document(Document.from_dict(_document(content), self.schema))

    def remove(self, writer: IndexWriter, number: int) -> None:
        """Removes a paper by number."""
        # By query: a term made from a Python int is a signed one and matches nothing here.
        writer.delete_documents_by_query(Query.term_query(self.schema, "number", number))

    def commit(self, writer: IndexWriter, state: State) -> None:
        """Commits the papers added and removed together with what they amount to.

        The state is a document of the index itself: no crash can part the two.
        """
        writer.delete_documents_by_query(self._is("kind", "state"))
        values = {
            "kind": "state",
            "through": state.through,
            "identity": state.identity,
            "format": state.format,
        }
        writer.add_document(Document.from_dict(values, self.schema))
        with _noticing_damage():
            writer.commit()
        self.reload()

    def search(
        self, query: ReaderQuery, period: DayPeriod, *, newest: bool, limit: int, offset: int
    ) -> Found:
        """The `limit` (at least one) papers behind the first `offset` that match within a period.

        By score, or `newest` first; equals by number. A paper must have all the words; where
        none has, having some is enough. A query without words to score lists newest first.
        """
        searcher = self._index.searcher()
        telling_ones = _telling_clauses(query)[:_MOST_CLAUSES]
        scored = [(clause, self._scored(clause)) for clause in telling_ones]
        filters = [*self._filters(query), *self._within(period)]
        newest = newest or not scored
        wanted = [(Occur.Must, part) for _, part in scored]
        found = self._ask(searcher, [*wanted, *filters], scored, newest, limit, offset)
        if found.total or len(scored) < 2:
            return found
        some = Query.boolean_query([(Occur.Should, part) for _, part in scored])
        found = self._ask(searcher, [(Occur.Must, some), *filters], scored, newest, limit, offset)
        return Found(found.hits, found.total, relaxed=True)

    # --- for ranking by words and meaning together ------------------------------------------

    def frequency(self, term: Term) -> int:
        """How many papers have a term, at most (a paper with it in two fields counts twice)."""
        searcher = self._index.searcher()
        return sum(searcher.doc_freq(field, term.term) for field in _FIELDS[term.in_names])

    def spelt(self, word: str) -> int:
        """How many titles have exactly this word (in lower case, without accents)."""
        return int(self._index.searcher().doc_freq("title_words", word))

    def counted(self, clause: Words) -> int:
        """How many papers satisfy a clause."""
        return _count(self._index.searcher().search(self._scored(clause), 1))

    def telling(self, paper: Paper) -> tuple[Term, ...]:
        """The paper's words of highest tf-idf."""
        searcher = self._index.searcher()
        return tuple(
            Term(word, term, weight) for word, term, weight in self._telling_terms(searcher, paper)
        )

    def candidates(self, asked: Asked, most: int) -> list[tuple[int, float]]:
        """The papers that a reading of all postings of the rarest terms puts first, by number
        with their score in those terms, best first.

        Every clause that is no plain word is satisfied. Rarest first, terms are read until
        `_POSTINGS` are spent; frequent ones say little, and `scores` counts them afterwards.
        """
        searcher = self._index.searcher()
        must = self._must(asked)
        parts = [(Occur.Should, part) for part in self._affordable(searcher, asked.terms)]
        if not parts:
            return self._numbered(searcher, Query.boolean_query(must), most) if must else []
        if not must:
            return self._numbered(searcher, Query.boolean_query(parts), most)
        # Beside a clause that itself speaks for a paper, words are welcome and not needed.
        occur = Occur.Should if required_of(asked.query) else Occur.Must
        query = Query.boolean_query([*must, (occur, Query.boolean_query(parts))])
        return self._numbered(searcher, query, most)

    def scores(self, asked: Asked, numbers: Sequence[int]) -> dict[int, float]:
        """The score in words of those of the papers that satisfy every clause.

        A paper that satisfies all and has no word scores 0.
        """
        if not numbers:
            return {}
        searcher, must = self._index.searcher(), self._must(asked)
        found, others = together(
            partial(self._scores, searcher, asked, must, numbers[::2]),
            partial(self._scores, searcher, asked, must, numbers[1::2]),
        )
        return found | others

    def _scores(
        self,
        searcher: Searcher,
        asked: Asked,
        must: Sequence[tuple[Occur, Query]],
        numbers: Sequence[int],
    ) -> dict[int, float]:
        if not numbers:
            return {}
        query = self._among(numbers)
        if must:
            query = Query.boolean_query([(Occur.Must, query), *must])
        # One optional term around another: each is looked up by skipping to the papers in
        # question, where a list of optional terms would be read from end to end.
        for part in self._weighted(asked.terms):
            query = Query.boolean_query([(Occur.Must, query), (Occur.Should, part)])
        return dict(self._numbered(searcher, query, len(numbers)))

    def parts(self, asked: Asked, numbers: Sequence[int]) -> dict[int, list[tuple[str, float]]]:
        """What each word or phrase gives to the score of each paper; nothing where it has none."""
        if not numbers:
            return {}
        searcher = self._index.searcher()
        among = self._among(numbers)
        found: dict[int, list[tuple[str, float]]] = {number: [] for number in numbers}
        clauses = [(_shown(clause), self._scored(clause)) for clause in required_of(asked.query)]
        queries = [
            (shown, Query.boolean_query([(Occur.Must, among), (Occur.Must, part)]))
            for shown, part in clauses
        ]
        queries += [(term.word, self._part(among, term)) for term in asked.terms]
        # Reading the numbers takes longer than the search itself: once is enough.
        addresses = [address for _, address in searcher.search(among, len(numbers)).hits]
        held = searcher.fast_field_values("number", addresses)
        number_at = {
            (address.segment_ord, address.doc): int(number or 0)
            for address, number in zip(addresses, held, strict=True)
        }
        halves = queries[::2], queries[1::2]
        answers = together(*(partial(_values, searcher, half, len(numbers)) for half in halves))
        # In the order of the query's words again.
        for place, (shown, _) in enumerate(queries):
            for value, where in answers[place % 2][place // 2]:
                found[number_at[where]].append((shown, value))
        return found

    def matching(self, asked: Asked, most: int) -> list[int] | None:
        """The numbers of the papers that satisfy every clause; None where they are more than
        `most`, or where there is no clause to satisfy.
        """
        must = self._must(asked)
        if not must:
            return None
        searcher = self._index.searcher()
        paper = Query.const_score_query(self._is("kind", "paper"), 0.0)
        query = Query.boolean_query([(Occur.Must, paper), *must])
        if _count(searcher.search(query, 1)) > most:
            return None
        return [number for number, _ in self._numbered(searcher, query, most)]

    def _must(self, asked: Asked) -> list[tuple[Occur, Query]]:
        required = [(Occur.Must, self._scored(clause)) for clause in required_of(asked.query)]
        filters = list(self._filters(asked.query))
        within = self._within(asked.period)
        if filters and not required and all(occur is Occur.MustNot for occur, _ in filters):
            # What is not wanted is taken from something.
            every = Query.const_score_query(self._is("kind", "paper"), 0.0)
            within = [(Occur.Must, every), *within]
        return [*required, *filters, *within]

    def _affordable(self, searcher: Searcher, terms: Sequence[Term]) -> list[Query]:
        """The terms whose postings can be read, rarest first: two at least, in titles alone where
        even those are too many.
        """
        counts = [
            sum(searcher.doc_freq(field, term.term) for field in _FIELDS[term.in_names])
            for term in terms
        ]
        chosen: list[Query] = []
        left = _POSTINGS
        for count, place in sorted((count, place) for place, count in enumerate(counts) if count):
            term = terms[place]
            if count <= left:
                chosen += self._weighted([term])
            elif len(chosen) < 2:
                chosen.append(self._in_one("names" if term.in_names else "title", term))
            else:
                break
            left -= count
        return chosen

    def _weighted(self, terms: Iterable[Term]) -> list[Query]:
        return [self._in_one(field, term) for term in terms for field in _FIELDS[term.in_names]]

    def _part(self, among: Query, term: Term) -> Query:
        """What a term gives to some papers. A title's words are in the text too, so that the text
        decides which papers have the term, and both lists of postings are skipped through.
        """
        first, *others = reversed(_FIELDS[term.in_names])
        query = Query.boolean_query([(Occur.Must, among), (Occur.Must, self._in_one(first, term))])
        for field in others:
            part = self._in_one(field, term)
            query = Query.boolean_query([(Occur.Must, query), (Occur.Should, part)])
        return query

    def _in_one(self, field: str, term: Term) -> Query:
        query = Query.term_query(self.schema, field, term.term, index_option="freq")
        return Query.boost_query(query, WEIGHTS[field] * term.weight)

    def _among(self, numbers: Sequence[int]) -> Query:
        terms = [
            (Occur.Should, Query.term_query(self.schema, "number", number)) for number in numbers
        ]
        return Query.const_score_query(Query.boolean_query(terms), 0.0)

    @staticmethod
    def _numbered(searcher: Searcher, query: Query, most: int) -> list[tuple[int, float]]:
        """Numbers and scores, best first, equals by number."""
        result = searcher.search(query, most, count=False)
        numbers = searcher.fast_field_values("number", [address for _, address in result.hits])
        found = [
            (int(number or 0), float(score))
            for number, (score, _) in zip(numbers, result.hits, strict=True)
        ]
        return sorted(found, key=lambda one: (-one[1], one[0]))

    def similar(self, paper: Paper, limit: int) -> Found:
        """Papers that share the paper's most telling words, itself left out."""
        searcher = self._index.searcher()
        scored = [
            (Words(word), Query.boost_query(self._term(term), weight))
            for word, term, weight in self._telling_terms(searcher, paper)
        ]
        if not scored:
            return Found((), 0)
        some = Query.boolean_query([(Occur.Should, part) for _, part in scored])
        itself = Query.term_query(self.schema, "number", paper.number)
        clauses = [(Occur.Must, some), (Occur.MustNot, itself)]
        return self._ask(searcher, clauses, scored, False, limit, 0)

    def categories(self, period: DayPeriod, most: int) -> list[tuple[str, int]]:
        """The categories of a period's papers with their counts, most frequent first."""
        clauses = [(Occur.Must, self._is("kind", "paper")), *self._within(period)]
        answer = self._index.searcher().aggregate(
            Query.boolean_query(clauses), {"cat": {"terms": {"field": "cat", "size": most}}}
        )
        buckets = answer["cat"]["buckets"]
        return [(bucket["key"], bucket["doc_count"]) for bucket in buckets]

    def _ask(
        self,
        searcher: Searcher,
        clauses: Sequence[tuple[Occur, Query]],
        scored: Sequence[tuple[Words, Query]],
        newest: bool,
        limit: int,
        offset: int,
    ) -> Found:
        paper = Query.const_score_query(self._is("kind", "paper"), 0.0)
        query = Query.boolean_query([(Occur.Must, paper), *clauses])
        limit = min(limit, max(searcher.num_docs, 1))  # tantivy makes room for what is asked for
        if newest:
            result = searcher.search(
                query, limit, offset=offset, order_by_field="newness", order=Order.Desc
            )
            addresses = [address for _, address in result.hits]
            numbers = searcher.fast_field_values("number", addresses)
            return Found(tuple(Hit(int(number or 0), 0.0) for number in numbers), _count(result))
        total, best = _best(searcher, query, offset + limit)
        hits = [
            Hit(number, score, _reasons(searcher, scored, score, address))
            for score, number, address in best[offset : offset + limit]
        ]
        return Found(tuple(hits), total)

    def _is(self, field: str, value: str) -> Query:
        return Query.term_query(self.schema, field, value, index_option="basic")

    def _scored(self, clause: Words) -> Query:
        """What a clause asks of a paper; nothing fits one that the index takes for no word."""
        fields: dict[Field, tuple[str, ...]] = {
            Field.TITLE: ("title",),
            Field.AUTHOR: ("names",),
        }
        parts = [
            Query.boost_query(part, WEIGHTS[name])
            for name in fields.get(clause.field, ("title", "text", "names"))
            if (part := self._in_field(name, clause)) is not None
        ]
        if clause.prefix:
            parts += self._beginnings(clause)
        if not parts:
            return Query.empty_query()
        return Query.boolean_query([(Occur.Should, part) for part in parts])

    def _in_field(self, name: str, clause: Words) -> Query | None:
        terms = name_terms(clause.text) if name == "names" else prose_terms(clause.text)
        if not terms:
            return None
        if len(terms) == 1:
            return Query.term_query(self.schema, name, terms[0], index_option="freq")
        return Query.phrase_query(self.schema, name, list(terms))

    def _beginnings(self, clause: Words) -> list[Query]:
        """Papers whose title or names have a word that begins as the clause's last one does."""
        terms = name_terms(clause.text)
        if len(terms) != 1:
            return []
        pattern = f"{terms[0]}.*"
        fields = ("names",) if clause.field is Field.AUTHOR else ("title_words", "names")
        return [Query.regex_query(self.schema, field, pattern) for field in fields]

    def _term(self, term: str) -> Query:
        fields = [
            (
                Occur.Should,
                Query.boost_query(
                    Query.term_query(self.schema, name, term, index_option="freq"), WEIGHTS[name]
                ),
            )
            for name in ("title", "text")
        ]
        return Query.boolean_query(fields)

    def _telling_terms(self, searcher: Searcher, paper: Paper) -> list[tuple[str, str, float]]:
        """The paper's words of highest tf-idf: as it spells them, as terms, and weighted."""
        words = words_of(f"{paper.title} {paper.title} {paper.text[:_SIMILAR_TEXT]}")
        spelt = {term: word for word, term in reversed(words)}
        counts = Counter(term for _, term in words if term not in STOP_WORDS and len(term) > 1)
        held = max(searcher.num_docs, 1)
        weighed = []
        for term, count in counts.items():
            frequency = searcher.doc_freq("text", term)
            if frequency > 1:
                weight = 1 + math.log(count)
                weighed.append((weight * math.log(1 + held / frequency), term, weight))
        weighed.sort(key=lambda one: (-one[0], one[1]))
        return [(spelt[term].lower(), term, weight) for _, term, weight in weighed[:_SIMILAR_TERMS]]

    def _filters(self, query: ReaderQuery) -> Iterable[tuple[Occur, Query]]:
        for clause in query.clauses:
            part = self._filter(clause)
            if part is not None:
                occur = Occur.MustNot if clause.negated else Occur.Must
                yield occur, Query.const_score_query(part, 0.0)

    def _filter(self, clause: Clause) -> Query | None:
        if isinstance(clause, Years):
            return self._between("year", clause.first or 1, clause.last or 9999)
        if isinstance(clause, Among):
            return Query.term_set_query(self.schema, "number", sorted(clause.numbers))
        if clause.field is Field.CATEGORY:
            return self._is("cat", clause.text.lower())
        if clause.field is Field.HAS:
            return self._is("has", clause.text.lower())
        if clause.field in (Field.LIKE, Field.IN):
            return None
        return self._scored(clause) if clause.negated else None

    def _within(self, period: DayPeriod) -> list[tuple[Occur, Query]]:
        if period.span is Span.UNDATED:
            return [(Occur.Must, Query.const_score_query(self._between("day", 0, 0), 0.0))]
        if period.first is None or period.last is None:
            return []
        days = self._between("day", _ordinal(period.first), _ordinal(period.last))
        return [(Occur.Must, Query.const_score_query(days, 0.0))]

    def _between(self, field: str, first: int, last: int) -> Query:
        return Query.range_query(self.schema, field, FieldType.Unsigned, first, last)


def required_of(query: ReaderQuery) -> list[Words]:
    """The clauses that speak for a paper and that it must satisfy: phrases, words of a field."""
    return [clause for clause in query.scoring if clause.phrase or clause.field is not Field.ANY]


def _shown(clause: Words) -> str:
    return f"“{clause.text}”" if clause.phrase else clause.text


def query_terms(query: ReaderQuery) -> frozenset[str]:
    """The stems a query looks for, for marking them in what was found."""
    clauses = _telling_clauses(query)
    if len(clauses) > _MOST_MARKED:
        return frozenset()
    return frozenset(term for clause in clauses for term in telling(prose_terms(clause.text)))


def _telling_clauses(query: ReaderQuery) -> list[Words]:
    """The scoring clauses without lone function words; all of them where nothing else is there."""
    return [clause for clause in query.scoring if not _is_function_word(clause)] or list(
        query.scoring
    )


def _is_function_word(clause: Words) -> bool:
    terms = name_terms(clause.text)
    return bool(terms) and not clause.phrase and STOP_WORDS.issuperset(terms)


def _reasons(
    searcher: Searcher, scored: Sequence[tuple[Words, Query]], score: float, address: DocAddress
) -> tuple[Reason, ...]:
    """What each word gave to the score, as the index itself computed it; words without a part
    in it are left out.
    """
    values = [_value(searcher, part, address) for _, part in scored[:-1]]
    last, part = scored[-1]
    if last.prefix:
        # What the others leave: to explain an unfinished word takes the index longer than to find
        # it, for it looks up every word that begins so once more.
        left = score - sum(values)
        values.append(left if left > score * _ROUNDING else 0.0)
    else:
        values.append(_value(searcher, part, address))
    return tuple(
        Reason("words", _shown(clause), value)
        for (clause, _), value in zip(scored, values, strict=True)
        if value
    )


def _value(searcher: Searcher, part: Query, address: DocAddress) -> float:
    try:
        return float(orjson.loads(part.explain(searcher, address).to_json())["value"])
    except ValueError:  # tantivy's way of saying that this word is not in this paper
        return 0.0


def _values(
    searcher: Searcher, queries: Sequence[tuple[str, Query]], most: int
) -> list[list[tuple[float, tuple[int, int]]]]:
    """What each of some questions gives to the papers that answer it: (value, where it is)."""
    return [
        [
            (float(value), (address.segment_ord, address.doc))
            for value, address in searcher.search(query, most, count=False).hits
        ]
        for _, query in queries
    ]


def _best(
    searcher: Searcher, query: Query, end: int
) -> tuple[int, list[tuple[float, int, DocAddress]]]:
    """How many papers match, and the best `end` of them (or more) as (score, number, address).

    The index orders papers of equal score by where it happens to keep them. Enough are asked for
    to see the whole of a run that crosses the end, so that pages part it by number.
    """
    result = searcher.search(query, end + _MOST_EQUALS)
    addresses = [address for _, address in result.hits]
    numbers = searcher.fast_field_values("number", addresses)
    best: list[tuple[float, int, DocAddress]] = []
    ranked = zip(result.hits, numbers, strict=True)
    for score, run in groupby(ranked, key=lambda one: float(one[0][0])):
        equals = [(score, int(number or 0), address) for (_, address), number in run]
        if len(equals) <= _MOST_EQUALS:
            equals.sort(key=lambda one: one[1])
        best += equals
    return _count(result), best


@contextmanager
def _noticing_damage() -> Iterator[None]:
    """Raises Damaged for what tantivy says, or panics about, when it meets files that are not
    as it wrote them; a disk that is full or cannot be written is not that.
    """
    try:
        yield
    except ValueError as error:
        if "os error" in str(error) and "os error 2)" not in str(error):
            raise
        raise Damaged(str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise Damaged(str(error)) from error


def _count(result: SearchResult) -> int:
    # tantivy's type hints do not know the attribute.
    return int(getattr(result, "count"))  # noqa: B009


def _document(content: Content) -> dict[str, Any]:
    day = _ordinal(content.day) if content.day else 0
    return {
        "kind": "paper",
        "number": content.number,
        "title": content.title,
        "title_words": content.title,
        "text": [content.title, content.text],
        "names": list(content.names),
        "cat": category_terms(content.categories),
        "has": sorted(content.has),
        "year": content.year or 0,
        "day": day,
        "newness": (day << _NUMBER_BITS) | ((1 << _NUMBER_BITS) - 1 - content.number),
    }


def category_terms(categories: Iterable[str]) -> list[str]:
    """Each category and, as in `cs` for `cs.LG`, the archive it belongs to."""
    terms = [category.lower() for category in categories]
    return list(dict.fromkeys(terms + [t.split(".", 1)[0] for t in terms if "." in t]))


def _ordinal(day: date) -> int:
    return day.toordinal()
