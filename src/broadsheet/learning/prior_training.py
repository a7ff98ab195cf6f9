"""Training the prior: from what editors picked and the other papers of the same days.

What could tell the two files apart without telling picks apart is kept out:

- days: only days that both files have, and each month's picks weigh as much as its others;
- categories: the file of picks has none. Fields are guessed from the words of both alike, and
  each field's picks weigh as much as its others, because the other papers are no even sample of
  the fields;
- links, stars, comments: one file only. Only addresses in the abstract count;
- TeX, figures, single letters, punctuation, lengths: written differently; not read;
- names: no author, organisation, address; a word counts only where it has a row in the embedding,
  is mostly written small inside sentences, stands in both files, and is no name below.

Only for training; needs scikit-learn.
"""

from __future__ import annotations

import json
import lzma
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import numpy as np
from numpy.typing import NDArray

from broadsheet.embed.lexicon import Lexicon
from broadsheet.learning.prior import (
    PriorError,
    Weights,
    authors_feature,
    links_to_code,
    running_text,
    spelt_words,
    without_addresses,
)
from broadsheet.text.analysis import STOP_WORDS, stem

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Watch = Callable[[int, int], None]

# The share of a word's places in running text (its sentence's first word aside) that must be in
# small letters: names are written large.
SMALL = 0.5
# Papers of each file that a word must stand in.
LEAST_OTHERS, LEAST_FEATURED = 20, 5
# How freely weights grow (the inverse of the ridge); chosen on August and September of 2025 with
# the months before as training.
FREEDOM = 0.3
# Fields that are told apart; all else is one.
FIELDS = ("cs.CV", "cs.CL", "cs.AI", "cs.LG")
OTHER = "other"
# A pick of a rare field and month weighs at most this many times the usual.
_MOST_WEIGHT = 5.0
_FOLDS = 2

# Makers and products whose names are words too, or are often written small.
_NAMES = """
alibaba aliyun amazon anthropic apple baidu bard bert bytedance chatgpt claude cohere copilot
deepmind deepseek doubao ernie facebook falcon flux gemini gemma github gitlab google gpt grok
huawei huggingface hugging hunyuan ibm imagen intel internlm kimi llama llava mathstral megvii
meituan meta microsoft midjourney minimax mistral moonshot nemotron netflix nvidia openai oracle
phi pixtral qwen qwq runway salesforce samsung seed sensetime sora spotify stability tencent
tiktok twitter uber wechat xai xiaomi yandex youtube zhipu
arxiv bair berkeley cambridge cmu columbia eth harvard kaist mit oxford peking princeton shanghai
stanford tsinghua university
""".split()
# A word inside a sentence: what stands before it is a small letter or a comma.
_INSIDE = re.compile(r"(?<=[a-z,;] )[A-Za-z]{3,}\b")


@dataclass(frozen=True, slots=True)
class Example:
    """A paper and whether it was picked. `field` is empty where the file says none; `upvotes`
    is known of picks only; `name` is the arXiv id, whose order is that of submission.
    """

    name: str
    day: date
    title: str
    abstract: str
    authors: int
    picked: bool
    field: str = ""
    upvotes: int = 0


@dataclass(frozen=True)
class Texts:
    """The examples with what is read of their texts: `stems` of each."""

    examples: tuple[Example, ...]
    stems: tuple[frozenset[str], ...]

    @property
    def picked(self) -> NDArray[np.bool_]:
        """Whether each was picked, shape (n,)."""
        return np.array([one.picked for one in self.examples], bool)

    def part(self, places: Sequence[int] | Ints) -> Texts:
        """Only the examples at `places`."""
        return Texts(
            tuple(self.examples[at] for at in places), tuple(self.stems[at] for at in places)
        )


@dataclass(frozen=True)
class Trained:
    """A model, and what it was made from."""

    weights: Weights
    picked: int
    others: int
    days: int
    first: date
    last: date


def read_examples(featured: Path, others: Path) -> tuple[list[Example], int]:
    """The examples of the days that both files have, by day and name, and how many picks lie on
    other days. Raises PriorError, OSError.
    """
    picks = [_pick(row, where) for row, where in _rows(featured)]
    rest = [_other(row, where) for row, where in _rows(others)]
    names = {one.name for one in picks}
    rest = [one for one in rest if one.name not in names]
    days = {one.day for one in picks} & {one.day for one in rest}
    if not days:
        raise PriorError(f"{featured.name} and {others.name} have no day in common.")
    kept = [one for one in (*picks, *rest) if one.day in days]
    left = sum(one.day not in days for one in picks)
    return sorted(kept, key=lambda one: (one.day, one.name)), left


def read_texts(examples: Sequence[Example]) -> Texts:
    """What the model may read of each."""
    return Texts(
        tuple(examples),
        tuple(
            frozenset(map(stem, spelt_words(running_text(one.title, one.abstract))))
            for one in examples
        ),
    )


def vocabulary(texts: Texts, lexicon: Lexicon) -> dict[str, str]:
    """The stems that may count, in the order of the alphabet, each with its commonest spelling."""
    known: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    small: Counter[str] = Counter()
    large: Counter[str] = Counter()
    forms: Counter[str] = Counter()
    for one, stems in zip(texts.examples, texts.stems, strict=True):
        known[one.picked].update(stems)
        forms.update(spelt_words(running_text("", one.abstract)))
        for word in _INSIDE.findall(without_addresses(one.abstract)):
            (small if word.islower() else large)[stem(word.lower())] += 1
    barred = STOP_WORDS | {stem(name) for name in _NAMES}
    chosen = {
        term
        for term, count in known[False].items()
        if count >= LEAST_OTHERS
        and known[True][term] >= LEAST_FEATURED
        and term not in barred
        and lexicon.row(term) >= 0
        and small[term] >= SMALL * (small[term] + large[term])
    }
    shown: dict[str, str] = {}
    for form, _ in sorted(forms.items(), key=lambda item: (-item[1], item[0])):
        shown.setdefault(stem(form), form)
    return {term: shown.get(term, term) for term in sorted(chosen)}


def matrix(texts: Texts, words: Sequence[str]) -> csr_matrix:
    """A row a text: for each of `words` it has, one over the root of their number."""
    from scipy.sparse import csr_matrix

    place = {word: at for at, word in enumerate(words)}
    rows = [sorted(place[term] for term in stems if term in place) for stems in texts.stems]
    lengths = np.array([len(row) for row in rows], np.int64)
    values = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths)
    columns = np.fromiter((at for row in rows for at in row), np.int64, int(lengths.sum()))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    return csr_matrix((values, columns, starts), shape=(len(rows), len(words)))


def plain_features(texts: Texts) -> Floats:
    """The features beside the words, shape (n, 2): authors, code link."""
    return np.array(
        [
            (authors_feature(one.authors), float(links_to_code(one.abstract)))
            for one in texts.examples
        ],
        np.float64,
    )


def guess_fields(words: csr_matrix, texts: Texts, seed: int) -> NDArray[np.str_]:
    """The field of each text, guessed from its words alone, picks and others alike.

    A guess about another paper comes from a model that has not seen it.
    """
    from sklearn.linear_model import LogisticRegression

    stated = np.array([one.field for one in texts.examples])
    fold = np.random.default_rng(seed).integers(0, _FOLDS, len(stated))
    found = np.full(len(stated), OTHER, dtype="U16")
    for number in range(_FOLDS):
        learn = np.flatnonzero((stated != "") & (fold != number))
        told = np.flatnonzero(fold == number)
        if len(set(stated[learn])) < 2 or not len(told):
            continue
        model = LogisticRegression(C=1.0, class_weight="balanced", max_iter=300)
        model.fit(words[learn], stated[learn])
        found[told] = model.predict(words[told])
    return found


def evened(texts: Texts, fields: NDArray[np.str_]) -> Floats:
    """Weights, shape (n,): picks are spread over months and fields as the others are.

    Others weigh 1; the picks together weigh as many as they are.
    """
    picked = texts.picked
    stratum = [
        f"{one.day:%Y-%m} {field}" for one, field in zip(texts.examples, fields, strict=True)
    ]
    among = Counter(s for s, is_pick in zip(stratum, picked, strict=True) if is_pick)
    rest = Counter(s for s, is_pick in zip(stratum, picked, strict=True) if not is_pick)
    usual = sum(among.values()) / max(sum(rest.values()), 1)
    weights = np.ones(len(picked))
    for at in np.flatnonzero(picked):
        weights[at] = min(usual * rest[stratum[at]] / among[stratum[at]], _MOST_WEIGHT)
    total = weights[picked].sum()
    if total:
        weights[picked] *= picked.sum() / total
    return weights


def train(texts: Texts, lexicon: Lexicon, seed: int = 0, *, even: bool = True) -> Trained:
    """A model of the texts. `even` spreads the picks over fields and months as the others are.

    Raises PriorError where there is too little to learn from.
    """
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    forms = vocabulary(texts, lexicon)
    picked = texts.picked
    if not forms or not picked.any() or picked.all():
        raise PriorError(
            "There is too little to learn from: words must stand in "
            f"{LEAST_FEATURED} featured and {LEAST_OTHERS} other papers of the same days."
        )
    words = matrix(texts, list(forms))
    plain = plain_features(texts)
    means = plain.mean(axis=0)
    weights = evened(texts, guess_fields(words, texts, seed)) if even else np.ones(len(picked))
    model = LogisticRegression(C=FREEDOM, max_iter=1000, random_state=seed)
    features = hstack([words, csr_matrix(plain - means)]).tocsr()
    model.fit(features, picked, sample_weight=weights)
    values = model.coef_[0]
    of_words = np.round(values[:-2], 3)
    days = sorted({one.day for one in texts.examples})
    return Trained(
        Weights(
            words={
                term: (form, float(value))
                for (term, form), value in zip(forms.items(), of_words, strict=True)
            },
            authors=round(float(values[-2]), 4),
            mean_authors=round(float(means[0]), 4),
            code=round(float(values[-1]), 4),
            mean_code=round(float(means[1]), 4),
            offset=round(-float((words @ of_words).mean()), 4),
        ),
        int(picked.sum()),
        int((~picked).sum()),
        len(days),
        days[0],
        days[-1],
    )


def card(trained: Trained, sources: Sequence[tuple[str, str]], seed: int) -> str:
    """The model's card. `sources` are names and SHA-256 of the files, the featured first."""
    names = "\n".join(f"- {name}; SHA-256 {digest}" for name, digest in sources)
    weights = trained.weights
    return f"""# The prior of the front page

How much a paper is like those that a community's editors picked, as log-odds; 0 is the mean paper
it was trained on. Used where nobody has voted, and as one labelled part of trending.

## Data

{names}

{trained.picked:,} featured and {trained.others:,} other papers of the {trained.days:,} days from
{trained.first} to {trained.last} that both files have. No reader, author or organisation is in
the model: words and three numbers are.

## Recipe

`broadsheet prior train --featured {sources[0][0]} --others {sources[1][0]} --seed {seed}`.

Logistic regression with a ridge (inverse strength {FREEDOM}) on {len(weights.words):,} words,
the logarithm of the number of authors, and whether the abstract links to code. Texts are read
without addresses, TeX, figures and words of fewer than three letters. A word counts where it has
a row in the built-in embedding, stands in {LEAST_FEATURED} featured and {LEAST_OTHERS} other
papers, is written small in at least {SMALL:.0%} of its places inside sentences, and is none of
{len(_NAMES)} listed names of labs, companies, universities and products. In the training, each
month's and each guessed field's featured papers weigh as much as its others, up to
{_MOST_WEIGHT:.0f} times.

## Figures

docs/front-page-prior.md has them, with the command that makes them.

## Limits

- One community, 2025, English, computer science. For papers with categories, none of which begins
  with cs., eess. or is stat.ML, it says nothing (0).
- The other papers are no even sample of arXiv: mostly cs.CV, cs.CL and cs.AI, hardly any cs.LG,
  and none that stands in the larger collection of conference papers. Picks of machine learning
  proper met few rivals of their kind.
- Being picked is not being good. Large groups release often, write in a certain way, and are
  picked more: the number of authors (weight {weights.authors}) stands for that as well, though no
  name is read. Fields that are picked rarely are not held back by name, but through their words.
- Some of the other papers would have been picked by other editors.
"""


def _rows(path: Path) -> Iterator[tuple[dict[str, Any], str]]:
    opener = lzma.open if path.suffix == ".xz" else open
    try:
        with cast("TextIO", opener(path, "rt", encoding="utf-8")) as lines:
            for number, line in enumerate(lines, 1):
                where = f"{path.name}, line {number}"
                if not line.strip():
                    continue
                row = json.loads(line)
                if not isinstance(row, dict):
                    raise PriorError(f"{where}: each line must be a JSON object.")
                yield row, where
    except (ValueError, EOFError, lzma.LZMAError) as error:
        raise PriorError(f"{path.name} cannot be read as JSON lines: {error}.") from error


def _pick(row: dict[str, Any], where: str) -> Example:
    return _example(row, where, row.get("day"), picked=True)


def _other(row: dict[str, Any], where: str) -> Example:
    category = str(row.get("primary_category") or next(iter(row.get("categories") or ()), ""))
    field = category if category in FIELDS else OTHER
    return _example(row, where, row.get("published"), picked=False, field=field)


def _example(
    row: dict[str, Any], where: str, day: object, *, picked: bool, field: str = ""
) -> Example:
    try:
        return Example(
            name=str(row["id"]),
            day=date.fromisoformat(str(day)),
            title=str(row["title"]),
            abstract=str(row["abstract"]),
            authors=len(row["authors"]),
            picked=picked,
            field=field,
            upvotes=int(row.get("upvotes") or 0),
        )
    except (KeyError, TypeError, ValueError) as error:
        wanted = "id, title, abstract, authors and " + ("day" if picked else "published")
        raise PriorError(f"{where}: a paper needs {wanted} ({error}).") from error
