"""Every setting: its default, its bounds, and a sentence on what it does.

A setting comes from the command line, else the environment (`BROADSHEET_PORT`), else the file
`broadsheet.toml` in the data folder (or the one `BROADSHEET_CONFIG` names), else its default.
"""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from broadsheet.text.mailboxes import address as mail_address

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

CONFIG_FILE = "broadsheet.toml"
_PREFIX = "BROADSHEET_"
_SHORTEST_SECRET = 16
_EMBEDDER = re.compile(
    r"(none|built-in(:(64|128|256))?|sentence-transformers:\S.*|openai:\S+@https?://\S+)\Z"
)


class SettingsError(Exception):
    """A setting cannot be used; the message is a sentence naming it."""


class Settings(BaseSettings):
    """Broadsheet's settings."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, extra="forbid", frozen=True)

    data: Path = Field(
        default_factory=lambda: user_data_path("broadsheet"),
        description="The folder that holds everything: the database and what is derived from it.",
    )
    database_url: SecretStr | None = Field(
        default=None,
        description="Where papers are kept, as postgresql://user@host/name; SQLite in the data "
        "folder where not set.",
    )
    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="The address to listen at; only programs on this machine reach 127.0.0.1.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="The port to listen at.")
    hosts: str = Field(
        default="localhost,127.0.0.1,[::1]",
        min_length=1,
        description="The host names, separated by commas, under which pages are served; others "
        "are refused.",
    )
    websub: str = Field(
        default="",
        pattern=r"^(https?://[\x21\x23-\x3b\x3d\x3f-\x7e]+)?$",
        description="The address of a WebSub hub that feeds name; none where not set.",
    )

    operator_secret: SecretStr | None = Field(
        default=None,
        description="The secret that opens the operator's pages from elsewhere, as a password with "
        "any name; only this machine has them where not set.",
    )

    embedder: str = Field(
        default="built-in",
        min_length=1,
        description="What turns texts into vectors for search by meaning: built-in (or "
        "built-in:128, built-in:64), sentence-transformers:NAME, openai:MODEL@ADDRESS, or none.",
    )
    embedder_key: SecretStr | None = Field(
        default=None, description="The key that the embedder's address asks for."
    )

    harvest: bool = Field(
        default=True,
        description="Whether a running Broadsheet asks its sources by itself, at their hours.",
    )
    contact: str = Field(
        default="",
        max_length=200,
        pattern=r"^[\x21-\x7e]*$",
        description="Your mail address or web page, told to the services that are asked, so that "
        "they can reach you.",
    )
    arxiv: str = Field(
        default="",
        pattern=r"^(https?://\S+)?$",
        description="The address of a mirror that has arXiv's interfaces; arXiv itself where not "
        "set.",
    )
    hub: str = Field(
        default="https://huggingface.co",
        pattern=r"^https?://\S+$",
        description="The address of the Hub whose daily papers are asked for.",
    )
    private_feeds: bool = Field(
        default=False,
        description="Whether feeds may be at addresses of this machine and its network.",
    )

    site: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$",
        description="The public address of the pages, as in https://papers.example.org; links in "
        "mails and feeds lead there. Feeds use the address of each request where not set.",
    )
    mail: Literal["auto", "relay", "folder", "dry-run", "off"] = Field(
        default="auto",
        description="How mail is sent: by the relay, as files into the folder mail of the data "
        "folder, not at all but listed by 'broadsheet mail send' (dry-run), or off; auto is relay "
        "where one is set.",
    )
    mail_relay: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9.:_-]*$",
        description="The mail server that takes our messages and sends them on.",
    )
    mail_port: int = Field(default=587, ge=1, le=65535, description="The port of the mail server.")
    mail_security: Literal["auto", "none", "opportunistic", "starttls", "tls"] = Field(
        default="auto",
        description="TLS to the mail server: starttls or tls demand it and check the certificate, "
        "opportunistic takes what is there; auto is none to this machine, else tls at port 465 and "
        "starttls at others.",
    )
    mail_user: str = Field(default="", description="The name to log in to the mail server with.")
    mail_password: SecretStr | None = Field(
        default=None, description="The password to log in to the mail server with."
    )
    mail_hostname: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9.-]*$",
        description="The name this machine greets the mail server with; its own where not set.",
    )
    mail_from: str = Field(
        default="",
        validate_default=True,
        description="The address that mail comes from; needed to send any.",
    )
    mail_name: str = Field(
        default="Broadsheet", max_length=80, description="The name that mail comes from."
    )
    mail_bounces: str = Field(
        default="",
        description="The address bounces come back to, at a server that ignores what stands behind "
        "a + before the @; the address mail comes from where not set.",
    )
    mail_report_secret: SecretStr | None = Field(
        default=None,
        description="The secret with which bounces and complaints are posted to /mail/reports; "
        "none are taken there where not set.",
    )
    mail_dkim_key: Path | None = Field(
        default=None,
        description="The file of the key that signs mail (DKIM); 'broadsheet mail key' makes one.",
    )
    mail_dkim_selector: str = Field(
        default="broadsheet",
        pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        description="The name of the key's record in DNS, before ._domainkey.",
    )
    mail_connections: int = Field(
        default=4,
        ge=1,
        le=50,
        description="How many connections to the mail server at once, of all processes together.",
    )
    mail_rate: float = Field(
        default=0,
        ge=0,
        le=10_000,
        description="At most so many messages a second, of all processes together; 0 for as many "
        "as go.",
    )
    mail_alert_minutes: int = Field(
        default=10,
        ge=1,
        le=1440,
        description="How many minutes lie between two mails at once to the same subscriber; what "
        "comes in between goes together.",
    )
    mail_give_up_days: int = Field(
        default=2, ge=1, le=30, description="How many days a message is tried."
    )
    mail_keep_days: int = Field(
        default=7, ge=1, le=365, description="For how many days the text of sent mail is kept."
    )

    @field_validator("mail_from", "mail_bounces")
    @classmethod
    def _is_mail_address(cls, value: str, info: ValidationInfo) -> str:
        if value:
            return mail_address(value)
        # Fields before this one are known; one that was wrong is complained of already.
        if info.field_name == "mail_from" and (
            info.data.get("mail_relay") or info.data.get("mail") in ("relay", "folder")
        ):
            raise ValueError("it has to be set where mail is to be sent, as in papers@example.org")
        return value

    @field_validator("operator_secret", "mail_report_secret")
    @classmethod
    def _is_long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < _SHORTEST_SECRET:
            raise ValueError(f"it has at least {_SHORTEST_SECRET} characters")
        return value

    @field_validator("embedder")
    @classmethod
    def _names_an_embedder(cls, value: str) -> str:
        if not _EMBEDDER.match(value):
            raise ValueError(
                "it is built-in, built-in:128, built-in:64, sentence-transformers:NAME, "
                "openai:MODEL@https://host/v1 or none"
            )
        return value

    @field_validator("database_url")
    @classmethod
    def _is_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _address(value.get_secret_value())
        return value

    @property
    def database(self) -> str:
        """The database's address."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        from broadsheet.store.engine import sqlite_url  # noqa: PLC0415 - see _address

        return sqlite_url(self.data / "broadsheet.sqlite3")

    @property
    def index(self) -> Path:
        """The folder of the word index."""
        return self.data / "index" / "words"

    @property
    def meaning(self) -> Path:
        """The folder of the index of meanings."""
        return self.data / "index" / "meaning"

    @property
    def map(self) -> Path:
        """The folder of the map's layout."""
        return self.data / "index" / "map"

    @property
    def recent(self) -> Path:
        """The folder of the terms of recent papers."""
        return self.data / "index" / "recent"

    @property
    def own(self) -> Path:
        """The folder of what a reader's own pages begin with."""
        return self.data / "index" / "own"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What `load` gathered, and nothing behind its back."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Explained:
    """A setting for showing: secrets are left out of `value`; `source` is where it came from."""

    name: str
    value: str
    source: str
    description: str


def load(**given: Any) -> Settings:
    """The settings, with those `given` on the command line before all others.

    Raises SettingsError, in a sentence, for a file or a value that cannot be used.
    """
    given = {name: value for name, value in given.items() if value is not None}
    try:
        values = _file_values(given) | _environment() | given
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError(_sentence(error)) from error


def explain(**given: Any) -> list[Explained]:
    """Every setting with its value and where that came from. Raises SettingsError."""
    given = {name: value for name, value in given.items() if value is not None}
    settings = load(**given)
    from_file = _file_values(given)
    return [
        Explained(
            name, _shown(name, settings), _source(name, given, from_file), field.description or ""
        )
        for name, field in Settings.model_fields.items()
    ]


def _source(name: str, given: dict[str, Any], from_file: dict[str, Any]) -> str:
    if name in given:
        return "command line"
    if name in _environment():
        return "environment"
    return "file" if name in from_file else "default"


def _shown(name: str, settings: Settings) -> str:
    if name != "database_url":
        value = getattr(settings, name)
        return str(value) if value is not None else ""
    return _address(settings.database).set(query={}).render_as_string(hide_password=True)


def _address(text: str) -> URL:
    """The database's address. Raises ValueError, in words that repeat no part of a password."""
    # Settings are read by commands that open no database, at every start.
    from sqlalchemy.engine import make_url  # noqa: PLC0415
    from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

    try:
        address = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ValueError("it should look like postgresql://user@host/name") from error
    if "@" in (address.host or ""):
        raise ValueError("an @ within a password is written %40")
    if "password" in address.query:
        raise ValueError("a password stands before the host, as in user:password@host")
    return address


def _environment() -> dict[str, str]:
    """The settings that the environment names; an empty one is none."""
    return {
        name: os.environ[_PREFIX + name.upper()]
        for name in Settings.model_fields
        if os.environ.get(_PREFIX + name.upper())
    }


def _file_values(given: dict[str, Any]) -> dict[str, Any]:
    named = os.environ.get(f"{_PREFIX}CONFIG")
    data = given.get("data") or _environment().get("data") or user_data_path("broadsheet")
    path = Path(named) if named else Path(data) / CONFIG_FILE
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if named:
            raise SettingsError(f"There is no settings file {path}.") from None
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"The settings file {path} cannot be read: {reason}.") from error


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "?"
    if first["type"] == "extra_forbidden":
        known = ", ".join(Settings.model_fields)
        return f"There is no setting {name}; there are {known}."
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    return f"The setting {name} ({_PREFIX}{name.upper()}) cannot be used: {message}."
