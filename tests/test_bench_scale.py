"""What is measured at scale, on little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.encode import unit
from indexer.vectors import Vectors, rebuild_vectors
from tests.bench import scale


@pytest.fixture
def matrix() -> np.ndarray:
    return unit(np.random.default_rng(0).normal(size=(500, 16))).astype(np.float16)


@pytest.fixture
def path(matrix: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(scale, "AT_ONCE", 200)
    monkeypatch.setattr(scale, "POOL", 20)
    path = tmp_path / "vectors.faiss"
    rebuild_vectors(path, scale.blocks(matrix, 450), generation=1, fingerprint="", dimension=16)
    return path


def test_the_nearest_by_comparing_all_are_what_is_found(path: Path, matrix: np.ndarray) -> None:
    asked = unit(np.random.default_rng(1).normal(size=(7, 16)))
    exact = scale.nearest(matrix, 450, asked)
    assert exact == scale.searched(path, asked)["found"]
    assert exact[0][0] == 1 + int(np.argmax(unit(matrix[:450]) @ asked[0]))


def test_adding_leaves_the_file_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scale, "ADDED", 10)
    before = path.read_bytes()
    figures = scale.added(path, tmp_path / "copy.faiss")
    assert len(figures["took"]) == scale.UPDATES
    assert figures["fold"] > 0
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert len(Vectors.open(path)) == 450
