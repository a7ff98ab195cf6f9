"""The model card that lies beside a trained table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_HEAD = """# Broadsheet's built-in embedding

A table of word vectors. A text's vector is the sum of the rows of its stems and of the bigrams
that neighbouring stems form, brought to unit length; a word without a row is guessed from its
letter trigrams and has a direction of its own. 256 numbers a vector; the first 64 or 128 of them
are vectors of their own.

For finding scientific papers by meaning, in English, on a small machine without a GPU.
"""

_LIMITS = """## Limits

- Word order counts only through the bigrams; negation and who does what to whom are lost.
- English only. Words of other languages are unknown or guessed from their letters.
- Mostly learned from papers on machine learning, physics and mathematics; words of medicine and
  everyday life have the meaning that the start, dictionaries and the teacher's texts gave them.
- What the papers say about people and groups, the vectors repeat. Do not judge people by them.
- No reader's data and no search benchmark were trained on. Settings were chosen by benchmarks:
  docs/search-quality.md says by which, and which of their queries were looked at.
"""


def card(
    figures: Mapping[str, float],
    recipe: Mapping[str, object],
    sources: Sequence[tuple[str, int, str]],
    start: str,
) -> str:
    """The card as Markdown. `sources` are (name, papers, SHA-256) of the training's files."""
    kind, _, path = start.partition(":")
    began = f"{kind}, {path.rstrip('/').rpartition('/')[2]}" if path else "random directions"
    data = [f"- {name}: {count:,} papers; SHA-256 {digest}" for name, count, digest in sources]
    return "\n".join(
        [
            _HEAD,
            "## Data",
            "",
            *data,
            "",
            f"Titles, abstracts and keywords of {figures['papers']:,} papers; "
            f"{figures['held_out']:,} more, by a hash of the title, were held out.",
            "",
            "## Recipe",
            "",
            "`broadsheet embed train` with the files above in this order. "
            f"Start: {began}. Settings:",
            "",
            *(f"- {name}: {value}" for name, value in recipe.items()),
            "",
            "## Figures",
            "",
            "Search figures stand in docs/search-quality.md. Of the training:",
            "",
            f"- held-out titles that find their own abstract first: {figures['recall']:.4f} "
            f"(the start: {figures['recall_of_start']:.4f})",
            f"- alignment {figures['alignment']:.3f}, uniformity {figures['uniformity']:.3f}",
            f"- rows: {figures['stems']:,} stems, {figures['bigrams']:,} bigrams, "
            f"{figures['buckets']:,} buckets of letter trigrams",
            f"- time: {figures['seconds'] / 60:.0f} minutes",
            "",
            _LIMITS,
        ]
    )


def refined_card(
    figures: Mapping[str, float],
    recipe: Mapping[str, object],
    sources: Sequence[tuple[str, int, str]],
    teacher: str,
    earlier: str,
) -> str:
    """The card of a model that was trained a second time. `earlier` is the first one's card."""
    data = [f"- {name}: {count:,} entries; SHA-256 {digest}" for name, count, digest in sources]
    first = earlier.partition("## Data")[2].partition("## Limits")[0].strip()
    return "\n".join(
        [
            _HEAD,
            "Trained twice: on papers, and then on definitions and a teacher's vectors, with",
            "papers between so that little is forgotten.",
            "",
            "## Second training",
            "",
            "`broadsheet embed refine`; papers (one in so many of them) and definitions:",
            "",
            *data,
            f"- teacher: {teacher}",
            "",
            "Settings:",
            "",
            *(f"- {name}: {value}" for name, value in recipe.items()),
            "",
            "Search figures stand in docs/search-quality.md. Of the training:",
            "",
            f"- held-out titles that find their own abstract first: {figures['recall']:.4f} "
            f"(before: {figures['recall_of_start']:.4f}, of {figures['held_out']:,})",
            f"- alignment {figures['alignment']:.3f}, uniformity {figures['uniformity']:.3f}",
            f"- rows: {figures['stems']:,} stems, {figures['bigrams']:,} bigrams, "
            f"{figures['buckets']:,} buckets of letter trigrams",
            f"- time: {figures['seconds'] / 60:.0f} minutes",
            "",
            "## First training",
            "",
            first.replace("\n## ", "\n### "),
            "",
            _LIMITS,
        ]
    )
