"""Which addresses a feed may lead to, whatever they are dressed up as."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from broadsheet.intake import guard
from broadsheet.intake.guard import GuardError, checked, is_public

PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",  # where clouds tell their machines' secrets
    "100.64.0.1",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::10.0.0.1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
    "2001:db8::1",
    # An address of the old kind in one of the new kind.
    "::ffff:10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "2002:a00:1::",  # 10.0.0.1
    "2002:7f00:1::1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::10.0.0.1",
    "2001:0:808:808::f5ff:fffe",  # Teredo, 10.0.0.1 by way of 8.8.8.8
]
PUBLIC = [
    "93.184.215.14",
    "8.8.8.8",
    "172.32.0.1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "2002:808:808::",
    "64:ff9b::8.8.8.8",
]


def names(monkeypatch: pytest.MonkeyPatch, **known: list[str]) -> list[str]:
    """Lets names stand for addresses (`_` for a dot); gives the names asked for, as they are."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        asked.append(host)
        found = known.get(host.replace(".", "_"))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(0, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_everybody_s_is_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_others_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_leads_there_is_refused(address: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(GuardError, match=r" (no public address|not known)$"):
        checked(f"http://{host}/feed")


@pytest.mark.parametrize(
    "host",
    ["2130706433", "0x7f000001", "0x7f.1", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0"],
)
def test_so_is_one_spelt_as_no_person_would(host: str) -> None:
    with pytest.raises(GuardError, match="no public address"):
        checked(f"http://{host}/feed")


def test_this_machine_s_own_name_is_refused() -> None:
    with pytest.raises(GuardError, match=r"^localhost is at \S+, which is no public address$"):
        checked("http://localhost/feed")


@pytest.mark.parametrize(
    "addresses",
    [
        ["10.0.0.1"],
        ["93.184.215.14", "10.0.0.1"],
        ["10.0.0.1", "93.184.215.14"],
        ["2606:4700:4700::1111", "93.184.215.14", "fe80::1"],
    ],
)
def test_a_name_is_refused_where_any_of_its_addresses_is_private(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    names(monkeypatch, feeds_example=addresses)
    with pytest.raises(GuardError) as refused:
        checked("https://feeds.example/new")
    private = next(one for one in addresses if one in PRIVATE)
    assert str(refused.value) == f"feeds.example is at {private}, which is no public address"


def test_a_public_name_passes_and_is_pinned_to_the_address_it_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = names(monkeypatch, feeds_example=["2606:4700:4700::1111", "93.184.215.14"])
    found = checked("https://Feeds.Example/new?page=2")
    assert (found.host, found.port, found.address) == ("feeds.example", 443, "2606:4700:4700::1111")
    # Once: a name server could answer otherwise the second time.
    assert asked == ["feeds.example"]


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://feeds.example", 80),
        ("https://feeds.example", 443),
        ("http://feeds.example:8080/", 8080),
        ("HTTP://feeds.example/", 80),
    ],
)
def test_the_port_is_the_one_named_or_the_scheme_s(
    monkeypatch: pytest.MonkeyPatch, url: str, port: int
) -> None:
    names(monkeypatch, feeds_example=["93.184.215.14"])
    assert checked(url).port == port


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://feeds.example/", "only http and https addresses are asked"),
        ("file:///etc/passwd", "only http and https addresses are asked"),
        ("gopher://feeds.example/", "only http and https addresses are asked"),
        ("javascript:alert(1)", "only http and https addresses are asked"),
        ("feeds.example/new", "only http and https addresses are asked"),
        ("//feeds.example/new", "only http and https addresses are asked"),
        ("", "only http and https addresses are asked"),
        ("http://", "the address names no host"),
        ("http:///new", "the address names no host"),
        ("http://:80/", "the address names no host"),
        ("http://ada@feeds.example/", "a name or a password in it is not asked"),
        ("http://ada:secret@feeds.example/", "a name or a password in it is not asked"),
        ("http://:secret@feeds.example/", "a name or a password in it is not asked"),
        ("http://feeds.example:99999/", "this is no web address"),
        ("http://feeds.example:port/", "this is no web address"),
        ("http://feeds.example:-1/", "this is no web address"),
        ("http://[::1/", "this is no web address"),
        ("http://[feeds.example]/", "this is no web address"),
        ("http://feeds.example/a b", "this is no web address"),
        ("http://feeds.example/\r\nHost: inner", "this is no web address"),
        ("http://feeds.example/\n", "this is no web address"),
        ("http://feeds.example/\0", "this is no web address"),
        ("http://feeds.example/\u202e", "this is no web address"),
        ("http://feeds.example/\udcff", "this is no web address"),
        ("http://feeds.example/" + "a" * 2000, "this is no web address"),
        ("http://nobody.example/", "the host nobody.example is not known"),
        ("http://" + "a" * 70 + ".example/", "is not known"),
        ("http://a..example/", "the host a..example is not known"),
    ],
)
def test_what_is_no_address_of_a_web_server_is_refused_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, url: str, why: str
) -> None:
    asked = names(monkeypatch, feeds_example=["93.184.215.14"])
    with pytest.raises(GuardError) as refused:
        checked(url)
    assert why in str(refused.value)
    assert "secret" not in str(refused.value)
    # Nobody is asked about a name that is not going to be used.
    assert bool(asked) is why.endswith("not known")


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..example"])
def test_a_host_that_no_name_server_takes_is_not_known(host: str) -> None:
    with pytest.raises(GuardError, match="is not known"):
        guard.checked(f"http://{host}/")
