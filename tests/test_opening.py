"""The desk of a command that was just started."""

from __future__ import annotations

import threading

import pytest
from desks import open_desk as indexed
from desks import settings_for
from stub_encoder import HashEncoder

from indexer.connect import CATALOGUE
from indexer.errors import LibraryCorrupt, LibraryMissing, ModelError
from service.opening import open_desk


def test_the_model_is_loaded_beside_the_library(tmp_path, monkeypatch):
    indexed(tmp_path).close()
    threads = []

    def load(*_: object, asking: bool, **__: object) -> HashEncoder:
        assert asking
        threads.append(threading.current_thread())
        return HashEncoder()

    monkeypatch.setattr("indexer.encode.load_encoder", load)
    with open_desk(settings_for(tmp_path), pytest.fail) as desk:
        assert desk.ask("Why does Adam divide by the root of the average square?").citations[0].file == "adam.md"
    assert threads
    assert threading.current_thread() not in threads


def test_without_a_library_no_model_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("indexer.encode.load_encoder", lambda *_, **__: pytest.fail("it is not needed"))
    with pytest.raises(LibraryMissing, match="no library at"):
        open_desk(settings_for(tmp_path), pytest.fail)


def test_a_damaged_library_is_said_at_once(tmp_path, monkeypatch):
    indexed(tmp_path).close()
    settings = settings_for(tmp_path)
    (settings.library / CATALOGUE).write_bytes(b"no catalogue" * 1000)
    said = threading.Event()
    loading = []

    def load(*_: object, **__: object) -> HashEncoder:
        loading.append(said.wait(10))
        return HashEncoder()

    monkeypatch.setattr("indexer.encode.load_encoder", load)
    with pytest.raises(LibraryCorrupt, match="damaged"):
        open_desk(settings, pytest.fail)
    assert loading == []
    said.set()


def test_what_is_wrong_with_the_model_is_said(tmp_path, monkeypatch):
    def load(*_: object, **__: object) -> HashEncoder:
        raise ModelError("there is no such model")

    indexed(tmp_path).close()
    monkeypatch.setattr("indexer.encode.load_encoder", load)
    with pytest.raises(ModelError, match="no such model"):
        open_desk(settings_for(tmp_path), pytest.fail)
