"""arXiv's daily feeds: the day, why each paper is there, and what they leave open."""

from __future__ import annotations

from datetime import date

import pytest

from broadsheet.intake.arxiv import feed
from broadsheet.intake.arxiv.record import Announced
from broadsheet.intake.opening import InputError
from broadsheet.records import Author, Quarantined, Record

from . import arxiv_samples as samples

FRIDAY = date(2026, 11, 20)
ATOM = """<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns="http://www.w3.org/2005/Atom" xml:lang="en-us">
 <id>http://rss.arxiv.org/atom/cs.CL</id><title>cs.CL updates on arXiv.org</title>
 <updated>2026-11-20T05:00:10.000+00:00</updated>
 <entry><id>oai:arXiv.org:2611.09999v3</id><title>Longer Boats</title>
  <updated>2026-11-20T05:00:10.000+00:00</updated>
  <link href="https://arxiv.org/abs/2611.09999" rel="alternate" type="text/html"/>
  <summary>arXiv:2611.09999v3 Announce Type: replace-cross
Abstract: Longer boats turn less.</summary>
  <category term="math.OC"/><category term="cs.CL"/>
  <published>2026-11-20T00:00:00-05:00</published>
  <arxiv:announce_type>replace-cross</arxiv:announce_type>
  <arxiv:journal_reference>Boats 7</arxiv:journal_reference>
  <dc:creator>Ada Example, Bo Sample</dc:creator></entry>
</feed>"""


def test_an_item_of_rss_is_announced_and_a_record() -> None:
    found = feed.parse(samples.rss(samples.item("2611.01234", "new")))
    assert found.day == FRIDAY
    assert found.is_whole
    assert found.announced == (
        Announced(
            id="2611.01234",
            kind="new",
            title="Small Boats, Long Memories",
            authors=("Mara Quill", "José Fen Jr.", "S. M. Tao"),
            categories=("cs.CL", "cs.LG"),
            version=1,
        ),
    )
    [record] = found.records
    assert isinstance(record, Record)
    assert (record.source, record.key, record.version) == ("arxiv", "2611.01234", 1)
    assert record.shown == FRIDAY
    assert record.published is None
    assert record.abstract.startswith("We measure how small boats")
    assert record.abstract.endswith("https://github.com/boats/harbour.")
    assert record.authors[0] == Author("Mara Quill", "North Lab")
    assert record.identifiers == ("2611.01234", "doi:10.1000/boats.7")
    assert record.licence == samples.LICENCE


def test_each_kind_is_told_and_only_new_papers_are_of_the_day() -> None:
    found = feed.parse(
        samples.rss(
            samples.item("2611.00001", "new"),
            samples.item("2611.00002", "cross"),
            samples.item("2611.00003", "replace", version=4),
            samples.item("hep-th/9901001", "replace-cross", version=2),
            samples.item("2611.00005", "absonly", version=2),
        )
    )
    assert [(one.id, one.kind, one.version) for one in found.announced] == [
        ("2611.00001", "new", 1),
        ("2611.00002", "cross", 1),
        ("2611.00003", "replace", 4),
        ("hep-th/9901001", "replace-cross", 2),
        ("2611.00005", "replace", 2),
    ]
    assert [one.shown for one in found.records if isinstance(one, Record)] == [FRIDAY] + [None] * 4


def test_atom_tells_the_same() -> None:
    found = feed.parse(ATOM.encode())
    assert found.day == FRIDAY
    [one] = found.announced
    assert one == Announced(
        "2611.09999", "replace-cross", "Longer Boats", ("Ada Example", "Bo Sample"),
        ("math.OC", "cs.CL"), 3,
    )  # fmt: skip
    [record] = found.records
    assert isinstance(record, Record)
    assert record.abstract == "Longer boats turn less."


def test_a_weekend_is_empty() -> None:
    found = feed.parse(samples.rss(day="Sat, 21 Nov 2026 00:00:00 -0500"))
    assert found == feed.FeedDay(date(2026, 11, 21))


def test_the_day_is_arxivs_own_not_that_of_greenwich() -> None:
    late = samples.rss(day="Thu, 19 Nov 2026 23:30:00 -0500")
    assert feed.parse(late).day == date(2026, 11, 19)


def test_a_paper_in_two_categories_of_one_feed_counts_once() -> None:
    found = feed.parse(
        samples.rss(samples.item("2611.00001", "new"), samples.item("2611.00001", "cross"))
    )
    assert [(one.id, one.kind) for one in found.announced] == [("2611.00001", "new")]
    assert len(found.records) == 1


def test_a_feed_as_long_as_arxiv_allows_may_be_cut() -> None:
    items = [samples.item(f"2611.{number:05}", "new") for number in range(1, 2001)]
    assert not feed.parse(samples.rss(*items)).is_whole
    assert feed.parse(samples.rss(*items[1:])).is_whole


def test_the_kind_may_stand_in_the_description_only() -> None:
    data = samples.rss(samples.item("2611.00001", "cross"))
    data = data.replace(b"<arxiv:announce_type>cross</arxiv:announce_type>", b"")
    assert feed.parse(data).announced[0].kind == "cross"


def test_the_id_may_stand_in_the_link_and_behind_the_title() -> None:
    data = samples.rss(
        samples.item("2611.00001", "new", title="Boats (arXiv:2611.00001v1 [cs.CL])")
    )
    data = data.replace(b"oai:arXiv.org:2611.00001v1", b"17")
    [one] = feed.parse(data).announced
    assert (one.id, one.title, one.version) == ("2611.00001", "Boats", None)


def test_bad_items_are_put_aside_and_the_others_stay() -> None:
    found = feed.parse(
        samples.rss(
            samples.item("2611.00001", "unheard-of"),
            samples.item("seven", "new"),
            samples.item("2611.00002", "new", title=""),
            samples.item("2611.00003", "new"),
        )
    )
    assert [one.id for one in found.announced] == ["2611.00003"]
    reasons = [one.reason for one in found.records if isinstance(one, Quarantined)]
    assert reasons == [
        "the announcement is of the unknown kind “unheard-of”",
        "“sevenv1” is no arXiv id",
        "the paper has no title",
    ]


def test_a_refusal_is_told_in_arxivs_words() -> None:
    data = samples.rss()
    data = data.replace(b"cs.CL updates on arXiv.org</title>", b"Feed error for query: x</title>")
    with pytest.raises(InputError, match=r"arXiv answered: cs\.CL updates on the"):
        feed.parse(data)


def test_another_document_is_refused() -> None:
    for data in (samples.oai(), b'<feed xmlns="http://www.w3.org/2005/Atom"/>', b"<rss/>"):
        with pytest.raises(InputError, match="no feed"):
            feed.parse(data)
