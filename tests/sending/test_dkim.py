"""DKIM: what we sign, others find right (dkimpy), and nothing that was changed on the way."""

from __future__ import annotations

import json
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from broadsheet.mail import dkim, message
from broadsheet.mail.dkim import KeyFileError, Signer
from broadsheet.mail.message import Message, Sender
from conftest import lacking

NOW = datetime(2026, 11, 21, 6, tzinfo=UTC)
# Debian's python3-dkim, in the system's Python: another hand than the one that signed.
PYTHON = "/usr/bin/python3"
VERIFY = """
import dkim, json, sys
given = json.load(sys.stdin)
def txt(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return given["records"].get(name.rstrip("."), "").encode()
messages = [raw.encode("latin-1") for raw in given["messages"]]
print(json.dumps([dkim.verify(raw, dnsfunc=txt, minkey=1024) for raw in messages]))
"""


@pytest.fixture(scope="module")
def _dkimpy() -> None:
    try:
        subprocess.run([PYTHON, "-c", "import dkim, nacl"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        lacking("dkim", "Debian's python3-dkim is not on this machine.")


def signer(folder: Path, kind: str) -> Signer:
    """A signer with a new key."""
    dkim.make_key(folder / f"{kind}.pem", kind)
    return Signer("example.org", "autumn", dkim.load_key(folder / f"{kind}.pem"))


def signed(by: Signer, text: str = "Kites  go \tup. \n\n\n", subject: str = "Kites") -> bytes:
    """A signed message."""
    mail = Message(7, "ada@example.net", "daily:1", subject, text, f"<p>{text}</p>")
    sender = Sender("papers@example.org", "Ärzte", "https://papers.example.org")
    raw = message.build(mail, sender, b"k" * 32, NOW).message
    return by.sign(raw, NOW) + raw


def verified(by: Signer, *messages: bytes, record: str | None = None) -> list[bool]:
    """What dkimpy says of each."""
    asked = {
        "records": {by.record_name: record or dkim.record(by.key)},
        "messages": [raw.decode("latin-1") for raw in messages],
    }
    done = subprocess.run(
        [PYTHON, "-c", VERIFY], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    found: list[bool] = json.loads(done.stdout)
    return found


@pytest.mark.usefixtures("_dkimpy")
@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_another_hand_finds_the_signature_right_and_every_change_wrong(
    tmp_path: Path, kind: str
) -> None:
    by = signer(tmp_path, kind)
    raw = signed(by)
    long = signed(by, "ü" * 3000 + "\n.\n", "Über 日本語 " * 12)
    # What relaxed lets be: folding, white space, empty lines at the end.
    relaxed = raw.replace(b"Subject: Kites", b"SUBJECT:  Kites ") + b"\r\n\r\n"
    changed = [
        raw.replace(b"Subject: Kites", b"Subject: Bites"),
        raw.replace(b"Kites", b"Bites"),
        raw.replace(b"leave?t=7", b"leave?t=8"),
        raw.replace(b"=One-Click", b"=Two-Clicks"),
        b"Subject: Another\r\n" + raw,
        b"Reply-To: eve@example.net\r\n" + raw,
        raw + b"<p>and more</p>\r\n",
    ]
    assert all(one != raw for one in changed)
    assert verified(by, raw, long, relaxed, *changed) == [True] * 3 + [False] * len(changed)
    other = signer(tmp_path / "other", kind)
    assert verified(by, raw, record=dkim.record(other.key)) == [False]


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_the_header_s_lines_are_short(tmp_path: Path, kind: str) -> None:
    head = signed(signer(tmp_path, kind)).partition(b"From:")[0]
    assert head.startswith(b"DKIM-Signature: v=1;")
    assert max(map(len, head.split(b"\r\n"))) <= 78


def test_a_key_is_for_its_owner_s_eyes_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "k.pem"
    dkim.make_key(path)
    before = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(KeyFileError, match="already"):
        dkim.make_key(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "no private key"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no private key"),
    ],
)
def test_a_file_that_is_no_key_is_named_in_a_sentence(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "k.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyFileError, match=rf"k\.pem .*{said}"):
        dkim.load_key(path)
