"""Sources by the command line: added, asked, accounted for, removed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from broadsheet.intake import announcing, feed_source
from broadsheet.ops import harvesting
from broadsheet.store import manners
from broadsheet.store.engine import open_store, sqlite_url
from intake.crooked import crooked, saying
from standin.arxiv import Standin
from standin.faults import Unavailable
from standin.world import World

from .program import Program

SOURCE = set("source set since through harvested failures retry problem".split())
LEDGER = set("source set day stated counts held missing state checked".split())
HARVESTED = set("kind name new updated unchanged quarantined problem".split())
FEED = b"""<?xml version="1.0"?>
<rss version="2.0"><channel><title>Lamps</title>
<item><title>Of Lamps and Their Wicks</title><link>https://lamps.example/1</link>
<description>We trim wicks.</description></item>
<item><title>Of Kites and Their Strings</title><link>https://lamps.example/2</link>
<description>We fly kites.</description></item>
</channel></rss>"""


@pytest.fixture
def program(program: Program, monkeypatch: pytest.MonkeyPatch) -> Program:
    """Within this process, where a service's pause can be shorter than the rule."""
    monkeypatch.setattr(harvesting, "ARXIV_PAUSE", 0.005)
    monkeypatch.setattr(feed_source, "_PAUSE", 0.005)
    return program.within()


@pytest.fixture
def arxiv() -> Iterator[Standin]:
    """A stand-in whose clock shows the time."""
    now = datetime.now(UTC)
    first = now.date() - timedelta(days=16)
    with Standin(World(seed=1, first_day=first, days=20, categories=["cs.LG"])) as standin:
        standin.set_now(now)
        yield standin


def complaint(program: Program, *arguments: object) -> str:
    """The one line with which a command refuses."""
    answer = program.run(*arguments, code=2)
    assert answer.out == ""
    (line,) = answer.complaints
    return line.removeprefix("Error: ")


def sets(program: Program) -> list[tuple[str, str]]:
    return [(one["source"], one["set"]) for one in program.ask("sources")]


# --- add ----------------------------------------------------------------------------------------


def test_a_category_is_added_once_and_spelt_as_arxiv_does(program: Program) -> None:
    said = program.run("add", "arxiv", "cs.lg", "HEP-TH", "--since", "2026-03-01").out
    assert said.splitlines()[0].startswith("arxiv cs.LG is a source from 2026-03-01 on.")
    assert program.run("add", "arxiv", "cs.LG").out == "arxiv cs.LG is a source already.\n"
    found = program.ask("sources")
    assert [set(one) for one in found] == [SOURCE, SOURCE]
    assert sets(program) == [("arxiv", "cs.LG"), ("arxiv", "hep-th")]
    assert found[0]["since"] == "2026-03-01"
    assert (found[0]["harvested"], found[0]["problem"], found[0]["failures"]) == (None, None, 0)


def test_a_category_is_removed_however_it_is_spelt(program: Program) -> None:
    program.run("add", "arxiv", "cs.LG", "hep-th")
    said = program.run("remove", "arxiv", " CS.lg ").out
    assert said == "arxiv cs.LG is asked no more; what it brought stays.\n"
    assert complaint(program, "remove", "arxiv", "cs.lg") == "There is no source arxiv cs.LG."
    assert complaint(program, "remove", "arxiv", "Boats") == "There is no source arxiv Boats."
    assert sets(program) == [("arxiv", "hep-th")]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nonsense.XX", "arXiv has no category “nonsense.XX”."),
        ("cs.LGG", "arXiv has no category “cs.LGG”; did you mean cs.LG?"),
        ("csLG", "arXiv has no category “csLG”; did you mean cs.LG?"),
        ("Machine Learning", "arXiv has no category “Machine Learning”; did you mean cs.LG?"),
        ("cmp-lg", "arXiv has no category “cmp-lg”; did you mean cs.CL?"),
        ("", "arXiv has no category “”."),
    ],
)
def test_what_is_no_category_is_said_and_what_was_perhaps_meant(
    program: Program, name: str, sentence: str
) -> None:
    said = complaint(program, "add", "arxiv", "cs.CL", name)
    assert said == sentence
    # One that is wrong, and none is added.
    assert sets(program) == []


def test_the_hub_is_added_once(program: Program) -> None:
    assert "hub daily is a source from" in program.run("add", "hub").out
    assert program.run("add", "hub").out == "hub daily is a source already.\n"
    assert sets(program) == [("hub", "daily")]


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("http://127.0.0.1:{port}/feed", "127.0.0.1 is no public address."),
        ("http://localhost:{port}/feed", "which is no public address."),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254 is no public address."),
        ("http://2130706433:{port}/feed", "is no public address."),
        ("ftp://feeds.example/new", "only http and https addresses are asked."),
        ("feeds.example/new", "only http and https addresses are asked."),
        ("file:///etc/passwd", "only http and https addresses are asked."),
        ("http://ada:s3cret@127.0.0.1:{port}/", "with a name or a password in it is not asked."),
        ("http://[::1", "this is no web address."),
        ("http://127.0.0.1/\udcff", "This is no web address."),
        ("", "only http and https addresses are asked."),
        ("http://feeds.example/" + "a" * 3000, "This is no web address."),
    ],
    ids=lambda text: text[:30],
)
def test_a_feed_that_may_not_be_asked_is_no_source(
    program: Program, address: str, why: str
) -> None:
    with crooked({"/feed": saying(FEED)}) as server:
        said = complaint(program, "add", "feed", address.format(port=server.port))
        assert server.met == []
    assert said.endswith(why)
    assert "s3cret" not in said
    assert sets(program) == []


def test_a_feed_of_one_s_own_network_can_be_allowed(program: Program) -> None:
    program = program.having(BROADSHEET_PRIVATE_FEEDS="true")
    with crooked({"/feed": saying(FEED), "/page": saying(b"<p>Sorry"), "/": saying()}) as server:
        address = f"{server.address}/feed"
        said = program.run("add", "feed", address).out
        assert said == f"{address} is a source now; it brought 2 new papers.\n"
        assert program.run("add", "feed", address).out == f"{address} is a source already.\n"
        assert server.paths == ["/feed"]
        for path in ("/page", "/"):
            complaint(program, "add", "feed", server.address + path)
    assert sets(program) == [("feed", address)]
    assert set(program.papers()) == {"Of Lamps and Their Wicks", "Of Kites and Their Strings"}
    found = program.ask("search", "wicks")["entries"]
    assert [entry["paper"]["title"] for entry in found] == ["Of Lamps and Their Wicks"]


def test_a_feed_that_another_process_reads_just_then_is_a_source(program: Program) -> None:
    program = program.having(BROADSHEET_PRIVATE_FEEDS="true")
    assert sets(program) == []
    store = open_store(sqlite_url(program.data / "broadsheet.sqlite3"))
    with store.writing() as connection:
        assert manners.take(connection, "source 1", "another", 60).granted
    store.close()
    with crooked({"/feed": saying(FEED)}) as server:
        said = program.run("add", "feed", f"{server.address}/feed").out
        assert said.startswith(f"{server.address}/feed is a source now; ")
    assert sets(program) == [("feed", f"{server.address}/feed")]


# --- harvest, ledger, remove --------------------------------------------------------------------


def test_a_harvest_brings_the_papers_and_the_ledger_accounts_for_them(
    program: Program, arxiv: Standin
) -> None:
    program = program.having(BROADSHEET_ARXIV=arxiv.address, BROADSHEET_CONTACT="ada@example.org")
    program.run("add", "arxiv", "cs.LG")
    (unknown, *_) = program.ask("ledger")
    assert (unknown["state"], unknown["stated"], unknown["checked"]) == ("unknown", None, None)

    (done,) = program.ask("harvest", "--once")
    assert set(done) == HARVESTED
    assert (done["kind"], done["name"], done["problem"]) == ("arxiv", "cs.LG", None)
    assert {request.agent for request in arxiv.requests} >= {arxiv.requests[0].agent}
    assert all("ada@example.org" in request.agent for request in arxiv.requests)
    assert arxiv.overlapping() == 1
    held = {paper["id"] for paper in program.papers().values()}
    assert done["new"] == len(held) > 0

    lines = program.ask("ledger")
    assert [set(line) for line in lines] == [LEDGER] * len(lines)
    # The newest is in the lists hours before it can be harvested.
    newest = announcing.latest(datetime.now(UTC))
    settled = [line for line in lines if date.fromisoformat(line["day"]) < newest]
    assert settled
    for line in settled:
        truth = arxiv.world.announced("cs.LG", date.fromisoformat(line["day"]))
        ids = {id_ for some in truth.values() for id_ in some}
        assert (line["state"], line["stated"], line["missing"]) == ("complete", len(ids), [])
        assert line["counts"] == {kind: len(truth.get(kind, ())) for kind in line["counts"]}
        assert ids <= held
    assert [line["day"] for line in lines] == sorted((x["day"] for x in lines), reverse=True)
    shown = program.run("ledger").out
    assert "complete" in shown
    assert settled[0]["day"] in shown

    assert program.run("harvest").out == "No source is due; --once asks them all the same.\n"
    (again,) = program.ask("harvest", "--once")
    assert (again["new"], again["updated"], again["problem"]) == (0, 0, None)

    assert program.run("remove", "arxiv", "cs.LG").out == (
        "arxiv cs.LG is asked no more; what it brought stays.\n"
    )
    assert complaint(program, "remove", "arxiv", "cs.LG") == "There is no source arxiv cs.LG."
    assert (sets(program), program.ask("ledger")) == ([], [])
    assert len(program.papers()) == len(held)


def test_a_source_that_does_not_answer_is_told_and_asked_later(
    program: Program, arxiv: Standin
) -> None:
    program = program.having(BROADSHEET_ARXIV=arxiv.address)
    program.run("add", "arxiv", "cs.LG")
    arxiv.order(Unavailable(7200), times=None)
    answer = program.run("harvest", "--once", "--json", code=1)
    (done,) = answer.value
    assert done["problem"].endswith(" answered 503.")
    (source,) = program.ask("sources")
    assert (source["problem"], source["failures"]) == (done["problem"], 1)
    wait = datetime.fromisoformat(source["retry"]) - datetime.now(UTC)
    assert timedelta(hours=1.9) < wait <= timedelta(hours=2)
    assert source["harvested"] is None
    assert "answered 503" in program.run("sources").out
    assert program.run("harvest").out.startswith("No source is due")


@pytest.mark.parametrize("name", ["cs.LG", "cs.\x1b[31m", "x" * 5000])
def test_a_source_that_is_not_there_cannot_be_removed(program: Program, name: str) -> None:
    said = complaint(program, "remove", "arxiv", name)
    assert said.startswith("There is no source arxiv ")
    assert "\x1b" not in said


def test_without_a_source_each_command_says_how_to_add_one(program: Program) -> None:
    hint = "'broadsheet add arxiv cs.LG' adds one"
    assert hint in complaint(program, "harvest", "--once")
    for command in ("sources", "ledger"):
        assert hint in program.run(command).out
        assert program.ask(command) == []


def test_an_interest_is_learned_from_what_arxiv_lists(program: Program, arxiv: Standin) -> None:
    # From eight in the evening until midnight in New York the lists have papers that cannot be
    # asked for by id yet; at this time of the day before there is none of those.
    arxiv.set_now((datetime.now(UTC) - timedelta(days=1)).replace(hour=17))
    here = program.having(BROADSHEET_ARXIV=arxiv.address)
    made = here.ask("learn", "https://arxiv.org/list/cs.LG/new", "--name", "New things")
    assert made.keys() == {"slug", "for", "of", "note"}
    assert made["slug"] == "new-things"
    assert made["for"] == made["of"] > 0
    assert made["note"] == ""
    [interest] = here.ask("interests")
    assert interest["for"] == made["for"]
    quiet = here.having(BROADSHEET_HARVEST="false")
    said = complaint(quiet, "learn", "https://arxiv.org/list/cs.LG/recent")
    assert said.startswith("This Broadsheet asks no other machine (BROADSHEET_HARVEST)")
