"""Values out of bytes, so that what bytes are changed into is mostly something that can be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Values:
    """Takes values from bytes, one after the other; when these are used up, every value is the first or the least."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """How many bytes there still are."""
        return len(self._data) - self._at

    def below(self, most: int) -> int:
        """A whole number from 0, below `most` (at most 256)."""
        return self._take() % most

    def number(self, low: float, high: float) -> float:
        """A number from `low` to `high`, one of 65,536."""
        return low + (high - low) * (256 * self._take() + self._take()) / 65_535

    def one_of(self, choices: Sequence[T]) -> T:
        """One of up to 256 choices."""
        return choices[self.below(len(choices))]

    def text(self, most: int) -> str:
        """A text of up to `most` characters."""
        length = self.below(most + 1)
        piece = self._data[self._at : self._at + length]
        self._at += len(piece)
        return piece.decode("utf-8", "replace")

    def _take(self) -> int:
        if self._at >= len(self._data):
            return 0
        self._at += 1
        return self._data[self._at - 1]
