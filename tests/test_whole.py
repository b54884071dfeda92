from contextlib import suppress

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
