"""A DNS server of one's own on loopback, for what is not to be asked of anybody else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

Records = Mapping[tuple[str, str], list[str]]


@contextmanager
def resolver(
    records: Records, broken: frozenset[str] = frozenset()
) -> Iterator[dns.resolver.Resolver]:
    """A resolver that knows these records, by name and kind; it fails for what is `broken`."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                raw, whence = server.recvfrom(4096)
            except OSError:
                return
            if not raw:
                return
            server.sendto(_answer(raw, records, broken), whence)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    asked = dns.resolver.Resolver(configure=False)
    asked.nameservers = ["127.0.0.1"]
    asked.port = server.getsockname()[1]
    try:
        yield asked
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", server.getsockname())
        thread.join(10)
        server.close()


def _answer(raw: bytes, records: Records, broken: frozenset[str]) -> bytes:
    question = dns.message.from_wire(raw)
    answer = dns.message.make_response(question)
    answer.flags |= dns.flags.RA
    asked = question.question[0]
    name = asked.name.to_text(omit_final_dot=True)
    kind = asked.rdtype.name
    found = records.get((name, kind))
    if name in broken:
        answer.set_rcode(dns.rcode.SERVFAIL)
    elif found:
        answer.answer.append(dns.rrset.from_text(asked.name, 60, "IN", kind, *found))
    elif not any(known == name for known, _ in records):
        answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer.to_wire(max_size=4096)
