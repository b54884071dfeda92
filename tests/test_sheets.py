from __future__ import annotations

import pytest
import shelf
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from indexer.records import StoredDocument
from indexer.settings import PaperSettings
from service.drawings import Drawings
from service.sheets import Paragraph, cited_spans, sections, sheets, text_of

SENTENCES = [span for passage in shelf.PASSAGES for span in passage.spans]


def stored(path, pages=shelf.PAGES):
    found = path.stat()
    return StoredDocument(
        1, str(path.parent), path.name, "paper", "pdf", shelf.TITLE, "0" * 64, found.st_size, found.st_mtime_ns, 0,
        (), (), 0.0, None, 4, pages=pages,
    )  # fmt: skip


@pytest.fixture
def paper(tmp_path):
    (tmp_path / "a.pdf").write_bytes(shelf.bars_pdf())
    return stored(tmp_path / "a.pdf")


@pytest.fixture(scope="module")
def drawings():
    with Drawings(PaperSettings()) as found:
        yield found


def cited(first, last, page=None):
    return cited_spans(shelf.PASSAGES, (first, last), page)


def test_sentences_are_found_by_their_numbers_over_passages():
    assert [span.text for span in cited(2, 3)] == [shelf.KEEPS, shelf.BEFORE]
    assert cited(2, 3, page=1) == cited(2, 3)
    assert cited(2, 3, page=2) == []
    assert cited(7, 9) == []
    assert cited_spans(shelf.PASSAGES, None, 1) == []


@given(first=st.integers(1, 9), more=st.integers(0, 9), page=st.none() | st.integers(1, 3))
def test_what_is_cited_is_a_stretch_of_the_paper_that_begins_on_its_page(first, more, page):
    found = cited(first, first + more, page)
    assert found in ([], SENTENCES[first - 1 : first + more])
    if found and page:
        assert found[0].boxes[0].page == page


def test_marks_are_where_the_words_are_from_the_upper_left(paper, drawings):
    (sheet,) = sheets(paper, drawings, shelf.PASSAGES, cited(2, 2), 1)
    assert (sheet.number, sheet.width, sheet.height, sheet.trouble) == (1, 612, 792, None)
    assert [tuple(round(edge, 3) for edge in mark) for mark in sheet.marks] == [(310, 82, 230, 10), (72, 102, 128, 10)]


def test_a_page_that_is_turned_has_its_marks_turned(tmp_path, drawings):
    writer = PdfWriter(PdfReader(_written(tmp_path / "straight.pdf")))
    writer.pages[0].rotate(90)
    writer.write(tmp_path / "a.pdf")
    (sheet,) = sheets(stored(tmp_path / "a.pdf"), drawings, shelf.PASSAGES, cited(1, 1), 1)
    assert (sheet.width, sheet.height) == (792, 612)
    assert [tuple(round(edge, 3) for edge in mark) for mark in sheet.marks] == [(700, 72, 10, 228)]


def _written(path):
    path.write_bytes(shelf.bars_pdf())
    return path


def test_the_next_page_is_shown_only_where_the_quote_goes_on(paper, drawings):
    assert [sheet.number for sheet in sheets(paper, drawings, shelf.PASSAGES, cited(4, 4), 1)] == [1, 2]
    assert [len(sheet.marks) for sheet in sheets(paper, drawings, shelf.PASSAGES, cited(4, 4), 1)] == [1, 1]
    assert [sheet.number for sheet in sheets(paper, drawings, shelf.PASSAGES, cited(3, 3), 1)] == [1]
    assert [sheet.number for sheet in sheets(paper, drawings, shelf.PASSAGES, [], 1)] == [1]


def test_a_page_that_cannot_be_drawn_keeps_its_text(paper, drawings):
    paper.path.write_bytes(b"no PDF")
    (sheet,) = sheets(paper, drawings, shelf.PASSAGES, cited(1, 1), 1)
    assert (sheet.marks, sheet.text[0].spans[0]) == ((), (shelf.ADDS, True))
    assert sheet.trouble == "page 1 cannot be shown: cannot be drawn: it is no PDF, or damaged; fetch or copy it again"
    paper.path.unlink()
    (sheet,) = sheets(paper, drawings, shelf.PASSAGES, [], 1)
    assert sheet.trouble.startswith("a.pdf is gone since")


def test_the_text_of_a_page_is_what_stands_on_it_under_its_headings():
    assert list(text_of(shelf.PASSAGES, cited(5, 5), 2)) == [
        Paragraph("1 Method", ((shelf.FREE, False),), rows=False),
        Paragraph("2 Results", ((shelf.CAPTION, True),), rows=False),
        Paragraph("References", ((shelf.CITED, False),), rows=False),
    ]
    assert [paragraph.heading for paragraph in text_of(shelf.PASSAGES, [], 1)] == ["1 Method", None]
    assert list(text_of(shelf.PASSAGES, [], 3)) == []


def test_sections_lead_to_the_pages_where_they_begin():
    assert sections(shelf.PASSAGES) == [("1 Method", 1, 1), ("2 Results", 1, 2), ("References", 1, 2)]
