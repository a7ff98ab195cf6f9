"""arXiv's lists on the web, in the markup of today and of earlier years."""

from __future__ import annotations

import time
from datetime import date

import pytest

from broadsheet.intake.arxiv.listing import Listing, parse_catchup, parse_new, parse_recent
from broadsheet.intake.arxiv.record import Announced
from broadsheet.intake.opening import InputError

FRIDAY = date(2026, 11, 20)


def entry(number: int, id_: str, title: str, mark: str = "", *, abstract: str = "") -> str:
    """A paper of a list."""
    return f"""
    <dt>
      <a name='item{number}'>[{number}]</a>
      <a href ="/abs/{id_}" title="Abstract" id="{id_}">
        arXiv:{id_}
      </a>
      {mark}
      [<a href="/pdf/{id_}" title="Download PDF" id="pdf-{id_}">pdf</a>, <a
       href="https://arxiv.org/html/{id_}v1" title="View HTML">html</a>]
    </dt>
    <dd>
      <div class='meta'>
        <div class='list-title mathjax'><span class='descriptor'>Title:</span>
          {title}
        </div>
        <div class='list-authors'><a href="https://arxiv.org/search/cs?query=Quill,+M"
          >Mara Quill</a>, <a href="https://arxiv.org/search/cs?query=Fen,+T">T.O. Fen</a></div>
        <div class='list-comments mathjax'><span class='descriptor'>Comments:</span>
          12 pages (in cs)
        </div>
        <div class='list-subjects'><span class='descriptor'>Subjects:</span>
          <span class="primary-subject">Machine Learning (cs.LG)</span>; Optics (physics.optics)
        </div>
        {abstract}
      </div>
    </dd>"""


def section(heading: str, *entries: str) -> str:
    """A part of a list under its heading."""
    return f"<dl id='articles'>\n    <h3>{heading}</h3>\n{''.join(entries)}\n</dl>"


def page(*parts: str) -> bytes:
    """A page of arXiv's around a list."""
    return f"""<!DOCTYPE html>
<html lang="en"><head><title>Machine Learning</title><meta charset="utf-8"></head><body>
<header><h2>quick links</h2></header><main><div id='content-inner'><div id='dlpage'>
{"".join(parts)}
</div></div></main></body></html>""".encode()


def new_page(*parts: str, total: int | None) -> bytes:
    paging = "" if total is None else f"<div class='paging'>Total of {total} entries \n</div>"
    return page(
        "<h1>Machine Learning</h1><ul><li><a href='/list/cs.LG/new?skip=0#item1'>New submissions"
        "</a></li><li><a href='#item3'>Cross-lists</a></li></ul>"
        "<p>See <a href='/list/cs.LG/recent'>recent</a> articles</p>"
        "<h3>Showing new listings for Friday, 20 November 2026</h3>",
        paging,
        *parts,
        paging,
    )


WHOLE = (
    section(
        "New submissions (showing 2 of 2 entries)",
        entry(1, "2611.00001", "Small B&ouml;ats &amp; $x &lt; y$", abstract="<p>We sail.</p>"),
        entry(2, "2611.00002", "Longer Boats"),
    ),
    section(
        "Cross submissions (showing 1 of 1 entries)",
        entry(3, "2611.00003", "Lamps", "(cross-list from physics.optics)"),
    ),
    section(
        "Replacement submissions (showing 1 of 1 entries)",
        entry(4, "hep-th/9901001", "Strings", "(replaced)"),
    ),
)


def test_the_list_of_a_day_is_read_whole() -> None:
    found = parse_new(new_page(*WHOLE, total=4))
    assert found.day == FRIDAY
    assert [(one.id, one.kind, one.title) for one in found.announced] == [
        ("2611.00001", "new", "Small Böats & $x < y$"),
        ("2611.00002", "new", "Longer Boats"),
        ("2611.00003", "cross", "Lamps"),
        ("hep-th/9901001", "replace", "Strings"),
    ]
    assert found.announced[0] == Announced(
        "2611.00001",
        "new",
        "Small Böats & $x < y$",
        ("Mara Quill", "T. O. Fen"),
        ("cs.LG", "physics.optics"),
    )
    assert found.stated == {"new": 2, "cross": 1, "replace": 1}
    assert found.total == 4
    assert found.is_whole


def test_the_first_part_of_a_long_list_is_not_whole() -> None:
    first = section(
        "New submissions (showing first 1 of 132 entries)", entry(1, "2611.00001", "Boats")
    )
    found = parse_new(new_page(first, total=371))
    assert found.stated == {"new": 132}
    assert not found.is_whole


def test_a_list_whose_other_kinds_are_on_the_next_page_is_not_whole() -> None:
    found = parse_new(new_page(WHOLE[0], total=4))
    assert found.stated == {"new": 2}
    assert not found.is_whole


@pytest.mark.parametrize(
    "words",
    ["continued, showing last 1 of 132 entries", "continued, showing 1 of 132 entries"],
)
def test_a_continued_part_is_not_whole(words: str) -> None:
    rest = section(f"New submissions ({words})", entry(132, "2611.00132", "Boats"))
    found = parse_new(new_page(rest, total=371))
    assert found.stated == {"new": 132}
    assert [one.id for one in found.announced] == ["2611.00132"]
    assert not found.is_whole


def test_an_entry_that_cannot_be_read_leaves_the_day_not_whole() -> None:
    broken = WHOLE[0].replace("/abs/2611.00002", "/abs/boats")
    found = parse_new(new_page(broken, *WHOLE[1:], total=4))
    assert [one.id for one in found.announced] == ["2611.00001", "2611.00003", "hep-th/9901001"]
    assert not found.is_whole


def test_a_page_that_breaks_off_is_not_whole() -> None:
    data = new_page(*WHOLE, total=4)
    found = parse_new(data[: data.index(b"item4")])
    assert len(found.announced) == 3
    assert not found.is_whole


def test_a_list_that_states_no_number_is_not_known_to_be_whole() -> None:
    found = parse_new(new_page(section("New submissions", entry(1, "2611.1", "x")), total=None))
    assert found.total is None
    assert not found.is_whole


def test_a_day_without_updates_is_whole_and_empty() -> None:
    found = parse_new(new_page("<p>No updates today.</p>", total=None))
    assert found == Listing(FRIDAY, total=0)
    assert found.is_whole


def test_headings_with_the_day_are_read() -> None:
    data = page(
        "<h1>Machine Learning</h1>",
        section(
            "New submissions for Friday, 20 November 2026 (showing 1 of 1 entries )",
            entry(1, "2611.00001", "Boats"),
        ),
        section(
            "Replacement submissions for Friday, 20 November 2026 (showing 1 of 1 entries )",
            entry(2, "2611.00002", "Ships", "(replaced)"),
        ),
    )
    found = parse_new(data)
    assert found.day == FRIDAY
    assert found.stated == {"new": 1, "replace": 1}
    assert found.is_whole


def test_lists_of_earlier_years_are_read() -> None:
    old = """<div id='dlpage'><h1>Machine Learning</h1>
<small>[ total of 3 entries: <b>1-3</b> ]</small><br />
<h3>New submissions for Tue, 26 Oct 21</h3>
<dl>
<dt><a name="item1">[1]</a>&nbsp;  <span class="list-identifier"><a href="/abs/2110.12345"
 title="Abstract">arXiv:2110.12345</a> [<a href="/pdf/2110.12345" title="Download PDF">pdf</a>]
 </span></dt>
<dd>
<div class="meta">
<div class="list-title mathjax">
<span class="descriptor">Title:</span> Old Boats
</div>
<div class="list-authors">
<span class="descriptor">Authors:</span>
<a href="/a">Ada Example</a>,
<a href="/b">Bo Sample</a> (Basin Labs)
</div>
<div class="list-subjects">
<span class="descriptor">Subjects:</span> <span class="primary-subject">Machine Learning (cs.LG)
</span></div></div></dd></dl>
<h3>Cross-lists for Tue, 26 Oct 21</h3>
<dl><dt><a name="item2">[2]</a>&nbsp;  <span class="list-identifier"><a href="/abs/2110.00002"
 title="Abstract">arXiv:2110.00002</a> (cross-list from cs.CV) [pdf]</span></dt>
<dd><div class="meta"><div class="list-title mathjax"><span class="descriptor">Title:</span>
 Lamps</div></div></dd></dl>
<h3>Replacements for Tue, 26 Oct 21</h3>
<dl><dt><a name="item3">[3]</a>&nbsp;  <span class="list-identifier"><a href="/abs/cs/0601001"
 title="Abstract">arXiv:cs/0601001</a> (replaced) [pdf]</span></dt>
<dd><div class="meta"><div class="list-title mathjax"><span class="descriptor">Title:</span>
 Strings</div></div></dd></dl></div>"""
    found = parse_new(page(old))
    assert found.day == date(2021, 10, 26)
    assert [(one.id, one.kind, one.title) for one in found.announced] == [
        ("2110.12345", "new", "Old Boats"),
        ("2110.00002", "cross", "Lamps"),
        ("cs/0601001", "replace", "Strings"),
    ]
    assert found.announced[0].authors == ("Ada Example", "Bo Sample")
    assert found.total == 3
    assert found.is_whole


RECENT = page(
    "<h1>Machine Learning</h1><h2>Authors and titles for recent submissions</h2><ul>"
    "<li><a href='/list/cs.LG/recent?skip=0'>Fri, 20 Nov 2026</a></li></ul>"
    "<div class='paging'>Total of 9 entries : <span>1-4</span></div>",
    section(
        "Fri, 20 Nov 2026 (showing 2 of 2 entries )",
        entry(1, "2611.00002", "Longer Boats"),
        entry(2, "2611.00001", "Lamps", "(cross-list from physics.optics)"),
    ),
    section("Thu, 19 Nov 2026", "<p>No updates for this time period.</p>"),
    section(
        "Wed, 18 Nov 2026 (showing first 1 of 7 entries )", entry(3, "2611.00003", "Short Boats")
    ),
)


def test_the_past_week_is_a_list_for_each_day() -> None:
    friday, thursday, wednesday = parse_recent(RECENT)
    assert (friday.day, friday.total, friday.is_whole) == (FRIDAY, 2, True)
    assert [(one.id, one.kind) for one in friday.announced] == [
        ("2611.00002", "new"),
        ("2611.00001", "cross"),
    ]
    assert (thursday.day, thursday.total, thursday.is_whole) == (date(2026, 11, 19), 0, True)
    assert (wednesday.day, wednesday.total, wednesday.is_whole) == (date(2026, 11, 18), 7, False)


CATCHUP = "<h1>Catchup results for Machine Learning on Fri, 20 Nov 2026</h1>"


def test_the_catch_up_of_a_day_is_read() -> None:
    found = parse_catchup(
        page(
            CATCHUP,
            "<div><a href='/catchup/cs.LG/2026-11-23'>Continue to the next day</a><br><br>"
            "Total of 4 entries for Fri, 20 Nov 2026\n</div>",
            *(part.replace("entries)", "entries )") for part in WHOLE),
        )
    )
    assert found == parse_new(new_page(*WHOLE, total=4))
    assert found.is_whole


def test_the_second_page_of_a_catch_up_is_not_whole() -> None:
    found = parse_catchup(
        page(CATCHUP, "<div>Total of 4 entries for Fri, 20 Nov 2026 View page:</div>", WHOLE[2])
    )
    assert not found.is_whole


def test_a_day_without_announcements_is_an_empty_catch_up() -> None:
    found = parse_catchup(
        page(
            CATCHUP,
            "<div>Total of 0 entries for Fri, 20 Nov 2026</div><br><div><p>No updates for Fri, "
            "20 Nov 2026. There was either no announcement for this day, or no updates within "
            "the requested subject.</p></div>",
        )
    )
    assert found == Listing(FRIDAY, total=0)
    assert found.is_whole


def test_authors_without_links_are_read_as_text() -> None:
    data = new_page(*WHOLE, total=4)
    start, end = data.index(b'<a href="https://arxiv.org/search'), data.index(b"T.O. Fen</a>")
    unlinked = data[:start] + b"Mara Quill and Tao Fen (North Lab)" + data[end + 12 :]
    assert parse_new(unlinked).announced[0].authors == ("Mara Quill", "Tao Fen")
    unavailable = data[:start] + b"(author list is unavailable)" + data[end + 12 :]
    assert parse_new(unavailable).announced[0].authors == ()


def test_scripts_in_a_title_are_text_only() -> None:
    data = new_page(WHOLE[0].replace("Longer Boats", "<b>Lon</b>ger\u202e &lt;script&gt;"), total=2)
    assert parse_new(data).announced[1].title == "Longer <script>"


def test_entries_that_stand_in_one_that_was_never_closed_are_entries_of_their_own() -> None:
    broken = entry(1, "2611.00001", "Boats").replace("</dd>", "").replace("</div>\n        \n", "")
    found = parse_new(new_page(section("New submissions", broken, WHOLE[0]), total=2))
    assert [(one.id, one.title) for one in found.announced][-1] == ("2611.00002", "Longer Boats")


def test_entries_each_within_the_one_before_take_no_time() -> None:
    nested = "".join(
        f"<dd><div class='list-authors'>{'<a>Mara Quill</a>' * 10}<dt><a href='/abs/2611.{n:05}'>x"
        for n in range(9_000)
    )
    data = page("<h3>New submissions for Friday, 20 November 2026</h3><dl>", nested)
    started = time.process_time()
    parse_new(data)
    assert time.process_time() - started < 3


def test_a_title_behind_many_blanks_takes_no_time() -> None:
    blank = entry(1, "2611.00001", f"Boats{' ' * 400_000}of wood").replace(
        "<span class='descriptor'>Title:</span>", " " * 400_000
    )
    started = time.process_time()
    found = parse_new(new_page(section("New submissions", blank), total=1))
    assert time.process_time() - started < 3
    assert [one.title for one in found.announced] == ["Boats of wood"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no web page"),
        (page("<h1>Boats</h1><p>Nothing here.</p>"), "no daily list"),
        (b"Rate exceeded.", "no daily list"),
        (page(WHOLE[0]), "does not say which day"),
    ],
)
def test_another_page_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_new(data)


def test_a_page_without_days_is_no_past_week() -> None:
    with pytest.raises(InputError, match="no list of recent papers"):
        parse_recent(page("<h1>Boats</h1>"))
