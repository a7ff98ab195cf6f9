"""The worker beside the pages: it writes and sends by itself, and is idle where mail is off."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from broadsheet.ops import mailing
from broadsheet.ops.mailing import MailWorker
from broadsheet.ops.settings import Settings, SettingsError
from broadsheet.store.engine import Store

from .crooked import Faults
from .post import Post

FROM = "papers@papers.example"


def test_what_is_composed_is_sent(
    sqlite_store: Store, post: Post, port: int, faults: Faults, tmp_path: Path
) -> None:
    settings = Settings(
        data=tmp_path,
        mail_relay="127.0.0.1",
        mail_port=port,
        mail_from=FROM,
        mail_bounces="bounces@papers.example",
    )
    post.subscribe("ada@example.org")
    looked = threading.Event()
    faults.order(message="wait")

    def compose() -> None:
        post.write()
        looked.set()

    worker = MailWorker(settings, sqlite_store, compose)
    worker.start()
    assert looked.wait(30)
    assert faults.arrived.wait(30)
    faults.go_on.set()
    worker.stop()
    # The message in hand when it was told to stop went to its end.
    assert post.states() == {"sent": 1}
    [taken] = faults.taken
    assert taken.sender.startswith(f"bounces+{post.row().number}-")


def test_editions_are_written_while_others_are_on_their_way(
    sqlite_store: Store,
    post: Post,
    port: int,
    faults: Faults,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mailing, "_LOOK_SECONDS", 0.05)
    settings = Settings(data=tmp_path, mail_relay="127.0.0.1", mail_port=port, mail_from=FROM)
    post.subscribe("ada@example.org")
    faults.order(message="wait")
    meanwhile = threading.Event()

    def compose() -> None:
        post.write()
        if faults.arrived.is_set():  # the sender waits for an answer
            post.write("alert:7")
            meanwhile.set()

    worker = MailWorker(settings, sqlite_store, compose)
    worker.start()
    assert meanwhile.wait(30)
    assert len(faults.taken) == 1
    faults.go_on.set()
    worker.stop()


def test_where_mail_is_off_nothing_runs(sqlite_store: Store, tmp_path: Path) -> None:
    def compose() -> None:
        raise AssertionError("nobody asked for mail")

    before = threading.active_count()
    for way in ("auto", "off", "dry-run"):
        settings = Settings(data=tmp_path, mail=way, mail_from=FROM)
        assert not mailing.is_sent(settings)
        worker = MailWorker(settings, sqlite_store, compose)
        worker.start()
        assert threading.active_count() == before
        worker.stop()


def test_mail_that_cannot_be_sent_as_set_stops_the_start(
    sqlite_store: Store, tmp_path: Path
) -> None:
    settings = Settings(
        data=tmp_path, mail_relay="127.0.0.1", mail_from=FROM, mail_dkim_key=tmp_path / "none.pem"
    )
    with pytest.raises(SettingsError, match=r"none\.pem cannot be read"):
        MailWorker(settings, sqlite_store).start()
