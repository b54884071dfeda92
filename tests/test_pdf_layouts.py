"""What papers of other publishers, theses and books have: their headings, contents, heads, lists and figures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pdfs import prose
from test_pdf_columns import line
from typeset import BODY, HEADING, INDENTED, SMALL, TITLE, Frame, Pages, Style, lines_of, shown

from indexer.parsing.pdf import parse
from indexer.parsing.pdf.joining import Vocabulary, joined
from indexer.types import Document, Source

ITALIC = Style("Times-Italic", 10, 12, before=8, after=2)
CAPITALS = Style(size=10, leading=12, before=10, after=2, centred=True)
WIDTH = 396.0


def read(paper: Pages) -> Document:
    return parse(Source(Path("/papers"), "paper.pdf", paper.data(), "0", 0))


def filled(*paragraphs: str | tuple[str, Style], paper: Pages | None = None) -> Pages:
    """A page of paragraphs in one column, under those that stand there."""
    paper = paper or Pages()
    assert not paper.fill(lines_of(paragraphs, WIDTH), Frame(108, 700, 72, WIDTH))
    paper.next_page()
    return paper


def headings(document: Document) -> list[tuple[int, str]]:
    return [(block.depth, block.text) for block in document.blocks if block.kind == "heading"]


def of_kind(document: Document, *kinds: str) -> list[str]:
    return [block.text for block in document.blocks if block.kind in kinds]


def test_letters_are_below_roman_numbers_and_headings_may_be_in_italics():
    paper = filled(
        ("Waiting as a Method", TITLE),
        ("I. INTRODUCTION", CAPITALS), (prose(4, 1), INDENTED),
        ("II. METHOD", CAPITALS), ("A. A Schedule That Waits", ITALIC), (prose(4, 2), INDENTED),
        ("B. What Is Kept", ITALIC), (prose(4, 3), INDENTED),
        ("III. RESULTS", CAPITALS), (prose(4, 4), INDENTED),
    )  # fmt: skip
    document = read(paper)
    assert headings(document)[1:] == [
        (1, "I. INTRODUCTION"), (1, "II. METHOD"), (2, "A. A Schedule That Waits"), (2, "B. What Is Kept"),
        (1, "III. RESULTS"),
    ]  # fmt: skip
    kept = next(block for block in document.blocks if block.text == shown(prose(4, 3)))
    assert kept.headings[-2:] == ("II. METHOD", "B. What Is Kept")


def test_an_italic_heading_right_above_its_text():
    close = replace(ITALIC, before=8, after=0)
    document = read(filled((prose(4, 1), INDENTED), ("3.1. What Is Kept", close), (prose(4, 2), INDENTED)))
    assert headings(document) == [(2, "3.1. What Is Kept")]
    assert of_kind(document, "paragraph") == [shown(prose(4, 1)), shown(prose(4, 2))]


def test_a_table_of_contents_holds_no_headings():
    titles = ("1 Waiting", "2 Keeping", "3 Stopping")
    paper = filled(
        ("On Patience", TITLE),
        ("Contents", HEADING),
        *((f"{title} {k + 2}", HEADING) for k, title in enumerate(titles)),
    )
    for k, title in enumerate(titles):
        filled((title, HEADING), prose(6, k), paper=paper)
    document = read(paper)
    assert [text for _, text in headings(document)] == ["On Patience", "Contents", *titles]
    assert " ".join(of_kind(document, "reference")) == "1 Waiting 2 2 Keeping 3 3 Stopping 4"
    assert next(block for block in document.blocks if block.text == shown(prose(6, 0))).headings[-1] == "1 Waiting"


def test_authors_on_a_title_page_are_no_headings():
    paper = filled(("On Patience", TITLE), ("Ada Example", replace(HEADING, centred=True)))
    filled(("1 Waiting", HEADING), prose(6, 1), paper=paper)
    document = read(paper)
    assert headings(document) == [(1, "On Patience"), (1, "1 Waiting")]
    assert document.title == "On Patience"


def test_items_without_full_stops_end_where_their_lines_do():
    items = ("• the first of the things that are kept", "• the second", "• the third")
    document = read(filled((prose(5, 1), BODY), *((item, BODY) for item in items), (prose(5, 2), BODY)))
    assert of_kind(document, "item") == list(items)
    assert of_kind(document, "paragraph") == [shown(prose(5, 1)), shown(prose(5, 2))]


def test_an_unfinished_item_does_not_go_on_after_the_rest_of_its_list():
    paper = Pages()
    items = ("• the first of the things that are kept", "• the second", "• the third")
    last = prose(9, 2)
    texts = [(prose(22, 1), BODY), *((item, BODY) for item in items), (last, BODY)]
    rest = paper.fill(lines_of(texts, WIDTH), Frame(108, 720, 370, WIDTH))
    assert rest
    paper.next_page()
    paper.put("Figure 1: The loss falls in steps, each of which is a pause of the schedule.", 108, 720, style=SMALL)
    assert not paper.fill(rest, Frame(108, 680, 96, WIDTH))
    paper.next_page()
    document = read(paper)
    assert of_kind(document, "item") == list(items)
    assert of_kind(document, "paragraph") == [shown(prose(22, 1)), shown(last)]


def test_slides_that_are_shown_step_by_step_are_read_once():
    steps = ("Waiting costs little", "It saves a run in three", "So wait before you stop")
    paper = Pages()
    for shown_so_far in range(1, 4):
        paper.put("What Waiting Is Worth", 108, 740, style=HEADING)
        filled(*((step, replace(BODY, after=20)) for step in steps[:shown_so_far]), paper=paper)
    document = read(paper)
    assert headings(document) == [(2, "What Waiting Is Worth")]
    assert " ".join(of_kind(document, "paragraph", "item", "math")) == " ".join(steps)
    assert document.pages == 3
    assert document.remark is None


def test_lines_of_chinese_and_japanese_are_joined_without_spaces():
    lines = [line(50, 700, 300, text=text) for text in ("現在までのバージョンでは、受験者", "数は限定されています。")]
    assert joined(lines, Vocabulary([lines]))[0] == "現在までのバージョンでは、受験者数は限定されています。"


def test_a_running_head_with_the_number_of_the_page_at_its_outer_end():
    paper = Pages()
    for page in range(1, 6):
        if page % 2:
            paper.put(str(page), 500, 750)
        else:
            paper.put(str(page), 108, 750)
            paper.put(f"{page} SECTION NUMBER {'ABCDEF'[page]}", 380, 750)
        filled((prose(12, page), INDENTED), paper=paper)
    assert of_kind(read(paper), "heading", "paragraph") == [shown(prose(12, page)) for page in range(1, 6)]


@pytest.mark.parametrize("count", [3, 7, 30])
def test_the_numbers_of_few_lines_in_a_margin(count):
    paper = Pages()
    lines = lines_of([(prose(count, 1), BODY)], WIDTH)[:count]
    for k in range(count):
        paper.put(str(41 + k), 80, 701 - 12 * k, style=SMALL)
    paper.fill(lines, Frame(108, 700, 72, WIDTH))
    paper.next_page()
    words = " ".join(of_kind(read(paper), "paragraph", "math", "item"))
    assert not any(str(41 + k) in words.split() for k in range(count) if str(41 + k) not in prose(count, 1))


def test_a_caption_ends_where_the_text_goes_on_left_of_it():
    caption = "Figure 1: The loss falls in steps, each of which waits."
    document = read(filled((caption, replace(BODY, centred=True, after=0)), (prose(5, 1), BODY)))
    assert of_kind(document, "caption") == [caption]
    assert of_kind(document, "paragraph") == [shown(prose(5, 1))]


def test_the_labels_of_a_wide_figure_over_columns_with_its_caption_at_the_left():
    paper = Pages()
    for x in (120, 400):
        for y, label in ((740, "Stem"), (712, "Pause"), (690, "Budget of steps")):
            paper.put(label, x, y)
    paper.put("Fig. 2. Both halves of the schedule.", 54, 668, style=SMALL)
    texts = [prose(9, 1), prose(9, 2), prose(9, 3)]
    lines = lines_of([(text, INDENTED) for text in texts], 240)
    half = len(lines) // 2
    assert not paper.fill(lines, Frame(54, 630, 629 - 12 * half, 240), Frame(318, 630, 72, 240))
    paper.next_page()
    document = read(paper)
    assert of_kind(document, "caption") == ["Fig. 2. Both halves of the schedule."]
    assert of_kind(document, "paragraph", "math", "table", "item") == [shown(text) for text in texts]
