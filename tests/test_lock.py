import json
import multiprocessing
import os
import re
import shutil
import time
from datetime import UTC, datetime
from socket import gethostname

import pytest

from indexer.beside import Beside
from indexer.errors import LibraryFull, LibraryLocked, LibraryMissing
from indexer.lock import is_locked, locked


def test_a_second_holder_is_told_who_is_the_first(tmp_path):
    with locked(tmp_path, "footnote index", wait=0):
        assert is_locked(tmp_path)
        with (
            pytest.raises(
                LibraryLocked,
                match=rf"{tmp_path} is being written by footnote index \(process {os.getpid()}, since \d\d:\d\d\);",
            ),
            locked(tmp_path, "footnote index again", wait=0),
        ):
            pass
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    assert not (tmp_path / "lock.json").exists()


def test_when_the_first_began_is_said_as_its_clock_shows_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    today = datetime.now().astimezone()
    cases = [
        (today.replace(hour=7, minute=4), gethostname(), "footnote serve --watch (process 123, since 07:04)"),
        (datetime(2024, 2, 28, 20, 30, tzinfo=UTC), gethostname(), "(process 123, since 2024-02-29 02:15)"),
        (today.replace(hour=23, minute=59), "attic.example", "(process 123 on attic.example, since 23:59)"),
    ]
    with locked(tmp_path, "x", wait=0):
        for began, host, said in cases:
            who = {"pid": 123, "host": host, "command": "footnote serve --watch"}
            who["started"] = began.astimezone(UTC).isoformat(timespec="seconds")
            (tmp_path / "lock.json").write_text(json.dumps(who))
            with pytest.raises(LibraryLocked, match=re.escape(said)), locked(tmp_path, "y", wait=0):
                pass
    monkeypatch.undo()
    time.tzset()


def test_an_exception_frees_the_lock(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "x", wait=0):
        raise ZeroDivisionError
    assert not is_locked(tmp_path)


@pytest.mark.parametrize(
    "left", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "host": "h", "command": "x", "started": "then"}']
)
def test_a_holder_that_says_nothing_is_another_process(tmp_path, left):
    with locked(tmp_path, "x", wait=0):
        (tmp_path / "lock.json").write_text(left)
        with pytest.raises(LibraryLocked, match="by another process;"), locked(tmp_path, "y", wait=0):
            pass


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LibraryFull, match="a file is in the way"), locked(tmp_path / "file", "x", wait=0):
        pass
    assert not is_locked(tmp_path / "file")


def die_holding(path, ready):
    with locked(path, "dying", wait=0):
        ready.set()
        os._exit(9)


def test_the_lock_of_a_dead_process_is_free(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=die_holding, args=(tmp_path, ready))
    process.start()
    process.join(60)
    assert ready.is_set()
    assert (tmp_path / "lock.json").exists()
    with locked(tmp_path, "next", wait=0):
        assert is_locked(tmp_path)


@pytest.mark.parametrize(
    "who",
    [
        {"pid": os.getpid(), "host": "here", "command": "x", "started": "then"},  # a number that was given again
        {"pid": 1, "host": "elsewhere.example", "command": "x", "started": "then"},
        {"pid": 4_000_000_000, "host": "here", "command": "x", "started": "then"},
    ],
)
def test_what_a_dead_process_left_behind_holds_nobody_up(tmp_path, who):
    """The system knows who holds the lock; the file beside it is for people."""
    (tmp_path / "lock").write_text("")
    (tmp_path / "lock.json").write_text(json.dumps(who))
    with locked(tmp_path, "next", wait=0):
        assert json.loads((tmp_path / "lock.json").read_text())["command"] == "next"
    assert not (tmp_path / "lock.json").exists()


@pytest.mark.parametrize("name", ["lock", "lock.json"])
def test_an_empty_folder_in_the_place_of_a_file_holds_nobody_up(tmp_path, name):
    (tmp_path / name).mkdir()
    with (
        locked(tmp_path, "next", wait=0),
        pytest.raises(LibraryLocked, match="being written by"),
        locked(tmp_path, "third", wait=0),
    ):
        pass


def test_a_full_folder_in_the_place_of_the_lock_is_said(tmp_path):
    (tmp_path / "lock" / "mine").mkdir(parents=True)
    said = f"{tmp_path / 'lock'} is a folder where a file should be; move it away"
    with pytest.raises(LibraryFull, match=said), locked(tmp_path, "next", wait=0):
        pass
    assert (tmp_path / "lock" / "mine").exists()


def test_the_second_of_two_waits_for_the_first(tmp_path):
    with locked(tmp_path, "first", wait=0):
        waiting = Beside(lambda: _hold(tmp_path))
        with pytest.raises(LibraryLocked, match="by first "), locked(tmp_path, "look", wait=0):
            pass
    assert waiting.result() == "held"


def test_a_lock_that_was_deleted_with_its_library_is_told_from_a_new_one(tmp_path):
    library = tmp_path / "library"
    library.mkdir()
    with locked(library, "first", wait=0) as check:
        check()
        shutil.rmtree(library)
        with pytest.raises(LibraryMissing, match=f"{library} was deleted, or another took its place, while it was"):
            check()
        library.mkdir()
        with locked(library, "second", wait=0) as check_second:
            with pytest.raises(LibraryMissing):
                check()
            check_second()
            second = (library / "lock.json").read_text()
            first = tmp_path / "first"
            library.rename(first)
            with pytest.raises(LibraryMissing):
                check_second()
            first.rename(library)
            check_second()
    assert json.loads(second)["command"] == "second"


def test_who_holds_the_lock_is_said_on_when_that_of_a_deleted_library_is_freed(tmp_path):
    with locked(tmp_path, "first", wait=0):
        (tmp_path / "lock").unlink()
        second = locked(tmp_path, "second", wait=0)
        second.__enter__()
    with pytest.raises(LibraryLocked, match="by second "), locked(tmp_path, "third", wait=0):
        pass
    second.__exit__(None, None, None)
    assert not (tmp_path / "lock.json").exists()


def _hold(path):
    with locked(path, "second", wait=60):
        return "held"
