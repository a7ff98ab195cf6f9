"""Halves of a query on several cores: what they give, and that nobody waits for a core."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from broadsheet.search import together as module
from broadsheet.search.dense import codes
from broadsheet.search.together import spread, together


@pytest.fixture(params=[0, 1, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process that may use so many other cores."""
    if not request.param:
        monkeypatch.setattr(module, "_threads", lambda: None)
        yield
        return
    with ThreadPoolExecutor(request.param) as pool:
        monkeypatch.setattr(module, "_threads", lambda: pool)
        yield


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_what_jobs_give_comes_in_their_order(count: int) -> None:
    jobs = [lambda number=number: number * 10 for number in range(count)]
    assert spread(jobs) == [number * 10 for number in range(count)]


@pytest.mark.usefixtures("threads")
def test_two_of_different_kinds() -> None:
    assert together(lambda: "here", lambda: 5) == ("here", 5)


def _fails() -> int:
    raise ValueError("as it happens")


@pytest.mark.usefixtures("threads")
def test_an_error_in_any_of_them_is_raised() -> None:
    for here, there in ((_fails, lambda: 1), (lambda: 1, _fails)):
        with pytest.raises(ValueError, match="as it happens"):
            together(here, there)
    with pytest.raises(ValueError, match="as it happens"):
        spread([lambda: 1, lambda: 2, _fails, lambda: 3])


def test_where_all_cores_are_at_work_for_others_nobody_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(module, "_threads", lambda: pool)
        busy = pool.submit(done.wait, 60)
        try:
            assert together(lambda: 1, lambda: 2) == (1, 2)
            assert spread([lambda: 1, lambda: 2, lambda: 3]) == [1, 2, 3]
            assert not busy.done()
        finally:
            done.set()


def test_rows_are_found_by_their_codes_in_several_stretches_as_in_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = np.random.default_rng(5)
    rows = drawn.standard_normal((5_000, 32)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1)[:, None]
    codebook, packed = codes.coded(len(rows), 32, lambda places: rows[places])
    whole = codes.Codes(32, codebook, packed, len(rows))
    monkeypatch.setattr(codes, "_STRETCH", 700)
    parted = codes.Codes(32, codebook, packed, len(rows))
    for query in rows[:20]:
        best, worth = whole.nearest(query, 50)
        found, worths = parted.nearest(query, 50)
        assert len(found) > len(best)
        assert set(found[worths > worth.min()]) == set(best[worth > worth.min()])
        assert (np.sort(worths)[::-1][:50] == np.sort(worth)[::-1]).all()
