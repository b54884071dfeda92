from __future__ import annotations

import json
import os

import pytest
from stub_encoder import HashEncoder

from indexer.build import build
from indexer.intake import Progress
from indexer.library import writing
from indexer.running import RUNNING, Running, told
from indexer.settings import Settings


@pytest.fixture
def library(tmp_path):
    return tmp_path


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def test_a_run_tells_how_far_it_is_to_whoever_looks(library):
    clock, heard = Clock(), []
    with writing(library, "footnote index"), told(library, "footnote index", heard.append, clock) as tell:
        tell(Progress("scan", 0, 0))
        assert not (library / RUNNING).exists()  # it might be done at once
        clock.now = 1.0
        tell(Progress("read", 10, 40, 0, 400))
        clock.now = 3.0
        tell(Progress("read", 20, 40, 100, 400))
        assert Running.read(library) == Running(
            "footnote index", os.getpid(), "read", 20, 40, 100, 400, pace=50.0, left=6.0
        )
        clock.now = 3.1
        tell(Progress("read", 30, 40, 110, 400))
        assert Running.read(library).done == 20  # not more than a few times a second
        clock.now = 4.0
        tell(Progress("fetch", 1, 3, 400, 400))
        assert (Running.read(library).stage, Running.read(library).left) == ("fetch", None)
    assert (Running.read(library), [one.done for one in heard]) == (None, [0, 10, 20, 30, 1])
    assert not (library / RUNNING).exists()


def test_what_a_killed_run_left_behind_says_nothing(library):
    left = {"command": "footnote index", "pid": 1, "stage": "read", "done": 1, "total": 2}
    (library / RUNNING).write_text(json.dumps(left))
    assert Running.read(library) is None
    with writing(library, "another"):
        assert Running.read(library).done == 1


@pytest.mark.parametrize("said", ["", "{", "[]", '{"pid": 1}', '{"command": "x", "age": 3}', "\xff"])
def test_what_is_no_report_says_nothing(library, said):
    (library / RUNNING).write_text(said, encoding="latin-1")
    with writing(library, "another"):
        assert Running.read(library) is None


def test_a_run_that_is_quick_writes_nothing(tmp_path, monkeypatch):
    notes, seen = tmp_path / "notes", []
    notes.mkdir()
    (notes / "a.md").write_text("# A\n\nText.\n")
    settings = Settings(tmp_path / "library", tmp_path / "cache")
    monkeypatch.setattr("indexer.running.FIRST_SECONDS", 1000.0)

    def look(_: Progress) -> None:
        seen.append((settings.library / RUNNING).exists())

    build(settings.library, [notes], HashEncoder(), settings, progress=look)
    assert seen
    assert not any(seen)
