"""A dense index whose files are not as they were written is said to be damaged, nothing else."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from broadsheet.search.dense import DenseIndex, Filter, files, looking
from broadsheet.search.lexical import Damaged
from search.test_dense import grown

FILES = ("manifest.json", "rotation.arrays", "rows", "dead")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An index with lists and dead papers."""
    folder = tmp_path_factory.mktemp("sound") / "index"
    assert grown(folder, 8000).segments()
    return folder


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(sound, tmp_path / "index"))


def one_of(folder: Path, kind: str) -> Path:
    """A file of a kind that belongs to the index."""
    return max(
        (path for path in folder.iterdir() if path.name.endswith(kind)), key=lambda p: p.name
    )


def use(folder: Path) -> list[object]:
    """Everything one can ask of it, and its answers."""
    index = DenseIndex(folder)
    query = np.random.default_rng(4).standard_normal(64).astype(np.float32)
    answers: list[object] = [index.state(), index.held()]
    for asked in (
        None,
        Filter(terms=(("odd", False),), days=(735_000, 735_050)),
        Filter(terms=(("rare", False),)),
        Filter(years=((2001, 2003, True),), among=np.arange(4000)),
    ):
        answers += [part.tolist() for part in index.search(query, 10, asked)]
    answers += [index.scores(query, range(50)).tolist(), index.vectors(range(9)).tolist()]
    return answers


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "nothing is left": lambda _: b"",
    "a byte is left": lambda read: read[:1],
    "half is left": lambda read: read[: len(read) // 2],
    "the last byte is gone": lambda read: read[:-1],
    "there is more": lambda read: read + b"\0",
    "the beginning is gone": lambda read: read[100:],
    "all is zeros": lambda read: bytes(len(read)),
    "all is random": lambda read: random.Random(1).randbytes(len(read)),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_noticed(copy: Path, kind: str, damage: str) -> None:
    file = one_of(copy, kind)
    spoilt = DAMAGES[damage](file.read_bytes())
    file.unlink()
    file.write_bytes(spoilt)
    with pytest.raises(Damaged):
        use(copy)


@pytest.mark.parametrize("kind", FILES)
def test_a_missing_file_is_noticed(copy: Path, kind: str) -> None:
    reader = DenseIndex(copy)
    one_of(copy, kind).unlink()
    with pytest.raises(Damaged):
        DenseIndex(copy)
    if kind == "manifest.json":
        with pytest.raises(Damaged):
            reader.reload()
    assert reader.held()  # what is open stays so


@pytest.mark.parametrize("kind", FILES)
def test_a_changed_byte_is_noticed_or_changes_nothing(copy: Path, kind: str) -> None:
    """Between arrays there are a few bytes that say nothing."""
    expected = use(copy)
    file = one_of(copy, kind)
    sound = file.read_bytes()
    chance = random.Random(5)
    noticed = 0
    for _ in range(40):
        place = chance.randrange(len(sound))
        spoilt = bytearray(sound)
        spoilt[place] ^= 1 << chance.randrange(8)
        file.unlink()
        file.write_bytes(spoilt)
        try:
            assert use(copy) == expected
        except Damaged:
            noticed += 1
    assert noticed >= 38


@pytest.mark.parametrize("seed", range(12))
def test_damage_in_arrays_too_large_to_check_at_once_is_noticed_or_wrong(
    copy: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Of a large index only what says where things are is checked as it is opened."""
    monkeypatch.setattr(files, "_CHECKED_AT_ONCE", 3000)
    for name in ("_FEW", "_LOOKED_AT", "_PASSING", "_RESCORED"):
        monkeypatch.setattr(looking, name, 300)
    file = one_of(copy, "rows")
    spoilt = bytearray(file.read_bytes())
    chance = random.Random(seed)
    for _ in range(30):
        place = chance.randrange(len(spoilt) - 6000)
        spoilt[place : place + 64] = chance.randbytes(64)
    file.unlink()
    file.write_bytes(spoilt)
    try:
        use(copy)
        DenseIndex(copy).verify()
    except Damaged:
        return
    raise AssertionError("nothing was noticed")


@pytest.mark.parametrize("content", [b"", b"{}", b"00000000\n{}", b"\xff" * 50])
def test_a_manifest_of_something_else_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(Damaged):
        DenseIndex(tmp_path)


def test_a_folder_without_an_index_is_none(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "not there"):
        with pytest.raises(Damaged):
            DenseIndex(folder)
    with pytest.raises(FileExistsError):
        DenseIndex.create(tmp_path, "m", 4)
