"""Reading collections: what is taken, what is left out, and in which words."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from broadsheet.evaluation.collection import Part, is_dev, read_collection
from broadsheet.intake.opening import InputError
from evaluation.folders import JUDGED, PAPERS, QUERIES, write


def test_a_folder_is_read_as_beir_writes_it(tmp_path: Path) -> None:
    found = read_collection(write(tmp_path / "small"))
    assert found.name == "small"
    assert [paper.id for paper in found.papers] == [id_ for id_, _, _ in PAPERS]
    assert found.papers[0].title == "Honeybee dances"
    assert {query.id: query.text for query in found.queries} == QUERIES
    assert found.judged["q1"] == {"bees1": 1, "bees2": 2, "tides1": 0}
    assert (found.unanswerable, found.absent, found.skipped.count) == (0, 0, 0)


def test_judgements_are_found_where_beir_has_them(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "qrels").mkdir()
    (folder / "qrels.tsv").rename(folder / "qrels" / "test.tsv")
    assert len(read_collection(folder).queries) == 3


def test_compressed_files_are_read(tmp_path: Path) -> None:
    folder = write(tmp_path)
    for name, pack, ending in (
        ("corpus.jsonl", lzma.compress, ".xz"),
        ("queries.jsonl", gzip.compress, ".gz"),
        ("qrels.tsv", lzma.compress, ".xz"),
    ):
        plain = folder / name
        (folder / f"{name}{ending}").write_bytes(pack(plain.read_bytes()))
        plain.unlink()
    assert len(read_collection(folder).papers) == 6


def test_judgements_without_a_head_line_lose_none(tmp_path: Path) -> None:
    folder = write(tmp_path)
    rows = (folder / "qrels.tsv").read_text().splitlines(keepends=True)
    (folder / "qrels.tsv").write_text("".join(rows[1:]))
    assert len(read_collection(folder).judged["q1"]) == 3


def test_queries_without_a_relevant_paper_are_left_out_and_counted(tmp_path: Path) -> None:
    queries = {**QUERIES, "q4": "nobody judged this", "q5": "judged, and nothing fits"}
    found = read_collection(write(tmp_path, queries=queries, judged=[*JUDGED, ("q5", "bees1", 0)]))
    assert [query.id for query in found.queries] == ["q1", "q2", "q3"]
    assert found.unanswerable == 2


def test_judgements_of_papers_that_are_not_there_count_as_not_found(tmp_path: Path) -> None:
    found = read_collection(write(tmp_path, judged=[*JUDGED, ("q3", "lost", 1)]))
    assert found.absent == 1
    assert found.judged["q3"] == {"tides2": 1, "lost": 1}


def test_bad_lines_are_left_out_counted_and_told(tmp_path: Path) -> None:
    folder = write(tmp_path)
    with (folder / "corpus.jsonl").open("ab") as out:
        out.write(b'{"_id": "half\n\n["not an object"]\n{"_id": "x"}\n{"text": "y"}\n\xff\n')
    with (folder / "qrels.tsv").open("a") as out:
        out.write("q1\tbees1\nq1\tbees1\tmany\n")
    found = read_collection(folder)
    assert len(found.papers) == 6
    assert found.skipped.count == 7
    assert found.skipped.told == (
        "corpus.jsonl, line 7: not JSON: unexpected end of data at column 14",
        "corpus.jsonl, line 9: not a JSON object",
        "corpus.jsonl, line 10: it has no text",
        "corpus.jsonl, line 11: it has no _id",
        "corpus.jsonl, line 12: byte 1 of the line is not UTF-8",
    )


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels.tsv"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path)
    (folder / name).unlink()
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        read_collection(folder)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels.tsv"])
def test_a_file_with_nothing_readable_is_named_with_the_line(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path)
    (folder / name).write_text("what is this\nand this\n")
    with pytest.raises(InputError, match=rf"{name}.*line [12]"):
        read_collection(folder)


def test_a_file_that_breaks_off_is_named_with_the_line(tmp_path: Path) -> None:
    folder = write(tmp_path)
    packed = gzip.compress((folder / "corpus.jsonl").read_bytes() * 500)
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(
        InputError, match=r"corpus\.jsonl\.gz, line \d+: the compressed file is cut"
    ):
        read_collection(folder)


def test_no_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no folder"):
        read_collection(tmp_path / "nowhere")


def test_the_parts_are_a_quarter_and_the_rest(tmp_path: Path) -> None:
    queries = {f"q{i}": "tide" for i in range(400)}
    whole = read_collection(
        write(tmp_path, queries=queries, judged=[(id_, "tides1", 1) for id_ in queries])
    )
    dev, rest = whole.part(Part.DEV), whole.part(Part.REST)
    assert {q.id for q in dev.queries} | {q.id for q in rest.queries} == set(queries)
    assert not {q.id for q in dev.queries} & {q.id for q in rest.queries}
    assert 60 < len(dev.queries) < 140
    assert whole.part(Part.ALL) is whole


def test_the_part_of_a_query_hangs_on_its_id() -> None:
    # Written down once: published figures are of the others, whatever else changes.
    assert [id_ for id_ in (f"q{i}" for i in range(12)) if is_dev(id_)] == [
        "q0",
        "q3",
        "q10",
        "q11",
    ]


def test_fewer_queries_are_the_same_ones_again(tmp_path: Path) -> None:
    queries = {f"q{i}": "tide" for i in range(50)}
    whole = read_collection(
        write(tmp_path, queries=queries, judged=[(id_, "tides1", 1) for id_ in queries])
    )
    some = whole.sampled(10, seed=1)
    assert len(some.queries) == 10
    assert some.queries == whole.sampled(10, seed=1).queries
    assert some.queries != whole.sampled(10, seed=2).queries
    assert set(some.queries) <= set(whole.sampled(20, seed=1).queries)


def test_fewer_papers_keep_all_that_were_judged(tmp_path: Path) -> None:
    papers = [*PAPERS, *((f"other{i}", "Another", "Something else.") for i in range(40))]
    whole = read_collection(write(tmp_path, papers=papers))
    judged = {paper for _, paper, _ in JUDGED}
    few = whole.pooled(20, seed=1)
    assert len(few.papers) == 20
    assert judged <= {paper.id for paper in few.papers}
    assert {p.id for p in few.papers} <= {p.id for p in whole.pooled(30, seed=1).papers}
    # Fewer than were judged cannot be had.
    assert {paper.id for paper in whole.pooled(1, seed=1).papers} == judged
    assert whole.pooled(1000, seed=1) is whole
