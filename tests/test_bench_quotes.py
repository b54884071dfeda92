from dataclasses import replace

import pytest
import shelf
from desks import open_desk, put_paper
from reportlab.pdfgen.canvas import Canvas

from indexer.types import Box, PaperId
from service.bench.quotes import Checker

LINE = "Residual blocks add their input to their out-"
REST = "put. The gradient stays alive in deep stacks."
BOXES = (Box(1, 70, 695, 400, 712), Box(1, 70, 675, 400, 692))
QUOTE = "Residual blocks add their input to their output."


@pytest.fixture
def desk(tmp_path):
    with open_desk(
        tmp_path, {"adam.md": "# Adam\n\nAdam keeps a moving average\nof the gradient. It divides.\n"}
    ) as opened:
        path = put_paper(tmp_path, paper=PaperId("2101.00001", "v2"))
        canvas = Canvas(str(path), pagesize=(612, shelf.HEIGHT), invariant=1)
        canvas.drawString(72, 700, LINE)
        canvas.drawString(72, 680, REST)
        canvas.drawString(72, 660, "café ≠ cafe")
        canvas.save()
        yield opened


def look(desk, *citations):
    with desk.library.snapshot() as snapshot, Checker(snapshot.catalogue) as checker:
        checker.look(citations)
        return checker.quotes()


@pytest.fixture
def note(desk):
    return desk.search("moving average gradient", k=1).hits[0]


@pytest.fixture
def page(desk):
    found = next(hit for hit in desk.search(shelf.ADDS, k=3).hits if hit.kind == "paper")
    return replace(found, boxes=BOXES, pages=(1, 1), quote=QUOTE, stale=False)


def test_what_a_note_says_on_its_lines_is_found(desk, note):
    assert note.lines == (3, 4)
    quotes = look(desk, replace(note, quote="moving average of the  gradient."))
    assert (quotes.checked, quotes.exact, quotes.near, quotes.missing) == (1, 1, 0, ())


@pytest.mark.parametrize(
    "change",
    [
        {"quote": "moving averages of the gradient"},
        {"quote": "Moving average of the gradient"},
        {"quote": "  "},
        {"lines": (1, 3)},
        {"file": "other.md"},
    ],
)
def test_what_does_not_stand_there_is_missing(desk, note, change):
    quotes = look(desk, replace(note, **({"quote": "moving average of the gradient"} | change)))
    assert (quotes.checked, quotes.exact, quotes.near) == (1, 0, 0)
    assert len(quotes.missing) == 1


def test_what_is_missing_is_said_with_its_place(desk, note):
    (said,) = look(desk, replace(note, quote="nowhere")).missing
    assert said == "adam.md, line 3: nowhere"


def test_a_citation_that_says_it_is_stale_is_not_looked_for(desk, note):
    assert look(desk, replace(note, quote="nowhere", stale=True)).checked == 0


def test_what_a_page_says_in_boxes_is_found(desk, page):
    assert look(desk, page).exact == 1
    assert look(desk, replace(page, quote="RESIDUAL blocks")).exact == 1  # letters and digits alone count


def test_a_box_holds_what_has_its_middle_there(desk, page):
    assert look(desk, replace(page, boxes=BOXES[:1], quote="their output.")).exact == 0
    assert look(desk, replace(page, boxes=BOXES[1:], quote="put. The gradient")).exact == 1
    assert look(desk, replace(page, boxes=(Box(2, 0, 0, 612, 792),))).exact == 0


def test_a_symbol_that_the_text_layer_holds_as_another_is_near(desk, page):
    quotes = look(desk, replace(page, quote="Residual blocks add their ℓ input to their output."))
    assert (quotes.exact, quotes.near, quotes.missing) == (0, 1, ())
    assert look(desk, replace(page, quote="Residual blocks never add their input to their own output.")).near == 0


def test_accents_and_symbols(desk, page):
    box = (Box(1, 70, 655, 400, 672),)
    assert look(desk, replace(page, boxes=box, quote="cafe\u0301")).exact == 1
    assert look(desk, replace(page, boxes=box, quote="∀ ∃")).exact == 0


def test_an_abstract_is_what_the_library_was_told(tmp_path):
    with open_desk(tmp_path) as desk:
        put_paper(tmp_path, [shelf.PASSAGES[0]], pages=0)
        found = next(hit for hit in desk.search(shelf.ADDS, k=3).hits if hit.kind == "paper")
        assert look(desk, replace(found, boxes=None, pages=None, quote=shelf.KEEPS)).exact == 1
        assert look(desk, replace(found, boxes=None, pages=None, quote="It says nothing of the kind.")).exact == 0
