from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pypdf import PdfReader, PdfWriter
from pypdf.annotations import Highlight
from pypdf.generic import ArrayObject, FloatObject, NameObject, RectangleObject
from reportlab.pdfgen.canvas import Canvas

from indexer.errors import SourceError
from indexer.parsing.draw import PageGeometry, draw, geometry
from indexer.rooted import Rooted
from indexer.types import Box

SIZE = (300, 400)
WHOLE = (0, 0, *SIZE)


def pdf(*, rectangle=(100, 200, 150, 230), size=SIZE, crop=None, turned=0, unit=None, pages=1):
    """A PDF whose last page holds a black rectangle: x0, y0, x1, y1."""
    data = BytesIO()
    canvas = Canvas(data, pagesize=size, invariant=1)
    for _ in range(pages - 1):
        canvas.showPage()
    x0, y0, x1, y1 = rectangle
    canvas.rect(x0, y0, x1 - x0, y1 - y0, fill=1, stroke=0)
    canvas.save()
    writer = PdfWriter(PdfReader(data))
    page = writer.pages[-1]
    if crop:
        page.cropbox = RectangleObject(crop)
    if unit:
        page[NameObject("/UserUnit")] = FloatObject(unit)
    page.rotate(turned)
    return written(writer)


def written(writer):
    data = BytesIO()
    writer.write(data)
    return data.getvalue()


def picture(data, page=1, **options):
    drawn = Image.open(BytesIO(draw(data, page, **options)))
    assert drawn.format == "PNG"
    return np.asarray(drawn.convert("RGB"))


def pixels(image, place, *, margin):
    """The rows and columns of a picture that lie under a place, less a margin of so many pixels on each side."""
    height, width = image.shape[:2]
    left, top, across, down = place
    return (
        slice(round(top * height) + margin, max(round((top + down) * height) - margin, 0)),
        slice(round(left * width) + margin, max(round((left + across) * width) - margin, 0)),
    )


@pytest.mark.parametrize("unit", [None, 2.5])
@pytest.mark.parametrize("crop", [None, (50, 120, 280, 390), (-20, -30, 200, 300)])
@pytest.mark.parametrize("turned", [0, 90, 180, 270])
def test_a_box_is_shown_where_it_is_drawn(turned, crop, unit):
    data = pdf(crop=crop, turned=turned, unit=unit)
    shown = geometry(data, 1)
    x0, y0, x1, y1 = crop or WHOLE
    across, down = min(x1, SIZE[0]) - max(x0, 0), min(y1, SIZE[1]) - max(y0, 0)
    assert (shown.width, shown.height) == ((down, across) if turned % 180 else (across, down))
    image = picture(data, width=600)
    assert image.shape[:2] == (pytest.approx(600 * shown.height / shown.width, abs=1), 600)
    place = shown.place(Box(1, 100, 200, 150, 230))
    assert image[pixels(image, place, margin=1)].max() == 0
    image = image.copy()
    image[pixels(image, place, margin=-1)] = 255
    assert image.min() == 255


@settings(max_examples=30)
@given(
    st.tuples(st.floats(0, 250), st.floats(0, 350), st.floats(20, 50), st.floats(20, 50)),
    st.tuples(st.integers(-50, 120), st.integers(-50, 120), st.integers(180, 350), st.integers(180, 450)),
    st.sampled_from([0, 90, 180, 270]),
)
def test_any_box_is_shown_where_it_is_drawn(rectangle, crop, turned):
    x, y, across, down = rectangle
    rectangle = (x, y, x + across, y + down)
    data = pdf(rectangle=rectangle, crop=crop, turned=turned)
    place = geometry(data, 1).place(Box(1, *rectangle))
    assert min(place) >= 0
    assert max(place[0] + place[2], place[1] + place[3]) <= 1 + 1e-9
    image = picture(data, width=300).copy()
    assert image[pixels(image, place, margin=2)].max(initial=0) == 0
    if place[2] and place[3]:
        rows, columns = pixels(image, place, margin=2)
        image[max(rows.start - 4, 0) : rows.stop + 4, max(columns.start - 4, 0) : columns.stop + 4] = 255
    assert image.min(initial=255) == 255


def test_what_is_cropped_away_takes_no_room():
    shown = geometry(pdf(crop=(0, 0, 120, 210)), 1)
    left, top, width, height = shown.place(Box(1, 100, 200, 150, 230))
    assert (left, top) == (pytest.approx(100 / 120), 0)
    assert (width, height) == (pytest.approx(20 / 120), pytest.approx(10 / 210))
    assert shown.place(Box(1, 200, 300, 220, 320)) == (1, 0, 0, 0)


def test_a_geometry_in_numbers():
    data = pdf(crop=(50, 100, 250, 300))
    shown = geometry(data, 1)
    assert shown == PageGeometry(200, 200, pytest.approx((1 / 200, 0, 0, -1 / 200, -50 / 200, 300 / 200)))


@pytest.mark.parametrize(
    ("size", "shape"),
    [
        ((300, 400), (267, 200)),
        ((14_400, 14_400), (200, 200)),
        ((1e6, 2e6), (400, 200)),
        ((20, 14_400), (800, 2)),
        ((14_400, 1), (1, 200)),
    ],
)
def test_a_picture_is_as_wide_as_asked_unless_it_would_be_very_long(size, shape):
    assert picture(pdf(size=size), width=200).shape == (*shape, 3)


def test_each_page_is_its_own():
    data = pdf(pages=3)
    assert [picture(data, page, width=100).min() for page in (1, 2, 3)] == [255, 255, 0]
    assert draw(data, 3) == draw(data, 3)


@pytest.mark.parametrize("ask", [draw, geometry])
@pytest.mark.parametrize("page", [-1, 0, 4, 2**40])
def test_a_page_that_is_not_there_is_said_so(ask, page):
    with pytest.raises(SourceError, match=f"^there is no page {page}; it has 3$"):
        ask(pdf(pages=3), page)


@pytest.mark.parametrize("ask", [draw, geometry])
def test_a_page_that_is_cropped_to_nothing_is_said_so(ask):
    with pytest.raises(SourceError, match=r"^page 1 cannot be drawn: it has no size; open the PDF itself$"):
        ask(pdf(crop=(400, 500, 450, 550)), 1)


def encrypted(password):
    writer = PdfWriter(PdfReader(BytesIO(pdf())))
    writer.encrypt(password, owner_password="owner", algorithm="RC4-128")
    return written(writer)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "it is no PDF, or damaged"),
        (b"<html></html>", "it is no PDF, or damaged"),
        (encrypted("secret"), "it is encrypted, and asks for a password"),
    ],
)
def test_a_file_that_cannot_be_opened_says_why(data, reason):
    for ask in (draw, geometry):
        with pytest.raises(SourceError, match=f"^cannot be drawn: {reason}; "):
            ask(data, 1)


def test_a_file_is_opened_under_its_root(tmp_path):
    root = str(tmp_path / "root")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "a.pdf").write_bytes(data := pdf())
    (tmp_path / "b.pdf").write_bytes(data)
    (tmp_path / "root" / "link.pdf").symlink_to(tmp_path / "b.pdf")
    assert draw(Rooted(root, "a.pdf"), 1) == draw(data, 1)
    with pytest.raises(SourceError, match=r"^cannot be read: No such file or directory; check the file and the disk$"):
        draw(Rooted(root, "b.pdf"), 1)
    for file in (".", "link.pdf", "../b.pdf", str(tmp_path / "b.pdf")):
        with pytest.raises(SourceError, match=r"^not under its root by its own path"):
            geometry(Rooted(root, file), 1)


def test_a_file_that_needs_no_password_is_drawn():
    assert (picture(encrypted("")) == picture(pdf())).all()


def test_what_a_reader_marked_and_filled_in_is_drawn():
    data = BytesIO()
    canvas = Canvas(data, pagesize=SIZE, invariant=1)
    canvas.acroForm.textfield(x=20, y=20, width=100, height=30, value="HHHHHHHH", fontSize=20, borderWidth=0)
    canvas.showPage()
    canvas.save()
    writer = PdfWriter(PdfReader(data))
    corners = ArrayObject([FloatObject(n) for n in (100, 230, 150, 230, 100, 200, 150, 200)])
    writer.add_annotation(0, Highlight(rect=(100, 200, 150, 230), quad_points=corners, highlight_color="ffff00"))
    shown = geometry(written(writer), 1)
    image = picture(written(writer))
    marked = image[pixels(image, shown.place(Box(1, 100, 200, 150, 230)), margin=2)]
    assert (marked == (255, 255, 0)).all()
    assert image[pixels(image, shown.place(Box(1, 20, 20, 120, 50)), margin=5)].min() < 50


@pytest.mark.parametrize("ask", [draw, geometry])
@pytest.mark.parametrize("cut", [0.2, 0.5, 0.8, 0.95])
def test_damage_gives_a_picture_or_a_reason(ask, cut):
    data = pdf(pages=3)
    try:
        ask(data[: int(cut * len(data))], 3)
    except SourceError as error:
        reasons = (
            "cannot be drawn: it is no PDF, or damaged; fetch or copy it again",
            "page 3 cannot be drawn: it is damaged; fetch or copy the PDF again",
        )
        assert str(error) in reasons  # noqa: PT017  # whether pdfium can repair it is its own affair
