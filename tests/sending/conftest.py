"""A mailing with a relay that misbehaves on order."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from broadsheet.mail.relay import Relay
from broadsheet.store.engine import Store

from .crooked import Faults, crooked
from .post import Post


@pytest.fixture
def faults() -> Faults:
    """What the relay does wrong; nothing unless ordered."""
    return Faults()


@pytest.fixture
def port(faults: Faults) -> Iterator[int]:
    """The port of that relay."""
    with crooked(faults) as port:
        yield port


@pytest.fixture
def post(sqlite_store: Store, port: int) -> Post:
    """A mailing for what does not depend on the engine."""
    return Post(sqlite_store, Relay("127.0.0.1", port, wait=2.0, wait_for_end=2.0))


@pytest.fixture
def any_post(store: Store, port: int) -> Post:
    """Once on each engine."""
    return Post(store, Relay("127.0.0.1", port, wait=10.0, wait_for_end=10.0))
