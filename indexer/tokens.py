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

TOKEN_BYTES = DIMENSION // 2
"""Bytes of a token's code."""

_REACH = 0.35
"""Components beyond ± this value, 2.8 standard deviations of a unit vector's, are clipped."""

_STEP = _REACH / 7.5
"""From one of the sixteen levels of a component to the next."""

_ROWS = 1024
"""Tokens that are compared at a time: what is made of them then stays in a core's cache."""


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
    scaled = tokens * np.float32(1 / _STEP)
    scaled += np.float32(7.5)
    np.rint(scaled, out=scaled)
    levels = np.clip(scaled, 0, 15, out=scaled).astype(np.uint8)
    packed = np.left_shift(levels[:, ::2], 4, dtype=np.uint8)
    np.bitwise_or(packed, levels[:, 1::2], out=packed)
    return packed.tobytes()


def unpack(codes: bytes) -> Matrix:
    """The inverse of `pack`, as near as four bits a component come."""
    packed = np.frombuffer(codes, dtype=np.uint8)
    levels = np.empty((len(packed), 2), dtype=np.float32)
    levels[:, 0], levels[:, 1] = packed >> 4, packed & 15
    tokens: Matrix = (levels * np.float32(_STEP) - np.float32(_REACH)).reshape(-1, DIMENSION)
    return tokens


@dataclass(frozen=True, slots=True)
class Interaction:
    """How near the tokens of some passages are to those of a question: cosines.

    `best` is (passages, question tokens), the best match of each token of the question in each passage; a passage
    without codes matches nothing, its row is zero. `similarities` is (tokens of all passages, question tokens), and
    `starts` (passages + 1,) says where those of each passage begin.
    """

    best: Matrix
    similarities: Matrix
    starts: NDArray[np.int64]

    def of(self, passage: int) -> Matrix:
        """Every token of one passage beside every token of the question: (passage tokens, question tokens)."""
        return self.similarities[self.starts[passage] : self.starts[passage + 1]]


def interact(query: Matrix, passages: Sequence[bytes]) -> Interaction:
    """Compare the tokens of a question, (question tokens, DIMENSION), with the codes of some passages."""
    starts = np.zeros(len(passages) + 1, dtype=np.int64)
    np.cumsum([2 * len(codes) // DIMENSION for codes in passages], out=starts[1:])
    found = similarities(query, b"".join(passages))
    best = np.zeros((len(passages), len(query)), dtype=np.float32)
    coded = starts[1:] > starts[:-1]
    if found.size:
        best[coded] = np.maximum.reduceat(found, starts[:-1][coded], axis=0)
    return Interaction(best, found, starts)


def similarities(query: Matrix, codes: bytes) -> Matrix:
    """The cosines of all tokens in `codes` to those of a question: (tokens, question tokens).

    A byte of a code is 16 · high + low, so its part of the sum is byte · (even / 16) + low · (odd - even / 16), where
    even and odd are the components of the question that the two levels belong to: nothing has to be unpacked.
    """
    steps = query.T * np.float32(_REACH / 7.5)
    of_bytes = np.ascontiguousarray(steps[::2] / 16)
    of_lows = np.ascontiguousarray(steps[1::2] - of_bytes)
    packed = np.frombuffer(codes, dtype=np.uint8).reshape(-1, DIMENSION // 2)
    rows = min(_ROWS, len(packed))
    floats = np.empty((rows, DIMENSION // 2), dtype=np.float32)
    lowest = np.tile(np.float32(-_REACH) * query.sum(axis=1), (rows, 1))
    found: Matrix = np.empty((len(packed), len(query)), dtype=np.float32)
    for first in range(0, len(packed), _ROWS):
        block, part = packed[first : first + rows], found[first : first + rows]
        count = len(block)
        floats[:count] = block
        np.matmul(floats[:count], of_bytes, out=part)
        floats[:count] = block & 15
        part += floats[:count] @ of_lows
        part += lowest[:count]
    return found


def max_similarities(query: Matrix, passages: Sequence[bytes]) -> Matrix:
    """The best match of each token of a question in each passage, as in `Interaction`."""
    return interact(query, passages).best
