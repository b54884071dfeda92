from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from samples import placed

from indexer.parsing import parse
from indexer.spans import halves, note_spans, paper_spans
from indexer.types import Block, Box, Source, Span


def spans(text):
    document = parse(Source(Path("/vault"), "note.md", text.encode(), "", 0))
    return [(span.text, span.lines) for block in document.blocks for span in note_spans(document, block)]


def test_a_sentence_may_run_over_lines_and_a_row_is_one():
    assert spans("Adam keeps\ntwo moments. It divides.\n\n| a | b |\n| - | - |\n| 1 | 2 |\n") == [
        ("Adam keeps two moments.", (1, 2)),
        ("It divides.", (2, 2)),
        ("| a | b |", (4, 4)),
        ("| - | - |", (5, 5)),
        ("| 1 | 2 |", (6, 6)),
    ]


def test_markers_and_lines_of_nothing_but_signs_are_left_out():
    assert spans("1. why?\n- [ ] ***\n> quoted\n") == [("why?", (1, 1)), ("quoted", (3, 3))]


def test_a_sentence_of_many_lines_is_cut_at_its_lines():
    rows = [f"& term {k}" for k in range(40)]
    assert spans("\n".join(rows)) == [(row, (k, k)) for k, row in enumerate(rows, 1)]


def test_a_sentence_of_a_paper_has_a_box_for_each_of_its_lines():
    text = "Gates decide what is kept in a cell, and for how long. The rest fades."
    first, second = paper_spans(Block("paragraph", text, (1, 1), places=placed(text)), 7)
    assert first.boxes == (Box(1, 100.0, 700.0, 300.0, 710.0), Box(1, 105.0, 688.0, 170.0, 698.0))
    assert second == Span("The rest fades.", (8, 8), (Box(1, 175.0, 688.0, 250.0, 698.0),))


def test_a_sentence_that_runs_over_a_page_has_boxes_on_both():
    text = "Gates decide what is kept."
    places = np.vstack([placed(text[:14]), placed(text[14:], page=2)])
    (span,) = paper_spans(Block("paragraph", text, (1, 1), places=places), 1)
    assert span.boxes == (Box(1, 100.0, 700.0, 170.0, 710.0), Box(2, 100.0, 700.0, 160.0, 710.0))


def test_the_boxes_of_a_span_are_cut_with_it():
    span = Span("one two six", (3, 3), (Box(1, 0.0, 50.0, 40.0, 60.0), Box(1, 0.0, 30.0, 70.0, 40.0)))
    assert halves(span) == (
        Span("one", (3, 3), (Box(1, 0.0, 50.0, 30.0, 60.0),)),
        Span("two six", (3, 3), (Box(1, 30.0, 50.0, 40.0, 60.0), Box(1, 0.0, 30.0, 70.0, 40.0))),
    )


@given(st.text(min_size=2).map(str.strip).filter(lambda text: len(text) > 1))
def test_halves_have_the_whole_text(text):
    before, after = halves(Span(text, (1, 1)))
    assert "".join((before.text + after.text).split()) == "".join(text.split())
    assert before.text
    assert after.text
