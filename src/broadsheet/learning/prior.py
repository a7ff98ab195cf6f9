"""What an empty room goes by: how much a paper is like those that a community's editors picked.

A logistic model of words, the number of authors, and whether the abstract links to code. It was
trained by `broadsheet prior train` (`prior_training.py`); `model/prior.md` is its card. Its
scores are log-odds, moved so that the mean paper of the training has 0. Within a field only: in
the training each field's picked papers weighed as much as its others, so no field is preferred.

Names are no features. Words count only where they stand in the model's vocabulary, which holds no
word that is mostly written with a capital and no lab or company; addresses are cut out first.
Works with numpy and the standard library.
"""

from __future__ import annotations

import json
import lzma
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from broadsheet.records import Paper
from broadsheet.text.analysis import stem

BUILT_IN = Path(__file__).parent / "model" / "prior.json.xz"
# As much of a text as is read: longer than any abstract that arXiv takes.
LONGEST_TEXT = 6_000
# More authors than this tell no more.
MOST_AUTHORS = 30
# Archives and categories (by their beginnings) of which picks are known.
FIELDS = ("cs.", "eess.", "stat.ML")
# Parts that name a word; the others are added up.
_NAMED_WORDS = 4
# Spellings whose word is remembered.
_REMEMBERED = 100_000
_UNKNOWN = -1

# All of these see texts in small letters. The end of a host's name, and the characters around it
# that are one address with it; looking for the end first costs little where there is none.
_HOST = r"\.(?:com|org|net|edu|gov|io|ai|cn|co|dev|app|page|science)\b"
_MAY_ADDRESS = re.compile(rf"://|{_HOST}")
_ADDRESS = re.compile(rf"https?\s*:\s*//\S+|(?<!\S)\S+{_HOST}\S*")
_CODE_HOSTS = ("github.com/", "gitlab.com/", "huggingface.co/", "bitbucket.org/")
_TEX = re.compile(r"\$[^$]{0,300}\$|\\[a-z]+")
_WORD = re.compile(r"[a-z]{3,}")

Parts = tuple[tuple[str, float], ...]


class PriorError(Exception):
    """A prior cannot be read or trained; the message is a sentence."""


def links_to_code(abstract: str) -> bool:
    """Whether the abstract itself holds an address where code is kept.

    Only the text is asked: links found elsewhere were known of one of the two sources alone.
    """
    text = abstract[:LONGEST_TEXT].lower()
    return any(host in text for host in _CODE_HOSTS)


def running_text(title: str, abstract: str) -> str:
    """Title and abstract in small letters, without addresses (they name organisations) and TeX
    (its spelling differs from source to source).
    """
    return without_addresses(f"{title}\n{abstract}"[:LONGEST_TEXT].lower())


def without_addresses(text: str) -> str:
    """A text without addresses and TeX; what is written large in it may be left."""
    if _MAY_ADDRESS.search(text):
        text = _ADDRESS.sub(" ", text)
    if "\\" in text or "$" in text:
        text = _TEX.sub(" ", text)
    return text


def spelt_words(text: str) -> list[str]:
    """The words of three letters or more of a text in small letters, a hyphen being a space."""
    return _WORD.findall(text)


def authors_feature(count: int | None) -> float:
    """The logarithm of the number of authors, at most MOST_AUTHORS; an unknown one counts as 5,
    about the mean of all papers.
    """
    return math.log(min(max(count or 5, 1), MOST_AUTHORS))


@dataclass(frozen=True)
class Weights:
    """What was learned: log-odds for each word (times its share), author and code link.

    `words` has for each stem its spelling and weight. `authors` is per unit of `authors_feature`
    above `mean_authors`, `code` for a link to code beyond `mean_code` of the papers, and `offset`
    moves the mean score to zero.
    """

    words: Mapping[str, tuple[str, float]]
    authors: float
    mean_authors: float
    code: float
    mean_code: float
    offset: float


class _Places(dict[str, int]):
    """The place of each spelling once it was asked for; most words are old ones."""

    def __init__(self, stems: Mapping[str, int]) -> None:
        super().__init__()
        self._stems = stems

    def __missing__(self, word: str) -> int:
        place = self._stems.get(stem(word), _UNKNOWN)
        if len(self) < _REMEMBERED:
            self[word] = place
        return place


class Prior:
    """Scores papers. Equal texts, counts and categories give equal scores, so a score may be
    kept under (number, change). About 100 µs a paper.
    """

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._shown = [shown for shown, _ in weights.words.values()]
        self._values = np.array([value for _, value in weights.words.values()], np.float64)
        self._places = _Places({term: place for place, term in enumerate(weights.words)})

    def scores(self, papers: Sequence[Paper]) -> NDArray[np.float64]:
        """Log-odds of being picked, shape (len(papers),); 0 is the mean paper of the training."""
        return np.array([self.score(paper) for paper in papers], np.float64)

    def score(self, paper: Paper) -> float:
        """The sum of the paper's parts."""
        return math.fsum(value for _, value in self.parts(paper))

    def parts(self, paper: Paper) -> Parts:
        """What speaks for and against the paper, as (what, log-odds); `math.fsum` of the values
        is the score, exactly. Strongest words first.
        """
        if paper.categories and not any(code.startswith(FIELDS) for code in paper.categories):
            return (("nothing is known of picks in this field", 0.0),)
        weights = self._weights
        count = paper.author_count or len(paper.authors) or None
        authors = weights.authors * (authors_feature(count) - weights.mean_authors)
        code = links_to_code(paper.abstract)
        linked = weights.code * (code - weights.mean_code)
        found = self._found(running_text(paper.title, paper.text))
        # A text's words together have length one (Euclidean), so long texts do not count more.
        values = self._values[found] / math.sqrt(max(len(found), 1))
        strongest = np.argsort(-np.abs(values), kind="stable")
        named, others = strongest[:_NAMED_WORDS], strongest[_NAMED_WORDS:]
        rest = math.fsum(values[others].tolist()) + weights.offset
        return (
            (f"{count or 'unknown number of'} authors", authors),
            ("code is linked" if code else "no code is linked", linked),
            *((f"“{self._shown[found[at]]}”", float(values[at])) for at in named.tolist()),
            (f"{len(others)} other words", rest),
        )

    def _found(self, text: str) -> list[int]:
        """The places of the words of a text that the model knows, in their order."""
        found = set(map(self._places.__getitem__, set(spelt_words(text))))
        found.discard(_UNKNOWN)
        return sorted(found)


def save(weights: Weights, path: Path) -> None:
    """Writes the model as compressed JSON; the same weights give the same bytes."""
    held = {
        "authors": [weights.authors, weights.mean_authors],
        "code": [weights.code, weights.mean_code],
        "offset": weights.offset,
        "words": [[term, shown, value] for term, (shown, value) in weights.words.items()],
    }
    text = json.dumps(held, separators=(",", ":"), ensure_ascii=True)
    path.write_bytes(lzma.compress(text.encode(), preset=9))


def load_from(path: Path) -> Prior:
    """The model of a file. Raises PriorError."""
    try:
        held = json.loads(lzma.decompress(path.read_bytes()))
        words = {str(term): (str(shown), float(value)) for term, shown, value in held["words"]}
        numbers = _finite([*held["authors"], *held["code"], held["offset"]])
        weights = Weights(words, *numbers)
        _finite(value for _, value in words.values())
        return Prior(weights)
    except (OSError, ValueError, KeyError, TypeError, lzma.LZMAError) as error:
        raise PriorError(f"The prior in {path.name} cannot be read: {error}.") from error


def _finite(values: Iterable[float]) -> list[float]:
    numbers = [float(value) for value in values]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a weight is not a number")
    return numbers


@cache
def load() -> Prior:
    """The prior that comes with Broadsheet; loaded once. Raises PriorError."""
    return load_from(BUILT_IN)
