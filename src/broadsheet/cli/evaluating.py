"""`broadsheet eval search`: how well search finds, on a test collection."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click
from platformdirs import user_cache_path

from broadsheet.cli.common import err, json_option, out, print_json, print_table, progress
from broadsheet.embed.base import EmbedderError
from broadsheet.evaluation.collection import Collection, Part, read_collection
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
    names = _systems(systems)
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


def _systems(text: str) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in SYSTEMS]
    if unknown:
        raise click.UsageError(f"There is no system {unknown[0]}; there are {', '.join(SYSTEMS)}.")
    return names


def _model(text: str) -> str:
    if not text.startswith(_PEER) or text == _PEER:
        raise click.UsageError(
            f"--with takes {_PEER}NAME, NAME a model, its folder, or NAME=FOLDER."
        )
    return text.removeprefix(_PEER)


def _say_left_out(collection: Collection) -> None:
    skipped = collection.skipped
    for sentence in skipped.told:
        err.print(plain(f"Left out: {sentence}."))
    if skipped.count > len(skipped.told):
        err.print(f"{skipped.count:,} lines were left out in all.")
    if collection.unanswerable:
        err.print(f"{collection.unanswerable:,} queries have no relevant paper and are left out.")
    if collection.absent:
        err.print(f"{collection.absent:,} judgements are of papers that the corpus does not hold.")


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
