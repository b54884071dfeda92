"""Vectors of every kind against exact search in numpy, and their files against damage and any history."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.base import header_of, restored
from indexer.codes import Book
from indexer.delta import MAGIC, PREFIX, beside
from indexer.encode import unit
from indexer.errors import LibraryCorrupt, LibraryFull
from indexer.vectors import Vectors, rebuild_vectors, state_of_vectors, to_gpu, update_vectors

DIMENSION = 8
KINDS = ("flat", "4-bit product codes, then exact")


def halves(count: int, seed: int, dimension: int = DIMENSION) -> np.ndarray:
    """Vectors as a catalogue stores them."""
    matrix = np.random.default_rng(seed).normal(size=(count, dimension))
    return (matrix / np.linalg.norm(matrix, axis=1, keepdims=True)).astype(np.float16)


def queries(count: int, seed: int, dimension: int = DIMENSION) -> np.ndarray:
    return unit(halves(count, seed, dimension))


@contextmanager
def few(*, flat: int = 16, held: int = 0, kept: int = 2) -> Iterator[None]:
    """As if so few vectors were many."""
    with (
        patch("indexer.codes.FLAT_MOST", flat),
        patch("indexer.base.HELD_BYTES", held),
        patch("indexer.delta.LEAST_FOLDED", kept),
    ):
        yield


def build(ids: list[int], rows: np.ndarray, generation: int = 1) -> Vectors:
    numbers = np.array(ids, np.int64)
    order = np.argsort(numbers)
    blocks = [(numbers[order], rows[order])]
    return Vectors.build(blocks, generation=generation, fingerprint="hash", dimension=rows.shape[1])


def write(path: Path, ids: list[int], rows: np.ndarray, generation: int = 1) -> None:
    """In two blocks."""
    numbers, half = np.array(ids, np.int64), len(ids) // 2
    blocks = [(numbers[:half], rows[:half]), (numbers[half:], rows[half:])]
    rebuild_vectors(path, blocks, generation=generation, fingerprint="hash", dimension=rows.shape[1])


def holds(vectors: Vectors, expected: dict[int, np.ndarray]) -> None:
    """Everything that can be asked of vectors is as it is for those rows."""
    ids = sorted(expected)
    matrix = restored(np.array([expected[number] for number in ids], np.float16).reshape(-1, DIMENSION))
    assert len(vectors) == len(ids)
    assert np.array_equal(vectors.get(ids), matrix)
    query = queries(2, 99)
    exact = query @ matrix.T
    assert vectors.cosines(query, ids) == pytest.approx(exact, abs=1e-6)
    for row, found in zip(exact, vectors.search_many(query, len(ids) + 3), strict=True):
        assert dict(found) == pytest.approx(dict(zip(ids, row.tolist(), strict=True)), abs=1e-6)
        assert [score for _, score in found] == sorted(dict(found).values(), reverse=True)


@pytest.fixture(params=KINDS)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Vectors of each kind in a file, with a change beside it."""
    path = tmp_path / "vectors.faiss"
    count = 10 + 20 * KINDS.index(request.param)
    with few(kept=8):
        write(path, list(range(1, count)), halves(count - 1, 0), generation=6)
        change = [(np.array([3, count]), halves(2, 1))]
        update_vectors(path, removed=[], added=change, generation=7)
        assert Vectors.open(path).kind == request.param
        yield path


@given(count=st.integers(0, 60), k=st.integers(0, 70), seed=st.integers(0, 1000), asked=st.integers(0, 30))
@settings(deadline=None)
def test_search_among_few_is_exact(count: int, k: int, seed: int, asked: int) -> None:
    rows, questions = halves(count, seed), queries(asked, seed + 1)
    ids = np.random.default_rng(seed).permutation(10_000)[:count]
    vectors = build(ids.tolist(), rows)
    exact = questions @ unit(rows).T
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
    chosen = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
    chosen |= data.draw(st.sets(st.integers(0, 10_000), max_size=3))  # a passage may have no vector
    query = queries(1, seed + 1)[0]
    with few(), patch("indexer.vectors.FEW", 5):
        vectors = build(ids, halves(count, seed))
        expected = [
            (number, pytest.approx(score, abs=1e-6))
            for number, score in vectors.search(query, count)
            if number in chosen
        ]
        assert vectors.search(query, k, np.array(sorted(chosen), np.int64)) == expected[:k]


def test_nearly_all_of_the_nearest_are_found_by_codes(tmp_path: Path) -> None:
    centres = np.random.default_rng(0).normal(size=(40, 64))
    rows = unit(np.repeat(centres, 100, axis=0) + np.random.default_rng(1).normal(size=(4000, 64))).astype(np.float16)
    questions = unit(centres[:20] + np.random.default_rng(2).normal(size=(20, 64)))
    with few(flat=1000), patch("indexer.vectors.LEAST_CANDIDATES", 0):
        write(tmp_path / "vectors.faiss", list(range(4000)), rows)
        vectors = Vectors.open(tmp_path / "vectors.faiss")
        assert vectors.kind == KINDS[1]
        found = [{number for number, _ in hits} for hits in vectors.search_many(questions, 20)]
    nearest = np.argsort(-questions @ unit(rows).T, axis=1)[:, :20]
    assert np.mean([len(a & set(b.tolist())) / 20 for a, b in zip(found, nearest, strict=True)]) >= 0.97


def test_a_vector_finds_itself_first() -> None:
    rows = halves(3, 0)
    number, score = build([3, 5, 8], rows).search(unit(rows)[1], 2)[0]
    assert number == 5
    assert score == pytest.approx(1.0)


@given(
    ids=st.lists(st.integers(1, 50), unique=True, max_size=30),
    asked=st.lists(st.integers(1, 50), max_size=20),
    seed=st.integers(0, 1000),
)
def test_cosines_are_exact_and_0_where_there_is_no_vector(ids: list[int], asked: list[int], seed: int) -> None:
    rows, query = halves(len(ids), seed), queries(2, seed + 1)
    exact = dict(zip(ids, (query @ unit(rows).T).T.tolist(), strict=True))
    found = build(ids, rows).cosines(query, asked)
    assert found.dtype == np.float32
    assert found.T.tolist() == [pytest.approx(exact.get(number, [0.0, 0.0]), abs=1e-6) for number in asked]


def test_empty_index_finds_nothing() -> None:
    vectors = build([], halves(0, 0))
    assert vectors.search(queries(1, 0)[0], 5) == []
    assert vectors.search_many(queries(2, 0), 5) == [[], []]
    assert vectors.get([]).shape == (0, DIMENSION)
    assert vectors.cosines(queries(2, 0), []).shape == (2, 0)


@given(
    old=st.sets(st.integers(0, 60), max_size=60),
    removed=st.sets(st.integers(0, 60)),
    new=st.sets(st.integers(0, 60)),
)
@settings(deadline=None)
def test_update_equals_rebuild(old: set[int], removed: set[int], new: set[int]) -> None:
    before = dict(zip(sorted(old), halves(len(old), 1), strict=True))
    after = dict(zip(sorted(new), halves(len(new), 2), strict=True))
    with few():
        vectors = build(sorted(old), halves(len(old), 1))
        changed = vectors.updated(
            removed=removed, added=[(np.array(sorted(new), np.int64), halves(len(new), 2))], generation=2
        )
        holds(changed, {number: row for number, row in before.items() if number not in removed} | after)
        holds(vectors, before)  # the old one is as it was
    assert (vectors.generation, changed.generation) == (1, 2)
    assert changed.base is vectors.base


CHANGES = st.lists(
    st.tuples(st.sets(st.integers(0, 80), max_size=12), st.sets(st.integers(0, 80), max_size=30), st.booleans()),
    max_size=8,
)


@given(changes=CHANGES, held=st.sampled_from([0, 1 << 20]))
@settings(deadline=None, max_examples=60)
def test_any_history_is_found_like_vectors_made_afresh(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[set[int], set[int], bool]], held: int
) -> None:
    path = tmp_path_factory.mktemp("vectors") / "vectors.faiss"
    expected: dict[int, np.ndarray] = {}
    with few(held=held, kept=8):
        write(path, [], halves(0, 0), 0)
        reader, seen = Vectors.open(path), {}
        for generation, (removed, ids, looks) in enumerate(changes, 1):
            rows = halves(len(ids), generation)
            update_vectors(
                path, removed=removed, added=[(np.array(sorted(ids), np.int64), rows)], generation=generation
            )
            expected = {number: row for number, row in expected.items() if number not in removed}
            expected |= zip(sorted(ids), rows, strict=True)
            assert state_of_vectors(path) == (generation, "hash", DIMENSION)
            if looks:
                old, reader = reader, Vectors.open(path, reader)
                holds(reader, expected)
                holds(old, seen)
                seen = expected
        holds(Vectors.open(path), expected)
        assert {file.name for file in path.parent.iterdir()} <= {"vectors.faiss", "vectors.delta"}


@given(count=st.integers(0, 60), generation=st.integers(0, 2**40))
@settings(deadline=None)
def test_written_is_opened_as_it_was(tmp_path_factory: pytest.TempPathFactory, count: int, generation: int) -> None:
    path = tmp_path_factory.mktemp("vectors") / "vectors.faiss"
    rows = halves(count, 3)
    with few():
        write(path, list(range(count)), rows, generation)
        opened = Vectors.open(path)
        holds(opened, dict(enumerate(rows)))
    assert (opened.generation, opened.fingerprint, opened.dimension) == (generation, "hash", DIMENSION)
    assert [file.name for file in path.parent.iterdir()] == ["vectors.faiss"]


@pytest.mark.parametrize("more", [["new"], []], ids=["another field", "other lengths"])
def test_changes_of_another_version_are_not_read(stored: Path, more: list[str]) -> None:
    text = json.dumps([header_of(stored).identity, 8, 1, 1, DIMENSION, crc32(b""), *more]).encode()
    beside(stored).write_bytes(PREFIX.pack(MAGIC, len(text), crc32(text)) + text)
    with pytest.raises(LibraryCorrupt, match=r"vectors\.delta cannot be used: it is of another version"):
        Vectors.open(stored)


def test_a_small_change_writes_a_small_file(stored: Path) -> None:
    before, opened = stored.stat(), Vectors.open(stored)
    update_vectors(stored, removed=[1], added=[], generation=8)
    assert (stored.stat().st_ino, stored.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    reopened = Vectors.open(stored, opened)
    assert reopened.base is opened.base  # neither read again nor held twice
    assert (len(reopened), reopened.generation) == (len(opened) - 1, 8)
    assert 1 not in dict(reopened.search(queries(1, 5)[0], 99))
    assert 1 in dict(opened.search(queries(1, 5)[0], 99))


def test_a_large_change_is_folded_in_and_nothing_is_learnt_again(stored: Path) -> None:
    opened = Vectors.open(stored)
    ids = np.arange(100, 104)
    with patch.object(Book, "learn", side_effect=AssertionError):
        update_vectors(stored, removed=[1, 2], added=[(ids, halves(4, 4))], generation=8)
    assert not beside(stored).exists()
    new = Vectors.open(stored, opened)
    assert new.base is not opened.base
    assert (len(new), new.generation, new.kind) == (len(opened) + 2, 8, opened.kind)
    query = queries(1, 5)[0]
    assert {1, 2} <= dict(opened.search(query, 99)).keys()  # what was opened before is as it was
    assert dict(new.search(query, 99)).keys() == dict(opened.search(query, 99)).keys() - {1, 2} | set(ids.tolist())


def test_codes_are_learnt_again_when_they_are_outgrown(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    with few(kept=10):
        write(path, list(range(30)), halves(30, 0))
        for first in range(30, 130, 20):
            update_vectors(
                path, removed=[], added=[(np.arange(first, first + 20), halves(20, first))], generation=first
            )
            assert Vectors.open(path).base.learnt[0].learnt_from == (30 if first < 110 else 130)


def test_any_flipped_byte_is_seen(stored: Path) -> None:
    for file in (stored, beside(stored)):
        good = file.read_bytes()
        for position in [*range(len(good))][:: 1 if file != stored else 3]:
            damaged = bytearray(good)
            damaged[position] ^= 1 << position % 8
            file.write_bytes(damaged)
            with pytest.raises(LibraryCorrupt, match="footnote index"):
                Vectors.open(stored)
        file.write_bytes(good)


def test_any_truncation_is_seen(stored: Path) -> None:
    for file in (stored, beside(stored)):
        good = file.read_bytes()
        for length in range(0, len(good), 7):
            file.write_bytes(good[:length])
            with pytest.raises(LibraryCorrupt, match="footnote index"):
                Vectors.open(stored)
        file.write_bytes(good + b"\0")
        with pytest.raises(LibraryCorrupt):
            Vectors.open(stored)
        file.write_bytes(good)


def test_damage_is_seen_before_it_is_folded_in(stored: Path) -> None:
    damaged = bytearray(stored.read_bytes())
    damaged[4096] ^= 1  # of the first row
    stored.write_bytes(damaged)
    with pytest.raises(LibraryCorrupt, match="rows are damaged"):
        update_vectors(stored, removed=range(20), added=[], generation=8)
    assert stored.read_bytes() == damaged


def test_what_is_cut_off_while_it_is_open_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "vectors.faiss"
    with few():
        write(path, list(range(30)), halves(30, 0))
        vectors = Vectors.open(path)
    with path.open("r+b") as file:
        file.truncate(4200)
    with pytest.raises(LibraryCorrupt, match="cut off"):
        vectors.get([29])


@pytest.mark.parametrize("fields", [b"[]", b"{}", b'{"parts": {}, "count": 1, "lists": 2}'])
def test_a_file_of_another_version_is_made_again(tmp_path: Path, fields: bytes) -> None:
    path = tmp_path / "vectors.faiss"
    text = fields.ljust(4084)
    for data in (b"FNVECT01" + bytes(10_000), b"FNVECT02" + crc32(text).to_bytes(4, "little") + text):
        path.write_bytes(data)
        with pytest.raises(LibraryCorrupt, match="another version"):
            Vectors.open(path)


def test_changes_to_another_file_are_not_believed(stored: Path) -> None:
    old = beside(stored).read_bytes()
    write(stored, [1, 2, 3], halves(3, 5), generation=9)
    beside(stored).write_bytes(old)  # as after a process that was killed between the two
    assert state_of_vectors(stored)[0] == 9
    holds(Vectors.open(stored), dict(enumerate(halves(3, 5), 1)))


def test_a_missing_file_is_for_repair(tmp_path: Path) -> None:
    with pytest.raises(LibraryCorrupt, match="No such file"):
        Vectors.open(tmp_path / "vectors.faiss")
    with pytest.raises(LibraryCorrupt, match="No such file"):
        state_of_vectors(tmp_path / "vectors.faiss")


def test_a_vector_that_is_not_there_is_for_repair() -> None:
    with pytest.raises(LibraryCorrupt, match="no vector"):
        build([1], halves(1, 0)).get([1, 2])


@pytest.mark.parametrize("ids", [[90], list(range(90, 99))])
def test_a_failed_write_leaves_the_old_files(stored: Path, monkeypatch: pytest.MonkeyPatch, ids: list[int]) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    before = {file: file.read_bytes() for file in stored.parent.iterdir()}
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LibraryFull, match="No space left on device; make room"):
        update_vectors(stored, removed=[], added=[(np.array(ids), halves(len(ids), 0))], generation=8)
    with pytest.raises(LibraryFull, match="No space left on device; make room"):
        write(stored, [1], halves(1, 0))
    assert {file: file.read_bytes() for file in stored.parent.iterdir()} == before


def test_without_a_gpu_it_stays_on_the_cpu_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import faiss

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 0, raising=False)
    vectors, said = build([1], halves(1, 0)), []
    assert to_gpu(vectors, said.append) is vectors
    assert said == ["The installed faiss has no GPU to work on; vectors are searched on the CPU."]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A faiss that says it has a GPU, and does on the CPU what it is to do there."""
    import faiss

    def moved(_resources: object, _device: int, index: object, _how: object) -> object:
        return faiss.clone_index(index)

    stand_in = SimpleNamespace(
        StandardGpuResources=object,
        GpuClonerOptions=SimpleNamespace,
        get_num_gpus=lambda: 1,
        index_cpu_to_gpu=moved,
    )
    for name in vars(faiss):
        if not hasattr(stand_in, name):
            setattr(stand_in, name, getattr(faiss, name))
    monkeypatch.setitem(sys.modules, "faiss", stand_in)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("most", [2048, 20])
def test_on_a_gpu_it_finds_the_same(stored: Path, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.vectors.GPU_MOST", most)
    vectors = Vectors.open(stored)
    moved = to_gpu(vectors, pytest.fail)
    assert (moved.generation, moved.kind) == (7, "flat, on a GPU")
    query = queries(1, 5)[0]
    for among in (None, np.array([1, 3, 5, 7])):
        assert moved.search(query, 99, among) == vectors.search(query, 99, among)
        assert moved.search(query, 2, among)[0] == vectors.search(query, 99, among)[0]
    update_vectors(stored, removed=[1], added=[], generation=8)
    reopened = Vectors.open(stored, moved)
    assert reopened.gpu is moved.gpu  # not moved again
    assert to_gpu(reopened, pytest.fail) is reopened
    assert reopened.search(query, 99) == Vectors.open(stored).search(query, 99)
