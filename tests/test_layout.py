"""Where passages lie on the map."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from indexer.layout import LANDMARKS, choose, lay_out


def clusters(count: int, each: int, noise: float = 0.4, seed: int = 0):
    """Vectors around `count` directions, and which of them each belongs to."""
    random = np.random.default_rng(seed)
    of = np.repeat(np.arange(count), each)
    rows = np.eye(64)[of] + noise * random.standard_normal((len(of), 64)) / 8
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), of


def middles(points, of):
    return np.array([points[of == n].mean(0) for n in range(of.max() + 1)])


def ids(count: int, first: int = 1):
    return np.arange(first, first + count, dtype=np.int64)


@pytest.fixture(scope="module")
def five():
    vectors, of = clusters(5, 40)
    return lay_out(ids(200), vectors), of


def test_what_means_the_same_lies_together(five):
    landmarks, of = five
    apart = np.linalg.norm(landmarks.points[:, None] - middles(landmarks.points, of), axis=2)
    assert (apart.argmin(1) == of).all()
    own = apart[np.arange(200), of].max()
    between = np.linalg.norm(middles(landmarks.points, of)[:, None] - middles(landmarks.points, of), axis=2)
    assert between[between > 0].min() > 2 * own


def test_the_same_vectors_lie_in_the_same_places(five):
    landmarks, _ = five
    assert np.array_equal(lay_out(landmarks.ids, landmarks.vectors).points, landmarks.points)


def test_a_passage_that_comes_later_lies_among_its_neighbours_and_moves_none(five):
    landmarks, of = five
    vectors, new_of = clusters(5, 10, seed=1)
    points = landmarks.place(ids(50, 1000), vectors)
    nearest = np.linalg.norm(points[:, None] - landmarks.points, axis=2).argmin(1)
    assert (of[nearest] == new_of).all()
    one_by_one = [landmarks.place(ids(1, 1000 + n), vectors[n : n + 1])[0] for n in range(50)]
    assert np.allclose(points, one_by_one, atol=1e-4)


def test_passages_with_the_same_words_do_not_hide_each_other(five):
    landmarks, _ = five
    points = landmarks.place(ids(30, 1000), np.repeat(landmarks.vectors[:1], 30, axis=0))
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    assert apart[np.triu_indices(30, 1)].min() > 0
    assert apart.max() < landmarks.gap


def test_a_layout_that_starts_from_another_stays_near_it(five):
    landmarks, of = five
    vectors, new_of = clusters(5, 20, seed=2)
    start = np.vstack([landmarks.points, landmarks.place(ids(100, 1000), vectors)])
    grown = lay_out(np.concatenate([landmarks.ids, ids(100, 1000)]), np.vstack([landmarks.vectors, vectors]), start)
    before, after = middles(landmarks.points, of), middles(grown.points[:200], of)
    assert np.linalg.norm(after - before, axis=1).max() < 0.3 * np.ptp(before, axis=0).max()
    apart = np.linalg.norm(grown.points[200:, None] - after, axis=2)
    assert (apart.argmin(1) == new_of).all()


@settings(max_examples=40)
@given(st.integers(2, 40), st.integers(1, 40), st.integers(0, 99))
@example(3, 3, 5)
def test_any_vectors_have_places(count, different, seed):
    random = np.random.default_rng(seed)
    rows = random.standard_normal((different, 8))[np.arange(count) % different]
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    landmarks = lay_out(ids(count), vectors)
    assert landmarks.points.shape == (count, 2)
    assert np.isfinite(landmarks.points).all()
    assert np.isfinite(landmarks.place(ids(count, 1000), vectors)).all()
    assert landmarks.gap >= 0


def test_landmarks_stay_the_same_ones_as_a_library_grows():
    small, large = choose(ids(3000)), choose(ids(4500))
    assert len(small) == len(large) == LANDMARKS
    assert len(np.intersect1d(small, large)) == pytest.approx(LANDMARKS * 2 / 3, rel=0.05)
    assert np.array_equal(choose(ids(20)), ids(20))
    assert len(np.unique(small // 300)) == 11  # from everywhere
