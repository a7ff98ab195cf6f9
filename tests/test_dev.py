"""The script `./dev`, by what it says and does on machines that lack something.

Most tests put a stand-in for Python first on the path: it is the real one in all but `-m venv` and
`-m pip`, which take no time and fail as they are told to.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
COMMANDS = ("up", "test", "lint", "bench", "fuzz", "docs", "lock", "help")
# What a shell script needs, and no Python.
TOOLS = (
    "sh env dirname readlink cat cmp mkdir mv rm touch chmod cp df awk grep sed head tail date "
    "sleep pwd"
).split()

STAND_IN = """#!/bin/sh
case "$*" in
*ensurepip*) echo "fit 3.11 $0" ;;
*"-m venv"*)
    for folder; do :; done
    mkdir -p "$folder/bin" && cp "$0" "$folder/bin/python"
    ;;
*"-m pip"*)
    echo pip >>"{notes}"
    [ ! -e "{wait}" ] || {{ touch "{waiting}"; exec sleep 30; }}
    [ ! -e "{says}" ] || {{ cat "{says}"; exit 1; }}
    ;;
*get_path*)
    mkdir -p "$(dirname "$0")/../lib" && cd "$(dirname "$0")/../lib" && pwd
    ;;
*) exec "{python}" "$@" ;;
esac
"""


# What stands for Broadsheet itself.
STARTED = """
import os, sys
def main():
    print("started", *sys.argv[1:], os.environ.get("BROADSHEET_DATA"), os.getpid())
"""


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


@dataclass(frozen=True)
class Checkout:
    """A copy of the files that `./dev` reads, and a path on which only its tools are."""

    root: Path
    bin: Path
    env: dict[str, str]

    @property
    def notes(self) -> Path:
        return self.bin.parent / "notes"

    @property
    def wait(self) -> Path:
        return self.bin.parent / "wait"

    @property
    def waiting(self) -> Path:
        return self.bin.parent / "waiting"

    @property
    def says(self) -> Path:
        return self.bin.parent / "says"

    def stand_in(self) -> None:
        _put(
            self.bin / "python3.11",
            STAND_IN.format(
                notes=self.notes,
                wait=self.wait,
                waiting=self.waiting,
                says=self.says,
                python=sys.executable,
            ),
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self.root / "dev", *arguments],
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
        )

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def installs(self) -> int:
        return len(self.notes.read_text().splitlines()) if self.notes.exists() else 0


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "a checkout"
    _put(root / "src/broadsheet/__init__.py", "")
    _put(root / "src/broadsheet/cli/__init__.py", "")
    _put(root / "src/broadsheet/cli/main.py", STARTED)
    for name in ("dev", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, root / name)
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None, name
        (tools / name).symlink_to(found)
    env = {
        "PATH": str(tools),
        "HOME": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(root / "src"),
    }
    return Checkout(root, tools, env)


def sentence(run: subprocess.CompletedProcess[str]) -> str:
    """The one sentence a failed run ends with."""
    assert run.returncode == 1, run
    assert "Traceback" not in run.stderr
    assert "ERROR" not in run.stderr
    said = [line for line in run.stderr.splitlines() if line.startswith("dev: ")]
    assert said == run.stderr.splitlines()[-1:]
    assert said[0].endswith(".")
    return said[0]


@pytest.mark.parametrize("arguments", [[], ["help"], ["--help"]])
def test_help_names_every_command(checkout: Checkout, arguments: list[str]) -> None:
    run = checkout.run(*arguments)
    assert run.returncode == 0
    for command in COMMANDS:
        assert re.search(rf"^  {command}\b", run.stdout, re.MULTILINE), command


def test_an_unknown_command_is_one_sentence(checkout: Checkout) -> None:
    run = checkout.run("upp")
    assert run.returncode == 2
    assert run.stderr == "dev: There is no command 'upp'; ./dev help lists them all.\n"


def test_only_old_pythons(checkout: Checkout) -> None:
    for name in ("python3", "python3.11"):  # The second as a shim that leads nowhere.
        code = "exit 127" if name != "python3" else ":"
        _put(checkout.bin / name, f"#!/bin/sh\n{code}\n")
    assert "needs Python 3.11 or newer" in sentence(checkout.run("up"))
    assert not (checkout.root / ".venv").exists()


def test_no_python_at_all(checkout: Checkout) -> None:
    assert "needs Python 3.11 or newer" in sentence(checkout.run("up"))


def test_python_without_venv_names_the_package(checkout: Checkout) -> None:
    _put(checkout.bin / "python3.12", "#!/bin/sh\necho unfit 3.12\n")
    assert "python3.12-venv" in sentence(checkout.run("up"))


def test_a_fit_python_is_taken_after_an_unfit_one(checkout: Checkout) -> None:
    _put(checkout.bin / "python3.12", "#!/bin/sh\necho unfit 3.12\n")
    checkout.stand_in()
    assert checkout.run("up").returncode == 0


def test_no_network(checkout: Checkout) -> None:
    """With the real pip, and an index at which nobody listens."""
    (checkout.bin / "python3.11").symlink_to(sys.executable)
    checkout.env.update(
        PIP_INDEX_URL="http://127.0.0.1:1/",
        PIP_EXTRA_INDEX_URL="",
        PIP_FIND_LINKS="",
        PIP_CONFIG_FILE=os.devnull,
    )
    assert "package index could not be reached" in sentence(checkout.run("up"))
    assert "Connection refused" in (checkout.root / ".venv/set-up.log").read_text()


@pytest.mark.parametrize(
    ("pip", "said"),
    [
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.\n"
            "    click==8.5.1 from file:///x/click.whl:\n        Expected sha256 0\n",
            "click==8.5.1 is not what requirements.lock lists",
        ),
        ("ERROR: Could not install: [Errno 28] No space left on device\n", "became full"),
        (
            "ERROR: No matching distribution found for tantivy==0.27.0\n",
            "no tantivy==0.27.0 ready for Python 3.11",
        ),
        ("Something else\n", "Installing the packages failed"),
    ],
)
def test_what_pip_complains_of_becomes_a_sentence(checkout: Checkout, pip: str, said: str) -> None:
    checkout.stand_in()
    checkout.says.write_text(pip)
    complaint = sentence(checkout.run("up"))
    assert said in complaint
    assert str(checkout.root / ".venv/set-up.log") in complaint


def test_a_full_disk_is_noticed_before_anything_is_fetched(checkout: Checkout) -> None:
    checkout.stand_in()
    (checkout.bin / "df").unlink()
    _put(checkout.bin / "df", "#!/bin/sh\necho head\necho disk 100 80 20480 80% /\n")
    assert "has 20 MB free" in sentence(checkout.run("up"))
    assert checkout.installs() == 0


def test_the_second_start_sets_nothing_up(checkout: Checkout) -> None:
    checkout.stand_in()
    checkout.env["BROADSHEET_DATA"] = "some where"
    for _ in range(2):
        with checkout.start("up", "--port", "1", "a  b") as process:
            out, err = process.communicate(timeout=20)
        # The process is the one that was started: what it is sent reaches Broadsheet.
        assert out == f"started up --port 1 a  b some where {process.pid}\n"
        assert process.returncode == 0
    assert (err, checkout.installs()) == ("", 1)


def test_a_changed_lock_or_a_lost_stamp_is_set_up_anew(checkout: Checkout) -> None:
    checkout.stand_in()
    checkout.run("up")
    with (checkout.root / LOCKS[0]).open("a") as lock:
        lock.write("# changed\n")
    leftover = checkout.root / ".venv/leftover"
    leftover.touch()
    checkout.run("up")
    assert checkout.installs() == 2
    assert not leftover.exists()
    (checkout.root / ".venv/.stamp").unlink()
    checkout.run("up")
    assert checkout.installs() == 3


def test_a_development_set_up_serves_a_start_too(checkout: Checkout) -> None:
    checkout.stand_in()
    checkout.run("up")
    checkout.run("test", "--version")
    assert checkout.installs() == 2
    checkout.run("up")
    checkout.run("test", "--version")
    assert checkout.installs() == 2


@pytest.mark.parametrize(
    ("ended_by", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -9)]
)
def test_a_set_up_that_was_stopped_is_repeated(
    checkout: Checkout, ended_by: signal.Signals, code: int
) -> None:
    checkout.stand_in()
    checkout.wait.touch()
    process = checkout.start("up")
    _until(checkout.waiting)
    process.send_signal(ended_by)
    if ended_by is signal.SIGKILL:
        # Its pip lives on, and so does the lock: the next start waits for it to end.
        process.wait(timeout=20)
        checkout.wait.unlink()
        late = checkout.start("up")
        assert late.stderr is not None
        assert "waiting until it is done" in late.stderr.readline()
        _end_children_in(checkout.root)
        assert late.communicate(timeout=20)[1].startswith("Making .venv")
        assert late.returncode == 0
    else:
        err = process.communicate(timeout=20)[1]
        assert err.splitlines()[-1].startswith("dev: Set-up was interrupted")
        checkout.wait.unlink()
        assert checkout.run("up").returncode == 0
    assert process.returncode == code
    assert checkout.installs() == 2
    if process.stdout and process.stderr:
        process.stdout.close()
        process.stderr.close()


def test_two_at_once_set_up_once(checkout: Checkout) -> None:
    checkout.stand_in()
    both = [checkout.start("up") for _ in range(2)]
    assert [process.communicate(timeout=60)[0] != "" for process in both] == [True, True]
    assert [process.returncode for process in both] == [0, 0]
    assert checkout.installs() == 1


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text.replace("\\\n", " ").strip())
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}\b", entry), entry


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = [
        dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE))
        for lock in LOCKS
    ]
    wanted = [
        {re.split(r"[\[><=~!;, ]", line)[0] for line in lines}
        for lines in (project["dependencies"], project["optional-dependencies"]["dev"])
    ]
    assert wanted[0] <= pins[0].keys(), "run ./dev lock"
    assert wanted[1] <= pins[1].keys(), "run ./dev lock"
    assert pins[0].items() <= pins[1].items(), "run ./dev lock"


def test_docs_finds_links_that_lead_nowhere(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    _put(tmp_path / "README.md", "# Top\n[a](docs/a.md#a-b--c) ![x](x.png)\n`[no](no.md)`\n")
    _put(docs / "a.md", "# A `b` & c\n```\n[no](no.md)\n```\n[up](../README.md) [t](#top)\n")
    run = subprocess.run(
        [sys.executable, ROOT / "docs/check.py", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert run.stdout == "docs/a.md  A `b` & c\n"
    assert run.stderr.splitlines() == [
        "README.md:2: x.png does not exist",
        "docs/a.md:5: #top names a heading that is not there",
        "2 of 4 links lead nowhere.",
    ]


def _until(path: Path) -> None:
    end = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < end, path
        time.sleep(0.02)


def _end_children_in(root: Path) -> None:
    """Ends what a killed `./dev` of this checkout left behind, and only that."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            held = [os.readlink(link) for link in (entry / "fd").iterdir()]
        except OSError:
            continue
        if str(root / ".venv/set-up.log") in held:
            os.kill(int(entry.name), signal.SIGKILL)
