"""The codes of a passage's tokens, which tell how well its words match those of a question.

A token's vector (the encoder's last layer, centred and projected by a fixed PCA, whitened, of unit norm) is kept with
four bits a component: 32 bytes a token. Late interaction (ColBERT's MaxSim: Khattab and Zaharia 2020,
arXiv:2004.12832) compares them without running the model again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.types import Matrix

DIMENSION = 64
"""Components of a token's vector."""

_REACH = 0.35
"""Components beyond ± this value, 2.8 standard deviations of a unit vector's, are clipped."""

_LEVELS = (np.arange(16, dtype=np.float32) / 7.5 - 1) * _REACH
_PAIRS = np.stack(np.meshgrid(_LEVELS, _LEVELS, indexing="ij"), axis=-1).reshape(256, 2)


@dataclass(frozen=True, slots=True)
class Projection:
    """From the encoder's last layer to token vectors: `mean` (hidden,), `basis` (hidden, DIMENSION)."""

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    @classmethod
    def fit(cls, layer: Matrix) -> Projection:
        """Fit centring, PCA and whitening to token vectors of the last layer, (tokens, hidden)."""
        mean = layer.mean(axis=0)
        _, scales, axes = np.linalg.svd(layer - mean, full_matrices=False)
        basis = axes[:DIMENSION].T / (scales[:DIMENSION] / np.sqrt(len(layer)))
        return cls(mean.astype(np.float32), basis.astype(np.float32))

    def apply(self, layer: Matrix) -> Matrix:
        """(tokens, hidden) → (tokens, DIMENSION), rows of unit norm."""
        projected = (layer - self.mean) @ self.basis
        norms = np.linalg.norm(projected, axis=1, keepdims=True)
        unit: Matrix = (projected / np.maximum(norms, 1e-9)).astype(np.float32, copy=False)
        return unit


def pack(tokens: Matrix) -> bytes:
    """(tokens, DIMENSION) → DIMENSION / 2 bytes a token."""
    levels = np.clip(np.rint((tokens / _REACH + 1) * 7.5), 0, 15).astype(np.uint8)
    packed: NDArray[np.uint8] = levels[:, ::2] << 4 | levels[:, 1::2]
    return packed.tobytes()


def unpack(codes: bytes) -> Matrix:
    """The inverse of `pack`, as near as four bits a component come."""
    return _PAIRS[np.frombuffer(codes, dtype=np.uint8)].reshape(-1, DIMENSION)


def max_similarities(query: Matrix, passages: Sequence[bytes]) -> Matrix:
    """The best match of each token of a question in each passage: (passages, question tokens), cosines.

    A passage without codes matches nothing: its row is zero.
    """
    best = np.zeros((len(passages), len(query)), dtype=np.float32)
    coded = [k for k, codes in enumerate(passages) if codes]
    if not coded or not len(query):
        return best
    similarities = unpack(b"".join(passages[k] for k in coded)) @ query.T
    starts = np.cumsum([0, *(2 * len(passages[k]) // DIMENSION for k in coded[:-1])])
    best[coded] = np.maximum.reduceat(similarities, starts, axis=0)
    return best
