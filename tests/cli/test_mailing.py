"""`broadsheet mail`: how it stands, sending by command, what came back, and the key."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broadsheet.mail.relay import Relay
from broadsheet.store.engine import open_store, sqlite_url
from sending.crooked import Faults, crooked
from sending.post import TODAY, Post
from sending.reports import complaint

from .program import Program

ADA, BOB = "ada@example.org", "bob@example.org"
FROM = {"BROADSHEET_MAIL_FROM": "papers@papers.example"}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The command, within this process."""
    (tmp_path / "data").mkdir()
    return Program(tmp_path / "data", inside=True)


@pytest.fixture
def post(program: Program) -> Post:
    """Two readers of its data folder, each with a message that waits."""
    store = open_store(sqlite_url(program.data / "broadsheet.sqlite3"))
    post = Post(store, Relay("127.0.0.1", 1))
    post.subscribe(ADA, BOB)
    post.write()
    return post


def by_relay(program: Program, port: int) -> Program:
    return program.having(**FROM, BROADSHEET_MAIL_RELAY="127.0.0.1", BROADSHEET_MAIL_PORT=str(port))


def test_send_sends_what_is_due_and_status_counts_it(program: Program, post: Post) -> None:
    faults = Faults()
    with crooked(faults) as port:
        program = by_relay(program, port)
        assert program.ask("mail", "send", "--dry-run") == [{"edition": TODAY, "messages": 2}]
        assert faults.taken == []
        assert program.ask("mail", "send") == {
            "sent": 2,
            "failed": 0,
            "suppressed": 0,
            "again": 0,
            "undecided": 0,
            "problem": "",
        }
        assert program.ask("mail", "send")["sent"] == 0
    assert sorted(one.recipient for one in faults.taken) == [ADA, BOB]
    status = program.ask("mail", "status")
    assert status["way"] == "relay"
    assert status["counts"] == {
        "queued": 0,
        "sending": 0,
        "sent": 2,
        "failed": 0,
        "suppressed": 0,
        "silent": 0,
    }
    [edition] = status["editions"]
    assert (edition["edition"], edition["counts"]["sent"]) == (TODAY, 2)
    assert TODAY in program.run("mail", "status").out


def test_a_relay_that_is_away_is_a_sentence_and_exit_1(program: Program, post: Post) -> None:
    done = by_relay(program, 1).run("mail", "send", code=1)
    assert "The relay 127.0.0.1:1 cannot be used" in done.out
    assert post.states() == {"queued": 2}


@pytest.mark.parametrize(
    ("having", "said"),
    [
        ({}, "Mail is off"),
        ({"BROADSHEET_MAIL_RELAY": "relay.example"}, "mail_from"),
        ({"BROADSHEET_MAIL_FROM": "papers"}, "mail_from (BROADSHEET_MAIL_FROM) cannot be used: a"),
        ({**FROM, "BROADSHEET_MAIL": "relay"}, "no mail server"),
        (
            {
                **FROM,
                "BROADSHEET_MAIL_RELAY": "relay.example",
                "BROADSHEET_MAIL_USER": "papers",
                "BROADSHEET_MAIL_PASSWORD": "h0rse",
                "BROADSHEET_MAIL_SECURITY": "none",
            },
            "mail_security",
        ),
        (
            {
                **FROM,
                "BROADSHEET_MAIL_RELAY": "127.0.0.1",
                "BROADSHEET_MAIL_DKIM_KEY": "/nowhere/k.pem",
            },
            "The DKIM key /nowhere/k.pem cannot be read",
        ),
    ],
)
def test_settings_that_cannot_send_are_a_sentence(
    program: Program, having: dict[str, str], said: str
) -> None:
    done = program.having(**having).run("mail", "send", code=2)
    assert said in done.err
    assert "h0rse" not in done.out + done.err
    assert len(done.err.strip().splitlines()) == 1


def test_the_password_is_shown_nowhere(program: Program) -> None:
    program = program.having(**FROM, BROADSHEET_MAIL_PASSWORD="h0rse-battery")
    assert "h0rse" not in json.dumps(program.ask("settings"))


def test_mail_goes_to_a_folder_where_that_is_set(program: Program, post: Post) -> None:
    program = program.having(**FROM, BROADSHEET_MAIL="folder")
    assert program.ask("mail", "send")["sent"] == 2
    files = sorted((program.data / "mail" / "new").iterdir())
    assert len(files) == 2
    assert b"Delivered-To: ada@example.org" in b"".join(file.read_bytes() for file in files)
    assert list((program.data / "mail" / "tmp").iterdir()) == []


def test_suppress_and_allow_an_address(program: Program, post: Post) -> None:
    assert "nothing any more" in program.run("mail", "suppress", ADA).out
    program.run("mail", "suppress", "no address", code=2)
    tally = program.having(**FROM, BROADSHEET_MAIL="folder").ask("mail", "send")
    assert (tally["sent"], tally["suppressed"]) == (1, 1)
    assert program.ask("mail", "status")["suppressed_addresses"] == {"operator": 1}
    assert "again" in program.run("mail", "allow", ADA.upper()).out
    assert "Nothing keeps mail" in program.run("mail", "allow", ADA, code=2).err


def test_retry_queues_what_failed(program: Program, post: Post) -> None:
    faults = Faults()
    faults.order(rcpt=["554 5.7.1 no"] * 2)
    with crooked(faults) as port:
        program = by_relay(program, port)
        failed = program.run("mail", "send", "--json", code=1)
        assert json.loads(failed.out)["failed"] == 2
        assert program.ask("mail", "status")["reasons"] == [
            {"state": "failed", "reason": "refused for good: 554", "count": 2}
        ]
        assert program.run("mail", "retry", "--edition", "daily:2026-01-01").out.startswith("0 ")
        assert program.run("mail", "retry").out.startswith("2 messages")
        assert program.ask("mail", "send")["sent"] == 2


def test_bounce_takes_reports_in_once(program: Program, post: Post, tmp_path: Path) -> None:
    report = tmp_path / "report.eml"
    report.write_bytes(complaint(original=post.row(ADA).message_id))
    assert program.ask("mail", "bounce", report) == {
        "kinds": {"complaint": 1},
        "suppressed": 1,
        "known": 0,
    }
    assert program.ask("mail", "bounce", report)["known"] == 1
    assert "no Maildir" in program.run("mail", "bounce", tmp_path, code=2).err
    # Who complained and so left is let back by themselves only.
    assert "again" in program.run("mail", "allow", ADA).out


def test_key_makes_one_and_prints_its_record_again(program: Program) -> None:
    first = program.having(**FROM).run("mail", "key", "--kind", "ed25519").out
    assert 'broadsheet._domainkey.papers.example. IN TXT "v=DKIM1; k=ed25519; p=' in first
    path = program.data / "dkim-broadsheet.pem"
    before = path.read_bytes()
    again = program.having(**FROM, BROADSHEET_MAIL_DKIM_KEY=str(path)).run("mail", "key").out
    assert again.strip() == first.splitlines()[0]
    assert path.read_bytes() == before


def test_a_subscriber_without_a_row_of_yesterday_is_an_alarm(program: Program) -> None:
    store = open_store(sqlite_url(program.data / "broadsheet.sqlite3"))
    post = Post(store, Relay("127.0.0.1", 1))
    post.subscribe(ADA)
    assert program.ask("mail", "status")["alarms"] == []  # they came a minute ago
    with store.writing() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=9)
        connection.exec_driver_sql("update subscriptions set confirmed = ?", (str(long_ago),))
    done = program.run("mail", "status", "--json", code=1)
    [alarm] = json.loads(done.out)["alarms"]
    assert "1 subscriber has no message and no reason" in alarm
    assert alarm in program.run("mail", "status", code=1).out
    store.close()
