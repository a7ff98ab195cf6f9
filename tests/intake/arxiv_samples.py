"""One invented paper as each of arXiv's interfaces tells it, and answers to put it in."""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import escape

ABSTRACT = (
    "  We measure how small boats keep their course in a harbour of $10^{3}$ gates\n"
    "and find that a writable store helps. The code is at\n"
    "https://github.com/boats/harbour.\n"
)
TITLE = "Small Boats,\n  Long Memories"
AUTHORS = r"Mara Quill, Jos\'e Fen Jr. and S.M. Tao (North Lab)"
LICENCE = "http://creativecommons.org/licenses/by/4.0/"
COMMENTS = "12 pages, video at https://boats.example.org/video"


def raw(
    id_: str = "2611.01234",
    *,
    title: str = TITLE,
    comments: str = COMMENTS,
    versions: tuple[tuple[str, str, str], ...] = (
        ("v1", "Tue, 17 Nov 2026 18:40:02 GMT", "D"),
        ("v2", "Thu, 19 Nov 2026 01:02:03 GMT", "D"),
    ),
    extra: str = "",
) -> str:
    """A record in the format arXivRaw."""
    history = "".join(
        f'<version version="{number}"><date>{date}</date><size>412kb</size>'
        f"<source_type>{kind}</source_type></version>"
        for number, date, kind in versions
    )
    return (
        f"<record><header><identifier>oai:arXiv.org:{id_}</identifier>"
        "<datestamp>2026-11-20</datestamp><setSpec>cs:cs:CL</setSpec></header><metadata>"
        '<arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f"<id>{id_}</id><submitter>Mara Quill</submitter>{history}<title>{title}</title>"
        f"<authors>{escape(AUTHORS)}</authors><categories>cs.CL cs.LG</categories>"
        f"<comments>{comments}</comments><acm-class>68T50</acm-class>"
        f"<doi>10.1000/Boats.7</doi><license>{LICENCE}</license>{extra}"
        f"<abstract>{escape(ABSTRACT)}</abstract></arXivRaw></metadata></record>"
    )


def parted(created: str = "2026-11-17", updated: str = "2026-11-19") -> str:
    """The same paper in the format arXiv."""
    return (
        "<record><header><identifier>oai:arXiv.org:2611.01234</identifier></header><metadata>"
        '<arXiv xmlns="http://arxiv.org/OAI/arXiv/"><id>2611.01234</id>'
        f"<created>{created}</created><updated>{updated}</updated><authors>"
        "<author><keyname>Quill</keyname><forenames>Mara</forenames>"
        "<affiliation>North Lab</affiliation></author>"
        "<author><keyname>Fen</keyname><forenames>José</forenames><suffix>Jr.</suffix>"
        "<affiliation>North Lab</affiliation></author>"
        "<author><keyname>Tao</keyname><forenames>S. M.</forenames>"
        "<affiliation>North Lab</affiliation></author></authors>"
        f"<title>{TITLE}</title><categories>cs.CL cs.LG</categories>"
        f"<comments>{COMMENTS}</comments><doi>10.1000/Boats.7</doi><license>{LICENCE}</license>"
        f"<abstract>{escape(ABSTRACT)}</abstract></arXiv></metadata></record>"
    )


def deleted(id_: str) -> str:
    """A record that is no more."""
    return (
        f'<record><header status="deleted"><identifier>oai:arXiv.org:{id_}</identifier>'
        "<datestamp>2026-11-20</datestamp></header></record>"
    )


def oai(*records: str, token: str = "", verb: str = "ListRecords") -> bytes:
    """An answer of OAI-PMH."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        "<responseDate>2026-11-20T23:59:59Z</responseDate>"
        f'<request verb="{verb}" metadataPrefix="arXivRaw">http://oaipmh.arxiv.org/oai</request>'
        f"<{verb}>{''.join(records)}{token}</{verb}></OAI-PMH>\n"
    ).encode()


def refused(code: str, said: str = "") -> bytes:
    """An answer that is an error."""
    return (
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        "<responseDate>2026-11-20T23:59:59Z</responseDate>"
        f'<error code="{code}">{said}</error></OAI-PMH>'
    ).encode()


def atom_entry() -> str:
    """The same paper as the query interface tells it."""
    people = "".join(
        f"<author><name>{name}</name><arxiv:affiliation>North Lab</arxiv:affiliation></author>"
        for name in ("Mara Quill", "José Fen Jr.", "S. M. Tao")
    )
    return (
        "<entry><id>http://arxiv.org/abs/2611.01234v2</id>"
        f"<title>{TITLE}</title><updated>2026-11-19T01:02:03Z</updated>"
        '<link href="https://arxiv.org/abs/2611.01234v2" rel="alternate" type="text/html"/>'
        f"<summary>{escape(ABSTRACT)}</summary>"
        '<category term="cs.CL"/><category term="cs.LG"/><category term="68T50"/>'
        '<category term="I.2.7"/><published>2026-11-17T18:40:02Z</published>'
        f"<arxiv:comment>{COMMENTS}</arxiv:comment>"
        '<arxiv:primary_category term="cs.CL"/>'
        f"{people}<arxiv:doi>10.1000/Boats.7</arxiv:doi></entry>"
    )


def atom(*entries: str, total: object = 1, start: object = 0) -> bytes:
    """A feed of the query interface."""
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
        ' xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">'
        "<title>arXiv Query</title><opensearch:itemsPerPage>10</opensearch:itemsPerPage>"
        f"<opensearch:totalResults>{total}</opensearch:totalResults>"
        f"<opensearch:startIndex>{start}</opensearch:startIndex>{''.join(entries)}</feed>"
    ).encode()


def snapshot(**changes: Any) -> dict[str, Any]:
    """The same paper as a line of the snapshot has it."""
    return {
        "id": "2611.01234",
        "submitter": "Mara Quill",
        "authors": AUTHORS,
        "title": TITLE,
        "comments": COMMENTS,
        "journal-ref": None,
        "doi": "10.1000/Boats.7",
        "report-no": None,
        "categories": "cs.CL cs.LG",
        "license": LICENCE,
        "abstract": ABSTRACT,
        "versions": [
            {"version": "v1", "created": "Tue, 17 Nov 2026 18:40:02 GMT"},
            {"version": "v2", "created": "Thu, 19 Nov 2026 01:02:03 GMT"},
        ],
        "update_date": "2026-11-20",
        "authors_parsed": [
            ["Quill", "Mara", "", "North Lab"],
            ["Fen", "José", "Jr.", "North Lab"],
            ["Tao", "S. M.", "", "North Lab"],
        ],
        **changes,
    }


def snapshot_line(**changes: Any) -> bytes:
    """A line of the snapshot."""
    return json.dumps(snapshot(**changes)).encode() + b"\n"


def item(id_: str, kind: str, version: int = 1, title: str = TITLE) -> str:
    """A paper in the daily RSS."""
    return (
        f"<item><title>{title}</title><link>https://arxiv.org/abs/{id_}</link>"
        f"<description>arXiv:{id_}v{version} Announce Type: {kind} \n"
        f"Abstract: {escape(ABSTRACT)}</description>"
        f'<guid isPermaLink="false">oai:arXiv.org:{id_}v{version}</guid>'
        "<category>cs.CL</category><category>cs.LG</category>"
        "<pubDate>Fri, 20 Nov 2026 00:00:00 -0500</pubDate>"
        f"<arxiv:announce_type>{kind}</arxiv:announce_type>"
        f"<dc:rights>{LICENCE}</dc:rights><arxiv:DOI>10.1000/Boats.7</arxiv:DOI>"
        "<dc:creator>Mara Quill (North Lab), José Fen Jr. (North Lab), S. M. Tao (North Lab)"
        "</dc:creator></item>"
    )


def rss(*items: str, day: str = "Fri, 20 Nov 2026 00:00:00 -0500") -> bytes:
    """A daily feed."""
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<rss xmlns:arxiv="http://arxiv.org/schemas/atom"'
        ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:atom="http://www.w3.org/2005/Atom" version="2.0"><channel>'
        "<title>cs.CL updates on arXiv.org</title><link>http://rss.arxiv.org/rss/cs.CL</link>"
        "<description>cs.CL updates on the arXiv.org e-print archive.</description>"
        '<atom:link href="http://rss.arxiv.org/rss/cs.CL" rel="self"/>'
        f"<lastBuildDate>Sat, 21 Nov 2026 05:00:04 +0000</lastBuildDate><pubDate>{day}</pubDate>"
        "<skipDays><day>Sunday</day><day>Saturday</day></skipDays>"
        f"{''.join(items)}</channel></rss>"
    ).encode()
