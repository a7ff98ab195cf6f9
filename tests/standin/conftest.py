"""A stand-in of two weeks, and somebody who asks it."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from standin.arxiv import Standin
from standin.world import World

from .reading import (
    CATEGORIES,
    FIRST,
    NOON,
)


@pytest.fixture
def world() -> World:
    made = World(7, FIRST, 14, CATEGORIES)
    made.now = NOON
    return made


@pytest.fixture
def arxiv(world: World) -> Iterator[Standin]:
    with Standin(world, page_size=20) as running:
        yield running


@pytest.fixture
def client(arxiv: Standin) -> Iterator[httpx.Client]:
    # Certificates take longer to load than most of these tests, and nobody shows one here.
    with httpx.Client(
        base_url=arxiv.address, headers={"User-Agent": "a test"}, verify=False
    ) as opened:
        yield opened
