"""The index at the store's heels: what it holds, who writes it, and when it is made anew."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broadsheet.ops.following import Follower
from broadsheet.ops.parts import meaning_index
from broadsheet.ops.settings import Settings
from broadsheet.search import follow
from broadsheet.search.follow import SearchIndex
from broadsheet.search.lexical import FORMAT, Damaged, LexicalIndex
from broadsheet.store.engine import Store, open_store, sqlite_url
from search.library import Library, paper

_HOLD_LOCK = """
import fcntl, sys
lock = open(sys.argv[1], "w")
fcntl.flock(lock, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def generation(library: Library) -> Path:
    """The folder of the generation in use."""
    return library.index.folder / library.index.status(library.store).generation


def in_another_process(library: Library) -> Library:
    """The same library as a program started afterwards sees it."""
    return Library(library.store, SearchIndex(library.index.folder))


def test_papers_put_changed_and_removed_are_seen_after_catching_up(library: Library) -> None:
    library.hold(paper("a", "On hawks"), paper("b", "On hawks too", source="sample"))
    assert library.find("hawk") == ["a", "b"]
    library.put(paper("a", "On doves"), paper("c", "On hawks again"))
    library.remove("sample")
    assert library.find("hawk") == ["a"]  # b is gone from the store, c is not in the index yet
    assert library.index.catch_up(library.store)
    assert (library.find("hawk"), library.find("dove")) == (["c"], ["a"])
    assert library.index.status(library.store).indexed == 2


def test_a_paper_written_often_is_found_once(library: Library) -> None:
    for turn in range(4):
        library.hold(paper("a", "On owls", f"As of turn {turn}.", comment_count=turn))
        assert library.index.status(library.store).is_current
    assert library.listing("owl").total == 1
    assert library.find("0") == []


def test_a_status_tells_how_far_the_index_is(library: Library) -> None:
    library.put(paper("a", "One"), paper("b", "Two"))
    before = library.index.status(library.store)
    assert (before.through, before.last, before.indexed, before.held) == (0, 2, 0, 2)
    assert not before.is_current
    library.index.catch_up(library.store)
    after = library.index.status(library.store)
    assert (after.through, after.last, after.indexed, after.held) == (2, 2, 2, 2)
    assert after.is_current
    assert after.bytes > 0


def test_an_empty_store_has_an_empty_index_that_is_up_to_date(library: Library) -> None:
    assert library.index.catch_up(library.store)
    status = library.index.status(library.store)
    assert (status.indexed, status.is_current) == (0, True)
    assert library.find("anything") == []


def test_catching_up_again_without_news_writes_nothing(library: Library) -> None:
    library.hold(paper("a", "One"))
    files = {file: file.stat().st_mtime_ns for file in generation(library).glob("*")}
    assert library.index.catch_up(library.store)
    assert {file: file.stat().st_mtime_ns for file in generation(library).glob("*")} == files


def test_a_watcher_hears_how_much_is_done_of_all(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_BATCH", 2)
    library.put(*(paper(str(n), f"Number {n}") for n in range(5)))
    heard: list[tuple[int, int]] = []
    library.index.catch_up(library.store, lambda done, total: heard.append((done, total)))
    assert heard == [(2, 5), (4, 5), (5, 5)]


def test_what_was_committed_before_an_interruption_is_not_indexed_again(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_BATCH", 2)
    monkeypatch.setattr(follow, "_COMMIT", 4)
    library.put(*(paper(str(n), f"Number {n}") for n in range(9)))

    def interrupt(done: int, _total: int) -> None:
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.index.catch_up(library.store, interrupt)
    status = library.index.status(library.store)
    assert (status.through, status.indexed) == (4, 4)
    left: list[tuple[int, int]] = []
    library.index.catch_up(library.store, lambda done, total: left.append((done, total)))
    assert left == [(2, 5), (4, 5), (5, 5)]
    assert len(library.find("number")) == 9


def test_another_process_sees_each_commit(library: Library) -> None:
    other = in_another_process(library)
    assert other.listing("hawk").notes == ("The index is being built; try again shortly.",)
    for count, key in enumerate("abc", start=1):
        library.hold(paper(key, f"On hawk {key}"))
        assert len(other.find("hawk")) == count


def test_a_rebuild_swaps_at_its_end_and_readers_keep_reading_meanwhile(library: Library) -> None:
    library.hold(paper("a", "On hawks"))
    reader, old = in_another_process(library), generation(library)
    held = reader.index.current()
    assert held is not None
    seen: list[list[str]] = []
    assert library.index.rebuild(library.store, lambda *_: seen.append(reader.find("hawk")))
    assert seen == [["a"]]
    assert not old.exists()
    assert generation(library) != old
    assert held.held() == 1  # who had the old generation open goes on with it
    assert reader.find("hawk") == ["a"]


def test_a_rebuild_that_broke_off_leaves_the_old_index_and_no_rubbish(library: Library) -> None:
    library.hold(paper("a", "On hawks"))
    old = generation(library)

    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        library.index.rebuild(library.store, interrupt)
    assert library.find("hawk") == ["a"]
    assert library.index.catch_up(library.store)
    assert list(library.index.folder.glob("g*")) == [old]


def test_a_reader_makes_no_index(library: Library) -> None:
    library.put(paper("a", "On hawks"))
    assert library.index.current() is None
    assert library.find("hawk") == []
    assert not library.index.folder.exists()
    with pytest.raises(Damaged):
        LexicalIndex(library.index.folder / "g1")
    assert not library.index.folder.exists()


@contextmanager
def locked_elsewhere(library: Library) -> Iterator[None]:
    """Another process writes the index meanwhile."""
    library.index.folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", _HOLD_LOCK, str(library.index.folder / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield
        process.communicate()


def test_only_one_process_writes_the_index(library: Library) -> None:
    library.hold(paper("a", "On hawks"))
    library.put(paper("b", "On more hawks"))
    with locked_elsewhere(library):
        assert not library.index.catch_up(library.store)
        assert not library.index.rebuild(library.store)
        assert library.find("hawk") == ["a"]
    assert library.index.catch_up(library.store)
    assert library.find("hawk") == ["a", "b"]


def test_an_index_of_another_store_is_not_ours(library: Library, tmp_path: Path) -> None:
    library.hold(paper("a", "On hawks"), paper("b", "On doves"))
    other = open_store(sqlite_url(tmp_path / "other.sqlite3"))
    moved = Library(other, SearchIndex(library.index.folder))
    moved.put(paper("c", "On owls"))
    assert moved.index.status(other).through == 0
    assert moved.index.catch_up(other)
    assert (moved.find("owl"), moved.listing("hawk").total) == (["c"], 0)
    other.close()


def test_an_index_of_another_store_is_let_go_of_before_the_new_one_is_whole(
    library: Library, tmp_path: Path
) -> None:
    library.hold(*(paper(str(n), f"On hawk {n}") for n in range(3)))
    other = open_store(sqlite_url(tmp_path / "other.sqlite3"))
    moved = Library(other, SearchIndex(library.index.folder))
    moved.put(paper("c", "On owls"))
    seen: list[int] = []
    moved.index.catch_up(other, lambda *_: seen.append(moved.listing("hawk").total))
    assert seen == [0]
    other.close()


def test_an_index_ahead_of_a_store_restored_from_a_backup_is_made_anew(
    library: Library, store_file: Path, tmp_path: Path
) -> None:
    library.hold(paper("a", "On hawks"))
    backup = tmp_path / "backup.sqlite3"
    with library.store.reading() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql(f"VACUUM INTO '{backup}'")
    library.hold(paper("b", "On doves"), paper("c", "On owls"))
    restored = open_store(sqlite_url(backup))
    back = Library(restored, SearchIndex(library.index.folder))
    assert back.index.status(restored).through == 0
    assert back.index.catch_up(restored)
    assert (back.find("hawk"), back.listing("dove").total) == (["a"], 0)
    assert back.index.status(restored).is_current
    restored.close()


@pytest.fixture
def store_file(sqlite_store: Store) -> Path:
    """The file of the store."""
    return Path(sqlite_store.engine.url.database or "")


def test_an_index_of_another_format_is_made_anew_beside_the_old_one(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.hold(paper("a", "On hawks"))
    old = generation(library)
    monkeypatch.setattr(follow, "FORMAT", FORMAT + 1)
    assert library.index.status(library.store).through == 0
    during: list[list[str]] = []
    assert library.index.catch_up(library.store, lambda *_: during.append(library.find("hawk")))
    assert during == [["a"]]
    assert generation(library) != old
    assert library.index.status(library.store).is_current


def everything(folder: Path, suffix: str) -> list[Path]:
    return [file for file in folder.iterdir() if file.name.endswith(suffix)]


def put_in_place(file: Path, content: bytes) -> None:
    file.unlink()  # whoever reads the old one goes on with it
    file.write_bytes(content)


def drop(file: Path) -> None:
    file.unlink()


def halve(file: Path) -> None:
    put_in_place(file, file.read_bytes()[: file.stat().st_size // 2])


def scribble(file: Path) -> None:
    put_in_place(file, b"not what tantivy wrote" * 20)


def spoil_beginning(file: Path) -> None:
    content = file.read_bytes()
    put_in_place(file, bytes(255 - byte for byte in content[:40]) + content[40:])


@pytest.mark.parametrize(
    ("suffix", "spoil"),
    [
        *((suffix, drop) for suffix in ("meta.json", ".idx", ".pos", ".term", ".store", ".fast")),
        *((suffix, halve) for suffix in ("meta.json", ".idx", ".store")),
        *((suffix, scribble) for suffix in ("meta.json", ".term", ".fieldnorm")),
        *((suffix, spoil_beginning) for suffix in ("meta.json", ".idx", ".term", ".store")),
    ],
)
def test_an_index_with_damaged_files_is_made_anew(
    library: Library, suffix: str, spoil: Callable[[Path], None]
) -> None:
    library.hold(*(paper(str(n), f"On hawk {n}") for n in range(30)))
    for file in everything(generation(library), suffix):
        spoil(file)
    started = in_another_process(library)
    started.index.status(started.store)
    assert started.index.catch_up(started.store)
    status = started.index.status(started.store)
    assert (status.indexed, status.is_current) == (30, True)
    assert started.find("hawk", limit=100) == [str(n) for n in range(30)]


@pytest.mark.parametrize("content", [None, "", "g7", "../elsewhere"])
def test_an_index_without_a_readable_pointer_is_made_anew(
    library: Library, content: str | None
) -> None:
    library.hold(paper("a", "On hawks"), paper("b", "On other hawks", source="sample"))
    library.remove("sample")
    pointer = library.index.folder / "current"
    pointer.unlink()
    if content is not None:
        pointer.write_text(content)
    started = in_another_process(library)
    assert started.index.catch_up(started.store)
    assert started.find("hawk") == ["a"]
    assert len(list(started.index.folder.glob("g*"))) == 1


def test_an_index_whose_folder_was_deleted_under_a_running_program_is_made_anew(
    library: Library,
) -> None:
    library.hold(paper("a", "On hawks"))
    shutil.rmtree(library.index.folder)
    assert library.listing("hawk").notes == ("The index is being built; try again shortly.",)
    assert library.index.catch_up(library.store)
    assert library.find("hawk") == ["a"]


def test_an_index_that_loses_files_under_a_running_program_is_made_anew(library: Library) -> None:
    library.hold(paper("a", "On hawks"))
    for file in everything(generation(library), ".store"):
        file.unlink()
    library.put(paper("b", "On other hawks"))
    assert library.index.catch_up(library.store)
    assert library.find("hawk") == ["a", "b"]


def test_papers_can_be_found_while_the_first_index_grows(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "_BATCH", 2)
    monkeypatch.setattr(follow, "_COMMIT", 2)
    library.put(*(paper(str(n), f"On hawk {n}") for n in range(6)))
    seen: list[int] = []
    library.index.catch_up(library.store, lambda *_: seen.append(library.listing("hawk").total))
    assert seen == [0, 2, 4]


def test_what_is_written_while_the_index_catches_up_is_in_it_at_the_end(library: Library) -> None:
    library.put(paper("a", "On hawks"), paper("b", "On other hawks"))
    turns: list[int] = []

    def write_meanwhile(_done: int, _total: int) -> None:
        turns.append(len(turns))
        turn = len(turns)
        if turn < 4:
            library.put(paper("a", "On hawks", f"Turn {turn}."), paper(f"n{turn}", f"Hawk {turn}"))

    assert library.index.catch_up(library.store, write_meanwhile)
    assert library.index.status(library.store).is_current
    assert sorted(library.find("hawk")) == ["a", "b", "n1", "n2", "n3"]
    assert library.find('"turn 3"') == ["a"]
    assert library.find('"turn 2"') == []


def test_an_index_far_behind_says_so(library: Library) -> None:
    library.hold(paper("a", "On hawks"))
    library.put(*(paper(str(n), f"Number {n}") for n in range(1000)))
    assert library.listing("hawk").notes == (
        "The index is catching up; 1,000 changes are not searchable yet.",
    )


def test_whoever_waits_for_more_commits_once_and_finds_what_was_written_again(
    library: Library,
) -> None:
    library.put(paper("a", "On hawks"), paper("b", "On owls"))
    meanwhile = [(paper("a", "On doves"), paper("c", "On hawks")), (paper("a", "On gulls"),)]
    seen: list[int] = []

    def wait() -> bool:
        seen.append(library.index.status(library.store).indexed)
        if not meanwhile:
            return False
        library.put(*meanwhile.pop(0))
        return True

    assert library.index.catch_up(library.store, wait=wait)
    assert seen == [0, 0, 0]
    assert library.index.status(library.store).indexed == 3
    assert [library.find(word) for word in ("hawk", "dove", "gull")] == [["c"], [], ["a"]]


def test_a_paper_that_is_gone_again_before_the_commit_is_not_found(library: Library) -> None:
    library.put(paper("a", "On hawks", source="sample"), paper("b", "On hawks too"))
    once = [True]

    def wait() -> bool:
        if once:
            library.remove("sample")
        return bool(once and once.pop())

    assert library.index.catch_up(library.store, wait=wait)
    assert library.find("hawk") == ["b"]
    assert library.index.status(library.store).indexed == 1


def test_processes_beside_an_import_index_all_that_was_written_until_they_are_stopped(
    tmp_path: Path,
) -> None:
    settings = Settings(data=tmp_path)
    store = open_store(settings.database)
    library = Library(store, SearchIndex(settings.index))
    follower = Follower(settings)
    library.put(paper("a", "On hawks"))
    follower.start()
    library.put(paper("b", "On owls"))
    follower.stop()
    meaning = meaning_index(settings.meaning, settings.embedder, None)
    assert meaning is not None
    for index in (library.index, meaning):
        status = index.status(store)
        assert (status.indexed, status.is_current) == (2, True)
    store.close()
