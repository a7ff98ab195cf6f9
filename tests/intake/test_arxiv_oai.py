"""arXiv's OAI-PMH: recorded answers field by field, both formats, errors, sets."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from broadsheet.intake.arxiv import oai
from broadsheet.intake.opening import InputError
from broadsheet.records import Author, Link, Quarantined, Record

from . import arxiv_samples as samples

EXPECTED = Path(__file__).parent / "expected" / "arxiv_oai.json"


@pytest.fixture(scope="session")
def recorded(shared: Path) -> Path:
    """The recorded answers."""
    return shared / "data" / "recorded" / "arxiv_oai"


def body(file: Path) -> bytes:
    """An answer as it came; some are kept with what was asked, the last of a file answers."""
    if file.suffix == ".json":
        return str(json.loads(file.read_bytes())[-1]["response"]).encode()
    return file.read_bytes()


def only(data: bytes) -> Record:
    [record] = oai.parse(data).records
    assert isinstance(record, Record), record
    return record


@pytest.mark.parametrize("name", json.loads(EXPECTED.read_bytes()))
def test_recorded_pages_say_what_one_reads_in_them(recorded: Path, name: str) -> None:
    expected: dict[str, Any] = json.loads(EXPECTED.read_bytes())[name]
    page = oai.parse(body(recorded / name))
    assert page.answered == date.fromisoformat(expected["answered"])
    assert page.token is None
    assert page.deleted == ()
    assert len(page.records) == len(expected["records"])
    for record, wanted in zip(page.records, expected["records"], strict=True):
        assert isinstance(record, Record), record
        assert record.source == "arxiv"
        assert record.key == wanted["key"]
        assert record.title == wanted["title"]
        first, last = wanted["abstract"]
        assert record.abstract.startswith(first)
        assert record.abstract.endswith(last)
        assert [author.name for author in record.authors] == wanted["authors"]
        places = list(dict.fromkeys(one.affiliation for one in record.authors if one.affiliation))
        assert places == wanted.get("affiliations", [])
        assert list(record.categories) == wanted["categories"]
        assert list(record.identifiers) == wanted["identifiers"]
        assert record.published == date.fromisoformat(wanted["published"])
        assert record.updated == date.fromisoformat(wanted["updated"])
        assert record.licence == wanted["licence"]
        assert not record.withdrawn


def test_a_recorded_list_of_a_hundred_authors_is_read_to_its_end(recorded: Path) -> None:
    record = only(body(recorded / "hepcrawl/unit/responses/arxiv/sample_arxiv_record4.xml"))
    names = [author.name for author in record.authors]
    assert names[:4] == ["Keck Array", "BICEP2 Collaborations", "P. Ade", "Z. Ahmed"]
    assert names[-1] == "K. W. Yoon"


def test_a_recorded_request_to_wait_is_no_page(recorded: Path) -> None:
    file = recorded / "paperhive_http/oaipmh-listrecords---should-list-identifiers-from-arxiv.json"
    first, second = (str(one["response"]).encode() for one in json.loads(file.read_bytes()))
    with pytest.raises(InputError) as refusal:
        oai.parse(first)
    assert "not one of OAI-PMH" in refusal.value.reason
    keys = [one.key for one in oai.parse(second).records if isinstance(one, Record)]
    assert keys[0] == "1412.8544"
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("badArgument.xml", "badArgument"),
        ("badResumptionToken.xml", "badResumptionToken"),
        ("cannotDisseminateFormat.xml", "cannotDisseminateFormat"),
        ("idDoesNotExist.xml", "idDoesNotExist"),
        ("noSetHierarchy.xml", "noSetHierarchy"),
        ("undefinedError.xml", "undefinedError"),
    ],
)
def test_recorded_errors_are_told_by_their_code(recorded: Path, file: str, code: str) -> None:
    with pytest.raises(oai.OaiError) as refusal:
        oai.parse(body(recorded / "sickle" / file))
    assert refusal.value.code == code
    assert code in refusal.value.reason
    assert "\n" not in refusal.value.reason


def test_a_day_without_records_is_an_empty_page(recorded: Path) -> None:
    page = oai.parse(body(recorded / "sickle" / "noRecordsMatch.xml"))
    assert page == oai.Page(answered=date(2002, 2, 8))


def test_records_of_other_repositories_are_put_aside_each(recorded: Path) -> None:
    page = oai.parse(body(recorded / "sickle" / "ListRecords.xml"))
    assert page.token == "ListRecords2.xml"
    assert len(page.records) == 2
    assert all(isinstance(one, Quarantined) for one in page.records)


@pytest.mark.parametrize("file", ["ListRecordsBroken.xml", "ListIdentifiers.xml", "Identify.xml"])
def test_what_is_no_page_of_records_is_refused(recorded: Path, file: str) -> None:
    with pytest.raises(InputError):
        oai.parse(body(recorded / "sickle" / file))


def test_the_recorded_sets_are_named(recorded: Path) -> None:
    found = oai.sets(
        body(recorded / "paperhive_http/oaipmh-listsets---should-list-arxiv-sets.json")
    )
    assert found["cs"] == "Computer Science"
    assert found["physics:hep-ex"] == "High Energy Physics - Experiment"
    assert found["physics:physics"] == "Physics (Other)"
    assert len(found) == 21


def test_every_field_of_arxivraw_is_read() -> None:
    assert only(samples.oai(samples.raw())) == Record(
        source="arxiv",
        key="2611.01234",
        title="Small Boats, Long Memories",
        abstract="We measure how small boats keep their course in a harbour of $10^{3}$ gates and "
        "find that a writable store helps. The code is at https://github.com/boats/harbour.",
        identifiers=("2611.01234", "doi:10.1000/boats.7"),
        authors=(
            Author("Mara Quill", "North Lab"),
            Author("José Fen Jr.", "North Lab"),
            Author("S. M. Tao", "North Lab"),
        ),
        categories=("cs.CL", "cs.LG"),
        year=2026,
        published=date(2026, 11, 17),
        updated=date(2026, 11, 19),
        version=2,
        links=(
            Link("abstract", "https://arxiv.org/abs/2611.01234"),
            Link("pdf", "https://arxiv.org/pdf/2611.01234"),
            Link("doi", "https://doi.org/10.1000/boats.7"),
            Link("code", "https://github.com/boats/harbour"),
            Link("video", "https://boats.example.org/video"),
        ),
        licence="http://creativecommons.org/licenses/by/4.0/",
    )


def test_in_the_format_arxiv_a_later_day_is_not_taken_for_the_first() -> None:
    first = only(samples.oai(samples.parted()))
    assert (first.published, first.updated) == (date(2026, 11, 17), date(2026, 11, 19))
    announced_next_month = only(samples.oai(samples.parted(created="2026-10-30")))
    assert announced_next_month.published == date(2026, 10, 30)
    revised = only(samples.oai(samples.parted(created="2027-02-03", updated="2027-02-03")))
    assert (revised.published, revised.updated) == (None, date(2027, 2, 3))


def test_versions_count_by_their_number_not_by_their_place() -> None:
    record = only(
        samples.oai(
            samples.raw(
                versions=(
                    ("v10", "Mon, 04 Jan 2027 00:00:00 GMT", "D"),
                    ("v9", "Fri, 01 Jan 2027 00:00:00 GMT", "D"),
                    ("v1", "Tue, 17 Nov 2026 18:40:02 GMT", "D"),
                )
            )
        )
    )
    assert (record.version, record.published, record.updated) == (
        10,
        date(2026, 11, 17),
        date(2027, 1, 4),
    )


def test_a_paper_without_its_first_version_has_no_first_day() -> None:
    record = only(samples.oai(samples.raw(versions=(("v2", "Fri, 20 Nov 2026 1:2:3 GMT", ""),))))
    assert (record.version, record.published, record.updated) == (2, None, date(2026, 11, 20))


@pytest.mark.parametrize(
    ("kind", "comments", "withdrawn"),
    [
        ("I", "12 pages", True),
        ("DI", "", True),
        ("D", "This paper has been withdrawn by the authors due to an error", True),
        ("D", "Withdrawn", True),
        ("D", "an earlier version was withdrawn from the proceedings of BOATS", False),
        ("D", "12 pages", False),
        ("", "", False),
    ],
)
def test_withdrawn_papers_are_known(kind: str, comments: str, withdrawn: bool) -> None:
    versions = (
        ("v1", "Tue, 17 Nov 2026 18:40:02 GMT", ""),
        ("v2", "Thu, 19 Nov 2026 01:02:03 GMT", kind),
    )
    record = only(samples.oai(samples.raw(comments=comments, versions=versions)))
    assert record.withdrawn is withdrawn


def test_a_paper_that_came_back_is_not_withdrawn() -> None:
    versions = (
        ("v1", "Tue, 17 Nov 2026 18:40:02 GMT", "I"),
        ("v2", "Thu, 19 Nov 2026 01:02:03 GMT", "D"),
    )
    assert not only(samples.oai(samples.raw(versions=versions))).withdrawn


def test_a_bad_record_is_put_aside_and_the_others_stay() -> None:
    data = samples.oai(
        samples.raw("2611.00001"),
        samples.raw("none"),
        samples.raw("2611.00002", title=" "),
        samples.raw("hep-th/9901001"),
        samples.deleted("cond-mat/0703772"),
        samples.deleted("2611.00009"),
        token='<resumptionToken expires="2026-11-21T00:00:00Z">verb%3DListRecords%26skip%3D4 '
        "</resumptionToken>",
    )
    page = oai.parse(data)
    first, nameless, untitled, old = page.records
    assert isinstance(first, Record)
    assert isinstance(old, Record)
    assert (first.key, old.key) == ("2611.00001", "hep-th/9901001")
    assert isinstance(nameless, Quarantined)
    assert nameless.reason == "“none” is no arXiv id"
    assert nameless.source == "arxiv"
    assert nameless.excerpt.startswith(b"<record")
    assert nameless.size == len(nameless.excerpt)
    assert isinstance(untitled, Quarantined)
    assert untitled.reason == "the paper has no title"
    assert page.deleted == ("cond-mat/0703772", "2611.00009")
    assert page.token == "verb%3DListRecords%26skip%3D4"
    assert page.answered == date(2026, 11, 20)


def test_the_last_page_has_an_empty_token() -> None:
    assert oai.parse(samples.oai(samples.raw(), token="<resumptionToken/>")).token is None


def test_characters_that_xml_forbids_cost_themselves_only() -> None:
    data = samples.oai(samples.raw(title="Boats\x0b and &#x1b;ships"), samples.raw("2611.00002"))
    first, second = oai.parse(data.replace(b"North", b"N\xf6rth")).records
    assert isinstance(first, Record)
    assert isinstance(second, Record)
    assert first.title == "Boats and ships"
    assert first.authors[0].affiliation == "N\N{REPLACEMENT CHARACTER}rth Lab"


def test_several_errors_are_told_by_the_first_that_refuses() -> None:
    data = samples.refused("noRecordsMatch").replace(
        b"</OAI-PMH>", b'<error code="badVerb">Illegal verb</error></OAI-PMH>'
    )
    with pytest.raises(oai.OaiError, match="badVerb: Illegal verb"):
        oai.parse(data)


@pytest.mark.parametrize(
    ("category", "set_"),
    [
        ("cs.LG", "cs:cs:LG"),
        ("cs.lg ", "cs:cs:LG"),
        ("cs", "cs"),
        ("math.NA", "math:math:NA"),
        ("stat.ML", "stat:stat:ML"),
        ("eess.SY", "eess:eess:SY"),
        ("q-bio.NC", "q-bio:q-bio:NC"),
        ("q-fin.ST", "q-fin:q-fin:ST"),
        ("econ.EM", "econ:econ:EM"),
        ("hep-th", "physics:hep-th"),
        ("quant-ph", "physics:quant-ph"),
        ("astro-ph", "physics:astro-ph"),
        ("astro-ph.EP", "physics:astro-ph:EP"),
        ("nlin.CD", "physics:nlin:CD"),
        ("physics", "physics:physics"),
        ("physics.optics", "physics:physics:optics"),
        ("physics.plasm-ph", "physics:physics:plasm-ph"),
    ],
)
def test_each_category_has_its_set(category: str, set_: str) -> None:
    assert oai.set_of(category) == set_


@pytest.mark.parametrize(
    ("category", "meant"),
    [
        ("cs-LG", "cs.LG"),
        ("cslg", "cs.LG"),
        ("LG", "cs.LG"),
        ("Machine Learning", "cs.LG"),
        ("hepth", "hep-th"),
        ("cmp-lg", "cs.CL"),
        ("chao-dyn", "nlin.CD"),
        ("computer vision", "cs.CV"),
    ],
)
def test_a_category_that_is_none_names_the_one_meant(category: str, meant: str) -> None:
    assert oai.nearest(category) == meant
    with pytest.raises(ValueError, match=f"did you mean {meant}"):
        oai.set_of(category)


def test_what_resembles_no_category_names_none() -> None:
    assert oai.nearest("zebra crossing") is None
    assert oai.nearest("") is None
    with pytest.raises(ValueError, match=r"no category “zebra crossing”$"):
        oai.set_of("zebra crossing")
