"""What `doctor` says of DNS and relay before the first message; all asked on loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from broadsheet.mail import checks, dkim
from broadsheet.mail.checks import Finding, Setup
from broadsheet.mail.dkim import Signer
from broadsheet.mail.relay import Relay

from .certificates import context_for
from .crooked import Faults, crooked
from .names import Records, resolver

RELAY = "relay.example.net"
# Addresses that count as public and belong to nobody who is asked.
ADDRESS, OTHER = "192.88.99.7", "192.88.99.8"


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    path = tmp_path_factory.mktemp("key") / "k.pem"
    dkim.make_key(path, "ed25519")
    return Signer("papers.example.org", "autumn", dkim.load_key(path))


def right(signer: Signer) -> dict[tuple[str, str], list[str]]:
    """DNS as it should be."""
    return {
        ("papers.example.org", "TXT"): ['"v=spf1 include:spf.example.net -all"', '"other=1"'],
        ("spf.example.net", "TXT"): ['"v=spf1 ip4:192.88.99.0" "/24 ~all"'],
        (signer.record_name, "TXT"): [f'"{dkim.record(signer.key)}"'],
        ("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:a@example.org"'],
        (RELAY, "A"): [ADDRESS],
        ("7.99.88.192.in-addr.arpa", "PTR"): [f"{RELAY}."],
    }


def found(
    signer: Signer | None, records: Records, bounce_domain: str = "papers.example.org"
) -> dict[str, Finding]:
    """What is said, by name."""
    setup = Setup("papers.example.org", bounce_domain, Relay(RELAY), signer)
    with resolver(records) as asked:
        return {one.name: one for one in checks.check_names(setup, asked)}


def test_where_all_is_right_every_check_says_so(signer: Signer) -> None:
    said = found(signer, right(signer))
    assert {name: one.state for name, one in said.items()} == {
        "spf": "ok",
        "dkim": "ok",
        "dmarc": "ok",
        "reverse dns": "ok",
    }
    for one in said.values():
        assert one.said.endswith(".")
        assert "\n" not in one.said
    assert "p=reject" in said["dmarc"].said


@pytest.mark.parametrize(
    ("name", "changes", "state", "said"),
    [
        ("spf", {("papers.example.org", "TXT"): []}, "alarm", "has no SPF record; add"),
        (
            "spf",
            {("papers.example.org", "TXT"): ['"v=spf1 -all"', '"v=spf1 mx -all"']},
            "alarm",
            "has 2 SPF records",
        ),
        ("spf", {("papers.example.org", "TXT"): ['"v=spf1 +all"']}, "alarm", "lets everybody send"),
        ("spf", {("papers.example.org", "TXT"): ['"v=spf1 a -all"']}, "note", "does not name"),
        ("spf", {("spf.example.net", "TXT"): [f'"v=spf1 -ip4:{ADDRESS} all"']}, "note", "does not"),
        (
            "spf",
            {("papers.example.org", "TXT"): ['"v=spf1 redirect=spf.example.net"']},
            "ok",
            "allows",
        ),
        (
            "spf",
            {("papers.example.org", "TXT"): ['"v=spf1 include:papers.example.org -all"']},
            "alarm",
            "more than 10 times",
        ),
        ("spf", {(RELAY, "A"): ["10.0.0.7"]}, "note", "cannot be seen from here"),
        ("dkim", {("autumn._domainkey.papers.example.org", "TXT"): []}, "alarm", "mail key"),
        (
            "dkim",
            {("autumn._domainkey.papers.example.org", "TXT"): ['"v=DKIM1; k=ed25519; p=AAAA"']},
            "alarm",
            "is another one",
        ),
        ("dmarc", {("_dmarc.example.org", "TXT"): []}, "alarm", "has no DMARC record; add"),
        ("dmarc", {("_dmarc.example.org", "TXT"): ['"v=DMARC1; p=maybe"']}, "alarm", "no policy"),
        (
            "dmarc",
            {("_dmarc.papers.example.org", "TXT"): ['"v=DMARC1; p=none"']},
            "ok",
            "p=none",
        ),
        ("reverse dns", {("7.99.88.192.in-addr.arpa", "PTR"): []}, "alarm", "no name that leads"),
        (
            "reverse dns",
            {("7.99.88.192.in-addr.arpa", "PTR"): ["mail.example.net."]},
            "alarm",
            "no name that leads",
        ),
        ("reverse dns", {(RELAY, "A"): []}, "alarm", "has no address"),
        ("reverse dns", {(RELAY, "A"): ["127.0.0.1"]}, "note", "no public address"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(
    signer: Signer, name: str, changes: dict[tuple[str, str], list[str]], state: str, said: str
) -> None:
    one = found(signer, right(signer) | changes)[name]
    assert (one.state, said in one.said) == (state, True), one.said


def test_without_a_signature_dmarc_hangs_on_the_bounce_address(signer: Signer) -> None:
    unsigned = found(None, right(signer))
    assert unsigned["dkim"].state == "alarm"
    assert unsigned["dmarc"].state == "ok"
    elsewhere = found(None, right(signer), bounce_domain="bounces.example.net")
    assert elsewhere["dmarc"].state == "alarm"


def test_a_dns_that_fails_is_no_missing_record(signer: Signer) -> None:
    records = {key: value for key, value in right(signer).items() if "dmarc" not in key[0]}
    setup = Setup("papers.example.org", "papers.example.org", Relay(RELAY), signer)
    with resolver(records, frozenset({"_dmarc.papers.example.org"})) as asked:
        said = {one.name: one for one in checks.check_names(setup, asked)}
    assert said["dmarc"].state == "note"
    assert "DNS does not answer for _dmarc.papers.example.org" in said["dmarc"].said


def test_the_relay_is_greeted_and_its_certificate_looked_at(tmp_path: Path) -> None:
    context, roots = context_for("localhost", tmp_path)

    def relay_says(port: int, security: str = "auto", trusted: str = "") -> Finding:
        relay = Relay("localhost", port, security, wait=3.0, roots=trusted)
        setup = Setup("example.org", "example.org", relay)
        return checks.check_relay(setup)

    with crooked(Faults(), context=context) as port:
        secured = relay_says(port, "starttls", str(roots))
        unknown = relay_says(port, "starttls")
        plain = relay_says(port, "none")
    assert (secured.name, secured.state) == ("relay", "ok")
    assert "TLSv1." in secured.said
    assert unknown.state == "alarm"
    assert "certificate" in unknown.said
    assert (plain.state, "without TLS" in plain.said) == ("ok", True)
    assert relay_says(port).state == "alarm"
