"""Texts side by side in rows: batches with hardly any padding, whatever the lengths of the texts."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BATCH_TOKENS = 1024
"""Tokens in a batch. More is no faster, and less spends more of the time between batches."""
STEP = 64
"""Rows are a multiple of this long: a token is compared with its whole row, so short texts get short rows."""
QUESTION_STEP, QUESTION_TOKENS = 16, 128
"""A row of questions is a multiple of this long, and no longer than that if they are several."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some texts in rows of one length, a text never in two.

    `numbers` says which texts they are, and `starts` at which token of all rows, laid end to end, each begins. For the
    model: `ids` of the tokens, their `positions` in their texts, and to which of the `texts` of the batch each belongs,
    -1 for padding: (rows, length). `members` is (texts, rows · length), 1 where a token belongs to a text, else 0.
    """

    numbers: tuple[int, ...]
    starts: tuple[int, ...]
    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    texts: NDArray[np.int64]
    members: NDArray[np.float32]

    def inputs(self, words: NDArray[np.floating]) -> Mapping[str, NDArray[Any]]:
        """What the model gets, by name. `words` has the vector of each id: (ids, dimension)."""
        found = words[self.ids].astype(np.float32)
        return {"words": found, "positions": self.positions, "texts": self.texts, "members": self.members}


def batches(rows: Sequence[Sequence[int]]) -> Iterator[Batch]:
    """Lay texts, the ids of their tokens, into batches of BATCH_TOKENS at most, those with the longest first.

    A row begins with the longest text that is left, and is filled with the longest ones that still fit. A text that is
    longer than BATCH_TOKENS is a batch of its own.
    """
    waiting: list[list[int]] = []
    length = 0
    for filled in _filled(rows):
        needed = rounded(len(rows[filled[0]]), STEP)
        if waiting and (needed != length or (len(waiting) + 1) * length > BATCH_TOKENS):
            yield _batch(rows, waiting, length)
            waiting = []
        waiting.append(filled)
        length = needed
    if waiting:
        yield _batch(rows, waiting, length)


def questions(rows: Sequence[Sequence[int]]) -> Iterator[Batch]:
    """Lay a few short texts into one batch of one row, which takes little longer than each alone; long ones apart."""
    every = range(len(rows))
    fit = rows and sum(map(len, rows)) <= QUESTION_TOKENS
    for numbers in [every] if fit else [[number] for number in every]:
        yield _batch(rows, [numbers], rounded(sum(len(rows[number]) for number in numbers), QUESTION_STEP))


def rounded(length: int, step: int) -> int:
    """Round a length up to the next multiple of `step`."""
    return -(-length // step) * step


def _filled(rows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """The numbers of the texts that share a row, a row after the other."""
    left: defaultdict[int, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        left[len(row)].append(number)
    lengths = sorted(left)
    while lengths:
        filled, room = [], rounded(lengths[-1], STEP)
        while at := bisect_right(lengths, room):
            length = lengths[at - 1]
            filled.append(left[length].pop())
            room -= length
            if not left[length]:
                del lengths[at - 1]
        yield filled


def _batch(rows: Sequence[Sequence[int]], filled: Sequence[Sequence[int]], length: int) -> Batch:
    count = sum(map(len, filled))
    ids, positions = np.zeros(len(filled) * length, np.int64), np.zeros(len(filled) * length, np.int64)
    texts, members = np.full(len(ids), -1, np.int64), np.zeros((count, len(ids)), np.float32)
    numbers: list[int] = []
    starts: list[int] = []
    for row, sharing in enumerate(filled):
        start = row * length
        for number in sharing:
            end = start + len(rows[number])
            ids[start:end] = rows[number]
            positions[start:end] = np.arange(end - start)
            texts[start:end] = len(numbers)
            members[len(numbers), start:end] = 1
            numbers.append(number)
            starts.append(start)
            start = end
    shape = (len(filled), length)
    return Batch(
        tuple(numbers), tuple(starts), ids.reshape(shape), positions.reshape(shape), texts.reshape(shape), members
    )
