"""Reading order, on rectangles and lines that are made up."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.parsing.pdf.columns import Stack, in_order, leading, stacks_of
from indexer.parsing.pdf.lines import Line

WORDS = "some words that stand on a line"


def line(
    x0: float, base: float, x1: float, *, size: float = 10, text: str = WORDS, bold: float = 0, page: int = 1
) -> Line:
    """A line with its text from x0 to x1."""
    return Line(
        page, text, np.arange(len(text)), x0, base - 0.2 * size, x1, base + 0.7 * size, base, size, bold, 0,
        ((x0, x1, len(text)),), opens_bold=bold > 0,
    )  # fmt: skip


def stack(name: str, x0: float, y0: float, x1: float, y1: float) -> Stack:
    """A stack of two lines that fills a rectangle."""
    return Stack([line(x0, y1 - 7, x1, text=name), line(x0, y0 + 2, x1, text=name)])


def names(stacks: list[Stack]) -> str:
    return " ".join(one.lines[0].text for one in stacks)


def test_columns_are_read_from_the_left():
    page = [stack("b", 310, 100, 550, 700), stack("a", 50, 100, 290, 700)]
    assert names(in_order(page)) == "a b"


def test_three_columns_with_paragraphs_that_end_side_by_side():
    page = [stack(f"{row}{column}", x, y, x + 150, y + 290) for row, y in (("2", 100), ("1", 400)) for column, x in
            (("c", 400), ("b", 225), ("a", 50))]  # fmt: skip
    assert names(in_order(page)) == "1a 2a 1b 2b 1c 2c"


def test_what_is_as_wide_as_the_page_parts_its_columns():
    page = [
        stack("title", 50, 720, 550, 750),
        stack("left1", 50, 500, 290, 700), stack("right1", 310, 500, 550, 700),
        stack("figure", 50, 440, 550, 480),
        stack("left2", 50, 100, 290, 420), stack("right2", 310, 100, 550, 420),
    ]  # fmt: skip
    for order in (page, page[::-1]):
        assert names(in_order(order)) == "title left1 right1 figure left2 right2"


def test_a_heading_in_one_column_stays_there():
    page = [stack("head", 50, 690, 120, 702), stack("left", 50, 100, 290, 680), stack("right", 310, 100, 550, 702)]
    assert names(in_order(page)) == "head left right"


def test_wide_white_space_ends_columns_unless_a_picture_fills_it():
    page = [
        stack("left1", 50, 500, 290, 700), stack("right1", 310, 500, 550, 700),
        stack("left2", 50, 100, 290, 400), stack("right2", 310, 100, 550, 400),
    ]  # fmt: skip
    assert names(in_order(page)) == "left1 right1 left2 right2"
    assert names(in_order(page, [(50, 420, 290, 480)])) == "left1 left2 right1 right2"


def test_a_line_in_the_middle_follows_the_names_of_authors():
    page = [stack(name, x, 600, x + 100, 640) for name, x in (("a", 80), ("b", 250), ("c", 420))]
    page += [stack("abstract", 270, 580, 330, 592), stack("text", 80, 100, 520, 570)]
    assert names(in_order(page)) == "a b c abstract text"


def test_lines_of_one_size_and_column_are_a_stack():
    drawn = [line(50, 700 - 12 * n, 290) for n in range(5)] + [line(310, 700, 550), line(310, 688, 550, size=12)]
    assert [len(one.lines) for one in stacks_of(drawn, 1.2)] == [5, 1, 1]
    assert leading([drawn]) == 1.2


boxes = st.tuples(st.floats(0, 500), st.floats(0, 700), st.floats(5, 300), st.floats(5, 200))


@given(st.lists(boxes, max_size=40))
def test_every_stack_is_read_once(found):
    page = [stack(str(n), x, y, x + width, y + height) for n, (x, y, width, height) in enumerate(found)]
    assert sorted(map(id, in_order(page))) == sorted(map(id, page))
