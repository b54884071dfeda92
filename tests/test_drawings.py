from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from indexer.errors import SourceError
from indexer.settings import PaperSettings
from service.drawings import Drawings


class Pencil:
    """A reader that draws pages of ten bytes, and counts them; `gate` holds it up."""

    def __init__(self, *_):
        self.drawn = []
        self.gate = Event()
        self.gate.set()
        self.reached = Event()

    def draw(self, _file, page, *, width):
        self.reached.set()
        self.gate.wait(10)
        self.drawn.append((page, width))
        if page == 13:
            raise SourceError("page 13 is not drawn")
        return b"%010d" % page

    def close(self):
        pass


@pytest.fixture
def drawings(monkeypatch):
    monkeypatch.setattr("service.drawings.Reader", Pencil)
    return Drawings(PaperSettings(), kept_bytes=25)


class Paper:
    rooted = None


def draw(drawings, page, digest="a", width=100):
    return drawings.draw(Paper, digest, page, width=width)


def test_a_page_is_drawn_once_for_each_file_and_width(drawings):
    assert draw(drawings, 1) == draw(drawings, 1) == b"0000000001"
    draw(drawings, 1, width=200)
    draw(drawings, 1, digest="b")
    assert drawings._reader.drawn == [(1, 100), (1, 200), (1, 100)]


def test_what_was_not_asked_for_longest_is_forgotten_first(drawings):
    for page in (1, 2, 1, 3, 1, 2):
        draw(drawings, page)
    assert [page for page, _ in drawings._reader.drawn] == [1, 2, 3, 2]


def test_what_could_not_be_drawn_is_tried_again(drawings):
    for _ in range(2):
        with pytest.raises(SourceError, match="page 13"):
            draw(drawings, 13)
    assert len(drawings._reader.drawn) == 2


@pytest.mark.parametrize("page", [1, 13])
def test_who_asks_for_a_page_that_is_being_drawn_waits_for_it(drawings, page):
    pencil, together = drawings._reader, Barrier(4)
    pencil.gate.clear()

    def ask():
        together.wait(10)
        return draw(drawings, page)

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(ask) for _ in range(4)]
        assert pencil.reached.wait(10)
        pencil.gate.set()
        errors = [one.exception(10) for one in asked]
    if page == 1:
        assert errors == [None] * 4
        assert pencil.drawn == [(1, 100)]
    else:
        assert {str(error) for error in errors} == {"page 13 is not drawn"}
