import multiprocessing
import os

import pytest

from indexer.errors import LibraryFull, LibraryLocked
from indexer.lock import is_locked, locked


def test_a_second_holder_is_told_who_is_the_first(tmp_path):
    with locked(tmp_path, "footnote index", wait=0):
        assert is_locked(tmp_path)
        with (
            pytest.raises(
                LibraryLocked,
                match=rf"{tmp_path} is being written by 'footnote index' \(process {os.getpid()} on .+, since 20..-",
            ),
            locked(tmp_path, "footnote index again", wait=0),
        ):
            pass
        assert is_locked(tmp_path)
    assert not is_locked(tmp_path)
    assert not (tmp_path / "lock.json").exists()


def test_an_exception_frees_the_lock(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path, "x", wait=0):
        raise ZeroDivisionError
    assert not is_locked(tmp_path)


@pytest.mark.parametrize("left", ["", "{", "[]", '{"pid": 1}'])
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
