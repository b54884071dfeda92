"""Where passages lie on the map: what means the same lies together in two dimensions.

Some passages are landmarks. They are laid out by t-SNE (van der Maaten and Hinton 2008), all pairs compared: for so few
that takes less time than its approximations take to be imported. Every other passage is put beside the landmarks that
mean most nearly the same, so that one that comes later finds its place in microseconds, and moves no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer.types import Matrix

Points: TypeAlias = NDArray[np.float32]
"""Places on the map, (n, 2), in units of t-SNE."""

LANDMARKS = 1500
"""So many at most: their pairs are compared 300 times, in about two seconds on one core."""

PERPLEXITY = 30.0
"""How many neighbours of a landmark count, softly."""

GATHERING, SETTLING, RESETTLING = 100, 200, 100
"""Steps in which neighbours are pulled together strongly, steps after that, and steps from where all lay before."""
PULL = 12.0
LEAST_PACE = 50.0

NEAREST, SHARPNESS = 8, 120.0
"""A passage lies at the mean of so many landmarks, each weighed by e to SHARPNESS times its cosine."""

SPREAD = 0.3
"""How far around that mean it may lie, as a share of the gap between landmarks, so that no two hide each other."""

_AT_ONCE = 4096
_MIXER, _GOLDEN, _TURN = 2_654_435_761, 0.7548776662466927, 2.399963229728653
"""Knuth's multiplier, a number whose multiples fill an interval evenly, and the golden angle."""


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Passages that were laid out, `ids` (n,), ascending: their vectors, and where they lie. `gap` is between them."""

    ids: NDArray[np.int64]
    vectors: Matrix
    points: Points
    gap: float

    def place(self, ids: NDArray[np.int64], vectors: Matrix) -> Points:
        """Where passages lie that mean this, vectors (n, dimension): the same at any time, whatever else there is."""
        found = np.empty((len(ids), 2), np.float32)
        nearest = min(NEAREST, len(self.ids))
        for first in range(0, len(ids), _AT_ONCE):
            cosines = vectors[first : first + _AT_ONCE] @ self.vectors.T
            which = np.argpartition(-cosines, nearest - 1, axis=1)[:, :nearest]
            cosines = np.take_along_axis(cosines, which, 1)
            weights = np.exp(SHARPNESS * (cosines - cosines.max(1, keepdims=True)))
            weights /= weights.sum(1, keepdims=True)
            found[first : first + _AT_ONCE] = np.einsum("nk,nkd->nd", weights, self.points[which])
        angle = ids * _TURN
        radius = self.gap * SPREAD * np.sqrt(ids * _GOLDEN % 1)
        found += (radius * np.stack([np.cos(angle), np.sin(angle)])).T.astype(np.float32)
        return found


def choose(ids: NDArray[np.int64], most: int = LANDMARKS) -> NDArray[np.int64]:
    """Choose landmarks among passages, ascending: scattered, and mostly the same ones again as the library grows."""
    if len(ids) <= most:
        return np.sort(ids)
    chosen: NDArray[np.int64] = np.sort(ids[np.argsort(ids * _MIXER % 2**32, kind="stable")[:most]])
    return chosen


def lay_out(ids: NDArray[np.int64], vectors: Matrix, start: Points | None = None) -> Landmarks:
    """Lay out landmarks, whose ids ascend: (n, dimension), n at least 2. Always the same for the same vectors.

    From where they lie already, `start`, they move only as far as their new neighbours want it.
    """
    likeness = _likeness(vectors)
    points = _flattened(vectors) if start is None else start.astype(np.float32)
    if start is None:
        points = _moved(points, likeness, steps=GATHERING, pull=PULL, momentum=0.5)
    steps = SETTLING if start is None else RESETTLING
    points = _moved(points, likeness, steps=steps, pull=1.0, momentum=0.8)
    distances = np.sqrt(np.maximum(_squares(points), 0))
    some = min(4, len(ids) - 1)
    return Landmarks(ids, vectors, points, float(np.median(np.partition(distances, some, axis=1)[:, some])))


def _flattened(vectors: Matrix) -> Points:
    """The two directions in which vectors differ most, small."""
    centred = vectors - vectors.mean(0)
    _, directions = np.linalg.eigh(centred.T @ centred)
    flat = centred @ directions[:, :-3:-1]
    # neither the sign of a direction nor of what is next to zero is defined: the largest part shows the way
    flat *= np.sign(np.take_along_axis(flat, np.abs(flat).argmax(0)[np.newaxis], 0))
    scaled: Points = flat / max(float(flat.std()), 1e-9) * np.float32(0.01)
    return scaled.astype(np.float32)


def _likeness(vectors: Matrix) -> Matrix:
    """How near each pair is to each other by meaning, (n, n), in sum 1: the joint probabilities of t-SNE."""
    count = len(vectors)
    nearest = min(count - 1, int(3 * PERPLEXITY))
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    which = np.argpartition(-cosines, nearest - 1, axis=1)[:, :nearest]
    distances = 2 - 2 * np.take_along_axis(cosines, which, 1).astype(np.float64)
    found = np.zeros((count, count), np.float32)
    np.put_along_axis(found, which, _shares(distances, min(PERPLEXITY, max(nearest / 3, 1.0))).astype(np.float32), 1)
    found += found.T
    found /= found.sum()
    return found


def _shares(distances: NDArray[np.float64], perplexity: float) -> NDArray[np.float64]:
    """How much each neighbour counts, by squared distances (n, k): a Gaussian a row, as wide as the perplexity says."""
    distances = distances - distances.min(1, keepdims=True)
    narrow = 1 / np.maximum(distances.mean(1), 1e-9)
    low, high = np.zeros(len(distances)), np.full(len(distances), np.inf)
    for _ in range(40):
        weights = np.exp(-distances * narrow[:, np.newaxis])
        total = weights.sum(1)
        entropy = np.log(total) + narrow * (distances * weights).sum(1) / total
        wide = entropy > np.log(perplexity)
        low, high = np.where(wide, narrow, low), np.where(wide, high, narrow)
        narrow = np.where(np.isinf(high), np.minimum(narrow * 2, 1e9), (low + high) / 2)
    weights = np.exp(-distances * narrow[:, np.newaxis])
    shares: NDArray[np.float64] = weights / weights.sum(1, keepdims=True)
    return shares


def _moved(points: Points, likeness: Matrix, *, steps: int, pull: float, momentum: float) -> Points:
    """Go down the gradient of t-SNE, each coordinate at a pace of its own (Jacobs 1988)."""
    count = len(points)
    pace = np.float32(max(count / pull, min(count, LEAST_PACE)))
    speed, gains = np.zeros_like(points), np.ones_like(points)
    wanted = likeness * np.float32(pull)
    near, force = np.empty((count, count), np.float32), np.empty((count, count), np.float32)
    for _ in range(steps):
        np.maximum(_squares(points, near), 0, out=near)  # far out, they are rounded to less
        near += 1
        np.reciprocal(near, out=near)
        np.fill_diagonal(near, 0)
        np.multiply(near, -1 / max(float(near.sum()), 1e-30), out=force)
        force += wanted
        force *= near
        gradient = 4 * (force.sum(1, keepdims=True) * points - force @ points)
        gains = np.maximum(np.where(np.sign(gradient) == np.sign(speed), gains * 0.8, gains + 0.2), 0.01)
        speed = (momentum * speed - pace * gains * gradient).astype(np.float32)
        points = points + speed
        points -= points.mean(0)
    return points


def _squares(points: Points, out: Matrix | None = None) -> Matrix:
    """The squared distance of each pair, (n, n)."""
    lengths = np.einsum("nd,nd->n", points, points)
    found: Matrix = np.matmul(points, -2 * points.T, out=out)
    found += lengths[:, np.newaxis]
    found += lengths
    return found
