"""Asking other machines: patiently, one at a time, within bounds, and only whom we may ask."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from broadsheet import __version__
from broadsheet.intake.fetching import Answer, Fetcher, FetchError, Service, Stopped
from broadsheet.store.engine import Store
from intake import daily
from intake.crooked import Handler, Way, crooked, saying
from standin.arxiv import Standin
from standin.faults import (
    Cut,
    Fault,
    GzipBomb,
    Redirect,
    TooManyRequests,
    Unavailable,
    bomb,
)

NOON = datetime(2026, 3, 12, 17, tzinfo=UTC)
FEED = "/rss/cs.LG"
HERE = ("127.0.0.1",)
QUICK = Service("quick", 0.005, HERE)
# Twenty pauses are the longest wait that is obeyed: a second.
BRISK = Service("brisk", 0.05, HERE)
GENTLE = Service("gentle", 60, HERE)
SECRET = "s3cret"


@pytest.fixture(scope="module")
def shared_arxiv() -> Iterator[Standin]:
    with Standin(daily.world(14)) as arxiv:
        arxiv.set_now(NOON)
        yield arxiv


@pytest.fixture
def arxiv(shared_arxiv: Standin) -> Standin:
    shared_arxiv.clear()
    shared_arxiv.forget()
    return shared_arxiv


OPEN = Service("feeds", 0.005, guarded=True)


def failing(fetcher: Fetcher, service: Service, url: str, **options: Any) -> FetchError:
    with pytest.raises(FetchError) as failed:
        fetcher.get(service, url, **options)
    return failed.value


# --- what comes ---------------------------------------------------------------------------------


def test_an_answer_is_what_the_server_sent_unpacked(fetcher: Fetcher) -> None:
    body = b"<feed>" + b"lamp " * 100_000 + b"</feed>"
    packed = gzip.compress(body)
    ways = {
        "/plain": saying(body, headers={"Content-Type": "text/xml"}),
        "/packed": saying(packed, headers={"Content-Encoding": "gzip"}),
        "/named": saying(packed, headers={"Content-Encoding": "X-GZip"}),
        "/identity": saying(body, headers={"Content-Encoding": "identity"}),
        # RFC 1952: a file of several members is all of them, one after the other.
        "/members": saying(
            gzip.compress(body[:9]) + gzip.compress(body[9:]), headers={"Content-Encoding": "gzip"}
        ),
    }
    with crooked(ways) as server:
        for path in ways:
            assert fetcher.get(QUICK, server.address + path).body == body, path
        assert fetcher.get(QUICK, f"{server.address}/plain").kind == "text/xml"


@pytest.mark.parametrize(
    ("contact", "agent"),
    [
        ("", f"Broadsheet/{__version__} (self-hosted reader)"),
        ("ada@example.org", f"Broadsheet/{__version__} (self-hosted reader; ada@example.org)"),
    ],
)
def test_services_are_told_who_asks_and_how_to_reach_them(
    sqlite_store: Store, arxiv: Standin, contact: str, agent: str
) -> None:
    fetcher = Fetcher(sqlite_store, contact)
    fetcher.get(QUICK, arxiv.address + FEED)
    fetcher.close()
    assert [request.agent for request in arxiv.requests] == [agent]


def test_what_did_not_change_is_not_sent_again(fetcher: Fetcher, arxiv: Standin) -> None:
    url = arxiv.address + FEED
    first = fetcher.get(QUICK, url)
    assert first.is_news
    assert first.body
    for etag, modified in ((first.etag, None), (None, first.modified)):
        again = fetcher.get(QUICK, url, etag=etag, modified=modified)
        assert (again.is_news, again.body) == (False, b"")
    assert fetcher.get(QUICK, url, etag='"another"').body == first.body
    assert [request.status for request in arxiv.requests] == [200, 304, 304, 200]


def test_a_tag_that_cannot_be_sent_back_is_forgotten(fetcher: Fetcher) -> None:
    ways = {"/": saying(b"feed", headers={"ETag": '"caf\xe9"', "Last-Modified": "\xe9"})}
    with crooked(ways) as server:
        first = fetcher.get(QUICK, f"{server.address}/")
        again = fetcher.get(QUICK, f"{server.address}/", etag=first.etag, modified=first.modified)
    assert again.body == b"feed"


# --- what fails for a moment --------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Unavailable(), TooManyRequests(), Cut(), Unavailable(0)])
def test_what_fails_for_a_moment_is_asked_for_again(
    fetcher: Fetcher, arxiv: Standin, fault: Fault
) -> None:
    arxiv.order(fault, times=3)
    assert fetcher.get(QUICK, arxiv.address + FEED).body
    assert len(arxiv.requests) == 4
    assert arxiv.overlapping() == 1
    assert arxiv.closest() >= QUICK.pause


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Unavailable(), "127.0.0.1/rss/cs.LG answered 503."),
        (TooManyRequests(), "127.0.0.1/rss/cs.LG answered 429."),
        (Cut(), "127.0.0.1/rss/cs.LG did not answer (peer closed connection"),
    ],
)
def test_after_four_tries_it_is_given_up_in_a_sentence(
    fetcher: Fetcher, arxiv: Standin, fault: Fault, sentence: str
) -> None:
    arxiv.order(fault, times=None)
    failed = failing(fetcher, QUICK, arxiv.address + FEED)
    assert str(failed).startswith(sentence)
    assert failed.later is None
    assert len(arxiv.requests) == 4


def test_each_wait_is_longer_than_the_last(fetcher: Fetcher, arxiv: Standin) -> None:
    arxiv.order(Unavailable(), times=3)
    fetcher.get(BRISK, arxiv.address + FEED)
    met = arxiv.requests
    waits = [after.started - before.ended for before, after in pairwise(met)]
    assert waits[0] >= 0.05
    assert waits[1] >= 0.1
    assert waits[2] >= 0.2


@pytest.mark.parametrize("after", [1, NOON + timedelta(seconds=1)], ids=["seconds", "a date"])
def test_a_service_that_says_when_is_asked_then(
    fetcher: Fetcher, arxiv: Standin, after: int | datetime
) -> None:
    # The stand-in's clock stands in March: a date counts by the server's own clock.
    arxiv.order(Unavailable(after))
    assert fetcher.get(BRISK, arxiv.address + FEED).body
    first, second = arxiv.requests
    assert 1 <= second.started - first.ended < 10


@pytest.mark.parametrize(
    ("after", "later"),
    [(7200, 7200), (NOON + timedelta(hours=2), 7200), (10**9, 7 * 86400), (2, 2)],
)
def test_a_wait_that_is_too_long_is_left_to_another_round(
    fetcher: Fetcher, arxiv: Standin, after: int | datetime, later: float
) -> None:
    arxiv.order(TooManyRequests(after), times=None)
    failed = failing(fetcher, BRISK, arxiv.address + FEED)
    assert failed.later == later
    assert len(arxiv.requests) == 1


@pytest.mark.parametrize(
    "said",
    [
        "soon",
        "-5",
        "1.5",
        "",
        "9" * 5000,
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +9999999999",
        "Mon, 01 Jan 2024 00:00:00",
        "\xb2",
    ],
    ids=lambda said: said[:12] or "empty",
)
def test_a_service_that_talks_nonsense_of_when_has_said_nothing_or_much(
    fetcher: Fetcher, said: str
) -> None:
    with crooked({"/": saying(status=503, headers={"Retry-After": said})}) as server:
        failed = failing(fetcher, QUICK, f"{server.address}/")
    assert failed.later in (None, 0, 7 * 86400)


# 304 too: nobody had asked whether there is news.
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 204, 206, 300, 304, 305, 501])
def test_what_will_not_be_otherwise_is_asked_once(fetcher: Fetcher, status: int) -> None:
    with crooked({"/": saying(status=status)}) as server:
        failed = failing(fetcher, QUICK, f"{server.address}/")
        assert str(failed) == f"127.0.0.1/ answered {status}."
        assert len(server.met) == 1


def test_nobody_there_is_a_sentence(fetcher: Fetcher) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        failed = failing(fetcher, QUICK, f"http://127.0.0.1:{taken.getsockname()[1]}/new")
    assert str(failed).startswith("127.0.0.1/new did not answer (")


# --- bounds -------------------------------------------------------------------------------------


def test_an_answer_may_be_as_large_as_said_and_no_larger(fetcher: Fetcher) -> None:
    ways = {
        "/fits": saying(b"x" * 1000),
        "/large": saying(b"x" * 1001),
        "/packed": saying(gzip.compress(b"x" * 1001), headers={"Content-Encoding": "gzip"}),
    }
    with crooked(ways) as server:
        assert len(fetcher.get(QUICK, f"{server.address}/fits", largest=1000).body) == 1000
        for path in ("/large", "/packed"):
            failed = failing(fetcher, QUICK, server.address + path, largest=1000)
            assert str(failed) == f"127.0.0.1{path} answers with more than 1,000 bytes."
        assert server.paths == ["/fits", "/large", "/packed"]


def test_a_small_answer_that_unpacks_to_much_costs_no_memory(
    fetcher: Fetcher, arxiv: Standin
) -> None:
    assert len(bomb(300)) < 1_000_000
    arxiv.order(GzipBomb(300), times=None)
    tracemalloc.start()
    failed = failing(fetcher, QUICK, arxiv.address + FEED, largest=1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "more than 1,000,000 bytes" in str(failed)
    assert peak < 10_000_000


def test_nor_does_what_follows_behind_a_packed_answer(fetcher: Fetcher) -> None:
    def endless(handler: Handler) -> None:
        handler.raw(b"HTTP/1.1 200 -\r\nContent-Encoding: gzip\r\nContent-Length: 50000000\r\n\r\n")
        handler.raw(gzip.compress(b"feed"))
        for _ in range(50):
            handler.raw(bytes(1_000_000))

    with crooked({"/": endless}) as server:
        tracemalloc.start()
        failing(fetcher, QUICK, f"{server.address}/")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "deflate", "zstd"])
def test_an_answer_packed_as_nobody_asked_for_is_refused(fetcher: Fetcher, encoding: str) -> None:
    with crooked({"/": saying(b"...", headers={"Content-Encoding": encoding})}) as server:
        failed = failing(fetcher, QUICK, f"{server.address}/")
        assert str(failed) == f"The answer is packed as {encoding}, which was not asked for."
        assert server.met[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    "body",
    [b"<feed/>", gzip.compress(b"feed" * 99)[:-9], b""],
    # Named, since a packed file holds its second of birth: each process would name it otherwise.
    ids=["plain", "cut off", "empty"],
)
def test_an_answer_that_is_not_what_it_is_called_never_passes_for_whole(
    fetcher: Fetcher, body: bytes
) -> None:
    with crooked({"/": saying(body, headers={"Content-Encoding": "gzip"})}) as server:
        failing(fetcher, QUICK, f"{server.address}/")
        assert len(server.met) == 4


def _drips_the_body(handler: Handler) -> None:
    handler.raw(b"HTTP/1.1 200 -\r\nContent-Length: 1000000\r\n\r\n")
    handler.drip(b"x")


def _drips_the_head(handler: Handler) -> None:
    handler.raw(b"HTTP/1.1 200 -\r\nX-Lamp: ")
    handler.drip(b"x")


def _drips_more_heads(handler: Handler) -> None:
    handler.drip(b"HTTP/1.1 100 Continue\r\n\r\n")


def _stops_within_a_body_that_ends_with_the_connection(handler: Handler) -> None:
    """To cut the connection, then, is to make the answer seem whole."""
    handler.raw(b"HTTP/1.1 200 -\r\nConnection: close\r\n\r\n")
    handler.crooked.closing.wait(0.05)
    handler.raw(b"x")
    handler.crooked.closing.wait(30)


def _says_nothing(handler: Handler) -> None:
    handler.crooked.closing.wait(30)


@pytest.mark.parametrize(
    "way",
    [
        _drips_the_body,
        _drips_the_head,
        _drips_more_heads,
        _stops_within_a_body_that_ends_with_the_connection,
        _says_nothing,
    ],
)
def test_an_answer_that_comes_too_slowly_is_not_waited_for(sqlite_store: Store, way: Way) -> None:
    fetcher = Fetcher(sqlite_store, patience=0.15)
    begun = time.monotonic()
    with crooked({"/": way}) as server:
        failed = failing(fetcher, QUICK, f"{server.address}/")
        assert len(server.met) == 4
    fetcher.close()
    assert str(failed).startswith("127.0.0.1/ ")
    assert time.monotonic() - begun < 6


# --- where it may lead --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_hosts_is_followed(fetcher: Fetcher, status: int) -> None:
    ways = {
        "/old": saying(status=status, headers={"Location": "new?page=1"}),
        "/new": saying(b"feed"),
    }
    with crooked(ways) as server:
        found = fetcher.get(QUICK, f"{server.address}/old")
    assert found == Answer(f"{server.address}/new?page=1", b"feed", "")


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("http://elsewhere.example/", "elsewhere.example"),
        ("//elsewhere.example/", "elsewhere.example"),
        ("http://127.0.0.1@elsewhere.example/", "elsewhere.example"),
        (f"http://ada:{SECRET}@elsewhere.example/?{SECRET}", "elsewhere.example"),
    ],
)
def test_a_redirect_to_elsewhere_is_not(
    fetcher: Fetcher, arxiv: Standin, location: str, host: str
) -> None:
    arxiv.order(Redirect(location))
    failed = failing(fetcher, QUICK, arxiv.address + FEED)
    assert str(failed) == f"127.0.0.1/rss/cs.LG leads to {host}, which is not asked."
    assert len(arxiv.requests) == 1


@pytest.mark.parametrize("guarded", [False, True])
@pytest.mark.parametrize(
    "location",
    [
        "http://[::1",
        "http://[lamp]/",
        "http://",
        f"http://ada:{SECRET}@/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:port/",
        "http://\u2603.example/",
        "file:///etc/passwd",
        "ftp://127.0.0.1/",
        f"javascript:{SECRET}",
        "http://127.0.0.1/" + "a" * 70_000,
    ],
    ids=lambda location: location[:20],
)
@pytest.mark.usefixtures("public")
def test_a_redirect_to_nowhere_is_a_sentence(
    fetcher: Fetcher, location: str, guarded: bool
) -> None:
    def lead(handler: Handler) -> None:
        handler.raw(b"HTTP/1.1 302 -\r\nContent-Length: 0\r\n")
        handler.raw(b"Location: " + location.encode() + b"\r\n\r\n")

    with crooked({"/": lead}) as server:
        service = OPEN if guarded else QUICK
        failed = failing(fetcher, service, f"{server.address}/")
        assert set(server.paths) == {"/"}
    assert SECRET not in str(failed)
    assert len(str(failed)) < 400


def test_a_redirect_without_end_ends(fetcher: Fetcher) -> None:
    with crooked({"/": saying(status=302, headers={"Location": "/"})}) as server:
        failed = failing(fetcher, QUICK, f"{server.address}/")
        assert str(failed) == "127.0.0.1/ leads from one address to the next without end."
        assert len(server.met) <= 10


def test_a_guarded_service_does_not_ask_this_machine(fetcher: Fetcher, arxiv: Standin) -> None:
    failed = failing(fetcher, OPEN, arxiv.address + FEED)
    assert str(failed) == ("127.0.0.1/rss/cs.LG cannot be asked: 127.0.0.1 is no public address.")
    assert arxiv.requests == []


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://169.254.169.254/latest/", "169.254.169.254 is no public address"),
        ("http://127.0.0.2:{port}/inner", "127.0.0.2 is no public address"),
        ("//inner.example:{port}/inner", "inner.example is at 127.0.0.2, which is no public"),
        ("http://ada:s3cret@feeds.example:{port}/inner", "an address with a name or a password"),
        ("http://[::ffff:127.0.0.2]:{port}/inner", "::ffff:"),
        ("ftp://feeds.example/", "only http and https addresses are asked"),
    ],
)
def test_nor_is_it_led_there_by_a_public_one(
    fetcher: Fetcher, public: list[str], location: str, why: str
) -> None:
    ways: dict[str, Way] = {"/inner": saying(b"secrets")}
    with crooked(ways) as server:
        where = location.format(port=server.port)
        ways["/"] = saying(status=302, headers={"Location": where})
        failed = failing(fetcher, OPEN, f"http://feeds.example:{server.port}/")
        assert server.paths == ["/"]
    assert f"cannot be asked: {why}" in str(failed)
    assert SECRET not in str(failed)


def test_a_guarded_service_is_asked_by_name_at_the_address_that_was_checked(
    fetcher: Fetcher, public: list[str]
) -> None:
    ways = {
        "/new": saying(b"feed"),
    }
    with crooked(ways) as server:
        location = {"Location": f"//other.example:{server.port}/new"}
        ways["/"] = saying(status=302, headers=location)
        found = fetcher.get(OPEN, f"http://feeds.example:{server.port}/")
        hosts = [request.headers["host"] for request in server.met]
    assert (found.body, found.url) == (b"feed", f"http://other.example:{server.port}/new")
    assert hosts == [f"feeds.example:{server.port}", f"other.example:{server.port}"]
    # Each name was looked up once: a second answer could be another one.
    assert public == ["feeds.example", "other.example"]


@pytest.mark.usefixtures("public")
def test_two_guarded_hosts_at_one_address_share_no_connection(fetcher: Fetcher) -> None:
    # Its certificate was checked for the first of them.
    with crooked({"/new": saying(b"feed")}) as server:
        for name in ("feeds", "other"):
            fetcher.get(OPEN, f"http://{name}.example:{server.port}/new")
        assert len({request.connection for request in server.met}) == 2


@pytest.mark.parametrize(
    "way",
    [
        saying(status=404),
        saying(status=503),
        saying(status=302, headers={"Location": "http://elsewhere.example/?s3cret"}),
        saying(status=302, headers={"Location": "/?s3cret"}),
        saying(b"x" * 2000),
        saying(b"x", headers={"Content-Encoding": "gzip"}),
        lambda handler: handler.raw(b"HTTP/1.1 200 -\r\nContent-Length: 9\r\n\r\n"),
        lambda handler: handler.raw(b"no HTTP at all s3cret\r\n\r\n"),
    ],
)
def test_no_sentence_tells_what_may_be_secret_in_an_address(fetcher: Fetcher, way: Way) -> None:
    def once(handler: Handler) -> None:
        way(handler)
        handler.close_connection = True

    with crooked({"/": once, "/feed": once}) as server:
        address = f"http://ada:{SECRET}@127.0.0.1:{server.port}/feed?token={SECRET}#{SECRET}"
        failed = failing(fetcher, QUICK, address, largest=1000)
    if "no HTTP" not in str(failed):  # what the server said of itself is not ours to keep back
        assert SECRET not in str(failed)


@pytest.mark.parametrize("service", [QUICK, OPEN])
@pytest.mark.parametrize("url", [f"http://ada:{SECRET}@/", f"http://[{SECRET}", f"x:{SECRET}"])
def test_nor_where_the_address_is_none(fetcher: Fetcher, service: Service, url: str) -> None:
    assert SECRET not in str(failing(fetcher, service, url))


# --- turns --------------------------------------------------------------------------------------


def test_fetchers_that_share_a_database_take_turns(sqlite_store: Store, arxiv: Standin) -> None:
    service = Service("shared", 0.03, HERE)
    failed: list[Exception] = []

    def ask() -> None:
        fetcher = Fetcher(sqlite_store)
        try:
            for _ in range(4):
                fetcher.get(service, arxiv.address + FEED)
        except Exception as error:  # noqa: BLE001 - whatever it is, the test shows it
            failed.append(error)
        finally:
            fetcher.close()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []
    assert len(arxiv.requests) == 12
    assert arxiv.overlapping() == 1
    assert arxiv.closest() >= service.pause


def test_services_do_not_wait_for_each_other(fetcher: Fetcher, arxiv: Standin) -> None:
    fetcher.get(GENTLE, arxiv.address + FEED)
    begun = time.monotonic()
    fetcher.get(QUICK, arxiv.address + FEED)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("fault", [None, Unavailable(60), Unavailable()])
def test_the_end_of_the_program_ends_a_wait_at_once(
    fetcher: Fetcher, arxiv: Standin, fault: Fault | None
) -> None:
    if fault is not None:
        arxiv.order(fault, times=None)
    ended: list[type[Exception]] = []

    def ask() -> None:
        try:
            for _ in range(2):
                fetcher.get(GENTLE, arxiv.address + FEED)
        except (Stopped, FetchError) as error:
            ended.append(type(error))

    thread = threading.Thread(target=ask)
    thread.start()
    assert arxiv.wait_for(1)
    fetcher.stop.set()
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert ended == [Stopped]
    assert len(arxiv.requests) == 1


def test_it_ends_an_answer_that_is_being_read(fetcher: Fetcher) -> None:
    begun = threading.Event()

    def slow(handler: Handler) -> None:
        handler.raw(b"HTTP/1.1 200 -\r\nContent-Length: 1000000\r\n\r\n")
        begun.set()
        handler.drip(b"x" * 100)

    ended: list[type[Exception]] = []

    def ask() -> None:
        try:
            fetcher.get(QUICK, f"{server.address}/")
        except (Stopped, FetchError) as error:
            ended.append(type(error))

    fetcher.patience = 60
    with crooked({"/": slow}) as server:
        thread = threading.Thread(target=ask)
        thread.start()
        assert begun.wait(10)
        fetcher.stop.set()
        thread.join(timeout=10)
        assert not thread.is_alive()
    assert ended == [Stopped]
