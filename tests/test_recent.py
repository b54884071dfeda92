from hypothesis import given
from hypothesis import strategies as st

from indexer.recent import Recent


class Shelf:
    """Values to be read, and what was read of them."""

    def __init__(self, values):
        self.values = values
        self.read = []

    def __call__(self, numbers):
        self.read.append(numbers)
        return {number: self.values[number] for number in numbers if number in self.values}


def test_what_is_known_is_not_read_again():
    shelf, recent = Shelf({1: "one", 2: "two", 3: "three"}), Recent(10)
    assert recent.of([2, 1], shelf) == {1: "one", 2: "two"}
    assert recent.of(iter([3, 1]), shelf) == {1: "one", 3: "three"}
    assert recent.of([1, 2, 3], shelf) == shelf.values
    assert shelf.read == [[2, 1], [3]]


def test_what_is_not_there_is_left_out_and_looked_for_again():
    shelf, recent = Shelf({1: "one"}), Recent(10)
    assert recent.of([1, 7], shelf) == {1: "one"}
    shelf.values[7] = "seven"
    assert recent.of([1, 7], shelf) == {1: "one", 7: "seven"}
    assert shelf.read == [[1, 7], [7]]


def test_what_weighs_too_much_is_dropped():
    shelf, recent = Shelf({1: "aaa", 2: "bbb", 3: "ccc", 4: "d" * 8}), Recent(7, len)
    for number in (1, 2, 1, 2, 3, 3, 1, 4, 4):
        assert recent.of([number], shelf) == {number: shelf.values[number]}
    assert shelf.read == [[1], [2], [3], [1], [4], [4]]


def test_without_room_nothing_is_kept():
    shelf, recent = Shelf({1: "one"}), Recent(0)
    assert recent.of([1], shelf) == recent.of([1], shelf) == {1: "one"}
    assert shelf.read == [[1], [1]]


@given(
    st.dictionaries(st.integers(0, 9), st.text(max_size=5)),
    st.lists(st.lists(st.integers(0, 9), max_size=6)),
    st.integers(0, 12),
)
def test_the_values_are_those_that_would_be_read(values, asked, most):
    recent = Recent(most, len)
    for numbers in asked:
        assert recent.of(numbers, Shelf(values)) == Shelf(values)(numbers)
        assert sum(map(len, recent._known.values())) <= most
