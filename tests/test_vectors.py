"""Vectors against exact search in numpy, and against damage."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.errors import LibraryCorrupt, LibraryFull
from indexer.vectors import Vectors, to_gpu

DIMENSION = 8


def unit(count: int, seed: int) -> np.ndarray:
    matrix = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def build(ids: list[int], matrix: np.ndarray, generation: int = 1) -> Vectors:
    return Vectors.build(
        np.array(ids, np.int64), matrix, generation=generation, fingerprint="hash", dimension=DIMENSION
    )


def same(left: Vectors, right: Vectors, ids: list[int]) -> None:
    assert len(left) == len(right) == len(ids)
    assert np.array_equal(left.get(ids), right.get(ids))
    if ids:
        query = unit(1, 99)[0]
        assert dict(left.search(query, len(ids))) == pytest.approx(dict(right.search(query, len(ids))))


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "vectors.faiss"
    build([3, 5, 8], unit(3, 0), generation=7).save(path)
    return path


@given(count=st.integers(0, 60), k=st.integers(0, 70), seed=st.integers(0, 1000), queries=st.integers(0, 30))
@settings(deadline=None)
def test_search_is_exact(count: int, k: int, seed: int, queries: int) -> None:
    matrix, questions = unit(count, seed), unit(queries, seed + 1)
    ids = np.random.default_rng(seed).permutation(10_000)[:count]
    vectors = build(ids.tolist(), matrix)
    exact = questions @ matrix.T
    for row, hits in zip(exact, vectors.search_many(questions, k), strict=True):
        assert [score for _, score in hits] == pytest.approx(np.sort(row)[::-1][:k].tolist(), abs=1e-6)
        scores = dict(zip(ids.tolist(), row.tolist(), strict=True))
        assert [scores[number] for number, _ in hits] == pytest.approx([score for _, score in hits], abs=1e-6)
        assert len({number for number, _ in hits}) == min(k, count)


@given(count=st.integers(0, 60), k=st.integers(0, 70), seed=st.integers(0, 1000), data=st.data())
@settings(deadline=None)
def test_search_among_some_finds_what_search_among_all_finds_of_them(
    count: int, k: int, seed: int, data: st.DataObject
) -> None:
    ids = np.random.default_rng(seed).permutation(10_000)[:count].tolist()
    vectors = build(ids, unit(count, seed))
    chosen = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
    chosen |= data.draw(st.sets(st.integers(0, 10_000), max_size=3))  # a passage may have no vector
    query = unit(1, seed + 1)[0]
    expected = [
        (number, pytest.approx(score, abs=1e-6)) for number, score in vectors.search(query, count) if number in chosen
    ]
    assert vectors.search(query, k, np.array(sorted(chosen), np.int64)) == expected[:k]


def test_a_vector_finds_itself_first() -> None:
    matrix = unit(3, 0)
    number, score = build([3, 5, 8], matrix).search(matrix[1], 2)[0]
    assert number == 5
    assert score == pytest.approx(1.0)


@given(
    ids=st.lists(st.integers(1, 50), unique=True, max_size=30),
    asked=st.lists(st.integers(1, 50), max_size=20),
    seed=st.integers(0, 1000),
)
def test_cosines_are_exact_and_0_where_there_is_no_vector(ids: list[int], asked: list[int], seed: int) -> None:
    matrix, query = unit(len(ids), seed), unit(1, seed + 1)[0]
    vectors = build(ids, matrix)
    exact = dict(zip(ids, (matrix @ query).tolist(), strict=True))
    for _ in range(2):
        found = vectors.cosines(query, asked)
        assert found.dtype == np.float32
        assert found.tolist() == pytest.approx([exact.get(number, 0.0) for number in asked], abs=1e-6)


def test_empty_index_finds_nothing() -> None:
    vectors = build([], unit(0, 0))
    assert vectors.search(unit(1, 0)[0], 5) == []
    assert vectors.search_many(unit(2, 0), 5) == [[], []]
    assert vectors.get([]).shape == (0, DIMENSION)


@given(
    old=st.sets(st.integers(0, 40)),
    removed=st.sets(st.integers(0, 40)),
    new=st.sets(st.integers(0, 40)),
)
@settings(deadline=None)
def test_update_equals_rebuild(old: set[int], removed: set[int], new: set[int]) -> None:
    before, after = dict(zip(old, unit(len(old), 1), strict=True)), dict(zip(new, unit(len(new), 2), strict=True))
    vectors = build(list(old), unit(len(old), 1))
    changed = vectors.updated(
        removed=sorted(removed), ids=np.array(list(new), np.int64), vectors=unit(len(new), 2), generation=2
    )
    expected = {number: row for number, row in before.items() if number not in removed} | after
    rows = np.array(list(expected.values()), np.float32).reshape(-1, DIMENSION)
    same(changed, build(list(expected), rows), list(expected))
    assert changed.generation == 2
    same(vectors, build(list(before), unit(len(old), 1)), list(before))  # the old one is as it was
    assert vectors.generation == 1


@given(count=st.integers(0, 20), generation=st.integers(0, 2**40))
@settings(deadline=None)
def test_saved_is_opened_as_it_was(tmp_path_factory: pytest.TempPathFactory, count: int, generation: int) -> None:
    path = tmp_path_factory.mktemp("vectors") / "vectors.faiss"
    vectors = build(list(range(count)), unit(count, 3), generation)
    vectors.save(path)
    opened = Vectors.open(path)
    same(opened, vectors, list(range(count)))
    assert (opened.generation, opened.fingerprint, opened.dimension) == (generation, "hash", DIMENSION)
    assert [file.name for file in path.parent.iterdir()] == ["vectors.faiss"]


def test_any_flipped_byte_is_seen(stored: Path) -> None:
    good = stored.read_bytes()
    for position in range(len(good)):
        damaged = bytearray(good)
        damaged[position] ^= 1 << position % 8
        stored.write_bytes(damaged)
        with pytest.raises(LibraryCorrupt, match="footnote index"):
            Vectors.open(stored)


def test_any_truncation_is_seen(stored: Path) -> None:
    good = stored.read_bytes()
    for length in range(len(good)):
        stored.write_bytes(good[:length])
        with pytest.raises(LibraryCorrupt, match="footnote index"):
            Vectors.open(stored)
    stored.write_bytes(good + b"\0")
    with pytest.raises(LibraryCorrupt):
        Vectors.open(stored)


def test_a_missing_file_is_for_repair(tmp_path: Path) -> None:
    with pytest.raises(LibraryCorrupt, match="No such file"):
        Vectors.open(tmp_path / "vectors.faiss")


def test_a_vector_that_is_not_there_is_for_repair() -> None:
    with pytest.raises(LibraryCorrupt, match="no vector"):
        build([1], unit(1, 0)).get([1, 2])


def test_a_failed_save_leaves_the_old_file(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LibraryFull, match="No space left on device; make room"):
        build([1], unit(1, 0)).save(stored)
    assert len(Vectors.open(stored)) == 3
    assert [file.name for file in stored.parent.iterdir()] == ["vectors.faiss"]


def test_without_a_gpu_it_stays_on_the_cpu_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import faiss

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0, raising=False)
    vectors, said = build([1], unit(1, 0)), []
    assert to_gpu(vectors, said.append) is vectors
    assert said == ["The installed faiss has no GPU to work on; vectors are searched on the CPU."]


def test_on_a_gpu_it_gives_the_same_and_can_still_be_saved(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import faiss

    stand_in = SimpleNamespace(
        StandardGpuResources=object,
        get_num_gpus=lambda: 1,
        index_cpu_to_gpu=lambda _resources, _device, index: faiss.clone_index(index),
    )
    for name in vars(faiss):
        if not hasattr(stand_in, name):
            setattr(stand_in, name, getattr(faiss, name))
    monkeypatch.setitem(sys.modules, "faiss", stand_in)
    vectors = Vectors.open(stored)
    moved = to_gpu(vectors, pytest.fail)
    same(moved, vectors, [3, 5, 8])
    assert moved.generation == 7
    moved.save(stored)
    same(Vectors.open(stored), vectors, [3, 5, 8])
