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
from typing import Any

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from broadsheet.store.engine import sqlite_url

CONFIG_FILE = "broadsheet.toml"
_PREFIX = "BROADSHEET_"
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
        return sqlite_url(self.data / "broadsheet.sqlite3")

    @property
    def index(self) -> Path:
        """The folder of the word index."""
        return self.data / "index" / "words"

    @property
    def meaning(self) -> Path:
        """The folder of the index of meanings."""
        return self.data / "index" / "meaning"

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
