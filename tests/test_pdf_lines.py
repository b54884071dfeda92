"""Runs of characters → lines: spaces, exponents, accents, cells, the numbers in margins."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from indexer.parsing.pdf.glyphs import HYPHEN, Page, Run
from indexer.parsing.pdf.lines import lines_of

FRAME = (0.0, 0.0, 612.0, 792.0)


def page(*runs: tuple[str, float, float, float], math: bool = False) -> Page:
    """A page of runs: text, x0, base and size; letters are half as wide as high."""
    text, made, boxes = "", [], []
    for words, x0, base, size in runs:
        start = len(text)
        text += words + "\n"
        places = [
            (x0 + n * size / 2, base - 0.2 * size, x0 + (n + 1) * size / 2, base + 0.7 * size)
            for n in range(len(words))
        ]
        boxes += [*places, (0, 0, 0, 0)]
        made.append(
            Run(
                start,
                start + len(words),
                x0,
                base - 0.2 * size,
                places[-1][2],
                base + 0.7 * size,
                base,
                size,
                False,
                math,
                False,
            )
        )
    return Page(1, text, np.array(boxes, np.float32).reshape(-1, 4), tuple(made), FRAME, ())


def texts(*runs: tuple[str, float, float, float], math: bool = False) -> list[str]:
    return [line.text for line in lines_of(page(*runs, math=math))]


def test_runs_on_one_line_are_joined_with_the_spaces_that_are_seen():
    assert texts(("bold", 50, 700, 10), ("plain", 72.5, 700, 10), ("er", 97.5, 700, 10)) == ["bold plainer"]


def test_wide_gaps_part_cells():
    found = lines_of(page(("one", 50, 700, 10), ("two", 90, 700, 10), ("three", 130, 700, 10)))
    assert [line.text for line in found] == ["one\ttwo\tthree"]
    assert found[0].cells == ((50, 65, 3), (90, 105, 7), (130, 155, 13))


def test_exponents_are_marked_and_footnotes_are_not():
    assert texts(("10", 50, 700, 10), ("-4", 60, 704, 7)) == ["10^-4"]
    assert texts(("of x", 50, 700, 10), ("2", 70, 704, 7)) == ["of x^2"]
    assert texts(("words", 50, 700, 10), ("2", 75, 704, 7), (", more", 78.5, 700, 10)) == ["words2, more"]
    assert texts(("the 8", 50, 700, 10), ("th", 75, 704, 7), ("layer", 87, 700, 10)) == ["the 8th layer"]


def test_indices_stay_on_their_line():
    found = lines_of(page(("weights w", 50, 700, 10), ("ij", 95, 698, 7), ("and", 107, 700, 10)))
    assert [(line.text, line.base, line.size) for line in found] == [("weights wij and", 700, 10)]


def test_a_line_that_begins_raised_is_marked():
    assert [line.marked for line in lines_of(page(("1", 50, 704, 6), ("A footnote", 53, 700, 8)))] == [True]


def test_lines_below_one_another_are_two():
    assert texts(("above", 50, 700, 10), ("below", 50, 688, 10)) == ["above", "below"]


def test_accents_go_onto_the_letters_that_they_are_drawn_over():
    found = lines_of(page(("Universite de Gottingen", 50, 700, 10), ("´", 95, 700, 10), ("¨", 125, 700, 10)))
    assert [line.text for line in found] == ["Université de Göttingen"]
    assert found[0].index.tolist() == list(range(23))


def test_ligatures_hyphens_and_formula_letters():
    assert texts((f"di\ufb00icult e\ufb03cient \U0001d465 trans{HYPHEN}", 50, 700, 10)) == [
        "difficult efficient x trans-"
    ]


def test_composed_letters_keep_their_places():
    found = lines_of(page(("cafe\u0301 au lait", 50, 700, 10)))
    assert found[0].text == "café au lait"
    assert found[0].index.tolist() == [0, 1, 2, 3, *range(5, 13)]


def test_a_script_l_of_formulas():
    assert texts(("`", 50, 700, 10), ("in the text", 60, 700, 10), math=True) == ["ℓ in the text"]


def test_line_numbers_in_the_margin_are_left_out():
    numbered = [(str(n), 20.0, 712.0 - 12 * n, 6.0) for n in range(1, 13)]
    drawn = [(f"what is said on line {n} here", 50.0, 712.0 - 12 * n, 10.0) for n in range(1, 13)]
    rows = [run for pair in zip(numbered, drawn, strict=True) for run in pair]
    assert texts(*rows) == [text for text, *_ in drawn]


def test_what_lies_outside_of_the_page_is_left_out():
    assert texts(("on the page", 50, 700, 10), ("beyond it", 650, 700, 10), ("above it", 50, 900, 10)) == [
        "on the page"
    ]


@given(
    st.lists(
        st.tuples(st.text("ab fﬁ´\x01½é1" + HYPHEN, min_size=1, max_size=12), st.floats(0, 600), st.floats(0, 780)),
        max_size=30,
    )
)
def test_texts_and_places_go_together(runs):
    found = page(*((text, x, y, 10.0) for text, x, y in runs))
    for line in lines_of(found):
        assert len(line.text) == len(line.index)
        assert {-1, *range(len(found.text))} >= set(line.index.tolist())
        for char, place in zip(line.text, line.index.tolist(), strict=True):
            assert place == -1 or char in "áéíf-i" or char == found.text[place]
