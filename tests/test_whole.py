import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from indexer.whole import replaced


def test_a_file_is_as_it_was_until_all_is_written(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("before")
    with replaced(file) as new:
        new.write_text("after")
        assert file.read_text() == "before"
    assert file.read_text() == "after"
    assert list(tmp_path.iterdir()) == [file]


def test_what_fails_leaves_nothing(tmp_path):
    file = tmp_path / "a.json"
    file.write_text("before")
    with suppress(KeyboardInterrupt), replaced(file) as new:
        new.write_text("half")
        raise KeyboardInterrupt
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("a.json", "before")]
    with pytest.raises(FileNotFoundError), replaced(file):
        pass  # nothing was written
    assert file.read_text() == "before"


@pytest.mark.skipif(os.name != "posix", reason="the modes of files are those of POSIX")
def test_what_is_private_is_written_for_its_owner_alone_and_through_no_link(tmp_path):
    file, left, elsewhere = tmp_path / "token", tmp_path / "token.new", tmp_path / "elsewhere"
    left.symlink_to(elsewhere)
    before = os.umask(0)
    try:
        with replaced(file, private=True) as new:
            assert stat.S_IMODE(new.stat().st_mode) == 0o600
            new.write_text("secret")
    finally:
        os.umask(before)
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("secret", 0o600)
    assert not file.is_symlink()
    assert not elsewhere.exists()


def test_a_link_that_is_put_there_meanwhile_is_not_followed(tmp_path, monkeypatch):
    file, elsewhere = tmp_path / "token", tmp_path / "elsewhere"
    monkeypatch.setattr(Path, "unlink", lambda path, **_: os.path.lexists(path) or path.symlink_to(elsewhere))
    with pytest.raises(FileExistsError), replaced(file, private=True):
        pytest.fail("it was opened")
    assert not elsewhere.exists()
