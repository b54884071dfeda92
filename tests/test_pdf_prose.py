"""Lines → paragraphs, headings, captions, footnotes; what is left out; how lines become text."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_pdf_columns import line

from indexer.parsing.pdf.columns import Stack, stacks_of
from indexer.parsing.pdf.floats import caption_of, divide, footnotes, name_captions, sort_out
from indexer.parsing.pdf.furniture import without_furniture
from indexer.parsing.pdf.glyphs import Page
from indexer.parsing.pdf.joining import Vocabulary, joined, rows
from indexer.parsing.pdf.lines import Line
from indexer.parsing.pdf.prose import Layout, Piece, flow, margins, pieces_of
from indexer.parsing.pdf.sections import Headings, bare, is_aside

LAYOUT = Layout(body=10, spacing=1.2, indents=False)
FULL = "A line of words that is as wide as the column is and ends"


def set_down(*texts: str, x0: float = 50, top: float = 700, page: int = 1, size: float = 10) -> list[Line]:
    """Lines one below the other, 4.2 points a letter; `>` indents, `#` makes bold, an empty text leaves room."""
    found = []
    for n, text in enumerate(texts):
        bold, indent, shown = "#" in text[:1], 15 * (">" in text[:1]), text.lstrip(">#")
        if shown:
            x = x0 + indent
            found.append(line(x, top - 12 * n, x + 4.2 * len(shown), text=shown, bold=bold, page=page, size=size))
    return found


def pieces(drawn: list[Line], layout: Layout = LAYOUT, outline: tuple[tuple[int, str], ...] = ()) -> list[Piece]:
    headings, margin = Headings(outline, layout.body), margins(drawn, layout.body)
    return [piece for stack in stacks_of(drawn, 1.2) for piece in pieces_of(stack, margin, headings, layout)]


def shown(found: list[Piece], known: str = "") -> list[str]:
    words = Vocabulary([[line(0, 0, 1, text=known)]])
    return [f"{piece.kind}: {joined(piece.lines, words)[0]}" for piece in found]


def test_paragraphs_part_at_indents_room_and_short_lines():
    drawn = set_down(f"{FULL} so", "it is short.", f">{FULL} it", f"{FULL} do", "and ends here.", "", f"{FULL} on")
    assert shown(pieces(drawn)) == [
        f"paragraph: {FULL} so it is short.", f"paragraph: {FULL} it {FULL} do and ends here.", f"paragraph: {FULL} on",
    ]  # fmt: skip


def test_where_paragraphs_are_indented_a_full_stop_at_the_end_of_a_line_parts_nothing():
    drawn = set_down(f"{FULL} so", "a sentence that ends a little before the margin.", f"{FULL} on")
    assert len(pieces(drawn)) == 2
    assert len(pieces(drawn, Layout(10, 1.2, indents=True))) == 1


def test_items_part():
    drawn = set_down(f"{FULL} of:", "• the first", "• the second", f"• {FULL}", "and goes on")
    assert [piece.kind for piece in pieces(drawn)] == ["paragraph", "item", "item", "item"]


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("#3.2 Attention", 2), ("#1 Introduction", 1), ("#A.1.2 Details of It", 3), ("#Related Work", 1),
        ("IV. EXPERIMENTS", 1), ("3 LEARNING TO ALIGN", 1), ("Abstract", 1),
        ("3 apples were eaten", None), ("#2 H X", None), ("#and so it is bold", None), ("12", None),
        ("#1 Introduction . . . . . . 3", None), ("#Masked Models As-", None),
    ],
)  # fmt: skip
def test_headings(text, level):
    found = pieces(set_down(text))
    assert (found[0].level or None) == level
    assert (found[0].kind == "heading") == (level is not None)


def test_the_outline_knows_levels():
    drawn = set_down("#Deep Networks", "", f"{FULL} on")
    assert [piece.level for piece in pieces(drawn, outline=((4, "3.1.2.1 Deep networks"),))] == [4, 0]


def test_bold_words_that_open_a_paragraph_are_no_heading():
    drawn = set_down("#Running time and parameter count for", f"{FULL} on")
    drawn[1].opens_bold = True
    assert [piece.kind for piece in pieces(drawn)] == ["paragraph"]


def test_headings_without_their_numbers():
    assert [bare(text) for text in ("3.2 Attention", "A. Details", "Attention")] == [
        "Attention",
        "Details",
        "Attention",
    ]
    assert [text for text in ("References", "7. Acknowledgements", "Funding", "Results") if is_aside(text)] == [
        "References", "7. Acknowledgements", "Funding",
    ]  # fmt: skip


def test_a_paragraph_goes_on_after_a_column_a_figure_and_a_footnote():
    left = set_down(f"{FULL} some", "of what is trans-", top=124)
    caption = Stack(set_down("Figure 1: What is seen.", x0=310, top=500), "caption")
    note = Stack(set_down("1A note.", top=80, size=8), "footnote")
    right = set_down("lated on the other side.", x0=310, top=400)
    margin, headings = margins([*left, *right], 10), Headings((), 10)
    found = [piece for stack in (Stack(left), note, caption, Stack(right)) for piece in
             pieces_of(stack, margin, headings, LAYOUT)]  # fmt: skip
    assert shown(flow(found, LAYOUT)) == [
        f"paragraph: {FULL} some of what is translated on the other side.",
        "footnote: 1A note.", "caption: Figure 1: What is seen.",
    ]  # fmt: skip


def test_references_are_told_apart():
    drawn = set_down("#References", "", f"[1] {FULL}", "up to here.", f"[2] {FULL}", "up to there.")
    found = flow(pieces(drawn), LAYOUT)
    assert [piece.kind for piece in found] == ["heading", "reference", "reference"]


@pytest.mark.parametrize(
    "text", ["Figure 1: It", "Fig. 3. It", "Table IV. It", "Table 2", "Algorithm 1 Do It", "Figure A.1 | It"]
)
def test_captions_are_known(text):
    assert caption_of(line(0, 0, 1, text=text)) is not None


@pytest.mark.parametrize("text", ["Figure 3 provides a view", "Tables 2 and 3", "the Figure 1: it", "Fig trees 2"])
def test_sentences_about_figures_are_no_captions(text):
    assert caption_of(line(0, 0, 1, text=text)) is None


def test_a_sentence_at_the_top_of_a_column_is_no_caption():
    texts = ["Table 1: What is in it", "Table 1. The rest of a sentence", "Table 2: What else", "Figure 1. A view"]
    stacks = [Stack(set_down(text, f"{FULL} on")) for text in texts]
    name_captions([stacks])
    assert [stack.kind for stack in stacks] == ["caption", "prose", "caption", "caption"]


def test_rows_below_the_caption_of_a_table_are_not_of_it():
    drawn = set_down("Table 1. Sizes", "Layer", "first")
    for row in drawn[1:]:
        row.cells = ((50, 70, 3), (90, 110, 5))
    assert [len(stack.lines) for stack in divide([Stack(drawn)])] == [1, 2]


def page(*drawings: tuple[float, float, float, float]) -> Page:
    return Page(1, "", np.zeros((0, 4), np.float32), (), (0, 0, 612, 792), drawings)


def test_what_is_drawn_in_a_figure_is_left_out():
    above = Stack(set_down(f"{FULL} on", f"{FULL} on", top=700))
    labels = [
        Stack(set_down(text, x0=x, top=y, size=7)) for text, x, y in (("Conv 3x3", 60, 640), ("loss (%)", 150, 600))
    ]
    caption = Stack(set_down("Figure 2: A net and how it learns over time.", top=560), "caption")
    below = Stack(set_down(f"{FULL} on", f"{FULL} on", top=520))
    kept, drawn = sort_out(page(), [above, *labels, caption, below], 10)
    assert kept == [above, caption, below]
    assert drawn == labels


def test_labels_on_a_picture_are_left_out():
    label = Stack(set_down("a label", top=600))
    assert sort_out(page((40, 500, 300, 700)), [label], 10) == ([], [label])
    assert sort_out(page((0, 0, 612, 792)), [label], 10) == ([label], [])


def test_footnotes_are_small_marked_and_at_the_foot():
    text, note = (
        Stack(set_down(f"{FULL} on", top=300)),
        Stack(set_down("1A note of some words.", top=90, size=8, page=2)),
    )
    note.lines[0].marked = True
    small = Stack(set_down("Small print within the text.", top=500, size=8, page=2))
    footnotes([text, small, note], 10)
    assert [stack.kind for stack in (text, small, note)] == ["prose", "prose", "footnote"]


def test_heads_feet_and_numbers_are_furniture():
    pages = [
        [
            line(50, 760, 200, text=f"{'On the Way of' if n % 2 else 'Smith and'} {'x' * n} {n + 11}", page=n),
            line(50, 748, 200, text="A Journal, vol. 3", page=n),
            *set_down(*[f"{FULL} {'abcde'[n - 1]}{k}" for k in "abcdefghij"], page=n),
            line(300, 40, 310, text=str(n), page=n),
        ]
        for n in range(1, 6)
    ]  # fmt: skip
    kept = without_furniture(pages)
    assert [[one.text for one in lines] for lines in kept] == [[one.text for one in lines[2:-1]] for lines in pages]


def test_a_notice_at_the_foot_is_furniture():
    drawn = [*set_down(*[f"{FULL} {k}" for k in "abcdefghij"]), line(50, 100, 400, text="Preprint. Under review.")]
    assert without_furniture([drawn]) == [drawn[:-1]]


@pytest.mark.parametrize(
    ("first", "second", "known", "expected"),
    [
        ("transla-", "tion works", "", "translation works"),
        ("state-of-the-", "art score", "our state-of-the-art", "state-of-the-art score"),
        ("left-", "to-right model", "from left to right", "left-to-right model"),
        ("to out-", "perform it", "it outperforms", "to outperform it"),
        ("pre-", "training is", "pre-training", "pre-training is"),
        ("a well-", "known fact", "well known", "a well-known fact"),
        ("in Rank-", "Based order", "", "in Rank-Based order"),
        ("the 110-", "layer net", "", "the 110-layer net"),
        ("see http://a.org/some-", "page here", "", "see http://a.org/some-page here"),
        ("a dash—", "and on", "", "a dash—and on"),
        ("two", "words", "", "two words"),
    ],
)
def test_lines_are_joined(first, second, known, expected):
    words = Vocabulary([[line(0, 0, 1, text=known)]])
    text, index = joined([line(0, 20, 1, text=first), line(0, 0, 1, text=second)], words)
    assert text == expected
    assert len(index) == len(text)


def test_tables_are_rows():
    cells = [
        line(50, 700, 90, text="Model"),
        line(120, 700.1, 150, text="BLEU"),
        line(50, 688, 80, text="ours"),
        line(120, 688, 140, text="26"),
    ]
    assert rows(cells[::-1])[0] == "Model\tBLEU\nours\t26"


words = st.text("abc ", min_size=1, max_size=60).filter(str.strip)


@given(
    st.lists(st.tuples(words, st.integers(0, 3), st.booleans(), st.integers(8, 40)), min_size=1, max_size=25),
    st.booleans(),
)
def test_every_line_is_in_one_piece(drawn, indents):
    lines, top = [], 780.0
    for text, indent, bold, drop in drawn:
        top -= drop
        lines.append(line(50 + 8 * indent, top, 50 + 8 * indent + 4 * len(text), text=text, bold=bold))
    found = flow(pieces(lines, Layout(10, 1.2, indents)), Layout(10, 1.2, indents))
    told = [re.sub(r"\s", "", one.text) for piece in found for one in piece.lines]
    small = [one for one in lines if len(one.text) < 4]  # a piece of a formula may go
    assert len(lines) - len(small) <= len(told) <= len(lines)
    assert set(told) <= {re.sub(r"\s", "", one.text) for one in lines}
