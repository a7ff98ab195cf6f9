"""Mail put together from the settings: who writes, by which relay, and the worker that sends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from broadsheet.mail import dkim, message, relay, sending, verp
from broadsheet.mail.books import Options
from broadsheet.mail.checks import Setup
from broadsheet.mail.dkim import KeyFileError, Signer
from broadsheet.mail.folder import FolderLine
from broadsheet.mail.relay import Line, Relay
from broadsheet.ops.settings import Settings, SettingsError
from broadsheet.store import keys
from broadsheet.store.engine import Store, StoreError

_log = logging.getLogger(__name__)
_LOOK_SECONDS = 15.0
# What was settled long ago is looked for now and then.
_TIDY_EVERY = 240


def way(settings: Settings) -> str:
    """How mail is sent: relay, folder, dry-run or off."""
    if settings.mail != "auto":
        return settings.mail
    return "relay" if settings.mail_relay else "off"


def is_sent(settings: Settings) -> bool:
    """Whether mail leaves this program at all."""
    return way(settings) in ("relay", "folder")


def writer(settings: Settings) -> message.Sender | None:
    """Who writes; None where no address is set, so that nothing can be sent."""
    if not settings.mail_from:
        return None
    return message.Sender(settings.mail_from, settings.mail_name, settings.site.rstrip("/"))


def relay_of(settings: Settings) -> Relay:
    """The relay. Raises SettingsError where none is set, or a password would travel in the open."""
    if not settings.mail_relay:
        raise SettingsError(
            "There is no mail server to send by; set mail_relay (BROADSHEET_MAIL_RELAY)."
        )
    found = Relay(
        host=settings.mail_relay,
        port=settings.mail_port,
        security=settings.mail_security,
        user=settings.mail_user,
        password=settings.mail_password.get_secret_value() if settings.mail_password else "",
        local_name=settings.mail_hostname,
    )
    open_to_all = found.settled_security in ("none", "opportunistic")
    if found.user and open_to_all and found.host not in relay.LOOPBACK:
        raise SettingsError(
            "The setting mail_security (BROADSHEET_MAIL_SECURITY) cannot be used: with a password, "
            "it is starttls or tls."
        )
    return found


def signer_of(settings: Settings) -> Signer | None:
    """What signs; None where no key is set. Raises SettingsError for a key that cannot be used."""
    if settings.mail_dkim_key is None:
        return None
    try:
        key = dkim.load_key(settings.mail_dkim_key)
    except KeyFileError as error:
        raise SettingsError(str(error)) from error
    domain = settings.mail_from.rpartition("@")[2]
    return Signer(domain, settings.mail_dkim_selector, key)


def setup_of(settings: Settings) -> Setup | None:
    """What `doctor` checks; None where no relay is set. Raises SettingsError."""
    if way(settings) != "relay":
        return None
    bounces = settings.mail_bounces or settings.mail_from
    return Setup(
        from_domain=settings.mail_from.rpartition("@")[2],
        bounce_domain=bounces.rpartition("@")[2],
        relay=relay_of(settings),
        signer=signer_of(settings),
    )


def folder_of(settings: Settings) -> Path:
    """The Maildir that mail goes to where it goes to a folder."""
    return settings.data / "mail"


def new_sender(settings: Settings, store: Store) -> sending.Sender:
    """A sender as set. Raises SettingsError, and StoreError where no key can be drawn."""
    if not is_sent(settings):
        raise SettingsError(
            "Mail is off; set mail_relay (BROADSHEET_MAIL_RELAY) or mail to folder."
        )
    if writer(settings) is None:
        raise SettingsError(
            "There is no address to send from; set mail_from (BROADSHEET_MAIL_FROM)."
        )
    connect: Callable[[], Awaitable[Line]]
    if way(settings) == "folder":
        folder = folder_of(settings)
        connect, host = partial(_to_folder, folder), str(folder)
    else:
        by = relay_of(settings)
        connect, host = partial(relay.connect, by), by.name
    with store.writing() as connection:
        key = keys.draw(connection)
    return sending.Sender(
        store,
        connect,
        host,
        partial(_return_path, settings, key),
        signer=signer_of(settings),
        options=options_of(settings),
    )


def options_of(settings: Settings) -> Options:
    """How the sender goes about it."""
    return Options(
        connections=settings.mail_connections,
        rate=settings.mail_rate,
        give_up=timedelta(days=settings.mail_give_up_days),
        keep=timedelta(days=settings.mail_keep_days),
    )


def _return_path(settings: Settings, key: bytes, number: int) -> str:
    """The envelope's sender of a message: tells its bounces apart where a server allows that."""
    if not settings.mail_bounces:
        return settings.mail_from
    return verp.return_path(key, settings.mail_bounces, number)


async def _to_folder(folder: Path) -> Line:
    return FolderLine(folder)


class MailWorker:
    """Writes what is due and sends it until stopped; idle where mail is off.

    `compose` writes the editions that are due into the outbox. It has a thread of its own: while a
    morning's mail goes out, which may take an hour, what is wanted at once is written all the same.
    """

    def __init__(
        self, settings: Settings, store: Store, compose: Callable[[], object] = lambda: None
    ) -> None:
        self._settings = settings
        self._store = store
        self._compose = compose
        self._stop = threading.Event()
        # Something may have been written.
        self._written = threading.Event()
        self._sender: sending.Sender | None = None
        self._threads = [
            threading.Thread(target=work, name=name, daemon=True)
            for name, work in (("mail-writer", self._write), ("mail", self._send))
        ]

    def start(self) -> None:
        """Begins. Raises SettingsError where mail is on and cannot be sent as set."""
        if is_sent(self._settings):
            self._sender = new_sender(self._settings, self._store)
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        """Ends after the message in hand."""
        self._stop.set()
        self._written.set()
        if self._sender is not None:
            self._sender.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=10)

    def _write(self) -> None:
        said = ""

        def look() -> str:
            self._compose()
            return ""

        while not self._stop.is_set():
            said = _done(look, said)
            self._written.set()
            self._stop.wait(_LOOK_SECONDS)

    def _send(self) -> None:
        sender = self._sender
        assert sender is not None
        said, looks = "", 0

        def look() -> str:
            tally = sending.run(sender.send_due())
            if looks % _TIDY_EVERY == 0:
                sender.books.tidy()
            return tally.problem

        while not self._stop.is_set():
            said = _done(look, said)
            looks += 1
            # A relay that is to be left alone is, whatever was written meanwhile.
            if sender.rest:
                self._stop.wait(sender.rest)
            self._written.wait(_LOOK_SECONDS)
            self._written.clear()
        sender.close()


def _done(look: Callable[[], str], said: str) -> str:
    """Looks once; returns what is in the way, in a sentence, and logs it where that is news."""
    now = ""
    try:
        now = look()
    except (StoreError, OSError) as error:
        now = str(error)
    # A fault of ours: a line in the log is better than no more mail, and silence.
    except Exception:  # noqa: BLE001
        _log.exception("mail could not be sent")
    if now and now != said:
        _log.warning("mail waits: %s", now)
    return now
