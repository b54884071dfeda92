"""Batches hold every text once, whole, and know where."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.batches import BATCH_TOKENS, STEP, batches, questions, rounded

TEXTS = st.lists(st.integers(1, 300), max_size=60).map(
    lambda lengths: [list(range(1000 * number, 1000 * number + length)) for number, length in enumerate(lengths, 1)]
)


@given(TEXTS)
def test_every_text_is_once_in_a_batch_in_one_row_with_its_own_positions(texts: list[list[int]]) -> None:
    seen = []
    for batch in batches(texts):
        rows, length = batch.ids.shape
        assert rows == 1 or rows * length <= BATCH_TOKENS
        assert length == rounded(max(len(texts[number]) for number in batch.numbers), STEP)
        ids, positions, owners = batch.ids.ravel(), batch.positions.ravel(), batch.texts.ravel()
        for place, (number, start) in enumerate(zip(batch.numbers, batch.starts, strict=True)):
            text, end = texts[number], start + len(texts[number])
            assert ids[start:end].tolist() == text
            assert positions[start:end].tolist() == list(range(len(text)))
            assert start // length == (end - 1) // length
            assert np.flatnonzero(owners == place).tolist() == list(range(start, end))
        assert batch.members.tolist() == [(owners == place).tolist() for place in range(len(batch.numbers))]
        assert np.count_nonzero(owners == -1) == batch.ids.size - sum(len(texts[number]) for number in batch.numbers)
        seen += batch.numbers
    assert sorted(seen) == list(range(len(texts)))


def test_a_row_is_filled_with_the_longest_texts_that_still_fit() -> None:
    texts = [[0] * length for length in (200, 30, 60, 50, 6, 250)]
    first, second = batches(texts)
    assert [len(texts[number]) for number in first.numbers] == [250, 6, 200, 50]
    assert first.starts == (0, 250, 256, 456)
    assert ([len(texts[number]) for number in second.numbers], second.starts) == ([60, 30], (0, 64))


def test_a_text_that_is_longer_than_a_batch_is_one() -> None:
    assert [batch.ids.shape for batch in batches([[1] * 3000, [2] * 5])] == [(1, 3008)]


def test_texts_that_are_alike_need_hardly_any_padding() -> None:
    lengths = [6 + number % 50 for number in range(1000)]
    laid = list(batches([[7] * length for length in lengths]))
    assert sum(batch.ids.size for batch in laid) < 1.02 * sum(lengths)
    assert {batch.ids.shape[1] for batch in laid} == {64}


def test_questions_share_a_short_row() -> None:
    (batch,) = questions([[5] * 17])
    assert batch.ids.shape == (1, 32)
    assert (batch.numbers, batch.starts) == ((0,), (0,))
    assert batch.members.sum() == 17
    inputs = batch.inputs(np.arange(200, dtype=np.float16).reshape(100, 2))
    assert set(inputs) == {"words", "positions", "texts", "members"}
    assert inputs["words"].dtype == np.float32
    assert np.array_equal(inputs["words"][..., 1], 2 * batch.ids + 1)
    (batch,) = questions([[5] * 10, [6] * 12, [7] * 3])
    assert (batch.numbers, batch.starts, batch.ids.shape) == ((0, 1, 2), (0, 10, 22), (1, 32))


def test_long_questions_have_a_row_each() -> None:
    found = list(questions([[5] * 100, [6] * 12, [7] * 17]))
    assert [(batch.numbers, batch.starts, batch.ids.shape) for batch in found] == [
        ((0,), (0,), (1, 112)),
        ((1,), (0,), (1, 16)),
        ((2,), (0,), (1, 32)),
    ]


def test_no_texts() -> None:
    assert list(batches([])) == []
    assert list(questions([])) == []
