"""What has to be right before the first message goes: SPF, DKIM, DMARC, reverse DNS, TLS.

Each check is one sentence that says what is and, where something is not, what to do. DNS is asked
through a resolver that is handed in.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from broadsheet.mail import relay as relays
from broadsheet.mail.dkim import Signer, public_part
from broadsheet.mail.relay import Relay, Unreachable

if TYPE_CHECKING:
    from dns.resolver import Resolver

# RFC 7208, 4.6.4: more terms that ask DNS make the record an error.
_MOST_LOOKUPS = 10
_SECONDS = 5.0
_ADDRESS = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Finding:
    """Something looked at: `state` is ok, note or alarm."""

    name: str
    state: str
    said: str


@dataclass(frozen=True, slots=True)
class Setup:
    """What is to be checked: who writes, where bounces go, by which relay, with which signature."""

    from_domain: str
    bounce_domain: str
    relay: Relay
    signer: Signer | None = None


class Names:
    """Questions to DNS. A name that does not exist has no answers; `failed` says why none came."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.failed = ""

    def txt(self, name: str) -> list[str]:
        """The texts at a name, each put together from its parts."""
        return [
            b"".join(answer.strings).decode("utf-8", "replace") for answer in self._ask(name, "TXT")
        ]

    def addresses(self, name: str) -> list[_ADDRESS]:
        """The addresses of a name, or the one that it is."""
        try:
            return [ipaddress.ip_address(name)]
        except ValueError:
            found = [*self._ask(name, "A"), *self._ask(name, "AAAA")]
            return [ipaddress.ip_address(answer.address) for answer in found]

    def exchanges(self, name: str) -> list[str]:
        """The hosts that take mail for a domain."""
        return [answer.exchange.to_text(omit_final_dot=True) for answer in self._ask(name, "MX")]

    def names(self, address: _ADDRESS) -> list[str]:
        """The names of an address (PTR)."""
        found = self._ask(address.reverse_pointer, "PTR")
        return [answer.target.to_text(omit_final_dot=True) for answer in found]

    def _ask(self, name: str, kind: str) -> list:  # type: ignore[type-arg] # of dnspython's records
        from dns.exception import DNSException
        from dns.resolver import NXDOMAIN, NoAnswer

        try:
            return list(self._resolver.resolve(name, kind, search=False, lifetime=_SECONDS))
        except (NXDOMAIN, NoAnswer):
            return []
        except DNSException as error:
            self.failed = f"DNS does not answer for {name}: {' '.join(str(error).split())[:160]}"
            return []


def check(setup: Setup) -> list[Finding]:
    """Every check: what DNS says, in the order in which a receiver asks, and the relay."""
    return [*check_names(setup), check_relay(setup)]


def check_names(setup: Setup, resolver: Resolver | None = None) -> list[Finding]:
    """What DNS says: of the sender, the signature, the policy, the relay's name."""
    from dns.resolver import Resolver

    asked = resolver or Resolver()
    every: tuple[Callable[[Setup, Names], Finding], ...] = (_spf, _dkim, _dmarc, _reverse)
    findings = []
    for one in every:
        names = Names(asked)
        finding = one(setup, names)
        if names.failed and finding.state != "ok":
            finding = Finding(finding.name, "note", f"{names.failed}.")
        findings.append(finding)
    return findings


def check_relay(setup: Setup) -> Finding:
    """Whether the relay answers, and how the way to it is secured."""
    return asyncio.run(_tls(setup.relay))


# --- SPF (RFC 7208) -------------------------------------------------------------------------------


def _spf(setup: Setup, names: Names) -> Finding:
    domain = setup.bounce_domain
    records = _spf_records(names, domain)
    if not records:
        wrong = f"{domain} has no SPF record; add a TXT record like “v=spf1 mx -all” to it."
    elif len(records) > 1:
        wrong = f"{domain} has {len(records)} SPF records, which counts as none; keep one."
    elif re.search(r"(?:^|\s)\+?all\b", records[0], re.IGNORECASE):
        wrong = f"The SPF record of {domain} lets everybody send (+all); end it with -all."
    else:
        return _allowed(setup, names, records[0])
    return Finding("spf", "alarm", wrong)


def _allowed(setup: Setup, names: Names, text: str) -> Finding:
    """Whether the record allows the relay, as far as that can be seen: it may send from others."""
    domain, relay = setup.bounce_domain, setup.relay.host
    addresses = names.addresses(relay)
    walk = _Spf(names)
    if not addresses or not all(address.is_global for address in addresses):
        state, said = (
            "note",
            f"{domain} has an SPF record; whether it names the public address that {relay} sends "
            "from cannot be seen from here.",
        )
    elif any(walk.allows(domain, text, address) for address in addresses):
        state, said = "ok", f"The SPF record of {domain} allows {relay}."
    elif walk.asked > _MOST_LOOKUPS:
        state, said = (
            "alarm",
            f"The SPF record of {domain} asks DNS more than {_MOST_LOOKUPS} times; shorten it.",
        )
    else:
        state, said = (
            "note",
            f"The SPF record of {domain} does not name {relay}; add what its operator says is to "
            "be included.",
        )
    return Finding("spf", state, said)


def _spf_records(names: Names, domain: str) -> list[str]:
    return [text for text in names.txt(domain) if re.match(r"(?i)v=spf1(\s|\Z)", text)]


class _Spf:
    """Whether a record lets an address send; macros and exists are taken for no."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self.asked = 0

    def allows(self, domain: str, text: str, address: _ADDRESS) -> bool:
        redirect = ""
        for term in text.split()[1:]:
            if term.lower().startswith("redirect="):
                redirect = term.partition("=")[2]
                continue
            if self._matches(domain, term.lstrip("+-~?"), address):
                return term[0] not in "-~?"
        return bool(redirect) and self._included(redirect, address)

    def _matches(self, domain: str, term: str, address: _ADDRESS) -> bool:
        name, _, value = term.partition(":")
        name, _, bits = name.partition("/")
        value, _, value_bits = value.partition("/")
        kind, target, bits = name.lower(), value or domain, value_bits or bits
        if kind in ("ip4", "ip6"):
            return _within(address, [term.partition(":")[2]])
        if kind in ("a", "mx", "include"):
            self.asked += 1
            if self.asked > _MOST_LOOKUPS:
                return False
        if kind == "a":
            return _within(address, _with_bits(self._names.addresses(target), bits))
        if kind == "mx":
            hosts = self._names.exchanges(target)[:10]
            found = [one for host in hosts for one in self._names.addresses(host)]
            return _within(address, _with_bits(found, bits))
        return kind == "include" and self._included(target, address)

    def _included(self, domain: str, address: _ADDRESS) -> bool:
        records = _spf_records(self._names, domain)
        return len(records) == 1 and self.allows(domain, records[0], address)


def _with_bits(addresses: Iterable[_ADDRESS], bits: str) -> list[str]:
    return [f"{address}/{bits}" if bits else str(address) for address in addresses]


def _within(address: _ADDRESS, networks: Iterable[str]) -> bool:
    for network in networks:
        try:
            if address in ipaddress.ip_network(network, strict=False):
                return True
        except ValueError:
            continue
    return False


# --- DKIM and DMARC -------------------------------------------------------------------------------


def _dkim(setup: Setup, names: Names) -> Finding:
    signer = setup.signer
    if signer is None:
        said = "Messages are not signed; 'broadsheet mail key' makes a key and prints its record."
        return Finding("dkim", "alarm", said)
    published = "".join(names.txt(signer.record_name)[:1])
    found = re.search(r"(?:^|;)\s*p\s*=\s*([A-Za-z0-9+/=\s]*)", published)
    if not published or found is None:
        said = (
            f"There is no DKIM key at {signer.record_name}; add the TXT record that 'broadsheet "
            "mail key' prints."
        )
        return Finding("dkim", "alarm", said)
    if "".join(found[1].split()) != public_part(signer.key):
        said = f"The DKIM key at {signer.record_name} is another one than the key that signs here."
        return Finding("dkim", "alarm", said)
    if re.search(r"(?:^|;)\s*t\s*=[^;]*y", published):
        said = f"The DKIM key at {signer.record_name} says it is only being tried (t=y)."
        return Finding("dkim", "note", said)
    return Finding(
        "dkim", "ok", f"The DKIM key at {signer.record_name} is the one that signs here."
    )


def _dmarc(setup: Setup, names: Names) -> Finding:
    domain = setup.from_domain
    labels = domain.split(".")
    # RFC 7489, 6.6.3 asks the organisation's domain next; every parent of two labels may be that.
    for start in range(max(1, len(labels) - 1)):
        place = ".".join(labels[start:])
        records = [text for text in names.txt(f"_dmarc.{place}") if text.startswith("v=DMARC1")]
        if len(records) > 1:
            said = f"_dmarc.{place} has {len(records)} records, which counts as none; keep one."
            return Finding("dmarc", "alarm", said)
        if records:
            return _policy(setup, place, records[0])
    wanted = f"“v=DMARC1; p=quarantine” to _dmarc.{domain}"
    said = f"{domain} has no DMARC record; add a TXT record {wanted}."
    return Finding("dmarc", "alarm", said)


def _policy(setup: Setup, place: str, text: str) -> Finding:
    found = re.search(r";\s*p\s*=\s*(\w+)", text)
    chosen = found[1].lower() if found else ""
    if chosen not in ("none", "quarantine", "reject"):
        said = f"The DMARC record of {place} has no policy; add p=quarantine."
        return Finding("dmarc", "alarm", said)
    signed = setup.signer.domain if setup.signer else ""
    domain = setup.from_domain
    if not (_aligned(domain, signed) or _aligned(domain, setup.bounce_domain)):
        said = (
            f"Neither signature nor bounce address belongs to {domain}, so DMARC fails; sign for "
            f"{domain}."
        )
        return Finding("dmarc", "alarm", said)
    return Finding("dmarc", "ok", f"{place} has a DMARC record (p={chosen}).")


def _aligned(domain: str, other: str) -> bool:
    """Whether both are of one organisation: the same, or one below the other (relaxed)."""
    return bool(other) and (
        domain == other or domain.endswith(f".{other}") or other.endswith(f".{domain}")
    )


# --- The relay ------------------------------------------------------------------------------------


def _reverse(setup: Setup, names: Names) -> Finding:
    host = setup.relay.host
    addresses = names.addresses(host)
    public = [address for address in addresses if address.is_global]
    if not addresses:
        return Finding(
            "reverse dns", "alarm", f"The relay {host} has no address; is its name right?"
        )
    if not public:
        said = (
            f"{host} is no public address; the machine that sends on needs a name for its own "
            "(PTR), and that name its address."
        )
        return Finding("reverse dns", "note", said)
    for address in public:
        found = names.names(address)
        if not any(address in names.addresses(name) for name in found):
            said = (
                f"{address} ({host}) has no name that leads back to it (PTR); its operator sets it."
            )
            return Finding("reverse dns", "alarm", said)
    return Finding(
        "reverse dns", "ok", f"Every address of {host} has a name that leads back to it."
    )


async def _tls(relay: Relay) -> Finding:
    try:
        line = await relays.connect(relay)
    except Unreachable as error:
        return Finding("relay", "alarm", f"{str(error).rstrip('.')}.")
    said = line.secured
    await line.close()
    if said:
        return Finding("relay", "ok", f"{relay.name} answers; the connection is secured by {said}.")
    if relay.host in relays.LOOPBACK:
        return Finding("relay", "ok", f"{relay.name} answers; it is this machine, without TLS.")
    return Finding(
        "relay", "alarm", f"{relay.name} answers without TLS: whoever is between reads along."
    )
