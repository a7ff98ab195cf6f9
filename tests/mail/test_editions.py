"""Digests in the outbox: to whom, what, once; and where there is none, why."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from broadsheet.mail.digest import (
    ALL_ABOVE,
    ALL_READ,
    ALL_SENT,
    NO_LIST,
    NONE_BELONGS,
    NONE_SCORES,
    NOTHING_CAME,
    PAUSED,
)
from broadsheet.records import Author, Listing, View
from broadsheet.store import outbox, readers, subscribers
from broadsheet.store.subscribers import Rhythm
from broadsheet.store.tables import reading

from .office import Office, at, paper, text_of

MONDAY = "2024-05-06"


def outcome(office: Office, subscriber: int | None = None) -> list[tuple[str, str | None, int]]:
    return [(row.edition, row.reason, row.papers) for row in office.rows(subscriber)]


def titles(office: Office, place: int = -1) -> list[str]:
    """The titles in a message, from its text part."""
    text = text_of(office.rows()[place].mail)
    return [
        line.split(". ", 1)[1]
        for line in text.splitlines()
        if line.split(". ", 1)[0].isdigit() and ". " in line
    ]


def shown(office: Office, place: int) -> list[str]:
    """The same; nothing of an edition that was silent."""
    return titles(office, place) if office.rows()[place].mail else []


def test_a_day_s_papers_come_once_at_their_hour(any_office: Office) -> None:
    office = any_office
    office.subscribe()
    office.put(paper("Of Lamps", MONDAY), paper("Of Kites", MONDAY))
    assert office.run(f"{MONDAY}T07:59").queued == 1  # yesterday's: there are papers, and none went
    assert outcome(office) == [("daily:2024-05-05", None, 2)]
    assert office.run(f"{MONDAY}T08:00").silent == 1
    office.put(paper("Of Wicks", "2024-05-07"))
    for _ in range(3):
        office.run("2024-05-07T08:00")
    assert outcome(office) == [
        ("daily:2024-05-05", None, 2),
        ("daily:2024-05-06", NOTHING_CAME, 0),
        ("daily:2024-05-07", None, 1),
    ]
    assert titles(office) == ["Of Wicks"]


def test_a_message_says_what_is_inside_and_how_to_leave(office: Office) -> None:
    office.subscribe()
    office.put(*(paper(f"Of Lamps, Part {n}", MONDAY) for n in range(1, 6)))
    office.run(f"{MONDAY}T08:00")
    mail = office.rows()[0].mail
    assert mail is not None
    assert mail["Subject"] == "5 papers: Of Lamps, Part 1, Of Lamps, Part 2 and 3 more"
    assert mail["To"] == "ada@lamp.example"
    leave = mail["List-Unsubscribe"].strip("<>")
    assert leave.startswith("https://papers.example/mail/leave?t=")
    for kind in ("plain", "html"):
        assert leave.partition("?")[2] in text_of(mail, kind)
        assert "ada@lamp.example" in text_of(mail, kind)


def test_what_comes_in_late_is_in_the_next_and_what_was_cut_is_not(office: Office) -> None:
    office.subscribe(most=2)
    office.put(*(paper(f"Of Lamps, Part {n}", MONDAY) for n in range(1, 6)))
    office.run(f"{MONDAY}T08:00")
    office.put(paper("Of Kites", MONDAY))  # of yesterday, and here only now
    office.run("2024-05-07T08:00")
    office.run("2024-05-08T08:00")
    assert outcome(office) == [
        ("daily:2024-05-06", None, 2),
        ("daily:2024-05-07", None, 1),
        ("daily:2024-05-08", NOTHING_CAME, 0),
    ]
    assert "and 3 more" in text_of(office.rows()[0].mail, "html")
    assert titles(office, 1) == ["Of Kites"]


def test_an_archive_that_is_imported_is_no_news(office: Office) -> None:
    office.subscribe()
    office.put(*(paper(f"Of Lamps, Part {n}", "2019-03-04") for n in range(1, 6)))
    office.put(paper("Of Time", "9999-12-31"))
    office.run(f"{MONDAY}T08:00")
    assert outcome(office) == [("daily:2024-05-06", NOTHING_CAME, 0)]


def test_several_lists_are_one_mail_and_a_paper_is_in_it_once(office: Office) -> None:
    office.subscribe(views=("/search?q=lamps", "/search?q=kites", "/search?q=zeppelins", "/"))
    office.put(
        paper("Of Lamps", MONDAY),
        paper("Of Kites and Lamps", MONDAY),
        paper("Of Kites", MONDAY),
        paper("Of Wicks", MONDAY),
        paper("of wicks", MONDAY, abstract="The same once more.", year=2024),
    )
    office.run(f"{MONDAY}T08:00")
    assert len(office.rows()) == 1
    sent = titles(office)
    assert sorted(sent, key=str.lower)[:3] == ["Of Kites", "Of Kites and Lamps", "Of Lamps"]
    assert len(sent) == 4
    assert f"“/search?q=zeppelins”: {NONE_BELONGS}" in " ".join(
        text_of(office.rows()[0].mail).split()
    )


def test_nothing_that_was_sent_comes_again(office: Office) -> None:
    ada = office.subscribe(views=("/search?q=lamps",))
    office.subscribe(views=("/",), rhythm=Rhythm.WEEKLY, weekday=0)
    office.put(paper("Of Lamps", MONDAY))
    office.run(f"{MONDAY}T08:00")
    assert outcome(office, ada) == [
        ("daily:2024-05-06", None, 1),
        ("weekly:2024-W19", ALL_SENT, 0),
    ]
    assert len(office.sent(ada)) == 1


def test_the_papers_of_a_message_that_never_went_are_in_the_next(any_office: Office) -> None:
    office = any_office
    office.subscribe()
    office.put(paper("Of Lamps", MONDAY), paper("Of Wicks", MONDAY))
    office.run(f"{MONDAY}T08:00")
    with office.store.writing() as connection:
        now = at(f"{MONDAY}T09:00")
        [due] = outbox.take(connection, "me", now, now + timedelta(minutes=1), 9)
        outbox.record_failed(connection, due.number, "me", "relay", "450", "given up after 2 days")
    office.put(paper("Of Kites", "2024-05-07"))
    for _ in range(2):
        office.run("2024-05-07T08:00")
    office.run("2024-05-08T08:00")
    assert outcome(office)[1:] == [
        ("daily:2024-05-07", None, 3),
        ("daily:2024-05-08", NOTHING_CAME, 0),
    ]
    assert sorted(titles(office, 1)) == ["Of Kites", "Of Lamps", "Of Wicks"]


def test_weekly_mail_has_the_week(office: Office) -> None:
    office.subscribe(rhythm=Rhythm.WEEKLY, weekday=4, since=at(MONDAY))
    for day in range(6, 13):
        if day < 11:
            office.put(paper(f"Of Lamps, Part {day}", f"2024-05-{day:02}"))
        office.run(f"2024-05-{day:02}T09:00")
    assert outcome(office) == [("weekly:2024-W19", None, 5)]


def test_what_is_read_or_put_aside_is_left_out(office: Office) -> None:
    with office.store.reading() as connection:
        reader = readers.personal(connection)
    office.subscribe(reader=reader)
    office.put(*(paper(f"Of Lamps, Part {n}", MONDAY) for n in (1, 2, 3)))
    with office.store.writing() as connection:
        for number, step in ((1, "opened"), (2, "dismissed"), (3, "seen")):
            connection.execute(
                reading.insert().values(reader=reader, paper=number, **{step: at(MONDAY)})
            )
    office.run(f"{MONDAY}T08:00")
    assert titles(office) == ["Of Lamps, Part 3"]
    office.put(paper("Of Kites", "2024-05-07"))
    with office.store.writing() as connection:
        connection.execute(reading.insert().values(reader=reader, paper=4, done=at(MONDAY)))
    office.run("2024-05-07T08:00")
    assert outcome(office)[1] == ("daily:2024-05-07", ALL_READ, 0)


def test_a_least_score_counts_where_a_list_has_scores(office: Office) -> None:
    never = office.subscribe("ada@lamp.example", ("/search?q=lamps",), least=1e9)
    always = office.subscribe("bo@lamp.example", ("/search?q=lamps",), least=0.0)
    unranked = office.subscribe("cy@lamp.example", ("/",), least=1e9)
    office.put(paper("Of Lamps", MONDAY))
    office.run(f"{MONDAY}T08:00")
    assert {row.subscriber: row.reason for row in office.rows()} == {
        never: NONE_SCORES,
        always: None,
        unranked: None,
    }


def test_silence_says_why(office: Office) -> None:
    gone = office.subscribe("ada@lamp.example", ("/no-such-list",))
    removed = office.subscribe("di@lamp.example", ("/search?q=lamps+in%3Aremoved",), reader=1)
    none = office.subscribe("bo@lamp.example", ("/search?q=zeppelins",))
    both = office.subscribe("cy@lamp.example", ("/search?q=zeppelins", "/search?q=sails"))
    office.put(paper("Of Lamps", MONDAY), paper("Of Wicks", MONDAY, withdrawn=True))
    office.run(f"{MONDAY}T08:00")
    reasons = {row.subscriber: row.reason for row in office.rows()}
    lists = {gone: NO_LIST, removed: NO_LIST}
    assert reasons == {**lists, none: NONE_BELONGS, both: NONE_BELONGS}
    assert {row.state for row in office.rows()} == {"silent"}


def test_lists_whose_papers_all_stand_above_are_named(office: Office) -> None:
    office.subscribe(views=("/", "/search?q=lamps"))
    office.put(paper("Of Lamps", MONDAY))
    office.run(f"{MONDAY}T08:00")
    assert f"“/search?q=lamps”: {ALL_ABOVE}" in " ".join(text_of(office.rows()[0].mail).split())


def test_a_pause_is_silent_until_its_day_and_keeps_the_papers(office: Office) -> None:
    ada = office.subscribe()
    with office.store.writing() as connection:
        subscribers.pause(connection, ada, at("2024-05-08").date())
    office.put(paper("Of Lamps", MONDAY))
    for day in (6, 7, 8):
        office.run(f"2024-05-{day:02}T08:00")
    assert outcome(office) == [
        ("daily:2024-05-06", PAUSED, 0),
        ("daily:2024-05-07", PAUSED, 0),
        ("daily:2024-05-08", NOTHING_CAME, 0),
    ]


def test_who_resumes_in_mid_day_gets_the_next(office: Office) -> None:
    ada = office.subscribe()
    office.put(paper("Of Lamps", MONDAY))
    office.run("2024-05-05T08:00")
    with office.store.writing() as connection:
        subscribers.pause(connection, ada)
    office.run(f"{MONDAY}T08:00")
    with office.store.writing() as connection:
        subscribers.resume(connection, ada)
    office.run(f"{MONDAY}T12:00")
    assert outcome(office)[1:] == [("daily:2024-05-06", PAUSED, 0)]


def test_a_list_added_in_mid_day_waits_for_tomorrow(office: Office) -> None:
    office.subscribe(since=at(f"{MONDAY}T10:00"))
    office.put(paper("Of Lamps", MONDAY))
    office.run(f"{MONDAY}T23:00")
    assert office.rows() == []
    office.run("2024-05-07T08:00")
    assert outcome(office) == [("daily:2024-05-07", None, 1)]


def test_who_has_not_confirmed_or_has_left_gets_nothing(office: Office) -> None:
    with office.store.writing() as connection:
        who = subscribers.add(connection, "ada@lamp.example", at("2024-01-01"))
        subscribers.subscribe(
            connection, who.number, "/", "New papers", Rhythm.DAILY, at("2024-01-01")
        )
    left = office.subscribe("bo@lamp.example")
    with office.store.writing() as connection:
        subscribers.leave(connection, left, at("2024-02-01"))
    office.put(paper("Of Lamps", MONDAY))
    office.run(f"{MONDAY}T08:00")
    assert office.rows() == []


def test_after_days_of_sleep_one_mail_has_what_came(office: Office) -> None:
    office.subscribe()
    office.put(paper("Of Lamps", MONDAY))
    office.run(f"{MONDAY}T08:00")
    for day in range(7, 11):
        office.put(paper(f"Of Kites, Part {day}", f"2024-05-{day:02}"))
    office.run("2024-05-11T03:00")
    assert outcome(office) == [("daily:2024-05-06", None, 1), ("daily:2024-05-10", None, 4)]


def test_a_clock_that_is_a_year_ahead_for_a_while_loses_and_doubles_nothing(
    any_office: Office,
) -> None:
    office = any_office
    office.subscribe()
    office.put(paper("Of Lamps", MONDAY))
    office.run(f"{MONDAY}T08:00")
    office.put(paper("Of Kites", "2024-05-07"))
    office.run("2025-05-06T08:00")  # a year ahead: what has just come in has not aged
    office.put(paper("Of Wicks", "2024-05-07"))
    office.run(f"{MONDAY}T12:00")  # and back
    office.run("2024-05-07T08:00")
    assert [row for row in outcome(office) if row[2]] == [
        ("daily:2024-05-06", None, 1),
        ("daily:2025-05-06", None, 1),
        ("daily:2024-05-07", None, 1),
    ]
    assert [titles(office, place) for place in (0, 1, 2)] == [
        ["Of Lamps"],
        ["Of Kites"],
        ["Of Wicks"],
    ]


def test_a_clock_that_is_weeks_behind_for_a_while_loses_and_doubles_nothing(
    any_office: Office,
) -> None:
    office = any_office
    office.subscribe()
    office.put(paper("Of Lamps", MONDAY))
    office.run(f"{MONDAY}T08:00")
    office.put(paper("Of Kites", "2024-05-07"))
    office.run("2024-04-12T08:00")
    office.run("2024-05-07T08:00")
    assert outcome(office)[1:] == [
        ("daily:2024-04-12", None, 1),
        ("daily:2024-05-07", NOTHING_CAME, 0),
    ]


@pytest.mark.parametrize("rhythm", list(Rhythm))
def test_whatever_a_clock_does_each_paper_comes_once(any_office: Office, rhythm: Rhythm) -> None:
    office, chance = any_office, random.Random(f"clocks {rhythm}")
    begun = at("2024-05-01T00:00")
    ada = office.subscribe(rhythm=rhythm, zone="Europe/Berlin", since=begun, most=100)
    office.run(begun)  # mail at once begins here
    now, wrong = begun, timedelta()
    came = 0
    for look in range(50):
        now += timedelta(hours=chance.randint(1, 30))
        if look > 12 and chance.random() < 0.4:
            wrong = timedelta(days=chance.choice((0, 0, 0, 3, 40, 400, -2, -9, -30)))
        if chance.random() < 0.7:
            came += 1
            office.put(paper(f"Of Lamps, Part {came}", now.date()))
        office.run(now + wrong)
    # Right again, until an edition comes whose date no wrong clock has used up.
    for _ in range(60):
        now += timedelta(days=1)
        office.run(now)
    sent = [title for place in range(len(office.rows())) for title in shown(office, place)]
    assert sorted(sent) == sorted(f"Of Lamps, Part {number}" for number in range(1, came + 1))
    assert len(office.sent(ada)) == came


def test_who_said_yes_while_the_clock_was_ahead_does_not_wait_for_it(office: Office) -> None:
    office.subscribe(since=at("2025-05-06T08:00"))
    office.put(paper("Of Lamps", MONDAY))
    office.run(f"{MONDAY}T08:00")
    assert outcome(office) == [("daily:2024-05-06", None, 1)]


def test_what_is_wanted_at_once_does_not_wait_for_a_clock_that_was_put_back(
    office: Office,
) -> None:
    office.subscribe(rhythm=Rhythm.AT_ONCE)
    office.run(f"{MONDAY}T08:00")
    office.put(paper("Of Lamps", MONDAY))
    office.run("2025-05-06T08:00")
    office.put(paper("Of Kites", MONDAY))
    assert office.run(f"{MONDAY}T08:01").queued == 1
    assert titles(office) == ["Of Kites"]


def test_what_is_wanted_at_once_comes_at_once_and_bundled(office: Office) -> None:
    office.put(paper("Of Lamps before", MONDAY))
    office.subscribe(views=("/search?q=lamps", "/search?q=kites"), rhythm=Rhythm.AT_ONCE)
    assert office.run(f"{MONDAY}T08:00").queued == 0  # what is there already is no news
    office.put(paper("Of Lamps", MONDAY), paper("Of Kites", MONDAY), paper("Of Wicks", MONDAY))
    assert office.run(f"{MONDAY}T08:01").queued == 1
    assert sorted(titles(office)) == ["Of Kites", "Of Lamps"]
    office.put(paper("Of Lamps again", MONDAY))
    assert office.run(f"{MONDAY}T08:10").queued == 0
    assert office.run(f"{MONDAY}T08:11").queued == 1
    assert titles(office) == ["Of Lamps again"]
    office.put(paper("Of Sails", MONDAY))
    assert office.run(f"{MONDAY}T12:00").queued == 0
    assert len(office.rows()) == 2


def test_what_goes_at_once_goes_as_far_as_the_index_has_it(any_office: Office) -> None:
    office = any_office
    office.subscribe(views=("/search?q=lamps",), rhythm=Rhythm.AT_ONCE)
    office.run(f"{MONDAY}T08:00")
    office.put(paper("Of Lamps", MONDAY))
    office.put(paper("Of Lamps again", MONDAY), index=False)  # an import that goes on and on
    assert office.run(f"{MONDAY}T08:01").queued == 1
    assert titles(office) == ["Of Lamps"]
    office.index.catch_up(office.store)
    assert office.run(f"{MONDAY}T08:11").queued == 1
    assert titles(office) == ["Of Lamps again"]


def test_an_edition_waits_for_the_index_but_not_for_ever(office: Office) -> None:
    office.subscribe(views=("/search?q=lamps",))
    office.put(paper("Of Lamps", MONDAY), index=False)
    assert office.run(f"{MONDAY}T08:00").waiting
    assert office.rows() == []
    office.index.catch_up(office.store)
    assert office.run(f"{MONDAY}T08:01").queued == 1
    office.put(paper("Of Lamps again", "2024-05-07"), index=False)
    assert not office.run("2024-05-07T09:00").waiting
    assert len(office.rows()) == 2


def test_the_same_list_for_many_is_asked_for_once(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(25):
        office.subscribe(f"reader{n}@lamp.example")
    office.put(paper("Of Lamps", MONDAY))
    asked: list[View] = []
    listing = office.catalogue.listing

    def counted(view: View) -> Listing:
        asked.append(view)
        return listing(view)

    monkeypatch.setattr(office.catalogue, "listing", counted)
    office.run(f"{MONDAY}T08:00")
    assert len(asked) == 1
    mails = [row.mail for row in office.rows()]
    assert len({text_of(mail) for mail in mails}) == 25
    for mail in mails:
        assert mail is not None
        assert f"\n{mail['To']}\n" in text_of(mail)


def test_two_that_write_at_once_write_one(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.subscribe()
    office.put(paper("Of Lamps", MONDAY))
    first = office.catalogue.listing
    written = []

    def meanwhile(view: View) -> Listing:
        written.append(office.run(f"{MONDAY}T08:00"))
        return first(view)

    monkeypatch.setattr(office.catalogue, "listing", meanwhile)
    office.run(f"{MONDAY}T08:00")
    assert [one.queued for one in written] == [0]
    assert len(office.rows()) == 1


def test_papers_by_nobody_and_of_no_day_and_all_texts_can_be_mailed(office: Office) -> None:
    office.subscribe(views=("/", "/undated"))
    office.put(
        replace(paper("Of Lamps", MONDAY), authors=(), abstract=""),
        replace(paper("Of Kites", MONDAY), authors=(), organization="Lamp Works"),
        replace(paper("Of Wicks", MONDAY), authors=(), author_count=7, comment_count=3),
        paper("Of Sails", MONDAY, authors=tuple(Author(f"Person{n}") for n in range(9))),
        paper("Of Nothing"),
    )
    office.run(f"{MONDAY}T08:00")
    text = text_of(office.rows()[0].mail)
    for said in ("Lamp Works", "7 authors", "3 comments", "Person0, Person1, Person2 and 6 more"):
        assert said in text
    assert len(titles(office)) == 4
