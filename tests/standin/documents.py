"""The documents of arXiv, as text: listings, feeds, harvesting answers, query answers.

Pure functions of papers and days. Their shapes are arXiv's, with what is awkward in them: TeX
accents and wrapped lines where the harvesting interface has them, none where the others do not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from email.utils import format_datetime
from html import escape
from textwrap import wrap
from urllib.parse import quote, quote_plus

from .world import Paper, Person, in_subject, midnight

NAMES = {
    "cs.AI": "Artificial Intelligence",
    "cs.CL": "Computation and Language",
    "cs.CR": "Cryptography and Security",
    "cs.CV": "Computer Vision and Pattern Recognition",
    "cs.DS": "Data Structures and Algorithms",
    "cs.IR": "Information Retrieval",
    "cs.LG": "Machine Learning",
    "cs.NE": "Neural and Evolutionary Computing",
    "cs.RO": "Robotics",
    "cs.SE": "Software Engineering",
    "econ.EM": "Econometrics",
    "eess.IV": "Image and Video Processing",
    "eess.SY": "Systems and Control",
    "hep-th": "High Energy Physics - Theory",
    "math.CO": "Combinatorics",
    "math.NA": "Numerical Analysis",
    "math.OC": "Optimization and Control",
    "physics.data-an": "Data Analysis, Statistics and Probability",
    "q-bio.NC": "Neurons and Cognition",
    "q-fin.ST": "Statistical Finance",
    "quant-ph": "Quantum Physics",
    "stat.AP": "Applications",
    "stat.ME": "Methodology",
    "stat.ML": "Machine Learning",
}
ARCHIVES = {
    "astro-ph": "Astrophysics",
    "cond-mat": "Condensed Matter",
    "cs": "Computer Science",
    "econ": "Economics",
    "eess": "Electrical Engineering and Systems Science",
    "gr-qc": "General Relativity and Quantum Cosmology",
    "hep-ex": "High Energy Physics - Experiment",
    "hep-lat": "High Energy Physics - Lattice",
    "hep-ph": "High Energy Physics - Phenomenology",
    "hep-th": "High Energy Physics - Theory",
    "math": "Mathematics",
    "math-ph": "Mathematical Physics",
    "nlin": "Nonlinear Sciences",
    "nucl-ex": "Nuclear Experiment",
    "nucl-th": "Nuclear Theory",
    "physics": "Physics",
    "q-bio": "Quantitative Biology",
    "q-fin": "Quantitative Finance",
    "quant-ph": "Quantum Physics",
    "stat": "Statistics",
}
OWN_GROUPS = ("cs", "econ", "eess", "math", "q-bio", "q-fin", "stat")
ACCENTS = {
    "á": r"\'a", "é": r"\'e", "í": r"\'i", "ó": r"\'o", "Í": r"\'I", "ñ": r"\~n",
    "ü": r"\"u", "Ü": r"\"U", "ø": r"{\o}", "Ø": r"{\O}",
}  # fmt: skip
TOKEN_TIME = "%Y-%m-%dT%H:%M:%SZ"


def group_of(archive: str) -> str:
    """The group an archive is in: its own, or physics."""
    return archive if archive in OWN_GROUPS else "physics"


def full_name(subject: str) -> str:
    """The name of an archive or category in words."""
    return NAMES.get(subject) or ARCHIVES.get(subject) or f"Invented Studies in {subject}"


def _displayed(category: str) -> str:
    return f"{full_name(category)} ({category})"


def _tex(text: str) -> str:
    return "".join(ACCENTS.get(character, character) for character in text)


def _wrapped(text: str, following: str) -> str:
    return ("\n" + following).join(wrap(text, 78, break_long_words=False, break_on_hyphens=False))


# --- Listings: HTML -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Item:
    """A paper in a listing or feed; `kind` is new, cross or replace."""

    paper: Paper
    kind: str


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a listing under one heading, with all its items whether shown or not."""

    heading: str
    items: tuple[Item, ...]
    # arXiv prints a space before the closing bracket on one kind of page.
    tail: str = "entries)"


def new_page(
    subject: str, day: date, sections: Sequence[Section], skip: int = 0, show: int = 2000
) -> str:
    """The page `/list/<subject>/new`."""
    long = f"{day:%A}, {day.day} {day:%B} {day.year}"
    body = (
        f"  <h1>{full_name(subject)}</h1>\n{_index(sections)}\n"
        f'<p>See <a id="recent-{subject}" aria-labelledby="recent-{subject}" '
        f'href="/list/{subject}/recent">recent</a> articles</p>\n'
        f"<h3>Showing new listings for {long}</h3>\n"
        f"{_paging(sections, skip, show)}"
        f"{_sections(sections, skip, show, abstracts=True) or '    <p>No updates today.</p>'}\n"
        f"{_paging(sections, skip, show)}"
    )
    return _html(f"{full_name(subject)} ", body)


def recent_page(subject: str, sections: Sequence[Section], skip: int = 0, show: int = 50) -> str:
    """The page `/list/<subject>/recent`."""
    body = (
        f"  <h1>{full_name(subject)}</h1>\n"
        "  <h2>Authors and titles for recent submissions</h2>\n  <ul>\n"
        + "".join(
            f'<li><a href="/list/{subject}/recent?skip={skip}&amp;show={show}">'
            f"{section.heading}</a></li>\n"
            for section in sections
        )
        + f'  </ul>\n<p>See today\'s <a id="new-{subject}" aria-labelledby="new-{subject}" '
        f'href="/list/{subject}/new">new</a> changes</p>\n'
        f"{_paging(sections, skip, show)}"
        f"{_sections(sections, skip, show, abstracts=False)}"
        f"{_paging(sections, skip, show)}"
    )
    return _html(f"{full_name(subject)} ", body)


def catchup_page(
    subject: str, day: date, following: date | None, sections: Sequence[Section], abstracts: str
) -> str:
    """The page `/catchup/<subject>/<day>`; `abstracts` is the request's True or False."""
    short = f"{day:%a, %d %b %Y}"
    total = f"Total of {sum(len(section.items) for section in sections)} entries for {short}\n"
    link = ""
    if following:
        link = (
            f'<a href="/catchup/{subject}/{following}?abs={abstracts}&amp;page=1">'
            "Continue to the next day</a>\n<br><br>\n"
        )
    entries = _sections(sections, 0, 2000, abstracts=abstracts == "True")
    nothing = (
        f"<br>\n<div>\n<p>No updates for {short}. There was either no announcement for this day, "
        "or no updates within the requested subject.</p>\n</div>\n<br>\n"
    )
    body = (
        f"  <h1>Catchup results for {full_name(subject)} on {short}</h1>\n{_index(sections)}\n"
        f"<div>\n{link}{total}</div>\n{entries or nothing}<div></div>\n{total}{link}"
    )
    return _html("Catchup", body)


def error_page(status: int, what: str) -> str:
    """A page that says that a request was wrong."""
    return _html(f"{status}", f"<h1>{escape(what)}</h1>")


def _html(title: str, body: str) -> str:
    return (
        '<!DOCTYPE html>\n<html lang="en">\n\n<head>  <title>' + title + "</title>\n"
        '  <meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '</head>\n\n<body class="with-cu-identity">\n  <header class="mobile-header">\n'
        '    <a href="https://arxiv.org/">arXiv</a> <a href="/abs/0000.00000">help</a>\n'
        "  </header>\n  <main>\n    <div id=\"content\">\n<div id='content-inner'>\n"
        f"<div id='dlpage'>\n{body}\n</div>\n</div>\n    </div>\n  </main>\n"
        "  <footer>Copyright</footer>\n</body>\n\n</html>\n"
    )


def _index(sections: Sequence[Section]) -> str:
    names = {"New": "New submissions", "Cross": "Cross-lists", "Replacement": "Replacements"}
    lines, place = [], 0
    for section in sections:
        if section.items:
            name = names[section.heading.split(" ", 1)[0]]
            lines.append(f'  <li><a href="#item{place}">{name}</a></li>\n')
        place += len(section.items)
    return "<ul>\n" + "".join(lines) + "</ul>"


def _paging(sections: Sequence[Section], skip: int, show: int) -> str:
    total = sum(len(section.items) for section in sections)
    if not total:
        return ""
    pages = ""
    for first in range(0, total, show):
        span = f"{first + 1}-{min(first + show, total)}"
        link = f"<a href=?skip={first}&amp;show={show}>{span}</a>"
        pages += f"\n    <span>{span}</span>" if first == skip else f"\n    {link}"
    return (
        f"    <div class='paging'>Total of {total} entries {pages if total > show else ''}\n"
        f"    </div>\n    <div class='morefewer'>Showing up to {show} entries per page:\n"
        '      <span style="color: #454545">fewer</span>\n    </div>\n'
    )


def _sections(sections: Sequence[Section], skip: int, show: int, *, abstracts: bool) -> str:
    made, place = [], 0
    for section in sections:
        start = max(skip - place, 0)
        stop = max(skip + show - place, 0)
        shown = section.items[start:stop]
        last = start + len(shown) == len(section.items)
        if shown:
            said = "showing " + ("" if last and not start else "last " if last else "")
            if start:
                said = "continued, " + said
            elif not last:
                said += "first "
            heading = (
                f"{section.heading} ({said}{len(shown)} of {len(section.items)} {section.tail}"
            )
            entries = "".join(
                _entry(item, place + start + number, abstracts=abstracts)
                for number, item in enumerate(shown, 1)
            )
            made.append(f"<dl id='articles'>\n    <h3>{heading}</h3>\n\n{entries}</dl>\n")
        place += len(section.items)
    return "\n".join(made)


def _entry(item: Item, number: int, *, abstracts: bool) -> str:
    paper, key = item.paper, item.paper.id
    said = {
        "new": "",
        "cross": f"(cross-list from {paper.primary})",
        "replace": "(replaced)",
    }[item.kind]
    comment = paper.current.comment
    comments = (
        "        <div class='list-comments mathjax'><span class='descriptor'>Comments:</span>\n"
        f"          {escape(comment, quote=False)}\n        </div>\n\n"
        if comment
        else ""
    )
    journal = (
        "        <div class='list-journal-ref'><span class='descriptor'>Journal-ref:</span>\n"
        f"          {escape(paper.journal)}\n        </div>\n\n"
        if paper.journal
        else ""
    )
    others = "".join(f"; {_displayed(name)}" for name in paper.categories[1:])
    text = escape(paper.abstract, quote=False)
    abstract = f"        <p class='mathjax'>\n          {text}\n        </p>\n" if abstracts else ""
    return (
        f"    <dt>\n      <a name='item{number}'>[{number}]</a>\n"
        f'      <a href ="/abs/{key}" title="Abstract" id="{key}">\n        arXiv:{key}\n'
        f"      </a>\n      {said}\n"
        f'      [<a href="/pdf/{key}" title="Download PDF" id="pdf-{key}" '
        f'aria-labelledby="pdf-{key}">pdf</a>, '
        f'<a href="/format/{key}" title="Other formats" id="oth-{key}" '
        f'aria-labelledby="oth-{key}">other</a>]\n    </dt>\n    <dd>\n'
        "      <div class='meta'>\n"
        "        <div class='list-title mathjax'><span class='descriptor'>Title:</span>\n"
        f"          {escape(paper.title, quote=False)}\n        </div>\n"
        f"        <div class='list-authors'>{_linked_authors(paper)}</div>\n\n{comments}{journal}"
        "        <div class='list-subjects'><span class='descriptor'>Subjects:</span>\n"
        f'          <span class="primary-subject">{_displayed(paper.primary)}</span>{others}\n'
        f"        </div>\n\n{abstract}      </div>\n    </dd>\n"
    )


def _linked_authors(paper: Paper) -> str:
    archive = paper.primary.split(".", 1)[0]
    linked = []
    for person in paper.authors:
        query = quote_plus(f"{person.keyname}, {person.forenames[0]}")
        linked.append(
            f'<a href="https://arxiv.org/search/{archive}?searchtype=author&amp;query={query}">'
            f"{escape(person.name)}</a>"
            + (f" ({escape(person.affiliation)})" if person.affiliation else "")
        )
    return ", ".join(linked)


# --- Feeds --------------------------------------------------------------------------------------


def _announce_type(item: Item, subject: str) -> str:
    if item.kind == "replace" and not in_subject(item.paper.primary, subject):
        return "replace-cross"
    return item.kind


def _described(item: Item, subject: str) -> str:
    paper = item.paper
    kind = _announce_type(item, subject)
    return (
        f"arXiv:{paper.id}v{paper.version} Announce Type: {kind} \n"
        f"Abstract: {_wrapped(_tex(paper.abstract), '')}"
    )


def _creators(authors: Iterable[Person]) -> str:
    return ", ".join(
        _tex(f"{person.name} ({person.affiliation})" if person.affiliation else person.name)
        for person in authors
    )


def _feed_extras(item: Item, subject: str) -> str:
    paper = item.paper
    lines = [
        f"<arxiv:announce_type>{_announce_type(item, subject)}</arxiv:announce_type>",
        f"<dc:rights>{escape(paper.licence)}</dc:rights>",
    ]
    if paper.doi:
        lines.append(f"<arxiv:DOI>{escape(paper.doi)}</arxiv:DOI>")
    if paper.journal:
        lines.append(f"<arxiv:journal_reference>{escape(paper.journal)}</arxiv:journal_reference>")
    lines.append(f"<dc:creator>{escape(_creators(paper.authors), quote=False)}</dc:creator>")
    return "".join(f"      {line}\n" for line in lines)


def rss(subject: str, day: date, items: Sequence[Item]) -> str:
    """The feed `/rss/<subject>` of a day, RSS 2.0."""
    dated = format_datetime(midnight(day))
    address = f"http://rss.arxiv.org/rss/{subject}"
    title = ", ".join(subject.split("+"))
    entries = "".join(
        "    <item>\n"
        f"      <title>{escape(_tex(item.paper.title), quote=False)}</title>\n"
        f"      <link>https://arxiv.org/abs/{item.paper.id}</link>\n"
        f"      <description>{escape(_described(item, subject), quote=False)}</description>\n"
        f'      <guid isPermaLink="false">oai:arXiv.org:{item.paper.id}v'
        f"{item.paper.version}</guid>\n"
        + "".join(f"      <category>{name}</category>\n" for name in item.paper.categories)
        + f"      <pubDate>{dated}</pubDate>\n{_feed_extras(item, subject)}    </item>\n"
        for item in items
    )
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<rss xmlns:arxiv="http://arxiv.org/schemas/atom" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom" '
        'xmlns:content="http://purl.org/rss/1.0/modules/content/" version="2.0">\n  <channel>\n'
        f"    <title>{title} updates on arXiv.org</title>\n    <link>{address}</link>\n"
        f"    <description>{title} updates on the arXiv.org e-print archive.</description>\n"
        f'    <atom:link href="{address}" rel="self" type="application/rss+xml"/>\n'
        "    <docs>http://www.rssboard.org/rss-specification</docs>\n"
        "    <language>en-us</language>\n"
        f"    <lastBuildDate>{format_datetime(midnight(day).astimezone(UTC))}</lastBuildDate>\n"
        "    <managingEditor>rss-help@arxiv.org</managingEditor>\n"
        f"    <pubDate>{dated}</pubDate>\n    <skipDays>\n      <day>Sunday</day>\n"
        f"      <day>Saturday</day>\n    </skipDays>\n{entries}  </channel>\n</rss>\n"
    )


def atom(subject: str, day: date, items: Sequence[Item]) -> str:
    """The feed `/atom/<subject>` of a day, Atom 1.0."""
    built = midnight(day).astimezone(UTC).isoformat()
    address = f"http://rss.arxiv.org/atom/{subject}"
    title = ", ".join(subject.split("+"))
    entries = "".join(
        "  <entry>\n"
        f"    <id>oai:arXiv.org:{item.paper.id}v{item.paper.version}</id>\n"
        f"    <title>{escape(_tex(item.paper.title), quote=False)}</title>\n"
        f"    <updated>{built}</updated>\n"
        f'    <link href="https://arxiv.org/abs/{item.paper.id}" rel="alternate" '
        'type="text/html"/>\n'
        f"    <summary>{escape(_described(item, subject), quote=False)}</summary>\n"
        + "".join(f'    <category term="{name}"/>\n' for name in item.paper.categories)
        + f"    <published>{midnight(day).isoformat()}</published>\n"
        f"{_feed_extras(item, subject)}  </entry>\n"
        for item in items
    )
    return (
        "<?xml version='1.0' encoding='UTF-8'?>\n"
        '<feed xmlns:arxiv="http://arxiv.org/schemas/atom" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns="http://www.w3.org/2005/Atom" '
        f'xml:lang="en-us">\n  <id>{address}</id>\n'
        f"  <title>{title} updates on arXiv.org</title>\n  <updated>{built}</updated>\n"
        f'  <link href="{address}" rel="self" type="application/atom+xml"/>\n'
        f"  <subtitle>{title} updates on the arXiv.org e-print archive.</subtitle>\n"
        f"{entries}</feed>\n"
    )


# --- Harvesting: OAI-PMH ------------------------------------------------------------------------


def set_spec(category: str) -> str:
    """The set of an archive or category: `cs:cs:LG`, `physics:hep-th`."""
    return f"{group_of(category.split('.', 1)[0])}:{category.replace('.', ':')}"


def oai(now: datetime, request: Mapping[str, str], inner: str) -> str:
    """An answer of the harvesting interface; `request` is what its request element repeats."""
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in request.items())
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        'xsi:schemaLocation="http://www.openarchives.org/OAI/2.0/ '
        'http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd">\n'
        f"<responseDate>{now.astimezone(UTC).strftime(TOKEN_TIME)}</responseDate>\n"
        f"<request{attributes}>https://oaipmh.arxiv.org/oai</request>\n{inner}</OAI-PMH>\n"
    )


def oai_error(code: str, text: str) -> str:
    """The error element of the harvesting interface."""
    return f"<error code='{code}'>{escape(text)}</error>\n"


def identify(earliest: date) -> str:
    """What `verb=Identify` says."""
    return (
        "<Identify>\n<repositoryName>arXiv</repositoryName>\n"
        "<baseURL>https://oaipmh.arxiv.org/oai</baseURL>\n"
        "<protocolVersion>2.0</protocolVersion>\n<adminEmail>help@arxiv.org</adminEmail>\n"
        f"<earliestDatestamp>{earliest}</earliestDatestamp>\n"
        "<deletedRecord>persistent</deletedRecord>\n<granularity>YYYY-MM-DD</granularity>\n"
        "</Identify>\n"
    )


def list_sets(categories: Iterable[str]) -> str:
    """What `verb=ListSets` says: groups, then archives, then categories."""
    groups = [(group, ARCHIVES[group]) for group in sorted({*OWN_GROUPS, "physics"})]
    archives = [(set_spec(archive), name) for archive, name in ARCHIVES.items()]
    known = sorted({*NAMES, *categories} - ARCHIVES.keys())
    named = [(set_spec(category), full_name(category)) for category in known]
    sets = "".join(
        f"<set>\n <setSpec>{spec}</setSpec>\n <setName>{escape(name)}</setName>\n</set>\n"
        for spec, name in (*groups, *archives, *named)
    )
    return f"<ListSets>\n{sets}</ListSets>\n"


def record(paper: Paper, prefix: str) -> str:
    """A record in the format arXivRaw or arXiv."""
    metadata = _raw(paper) if prefix == "arXivRaw" else _split(paper)
    return f"<record>\n{_header(paper)}<metadata>\n{metadata}</metadata>\n</record>\n"


def deleted_record(paper: Paper) -> str:
    """The record of a paper that was deleted, as the standard has it."""
    status = ' status="deleted"'
    return f"<record>\n{_header(paper, status)}</record>\n"


def resumption(token: str, expires: datetime) -> str:
    """The element that leads to the next page."""
    return (
        f"<resumptionToken expirationDate='{expires.strftime(TOKEN_TIME)}'>"
        f"{escape(token)}</resumptionToken>\n"
    )


def _header(paper: Paper, status: str = "") -> str:
    sets = "".join(f" <setSpec>{set_spec(name)}</setSpec>\n" for name in paper.categories)
    return (
        f"<header{status}>\n <identifier>oai:arXiv.org:{paper.id}</identifier>\n"
        f" <datestamp>{paper.datestamp}</datestamp>\n{sets}</header>\n"
    )


def _opening(name: str) -> str:
    return (
        f'<{name} xmlns="http://arxiv.org/OAI/{name}/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:schemaLocation="http://arxiv.org/OAI/{name}/ http://arxiv.org/OAI/{name}.xsd">'
    )


def _shared(paper: Paper) -> str:
    fields = {
        "categories": " ".join(paper.categories),
        "comments": _tex(paper.current.comment),
        "journal-ref": paper.journal,
        "doi": paper.doi,
        "license": paper.licence,
        "abstract": f"  {_wrapped(_tex(paper.abstract), '')}\n",
    }
    return "".join(
        f"<{name}>{escape(value, quote=False)}</{name}>" for name, value in fields.items() if value
    )


def _raw(paper: Paper) -> str:
    versions = "".join(
        f'<version version="v{version.number}">'
        f"<date>{version.submitted:%a, %d %b %Y %H:%M:%S} GMT</date>"
        f"<size>{version.kilobytes}kb</size>"
        f"<source_type>{'I' if version.withdrawn else 'D'}</source_type></version>"
        for version in paper.versions
    )
    return (
        f"{_opening('arXivRaw')}\n<id>{paper.id}</id>"
        f"<submitter>{escape(paper.submitter, quote=False)}</submitter>{versions}"
        f"<title>{escape(_wrapped(_tex(paper.title), '  '), quote=False)}</title>"
        f"<authors>{escape(_authors_line(paper), quote=False)}</authors>{_shared(paper)}\n"
        "</arXivRaw>\n"
    )


def _authors_line(paper: Paper) -> str:
    names = [
        f"{person.name} ({person.affiliation})" if person.affiliation else person.name
        for person in paper.authors
    ]
    # Both ways of writing a list occur, so that a reader of the line has to know both.
    line = (
        ", ".join(names) if int(paper.id[-1]) % 2 else ", ".join(names[:-1]) + " and " + names[-1]
    )
    return _wrapped(_tex(line), "  ")


def _split(paper: Paper) -> str:
    authors = "".join(
        f"<author><keyname>{_tex(person.keyname)}</keyname>"
        f"<forenames>{_tex(person.forenames)}</forenames>"
        + (f"<suffix>{person.suffix}</suffix>" if person.suffix else "")
        + "</author>"
        for person in paper.authors
    )
    # As arXiv's own server does it, `created` is that of the newest version.
    created = f"<created>{paper.current.submitted.date()}</created>"
    updated = f"<updated>{paper.current.day}</updated>" if paper.version > 1 else ""
    return (
        f"{_opening('arXiv')}\n<id>{paper.id}</id>{created}{updated}<authors>{authors}</authors>"
        f"<title>{escape(_wrapped(_tex(paper.title), '  '), quote=False)}</title>"
        f"{_shared(paper)}\n</arXiv>\n"
    )


# --- Query interface: Atom ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to the query interface, as its answer repeats it."""

    search_query: str = ""
    id_list: str = ""
    start: int = 0
    max_results: int = 10


def query_answer(now: datetime, asked: Asked, total: int, papers: Sequence[Paper]) -> str:
    """The feed `/api/query` answers with."""
    said = (
        f"search_query={asked.search_query}&id_list={asked.id_list}"
        f"&start={asked.start}&max_results={asked.max_results}"
    )
    address = f"https://arxiv.org/api/query?{said}"
    key = hashlib.sha1(said.encode(), usedforsecurity=False).hexdigest()[:27]
    return (
        f"{QUERY_OPENING}  <id>https://arxiv.org/api/{key}</id>\n"
        f"  <title>arXiv Query: {escape(said)}</title>\n"
        f"  <updated>{_instant(now)}</updated>\n"
        f'  <link href="{escape(quote(address, safe=":/?&=,+"))}" type="application/atom+xml"/>\n'
        f"{_totals(asked.max_results, total, asked.start)}"
        f"{''.join(_query_entry(paper) for paper in papers)}</feed>\n"
    )


def author_feed(now: datetime, name: str, papers: Sequence[Paper]) -> str:
    """The feed `/a/NAME.atom2` answers with: it states no totals."""
    family, first, _ = name.split("_")
    who = f"{first.upper()}. {family.title()}"
    return (
        f"{QUERY_OPENING}  <id>http://arxiv.org/a/{name}</id>\n"
        f"  <title>{escape(who, quote=False)}'s articles on arXiv</title>\n"
        f"  <updated>{_instant(now)}</updated>\n"
        f'  <link href="http://arxiv.org/a/{name}.atom2" rel="self" type="application/atom+xml"/>\n'
        f"{''.join(_query_entry(paper) for paper in papers)}</feed>\n"
    )


def query_error(now: datetime, what: str) -> str:
    """The feed `/api/query` answers with where a request was wrong."""
    address = f"https://arxiv.org/api/errors#{quote(what.replace(' ', '_'))}"
    return (
        f"{QUERY_OPENING}  <id>https://arxiv.org/</id>\n  <title>arXiv Search Results</title>\n"
        f"  <updated>{_instant(now)}</updated>\n{_totals(1, 1, 0)}  <entry>\n"
        f"    <id>{address}</id>\n    <title>Error</title>\n"
        f"    <updated>{_instant(now)}</updated>\n"
        f'    <link href="{address}" rel="alternate" type="text/html"/>\n'
        f"    <summary>{escape(what)}</summary>\n"
        "    <author>\n      <name>arXiv api core</name>\n    </author>\n  </entry>\n</feed>\n"
    )


QUERY_OPENING = (
    "<?xml version='1.0' encoding='UTF-8'?>\n"
    '<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" '
    'xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns="http://www.w3.org/2005/Atom">\n'
)


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime(TOKEN_TIME)


def _totals(page: int, total: int, start: int) -> str:
    return (
        f"  <opensearch:itemsPerPage>{page}</opensearch:itemsPerPage>\n"
        f"  <opensearch:totalResults>{total}</opensearch:totalResults>\n"
        f"  <opensearch:startIndex>{start}</opensearch:startIndex>\n"
    )


def _query_entry(paper: Paper) -> str:
    key = f"{paper.id}v{paper.version}"
    optional = {
        "comment": paper.current.comment,
        "journal_ref": paper.journal,
        "doi": paper.doi,
    }
    links = [
        f'<link href="https://arxiv.org/abs/{key}" rel="alternate" type="text/html"/>',
        f'<link href="https://arxiv.org/pdf/{key}" rel="related" type="application/pdf" '
        'title="pdf"/>',
    ]
    if paper.doi:
        links.append(f'<link rel="related" href="https://doi.org/{paper.doi}" title="doi"/>')
    lines = [
        f"<id>http://arxiv.org/abs/{key}</id>",
        f"<title>{escape(paper.title, quote=False)}</title>",
        f"<updated>{_instant(paper.current.submitted)}</updated>",
        *links,
        f"<summary>{escape(paper.abstract, quote=False)}</summary>",
        *(
            f'<category term="{name}" scheme="http://arxiv.org/schemas/atom"/>'
            for name in paper.categories
        ),
        f"<published>{_instant(paper.versions[0].submitted)}</published>",
        *(
            f"<arxiv:{name}>{escape(value, quote=False)}</arxiv:{name}>"
            for name, value in optional.items()
            if value
        ),
        f'<arxiv:primary_category term="{paper.primary}"/>',
    ]
    authors = "".join(
        f"    <author>\n      <name>{escape(person.name, quote=False)}</name>\n"
        + (
            f"      <arxiv:affiliation>{escape(person.affiliation)}</arxiv:affiliation>\n"
            if person.affiliation
            else ""
        )
        + "    </author>\n"
        for person in paper.authors
    )
    return "  <entry>\n" + "".join(f"    {line}\n" for line in lines) + authors + "  </entry>\n"
