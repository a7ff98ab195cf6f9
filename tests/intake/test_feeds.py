"""Feeds: RSS and Atom of all kinds, what entries say in HTML, and broken XML."""

from __future__ import annotations

import html
import json
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings

from broadsheet.intake import feed
from broadsheet.intake.opening import InputError
from broadsheet.records import Author, Link, Quarantined, Record

from .papers import ABSTRACT
from .reading import mutilated, read_bytes

ADDRESS = "https://boats.example/feed.xml"
NAMESPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"'
)


def rss(*items: str) -> bytes:
    inside = "".join(f"<item>{item}</item>\n" for item in items)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0" {NAMESPACES}>\n'
        f"<channel><title>Boats</title><link>https://boats.example/</link>\n{inside}"
        "</channel></rss>"
    ).encode()


def entry(title: str = "Of Boats", description: str = ABSTRACT, more: str = "") -> str:
    return (
        f"<title>{title}</title><link>https://boats.example/1</link>"
        f"<description>{html.escape(description)}</description>{more}"
    )


def only(data: bytes) -> Record:
    [thing] = feed.parse(data, ADDRESS)
    assert isinstance(thing, Record), thing
    return thing


ATOM = f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom">
  <id>https://boats.example/query</id><title>Boats</title>
  <entry>
    <id>http://arxiv.org/abs/2401.00007v3</id>
    <title>Paper boats,
      part 7</title>
    <published>2024-01-05T23:59:59Z</published><updated>2024-02-06T00:00:00Z</updated>
    <link href="https://arxiv.org/abs/2401.00007v3" rel="alternate" type="text/html"/>
    <link href="https://arxiv.org/pdf/2401.00007v3" rel="related" type="application/pdf"/>
    <link href="https://boats.example/slides.pdf" rel="related" type="application/pdf"/>
    <summary>{ABSTRACT} A boat with x &lt; 3 sheets sinks.</summary>
    <category term="cs.LG"/><category term="boats"/><category term="physics.flu-dyn"/>
    <arxiv:doi>10.1000/BOATS.7</arxiv:doi>
    <author><name>Ada Example</name></author><author><name>Bo Sample</name></author>
  </entry>
</feed>
""".encode()


def test_everything_an_atom_entry_says_is_read() -> None:
    record = only(ATOM)
    assert (record.source, record.key) == ("feed", f"{ADDRESS}#2401.00007")
    assert record.title == "Paper boats, part 7"
    assert record.abstract == f"{ABSTRACT} A boat with x < 3 sheets sinks."
    assert record.identifiers == ("2401.00007", "doi:10.1000/boats.7")
    assert record.version == 3
    assert record.authors == (Author("Ada Example"), Author("Bo Sample"))
    assert record.categories == ("cs.LG", "physics.flu-dyn")
    assert (record.published, record.updated) == (date(2024, 1, 5), date(2024, 2, 6))
    assert record.year == 2024
    assert record.links == (
        Link("abstract", "https://arxiv.org/abs/2401.00007"),
        Link("pdf", "https://arxiv.org/pdf/2401.00007"),
        Link("doi", "https://doi.org/10.1000/boats.7"),
        Link("pdf", "https://boats.example/slides.pdf"),
    )


def test_an_item_of_arxivs_daily_feed_is_read() -> None:
    announced = f"arXiv:2401.00007v1 Announce Type: new \nAbstract: {ABSTRACT}"
    record = only(
        rss(
            "<title>Paper boats</title><link>https://arxiv.org/abs/2401.00007</link>"
            f"<description>{announced}</description>"
            '<guid isPermaLink="false">oai:arXiv.org:2401.00007v1</guid>'
            "<category>cs.LG</category><pubDate>Fri, 05 Jan 2024 00:00:00 -0500</pubDate>"
            "<dc:creator>Ada Example, Bo Sample</dc:creator>"
            "<dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>"
        )
    )
    assert record.identifiers == ("2401.00007",)
    assert record.key == f"{ADDRESS}#2401.00007"
    assert record.version == 1
    assert record.abstract == ABSTRACT
    assert record.authors == (Author("Ada Example"), Author("Bo Sample"))
    assert record.published == date(2024, 1, 5)
    assert record.licence == "http://creativecommons.org/licenses/by/4.0/"


RDF = f"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
  xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
  xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/">
<channel rdf:about="https://boats.example/"><title>Boats</title></channel>
<item rdf:about="https://boats.example/doi/abs/10.1000/b.9">
  <title>Of &lt;i&gt;Kites&lt;/i&gt;</title>
  <link>https://boats.example/doi/abs/10.1000/b.9?af=R</link>
  <description>&lt;p&gt;{ABSTRACT}&lt;/p&gt;</description>
  <dc:creator>Example, Ada</dc:creator><dc:date>2024-01-05</dc:date>
  <prism:doi>10.1000/b.9</prism:doi>
</item></rdf:RDF>
""".encode()


def test_a_journals_rss_1_is_read() -> None:
    record = only(RDF)
    assert record.title == "Of Kites"
    assert record.identifiers == ("doi:10.1000/b.9",)
    assert record.abstract == ABSTRACT
    assert record.authors == (Author("Example, Ada"),)
    assert record.published == date(2024, 1, 5)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://huggingface.co/papers/2401.00007", "2401.00007"),
        ("https://arxiv.org/pdf/2401.00007v2.pdf", "2401.00007"),
        ("https://doi.org/10.1000/B.9", "doi:10.1000/b.9"),
        ("https://dl.boats.example/doi/10.1000/b.9", "doi:10.1000/b.9"),
        ("https://aclanthology.org/2024.boat-long.1/", "acl:2024.boat-long.1"),
        ("https://aclanthology.org/P19-1001.pdf", "acl:P19-1001"),
        ("https://openreview.net/forum?id=aVh9KRZdRk", "openreview:aVh9KRZdRk"),
    ],
)
def test_an_entry_that_links_to_a_known_site_names_the_work(address: str, name: str) -> None:
    record = only(rss(f"<title>Of Boats</title><link>{address}</link>"))
    assert record.identifiers == (name,)


@pytest.mark.parametrize(
    "address", ["tag:boats.example,2024:7", "urn:uuid:1225c695", "https://boats.example/2401.00007"]
)
def test_an_entrys_own_name_is_no_name_of_a_work(address: str) -> None:
    record = only(rss(f"<title>Of Boats</title><guid>{address}</guid>"))
    assert record.identifiers == ()
    assert record.key == f"{ADDRESS}#{address}"


def test_of_html_the_text_is_kept() -> None:
    markup = (
        "<p>Boats &amp; <b>kites</b>&nbsp;float.<br>They <i>do</i>.</p><script>alert(1)</script>"
        "<img src=x onerror=alert(2)><ul><li>One<li>Two</ul>"
    )
    record = only(rss(entry("Of &lt;b&gt;Boats&lt;/b&gt; &amp;amp; kites", markup)))
    assert record.title == "Of Boats & kites"
    assert record.abstract == "Boats & kites float. They do. One Two"


def test_only_what_is_no_abstract_is_left_out_before_one() -> None:
    labelled = f"<p><b>Authors:</b> Ada Example, Bo Sample</p><p><b>Summary:</b> {ABSTRACT}</p>"
    record = only(rss(entry(description=labelled)))
    assert record.abstract == ABSTRACT
    assert record.authors == (Author("Ada Example"), Author("Bo Sample"))
    parts = "<p>Aims: to float.</p><p>Summary: it floats.</p>"
    assert only(rss(entry(description=parts))).abstract == "Aims: to float. Summary: it floats."


def test_a_long_address_is_cut_and_still_names_one_entry() -> None:
    keys = set()
    for number in range(3):
        item = f"<title>Of Boats</title><guid>https://boats.example/{'b' * 500}{number}</guid>"
        keys.add(only(rss(item)).key)
    assert len(keys) == 3
    assert {len(key) for key in keys} == {400}


def test_an_entry_without_a_title_is_put_aside_and_its_neighbours_come_in(tmp_path: Path) -> None:
    outcome = read_bytes(tmp_path, rss(entry("One"), "<guid>two</guid>", entry("Three")))
    assert outcome.kind == "feed"
    assert [record.title for record in outcome.records] == ["One", "Three"]
    [aside] = outcome.aside
    assert (aside.reason, aside.line) == ("the paper has no title", 5)
    assert aside.excerpt.startswith(b"<item")
    assert b"two" in aside.excerpt


def test_of_broken_xml_is_had_what_can_be_had() -> None:
    whole = rss(entry("Of&nbsp;Boats &mdash; &eacute;"), entry("Kites & more"), entry("Last"))
    titles = [getattr(thing, "title", "") for thing in feed.parse(whole, ADDRESS)]
    assert titles[0] == "Of Boats — é"
    assert titles[2] == "Last"
    cut = feed.parse(whole[: whole.index(b"Last")], ADDRESS)
    assert getattr(cut[0], "title", "") == "Of Boats — é"


def test_bytes_of_another_encoding_spoil_no_more_than_themselves() -> None:
    content = rss(entry("Boats"), entry("Bötchen")).replace("ö".encode(), b"\xf6")
    titles = [getattr(thing, "title", "") for thing in feed.parse(content, ADDRESS)]
    assert titles == ["Boats", "B\ufffdtchen"]
    stated = content.replace(b'encoding="UTF-8"', b'encoding="ISO-8859-1"')
    for told in (stated, stated.replace(b"Boats", b"Boats &amp")):
        assert getattr(feed.parse(told, ADDRESS)[1], "title", "") == "Bötchen"


def test_halves_of_characters_are_left_out() -> None:
    record = only(rss(entry("Of&#xD800; Boats&#0; &#x1F6A2;")))
    assert record.title == "Of Boats 🚢"


def test_a_prefix_that_stands_for_nothing_is_no_fault() -> None:
    content = RDF.replace(b' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"', b"")
    for thing in feed.parse(content, ADDRESS):
        assert isinstance(thing, Record | Quarantined)


def test_the_name_of_a_file_is_never_opened(tmp_path: Path) -> None:
    file = tmp_path / "boats.xml"
    file.write_bytes(rss(entry()))
    for name in (str(file).encode(), b"https://boats.example/feed.xml"):
        with pytest.raises(InputError, match="the feed is no XML"):
            feed.parse(name, ADDRESS)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the feed is no XML"),
        (b"<html><body>Not found</body></html>", "the XML is no feed"),
        (
            b'<!DOCTYPE rss [<!ENTITY a "boat"><!ENTITY b "&a;&a;&a;">]>'
            b"<rss><channel><item><title>&b;</title></item></channel></rss>",
            "the feed defines entities of its own",
        ),
        (
            b'<feed xmlns="http://www.w3.org/2005/Atom"><entry><authors/>'
            b"<author><name>Ada</name></author></entry></feed>",
            "the feed's elements stand where no feed has them",
        ),
        (b"<rss>" + b" " * 17_000_000 + b"</rss>", "the feed has over 16 MB"),
        (
            b"<rss><channel>" + b"<a/>" * 250_000 + b"</channel></rss>",
            "the feed has 250,002 elements and hardly anything in them",
        ),
    ],
)
def test_what_is_no_feed_is_refused_in_a_sentence(data: bytes, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        feed.parse(data, ADDRESS)
    assert caught.value.reason.startswith(reason)


@pytest.mark.parametrize(
    "data",
    [
        b"<rss><channel><item>" + b"<b>" * 300_000,
        b"<rss><channel><item><title>" + b"<" * 1_000_000,
        b"<rss><channel><item><title>" + b"&" * 1_000_000,
        b"<rss><channel><item><title>" + b"<![CDATA[" * 100_000,
        rss(entry(description="<b>" * 60_000)),
        rss(entry(description="<" * 60_000)),
        rss(entry(description="Authors:" * 10_000 + "\n Summary" * 10_000)),
        # Not well-formed, and blanks in which to look for what only the beginning may state.
        b"<rss><channel><item><title>" + b" " * 400_000 + b"&nope;</title></item></channel></rss>",
    ],
)
def test_nonsense_takes_no_time(data: bytes) -> None:
    started = time.process_time()
    for thing in feed.parse(data, ADDRESS):
        assert isinstance(thing, Record | Quarantined)
    assert time.process_time() - started < 3


def test_a_recorded_feed_of_the_hubs_papers_is_read(shared: Path) -> None:
    data = (shared / "data/recorded/hf_rss/feed_weekly.xml").read_bytes()
    assert feed.recognises(data[:65536])
    things = feed.parse(data, ADDRESS)
    assert [getattr(thing, "identifiers", None) for thing in things] == [
        ("2607.23802",),
        ("2607.23782",),
        ("2607.28675",),
        ("2607.28415",),
        ("2607.28617",),
        ("2607.29679",),
    ]
    fourth = things[3]
    assert isinstance(fourth, Record)
    assert fourth.title == "QQWorld: Quantile-Quantile Matching for World Model Regularization"
    assert fourth.authors == (Author("Zhoushun Yu"), Author("Xiaoyu Hu"), Author("Xiangyu Xu"))
    assert fourth.abstract.startswith("Latent world models")
    assert "Upvotes" not in fourth.abstract
    assert fourth.published == date(2026, 7, 30)


def test_every_recorded_feed_comes_in_whole(shared: Path) -> None:
    for file, count in (("feed.xml", 30), ("feed_weekly.xml", 6), ("feed_monthly.xml", 105)):
        things = feed.parse((shared / "data/recorded/hf_rss" / file).read_bytes(), ADDRESS)
        assert [type(thing) for thing in things] == [Record] * count


def recorded(shared: Path, name: str) -> bytes:
    [file] = (shared / "data/recorded/arxiv_atom").glob(f"{name}_*.json")
    return str(json.loads(file.read_bytes())["body"]).encode()


def test_recorded_answers_of_arxiv_are_read(shared: Path) -> None:
    record = only(recorded(shared, "id_1605.08386_s0_m100"))
    assert record.title == "Heat-bath random walks with Markov bases"
    assert record.authors == (Author("Caprice Stanley"), Author("Tobias Windisch"))
    assert record.categories == ("math.CO", "math.ST")
    assert (record.published, record.version) == (date(2016, 5, 26), 1)
    assert only(recorded(shared, "id_2104.12255v1_s0_m100")).title == "0"
    assert only(recorded(shared, "id_quant-ph_0201082v1_s0_m100")).identifiers == (
        "quant-ph/0201082",
    )
    assert feed.parse(recorded(shared, "id_0000.0000_s0_m100"), ADDRESS) == ()
    assert len(feed.parse(recorded(shared, "q_testing_s0_m100"), ADDRESS)) == 100


def test_a_recorded_error_of_arxiv_is_no_paper(shared: Path) -> None:
    [thing] = feed.parse(recorded(shared, "id_abc_s0_m100"), ADDRESS)
    assert isinstance(thing, Quarantined)
    assert thing.reason == "the feed tells of an error: incorrect id format for abc"


@settings(max_examples=50, deadline=None, derandomize=True)
@given(content=mutilated(rss(entry(), entry("Kites", "<p>Of kites</p>"))) | mutilated(ATOM))
def test_of_a_mutilated_feed_only_records_come_and_sentences(content: bytes) -> None:
    try:
        things = feed.parse(content, ADDRESS)
    except InputError:
        return
    assert all(thing.title if isinstance(thing, Record) else thing.reason for thing in things)
