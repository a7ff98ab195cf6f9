"""Settings: which of several counts, what is said of a wrong one, and what is never said."""

from __future__ import annotations

from pathlib import Path

import pytest

from broadsheet.ops.settings import Settings

from .program import Program

PASSWORD = "h0rse-battery"
SERVER = "127.0.0.1:1"  # nobody listens there


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """The command, within this process, with a data folder for a settings file."""
    (tmp_path / "data").mkdir()
    return Program(tmp_path / "data", inside=True)


def configure(program: Program, text: str) -> None:
    (program.data / "broadsheet.toml").write_text(text, encoding="utf-8")


def setting(program: Program, name: str, *arguments: object) -> tuple[str, str]:
    """A setting's value, and where it came from."""
    [found] = [one for one in program.ask("settings", *arguments) if one["name"] == name]
    return found["value"], found["source"]


def test_every_setting_is_listed_with_its_value_its_source_and_a_sentence(
    program: Program,
) -> None:
    listed = program.ask("settings")
    assert [one["name"] for one in listed] == list(Settings.model_fields)
    for one in listed:
        assert one.keys() == {"name", "value", "source", "description"}
        assert one["description"].endswith(".")
    text = program.run("settings").out
    assert all(name in text for name in Settings.model_fields)


def test_environment_counts_before_file_and_file_before_default(program: Program) -> None:
    assert setting(program, "port") == ("8000", "default")
    configure(program, "port = 8123\n")
    assert setting(program, "port") == ("8123", "file")
    assert setting(program.having(BROADSHEET_PORT="8124"), "port") == ("8124", "environment")
    assert setting(program.having(BROADSHEET_PORT=""), "port") == ("8123", "file")


def test_the_command_line_counts_before_the_environment(program: Program, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    assert setting(program, "data") == (str(program.data), "environment")
    assert setting(program, "data", "--data", elsewhere) == (str(elsewhere), "command line")
    program.run("sample", "add", "--data", elsewhere)
    assert (elsewhere / "broadsheet.sqlite3").exists()
    assert program.papers() == {}


def test_the_settings_file_may_be_named(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text("port = 8125\n")
    configure(program, "port = 8123\n")
    assert setting(program.having(BROADSHEET_CONFIG=str(file)), "port") == ("8125", "file")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('port = "eighty"', "The setting port (BROADSHEET_PORT) cannot be used: "),
        ("port = 65536", "The setting port (BROADSHEET_PORT) cannot be used: "),
        ('hosts = ""', "The setting hosts (BROADSHEET_HOSTS) cannot be used: "),
        ("database_url = 5", "The setting database_url (BROADSHEET_DATABASE_URL) cannot be used: "),
        ("prot = 8000", "There is no setting prot; there are data, database_url, host, port, "),
        ("[web]\nport = 8000", "There is no setting web; there are "),
        ("port 8000", "broadsheet.toml cannot be read: "),
        ("name = '\x00'", "broadsheet.toml cannot be read: "),
    ],
)
def test_a_file_that_cannot_be_used_is_one_sentence(program: Program, text: str, said: str) -> None:
    configure(program, text)
    for command in ("papers", "settings"):
        answer = program.run(command, code=2)
        [sentence] = answer.complaints
        assert said in sentence
        assert sentence.endswith(".")
        assert answer.out == ""


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "-1", "The setting port (BROADSHEET_PORT) cannot be used: "),
        ("PORT", "80 00", "The setting port (BROADSHEET_PORT) cannot be used: "),
        ("CONFIG", "/nowhere/b.toml", "There is no settings file /nowhere/b.toml."),
        ("CONFIG", "/", "The settings file / cannot be read: Is a directory."),
        ("DATA", "/dev/null", "The data folder /dev/null cannot be made: File exists."),
        ("DATA", "/dev/null/x", "The data folder /dev/null/x cannot be made: Not a directory."),
    ],
)
def test_an_environment_that_cannot_be_used_is_one_sentence(
    program: Program, name: str, value: str, said: str
) -> None:
    [sentence] = program.having(**{f"BROADSHEET_{name}": value}).run("papers", code=2).complaints
    assert said in sentence


@pytest.mark.parametrize("name", ["operator_secret", "mail_report_secret"])
def test_a_secret_has_some_length_and_is_never_printed(program: Program, name: str) -> None:
    configure(program, f'{name} = "{PASSWORD}"')
    refused = program.run("settings", code=2)
    assert "it has at least 16 characters" in refused.complaints[0]
    assert PASSWORD not in refused.out + "".join(refused.complaints)
    configure(program, f'{name} = "{PASSWORD}-staple"')
    assert PASSWORD not in program.run("settings").out


def test_a_wrong_setting_ends_with_two_in_a_process_of_its_own_too(program: Program) -> None:
    outside = Program(program.data, {"BROADSHEET_PORT": "eighty"})
    assert len(outside.run("up", code=2).complaints) == 1


@pytest.mark.parametrize(
    ("address", "code"),
    [
        (f"postgresql://ada:{PASSWORD}@{SERVER}/papers", 1),
        (f"postgresql+psycopg://ada:{PASSWORD}@{SERVER}/papers?connect_timeout=1", 1),
        (f"postgresql://ada:{PASSWORD}@127.0.0.1:port/papers", 2),
        (f"postgresql://ada:x@{PASSWORD}@{SERVER}/papers", 2),
        (f"postgresql://ada@{SERVER}/papers?password={PASSWORD}", 2),
        (f"mysql://ada:{PASSWORD}@{SERVER}/papers", 1),
        (f"ada:{PASSWORD}", 2),
    ],
)
def test_the_password_of_the_database_is_never_printed(
    program: Program, address: str, code: int
) -> None:
    program = program.having(BROADSHEET_DATABASE_URL=address)
    answers = [program.run("papers", code=code)]
    assert len(answers[0].complaints) == 1
    answers.append(program.run("settings", "--json", code=0 if code == 1 else 2))
    answers.append(program.run("settings", code=0 if code == 1 else 2))
    assert all(PASSWORD not in answer.out + answer.err for answer in answers)
    assert all(PASSWORD[:5] not in answer.out + answer.err for answer in answers)


def test_a_database_that_does_not_answer_is_one_sentence_that_names_it(program: Program) -> None:
    program = program.having(BROADSHEET_DATABASE_URL=f"postgresql://ada:{PASSWORD}@{SERVER}/papers")
    [sentence] = program.run("papers", code=1).complaints
    assert sentence.startswith("broadsheet: The database (postgresql")
    assert f"ada:***@{SERVER}/papers" in sentence
    assert "does not answer" in sentence
