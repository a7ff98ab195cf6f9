"""`broadsheet eval`: how well search finds, and how well interests rank, on test collections."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
from platformdirs import user_cache_path

from broadsheet.cli.common import err, json_option, out, print_json, print_table, progress
from broadsheet.embed.base import EmbedderError
from broadsheet.embed.choose import embedder as choose
from broadsheet.evaluation import personal
from broadsheet.evaluation.collection import Collection, Part, Skipped, read_collection
from broadsheet.evaluation.measuring import (
    SYSTEMS,
    Estimate,
    Measuring,
    Report,
    report_json,
)
from broadsheet.evaluation.metrics import MEASURES
from broadsheet.evaluation.peers import PeerError
from broadsheet.intake.opening import InputError
from broadsheet.text.normalise import plain

_DEFAULT = "bm25,dense,hybrid"
_PEER = "sentence-transformers:"


@click.group("eval")
def evaluate() -> None:
    """Measure how good the results are."""


@evaluate.command("search")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--systems", default=_DEFAULT, show_default=True, help=f"Of {', '.join(SYSTEMS)}.")
@click.option(
    "--with",
    "peers",
    multiple=True,
    metavar=f"{_PEER}NAME",
    help="Measure a transformer as well, alone and mixed with bm25; may be repeated.",
)
@click.option(
    "--embedder",
    default="built-in",
    show_default=True,
    help="What dense and hybrid embed with; named as in the settings.",
)
@click.option("--queries", type=click.IntRange(1), help="Only so many queries, drawn by --seed.")
@click.option(
    "--papers",
    type=click.IntRange(1),
    help="Rank only so many papers: all that were judged, the others drawn by --seed.",
)
@click.option(
    "--part",
    type=click.Choice([part.value for part in Part]),
    default=Part.ALL.value,
    show_default=True,
    help="dev: the quarter of the queries that tuning may look at; rest: the others.",
)
@click.option("--judged", is_flag=True, help="Rank for a query only the papers judged for it.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--cache",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where vectors of transformers are kept (default: the user cache folder).",
)
@json_option
def eval_search(
    folder: Path,
    systems: str,
    peers: tuple[str, ...],
    embedder: str,
    queries: int | None,
    papers: int | None,
    part: str,
    judged: bool,
    seed: int,
    cache: Path | None,
    as_json: bool,
) -> None:
    """Measure search on a test collection in the layout of BEIR.

    nDCG@10 has linear gains, as in trec_eval; mrr looks at the first 100. Intervals are bootstrap
    95 % over queries.
    """
    names = _systems(systems, SYSTEMS)
    models = [_model(peer) for peer in peers]
    whole = read_collection(folder)
    _say_left_out(whole)
    pool = whole.pooled(papers, seed)
    asked = pool.part(Part(part)).sampled(queries, seed)
    if not asked.queries:
        raise InputError(f"No query of {whole.name} belongs to the part “{part}”.")
    cache = cache or user_cache_path("broadsheet") / "evaluation"
    try:
        with Measuring(pool, cache, progress, embedder) as measuring:
            report = measuring.measure(
                asked, names, models, part=part, judged_only=judged, seed=seed
            )
    except (EmbedderError, PeerError) as error:
        raise InputError(str(error)) from error
    if as_json:
        print_json({**report_json(report), "skipped_lines": whole.skipped.count})
    else:
        _print(report)


@evaluate.command("personal")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--systems",
    default=",".join(personal.SYSTEMS),
    show_default=True,
    help="Of those of the default.",
)
@click.option("--users", type=click.IntRange(1), help="Only so many readers, drawn by --seed.")
@click.option(
    "--candidates",
    type=click.IntRange(1),
    help="Rank only so many papers: all that the readers have, the others drawn by --seed.",
)
@click.option(
    "--part",
    type=click.Choice([half.value for half in personal.Half]),
    default=personal.Half.ALL.value,
    show_default=True,
    help="development: the half of the readers that choices may look at; rest: the others.",
)
@click.option(
    "--splits",
    type=click.IntRange(1),
    default=personal.SPLITS,
    show_default=True,
    help="How often the papers shown are drawn anew.",
)
@click.option("--embedder", default="built-in", show_default=True, help="Named as in the settings.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@json_option
def eval_personal(
    folder: Path,
    systems: str,
    users: int | None,
    candidates: int | None,
    part: str,
    splits: int,
    embedder: str,
    seed: int,
    as_json: bool,
) -> None:
    """Measure interests on libraries of real readers (items.jsonl and users.jsonl in DIR).

    Of each reader's papers 5, 10 and 50 are shown, and the others are to be found among all other
    papers of the folder. svm is tf-idf with a linear support vector machine, arxiv-sanity-lite's
    method. Intervals are bootstrap 95 % over readers.
    """
    names = _systems(systems, personal.SYSTEMS)
    whole = personal.read_library(folder)
    _say_skipped(whole.skipped)
    library = whole.half(personal.Half(part)).sampled(users, seed).pooled(candidates, seed)
    try:
        report = personal.measure(
            library, names, choose(embedder), progress, part=part, splits=splits, seed=seed
        )
    except EmbedderError as error:
        raise InputError(str(error)) from error
    if not report.scores:
        least = personal.SHOWN[0] + personal.LEAST_HIDDEN
        raise InputError(
            f"No reader of {whole.name} in the part “{part}” has the {least} papers needed."
        )
    if as_json:
        print_json({**personal.report_json(report), "skipped_lines": whole.skipped.count})
    else:
        _print_personal(report)


def _systems(text: str, known: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise click.UsageError(
            f"There is no system {''.join(unknown[:1])}; there are {', '.join(known)}."
        )
    return names


def _model(text: str) -> str:
    if not text.startswith(_PEER) or text == _PEER:
        raise click.UsageError(
            f"--with takes {_PEER}NAME, NAME a model, its folder, or NAME=FOLDER."
        )
    return text.removeprefix(_PEER)


def _say_left_out(collection: Collection) -> None:
    _say_skipped(collection.skipped)
    if collection.unanswerable:
        err.print(f"{collection.unanswerable:,} queries have no relevant paper and are left out.")
    if collection.absent:
        err.print(f"{collection.absent:,} judgements are of papers that the corpus does not hold.")


def _say_skipped(skipped: Skipped) -> None:
    for sentence in skipped.told:
        err.print(plain(f"Left out: {sentence}."))
    if skipped.count > len(skipped.told):
        err.print(f"{skipped.count:,} lines were left out in all.")


def _print(report: Report) -> None:
    out.print(
        plain(
            f"{report.collection}: {report.queries:,} queries (part: {report.part}) over "
            f"{report.papers:,} papers, with the bootstrap 95 % interval of nDCG@10."
        )
    )
    head = ("", "ndcg@10", "95 %", *MEASURES[1:])
    print_table(head, [_row(score.system, score.by_measure, "") for score in report.scores])
    over = [_row(score.system, score.over, "+") for score in report.scores if score.over]
    if over:
        out.print("\nDifference to bm25, query by query:")
        print_table(head, over)
    for score in report.scores:
        if score.note:
            out.print(plain(score.note))


def _row(system: str, found: Mapping[str, Estimate], sign: str) -> tuple[object, ...]:
    first, *others = (found[name] for name in MEASURES)
    interval = f"{first.low:{sign}.3f} to {first.high:{sign}.3f}"
    return (
        system,
        f"{first.mean:{sign}.3f}",
        interval,
        *(f"{one.mean:{sign}.3f}" for one in others),
    )


def _print_personal(report: personal.Report) -> None:
    out.print(
        plain(
            f"{report.library}: {report.readers:,} readers (part: {report.part}), "
            f"{report.papers:,} papers, {report.splits} splits of each library."
        )
    )
    for shown in dict.fromkeys(score.shown for score in report.scores):
        scores = [score for score in report.scores if score.shown == shown]
        out.print(f"\n{shown} papers shown, {scores[0].readers:,} readers; beside it the 95 %:")
        head = ("", *(name for measure in personal.MEASURES for name in (measure, "95 %")))
        print_table(head, [_personal_row(s.system, s.by_measure, "") for s in scores])
        over = [_personal_row(s.system, s.over, "+") for s in scores if s.over]
        if over:
            out.print("Difference to svm, reader by reader:")
            print_table(head, over)


def _personal_row(system: str, found: Mapping[str, Estimate], sign: str) -> tuple[object, ...]:
    cells = []
    for measure in personal.MEASURES:
        one = found[measure]
        cells += [f"{one.mean:{sign}.3f}", f"{one.low:{sign}.3f} to {one.high:{sign}.3f}"]
    return (system, *cells)
