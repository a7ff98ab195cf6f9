"""arXiv's query interface: recorded answers field by field, problems, empty pages."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from broadsheet.intake.arxiv import atom
from broadsheet.intake.opening import InputError
from broadsheet.records import Quarantined, Record

from . import arxiv_samples as samples

EXPECTED = Path(__file__).parent / "expected" / "arxiv_atom.json"


@pytest.fixture(scope="session")
def recorded(shared: Path) -> Path:
    """The recorded answers."""
    return shared / "data" / "recorded" / "arxiv_atom"


def body(file: Path) -> bytes:
    """The bytes as arXiv sent them: whoever kept them took UTF-8 for Latin-1."""
    return str(json.loads(file.read_bytes())["body"]).encode("latin-1")


@pytest.mark.parametrize("name", json.loads(EXPECTED.read_bytes()))
def test_recorded_answers_say_what_one_reads_in_them(recorded: Path, name: str) -> None:
    expected: dict[str, Any] = json.loads(EXPECTED.read_bytes())[name]
    answer = atom.parse(body(recorded / name))
    assert (answer.total, answer.start) == (expected["total"], expected["start"])
    assert answer.problem is None
    assert len(answer.records) == len(expected["records"])
    for record, wanted in zip(answer.records, expected["records"], strict=True):
        assert isinstance(record, Record), record
        assert record.source == "arxiv"
        assert record.key == wanted["key"]
        assert record.version == wanted["version"]
        assert record.title == wanted["title"]
        assert [author.name for author in record.authors] == wanted["authors"]
        places = [one.affiliation for one in record.authors if one.affiliation]
        assert places == wanted.get("affiliations", [])
        assert list(record.categories) == wanted["categories"]
        assert list(record.identifiers) == wanted["identifiers"]
        assert record.published == date.fromisoformat(wanted["published"])
        assert record.updated == date.fromisoformat(wanted["updated"])


def test_a_recorded_abstract_is_whole_and_on_one_line(recorded: Path) -> None:
    [record] = atom.parse(body(recorded / "id_1605.08386_s0_m100_199195aa31ad.json")).records
    assert isinstance(record, Record)
    assert record.abstract.startswith("Graphs on lattice points are studied whose edges come")
    assert record.abstract.endswith("is an expander in fixed dimension.")
    assert "\n" not in record.abstract


def test_accents_of_recorded_names_arrive(recorded: Path) -> None:
    [record] = atom.parse(body(recorded / "id_1707.08567_s0_m100_6a1afebfc6a3.json")).records
    assert isinstance(record, Record)
    names = [author.name for author in record.authors]
    assert names[0] == "Kees A. Schouhamer Immink"
    assert names[-2:] == ["Dirk Wübben", "Hirosuke Yamamoto"]


def test_every_recorded_answer_is_read(recorded: Path) -> None:
    for file in sorted(recorded.glob("*.json")):
        answer = atom.parse(body(file))
        assert not [one for one in answer.records if isinstance(one, Quarantined)], file.name
        if file.name.startswith("q_"):
            assert answer.total == 214_881
            assert f"_s{answer.start}_" in file.name
            assert f"_m{len(answer.records)}_" in file.name


def test_an_unknown_id_finds_nothing(recorded: Path) -> None:
    answer = atom.parse(body(recorded / "id_0000.0000_s0_m100_8b51d9633a68.json"))
    assert answer == atom.Answer()
    assert not answer.is_cut


def test_an_error_is_told_in_arxivs_words(recorded: Path) -> None:
    answer = atom.parse(body(recorded / "id_abc_s0_m100_b79c8dcf6bc3.json"))
    assert answer.problem == "incorrect id format for abc"
    assert answer.records == ()


def test_a_paper_called_error_is_a_paper() -> None:
    entry = samples.atom_entry().replace(samples.TITLE, "Error")
    [record] = atom.parse(samples.atom(entry)).records
    assert isinstance(record, Record)
    assert record.title == "Error"


def test_an_empty_page_before_the_end_asks_to_be_asked_again() -> None:
    assert atom.parse(samples.atom(total=1000, start=300)).is_cut
    assert not atom.parse(samples.atom(total=300, start=300)).is_cut
    assert not atom.parse(samples.atom(samples.atom_entry())).is_cut


def test_categories_begin_with_the_primary_and_are_arxivs() -> None:
    entry = samples.atom_entry().replace(
        'primary_category term="cs.CL"', 'primary_category term="cs.LG"'
    )
    [record] = atom.parse(samples.atom(entry)).records
    assert isinstance(record, Record)
    assert record.categories == ("cs.LG", "cs.CL")


def test_an_entry_without_title_is_put_aside_and_the_others_stay() -> None:
    untitled = samples.atom_entry().replace(samples.TITLE, "")
    first, second = atom.parse(samples.atom(untitled, samples.atom_entry(), total=2)).records
    assert isinstance(first, Quarantined)
    assert first.reason == "the paper has no title"
    assert isinstance(second, Record)


@pytest.mark.parametrize("total", ["", "many", "-1", "٣", "9" * 30])
def test_an_answer_that_does_not_count_is_refused(total: str) -> None:
    with pytest.raises(InputError, match="totalResults"):
        atom.parse(samples.atom(total=total))


def test_another_document_is_refused() -> None:
    with pytest.raises(InputError, match="not an Atom feed"):
        atom.parse(samples.oai())
