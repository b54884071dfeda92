import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.tokens import DIMENSION, Projection, interact, max_similarities, pack, similarities, unpack


def unit(rows: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((rows, DIMENSION)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


@given(st.integers(0, 40), st.integers(0, 1000))
def test_unpacking_comes_within_half_a_level(rows, seed):
    tokens = unit(rows, seed)
    codes = pack(tokens)
    assert len(codes) == rows * DIMENSION // 2
    half_a_level = 0.35 / 15
    assert np.abs(unpack(codes) - tokens.clip(-0.35, 0.35)).max(initial=0) <= half_a_level + 1e-6
    assert pack(unpack(codes)) == codes


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(0, 5), st.integers(0, 1000))
def test_max_similarities_are_those_of_a_loop(lengths, asked, seed):
    passages = [pack(unit(rows, seed + k)) for k, rows in enumerate(lengths)]
    query = unit(asked, seed + 100)
    best = max_similarities(query, passages)
    assert best.shape == (len(passages), asked)
    assert best.dtype == np.float32
    for row, codes in zip(best, passages, strict=True):
        for found, token in zip(row, query, strict=True):
            assert found == pytest.approx(max((unpack(codes) @ token).tolist(), default=0.0), abs=1e-5)


@given(st.lists(st.integers(0, 9), max_size=6), st.integers(0, 5), st.integers(0, 1000))
def test_an_interaction_has_every_token_of_every_passage(lengths, asked, seed):
    passages = [pack(unit(rows, seed + k)) for k, rows in enumerate(lengths)]
    query = unit(asked, seed + 100)
    found = interact(query, passages)
    for k, codes in enumerate(passages):
        assert found.of(k).shape == (lengths[k], asked)
        assert found.of(k) == pytest.approx(unpack(codes) @ query.T, abs=1e-5)
        assert found.best[k] == pytest.approx(found.of(k).max(axis=0, initial=-1 if lengths[k] else 0), abs=0)


def test_packed_tokens_are_compared_as_if_unpacked_however_many():
    codes, query = pack(unit(2500, 1)), unit(3, 2)
    assert np.abs(similarities(query, codes) - unpack(codes) @ query.T).max() < 1e-6


def test_a_passage_matches_itself_best():
    tokens = unit(5, 7)
    same, other = max_similarities(tokens, [pack(tokens), pack(unit(5, 8))]).mean(axis=1)
    assert same == pytest.approx(1, abs=0.03)
    assert other < 0.5


def test_the_projection_centres_whitens_and_has_unit_norm():
    layer = np.random.default_rng(1).normal(3, np.linspace(1, 9, 96), (4000, 96)).astype(np.float32)
    projection = Projection.fit(layer)
    raw = (layer - projection.mean) @ projection.basis
    assert np.allclose(np.cov(raw.T), np.eye(DIMENSION), atol=0.02)
    assert np.allclose(np.linalg.norm(projection.apply(layer), axis=1), 1, atol=1e-5)
