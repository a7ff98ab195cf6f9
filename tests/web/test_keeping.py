"""Answers that are kept: made once while nothing changes, and never one moment longer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, text

from broadsheet.records import Listing, View
from broadsheet.store import ledger, putting, readers, reading, signals
from broadsheet.store.deeds import Doing
from broadsheet.store.engine import open_store
from broadsheet.store.tables import readers as readers_table
from broadsheet.views import catalogue as catalogue_module
from broadsheet.views.catalogue import Catalogue, Edition
from broadsheet.web import desk as desk_module

from .conftest import NEWEST, Site, paper

PAGES = ("/", f"/day/{NEWEST}", "/week/2025-W47", "/month/2025-11", "/undated", "/search?q=lamps")
FEEDS = ("/new.atom", "/month/2025-11.rss?n=100", "/search.json?q=lamps")


@pytest.fixture
def stocked(site: Site) -> Site:
    """Two papers of the newest day, one of none, and one of the sample library."""
    site.put(
        paper("Lamps", shown=NEWEST, abstract="Of lamps."),
        paper("Torches", shown=NEWEST, abstract="Brighter than lamps."),
        paper("Candles", abstract="No lamps."),
    )
    return site


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[View]:
    """The lists that were evaluated."""
    asked: list[View] = []
    listing = Catalogue.listing

    def counted(self: Catalogue, view: View) -> Listing:
        asked.append(view)
        return listing(self, view)

    monkeypatch.setattr(Catalogue, "listing", counted)
    return asked


class Clock(datetime):
    """The time, which stands still and is set by hand."""

    at = datetime(2025, 11, 20, 12, 0, 1, tzinfo=UTC)

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        return cls.at


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> type[Clock]:
    """The clock of the pages."""
    monkeypatch.setattr(Clock, "at", Clock.at)
    monkeypatch.setattr(catalogue_module, "datetime", Clock)
    monkeypatch.setattr(desk_module, "datetime", Clock)
    return Clock


# --- made once ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("path", [*PAGES, *FEEDS, "/papers/title:lamps"])
def test_what_is_asked_for_again_is_not_made_again(
    stocked: Site, made: list[View], path: str
) -> None:
    if path.startswith("/papers/"):
        path = f"/papers/{stocked.first_id}"
    first, again = stocked.client.get(path), stocked.client.get(path)
    assert first.status_code == 200
    assert again.content == first.content
    assert again.headers == first.headers
    assert len(made) == (0 if path.startswith("/papers/") else 1)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("path", [*PAGES, *FEEDS])
def test_who_has_it_already_hears_so(stocked: Site, made: list[View], path: str) -> None:
    first = stocked.client.get(path)
    for asked in (first.headers["etag"], f'"other", {first.headers["etag"]}', "*"):
        answer = stocked.client.get(path, headers={"If-None-Match": asked})
        assert answer.status_code == 304
        assert answer.content == b""
        for name in ("etag", "cache-control", "content-security-policy"):
            assert answer.headers[name] == first.headers[name]
    other = stocked.client.get(path, headers={"If-None-Match": 'W/"other"'})
    assert (other.status_code, other.content) == (200, first.content)
    assert len(made) == 1


@pytest.mark.usefixtures("clock")
def test_packed_or_not_it_says_the_same(stocked: Site) -> None:
    plain = stocked.client.get("/", headers={"Accept-Encoding": "identity"})
    for _ in range(2):
        packed = stocked.client.get("/", headers={"Accept-Encoding": "gzip"})
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        assert packed.num_bytes_downloaded < len(plain.content) / 2
        assert packed.content == plain.content
        assert packed.headers["etag"] == plain.headers["etag"]
    assert "content-encoding" not in plain.headers
    head = stocked.client.head("/", headers={"Accept-Encoding": "identity"})
    assert head.headers["content-length"] == str(len(plain.content))


@pytest.mark.usefixtures("clock")
def test_what_nobody_asked_for_lately_makes_room(stocked: Site, made: list[View]) -> None:
    app = stocked.client.app
    size = len(stocked.client.get("/").content)
    app.state.kept._most = 3 * size  # type: ignore[attr-defined]
    made.clear()
    for path in ("/?a", "/?b", "/?a", "/?c", "/?a"):
        assert stocked.client.get(path).status_code == 200
    assert len(made) == 3
    stocked.client.get("/?b")
    assert len(made) == 4
    assert app.state.kept._size <= 3 * size  # type: ignore[attr-defined]


@pytest.mark.usefixtures("clock")
def test_one_larger_than_all_room_is_given_and_not_kept(stocked: Site, made: list[View]) -> None:
    stocked.client.app.state.kept._most = 10  # type: ignore[attr-defined]
    assert stocked.client.get("/").content == stocked.client.get("/").content
    assert len(made) == 2


# --- and no longer ------------------------------------------------------------------------------


def _vote(site: Site) -> None:
    site.client.post("/deeds", data={"do": "vote", "paper": site.first_id})


def _done_elsewhere(act: str) -> Callable[[Site], None]:
    """Another process with the same database."""

    def do(site: Site) -> None:
        url = str(site.parts.store.engine.url)
        other = open_store(url)
        try:
            with other.writing() as connection:
                if act == "paper":
                    putting.put(connection, [paper("Beacons", shown=NEWEST, abstract="lamps")])
                else:
                    doing = Doing(connection, site.reader, "Saved")
                    reading.mark(doing, 1, "saved")
                    doing.keep()
        finally:
            other.close()
        site.parts.index.catch_up(site.parts.store)

    return do


def _vote_of_another(site: Site) -> None:
    with site.parts.store.writing() as connection:
        connection.execute(
            insert(readers_table).values(name="ada", joined=datetime(2025, 1, 1, tzinfo=UTC))
        )
        ada = connection.execute(text("select number from readers where name = 'ada'")).scalar()
        assert isinstance(ada, int)
        doing = Doing(connection, ada, "Voted")
        reading.vote(doing, 1)
        assert signals.counted_votes(connection, [1]) == {1: 1}


def _ledger(site: Site) -> None:
    with site.parts.store.writing() as connection:
        since = NEWEST - timedelta(days=3)
        at = datetime(2025, 11, 20, tzinfo=UTC)
        source, _ = ledger.add_source(connection, "arxiv", "cs.LG", since, at)
        ledger.state(connection, source.number, NEWEST, {"new": 7}, [], at)


def _removed(site: Site) -> None:
    with site.parts.store.writing() as connection:
        putting.remove_source(connection, "daily-papers")
    site.parts.index.catch_up(site.parts.store)


CHANGES: dict[str, Callable[[Site], object]] = {
    "a deed": _vote,
    "a paper": lambda site: site.put(paper("Beacons", shown=NEWEST, abstract="lamps")),
    "a paper that says more": lambda site: site.put(
        paper("Lamps", shown=NEWEST, abstract="Of lamps and oil lamps.", version=2)
    ),
    "a source that is taken out": _removed,
    "another process's paper": _done_elsewhere("paper"),
    "another process's deed": _done_elsewhere("deed"),
    "another reader's vote": _vote_of_another,
    "what one chose": lambda site: site.client.post("/preferences", data={"density": "titles"}),
}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("path", ["/", f"/day/{NEWEST}", "/search?q=lamps"])
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_a_page_shows_at_once(stocked: Site, path: str, change: str) -> None:
    before = stocked.client.get(path)
    CHANGES[change](stocked)
    known = {"If-None-Match": before.headers["etag"]}
    after = stocked.client.get(path, headers=known)
    assert (after.status_code, stocked.client.get(path).status_code) in ((200, 200), (404, 404))
    assert after.content != before.content


@pytest.mark.usefixtures("clock")
def test_what_was_undone_is_shown_so_at_once(stocked: Site) -> None:
    def is_voted() -> str:
        first = stocked.page("/").all("form", class_="deeds")[0].all("button")[0]
        return first["aria-pressed"]

    said = [is_voted()]
    _vote(stocked)
    said.append(is_voted())
    number = stocked.page("/").one("form", class_="deed").one("input", name="number")["value"]
    stocked.client.post("/undo", data={"number": number})
    said.append(is_voted())
    assert said == ["false", "true", "false"]


@pytest.mark.usefixtures("clock")
def test_a_count_of_the_ledger_is_on_the_page_at_once(stocked: Site) -> None:
    assert "announced 7" not in stocked.page("/").text
    _ledger(stocked)
    assert "announced 7" in stocked.page("/").text


@pytest.mark.usefixtures("clock")
def test_an_index_that_has_caught_up_is_asked_at_once(site: Site) -> None:
    site.put(paper("Lamps", shown=NEWEST), index=False)
    assert not site.page("/search?q=lamps").all("li", class_="entry")
    site.parts.index.catch_up(site.parts.store)
    assert len(site.page("/search?q=lamps").all("li", class_="entry")) == 1
    assert site.client.get("/search.atom?q=lamps").text.count("<entry>") == 1


@pytest.mark.usefixtures("clock")
def test_a_reader_is_never_shown_another_s_page(stocked: Site) -> None:
    _vote(stocked)
    mine = stocked.client.get("/").content
    with stocked.parts.store.writing() as connection:
        connection.execute(
            insert(readers_table).values(name="ada", joined=datetime(2025, 1, 1, tzinfo=UTC))
        )
        ada = connection.execute(text("select number from readers where name = 'ada'")).scalar()
        assert isinstance(ada, int)
        readers.set_preference(connection, ada, "theme", "dark")
    desk = stocked.client.app.state.desk  # type: ignore[attr-defined]
    me, desk._reader = desk._reader, ada
    hers = stocked.page("/")
    assert hers.one("html")["data-theme"] == "dark"
    assert {b["aria-pressed"] for b in hers.all("button") if "aria-pressed" in b.attributes} == {
        "false"
    }
    desk._reader = me
    assert stocked.client.get("/").content == mine


def test_midnight_and_the_hour_of_an_announcement_show_at_once(
    stocked: Site, clock: type[Clock]
) -> None:
    """The Hub's day may be stated from midnight on; before, nothing is expected of it."""
    with stocked.parts.store.writing() as connection:
        ledger.add_source(connection, "hub", "", NEWEST, clock.at)
    page = f"/day/{NEWEST}"
    midnight = datetime.combine(NEWEST + timedelta(days=1), datetime.min.time(), UTC)
    clock.at = midnight - timedelta(seconds=1)
    assert "not announced yet" in stocked.page(page).text
    clock.at = midnight
    assert "not announced yet" not in stocked.page(page).text


def test_what_was_done_is_offered_to_be_undone_for_minutes(
    stocked: Site, clock: type[Clock]
) -> None:
    _vote(stocked)
    clock.at = datetime.now(UTC)
    assert stocked.page("/").all("form", class_="deed")
    clock.at += timedelta(minutes=4)
    assert not stocked.page("/").all("form", class_="deed")


@pytest.mark.usefixtures("clock")
def test_an_answer_made_while_somebody_wrote_is_not_kept(
    stocked: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its list was read before the write, and its votes after it."""
    edition, asked = Catalogue.edition, [0]

    def interrupted(self: Catalogue, view: View) -> Edition:
        found = edition(self, view)
        asked[0] += 1
        if asked[0] == 1:
            _vote_of_another(stocked)
        return found

    monkeypatch.setattr(Catalogue, "edition", interrupted)
    for _ in range(3):
        assert stocked.client.get("/").status_code == 200
    assert asked == [2]


@pytest.mark.usefixtures("clock")
def test_no_answer_but_a_whole_one_is_kept(site: Site) -> None:
    assert site.client.get("/papers/title:lamps").status_code == 404
    site.put(paper("Lamps", shown=NEWEST))
    assert site.client.get(f"/papers/{site.first_id}").status_code == 200


# --- feeds --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("path", FEEDS)
def test_a_feed_of_papers_is_not_made_anew_by_what_a_reader_does(
    stocked: Site, made: list[View], path: str
) -> None:
    first = stocked.client.get(path)
    _vote(stocked)
    made.clear()
    answer = stocked.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert answer.status_code == 304
    assert answer.headers["last-modified"] == first.headers["last-modified"]
    assert not made


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("path", FEEDS)
@pytest.mark.parametrize(
    "change",
    ["a paper", "a paper that says more", "a source that is taken out", "another process's paper"],
)
def test_a_feed_tells_at_once_what_came_or_went(stocked: Site, path: str, change: str) -> None:
    first = stocked.client.get(path)
    CHANGES[change](stocked)
    answer = stocked.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert answer.status_code == 200
    assert answer.content != first.content


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("path", ["/?order=votes", "/queue.atom", "/new.atom?order=votes"])
def test_a_list_that_goes_by_deeds_follows_them(stocked: Site, path: str) -> None:
    first = stocked.client.get(path)
    assert first.status_code == 200
    saved = {"do": "save", "paper": stocked.first_id}
    stocked.client.post("/deeds", data=saved)
    _vote(stocked)
    answer = stocked.client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert answer.status_code == 200
    assert answer.content != first.content


@pytest.mark.usefixtures("clock")
def test_a_feed_names_the_host_that_asked(stocked: Site) -> None:
    here = stocked.client.get("/new.atom").text
    there = stocked.client.get("/new.atom", headers={"Host": "127.0.0.1:8000"}).text
    assert "http://localhost/" in here
    assert "http://127.0.0.1:8000/" in there
    assert "http://localhost/" not in there


@pytest.mark.usefixtures("clock")
def test_who_does_not_sit_here_gets_no_kept_feed_of_a_reader_s_own(stocked: Site) -> None:
    assert stocked.client.get("/queue.atom").status_code == 200
    away = stocked.client.get("/queue.atom", headers={"X-Forwarded-For": "192.0.2.1"})
    assert away.status_code == 404
